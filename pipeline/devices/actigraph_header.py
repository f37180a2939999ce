"""The ten lines with which ActiLife begins every csv: whose data, from when on, how many, and in which columns.

The date format that the first line declares is that of the computer which wrote the file, not always that of the dates:
dates that it cannot be are read the other way, and that is told.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.devices.delimited import cells_of, lines_of, separator_of, text_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault

HEADER_LINES = 10
FIRST_LINE = re.compile(r"\W*Data (?:Table )?File Created By Acti", re.IGNORECASE)

_MODEL = re.compile(r"Created By Acti\s?Graph\s+([A-Za-z0-9+ ]{1,24}?)\s+ActiLife", re.IGNORECASE)
_RATE = re.compile(r"\bat (\d+(?:[.,]\d+)?) ?Hz", re.IGNORECASE)
_DECLARED = re.compile(r"date format (\S+)", re.IGNORECASE)
_DATE = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.]\d{2,4}")
_DATE_CELL = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}")
_EPOCH = re.compile(r"Epoch Period[^)]*\)\s*(\d+)[:.](\d{2})[:.](\d{2})", re.IGNORECASE)
_MODE = re.compile(r"Mode = (\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Header:
    """What the ten lines, and the line of column names behind them, say."""

    device: str
    start_wall_ns: int
    day_first: bool
    epoch_s: float
    """0 for raw data."""
    fs_hz: float | None
    mode: int | None
    separator: str
    names: tuple[str, ...]
    """Of the columns, lower case; empty where no line names them."""
    lines: int
    """How many lines stand above the data."""
    rows: tuple[tuple[str, ...], ...]
    """The first rows of data."""
    stamps: int
    """How many of the first columns are a time stamp: 0, 1, or 2 for a date and a time of day."""
    decimal_comma: bool


def header_of(path: Path, head: bytes, asked: Asked, notes: list[str]) -> Header:
    """The header at the beginning of a file.

    Raises
    ------
    FileFault
        TRUNCATED if the lines end within it; NOTHING_USABLE if nothing is below it; CORRUPT if it lacks start or epoch;
        NO_START_TIME if its dates can be read two ways.
    """
    lines = lines_of(text_of(head))
    if len(lines) <= HEADER_LINES + 1:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name, hint="export it again")
    text = "\n".join(lines[:HEADER_LINES])
    epoch = _EPOCH.search(text)
    if epoch is None:
        raise FileFault(Fault.CORRUPT, "the header names no epoch period", where=path.name, hint="export it again")
    separator = separator_of(max(lines[HEADER_LINES : HEADER_LINES + 2], key=len))
    first = cells_of(lines[HEADER_LINES], separator) or [""]
    named = bool(re.search(r"[a-z]", first[0], re.IGNORECASE)) and not _DATE_CELL.match(first[0])
    rows = [cells_of(line, separator) for line in lines[HEADER_LINES + named : -1] if line.strip()]
    if not rows:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds a header and no rows", where=path.name)
    stamps = _stamps(rows[0])
    start_wall_ns, day_first = _start(path, lines, asked, notes)
    rate, mode, model = _RATE.search(lines[0]), _MODE.search(text), _MODEL.search(lines[0])
    hours, minutes, seconds = (int(part) for part in epoch.groups())
    return Header(
        f"ActiGraph {model[1]}" if model else "ActiGraph",
        start_wall_ns,
        day_first,
        hours * 3600.0 + minutes * 60.0 + seconds,
        float(rate[1].replace(",", ".")) if rate else None,
        int(mode[1]) if mode else None,
        separator,
        tuple(cell.lower() for cell in first) if named else (),
        HEADER_LINES + named,
        tuple(tuple(row) for row in rows),
        stamps,
        separator != "," and not any("." in cell for row in rows for cell in row[stamps:]),
    )


def _stamps(row: list[str]) -> int:
    """How many of the first cells of a row make up its time stamp."""
    if not _DATE_CELL.match(row[0]):
        return 0
    return 1 if ":" in row[0] else 2


def _start(path: Path, lines: list[str], asked: Asked, notes: list[str]) -> tuple[int, bool]:
    """The wall clock at which the recording began, and whether its dates put the day first."""
    says = dict(re.findall(r"(?m)^\W*(Start Time|Start Date|Download Date)\s+(.*?)[\s,;\"]*$", "\n".join(lines[1:10])))
    if not {"Start Time", "Start Date"} <= set(says):
        known = "start time and start date are needed"
        raise FileFault(Fault.CORRUPT, "the header names no start", where=path.name, known=known)
    declared = _DECLARED.search(lines[0])
    order = asked.date_order
    if order is None and declared is not None and declared[1][0] in "dM":
        order = DateOrder.DAY_FIRST if declared[1].startswith("d") else DateOrder.MONTH_FIRST
    dates = [_DATE.match(says[key]) for key in ("Start Date", "Download Date") if key in says]
    pairs = [(int(date[1]), int(date[2])) for date in dates if date is not None]
    possible = [
        *([DateOrder.DAY_FIRST] if all(second <= 12 for _, second in pairs) else []),
        *([DateOrder.MONTH_FIRST] if all(first <= 12 for first, _ in pairs) else []),
    ]
    if len(possible) == 1 and order is not possible[0]:
        if order is not None:
            notes.append(f"the dates of the header cannot be {order}, as it declares: read {possible[0]}")
        order = possible[0]
    stamp = pl.Series([f"{says['Start Date']} {says['Start Time']}"])
    start = wall_clocks(stamp, dataclasses.replace(asked, date_order=order), path).wall_ns
    return int(start[0]), order is not DateOrder.MONTH_FIRST
