"""Stages in a BIDS events table (.tsv): onset, duration and what it is, a row for each epoch or each run of epochs.

    onset  duration  trial_type
    0.0    600.0     sleep_wake

Onsets are seconds after the start of the recording, which lies in another file: the sidecar gives it. BIDS has no
standard for stages; the first column of `LABELS` is read, in the words that scorers use. In a column for stages an
unknown word is a fault, in one for any event it is a marker.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.delimited import (
    cells_of,
    content_of,
    lines_of,
    numbers_of,
    separator_of,
    table_of,
    text_of,
    whole_lines,
)
from pipeline.devices.hypnogram_codes import is_number, is_stage_phrase, stage_of, told_stages
from pipeline.devices.hypnogram_epochs import LONGEST_S, MOST_BYTES, Scored, hypnogram_of, source_of
from pipeline.devices.hypnogram_rows import readable
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.devices.sheets import XLS_MARK
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Marker, Recording, Stage

LABELS = ("stage", "sleep_stage", "staging", "hypnogram", "trial_type", "description", "label", "value")
"""Names of the column that says what a row is; the first of these that a header holds is read."""
STAGE_COLUMNS = LABELS[:4]
"""Columns for stages alone."""


def _recognise(seen: Glimpse) -> bool:
    """Whether a header of onset and duration stands above rows of which some say a stage."""
    rows = seen.sheet
    if seen.names or seen.head.startswith(XLS_MARK) or len(rows) < 2 or (column := _column(rows[0])) is None:
        return False
    cells = [row[column] for row in rows[1:] if len(row) > column]
    is_staging = rows[0][column].casefold() in STAGE_COLUMNS
    return any(stage_of(cell) is not None or (is_staging and is_number(cell)) for cell in cells)


def _column(header: tuple[str, ...] | list[str]) -> int | None:
    """Where the label stands in a header that begins with onset and duration."""
    names = [name.strip().casefold() for name in header]
    if names[:2] != ["onset", "duration"]:
        return None
    return next((names.index(name) for name in LABELS if name in names), None)


def _read(path: Path, asked: Asked) -> Recording:
    """The stages as hypnogram, every other event as a marker."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    lines = [line for line in lines_of(text_of(content)) if line.strip()]
    header = cells_of(lines[0], separator_of(lines[0])) if lines else []
    column = _column(header)
    if column is None or len(lines) < 2:
        raise FileFault(Fault.TRUNCATED, "the file ends before its first event", where=path.name)
    table = table_of(lines[1:], header, separator_of(lines[0]), path)
    onset, lasts = (numbers_of(table[f"c{k}"])[0].fill_null(float("nan")).to_numpy() for k in (0, 1))
    onset = np.where(np.abs(onset) > LONGEST_S, np.nan, onset)
    has = readable(onset, path, notes)
    cells = table[f"c{column}"].fill_null("").filter(pl.Series(has)).to_list()
    stages = _stages(cells, header[column].casefold() in STAGE_COLUMNS, path, asked)
    zone, source = asked.zone_for(path)
    zero_ns = utc_from_wall(need_start(path, asked), zone)
    scored: list[Scored] = []
    markers: list[Marker] = []
    for at, duration, text, stage in zip(onset[has].tolist(), lasts[has].tolist(), cells, stages, strict=True):
        lasts_s = min(duration, LONGEST_S) if duration > 0 else None  # NaN where the table says n/a
        if stage is not None:
            scored.append(Scored(at, lasts_s, text, stage))
        else:
            markers.append(Marker(zero_ns + round(at * NS), lasts_s or 0.0, text))
    if not scored:
        raise FileFault(Fault.NOTHING_USABLE, "none of its events is a stage", where=path.name)
    hypnogram, more = hypnogram_of(scored, zero_ns, "events table", path, source_of(s.stage for s in scored))
    return Recording(
        "hypnogram (BIDS)",
        zone,
        source,
        hypnogram=hypnogram,
        markers=tuple(markers),
        clock=ClockKind.ELAPSED,
        repairs=(*notes, *more),
    )


def _stages(cells: list[str], is_staging: bool, path: Path, asked: Asked) -> list[Stage | None]:
    """The stage of each cell; in a column of any events, only what is a stage and cannot be an event."""
    if is_staging:
        return [Stage(code) for code in told_stages(["" if c == "n/a" else c for c in cells], path, asked.dialect)[0]]
    found = {cell: stage_of(cell) for cell in set(cells)}
    for cell, stage in found.items():
        # 'artifact' and 'movement' happen within an epoch unless the words say that they are its stage.
        if stage in {Stage.UNSCORED, Stage.MOVEMENT} and not is_stage_phrase(cell) and cell.casefold()[:3] != "uns":
            found[cell] = None
    return [found[cell] for cell in cells]


READER = Reader(
    name="bids_hypnogram",
    device="hypnogram (BIDS)",
    looks_like="sleep stages in a BIDS events table: columns onset, duration and stage or trial_type (W, sleep_N2, …)",
    gives=frozenset({Kind.STAGES, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="seconds after the start of the recording, which the sidecar gives",
)
