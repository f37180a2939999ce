"""Actical csv (Mini Mitter / Philips Respironics), "Actical List Export File (Version 03.00)".

Settings come first, then a header of several lines, then an epoch a row: number, day, elapsed seconds, date, clock,
counts, steps, … Elapsed seconds run to the *end* of an epoch, date and clock name its start without seconds; so the
start is the header's, and elapsed time places the rows.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.devices.delimited import cells_of, content_of, lines_of, separator_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import Measured, column_numbers, presses, signals_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, whole_ns
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Kind, Recording

_TITLE = re.compile(r'\s*"?Actical List Export File\b', re.IGNORECASE)
_HEADER_LINES = 200
_EPOCH = re.compile(r'\s*"?\d+"?\s*[,;\t]\s*"?\d+"?\s*[,;\t]\s*"?\d+"?\s*[,;\t]')


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line says that it is an Actical list export."""
    return not (seen.is_folder or seen.names) and _TITLE.match(seen.text) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, steps and button presses."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    says, names, first = _head(path, lines)
    zone, source = asked.zone_for(path)
    separator = separator_of(lines[first])
    table = table_of(lines[first:], names, separator, path)
    begin = pl.Series("start", [f"{says.get('start date', '')} {says.get('start time', '')}"])
    start = int(instants(begin, asked, zone, path, follows_zone=False).utc_ns[0])
    elapsed = column_numbers(path, _cells(table, names, "elapsed"), "elapsed", notes)
    if np.isnan(elapsed).any():
        raise FileFault(Fault.CORRUPT, "some rows have no elapsed seconds", where=path.name)
    if len(elapsed) < 2 or elapsed[0] <= 0:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    utc = start + whole_ns(elapsed - elapsed[0], path)
    comma = separator != ","
    columns = [Measured(Kind.COUNTS, "activity", _numbers(path, table, names, "activity", notes, comma=comma))]
    if "steps" in names:
        columns.append(Measured(Kind.STEPS, "steps", _numbers(path, table, names, "steps", notes, comma=comma)))
    signals = signals_of(path, utc, tuple(columns), notes)
    if round(elapsed[0]) != round(1.0 / signals[0].fs_hz):
        known = f"the first row ends {elapsed[0]:g} s after the start, rows are {1.0 / signals[0].fs_hz:g} s apart"
        raise FileFault(Fault.CORRUPT, "the first rows are missing", where=path.name, known=known)
    pressed = (_cells(table, names, "event marker") == "1").to_numpy() if "event marker" in names else utc < 0
    return Recording("Actical", zone, source, signals, markers=presses(utc, pressed), repairs=tuple(notes))


def _head(path: Path, lines: list[str]) -> tuple[dict[str, str], list[str], int]:
    """What the settings say, the names of the columns, and the number of the first line with an epoch."""
    says: dict[str, str] = {}
    names: list[str] = []
    for number, line in enumerate(lines[:_HEADER_LINES]):
        if names and _EPOCH.match(line):
            return says, names, number
        cells = cells_of(line, separator_of(line)) if line.strip() else [""]
        words = [cell.lower() for cell in cells]
        if words[0] == "epoch#" and {"elapsed", "date", "activity"} <= set(words):
            names = words
        elif len(cells) > 1 and words[0] in {"start date:", "start time:"}:
            says[words[0].rstrip(":")] = cells[1]
    raise FileFault(
        Fault.NOTHING_USABLE,
        "the export holds no epochs",
        where=path.name,
        known="below the settings there is no row under Epoch#, Day#, Elapsed, …",
        hint='export it with "Epoch-by-Epoch Data"; a copy that was cut short must be copied again',
    )


def _cells(table: pl.DataFrame, names: list[str], name: str) -> pl.Series:
    return table[f"c{names.index(name)}"].fill_null("")


def _numbers(path: Path, table: pl.DataFrame, names: list[str], name: str, notes: list[str], *, comma: bool) -> Floats:
    return column_numbers(path, _cells(table, names, name), name, notes, decimal_comma=comma)


READER = Reader(
    name="actical_csv",
    device="Actical",
    looks_like='an Actical csv: first line "Actical List Export File (Version 03.00)", settings, then epochs',
    gives=frozenset({Kind.COUNTS, Kind.STEPS, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
