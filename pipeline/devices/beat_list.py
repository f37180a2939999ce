"""Lists of labelled beats as text: the output of WFDB's `ann2rr`, and time and label as Holter systems print them.

`ann2rr -v -V -w -W` writes begin, label, interval, label, end; a Holter system the second of each beat and its label,
under a line with the recording's number, which is not read. Labels that are no beats (noise, artefact) part what is on
both sides of them. All times are elapsed: the start is the sidecar's, or that of the WFDB header of the same name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.delimited import content_of, lines_of, text_of, whole_lines
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall, whole_ns
from pipeline.devices.rr_rows import LONGEST_BEAT_S
from pipeline.devices.wfdb_annotations import NAMES
from pipeline.devices.wfdb_header import wall_beside
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Floats, Kind, Recording

MOST_BAD_SHARE = 0.01
"""Share of lines of another shape above which a list is refused."""

LINES_SEEN = 40

_CLOCK = r"(?:(\d+):)?(\d+):(\d{2}(?:\.\d+)?)"
_INTERVALS = re.compile(rf"\s*{_CLOCK}\s+(\S+)\s+(\d+\.\d+)\s+(\S+)\s+{_CLOCK}\s*")
_BEATS = re.compile(r"\s*(\d+\.\d+)\s+([A-Za-z/?|~])\s*")
_LETTERS = sorted(NAMES.values())

_Found = tuple[Floats, Floats, NDArray[np.bool_], list[str]]
"""Ends and intervals in s, which of them are intervals, and notes."""


def _recognise(seen: Glimpse) -> bool:
    """Whether the first lines are of one of the two shapes."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    return _shape(lines_of(seen.text)[:-1][:LINES_SEEN]) is not None


def _shape(lines: list[str]) -> re.Pattern[str] | None:
    """Which of the two shapes the lines have; the first may be a number or a name."""
    filled = [line for line in lines if line.strip()]
    if len(filled) < 3:
        return None
    for shape, skipped in ((_INTERVALS, 0), (_BEATS, 1)):
        if all(shape.fullmatch(line) for line in filled[skipped:]):
            # Two columns could be any table: the line above must be a number alone, or a row too.
            lone = shape.fullmatch(filled[0]) or re.fullmatch(r"\s*\d+\s*", filled[0])
            return shape if lone else None
    return None


def _read(path: Path, asked: Asked) -> Recording:
    """The intervals between neighbouring beats."""
    content, notes = whole_lines(content_of(path))
    lines = [line for line in lines_of(text_of(content)) if line.strip()]
    shape = _shape(lines[:LINES_SEEN])
    if shape is None:
        raise FileFault(Fault.TRUNCATED, "the list ends before its third beat", where=path.name)
    read: Callable[[pl.Series], _Found] = _from_intervals if shape is _INTERVALS else _from_beats
    rows = pl.Series(lines[0 if shape.fullmatch(lines[0]) else 1 :])
    fits = rows.str.contains(f"^{shape.pattern}$")
    if (bad := int((~fits).sum())) > MOST_BAD_SHARE * len(rows):
        known = f"{bad} of {len(rows)}"
        raise FileFault(Fault.CORRUPT, "lines of the list cannot be read", where=path.name, known=known)
    if bad:
        notes.append(f"{bad} lines that cannot be read are left out")
    end_s, rr_s, keep, told = read(rows.filter(fits))
    long = keep & (rr_s > LONGEST_BEAT_S)
    keep &= ~long & (rr_s > 0)
    if long.any():
        notes.append(f"{np.count_nonzero(long)} intervals above {LONGEST_BEAT_S:g} s are gaps, not beats")
    if (np.diff(end_s[keep]) < 0).any():
        raise FileFault(Fault.CORRUPT, "the beats are not in order of time", where=path.name)
    zone, source = asked.zone_for(path)
    wall: datetime = wall_beside(path) or need_start(path, asked)
    end_ns = utc_from_wall(wall, zone) + whole_ns(end_s, path)
    beats = Beats(end_ns[keep], rr_s[keep], "labelled beats", "the list is in seconds", BeatSensor.ECG)
    return Recording("beat list", zone, source, beats=beats, clock=ClockKind.ELAPSED, repairs=(*notes, *told))


def _from_intervals(rows: pl.Series) -> _Found:
    """Rows of begin, label, interval, label, end."""
    part = rows.str.extract_groups(f"^{_INTERVALS.pattern}$").struct.unnest()
    hour, minute, second = (
        part[name].fill_null("0").cast(pl.Float64).to_numpy() for name in (part.columns[k] for k in (6, 7, 8))
    )
    before, after = (part[part.columns[k]].is_in(_LETTERS).to_numpy() for k in (3, 5))
    rr_s = part[part.columns[4]].cast(pl.Float64).to_numpy()
    apart = ~(before & after)
    notes = [f"{np.count_nonzero(apart)} intervals do not lie between two beats: left out"] if apart.any() else []
    return (hour * 60 + minute) * 60 + second, rr_s, ~apart, notes


def _from_beats(rows: pl.Series) -> _Found:
    """Rows of second and label; an X, a noise mark or any other letter that is no beat parts its neighbours."""
    part = rows.str.extract_groups(f"^{_BEATS.pattern}$").struct.unnest()
    at_s = part[part.columns[0]].cast(pl.Float64).to_numpy()
    beat = part[part.columns[1]].is_in(_LETTERS).to_numpy()
    rr_s: Floats = np.asarray(np.diff(at_s), np.float64).round(6)
    keep = beat[1:] & beat[:-1]
    lost = np.count_nonzero(~beat)
    return at_s[1:], rr_s, keep, [f"{lost} marks are no beats: no interval touches them"] if lost else []


READER = Reader(
    name="beat_list",
    device="beat list",
    looks_like="a list of labelled beats: WFDB's ann2rr (begin, label, interval, label, end), or second and label",
    gives=frozenset({Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="time since a start that the sidecar or the WFDB header beside it names",
)
