"""ActiGraph .gt3x, streamed: a zip of `info.txt` with `log.bin`, in older firmware with `activity.bin` and `lux.bin`.

The watch keeps the wall clock of the computer that set it, written as if it were UTC, and runs on through a clock
change; `TimeZone` in info.txt is that computer's offset, so that instants follow from the file. Samples are scaled by
the file's units a g and not rounded (ActiLife rounds to three decimals).

A second without a record is a gap. Such gaps are the watch's idle sleep mode, in which it stops to record while it is
not moved: the last value is not carried on, as ActiLife does in its exports, because an unworn watch looks the same.
Light is logged when it changes: a value holds until the next one, within recorded seconds.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.clock import NS, to_datetime, wall_ns, wall_to_utc
from pipeline.devices import gt3x_log
from pipeline.devices.archives import Zip, open_zip
from pipeline.devices.gt3x_info import Info, info_of
from pipeline.devices.gt3x_log import Bytes, Expected, Index, Source, filled
from pipeline.devices.json_text import json_of
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Samples, Signal, SignalStream

PIECE_S = 3600
KEPT_BYTES = 192 * 1024**2
"""A packed log of up to this size is kept as it came out of the zip; a longer one is unpacked again for its samples."""
DAY_S = 86_400
LONGEST_S = 400 * DAY_S
"""Longer than the memory of any such watch lasts, for files that name no end."""
PARTS = (frozenset({"info.txt", "log.bin"}), frozenset({"info.txt", "activity.bin"}))
DIM, LUX_A_UNIT, BRIGHTEST_LUX = 20, {True: 3.25, False: 1.25}, {True: 6000.0, False: 2500.0}
"""Of `lux.bin` (ActiSleep+ or GT3X+): units below which it is dark, and what a unit is behind the case."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the zip that is read again and again; `held` is its content, where that was worth keeping."""

    path: Path
    name: str
    held: Bytes | None

    @contextmanager
    def opened(self) -> Iterator[Source]:
        """The member from its beginning."""
        with open_zip(self.path) as inside, inside.open(self.name) as stream:
            yield stream

    def indexed(self, expected: Expected) -> Index:
        """What the member holds as a log."""
        if self.held is not None:
            return gt3x_log.indexed(self.held, expected)
        with self.opened() as stream:
            return gt3x_log.indexed(stream, expected)

    def spans(self, bounds: Iterator[tuple[int, int]]) -> Iterator[Bytes]:
        """The bytes between each two places, which lie one after another; not to be written to."""
        if self.held is not None:
            yield from (self.held[low:high] for low, high in bounds)
            return
        with self.opened() as stream:
            place, waste = 0, np.empty(1024**2, np.uint8)
            for low, high in bounds:
                while place < low and (came := filled(stream, waste[: low - place])):
                    place += came
                span = np.empty(high - low, np.uint8)
                if filled(stream, span) < len(span):
                    raise FileFault(Fault.TRUNCATED, "the file became shorter while it was read", where=self.path.name)
                place = high
                yield span


def _recognise(seen: Glimpse) -> bool:
    """Whether it is a zip of the two parts that every such file has."""
    return not seen.is_folder and any(parts <= seen.names for parts in PARTS)


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration as a stream, light at 1 Hz."""
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    with open_zip(path) as inside:
        _refuse_uncalibrated(inside)
        info = info_of(path, inside.read(_name(inside, "info.txt"), 1024**2), asked, notes)
        if inside.find("log.bin") is not None:
            stream, signals = _from_log(_member(inside, "log.bin"), info, notes)
        else:
            stream, signals = _from_activity(inside, info, asked)
    shift = _shift_ns(stream.start_ns, info, zone, notes)

    def pieces() -> Iterator[Signal]:
        return (_moved(piece, shift) for piece in stream.pieces())

    moved = replace(stream, start_ns=stream.start_ns + shift, end_ns=stream.end_ns + shift, pieces=pieces)
    signals = tuple(_moved(signal, shift) for signal in signals)
    return Recording(info.model, zone, source, signals, streams=(moved,), clock=ClockKind.DEVICE, repairs=tuple(notes))


def _moved(signal: Signal, by_ns: int) -> Signal:
    """A signal whose wall clock is made an instant."""
    return replace(signal, start_ns=signal.start_ns + by_ns)


def _shift_ns(wall: int, info: Info, zone: str, notes: list[str]) -> int:
    """What makes instants of the watch's wall clock: the file's own offset, else the zone's at the start."""
    by_zone = int(wall_to_utc(np.array([wall], np.int64), zone)[0]) - wall
    if info.offset_s is None:
        return by_zone
    by_file = -info.offset_s * NS
    if by_file != by_zone:
        shown = to_datetime(wall + by_file, zone).strftime("%z")
        notes.append(
            f"the watch was set at an offset of {info.offset_s / 3600:+g} h, {zone} had {shown} at the start: "
            "instants follow the file"
        )
    return by_file


def _name(inside: Zip, base: str) -> str:
    """The path of a member that must be there."""
    name = inside.find(base)
    if name is None:
        raise FileFault(Fault.CORRUPT, f"the zip holds no {base}", where=inside.path.name)
    return name


def _member(inside: Zip, base: str) -> Member:
    """A member, kept in memory if it is packed and not too long."""
    name = _name(inside, base)
    entry = inside.members[name]
    if entry.compress_type == zipfile.ZIP_STORED or entry.file_size > KEPT_BYTES:
        return Member(inside.path, name, None)
    content = np.empty(entry.file_size, np.uint8)
    with inside.open(name) as stream:
        count = filled(stream, content)
    return Member(inside.path, name, content[:count])


def _refuse_uncalibrated(inside: Zip) -> None:
    """Raise if the samples are raw numbers of the sensor, which its own table would make g of (CentrePoint .agdc)."""
    name = inside.find("calibration.json")
    said = json_of(inside.path, inside.read(name, 1024**2)) if name is not None else None
    if isinstance(said, dict) and said.get("isCalibrated") is False:
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            "its samples are uncalibrated numbers of the sensor",
            where=inside.path.name,
            known="calibration.json says so",
            hint="export the recording from CentrePoint as .gt3x or as raw csv",
        )


# ---- log.bin ---------------------------------------------------------------------------------------------------------


def _from_log(member: Member, info: Info, notes: list[str]) -> tuple[SignalStream, tuple[Signal, ...]]:
    """Samples and light of a log; times are wall clocks."""
    low = 0 if info.start_ns is None else info.start_ns // NS - DAY_S
    high = low + LONGEST_S if info.start_ns is not None else 2**32
    if info.end_ns is not None and info.end_ns // NS > low:
        high = min(high, info.end_ns // NS + DAY_S)
    expected = Expected(info.rate, low, high)
    index = member.indexed(expected)
    _tell(member.path, index, info, notes)
    wall, at = index.wall_s, index.at
    sizes = np.where(index.plain, expected.size_of(gt3x_log.PLAIN), expected.size_of(gt3x_log.PACKED))
    breaks = np.flatnonzero((np.diff(wall) != 1) | np.diff(index.plain)) + 1
    runs = np.concatenate(([0], breaks, [len(wall)])).tolist()
    edges = [k for low, high in pairwise(runs) for k in range(low, high, PIECE_S)] + [len(wall)]

    def pieces() -> Iterator[Signal]:
        bounds = ((int(at[low]), int(at[high - 1] + sizes[high - 1])) for low, high in pairwise(edges))
        for (low, high), span in zip(pairwise(edges), member.spans(bounds), strict=True):
            decode = gt3x_log.plain_g if index.plain[low] else gt3x_log.packed_seconds_g
            samples = decode(span, at[low:high] - at[low], info.rate, info.units_a_g)
            yield Signal(Kind.ACC, "acceleration", float(info.rate), int(wall[low]) * NS, samples)

    start, end = int(wall[0]) * NS, (int(wall[-1]) + 1) * NS
    stream_of = SignalStream(Kind.ACC, "acceleration", float(info.rate), start, end, float(len(wall)), pieces)
    return stream_of, _light_of(index)


def _tell(path: Path, index: Index, info: Info, notes: list[str]) -> None:
    """Words for what a log holds that is not read; a fault if nothing is left."""
    if len(index.wall_s) == 0:
        known = f"{index.damaged} with a wrong checksum, {index.odd} that are no second at {info.rate} Hz"
        fault = Fault.CORRUPT if index.damaged or index.odd else Fault.NOTHING_USABLE
        raise FileFault(fault, "log.bin holds no whole second of samples", where=path.name, known=known)
    if index.wall_s[-1] - index.wall_s[0] > LONGEST_S:
        known = f"its seconds span {(index.wall_s[-1] - index.wall_s[0]) / DAY_S:.0f} days, and info.txt names no start"
        raise FileFault(Fault.CORRUPT, "the clock was set within the recording", where=path.name, known=known)
    if index.damaged:
        notes.append(f"{index.damaged} seconds are damaged (checksum): left out, a gap each")
    if index.odd:
        notes.append(f"{index.odd} records hold no whole second at {info.rate} Hz: left out, a gap each")
    if index.repeated:
        notes.append(f"{index.repeated} seconds were recorded before: left out")


def _light_of(index: Index) -> tuple[Signal, ...]:
    """Light at 1 Hz: each value until the next, where samples were recorded."""
    if not np.isfinite(index.light_lux).any():
        return ()
    order = np.argsort(index.light_wall_s, kind="stable")
    latest = np.searchsorted(index.light_wall_s[order], index.wall_s, side="right") - 1
    lux = np.full(int(index.wall_s[-1] - index.wall_s[0]) + 1, np.nan, np.float32)
    lux[index.wall_s - index.wall_s[0]] = np.where(latest < 0, np.float32(np.nan), index.light_lux[order][latest])
    return (Signal(Kind.LIGHT, "light", 1.0, int(index.wall_s[0]) * NS, lux),)


# ---- activity.bin and lux.bin ----------------------------------------------------------------------------------------


def _from_activity(inside: Zip, info: Info, asked: Asked) -> tuple[SignalStream, tuple[Signal, ...]]:
    """Samples without a break from the start in info.txt on, and light once a second."""
    start = info.start_ns
    if start is None:
        start = wall_ns(need_start(inside.path, asked))
    member = _member(inside, "activity.bin")
    total = _length(member)
    samples = total * 2 // 9  # of 4.5 bytes
    if samples == 0:
        raise FileFault(Fault.NOTHING_USABLE, "activity.bin holds no sample", where=inside.path.name)
    step = PIECE_S * info.rate * 9 // 2

    def pieces() -> Iterator[Signal]:
        edges = [*range(0, total, step), total]
        for number, span in enumerate(member.spans(pairwise(edges))):
            begin = start + number * PIECE_S * NS
            values = gt3x_log.packed_g(span[None, :], len(span) * 2 // 9, info.units_a_g)
            if len(values):
                yield Signal(Kind.ACC, "acceleration", float(info.rate), begin, values)

    lasts = samples / info.rate
    end = start + round(lasts * NS)
    stream_of = SignalStream(Kind.ACC, "acceleration", float(info.rate), start, end, lasts, pieces)
    return stream_of, _old_light(inside, info, start)


def _length(member: Member) -> int:
    """The bytes of a member, counted."""
    if member.held is not None:
        return len(member.held)
    waste, total = np.empty(1024**2, np.uint8), 0
    with member.opened() as stream:
        while came := filled(stream, waste):
            total += came
    return total


def _old_light(inside: Zip, info: Info, start: int) -> tuple[Signal, ...]:
    """The values of `lux.bin`, scaled as the maker says; what it calls an error is missing, not dark."""
    name = inside.find("lux.bin")
    content = inside.read(name, KEPT_BYTES) if name is not None else b""
    raw = np.frombuffer(content[: len(content) // 2 * 2], "<u2")
    if not (raw != gt3x_log.DARK).any():
        return ()
    white = "sleep" in info.model.lower()
    lux: Samples = np.minimum(raw * np.float32(LUX_A_UNIT[white]), np.float32(BRIGHTEST_LUX[white])).astype(np.float32)
    lux[raw < DIM] = 0.0
    lux[raw == gt3x_log.DARK] = np.nan
    return (Signal(Kind.LIGHT, "light", 1.0, start, lux),)


READER = Reader(
    name="actigraph_gt3x",
    device="ActiGraph GT3X+, wGT3X-BT, GT9X Link",
    looks_like="an ActiGraph .gt3x file: a zip of info.txt with log.bin, or with activity.bin and lux.bin",
    gives=frozenset({Kind.ACC, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="wall clock of the computer that set the watch, with its UTC offset; runs on through clock changes",
)
