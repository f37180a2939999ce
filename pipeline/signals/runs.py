"""Contiguous stretches of a mask: the one place that says where a gap begins and ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def runs_of(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The stretches of consecutive true values, as half-open rows [start, stop).

    Parameters
    ----------
    mask
        One boolean per sample, beat or epoch, shape (n,).

    Returns
    -------
    NDArray[np.int64]
        Shape (m, 2), in order; (0, 2) where nothing is true. `mask[start:stop].all()` holds for every row, and
        the rows together hold every true value once.
    """
    mask = np.asarray(mask, np.bool_)
    if not len(mask):
        return np.empty((0, 2), np.int64)
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    first, last = [0] if mask[0] else [], [len(mask)] if mask[-1] else []
    return np.concatenate((first, edges, last)).astype(np.int64, copy=False).reshape(-1, 2)


def mask_of(runs: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """A mask of shape (n,), true inside the half-open rows of `runs` (0 ≤ start < stop ≤ n; they may overlap)."""
    steps = np.zeros(n + 1, np.int32)
    np.add.at(steps, runs[:, 0], 1)
    np.add.at(steps, runs[:, 1], -1)
    return np.cumsum(steps[:n]) > 0
