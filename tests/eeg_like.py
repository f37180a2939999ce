"""Noise with the spectrum of an EEG, for tests of its validity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]


def eeg_like(
    seconds: float, fs: float = 100.0, seed: int = 0, exponent: float = 1.6, hump_db: float = 2.0, sd_uv: float = 25.0
) -> Samples:
    """Noise of density f^−exponent with a hump at 0.75 Hz, flat below 0.05 Hz, of standard deviation `sd_uv`."""
    n = round(seconds * fs)
    hz = np.maximum(np.fft.rfftfreq(n, 1 / fs), 0.05)
    db = -10 * exponent * np.log10(hz) + hump_db * np.exp(-0.5 * (np.log2(hz / 0.75) / 0.6) ** 2)
    rng = np.random.default_rng(seed)
    x = np.fft.irfft(10 ** (db / 20) * (rng.normal(size=len(hz)) + 1j * rng.normal(size=len(hz))), n)
    return np.asarray(x / x.std() * sd_uv, np.float32)
