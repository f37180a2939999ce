"""A hypnogram as a table with a header: a stage column, and an epoch number or a time beside it.

    Epoch,Stage     Time,Stage     datetime;sleep_stage      Epoch Number ,Start Time ,Sleep Stage  (Philips Alice)
    1,W             -3180,5        2024-03-01 22:00:00;W     1,9:18:51 PM,WK

Times are seconds after the sidecar's start, times of day, or full stamps; a row holds until the next one if the list
names changes only, and for the usual step if its epochs are numbered. Numbers that are left out are unscored; the
start of numbers alone is that of the first row. A table
is claimed only if all of its columns are known ones: others with a stage in them are some other export. Of several
scorers' columns the sidecar names one (`{"channels": ["scorer_2"]}`): nobody's vote is taken.
"""

from __future__ import annotations

import re
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
from pipeline.devices.hypnogram_codes import is_number, stage_of, told_stages
from pipeline.devices.hypnogram_epochs import LONGEST_S, MOST_BYTES, Scored, epoch_told, hypnogram_of, source_of
from pipeline.devices.hypnogram_rows import Rows, readable, scored_night, seconds_of_day, walls_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.devices.sheets import XLS_MARK
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Kind, Recording, Stage, StageSource

_STAGE = re.compile(
    r"(sleep[ _-]?)?stages?|hypno(gram)?|stage[ _-]label|"
    r"(scorer|rater|expert|scoring|stage|hypno)[ _-]?[a-z0-9]{1,12}"
)
_INDEX = re.compile(r"epochs?|epoch[ _-]?(nr|no|num|number|id|index|idx)\.?|index|")
_TIME = re.compile(
    r"(time|onset|start|start[ _-]time)([ _]*[\[(]?(s|sec|seconds)[\])]?)?|"
    r"seconds?|secs?|time[ _-]?stamp|date[ _-]?time|clock"
)
_CONFIDENCE = re.compile(r"confidence|proba(bility)?|certainty")
"""A number that only software writes beside a stage."""
_CONSUMER_WORDS = frozenset({"light", "deep", "sleep"})


def _recognise(seen: Glimpse) -> bool:
    """Whether all columns are known, some hold stages, one tells when, and the first rows are stages."""
    rows = seen.sheet
    if seen.names or seen.head.startswith(XLS_MARK) or len(rows) < 2:
        return False
    columns = _columns([name.casefold() for name in rows[0]])
    if columns is None:
        return False
    cells = {row[k].casefold() for row in rows[1:] for k in columns["stage"] if len(row) > k and row[k]}
    # A table of 'light' and 'deep' is a consumer device's.
    return bool(cells) and not cells & _CONSUMER_WORDS and all(is_number(c) or stage_of(c) is not None for c in cells)


def _columns(names: list[str]) -> dict[str, list[int]] | None:
    """Where the columns of each meaning stand; None unless every one is known and both stage and place are told."""
    meanings = {"index": _INDEX, "time": _TIME, "stage": _STAGE, "confidence": _CONFIDENCE}
    found: dict[str, list[int]] = {meaning: [] for meaning in meanings}
    for k, name in enumerate(names):
        meaning = next((m for m, pattern in meanings.items() if pattern.fullmatch(name)), None)
        if meaning is None:
            return None
        found[meaning].append(k)
    return found if found["stage"] and (found["index"] or found["time"]) else None


def _read(path: Path, asked: Asked) -> Recording:
    """The stages of one scorer."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    lines = [line for line in lines_of(text_of(content)) if line.strip()]
    separator = separator_of(lines[0]) if lines else ","
    header = cells_of(lines[0], separator) if lines else []
    columns = _columns([name.casefold() for name in header])
    if columns is None or len(lines) < 2:
        raise FileFault(Fault.TRUNCATED, "the file ends before its first stage", where=path.name)
    table = table_of(lines[1:], header, separator, path)
    cells = table[f"c{_scorer(header, columns['stage'], path, asked)}"].fill_null("").to_list()
    stages, dialect = told_stages(cells, path, asked.dialect)
    told = StageSource.AUTOMATIC if columns["confidence"] else StageSource.EXPERT
    source = source_of(stages.tolist(), told)
    given = [Stage(code) for code in stages.tolist()]
    if not columns["time"]:
        epoch_s = epoch_told(None, asked.epoch_s, dialect.epoch_s if dialect else None, path, notes)
        index, _ = numbers_of(table[f"c{columns['index'][0]}"])
        number = index.fill_null(float("nan")).to_numpy()
        first = np.min(number[np.isfinite(number)], initial=np.inf)
        return _elapsed((number - first) * epoch_s, epoch_s, given, path, asked, notes, source)
    times = table[f"c{columns['time'][0]}"]
    seconds, unread = numbers_of(times, decimal_comma=separator != ",")
    if unread <= len(times) // 2:
        onset_s = seconds.fill_null(float("nan")).to_numpy()
        steps = np.diff(onset_s[np.isfinite(onset_s)])
        step_s = float(np.median(steps)) if columns["index"] and len(steps) else None
        return _elapsed(onset_s, step_s, given, path, asked, notes, source)
    return _clocked(times, bool(columns["index"]), given, path, asked, notes, source)


def _scorer(header: list[str], places: list[int], path: Path, asked: Asked) -> int:
    """The stage column to read: the only one, else the one that the sidecar names."""
    if len(places) == 1:
        return places[0]
    wanted = asked.eeg_channels[0].casefold() if asked.eeg_channels else ""
    named = [k for k in places if header[k].casefold() == wanted]
    if named:
        return named[0]
    raise FileFault(
        Fault.SETTINGS,
        f"{len(places)} columns hold stages",
        where=path.name,
        known=", ".join(header[k] for k in places[:12]),
        hint=f'name the one to read: {{"channels": ["{header[places[0]]}"]}} in {path.name}.json beside it',
    )


def _elapsed(
    onset_s: Floats,
    epoch_s: float | None,
    stages: list[Stage],
    path: Path,
    asked: Asked,
    notes: list[str],
    told: StageSource,
) -> Recording:
    """Rows at seconds after the sidecar's start."""
    onset_s = np.where(np.abs(onset_s) > LONGEST_S, np.nan, onset_s)
    has = readable(onset_s, path, notes)
    steps = np.diff(onset_s[has])
    if len(steps) and 0 < np.median(steps) < 1:
        known = f"rows are {np.median(steps):g} apart: hours, minutes or days"
        hint = "write the times in seconds, or as clock times"
        raise FileFault(Fault.UNKNOWN_UNIT, "its times are not seconds", where=path.name, known=known, hint=hint)
    zone, source = asked.zone_for(path)
    zero_ns = utc_from_wall(need_start(path, asked), zone)
    rows = zip(onset_s.tolist(), stages, has.tolist(), strict=True)
    scored = [Scored(at, epoch_s, stage.symbol or "unscored", stage) for at, stage, good in rows if good]
    hypnogram, more = hypnogram_of(scored, zero_ns, "table", path, told)
    return Recording(
        "hypnogram (table)",
        zone,
        source,
        hypnogram=hypnogram,
        clock=ClockKind.ELAPSED,
        repairs=(*notes, *more),
    )


def _clocked(
    times: pl.Series,
    numbered: bool,
    stages: list[Stage],
    path: Path,
    asked: Asked,
    notes: list[str],
    told: StageSource,
) -> Recording:
    """Rows at full stamps or at times of day."""
    if re.match(r"\d{1,2}[:.]\d{2}", times[0] or ""):
        clock_s = seconds_of_day(times)
        has = readable(clock_s, path, notes)
        walls, offset_ns = walls_of(need_start(path, asked), clock_s[has]), None
    else:
        stamps = wall_clocks(times, asked, path)
        notes.extend(stamps.notes)
        walls, has = stamps.wall_ns[stamps.good], stamps.good
        offset_ns = None if stamps.offset_ns is None else stamps.offset_ns[has]
    kept = [stage for stage, good in zip(stages, has.tolist(), strict=True) if good]
    texts = [stage.symbol or "unscored" for stage in kept]
    step_s = float(np.median(np.diff(walls))) / NS if numbered and len(walls) > 1 else float("nan")
    rows = Rows(walls, np.full(len(kept), step_s), texts, list(kept), offset_ns)
    return scored_night(rows, path, asked, "hypnogram (table)", notes, told)


READER = Reader(
    name="hypnogram_table",
    device="hypnogram (table)",
    looks_like="a hypnogram as a table: a stage column, and epoch or time beside it (Epoch,Stage; Philips Alice)",
    gives=frozenset({Kind.STAGES}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="stamps or times of day that follow the zone, or seconds or epochs after a start that the sidecar gives",
)
