"""Stages told as stretches of any length, as consumer devices do, on one grid of 30-s epochs; and their sleep logs.

The grid lies at UTC multiples of 30 s. An epoch has the stage of the stretch that holds its middle, so that every
stretch keeps its length to half an epoch; where no stretch holds it, the epoch is UNSCORED.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.errors import Fault, FileFault
from pipeline.recording import Hypnogram, Int64, RestInterval, Stage, StageSource

LONGEST_NS = 24 * 3600 * NS
"""A longer stretch or night is a device that was never told that sleep ended."""
MOST_YEARS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """Stages from `begin_ns` to `end_ns`, shape (n,) each; where two overlap, the later in the array counts."""

    begin_ns: Int64
    end_ns: Int64
    stage: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class SleepLog:
    """One sleep as a device logs it. `place` is its place in the export; `is_main` is False for naps."""

    begin_ns: int
    end_ns: int
    is_main: bool
    place: int
    identity: str


def hypnogram_of(stretches: Stretches, scorer: str, path: Path, notes: list[str]) -> Hypnogram | None:
    """The stages on the grid; None if there are none. Stretches that end before they begin or last a day are told.

    Raises
    ------
    FileFault
        IMPLAUSIBLE if the stretches lie 40 years apart.
    """
    length = stretches.end_ns - stretches.begin_ns
    good = (length > 0) & (length <= LONGEST_NS)
    if not good.all():
        notes.append(f"{np.count_nonzero(~good)} stages of no length, or of more than a day, left out")
    half = EPOCH_NS // 2
    first, last = (-((half - at[good]) // EPOCH_NS) for at in (stretches.begin_ns, stretches.end_ns))
    if not (last > first).any():
        return None
    start = int(first.min())
    count = int(last.max()) - start
    if count > MOST_YEARS * 366 * 86_400 // EPOCH_S:
        what = f"its sleep spans more than {MOST_YEARS} years"
        raise FileFault(
            Fault.IMPLAUSIBLE, what, where=path.name, hint="a date in it is wrong: correct it or leave it out"
        )
    stages = np.full(count, int(Stage.UNSCORED), np.int8)
    places = ((first - start).tolist(), (last - start).tolist(), stretches.stage[good].tolist())
    for begin, end, stage in zip(*places, strict=True):
        stages[begin:end] = stage
    return Hypnogram(start * EPOCH_NS, float(EPOCH_S), stages, scorer, StageSource.CONSUMER)


def one_at_a_time(logs: Sequence[SleepLog], notes: list[str]) -> list[SleepLog]:
    """Logs in order of time, no two overlapping: doubled ones once, main sleep before naps, longer before shorter."""
    sound = [log for log in logs if 0 < log.end_ns - log.begin_ns <= LONGEST_NS]
    if len(sound) < len(logs):
        notes.append(f"{len(logs) - len(sound)} sleep logs of no length, or of more than a day, left out")
    once = {log.identity: log for log in reversed(sound)}
    if len(once) < len(sound):
        notes.append(f"{len(sound) - len(once)} sleep logs stand in the export twice: the first is kept")
    kept: list[SleepLog] = []
    for log in sorted(once.values(), key=lambda log: (log.begin_ns, log.end_ns)):
        if kept and log.begin_ns < kept[-1].end_ns:
            kept[-1] = max(kept[-1], log, key=lambda one: (one.is_main, one.end_ns - one.begin_ns))
        else:
            kept.append(log)
    if len(kept) < len(once):
        notes.append(
            f"{len(once) - len(kept)} sleep logs overlap another: main sleep is kept before naps, then the longer"
        )
    return kept


def rest_of(log: SleepLog, source: str) -> RestInterval:
    """The time in bed of a log; it does not say when sleep began."""
    return RestInterval(log.begin_ns, log.end_ns, None, f"{source} {'sleep' if log.is_main else 'nap'} log")
