"""Philips Actiware (Respironics) csv, "Actiware Export File (Version 05.00)" in any of its languages.

The file is a list of sections: subject, watch, analysis, statistics, button presses, and the epochs. Each begins with
a title between dashes. Stamps mark the start of an epoch, by the watch's clock: it was set once by a computer and ran
on through clock changes. The header's offset is that of the computer's zone, with or without summer time, so the zone
that is asked for is used and a mismatch is told.

Epochs off the wrist, and those that the scorer excluded, are missing. The software's own sleep/wake is not a
hypnogram and is left out; its rest intervals are kept, with the sleep onset within each.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, utc_to_wall
from pipeline.devices.delimited import (
    cells_of,
    content_of,
    has_decimal_comma,
    lines_of,
    separator_of,
    table_of,
    text_of,
    whole_lines,
)
from pipeline.devices.epoch_rows import Measured, column_numbers, light_or_none, said_epoch, signals_of, unworn
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Int64, Kind, Marker, Recording, RestInterval

MOST_HEADER_LINES = 20_000
"""A year of daily statistics with all four kinds of intervals is 1500 lines."""

_TITLE = re.compile(r"[^\n]*actiware[^\n]*\(\s*vers\w*\s*[\d.,]+\s*\)", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}")
_CLOCK = re.compile(r"\d{1,2}[:.]\d{2}[:.]\d{2}(\s*[AaPp]\.?[Mm]\.?)?")
_NO_NUMBER = r"^[^\W\d_]{2,4}$"
"""A short word in a column of numbers is the software's word for none: NaN, NAN, kZ."""

# Words are compared in lower case, without accents, quotes and colons. Sources: exports in these languages.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "date": ("date", "datum", "data", "fecha"),
    "time": ("time", "heure", "zeit", "tijd", "ora", "hora"),
    "off": ("off-wrist status", "status nicht am handgelenk", "status niet-om-pols", "stato fuori polso"),
    "activity": ("activity", "activite", "aktivitat", "activiteit", "attivita", "actividad"),
    "marker": ("marker", "marqueur", "markierung", "markering", "indicatore"),
    "light": ("white light", "lumiere blanche", "weißes licht", "wit licht", "luce bianca", "luz blanca"),
    "interval": (
        "interval status",
        "statut de l'intervalle",
        "intervallstatus",
        "intervalstatus",
        "stato intervallo",
    ),
}
_EPOCH = ("epoch length", "longueur de la periode", "epochenlange", "periodelengte", "lunghezza periodo")
_DEVICE = ("actiwatch type", "type d'actiwatch", "actiwatch-typ", "type actiwatch", "tipo di actiwatch")
_OFFSET = ("time zone offset", "decalage du fuseau horaire", "zeitzonenverschiebung", "tijdzone-offset")
_AMOUNT = (
    "number of data samples",
    "nombre d'echantillons de donnees",
    "anzahl der daten-samples",
    "aantal gegevenssamples",
)
_REST = ("rest", "repos", "ruhe", "rust", "riposo", "reposo")
_SLEEP = ("sleep", "sommeil", "schlaf", "slaap", "sonno", "sueno")
_EXCLUDED = ("exclu", "ausgeschlossen", "uitgezonderd", "esclus")
_PRESSED = ("marker!", "markering!", "markierung!", "marqueur !", "marqueur!", "indicatore!")
_MODELS = re.compile(r"(actiwatch|spectrum)[\w +-]{0,20}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above the epochs: properties by name, intervals and presses as cells, the columns, the rows."""

    says: dict[str, str]
    rests: list[list[str]]
    sleeps: list[list[str]]
    pressed: list[list[str]]
    columns: dict[str, int]
    names: list[str]
    separator: str
    rows: list[str]


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line says that it is an Actiware export file, in whatever language."""
    if seen.is_folder or seen.names:
        return False
    return _TITLE.match(text_of(seen.head[:400]).lstrip("\ufeff\r\n ")) is not None


def _plain(text: str) -> str:
    """A word as it is compared: lower case, no accents (ß and ø stay), quotes, colons or no-break spaces."""
    text = text.replace("\u00a0", " ").replace("\u2019", "'").lower()
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return " ".join(re.sub(r"[\"„“”]", "", bare).strip(" :").split())


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, white light, button presses and rest intervals of one watch."""
    content, notes = whole_lines(content_of(path))
    head = _head(path, lines_of(text_of(content)))
    zone, source = asked.zone_for(path)
    table = table_of(head.rows, head.names, head.separator, path)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    own = _column(table, head, "date") + " " + _column(table, head, "time")
    parts = [_stamps_of(head.rests, 2), _stamps_of(head.sleeps, 2), _stamps_of(head.pressed, 1)]
    told = pl.Series("told", [stamp for part in parts for stamp in part], dtype=pl.String)
    # All stamps of the file are read as one column, because the date order of a short recording shows in the others.
    stamps = instants(pl.concat([own.alias("told"), told]), asked, zone, path, follows_zone=False)
    notes += stamps.notes
    utc, good = stamps.utc_ns[: len(own)], stamps.good[: len(own)]
    kept = pl.Series(good)
    columns, off = _measured(path, table.filter(kept), head, notes)
    signals = signals_of(path, utc[good], unworn(columns, off, notes), notes)
    _compare(head, signals[0].start_ns, zone, table.height, notes)
    if epoch := head.says.get("epoch"):
        said_epoch(path, signals, float(epoch))
    rests, sleeps, presses = _parted(stamps.utc_ns[len(own) :], stamps.good[len(own) :], [len(p) for p in parts])
    pressed = set(presses.tolist()) | set(utc[good & _pressed(table, head)].tolist())
    return Recording(
        head.says.get("device", "Actiwatch"),
        zone,
        source,
        signals,
        rests=_rests(rests, sleeps),
        markers=tuple(Marker(at, 0.0, "button") for at in sorted(pressed)),
        repairs=tuple(notes),
    )


def _head(path: Path, lines: list[str]) -> _Head:
    """Everything above the epochs, and the lines of the epochs."""
    says: dict[str, str] = {}
    found: dict[str, list[list[str]]] = {"rest": [], "sleep": [], "pressed": []}
    for number, line in enumerate(lines[:MOST_HEADER_LINES]):
        if not line.strip():
            continue
        separator = separator_of(line)
        cells = cells_of(line, separator)
        columns = _columns_in(cells)
        if {"date", "time", "activity"} <= columns.keys():
            return _Head(
                says,
                found["rest"],
                found["sleep"],
                found["pressed"],
                columns,
                cells,
                separator,
                lines[number + 1 :],
            )
        _note(cells, says, found)
    raise FileFault(
        Fault.NOTHING_USABLE,
        "it has no epochs, or their columns are named in a language that is not known",
        where=path.name,
        known="columns such as Date, Time, Activity are known in English, French, German, Dutch, Italian and Spanish",
        hint='export it with "Epoch-by-Epoch Data" ticked, in English',
    )


def _columns_in(cells: list[str]) -> dict[str, int]:
    """Which column is what, by the words of a header row."""
    words = [_plain(cell) for cell in cells]
    places = {what: next((words.index(w) for w in known if w in words), None) for what, known in _COLUMNS.items()}
    return {what: place for what, place in places.items() if place is not None}


def _note(cells: list[str], says: dict[str, str], found: dict[str, list[list[str]]]) -> None:
    """Keep what a line above the epochs says, if it is wanted. Names and birth dates never are."""
    word = _plain(cells[0])
    value = cells[1].strip() if len(cells) > 1 else ""
    if word in _EPOCH and re.fullmatch(r"\d{1,4}", value):
        says["epoch"] = value
    elif word in _DEVICE and _MODELS.fullmatch(value):
        says["device"] = value if value.lower().startswith("actiwatch") else f"Actiwatch {value}"
    elif word in _OFFSET and re.fullmatch(r"[+-]?\d{1,2}:\d{2}", value):
        says["offset"] = value if value[0] in "+-" else "+" + value
    elif word in _AMOUNT and re.fullmatch(r"\d{1,9}", value):
        says["amount"] = value
    elif word in _REST and value.isdigit():
        found["rest"].append(cells)
    elif word in _SLEEP and value.isdigit():
        found["sleep"].append(cells)
    elif word.isdigit() and any(_plain(cell) in _PRESSED for cell in cells):
        found["pressed"].append(cells)


def _stamps_of(rows: list[list[str]], pairs: int) -> list[str]:
    """The date-and-time pairs of rows that hold so many; days of the week between them are passed over."""
    out = []
    for cells in rows:
        dates = [cell for cell in cells[1:9] if _DATE.fullmatch(cell)]
        clocks = [cell for cell in cells[1:9] if _CLOCK.fullmatch(cell)]
        if len(dates) == len(clocks) == pairs:
            out += [f"{day} {clock}" for day, clock in zip(dates, clocks, strict=True)]
    return out


def _parted(utc: Int64, good: NDArray[np.bool_], lengths: list[int]) -> Iterator[Int64]:
    """Instants of several lists that were read as one; a list with an unreadable one is not used."""
    begin = 0
    for length in lengths:
        part = slice(begin, begin + length)
        yield utc[part] if good[part].all() else utc[:0]
        begin += length


def _rests(rests: Int64, sleeps: Int64) -> tuple[RestInterval, ...]:
    """Rest intervals, with the start of the first sleep interval within each as its onset."""
    out = []
    for begin, end in rests.reshape(-1, 2).tolist():
        onset = next((at for at in sleeps[::2].tolist() if begin <= at < end), None)
        if begin < end:
            out.append(RestInterval(begin, end, onset, "Actiware rest interval"))
    return tuple(out)


def _measured(
    path: Path, table: pl.DataFrame, head: _Head, notes: list[str]
) -> tuple[tuple[Measured, ...], NDArray[np.bool_]]:
    """Counts and white light, one value a row; and the rows that were not worn or were excluded."""
    columns: list[Measured] = []
    cells = _number_cells(table, head, "activity")
    comma = head.separator != "," or has_decimal_comma(cells)
    values = column_numbers(path, cells, "activity", notes, decimal_comma=comma)
    columns.append(Measured(Kind.COUNTS, "activity", values, CountsScale.ACTIWATCH))
    if "light" in head.columns:
        cells = _number_cells(table, head, "light")
        comma = head.separator != "," or has_decimal_comma(cells)
        columns += light_or_none(
            "white light", column_numbers(path, cells, "white light", notes, decimal_comma=comma), notes
        )
    off = np.zeros(table.height, bool)
    if "off" in head.columns:
        off |= (_column(table, head, "off") == "1").to_numpy()
    if "interval" in head.columns:
        words = _column(table, head, "interval").str.to_lowercase()
        for beginning in _EXCLUDED:
            off |= words.str.starts_with(beginning).to_numpy()
    return tuple(columns), off


def _number_cells(table: pl.DataFrame, head: _Head, what: str) -> pl.Series:
    cells = _column(table, head, what)
    return cells.set(cells.str.contains(_NO_NUMBER), "")


def _column(table: pl.DataFrame, head: _Head, what: str) -> pl.Series:
    return table[f"c{head.columns[what]}"].fill_null("")


def _pressed(table: pl.DataFrame, head: _Head) -> NDArray[np.bool_]:
    if "marker" not in head.columns:
        return np.zeros(table.height, bool)
    return (_column(table, head, "marker") == "1").to_numpy()


def _compare(head: _Head, start: int, zone: str, rows: int, notes: list[str]) -> None:
    """Tell where the header says another offset or another number of epochs than there is."""
    if offset := head.says.get("offset"):
        hours, minutes = offset[1:].split(":")
        said = (1 if offset[0] == "+" else -1) * (int(hours) * 60 + int(minutes)) * 60 * NS
        if said != int(utc_to_wall(np.array([start]), zone)[0]) - start:
            notes.append(f"the header's UTC offset {offset} is not that of {zone} at the start: the zone is used")
    if (amount := head.says.get("amount")) and int(amount) != rows:
        notes.append(f"the header announces {amount} epochs, the file holds {rows}")


READER = Reader(
    name="actiware_csv",
    device="Actiwatch (Actiware export)",
    looks_like='an Actiware csv: first line "Actiware Export File (Version 05.00)", or the same in another language',
    gives=frozenset({Kind.COUNTS, Kind.LIGHT, Kind.MARKERS, Kind.DIARY}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
