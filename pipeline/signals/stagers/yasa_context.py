"""What surrounds an epoch, as YASA's model sees it: two running means, scaled to the recording, and the time.

Re-implemented from YASA 0.8 (`yasa/staging.py`, BSD-3-Clause, © Raphael Vallat and others), pandas' `rolling` and
scikit-learn's `robust_scale`. Epochs that are missing are skipped: they weigh nothing in a running mean and do not
count in the scaling.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats
from pipeline.signals.stagers.yasa_features import NAMES

AROUND = np.concatenate((np.arange(1, 9), np.arange(7, 0, -1))) / 8.0
"""Triangular weights of 15 epochs, 7.5 min, the epoch itself in the middle."""
PAST = np.ones(4)
"""Weights of the epoch and the three before it, 2 min."""
COLUMNS = (
    *(f"eeg_{name}" for name in NAMES),
    *(f"eeg_{name}_c7min_norm" for name in NAMES),
    *(f"eeg_{name}_p2min_norm" for name in NAMES),
    "time_hour",
    "time_norm",
)
"""The 65 columns, as YASA names them."""


def with_context(features: Floats, there: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The 65 columns of `COLUMNS`, shape (n, 65), from the 21 of each epoch, shape (n, 21).

    Rows of epochs that are not `there` are NaN. Times are counted from the first epoch, whether it is there or not.
    """
    kept = np.where(there[:, None], features, np.nan)
    around = running_mean(kept, AROUND, ahead=len(AROUND) // 2)
    past = running_mean(kept, PAST, ahead=0)
    hour = np.arange(len(features)) / 120.0
    share = hour / hour[-1] if len(hour) > 1 else hour
    rows = np.column_stack((kept, *(robust_scaled(each, there) for each in (around, past)), hour, share))
    rows[~there] = np.nan
    return rows.astype(np.float32)


def running_mean(x: Floats, weights: Floats, ahead: int) -> Floats:
    """Weighted means of the rows around each row, `ahead` of them after it, of what is not NaN; shape of `x`."""
    n, before = len(x), len(weights) - 1 - ahead
    padded = np.pad(x, ((before, ahead), (0, 0)), constant_values=np.nan)
    there = np.isfinite(padded)
    values = np.where(there, padded, 0.0)
    total, weight = np.zeros_like(x), np.zeros_like(x)
    for k, each in enumerate(weights):
        total += each * values[k : k + n]
        weight += each * there[k : k + n]
    return np.asarray(np.divide(total, weight, out=np.full_like(x, np.nan), where=weight > 0.0), np.float64)


def robust_scaled(x: Floats, there: NDArray[np.bool_]) -> Floats:
    """Columns less their median, in units of their 5th to 95th percentile over the rows `there`; shape of `x`.

    A column that does not vary is only centred.
    """
    out = np.full_like(x, np.nan)
    for column in range(x.shape[1]):
        values = x[there, column]
        values = values[np.isfinite(values)]
        if len(values):
            low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
            spread = high - low
            out[:, column] = (x[:, column] - middle) / (spread if spread >= 10.0 * np.finfo(np.float64).eps else 1.0)
    return out
