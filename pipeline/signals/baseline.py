"""The slow baseline of an unbroken stretch of EEG, and what lies too far from it.

Means of 0.3-s blocks, smoothed by two moving means of 1.5 s: a low-pass without overshoot that lies at −6 dB at
0.3 Hz, the low corner the AASM manual recommends for EEG. A first pass finds blocks beyond the limit; a second lays
the baseline through the others, so that a step or a pop costs its own samples and not the sound ones beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.runs import runs_of

BLOCK_S = 0.3
"""Grid of the baseline."""
BOX_BLOCKS = 5
"""Blocks in each moving mean. Two boxes of T s let through sinc²(f T): one half at f T = 0.443."""

_AT_ONCE = 4096
"""Blocks judged sample by sample in one go; bounds the memory where a whole night lies beyond the limit."""

Mask = NDArray[np.bool_]


def beyond_baseline(x_uv: Samples, fs_hz: float, limit_uv: float) -> Mask | None:
    """True for samples more than `limit_uv` from the baseline, shape (n,); None where no sample is.

    `x_uv` is one unbroken stretch, finite throughout. Samples without a baseline (nothing but blocks beyond the limit
    within 1.5 s on either side) are beyond it.
    """
    size = max(round(BLOCK_S * fs_hz), 1)
    low, high = block_extremes(x_uv, size)
    means = _block_means(x_uv, size)
    weights = np.ones(len(means))
    baseline = _smoothed(means, weights)
    far = (high - baseline > limit_uv) | (baseline - low > limit_uv)
    if far.any():
        weights[far] = 0.0
        baseline = _smoothed(means, weights)
    suspects = _maybe_beyond(baseline, low, high, limit_uv)
    if not suspects.any():
        return None
    out = np.zeros(len(x_uv), np.bool_)
    centres = (np.arange(len(means)) + 0.5) * size - 0.5
    centres[-1] = ((len(means) - 1) * size + len(x_uv) - 1) / 2.0  # the last block may be shorter
    for first, last in runs_of(suspects):
        for begin in range(first, last, _AT_ONCE):
            start, stop = begin * size, min(min(begin + _AT_ONCE, last) * size, len(x_uv))
            there = np.interp(np.arange(start, stop), centres, baseline)
            out[start:stop] = ~(np.abs(x_uv[start:stop] - there) <= limit_uv)  # NaN: no baseline
    return out


def block_extremes(x: Samples, size: int) -> tuple[Samples, Samples]:
    """Smallest and largest sample of successive blocks of `size`, the last one shorter; NaN where a block holds one.

    Shapes (ceil(n / size),).
    """
    starts = np.arange(0, len(x), size)
    with np.errstate(invalid="ignore"):
        return np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)


def _block_means(x: Samples, size: int) -> Floats:
    """Means of successive blocks, the last one shorter: one matrix product, faster than a mean along the short axis."""
    whole = len(x) // size * size
    means = (x[:whole].reshape(-1, size) @ np.full(size, 1.0 / size, np.float32)).astype(np.float64)
    return np.append(means, x[whole:].mean(dtype=np.float64)) if whole < len(x) else np.asarray(means, np.float64)


def _smoothed(means: Floats, weights: Floats) -> Floats:
    """The weighted mean under a triangle of two boxes, cut off at the ends; NaN where all weights are 0."""
    total, weight = _boxed(_boxed(means * weights)), _boxed(_boxed(weights))
    return np.asarray(np.divide(total, weight, out=np.full(len(means), np.nan), where=weight > 0.5), np.float64)


def _boxed(values: Floats) -> Floats:
    """Sums over `BOX_BLOCKS` neighbours, of which there are fewer at the ends."""
    reach = BOX_BLOCKS // 2
    padded = np.pad(values, reach)
    out = padded[: len(values)].copy()
    for shift in range(1, BOX_BLOCKS):
        out += padded[shift : shift + len(values)]
    return out


def _maybe_beyond(baseline: Floats, low: Samples, high: Samples, limit_uv: float) -> Mask:
    """Blocks that may hold a sample beyond the limit, wherever between its neighbours' values the baseline runs."""
    around = np.stack((baseline, np.append(baseline[1:], baseline[-1]), np.append(baseline[0], baseline[:-1])))
    return np.asarray(~((high - around.min(axis=0) <= limit_uv) & (around.max(axis=0) - low <= limit_uv)), np.bool_)
