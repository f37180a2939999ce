"""Garmin Health SDK, its live stream as apps write it to csv: `stamp with offset;TYPE;value` a row, no header.

`HEART_RATE_VARIABILITY` is the interval between two beats in ms; `HEART_RATE` beats/min, several a second or none for
many. Stamps are those of arrival at the phone. Steps and calories are totals of the day, stress is the maker's own
scale: they are not read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.delimited import content_of, lines_of, numbers_of, table_of, text_of, whole_lines
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.rr_rows import LONGEST_BEAT_S, settled, unit_of
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Floats, Int64, Kind, Recording, Signal

MOST_SPAN_S = 14 * 86_400
"""A live stream lasts hours; over a longer span a stamp in it is wrong."""

_ROW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z);[A-Z_]+;-?\d+(\.\d+)?")
_READ = ("HEART_RATE", "HEART_RATE_VARIABILITY")
LINES_SEEN = 30


def _recognise(seen: Glimpse) -> bool:
    """Whether every one of the first lines is a stamp, a type and a value, and types that are read are among them."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    lines = [line for line in lines_of(seen.text)[:-1] if line][:LINES_SEEN]
    types = {line.split(";")[1] for line in lines if _ROW.fullmatch(line)}
    return len(lines) > 1 and all(map(_ROW.fullmatch, lines)) and bool(types & {*_READ, "STRESS", "STEPS"})


def _read(path: Path, asked: Asked) -> Recording:
    """Heart rate on a grid of seconds, and the beats."""
    content, notes = whole_lines(content_of(path))
    table = table_of(lines_of(text_of(content)), ["stamp", "type", "value"], ";", path)
    value, unread = numbers_of(table["c2"])
    wanted = (table["c1"].is_in(_READ) & value.is_not_null()).fill_null(value=False)
    if unread:
        notes.append(f"{unread} rows without a number left out")
    if not wanted.any():
        raise FileFault(Fault.NOTHING_USABLE, "no row holds a heart rate or an interval", where=path.name)
    zone, source = asked.zone_for(path)
    stamps = instants(table["c0"].filter(wanted), asked, zone, path)
    kinds, values = table["c1"].filter(wanted), value.filter(wanted)
    signals: tuple[Signal, ...] = ()
    beats = None
    for name in _READ:
        rows = (kinds == name).to_numpy() & stamps.good
        if not rows.any():
            continue
        at, numbers = stamps.utc_ns[rows], values.filter(pl.Series(rows)).to_numpy()
        if name == "HEART_RATE":
            signals = (_heart_rate(path, at, numbers),)
        else:
            beats = _beats(path, at, numbers, notes)
    return Recording(
        "Garmin", zone, source, signals, beats, clock=ClockKind.OFFSET, repairs=(*notes, *stamps.notes)
    )  # fmt: skip


def _heart_rate(path: Path, at: Int64, bpm: Floats) -> Signal:
    """Beats/min in the second in which they came, of several the first; 0 and empty seconds are missing."""
    order = np.argsort(at, kind="stable")
    at, bpm = at[order], bpm[order]
    start = int(at[0]) - int(at[0]) % NS
    place = (at - start) // NS
    if place[-1] > MOST_SPAN_S:
        known = f"{len(at)} values span {place[-1] / 86_400:.0f} days"
        raise FileFault(Fault.IMPLAUSIBLE, "a time stamp is far from the others", where=path.name, known=known)
    samples = np.full(int(place[-1]) + 1, np.nan, np.float32)
    samples[place[::-1]] = np.where(bpm > 0, bpm, np.nan)[::-1]
    return Signal(Kind.HR, "HEART_RATE", 1.0, start, samples)


def _beats(path: Path, at: Int64, raw: Floats, notes: list[str]) -> Beats | None:
    """Intervals laid on the stamps of their arrival run by run."""
    good = raw > 0
    if not good.any():
        return None
    scale, evidence = unit_of(path, raw[good], "")
    rr_s = raw[good] * scale
    ends, told = settled(path, at[good], rr_s)
    notes += told
    sound = rr_s <= LONGEST_BEAT_S
    if not sound.all():
        notes.append(f"{np.count_nonzero(~sound)} intervals above {LONGEST_BEAT_S:g} s are gaps, not beats")
    return Beats(ends[sound], rr_s[sound], "HEART_RATE_VARIABILITY", evidence, BeatSensor.PPG)


READER = Reader(
    name="garmin_stream_csv",
    device="Garmin (live stream)",
    looks_like="a csv of a Garmin watch's live stream: 2019-10-16T12:08:59.030+02:00;HEART_RATE;79.0, no header",
    gives=frozenset({Kind.HR, Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="wrist",
    clock="the phone's clock with its offset from UTC, at the arrival of each value",
)
