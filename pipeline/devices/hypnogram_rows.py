"""Rows of a scoring with a wall clock each (stages, arousals, apnoeas), as a recording; shared by report readers.

Most programs print the time of day alone: the date is in the header, and midnight is where the clock falls back. A
recorder's clock runs on through a clock change; a computer's may be put forward or back with its zone. Which of the
two wrote the rows is seen on them: the right reading leaves no hole and no overlap of an hour.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, wall_ns, wall_to_utc
from pipeline.devices.hypnogram_epochs import LONGEST_S, Scored, hypnogram_of, source_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Int64, Marker, Recording, Stage, StageSource

HALF_DAY_S = 43_200.0
MOST_BAD_SHARE = 0.05
"""Share of rows without a readable time above which a file is refused."""
_CLOCK = (
    r"^(?:\S+[ T]+)?(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?$"
)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows in the file's order, of equal number: wall clock, duration (NaN: not told), text, and stage or None."""

    wall_ns: Int64
    lasts_s: Floats
    texts: list[str]
    stages: list[Stage | None]
    offset_ns: Int64 | None = None
    """The UTC offset of each row, of as many, where the file writes it."""


def seconds_of_day(cells: pl.Series) -> Floats:
    """The time of day of each cell in s (22:15:00, 10:15:00 PM, 22.15.00,500; a date before it is passed over).

    NaN where a cell holds none.
    """
    part = cells.fill_null("").str.strip_chars(" \t\"'").str.extract_groups(_CLOCK).struct.unnest()
    wanted = pl.col("hour", "minute", "second").cast(pl.Float64, strict=False)
    hour, minute, second = part.select(wanted).with_columns(pl.col("second").fill_null(0.0)).to_numpy().T
    half = part["half"].str.to_lowercase().str.replace_all(".", "", literal=True).fill_null("").to_numpy()
    hour = np.where(half == "", hour, hour % 12 + 12 * (half == "pm"))
    fraction = part["fraction"].fill_null("0").str.pad_end(9, "0").cast(pl.Float64).to_numpy() / NS
    told: Floats = (hour * 60 + minute) * 60 + second + fraction
    told[~((hour < 24) & (minute < 60) & (second < 61))] = np.nan
    return told


def walls_of(start: date | datetime, second: Floats) -> Int64:
    """Wall clocks of times of day in order: each step back by more than half a day is a midnight.

    The first row is of the day of `start`; of the next one, if it is earlier than a `start` with a time.
    """
    midnights: Int64 = np.cumsum(np.diff(second, prepend=second[:1]) < -HALF_DAY_S, dtype=np.int64)
    day = start.date() if isinstance(start, datetime) else start
    if isinstance(start, datetime) and len(second):
        since_midnight = wall_ns(start) / NS % 86_400
        midnights += int(second[0] < since_midnight - 60)
    elapsed = midnights * 86_400 + second
    first = wall_ns(datetime(day.year, day.month, day.day))  # noqa: DTZ001  a wall clock
    return first + np.rint(elapsed * 1e6).astype(np.int64) * 1000


def written_start(told: str, path: Path, asked: Asked) -> datetime:
    """A header's date and time as a wall clock: AM and PM tell American dates, else as for any column of stamps.

    Raises
    ------
    FileFault
        CORRUPT if it is none; NO_START_TIME if day and month cannot be told apart.
    """
    order = asked.date_order
    if order is None and re.search(r"\b[AP]\.?M", told, re.IGNORECASE):
        order = DateOrder.MONTH_FIRST
    walls = wall_clocks(pl.Series([told]), dataclasses.replace(asked, date_order=order), path)
    return datetime(1970, 1, 1) + timedelta(microseconds=int(walls.wall_ns[0]) // 1000)  # noqa: DTZ001  a wall clock


def readable(times: Floats, path: Path, notes: list[str]) -> NDArray[np.bool_]:
    """Which rows carry a time (not NaN); told for the others.

    Raises
    ------
    FileFault
        CORRUPT if more than 5 % carry none.
    """
    has = np.isfinite(times)
    missing = int(np.count_nonzero(~has))
    if missing > MOST_BAD_SHARE * len(has):
        known = f"{missing} of {len(has)} rows; the first is row {int(np.argmin(has)) + 1} below the header"
        raise FileFault(Fault.CORRUPT, "rows without a readable time", where=path.name, known=known)
    if missing:
        notes.append(f"{missing} rows without a readable time left out")
    return has


def scored_night(
    rows: Rows, path: Path, asked: Asked, device: str, notes: list[str], source: StageSource = StageSource.EXPERT
) -> Recording:
    """The recording of a file's rows: stages as hypnogram, everything else as markers.

    Raises
    ------
    FileFault
        NOTHING_USABLE for no row at all; what `hypnogram_of` raises.
    """
    zone, zone_source = asked.zone_for(path)
    if not len(rows.wall_ns):
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no scored row", where=path.name)
    utc_ns, clock = _instants(rows, zone)
    if clock is ClockKind.LOCAL:
        notes.append(f"its clock was changed with that of {zone}: read so")
    zero_ns = int(utc_ns[0])
    onset_s = ((utc_ns - zero_ns) / NS).tolist()
    lasts_s = [s if abs(s) <= LONGEST_S else None for s in rows.lasts_s.tolist()]  # NaN is not told
    table = list(zip(onset_s, lasts_s, rows.texts, rows.stages, strict=True))
    scored = [Scored(onset, lasts, text, stage) for onset, lasts, text, stage in table if stage is not None]
    events = [
        Marker(at, max(lasts or 0.0, 0.0), text)
        for at, (_, lasts, text, stage) in zip(utc_ns.tolist(), table, strict=True)
        if stage is None
    ]
    hypnogram = None
    if scored:
        told = source_of((s.stage for s in scored), source)
        hypnogram, more = hypnogram_of(scored, zero_ns, device, path, told)
        notes.extend(more)
    return Recording(
        device, zone, zone_source, hypnogram=hypnogram, markers=tuple(events), clock=clock, repairs=tuple(notes)
    )


def _instants(rows: Rows, zone: str) -> tuple[Int64, ClockKind]:
    """The instants of the rows, by the clock that leaves the fewest seconds unscored or scored twice."""
    if rows.offset_ns is not None:
        return rows.wall_ns - rows.offset_ns, ClockKind.OFFSET
    follows = wall_to_utc(rows.wall_ns, zone)
    runs_on = rows.wall_ns - (rows.wall_ns[0] - follows[0])
    if np.array_equal(follows, runs_on):
        return runs_on, ClockKind.DEVICE
    is_stage = np.array([stage is not None for stage in rows.stages])
    lasts_s = rows.lasts_s[is_stage]

    def seams_s(utc_ns: Int64) -> float:
        step_s = np.diff(utc_ns[is_stage]) / NS
        usual = np.median(step_s) if len(step_s) else 0.0
        return float(np.abs(step_s - np.where(np.isnan(lasts_s[:-1]), usual, lasts_s[:-1])).sum())

    if seams_s(follows) < seams_s(runs_on):
        return follows, ClockKind.LOCAL
    return runs_on, ClockKind.DEVICE
