"""How much of every second of an EEG is mains hum: 50 and 60 Hz and their harmonics, against their neighbourhood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Int64, Samples
from pipeline.signals.runs import runs_of

MAINS_HZ = (50.0, 60.0)
HARMONICS = 3
"""Fundamental, second and third harmonic, as far as the rate reaches."""

_LINE_HZ = (-1.0, 0.0, 1.0)
"""Where a line's power lies under a Hann window of 1 s: its main lobe."""
_NEIGHBOURS_HZ = (-4.0, -3.0, 3.0, 4.0)
"""Where the floor under the line is measured: beyond its main lobe."""

DOMINATED = 0.5
"""Share of a second's variance from which mains dominates it: more than all else together. A choice of ours."""

_BATCH = 512
"""Seconds in one matrix product; keeps them inside the processor's cache."""


@dataclass(frozen=True, slots=True)
class Mains:
    """Hum of every second: power above the floor in µV², and its share of the variance; shape (seconds,), float32.

    NaN for seconds with an invalid sample. `hz` is the fundamental that carries more power over the recording;
    None, and both arrays NaN, where the rate does not reach 50 Hz and its neighbourhood.
    """

    hz: float | None
    power_uv2: Samples
    share: Samples


def mains_by_second(x_uv: Samples, valid: NDArray[np.bool_], fs_hz: float) -> Mains:
    """Hum of every whole second from the first sample on; rates just above 108 Hz reach 50 Hz, above 128 both.

    Second k holds the samples from the one nearest to k s. The share is gain-free: line power over variance, both
    under the same Hann window.
    """
    length = int(fs_hz)
    n_seconds = int(len(x_uv) / fs_hz)
    lines = _lines_hz(fs_hz)
    power = np.full((len(MAINS_HZ), n_seconds), np.nan, np.float32)
    variance = np.full(n_seconds, np.nan, np.float32)
    if not lines or not n_seconds:
        return Mains(None, variance, variance.copy())
    starts = np.rint(np.arange(n_seconds) * fs_hz).astype(np.int64)
    basis, squared = _basis(lines, length, fs_hz)
    windows = np.lib.stride_tricks.sliding_window_view(x_uv, length)
    mean = np.full(length, 1.0 / length, np.float32)
    buffer = np.empty((_BATCH, length), np.float32)  # one for all: fresh pages cost more than the sums
    for first in range(0, n_seconds, _BATCH):
        rows = slice(first, min(first + _BATCH, n_seconds))
        # Whole rates lie on a grid and need no copy.
        part = windows[::length][rows] if length == fs_hz else windows[starts[rows]]
        with np.errstate(all="ignore"):  # what rows with an invalid sample give is dropped below
            centred = np.subtract(part, (part @ mean)[:, None], out=buffer[: len(part)])
            parts = centred @ basis
            power[:, rows] = _above_floor(parts * parts, lines)
            centred *= centred
            variance[rows] = centred @ squared
    bad = ~_clean(starts, length, valid)
    power[:, bad], variance[bad] = np.nan, np.nan
    strongest = int(np.argmax(np.nansum(power, axis=1)))
    moving = variance > 0.0
    share = np.divide(power[strongest], variance, out=np.full(n_seconds, np.nan, np.float32), where=moving)
    return Mains(MAINS_HZ[strongest], power[strongest], np.minimum(share, np.float32(1.0)))


def _clean(starts: Int64, length: int, valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    bad = runs_of(~valid)
    inside = starts + length <= len(valid)
    whole = np.searchsorted(bad[:, 0], starts + length, "left") == np.searchsorted(bad[:, 1], starts, "right")
    return np.asarray(whole & inside, np.bool_)


def _lines_hz(fs_hz: float) -> list[tuple[int, float]]:
    """The lines the rate can see with their neighbourhood, each with the index of its fundamental."""
    return [
        (index, harmonic * hz)
        for index, hz in enumerate(MAINS_HZ)
        for harmonic in range(1, HARMONICS + 1)
        if harmonic * hz + max(_NEIGHBOURS_HZ) < fs_hz / 2.0
    ]


def _basis(lines: list[tuple[int, float]], length: int, fs_hz: float) -> tuple[Samples, Samples]:
    """Columns whose squared products are density in µV²/Hz, cosines then sines; and weights of the variance."""
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(length) / length)
    energy = float(np.sum(hann**2))
    freqs = np.array([hz + offset for _, hz in lines for offset in (*_LINE_HZ, *_NEIGHBOURS_HZ)])
    phase = 2.0 * np.pi * np.outer(np.arange(length) / fs_hz, freqs)
    columns = np.concatenate((np.cos(phase), np.sin(phase)), axis=1) * hann[:, None]
    return np.asarray(columns * np.sqrt(2.0 / (fs_hz * energy)), np.float32), np.asarray(hann**2 / energy, np.float32)


def _above_floor(squares: Samples, lines: list[tuple[int, float]]) -> Samples:
    """Power of each fundamental with its harmonics above the floor beside them, µV², shape (2, seconds)."""
    wanted = squares.shape[1] // 2
    above = np.array([1.0] * len(_LINE_HZ) + [-len(_LINE_HZ) / len(_NEIGHBOURS_HZ)] * len(_NEIGHBOURS_HZ), np.float32)
    # One product with a block diagonal: several times faster than sums along an axis of three.
    line = (squares[:, :wanted] + squares[:, wanted:]) @ np.kron(np.eye(len(lines), dtype=np.float32), above[:, None])
    out = np.zeros((len(MAINS_HZ), len(squares)), np.float32)
    for column, (index, _) in enumerate(lines):
        out[index] += np.maximum(line[:, column], 0.0)
    return out
