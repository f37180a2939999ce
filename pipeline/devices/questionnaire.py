"""Questionnaires and daily self-reports: a row a person, a row an answer, or a column a person; answers as given.

Nothing is scored here: an item is an item and a total is the table's own. Columns that belong to no known instrument
(age, body mass, remarks) are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from pipeline.devices import lab_words as words
from pipeline.devices.delimited import MISSING
from pipeline.devices.lab_tables import (
    LabTable,
    at,
    clock_s,
    moments_of,
    number_of,
    open_tables,
    own_id,
    own_rows,
    plain_id,
    utc_of,
)
from pipeline.devices.lab_words import LabKind, instrument_of, is_transposed, lab_table, plain
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.sheets import Sheet
from pipeline.errors import Fault, FileFault
from pipeline.recording import Answer, ClockKind, Kind, Recording

LONGEST_TEXT = 40
"""A longer answer is free text, in which anyone may be named; it is left out and counted."""

_When = tuple[int | None, date | None]


def _recognise(seen: Glimpse) -> bool:
    """Whether the header names items of an instrument beside a person or a date."""
    found = lab_table(seen.sheet)
    return found is not None and found[0] is LabKind.QUESTIONNAIRE


def _read(path: Path, asked: Asked) -> Recording:
    """The answers of one participant."""
    zone, source = asked.zone_for(path)
    found, notes = open_tables(path, LabKind.QUESTIONNAIRE)
    answers: list[Answer] = []
    for table, sheet in found:
        if is_transposed(table.names, table.rows):
            answers += _transposed(sheet, asked, path)
            continue
        own = own_rows(table, asked, path, notes)
        when = _when(own, asked, zone, path, notes)
        long = own.place(words.ITEM) is not None and own.place(words.VALUE) is not None
        answers += _listed(own, when) if long else _wide(own, when)
    short = [answer for answer in answers if len(answer.text) <= LONGEST_TEXT]
    if left := len(answers) - len(short):
        notes.append(f"{left} answers longer than {LONGEST_TEXT} letters: left out")
    distinct = tuple(dict.fromkeys(short))
    if again := len(short) - len(distinct):
        notes.append(f"{again} answers are given twice: kept once")
    if not distinct:
        raise FileFault(Fault.NOTHING_USABLE, "the questionnaire holds no answer", where=path.name)
    return Recording(
        "questionnaire", zone, source, answers=distinct, clock=ClockKind.LOCAL, repairs=tuple(dict.fromkeys(notes))
    )


def _answer(instrument: str, item: str, text: str, when: _When) -> Answer | None:
    """One answer; None where there is none."""
    if text.strip().lower() in MISSING:
        return None
    value = number_of(text)
    time_ns, day = when
    return Answer(instrument, item, value, "" if value is not None else text.strip(), time_ns, day)


def _when(table: LabTable, asked: Asked, zone: str, path: Path, notes: list[str]) -> list[_When]:
    """When each row was answered: its instant where there is a clock, and its local day."""
    place = table.place(words.WHEN)
    stamps = moments_of(table.cells(place), asked, path, notes)
    beside = table.column(("time", "uhrzeit", "heure")) if place is not None else [""] * len(stamps)
    timed = [":" in text for text in table.cells(place)]
    out: list[_When] = []
    for stamp, clock, has_clock in zip(stamps, map(clock_s, beside), timed, strict=True):
        whole = stamp if has_clock else None
        if stamp is not None and clock is not None and not has_clock:
            whole = at(stamp.date(), clock)
        out.append((None if whole is None else utc_of(whole, zone), None if stamp is None else stamp.date()))
    return out


def _wide(table: LabTable, when: list[_When]) -> Iterator[Answer]:
    """The answers of a table with a row a person (and day) and a column an item."""
    named = [(place, instrument_of(name)) for place, name in enumerate(table.names)]
    columns = [(place, instrument) for place, instrument in named if instrument is not None]
    if not columns:
        columns = [(place, "daily") for place, name in enumerate(table.names) if name in words.DAILY]
    for place, instrument in columns:
        item = table.names[place].removeprefix(instrument).strip("_") or "total"
        for text, moment in zip(table.cells(place), when, strict=True):
            answer = _answer(instrument, item, text, moment)
            if answer is not None:
                yield answer


def _listed(table: LabTable, when: list[_When]) -> Iterator[Answer]:
    """The answers of a table with a row an answer."""
    columns = (table.column(known) for known in (words.INSTRUMENT, words.ITEM, words.VALUE))
    for instrument, item, text, moment in zip(*columns, when, strict=True):
        answer = _answer(plain(instrument), item, text, moment) if instrument and item else None
        if answer is not None:
            yield answer


def _transposed(sheet: Sheet, asked: Asked, path: Path) -> Iterator[Answer]:
    """The answers of a sheet with a column a person and occasion: ids, instruments and occasions above."""
    people = _carried(sheet.rows[0])
    wanted = _whose(people, asked, path)
    instruments = _carried(sheet.rows[1])
    items = [row for row in sheet.rows[2:] if row and row[0]]
    above = [row for row in sheet.rows[2:] if not (row and row[0])]
    occasions = above[0] if above else ()
    for row in items:
        for place in range(1, min(len(row), len(people), len(instruments))):
            if plain_id(people[place]) != wanted:
                continue
            occasion = occasions[place] if place < len(occasions) else ""
            item = " ".join(filter(None, (row[0], occasion)))
            answer = _answer(plain(instruments[place]), item, row[place], (None, None))
            if answer is not None:
                yield answer


def _whose(people: list[str], asked: Asked, path: Path) -> str:
    known = {plain_id(name) for name in people} - {""}
    return next(iter(known)) if asked.participant is None and len(known) == 1 else own_id(known, asked, path)


def _carried(row: tuple[str, ...]) -> list[str]:
    """A row of merged cells with each text carried to the blank cells at its right."""
    out, held = [], ""
    for cell in row:
        held = cell or held
        out.append(held)
    return out


READER = Reader(
    name="questionnaire",
    device="questionnaire",
    looks_like="a table (csv, xlsx, ods) of questionnaires: participant, date, columns such as PSS_1, PSQI, STAI_total",
    gives=frozenset({Kind.ANSWERS}),
    recognise=_recognise,
    read=_read,
    family="lab",
    clock="wall clock that follows its zone, days, or none",
)
