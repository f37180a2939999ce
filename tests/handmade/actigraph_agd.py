"""A small export of `actigraph_agd`."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

TICKS_S = 10_000_000


def ticks(wall: datetime) -> int:
    """.NET ticks of a wall clock."""
    gap = wall - datetime(1, 1, 1)  # noqa: DTZ001
    return (gap.days * 86_400 + gap.seconds) * TICKS_S


def write_base(
    path: Path, start: datetime, rows: Iterable[tuple[int, object, object, object]], epoch_s: int = 60
) -> Path:
    """A database as ActiLife lays it out; `rows` are number of epoch, axis1, steps, lux."""
    with closing(sqlite3.connect(path)) as base, base:
        base.execute("CREATE TABLE settings (settingID INTEGER PRIMARY KEY, settingName TEXT, settingValue TEXT)")
        base.execute(
            "CREATE TABLE data (dataTimestamp INTEGER, axis1 REAL, axis2 REAL, axis3 REAL, steps REAL, lux REAL)"
        )
        base.execute("CREATE TABLE sleep (sleepID INTEGER, inBedTimestamp INTEGER, outBedTimestamp INTEGER)")
        says = {"devicename": "wGT3XBT", "deviceserial": "CANARY77", "subjectname": "Jane Canary"}
        says |= {"dateOfBirth": "Canary17111980", "epochlength": str(epoch_s)}
        base.executemany("INSERT INTO settings (settingName, settingValue) VALUES (?, ?)", says.items())
        base.executemany(
            "INSERT INTO data VALUES (?, ?, 5, 7, ?, ?)",
            [(ticks(start) + k * epoch_s * TICKS_S, *values) for k, *values in rows],
        )
    return path


def write_agd(folder: Path) -> Path:
    rows = [(k, k % 7 * 50, k % 5, k % 3) for k in range(300) if not 30 <= k < 40]
    path = write_base(folder / "watch60sec.agd", START, rows)
    with closing(sqlite3.connect(path)) as base, base:
        begin = ticks(START)
        base.execute("INSERT INTO sleep VALUES (1, ?, ?)", (begin + 3600 * TICKS_S, begin + 14_400 * TICKS_S))
    return path


SAMPLE = Sample(
    write_agd,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.STEPS, Kind.LIGHT}),
    kinds=frozenset({Kind.DIARY}),
    planted=("Canary", "CANARY77", "1980"),
)
