"""Sleep architecture of nights worked by hand."""

from __future__ import annotations

import dataclasses
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, noon_ns
from pipeline.features.architecture import FAMILY, stage_amounts, stage_latencies, stage_shifts
from pipeline.features.family import EpochGrid, Filled, NightView, SleepWindow, State, WindowSource
from pipeline.features.stage_grid import SOURCE_CODE

ROME = "Europe/Rome"
NIGHT = date(2024, 3, 12)
NOON, NEXT = noon_ns(NIGHT, ROME), noon_ns(NIGHT + timedelta(days=1), ROME)
CODES = {"W": 0.0, "1": 1.0, "2": 2.0, "3": 3.0, "R": 4.0, "?": np.nan, "M": -2.0}
FIRST = 1320
Stages = NDArray[np.float64]


def stages(text: str) -> Stages:
    """`"W10 2 40"`: stage and minutes, two epochs a minute."""
    return np.concatenate([np.full(round(2 * float(part[1:])), CODES[part[0]]) for part in text.split()])


def view(stage: Stages, *, begin: bool = False, end: bool = False) -> NightView:
    """A night whose window, from 23:00 on, holds exactly these epochs; wake is scored around it."""
    whole = np.zeros(2880)
    whole[FIRST : FIRST + len(stage)] = stage
    low = NOON + FIRST * EPOCH_NS
    window = SleepWindow(low, low + len(stage) * EPOCH_NS, WindowSource.HYPNOGRAM, begin, end)
    return NightView(NIGHT, ROME, NOON, NEXT, EpochGrid(NOON, 2880, {"stage": whole}), window)


def fill(text: str, *, begin: bool = False, end: bool = False) -> Filled:
    return FAMILY.compute(view(stages(text), begin=begin, end=end))


def test_a_night_by_hand() -> None:
    filled = fill("W20 15 220 330 225 R10 W5 260 M1 240 R30 14 W10")
    assert (filled.state, filled.coverage, filled.reason) == (State.OK, 1.0, None)
    sleep = 5 + 20 + 30 + 25 + 10 + 60 + 40 + 30 + 4
    assert filled.values == {
        "n1_min": 9.0,
        "n2_min": 145.0,
        "light_min": 154.0,
        "n3_min": 30.0,
        "rem_min": 40.0,
        "n1_pct": pytest.approx(100 * 9 / sleep),
        "n2_pct": pytest.approx(100 * 145 / sleep),
        "n3_pct": pytest.approx(100 * 30 / sleep),
        "rem_pct": pytest.approx(100 * 40 / sleep),
        "n1_latency_min": 0.0,
        "n2_latency_min": 5.0,
        "n3_latency_min": 25.0,
        "rem_latency_min": 80.0,  # from sleep onset, not from lights out
        "stage_shifts_n": 8,
        "rem_periods_n": 2,
        "movement_min": 1.0,
        "unscored_min": 0.0,
        "stages_from": None,  # the grid does not say
    }


def test_a_scored_night_without_n3_has_0_and_not_nothing() -> None:
    values = fill("W10 2200 R20 2200").values
    assert (values["n3_min"], values["n3_pct"]) == (0.0, 0.0)
    assert values["n3_latency_min"] is None
    assert values["rem_latency_min"] == 200.0


def test_an_all_wake_night() -> None:
    filled = fill("W480")
    assert filled.state is State.OK
    zero = (
        "n1_min",
        "n2_min",
        "light_min",
        "n3_min",
        "rem_min",
        "stage_shifts_n",
        "rem_periods_n",
        "movement_min",
        "unscored_min",
    )
    assert {filled.values[name] for name in zero} == {0}
    assert all(value is None for name, value in filled.values.items() if name not in zero)


def test_no_window_nothing_scored_one_epoch() -> None:
    seen = view(stages("2480"))
    none = FAMILY.compute(replace(seen, window=None))
    empty = fill("20")
    blind = fill("?480")
    little = fill("2239 ?241")
    for filled in (none, empty, blind, little):
        assert filled.state is State.INSUFFICIENT
        assert filled.reason
        assert set(filled.values.values()) == {None}
    assert none.coverage is None
    assert blind.coverage == 0.0
    assert little.coverage == pytest.approx(239 / 480)
    one = fill("R0.5").values
    assert (one["rem_min"], one["rem_pct"], one["rem_latency_min"], one["stage_shifts_n"]) == (0.5, 100.0, 0.0, 0)


def test_unscored_time_is_no_stage_and_is_told() -> None:
    assert fill("W10 2422 ?48").state is State.OK
    filled = fill("W10 2420 ?50")
    assert filled.state is State.PARTIAL
    assert "90%" in str(filled.reason)
    assert (filled.values["n2_min"], filled.values["unscored_min"]) == (420.0, 50.0)
    assert filled.values["n2_pct"] == 100.0


def latencies(n1: float | None, n2: float | None, n3: float | None, rem: float | None) -> dict[str, float | None]:
    return {"n1_latency_min": n1, "n2_latency_min": n2, "n3_latency_min": n3, "rem_latency_min": rem}


def test_latency_counts_time_awake_and_is_unknown_where_the_stage_may_have_passed() -> None:
    known = stage_latencies(stages("W10 220 W5 230 R10"), start_hidden=False)
    assert known["rem_latency_min"] == 55.0
    assert stage_latencies(stages("W10 220 ?5 230 R10"), start_hidden=False)["rem_latency_min"] == 55.0
    hidden = stage_latencies(stages("W10 220 310 ?5.5 230 R10"), start_hidden=False)
    assert hidden == latencies(None, 0.0, 20.0, None)
    assert stage_latencies(stages("W10 ?5.5 220 R10"), start_hidden=False)["rem_latency_min"] is None


def test_a_night_that_begins_in_sleep_unseen_has_no_latency() -> None:
    stage = stages("220 310 R10")
    assert stage_latencies(stage, start_hidden=True) == latencies(None, None, None, None)
    assert stage_latencies(stage, start_hidden=False) == latencies(None, 0.0, 20.0, 30.0)
    woken = stage_latencies(stages("W1 220 310 R10"), start_hidden=True)
    assert woken == latencies(None, 0.0, 20.0, 30.0)


@pytest.mark.parametrize(("begin", "end"), [(True, False), (False, True)])
def test_a_censored_night_is_partial(begin: bool, end: bool) -> None:
    filled = fill("2240 R30", begin=begin, end=end)
    assert filled.state is State.PARTIAL
    assert ("began" in str(filled.reason)) is begin
    assert ("ended" in str(filled.reason)) is end
    assert filled.values["rem_latency_min"] == (None if begin else 240.0)


@pytest.mark.parametrize(
    ("text", "shifts"),
    [
        ("W5 25 W5", 0),
        ("W5 25 W1 25 W5", 2),
        ("15 25 35 R5", 3),
        ("25 M1 R5", 0),
        ("25 ?1 35 25", 1),
        ("W5", 0),
        ("?5", 0),
    ],
)
def test_stage_shifts(text: str, shifts: int) -> None:
    assert stage_shifts(stages(text)) == shifts


def test_parts_add_up_and_a_shift_of_the_night_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        stage = np.repeat(rng.choice(list(CODES.values()), 96), 10)
        amounts = stage_amounts(stage)
        minutes = [float(amounts[f"{name}_min"] or 0) for name in ("n1", "n2", "n3", "rem", "movement", "unscored")]
        assert sum(minutes) + (stage == 0).sum() / 2 == 480.0
        assert sum(float(amounts[f"{name}_pct"] or 0) for name in ("n1", "n2", "n3", "rem")) == pytest.approx(100)
        later = np.concatenate((stages("W30"), stage))
        assert FAMILY.compute(view(later)).values == FAMILY.compute(view(stage)).values


def test_declared_equals_filled() -> None:
    names = [c.name for c in FAMILY.columns]
    for filled in (fill("W10 2240 R30"), fill("W480"), fill("?480"), FAMILY.nothing("x")):
        assert sorted(filled.values) == sorted(names)


@pytest.mark.realdata
def test_a_published_hypnogram(real_data: Path) -> None:
    stage = np.loadtxt(real_data / "yasa_notebook_data" / "data_full_6hrs_100Hz_hypno_30s.txt")
    values = FAMILY.compute(view(stage)).values
    for name, code in (("n1", 1), ("n2", 2), ("n3", 3), ("rem", 4)):
        assert values[f"{name}_min"] == (stage == code).sum() / 2
    assert values["rem_latency_min"] == (np.argmax(stage == 4) - np.argmax(stage > 0)) / 2


def consumer(text: str) -> dict[str, object]:
    """The values of a night that a device without EEG staged."""
    codes = {"W": 0.0, "L": 5.0, "S": 6.0, "3": 3.0, "R": 4.0}
    whole = np.concatenate([np.full(round(2 * float(p[1:])), codes[p[0]]) for p in text.split()])
    seen = view(whole)
    grid = EpochGrid(
        seen.grid.start_ns,
        seen.grid.n,
        {**seen.grid.columns, "stage_source": np.full(seen.grid.n, SOURCE_CODE["consumer"])},
    )
    filled = FAMILY.compute(dataclasses.replace(seen, grid=grid))
    assert (filled.state, filled.reason) == (State.PARTIAL, "the stages are a consumer device's, not scored on EEG")
    return dict(filled.values)


def test_light_sleep_of_a_device_is_neither_n1_nor_n2() -> None:
    found = consumer("W10 L200 360 R40 W10")
    assert (found["n1_min"], found["n2_min"], found["n1_pct"], found["n2_pct"]) == (None, None, None, None)
    assert (found["light_min"], found["n3_min"], found["rem_min"]) == (200.0, 60.0, 40.0)
    assert found["n3_pct"] == pytest.approx(20.0)
    assert found["stage_shifts_n"] is None
    assert (found["n1_latency_min"], found["n2_latency_min"]) == (None, None)
    assert found["stages_from"] == "consumer"
    assert (found["n3_latency_min"], found["rem_latency_min"], found["rem_periods_n"]) == (200.0, 260.0, 1)


def test_asleep_tells_no_stage_at_all() -> None:
    found = consumer("W10 S300 320 W10")
    stages_min = [found[f"{name}_min"] for name in ("n1", "n2", "light", "n3", "rem")]
    assert stages_min == [None] * 5, "20 min of deep sleep among 300 of any are not the night's deep sleep"
    assert (found["n3_latency_min"], found["rem_periods_n"], found["stage_shifts_n"]) == (None, None, None)
    assert found["movement_min"] == 0.0
