"""Rows of epochs as signals: columns of text to numbers, rows at their instants to a regular grid.

What readers of epoch actigraphy share once they know which column is what: a cell that says missing is missing, a
negative count is a code for missing, an epoch that was not worn is missing in everything that the body was measured by.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, to_datetime
from pipeline.devices.delimited import numbers_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, utc_from_wall
from pipeline.devices.regular import epochs_of, laid_out
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Floats, Int64, Kind, Marker, Signal

EARLIEST_YEAR = 1990
"""No actigraph that stored epochs is older: an earlier year was written to hide the date."""
MOST_BAD_SHARE = 0.05
"""Share of cells that are neither number nor missing above which a file is refused."""


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One column of what was measured: a value a row, NaN where missing."""

    kind: Kind
    label: str
    values: Floats
    scale: CountsScale = CountsScale.UNKNOWN


def column_numbers(path: Path, cells: pl.Series, name: str, notes: list[str], *, decimal_comma: bool = False) -> Floats:
    """A column as numbers, NaN where it says missing and where it is negative.

    Raises
    ------
    FileFault
        CORRUPT if more than 5 % of the cells are neither number nor missing.
    """
    numbers, unread = numbers_of(cells, decimal_comma=decimal_comma)
    if unread > MOST_BAD_SHARE * len(cells):
        known = f"{unread} of {len(cells)} cells of '{name}' are neither number nor missing"
        raise FileFault(Fault.CORRUPT, "a column does not hold numbers", where=path.name, known=known)
    if unread:
        notes.append(f"{unread} cells of '{name}' that are no number are missing epochs")
    values = numbers.fill_null(float("nan")).to_numpy().copy()
    if negative := int(np.count_nonzero(values < 0)):
        notes.append(f"{negative} negative values of '{name}' are missing epochs")
        values[values < 0] = np.nan
    return values


def light_or_none(label: str, values: Floats, notes: list[str]) -> tuple[Measured, ...]:
    """A column of light, if it ever saw any: devices without a light sensor write zeros."""
    if not np.nanmax(values, initial=0.0) > 0:
        notes.append(f"'{label}' is 0 throughout, as devices without a light sensor write it: left out")
        return ()
    return (Measured(Kind.LIGHT, label, values),)


def unworn(columns: tuple[Measured, ...], off: NDArray[np.bool_], notes: list[str]) -> tuple[Measured, ...]:
    """The columns with what was recorded while the device was `off` (one a row) missing."""
    if not off.any():
        return columns
    notes.append(f"{np.count_nonzero(off)} epochs during which it was not worn, or that were excluded, are missing")
    return tuple(Measured(c.kind, c.label, np.where(off, np.nan, c.values), c.scale) for c in columns)


def signals_of(path: Path, utc: Int64, columns: tuple[Measured, ...], notes: list[str]) -> tuple[Signal, ...]:
    """A signal for each column, on the grid of the instants at which the rows' epochs begin."""
    if len(utc) < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds fewer than two epochs", where=path.name)
    order, place, epoch_ns = epochs_of(path, utc, notes)
    start = int(utc.min())
    return tuple(
        Signal(c.kind, c.label, NS / epoch_ns, start, laid_out(c.values, order, place), c.scale) for c in columns
    )


def true_start(path: Path, begin_ns: int, asked: Asked, zone: str, notes: list[str]) -> int:
    """The instant of the first epoch: the file's own, or the sidecar's where the file's date was changed to hide it.

    Raises
    ------
    FileFault
        IMPLAUSIBLE for a year in which there was no actigraph, unless a sidecar gives the true start.
    """
    begin = to_datetime(begin_ns, zone)
    if begin.year >= EARLIEST_YEAR:
        return begin_ns
    if asked.start is None:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"the recording would be of {begin.year}",
            where=path.name,
            known="no such watch existed; the date was probably changed to hide it",
            hint=f'put {{"start": "2018-01-23T{begin:%H:%M}:00"}}, with the true date, into {path.name}.json beside it',
        )
    notes.append(f"the start {begin:%Y-%m-%d %H:%M} in the file cannot be: the sidecar's is used")
    return utc_from_wall(asked.start, zone)


def said_epoch(path: Path, signals: tuple[Signal, ...], epoch_s: float) -> None:
    """Raise unless the stamps keep the epoch length that the header says."""
    if abs(1.0 / signals[0].fs_hz - epoch_s) > 0.01 * epoch_s:
        raise FileFault(
            Fault.CORRUPT,
            "the header and the time stamps do not agree on the epoch length",
            where=path.name,
            known=f"header {epoch_s:g} s, stamps {1.0 / signals[0].fs_hz:g} s apart",
        )


def presses(utc: Int64, pressed: NDArray[np.bool_]) -> tuple[Marker, ...]:
    """A marker at the beginning of each epoch in which the button was pressed."""
    return tuple(Marker(at, 0.0, "button") for at in np.unique(utc[pressed]).tolist())
