"""Whose the rows of a lab table are: every id in it with the rows, or the columns, that bear it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.devices.lab_tables import plain_id
from pipeline.devices.lab_words import PERSON, LabKind, is_transposed, lab_table, place_of, plain
from pipeline.devices.sheets import Row, Sheet, numbered_sheets


@dataclass(frozen=True, slots=True)
class Named:
    """One id of a table, as `plain_id` makes it, and where it stands: `row 5`, `column 3`."""

    person: str
    place: str


def people_in(path: Path) -> tuple[Named, ...]:
    """Everybody whom a lab table names, in its order, as often as it does; nobody for a file that is no lab table.

    Raises
    ------
    FileFault
        CORRUPT or TOO_LARGE for a workbook that cannot be opened.
    """
    found: list[Named] = []
    for sheet in numbered_sheets(path)[0].values():
        told = lab_table(sheet.rows)
        if told is None:
            continue
        kind, header = told
        names = tuple(map(plain, sheet.rows[header]))
        if kind is LabKind.QUESTIONNAIRE and is_transposed(names, sheet.rows[header + 1 :]):
            found += _above(sheet.rows[header])
        elif (place := place_of(names, PERSON)) is not None:
            found += _beside(sheet, header, place)
    return tuple(one for one in found if one.person)


def _above(titles: Row) -> list[Named]:
    return [Named(plain_id(text), f"column {place + 1}") for place, text in enumerate(titles) if place]


def _beside(sheet: Sheet, header: int, place: int) -> list[Named]:
    rows = zip(sheet.rows[header + 1 :], sheet.numbers[header + 1 :], strict=True)
    return [Named(plain_id(row[place]), f"row {number}") for row, number in rows if place < len(row)]
