"""One density from those of several channels, and from a density the minutes of each stage with what is uncertain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.recording import Floats, Stage
from pipeline.signals.fir import Mask
from pipeline.signals.stagers.stager import EPOCH_S, STAGES, Density

DESIGN_EFFECT = {Stage.WAKE: 99.3, Stage.N1: 49.9, Stage.N2: 69.7, Stage.N3: 115.7, Stage.REM: 38.2}
"""How many times larger the variance of a night's count of epochs is than it were if epochs were independent.

Measured on the 80 nights that five scorers each staged (DOD-H and DOD-O, doi:10.1109/TNSRE.2020.3011181): the chance
that the fifth scorer calls an epoch N3, given how many of the other four do, is a calibrated probability p; the effect
is the mean over nights and scorers of (Σ (called − p))² over that of Σ p (1 − p). It holds what makes a scorer differ
from others for minutes on end and all night long. With the effects of one of the two sets, 95 % intervals hold 90 to
99 % of the counts in the other; with independent epochs they hold 15 to 38 %.
"""
_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class ExpectedMinutes:
    """Minutes of a stage: their mean and the borders of an interval that should hold 95 of 100 scorers' counts."""

    mean: float
    low95: float
    high95: float


def valid_share(valid: Mask, fs_hz: float, n_epochs: int) -> Floats:
    """Share of each 30-s epoch's samples that is valid, shape (n_epochs,), 0 … 1: what a channel's vote weighs."""
    edges = np.minimum(np.rint(np.arange(n_epochs + 1) * EPOCH_S * fs_hz).astype(np.int64), len(valid))
    total = np.concatenate(([0], np.cumsum(valid)))[edges]
    return np.asarray(np.diff(total) / np.maximum(np.diff(edges), 1), np.float64)


def vote(densities: Sequence[Density], weights: Sequence[Floats]) -> Density:
    """Mean of the channels' probabilities, weighted epoch by epoch; shape (n, 5), float32.

    Means of probabilities, not of labels: YASA leaves several channels to its users, whose habit is a majority vote of
    labels; that cannot break the tie of two channels, and throws away how sure each is. A channel that says nothing
    of an epoch (NaN) does not count in it; NaN where none does.

    Raises
    ------
    ValueError
        If there is no channel, or channels differ in their number of epochs.
    """
    if not densities or len({(len(d), len(w)) for d, w in zip(densities, weights, strict=True)}) != 1:
        raise ValueError("channels that vote must be at least one and have the same epochs")
    stacked = np.stack([np.asarray(density, np.float64) for density in densities])
    counts = np.stack(weights)[:, :, None] * np.isfinite(stacked).all(axis=2, keepdims=True)
    total = counts.sum(axis=0)
    summed = (np.where(counts > 0.0, stacked, 0.0) * counts).sum(axis=0)
    mean = np.divide(summed, total, out=np.full(summed.shape, np.nan), where=total > 0.0)
    return np.asarray(mean, np.float32)


def expected_minutes(density: Density) -> dict[Stage, ExpectedMinutes]:
    """Expected minutes of each stage in the epochs that were staged, with 95 % intervals; NaN if none was.

    The mean is Σ p · 0.5 min. The interval is for the count that one experienced scorer would arrive at, if the
    probabilities are calibrated: mean ± 1.96 · 0.5 · √(D Σ p (1 − p)) with the design effects D of whole nights
    (`DESIGN_EFFECT`), cut at 0 and at the minutes staged. It does not hold an error of the model that all its
    probabilities share (a wrong gain, a derivation it never saw, a group of people it was not trained on), and is
    wider than need be for recordings much shorter than a night, in which errors have less time to add up.
    """
    known = np.asarray(np.isfinite(density).all(axis=1), np.bool_)
    p = density[known].astype(np.float64)
    epoch_min = EPOCH_S / 60.0
    out = {}
    for column, stage in enumerate(STAGES):
        if not len(p):
            out[stage] = ExpectedMinutes(np.nan, np.nan, np.nan)
            continue
        mean = float(p[:, column].sum()) * epoch_min
        variance = DESIGN_EFFECT[stage] * float((p[:, column] * (1.0 - p[:, column])).sum())
        half = _Z95 * epoch_min * np.sqrt(variance)
        out[stage] = ExpectedMinutes(mean, max(mean - half, 0.0), min(mean + half, len(p) * epoch_min))
    return out
