"""The signal that YASA's model looks at: 0.4–30 Hz at 100 Hz, from any rate, never across a gap.

YASA resamples a recording to 100 Hz by cutting its spectrum (MNE's `Raw.resample`) and then filters it with MNE's
zero-phase FIR, whose pass band of 0.4–30 Hz ends at 37.5 Hz. Both are one product of spectra here: a block's spectrum
at the recording's rate, cut at 50 Hz, times the response of the 100-Hz filter, and back at 100 Hz.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np

from pipeline.recording import Floats, Samples
from pipeline.signals.fir import Mask, taps_of, usual_band
from pipeline.signals.runs import runs_of

FS_HZ = 100.0
LOW_HZ, HIGH_HZ = 0.4, 30.0
LEAST_S = 5.0
"""Stretches shorter than one spectral window count as missing: the filter alone reaches 4 s to either side. Our
choice; YASA knows no gaps."""

_GUARD = 32
"""Samples beyond the filter's reach that are thrown away at either end of a block, because what is cut at 50 Hz
(the filter lets 1/500 of it through) rings on; a choice that leaves less than 1e-4 of it."""
_LARGEST_DENOMINATOR = 40_000
"""Rates are taken as fractions of 100 Hz no finer than this; a choice that keeps time within a block to 1 ms."""
_BATCH_SAMPLES = 1 << 17


def band_passed_100_hz(x_uv: Samples, fs_hz: float, valid: Mask) -> Samples:
    """The EEG at 100 Hz between 0.4 and 30 Hz, float32 in µV; sample k stands for the time k / 100 s.

    Shape (⌊n · 100 / fs⌋,). NaN where a sample is missing or its unbroken stretch is shorter than `LEAST_S`. Each
    stretch is continued by its odd reflection.

    Raises
    ------
    ValueError
        If the rate is too low for the filter, 75 Hz or less.
    """
    if fs_hz <= 2.0 * 1.25 * HIGH_HZ:
        raise ValueError(f"a rate of {fs_hz:g} Hz does not hold what the filter lets through")
    out = np.full(int(len(x_uv) * FS_HZ / fs_hz + 1e-6), np.nan, np.float32)
    for start, stop in runs_of(valid):
        if stop - start >= LEAST_S * fs_hz:
            # A sample stands until the next one: the last at 100 Hz may lie behind the last of a lower rate.
            first, end = (math.ceil(edge * FS_HZ / fs_hz - 1e-6) for edge in (start, stop))
            end = min(end, len(out))
            piece = x_uv[start:stop]
            centred = piece - np.float32(piece.mean(dtype=np.float64))
            out[first:end] = _stretch(centred, fs_hz, first * fs_hz / FS_HZ - start, end - first)
    return out


@lru_cache(maxsize=1)
def _taps() -> Floats:
    return taps_of(usual_band(LOW_HZ, HIGH_HZ, FS_HZ), FS_HZ)


def _stretch(x: Samples, fs_hz: float, offset: float, n_out: int) -> Samples:
    """`n_out` filtered samples at 100 Hz, the first at `offset` samples into `x`."""
    taps = _taps()
    margin = len(taps) // 2 + _GUARD
    ratio = Fraction(fs_hz / FS_HZ).limit_denominator(_LARGEST_DENOMINATOR)
    times = 2
    while times * ratio.denominator < min(8 * len(taps), 2 * margin + n_out):
        times *= 2
    block_in, block_out = times * ratio.numerator, times * ratio.denominator
    step = block_out - 2 * margin
    blocks = -(-n_out // step)
    # Where each block's first sample lies in `x`: a whole number of samples and, for rates that 100 Hz does not
    # divide, a part of one, which the spectrum's phase takes up.
    at = offset + (np.arange(blocks) * step - margin) * (fs_hz / FS_HZ)
    at += (block_out * fs_hz / FS_HZ - block_in) / 2.0  # what the fraction leaves over is nothing in mid-block
    whole = np.floor(at + 1e-6).astype(np.int64)
    part = np.maximum(at - whole, 0.0)
    before = -int(whole[0])
    padded = _continued(x, before, int(whole[-1]) + block_in - len(x))
    response = np.fft.rfft(np.roll(np.pad(taps, (0, block_out - len(taps))), -(len(taps) // 2)))
    kept = min(block_in, block_out) // 2 + 1
    response = (response[:kept] * (block_out / block_in)).astype(np.complex64)
    frequency = 2j * np.pi / block_in * np.arange(kept)
    rows = np.lib.stride_tricks.sliding_window_view(padded, block_in)
    out = np.empty((blocks, step), np.float32)
    batch = max(_BATCH_SAMPLES // block_in, 1)
    for first in range(0, blocks, batch):
        these = slice(first, first + batch)
        spectrum = np.fft.rfft(rows[whole[these] + before], axis=1)[:, :kept]
        spectrum *= response
        if part[these].max() > 1e-5:
            spectrum *= np.exp(part[these, None] * frequency).astype(np.complex64)
        out[these] = np.fft.irfft(spectrum, block_out, axis=1)[:, margin : margin + step]
    return out.reshape(-1)[:n_out]


def _continued(x: Samples, before: int, after: int) -> Samples:
    """`x` with so many samples at either side: its odd reflection (2 x₀ − x) as far as it reaches, then zeros."""
    reach = len(x) - 1
    left, right = min(max(before, 0), reach), min(max(after, 0), reach)
    out = np.zeros(max(before, 0) + len(x) + max(after, 0), np.float32)
    start = max(before, 0)
    out[start : start + len(x)] = x
    out[start - left : start] = 2.0 * x[0] - x[left:0:-1]
    out[start + len(x) : start + len(x) + right] = 2.0 * x[-1] - x[-2 : -right - 2 : -1]
    return out
