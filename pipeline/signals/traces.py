"""What two recordings of one body can be compared by: heart rate and movement, each on the lattice of whole seconds."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from pipeline.clock import NS
from pipeline.recording import Beats, Floats, Kind, Recording, Signal
from pipeline.signals.seconds import on_seconds

SLOWEST_HZ = 0.9
"""Slower series cannot tell seconds apart."""
LOWEST_BPM, HIGHEST_BPM = 25.0, 240.0
MOST_STEP = 0.3
"""A beat whose interval departs from the median of the eleven around it by more than this share is an artefact."""
_AROUND = 5


class Trace(StrEnum):
    """What is compared."""

    HEART = "heart rate"
    MOVEMENT = "movement"


def traces_of(recording: Recording, start_ns: int, n_s: int) -> dict[Trace, Floats]:
    """The traces that a recording gives over `n_s` seconds from `start_ns` on, shape (n_s,); NaN is unmeasured.

    Heart rate comes from beats, else from the device's own heart rate; movement from acceleration, else from counts
    of at most a second. A recording that has neither gives none.
    """
    out: dict[Trace, Floats] = {}
    heart = _of_heart(recording, start_ns, n_s)
    if heart is not None:
        out[Trace.HEART] = heart
    movement = _of_movement(recording, start_ns, n_s)
    if movement is not None:
        out[Trace.MOVEMENT] = movement
    return {trace: values for trace, values in out.items() if np.isfinite(values).any()}


def _of_heart(recording: Recording, start_ns: int, n_s: int) -> Floats | None:
    if recording.beats is not None and len(recording.beats.rr_s) > 2 * _AROUND:
        return beat_trace(recording.beats, start_ns, n_s)
    rates = [signal for signal in recording.of(Kind.HR) if signal.fs_hz >= SLOWEST_HZ]
    if not rates:
        return None
    found = on_seconds(rates[0], start_ns, n_s)
    return np.where((found >= LOWEST_BPM) & (found <= HIGHEST_BPM), found, np.nan)


def beat_trace(beats: Beats, start_ns: int, n_s: int) -> Floats:
    """Heart rate of the interval that holds the middle of each second, shape (n_s,); NaN between intervals."""
    near = np.lib.stride_tricks.sliding_window_view(np.pad(beats.rr_s, _AROUND, mode="reflect"), 2 * _AROUND + 1)
    usual = np.median(near, axis=1)
    rate = 60.0 / beats.rr_s
    good = (np.abs(beats.rr_s / usual - 1.0) <= MOST_STEP) & (rate >= LOWEST_BPM) & (rate <= HIGHEST_BPM)
    middle = start_ns + np.arange(n_s, dtype=np.int64) * NS + NS // 2
    at = np.searchsorted(beats.end_ns, middle)
    inside = np.minimum(at, len(rate) - 1)
    begins = beats.end_ns[inside] - np.rint(beats.rr_s[inside] * NS).astype(np.int64)
    held = (at < len(rate)) & (begins <= middle) & good[inside]
    return np.where(held, rate[inside], np.nan)


def _of_movement(recording: Recording, start_ns: int, n_s: int) -> Floats | None:
    stream = next((s for s in recording.streams if s.kind is Kind.ACC), None)
    if stream is not None:
        return acceleration_trace(stream.pieces(), start_ns, n_s)
    acc = [signal for signal in recording.of(Kind.ACC) if signal.fs_hz >= 4 * SLOWEST_HZ]
    if acc:
        return acceleration_trace([acc[0]], start_ns, n_s)
    counts = [signal for signal in recording.of(Kind.COUNTS) if signal.fs_hz >= SLOWEST_HZ]
    return on_seconds(counts[0], start_ns, n_s) if counts else None


def acceleration_trace(pieces: Iterable[Signal], start_ns: int, n_s: int) -> Floats:
    """Mean change of acceleration from sample to sample in g/s, of each second that a piece holds whole; else NaN."""
    out = np.full(n_s, np.nan)
    for piece in pieces:
        if piece.fs_hz < 4 * SLOWEST_HZ or len(piece.samples) < 2:
            continue
        offset_s = (piece.start_ns - start_ns) / NS
        first = max(int(np.ceil(offset_s)), 0)
        last = min(int(np.floor(offset_s + len(piece.samples) / piece.fs_hz)), n_s)
        if last <= first:
            continue
        edges = np.ceil((np.arange(first, last + 1) - offset_s) * piece.fs_hz - 1e-6).astype(np.int64)
        edges = np.minimum(edges, len(piece.samples) - 1)
        step = np.sqrt((np.diff(piece.samples, axis=0) ** 2).sum(axis=1, dtype=np.float64))
        running = np.concatenate(([0.0], np.cumsum(np.where(np.isfinite(step), step, 0.0))))
        known = np.concatenate(([0], np.cumsum(np.isfinite(step))))
        count = np.diff(known[edges])
        mean = np.diff(running[edges]) / np.maximum(count, 1) * piece.fs_hz
        out[first:last] = np.where(count >= 0.5 * np.diff(edges), mean, np.nan)
    return out
