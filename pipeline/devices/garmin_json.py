"""Garmin's JSON: summaries of the Health API, and days of Garmin Connect's wellness service.

Health API: a start in UTC seconds, its offset beside it, and values by seconds from the start (`epochs`, `sleeps`,
`dailies`, `stressDetails`, `hrv`, `pulseox`). Summaries are sent again when they change: of those with one start the
last counts. Steps of one epoch are split by activity and are added up. Connect: instants in UTC, as milliseconds or as
text. Stress and body battery are Garmin's own scales: stress readings are answers, where negative codes (off the wrist,
moving, …) are missing; body battery is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pipeline.clock import NS, to_ns
from pipeline.devices.json_text import Json, json_of, number_of
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.readings import averaged, shared_out
from pipeline.devices.sleep_stretches import SleepLog, Stretches, hypnogram_of, one_at_a_time, rest_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import Answer, ClockKind, Hypnogram, Kind, Recording, RestInterval, Signal, Stage

STAGES = {
    "deep": Stage.N3,
    "light": Stage.LIGHT,
    "rem": Stage.REM,
    "awake": Stage.WAKE,
    "unmeasurable": Stage.UNSCORED,
}
LEVELS = {0.0: "deep", 1.0: "light", 2.0: "rem", 3.0: "awake", -1.0: "unmeasurable"}
"""Connect's `activityLevel` of `sleepLevels`."""
MOST_S, MOST_MS = 4e9, 4e12
"""The year 2096: a larger number of seconds is one of milliseconds."""
CELL_S = {Kind.HR: 15, Kind.RMSSD: 300, Kind.SPO2: 60, Kind.STEPS: 900}
LABELS = {Kind.HR: "heart rate", Kind.RMSSD: "RMSSD", Kind.SPO2: "oxygen saturation"}
OFFSET_MAPS: tuple[tuple[str, Kind], ...] = (
    ("timeOffsetHeartRateSamples", Kind.HR),
    ("hrvValues", Kind.RMSSD),
    ("timeOffsetSpo2Values", Kind.SPO2),
    ("timeOffsetSleepSpo2", Kind.SPO2),
)
"""Values of the Health API by seconds from a summary's start."""
_STRESS_MAP, _STRESS_LIST = "timeOffsetStressLevelValues", "stressValuesArray"
_MARKS = re.compile(
    r'"startTimeOffsetInSeconds"|"dailySleepDTO"|"sleepStartTimestampGMT"'
    r'|"startTimestampGMT"[^]]*"(heartRateValues|stressValuesArray|userProfilePK)"'
    r'|"startGMT"[^}]*"(primaryActivityLevel|activityLevelConstant)"'
)

Entry = dict[str, Json]


@dataclass(slots=True)
class _Found:
    """What the summaries of one file hold, before it is laid on grids; times in ns."""

    readings: dict[Kind, dict[int, float]] = field(default_factory=dict)
    steps: dict[tuple[int, int, str], float] = field(default_factory=dict)
    """By start, end and activity."""
    stress: dict[int, float] = field(default_factory=dict)
    stages: dict[tuple[int, int], str] = field(default_factory=dict)
    nights: dict[int, int] = field(default_factory=dict)
    """Ends by start: of summaries with one start the last counts."""

    def read(self, kind: Kind, at_ns: int, value: Json) -> None:
        """One reading; null, 0 and negative codes are missing."""
        if (number := number_of(value)) > 0:
            self.readings.setdefault(kind, {})[at_ns] = number


def _recognise(seen: Glimpse) -> bool:
    """Whether JSON names what only Garmin's does."""
    return (
        not (seen.is_folder or seen.names) and seen.text.lstrip()[:1] in {"{", "["} and bool(_MARKS.search(seen.text))
    )


def _read(path: Path, asked: Asked) -> Recording:
    """Everything that the summaries of one file hold."""
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    found = _Found()
    try:
        for entry in _summaries(json_of(path)):
            for part in (_health_api, _connect_sleep, _connect_day, _connect_steps):
                part(entry, found)
    except (ValueError, OverflowError, KeyError) as bad:
        what = "a summary lacks a time, or has one that cannot be read"
        hint = "copy it or export it again"
        raise FileFault(Fault.CORRUPT, what, where=path.name, known=type(bad).__name__, hint=hint) from bad
    hypnogram, rests = _sleep(path, found, notes)
    stress = tuple(Answer("Garmin", "stress_level", level, "", at) for at, level in sorted(found.stress.items()))
    return Recording(
        "Garmin",
        zone,
        source,
        _signals(path, found, notes),
        hypnogram=hypnogram,
        rests=rests,
        answers=stress,
        clock=ClockKind.UTC,
        repairs=tuple(notes),
    )


def _summaries(found: Json) -> Iterator[Entry]:
    """The summaries of an answer (`{"epochs": [...]}`), of a list, or of one day."""
    if isinstance(found, list):
        yield from (entry for entry in found if isinstance(entry, dict))
    elif isinstance(found, dict):
        lists = [part for part in found.values() if isinstance(part, list) and "startTimeInSeconds" in str(part[:1])]
        for part in lists:
            yield from (entry for entry in part if isinstance(entry, dict))
        if not lists:
            yield found


def _at(value: Json) -> int:
    """The instant, in ns, of UTC seconds or milliseconds, or of text in UTC; ValueError if it is none."""
    if isinstance(value, int | float):
        if not 0 < value < MOST_MS:
            raise ValueError(value)
        return round(value * (NS if value < MOST_S else NS // 1000))
    return _held(to_ns(datetime.fromisoformat(str(value)).replace(tzinfo=UTC)))


def _held(at_ns: int) -> int:
    """An instant that 64 bits hold; ValueError if it is none."""
    if not abs(at_ns) < MOST_S * NS:
        raise ValueError(at_ns)
    return at_ns


def _dicts(value: Json) -> list[Entry]:
    """The objects of a list, none if it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _health_api(entry: Entry, found: _Found) -> None:
    """One summary of the Health API."""
    if "startTimeInSeconds" not in entry:
        return
    start = _at(entry["startTimeInSeconds"])
    length = entry.get("durationInSeconds")
    end = _held(start + round(number_of(length) * NS)) if isinstance(length, int | float) else start
    if "activityType" in entry and "activeTimeInSeconds" in entry and (steps := number_of(entry.get("steps"))) >= 0:
        found.steps[start, end, str(entry["activityType"])] = steps
    for key, kind in OFFSET_MAPS:
        for second, value in _by_second(entry.get(key)):
            found.read(kind, _held(start + second * NS), value)
    for second, value in _by_second(entry.get(_STRESS_MAP)):
        if number_of(value) >= 0:
            found.stress[_held(start + second * NS)] = number_of(value)
    levels = entry.get("sleepLevelsMap")
    if isinstance(levels, dict):
        found.nights[start] = end
        spans = [(name, span) for name, listed in levels.items() for span in _dicts(listed)]
        for name, span in spans:
            found.stages[_at(span["startTimeInSeconds"]), _at(span["endTimeInSeconds"])] = name


def _by_second(values: Json) -> Iterator[tuple[int, Json]]:
    """Values by seconds from a start."""
    if isinstance(values, dict):
        yield from ((int(second), value) for second, value in values.items())


def _connect_sleep(entry: Entry, found: _Found) -> None:
    """A night of Connect: with levels from the service, with its times only from the export of an account."""
    whole = entry.get("dailySleepDTO")
    night = whole if isinstance(whole, dict) else entry
    if "sleepStartTimestampGMT" not in night:
        return
    begin, end = night.get("sleepStartTimestampGMT"), night.get("sleepEndTimestampGMT")
    if begin is not None and end is not None:  # both are null for a night without the watch
        found.nights[_at(begin)] = _at(end)
    for level in _dicts(entry.get("sleepLevels")):
        code = number_of(level.get("activityLevel"))
        name = LEVELS.get(code, f"{code:g}")
        found.stages[_at(level["startGMT"]), _at(level["endGMT"])] = name
    for key, kind, stamp, value in (
        ("sleepHeartRate", Kind.HR, "startGMT", "value"),
        ("hrvData", Kind.RMSSD, "startGMT", "value"),
        ("wellnessEpochSPO2DataDTOList", Kind.SPO2, "epochTimestamp", "spo2Reading"),
    ):
        for reading in _dicts(entry.get(key)):
            found.read(kind, _at(reading[stamp]), reading.get(value))


def _connect_day(entry: Entry, found: _Found) -> None:
    """A day's heart rates and stress of Connect, as pairs of an instant and a value."""
    for at, value in _pairs(entry.get("heartRateValues")):
        found.read(Kind.HR, _at(at), value)
    for at, value in _pairs(entry.get(_STRESS_LIST)):
        if number_of(value) >= 0:
            found.stress[_at(at)] = number_of(value)


def _pairs(values: Json) -> Iterator[tuple[Json, Json]]:
    """The first two of each list in a list."""
    if isinstance(values, list):
        yield from ((pair[0], pair[1]) for pair in values if isinstance(pair, list) and len(pair) > 1)


def _connect_steps(entry: Entry, found: _Found) -> None:
    """One quarter of an hour of Connect's steps."""
    if "startGMT" in entry and "endGMT" in entry and (steps := number_of(entry.get("steps"))) >= 0:
        found.steps[_at(entry["startGMT"]), _at(entry["endGMT"]), ""] = steps


def _sleep(path: Path, found: _Found, notes: list[str]) -> tuple[Hypnogram | None, tuple[RestInterval, ...]]:
    """Stages within nights that do not overlap, and these nights."""
    if unknown := sorted(set(found.stages.values()) - set(STAGES)):
        what, known = f"'{unknown[0][:40]}' is no stage that is known", ", ".join(STAGES)
        raise FileFault(Fault.UNKNOWN_CODE, what, where=path.name, known=known)
    logs = one_at_a_time([SleepLog(b, e, True, 0, str(b)) for b, e in found.nights.items()], notes)
    spans = sorted(found.stages)
    begin, end = (np.array([span[k] for span in spans], np.int64) for k in (0, 1))
    stage = np.array([STAGES[found.stages[span]] for span in spans], np.int8)
    hypnogram = hypnogram_of(Stretches(begin, end, stage), "Garmin", path, notes)
    return hypnogram, tuple(rest_of(log, "Garmin") for log in logs)


def _signals(path: Path, found: _Found, notes: list[str]) -> tuple[Signal, ...]:
    """Readings and steps on their grids."""
    signals: list[Signal | None] = []
    for kind, label in LABELS.items():
        if readings := found.readings.get(kind):
            at, values = np.array(list(readings), np.int64), np.array(list(readings.values()))
            signals.append(averaged(kind, label, at, values, CELL_S[kind], path))
            notes.append(f"{label}: the readings of each {CELL_S[kind]} s are averaged, cells without one are missing")
    if found.steps:
        begin, end = (np.array([key[k] for key in found.steps], np.int64) for k in (0, 1))
        counts = np.array(list(found.steps.values()))
        signals.append(shared_out(Kind.STEPS, "steps", begin, end, counts, CELL_S[Kind.STEPS], path, notes))
    return tuple(signal for signal in signals if signal is not None)


READER = Reader(
    name="garmin_json",
    device="Garmin",
    looks_like="JSON of Garmin: Health API summaries (epochs, sleeps, dailies, stressDetails) or Connect wellness",
    gives=frozenset({Kind.STAGES, Kind.DIARY, *CELL_S, Kind.ANSWERS}),
    recognise=_recognise,
    read=_read,
    family="consumer",
    clock="UTC",
)
