"""Nights as a diary writes them: a row a night or a row a person; on which evening each begins; its clocks.

Clocks roll over midnight; 24:10 is ten past it. A table without a clock past noon whose nights would last most of a
day is written in 12-hour clocks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path

from pipeline.devices import lab_words as words
from pipeline.devices.lab_tables import DAY_S, LabTable, at, clock_s, moments_of, number_of
from pipeline.devices.lab_words import plain
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault

ROLES = {
    "bed": words.BED, "lights off": words.LIGHTS_OFF, "onset": words.ONSET, "wake": words.WAKE, "out": words.OUT,
}  # fmt: skip
_HALF_DAY_S = DAY_S // 2
_HALVED_H = 16.0
"""Nights that would mostly last longer, in a table without a clock past noon, are written in 12-hour clocks."""


@dataclass(frozen=True, slots=True)
class Night:
    """One row: its number in the file, the date of its evening, and what its clock columns say."""

    number: int
    evening: date | None
    cells: dict[str, str]
    moments: dict[str, datetime]
    halved: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether none of its clocks is filled in."""
        return not any(self.cells.values())

    @property
    def day(self) -> date | None:
        """The date of its evening, as told or as its stamps show it."""
        first = min((m.replace(tzinfo=None) for m in self.moments.values()), default=None)
        return self.evening or (None if first is None else (first - timedelta(hours=12)).date())

    def place(self, role: str, since: datetime | None) -> datetime | None:
        """The wall clock of a column: at or after `since`, the first one in the night of `evening`."""
        if role in self.moments:
            return self.moments[role]
        clock = clock_s(self.cells.get(role, ""))
        if clock is None:
            return None
        if since is not None:
            midnight = since.replace(hour=0, minute=0, second=0)
            moment = midnight + timedelta(seconds=clock % DAY_S)
            return moment if moment >= since else moment + timedelta(days=1)
        if self.evening is None:
            return None
        if self.halved and clock < DAY_S and clock % _HALF_DAY_S >= _HALF_DAY_S // 2:
            clock = clock % _HALF_DAY_S + _HALF_DAY_S
        elif self.halved:
            clock = clock % _HALF_DAY_S
        return at(self.evening, clock if clock >= _HALF_DAY_S else clock + DAY_S)


def nights_of(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[Night]:
    """The nights of a table with a row a night, in its order.

    Raises
    ------
    FileFault
        NO_START_TIME if the evening of a night is not told.
    """
    places = {role: place for role, known in ROLES.items() if (place := table.place(known)) is not None}
    cells = {role: table.cells(place) for role, place in places.items()}
    moments = {role: moments_of(column, asked, path, notes) for role, column in cells.items()}
    nights = [
        Night(
            number,
            None,
            {role: column[row] for role, column in cells.items()},
            {role: m for role, column in moments.items() if (m := column[row]) is not None},
        )
        for row, number in enumerate(table.numbers)
    ]
    if any(text and role not in night.moments for night in nights for role, text in night.cells.items()):
        evenings = _evenings(table, asked, path, notes)
        nights = [replace(night, evening=evening) for night, evening in zip(nights, evenings, strict=True)]
    if _are_halved(nights):
        nights = [replace(night, halved=True) for night in nights]
        notes.append("no clock is past noon and nights would last longer than 16 h: read as 12-hour clocks")
    return nights


def a_row_a_night(table: LabTable) -> LabTable:
    """The table itself, or that of a row a person (onset1, wakeup1, onset2, …) with a row for each night instead."""
    pairs = [
        (int(found[1]), place, table.names.index(other))
        for place, name in enumerate(table.names)
        if (found := re.fullmatch(r"onset_?n?(\d+)", name))
        and (other := name.replace("onset", "wakeup")) in table.names
    ]
    if not pairs:
        return table
    rows = [
        (str(night), *(row[place] if place < len(row) else "" for place in (on, off)))
        for row in table.rows
        for night, on, off in pairs
    ]
    numbers = tuple(number for number in table.numbers for _ in pairs)
    names = ("night", "sleep_onset", "wakeup")
    return LabTable(names, names, tuple(rows), numbers)


def _are_halved(nights: Sequence[Night]) -> bool:
    """Whether a table is written in 12-hour clocks without am and pm."""
    clocks = [clock_s(text) for night in nights for text in night.cells.values() if text and not night.moments]
    if not clocks or any(re.search(r"(?i)m", t) for n in nights for t in n.cells.values()):
        return False
    if any(clock is not None and clock >= 13 * 3600 for clock in clocks):
        return False
    hours = []
    for night in nights:
        begin = night.place("bed", None) or night.place("lights off", None)
        out = night.place("out", begin) or night.place("wake", begin) if begin else None
        if begin and out:  # by the wall clock: one of them may carry an offset
            hours.append((out.replace(tzinfo=None) - begin.replace(tzinfo=None)).total_seconds() / 3600)
    return sum(h > _HALVED_H for h in hours) * 2 > len(hours) > 0


def _evenings(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[date | None]:
    """The date of the evening on which the night of each row begins.

    Raises
    ------
    FileFault
        NO_START_TIME if the table has no dates, or if a date may be that of the evening or of the morning.
    """
    told = {plain(key): text.strip().lower() for key, text in asked.units.items()}
    for known, back in ((words.EVENING_DATE, 0), (words.MORNING_DATE, 1), ((*words.PLAIN_DATE, *words.NUMBERED), None)):
        place = table.place(known)
        if place is None:
            continue
        cells = table.cells(place)
        if table.names[place] in words.NUMBERED and all(number_of(text) is not None for text in cells if text):
            return _numbered(cells, asked, path)
        said = told.get(table.names[place], "evening" if table.names[place] in ("night", "nacht", "nuit") else "")
        days = back if back is not None else {"evening": 0, "morning": 1}.get(said)
        if days is None:
            title = table.titles[place]
            raise FileFault(
                Fault.NO_START_TIME, f"column '{title}' may hold the date of the evening or of the morning",
                where=path.name, known="a row is a night, and a night has two dates",
                hint=f'put {{"units": {{"{title}": "evening"}}}} (or "morning") into {path.name}.json beside it',
            )  # fmt: skip
        moments = moments_of(cells, asked, path, notes)
        return [None if moment is None else moment.date() - timedelta(days=days) for moment in moments]
    raise FileFault(
        Fault.NO_START_TIME, "the diary has clocks but no dates", where=path.name,
        known="no column names a date or night",
        hint="add a column 'night_of' with the date of each evening",
    )  # fmt: skip


def _numbered(cells: Sequence[str], asked: Asked, path: Path) -> list[date | None]:
    """Evenings of numbered nights, the first of them on `day_one`; numbers begin at 1 unless there is a 0."""
    first = asked.day_one or (asked.start.date() if asked.start else None)
    if first is None:
        raise FileFault(
            Fault.NO_START_TIME, "the diary numbers its nights and names no date", where=path.name,
            known="the evening of the first night is not told",
            hint=f'put {{"start": "2024-03-30T20:00:00"}} into {path.name}.json beside it, or day_one into study.toml',
        )  # fmt: skip
    numbers = [number_of(text) for text in cells]
    base = 0 if 0 in numbers else 1
    return [None if n is None else first + timedelta(days=round(n) - base) for n in numbers]
