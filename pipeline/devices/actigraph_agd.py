"""ActiGraph .agd (ActiLife): an SQLite file with the tables `settings` and `data`, one epoch a row.

Stamps are .NET ticks (100 ns since the year 1) of a wall clock that the watch never put forward or back: elapsed time
from the first epoch, whose instant the zone gives. Counts are those of axis 1 (vertical), the axis that published
thresholds are for; steps and light stand beside them. The counts of the other axes are left out.

An SQLite file can hold views, triggers and pages that point in circles. It is opened read-only and immutable, in a
mode that trusts nothing in its schema; only plain tables are read, and a statement that takes too long is stopped.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np

from pipeline.clock import wall_to_utc
from pipeline.devices.epoch_rows import Measured, light_or_none, said_epoch, signals_of
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Floats, Int64, Kind, Recording, RestInterval

MARK = b"SQLite format 3\x00"
MOST_BYTES = 4 * 1024**3
MOST_EPOCHS = 8_000_000
"""Three months of 1-s epochs."""
LONGEST_S = 60.0
"""A month of 1-s epochs takes a few seconds."""
_STEPS_BETWEEN_LOOKS = 100_000
_TICKS_1970 = 621_355_968_000_000_000
_TICKS_2070 = _TICKS_1970 + 100 * 365 * 86_400 * 10_000_000
_IS_TIME = f"typeof({{0}}) = 'integer' AND {{0}} BETWEEN {_TICKS_1970} AND {_TICKS_2070}"
_LONGEST_TEXT = 100_000
_MODEL = re.compile(r"(w?GT3X|w?ActiSleep|GT9X|GT1M|ActiTrainer|7164|CentrePoint|Link)[\w +-]{0,12}", re.IGNORECASE)
_CUT = "it was probably cut short while copying: copy it again"


def _recognise(seen: Glimpse) -> bool:
    """Whether it is an SQLite file with tables of ActiLife's; of a cut file only its beginning is seen."""
    if seen.is_folder or not seen.head.startswith(MARK):
        return False
    if b"dataTimestamp" in seen.head:
        return True
    try:
        with _opened(seen.path) as base:
            return {"settings", "data"} <= _tables(base).keys() and "dataTimestamp" in _tables(base)["data"]
    except (sqlite3.Error, FileFault):
        return False


def _read(path: Path, asked: Asked) -> Recording:
    """Counts of axis 1, steps and light, and the time in bed where it was scored."""
    _whole(path)
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    try:
        with _opened(path) as base:
            tables = _tables(base)
            says = _settings(base, tables)
            wall, values = _epochs(path, base, tables, notes)
            beds = _beds(base, tables)
    except (sqlite3.Error, OverflowError) as bad:
        slow = isinstance(bad, sqlite3.OperationalError) and "interrupted" in str(bad)
        raise FileFault(
            Fault.TOO_SLOW if slow else Fault.CORRUPT,
            "the database answers too slowly" if slow else "the database is damaged",
            where=path.name,
            known=type(bad).__name__,
            hint=_CUT,
        ) from bad
    first = int(wall.min())
    shift = first - int(wall_to_utc(np.array([first], np.int64), zone)[0])
    columns = [Measured(Kind.COUNTS, "axis1", values["axis1"], CountsScale.ACTIGRAPH)]
    if "steps" in values:
        columns.append(Measured(Kind.STEPS, "steps", values["steps"]))
    if "lux" in values:
        columns += light_or_none("lux", values["lux"], notes)
    signals = signals_of(path, wall - shift, tuple(columns), notes)
    if re.fullmatch(r"\d{1,4}", epoch := says.get("epochlength", "")):
        said_epoch(path, signals, float(epoch))
    rests = tuple(
        RestInterval(begin - shift, end - shift, None, "ActiLife sleep period") for begin, end in beds if begin < end
    )
    model = says.get("devicename", "")
    device = f"ActiGraph {model}" if _MODEL.fullmatch(model) else "ActiGraph"
    return Recording(device, zone, source, signals, rests=rests, repairs=tuple(notes))


def _whole(path: Path) -> None:
    """Raise unless the file is as long as its header says, and not too long."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(100)
    if size > MOST_BYTES:
        raise FileFault(Fault.TOO_LARGE, "the database is larger than 4 GB", where=path.name)
    page = int.from_bytes(head[16:18], "big")
    page = 65_536 if page == 1 else page
    said = page * int.from_bytes(head[28:32], "big")
    if len(head) < 100 or size < said:
        known = f"{size} bytes of {said}"
        raise FileFault(Fault.TRUNCATED, "the database ends before it is complete", where=path.name, known=known,
                        hint=_CUT)  # fmt: skip


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database, opened so that it can neither write nor run anything of its own, nor take for ever."""
    base = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    with closing(base):
        until = time.monotonic() + LONGEST_S
        base.set_progress_handler(lambda: time.monotonic() > until, _STEPS_BETWEEN_LOOKS)
        base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_TEXT)
        base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        base.text_factory = lambda content: content.decode("utf-8", errors="replace")
        for pragma in ("query_only=ON", "trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0"):
            base.execute(f"PRAGMA {pragma}")
        yield base


def _tables(base: sqlite3.Connection) -> dict[str, list[str]]:
    """The columns of each plain table; views and virtual tables are not seen."""
    rows = base.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' LIMIT 200").fetchall()
    plain = [name for name, sql in rows if isinstance(sql, str) and re.match(r"(?i)\s*create\s+table\b", sql)]
    known = [name for name in ("settings", "data", "sleep") if name in plain]
    return {name: [row[1] for row in base.execute(f"PRAGMA table_info({name})")] for name in known}


def _settings(base: sqlite3.Connection, tables: dict[str, list[str]]) -> dict[str, str]:
    """The two settings that are wanted; names, birth dates and serial numbers are never read."""
    if not {"settingName", "settingValue"} <= set(tables.get("settings", ())):
        return {}
    query = "SELECT settingName, settingValue FROM settings WHERE settingName IN ('epochlength', 'devicename') LIMIT 9"
    return {str(name): str(value).strip() for name, value in base.execute(query)}


def _epochs(
    path: Path, base: sqlite3.Connection, tables: dict[str, list[str]], notes: list[str]
) -> tuple[Int64, dict[str, Floats]]:
    """The wall clock of each epoch, as stored, and its values by column."""
    if not {"dataTimestamp", "axis1"} <= set(tables.get("data", ())):
        raise FileFault(
            Fault.NOTHING_USABLE,
            "the database holds no epochs of ActiLife",
            where=path.name,
            known="no plain table 'data' with dataTimestamp and axis1",
            hint="make an .agd of the .gt3x in ActiLife, with an epoch length",
        )
    stored = int(base.execute("SELECT count(*) FROM data").fetchone()[0])
    if stored > MOST_EPOCHS:
        raise FileFault(Fault.TOO_LARGE, f"the database holds {stored} epochs", where=path.name)
    wanted = [name for name in ("axis1", "steps", "lux") if name in tables["data"]]
    numbers = ", ".join(f"CASE WHEN typeof({name}) IN ('integer', 'real') THEN {name} END" for name in wanted)
    # Not sorted here: SQLite would sort in a file. All words in it are our own.
    query = f"SELECT dataTimestamp, {numbers} FROM data WHERE {_IS_TIME.format('dataTimestamp')}"  # noqa: S608
    found: list[tuple[Int64, Floats]] = []
    cursor = base.execute(query)
    while rows := cursor.fetchmany(100_000):
        clock = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        found.append((clock, np.array([row[1:] for row in rows], np.float64)))
    if not found:
        raise FileFault(Fault.NOTHING_USABLE, "the database holds no epochs", where=path.name)
    wall = (np.concatenate([clock for clock, _ in found]) - _TICKS_1970) * 100
    table = np.concatenate([values for _, values in found])
    if len(wall) < stored:
        notes.append(f"{stored - len(wall)} epochs without a time left out")
    negative = table < 0
    if negative.any():
        notes.append(f"{np.count_nonzero(negative)} negative values are missing epochs")
        table[negative] = np.nan
    return wall, {name: table[:, k] for k, name in enumerate(wanted)}


def _beds(base: sqlite3.Connection, tables: dict[str, list[str]]) -> list[tuple[int, int]]:
    """The wall clocks in and out of bed of each sleep period that was scored."""
    if not {"inBedTimestamp", "outBedTimestamp"} <= set(tables.get("sleep", ())):
        return []
    times = f"{_IS_TIME.format('inBedTimestamp')} AND {_IS_TIME.format('outBedTimestamp')}"
    query = f"SELECT inBedTimestamp, outBedTimestamp FROM sleep WHERE {times} LIMIT 5000"  # noqa: S608
    return [((begin - _TICKS_1970) * 100, (end - _TICKS_1970) * 100) for begin, end in sorted(base.execute(query))]


READER = Reader(
    name="actigraph_agd",
    device="ActiGraph (.agd)",
    looks_like="an ActiLife .agd file: an SQLite database with the tables settings and data (dataTimestamp, axis1 …)",
    gives=frozenset({Kind.COUNTS, Kind.STEPS, Kind.LIGHT, Kind.DIARY}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
