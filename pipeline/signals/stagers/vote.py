"""One density from those of several channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.recording import Floats
from pipeline.signals.fir import Mask
from pipeline.signals.stagers.stager import EPOCH_S, Density


def valid_share(valid: Mask, fs_hz: float, n_epochs: int) -> Floats:
    """Share of each 30-s epoch's samples that is valid, shape (n_epochs,), 0 … 1: what a channel's vote weighs."""
    edges = np.minimum(np.ceil(np.arange(n_epochs + 1) * EPOCH_S * fs_hz - 1e-6).astype(np.int64), len(valid))
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
