"""Time stamps written as text: parts, order of day and month, halves of the day, offsets; whole columns at once.

Formats are told from the column, never from the host's locale. What can be read two ways and is not decided by the
column, by the sidecar or by continuity is a fault that says what to name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, utc_to_wall, wall_to_utc
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Int64

MOST_BAD_SHARE = 0.05
"""Share of rows without a readable stamp above which a file is refused."""
FIRST_TWO_DIGIT_YEAR = 85
"""85 … 99 are of the last century, as in EDF: no such device is older, and shifted dates lie there."""

_STAMP = (
    r"^(?P<a>\d{1,4})(?P<mark>[-/.])(?P<b>\d{1,2}|[A-Za-z]{3})[-/.](?P<c>\d{1,4})[ T]+"
    r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})(?:[:.](?P<second>\d{2})(?:[.,:](?P<fraction>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?$"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """Instants of a column of stamps, shape (n,) each; `utc_ns` is only meant where `good`."""

    utc_ns: Int64
    good: NDArray[np.bool_]
    clock: ClockKind
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Walls:
    """Wall clocks of a column of stamps, shape (n,) each; `offset_ns` is None where the stamps carry none."""

    wall_ns: Int64
    good: NDArray[np.bool_]
    offset_ns: Int64 | None
    notes: tuple[str, ...]


def instants(cells: pl.Series, asked: Asked, zone: str, path: Path, *, follows_zone: bool = True) -> Stamps:
    """The instant of each stamp: by its own offset, else as a wall clock of `zone`.

    A wall clock follows its zone through clock changes unless it shows an hour that the zone skipped, or
    `follows_zone` is False (a device that was set once): then it is elapsed time from its first reading.

    Raises
    ------
    FileFault
        CORRUPT if more than 5 % cannot be read or only some carry an offset; NO_START_TIME if day and month cannot be
        told apart.
    """
    walls = wall_clocks(cells, asked, path)
    wall, good, notes = walls.wall_ns, walls.good, list(walls.notes)
    if not good.any():
        return Stamps(wall, good, ClockKind.LOCAL, tuple(notes))
    if walls.offset_ns is not None:
        return Stamps(wall - walls.offset_ns, good, ClockKind.OFFSET, tuple(notes))
    first = int(np.argmax(good))
    utc = wall.copy()
    utc[good] = wall_to_utc(wall[good], zone)
    skipped = (utc_to_wall(utc[good], zone) != wall[good]).any()
    if skipped and follows_zone:
        notes.append(
            f"the clock shows an hour that {zone} skipped: it was not put forward, and is read as elapsed time"
        )
    if skipped or not follows_zone:
        return Stamps(wall - (wall[first] - utc[first]), good, ClockKind.DEVICE, tuple(notes))
    return Stamps(utc, good, ClockKind.LOCAL, tuple(notes))


def wall_clocks(cells: pl.Series, asked: Asked, path: Path, most_bad_share: float = MOST_BAD_SHARE) -> Walls:
    """The wall clock that each stamp shows, and its offset where the stamps carry one."""
    part = cells.fill_null("").str.strip_chars(" \t\"'").str.extract_groups(_STAMP).struct.unnest()
    named = part["b"].str.contains("[A-Za-z]").fill_null(value=False).any()
    part = part.with_columns(b=_month_number(part["b"]))
    notes: list[str] = []
    # A month in letters stands between day and year wherever dates are so written.
    asked = replace(asked, date_order=DateOrder.DAY_FIRST) if named else asked
    wall, good = _wall(path, part, asked, notes)
    if np.mean(~good) > most_bad_share:
        row = int(np.argmin(good))
        known = f"{np.count_nonzero(~good)} of {len(good)} rows, first in row {row + 1} below the header"
        hint = "write stamps as 2024-03-30 22:15:00"
        raise FileFault(Fault.CORRUPT, "time stamps cannot be read", where=path.name, known=known, hint=hint)
    if not good.all():
        notes.append(f"{np.count_nonzero(~good)} rows without a readable time stamp left out")
    offset = part["offset"].is_not_null().to_numpy()[good]
    if offset.any() and not offset.all():
        known = f"{np.count_nonzero(offset)} of {len(offset)} stamps carry one"
        raise FileFault(Fault.CORRUPT, "some time stamps carry an offset, others none", where=path.name, known=known)
    if not offset.any():
        return Walls(wall, good, None, tuple(notes))
    text = part["offset"].fill_null("Z").str.replace("Z", "+00:00").str.replace(":", "")
    number = text.cast(pl.Int64).to_numpy()  # +0530 as a number
    offset_ns = np.sign(number) * (np.abs(number) // 100 * 60 + np.abs(number) % 100) * 60 * NS
    return Walls(wall, good, offset_ns.astype(np.int64), tuple(notes))


def _month_number(cells: pl.Series) -> pl.Series:
    """Months as numbers, English three-letter names translated; null for anything else."""
    names = {name: str(number) for number, name in enumerate(_MONTHS, start=1)}
    return cells.str.to_lowercase().replace(names)


def _wall(path: Path, part: pl.DataFrame, asked: Asked, notes: list[str]) -> tuple[Int64, NDArray[np.bool_]]:
    """The wall clock of stamps split into their parts, and which stamps exist."""
    wanted = pl.col("a", "b", "c", "hour", "minute", "second")
    columns = part.select(wanted.cast(pl.Int64, strict=False).fill_null(0))
    a, b, c, hour, minute, second = columns.to_numpy().T
    if not ((year_first := a > 31) | (b == 0)).all():
        day_first = _day_first(path, part, (a, b, c), asked, notes)
        a, b, c = np.where(year_first, (a, b, c), (c, b, a) if day_first else (c, a, b))
    a = np.where(a < 100, a + np.where(a >= FIRST_TWO_DIGIT_YEAR, 1900, 2000), a)
    half = part["half"].str.to_lowercase().str.replace_all(".", "", literal=True).fill_null("").to_numpy()
    hour = np.where(half == "", hour, hour % 12 + 12 * (half == "pm"))
    good = (a > 1900) & (a < 2200) & (b >= 1) & (b <= 12) & (c >= 1) & (hour < 24) & (minute < 60) & (second < 61)
    month = ((np.where(good, a, 1970) - 1970) * 12 + np.where(good, b, 1) - 1).astype("datetime64[M]")
    day = month.astype("datetime64[D]") + np.clip(c - 1, 0, 31)
    good &= day.astype("datetime64[M]") == month
    fraction = part["fraction"].fill_null("0").str.pad_end(9, "0").cast(pl.Int64).to_numpy()
    clock = (hour * 60 + minute) * 60 + second
    return (day.astype(np.int64) * 86_400 + clock) * NS + fraction, good


def _day_first(
    path: Path, part: pl.DataFrame, date: tuple[Int64, Int64, Int64], asked: Asked, notes: list[str]
) -> bool:
    """Whether 03/04 is the 3rd of April: by the whole column, else by the sidecar's start, else a fault."""
    a, b, year = (number[date[1] > 0] for number in date)  # rows that could not be read are 0
    if (a > 12).any() or (b > 12).any():
        return bool((a > 12).any())
    if asked.date_order is not None:
        return asked.date_order is DateOrder.DAY_FIRST
    if (a == b).all() or (part["mark"] == ".").all():
        return True  # dates with dots are written day first everywhere
    told = (asked.start.day, asked.start.month) if asked.start is not None else ()
    if told in {(first := (int(a[0]), int(b[0]))), first[::-1]}:
        return told == first
    as_day, as_month = (int(np.ptp((year * 12 + m) * 31 + d)) for d, m in ((a, b), (b, a)))
    if as_day != as_month:  # the wrong order leaps a month at every midnight
        notes.append(f"dates are read {'day' if as_day < as_month else 'month'} first: the other order leaps by months")
        return as_day < as_month
    raise FileFault(
        Fault.NO_START_TIME,
        f"the date {a[0]:02d}/{b[0]:02d}/{year[0]} can be read day first or month first",
        where=path.name,
        known="every row bears it, and neither number is above 12",
        hint=f'put {{"date_order": "day first"}} (or "month first"), or the true {{"start": "2024-03-30T22:15:00"}}, '
        f"into {path.name}.json beside it",
    )
