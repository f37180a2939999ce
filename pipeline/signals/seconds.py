"""A signal on the lattice of whole seconds, whatever its rate: the common ground of slow sensors and the epoch grid."""

from __future__ import annotations

import numpy as np

from pipeline.clock import NS
from pipeline.recording import Floats, Int64, Signal


def on_seconds(signal: Signal, start_ns: int, n_s: int) -> Floats:
    """Value of a one-channel signal in each of `n_s` seconds from `start_ns` on, shape (n_s,); NaN where there is none.

    At 1 Hz and above, the median of the finite samples that begin within the second (a median, because contact is
    lost for single samples). Below 1 Hz, the sample whose interval holds the middle of the second: a value per
    minute stands for its whole minute, and a gap stays a gap.
    """
    samples = signal.samples.astype(np.float64)
    offset_s = (signal.start_ns - start_ns) / NS
    if signal.fs_hz < 1.0:
        row = np.floor((np.arange(n_s) + 0.5 - offset_s) * signal.fs_hz).astype(np.int64)
        held = (row >= 0) & (row < len(samples))
        out = np.full(n_s, np.nan)
        out[held] = samples[row[held]]
        return out
    second = np.floor(np.arange(len(samples)) / signal.fs_hz + offset_s).astype(np.int64)
    keep = (second >= 0) & (second < n_s) & np.isfinite(samples)
    return _grouped_median(samples[keep], second[keep], n_s)


def _grouped_median(values: Floats, group: Int64, n: int) -> Floats:
    """Median of the finite values of each of n groups; NaN for an empty one."""
    ordered = values[np.lexsort((values, group))]
    count = np.bincount(group, minlength=n)
    first = np.cumsum(count) - count
    out = np.full(n, np.nan)
    some = count > 0
    low, high = first[some] + (count[some] - 1) // 2, first[some] + count[some] // 2
    out[some] = (ordered[low] + ordered[high]) / 2.0
    return out
