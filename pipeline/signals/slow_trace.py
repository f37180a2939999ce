"""The slow part of an EEG at about 10 samples a second: what tests of drift, high-passes and polarity look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.runs import runs_of

BLOCK_S = 0.1
"""Length of a block. A choice: its mean keeps 98 % of a wave of 1 Hz and 85 % of one of 3 Hz (power: 97 and 73 %)."""


@dataclass(frozen=True, slots=True)
class SlowTrace:
    """Means of successive blocks of samples, shape (m,), and whether a block holds nothing but valid samples.

    Block k stands for the samples [k size, (k + 1) size); `fs_hz` is the rate of blocks. Values of blocks that are
    not whole mean nothing.
    """

    x_uv: Samples
    whole: NDArray[np.bool_]
    fs_hz: float
    size: int

    def windows(self, length: int, step: int, keep: NDArray[np.bool_] | None = None) -> Floats:
        """Every `step`-th window of `length` whole (and kept) blocks, float64, shape (w, length)."""
        usable = self.whole if keep is None else self.whole & keep
        starts = np.arange(0, len(self.x_uv) - length + 1, step)
        bad = runs_of(~usable)
        clean = np.searchsorted(bad[:, 0], starts + length, "left") == np.searchsorted(bad[:, 1], starts, "right")
        return np.asarray(self.x_uv[starts[clean][:, None] + np.arange(length)], np.float64)

    def gain(self, freqs_hz: Floats) -> Floats:
        """Amplitude that a block mean leaves of a wave, shape as `freqs_hz`; 1 where a block is one sample."""
        return np.asarray(np.sinc(freqs_hz / self.fs_hz) / np.sinc(freqs_hz / (self.fs_hz * self.size)), np.float64)


def slow_trace(x_uv: Samples, valid: NDArray[np.bool_], fs_hz: float) -> SlowTrace:
    """The block means of an EEG, shape (n,), whose samples `valid` names as usable.

    Rates of 10 Hz or less keep their samples.
    """
    size = max(round(BLOCK_S * fs_hz), 1)
    n = len(x_uv) // size
    with np.errstate(invalid="ignore"):
        means = x_uv[: n * size].reshape(n, size) @ np.full(size, 1.0 / size, np.float32)
    whole = np.ones(n, np.bool_)
    for start, stop in runs_of(~valid).tolist():
        whole[start // size : -(-stop // size)] = False
    return SlowTrace(np.asarray(means, np.float32), whole, fs_hz / size, size)
