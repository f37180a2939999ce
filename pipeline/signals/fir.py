"""Zero-phase FIR filters in float32 that never look across a gap, and means of blocks of samples.

The design is the windowed sinc (Hamming) that MNE builds for `fir_design="firwin"`: each edge gets just the taps that
its own transition needs, 3.3 / transition seconds of them, and lies at −6 dB in the middle of its transition. Events
found behind these filters therefore compare with those of tools that filter through MNE. Products are overlap-save in
blocks that fit the processor's cache; NumPy alone, because the import of SciPy's filters costs more than the
filtering of a night.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.runs import runs_of

HAMMING_FACTOR = 3.3
"""Length of a Hamming-windowed sinc in units of 1 / transition width (MNE, doi:10.3389/fnins.2013.00267)."""

_BATCH_SAMPLES = 1 << 17
"""Samples that are transformed at once; a choice that keeps them inside the processor's cache."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Band:
    """A pass band: its edges and the widths of the transitions below and above it, in Hz."""

    low_hz: float
    high_hz: float
    low_transition_hz: float
    high_transition_hz: float

    @property
    def longest_s(self) -> float:
        """Length of the filter in seconds."""
        return HAMMING_FACTOR / min(self.low_transition_hz, self.high_transition_hz)


def usual_band(low_hz: float, high_hz: float, fs_hz: float) -> Band:
    """A band with MNE's own transitions: a quarter of the edge, at least 2 Hz, at most what there is room for.

    Raises
    ------
    ValueError
        If the edges are not in order or not below half the rate.
    """
    if not 0.0 < low_hz < high_hz < fs_hz / 2.0:
        raise ValueError(f"edges {low_hz} and {high_hz} Hz do not fit a rate of {fs_hz} Hz")
    low = min(max(0.25 * low_hz, 2.0), low_hz)
    return Band(low_hz, high_hz, low, min(max(0.25 * high_hz, 2.0), fs_hz / 2.0 - high_hz))


def taps_of(band: Band, fs_hz: float) -> Floats:
    """The filter's impulse response, symmetric, shape (odd,), float64.

    Raises
    ------
    ValueError
        If the band and its transitions do not fit between 0 and fs / 2.
    """
    bottom, top = band.low_hz - band.low_transition_hz, band.high_hz + band.high_transition_hz
    if not (bottom >= -1e-9 and band.low_hz < band.high_hz and top <= fs_hz / 2.0 + 1e-9):
        raise ValueError(f"the band {bottom:g} … {top:g} Hz does not fit a rate of {fs_hz:g} Hz")
    below = _low_pass(band.low_hz - band.low_transition_hz / 2.0, band.low_transition_hz, fs_hz)
    above = _low_pass(band.high_hz + band.high_transition_hz / 2.0, band.high_transition_hz, fs_hz)
    taps = np.zeros(max(len(below), len(above)))
    for sign, part in ((1.0, above), (-1.0, below)):
        offset = (len(taps) - len(part)) // 2
        taps[offset : len(taps) - offset] += sign * part
    return taps


def _low_pass(corner_hz: float, transition_hz: float, fs_hz: float) -> Floats:
    """A Hamming-windowed sinc with −6 dB at the corner and unit gain at 0 Hz."""
    n = round(HAMMING_FACTOR * fs_hz / transition_hz)
    n += 1 - n % 2
    if n == 1:
        return np.ones(1)
    at = np.arange(n) - (n - 1) / 2.0
    window = 0.54 - 0.46 * np.cos(2.0 * np.pi * np.arange(n) / (n - 1))
    taps = np.sinc(2.0 * corner_hz / fs_hz * at) * window
    return np.asarray(taps / taps.sum(), np.float64)


def convolved(x: Samples, taps: Floats) -> Samples:
    """`x` filtered without delay; one unbroken stretch, shape (n,), no NaN.

    Beyond either end the stretch is continued by its odd reflection (2 x₀ − x), as far as it reaches, then by zeros.
    """
    half = len(taps) // 2
    if half == 0:
        return np.asarray(x * np.float32(taps[0]), np.float32)
    n_fft = _fft_length(len(taps), len(x))
    step = n_fft - len(taps) + 1
    blocks = -(-len(x) // step)
    padded = np.zeros((blocks - 1) * step + n_fft, np.float32)
    padded[half : half + len(x)] = x
    reach = min(half, len(x) - 1)
    if reach > 0:
        padded[half - reach : half] = 2.0 * x[0] - x[reach:0:-1]
        padded[half + len(x) : half + len(x) + reach] = 2.0 * x[-1] - x[-2 : -reach - 2 : -1]
    rows = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::step]
    response = np.fft.rfft(taps.astype(np.float32), n_fft)
    out = np.empty((blocks, step), np.float32)
    batch = max(_BATCH_SAMPLES // n_fft, 1)
    for first in range(0, blocks, batch):
        spectrum = np.fft.rfft(rows[first : first + batch], axis=1)
        spectrum *= response
        out[first : first + batch] = np.fft.irfft(spectrum, n_fft, axis=1)[:, len(taps) - 1 :]
    return out.reshape(-1)[: len(x)]


def _fft_length(taps: int, n: int) -> int:
    """A power of two of about eight filter lengths, no longer than the data ask for."""
    whole = 1 << (n + taps - 2).bit_length()
    return min(whole, 1 << (8 * taps - 1).bit_length())


def filtered(x: Samples, valid: Mask, taps: Floats, least: int = 2) -> Samples:
    """`x` filtered without delay within each unbroken stretch of `valid`, shape (n,), float32.

    NaN outside those stretches and in stretches of fewer than `least` samples. The mean of a stretch is taken out
    before and not put back, so that a large offset costs no digits: the filter must not pass 0 Hz.
    """
    out = np.full(len(x), np.nan, np.float32)
    for start, stop in runs_of(valid):
        if stop - start >= max(least, 2):
            piece = x[start:stop]
            out[start:stop] = convolved(piece - np.float32(piece.mean(dtype=np.float64)), taps)
    return out


def block_means(x: Samples, valid: Mask, size: int) -> tuple[Samples, Mask]:
    """Means of successive blocks of `size` samples, and whether all samples of a block are valid; shapes (n // size,).

    NaN for blocks that are not valid. Block k stands for the time of sample k · size + (size − 1) / 2.
    """
    n = len(x) // size
    whole = np.ones(n, np.bool_)
    whole[np.flatnonzero(~valid[: n * size]) // size] = False  # few are invalid: 25 times faster than `all` by rows
    # Several times faster than a mean along the short axis, and unlike a matrix product never spread over threads.
    means = np.einsum("ij,j->i", x[: n * size].reshape(n, size), np.full(size, 1.0 / size, np.float32))
    means[~whole] = np.nan
    return means, whole
