"""The same 21 numbers for an epoch with holes, from what stands unbroken in it.

Moments and quartiles are of the samples that are there; crossings are counted between neighbours that are both there
and scaled to a whole epoch; orders of three, steps of Higuchi's curves and spectral windows are those without a hole.
An epoch without a hole gives what `whole_epoch_features` gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats
from pipeline.signals.stagers.yasa_features import (
    LAGS,
    NAMES,
    WINDOW,
    Epochs,
    curve_weights,
    from_spectra,
    higuchi_slope,
    median_bias,
    permutation_entropy,
    petrosian_dimension,
    window_power,
)

MIN_VALID_SHARE = 0.5
MIN_WINDOWS = 3
"""An epoch is looked at if at least half of its samples are there and at least three of its eleven spectral windows
are whole: a choice of ours. YASA itself knows no missing samples."""


def sufficiently_valid(epochs: Epochs) -> NDArray[np.bool_]:
    """Whether enough of each epoch is there (see `MIN_WINDOWS`), shape (n,); NaN in `epochs` is what is missing."""
    there = np.isfinite(epochs)
    share = there.mean(axis=1)
    enough: NDArray[np.bool_] = share >= MIN_VALID_SHARE
    for k in np.flatnonzero(enough & (share < 1.0)):
        enough[k] = _whole(epochs[k]).sum() >= MIN_WINDOWS
    return enough


def partial_epoch_features(epochs: Epochs) -> Floats:
    """Features of epochs that are sufficiently valid, shape (n, 21) in the order of `NAMES`."""
    out = np.empty((len(epochs), len(NAMES)))
    with np.errstate(invalid="ignore", divide="ignore"):
        for k, epoch in enumerate(epochs):
            out[k] = _features(epoch)
    return out


def _features(x: NDArray[np.float32]) -> Floats:
    values = x[np.isfinite(x)].astype(np.float64)
    change = np.diff(x.astype(np.float64))
    v0, v1, v2 = (np.nanvar(each) for each in (values, change, np.diff(change)))
    mobility = np.sqrt(v1 / v0)
    quartiles = np.quantile(values, (0.25, 0.75))
    deviation = values - values.mean()
    moments = [np.mean(deviation**power) for power in (2, 3, 4)]
    return np.concatenate(
        (
            [np.std(values, ddof=1), quartiles[1] - quartiles[0]],
            [moments[1] / moments[0] ** 1.5, moments[2] / moments[0] ** 2 - 3.0],
            [_changes(x), mobility, np.sqrt(v2 / v1) / mobility],
            from_spectra(_spectrum(x)[None])[0],
            permutation_entropy(_patterns(x)[None]),
            higuchi_slope(_curve_lengths(x)[None]),
            petrosian_dimension(len(x), np.array([_changes(np.diff(x))])),
        )
    )


def _changes(x: NDArray[np.float32]) -> float:
    """Changes of sign between neighbours that are both there, scaled to as many neighbours as there could be."""
    both = np.isfinite(x[1:]) & np.isfinite(x[:-1])
    return float(np.mean((np.signbit(x[1:]) != np.signbit(x[:-1]))[both]) * (len(x) - 1))


def _windows(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.lib.stride_tricks.sliding_window_view(x, WINDOW)[:: WINDOW // 2]


def _whole(x: NDArray[np.float32]) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(_windows(x)).all(axis=1), np.bool_)


def _spectrum(x: NDArray[np.float32]) -> Floats:
    windows = _windows(x)[_whole(x)]
    # SciPy's bias is that of an odd number: an even one has that of the next lower.
    return np.asarray(np.median(window_power(windows), axis=0) / median_bias(len(windows)), np.float64)


def _patterns(x: NDArray[np.float32]) -> NDArray[np.int64]:
    triples = np.lib.stride_tricks.sliding_window_view(x, 3)
    a, b, c = triples[np.isfinite(triples).all(axis=1)].T
    code = (a <= b) * 4 + (b <= c) * 2 + (a <= c)
    # Equal samples cannot make the two codes that contradict themselves.
    return np.bincount(code, minlength=8)[[7, 0, 5, 4, 3, 2]]


def _curve_lengths(x: NDArray[np.float32]) -> Floats:
    lengths = np.empty(LAGS)
    for lag in range(1, LAGS + 1):
        step = np.abs(x[lag:].astype(np.float64) - x[:-lag])
        weight = np.where(np.isfinite(step), curve_weights(len(x), lag), 0.0)
        # Weights of what is there are raised to the sum of all of them.
        lengths[lag - 1] = np.nansum(step * weight) / weight.sum() * curve_weights(len(x), lag).sum()
    return lengths
