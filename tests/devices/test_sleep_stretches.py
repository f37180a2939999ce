"""Stretches of stages on a grid of epochs, and sleep logs of which no two overlap: worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.devices.sleep_stretches import SleepLog, Stretches, hypnogram_of, one_at_a_time, rest_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import Hypnogram, Stage, StageSource

T0 = 1_709_326_800  # a multiple of 30 s
W, L, D, U = Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.UNSCORED


def painted(*stretches: tuple[float, float, Stage], notes: list[str] | None = None) -> Hypnogram | None:
    begin, end = (np.array([round((T0 + s[k]) * NS) for s in stretches], np.int64) for k in (0, 1))
    stages = np.array([s[2] for s in stretches], np.int8)
    return hypnogram_of(Stretches(begin, end, stages), "band", Path("x.json"), [] if notes is None else notes)


def stages_of(*stretches: tuple[float, float, Stage]) -> tuple[float, list[Stage]]:
    found = painted(*stretches)
    assert found is not None
    assert (found.epoch_s, found.source, found.scorer) == (30.0, StageSource.CONSUMER, "band")
    return found.start_ns / NS - T0, [Stage(s) for s in found.stages]


def test_stretches_fill_their_epochs_and_holes_are_unscored() -> None:
    assert stages_of((0, 60, W), (60, 90, L), (150, 180, D)) == (0, [W, W, L, U, U, D])


def test_an_epoch_has_the_stage_at_its_middle() -> None:
    # Beginning 15 s into an epoch, a stretch holds that epoch's middle; a second later it does not.
    assert stages_of((15, 75, L)) == (0, [L, L])
    assert stages_of((16, 76, L)) == (30, [L, L])
    assert stages_of((0, 44, W), (44, 90, L)) == (0, [W, L, L])


def test_the_later_of_two_counts() -> None:
    assert stages_of((0, 120, L), (30, 60, W)) == (0, [L, W, L, L])


def test_stretches_of_no_length_or_of_days_are_left_out_and_told() -> None:
    notes: list[str] = []
    found = painted((0, 30, L), (60, 30, W), (0, 86_401, W), notes=notes)
    assert found is not None
    assert found.stages.tolist() == [L]
    assert notes == ["2 stages of no length, or of more than a day, left out"]


def test_no_stretch_is_no_hypnogram() -> None:
    assert painted() is None
    assert painted((16, 20, L)) is None


def test_decades_between_stretches_are_a_wrong_date() -> None:
    with pytest.raises(FileFault) as fault:
        painted((0, 30, L), (-41 * 366 * 86_400, -41 * 366 * 86_400 + 60, L))
    assert fault.value.fault is Fault.IMPLAUSIBLE


def log(begin: float, end: float, *, main: bool = True, name: str = "", place: int = 0) -> SleepLog:
    return SleepLog(round(begin * NS), round(end * NS), main, place, name or f"{begin}")


def test_doubled_logs_count_once_and_the_first_is_kept() -> None:
    notes: list[str] = []
    first, again, other = log(0, 10, name="a"), log(0, 10, name="a", place=1), log(20, 30, name="b")
    assert one_at_a_time([first, other, again], notes) == [first, other]
    assert notes == ["1 sleep logs stand in the export twice: the first is kept"]


def test_of_overlapping_logs_the_main_one_then_the_longer_is_kept() -> None:
    notes: list[str] = []
    night, nap, late = log(10, 20), log(0, 15, main=False), log(19, 40)
    assert one_at_a_time([nap, night], notes) == [night]
    assert one_at_a_time([night, late], notes) == [late]
    assert one_at_a_time([log(0, 10), log(10, 20)], notes) == [log(0, 10), log(10, 20)]
    assert len(notes) == 2


def test_a_log_longer_than_a_day_is_no_sleep() -> None:
    notes: list[str] = []
    assert one_at_a_time([log(0, 90_000)], notes) == []
    assert notes


def test_a_rest_says_whether_it_was_a_nap() -> None:
    assert rest_of(log(0, 10, main=False), "Fitbit").source == "Fitbit nap log"
