"""Fitabase's tables of one participant: sleep by minute or by 30 s, steps by minute (narrow or wide), heart rate.

Stamps are American (4/12/2016 2:47:30 AM) and the wall clock of the wearer. Sleep keeps the offset with which its log
began, as Fitbit writes it. Sleep by minute knows 1 asleep, 2 restless (movement) and 3 awake. Minutes in which the band
was not worn are 0 steps there: zeros are read as they stand, and this is told.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np

from pipeline.clock import NS, wall_to_utc
from pipeline.devices.delimited import headed_table, numbers_of
from pipeline.devices.fitbit_logs import STAGES
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder, Glimpse, Reader
from pipeline.devices.readings import averaged, shared_out
from pipeline.devices.sleep_stretches import SleepLog, Stretches, hypnogram_of, one_at_a_time, rest_of
from pipeline.devices.stamps import instants, wall_clocks
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import ClockKind, Floats, Hypnogram, Int64, Kind, Recording, RestInterval, Signal, Stage

MINUTE_NS = 60 * NS
SLEEP_VALUES = {"1": Stage.ASLEEP, "2": Stage.MOVEMENT, "3": Stage.WAKE}
HEART_CELL_S = 5
"""Bands write a heart rate every 5 to 15 s; Fitabase's table of minutes is read by minute."""
_WIDE = tuple(f"Steps{k:02d}" for k in range(60))
_TABLES: tuple[tuple[str, frozenset[str]], ...] = (
    ("sleep by minute", frozenset({"date", "value", "logId"})),
    ("sleep by 30 s", frozenset({"LogId", "Time", "SleepStage"})),
    ("steps", frozenset({"ActivityMinute", "Steps"})),
    ("steps by hour", frozenset({"ActivityHour", *_WIDE})),
    ("heart rate", frozenset({"Time", "Value"})),
)
"""What each table is told by; a column `Id` may stand before."""
_AMERICAN = re.compile(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}(:\d{2})?( ?[AP]M)?")


def _table(names: tuple[str, ...]) -> str | None:
    """Which table has these columns; None if it is none of Fitabase's."""
    return next((name for name, needed in _TABLES if needed <= set(names)), None)


def _recognise(seen: Glimpse) -> bool:
    """Whether the first row names the columns of one of the tables, and the second holds an American stamp."""
    if len(seen.sheet) < 2 or _table(seen.sheet[0]) is None:
        return False
    return any(map(_AMERICAN.fullmatch, seen.sheet[1]))


def _read(path: Path, asked: Asked) -> Recording:
    """What one table of one participant holds."""
    zone, source = asked.zone_for(path)
    table, notes = headed_table(path)
    asked = dataclasses.replace(asked, date_order=asked.date_order or DateOrder.MONTH_FIRST)
    _one_person(path, table)
    name = _table(tuple(table.columns))
    if name is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    if name.startswith("sleep"):
        hypnogram, rests = _sleep(path, table, name, asked, zone, notes)
        return Recording(
            "Fitbit", zone, source, hypnogram=hypnogram, rests=rests, clock=ClockKind.LOCAL, repairs=tuple(notes)
        )
    stamp = next(column for column in ("ActivityMinute", "ActivityHour", "Time") if column in table.columns)
    stamps = instants(table[stamp], asked, zone, path)
    notes += stamps.notes
    table, utc = table.filter(pl.Series(stamps.good)), stamps.utc_ns[stamps.good]
    first = np.unique(utc, return_index=True)[1]
    if len(first) < len(utc):
        notes.append(f"{len(utc) - len(first)} rows repeat a time: the first is kept")
        table, utc = table[first], utc[first]
    signal = _heart(path, table, utc, notes) if name == "heart rate" else _steps(path, table, utc, name, notes)
    return Recording("Fitbit", zone, source, signal, clock=stamps.clock, repairs=tuple(notes))


def _one_person(path: Path, table: pl.DataFrame) -> None:
    """Raise if a table holds several participants."""
    people = table["Id"].n_unique() if "Id" in table.columns else 1
    if people > 1:
        what, hint = f"the table holds {people} participants", "make a file for each value of its column Id"
        raise FileFault(Fault.AMBIGUOUS_FORMAT, what, where=path.name, hint=hint)


def _numbers(path: Path, table: pl.DataFrame, column: str) -> Floats:
    """A column as numbers, NaN where it is empty."""
    values, unread = numbers_of(table[column])
    if unread:
        what = f"the column {column} holds {unread} cells that are no number"
        raise FileFault(Fault.CORRUPT, what, where=path.name)
    return values.fill_null(float("nan")).to_numpy()


def _heart(path: Path, table: pl.DataFrame, utc: Int64, notes: list[str]) -> tuple[Signal, ...]:
    """Heart rates in cells of 5 s, or of a minute where the table is by minute."""
    rate = _numbers(path, table, "Value")
    by_minute = len(utc) > 1 and not (utc % MINUTE_NS).any()
    cell_s = 60 if by_minute else HEART_CELL_S
    signal = averaged(Kind.HR, "heart rate", utc, np.where(rate > 0, rate, np.nan), cell_s, path)
    notes.append(f"heart rate: the readings of each {cell_s} s are averaged, cells without one are missing")
    return (signal,) if signal is not None else ()


def _steps(path: Path, table: pl.DataFrame, utc: Int64, name: str, notes: list[str]) -> tuple[Signal, ...]:
    """Steps of each minute."""
    if name == "steps":
        begin, counts = utc, _numbers(path, table, "Steps")
    else:
        begin = (utc[:, None] + np.arange(60) * MINUTE_NS).ravel()
        counts = np.column_stack([_numbers(path, table, column) for column in _WIDE]).ravel()
    notes.append("minutes in which the band was not worn are 0 steps in this table")
    signal = shared_out(Kind.STEPS, "steps", begin, begin + MINUTE_NS, counts, 60, path, notes)
    return (signal,) if signal is not None else ()


def _sleep(
    path: Path, table: pl.DataFrame, name: str, asked: Asked, zone: str, notes: list[str]
) -> tuple[Hypnogram | None, tuple[RestInterval, ...]]:
    """Stages and times in bed; the rows of a log are elapsed time from its first."""
    by_minute = name == "sleep by minute"
    stamp, identity, value = ("date", "logId", "value") if by_minute else ("Time", "LogId", "SleepStage")
    known = SLEEP_VALUES if by_minute else STAGES
    epoch_ns = MINUTE_NS if by_minute else MINUTE_NS // 2
    walls = wall_clocks(table[stamp], asked, path)
    notes += walls.notes
    rows = pl.DataFrame({"wall": walls.wall_ns, "log": table[identity], "value": table[value].fill_null("")})
    rows = rows.filter(pl.Series(walls.good))
    unknown = sorted(set(rows["value"].unique().to_list()) - set(known))
    if unknown:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"'{unknown[0][:40]}' is no stage that is known",
            where=path.name,
            hint=did_you_mean(unknown[0][:40], known),
        )
    logs = rows.group_by("log").agg(first=pl.col("wall").min(), last=pl.col("wall").max()).sort("first", "log")
    begin = wall_to_utc(logs["first"].to_numpy(), zone)
    end = begin + logs["last"].to_numpy() - logs["first"].to_numpy() + epoch_ns
    found = [
        SleepLog(b, e, is_main=True, place=k, identity=str(k))
        for k, (b, e) in enumerate(zip(begin.tolist(), end.tolist(), strict=True))
    ]
    kept = one_at_a_time(found, notes)
    shift = pl.DataFrame({"log": logs["log"], "shift": begin - logs["first"].to_numpy()})
    read = rows.join(shift[[log.place for log in kept]], on="log", maintain_order="left")
    at = (read["wall"] + read["shift"]).to_numpy()
    stage = np.array([int(known[v]) for v in read["value"].to_list()], np.int8)
    hypnogram = hypnogram_of(Stretches(at, at + epoch_ns, stage), "Fitbit", path, notes)
    return hypnogram, tuple(rest_of(log, "Fitbit") for log in kept)


READER = Reader(
    name="fitabase_csv",
    device="Fitbit through Fitabase",
    looks_like="a Fitabase table of one participant: minuteSleep, 30secondSleepStages, minuteSteps, heartrate_seconds",
    gives=frozenset({Kind.STAGES, Kind.DIARY, Kind.STEPS, Kind.HR}),
    recognise=_recognise,
    read=_read,
    family="consumer",
    clock="the wearer's wall clock",
)
