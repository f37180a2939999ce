"""Power spectral density of EEG on the 30-s grid, from windows that hold nothing but valid samples.

Welch's method (doi:10.1109/TAU.1967.1161901) with the window that sleep research settled on: 4 s, Hann, 50 % overlap,
each window's mean removed. Windows are laid out afresh in every grid epoch (14 of them, at 0, 2 … 26 s) and none
reaches across an epoch's border or a gap. The Fourier sums are one matrix product over just the wanted frequencies,
so that the rate may be any number and window lengths need not factorise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS

WINDOW_S = 4.0
STEP_S = 2.0
WINDOWS = int((EPOCH_S - WINDOW_S) / STEP_S) + 1
"""Windows in an epoch: 14."""

TOP_HZ = 32.0
"""Highest frequency: the upper end of the band in which muscle artefacts are looked for."""
FREQS_HZ: NDArray[np.float64] = np.arange(0.0, TOP_HZ + 0.1, 1.0 / WINDOW_S)
"""Frequencies of every density here: 0, 0.25 … 32 Hz."""
HALF_HZ: NDArray[np.float64] = np.arange(0.5, 30.1, 0.5)
"""Centres of the stored bins: 0.5, 1 … 30 Hz."""

MIN_WINDOW_SHARE = 0.5
"""Share of an epoch's windows that must be valid (7 of 14); a choice of ours."""

_BATCH = 1024
"""Windows in one matrix product; keeps the gathered samples inside the processor's cache."""

Density = NDArray[np.float32]


def window_psd_uv2_hz(
    x_uv: NDArray[np.float32],
    valid: NDArray[np.bool_],
    fs_hz: float,
    start_ns: int,
    grid_start_ns: int,
    n_epochs: int,
) -> Density:
    """One-sided power spectral density of every 4-s window of every grid epoch, µV²/Hz.

    Parameters
    ----------
    x_uv, valid
        Samples in µV from `start_ns` on, and which of them may be used; shape (n,). What stands where `valid` is
        false is never looked at.
    fs_hz
        Sampling rate, any positive number. Windows begin on the sample nearest to where they should (at most half a
        sample away).
    grid_start_ns, n_epochs
        The grid of 30-s epochs to answer on; it may reach beyond the samples on either side.

    Returns
    -------
    Density
        Shape (n_epochs, 14, 129) at `FREQS_HZ`, float32. NaN for windows with an invalid sample or beyond the
        recording, and at frequencies of fs / 2 and above. White noise of variance v has density 2 v / fs; a sine of
        amplitude A integrates to A² / 2.
    """
    length = round(WINDOW_S * fs_hz)
    out = np.full((n_epochs * WINDOWS, len(FREQS_HZ)), np.nan, np.float32)
    starts = _window_starts(fs_hz, start_ns, grid_start_ns, n_epochs)
    inside = np.flatnonzero((starts >= 0) & (starts + length <= len(x_uv)))
    if not len(inside) or not valid.any():
        return out.reshape(n_epochs, WINDOWS, len(FREQS_HZ))
    seen = np.concatenate(([0], np.cumsum(valid, dtype=np.int64)))
    whole = inside[seen[starts[inside] + length] - seen[starts[inside]] == length]
    # A large electrode offset would cost float32 digits in the sums; it does not touch the result otherwise.
    centred = np.where(valid, x_uv - np.median(x_uv[valid]), 0.0).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(centred, length)
    basis = _basis(length, fs_hz)
    wanted = basis.shape[1] // 2
    for first in range(0, len(whole), _BATCH):
        rows = whole[first : first + _BATCH]
        parts = windows[starts[rows]] @ basis
        out[rows, :wanted] = parts[:, :wanted] ** 2 + parts[:, wanted:] ** 2
    return out.reshape(n_epochs, WINDOWS, len(FREQS_HZ))


def epoch_psd_uv2_hz(window_psd: Density, min_share: float = MIN_WINDOW_SHARE) -> Density:
    """Mean density of each epoch over its valid windows, shape (n_epochs, 129); NaN below `min_share` of them."""
    usable = np.isfinite(window_psd[:, :, 0])
    n_usable = usable.sum(axis=1)
    total = np.where(usable[:, :, None], window_psd, np.float32(0.0)).sum(axis=1)
    enough = n_usable >= max(min_share * window_psd.shape[1], 1)
    mean = total / np.maximum(n_usable, 1)[:, None].astype(np.float32)
    return np.where(enough[:, None], mean, np.float32(np.nan))


def half_hz_psd_uv2_hz(psd: Density) -> Density:
    """Density in 0.5-Hz bins, shape (…, 60) at `HALF_HZ`, from one at `FREQS_HZ`, shape (…, 129).

    Bin f is the mean over [f − 0.25, f + 0.25] of the density drawn as straight lines between its 0.25-Hz points,
    so that the sum over bins × 0.5 Hz is power. The lowest bin reaches down to 0.25 Hz and is the one that slow
    electrode drift can reach; band powers for analysis come from `band_power_uv2` at full resolution.
    """
    centre = np.searchsorted(FREQS_HZ, HALF_HZ)
    quarter, half = np.float32(0.25), np.float32(0.5)
    mean = quarter * psd[..., centre - 1] + half * psd[..., centre] + quarter * psd[..., centre + 1]
    return np.asarray(mean, np.float32)


def band_power_uv2(psd: Density, freqs_hz: NDArray[np.float64], low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Power between two frequencies, µV²: the trapezoidal integral over the bins low ≤ f ≤ high (both included).

    `psd` has the frequencies `freqs_hz` (evenly spaced) along its last axis; the result lacks that axis and is NaN
    where any bin of the band is.

    Raises
    ------
    ValueError
        If fewer than two bins lie in the band.
    """
    inside = (freqs_hz >= low_hz - 1e-9) & (freqs_hz <= high_hz + 1e-9)
    if inside.sum() < 2:
        raise ValueError(f"no band from {low_hz} to {high_hz} Hz among {len(freqs_hz)} frequencies")
    power = np.trapezoid(psd[..., inside].astype(np.float64), freqs_hz[inside], axis=-1)
    return np.asarray(power, np.float64)


def _window_starts(fs_hz: float, start_ns: int, grid_start_ns: int, n_epochs: int) -> NDArray[np.int64]:
    """First sample of every window, epoch by epoch; negative or too large where the recording does not reach."""
    epoch = np.arange(n_epochs, dtype=np.int64) * EPOCH_NS + (grid_start_ns - start_ns)
    window = np.round(np.arange(WINDOWS) * STEP_S * NS).astype(np.int64)
    return np.rint((epoch[:, None] + window[None, :]).ravel() / NS * fs_hz).astype(np.int64)


def _basis(length: int, fs_hz: float) -> NDArray[np.float32]:
    """Columns whose products with a window, squared and added, are its density: cosines, then sines.

    The Hann window, the removal of the mean and the scaling stand in the columns. Frequencies of fs / 2 and above,
    which the rate cannot tell from lower ones, have none.
    """
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    freqs = FREQS_HZ[: np.searchsorted(FREQS_HZ, fs_hz / 2.0)]
    phase = 2.0 * np.pi * np.outer(np.arange(length) / fs_hz, freqs)
    one_sided = np.where(freqs > 0.0, 2.0, 1.0)
    scale = np.sqrt(one_sided / (fs_hz * np.sum(hann**2)))
    columns = np.concatenate((np.cos(phase) * scale, np.sin(phase) * scale), axis=1) * hann[:, None]
    return np.asarray(columns - columns.mean(axis=0), np.float32)
