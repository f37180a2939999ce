"""Axivity AX3/AX6 csv, as OMGUI and omconvert write it: time, x, y, z in g a row, perhaps the gyroscope's three behind.

The time is text or seconds since 1970. Both are the device's wall clock, set by a computer and running on through clock
changes: the seconds are no UTC, the software only counts that wall clock so. A table has no header, or one line.
Acceleration whose length is far from 1 g is in another unit, or is no acceleration: it is refused unless the sidecar
names its unit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.archives import open_plain
from pipeline.devices.delimited import cells_of, lines_of, text_of
from pipeline.devices.later import pl
from pipeline.devices.raw_text import (
    Block,
    Rows,
    Tally,
    acceleration,
    blocks_of,
    factor_to_g,
    rate_of,
    stamp_format,
    wall_of,
)
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.set_once import from_first_stamp
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Int64, Kind, Recording

HEAD_BYTES = 64 * 1024
AXES = ("x", "y", "z")
RATES_HZ = (5.0, 3300.0)
LAST_SECOND = 9e9
"""The year 2255: what nanoseconds in 64 bits hold."""
DEVICE_HZ = (6.25, 12.5, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0)

_TITLE = re.compile(r"\W*Time\s*,\s*Accel-X\b", re.IGNORECASE)
_UNIX = re.compile(r"\d{9,10}(?:\.\d{1,6})?")
_ROW = re.compile(
    r"(?:\d{9,10}(?:\.\d{1,6})?|\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{1,6})"
    r"(?:,\s*-?\d+(?:\.\d+)?(?:[eE]-?\d+)?){3,9}\s*"
)


def _recognise(seen: Glimpse) -> bool:
    """Whether the first rows are a stamp and 3, 6 or 9 numbers each, many a second."""
    if seen.is_folder or seen.names:
        return False
    rows = _first_rows(text_of(seen.unpacked))[1]
    return rows is not None and RATES_HZ[0] < rate_of(_walls(rows)[0]) < RATES_HZ[1]


def _first_rows(text: str) -> tuple[int, list[list[str]] | None]:
    """How many lines are a title (0 or 1), and the cells of the rows below; None if these are none of Axivity's."""
    lines = lines_of(text)
    title = int(bool(_TITLE.match(lines[0])))
    body = [line for line in lines[title:-1] if line.strip()]
    if len(body) < 5 or not all(_ROW.fullmatch(line) for line in body[:5]):
        return title, None
    rows = [cells for line in body if len(cells := cells_of(line, ",")) == body[0].count(",") + 1]
    return title, rows if len(rows[0]) in {4, 7, 10} else None


def _walls(rows: list[list[str]]) -> tuple[Int64, str | None]:
    """Wall clocks of first rows, those that can be read; and the format of their stamps, None for seconds."""
    stamps = pl.Series([cells[0] for cells in rows])
    if _UNIX.fullmatch(rows[0][0]):
        wall_ns, good = _ns_of(stamps.cast(pl.Float64, strict=False))
        return wall_ns[good], None
    form = stamp_format(rows[0][0], day_first=True) or ""
    wall_ns, good = wall_of(stamps, form)
    return wall_ns[good], form


def _ns_of(seconds: pl.Series) -> tuple[Int64, NDArray[np.bool_]]:
    """Seconds with up to six decimals as ns, exact to the microsecond, and which of them can be times at all."""
    good = seconds.is_between(0.0, LAST_SECOND).fill_null(value=False)
    micros = (seconds.zip_with(good, pl.Series([0.0])) * 1e6).round()
    return micros.cast(pl.Int64).to_numpy() * 1000, good.to_numpy()


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration as a stream."""
    with open_plain(path) as stream:
        title, first = _first_rows(text_of(stream.read(HEAD_BYTES)))
    if first is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its first rows", where=path.name)
    notes: list[str] = []
    walls, form = _walls(first)
    zone, source = asked.zone_for(path)
    zero_ns = int(from_first_stamp(walls[:1], zone)[0]) - int(walls[0])
    if form is None:
        notes.append("its seconds since 1970 are the device's wall clock, not UTC")
    if (width := len(first[0])) > 4:
        notes.append(f"{width - 4} columns behind the acceleration (gyroscope, magnetometer) are left out")
    columns = ("time", *AXES, *(f"other{k}" for k in range(width - 4)))
    rows = Rows(path, title, ",", columns, frozenset() if form is None else frozenset({"time"}))

    def clock(table: pl.DataFrame, _before: int) -> tuple[Int64, NDArray[np.bool_]]:
        if form is None:
            wall_ns, good = _ns_of(table["time"])
        else:
            wall_ns, good = wall_of(table["time"], form)
        return wall_ns + zero_ns, good

    def blocks(tally: Tally) -> Iterator[Block]:
        return blocks_of(rows, clock, AXES, tally)

    fs_hz = _nominal(rate_of(walls))
    factor = factor_to_g(path, _numbers(first), asked)
    acc, tally = acceleration("acceleration", fs_hz, path, AXES, factor, blocks)
    notes += tally.notes()
    return Recording("Axivity", zone, source, streams=(acc,), clock=ClockKind.DEVICE, repairs=tuple(notes))


def _nominal(shown_hz: float) -> float:
    """The rate of the device that is nearest to the one that stamps show, if it is near."""
    nearest = min(DEVICE_HZ, key=lambda hz: abs(hz - shown_hz))
    return nearest if abs(shown_hz / nearest - 1) < 0.1 else shown_hz


def _numbers(rows: list[list[str]]) -> Floats:
    """The axes of first rows, shape (n, 3), rows without a number left out."""
    axes = pl.DataFrame(rows, orient="row").select(pl.nth(1, 2, 3).cast(pl.Float64, strict=False))
    return axes.drop_nulls().to_numpy()


READER = Reader(
    name="axivity_csv",
    device="Axivity AX3, AX6",
    looks_like="an OMGUI csv: time (text or seconds since 1970), x, y, z in g, a row a sample, at most one title line",
    gives=frozenset({Kind.ACC}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="device clock, in seconds since 1970 too; runs on through clock changes",
)
