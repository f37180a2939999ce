"""Saliva tables of a laboratory: a row a sample, a row a value, or a row a person with a column a sample.

Concentrations come out in nmol/L (enzymes in U/mL); the unit stands in the column's title, in a column of its own, or
in the sidecar, and is never guessed. A value below the limit of detection (`<0.1`) is the limit with a flag; a cell
without a number is no sample. Clocks follow their zone; minutes since waking need no clock at all.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.devices import lab_words as words
from pipeline.devices.delimited import MISSING
from pipeline.devices.lab_tables import LabTable, number_of, open_tables, own_rows, utc_of
from pipeline.devices.lab_words import LabKind, lab_table, plain
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.saliva_times import Taken, taken_at
from pipeline.devices.saliva_units import KNOWN_UNITS, SalivaColumn, analyte_of, column_of, in_canonical_unit, unit_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, SalivaSample

MOST_CORTISOL_NMOL_L = 2000.0
"""No saliva holds more: a table above it has another unit than it says (serum itself seldom passes 1000)."""
_LIMIT = re.compile(r"([<>≤≥])\s*(?:=\s*)?(\d+(?:[.,]\d+)?)\b.*")
_FLAG = re.compile(r"(?=.*[^\W\d])[\w %<>=.,/+-]{1,40}")


@dataclass(frozen=True, slots=True)
class _Cell:
    """One value as it stands in the table."""

    row: int
    number: int
    text: str
    column: SalivaColumn
    title: str
    unit: str


def _recognise(seen: Glimpse) -> bool:
    """Whether the header names an analyte, and what tells its samples apart."""
    found = lab_table(seen.sheet)
    return found is not None and found[0] is LabKind.SALIVA


def _read(path: Path, asked: Asked) -> Recording:
    """The samples of one participant."""
    zone, source = asked.zone_for(path)
    found, notes = open_tables(path, LabKind.SALIVA)
    samples = [
        sample
        for table, _ in found
        for sample in _samples(own_rows(_observed(table), asked, path, notes), asked, zone, path, notes)
    ]
    if not samples:
        what = "the table holds no concentration"
        raise FileFault(Fault.NOTHING_USABLE, what, where=path.name, hint="are its columns named after the analytes?")
    highest = max((s.value for s in samples if s.analyte == "cortisol" and s.unit == "nmol/L"), default=0.0)
    if highest > MOST_CORTISOL_NMOL_L:
        raise FileFault(
            Fault.IMPLAUSIBLE, f"cortisol reaches {highest:g} nmol/L", where=path.name,
            known=f"no saliva holds more than {MOST_CORTISOL_NMOL_L:g}", hint="is the unit the laboratory's?",
        )  # fmt: skip
    distinct = tuple(_distinct(samples, path, notes))
    return Recording(
        "saliva table", zone, source, saliva=distinct, clock=ClockKind.LOCAL, repairs=tuple(dict.fromkeys(notes))
    )


def _observed(table: LabTable) -> LabTable:
    """The table without rows that are doses or place holders (tables for NONMEM mark them)."""
    for name in ("evid", "mdv"):
        if name in table.names:
            table = table.only([text.strip() in {"", "0", "0.0"} for text in table.column((name,))])
    return table


def _samples(table: LabTable, asked: Asked, zone: str, path: Path, notes: list[str]) -> Iterator[SalivaSample]:
    units = {plain(key): unit for key, unit in asked.units.items()}
    cells = _long(table, units, path) or _wide(table, units, path)
    series = _series(table)
    occasions = sorted({cell.column.occasion for cell in cells})
    taken = {occasion: taken_at(table, occasion, series, asked, path, notes) for occasion in occasions}
    flags = table.column(words.FLAG)
    unread: list[int] = []
    for cell in cells:
        if cell.text.strip().lower() in MISSING:
            continue
        value = _value(cell, path)
        if value is None:
            unread.append(cell.number)
            continue
        amount, unit, flag = value
        said = flags[cell.row] if _FLAG.fullmatch(flags[cell.row]) else ""
        when = taken[cell.column.occasion][cell.row]
        yield SalivaSample(
            occasion=_occasion(table, cell, when),
            time_ns=None if when.wall is None else utc_of(when.wall, zone),
            analyte=cell.column.analyte,
            value=amount,
            unit=unit,
            series=series[cell.row],
            after_waking_min=when.after_waking_min,
            flag="; ".join(filter(None, (flag, said))),
        )
    if unread:
        rows = ", ".join(map(str, dict.fromkeys(unread[:10])))
        notes.append(f"{len(unread)} cells hold no concentration (rows {rows}): no samples")


def _long(table: LabTable, units: dict[str, str], path: Path) -> list[_Cell]:
    """The cells of a table with a row a value, whose analyte stands in a column or (one for all) in the sidecar."""
    place = table.place(words.CONCENTRATION)
    nonmem = set(table.names) >= words.NONMEM
    if place is None or not (nonmem or table.place(words.ANALYTE) is not None):
        return []
    title, told = table.titles[place], table.column(words.UNIT)
    known = units.get(table.names[place], "")
    if nonmem:
        one = column_of(known)
        if one is None:
            raise FileFault(
                Fault.UNKNOWN_UNIT, f"column '{title}' names neither analyte nor unit", where=path.name,
                known="it is a table of one dependent variable",
                hint=f'put {{"units": {{"{title}": "cortisol nmol/L"}}}} into {path.name}.json beside it',
            )  # fmt: skip
        columns: list[SalivaColumn | None] = [one] * len(table.rows)
    else:
        columns = [_named(text) for text in table.column(words.ANALYTE)]
    return [
        _Cell(
            row, table.numbers[row], text, column, title, column.unit or told[row] or units.get(column.analyte, known)
        )
        for row, (text, column) in enumerate(zip(table.cells(place), columns, strict=True))
        if column is not None
    ]


def _named(text: str) -> SalivaColumn | None:
    analyte = analyte_of(text)
    return SalivaColumn(analyte, "", "") if analyte else column_of(text)


def _wide(table: LabTable, units: dict[str, str], path: Path) -> list[_Cell]:
    """The cells of the columns that are named after analytes, each with the occasion that its title adds."""
    columns = [
        (place, column)
        for place, title in enumerate(table.titles)
        if (column := column_of(title)) is not None and table.names[place] not in words.ANALYTE
    ]
    out: list[_Cell] = []
    for place, column in columns:
        title = table.titles[place]
        unit = units.get(table.names[place]) or units.get(plain(column.analyte)) or column.unit
        cells = table.cells(place)
        if not unit and any(text.strip().lower() not in MISSING for text in cells):
            raise _no_unit(path, title, column.analyte)
        out += [_Cell(row, table.numbers[row], text, column, title, unit) for row, text in enumerate(cells)]
    return sorted(out, key=lambda cell: cell.row)


def _no_unit(path: Path, title: str, analyte: str) -> FileFault:
    example = "U/mL" if analyte == "alpha-amylase" else "nmol/L"
    return FileFault(
        Fault.UNKNOWN_UNIT, f"column '{title}' has no unit", where=path.name, known=f"units read: {KNOWN_UNITS}",
        hint=f'put {{"units": {{"{analyte}": "{example}"}}}} into {path.name}.json beside it',
    )  # fmt: skip


def _value(cell: _Cell, path: Path) -> tuple[float, str, str] | None:
    """Amount, unit and flag of a cell; None if it holds no amount."""
    if not cell.unit:
        raise _no_unit(path, cell.title, cell.column.analyte)
    told = unit_of(cell.unit)
    kept = in_canonical_unit(cell.column.analyte, told) if told else None
    if kept is None:
        raise FileFault(
            Fault.UNKNOWN_UNIT, f"{cell.column.analyte} cannot be read in the unit of row {cell.number}",
            where=path.name, known=f"units read: {KNOWN_UNITS}",
            hint=f'name it: {{"units": {{"{cell.column.analyte}": "nmol/L"}}}} in {path.name}.json',
        )  # fmt: skip
    factor, unit = kept
    limit = _LIMIT.fullmatch(cell.text.strip())
    amount = number_of(limit[2] if limit else cell.text)
    if amount is None or amount < 0:
        return None
    flag = "" if limit is None else f"{'below' if limit[1] in '<≤' else 'above'} the range: {limit[1]} {limit[2]}"
    return amount * factor, unit, flag


def _series(table: LabTable) -> list[str]:
    """The day or session of each row: the columns that part them, as few as do; "" if none does."""
    out = [""] * len(table.rows)
    for name in words.SERIES:
        if name not in table.names:
            continue
        cells = table.column((name,))
        if name in words.PLAIN_DATE:
            days = sorted(set(cells) - {""})
            cells = [f"day {days.index(text) + 1}" if text else "" for text in cells]
        elif all(number_of(text) is not None for text in cells if text):
            cells = [f"{name} {text}" if text else "" for text in cells]
        split = [", ".join(filter(None, pair)) for pair in zip(out, cells, strict=True)]
        if len(set(split)) > len(set(out)):
            out = split
    return out


def _occasion(table: LabTable, cell: _Cell, when: Taken) -> str:
    """What the sample is called: by its column, its title, its number, else by its time."""
    named = table.column(words.SAMPLE)[cell.row]
    if named or cell.column.occasion:
        return " ".join(filter(None, (named, cell.column.occasion)))
    number = table.column(words.SAMPLE_NUMBER)[cell.row]
    return f"sample {number}" if number else when.said or f"row {cell.number}"


def _distinct(samples: list[SalivaSample], path: Path, notes: list[str]) -> Iterator[SalivaSample]:
    """Each sample once.

    Raises
    ------
    FileFault
        DUPLICATE if one stands with two values or times: which of them holds is not ours to say.
    """
    held: dict[tuple[str, str, str], SalivaSample] = {}
    again = 0
    for sample in samples:
        key = sample.series, sample.occasion, sample.analyte
        before = held.setdefault(key, sample)
        if before is sample:
            yield sample
        elif dataclasses.astuple(before) == dataclasses.astuple(sample):
            again += 1
        else:
            raise FileFault(
                Fault.DUPLICATE, f"{sample.analyte} of sample '{sample.occasion}' stands more than once",
                where=path.name, known="with different values or times, in one day or session",
                hint="keep one row a sample, or add a column 'session' that tells them apart",
            )  # fmt: skip
    if again:
        notes.append(f"{again} rows repeat a sample: left out")


READER = Reader(
    name="saliva_table",
    device="saliva table",
    looks_like="a table (csv, xlsx, ods) of saliva: participant, sample, time, cortisol (nmol/L) or another analyte",
    gives=frozenset({Kind.SALIVA}),
    recognise=_recognise,
    read=_read,
    family="lab",
    clock="wall clock that follows its zone; minutes since waking; or occasions without a clock",
)
