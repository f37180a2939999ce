"""When saliva samples were taken: dates and clocks, minutes since waking, minutes since a start.

What a column of bare numbers counts (minutes since waking, since the start) is told by its title or the sidecar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipeline.devices import lab_words as words
from pipeline.devices.lab_tables import DAY_S, LabTable, are_numbers, at, clock_s, moments_of, number_of, shown
from pipeline.devices.lab_words import plain
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault

PAST_MIDNIGHT_S = 18 * 3600
"""Within a day's samples a clock that steps back by more than this has passed midnight (23:00, then 00:30); one that
steps back by less is a table that is not sorted."""
BEFORE_WAKING_S = 6 * 3600
"""A clock up to this much before the clock of waking is a sample before waking; earlier ones are of the next night."""
MOST_COUNTED = 7 * 24 * 60
_WAKING = re.compile(r"(?i)\bmin\w*\b.*(wak|erwach|aufwach|r[ée]veil)")
_MINUTES, _HOURS = re.compile(r"(?i)min\w*"), re.compile(r"(?i)h|hours?|stunden?|heures?")


@dataclass(frozen=True, slots=True)
class Taken:
    """When one sample was taken, as far as the table says; `said` is the time as a name for the sample."""

    wall: datetime | None = None
    after_waking_min: float | None = None
    said: str = ""


def taken_at(
    table: LabTable, occasion: str, series: Sequence[str], asked: Asked, path: Path, notes: list[str]
) -> list[Taken]:
    """When the sample of each row was taken; `occasion` is the one that a title names in tables of a row a person.

    Raises
    ------
    FileFault
        UNKNOWN_UNIT if a column of bare numbers does not say what they count.
    """
    suffix = plain(occasion)
    own = (f"time_{suffix}", f"{suffix}_time", f"clock_{suffix}") if suffix else ()
    place = table.place(own or (*words.SAMPLE_TIME, *words.ELAPSED))
    cells = table.cells(place)
    dates = _dates(table, asked, path, notes)
    waking = _clocks(table.column(words.AWAKENING), asked, path, notes)
    after = [_minutes(text) for text in table.column(words.AFTER_WAKING)]
    if place is not None and are_numbers(cells):
        return _counted(table, place, dates, waking, asked, path)
    moments = moments_of(cells, asked, path, notes)
    clocks = [None if moment else clock_s(text) for moment, text in zip(moments, cells, strict=True)]
    for number, text, moment, clock in zip(table.numbers, cells, moments, clocks, strict=True):
        if text and moment is None and clock is None:
            notes.append(f"row {number}, {table.titles[place or 0]} = {shown(text)}: not a 24-h time (HH:MM); no time")
    days = _past_midnight(clocks, series, dates, notes)
    return [_one(*row) for row in zip(moments, clocks, dates, days, waking, after, strict=True)]


def _one(
    moment: datetime | None, clock: int | None, day: date | None, late: int, wake: int | None, after: float | None
) -> Taken:
    if moment is not None:
        clock = (moment.hour * 60 + moment.minute) * 60 + moment.second
    elif day is not None and clock is not None:
        moment = at(day, clock + late * DAY_S)
    elif day is not None and wake is not None and after is not None:
        moment = at(day, wake) + timedelta(minutes=after)
    if after is None and clock is not None and wake is not None:
        since = clock + late * DAY_S - wake
        after = (since if late else (since + BEFORE_WAKING_S) % DAY_S - BEFORE_WAKING_S) / 60
    said = (
        f"{after:+g} min"
        if after is not None
        else ""
        if clock is None
        else f"{clock // 3600:02d}:{clock // 60 % 60:02d}"
    )
    return Taken(moment, after, said)


def _clocks(cells: Sequence[str], asked: Asked, path: Path, notes: list[str]) -> list[int | None]:
    """The time of day of each cell, its date left out if it has one."""
    moments = moments_of(cells, asked, path, notes)
    return [
        clock_s(text) if moment is None else (moment.hour * 60 + moment.minute) * 60 + moment.second
        for moment, text in zip(moments, cells, strict=True)
    ]


def _minutes(text: str) -> float | None:
    """A count of minutes (or hours) within a week of samples; None for more, which is another number."""
    number = number_of(text)
    return number if number is not None and abs(number) <= MOST_COUNTED else None


def _counted(
    table: LabTable, place: int, dates: list[date | None], waking: list[int | None], asked: Asked, path: Path
) -> list[Taken]:
    """Times of a column of bare numbers."""
    title, name = table.titles[place], table.names[place]
    unit = {plain(key): text for key, text in asked.units.items()}.get(name, "")
    unit = unit or ("min" if name in words.ELAPSED else "")
    numbers = [_minutes(text) for text in table.cells(place)]
    if _WAKING.search(unit):
        return [_one(None, None, d, 0, w, n) for d, w, n in zip(dates, waking, numbers, strict=True)]
    if not (_MINUTES.fullmatch(unit) or _HOURS.fullmatch(unit)):
        raise FileFault(
            Fault.UNKNOWN_UNIT, f"column '{title}' does not say what its numbers count", where=path.name,
            known="minutes since waking, or minutes or hours since the start that the sidecar names",
            hint=f'put {{"units": {{"{title}": "min after waking"}}}} (or "min") into {path.name}.json beside it',
        )  # fmt: skip
    step = timedelta(hours=1) if _HOURS.fullmatch(unit) else timedelta(minutes=1)
    start = asked.start
    return [
        Taken() if n is None else Taken(None if start is None else start + n * step, None, f"{n:g} {unit}")
        for n in numbers
    ]


def _dates(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[date | None]:
    """The calendar date of each row's sample."""
    cells = table.column((*words.PLAIN_DATE, *words.MORNING_DATE))
    return [None if moment is None else moment.date() for moment in moments_of(cells, asked, path, notes)]


def _past_midnight(
    clocks: Sequence[int | None], series: Sequence[str], dates: Sequence[date | None], notes: list[str]
) -> list[int]:
    """1 for each sample whose clock passed midnight since the samples before it of the same day."""
    out, before, held = [], None, None
    for clock, key in zip(clocks, zip(series, dates, strict=True), strict=True):
        if key != held:
            held, before, late = key, None, 0
        if clock is not None:
            late = int(late or (before is not None and clock < before - PAST_MIDNIGHT_S))
            before = clock
        out.append(late)
    if passed := sum(out):
        notes.append(f"{passed} samples are past the midnight that ends their date: read as the day after")
    return out
