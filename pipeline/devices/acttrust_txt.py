"""ActTrust text (Condor Instruments): a report between `+---+` lines, then one epoch a row, `;` or tab between.

Three measures of activity stand side by side (PIM integrates, TAT is time above threshold, ZCM counts zero crossings);
PIM is read, and its name stays in the label, because thresholds differ between them. Stamps are day first and mark
the start of an epoch by the watch's clock. STATE 4 is off the wrist: missing. Temperature is the sensor on the skin.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.devices.delimited import cells_of, content_of, lines_of, separator_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import (
    Measured,
    column_numbers,
    light_or_none,
    presses,
    said_epoch,
    signals_of,
    true_start,
    unworn,
)
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Kind, Recording

_REPORT = "Condor Instruments Report"
_COLUMNS = re.compile(r"DATE/TIME[;\t]MS[;\t]EVENT[;\t]")
_MODEL = re.compile(r"Act(Trust|Lumus|TrustPro)\w{0,4}( \w{1,4})?", re.IGNORECASE)
_HEADER_LINES = 200
_OFF_WRIST = "4"
_OTHERS = ("TAT", "ZCM", "EXT TEMPERATURE")


def _recognise(seen: Glimpse) -> bool:
    """Whether it begins with a Condor report, or at once with its row of column names."""
    if seen.is_folder or seen.names:
        return False
    beginning = seen.text.lstrip()
    return _REPORT in beginning[:200] or _COLUMNS.match(beginning) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """PIM counts, skin temperature, light and button presses of one watch."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    says, names, first = _head(path, lines)
    zone, source = asked.zone_for(path)
    table = table_of(lines[first:], names, separator_of(lines[first - 1]), path)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    day_first = replace(asked, date_order=asked.date_order or DateOrder.DAY_FIRST)
    stamps = instants(_cells(table, names, "DATE/TIME"), day_first, zone, path, follows_zone=False)
    notes += stamps.notes
    table, utc = table.filter(pl.Series(stamps.good)), stamps.utc_ns[stamps.good]
    utc = utc + (true_start(path, int(utc[0]), asked, zone, notes) - utc[0])

    def numbers(name: str) -> Floats:
        return column_numbers(path, _cells(table, names, name), name, notes, decimal_comma=True)

    columns = [Measured(Kind.COUNTS, "PIM", numbers("PIM"))]
    if "TEMPERATURE" in names:
        columns.append(Measured(Kind.TEMP, "skin temperature", numbers("TEMPERATURE")))
    if "LIGHT" in names:
        columns += light_or_none("light", numbers("LIGHT"), notes)
    off = np.zeros(len(utc), bool)
    if "STATE" in names:
        off = (_cells(table, names, "STATE") == _OFF_WRIST).to_numpy()
    signals = signals_of(path, utc, unworn(tuple(columns), off, notes), notes)
    if re.fullmatch(r"\d{1,4}", interval := says.get("INTERVAL", "")):
        said_epoch(path, signals, float(interval))
    if others := [name for name in _OTHERS if name in names]:
        notes.append(f"not read: {', '.join(others)}")
    pressed = numbers("EVENT") > 0 if "EVENT" in names else utc < 0
    model = says.get("DEVICE_MODEL", "")
    device = model if _MODEL.fullmatch(model) else "ActTrust"
    return Recording(device, zone, source, signals, markers=presses(utc, pressed), repairs=tuple(notes))


def _head(path: Path, lines: list[str]) -> tuple[dict[str, str], list[str], int]:
    """What the report says, the names of the columns, and the number of the first line below them."""
    says: dict[str, str] = {}
    for number, line in enumerate(lines[:_HEADER_LINES]):
        if _COLUMNS.match(line):
            names = cells_of(line, separator_of(line))
            if "PIM" in names and number + 1 < len(lines):
                return says, names, number + 1
            raise FileFault(
                Fault.NOTHING_USABLE,
                "the export holds no PIM counts",
                where=path.name,
                known="TAT and ZCM are other measures, with other thresholds",
                hint="export it with PIM",
            )
        key, _, value = line.partition(" : ")
        says[key.strip()] = value.strip()
    raise FileFault(
        Fault.TRUNCATED, "the file ends within its report", where=path.name, hint="export it from the watch again"
    )


def _cells(table: pl.DataFrame, names: list[str], name: str) -> pl.Series:
    return table[f"c{names.index(name)}"].fill_null("")


READER = Reader(
    name="acttrust_txt",
    device="ActTrust",
    looks_like='a Condor ActTrust text file: "Condor Instruments Report", then DATE/TIME;MS;EVENT;…;PIM;…;STATE',
    gives=frozenset({Kind.COUNTS, Kind.TEMP, Kind.LIGHT, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
