"""Heart columns on the 30-s grid."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS
from pipeline.features.family import RecordingView
from pipeline.features.heart_epochs import FAMILY
from pipeline.recording import Beats, BeatSensor, Floats, Int64, Kind, Recording, Signal, ZoneSource

START_NS = 1_704_060_000 * NS
SUMS = ("rr_n", "rr_s", "rr_pairs_n", "rr_ssd_ms2", "rr_excluded_n")


def columns(beats: Beats | None, n: int, *signals: Signal, start_ns: int = START_NS) -> dict[str, NDArray[np.floating]]:
    recording = Recording("strap", "Europe/Rome", ZoneSource.STUDY, signals=signals, beats=beats)
    return dict(FAMILY.compute(RecordingView(recording, start_ns, n)))


def strap(rr: Floats, ends: Int64 | None = None, sensor: BeatSensor = BeatSensor.ECG) -> Beats:
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64) if ends is None else ends
    return Beats(ends, rr, "rr", "header", sensor)


def ends_at(seconds: list[float]) -> Int64:
    since: Int64 = np.rint(np.array(seconds) * NS).astype(np.int64)
    return START_NS + since


def test_every_declared_column_is_filled() -> None:
    found = columns(None, 3)
    assert set(found) == {c.name for c in FAMILY.columns}
    assert all(np.isnan(values).all() and values.shape == (3,) for values in found.values())


def test_an_epoch_of_regular_beats_by_hand() -> None:
    found = columns(strap(np.tile([0.72, 0.78], 40)), 2)  # 60 s
    assert found["hr_bpm"] == pytest.approx([80.0, 80.0], rel=0.01)
    assert found["rmssd_ms"] == pytest.approx([60.0, 60.0])
    assert found["rr_n"].sum() == 79  # the last one ends on the border, and belongs to the epoch after
    assert found["rr_pairs_n"].sum() == 78
    assert found["rr_ssd_ms2"].sum() == pytest.approx(78 * 3600.0)
    assert found["rr_ppg"].tolist() == [0.0, 0.0]


def test_heart_rate_needs_a_third_of_the_epoch_and_five_beats() -> None:
    ten = columns(strap(np.full(10, 0.99)), 1)  # 9.9 s
    assert np.isnan(ten["hr_bpm"][0])
    assert ten["rr_n"][0] == 10
    eleven = columns(strap(np.full(11, 0.99)), 1)
    assert eleven["hr_bpm"][0] == pytest.approx(60 / 0.99)


def test_rmssd_needs_fifteen_pairs_but_its_sums_do_not() -> None:
    fifteen = columns(strap(np.tile([0.8, 0.9], 8)[:15]), 1)  # 15 beats, 14 pairs
    assert np.isnan(fifteen["rmssd_ms"][0])
    assert (fifteen["rr_pairs_n"][0], fifteen["rr_ssd_ms2"][0]) == (14, pytest.approx(14 * 1e4))
    sixteen = columns(strap(np.tile([0.8, 0.9], 8)), 1)
    assert sixteen["rmssd_ms"][0] == pytest.approx(100.0)


def test_nothing_found_is_zero_while_the_strap_was_on_and_unknown_outside() -> None:
    # Beats in epochs 2 and 6 of 9: in between they were looked for, before and after nobody looked.
    rr = np.full(20, 1.0)
    seconds = [*(62.0 + k for k in range(10)), *(182.0 + k for k in range(10))]
    found = columns(strap(rr, ends_at(seconds)), 9)
    expected = [np.nan, np.nan, 10, 0, 0, 0, 10, np.nan, np.nan]
    assert np.array_equal(found["rr_n"], expected, equal_nan=True)
    for name in SUMS:
        assert np.isnan(found[name]).tolist() == np.isnan(expected).tolist()
    assert np.isnan(found["rr_ppg"][3])


def test_the_epoch_in_which_the_first_interval_began_was_looked_at() -> None:
    found = columns(strap(np.full(10, 1.0), ends_at([30.5 + k for k in range(10)])), 2)
    assert found["rr_n"].tolist() == [0, 10]


def test_a_hole_of_more_than_five_minutes_is_unknown() -> None:
    for empty, known in ((10, True), (11, False)):
        seconds = [*(1.0 + k for k in range(10)), *(30.0 * (empty + 1) + 1 + k for k in range(10))]
        found = columns(strap(np.full(20, 1.0), ends_at(seconds)), empty + 2)
        assert np.isfinite(found["rr_n"][1:-1]).tolist() == [known] * empty
        assert found["rr_n"][[0, -1]].tolist() == [10, 10]


def test_the_fastest_and_slowest_hearts_are_within_what_is_declared() -> None:
    declared = {c.name: c for c in FAMILY.columns}["hr_bpm"]
    assert declared.low is not None
    assert declared.high is not None
    for interval in (0.3, 2.0):
        found = columns(strap(np.full(int(100 / interval), interval)), 3)["hr_bpm"]
        assert ((found >= declared.low) & (found <= declared.high)).all()


def test_excluded_beats_are_counted_apart() -> None:
    rr = np.full(30, 0.9)
    rr[[12, 20]] = [0.25, 5.0]
    found = columns(strap(rr), 2)
    assert found["rr_excluded_n"].sum() == 2
    assert found["rr_n"].sum() == 28
    assert np.nansum(found["rr_ssd_ms2"]) == 0.0


def test_a_grid_that_shows_a_part_sees_the_same() -> None:
    rr = np.random.default_rng(0).normal(0.9, 0.05, 600)
    whole = columns(strap(rr), 18)
    part = columns(strap(rr), 5, start_ns=START_NS + 4 * EPOCH_NS)
    for name in (*SUMS, "hr_bpm", "rmssd_ms"):
        assert np.array_equal(part[name], whole[name][4:9], equal_nan=True)
    before = columns(strap(rr), 4, start_ns=START_NS - 40 * EPOCH_NS)
    assert np.isnan(before["rr_n"]).all()


@pytest.mark.parametrize(
    ("sensor", "code"), [(BeatSensor.PPG, 1.0), (BeatSensor.ECG, 0.0), (BeatSensor.UNKNOWN, np.nan)]
)
def test_the_sensor_is_told(sensor: BeatSensor, code: float) -> None:
    found = columns(strap(np.full(40, 0.8), sensor=sensor), 1)
    assert np.array_equal(found["rr_ppg"], [code], equal_nan=True)


def test_the_devices_own_heart_rate_is_a_mean_of_plausible_values() -> None:
    bpm = np.full(90, 70.0, np.float32)
    bpm[:10] = 0.0  # not found yet
    bpm[30:51] = np.nan  # 9 s left of the second epoch
    bpm[60:75] = 80.0
    found = columns(None, 3, Signal(Kind.HR, "hr", 1.0, START_NS, bpm))
    assert found["device_hr_bpm"][0] == 70.0
    assert np.isnan(found["device_hr_bpm"][1])
    assert found["device_hr_bpm"][2] == 75.0
    assert np.isnan(found["hr_bpm"]).all()


def test_no_beats_and_beats_that_are_all_out_of_range() -> None:
    assert np.isnan(columns(strap(np.zeros(0)), 2)["rr_n"]).all()
    bad = columns(strap(np.full(5, 6.0)), 1)
    assert (bad["rr_n"][0], bad["rr_excluded_n"][0]) == (0, 4)  # ends at 6, 12, 18, 24 s; the fifth at 30 s
    assert np.isnan(bad["hr_bpm"][0])


def test_the_first_interval_may_be_missing() -> None:
    beats = strap(np.full(40, 0.8))
    rr = beats.rr_s.copy()
    rr[0] = np.nan
    found = columns(dataclasses.replace(beats, rr_s=rr), 1)
    assert found["rr_n"][0] == 36
    assert found["rr_excluded_n"][0] == 1
