"""Heart rate and RMSSD of the night."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, NS, noon_ns
from pipeline.features.autonomic_night import FAMILY
from pipeline.features.family import EpochGrid, Filled, NightView, SleepWindow, State, WindowSource
from pipeline.recording import Floats, RestInterval

NIGHT, ZONE = date(2024, 1, 10), "Europe/Rome"
NOON_NS = noon_ns(NIGHT, ZONE)
N = 2880
HOUR = 120
"""Epochs in an hour."""
BED, UP = 11 * HOUR, 19 * HOUR
"""Epochs of 23:00 and 07:00."""


def beats(hr_bpm: Floats, rmssd_ms: Floats) -> dict[str, Floats]:
    """Beat sums of epochs with these rates and variabilities, every second of them covered."""
    n = hr_bpm / 2
    return {
        "hr_bpm": hr_bpm,
        "rr_n": n,
        "rr_s": np.where(np.isfinite(hr_bpm), 30.0, np.nan),
        "rr_pairs_n": n,
        "rr_ssd_ms2": n * rmssd_ms**2,
        "rr_excluded_n": np.where(np.isfinite(hr_bpm), 0.0, np.nan),
        "rr_ppg": np.where(np.isfinite(hr_bpm), 0.0, np.nan),
    }


def a_night(asleep_bpm: float = 60.0, awake_bpm: float = 80.0, rmssd_ms: float = 40.0) -> dict[str, Floats]:
    hr = np.full(N, awake_bpm)
    hr[BED:UP] = asleep_bpm
    return beats(hr, np.full(N, rmssd_ms))


def hidden(columns: dict[str, Floats], start: int, stop: int) -> dict[str, Floats]:
    out = {name: values.copy() for name, values in columns.items()}
    for values in out.values():
        values[start:stop] = np.nan
    return out


def night(columns: dict[str, Floats], window: tuple[float, float] | None, rests: tuple[RestInterval, ...]) -> NightView:
    found = None
    if window is not None:
        start, end = (NOON_NS + round(edge * EPOCH_NS) for edge in window)
        found = SleepWindow(start, end, WindowSource.HYPNOGRAM)
    end_ns = noon_ns(NIGHT + timedelta(days=1), ZONE)
    return NightView(NIGHT, ZONE, NOON_NS, end_ns, EpochGrid(NOON_NS, N, columns), found, rests)


def filled(
    columns: dict[str, Floats], window: tuple[float, float] | None = (BED, UP), rests: tuple[RestInterval, ...] = ()
) -> Filled:
    out = FAMILY.compute(night(columns, window, rests))
    assert set(out.values) == {c.name for c in FAMILY.columns}
    assert (out.state is State.OK) == (out.reason is None)
    return out


def test_a_complete_night_by_hand() -> None:
    out = filled(a_night())
    assert out.state is State.OK
    assert out.coverage == 1.0
    assert out.values["noct_hr_bpm"] == pytest.approx(60.0)
    assert out.values["noct_rmssd_ms"] == pytest.approx(40.0)
    assert out.values["noct_lnrmssd"] == pytest.approx(np.log(40.0))
    assert out.values["rmssd_windows_n"] == 96
    assert out.values["hr_dip_pct"] == pytest.approx(25.0)
    assert out.values["hr_wake_h"] == pytest.approx(16.0)
    assert out.values["rmssd_slope_per_h"] == pytest.approx(0.0, abs=1e-12)
    assert (out.values["heart_sensor"], out.values["heart_source"]) == ("ecg", "beats")
    assert out.values["rr_excluded_pct"] == 0.0


def test_the_planted_nadir_and_slope_are_found() -> None:
    hours = (np.arange(N) - BED) / HOUR
    hr = 60 - 8 * np.exp(-(((hours - 5.5) / 1.0) ** 2))  # lowest 5.5 h into 8 h
    out = filled(beats(hr, 40 * np.exp(0.05 * hours)))
    assert out.values["hr_nadir_share"] == pytest.approx(5.5 / 8, abs=0.01)
    assert out.values["hr_nadir_bpm"] == pytest.approx(52.0, abs=0.2)
    assert out.values["rmssd_slope_per_h"] == pytest.approx(0.05, rel=0.001)


def test_the_nadir_is_not_sought_across_a_missing_window() -> None:
    columns = a_night()
    dip = BED + 3 * HOUR
    columns = beats(
        np.where((np.arange(N) >= dip) & (np.arange(N) < dip + 60), 50.0, columns["hr_bpm"]), np.full(N, 40.0)
    )
    assert filled(columns).values["hr_nadir_bpm"] == pytest.approx(50.0)
    # Without one 5-min window in the middle of that half hour no half hour lies wholly in it.
    holed = filled(hidden(columns, dip + 30, dip + 40)).values["hr_nadir_bpm"]
    assert isinstance(holed, float)
    assert holed == pytest.approx(60 - 10 * 3 / 6)


def test_windows_that_reach_out_of_the_sleep_window_are_left_out() -> None:
    # In bed at 23:02: the first whole window begins at 23:05. Epochs before are at 200 bpm and would show.
    columns = a_night()
    columns["rr_n"][BED : BED + 10] = 100.0
    out = filled(columns, window=(BED + 4, UP))
    assert out.values["rmssd_windows_n"] == 95
    assert out.values["noct_hr_bpm"] == pytest.approx(60.0)


def test_a_window_that_ends_after_getting_up_is_left_out() -> None:
    # Out of bed at 07:04:45, a quarter of a minute before the 5-min window is over.
    assert filled(a_night(), window=(BED, UP + 9.5)).values["rmssd_windows_n"] == 96
    assert filled(a_night(), window=(BED, UP + 10)).values["rmssd_windows_n"] == 97


def test_a_quarter_of_the_beats_missing_moves_nothing() -> None:
    columns = a_night()
    share = np.random.default_rng(0).uniform(0.55, 0.95, N)
    for name in ("rr_n", "rr_s", "rr_pairs_n", "rr_ssd_ms2"):
        columns[name] = columns[name] * share
    out = filled(columns)
    assert out.values["noct_hr_bpm"] == pytest.approx(60.0)
    assert out.values["noct_rmssd_ms"] == pytest.approx(40.0)
    assert out.coverage == 1.0


def test_half_a_night_is_partial_and_says_so() -> None:
    out = filled(hidden(a_night(), BED + 2 * HOUR, UP))
    assert out.state is State.PARTIAL
    assert out.coverage == pytest.approx(0.25)
    assert "25%" in str(out.reason)
    assert out.values["noct_hr_bpm"] == pytest.approx(60.0)
    assert out.values["hr_nadir_bpm"] is None
    assert out.values["hr_nadir_share"] is None
    assert out.values["rmssd_slope_per_h"] is None


def test_less_than_an_hour_is_too_little() -> None:
    out = filled(hidden(a_night(), BED + 110, UP))
    assert out.state is State.INSUFFICIENT
    assert set(out.values.values()) == {None}
    assert out.coverage == pytest.approx(11 / 96)


def test_no_sleep_window_nothing_measured_and_one_epoch() -> None:
    assert filled(a_night(), window=None).state is State.INSUFFICIENT
    for window in ((BED, UP), (BED, BED + 1), (BED, BED)):
        out = filled({}, window=window)
        assert out.state is State.INSUFFICIENT
        assert out.coverage == 0.0
        assert set(out.values.values()) == {None}
    one = hidden(hidden(a_night(), 0, BED), BED + 1, N)
    assert filled(one).state is State.INSUFFICIENT


def test_the_dip_needs_three_hours_awake() -> None:
    evening = filled(hidden(hidden(a_night(), 0, BED - 3 * HOUR), UP, N))
    assert evening.values["hr_dip_pct"] == pytest.approx(25.0)
    less = filled(hidden(hidden(a_night(), 0, BED - 3 * HOUR + 1), UP, N))
    assert less.values["hr_dip_pct"] is None
    assert less.values["hr_wake_h"] == pytest.approx(3 - 1 / 120)
    assert less.state is State.OK


def test_naps_sleep_by_day_and_an_unworn_strap_are_not_waking() -> None:
    columns = a_night()
    columns["hr_bpm"][:HOUR] = 50.0  # a nap that the diary tells of
    columns["hr_bpm"][HOUR : 2 * HOUR] = 50.0  # one that is staged
    columns["hr_bpm"][2 * HOUR : 3 * HOUR] = 190.0  # not worn
    columns["stage"] = np.full(N, np.nan)
    columns["stage"][HOUR : 2 * HOUR] = 2.0
    columns["wear"] = np.ones(N)
    columns["wear"][2 * HOUR : 3 * HOUR] = 0.0
    rest = RestInterval(NOON_NS, NOON_NS + 3600 * NS, None, "diary")
    out = filled(columns, rests=(rest,))
    assert out.values["hr_dip_pct"] == pytest.approx(25.0)
    assert out.values["hr_wake_h"] == pytest.approx(13.0)


def test_a_device_that_gives_heart_rate_only() -> None:
    out = filled({"device_hr_bpm": a_night()["hr_bpm"]})
    assert out.state is State.PARTIAL
    assert "heart rate only" in str(out.reason)
    assert out.values["noct_hr_bpm"] == pytest.approx(60.0)
    assert out.values["hr_dip_pct"] == pytest.approx(25.0)
    assert out.values["noct_rmssd_ms"] is None
    assert out.values["noct_lnrmssd"] is None
    assert out.values["rr_excluded_pct"] is None
    assert (out.values["heart_sensor"], out.values["heart_source"]) == ("unknown", "device")


def test_the_devices_rate_stands_in_only_where_beats_do_not_carry_the_night() -> None:
    device = {"device_hr_bpm": np.full(N, 66.0)}
    beats_of_half = hidden(a_night(), BED + 4 * HOUR, UP) | device
    assert filled(beats_of_half).values["noct_hr_bpm"] == pytest.approx(60.0)
    few = hidden(a_night(), BED + 2 * HOUR, UP) | device
    out = filled(few)
    assert out.values["heart_source"] == "device"
    assert out.values["noct_hr_bpm"] == pytest.approx(66.0)
    assert out.values["noct_rmssd_ms"] == pytest.approx(40.0)
    assert out.values["rmssd_windows_n"] == 24
    assert out.state is State.PARTIAL
    assert "RMSSD only 2.0 h" in str(out.reason)


def test_heart_rate_without_enough_pairs_gives_no_rmssd() -> None:
    columns = a_night()
    columns["rr_pairs_n"] = np.full(N, 5.9)  # 59 in 5 min
    out = filled(columns)
    assert out.state is State.PARTIAL
    assert out.values["noct_hr_bpm"] == pytest.approx(60.0)
    assert (out.values["rmssd_windows_n"], out.values["noct_rmssd_ms"]) == (0, None)


def test_most_epochs_name_the_sensor() -> None:
    columns = a_night()
    columns["rr_ppg"][BED : BED + 5 * HOUR] = 1.0
    assert filled(columns).values["heart_sensor"] == "ppg"
    columns["rr_ppg"][:] = np.nan
    assert filled(columns).values["heart_sensor"] == "unknown"


def test_the_share_of_excluded_intervals() -> None:
    columns = a_night()
    columns["rr_excluded_n"][BED:UP] = 10.0
    assert filled(columns).values["rr_excluded_pct"] == pytest.approx(25.0)


def test_values_stay_within_what_is_declared_when_variability_is_zero() -> None:
    out = filled(a_night(rmssd_ms=0.0))
    assert out.values["noct_rmssd_ms"] == 0.0
    assert out.values["noct_lnrmssd"] is None
    assert out.values["rmssd_slope_per_h"] is None


def test_the_gain_of_rmssd_shifts_its_logarithm_and_not_its_slope() -> None:
    hours = (np.arange(N) - BED) / HOUR
    small = filled(beats(np.full(N, 60.0), 30 * np.exp(-0.03 * hours))).values
    large = filled(beats(np.full(N, 60.0), 90 * np.exp(-0.03 * hours))).values
    assert large["noct_lnrmssd"] == pytest.approx(float(small["noct_lnrmssd"] or 0) + np.log(3))
    assert large["rmssd_slope_per_h"] == pytest.approx(small["rmssd_slope_per_h"])
