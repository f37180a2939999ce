"""Sleep onset, REM periods and NREM periods of a night of 30-s stages.

The periods follow Feinberg & Floyd 1979 (doi:10.1111/j.1469-8986.1979.tb02991.x, recalled, unverified) as Blume &
Cajochen restate them for code (SleepCycles, doi:10.31219/osf.io/r2q8v), simplified: an overlong first NREM period in
which REM was skipped is not split. Stages are float codes of `Stage`, NaN where nothing was scored; an unscored epoch
takes time and is no stage, so whoever uses a period must ask how much of it was scored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Stage
from pipeline.signals.runs import runs_of

MERGE_REM_MIN = 15.0
"""REM stretches less than this apart belong to one REM period (Feinberg & Floyd 1979)."""
MIN_REM_MIN = 5.0
"""Least REM in a REM period; the first of the night may be shorter (Feinberg & Floyd 1979)."""
MIN_NREM_MIN = 15.0
"""Least NREM sleep (N1, N2, N3) in a NREM period (Feinberg & Floyd 1979)."""

_PER_MIN = 60 / EPOCH_S
_NREM = (Stage.N1, Stage.N2, Stage.N3, Stage.LIGHT)
_SLEEP = (*_NREM, Stage.REM, Stage.ASLEEP)


def asleep(stage: Floats) -> NDArray[np.bool_]:
    """True for epochs scored as any sleep, a device's 'light' and 'asleep' included; movement and unscored are not."""
    return np.isin(stage, _SLEEP)


def sleep_onset(stage: Floats) -> int | None:
    """Index of the first epoch of any sleep stage, N1 included (AASM); None if there is none."""
    found = np.flatnonzero(asleep(stage))
    return int(found[0]) if len(found) else None


def rem_periods(stage: Floats) -> NDArray[np.int64]:
    """REM periods as half-open rows of epochs, shape (m, 2), in order.

    REM stretches less than 15 min apart are one period; a period with less than 5 min of REM does not count unless
    it is the first.
    """
    rem = stage == Stage.REM
    runs = runs_of(rem)
    if not len(runs):
        return runs
    apart = runs[1:, 0] - runs[:-1, 1] >= MERGE_REM_MIN * _PER_MIN
    periods = np.stack((runs[np.append(True, apart), 0], runs[np.append(apart, True), 1]), axis=1)
    long_enough = _count(rem, periods) >= MIN_REM_MIN * _PER_MIN
    long_enough[0] = True
    return periods[long_enough]


def nrem_periods(stage: Floats) -> NDArray[np.int64]:
    """NREM periods as half-open rows of epochs, shape (m, 2), in order.

    Each runs from the first NREM epoch after sleep onset, or after a REM period, to the next REM period or the last
    sleep of the night, and holds at least 15 min of NREM sleep (wake inside it does not count).
    """
    sleep, nrem = np.flatnonzero(asleep(stage)), np.isin(stage, _NREM)
    if not len(sleep):
        return np.empty((0, 2), np.int64)
    rem = rem_periods(stage)
    starts = np.append(sleep[0], rem[:, 1])
    stops = np.append(rem[:, 0], sleep[-1] + 1)
    first = np.append(np.flatnonzero(nrem), len(stage))
    starts = first[np.searchsorted(first, starts)]
    between = np.stack((starts, stops), axis=1)[starts < stops]
    return between[_count(nrem, between) >= MIN_NREM_MIN * _PER_MIN]


def _count(mask: NDArray[np.bool_], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many values of `mask` are true within each half-open row."""
    seen = np.concatenate(([0], np.cumsum(mask, dtype=np.int64)))
    return seen[rows[:, 1]] - seen[rows[:, 0]]


def sleep_cycles(stage: Floats) -> NDArray[np.int64]:
    """NREM–REM cycles as half-open rows of epochs, shape (m, 3): begin, border of the two periods, end.

    A cycle is a NREM period and the REM period that ends it, from the first NREM epoch to the last of that REM period
    (Feinberg & Floyd 1979). A last NREM period that no REM period follows is no cycle, and neither is REM at sleep
    onset before any NREM period.
    """
    nrem, rem = nrem_periods(stage), rem_periods(stage)
    after = np.searchsorted(rem[:, 0], nrem[:, 1])  # a NREM period ends where its REM period begins
    held = (after < len(rem)) & (rem[np.minimum(after, len(rem) - 1), 0] == nrem[:, 1]) if len(rem) else after < 0
    return np.column_stack((nrem[held], rem[after[held], 1]))
