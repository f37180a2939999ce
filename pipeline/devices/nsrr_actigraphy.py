"""NSRR epoch-by-epoch actigraphy (MESA, HCHS/SOL): Actiwatch Spectrum epochs with every date taken out.

    mesaid,line,linetime,offwrist,activity,marker,whitelight,…,wake,interval,dayofweek,daybymidnight,daybynoon

Rows are 30 s apart and carry a clock without a date, so the sidecar gives the day on which the first one lies. Rows of
days that the scorer threw out are absent: a gap, found from the line number. Off-wrist and excluded epochs are
missing. The scorer's rest intervals are kept; the column of sleep and wake is the software's own and is left out.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.delimited import cells_of, content_of, lines_of, separator_of, table_of, text_of, whole_lines
from pipeline.devices.epoch_rows import Measured, column_numbers, light_or_none, presses, signals_of, unworn
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall, whole_ns
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, CountsScale, Int64, Kind, Marker, Recording, RestInterval

_OWN = frozenset({"line", "offwrist", "activity", "whitelight", "interval"})
_CLOCKS = ("linetime", "time")
_CLOCK = r"^(\d{1,2}):(\d{2}):(\d{2})$"
_EPOCH_S = 30
_DAY_S = 86_400


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line holds the columns that NSRR gives its actigraphy, and no date."""
    if seen.is_folder or seen.names:
        return False
    first = seen.text.split("\n", 1)[0]
    names = set(_names(first))
    return names >= _OWN and "date" not in names and bool(names & set(_CLOCKS))


def _names(line: str) -> list[str]:
    return [name.lower() for name in cells_of(line.strip("\r"), separator_of(line))]


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, white light and button presses of one watch."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    names = _names(lines[0])
    if not set(names) >= _OWN:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    # The place of a row is its line number, so blank lines and absent days do no harm.
    table = table_of(lines[1:], names, separator_of(lines[0]), path)
    if table.height < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    zone, source = asked.zone_for(path)
    utc = _instants(path, table, names, need_start(path, asked), zone, notes)
    columns = [_counts(path, table, names, notes)]
    light = column_numbers(path, _cells(table, names, "whitelight"), "whitelight", notes)
    columns += light_or_none("whitelight", light, notes)
    off = (_cells(table, names, "offwrist") == "1").to_numpy()
    interval = _cells(table, names, "interval").str.to_uppercase()
    off |= (interval == "EXCLUDED").to_numpy()
    signals = signals_of(path, utc, unworn(tuple(columns), off, notes), notes)
    return Recording(
        "Actiwatch Spectrum",
        zone,
        source,
        signals,
        rests=_rests(interval, utc),
        markers=_markers(table, names, utc),
        clock=ClockKind.ELAPSED,
        repairs=tuple(notes),
    )


def _instants(path: Path, table: pl.DataFrame, names: list[str], start: datetime, zone: str, notes: list[str]) -> Int64:
    """The instant at which each row's epoch begins, by its line number, from the first row's clock on the given day."""
    clock_s = _seconds(path, table, names)
    said_s = start.hour * 3600 + start.minute * 60 + start.second
    if said_s != clock_s[0]:
        notes.append("the sidecar's start gives the day; the clock is that of the first row")
    midnight = utc_from_wall(start.replace(hour=0, minute=0, second=0, microsecond=0), zone)
    first = midnight + int(clock_s[0]) * NS
    number = column_numbers(path, _cells(table, names, "line"), "line", notes)
    if np.isnan(number).any():
        raise FileFault(Fault.CORRUPT, "some rows have no line number", where=path.name)
    elapsed_s: Int64 = whole_ns(np.rint(number - number[0]) * _EPOCH_S, path) // NS
    if ((clock_s[0] + elapsed_s - clock_s) % _DAY_S != 0).mean() > 0.05:
        known = f"rows are not {_EPOCH_S} s apart by their line numbers"
        raise FileFault(Fault.CORRUPT, "line numbers and clocks do not agree", where=path.name, known=known)
    return first + elapsed_s * NS


def _counts(path: Path, table: pl.DataFrame, names: list[str], notes: list[str]) -> Measured:
    values = column_numbers(path, _cells(table, names, "activity"), "activity", notes)
    return Measured(Kind.COUNTS, "activity", values, CountsScale.ACTIWATCH)


def _rests(interval: pl.Series, utc: Int64) -> tuple[RestInterval, ...]:
    """Each run of rows in bed (REST, and REST-S from sleep onset to offset), with the first row of sleep as onset."""
    in_bed = interval.str.starts_with("REST").to_numpy()
    asleep = (interval == "REST-S").to_numpy()
    parted = np.diff(utc, prepend=utc[:1]) > _EPOCH_S * NS  # a gap ends a rest
    first = np.flatnonzero(in_bed & ~(np.roll(in_bed, 1) & ~parted & (np.arange(len(utc)) > 0)))
    last = np.flatnonzero(in_bed & ~(np.roll(in_bed, -1) & ~np.roll(parted, -1) & (np.arange(len(utc)) < len(utc) - 1)))
    out = []
    for begin, end in zip(first.tolist(), last.tolist(), strict=True):
        onset = np.flatnonzero(asleep[begin : end + 1])
        at = int(utc[begin + onset[0]]) if onset.size else None
        out.append(RestInterval(int(utc[begin]), int(utc[end]) + _EPOCH_S * NS, at, "scorer's rest interval (NSRR)"))
    return tuple(out)


def _markers(table: pl.DataFrame, names: list[str], utc: Int64) -> tuple[Marker, ...]:
    if "marker" not in names:
        return ()
    return presses(utc, _cells(table, names, "marker").is_in(["1", "1.0", "1.00"]).to_numpy())


def _seconds(path: Path, table: pl.DataFrame, names: list[str]) -> Int64:
    """The clock of each row in seconds since midnight."""
    name = next(name for name in _CLOCKS if name in names)
    part = _cells(table, names, name).str.extract_groups(_CLOCK).struct.unnest()
    seconds = part.select(pl.all().cast(pl.Int64)).fill_null(-1).to_numpy()
    if (seconds < 0).any():
        raise FileFault(Fault.CORRUPT, "some rows have no clock", where=path.name, known="clocks are HH:MM:SS")
    return np.asarray(seconds @ np.array([3600, 60, 1]), np.int64)


def _cells(table: pl.DataFrame, names: list[str], name: str) -> pl.Series:
    return table[f"c{names.index(name)}"].fill_null("")


READER = Reader(
    name="nsrr_actigraphy",
    device="Actiwatch Spectrum (NSRR)",
    looks_like="NSRR actigraphy as csv (MESA, HCHS/SOL): mesaid,line,linetime,offwrist,activity,marker,whitelight …",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT, Kind.MARKERS, Kind.DIARY}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="clock without a date: the sidecar's start gives the day",
)
