"""Band-passed and analytic (complex) traces of an EEG at a lower rate, from one transform, never across a gap.

The filters are those of `fir`. A band whose two transitions are equal is a low-pass moved to the middle of the band,
so its analytic signal needs no Hilbert transform of a whole night: a complex filter of the same length gives the trace
(real part), its envelope (modulus) and its phase (angle; 0 at a positive peak, ±π at a trough). Samples are dropped
in the frequency domain, block by block: what lies above the new half rate is left out instead of folded in, and the
passed band is not drooped, as block means would do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.fir import HAMMING_FACTOR, Band, Mask, taps_of
from pipeline.signals.runs import runs_of

_BATCH_SAMPLES = 1 << 17
"""Samples that are transformed at once; a choice that keeps them inside the processor's cache."""
_BLOCK_TAPS = 8
"""Length of a transform in filter lengths, at least; a choice near the least work per sample."""

Analytic = NDArray[np.complex64]
Taps = Floats | NDArray[np.complex128]


def analytic_taps_of(band: Band, fs_hz: float) -> NDArray[np.complex128]:
    """The complex impulse response whose real part is `taps_of(band, fs_hz)`, shape (odd,).

    Negative frequencies are suppressed as the stop band is (−53 dB).

    Raises
    ------
    ValueError
        If the band does not fit the rate, or its transitions differ (the two filter edges would differ in length).
    """
    if band.low_transition_hz != band.high_transition_hz:
        raise ValueError(f"an analytic filter needs equal transitions, not {band}")
    real = taps_of(band, fs_hz)
    half = len(real) // 2
    at = np.arange(-half, half + 1)
    turn = np.pi * (band.low_hz + band.high_hz) / fs_hz * at  # 2π × the middle of the band
    width_hz = (band.high_hz - band.low_hz + band.low_transition_hz) / 2.0
    window = 0.54 + 0.46 * np.cos(np.pi * at / half)
    low_pass = np.sinc(2.0 * width_hz / fs_hz * at) * window * (2.0 * width_hz / fs_hz)
    return np.asarray(real + 2.0j * low_pass * np.sin(turn), np.complex128)


def decimation(fs_hz: float, least_hz: float) -> int:
    """The largest number of samples of which one can be kept with no fewer than `least_hz` per second; at least 1."""
    return max(int(fs_hz / least_hz + 1e-9), 1)


def reach_s(band: Band) -> float:
    """How far from a moment the filter looks, in seconds: half its length."""
    return HAMMING_FACTOR / min(band.low_transition_hz, band.high_transition_hz) / 2.0


def traces(x: Samples, valid: Mask, taps: Sequence[Taps], keep_every: int, least: int = 2) -> list[Samples | Analytic]:
    """`x` through each filter, every `keep_every`-th sample of it, shape (ceil(n / keep_every),) each.

    Parameters
    ----------
    x, valid
        Samples and which of them may be used, shape (n,); what stands where `valid` is false is never looked at.
    taps
        Symmetric filters from `taps_of` (their traces are float32) or `analytic_taps_of` (complex64). None may pass
        0 Hz: the mean of a stretch is taken out before. None may pass anything above half the rate that is kept.
    keep_every
        Sample k of the result stands for sample k · keep_every of `x`.
    least
        Stretches of fewer samples are not looked at.

    Returns
    -------
    list
        One trace per filter; 0 outside the stretches that were looked at. Each stretch is continued beyond its ends
        by its odd reflection (2 x₀ − x), as far as it reaches, then by zeros, as in `fir.convolved`.
    """
    n = -(-len(x) // keep_every)
    out: list[Samples | Analytic] = [
        np.zeros(n, np.complex64) if np.iscomplexobj(some) else np.zeros(n, np.float32) for some in taps
    ]
    half = -(-max(len(some) for some in taps) // (2 * keep_every)) * keep_every
    responses: dict[int, list[Samples]] = {}
    for start, stop in runs_of(valid):
        first = -(-int(start) // keep_every)
        kept = -(-int(stop) // keep_every) - first
        if stop - start < max(least, 2) or kept < 1:
            continue
        n_fft = _fft_length(half, int(stop - start), keep_every)
        if n_fft not in responses:
            responses[n_fft] = [_response(some, n_fft) for some in taps]
        at = first
        for spectra in _spectra(x[start:stop], first * keep_every - int(start), half, n_fft):
            for trace, response in zip(out, responses[n_fft], strict=True):
                piece = _inverse(spectra, response, n_fft // keep_every, trace.dtype == np.complex64)
                piece = piece[:, half // keep_every : (n_fft - half) // keep_every].reshape(-1)[: first + kept - at]
                trace[at : at + len(piece)] = piece
            at += len(piece)
    return out


def _fft_length(half: int, n: int, keep_every: int) -> int:
    """A multiple of `keep_every`, a power of two times it, of about eight filter lengths or what the data ask for."""
    wanted = min(2 * _BLOCK_TAPS * half, n + 2 * half)
    return keep_every << max(-(-wanted // keep_every) - 1, 1).bit_length()


def _response(taps: Taps, n_fft: int) -> Samples:
    """The filter's gain at the frequencies of a real transform; real, because a symmetric filter turns no phase."""
    half = len(taps) // 2
    rolled = np.zeros(n_fft, np.complex128)
    rolled[: half + 1] = taps[half:]
    rolled[n_fft - half :] = taps[:half]
    return np.fft.fft(rolled)[: n_fft // 2 + 1].real.astype(np.float32)


def _spectra(piece: Samples, offset: int, half: int, n_fft: int) -> Iterator[Analytic]:
    """Transforms of overlapping blocks of one stretch, in batches; block r is whole from offset + r · step on."""
    step = n_fft - 2 * half
    blocks = -(-(len(piece) - offset) // step)
    mean = np.float32(piece.mean(dtype=np.float64))
    reach = min(half, len(piece) - 1)
    before = 2.0 * (piece[0] - mean) - (piece[reach:0:-1] - mean)
    after = 2.0 * (piece[-1] - mean) - (piece[-2 : -reach - 2 : -1] - mean)
    batch = max(_BATCH_SAMPLES // n_fft, 1)
    for first in range(0, blocks, batch):
        number = min(batch, blocks - first)
        low = offset + first * step - half  # where the batch begins, in samples of the stretch
        length = (number - 1) * step + n_fft
        block = np.zeros(length, np.float32)
        _place(block, before, -reach - low)
        _place(block, piece, -low)
        begin, end = max(-low, 0), min(len(piece) - low, length)
        block[begin:end] -= mean
        _place(block, after, len(piece) - low)
        rows = np.lib.stride_tricks.sliding_window_view(block, n_fft)[::step]
        yield np.asarray(np.fft.rfft(rows, axis=1), np.complex64)


def _place(block: Samples, part: Samples, at: int) -> None:
    """Write `part` into `block` from index `at` on, as far as it lies inside."""
    begin, end = max(at, 0), min(at + len(part), len(block))
    if begin < end:
        block[begin:end] = part[begin - at : end - at]


def _inverse(spectra: Analytic, response: Samples, length: int, whole: bool) -> NDArray[np.float32 | np.complex64]:
    """The blocks in time at the lower rate: `length` samples instead of all, from the bins below its half rate."""
    scale = np.float32(length / (2 * (spectra.shape[1] - 1)))
    if not whole:
        bins = length // 2 + 1
        return np.asarray(np.fft.irfft(spectra[:, :bins] * (response[:bins] * scale), length, axis=1), np.float32)
    bins = (length + 1) // 2
    positive = np.zeros((len(spectra), length), np.complex64)
    np.multiply(spectra[:, :bins], response[:bins] * scale, out=positive[:, :bins])
    return np.asarray(np.fft.ifft(positive, axis=1), np.complex64)
