"""Logs of events: exams, phases of a stress test, doses; a row an event, or a row a person with start and end columns.

Starts are clocks with a date, stamps, Unix seconds, or seconds since the start that the sidecar names (BIDS
`events.tsv`). Clocks without am and pm in which an end lies before its start are 12-hour clocks; which half of the day
they mean is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipeline.devices import lab_words as words
from pipeline.devices.lab_tables import (
    DAY_S,
    LabTable,
    are_numbers,
    at,
    clock_s,
    moments_of,
    number_of,
    open_tables,
    own_rows,
    shown,
    utc_of,
)
from pipeline.devices.lab_words import LabKind, is_paired, lab_table, plain
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Marker, Recording

LONGEST_EVENT_S = 12 * 3600.0
"""An event that would last longer has its end written wrongly: it is kept, without its length."""
LONGEST_LOG_S = 400.0 * DAY_S
_HALF_DAY_S = DAY_S // 2
_UNIX_S = (4.7e8, 4.1e9)
"""Seconds since 1970 of the years 1985 to 2100; no session is that long."""
_SECONDS = {"s": 1.0, "sec": 1.0, "seconds": 1.0, "ms": 1e-3, "min": 60.0, "minutes": 60.0, "h": 3600.0}


@dataclass(frozen=True, slots=True)
class _Event:
    """One event as the table writes it."""

    number: int
    label: str
    start: str
    end: str
    length: str
    day: date | None


@dataclass(frozen=True, slots=True)
class _Way:
    """How the times of one table are read."""

    asked: Asked
    path: Path
    zone: str
    notes: list[str]
    length_unit: str
    halved: int | None
    """Where the half day of 12-hour clocks begins, in s after midnight; None for clocks of 24 hours."""

    def said(self, name: str) -> str:
        """The unit that the sidecar gives a column."""
        return {plain(key): unit for key, unit in self.asked.units.items()}.get(name, "")

    def clock(self, text: str) -> int | None:
        """A time of day; of a 12-hour clock, in the half day that is meant."""
        clock = clock_s(text)
        if clock is None or self.halved is None:
            return clock
        return (clock % _HALF_DAY_S - self.halved) % _HALF_DAY_S + self.halved

    def moment(self, text: str) -> datetime | None:
        """A stamp with its date."""
        return moments_of([text], self.asked, self.path, self.notes)[0]


def _recognise(seen: Glimpse) -> bool:
    """Whether the header names when something was and what; never where the labels are sleep stages or bare codes."""
    found = lab_table(seen.sheet)
    return found is not None and found[0] is LabKind.EVENTS


def _read(path: Path, asked: Asked) -> Recording:
    """The events of one participant as markers."""
    zone, source = asked.zone_for(path)
    found, notes = open_tables(path, LabKind.EVENTS)
    markers: list[Marker] = []
    clocks = set()
    for table, _ in found:
        layout, rows_above = (_paired, 1) if is_paired(table.rows[0]) else (_listed, 0)
        how = _Way(
            asked, path, zone, notes, _length_unit(table), _halved_from(layout(table, asked, path, []), asked, path)
        )
        own = own_rows(table.only([row >= rows_above for row in range(len(table.rows))]), asked, path, notes)
        if rows_above:  # the row of start and end belongs to everybody
            own = LabTable(own.titles, own.names, (table.rows[0], *own.rows), (table.numbers[0], *own.numbers))
        events = layout(own, asked, path, notes)
        starts, clock = _starts(events, own, how)
        clocks.add(clock)
        markers += [
            Marker(start, _length_s(event, start, how), event.label)
            for event, start in zip(events, starts, strict=True)
            if start is not None
        ]
    if not markers:
        known = "; ".join(notes[:3])
        raise FileFault(Fault.NOTHING_USABLE, "the log holds no event with a time", where=path.name, known=known)
    ordered = tuple(sorted(markers, key=lambda marker: marker.time_ns))
    kind = clocks.pop() if len(clocks) == 1 else ClockKind.LOCAL
    return Recording("event log", zone, source, markers=ordered, clock=kind, repairs=tuple(dict.fromkeys(notes)))


# ---------------------------------------------------------------- layouts


def _listed(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[_Event]:
    """The events of a table with a row an event."""
    columns = (words.LABELS, words.STARTS, words.ENDS, words.DURATIONS)
    rows = zip(
        table.numbers, *(table.column(known) for known in columns), _days(table, asked, path, notes), strict=True
    )
    return [_Event(*row) for row in rows if row[1] and row[2]]


def _paired(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[_Event]:
    """The events of a table with a row a person, whose second row parts each event into start and end."""
    below = [plain(cell) for cell in table.rows[0]]
    pairs = [place for place, word in enumerate(below) if word == "start"]
    kept = table.only([row > 0 for row in range(len(table.rows))])
    days = _days(kept, asked, path, notes)
    return [
        _Event(number, table.titles[place], row[place], row[place + 1] if place + 1 < len(row) else "", "", days[index])
        for index, (number, row) in enumerate(zip(kept.numbers, kept.rows, strict=True))
        for place in pairs
        if place < len(row) and row[place] and table.titles[place]
    ]


def _days(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[date | None]:
    cells = table.column((*words.PLAIN_DATE, "day", "tag", "jour"))
    return [None if moment is None else moment.date() for moment in moments_of(cells, asked, path, notes)]


# ---------------------------------------------------------------- times


def _starts(events: Sequence[_Event], table: LabTable, how: _Way) -> tuple[list[int | None], ClockKind]:
    """When each event began, and what kind of clock says so."""
    texts = [event.start for event in events]
    place = table.place(words.STARTS) or 0
    numbers = [number_of(text) or 0.0 for text in texts]
    if are_numbers(texts) or (table.names[place].startswith("onset") and are_numbers([*texts, "0"])):
        return _counted(numbers, table.titles[place], how)
    moments = moments_of(texts, how.asked, how.path, how.notes)
    out: list[int | None] = []
    rolled = _Roll(how.asked)
    for event, stamp in zip(events, moments, strict=True):
        clock, moment = how.clock(event.start), stamp
        if moment is None and clock is not None:
            day = event.day or rolled.day(clock)
            if day is None:
                raise FileFault(
                    Fault.NO_START_TIME, "the log has clocks but no dates", where=how.path.name,
                    known="no column names a date",
                    hint="add a column date, or name the start of the first event in a sidecar: "
                    f'{{"start": "2024-03-30T09:00:00"}} in {how.path.name}.json',
                )  # fmt: skip
            moment = at(day, clock)
        elif moment is None:
            how.notes.append(f"row {event.number}, start = {shown(event.start)}: not a 24-h time (HH:MM); left out")
        out.append(None if moment is None else utc_of(moment, how.zone))
    aware = [moment.tzinfo is not None for moment in moments if moment is not None]
    return out, ClockKind.OFFSET if aware and all(aware) else ClockKind.LOCAL


class _Roll:
    """The date of clocks that have none: the day of the sidecar's start, the next once they step back by half a day."""

    def __init__(self, asked: Asked) -> None:
        self._day = asked.start.date() if asked.start else None
        self._before = (asked.start.hour * 60 + asked.start.minute) * 60 if asked.start else 0

    def day(self, clock: int) -> date | None:
        if self._day is not None and clock < self._before - _HALF_DAY_S:
            self._day += timedelta(days=1)
        self._before = clock
        return self._day


def _counted(numbers: list[float], title: str, how: _Way) -> tuple[list[int | None], ClockKind]:
    """Starts that are numbers: Unix seconds or milliseconds, else counted from the start that the sidecar names."""
    for unit in (1.0, 1e-3):
        if all(_UNIX_S[0] < number * unit < _UNIX_S[1] for number in numbers):
            return [round(number * unit * 1e9) for number in numbers], ClockKind.UTC
    told = how.said(plain(title)) or ("s" if plain(title).startswith("onset") else "")
    if told not in _SECONDS:
        raise FileFault(
            Fault.UNKNOWN_UNIT, f"column '{title}' does not say what its numbers count", where=how.path.name,
            known="seconds or minutes since the start; a column onset holds seconds (BIDS)",
            hint=f'put {{"units": {{"{title}": "s"}}, "start": "2024-03-30T09:00:00"}} into {how.path.name}.json',
        )  # fmt: skip
    zero = utc_of(need_start(how.path, how.asked), how.zone)
    since = [number * _SECONDS[told] for number in numbers]
    if any(abs(second) > LONGEST_LOG_S for second in since):
        how.notes.append("events more than 400 days from the start: left out")
    starts = [zero + round(second * 1e9) if abs(second) <= LONGEST_LOG_S else None for second in since]
    return starts, ClockKind.ELAPSED


def _length_s(event: _Event, start_ns: int, how: _Way) -> float:
    """How long an event lasted; 0 where the table does not say, or cannot be right."""
    length = _to_end_s(event, start_ns, how) if event.end else _told_s(event.length, how)
    if not 0 <= length <= LONGEST_EVENT_S:
        how.notes.append(f"row {event.number}: it would last {length / 3600:.4g} h; its length is unknown")
        return 0.0
    return length


def _to_end_s(event: _Event, start_ns: int, how: _Way) -> float:
    """Seconds from an event's start to its end; 0 if the end cannot be read."""
    first, last = number_of(event.start), number_of(event.end)
    if first is not None and last is not None:
        unix = _UNIX_S[0] < first
        scale = (1e-3 if first > _UNIX_S[1] else 1.0) if unix else _SECONDS.get(how.said("end") or "s", 1.0)
        return (last - first) * scale
    if (moment := how.moment(event.end)) is not None:
        return (utc_of(moment, how.zone) - start_ns) / 1e9
    begin, stop = how.clock(event.start), how.clock(event.end)
    if stop is None:
        how.notes.append(f"row {event.number}, end = {shown(event.end)}: not a 24-h time (HH:MM); without length")
    return 0.0 if begin is None or stop is None else float((stop - begin) % DAY_S)


def _told_s(text: str, how: _Way) -> float:
    """Seconds of a duration: `00:05:00`, or a number in the column's unit; 0 where it is missing."""
    if ":" in text:
        return float(clock_s(text) or 0)
    number = number_of(text)
    if number is None or number == 0:
        return 0.0
    unit = how.said("duration") or how.length_unit
    if unit not in _SECONDS:
        raise FileFault(
            Fault.UNKNOWN_UNIT, "the durations have no unit", where=how.path.name, known="seconds or minutes",
            hint=f'put {{"units": {{"duration": "min"}}}} into {how.path.name}.json beside it',
        )  # fmt: skip
    return number * _SECONDS[unit]


def _length_unit(table: LabTable) -> str:
    """The unit of durations as their column's title says it; seconds beside an onset, as BIDS has it."""
    place = table.place(words.DURATIONS)
    if place is None:
        return ""
    bracketed = re.search(r"[\[(]\s*(\w+)\s*[\])]", table.titles[place])
    said = bracketed[1].lower() if bracketed else table.names[place].rsplit("_", 1)[-1]
    return said if said in _SECONDS else "s" if "onset" in table.names else ""


# ---------------------------------------------------------------- 12-hour clocks


def _halved_from(events: Sequence[_Event], asked: Asked, path: Path) -> int | None:
    """Where the half day of 12-hour clocks begins, in s after midnight; None if the clocks are of 24 hours.

    Raises
    ------
    FileFault
        NO_START_TIME if they are of 12 hours and nothing says which half of the day they mean.
    """
    said = re.fullmatch(r"12 ?h from (\d{1,2}:\d{2})", asked.units.get("clock", ""))
    if said is not None:
        return clock_s(said[1])
    for event in events:
        start, end = clock_s(event.start), clock_s(event.end)
        halves = not re.search(r"(?i)[ap]\.?m", event.start + event.end)
        if start is not None and end is not None and halves and end < start <= 13 * 3600 and end <= _HALF_DAY_S:
            length = end + _HALF_DAY_S - start
            if 0 < length <= LONGEST_EVENT_S / 2:
                raise FileFault(
                    Fault.NO_START_TIME, "its clocks are 12-hour clocks without am and pm", where=path.name,
                    known=f"row {event.number} goes from {shown(event.start)} to {shown(event.end)}",
                    hint=f'put {{"units": {{"clock": "12 h from 07:00"}}}} into {path.name}.json beside it: '
                    "7:00 to 11:59 are then morning, 12:00 to 6:59 afternoon",
                )  # fmt: skip
    return None


READER = Reader(
    name="event_log",
    device="event log",
    looks_like="a log of events (csv, tsv, xlsx, ods): date, time, event, duration; or BIDS events.tsv",
    gives=frozenset({Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="lab",
    clock="wall clock that follows its zone, Unix seconds, or elapsed from a start in the sidecar",
)
