"""Movement columns of a recording on its grid."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.clock import EPOCH_NS, NS, grid_floor, wall_to_utc
from pipeline.features.activity_epochs import FAMILY
from pipeline.features.family import RecordingView
from pipeline.recording import CountsScale, Kind, Recording, Signal, ZoneSource

START = 1_700_000_010 * NS


def view_of(*signals: Signal) -> RecordingView:
    recording = Recording("watch", "Europe/Rome", ZoneSource.STUDY, signals=signals)
    start, end = recording.span_ns
    return RecordingView(recording, grid_floor(start), -(-(end - grid_floor(start)) // EPOCH_NS))


def counts_of_days(days: int, seed: int = 0) -> np.ndarray:
    """1-min counts: asleep in the first 8 h of each 24 h."""
    rng = np.random.default_rng(seed)
    n = days * 1440
    asleep = np.arange(n) % 1440 < 480
    quiet = (rng.random(n) < 0.05) * rng.gamma(1, 25, n)
    return np.rint(np.where(asleep, quiet, rng.gamma(1.2, 220, n))).astype(np.float32)


def counts_signal(samples: np.ndarray, fs_hz: float = 1 / 60, start_ns: int = START, label: str = "counts") -> Signal:
    return Signal(Kind.COUNTS, label, fs_hz, start_ns, samples.astype(np.float32), CountsScale.ACTIWATCH)


def test_declared_equals_filled_and_shapes_fit() -> None:
    for signal in (
        counts_signal(counts_of_days(1)),
        Signal(Kind.LIGHT, "lux", 1 / 60, START, np.ones(60, np.float32)),
        Signal(Kind.ACC, "acc", 10.0, START, np.ones((6000, 3), np.float32)),
    ):
        view = view_of(signal)
        found = FAMILY.compute(view)
        assert set(found) == {c.name for c in FAMILY.columns}
        assert all(values.shape == (view.n,) for values in found.values())


def test_planted_sleep_and_off_wrist() -> None:
    counts = counts_of_days(4)
    counts[1440 + 700 : 1440 + 940] = 0  # 4 h on a table by day
    found = FAMILY.compute(view_of(counts_signal(counts)))
    asleep = np.repeat(np.arange(len(counts)) % 1440 < 480, 2)
    off = slice(2 * (1440 + 700), 2 * (1440 + 940))
    assert (found["wear"][off] == 0).all()
    assert np.isnan(found["acti_sleep"][off]).all()
    worn = found["wear"] == 1
    assert worn.sum() == len(worn) - 480
    known = np.isfinite(found["acti_sleep"])
    assert (found["acti_sleep"][known & asleep] == 1).mean() > 0.93
    assert (found["acti_sleep"][known & ~asleep] == 0).mean() > 0.95
    np.testing.assert_array_equal(found["activity_cpm"], np.repeat(counts, 2))
    assert np.isnan(found["mad_mg"]).all()
    assert np.isnan(found["light_lux"]).all()


def test_halves_of_a_device_minute_get_one_score_whatever_its_phase() -> None:
    counts = counts_of_days(2)
    found = FAMILY.compute(view_of(counts_signal(counts, start_ns=START + 30 * NS)))["acti_sleep"]
    straight = FAMILY.compute(view_of(counts_signal(counts)))["acti_sleep"]
    np.testing.assert_array_equal(found, straight)
    pairs = found.reshape(-1, 2)
    np.testing.assert_array_equal(pairs[:, 0], pairs[:, 1])


def test_one_second_counts_score_like_the_minutes_they_add_up_to() -> None:
    counts = counts_of_days(1)
    seconds = np.zeros(len(counts) * 60)
    seconds[::60] = counts
    by_second = FAMILY.compute(view_of(counts_signal(seconds, 1.0)))["acti_sleep"]
    by_minute = FAMILY.compute(view_of(counts_signal(counts)))["acti_sleep"]
    np.testing.assert_array_equal(by_second, by_minute)


def test_five_minute_counts_give_activity_and_no_sleep() -> None:
    found = FAMILY.compute(view_of(counts_signal(np.full(600, 50.0), 1 / 300)))
    np.testing.assert_allclose(found["activity_cpm"], 10.0)
    assert np.isnan(found["acti_sleep"]).all()


def test_missing_counts_are_unknown_not_sleep() -> None:
    counts = counts_of_days(2)
    counts[100:130] = np.nan
    found = FAMILY.compute(view_of(counts_signal(counts)))
    assert np.isnan(found["activity_cpm"][200:260]).all()
    assert np.isnan(found["activity_valid"][200:260]).all()
    assert np.isnan(found["wear"][200:260]).all()
    assert np.isnan(found["acti_sleep"][196:264]).all()
    assert np.isfinite(found["acti_sleep"][[195, 264]]).all()
    nothing = FAMILY.compute(view_of(counts_signal(np.full(100, np.nan))))
    assert all(np.isnan(values).all() for values in nothing.values())


def test_two_parts_of_one_sensor_are_one_series_and_a_second_axis_is_not_mixed_in() -> None:
    first, second = counts_signal(counts_of_days(1)), counts_signal(counts_of_days(1), start_ns=START + 2 * 86_400 * NS)
    other = counts_signal(np.full(3 * 1440, 9.0), label="axis 2")
    cpm = FAMILY.compute(view_of(first, second, other))["activity_cpm"]
    assert np.isfinite(cpm[:2880]).all()
    assert np.isnan(cpm[2880 : 2 * 2880]).all()
    assert np.isfinite(cpm[2 * 2880 :]).all()


def test_light_is_averaged_and_never_below_zero() -> None:
    samples = np.array([100.0, 300.0, -2.0, np.nan], np.float32)
    found = FAMILY.compute(view_of(Signal(Kind.LIGHT, "lux", 1 / 15, START, samples)))
    np.testing.assert_allclose(found["light_lux"], [200.0, 0.0])
    assert np.isnan(found["wear"]).all()


def test_raw_acceleration_alone() -> None:
    rng = np.random.default_rng(0)
    fs, hours = 10.0, 6
    angle = np.where(
        np.arange(hours * 36_000) < 3 * 36_000,
        rng.normal(0, 0.6, hours * 36_000),
        0.05 * rng.normal(size=hours * 36_000),
    )
    acc = np.column_stack((np.cos(angle), 0.02 * rng.normal(size=len(angle)), np.sin(angle))).astype(np.float32)
    found = FAMILY.compute(view_of(Signal(Kind.ACC, "acc", fs, START, acc)))
    assert np.isnan(found["activity_cpm"]).all()
    assert (found["wear"] == 1).all()
    half = len(found["mad_mg"]) // 2
    assert np.nanmean(found["mad_mg"][:half]) > np.nanmean(found["mad_mg"][half:])
    assert (found["acti_sleep"][half + 1 :] == 1).all()
    assert (found["activity_valid"] == 1).all()


def test_a_still_accelerometer_is_not_asleep() -> None:
    acc = np.tile(np.array([0, 0, 1], np.float32), (3 * 36_000, 1))
    found = FAMILY.compute(view_of(Signal(Kind.ACC, "acc", 10.0, START, acc)))
    assert (found["wear"] == 0).all()
    assert np.isnan(found["acti_sleep"]).all()
    assert (found["mad_mg"] == 0).all()


def test_a_recording_of_one_epoch() -> None:
    found = FAMILY.compute(view_of(counts_signal(np.array([7.0]), 1 / 30)))
    assert found["activity_cpm"].tolist() == [14.0]
    assert found["wear"].tolist() == [1.0]
    assert np.isnan(found["acti_sleep"]).all()


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("user", "in_bed_min", "minutes", "efficiency_pct"),
    [
        # Bed times (from the first midnight) and efficiency as the maker's software (ActiLife) reports them.
        ("user_1", 1440 + 46, 165, 87.27),
        ("user_1", 1440 + 237, 213, 92.02),
        ("user_5", 1436, 406, 85.71),
        ("user_6", 1440 + 147, 395, 84.3),
    ],
)
def test_duty_cycled_seconds_of_mmash_agree_with_the_makers_sleep_report(
    real_data: Path, user: str, in_bed_min: int, minutes: int, efficiency_pct: float
) -> None:
    frame = pl.read_csv(real_data / "mmash" / user / "Actigraph.csv")
    clock_s = frame["time"].str.to_time().cast(pl.Int64).to_numpy() // NS
    second = np.where(frame["day"].to_numpy() == 1, 0, 86_400) + clock_s
    first = int(second[0])
    samples = np.full(int(second.max()) - first + 1, np.nan, np.float32)
    samples[second - first] = frame["Axis1"].to_numpy()
    assert 0.7 < np.isfinite(samples).mean() < 0.85
    midnight = 1_700_006_400 * NS
    signal = Signal(Kind.COUNTS, "Axis1", 1.0, midnight + first * NS, samples, CountsScale.ACTIGRAPH)
    view = view_of(signal)
    found = FAMILY.compute(view)
    begin = (midnight + in_bed_min * 60 * NS - view.start_ns) // EPOCH_NS
    bed = slice(begin, begin + 2 * minutes)
    assert np.isfinite(found["acti_sleep"][bed]).mean() > 0.9
    assert (found["wear"][bed] != 0).all()
    assert 100 * np.nanmean(found["acti_sleep"][bed]) == pytest.approx(efficiency_pct, abs=5.0)
    assert np.nanmean(np.delete(found["acti_sleep"], np.r_[bed])) < 0.4


@pytest.mark.realdata
def test_depresjon_is_scored_alike_with_known_and_unknown_scale(real_data: Path) -> None:
    for name in ("condition/condition_4", "control/control_2", "control/control_7"):
        frame = pl.read_csv(real_data / "depresjon" / f"{name}.csv", try_parse_dates=True)
        utc = wall_to_utc(frame["timestamp"].dt.epoch("ns").to_numpy(), "Europe/Oslo")
        minute = (utc - utc[0]) // (60 * NS)
        samples = np.full(int(minute[-1]) + 1, np.nan, np.float32)
        samples[minute] = frame["activity"].to_numpy()
        both = []
        began = time.process_time()
        for scale in (CountsScale.ACTIWATCH, CountsScale.UNKNOWN):
            found = FAMILY.compute(view_of(Signal(Kind.COUNTS, "activity", 1 / 60, int(utc[0]), samples, scale)))
            both.append(found["acti_sleep"])
        assert time.process_time() - began < 2.0
        assert np.nanmean(both[0] == both[1], where=np.isfinite(both[0])) > 0.94
        assert 5.0 < 24 * np.nanmean(both[1]) < 13.0
