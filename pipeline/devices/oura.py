"""Oura ring: sleep periods (Web API v2 as JSON, or the account's export as csv), and heart rates of the day.

A period holds stages by 5 minutes (1 deep, 2 light, 3 REM, 4 awake), movement by 30 s (1 none … 4 active) and means of
heart rate and RMSSD by 5 minutes. Stamps carry their offset. Every series lies at the stamp that it names, else at
`bedtime_start`, and comes into the nearest cell of a common grid: what lies between is not filled. Movement is given as
0 (none) to 3.
"""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.clock import NS, to_ns
from pipeline.devices.delimited import content_of, separator_of, text_of
from pipeline.devices.json_text import Json, json_of, number_of
from pipeline.devices.reader import Asked, Glimpse, Reader, checked_year
from pipeline.devices.readings import averaged
from pipeline.devices.sleep_stretches import SleepLog, Stretches, hypnogram_of, one_at_a_time, rest_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Hypnogram, Kind, Recording, Signal, Stage

STAGES = {"1": Stage.N3, "2": Stage.LIGHT, "3": Stage.REM, "4": Stage.WAKE}
PHASE_NS, MOVEMENT_S, MEAN_S = 300 * NS, 30, 300
NO_SLEEP = ("deleted", "rest")
"""Types of periods that the ring, or its wearer, took back."""
MOST_TABLE = 256 * 1024**2
_PERIOD, _RATES = ("bedtime_start", "sleep_phase_5_min"), ('"bpm"', '"source"', '"timestamp"')

Entry = dict[str, Json]


def _recognise(seen: Glimpse) -> bool:
    """Whether it is JSON or a csv header that names a ring's periods or heart rates."""
    if seen.is_folder or seen.names:
        return False
    text = seen.text.lstrip()
    if text.startswith(("{", "[")):
        first = text.find("{", 1)
        opening = text[:200].replace(" ", "").replace("\n", "")
        period = '"bedtime_start"' in text and any(f'"{mark}"' in text for mark in ("movement_30_sec", "average_hrv"))
        rates = opening.startswith(('{"data":[{', "[{")) and all(m in text[first : first + 200] for m in _RATES)
        return period or rates
    header = text.partition("\n")[0]
    return all(name in header for name in _PERIOD)


def _read(path: Path, asked: Asked) -> Recording:
    """What the periods hold, or the heart rates of the day."""
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    entries = _entries(path)
    if entries and "bpm" in entries[0]:
        rates = _signal(
            path, Kind.HR, [(_instant(path, e.get("timestamp")), [e.get("bpm")]) for e in entries], 60, notes
        )
        return Recording("Oura ring", zone, source, rates, clock=ClockKind.OFFSET, repairs=tuple(notes))
    kept = [entry for entry in entries if entry.get("type") not in NO_SLEEP]
    if len(kept) < len(entries):
        notes.append(f"{len(entries) - len(kept)} periods that were deleted or turned out to be rest left out")
    if not kept:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no period of sleep", where=path.name)
    logs = one_at_a_time([_log(path, entry, place) for place, entry in enumerate(kept)], notes)
    periods = [(kept[log.place], log) for log in logs]
    return Recording(
        "Oura ring",
        zone,
        source,
        _series(path, periods, notes),
        hypnogram=_stages(path, periods, notes),
        rests=tuple(rest_of(log, "Oura") for log in logs),
        clock=ClockKind.OFFSET,
        repairs=tuple(notes),
    )


def _entries(path: Path) -> list[Entry]:
    """The periods or heart rates of an answer of the API, of a list, or of a csv whose cells hold JSON."""
    content = content_of(path, MOST_TABLE)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")):
        found = json_of(path, content)
        if isinstance(found, dict):
            found = next((found[key] for key in ("data", "sleep") if isinstance(found.get(key), list)), found)
        listed = found if isinstance(found, list) else [found]
        return [entry for entry in listed if isinstance(entry, dict)]
    return _rows(path, text_of(content))


def _rows(path: Path, text: str) -> list[Entry]:
    """The rows of a csv; a cell that begins as JSON is read as such. A last row that may be cut is left out."""
    if not text.endswith(("\n", "\r")):
        raise FileFault(
            Fault.TRUNCATED, "the last line has no line end", where=path.name, hint="copy it or export it again"
        )
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=separator_of(text.partition("\n")[0])))
        return [{key: _cell(value) for key, value in row.items() if key and isinstance(value, str)} for row in rows]
    except (csv.Error, json.JSONDecodeError, RecursionError) as bad:
        raise FileFault(
            Fault.CORRUPT, "a row of the table is damaged", where=path.name, known=type(bad).__name__,
            hint="copy it or export it again",
        ) from bad  # fmt: skip


def _cell(text: str) -> Json:
    """One cell: an object where it holds one, None where it is empty, else its text."""
    if text.startswith("{"):
        return json.loads(text, parse_constant=lambda _: None)  # type: ignore[no-any-return]
    return text or None


def _instant(path: Path, stamp: Json) -> int:
    """The instant of a stamp with its offset."""
    try:
        moment = datetime.fromisoformat(str(stamp))
        checked_year(moment.year)
        return to_ns(moment)
    except ValueError as bad:
        what = "a time stamp cannot be read, or carries no offset"
        hint = "the ring writes 2024-03-01T22:00:00+01:00"
        raise FileFault(Fault.CORRUPT, what, where=path.name, hint=hint) from bad


def _log(path: Path, entry: Entry, place: int) -> SleepLog:
    """When a period began and ended; what is no long sleep is a nap."""
    begin, end = (_instant(path, entry.get(key)) for key in ("bedtime_start", "bedtime_end"))
    is_main = entry.get("type") in ("long_sleep", "", None)
    return SleepLog(begin, end, is_main, place, str(entry.get("id") or begin))


def _digits(entry: Entry, key: str) -> str:
    """A string of digits, '' where the ring wrote none."""
    found = entry.get(key)
    return found if isinstance(found, str) else ""


def _stages(path: Path, periods: list[tuple[Entry, SleepLog]], notes: list[str]) -> Hypnogram | None:
    """The stages of periods; the last five minutes of one end with it."""
    begin, end, stage = [], [], []
    for entry, log in periods:
        codes = _digits(entry, "sleep_phase_5_min")
        if unknown := sorted(set(codes) - set(STAGES)):
            known = ", ".join(f"{code} {name.name}" for code, name in STAGES.items())
            what = f"'{unknown[0]}' is no stage that is known"
            raise FileFault(Fault.UNKNOWN_CODE, what, where=path.name, known=known)
        starts = log.begin_ns + np.arange(len(codes), dtype=np.int64) * PHASE_NS
        begin.append(starts)
        end.append(np.clip(starts + PHASE_NS, starts, max(log.end_ns, log.begin_ns)))
        stage += [STAGES[code] for code in codes]
    if not stage:
        return None
    stretches = Stretches(np.concatenate(begin), np.concatenate(end), np.array(stage, np.int8))
    return hypnogram_of(stretches, "Oura", path, notes)


def _series(path: Path, periods: list[tuple[Entry, SleepLog]], notes: list[str]) -> tuple[Signal, ...]:
    """Movement, heart rate and variability of periods, each on one grid."""
    moved: list[tuple[int, list[Json]]] = [
        (log.begin_ns, [*_digits(entry, "movement_30_sec")]) for entry, log in periods
    ]
    signals = _signal(path, Kind.COUNTS, moved, MOVEMENT_S, notes)
    for kind, key in ((Kind.HR, "heart_rate"), (Kind.RMSSD, "hrv")):
        runs: list[tuple[int, list[Json]]] = []
        for entry, log in periods:
            series = entry.get(key)
            if not isinstance(series, dict) or not isinstance(items := series.get("items"), list):
                continue
            if series.get("interval") not in (MEAN_S, None):
                what = f"{key} is not by {MEAN_S} s"
                raise FileFault(Fault.UNKNOWN_UNIT, what, where=path.name, known=f"interval: {series.get('interval')}")
            runs.append((_instant(path, series["timestamp"]) if series.get("timestamp") else log.begin_ns, items))
        signals += _signal(path, kind, runs, MEAN_S, notes)
    return signals


def _signal(
    path: Path, kind: Kind, runs: list[tuple[int, list[Json]]], cell_s: int, notes: list[str]
) -> tuple[Signal, ...]:
    """Runs of values, each from an instant on and `cell_s` apart, in the nearest cells; NaN where none is measured."""
    if not runs:
        return ()
    times = np.concatenate([at + np.arange(len(items), dtype=np.int64) * cell_s * NS for at, items in runs])
    values = np.array([_value(kind, item) for _, items in runs for item in items], np.float64)
    label = {Kind.COUNTS: "movement class", Kind.HR: "heart rate", Kind.RMSSD: "RMSSD"}[kind]
    signal = averaged(kind, label, times + cell_s * NS // 2, values, cell_s, path)
    if signal is None:
        return ()
    if any(at % (cell_s * NS) for at, _ in runs):
        notes.append(f"{label}: values lie in the nearest cell of {cell_s} s, at most {cell_s / 2:g} s from their time")
    return (signal,)


def _value(kind: Kind, item: Json) -> float:
    """A value, NaN where it is missing: null, or negative as codes for missing are."""
    if isinstance(item, bool) or not isinstance(item, int | float | str):
        return float("nan")
    if kind is Kind.COUNTS:
        return float("1234".find(str(item))) if str(item) in "1234" else float("nan")
    number = number_of(item)
    return number if number > 0 else float("nan")


READER = Reader(
    name="oura",
    device="Oura ring",
    looks_like="sleep periods of the Oura ring (bedtime_start, sleep_phase_5_min …): JSON of its API, or csv",
    gives=frozenset({Kind.STAGES, Kind.DIARY, Kind.COUNTS, Kind.HR, Kind.RMSSD}),
    recognise=_recognise,
    read=_read,
    family="consumer",
    clock="wall clock with its offset",
)
