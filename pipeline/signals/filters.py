"""Zero-phase Butterworth filters that never look across a gap.

Every filter runs forward and backward over each contiguous finite stretch on its own, so that nothing is delayed and
nothing of one stretch leaks into the next. The order named below is that of the single pass; both passes together
halve the amplitude (−6 dB) at a corner frequency. The computation is in float64 whatever the samples are.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.signals.runs import runs_of

ORDER = 3
"""Order of each pass. Third-order Butterworth, forward and backward: 36 dB per octave in all."""

PAD_PERIODS = 1.0
"""Length of the reflected pad at either end, in periods of the lowest corner frequency: shorter stretches hold no
single period of what is to be kept or removed, and come back as NaN."""

Real = NDArray[np.float32] | NDArray[np.float64]


def band_passed(x: Real, fs_hz: float, low_hz: float, high_hz: float) -> Real:
    """`x` between two corner frequencies: zero phase, NaN across gaps and in stretches too short to filter.

    Parameters
    ----------
    x
        Samples along the first axis, shape (n,) or (n, k), float32 or float64, any unit; NaN where nothing was
        recorded. A row with one value missing is missing.
    fs_hz
        Sampling rate; need not be an integer.
    low_hz, high_hz
        Corners, 0 < low < high < fs / 2.

    Returns
    -------
    Real
        Same shape and dtype as `x`. Stretches of one period of `low_hz` (`PAD_PERIODS`) or less are NaN.

    Raises
    ------
    ValueError
        If the corners are not in order or not below half the rate.
    """
    if not 0.0 < low_hz < high_hz < fs_hz / 2.0:
        raise ValueError(f"corners {low_hz} and {high_hz} Hz do not fit a rate of {fs_hz} Hz")
    return _by_stretch(x, fs_hz, (low_hz, high_hz), "bandpass")


def high_passed(x: Real, fs_hz: float, corner_hz: float) -> Real:
    """`x` above a corner frequency; shapes, gaps and errors as in `band_passed`."""
    if not 0.0 < corner_hz < fs_hz / 2.0:
        raise ValueError(f"a corner of {corner_hz} Hz does not fit a rate of {fs_hz} Hz")
    return _by_stretch(x, fs_hz, (corner_hz,), "highpass")


def low_passed(x: Real, fs_hz: float, corner_hz: float) -> Real:
    """`x` below a corner frequency; shapes, gaps and errors as in `band_passed`."""
    if not 0.0 < corner_hz < fs_hz / 2.0:
        raise ValueError(f"a corner of {corner_hz} Hz does not fit a rate of {fs_hz} Hz")
    return _by_stretch(x, fs_hz, (corner_hz,), "lowpass")


def _by_stretch(
    x: Real, fs_hz: float, corners_hz: tuple[float, ...], kind: Literal["bandpass", "highpass", "lowpass"]
) -> Real:
    from scipy.signal import butter, sosfiltfilt

    corner = corners_hz[0] if len(corners_hz) == 1 else corners_hz
    sos = butter(ORDER, corner, btype=kind, fs=fs_hz, output="sos")
    # At least scipy's own default pad, which settles the filter's state when the corner is close to fs / 2.
    pad = max(int(np.ceil(PAD_PERIODS * fs_hz / corners_hz[0])), 3 * (2 * len(sos) + 1))
    out = np.full_like(x, np.nan)
    finite = np.asarray(np.isfinite(x) if x.ndim == 1 else np.isfinite(x).all(axis=1), np.bool_)
    for start, stop in runs_of(finite):
        if stop - start > pad:
            out[start:stop] = sosfiltfilt(sos, x[start:stop].astype(np.float64), axis=0, padlen=pad)
    return out
