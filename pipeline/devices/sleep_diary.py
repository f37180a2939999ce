"""Sleep diaries: a row a night (bed time, lights off, wake time, …), a row an interval, or a row a person.

Clocks are of the wearer's zone and roll over midnight; 24:10 is ten past midnight. Whether a bare `date` is that of
the evening or of the morning decides about a whole day and is asked for. A night whose clocks cannot be is left out and
told by row and column. Naps and stretches without the sensor come out as markers, so that no nap is taken for a night.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.devices import lab_words as words
from pipeline.devices.diary_nights import ROLES, Night, a_row_a_night, nights_of
from pipeline.devices.lab_tables import (
    DAY_S,
    LabTable,
    at,
    clock_s,
    moments_of,
    number_of,
    open_tables,
    own_rows,
    shown,
    utc_of,
)
from pipeline.devices.lab_words import LabKind, lab_table, plain
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.errors import Fault, FileFault
from pipeline.recording import Answer, ClockKind, Kind, Marker, Recording, RestInterval

LONGEST_REST_H = 18.0
"""Nobody of a sleep study is in bed for longer; a longer night is a clock written wrongly."""
LONGEST_NAP_H = 6.0
FIRST_YEAR = 1985
"""Earlier dates are not those of the study: they were changed to hide them."""
_NEEDED = ("bed", "lights off", "wake", "out")
"""Of these an unreadable one costs the night; without its onset a night is still one."""


@dataclass(slots=True)
class _Diary:
    """What was read so far."""

    rests: list[RestInterval] = field(default_factory=list)
    markers: list[Marker] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    offsets: set[bool] = field(default_factory=set)
    """Whether stamps bear their offset, over all that were seen."""

    @property
    def clock(self) -> ClockKind:
        """What its stamps are."""
        return ClockKind.OFFSET if self.offsets == {True} else ClockKind.LOCAL


def _recognise(seen: Glimpse) -> bool:
    """Whether the header names when someone went to bed (or fell asleep) and when they woke (or rose)."""
    found = lab_table(seen.sheet)
    return found is not None and found[0] is LabKind.DIARY


def _read(path: Path, asked: Asked) -> Recording:
    """The nights, naps and answers of one participant."""
    zone, source = asked.zone_for(path)
    found, notes = open_tables(path, LabKind.DIARY)
    diary = _Diary(notes=notes)
    for whole, _ in found:
        table = own_rows(whole, asked, path, notes)
        if {"type", "start", "end"} <= set(table.names):
            _read_intervals(_dated(table, asked, path, notes), table, zone, diary)
        else:
            _read_nights(a_row_a_night(table), asked, zone, path, diary)
    rests = _apart(diary)
    if not (rests or diary.markers):
        known = "; ".join(notes[:3])
        raise FileFault(Fault.NOTHING_USABLE, "the diary holds no night", where=path.name, known=known)
    return Recording(
        "sleep diary", zone, source, rests=rests, markers=tuple(sorted(diary.markers, key=lambda m: m.time_ns)),
        answers=tuple(diary.answers), clock=diary.clock, repairs=tuple(dict.fromkeys(notes)),
    )  # fmt: skip


def _apart(diary: _Diary) -> tuple[RestInterval, ...]:
    """The rests in order of time, without those that begin before the one before them ends."""
    kept: list[RestInterval] = []
    for rest in sorted(diary.rests, key=lambda r: (r.in_bed_ns, r.out_bed_ns)):
        if kept and rest.in_bed_ns < kept[-1].out_bed_ns:
            diary.notes.append("a night begins before the one before it ends: left out")
        else:
            kept.append(rest)
    return tuple(kept)


# ---------------------------------------------------------------- a row an interval


def _dated(table: LabTable, asked: Asked, path: Path, notes: list[str]) -> list[tuple[datetime | None, ...]]:
    """Start and end of each row; hidden dates are put on the day that the sidecar gives for the first row."""
    starts, ends = (moments_of(table.column((name,)), asked, path, notes) for name in ("start", "end"))
    first = min((moment for moment in starts if moment), default=None)
    if first is None or first.year >= FIRST_YEAR or asked.start is None:
        return list(zip(starts, ends, strict=True))
    move = timedelta(days=(asked.start.date() - first.date()).days)
    notes.append("its dates were changed to hide them: the first row is on the date that the sidecar names")
    return [
        tuple(moment and moment + move for moment in pair)  # None stays None
        for pair in zip(starts, ends, strict=True)
    ]


def _read_intervals(spans: Sequence[tuple[datetime | None, ...]], table: LabTable, zone: str, diary: _Diary) -> None:
    for number, kind, (start, end) in zip(table.numbers, table.column(("type",)), spans, strict=True):
        label = words.REST_TYPES.get(plain(kind))
        longest = timedelta(hours=LONGEST_NAP_H if label == "nap" else LONGEST_REST_H)
        if label is None or start is None or end is None or not timedelta(0) < end - start <= longest:
            diary.notes.append(
                f"row {number}: start and end are not {longest.total_seconds() / 3600:g} h or less apart: left out"
            )
        elif label == "rest":
            diary.rests.append(RestInterval(utc_of(start, zone), utc_of(end, zone), None, "sleep diary"))
        else:
            begin_ns = utc_of(start, zone)
            diary.markers.append(Marker(begin_ns, (utc_of(end, zone) - begin_ns) / 1e9, label))


# ---------------------------------------------------------------- a row a night


def _read_nights(table: LabTable, asked: Asked, zone: str, path: Path, diary: _Diary) -> None:
    nights = nights_of(table, asked, path, diary.notes)
    diary.offsets |= {moment.tzinfo is not None for night in nights for moment in night.moments.values()}
    diary.offsets |= {False for night in nights if len(night.moments) < sum(map(bool, night.cells.values()))}
    titles = {role: table.titles[place] for role, known in ROLES.items() if (place := table.place(known)) is not None}
    extras = {item: table.column(known) for item, known in words.DIARY_ANSWERS.items()}
    naps = [table.column(known) for known in (words.NAP_START, words.NAP_END)]
    for row, night in enumerate(nights):
        said = {item: value for item, column in extras.items() if (value := _amount(column[row])) is not None}
        if not night.is_empty:
            rest = _rest(night, said.get("sleep_latency_min"), titles, zone, diary.notes)
            diary.rests += [] if rest is None else [rest]
        diary.answers += [Answer("sleep diary", item, value, "", day=night.day) for item, value in said.items()]
        diary.markers += _nap(night, *(column[row] for column in naps), zone=zone, notes=diary.notes)


def _rest(
    night: Night, latency_min: float | None, titles: dict[str, str], zone: str, notes: list[str]
) -> RestInterval | None:
    """The night of one row; None, and a note that says why, if its clocks cannot be."""
    for role, text in night.cells.items():
        if text and role not in night.moments and clock_s(text) is None:
            costs = "night left out" if role in _NEEDED else "without onset"
            notes.append(f"row {night.number}, {titles[role]} = {shown(text)}: not a 24-h time (HH:MM); {costs}")
            if role in _NEEDED:
                return None
    begin = next((moment for role in ("bed", "lights off", "onset") if (moment := night.place(role, None))), None)
    out = night.place("out", begin) or night.place("wake", begin) if begin else None
    if begin is None or out is None:
        notes.append(f"row {night.number}: no date, or no time of bed or waking; night left out")
        return None
    begin_ns, out_ns = utc_of(begin, zone), utc_of(out, zone)
    hours = (out_ns - begin_ns) / 3.6e12
    if not 0 < hours <= LONGEST_REST_H:
        notes.append(f"row {night.number}: {begin:%H:%M} to {out:%H:%M} would be {hours:g} h in bed; night left out")
        return None
    onset = night.place("onset", begin)
    if onset is None and latency_min is not None:
        onset = (night.place("lights off", begin) or begin) + timedelta(minutes=latency_min)
    onset_ns = None if onset is None else utc_of(onset, zone)
    if onset_ns is not None and not begin_ns <= onset_ns < out_ns:
        notes.append(f"row {night.number}: sleep would begin outside the night; without onset")
        onset_ns = None
    return RestInterval(begin_ns, out_ns, onset_ns, "sleep diary")


def _nap(night: Night, start: str, end: str, *, zone: str, notes: list[str]) -> list[Marker]:
    """The nap of one row, on the date of its evening."""
    begin, stop = clock_s(start), clock_s(end)
    if begin is None or stop is None or night.evening is None:
        if start or end:
            notes.append(f"row {night.number}: the nap has no start, end or date; left out")
        return []
    if not 0 < (length := (stop - begin) % DAY_S) <= LONGEST_NAP_H * 3600:
        notes.append(f"row {night.number}: a nap of {length / 3600:g} h; left out")
        return []
    return [Marker(utc_of(at(night.evening, begin), zone), float(length), "nap")]


def _amount(text: str) -> float | None:
    """Minutes or a count: `15`, `15 min`, `0:15`."""
    clock = clock_s(text) if ":" in text else None
    value = number_of(re.sub(r"(?i)\s*(min\w*|')$", "", text.strip())) if clock is None else clock / 60
    return value if value is not None and 0 <= value <= DAY_S / 60 else None


READER = Reader(
    name="sleep_diary",
    device="sleep diary",
    looks_like="a sleep diary (csv, xlsx, ods): a row a night with night_of, bed_time, wake_time; or onset1, wakeup1",
    gives=frozenset({Kind.DIARY, Kind.MARKERS, Kind.ANSWERS}),
    recognise=_recognise,
    read=_read,
    family="lab",
    clock="wall clock that follows its zone",
)
