"""Empatica EmbracePlus, the raw Avro files of Care Lab: one of 15 to 30 minutes, or the folder of a day or more.

A file holds one record: each sensor's start in µs and rate in Hz, systolic peaks in ns, tags in µs, all in UTC. Rates
are nominal; where files follow one another their starts show the true one. Acceleration is in steps of `imuParams`. A
missing file is a gap. Of a folder, acceleration and pulse wave are streams, read file by file. The participant's id,
which stands in each record and file name, is not read.
"""

from __future__ import annotations

import importlib
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.clock import NS
from pipeline.devices.pieces import on_one_grid
from pipeline.devices.reader import LAST_UNIX_S, Asked, Glimpse, Reader, library
from pipeline.devices.rr_rows import LONGEST_BEAT_S
from pipeline.errors import Fault, FileFault
from pipeline.recording import (
    Beats,
    BeatSensor,
    ClockKind,
    Int64,
    Kind,
    Marker,
    Recording,
    Samples,
    Signal,
    SignalStream,
)

MARK = b"Obj\x01"
MOST_FILE_BYTES = 256 * 1024**2
"""Half an hour of every sensor is some 2 MB."""
FASTEST_HZ = 10_000.0
SEAMLESS_S = 1.0
"""Files whose seam is this close follow one another without a gap."""
_SENSORS = {
    "accelerometer": Kind.ACC,
    "bvp": Kind.BVP,
    "eda": Kind.EDA,
    "temperature": Kind.TEMP,
    "steps": Kind.STEPS,
}
_STREAMED = frozenset({Kind.ACC, Kind.BVP})
_NAME = re.compile(r"(.+)_\d{10}\.avro")
_BROKEN = (
    ValueError, TypeError, LookupError, AttributeError, OverflowError, MemoryError, struct.error, zlib.error,
)  # fmt: skip

Record = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One sensor's samples in one file; `samples` is None where they are read again when they are wanted."""

    path: Path
    start_ns: int
    n: int
    fs_hz: float
    samples: Samples | None

    @property
    def end_ns(self) -> int:
        """The end by the nominal rate."""
        return self.start_ns + round(self.n / self.fs_hz * NS)


@dataclass(slots=True)
class _Found:
    """What the files hold, gathered one after the other."""

    parts: dict[Kind, list[_Part]] = field(default_factory=dict)
    peaks: list[Int64] = field(default_factory=list)
    tags: list[Int64] = field(default_factory=list)


def _recognise(seen: Glimpse) -> bool:
    """Whether an Avro schema names the record's fields, or every file of a folder is such a one, of one person."""
    if not seen.is_folder:
        return _is_raw(seen.head)
    names = sorted(name for name in seen.names if not name.endswith(".json"))
    found = [_NAME.fullmatch(name) for name in names]
    if len(names) < 2 or None in found or len({m[1] for m in found if m}) > 1:
        return False
    with (seen.path / names[0]).open("rb") as stream:
        return _is_raw(stream.read(4096))


def _is_raw(head: bytes) -> bool:
    return head.startswith(MARK) and (b'"rawData"' in head or (b'"enrollment"' in head and b'"deviceSn"' in head))


def _read(path: Path, asked: Asked) -> Recording:
    """The sensors of a file as signals, of a folder as signals and streams."""
    zone, source = asked.zone_for(path)
    files = sorted(p for p in path.iterdir() if _NAME.fullmatch(p.name)) if path.is_dir() else [path]
    found, notes = _Found(), list[str]()
    for file in files:
        try:
            _gather(_record(file), file, found, keep_all=len(files) == 1)
        except FileFault as bad:
            if file is not files[-1] or len(files) == 1 or bad.fault is not Fault.TRUNCATED:
                raise
            notes.append("the last file was cut short: left out")
    signals, streams = [], []
    for kind, parts in found.parts.items():
        ordered = _in_order(parts, notes)
        if kind in _STREAMED and len(files) > 1:
            streams.append(_stream(kind, ordered))
        else:
            signals.append(_signal(kind, ordered, path))
    beats = _beats(found.peaks)
    tags = np.unique(np.concatenate(found.tags)) if found.tags else np.empty(0, np.int64)
    markers = tuple(Marker(int(at), 0.0, "button") for at in tags)
    device = "Empatica EmbracePlus"
    return Recording(
        device, zone, source, tuple(signals), beats, markers=markers, streams=tuple(streams), clock=ClockKind.UTC,
        repairs=tuple(notes),
    )  # fmt: skip


def _record(path: Path) -> Record:
    """The `rawData` of one file.

    Raises
    ------
    FileFault
        NEEDS_EXTRA, TOO_LARGE; TRUNCATED if the file ends within its record; CORRUPT if it holds none.
    """
    fastavro = library(lambda: importlib.import_module("fastavro"), "embraceplus", path)
    if path.stat().st_size > MOST_FILE_BYTES:
        raise FileFault(Fault.TOO_LARGE, "no raw file is so large", where=path.name)
    try:
        with path.open("rb") as stream:
            raw = next(iter(fastavro.reader(stream)))["rawData"]
        if not isinstance(raw, dict):
            raise TypeError
    except (EOFError, StopIteration) as bad:
        hint = "download it again from Care Lab"
        raise FileFault(Fault.TRUNCATED, "the file ends within its record", where=path.name, hint=hint) from bad
    except (*_BROKEN, fastavro.schema.SchemaParseException) as bad:
        known = f"reading the Avro record: {type(bad).__name__}"
        raise FileFault(Fault.CORRUPT, "the record cannot be read", where=path.name, known=known) from bad
    return raw


def _gather(raw: Record, path: Path, found: _Found, *, keep_all: bool) -> None:
    """Add what one file holds."""
    for name, kind in _SENSORS.items():
        part = _part(raw.get(name), kind, path, keep=keep_all or kind not in _STREAMED)
        if part is not None:
            found.parts.setdefault(kind, []).append(part)
    peaks = np.asarray((raw.get("systolicPeaks") or {}).get("peaksTimeNanos") or [], np.int64)
    tags = np.asarray((raw.get("tags") or {}).get("tagsTimeMicros") or [], np.int64)
    found.peaks += [peaks] if peaks.size else []
    found.tags += [tags * 1000] if tags.size else []


def _part(sensor: Record | None, kind: Kind, path: Path, *, keep: bool) -> _Part | None:
    """One sensor's part in canonical units; None where it recorded nothing in this file."""
    if not sensor or not sensor.get("samplingFrequency") or not sensor.get("timestampStart"):
        return None
    samples = _samples(sensor, kind, path)
    if not len(samples):
        return None
    fs_hz = round(float(sensor["samplingFrequency"]), 6)  # 0.2 Hz comes as a 32-bit float
    start_us = int(sensor["timestampStart"])
    if not (0 < fs_hz <= FASTEST_HZ and 0 < start_us < LAST_UNIX_S * 1e6):
        known = f"{fs_hz:g} Hz from {start_us} µs on"
        raise FileFault(Fault.CORRUPT, "a sensor has no possible rate or time", where=path.name, known=known)
    return _Part(path, start_us * 1000, len(samples), fs_hz, samples if keep else None)


def _samples(sensor: Record, kind: Kind, path: Path) -> Samples:
    """A sensor's values; acceleration in g by the ranges that stand beside it."""
    if kind is not Kind.ACC:
        return np.asarray(sensor.get("values") or [], np.float32)
    axes = [np.asarray(sensor.get(axis) or [], np.float32) for axis in "xyz"]
    if len({len(axis) for axis in axes}) > 1:
        raise FileFault(Fault.CORRUPT, "the axes of the accelerometer differ in length", where=path.name)
    told = sensor.get("imuParams") or {}
    digital = float(told.get("digitalMax") or 0) - float(told.get("digitalMin") or 0)
    if digital <= 0:
        known = "imuParams holds no digitalMin and digitalMax"
        raise FileFault(Fault.UNKNOWN_UNIT, "the accelerometer names no range", where=path.name, known=known)
    scale = (float(told.get("physicalMax") or 0) - float(told.get("physicalMin") or 0)) / digital
    return np.column_stack(axes) * np.float32(scale)


def _in_order(parts: list[_Part], notes: list[str]) -> list[_Part]:
    """Parts by their start, one a start; of files that overlap by more than a seam the later is left out."""
    out: list[_Part] = []
    for part in sorted(parts, key=lambda p: p.start_ns):
        if out and part.start_ns < out[-1].end_ns - SEAMLESS_S * NS:
            notes.append("a file repeats the time of another: left out")
        else:
            out.append(part)
    return out


def _rates(parts: Sequence[_Part]) -> list[float]:
    """The rate of each part, as the start of the next shows it where that follows on.

    The last of a run has the rate of the one before it, a part alone the nominal one.
    """
    rates = [part.fs_hz for part in parts]
    for k, (part, after) in enumerate(pairwise(parts)):
        if abs(after.start_ns - part.end_ns) <= SEAMLESS_S * NS:
            rates[k] = part.n / ((after.start_ns - part.start_ns) / NS)
            rates[k + 1] = rates[k]
    return rates


def _signal(kind: Kind, parts: list[_Part], path: Path) -> Signal:
    """Parts on one grid, NaN where none is; at the mean rate, so that files that follow on stay where they are."""
    lengths = np.array([part.n for part in parts], np.int64)
    rates = np.array(_rates(parts))
    fs_hz = round(float(lengths.sum() / (lengths / rates).sum()), 9)
    starts = np.array([part.start_ns for part in parts], np.int64)
    held = np.concatenate([part.samples for part in parts if part.samples is not None])
    first = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    columns = held.reshape(len(held), -1).T
    grid = [on_one_grid(column, first, (starts - starts[0]) / NS, fs_hz, path, len(columns)) for column in columns]
    samples = np.column_stack(grid) if kind is Kind.ACC else grid[0]
    return Signal(kind, kind.name.lower(), fs_hz, int(starts[0]), samples)


def _stream(kind: Kind, parts: list[_Part]) -> SignalStream:
    """Parts as pieces of a stream, each read from its file when its turn comes."""
    rates = _rates(parts)
    measured_s = sum(part.n / rate for part, rate in zip(parts, rates, strict=True))
    end = parts[-1].start_ns + round(parts[-1].n / rates[-1] * NS)
    label = kind.name.lower()
    return SignalStream(
        kind, label, parts[0].fs_hz, parts[0].start_ns, end, measured_s, partial(_pieces, kind, label, parts, rates)
    )


def _pieces(kind: Kind, label: str, parts: list[_Part], rates: list[float]) -> Iterator[Signal]:
    sensor = next(name for name, known in _SENSORS.items() if known is kind)
    for part, rate in zip(parts, rates, strict=True):
        yield Signal(kind, label, rate, part.start_ns, _samples(_record(part.path)[sensor], kind, part.path))


def _beats(peaks: list[Int64]) -> Beats | None:
    """Intervals between neighbouring systolic peaks, each ending at the later; longer ones than a beat are gaps."""
    if not peaks:
        return None
    at = np.unique(np.concatenate(peaks))
    rr_s = np.diff(at) / NS
    keep = rr_s <= LONGEST_BEAT_S
    if not keep.any():
        return None
    return Beats(at[1:][keep], rr_s[keep], "systolic peaks", "peaks are in ns by the schema", BeatSensor.PPG)


READER = Reader(
    name="embraceplus_avro",
    device="Empatica EmbracePlus",
    looks_like="raw Avro files of an Empatica EmbracePlus (<participant>_<unix time>.avro), one or a folder of them",
    gives=frozenset({Kind.ACC, Kind.BVP, Kind.EDA, Kind.TEMP, Kind.STEPS, Kind.RR, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="wrist",
    clock="UTC, set by the phone",
    extra="embraceplus",
)
