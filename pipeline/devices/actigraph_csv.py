"""ActiGraph csv as ActiLife exports it: ten lines of header, then counts of epochs or raw acceleration, a row each.

Column names and time stamps may stand there or not; without names the mode in the header tells the columns. Stamps mark
the start of an epoch, in the wall clock of the computer that set the device, which runs on through clock changes; a `Z`
behind them is no UTC. Raw rows of 0, 0, 0 are not measured, because gravity never is 0: ActiLife writes them where the
device slept (idle sleep mode), and they become gaps. Where it repeats the last value instead, that cannot be told from
lying still: it is kept and said. Counts of 0 in an epoch cannot be told apart from that either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.actigraph_epochs import epochs
from pipeline.devices.actigraph_header import FIRST_LINE, Header, header_of
from pipeline.devices.archives import open_plain
from pipeline.devices.delimited import numbers_of
from pipeline.devices.later import pl
from pipeline.devices.raw_text import (
    STILL_S,
    Block,
    Clock,
    Rows,
    Tally,
    acceleration,
    blocks_of,
    factor_to_g,
    regular,
    stamp_format,
    wall_of,
)
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.set_once import from_first_stamp
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Int64, Kind, Recording, Signal, SignalStream

FIRST_BYTES = 64 * 1024
_AXIS = re.compile(r"(?:accelerometer |accel[- ]?)?([xyz])")


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line is the one with which ActiLife signs its tables."""
    first = b"" if seen.is_folder else seen.unpacked[:200]
    return FIRST_LINE.match(first.decode("utf-8-sig", errors="replace")) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, steps and light of epochs, or raw acceleration as a stream."""
    notes: list[str] = []
    with open_plain(path) as stream:
        header = header_of(path, stream.read(FIRST_BYTES), asked, notes)
    zone, source = asked.zone_for(path)
    start_ns = int(from_first_stamp(np.array([header.start_wall_ns], np.int64), zone)[0])
    streams: tuple[SignalStream, ...] = ()
    signals: tuple[Signal, ...] = ()
    if header.epoch_s == 0:
        streams = (_raw(path, header, start_ns, asked, notes),)
    else:
        signals = epochs(path, header, zone, start_ns, asked, notes)
        if any((signal.samples == 0).any() for signal in signals if signal.kind is Kind.COUNTS):
            notes.append("epochs of 0 counts are of no movement, or of a device that slept (idle sleep mode)")
    return Recording(
        header.device, zone, source, signals, streams=streams, clock=ClockKind.DEVICE, repairs=tuple(notes)
    )


def _raw(path: Path, header: Header, start_ns: int, asked: Asked, notes: list[str]) -> SignalStream:
    """Acceleration in g; rows of 0, 0, 0 are gaps."""
    if header.fs_hz is None:
        hint = "export it with ActiLife, whose first line names the rate ('at 30 Hz')"
        raise FileFault(Fault.CORRUPT, "the header names no sampling rate", where=path.name, hint=hint)
    columns = tuple(f"c{k}" for k in range(len(header.rows[0])))
    places = _axes(path, header)
    axes = tuple(columns[place] for place in places)
    rows = Rows(
        path,
        header.lines,
        header.separator,
        columns,
        texts=frozenset(columns[: header.stamps]),
        decimal_comma=header.decimal_comma,
    )
    clock = _clock(path, header, start_ns) if header.stamps else regular(start_ns, header.fs_hz)
    asleep = pl.all_horizontal(pl.col(axes) == 0.0).fill_null(value=False)

    def blocks(tally: Tally) -> Iterator[Block]:
        for block in blocks_of(rows, clock, axes, tally):
            zero = block.table.select(asleep).to_series().to_numpy()
            tally.zero += int(np.count_nonzero(zero))
            yield Block(block.table, block.utc_ns, block.good & ~zero)

    factor = factor_to_g(path, _numbers(header, places), asked)
    stream, tally = acceleration("acceleration", header.fs_hz, path, axes, factor, blocks)
    notes += tally.notes()
    if tally.zero:
        notes.append(f"{tally.zero} rows of 0, 0, 0 (idle sleep mode: gravity never is 0) are gaps")
    if tally.still:
        notes.append(
            f"{tally.still / header.fs_hz:.0f} s repeat one value for {STILL_S:g} s or longer: lying still and the "
            "idle sleep mode cannot be told apart"
        )
    return stream


def _axes(path: Path, header: Header) -> list[int]:
    """The columns of x, y and z."""
    if not header.names and len(header.rows[0]) == 3 + header.stamps:
        return [header.stamps + k for k in range(3)]
    found = {match[1]: k for k, name in enumerate(header.names) if (match := _AXIS.fullmatch(name))}
    if len(header.names) == len(header.rows[0]) and len(found) == 3:
        return [found[axis] for axis in "xyz"]
    raise FileFault(
        Fault.UNKNOWN_CODE,
        "its columns cannot be told",
        where=path.name,
        known=f"{len(header.names)} names, {len(header.rows[0])} cells in a row; x, y and z are needed",
        hint="export it with column names, and with a separator that is not the decimal mark",
    )


def _numbers(header: Header, places: list[int]) -> Floats:
    """The axes of the first rows, shape (n, 3), rows without a number left out."""
    cells = [[row[place] for place in places] for row in header.rows if len(row) == len(header.rows[0])]
    table = pl.DataFrame(cells, schema=["x", "y", "z"], orient="row")
    columns = [numbers_of(column, decimal_comma=header.decimal_comma)[0] for column in table]
    return pl.DataFrame(columns).drop_nulls().to_numpy()


def _clock(path: Path, header: Header, start_ns: int) -> Clock:
    """Instants of stamped rows: time elapsed from the header's start."""

    def text(table: pl.DataFrame) -> pl.Series:
        return table["c0"] if header.stamps == 1 else table["c0"] + " " + table["c1"]

    form = stamp_format(" ".join(header.rows[0][: header.stamps]), day_first=header.day_first)
    if form is None:
        raise FileFault(Fault.CORRUPT, "its time stamps cannot be read", where=path.name, hint="export it again")
    zero_ns = start_ns - header.start_wall_ns

    def clock(table: pl.DataFrame, _before: int) -> tuple[Int64, NDArray[np.bool_]]:
        wall_ns, good = wall_of(text(table), form)
        return wall_ns + zero_ns, good

    return clock


READER = Reader(
    name="actigraph_csv",
    device="ActiGraph",
    looks_like="an ActiLife csv: its first line says 'Data File Created By ActiGraph'; epoch counts or raw data in g",
    gives=frozenset({Kind.ACC, Kind.COUNTS, Kind.STEPS, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
