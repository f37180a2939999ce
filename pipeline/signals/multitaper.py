"""Multitaper spectrum of EEG on the 30-s grid, for the spectrogram and the aperiodic slope.

Sine tapers (Riedel & Sidorenko 1995, doi:10.1109/78.365298): within a few per cent of the concentration of Slepian
tapers, with side lobes that fall fast enough for a slow electrode drift not to climb over them, and so simple that all
tapers of a window come out of one Fourier transform: taper k of a window of N samples is the difference of two bins of
its transform at twice the resolution. Windows of 5 s and four tapers smooth over ±0.5 Hz; the six windows of an epoch
give 48 degrees of freedom, what Welch's method reaches at the same smoothing with windows that overlap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.recording import Floats, Samples

WINDOW_S = 5.0
WINDOWS = round(EPOCH_S / WINDOW_S)
"""Windows in an epoch, end to end: 6."""
TAPERS = 4
STEP_HZ = 0.5
FREQS_HZ: Floats = np.arange(0.5, 30.1, STEP_HZ)
"""Frequencies of the spectrum: 0.5, 1 … 30 Hz."""
HALF_WIDTH_HZ = (TAPERS + 1) / (2.0 * WINDOW_S)
"""Half width of the smoothing: 0.5 Hz."""
MIN_WINDOWS = 3
"""Valid windows that an epoch needs; a choice of ours."""
_BATCH = 256
"""Windows transformed at once; keeps them inside the processor's cache."""

Mask = NDArray[np.bool_]


def multitaper_uv2_hz(
    x_uv: Samples, valid: Mask, fs_hz: float, start_ns: int, grid_start_ns: int, n_epochs: int
) -> NDArray[np.float32]:
    """One-sided power spectral density of every grid epoch, µV²/Hz, shape (n_epochs, 60) at `FREQS_HZ`.

    The mean over the epoch's valid windows. NaN with fewer than three of them, and at frequencies whose smoothing
    reaches fs / 2. White noise of variance v has density 2 v / fs, but for the lowest bin, from which the line that is
    taken out of every window as drift takes an eighth. The density is sampled at its frequencies, not averaged between
    them: of a pure sine up to a quarter of the power may lie between two.

    Parameters
    ----------
    x_uv, valid
        Samples in µV from `start_ns` on, and which may be used; shape (n,). A window with one that may not is left.
    fs_hz
        Sampling rate, any number above 2 Hz.
    grid_start_ns, n_epochs
        The grid to answer on; it may reach beyond the samples on either side.
    """
    length = round(WINDOW_S * fs_hz)
    epoch = np.arange(n_epochs, dtype=np.int64) * EPOCH_NS + (grid_start_ns - start_ns)
    begins = epoch[:, None] + np.round(np.arange(WINDOWS) * WINDOW_S * NS).astype(np.int64)
    starts = np.rint(begins.ravel() / NS * fs_hz).astype(np.int64)
    inside = np.flatnonzero((starts >= 0) & (starts + length <= len(x_uv)))
    seen = np.concatenate(([0], np.cumsum(valid, dtype=np.int64)))
    whole = inside[seen[starts[inside] + length] - seen[starts[inside]] == length]
    each = np.zeros((n_epochs * WINDOWS, len(FREQS_HZ)), np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x_uv, length) if len(x_uv) >= length else None
    for first in range(0, len(whole), _BATCH):
        rows = whole[first : first + _BATCH]
        if windows is not None:
            each[rows] = _densities(windows[starts[rows]], fs_hz)
    total = each.reshape(n_epochs, WINDOWS, len(FREQS_HZ)).sum(axis=1, dtype=np.float64)
    n = np.bincount(whole // WINDOWS, minlength=n_epochs)
    mean = np.where(n[:, None] >= MIN_WINDOWS, total / np.maximum(n, 1)[:, None], np.nan)
    mean[:, fs_hz / 2.0 <= FREQS_HZ + HALF_WIDTH_HZ] = np.nan
    return mean.astype(np.float32)


def _densities(windows: Samples, fs_hz: float) -> NDArray[np.float32]:
    """The density of each window, shape (windows, 60)."""
    length = windows.shape[1]
    line = np.arange(length, dtype=np.float32) - np.float32((length - 1) / 2.0)
    level = windows - windows.mean(axis=1, keepdims=True)
    # A drift is a line within a window: taken out, it cannot leak.
    level -= (level @ line / (line @ line))[:, None] * line
    half = np.fft.rfft(level, 2 * length, axis=1)
    centre = np.rint(FREQS_HZ * 2.0 * length / fs_hz).astype(np.int64)
    # Frequencies that the rate does not reach are answered with NaN by the caller.
    centre = np.minimum(centre, half.shape[1] - 1 - TAPERS)
    power = np.zeros((len(windows), len(FREQS_HZ)), np.float32)
    for k in range(1, TAPERS + 1):
        between = half[:, centre - k] - half[:, centre + k]
        power += between.real**2 + between.imag**2
    # Taper k is √(2/(N+1)) sin(πk(t+1)/(N+1)): its transform is the difference of two bins over √(2(N+1)).
    return power * np.float32(2.0 / (TAPERS * 2.0 * (length + 1) * fs_hz))
