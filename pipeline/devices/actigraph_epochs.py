"""The epochs of an ActiLife csv: counts of each axis, steps and light, on their regular grid."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.actigraph_header import Header
from pipeline.devices.delimited import content_of, lines_of, numbers_of, table_of, text_of, whole_lines
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, DateOrder
from pipeline.devices.regular import epochs_of, laid_out
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Floats, Int64, Kind, Signal

MOST_BAD_SHARE = 0.05
"""Share of cells without a number above which a file is refused."""
KINDS = {
    "axis1": Kind.COUNTS,
    "axis2": Kind.COUNTS,
    "axis3": Kind.COUNTS,
    "steps": Kind.STEPS,
    "lux": Kind.LIGHT,
}
"""What is read, by column; vector magnitude and posture are made of it by ActiLife."""
_OLD_NAMES = {"activity": "axis1", "activity(horizontal)": "axis2", "3rdaxis": "axis3", "light": "lux"}
_BY_MODE = (
    (4, ("axis2",)),
    (8, ("axis3",)),
    (1, ("steps",)),
    (16, ("lux",)),
    (32, ("off", "standing", "sitting", "lying")),
)
"""Columns behind axis1 by the bits of the mode, in their order; bit 2, heart rate, is in no file that is known."""


def epochs(path: Path, header: Header, zone: str, start_ns: int, asked: Asked, notes: list[str]) -> tuple[Signal, ...]:
    """The signals of an epoch table; rows that are absent are missing epochs.

    Raises
    ------
    FileFault
        UNKNOWN_CODE if nothing names the columns; CORRUPT if many cells are no numbers; NOTHING_USABLE without rows.
    """
    names = _names(path, header)
    content, cut = whole_lines(content_of(path))
    notes += cut
    table = table_of(lines_of(text_of(content))[header.lines :], list(header.rows[0]), header.separator, path)
    if table.height == 0:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds a header and no epochs", where=path.name)
    if header.stamps:
        rows, place, start_ns, epoch_ns = _stamped(path, table, header, zone, asked, notes)
    else:
        rows, epoch_ns = np.arange(table.height), round(header.epoch_s * NS)
        place = rows
    out: list[Signal] = []
    for column, name in enumerate(names, start=header.stamps):
        if (kind := KINDS.get(name)) is None:
            continue
        samples = laid_out(_numbers(path, table[f"c{column}"], header, name, notes), rows, place)
        if kind is Kind.LIGHT and not np.nan_to_num(samples).any():
            notes.append("the light column holds only zeros, as without a light sensor: left out")
            continue
        scale = CountsScale.ACTIGRAPH if kind is Kind.COUNTS else CountsScale.UNKNOWN
        out.append(Signal(kind, name, NS / epoch_ns, start_ns, samples, scale))
    return tuple(out)


def _names(path: Path, header: Header) -> tuple[str, ...]:
    """The columns behind the time stamp, by the names above them or by the mode."""
    if header.names:
        bare = (name.replace(" ", "") for name in header.names[header.stamps :])
        names = tuple(_OLD_NAMES.get(name, name) for name in bare)
        if len(header.names) == len(header.rows[0]) and "axis1" in names:
            return names
        known = f"{len(header.names)} names, {len(header.rows[0])} cells below them; one must be axis1"
    else:
        mode = header.mode if header.mode is not None else 2
        names = ("axis1", *(name for bit, found in _BY_MODE if mode & bit for name in found))
        if not mode & 2 and len(names) == len(header.rows[0]) - header.stamps:
            return names
        known = f"mode {header.mode}, and {len(header.rows[0]) - header.stamps} columns of data"
    raise FileFault(
        Fault.UNKNOWN_CODE,
        "its columns cannot be told",
        where=path.name,
        known=known,
        hint="export it with column names, and with a separator that is not the decimal mark",
    )


def _stamped(
    path: Path, table: pl.DataFrame, header: Header, zone: str, asked: Asked, notes: list[str]
) -> tuple[Int64, Int64, int, int]:
    """Rows in order of time, the epoch that each fills, the start, and the length of an epoch in ns."""
    cells = table["c0"] if header.stamps == 1 else table["c0"] + " " + table["c1"]
    if cells.str.ends_with("Z").any():
        cells = cells.str.strip_suffix("Z")
        notes.append("its stamps end in Z but are the device's wall clock, not UTC")
    order = DateOrder.DAY_FIRST if header.day_first else DateOrder.MONTH_FIRST
    stamps = instants(cells, dataclasses.replace(asked, date_order=order), zone, path, follows_zone=False)
    notes += stamps.notes
    kept = np.flatnonzero(stamps.good)
    rows, place, epoch_ns = epochs_of(path, stamps.utc_ns[kept], notes)
    start_ns = int(stamps.utc_ns[kept].min())
    if epoch_ns != round(header.epoch_s * NS):
        notes.append(f"rows are {epoch_ns / NS:g} s apart, not {header.epoch_s:g} s as the header says")
    return kept[rows], place, start_ns, epoch_ns


def _numbers(path: Path, cells: pl.Series, header: Header, name: str, notes: list[str]) -> Floats:
    """A column as numbers, NaN where a cell holds none."""
    values, bad = numbers_of(cells, decimal_comma=header.decimal_comma)
    if bad > MOST_BAD_SHARE * len(cells):
        known = f"{bad} of {len(cells)} cells of column {name}"
        raise FileFault(Fault.CORRUPT, "cells hold no numbers", where=path.name, known=known)
    if bad:
        notes.append(f"{bad} cells of column {name} hold no number: missing")
    return values.fill_null(float("nan")).to_numpy()
