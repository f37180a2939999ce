"""Rhythm on the local clock: worked values, limits, gaps, clock changes."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pipeline.clock import NS, midnight_ns
from pipeline.signals.rhythm import (
    clock_grid,
    cosinor,
    hourly_means,
    interdaily_stability,
    intradaily_variability,
    jackknife_se,
    least_active,
    mean_day,
    most_active,
    relative_amplitude,
    valid_days,
)


def test_is_and_iv_by_hand() -> None:
    # Two days that are 1 in the first 12 h and 3 in the last, but for hour 23 of day 2, which is 5.
    hours = np.tile(np.repeat([1.0, 3.0], 12), (2, 1))
    hours[1, 23] = 5.0
    mean = (12 * 2 * 1 + 12 * 2 * 3 + 2) / 48
    total = 24 * (1 - mean) ** 2 + 23 * (3 - mean) ** 2 + (5 - mean) ** 2
    between = 2 * (12 * (1 - mean) ** 2 + 11 * (3 - mean) ** 2 + (4 - mean) ** 2)
    assert interdaily_stability(hours) == pytest.approx(between / total)
    # Steps: +2 at noon twice, −2 at midnight, +2 into the last hour: 16 over 47 pairs.
    assert intradaily_variability(hours) == pytest.approx((16 / 47) / (total / 48))


def test_iv_by_hand_on_four_values() -> None:
    hours = np.full((1, 24), np.nan)
    hours[0, :4] = [0, 2, 0, 2]
    assert intradaily_variability(hours) == pytest.approx(4.0)


def test_periodic_is_one_and_noise_is_one_over_days() -> None:
    rng = np.random.default_rng(0)
    day = rng.gamma(1, 100, 24)
    assert interdaily_stability(np.tile(day, (9, 1))) == pytest.approx(1.0)
    for seed in range(50):
        day = np.random.default_rng(seed).gamma(1, 100, 24)
        assert interdaily_stability(np.tile(day, (7, 1))) <= 1.0
        assert relative_amplitude(np.full(1440, day[0])) >= 0.0
    noise = np.array([interdaily_stability(rng.normal(size=(10, 24))) for _ in range(200)])
    assert noise.mean() == pytest.approx(0.1, abs=0.005)
    iv = np.array([intradaily_variability(rng.normal(size=(30, 24))) for _ in range(100)])
    assert iv.mean() == pytest.approx(2.0, abs=0.05)


def test_periodic_with_gaps_stays_one() -> None:
    rng = np.random.default_rng(1)
    hours = np.tile(rng.gamma(1, 100, 24), (8, 1))
    hours[rng.random(hours.shape) < 0.2] = np.nan
    hours[0] = np.nan
    spread = interdaily_stability(hours)
    # With unequal hours the mean is not the mean day's, but no variance is left unexplained.
    assert spread == pytest.approx(1.0)


def test_iv_takes_no_step_across_a_gap() -> None:
    hours = np.zeros((2, 24))
    hours[:, 12:] = 100.0
    whole = intradaily_variability(hours)
    gapped = hours.copy()
    gapped[0, 11:13] = np.nan  # takes the one step of the first noon away
    steps = 2  # midnight and the second noon are left
    known = gapped[np.isfinite(gapped)]
    pairs = 47 - 3
    assert intradaily_variability(gapped) == pytest.approx(steps * 1e4 / pairs / known.var())
    assert intradaily_variability(gapped) < whole


def test_undefined_is_nan() -> None:
    assert np.isnan(interdaily_stability(np.full((3, 24), 5.0)))
    assert np.isnan(intradaily_variability(np.full((3, 24), 5.0)))
    assert np.isnan(interdaily_stability(np.full((3, 24), np.nan)))
    assert np.isnan(intradaily_variability(np.full((3, 24), np.nan)))
    hours = np.random.default_rng(0).random((3, 24))
    hours[:, 3] = np.nan
    assert np.isnan(interdaily_stability(hours))
    assert np.isnan(interdaily_stability(np.empty((0, 24))))
    assert np.isnan(relative_amplitude(np.zeros(1440)))
    assert np.isnan(relative_amplitude(np.full(1440, np.nan)))
    assert least_active(np.full(1440, np.nan)) is None


def block_day(low_from_h: float, low: float, high: float) -> np.ndarray:
    """A profile that is low for 8 h from `low_from_h` on and high otherwise."""
    minute = np.arange(1440)
    return np.where((minute - low_from_h * 60) % 1440 < 480, low, high)


def test_l5_m10_ra_by_hand() -> None:
    profile = block_day(23.0, 10.0, 90.0)
    low, high = least_active(profile), most_active(profile)
    assert low is not None
    assert high is not None
    assert low.cpm == pytest.approx(10.0)
    assert high.cpm == pytest.approx(90.0)
    assert relative_amplitude(profile) == pytest.approx(0.8)
    # L5 may begin from 23:00 to 02:00, M10 from 07:00 to 13:00: the middle of each.
    assert low.onset_h == pytest.approx(0.5, abs=1 / 60)
    assert high.onset_h == pytest.approx(10.0, abs=1 / 60)


def test_onsets_turn_with_the_clock_and_a_flat_day_has_none() -> None:
    minute = np.arange(1440)
    profile = 100 + 80 * np.cos((minute + 0.5 - 15.5 * 60) * 2 * np.pi / 1440)
    for turn in (0, 7, 13, 20):
        turned = np.roll(profile, turn * 60)
        low, high = least_active(turned), most_active(turned)
        assert low is not None
        assert high is not None
        assert high.onset_h == pytest.approx((10.5 + turn) % 24, abs=1 / 60)
        assert low.onset_h == pytest.approx((1.0 + turn) % 24, abs=1 / 60)
    flat = least_active(np.full(1440, 7.0))
    assert flat is not None
    assert flat.cpm == pytest.approx(7.0)
    assert np.isnan(flat.onset_h)


def test_a_window_that_is_mostly_missing_cannot_win() -> None:
    profile = block_day(0.0, 50.0, 90.0)
    profile[600:900] = np.nan
    profile[700:720] = 0.0
    low = least_active(profile)
    assert low is not None
    assert low.cpm == pytest.approx(50.0)


def test_cosinor_recovers_a_planted_cosine_also_with_gaps() -> None:
    t = (np.arange(1440) + 0.5) / 60
    days = np.tile(4.0 + 1.5 * np.cos((t - 14.25) * 2 * np.pi / 24), (5, 1))
    days[np.random.default_rng(0).random(days.shape) < 0.3] = np.nan
    fit = cosinor(days)
    assert fit is not None
    assert fit.mesor == pytest.approx(4.0)
    assert fit.amplitude == pytest.approx(1.5)
    assert fit.acrophase_h == pytest.approx(14.25)


def test_cosinor_equals_least_squares_and_knows_when_it_cannot() -> None:
    rng = np.random.default_rng(3)
    days = rng.gamma(1, 3, (4, 1440))
    fit = cosinor(days)
    angle = np.tile((np.arange(1440) + 0.5) * 2 * np.pi / 1440, 4)
    design = np.column_stack((np.ones(5760), np.cos(angle), np.sin(angle)))
    m, c, s = np.linalg.lstsq(design, days.ravel(), rcond=None)[0]
    assert fit is not None
    assert (fit.mesor, fit.amplitude) == pytest.approx((m, np.hypot(c, s)))
    assert fit.acrophase_h == pytest.approx(np.arctan2(s, c) * 12 / np.pi % 24)
    assert cosinor(np.full((3, 1440), np.nan)) is None
    one_hour = np.full((3, 1440), np.nan)
    one_hour[:, 600:602] = 1.0
    assert cosinor(one_hour) is None
    level = cosinor(np.full((2, 1440), 3.0))
    assert level is not None
    assert np.isnan(level.acrophase_h)


def test_gain_does_not_change_is_iv_ra() -> None:
    rng = np.random.default_rng(5)
    minutes = rng.gamma(1, 100, (6, 1440)) * block_day(23, 0.1, 1.0)
    for gain in (0.01, 13.0):
        assert interdaily_stability(hourly_means(minutes * gain)) == pytest.approx(
            interdaily_stability(hourly_means(minutes))
        )
        assert intradaily_variability(hourly_means(minutes * gain)) == pytest.approx(
            intradaily_variability(hourly_means(minutes))
        )
        assert relative_amplitude(mean_day(minutes * gain)) == pytest.approx(relative_amplitude(mean_day(minutes)))


def test_hours_need_80_percent_and_days_16_hours() -> None:
    minutes = np.full((2, 1440), 6.0)
    minutes[0, 0:12] = np.nan
    minutes[0, 60:73] = np.nan
    hours = hourly_means(minutes)
    assert hours[0, 0] == 6.0
    assert np.isnan(hours[0, 1])
    minutes[1, 960:] = np.nan
    assert valid_days(minutes).tolist() == [True, True]
    minutes[1, 959] = np.nan
    assert valid_days(minutes).tolist() == [True, False]


ROME = "Europe/Rome"


def epochs(first: date, last: date) -> tuple[np.ndarray, int]:
    """Epochs from local midnight to local midnight that hold their own minute since the first one."""
    start, end = midnight_ns(first, ROME), midnight_ns(last, ROME)
    n = (end - start) // (30 * NS)
    return np.floor(np.arange(n) / 2), start


def test_clock_grid_of_plain_days() -> None:
    values, start = epochs(date(2024, 6, 1), date(2024, 6, 3))
    grid = clock_grid(values, start, ROME)
    np.testing.assert_array_equal(grid, np.arange(2880.0).reshape(2, 1440))


def test_clock_grid_averages_halves_and_takes_the_one_that_is_there() -> None:
    start = midnight_ns(date(2024, 6, 1), ROME)
    grid = clock_grid(np.array([1.0, 3.0, np.nan, 5.0, np.nan, np.nan]), start, ROME)
    assert grid.shape == (1, 1440)
    np.testing.assert_array_equal(grid[0, :4], [2.0, 5.0, np.nan, np.nan])
    assert clock_grid(np.empty(0), start, ROME).shape == (0, 1440)


def test_the_skipped_hour_is_missing_and_the_day_goes_on_by_the_clock() -> None:
    values, start = epochs(date(2024, 3, 31), date(2024, 4, 1))
    assert len(values) == 23 * 120
    grid = clock_grid(values, start, ROME)
    assert np.isnan(grid[0, 120:180]).all()
    assert grid[0, 119] == 119
    assert grid[0, 180] == 120
    assert np.isfinite(grid).sum() == 23 * 60


def test_the_repeated_hour_is_left_out() -> None:
    values, start = epochs(date(2024, 10, 27), date(2024, 10, 28))
    assert len(values) == 25 * 120
    grid = clock_grid(values, start, ROME)
    assert np.isnan(grid[0, 120:180]).all()
    assert grid[0, 119] == 119
    assert grid[0, 180] == 240


def test_a_person_regular_by_the_clock_has_is_one_across_a_clock_change() -> None:
    start = midnight_ns(date(2024, 3, 29), ROME)
    end = midnight_ns(date(2024, 4, 3), ROME)
    times = start + np.arange((end - start) // (30 * NS)) * 30 * NS
    offset_h = np.where(times < midnight_ns(date(2024, 3, 31), ROME) + 2 * 3600 * NS, 1, 2)
    wall_h = (times // (3600 * NS) + offset_h) % 24
    activity = np.where((wall_h >= 7) & (wall_h < 23), 100.0 + wall_h, 2.0)
    hours = hourly_means(clock_grid(activity, start, ROME))
    assert np.isnan(hours[2, 2])
    assert interdaily_stability(hours) == pytest.approx(1.0)
    assert interdaily_stability(hourly_means(clock_grid(activity, start, "UTC"))) < 0.97


def test_jackknife_of_a_mean_is_its_standard_error() -> None:
    days = np.random.default_rng(0).normal(size=(12, 3))
    by_hand = days.mean(axis=1).std(ddof=1) / np.sqrt(12)
    assert jackknife_se(lambda rows: float(rows.mean()), days) == pytest.approx(by_hand)
    assert np.isnan(jackknife_se(lambda rows: float(rows.mean()), days[:1]))


def test_jackknife_covers_the_spread_of_is_between_samples() -> None:
    rng = np.random.default_rng(7)
    shape = np.sin(np.arange(24) * np.pi / 12)
    draws = [shape + rng.normal(size=(14, 24)) for _ in range(60)]
    spread = np.std([interdaily_stability(d) for d in draws])
    mean_se = np.mean([jackknife_se(interdaily_stability, d) for d in draws])
    assert mean_se == pytest.approx(spread, rel=0.4)
