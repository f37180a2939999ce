"""Fitbit's tables in a Google Takeout: variability during sleep, heart rate, steps, and sleep scores.

`Heart Rate Variability Details` (RMSSD of each five minutes) is by the wall clock. The tables that Google writes itself
(`heart_rate_2024-03-01.csv`, `steps_…`) are in UTC and may hold several sources that counted the same steps: the one
with the most rows is read. `sleep_score.csv` stamps the wall clock at which sleep ended with a Z that it is not.
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np

from pipeline.clock import NS, wall_to_utc
from pipeline.devices.delimited import headed_table, numbers_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.readings import averaged, shared_out
from pipeline.devices.stamps import Stamps, instants, wall_clocks
from pipeline.errors import Fault, FileFault
from pipeline.recording import Answer, ClockKind, Floats, Kind, Recording, Signal

HEART, SOURCE = "beats per minute", "data source"
KINDS: tuple[tuple[frozenset[str], Kind], ...] = (
    (frozenset({"timestamp", "rmssd", "coverage"}), Kind.RMSSD),
    (frozenset({"timestamp", HEART}), Kind.HR),
    (frozenset({"timestamp", "steps", SOURCE}), Kind.STEPS),
    (frozenset({"timestamp", "sleep_log_entry_id", "overall_score"}), Kind.ANSWERS),
)
"""Columns that tell a table, and what it holds."""
SCORES = (
    "overall_score",
    "composition_score",
    "revitalization_score",
    "duration_score",
    "deep_sleep_in_minutes",
    "resting_heart_rate",
    "restlessness",
)
NEVER_ZERO = ("resting_heart_rate",)
CELL_S = {Kind.RMSSD: 300, Kind.HR: 5, Kind.STEPS: 60}
DAILY_NS = 6 * 3600 * NS
"""Heart rates so far apart are daily values of rest, which bear the same header."""


def _kind(names: set[str]) -> Kind | None:
    """What a table with these columns holds; None if it is none of Fitbit's."""
    return next((kind for needed, kind in KINDS if needed <= names), None)


def _recognise(seen: Glimpse) -> bool:
    """Whether the first row names the columns of one of the tables."""
    return bool(seen.sheet) and _kind(set(seen.sheet[0])) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """What one table holds; it is of one kind."""
    zone, source = asked.zone_for(path)
    table, notes = headed_table(path)
    kind = _kind(set(table.columns))
    if kind is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    if kind is Kind.ANSWERS:
        answers = _scores(path, table, asked, zone, notes)
        return Recording("Fitbit", zone, source, answers=answers, clock=ClockKind.LOCAL, repairs=tuple(notes))
    if SOURCE in table.columns:
        table = _of_one_source(table, notes)
    stamps = instants(table["timestamp"], asked, zone, path)
    if kind is not Kind.RMSSD and stamps.clock is not ClockKind.OFFSET:
        hint = "export it again: Google writes a Z behind each stamp"
        raise FileFault(Fault.CORRUPT, "its time stamps carry no offset", where=path.name, hint=hint)
    notes += stamps.notes
    signals = _signal(path, kind, table, stamps, notes)
    return Recording("Fitbit", zone, source, signals, clock=stamps.clock, repairs=tuple(notes))


def _of_one_source(table: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """The rows of the source that has most of them."""
    counts = table.group_by(SOURCE, maintain_order=True).len().sort("len", descending=True, maintain_order=True)
    if counts.height < 2:
        return table
    kept = table.filter(pl.col(SOURCE).eq_missing(counts[SOURCE][0]))
    notes.append(f"{counts.height} sources wrote the same: the one with the most rows ({kept.height}) is read")
    return kept


def _values(path: Path, table: pl.DataFrame, name: str) -> Floats:
    """A column as numbers, NaN where it holds none."""
    values, unread = numbers_of(table[name])
    if unread:
        what = f"the column '{name}' holds {unread} cells that are no number"
        raise FileFault(Fault.CORRUPT, what, where=path.name)
    return values.fill_null(float("nan")).to_numpy()


def _signal(path: Path, kind: Kind, table: pl.DataFrame, stamps: Stamps, notes: list[str]) -> tuple[Signal, ...]:
    """The one signal of a table, if it holds a value."""
    name = {Kind.RMSSD: "rmssd", Kind.HR: HEART, Kind.STEPS: "steps"}[kind]
    at, values = stamps.utc_ns[stamps.good], _values(path, table, name)[stamps.good]
    if kind is Kind.STEPS:
        minute_ns = CELL_S[kind] * NS
        signal = shared_out(kind, name, at, at + minute_ns, values, CELL_S[kind], path, notes)
        notes.append("steps: minutes that the table leaves out are missing, not 0")
        return (signal,) if signal is not None else ()
    if kind is Kind.HR and len(at) > 1 and np.median(np.diff(at)) >= DAILY_NS:
        what = "these heart rates are a day apart: daily values of rest are not read from this table"
        raise FileFault(Fault.NOTHING_USABLE, what, where=path.name, hint="put in resting_heart_rate-….json instead")
    signal = averaged(kind, name, at, np.where(values > 0, values, np.nan), CELL_S[kind], path)
    notes.append(f"{name}: the readings of each {CELL_S[kind]} s are averaged, cells without one are missing")
    return (signal,) if signal is not None else ()


def _scores(path: Path, table: pl.DataFrame, asked: Asked, zone: str, notes: list[str]) -> tuple[Answer, ...]:
    """The scores of each sleep, at the wall clock at which it ended."""
    walls = wall_clocks(table["timestamp"], asked, path)
    notes += walls.notes
    notes.append("its stamps end in Z, but are the wall clock: read so")
    wall = walls.wall_ns[walls.good]
    order = np.argsort(wall, kind="stable")
    ends = wall_to_utc(wall[order], zone)
    days = [date(1970, 1, 1) + timedelta(days=int(at)) for at in wall[order] // (86_400 * NS)]
    found: list[Answer] = []
    for item in (name for name in SCORES if name in table.columns):
        values = _values(path, table, item)[walls.good][order]
        values[(values < 0) | ((values == 0) & (item in NEVER_ZERO))] = np.nan
        rows = zip(values.tolist(), ends.tolist(), days, strict=True)
        found += [Answer("Fitbit sleep score", item, v, "", at, day) for v, at, day in rows if np.isfinite(v)]
    return tuple(sorted(found, key=lambda answer: answer.time_ns or 0))


READER = Reader(
    name="fitbit_csv",
    device="Fitbit",
    looks_like="a csv of Fitbit's Google Takeout: HRV details (rmssd, coverage), heart rate, steps or sleep_score.csv",
    gives=frozenset({Kind.RMSSD, Kind.HR, Kind.STEPS, Kind.ANSWERS}),
    recognise=_recognise,
    read=_read,
    family="consumer",
    clock="variability and sleep scores: the wearer's wall clock; heart rate and steps: UTC",
)
