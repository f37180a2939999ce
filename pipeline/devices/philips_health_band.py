"""Philips Health Band (PAS web application), the DataList workbook: seven lines about the study, then one minute a row.

Stamps are month first and mark the *end* of a minute: the energy of a day is summed up to its 00:00 row, and begins
anew at 00:01. Heart rate and steps stand beside the counts. Minutes off the wrist or marked as missing are missing.
The Sleep_Wake workbook beside it holds the band's own sleep/wake with undocumented codes, which is no hypnogram.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.epoch_rows import Measured, column_numbers, presses, signals_of, unworn
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder, Glimpse, Reader
from pipeline.devices.sheets import is_spreadsheet, named_columns, rows_of
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording

_MARK = "PAS Web Application version:"
_MINUTE_NS = 60 * NS
_COLUMNS = (("activityCounts", Kind.COUNTS), ("heartRate", Kind.HR), ("steps", Kind.STEPS))


def _recognise(seen: Glimpse) -> bool:
    """Whether a workbook's first lines name the web application that wrote it."""
    if seen.is_folder or not is_spreadsheet(seen.head, seen.names):
        return False
    return any(row[0].startswith(_MARK) for row in seen.sheet)


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, heart rate, steps and marker presses of one band."""
    rows = next(iter(rows_of(path).values()), ())
    place = next((k for k, row in enumerate(rows[:40]) if row[0] == "timeStamp"), None)
    if place is None or "activityCounts" not in rows[place]:
        raise FileFault(
            Fault.NOTHING_USABLE,
            "the workbook holds no activity counts",
            where=path.name,
            known="the band's own sleep/wake is not read: its codes are not documented",
            hint="put in the DataList workbook of the same band",
        )
    zone, source = asked.zone_for(path)
    names, table = rows[place], named_columns(rows[place], rows[place + 1 :])
    notes: list[str] = []
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the workbook holds fewer than two epochs", where=path.name)
    month_first = replace(asked, date_order=asked.date_order or DateOrder.MONTH_FIRST)
    stamps = instants(table["timeStamp"], month_first, zone, path)
    notes += stamps.notes
    table, utc = table.filter(pl.Series(stamps.good)), stamps.utc_ns[stamps.good] - _MINUTE_NS
    columns = tuple(
        Measured(kind, name, column_numbers(path, table[name], name, notes)) for name, kind in _COLUMNS if name in names
    )
    off = np.zeros(len(utc), bool)
    for name in ("offWrist", "missingData"):
        if name in names:
            off |= (table[name] == "1").to_numpy()
    signals = signals_of(path, utc, unworn(columns, off, notes), notes)
    pressed = (table["sleepEventMarker"] == "1").to_numpy() if "sleepEventMarker" in names else np.zeros(len(utc), bool)
    return Recording(
        "Philips Health Band",
        zone,
        source,
        signals,
        markers=presses(utc, pressed),
        clock=stamps.clock,
        repairs=tuple(notes),
    )


READER = Reader(
    name="philips_health_band",
    device="Philips Health Band",
    looks_like="a Philips Health Band DataList workbook (.xlsx): timeStamp, activityCounts, heartRate … a minute a row",
    gives=frozenset({Kind.COUNTS, Kind.HR, Kind.STEPS, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="wall clock that the phone sets",
)
