"""DaqTix csv (Daqtometer): a head that describes its channels, then an instant and one number a channel a row.

    Start: 2000-01-27 19:00:00 GMT
    Name:,Accelleration X+Y,Light
    Store rate:,1,1

Stamps are GMT by the file's own word. The channel of acceleration is summed movement (counts of no other maker's
scale); that of light has no unit, so it is read only if the sidecar says that it is lux.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.devices.delimited import cells_of, content_of, lines_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import Measured, column_numbers, light_or_none, signals_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

_START = re.compile(r"Start: (\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}) GMT\s*")
_HEADER_LINES = 60
_ROW = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2},")


def _recognise(seen: Glimpse) -> bool:
    """Whether it begins with a start in GMT and describes binned channels."""
    if seen.is_folder or seen.names:
        return False
    text = seen.text
    return _START.match(text) is not None and "\nBinning mode:" in text and "\nStore rate:" in text


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, and light where its unit is told, of one device."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    first = next((k for k, line in enumerate(lines[:_HEADER_LINES]) if _ROW.match(line)), None)
    if first is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    head = [cells_of(line, ",") for line in lines[:first] if line.strip()]
    channels = next((cells[1:] for cells in head if cells[0] == "Name:"), [])
    zone, source = asked.zone_for(path)
    table = table_of(lines[first:], ["stamp", *channels], ",", path)
    stamps = instants(table["c0"], asked, "UTC", path)
    notes += stamps.notes
    table, utc = table.filter(pl.Series(stamps.good)), stamps.utc_ns[stamps.good]
    columns: list[Measured] = []
    for k, name in enumerate(channels, start=1):
        if re.match(r"(?i)acc?ell?eration", name):
            columns.append(Measured(Kind.COUNTS, "acceleration", column_numbers(path, table[f"c{k}"], name, notes)))
        elif name.lower() == "light" and asked.units.get(name, "").strip().lower() in {"lux", "lx"}:
            columns += light_or_none("light", column_numbers(path, table[f"c{k}"], name, notes), notes)
        elif name.lower() == "light":
            notes.append('light has no unit in the file: left out; {"units": {"Light": "lux"}} lets it be read')
    if not any(column.kind is Kind.COUNTS for column in columns):
        raise FileFault(Fault.NOTHING_USABLE, "no channel of the file is acceleration", where=path.name)
    signals = signals_of(path, utc, tuple(columns), notes)
    return Recording("DaqTix", zone, source, signals, clock=ClockKind.UTC, repairs=tuple(notes))


READER = Reader(
    name="daqtix_csv",
    device="DaqTix",
    looks_like="a DaqTix csv: 'Start: 2000-01-27 19:00:00 GMT', then Name:, Store rate:, Binning mode: and the rows",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="UTC (GMT by the file's own word)",
)
