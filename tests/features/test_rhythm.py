"""The rhythm family: validity of days, what off-wrist does, planted rhythms, real recordings."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.clock import NS, midnight_ns, wall_to_utc
from pipeline.features.family import EpochGrid, ParticipantView, State
from pipeline.features.rhythm import FAMILY
from pipeline.signals.wear import wear_from_counts

ROME = "Europe/Rome"
START = midnight_ns(date(2024, 5, 1), ROME)


def view(
    activity: np.ndarray, wear: np.ndarray | None = None, zone: str = ROME, start_ns: int = START
) -> ParticipantView:
    columns = {"activity_cpm": activity} | ({} if wear is None else {"wear": wear})
    return ParticipantView(zone, EpochGrid(start_ns, len(activity), columns), {})


def person(days: int, seed: int = 0, noise: float = 1.0) -> np.ndarray:
    """30-s epochs of a person asleep from 23 to 7 h; noise 0 makes every day the same."""
    rng = np.random.default_rng(seed)
    hour = np.arange(days * 1440) % 1440 / 60
    level = np.where((hour >= 7) & (hour < 23), 300 + 100 * np.sin((hour - 7) * np.pi / 16), 4.0)
    counts = level * ((1 - noise) + noise * rng.gamma(1.0, 1.0, len(hour)))
    return np.repeat(counts, 2)


def test_planted_rhythm_is_found() -> None:
    filled = FAMILY.compute(view(person(14)))
    values = filled.values
    assert filled.state is State.OK
    assert filled.coverage == 1.0
    assert values["rhythm_days_n"] == 14
    assert values["is_hourly"] > 0.9  # type: ignore[operator]
    assert values["ra"] == pytest.approx((380 - 4) / (380 + 4), abs=0.02)
    assert values["l5_cpm"] == pytest.approx(4.0, rel=0.05)
    assert values["m10_onset_h"] == pytest.approx(10.0, abs=0.5)
    assert values["l5_onset_h"] >= 23 or values["l5_onset_h"] <= 2  # type: ignore[operator]
    assert values["cosinor_acrophase_h"] == pytest.approx(15.0, abs=0.1)
    assert 0 < values["is_hourly_se"] < 0.02  # type: ignore[operator]
    assert 0 < values["ra_se"] < 0.02  # type: ignore[operator]


def test_declared_equals_filled_and_within_range() -> None:
    for filled in (
        FAMILY.compute(view(person(8))),
        FAMILY.compute(view(person(1))),
        FAMILY.compute(view(np.full(2880 * 4, np.nan))),
        FAMILY.compute(view(np.empty(0))),
    ):
        assert set(filled.values) == {c.name for c in FAMILY.columns}
    values = FAMILY.compute(view(person(8))).values
    for column in FAMILY.columns:
        value = values[column.name]
        assert isinstance(value, float | int)
        assert column.low is None or value >= column.low
        assert column.high is None or value <= column.high


def test_periodic_activity_has_is_one() -> None:
    values = FAMILY.compute(view(person(7, noise=0.0))).values
    assert values["is_hourly"] == pytest.approx(1.0)
    assert values["is_hourly_se"] == pytest.approx(0.0, abs=1e-9)


def test_fewer_than_three_valid_days_are_null_and_fewer_than_seven_partial() -> None:
    two = FAMILY.compute(view(person(2)))
    assert two.state is State.INSUFFICIENT
    assert two.values["rhythm_days_n"] == 2
    assert two.values["is_hourly"] is None
    assert two.reason
    assert FAMILY.compute(view(person(3))).state is State.PARTIAL
    assert FAMILY.compute(view(person(7))).state is State.OK


def test_a_day_below_16_hours_is_left_out_whole() -> None:
    activity = person(6, noise=0.0)
    activity[2880 : 2 * 2880] *= 5.0  # a wild day …
    activity[2880 : 2880 + 961 * 2] = np.nan  # … of which 8 h less a minute are left
    values = FAMILY.compute(view(activity)).values
    missing = activity.copy()
    missing[2880 : 2 * 2880] = np.nan
    assert values == FAMILY.compute(view(missing)).values
    assert values["rhythm_days_n"] == 5
    assert values["is_hourly"] == pytest.approx(1.0)


def test_a_device_taken_off_every_night_has_no_rhythm() -> None:
    activity = person(10)
    hour = np.arange(len(activity)) % 2880 / 120
    activity[(hour >= 23.5) | (hour < 6)] = np.nan
    filled = FAMILY.compute(view(activity))
    assert filled.state is State.INSUFFICIENT
    assert filled.reason is not None
    assert "00:00" in filled.reason
    assert filled.values["ra"] is None
    assert filled.values["rhythm_days_n"] == 10


def test_off_wrist_as_zeros_would_move_the_rhythm_and_as_missing_hardly_does() -> None:
    activity = person(14)
    truth = FAMILY.compute(view(activity)).values
    holed = activity.copy()
    for day in (3, 6, 9):
        holed[day * 2880 + 1400 : day * 2880 + 2000] = 0.0  # 5 h of the day
    as_zero = FAMILY.compute(view(holed)).values
    wear = wear_from_counts(holed)
    assert (wear == 0).sum() == 1800
    as_missing = FAMILY.compute(view(holed, wear)).values
    for name, near in (("is_hourly", 0.01), ("ra", 0.01), ("iv_hourly", 0.02)):
        assert as_missing[name] == pytest.approx(truth[name], abs=near)
    assert truth["is_hourly"] - as_zero["is_hourly"] > 0.03  # type: ignore[operator]
    assert as_zero["iv_hourly"] - truth["iv_hourly"] > 0.02  # type: ignore[operator]


def test_gain_changes_levels_only() -> None:
    activity = person(8)
    one, ten = FAMILY.compute(view(activity)).values, FAMILY.compute(view(activity * 10)).values
    for name in ("is_hourly", "iv_hourly", "ra", "m10_onset_h", "l5_onset_h", "is_hourly_se", "ra_se"):
        assert ten[name] == pytest.approx(one[name], rel=1e-6)
    assert ten["m10_cpm"] == pytest.approx(10 * one["m10_cpm"])  # type: ignore[operator]


def test_constant_and_zero_activity_have_no_ratio() -> None:
    flat = FAMILY.compute(view(np.full(2880 * 4, 9.0))).values
    assert (flat["is_hourly"], flat["iv_hourly"], flat["m10_onset_h"]) == (None, None, None)
    assert flat["ra"] == pytest.approx(0.0)
    assert flat["cosinor_acrophase_h"] is None
    zero = FAMILY.compute(view(np.zeros(2880 * 4))).values
    assert zero["ra"] is None
    assert zero["ra_se"] is None
    assert zero["m10_cpm"] == 0.0


def test_clock_change_leaves_a_person_regular_by_the_clock_regular() -> None:
    start = midnight_ns(date(2024, 3, 27), ROME)
    end = midnight_ns(date(2024, 4, 4), ROME)
    change = midnight_ns(date(2024, 3, 31), ROME) + 2 * 3600 * NS
    times = start + np.arange((end - start) // (30 * NS)) * 30 * NS
    wall_h = (times / 3.6e12 + np.where(times < change, 1, 2)) % 24
    activity = np.where((wall_h >= 7) & (wall_h < 23), 200.0 + 10 * wall_h, 3.0)
    by_clock = FAMILY.compute(view(activity, start_ns=start)).values
    assert by_clock["is_hourly"] == pytest.approx(1.0)
    assert by_clock["rhythm_days_n"] == 8
    by_utc = FAMILY.compute(view(activity, start_ns=start, zone="UTC")).values
    assert by_utc["is_hourly"] < 0.97  # type: ignore[operator]


def test_thirty_days_take_less_than_a_tenth_of_a_second() -> None:
    seen = view(person(30), np.ones(30 * 2880))
    FAMILY.compute(seen)
    began = time.process_time()
    FAMILY.compute(seen)
    assert time.process_time() - began < 0.1


def read_depresjon(path: Path) -> ParticipantView:
    frame = pl.read_csv(path, try_parse_dates=True)
    utc = wall_to_utc(frame["timestamp"].dt.epoch("ns").to_numpy(), "Europe/Oslo")
    minute = (utc - utc[0]) // (60 * NS)
    counts = np.full(int(minute[-1]) + 1, np.nan)
    counts[minute] = frame["activity"].to_numpy()
    activity = np.repeat(counts, 2)
    return view(activity, wear_from_counts(activity), "Europe/Oslo", int(utc[0]))


@pytest.mark.realdata
def test_depresjon_people_lie_in_plausible_bands(real_data: Path) -> None:
    rows = []
    for path in sorted((real_data / "depresjon").glob("*/*.csv")):
        seen = read_depresjon(path)
        filled = FAMILY.compute(seen)
        names = ("is_hourly", "iv_hourly", "ra", "m10_cpm", "l5_cpm")
        found = [filled.values[name] for name in names]
        assert all(isinstance(value, float) and np.isfinite(value) for value in found), path.name
        rows.append((path.parent.name == "control", *found, float((seen.grid["wear"] == 0).sum()) / 120))
    table = np.array(rows, float)
    assert len(table) == 20
    # Weeks on a table are found: control_3 lay there for a month.
    assert table[:, 6].max() > 700
    well, ill = table[table[:, 0] == 1], table[table[:, 0] == 0]
    # All 32 controls, first days only: IS .44 (SD .12), IV .90 (.17), RA .84 (.13), M10 434 (122).
    assert 0.30 < well[:, 1].mean() < 0.60
    assert 0.70 < well[:, 2].mean() < 1.10
    assert 0.72 < well[:, 3].mean() < 0.95
    assert 300 < well[:, 4].mean() < 560
    assert ((table[:, 1] > 0.15) & (table[:, 1] < 0.8)).all()
    assert ((table[:, 3] > 0.4) & (table[:, 3] < 1.0)).all()
    # Depressed people move less (all 55: 185 against 283 counts a minute).
    assert ill[:, 4].mean() < well[:, 4].mean()
