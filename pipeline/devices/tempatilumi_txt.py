"""Tempatilumi text (CE-Brasil, used by Brazilian groups): a Portuguese preamble, then one epoch a row.

    Data; Hora; Evento; Temperatura; Luminosidade; Atividade
    2000/1/1; 00:01:00; 0; 25.1; 0; 723;

Stamps are year first and mark an epoch by the device's clock. The unit of light is named nowhere, so light is read
only if the sidecar says that it is lux; temperature is in °C.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.devices.delimited import cells_of, content_of, lines_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import Measured, column_numbers, light_or_none, presses, signals_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording

_HEADER_LINES = 60
_OWN = {"data", "hora", "evento", "atividade"}


def _recognise(seen: Glimpse) -> bool:
    """Whether a row below a preamble names date, clock, event and activity in Portuguese."""
    if seen.is_folder or seen.names:
        return False
    return _header(lines_of(text_of(seen.head))) is not None


def _header(lines: list[str]) -> tuple[list[str], int] | None:
    """The names of the columns and the number of the first line below them; None if there are none."""
    for number, line in enumerate(lines[:_HEADER_LINES]):
        names = [cell.lower() for cell in cells_of(line, ";")]
        if set(names) >= _OWN:
            return names, number + 1
    return None


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, temperature and events of one device."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    header = _header(lines)
    if header is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    names, first = header
    zone, source = asked.zone_for(path)
    table = table_of(lines[first:], names, ";", path)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    cells = {name: table[f"c{k}"].fill_null("") for k, name in enumerate(names)}
    stamps = instants(cells["data"] + " " + cells["hora"], asked, zone, path, follows_zone=False)
    notes += stamps.notes
    kept, utc = pl.Series(stamps.good), stamps.utc_ns[stamps.good]

    columns = [_measured(path, Kind.COUNTS, "atividade", cells["atividade"].filter(kept), notes)]
    if "temperatura" in cells:
        columns.append(_measured(path, Kind.TEMP, "temperatura", cells["temperatura"].filter(kept), notes))
    if "luminosidade" in cells:
        light = _measured(path, Kind.LIGHT, "luminosidade", cells["luminosidade"].filter(kept), notes)
        if asked.units.get("Luminosidade", "").strip().lower() in {"lux", "lx"}:
            columns += light_or_none("luminosidade", light.values, notes)
        else:
            notes.append('light has no unit in the file: left out; {"units": {"Luminosidade": "lux"}} lets it be read')
    signals = signals_of(path, utc, tuple(columns), notes)
    pressed = (~cells["evento"].filter(kept).is_in(["", "0"])).to_numpy()
    return Recording("Tempatilumi", zone, source, signals, markers=presses(utc, pressed), repairs=tuple(notes))


def _measured(path: Path, kind: Kind, name: str, cells: pl.Series, notes: list[str]) -> Measured:
    return Measured(kind, name, column_numbers(path, cells, name, notes, decimal_comma=True))


READER = Reader(
    name="tempatilumi_txt",
    device="Tempatilumi",
    looks_like="a Tempatilumi text file: a preamble, then 'Data; Hora; Evento; Luminosidade; Atividade' and epochs",
    gives=frozenset({Kind.COUNTS, Kind.TEMP, Kind.LIGHT, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
