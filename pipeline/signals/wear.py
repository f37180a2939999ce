"""Whether a wrist device was worn: 1 worn, 0 not worn, NaN where nothing was recorded or it cannot be told."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import CountsScale, Floats
from pipeline.signals.activity import WINDOW_S, WINDOWS_PER_EPOCH, AccWindows

IDLE_MIN = 180
"""Minutes without movement that mean off the wrist. Zero runs of up to 1.5 h occur in sleep on Actiwatch wrist data,
and rules of 60 and 90 min made for the hip (Troiano 2008, Choi 2011) would remove sleep; in the Depresjon
recordings runs of 3 h and more are days long or begin by day."""
IDLE_SHARE = 0.005
"""Share of the recording's 99th percentile of counts below which a minute is without movement. An Actiwatch left on
a table does not always count 0: in the Depresjon recordings it idles for weeks at constant 3, 5 or 7 counts. An
ActiGraph filters and thresholds: off the wrist it counts 0, and a level of its own would swallow quiet sleep."""
IDLE_PERCENTILE = 99.0
STUCK_MIN = 60
"""Minutes of one unchanging count above the idle level: no wrist moves so evenly, the sensor or the file is stuck."""
_EQUAL = 1e-6
"""Relative difference below which two counts are the same."""

ACC_SD_MG = 13.0
ACC_RANGE_MG = 50.0
"""An axis is still when its SD and its range over an hour are below these (van Hees 2013,
doi:10.1371/journal.pone.0061691; sdcriter and racriter of GGIR)."""
ACC_STILL_AXES = 2
ACC_WINDOW_MIN = 60
ACC_STEP_MIN = 15
ACC_MIN_MEASURED = 0.5
"""Share of an hour that must be measured before it can be called worn or not (our rule)."""

_PER_MINUTE = 60 // EPOCH_S


def wear_from_counts(activity_cpm: Floats, scale: CountsScale = CountsScale.UNKNOWN) -> Floats:
    """Wear of each 30-s epoch from its counts per minute, shape (n,).

    Not worn: at least `IDLE_MIN` minutes at the idle level, or `STUCK_MIN` minutes of one unchanging count above it.
    Missing epochs inside such a run neither lengthen nor end it, unless they last `IDLE_MIN` themselves. NaN where
    the epoch was not measured. The idle level moves with the counts, so that the gain of a device does not matter.
    """
    known = np.flatnonzero(np.isfinite(activity_cpm))
    wear = np.full(len(activity_cpm), np.nan)
    if not known.size:
        return wear
    cpm = activity_cpm[known]
    share = 0.0 if scale is CountsScale.ACTIGRAPH else IDLE_SHARE
    idle = cpm <= share * np.percentile(cpm, IDLE_PERCENTILE)
    joined = np.diff(known) <= IDLE_MIN * _PER_MINUTE
    same = joined & (np.abs(np.diff(cpm)) <= _EQUAL * cpm[1:])
    off = _in_long_runs(idle, joined, IDLE_MIN * _PER_MINUTE)
    off |= _in_long_runs(~idle, same, STUCK_MIN * _PER_MINUTE)
    wear[known] = np.where(off, 0.0, 1.0)
    return wear


def _in_long_runs(member: NDArray[np.bool_], joined: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Where at least `least` members follow each other; `joined[i]` says that i and i + 1 may be of one run."""
    same_run = member[:-1] & member[1:] & joined
    run = np.concatenate(([0], np.cumsum(~same_run)))
    long = np.bincount(run) >= least
    return np.asarray(member & long[run], np.bool_)


def wear_from_acc(windows: AccWindows) -> Floats:
    """Wear of each 30-s epoch from raw acceleration, shape (n,).

    Every hour, taken each 15 min, is judged: not worn where at least two axes have an SD below 13 mg and a range below
    50 mg. The whole of a still hour is not worn, where GGIR calls only its middle so and takes the half hours at both
    ends for worn. NaN where no hour around was measured to at least half: a recording shorter than half an hour cannot
    be judged. Hours are counted from the start of the grid, so that the edges of wear are known to 15 min.
    """
    per_minute = 60 // WINDOW_S
    n, hour = len(windows.share), ACC_WINDOW_MIN * per_minute
    first = np.unique(np.append(np.arange(0, n - hour + 1, ACC_STEP_MIN * per_minute), max(n - hour, 0)))
    last = np.minimum(first + hour, n)
    measured = np.concatenate(([0], np.cumsum(np.isfinite(windows.mad_g))))
    judged = measured[last] - measured[first] >= ACC_MIN_MEASURED * hour
    still = judged & (_still_axes(windows, first, last) >= ACC_STILL_AXES)
    off, known = _covered(first[still], last[still], n), _covered(first[judged], last[judged], n)
    wear = np.where(known, np.where(off, 0.0, 1.0), np.nan).reshape(-1, WINDOWS_PER_EPOCH)[:, 0]
    seen = np.isfinite(windows.mad_g).reshape(-1, WINDOWS_PER_EPOCH).any(axis=1)
    return np.where(seen, wear, np.nan)


def _covered(first: NDArray[np.intp], last: NDArray[np.intp], n: int) -> NDArray[np.bool_]:
    """Which of n windows lie in at least one of the spans [first, last)."""
    step = np.zeros(n + 1, np.int64)
    np.add.at(step, first, 1)
    np.add.at(step, last, -1)
    return np.asarray(np.cumsum(step)[:-1] > 0, np.bool_)


def _still_axes(windows: AccWindows, first: NDArray[np.intp], last: NDArray[np.intp]) -> NDArray[np.int64]:
    """How many axes are still over the windows of each span [first, last).

    The variance of the whole is the mean variance within 5-s windows plus the variance of their means.
    """
    pad = ((0, 1), (0, 0))
    spans = np.ravel(np.column_stack((first, last)))

    def over(values: Floats, how: np.ufunc, empty: float) -> Floats:
        filled = np.pad(np.where(np.isfinite(values), values, empty), pad, constant_values=empty)
        return np.asarray(how.reduceat(filled, spans, axis=0)[::2], np.float64)

    known = np.isfinite(windows.mean_g)
    n = np.maximum(over(known.astype(np.float64), np.add, 0.0), 1.0)
    centre = np.nanmean(windows.mean_g, axis=0) if known.any() else np.zeros(3)
    means = windows.mean_g - centre
    within = over(windows.var_g2, np.add, 0.0) / n
    between = over(means**2, np.add, 0.0) / n - (over(means, np.add, 0.0) / n) ** 2
    sd_mg = np.sqrt(np.maximum(within + between, 0.0)) * 1000.0
    extent = over(windows.high_g, np.maximum, -np.inf) - over(windows.low_g, np.minimum, np.inf)
    still = (sd_mg < ACC_SD_MG) & (extent * 1000.0 < ACC_RANGE_MG)
    return np.asarray(still.sum(axis=1), np.int64)
