"""SenseWear armband (BodyMedia), the workbook that its software exports: a sheet of minutes, others about the wearer.

The first sheet's time column names its offset, 'Time (GMT-04:00)', which holds for all its rows: they are instants.
Steps, skin temperature (°C) and skin conductance (µS) are read; energy, postures and the armband's own sleep are not.
The sheets about wearer and clinician are never looked at.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.clock import NS
from pipeline.devices.epoch_rows import Measured, column_numbers, signals_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.sheets import is_spreadsheet, named_columns, rows_of
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

_TIME = re.compile(r"Time \(GMT([+-])(\d{2}):(\d{2})\)")
_COLUMNS = (
    ("Step Counter", Kind.STEPS),
    ("Skin temp - average", Kind.TEMP),
    ("GSR - average", Kind.EDA),
)


def _recognise(seen: Glimpse) -> bool:
    """Whether the first sheet begins with a time column that names its offset, and holds a SenseWear column."""
    if seen.is_folder or not is_spreadsheet(seen.head, seen.names) or not seen.sheet:
        return False
    first = seen.sheet[0]
    return _TIME.fullmatch(first[0]) is not None and any(name in first for name, _ in _COLUMNS)


def _read(path: Path, asked: Asked) -> Recording:
    """Steps, skin temperature and skin conductance of each minute."""
    rows = next(iter(rows_of(path).values()), ())
    offset = _TIME.fullmatch(rows[0][0]) if rows else None
    if offset is None or len(rows) < 3:
        raise FileFault(Fault.NOTHING_USABLE, "the workbook holds fewer than two minutes", where=path.name)
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    table = named_columns(rows[0], rows[1:])
    # Read as UTC and moved: the offset holds for all rows, so no clock change can lie between them.
    stamps = instants(table[rows[0][0]], asked, "UTC", path)
    notes += stamps.notes
    table = table.filter(pl.Series(stamps.good))
    ahead_s = (1 if offset[1] == "+" else -1) * (int(offset[2]) * 60 + int(offset[3])) * 60
    columns = tuple(
        Measured(kind, name, column_numbers(path, table[name], name, notes))
        for name, kind in _COLUMNS
        if name in table.columns
    )
    signals = signals_of(path, stamps.utc_ns[stamps.good] - ahead_s * NS, columns, notes)
    return Recording("SenseWear", zone, source, signals, clock=ClockKind.OFFSET, repairs=tuple(notes))


READER = Reader(
    name="sensewear_xls",
    device="SenseWear",
    looks_like="a SenseWear workbook (.xls): a first sheet with 'Time (GMT-04:00)', 'Step Counter', 'GSR - average' …",
    gives=frozenset({Kind.STEPS, Kind.TEMP, Kind.EDA}),
    recognise=_recognise,
    read=_read,
    family="wrist",
    clock="wall clock with its offset in the header",
)
