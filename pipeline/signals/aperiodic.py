"""The aperiodic exponent: how steeply EEG power falls with frequency beneath its rhythms.

A straight line through log power over log frequency, fitted after the bins that a rhythm lifts above it are left out
again and again (a robust variant of Donoghue et al. 2020, doi:10.1038/s41593-020-00744-x). In NREM sleep the exponent
is larger than in wake and REM (Lendner et al. 2020, doi:10.7554/eLife.55092). It does not depend on gain.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats

LOW_HZ, HIGH_HZ = 2.0, 30.0
"""The fitted range: above the slow waves, whose power has no straight line, up to where EMG begins (our choice)."""
ROUNDS = 4
LIFT = 1.0
"""A bin that lies more than so many robust standard deviations above the line is a rhythm's (our choice)."""
LEAST_BINS = 15
"""Bins that a fit needs; a choice of ours."""


def aperiodic_exponent(psd: NDArray[np.floating], freqs_hz: Floats) -> Floats:
    """The exponent β of power ∝ 1 / f^β of each row, shape (n,); NaN where too few bins are known.

    `psd` is a density of shape (n, k) at the k frequencies `freqs_hz` (Hz, rising), in any unit: a gain moves the
    line, not its slope. Fitted over 2 … 30 Hz; where the rate is so low that less than 15 bins remain it is NaN.
    """
    used = (freqs_hz >= LOW_HZ) & (freqs_hz <= HIGH_HZ)
    x = np.log(freqs_hz[used])
    power = np.asarray(psd[:, used], np.float64)
    known = np.isfinite(power) & (power > 0.0)
    y = np.log(np.where(known, power, 1.0))
    # Every octave weighs the same: on a linear grid of frequencies the upper half would make the fit alone.
    spacing = np.gradient(x)
    kept = known
    slope = np.full(len(y), np.nan)
    for _ in range(ROUNDS):
        slope, level = _line(x, y, kept * spacing)
        over = y - level[:, None] - slope[:, None] * x
        spread = 1.4826 * _row_median(np.abs(over), kept)
        kept = known & (over <= LIFT * np.maximum(spread, 1e-9)[:, None])
    return np.where(known.sum(axis=1) >= LEAST_BINS, -slope, np.nan)


def _line(x: Floats, y: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted least squares of each row: slopes and levels at x = 0; NaN where nothing weighs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        total = weight.sum(axis=1)
        mean_x, mean_y = (weight * x).sum(axis=1) / total, (weight * y).sum(axis=1) / total
        apart = x - mean_x[:, None]
        slope = (weight * apart * (y - mean_y[:, None])).sum(axis=1) / (weight * apart**2).sum(axis=1)
    return slope, mean_y - slope * mean_x


def _row_median(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Median of each row's kept values; NaN for a row without any."""
    ordered = np.sort(np.where(kept, values, np.inf), axis=1)
    n, row = kept.sum(axis=1), np.arange(len(values))
    middle = (ordered[row, np.maximum(n - 1, 0) // 2] + ordered[row, np.minimum(n // 2, values.shape[1] - 1)]) / 2.0
    return np.where(n > 0, middle, np.nan)
