"""Power spectral density of EEG on the 30-s grid, from windows that hold nothing but valid samples.

Welch's method (doi:10.1109/TAU.1967.1161901) with the window that sleep research settled on: 4 s, Hann, 50 % overlap,
each window's mean removed. Windows are laid out afresh in every grid epoch (14 of them, at 0, 2 … 26 s) and none
reaches across an epoch's border or a gap. The Fourier sums are matrix products over just the wanted frequencies, so
that the rate may be any number and window lengths need not factorise. Where windows overlap by exactly one half, each
half is transformed once and the Hann window is applied to the sums.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.recording import Floats, Int64, Samples
from pipeline.signals.runs import runs_of

WINDOW_S = 4.0
STEP_S = 2.0
WINDOWS = int((EPOCH_S - WINDOW_S) / STEP_S) + 1
"""Windows in an epoch: 14."""

TOP_HZ = 32.0
"""Highest frequency: the upper end of the band in which muscle artefacts are looked for."""
FREQS_HZ: NDArray[np.float64] = np.arange(0.0, TOP_HZ + 0.1, 1.0 / WINDOW_S)
"""Frequencies of every density here: 0, 0.25 … 32 Hz."""

MIN_WINDOW_SHARE = 0.5
"""Share of an epoch's windows that must be valid (7 of 14); a choice of ours."""

_BATCH_EPOCHS = 48
"""Epochs in one matrix product; keeps samples and sums inside the processor's cache."""

Density = NDArray[np.float32]


def window_psd_uv2_hz(
    x_uv: NDArray[np.float32],
    valid: NDArray[np.bool_],
    fs_hz: float,
    start_ns: int,
    grid_start_ns: int,
    n_epochs: int,
    top_hz: float = TOP_HZ,
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
    top_hz
        Highest frequency wanted, at most 32. Costs grow with it: slow-wave activity alone needs 4 Hz.

    Returns
    -------
    Density
        Shape (n_epochs, 14, 129) at `FREQS_HZ`, float32, or fewer frequencies: those up to `top_hz`. NaN for windows
        with an invalid sample or beyond the recording, and at frequencies of fs / 2 and above. White noise of
        variance v has density 2 v / fs; a sine of amplitude A integrates to A² / 2.
    """
    n_freqs = int(np.searchsorted(FREQS_HZ, top_hz + 1e-9))
    out = np.full((n_epochs, WINDOWS, n_freqs), np.nan, np.float32)
    length = round(WINDOW_S * fs_hz)
    starts = _window_starts(fs_hz, start_ns, grid_start_ns, n_epochs)
    whole = _whole(starts, length, valid)
    epochs = np.flatnonzero(whole.any(axis=1))
    wanted = min(n_freqs, int(np.searchsorted(FREQS_HZ, fs_hz / 2.0)))
    halves = length == WINDOW_S * fs_hz and length % 2 == 0 and bool((np.diff(starts, axis=1) == length // 2).all())
    basis = _half_basis(length, fs_hz, wanted) if halves else _basis(length, fs_hz, wanted)
    for first in range(0, len(epochs), _BATCH_EPOCHS):
        rows = epochs[first : first + _BATCH_EPOCHS]
        spans = _spans(x_uv, valid, starts[rows, 0], starts[rows, -1] - starts[rows, 0] + length)
        density = _of_halves(spans, basis) if halves else _of_windows(spans, starts[rows], length, basis)
        out[rows, :, :wanted] = np.where(whole[rows, :, None], density, np.float32(np.nan))
    return out


def epoch_psd_uv2_hz(window_psd: Density, min_share: float = MIN_WINDOW_SHARE) -> Density:
    """Mean density of each epoch over its valid windows, shape (n_epochs, 129); NaN below `min_share` of them."""
    usable = np.isfinite(window_psd[:, :, 0])
    n_usable = usable.sum(axis=1)
    total = np.where(usable[:, :, None], window_psd, np.float32(0.0)).sum(axis=1)
    enough = n_usable >= max(min_share * window_psd.shape[1], 1)
    mean = total / np.maximum(n_usable, 1)[:, None].astype(np.float32)
    return np.where(enough[:, None], mean, np.float32(np.nan))


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


def _window_starts(fs_hz: float, start_ns: int, grid_start_ns: int, n_epochs: int) -> Int64:
    """First sample of every window, shape (n_epochs, 14); negative or too large beyond the recording."""
    epoch = np.arange(n_epochs, dtype=np.int64) * EPOCH_NS + (grid_start_ns - start_ns)
    window = np.round(np.arange(WINDOWS) * STEP_S * NS).astype(np.int64)
    return np.rint((epoch[:, None] + window[None, :]) / NS * fs_hz).astype(np.int64)


def _whole(starts: Int64, length: int, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which windows lie inside the recording and hold no invalid sample; shape as `starts`."""
    stops = starts + length
    bad = runs_of(~valid)
    # As many bad runs have begun before the window's end as are over at its start: none lies between.
    clean = np.searchsorted(bad[:, 0], stops, "left") == np.searchsorted(bad[:, 1], starts, "right")
    return np.asarray((starts >= 0) & (stops <= len(valid)) & clean, np.bool_)


def _spans(x_uv: Samples, valid: NDArray[np.bool_], begins: Int64, lengths: Int64) -> Samples:
    """The samples of each epoch's windows, less their mean and 0 where invalid or absent; (n, longest), float32.

    A large electrode offset would cost float32 digits in the sums; it does not touch the result otherwise.
    """
    longest = int(lengths.max())
    step = np.diff(begins)
    if begins[0] >= 0 and begins[-1] + longest <= len(x_uv) and bool((step == step[:1]).all()):
        stride = int(step[0]) if len(step) else longest
        window = slice(int(begins[0]), int(begins[-1]) + longest)
        values = np.lib.stride_tricks.sliding_window_view(x_uv[window], longest)[::stride]
        usable = np.lib.stride_tricks.sliding_window_view(valid[window], longest)[::stride]
    else:
        at = begins[:, None] + np.arange(longest)
        inside = (at >= 0) & (at < len(x_uv))
        values = x_uv[np.where(inside, at, 0)]
        usable = valid[np.where(inside, at, 0)] & inside
    if usable.all():
        return np.asarray(values - values.mean(axis=1, keepdims=True), np.float32)
    kept = np.where(usable, values, np.float32(0.0))
    mean = kept.sum(axis=1, keepdims=True) / np.maximum(usable.sum(axis=1, keepdims=True), 1).astype(np.float32)
    return np.where(usable, kept - mean, np.float32(0.0))


def _of_halves(spans: Samples, basis: Samples) -> Density:
    """Density of windows that overlap by one half, shape (n, 14, wanted).

    Each half-window is transformed once. The second half of a window lies half a turn later at odd multiples of
    0.25 Hz; the mean is the sum at 0 Hz, left out; and a Hann window is the sum at a frequency less half of those
    at both neighbours.
    """
    n, half = len(spans), len(basis)
    sums = (spans.reshape(-1, half) @ basis).reshape(n, WINDOWS + 1, 2, -1)
    turn = np.where(np.arange(sums.shape[-1]) % 2 == 1, np.float32(1.0), np.float32(-1.0))
    window = sums[:, :-1] + turn * sums[:, 1:]  # columns: −0.25, 0, 0.25 … Hz
    window[..., 1] = 0.0
    hann = window[..., 1:-1] - np.float32(0.5) * (window[..., :-2] + window[..., 2:])
    hann *= hann
    density = np.asarray(hann[:, :, 0] + hann[:, :, 1], np.float32)
    density[..., 0] *= np.float32(0.5)  # 0 Hz has no negative twin
    return density


def _of_windows(spans: Samples, starts: Int64, length: int, basis: Samples) -> Density:
    """Density of windows that begin where their sample is nearest, shape (n, 14, wanted)."""
    windows = np.lib.stride_tricks.sliding_window_view(spans, length, axis=1)
    offset = np.minimum(starts - starts[:, :1], spans.shape[1] - length)
    parts = windows[np.arange(len(spans))[:, None], offset] @ basis
    wanted = basis.shape[1] // 2
    return np.asarray(parts[..., :wanted] ** 2 + parts[..., wanted:] ** 2, np.float32)


def _hann_scale(length: int, fs_hz: float) -> tuple[Floats, float]:
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    return hann, float(np.sqrt(2.0 / (fs_hz * np.sum(hann**2))))


def _half_basis(length: int, fs_hz: float, wanted: int) -> Samples:
    """Cosines and sines at −0.25, 0, 0.25 … Hz over half a window, scaled; shape (length / 2, 2 (wanted + 2))."""
    scale = 0.5 * _hann_scale(length, fs_hz)[1]
    phase = 2.0 * np.pi / length * np.outer(np.arange(length // 2), np.arange(-1, wanted + 1))
    return np.asarray(np.concatenate((np.cos(phase) * scale, np.sin(phase) * scale), axis=1), np.float32)


def _basis(length: int, fs_hz: float, wanted: int) -> Samples:
    """Columns whose products with a window, squared and added, are its density: cosines, then sines.

    The Hann window, the removal of the mean and the scaling stand in the columns, of which there are 2 wanted.
    """
    hann, scale = _hann_scale(length, fs_hz)
    freqs = FREQS_HZ[:wanted]
    phase = 2.0 * np.pi * np.outer(np.arange(length) / fs_hz, freqs)
    scales = np.where(freqs > 0.0, scale, scale * np.sqrt(0.5))
    columns = np.concatenate((np.cos(phase) * scales, np.sin(phase) * scales), axis=1) * hann[:, None]
    return np.asarray(columns - columns.mean(axis=0), np.float32)
