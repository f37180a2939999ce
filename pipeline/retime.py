"""A recording with everything that its clock stamped moved: the one way in which times are changed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from pipeline.recording import Beats, Hypnogram, Int64, Recording, Signal, SignalStream

Map = Callable[[int], int]
"""True instant (ns) of a stamp (ns); close to a straight line of slope `rate`."""


def retimed(recording: Recording, of: Map, rate: float = 1.0) -> Recording:
    """Signals, streams, beats, hypnogram, rests and markers moved by `of`; saliva and answers have other clocks.

    `rate` is the true length of a second of the clock: rates, intervals and epochs change by it.
    """
    return dataclasses.replace(
        recording,
        signals=tuple(_signal(signal, of, rate) for signal in recording.signals),
        streams=tuple(_stream(stream, of, rate) for stream in recording.streams),
        beats=None if recording.beats is None else _beats(recording.beats, of, rate),
        hypnogram=None if recording.hypnogram is None else _hypnogram(recording.hypnogram, of, rate),
        rests=tuple(
            dataclasses.replace(
                rest,
                in_bed_ns=of(rest.in_bed_ns),
                out_bed_ns=of(rest.out_bed_ns),
                onset_ns=None if rest.onset_ns is None else of(rest.onset_ns),
            )
            for rest in recording.rests
        ),
        markers=tuple(dataclasses.replace(marker, time_ns=of(marker.time_ns)) for marker in recording.markers),
    )


def _signal(signal: Signal, of: Map, rate: float) -> Signal:
    return dataclasses.replace(signal, start_ns=of(signal.start_ns), fs_hz=signal.fs_hz / rate)


def _stream(stream: SignalStream, of: Map, rate: float) -> SignalStream:
    def pieces() -> Iterator[Signal]:
        return (_signal(piece, of, rate) for piece in stream.pieces())

    return dataclasses.replace(
        stream,
        start_ns=of(stream.start_ns),
        end_ns=of(stream.end_ns),
        fs_hz=stream.fs_hz / rate,
        measured_s=stream.measured_s * rate,
        pieces=pieces,
    )


def _beats(beats: Beats, of: Map, rate: float) -> Beats:
    return dataclasses.replace(beats, end_ns=_line(beats.end_ns, of), rr_s=beats.rr_s * rate)


def _line(stamps: Int64, of: Map) -> Int64:
    """`of` of every stamp: exact at both ends and straight between them."""
    if not len(stamps):
        return stamps
    first, last = int(stamps[0]), int(stamps[-1])
    begin, end = of(first), of(last)
    if last == first or end - begin == last - first:
        return stamps + (begin - first)
    since = (stamps - first).astype(np.float64) * ((end - begin) / (last - first))
    return begin + np.rint(since).astype(np.int64)


def _hypnogram(hypnogram: Hypnogram, of: Map, rate: float) -> Hypnogram:
    return dataclasses.replace(hypnogram, start_ns=of(hypnogram.start_ns), epoch_s=hypnogram.epoch_s * rate)
