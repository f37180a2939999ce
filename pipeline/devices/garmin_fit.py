"""Garmin FIT: heart rate of activities and of the day, beat intervals, sleep levels, overnight RMSSD, SpO2.

Times count seconds from 1989-12-31 UTC; monitoring messages carry the lower 16 bits only, which roll over. `hrv`
messages hold up to five intervals and no time: where the strap lost contact, time is lost with the beats, and the
running sum falls behind by minutes. They are laid on the records between which they stand in the file instead. Messages
are read by their numbers in the FIT profile 21; positions, names and serial numbers are never read.
"""

from __future__ import annotations

import importlib
import struct
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pipeline.clock import NS, utc_to_wall
from pipeline.devices.reader import Asked, Glimpse, Reader, library
from pipeline.devices.rr_rows import LONGEST_BEAT_S, settled
from pipeline.errors import Fault, FileFault
from pipeline.recording import (
    Beats,
    BeatSensor,
    ClockKind,
    Floats,
    Hypnogram,
    Int64,
    Kind,
    Recording,
    Signal,
    Stage,
    StageSource,
)

EPOCH_S = 631_065_600
"""1989-12-31T00:00:00Z in unix time."""
MOST_FILE_BYTES = 512 * 1024**2
MOST_SPAN_S = 60 * 86_400
"""A file is of a day or an activity; over a longer span a time in it is wrong."""
TIMESTAMP = 253
_BROKEN = (ValueError, TypeError, KeyError, IndexError, OverflowError, AssertionError, struct.error)
"""What the library raises on damage beside its own errors."""
_HOUR_S = 3600

# Message numbers, and the field numbers that are read of each.
RECORD, MONITORING, MONITORING_INFO, HRV = 20, 55, 103, 78
CORRELATION, ACTIVITY, SPO2, SLEEP_LEVEL, BEAT_INTERVALS, HRV_VALUE = 162, 34, 269, 275, 290, 371
_LOCAL = {MONITORING_INFO: 0, CORRELATION: 3, ACTIVITY: 5}
_LEVELS = {1: Stage.WAKE, 2: Stage.LIGHT, 3: Stage.N3, 4: Stage.REM}
# Label, message, kind, steps a unit, and seconds between values.
_SERIES: tuple[tuple[str, int, Kind, float, int], ...] = (
    ("record", RECORD, Kind.HR, 1.0, 1),
    ("monitoring", MONITORING, Kind.HR, 1.0, 60),
    ("spo2", SPO2, Kind.SPO2, 1.0, 60),
    ("hrv_value", HRV_VALUE, Kind.RMSSD, 128.0, 300),
)


@dataclass(slots=True)
class _Found:
    """What the messages hold; times in s of the FIT clock, in the file's order."""

    series: dict[int, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    levels: list[tuple[int, int]] = field(default_factory=list)
    interval_ms: list[int] = field(default_factory=list)
    interval_at: list[int] = field(default_factory=list)
    """Time of the message ahead of each interval; 0 ahead of all of them."""
    beat_ms: list[int] = field(default_factory=list)
    beat_at_ms: list[int] = field(default_factory=list)
    offset_s: int | None = None
    now: int = 0
    """The last time seen."""


def _recognise(seen: Glimpse) -> bool:
    """Whether its header is that of a FIT file."""
    return len(seen.head) >= 12 and seen.head[0] in {12, 14} and seen.head[8:12] == b".FIT"


def _read(path: Path, asked: Asked) -> Recording:
    """Everything of one file that is a kind of signal here."""
    zone, source = asked.zone_for(path)
    found = _messages(path)
    notes: list[str] = []
    signals = [
        _signal(path, label, kind, np.array(found.series[number], np.int64), steps, step_s)
        for label, number, kind, steps, step_s in _SERIES
        if found.series[number]
    ]
    beats = _beats(path, found, notes)
    hypnogram = _hypnogram(path, np.array(found.levels, np.int64)) if found.levels else None
    if not (signals or beats or hypnogram):
        raise FileFault(
            Fault.NOTHING_USABLE,
            "the file holds no heart rate, beat interval, sleep level, RMSSD or SpO2",
            where=path.name,
            hint="put in the wellness files (monitoring, sleep, HRV status) and activities recorded with a sensor",
        )
    recording = Recording(
        "Garmin", zone, source, tuple(signals), beats, hypnogram, clock=ClockKind.UTC, repairs=tuple(notes)
    )
    return recording if found.offset_s is None else _with_offset(recording, found.offset_s)


def _with_offset(recording: Recording, offset_s: int) -> Recording:
    """The recording, with a note if the watch's own offset from UTC was not the zone's."""
    begin = recording.span_ns[0]
    zone_s = int(utc_to_wall(np.array([begin], np.int64), recording.zone)[0] - begin) // NS
    if abs(offset_s - zone_s) < _HOUR_S / 4:
        return recording
    note = f"the watch showed UTC{offset_s / _HOUR_S:+g} h, {recording.zone} was at UTC{zone_s / _HOUR_S:+g} h"
    return replace(recording, repairs=(*recording.repairs, note))


def _messages(path: Path) -> _Found:
    """The wanted fields of every message.

    Raises
    ------
    FileFault
        NEEDS_EXTRA, TOO_LARGE; TRUNCATED if the file ends within a message; CORRUPT if it contradicts its checksum.
    """
    fitdecode: ModuleType = library(lambda: importlib.import_module("fitdecode"), "garmin", path)
    if path.stat().st_size > MOST_FILE_BYTES:
        raise FileFault(Fault.TOO_LARGE, "no FIT file is so large", where=path.name)
    found = _Found()
    strict = {"check_crc": fitdecode.CrcCheck.RAISE, "error_handling": fitdecode.ErrorHandling.RAISE}
    try:
        with fitdecode.FitReader(path, processor=None, **strict) as messages:
            for message in messages:
                if isinstance(message, fitdecode.FitDataMessage):
                    _take(message.global_mesg_num, {part.def_num: part.raw_value for part in message.fields}, found)
    except fitdecode.FitEOFError as bad:
        hint = "copy it from the watch again"
        raise FileFault(Fault.TRUNCATED, "the file ends within a message", where=path.name, hint=hint) from bad
    except (fitdecode.FitError, *_BROKEN) as bad:
        known = f"reading its messages: {type(bad).__name__}"
        raise FileFault(Fault.CORRUPT, "the FIT file is damaged", where=path.name, known=known) from bad
    return found


def _take(number: int, fields: dict[int, Any], found: _Found) -> None:
    """Add what one message says."""
    at = fields.get(TIMESTAMP)
    at = at if isinstance(at, int) and at != 0xFFFFFFFF else None
    if at is not None:
        found.now = at
    elif number == MONITORING and isinstance(low := fields.get(26), int) and found.now:
        found.now += (low - found.now) & 0xFFFF  # the lower 16 bits, which have moved on by less than a turn
        at = found.now
    if number == HRV:
        values = _numbers(fields.get(0), 0xFFFF)
        found.interval_ms += values
        found.interval_at += [found.now] * len(values)
    elif number == BEAT_INTERVALS and at is not None:
        values = _numbers(fields.get(1), 0xFFFF)
        found.beat_ms += values
        found.beat_at_ms += [at * 1000 + int(fields.get(0) or 0)] * len(values)
    elif number in _LOCAL and at is not None and isinstance(local := fields.get(_LOCAL[number]), int):
        found.offset_s = local - at
    elif number == SLEEP_LEVEL and at is not None:
        found.levels += [(at, value) for value in _numbers(fields.get(0), 0xFF)]
    elif at is not None and number in {RECORD, MONITORING, SPO2, HRV_VALUE}:
        place = {RECORD: 3, MONITORING: 27}.get(number, 0)
        padding = 0xFFFF if number == HRV_VALUE else 0xFF
        found.series[number] += [(at, value) for value in _numbers(fields.get(place), padding)]


def _numbers(value: object, padding: int) -> list[int]:
    """The numbers of a field of one or many; without the number that its width has for invalid."""
    values = value if isinstance(value, tuple | list) else [value]
    return [v for v in values if isinstance(v, int) and v != padding]


def _utc(fit_s: Int64) -> Int64:
    return (fit_s + EPOCH_S) * NS


def _signal(path: Path, label: str, kind: Kind, rows: Int64, steps: float, step_s: int) -> Signal:
    """Values at their times on a grid of `step_s`; of two in one cell the first, 0 as missing."""
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    place = (rows[:, 0] - rows[0, 0]) // step_s
    _bounded(path, rows[:, 0])
    samples = np.full(int(place[-1]) + 1, np.nan, np.float32)
    values = np.where(rows[:, 1] > 0, rows[:, 1] / steps, np.nan)
    samples[place[::-1]] = values[::-1]
    return Signal(kind, label, 1.0 / step_s, int(_utc(rows[:1, 0])[0]), samples)


def _bounded(path: Path, at_s: Int64) -> None:
    span_s = int(np.ptp(at_s))
    if span_s > MOST_SPAN_S:
        known = f"its messages span {span_s / 86_400:.0f} days"
        raise FileFault(Fault.IMPLAUSIBLE, "a time in the file is far from the others", where=path.name, known=known)


def _beats(path: Path, found: _Found, notes: list[str]) -> Beats | None:
    """Intervals on the clock of the messages around them: those of a strap, else those of the watch's own sensor."""
    if found.interval_ms:
        rr_s = np.array(found.interval_ms, np.float64) / 1000
        at = np.array(found.interval_at, np.int64)
        if not at.any():
            raise FileFault(Fault.NO_START_TIME, "its intervals stand between no times", where=path.name)
        at[at == 0] = at[at > 0][0]
        _bounded(path, at)
        return _laid(path, _utc(at), rr_s, "hrv", BeatSensor.ECG, notes)
    if found.beat_ms:
        rr_s = np.array(found.beat_ms, np.float64) / 1000
        at_ms = np.array(found.beat_at_ms, np.int64)
        return _laid(path, (at_ms + EPOCH_S * 1000) * 1_000_000, rr_s, "beat_intervals", BeatSensor.PPG, notes)
    return None


def _laid(path: Path, stamp_ns: Int64, rr_s: Floats, label: str, sensor: BeatSensor, notes: list[str]) -> Beats | None:
    """Intervals laid on coarse stamps run by run; those too long for a beat are time, and no beats."""
    good = rr_s > 0
    ends, told = settled(path, stamp_ns[good], rr_s[good])
    notes += told
    sound = rr_s[good] <= LONGEST_BEAT_S
    if (long := np.count_nonzero(~sound)) > 0:
        notes.append(f"{long} intervals above {LONGEST_BEAT_S:g} s are gaps, not beats")
    if not sound.any():
        return None
    return Beats(ends[sound], rr_s[good][sound], label, "FIT profile: ms", sensor)


def _hypnogram(path: Path, rows: Int64) -> Hypnogram:
    """Sleep levels as epochs of a minute.

    A file gives a level every minute, where a missing one is a hole, or only where it changes, where it holds until
    the next.
    """
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    _bounded(path, rows[:, 0])
    stage = np.array([_LEVELS.get(level, Stage.UNSCORED) for level in rows[:, 1].tolist()], np.int8)
    place = (rows[:, 0] - rows[0, 0]) // 60
    stages = np.full(int(place[-1]) + 1, Stage.UNSCORED, np.int8)
    stages[place] = stage
    if len(place) > 1 and np.median(np.diff(place)) > 1:
        before = np.searchsorted(place, np.arange(len(stages)), side="right") - 1
        stages = stage[before]
    return Hypnogram(int(_utc(rows[:1, 0])[0]), 60.0, stages, "Garmin", StageSource.CONSUMER)


READER = Reader(
    name="garmin_fit",
    device="Garmin (FIT)",
    looks_like="a Garmin .fit file: an activity with heart rate or RR, or a monitoring, sleep or HRV status file",
    gives=frozenset({Kind.HR, Kind.RR, Kind.STAGES, Kind.RMSSD, Kind.SPO2}),
    recognise=_recognise,
    read=_read,
    family="wrist",
    clock="UTC, set by satellites or the phone",
    extra="garmin",
)
