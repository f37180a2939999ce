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

import polars as pl

from pipeline.clock import NS
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.regular import epochs_of, laid_out
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording, Signal

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
"""Share of cells without a count above which a file is refused."""

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
    stamps = instants(_stamp_cells(table, header), asked, zone, path)
    notes += stamps.notes
    utc, good = stamps.utc_ns, stamps.good
    order, place, epoch_ns = epochs_of(path, utc[good], notes)
    signals = []
    for kind, known in ((Kind.COUNTS, COUNTS_NAMES), (Kind.LIGHT, LIGHT_NAMES)):
        column = header.column(known)
        if column is None:
            continue
        row_values = _numbers(path, table[f"c{column}"], header, notes).filter(pl.Series(good)).to_numpy()
        name = header.names[column]
        scale = _scale(asked, header, name) if kind is Kind.COUNTS else CountsScale.UNKNOWN
        start = int(utc[good].min())
        signals.append(Signal(kind, name, NS / epoch_ns, start, laid_out(row_values, order, place), scale))
    device = header.says.get("device", "counts (csv)")
    return Recording(device, zone, source, tuple(signals), clock=stamps.clock, repairs=tuple(notes))


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


READER = Reader(
    name="epoch_csv",
    device="counts (csv)",
    looks_like="a csv of epochs: a header with a time column (timestamp …) and a counts column (activity, counts …)",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="wall clock, or stamps with their offset",
)
