"""The 21 numbers that YASA takes from each 30-s epoch of EEG, for whole epochs at once.

Re-implemented from YASA 0.8 (`yasa/staging.py`, BSD-3-Clause, © Raphael Vallat and others; doi:10.7554/eLife.70092)
and AntroPy 0.2 (BSD-3-Clause, © Raphael Vallat), whose definitions are kept to the sample: names, degrees of freedom,
treatment of ties, integration rules.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats
from pipeline.signals.stagers.yasa_signal import FS_HZ

BANDS = {
    "sdelta": (0.4, 1.0),
    "fdelta": (1.0, 4.0),
    "theta": (4.0, 8.0),
    "alpha": (8.0, 12.0),
    "sigma": (12.0, 16.0),
    "beta": (16.0, 30.0),
}
"""Borders in Hz; both belong to the band."""
NAMES = (
    *("std", "iqr", "skew", "kurt", "nzc", "hmob", "hcomp"),
    *BANDS,
    *("dt", "ds", "db", "at", "abspow", "perm", "higuchi", "petrosian"),
)
WINDOW = 500
"""Samples in a spectral window: 5 s; windows overlap by half."""
WINDOWS = 11
"""Whole windows in an epoch."""
LAGS = 10
"""Largest lag of the Higuchi dimension (AntroPy's default)."""
_FIRST_BIN, _LAST_BIN = 2, 150
_CHUNK = 32
"""Epochs that are looked at together; a choice that keeps them inside the processor's cache."""

Epochs = NDArray[np.float32]


def whole_epoch_features(epochs: Epochs) -> Floats:
    """Features of epochs without a hole, shape (n, 21) in the order of `NAMES`; `epochs` of shape (n, 3000) in µV.

    `std`, `iqr` in µV, `abspow` in µV², `nzc` a count, band powers as shares of 0.4–30 Hz, the rest without unit. A
    constant epoch has no skewness, kurtosis, mobility, complexity or shares: NaN, as in YASA.
    """
    out = np.empty((len(epochs), len(NAMES)))
    for first in range(0, len(epochs), _CHUNK):
        chunk = epochs[first : first + _CHUNK]
        with np.errstate(invalid="ignore", divide="ignore"):
            amplitude, change = _amplitude(chunk), np.diff(chunk, axis=1)
            spectral = from_spectra(spectra_of(chunk))
            rising = ~np.signbit(change)
            out[first : first + _CHUNK] = np.column_stack(
                (
                    amplitude,
                    _crossings(np.signbit(chunk)),
                    _hjorth(chunk, change),
                    spectral,
                    permutation_entropy(_patterns(chunk, rising)),
                    higuchi_slope(_curve_lengths(chunk)),
                    petrosian_dimension(chunk.shape[1], _crossings(rising)),
                )
            )
    return out


def _amplitude(x: Epochs) -> Floats:
    """Standard deviation (n − 1), interquartile range, skewness and excess kurtosis (both of the n moments)."""
    n = x.shape[1]
    deviation = x - x.mean(axis=1, keepdims=True)
    square = deviation * deviation
    m2, m3, m4 = (
        np.einsum("ij,ij->i", a, b).astype(np.float64) / n
        for a, b in ((deviation, deviation), (square, deviation), (square, square))
    )
    ranks = np.array([0.25, 0.75]) * (n - 1)
    low = ranks.astype(int)
    part = np.partition(x, np.concatenate((low, low + 1)), axis=1)
    below, above = part[:, low].astype(np.float64), part[:, low + 1].astype(np.float64)
    quartiles = below + (above - below) * (ranks - low)
    iqr = quartiles[:, 1] - quartiles[:, 0]
    return np.column_stack((np.sqrt(m2 * n / (n - 1)), iqr, m3 / m2**1.5, m4 / m2**2 - 3.0))


def _crossings(sign: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How often a sign changes along each row."""
    return np.asarray(np.count_nonzero(sign[:, 1:] != sign[:, :-1], axis=1), np.int64)


def _hjorth(x: Epochs, change: Epochs) -> Floats:
    """Mobility per sample and complexity (Hjorth 1970, doi:10.1016/0013-4694(70)90143-4)."""
    v0, v1, v2 = (_variance(each) for each in (x, change, np.diff(change, axis=1)))
    mobility = np.sqrt(v1 / v0)
    return np.column_stack((mobility, np.sqrt(v2 / v1) / mobility))


def _variance(x: Epochs) -> Floats:
    mean = x.mean(axis=1, dtype=np.float64)
    square = np.einsum("ij,ij->i", x, x).astype(np.float64) / x.shape[1]
    return np.asarray(np.maximum(square - mean**2, 0.0), np.float64)


def spectra_of(epochs: Epochs) -> Floats:
    """Welch spectra in µV²/Hz at 0.4, 0.6 … 30 Hz, shape (n, 149): 11 Hamming windows of 5 s, their median.

    The median is divided by its bias for 11 windows, as SciPy does (doi:10.1103/PhysRevD.85.122006). Removing each
    window's mean would change nothing here: a Hamming window leaks no further than the neighbouring bin.
    """
    windows = np.lib.stride_tricks.sliding_window_view(epochs, WINDOW, axis=1)[:, :: WINDOW // 2]
    power = window_power(windows)
    middle = np.partition(power, WINDOWS // 2, axis=1)[:, WINDOWS // 2]
    return np.asarray(middle / median_bias(WINDOWS), np.float64)


def window_power(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """One-sided density in µV²/Hz at 0.4 … 30 Hz of windows along the last axis, 500 samples each."""
    hamming = 0.54 - 0.46 * np.cos(2.0 * np.pi * np.arange(WINDOW) / WINDOW)
    taper = (hamming * np.sqrt(2.0 / (FS_HZ * (hamming**2).sum()))).astype(np.float32)
    found = np.fft.rfft(windows * taper, axis=-1)[..., _FIRST_BIN : _LAST_BIN + 1]
    return np.asarray(found.real**2 + found.imag**2, np.float32)


def median_bias(windows: int) -> float:
    """What the median of so many periodograms is, divided by their mean (SciPy's `_median_bias`)."""
    even = 2.0 * np.arange(1, (windows - 1) // 2 + 1)
    return float(1.0 + np.sum(1.0 / (even + 1.0) - 1.0 / even))


def from_spectra(psd: Floats) -> Floats:
    """Six band shares, four ratios of bands and the power of 0.4–30 Hz in µV², shape (n, 11), from (n, 149)."""
    bin_hz = FS_HZ / WINDOW
    weights = np.zeros((psd.shape[1], len(BANDS) + 2))
    for column, (low_hz, high_hz) in enumerate((*BANDS.values(), (0.4, 30.0))):
        first, last = (round(edge / bin_hz) - _FIRST_BIN for edge in (low_hz, high_hz))
        weights[first : last + 1, column] = _simpson(last - first + 1) * bin_hz
    weights[:, -1] = bin_hz
    weights[[0, -1], -1] /= 2.0  # the trapezoidal rule
    power = psd @ weights
    share = power[:, : len(BANDS)] / power[:, len(BANDS), None]
    slow, fast, theta, alpha, sigma, beta = share.T
    delta = slow + fast
    return np.column_stack((share, delta / theta, delta / sigma, delta / beta, alpha / theta, power[:, -1]))


def _simpson(n: int) -> Floats:
    """Weights of Simpson's rule at step 1; an even number of points ends with Cartwright's correction, as in SciPy."""
    weights = np.zeros(n)
    odd = n - (n % 2 == 0)
    weights[:odd] = np.where(np.arange(odd) % 2, 4.0, 2.0) / 3.0
    weights[[0, odd - 1]] = 1.0 / 3.0
    if odd < n:
        weights[-3:] += np.array([-1.0, 8.0, 5.0]) / 12.0
    return weights


def _patterns(x: Epochs, rising: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How often each order of three successive samples occurs, shape (n, 6); equal samples count as rising."""
    first, second = rising[:, :-1], rising[:, 1:]
    ends = x[:, :-2] <= x[:, 2:]
    up, peak, trough = first & second, first & ~second, second & ~first
    peak_up, trough_up = peak & ends, trough & ends
    count = [np.count_nonzero(each, axis=1) for each in (up, peak, trough, peak_up, trough_up)]
    n_up, n_peak, n_trough, n_peak_up, n_trough_up = count
    down = ends.shape[1] - n_up - n_peak - n_trough
    return np.stack((n_up, down, n_peak_up, n_peak - n_peak_up, n_trough_up, n_trough - n_trough_up), axis=1)


def permutation_entropy(patterns: NDArray[np.int64]) -> Floats:
    """Entropy of the six orders of three samples, 0 … 1 (Bandt & Pompe 2002, doi:10.1103/PhysRevLett.88.174102)."""
    share = patterns / patterns.sum(axis=1, keepdims=True)
    bits = -(share * np.log2(np.where(share > 0.0, share, 1.0))).sum(axis=1)
    return np.asarray(np.clip(bits / np.log2(6.0), 0.0, 1.0), np.float64)


def _curve_lengths(x: Epochs) -> Floats:
    """Higuchi's mean curve length at the lags 1 … 10, shape (n, 10) (doi:10.1016/0167-2789(88)90081-4)."""
    n = x.shape[1]
    lengths = np.empty((len(x), LAGS))
    for lag in range(1, LAGS + 1):
        step = np.subtract(x[:, lag:], x[:, :-lag])
        np.abs(step, out=step)
        lengths[:, lag - 1] = step @ curve_weights(n, lag).astype(np.float32)
    return lengths


def curve_weights(n: int, lag: int) -> Floats:
    """What each step x[i + lag] − x[i] of n samples weighs in the mean curve length, shape (n − lag,)."""
    phase = np.arange(n - lag) % lag
    steps = (n - 1 - phase) // lag
    return (n - 1) / (lag**3 * steps)


def higuchi_slope(lengths: Floats) -> Floats:
    """The Higuchi dimension: slope of log length over log (1 / lag); NaN for a curve without length."""
    at = -np.log(np.arange(1, LAGS + 1))
    at_from_mean = at - at.mean()
    logs = np.log(np.where(lengths > 0.0, lengths, np.nan))
    # AntroPy adds 1e-9 to ten times the sum of squares.
    return np.asarray((logs @ at_from_mean) * LAGS / (LAGS * (at_from_mean**2).sum() + 1e-9), np.float64)


def petrosian_dimension(n: int, changes: NDArray[np.int64] | Floats) -> Floats:
    """Petrosian's dimension from the number of changes of the slope's sign among n samples (CBMS 1995, 212–217)."""
    return np.asarray(np.log10(n) / (np.log10(n) + np.log10(n / (n + 0.4 * changes))), np.float64)
