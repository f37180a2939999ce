"""Polar Flow, the RR export of a training session: `duration,offline`, one interval a row, no clock.

`duration` is the interval in ms; `offline` is 1 where the strap had no contact: time that passed, but no beat. The
session's start stands on Flow's page only, hence in the sidecar.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.devices.delimited import cells_of, content_of, lines_of, numbers_of, table_of, text_of, whole_lines
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall, whole_ns
from pipeline.devices.rr_rows import LONGEST_BEAT_S, left_out, unit_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Kind, Recording

COLUMNS = ["duration", "offline"]


def _recognise(seen: Glimpse) -> bool:
    """Whether the first row holds the two column names and nothing else."""
    return bool(seen.sheet) and [cell.lower() for cell in seen.sheet[0]] == COLUMNS


def _read(path: Path, asked: Asked) -> Recording:
    """The beats of one session on the running sum of all intervals."""
    content, notes = whole_lines(content_of(path))
    lines = [line for line in lines_of(text_of(content)) if line.strip()]
    if len(lines) < 2:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no intervals", where=path.name)
    separator = ";" if cells_of(lines[0], ";")[1:] else ","
    table = table_of(lines[1:], COLUMNS, separator, path)
    raw = numbers_of(table["c0"], decimal_comma=separator == ";")[0].fill_null(float("nan")).to_numpy()
    offline = table["c1"].fill_null("").str.to_lowercase().is_in(["1", "true", "yes"]).to_numpy()
    good = np.isfinite(raw) & (np.nan_to_num(raw) > 0)
    scale, evidence = unit_of(path, raw[good & ~offline], "")
    rr_s = np.where(good, raw, 0.0) * scale
    notes += left_out(path, good, np.where(offline, 0.0, rr_s))
    if offline.any():
        notes.append(f"{np.count_nonzero(offline)} intervals without skin contact ({rr_s[offline].sum():.1f} s): gaps")
    zone, source = asked.zone_for(path)
    end_ns = utc_from_wall(need_start(path, asked), zone) + whole_ns(np.cumsum(rr_s), path)
    keep = good & ~offline & (rr_s <= LONGEST_BEAT_S)
    beats = Beats(end_ns[keep], rr_s[keep], "Polar Flow", evidence, BeatSensor.UNKNOWN)
    return Recording("Polar", zone, source, beats=beats, clock=ClockKind.ELAPSED, repairs=tuple(notes))


READER = Reader(
    name="polar_flow_rr",
    device="Polar (Flow, RR export)",
    looks_like="the RR csv of a Polar Flow session: a header 'duration,offline', then one interval in ms a row",
    gives=frozenset({Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="none: time since a start that the sidecar names",
)
