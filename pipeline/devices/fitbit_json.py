"""Fitbit's JSON: files of a Google Takeout (sleep, heart rate, steps, resting heart rate) and answers of the Web API.

A Takeout writes heart rates and steps in UTC without saying so, and sleep by the wall clock; the Web API writes
everything by the wall clock. A file of `dateTime` and `value` does not say what the value is: its name does
(`steps-2024-03-01.json`), else the sidecar (`{"units": {"value": "steps"}}`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.archives import open_plain
from pipeline.devices.fitbit_logs import Entry, logs_read
from pipeline.devices.json_text import Json, items_of, json_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder, Glimpse, Reader
from pipeline.devices.readings import averaged, shared_out
from pipeline.devices.stamps import instants, wall_clocks
from pipeline.errors import Fault, FileFault
from pipeline.recording import (
    Answer,
    ClockKind,
    Floats,
    Hypnogram,
    Int64,
    Kind,
    Recording,
    RestInterval,
    Signal,
)

MINUTE_S = 60
CELL_S = {Kind.HR: 5, Kind.STEPS: MINUTE_S, Kind.SPO2: MINUTE_S, Kind.RMSSD: 300}
"""Bands write a heart rate every 5 to 15 s, steps and oxygen once a minute, variability every five minutes."""
NOT_READ = ("calories", "distance", "altitude", "active_minutes", "sedentary", "weight", "vo2", "swim")
"""Words in the names of files of `dateTime` and `value` that hold something else than steps."""
_BATCH = 100_000
_PIECE = 64
_OPENS = re.compile(r"\s*[\[{]")
_MARKS = re.compile(
    r'^\s*\[\s*\{\s*"dateTime"\s*:\s*"[^"]{8,30}"\s*,\s*"value"\s*:'
    r'|^\s*(\{\s*"sleep"\s*:\s*)?\[\s*\{[^\]]*"(dateOfSleep|activityTypeId)"\s*:'
    r'|"activities-(heart|steps)-intraday"\s*:'
    r'|^\s*(\{\s*"(hrv|spo2)"\s*:\s*)?\[?\s*\{\s*"(dateTime|minutes)"\s*:[^}]*"minute"\s*:'
)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file holds, without its zone."""

    clock: ClockKind
    signals: tuple[Signal, ...] = ()
    hypnogram: Hypnogram | None = None
    rests: tuple[RestInterval, ...] = ()
    answers: tuple[Answer, ...] = ()


def _recognise(seen: Glimpse) -> bool:
    """Whether JSON begins as one of Fitbit's files does."""
    if seen.is_folder or seen.names or not _OPENS.match(seen.text):
        return False
    return _MARKS.search(seen.text) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """What one file holds; it is of one kind throughout."""
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    with open_plain(path) as stream:
        head = stream.read(_PIECE).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(b"{"):
        found = _of_kind(path, iter(_entries_of_answer(json_of(path))), asked, zone, notes)
    else:
        with open_plain(path) as stream:
            items = (item for item in items_of(stream, path) if isinstance(item, dict))
            found = _of_kind(path, items, asked, zone, notes)
    return Recording(
        "Fitbit",
        zone,
        source,
        found.signals,
        hypnogram=found.hypnogram,
        rests=found.rests,
        answers=found.answers,
        clock=found.clock,
        repairs=tuple(notes),
    )


def _of_kind(path: Path, entries: Iterator[Entry], asked: Asked, zone: str, notes: list[str]) -> _Found:
    """What entries that are all like the first hold."""
    first = next(entries, None)
    if first is None:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no entry", where=path.name)
    entries, value = chain([first], entries), first.get("value")
    if "dateOfSleep" in first:
        hypnogram, rests = logs_read(path, list(entries), asked, zone, notes)
        return _Found(ClockKind.LOCAL, hypnogram=hypnogram, rests=rests)
    if "minutes" in first:
        return _by_the_wall(path, list(entries), asked, zone, notes)
    if isinstance(value, dict) and "bpm" in value:
        return _heart(path, entries, asked, notes)
    if isinstance(value, dict) and "error" in value:
        return _Found(ClockKind.LOCAL, answers=_resting(path, list(entries), asked, notes))
    if isinstance(value, str | int | float):
        return _steps(path, entries, asked, notes)
    raise _not_read(path, "exercises or times in zones")


def _not_read(path: Path, what: str) -> FileFault:
    known = "read are sleep, heart rate, resting heart rate, steps, oxygen saturation and variability"
    return FileFault(Fault.NOTHING_USABLE, f"this file holds {what}", where=path.name, known=known, hint="leave it out")


def _batches(path: Path, entries: Iterable[Entry], asked: Asked) -> Iterator[tuple[Int64, list[Json]]]:
    """Wall clocks and values of entries with a readable stamp, so many at a time that memory stays bounded."""
    american = Asked(date_order=asked.date_order or DateOrder.MONTH_FIRST)  # a Takeout writes 06/24/19 everywhere
    left = iter(entries)
    while batch := list(islice(left, _BATCH)):
        cells = pl.Series([str(entry.get("dateTime")) for entry in batch], dtype=pl.String)
        walls = wall_clocks(cells, american, path)
        good = walls.good.tolist()
        values = [entry.get("value") for entry, fine in zip(batch, good, strict=True) if fine]
        yield walls.wall_ns[walls.good], values


def _number(value: Json) -> float:
    """A number, also one within quotes; NaN where there is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return float("nan")
    try:
        return float(value)
    except (ValueError, OverflowError):
        return float("nan")


def _heart(path: Path, entries: Iterable[Entry], asked: Asked, notes: list[str]) -> _Found:
    """Heart rates of a Takeout, in UTC."""
    times, rates, sure = [], [], []
    for utc, values in _batches(path, entries, asked):
        readings = [value if isinstance(value, dict) else {} for value in values]
        times.append(utc)
        rates.append(np.array([_number(reading.get("bpm")) for reading in readings]))
        sure.append(np.array([reading.get("confidence") != 0 for reading in readings], np.bool_))
    rate, certain = np.concatenate(rates), np.concatenate(sure)
    if not certain.all():
        notes.append(
            f"{np.count_nonzero(~certain)} heart rates of confidence 0, which a band off the wrist writes, left out"
        )
    heart = _readings(
        Kind.HR, "heart rate", np.concatenate(times), np.where(certain & (rate > 0), rate, np.nan), path, notes
    )
    return _Found(ClockKind.UTC, signals=heart)


def _readings(kind: Kind, label: str, at_ns: Int64, values: Floats, path: Path, notes: list[str]) -> tuple[Signal, ...]:
    """Readings as a signal, if there is any; the rule of its grid is told."""
    signal = averaged(kind, label, at_ns, values, CELL_S[kind], path)
    if signal is None:
        return ()
    notes.append(f"{label}: the readings of each {CELL_S[kind]} s are averaged, cells without one are missing")
    return (signal,)


def _steps(path: Path, entries: Iterable[Entry], asked: Asked, notes: list[str]) -> _Found:
    """Steps of a Takeout, a number a minute, in UTC."""
    name = path.name.lower()
    if not (asked.units.get("value") == "steps" or name.startswith("steps")):
        if other := next((word for word in NOT_READ if word in name), None):
            raise _not_read(path, other.replace("_", " "))
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            "its values have no name",
            where=path.name,
            known="files of steps, distance and calories look alike; their names tell them apart",
            hint=f'if they are steps, put {{"units": {{"value": "steps"}}}} into {path.name}.json beside it',
        )
    times, counts = [], []
    for utc, values in _batches(path, entries, asked):
        times.append(utc)
        counts.append(np.array([_number(value) for value in values]))
    begin, count = np.concatenate(times), np.concatenate(counts)
    if (count % 1 > 0).any():
        what, hint = "these are no steps: they are no whole numbers", "is it a file of distance or calories?"
        raise FileFault(Fault.UNKNOWN_UNIT, what, where=path.name, hint=hint)
    signal = shared_out(Kind.STEPS, "steps", begin, begin + MINUTE_S * NS, count, MINUTE_S, path, notes)
    notes.append("steps: minutes that the file leaves out are missing, not 0")
    return _Found(ClockKind.UTC, signals=(signal,) if signal is not None else ())


def _resting(path: Path, entries: list[Entry], asked: Asked, notes: list[str]) -> tuple[Answer, ...]:
    """Resting heart rate a day, as Fitbit computed it; 0 stands for missing."""
    days = [
        (_day(wall), value)
        for walls, values in _batches(path, entries, asked)
        for wall, value in zip(walls.tolist(), values, strict=True)
    ]
    rates = [(day, _number(value.get("value")) if isinstance(value, dict) else float("nan")) for day, value in days]
    found = tuple(Answer("Fitbit", "resting_heart_rate_bpm", rate, "", day=day) for day, rate in rates if rate > 0)
    if len(found) < len(rates):
        notes.append(f"{len(rates) - len(found)} days without a resting heart rate (written as 0) left out")
    return found


def _day(wall: int) -> date:
    """The date that a wall clock shows."""
    return date(1970, 1, 1).fromordinal(date(1970, 1, 1).toordinal() + wall // (86_400 * NS))


def _entries_of_answer(answer: Json) -> list[Entry]:
    """The entries of one answer of the Web API: sleep logs, or days of `minutes`, each with a stamp and a value."""
    if not isinstance(answer, dict):
        return []
    for name in ("heart", "steps"):
        series, days = answer.get(f"activities-{name}-intraday"), answer.get(f"activities-{name}")
        day = days[0].get("dateTime") if isinstance(days, list) and days and isinstance(days[0], dict) else None
        if isinstance(series, dict) and isinstance(rows := series.get("dataset"), list):
            minutes: list[Json] = [
                {"minute": f"{day} {row.get('time')}", "value": {name: row.get("value")}}
                for row in rows
                if isinstance(row, dict)
            ]
            return [{"minutes": minutes}]
    for key in ("sleep", "hrv", "spo2"):
        if isinstance(entries := answer.get(key), list):
            return [entry for entry in entries if isinstance(entry, dict)]
    return [answer]


_OF_API = {"heart": (Kind.HR, "heart rate"), "rmssd": (Kind.RMSSD, "RMSSD"), "spo2": (Kind.SPO2, "oxygen saturation")}


def _by_the_wall(path: Path, days: list[Entry], asked: Asked, zone: str, notes: list[str]) -> _Found:
    """Readings of the Web API, by the wall clock."""
    lists = [day.get("minutes") for day in days]
    rows = [row for minutes in lists if isinstance(minutes, list) for row in minutes if isinstance(row, dict)]
    if not rows:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no reading", where=path.name)
    stamps = instants(pl.Series([str(row.get("minute")) for row in rows], dtype=pl.String), asked, zone, path)
    notes.extend(stamps.notes)
    values = [row.get("value") for row in rows]
    named = [value if isinstance(value, dict) else {"spo2": value} for value in values]
    utc = stamps.utc_ns[stamps.good]
    signals: list[Signal] = []
    for key, (kind, label) in _OF_API.items():
        numbers = np.array([_number(value.get(key)) for value in named])[stamps.good]
        signals += _readings(kind, label, utc, np.where(numbers > 0, numbers, np.nan), path, notes)
    steps = np.array([_number(value.get("steps")) for value in named])[stamps.good]
    if np.isfinite(steps).any():
        signal = shared_out(Kind.STEPS, "steps", utc, utc + MINUTE_S * NS, steps, MINUTE_S, path, notes)
        signals += [signal] if signal is not None else []
    return _Found(stamps.clock, signals=tuple(signals))


READER = Reader(
    name="fitbit_json",
    device="Fitbit",
    looks_like="JSON of Fitbit: sleep-….json, heart_rate-….json, steps-….json (Google Takeout), or the Web API's",
    gives=frozenset({Kind.STAGES, Kind.DIARY, Kind.HR, Kind.STEPS, Kind.SPO2, Kind.RMSSD, Kind.ANSWERS}),
    recognise=_recognise,
    read=_read,
    family="consumer",
    clock="sleep: the wearer's wall clock; heart rate and steps of a Takeout: UTC",
)
