"""Epochs of counts as a table: a header, then a time stamp and the counts of one epoch a row (`timestamp,activity`).

Separator, decimal comma and the order of day and month are told from the file; so is the epoch length, from the
stamps. Stamps without an offset are a wall clock that follows its zone through clock changes, unless they show an hour
that the zone skipped. Rows that are missing are missing epochs, never zero, and so are those that an off-wrist column
marks. Long runs of zeros are left as they are.

Example: the Depresjon recordings (Garcia-Ceja et al. 2018, doi:10.1145/3204949.3208125).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.devices.delimited import content_of, lines_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import Measured, column_numbers, signals_of, unworn
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

COUNTS_NAMES = (
    "activity",
    "activity_counts",
    "activity counts",
    "activitycounts",
    "counts",
    "count",
    "axis1",
    "axis 1",
    "vm",
    "vector magnitude",
    "pim",
)
"""Names of a counts column; the first of these that a header holds is read."""
LIGHT_NAMES = ("light", "lux", "white light", "whitelight", "light_lux")
STEPS_NAMES = ("steps", "step", "step_count", "step count")
STAMP_NAMES = ("timestamp", "datetime", "date_time", "date time", "date/time", "time_stamp", "time stamp", "time")
OFF_NAMES = ("offwrist", "off-wrist", "off_wrist", "off-wrist status", "nonwear", "non-wear", "non_wear")
"""Names of a column that is 1 where the device was not worn."""
_ELSEWHERE = frozenset({"pimn", "tatn", "zcmn", "linetime", "validday"})
"""Columns that only formats with readers of their own have."""
_MAKERS = {
    "actiwatch": CountsScale.ACTIWATCH,
    "actigraph": CountsScale.ACTIGRAPH,
    "gt3x": CountsScale.ACTIGRAPH,
    "axis1": CountsScale.ACTIGRAPH,
    "axis 1": CountsScale.ACTIGRAPH,
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


def _header(lines: list[str]) -> _Header | None:
    """The header of a table of epochs; None if this is none."""
    says: dict[str, str] = {}
    for number, line in enumerate(lines[:40], start=1):
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
    header = _header(lines_of(seen.text))
    if header is None or set(header.names) & _ELSEWHERE:
        return False
    return not ("day" in header.names and "date" not in header.names)


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, and light and steps where there are any, on the regular grid of their epochs."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    header = _header(lines)
    if header is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    zone, source = asked.zone_for(path, header.says.get("zone"))
    table = table_of(lines[header.lines :], list(header.names), header.separator, path)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    stamps = instants(_stamp_cells(table, header), asked, zone, path)
    notes += stamps.notes
    columns = _measured(path, table.filter(pl.Series(stamps.good)), header, asked, notes)
    signals = signals_of(path, stamps.utc_ns[stamps.good], columns, notes)
    device = header.says.get("device", "counts (csv)")
    return Recording(device, zone, source, signals, clock=stamps.clock, repairs=tuple(notes))


def _measured(path: Path, table: pl.DataFrame, header: _Header, asked: Asked, notes: list[str]) -> tuple[Measured, ...]:
    """The columns of counts, light and steps, with what was not worn missing."""
    found: list[Measured] = []
    comma = header.separator != ","
    for kind, known in ((Kind.COUNTS, COUNTS_NAMES), (Kind.LIGHT, LIGHT_NAMES), (Kind.STEPS, STEPS_NAMES)):
        column = header.column(known)
        if column is None:
            continue
        name = header.names[column]
        values = column_numbers(path, table[f"c{column}"], name, notes, decimal_comma=comma)
        scale = _scale(asked, header, name) if kind is Kind.COUNTS else CountsScale.UNKNOWN
        found.append(Measured(kind, name, values, scale))
    off = header.column(OFF_NAMES)
    if off is None:
        return tuple(found)
    return unworn(tuple(found), table[f"c{off}"].fill_null("").is_in(["1", "True", "true", "TRUE"]).to_numpy(), notes)


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


READER = Reader(
    name="epoch_csv",
    device="counts (csv)",
    looks_like="a csv of epochs: a header with a time column (timestamp …) and a counts column (activity, counts …)",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT, Kind.STEPS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="wall clock, or stamps with their offset",
)
