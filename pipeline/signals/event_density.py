"""Events per minute: by stage, NREM period, third of the night and epoch, over the minutes in which any could be seen.

The denominator is never the time that a stage lasted, but the part of it in which the detector looked: a channel that
was off for half of N3 has half the minutes, not half the density. NaN = too little was seen; 0 = seen, and none found.
Epochs are 30 s long; the first begins `first_epoch_s` after the first sample (negative: before it).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Int64, Stage
from pipeline.signals.cycles import asleep, nrem_periods
from pipeline.signals.fir import Mask

LEAST_MIN = 5.0
"""Minutes that a stage, period or third must have been seen; a choice of ours: at the 2.2 waves per minute of N2, ten
or so events, which counting noise alone moves by a third."""
LEAST_EPOCH_MIN = 0.25
"""The same for an epoch: half of it."""

NREM_STAGES = (Stage.N2, Stage.N3)


def counts_per_epoch(at_s: Floats, n_epochs: int, first_epoch_s: float = 0.0) -> Int64:
    """Events of each epoch, shape (n_epochs,); those before the first and after the last are left out."""
    epoch = np.floor((at_s - first_epoch_s) / EPOCH_S).astype(np.int64)
    return np.bincount(epoch[(epoch >= 0) & (epoch < n_epochs)], minlength=n_epochs).astype(np.int64, copy=False)


def minutes_per_epoch(judged_s: Floats, n_epochs: int, first_epoch_s: float = 0.0) -> Floats:
    """Minutes of each epoch that lie in the stretches [start, stop) of `judged_s`, shape (m, 2); 0 … 0.5.

    The stretches are in order and do not overlap.
    """
    edges_s = first_epoch_s + EPOCH_S * np.arange(n_epochs + 1)
    if not len(judged_s):
        return np.zeros(n_epochs)
    # Seconds judged up to each start and stop; between them it grows evenly or not at all.
    lengths = np.stack((np.zeros(len(judged_s)), judged_s[:, 1] - judged_s[:, 0]), axis=1)
    seen_s = np.interp(edges_s, judged_s.ravel(), np.cumsum(lengths))
    return np.asarray(np.diff(seen_s) / 60.0, np.float64)


def density_per_min(counts: Int64, minutes: Floats, groups: Sequence[Mask], least_min: float = LEAST_MIN) -> Floats:
    """Events per minute of each group of epochs, shape (groups,); NaN where less than `least_min` was seen of it.

    Counts and minutes are those of epochs, shape (n_epochs,), and so is each group's mask. Events in epochs of which
    nothing was seen cannot be, and are not counted.
    """
    seen_min = np.array([minutes[group].sum() for group in groups], np.float64)
    events = np.array([counts[group & (minutes > 0.0)].sum() for group in groups], np.float64)
    enough = (seen_min >= least_min) & (seen_min > 0.0)
    out = np.full(len(groups), np.nan)
    np.divide(events, seen_min, out=out, where=enough)
    return out


def stage_densities(counts: Int64, minutes: Floats, stage: Floats, least_min: float = LEAST_MIN) -> Floats:
    """Events per minute of N2, of N3 and of both together, shape (3,); NaN as in `density_per_min`.

    `stage` is a code of `Stage` for every epoch, NaN where nothing was scored.
    """
    groups = [stage == Stage.N2, stage == Stage.N3, np.isin(stage, NREM_STAGES)]
    return density_per_min(counts, minutes, groups, least_min)


def period_densities(counts: Int64, minutes: Floats, stage: Floats, least_min: float = LEAST_MIN) -> Floats:
    """Events per minute of N2 and N3 in each NREM period of the night, shape (periods,); NaN as above."""
    nrem, at = np.isin(stage, NREM_STAGES), np.arange(len(stage))
    groups = [nrem & (at >= start) & (at < stop) for start, stop in nrem_periods(stage).tolist()]
    return density_per_min(counts, minutes, groups, least_min)


def third_densities(counts: Int64, minutes: Floats, stage: Floats, least_min: float = LEAST_MIN) -> Floats:
    """Events per minute of N2 and N3 in each third of the span from sleep onset to last sleep, shape (3,).

    NaN as in `density_per_min`. An epoch belongs to the third in which its middle lies.
    """
    sleep = np.flatnonzero(asleep(stage))
    if not len(sleep):
        return np.full(3, np.nan)
    first, stop = sleep[0], sleep[-1] + 1
    third = np.floor((np.arange(len(stage)) + 0.5 - first) / (stop - first) * 3.0)
    nrem = np.isin(stage, NREM_STAGES)
    return density_per_min(counts, minutes, [nrem & (third == k) for k in range(3)], least_min)


def epoch_densities(counts: Int64, minutes: Floats, stage: Floats) -> Floats:
    """Events per minute of every N2 and N3 epoch, shape (n_epochs,); NaN elsewhere and where half was not seen."""
    known = np.isin(stage, NREM_STAGES) & (minutes >= LEAST_EPOCH_MIN)
    out = np.full(len(stage), np.nan)
    np.divide(counts, minutes, out=out, where=known)
    return out
