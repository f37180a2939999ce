"""Epochs of counts as a table: a header, then a time stamp and the counts of one epoch a row (`timestamp,activity`).

Separator, decimal comma and the order of day and month are told from the file; so is the epoch length, from the
stamps. Stamps without an offset are a wall clock that follows its zone through clock changes, unless they show an hour
that the zone skipped. Rows that are missing are missing epochs, never zero. Long runs of zeros are left as they are.

Example: the Depresjon recordings (Garcia-Ceja et al. 2018, doi:10.1145/3204949.3208125).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import NS, utc_to_wall, wall_to_utc
from pipeline.devices.reader import Asked, Glimpse, Reader, nan_gaps
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Int64, Kind, Recording, Signal

COUNTS_NAMES = (
    "activity",
    "activity_counts",
    "activity counts",
    "counts",
    "count",
    "axis1",
    "vm",
    "vector magnitude",
    "pim",
)
"""Names of a counts column; the first of these that a header holds is read."""
LIGHT_NAMES = ("light", "lux", "white light", "whitelight", "light_lux")
STAMP_NAMES = ("timestamp", "datetime", "date_time", "date time", "date/time", "time_stamp", "time stamp", "time")
MISSING = ("", "nan", "na", "n/a", "null", "-")
MOST_BAD_SHARE = 0.05
"""Share of rows without a readable stamp or count above which a file is refused."""
MOST_UNSORTED_SHARE = 0.01
"""Share of rows that step back in time above which a file is refused rather than sorted."""
LONGEST_EPOCH_S = 600.0
"""Longer epochs cannot tell sleep from waking; daily totals are no recording."""
MOST_EMPTY = 50
"""A grid with more than so many epochs a row has a wrong date in it."""

_STAMP = (
    r"^(?P<a>\d{1,4})(?P<mark>[-/.])(?P<b>\d{1,2})[-/.](?P<c>\d{1,4})[ T]+(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?\s*(?P<half>[AaPp][Mm])?\s*(?P<offset>Z|[+-]\d{2}:?\d{2})?$"
)
_MAKERS = {
    "actiwatch": CountsScale.ACTIWATCH,
    "actigraph": CountsScale.ACTIGRAPH,
    "gt3x": CountsScale.ACTIGRAPH,
    "axis1": CountsScale.ACTIGRAPH,
}
"""Words in the header, the column's name or the sidecar's unit that say whose counts these are."""


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first lines say: `key: value` comments, separator, column names, and how many lines they take."""

    says: dict[str, str]
    separator: str
    names: tuple[str, ...]
    lines: int

    def column(self, known: tuple[str, ...]) -> int | None:
        """Where the first known name stands."""
        return next((self.names.index(name) for name in known if name in self.names), None)


def _header(text: str) -> _Header | None:
    """The header of a table of epochs; None if this is none."""
    says: dict[str, str] = {}
    for number, line in enumerate(text.splitlines()[:40], start=1):
        if line.startswith("#"):
            key, _, value = line.lstrip("# ").partition(":")
            says[key.strip().lower()] = value.strip()
        if line.startswith("#") or not line.strip():
            continue
        for separator in (";", "\t", ","):
            names = tuple(name.strip(" \"'").lower() for name in line.split(separator))
            header = _Header(says, separator, names, number)
            if header.column(COUNTS_NAMES) is not None and header.column(STAMP_NAMES) is not None:
                return header
        return None
    return None


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line that is no comment names a time and counts; not where days are only numbered."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    header = _header(seen.text)
    return header is not None and not ("day" in header.names and "date" not in header.names)


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, and light where there is any, on the regular grid of their epochs."""
    content = path.read_bytes()
    end = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
    notes = [] if end == len(content) else ["the last line has no line end and may be cut: left out"]
    text = content[:end].decode("utf-8-sig", errors="replace")
    header = _header(text)
    if header is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    zone, source = asked.zone_for(path, header.says.get("zone"))
    table = _cells(text, header)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    utc, good = _instants(path, _stamp_cells(table, header), asked, zone, notes)
    order, place, epoch_ns = _grid(path, utc[good], notes)
    signals = []
    for kind, known in ((Kind.COUNTS, COUNTS_NAMES), (Kind.LIGHT, LIGHT_NAMES)):
        column = header.column(known)
        if column is None:
            continue
        row_values = _numbers(path, table[f"c{column}"], header, notes).filter(pl.Series(good)).to_numpy()[order]
        values = np.full(int(place[-1]) + 1, np.nan)
        values[place] = row_values
        name = header.names[column]
        scale = _scale(asked, header, name) if kind is Kind.COUNTS else CountsScale.UNKNOWN
        start = int(utc[good].min())
        signals.append(Signal(kind, name, NS / epoch_ns, start, nan_gaps(values, np.isnan(values)), scale))
    device = header.says.get("device", "counts (csv)")
    return Recording(device, zone, source, tuple(signals), repairs=tuple(notes))


def _cells(text: str, header: _Header) -> pl.DataFrame:
    """The rows below the header as text, one column `c0` … for each name."""
    names = [f"c{i}" for i in range(len(header.names))]
    body = "\n".join([header.separator.join(names), *text.splitlines()[header.lines :], ""])
    table = pl.read_csv(
        io.BytesIO(body.encode()),
        separator=header.separator,
        schema=dict.fromkeys(names, pl.String),
        truncate_ragged_lines=True,
        quote_char=None,
    )
    table = table.with_columns(pl.all().str.strip_chars(" \"'\r"))
    return table.filter(~pl.all_horizontal(pl.all().fill_null("") == ""))


def _scale(asked: Asked, header: _Header, name: str) -> CountsScale:
    """Whose counts a column holds, if the sidecar, a comment or the column's name says it."""
    words = " ".join((asked.units.get(name, ""), header.says.get("device", ""), name)).lower()
    return next((scale for word, scale in _MAKERS.items() if word in words), CountsScale.UNKNOWN)


def _stamp_cells(table: pl.DataFrame, header: _Header) -> pl.Series:
    """The stamp of each row: one column, or a date and a time of day."""
    column = header.column(STAMP_NAMES)
    cells = table[f"c{column}"]
    date_column = header.column(("date",))
    if header.names[column or 0] == "time" and date_column is not None:
        return table[f"c{date_column}"] + " " + cells
    return cells


def _numbers(path: Path, cells: pl.Series, header: _Header, notes: list[str]) -> pl.Series:
    """A column as numbers, NaN where it says missing; negative numbers are codes for missing."""
    text = cells.fill_null("")
    if header.separator != ",":
        text = text.str.replace(",", ".", literal=True)
    values = text.cast(pl.Float64, strict=False)
    unread = values.is_null() & ~text.str.to_lowercase().is_in(MISSING)
    if (bad := int(unread.sum())) > MOST_BAD_SHARE * len(cells):
        known = f"{bad} of {len(cells)} cells are neither number nor missing, such as '{text.filter(unread)[0]}'"
        raise FileFault(Fault.CORRUPT, "a column does not hold numbers", where=path.name, known=known)
    values = values.fill_null(float("nan"))
    if bad:
        notes.append(f"{bad} cells that are no number are missing epochs")
    if negative := int((values < 0).sum()):
        notes.append(f"{negative} negative values are missing epochs")
    return values.set(values < 0, float("nan"))


def _instants(
    path: Path, cells: pl.Series, asked: Asked, zone: str, notes: list[str]
) -> tuple[Int64, NDArray[np.bool_]]:
    """The instant of each row, and which rows have one."""
    part = cells.fill_null("").str.extract_groups(_STAMP).struct.unnest()
    wall, good = _wall(path, part, asked, notes)
    if np.mean(~good) > MOST_BAD_SHARE:
        row = int(np.argmin(good))
        known = f"{np.count_nonzero(~good)} of {len(good)} rows, first '{cells[row]}' in row {row + 1} below the header"
        hint = "write stamps as 2024-03-30 22:15:00"
        raise FileFault(Fault.CORRUPT, "time stamps cannot be read", where=path.name, known=known, hint=hint)
    if not good.all():
        notes.append(f"{np.count_nonzero(~good)} rows without a readable time stamp left out")
    offset = part["offset"].is_not_null().to_numpy()[good]
    if offset.any() and not offset.all():
        known = f"{np.count_nonzero(offset)} of {len(offset)} stamps carry one"
        raise FileFault(Fault.CORRUPT, "some time stamps carry an offset, others none", where=path.name, known=known)
    if offset.any():
        text = part["offset"].fill_null("Z").str.replace("Z", "+00:00").str.replace(":", "")
        number = text.cast(pl.Int64).to_numpy()  # +0530 as a number
        return wall - np.sign(number) * (np.abs(number) // 100 * 60 + np.abs(number) % 100) * 60 * NS, good
    utc = wall.copy()
    utc[good] = wall_to_utc(wall[good], zone)
    if (utc_to_wall(utc[good], zone) != wall[good]).any():
        notes.append(
            f"the clock shows an hour that {zone} skipped: it was not put forward, and is read as elapsed time"
        )
        first = int(np.argmax(good))
        utc = wall - (wall[first] - utc[first])
    return utc, good


def _wall(path: Path, part: pl.DataFrame, asked: Asked, notes: list[str]) -> tuple[Int64, NDArray[np.bool_]]:
    """The wall clock of stamps split into their parts, and which stamps exist."""
    columns = part.select(pl.col("a", "b", "c", "hour", "minute", "second").cast(pl.Int64).fill_null(0))
    a, b, c, hour, minute, second = columns.to_numpy().T
    if not ((year_first := a > 31) | (b == 0)).all():
        day_first = _day_first(path, part, (a, b, c), asked, notes)
        a, b, c = np.where(year_first, (a, b, c), (c, b, a) if day_first else (c, a, b))
    a = np.where(a < 100, a + 2000, a)
    half = part["half"].str.to_lowercase().fill_null("").to_numpy()
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
        hint=f'name the true start in {path.name}.json beside it: {{"start": "2024-03-30T22:15:00"}}',
    )


def _grid(path: Path, utc: Int64, notes: list[str]) -> tuple[Int64, Int64, int]:
    """Which rows to keep, in order of time; the epoch that each fills; and the length of an epoch in ns."""
    back = int(np.count_nonzero(np.diff(utc) < 0))
    if back > MOST_UNSORTED_SHARE * len(utc):
        known = f"{back} of {len(utc)} rows step back"
        raise FileFault(Fault.CORRUPT, "the rows are not in order of time", where=path.name, known=known)
    if back:
        notes.append(f"{back} rows stepped back in time: sorted")
    order = np.argsort(utc, kind="stable")
    steps = np.diff(utc[order])
    epoch_ns = int(np.median(steps[steps > 0])) if (steps > 0).any() else 0
    if not NS <= epoch_ns <= LONGEST_EPOCH_S * NS:
        known = f"rows are {epoch_ns / NS:g} s apart; 1 to {LONGEST_EPOCH_S:g} s can be read"
        raise FileFault(Fault.IMPLAUSIBLE, "the rows are no epochs", where=path.name, known=known)
    since = utc[order] - utc[order[0]]
    place = (since + epoch_ns // 2) // epoch_ns
    if np.mean(np.abs(since - place * epoch_ns) > epoch_ns / 4) > MOST_BAD_SHARE:
        known = f"most rows are {epoch_ns / NS:g} s apart, but many lie between such steps"
        raise FileFault(Fault.IMPLAUSIBLE, "the rows are not at regular times", where=path.name, known=known)
    if place[-1] > MOST_EMPTY * len(utc):
        known = f"{len(utc)} rows span {since[-1] / NS / 86_400:.0f} days"
        raise FileFault(Fault.IMPLAUSIBLE, "a time stamp is far from the others", where=path.name, known=known)
    place, first = np.unique(place, return_index=True)
    if len(place) < len(order):
        notes.append(f"{len(order) - len(place)} rows repeat an epoch: the first is kept")
    return order[first], place, epoch_ns


READER = Reader(
    name="epoch_csv",
    device="counts (csv)",
    looks_like="a csv of epochs: a header with a time column (timestamp …) and a counts column (activity, counts …)",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
)
