"""Fitbit's sleep logs, as a Takeout, the Web API and tables made of them hold them: stages and times in bed.

A log keeps the offset that it began with: on the night of a clock change its stamps run through the hour that the clock
skipped. Where minutes of steps, which are in UTC, lie beside such a night, its wakes agree with them only if stamps are
elapsed time from the log's start; so they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.clock import wall_to_utc
from pipeline.devices.json_text import Json, number_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, whole_ns
from pipeline.devices.sleep_stretches import SleepLog, Stretches, hypnogram_of, one_at_a_time, rest_of
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import Hypnogram, Int64, RestInterval, Stage

STAGES = {
    "wake": Stage.WAKE,
    "awake": Stage.WAKE,
    "light": Stage.LIGHT,
    "deep": Stage.N3,
    "rem": Stage.REM,
    "asleep": Stage.ASLEEP,
    "restless": Stage.MOVEMENT,  # Fitbit counts it neither as sleep nor as awake
    "unknown": Stage.UNSCORED,
}

Entry = dict[str, Json]


def logs_read(
    path: Path, logs: Sequence[Entry], asked: Asked, zone: str, notes: list[str]
) -> tuple[Hypnogram | None, tuple[RestInterval, ...]]:
    """Stages and times in bed of logs of which no two overlap.

    Raises
    ------
    FileFault
        UNKNOWN_CODE for a stage that is not known; CORRUPT if stamps cannot be read.
    """
    start, end = (_walls(path, [str(log.get(key) or "") for log in logs], asked) for key in ("startTime", "endTime"))
    order = np.argsort(start, kind="stable")
    begin = np.empty_like(start)
    begin[order] = wall_to_utc(start[order], zone)
    found = [
        SleepLog(int(begin[k]), int(begin[k] + end[k] - start[k]), _is_main(log), k, _identity(log, int(start[k])))
        for k, log in enumerate(logs)
    ]
    kept = one_at_a_time(found, notes)
    stretches = _stretches(path, [(logs[log.place], log, int(start[log.place])) for log in kept], asked)
    return hypnogram_of(stretches, "Fitbit", path, notes), tuple(rest_of(log, "Fitbit") for log in kept)


def _is_main(log: Entry) -> bool:
    """Whether a log is the night's, not a nap's: `mainSleep` in a Takeout, `isMainSleep` in the API."""
    return log.get("mainSleep", log.get("isMainSleep")) is not False


def _identity(log: Entry, start: int) -> str:
    """What two copies of one log share."""
    return str(log.get("logId") or start)


def _walls(path: Path, cells: list[str], asked: Asked) -> Int64:
    """Wall clocks, every one of which must be readable."""
    walls = wall_clocks(pl.Series(cells, dtype=pl.String), asked, path)
    if not walls.good.all():
        known = f"{np.count_nonzero(~walls.good)} of {len(cells)}"
        raise FileFault(Fault.CORRUPT, "time stamps of sleep cannot be read", where=path.name, known=known)
    return walls.wall_ns


def _stretches(path: Path, logs: list[tuple[Entry, SleepLog, int]], asked: Asked) -> Stretches:
    """The stages of logs; the short wakes of each lie on top of its other stages."""
    rows: list[tuple[str, float, str, int]] = []  # stamp, seconds, stage, what takes its wall clock to UTC
    for log, at, wall in logs:
        levels = log.get("levels")
        parts = [levels.get(key) for key in ("data", "shortData")] if isinstance(levels, dict) else []
        for level in (level for part in parts if isinstance(part, list) for level in part if isinstance(level, dict)):
            seconds = level.get("seconds")
            length = number_of(seconds) if isinstance(seconds, int | float) else 0.0
            rows.append((str(level.get("dateTime")), length, str(level.get("level")), at.begin_ns - wall))
    if not rows:
        return Stretches(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int8))
    stamps, lengths, names, to_utc = zip(*rows, strict=True)
    unknown = sorted(set(names) - set(STAGES))
    if unknown:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"'{unknown[0][:40]}' is no stage that is known",
            where=path.name,
            hint=did_you_mean(unknown[0][:40], STAGES),
        )
    begin = _walls(path, list(stamps), asked) + np.array(to_utc, np.int64)
    length_ns = whole_ns(np.array(lengths), path)
    return Stretches(begin, begin + length_ns, np.array([STAGES[name] for name in names], np.int8))
