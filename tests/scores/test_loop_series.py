"""The two series of the loop: which rows count, what is taken off, and what is refused with its reason."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.scores.loop_adjustment import adjusted, running_mean, winsorised, z_scores
from pipeline.scores.loop_series import loop_series

MONDAY = date(2024, 3, 4)


def days_table(values: np.ndarray, stream: str = "ecg", start: date = MONDAY) -> pl.DataFrame:
    """Days with the given additional heart rate; NaN becomes null."""
    n = len(values)
    return pl.DataFrame(
        {
            "day": [start + timedelta(days=i) for i in range(n)],
            "day_stream": [stream] * n,
            "day_load_state": ["ok"] * n,
            "additional_hr_bpm": pl.Series(values, dtype=pl.Float64).fill_nan(None),
        }
    )


def nights_table(badness: np.ndarray, stream: str = "eeg", start: date = MONDAY) -> pl.DataFrame:
    """Nights whose three parts all follow one badness; NaN becomes null."""
    n = len(badness)

    def column(offset: float, slope: float) -> pl.Series:
        return pl.Series(offset + slope * badness, dtype=pl.Float64).fill_nan(None)

    return pl.DataFrame(
        {
            "night": [start + timedelta(days=i) for i in range(n)],
            "night_stream": [stream] * n,
            "continuity_state": ["ok"] * n,
            "window_start_censored": [False] * n,
            "window_end_censored": [False] * n,
            "se_pct": column(85.0, -4.0),
            "waso_min": column(45.0, 12.0),
            "n3_min": column(80.0, -15.0),
        }
    )


def noise(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two independent standard normal series."""
    random = np.random.default_rng(seed)
    return random.standard_normal(n), random.standard_normal(n)


def test_a_bad_night_is_one_with_less_efficiency_more_wake_and_less_deep_sleep():
    a, z = noise(16)
    series = loop_series(days_table(a), nights_table(z))
    assert series is not None
    assert np.corrcoef(series.night, z)[0, 1] > 0.95
    assert np.corrcoef(series.day, a)[0, 1] > 0.95
    assert (series.first, series.last) == (MONDAY, MONDAY + timedelta(days=15))


def test_each_part_of_the_night_has_its_sign():
    a, z = noise(16)
    for part, sign in (("se_pct", -1.0), ("waso_min", 1.0), ("n3_min", -1.0)):
        nights = nights_table(z)
        others = [p for p in ("se_pct", "waso_min", "n3_min") if p != part]
        nights = nights.with_columns(pl.lit(None, dtype=pl.Float64).alias(p) for p in others)
        series = loop_series(days_table(a), nights)
        assert series is not None
        assert np.corrcoef(series.night, sign * nights.get_column(part).to_numpy())[0, 1] > 0.95
        assert sum(words == f"{p}: not measured (eeg)" for p in others for words in series.lacks) == 2


def test_series_have_mean_zero_and_sd_one_and_null_is_missing_not_zero():
    a, z = noise(40)
    a[[3, 20]] = np.nan
    z[[7]] = np.nan
    series = loop_series(days_table(a), nights_table(z))
    assert series is not None
    assert np.isnan(series.day[[3, 20]]).all()
    assert np.isnan(series.night[7])
    assert np.isnan(series.day).sum() == 2
    assert series.pairs == 37
    for values in (series.day, series.night):
        assert np.nanmean(values) == pytest.approx(0.0, abs=1e-12)
        assert np.nanstd(values, ddof=1) == pytest.approx(1.0, abs=1e-12)


def test_an_absent_row_is_the_same_as_a_null_one():
    a, z = noise(30)
    holed = a.copy()
    holed[[5, 6]] = np.nan
    nights = nights_table(z)
    with_null = loop_series(days_table(holed), nights)
    without = loop_series(days_table(a).filter(~pl.int_range(pl.len()).is_in([5, 6])), nights)
    assert with_null is not None
    assert without is not None
    np.testing.assert_array_equal(with_null.day, without.day)


@pytest.mark.parametrize("state", ["insufficient", "not measured"])
def test_values_of_an_unusable_state_are_missing(state):
    a, z = noise(20)
    bad = pl.int_range(pl.len()) == 4
    days = days_table(a).with_columns(
        pl.when(bad).then(pl.lit(state)).otherwise("day_load_state").alias("day_load_state")
    )
    nights = nights_table(z).with_columns(
        pl.when(bad).then(pl.lit(state)).otherwise("continuity_state").alias("continuity_state")
    )
    series = loop_series(days, nights)
    assert series is not None
    assert np.isnan(series.day[4])
    assert np.isnan(series.night[4])
    assert series.pairs == 19
    assert any("insufficient or not measured (1 of 20 dates)" in words for words in series.lacks)


@pytest.mark.parametrize("column", ["window_start_censored", "window_end_censored"])
def test_a_night_whose_window_is_cut_is_not_used(column):
    a, z = noise(20)
    nights = nights_table(z).with_columns((pl.int_range(pl.len()) == 9).alias(column))
    series = loop_series(days_table(a), nights)
    assert series is not None
    assert np.isnan(series.night[9])
    assert any("sleep window not recorded" in words for words in series.lacks)


def test_nights_of_the_days_own_stream_are_refused():
    a, z = noise(20)
    series = loop_series(days_table(a, "ppg"), nights_table(z, "ppg"))
    assert series is not None
    assert series.shared_stream == "ppg"
    assert series.pairs == 0
    assert any("same sensor stream" in words for words in series.lacks)


def test_objective_nights_are_preferred_and_streams_are_not_mixed():
    a, z = noise(40)
    vendor = nights_table(z[:20], "ppg")
    eeg = nights_table(z[20:], "eeg", MONDAY + timedelta(days=20))
    series = loop_series(days_table(a, "ecg"), pl.concat([vendor, eeg]))
    assert series is not None
    assert np.isnan(series.night[:20]).all()
    assert np.isfinite(series.night[20:]).all()


def test_unknown_stream_is_not_used():
    a, z = noise(20)
    days = days_table(a).with_columns(pl.lit(None, dtype=pl.String).alias("day_stream"))
    series = loop_series(days, nights_table(z))
    assert series is not None
    assert series.pairs == 0
    assert any("sensor stream unknown" in words for words in series.lacks)


def test_a_night_belongs_to_the_day_before_it():
    a, z = noise(20)
    nights = nights_table(z[:19], start=MONDAY)
    series = loop_series(days_table(a[:1]), nights)
    assert series is not None
    # One single day cannot be standardised: it is missing, with the reason.
    assert np.isnan(series.day).all()
    assert any("day index: 1 dates" in words for words in series.lacks)
    both = loop_series(days_table(a[:10]), nights_table(z[:10], start=MONDAY + timedelta(days=5)))
    assert both is not None
    assert both.pairs == 5


def test_no_rows_is_none_and_absent_columns_are_null():
    assert loop_series(pl.DataFrame(), pl.DataFrame()) is None
    a, _ = noise(20)
    series = loop_series(days_table(a), pl.DataFrame({"night": [MONDAY]}))
    assert series is not None
    assert series.pairs == 0


def test_a_series_that_does_not_vary_is_missing():
    _, z = noise(20)
    series = loop_series(days_table(np.full(20, 7.3)), nights_table(z))
    assert series is not None
    assert np.isnan(series.day).all()
    assert any("do not vary" in words for words in series.lacks)


def test_the_high_pass_takes_off_a_season_and_leaves_the_days():
    days = 90
    free = np.arange(days) % 7 >= 5
    fast = np.random.default_rng(4).standard_normal(days)
    season = 2.0 * np.sin(np.pi * np.arange(days) / days)
    slow = adjusted(fast + season, free)
    plain = adjusted(fast, free)
    assert np.corrcoef(fast + season, season)[0, 1] > 0.4
    assert abs(np.corrcoef(slow, season)[0, 1]) < 0.12
    assert np.corrcoef(slow, plain)[0, 1] > 0.98


def test_the_high_pass_goes_from_42_dates_on_gaps_included():
    free = np.zeros(42, dtype=bool)
    hump = 4.0 * np.sin(np.pi * np.arange(42) / 41) + np.random.default_rng(4).standard_normal(42)
    hump[5:12] = np.nan
    slow = np.where(np.isfinite(hump), np.sin(np.pi * np.arange(42) / 41), np.nan)

    def left(n: int) -> float:
        seen = np.isfinite(hump[:n])
        return float(np.corrcoef(adjusted(hump[:n], free[:n])[seen], slow[:n][seen])[0, 1])

    assert left(41) > 0.7
    assert left(42) < 0.5


def test_trend_goes_from_21_dates_on():
    line, free = np.linspace(0.0, 5.0, 21), np.zeros(21, dtype=bool)
    values = line + np.random.default_rng(1).standard_normal(21)
    assert abs(np.corrcoef(adjusted(values, free), line)[0, 1]) < 1e-9
    assert np.corrcoef(adjusted(values[:20], free[:20]), line[:20])[0, 1] > 0.5


def test_weekend_effect_is_taken_off():
    free = np.arange(35) % 7 >= 5
    values = 3.0 * free + np.random.default_rng(1).standard_normal(35)
    left = adjusted(values, free)
    assert left[free].mean() == pytest.approx(left[~free].mean(), abs=1e-12)


def test_running_mean_by_hand():
    values = np.full(30, np.nan)
    values[:8] = np.arange(8.0)
    mean = running_mean(values)
    # Date 0 sees dates 0 … 10: the eight values. Date 11 sees 1 … 21: seven of 21. Date 12 sees 2 … 22: one too few.
    assert mean[0] == pytest.approx(3.5)
    assert mean[11] == pytest.approx(4.0)
    assert np.isnan(mean[12])


def test_the_running_mean_asks_a_third_of_what_its_window_holds():
    values = np.full(30, np.nan)
    values[[0, 3, 6, 9]] = [1.0, 2.0, 3.0, 6.0]
    mean = running_mean(values)
    # Four of the eleven dates of date 0's window are measured, four of the twelve of date 1, four of 13 of date 2.
    assert mean[0] == pytest.approx(3.0)
    assert mean[1] == pytest.approx(3.0)
    assert np.isnan(mean[2])


def test_an_artefact_is_drawn_in_to_four_robust_sd():
    values = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 500.0, -1.0, 1.0, 0.0])
    # Median 0, median absolute deviation 1.
    assert winsorised(values).max() == pytest.approx(4.0 * 1.4826)


def test_z_scores_of_fewer_than_two_values_are_missing():
    assert np.isnan(z_scores(np.array([1.0, np.nan]), floor=0.0)).all()
