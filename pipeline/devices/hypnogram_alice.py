"""Philips Alice / Sleepware hypnogram tables (.csv): epoch number, time of day and stage of one epoch a row.

    Epoch Number ,Start Time ,Sleep Stage
    1,9:18:51 PM,WK

There is no date: the sidecar's start gives it. The epoch length is the usual step between rows; epoch numbers that are
left out are not scored.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from pipeline.devices.delimited import content_of, lines_of, separator_of, table_of, text_of, whole_lines
from pipeline.devices.hypnogram_epochs import MOST_BYTES
from pipeline.devices.hypnogram_rows import Rows, known_stages, readable, scored_night, seconds_of_day, walls_of
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Kind, Recording, Stage

NAMES = ["epoch number", "start time", "sleep stage"]


def _recognise(seen: Glimpse) -> bool:
    """Whether the first row names the three columns."""
    return bool(seen.sheet) and not seen.names and _names(seen.sheet[0]) == NAMES


def _names(row: tuple[str, ...] | list[str]) -> list[str]:
    return [cell.strip().casefold() for cell in row if cell.strip()]


def _read(path: Path, asked: Asked) -> Recording:
    """One stage an epoch."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    lines = [line for line in lines_of(text_of(content)) if line.strip()]
    if len(lines) < 2:
        raise FileFault(Fault.TRUNCATED, "the file ends after its header", where=path.name)
    table = table_of(lines[1:], NAMES, separator_of(lines[0]), path)
    clock_s = seconds_of_day(table["c1"])
    has = readable(clock_s, path, notes)
    walls = walls_of(need_start(path, asked), clock_s[has])
    texts = table["c2"].fill_null("").filter(pl.Series(has)).to_list()
    epoch_s = _epoch_s(clock_s[has], asked)
    rows = Rows(walls, np.full(len(walls), epoch_s), texts, known_stages(texts, path, {"": Stage.UNSCORED}))
    return scored_night(rows, path, asked, "Alice", notes)


def _epoch_s(clock_s: Floats, asked: Asked) -> float:
    """The usual step between rows; of a single row the sidecar's epoch, else 30 s."""
    steps = np.mod(np.diff(clock_s), 86_400)
    steps = steps[steps > 0]
    return float(np.median(steps)) if len(steps) else asked.epoch_s or 30.0


READER = Reader(
    name="hypnogram_alice",
    device="Alice",
    looks_like="a hypnogram of Philips Alice as csv: 'Epoch Number, Start Time, Sleep Stage', then '1,9:18:51 PM,WK'",
    gives=frozenset({Kind.STAGES}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="times of day from the recorder's clock; the sidecar's start gives the date",
)
