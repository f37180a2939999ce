"""WFDB headers (.hea): what a record holds and in which files beside it; after header(5) of the WFDB manual.

https://physionet.org/physiotools/wag/header-5.htm. A header is ASCII: a record line, then a line a signal, or, for a
record of several segments, a line a segment. Comments behind `#` hold age, sex and drugs, and are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.errors import Fault, FileFault

MOST_HEADER = 4 * 1024**2
"""A record of a week in ten thousand segments is 300 kB."""
DEFAULT_RATE_HZ = 250.0
EARLIEST_YEAR, LATEST_YEAR = 1985, 2100
"""Outside these years a date was shifted to hide it, or never set."""
ANNOTATORS = ("atr", "ecg", "ari", "man", "beat", "qrs", "gqrs", "wqrs", "sqrs", "ann")
"""Name ends of beat annotations, the most trusted first: by people, corrected by them, by machines."""
NULL_SEGMENT = "~"

_NAME = r"[\w.+-]{1,60}"  # a plain file name: no folder, no scheme, no longer than file systems hold
_RECORD = re.compile(
    rf"(?P<name>{_NAME})(?:/(?P<segments>\d+))?\s+(?P<signals>\d+)"
    r"(?:\s+(?P<rate>[\d.]+(?:e[+-]?\d+)?)(?:/-?[\d.]+(?:e[+-]?\d+)?(?:\(-?[\d.]+\))?)?"
    r"(?:\s+(?P<frames>\d+)(?:\s+(?P<clock>[\d:.]+)(?:\s+(?P<date>\d+/\d+/\d+))?)?)?)?",
    re.IGNORECASE,
)
_SIGNAL = re.compile(
    rf"(?P<file>{_NAME}|~)\s+(?P<format>\d+)(?:x(?P<times>\d+))?(?::(?P<skew>\d+))?(?:\+(?P<offset>\d+))?"
    r"(?:\s+(?P<gain>-?[\d.]+(?:e[+-]?\d+)?)(?:\((?P<baseline>-?\d+)\))?(?:/(?P<units>\S+))?"
    r"(?:\s+\d+(?:\s+(?P<zero>-?\d+)(?:\s+-?\d+(?:\s+-?\d+(?:\s+\d+(?:\s+(?P<label>.*))?)?)?)?)?)?)?",
    re.IGNORECASE,
)
_SEGMENT = re.compile(rf"(?P<name>{_NAME}|~)\s+(?P<frames>\d+)")
_FORMATS = frozenset({0, 8, 16, 24, 32, 61, 80, 160, 212, 310, 311, 508, 516, 524})


@dataclass(frozen=True, slots=True)
class Channel:
    """One signal of a record: physical = (sample − baseline) / gain, in `units`; gain 0 means not calibrated."""

    place: int
    """Its number in the record."""
    file: str
    format: int
    times: int
    """Samples a frame."""
    skew: int
    offset: int
    gain: float
    baseline: int
    units: str
    label: str


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says. `frames` is 0 where it does not say; `wall` is None without a date that can be true."""

    name: str
    fs_hz: float
    frames: int
    wall: datetime | None
    channels: tuple[Channel, ...]
    segments: tuple[tuple[str, int], ...]
    """Name and frames of each segment; the first has none where it only lays out the signals of all."""


def is_header(text: str) -> bool:
    """Whether a text begins as a header does: a record line, then a signal or segment, or nothing but comments."""
    lines = _lines(text)
    record = _RECORD.fullmatch(lines[0]) if lines else None
    if record is None:
        return False
    if record["segments"]:
        return len(lines) > 1 and _SEGMENT.fullmatch(lines[1]) is not None
    if int(record["signals"]) == 0:
        return len(lines) == 1 and record["rate"] is not None
    signal = _SIGNAL.fullmatch(lines[1]) if len(lines) > 1 else None
    return signal is not None and int(signal["format"]) in _FORMATS


def read_header(path: Path) -> Header:
    """The header in a file.

    Raises
    ------
    FileFault
        TOO_LARGE; TRUNCATED if it ends before its last signal or segment; CORRUPT for a line that is none.
    """
    if path.stat().st_size > MOST_HEADER:
        raise FileFault(Fault.TOO_LARGE, "the header is larger than any record needs", where=path.name)
    lines = _lines(path.read_text(encoding="latin-1"))
    record = _RECORD.fullmatch(lines[0]) if lines else None
    if record is None:
        raise FileFault(Fault.CORRUPT, "its first line is no record line", where=path.name)
    count = int(record["segments"] or record["signals"])
    if len(lines) <= count:
        known = f"{count} lines are announced, {len(lines) - 1} are there"
        raise FileFault(Fault.TRUNCATED, "the header ends early", where=path.name, known=known)
    pattern = _SEGMENT if record["segments"] else _SIGNAL
    parts = [pattern.fullmatch(line) for line in lines[1 : count + 1]]
    if None in parts:
        known = f"line {parts.index(None) + 2}, comments and blank lines not counted"
        raise FileFault(Fault.CORRUPT, "a line of the header cannot be read", where=path.name, known=known)
    found = [part for part in parts if part is not None]
    return Header(
        name=record["name"],
        fs_hz=_number(record["rate"], path) or DEFAULT_RATE_HZ,
        frames=int(record["frames"] or 0),
        wall=_wall(record["clock"], record["date"]),
        channels=() if record["segments"] else tuple(_channel(k, part, path) for k, part in enumerate(found)),
        segments=tuple((part["name"], int(part["frames"])) for part in found) if record["segments"] else (),
    )


def wall_beside(path: Path) -> datetime | None:
    """The start in the header that bears a file's name, if one lies beside it and names a date."""
    beside = path.with_suffix(".hea")
    if beside == path or not beside.is_file() or not is_header(beside.read_bytes()[:MOST_HEADER].decode("latin-1")):
        return None
    return read_header(beside).wall


def companions(path: Path, names: Iterable[str]) -> frozenset[str]:
    """Of the names beside a header, those that belong to it: signals, segments, annotations, backups.

    Empty for anything that is no header.
    """
    if path.suffix != ".hea" or not path.is_file() or path.stat().st_size > MOST_HEADER:
        return frozenset()
    if not is_header(path.read_text(encoding="latin-1")):
        return frozenset()
    found = {f"{path.stem}.{end}" for end in (*ANNOTATORS, "dat", "hea-", "xws")}
    try:
        header = read_header(path)
    except FileFault:  # it is told where the header itself is read
        return frozenset(found) & frozenset(names)
    found |= {channel.file for channel in header.channels}
    found |= {f"{segment}.hea" for segment, _ in header.segments} - {path.name}
    return frozenset(found) & frozenset(names)


def _lines(text: str) -> list[str]:
    """The lines that count: no blank ones, no comments."""
    return [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]


def _channel(place: int, part: re.Match[str], path: Path) -> Channel:
    """A signal from its line, with the defaults of the manual for what is left out."""
    zero = int(part["zero"] or 0)
    return Channel(
        place=place,
        file=part["file"],
        format=int(part["format"]),
        times=int(part["times"] or 1) or 1,
        skew=int(part["skew"] or 0),
        offset=int(part["offset"] or 0),
        gain=_number(part["gain"], path),
        baseline=int(part["baseline"]) if part["baseline"] else zero,
        units=part["units"] or "mV",
        label=(part["label"] or "").strip(),
    )


def _number(text: str | None, path: Path) -> float:
    """A number of the header; 0 where it is left out."""
    try:
        return float(text or 0)
    except ValueError as bad:
        raise FileFault(Fault.CORRUPT, "a number of the header cannot be read", where=path.name) from bad


def _wall(clock: str | None, date: str | None) -> datetime | None:
    """The start that a header gives; a year of two digits is of the last century, as such records are."""
    if not clock or not date:
        return None
    day, month, year = (int(number) for number in date.split("/"))
    parts = [float(number or 0) for number in clock.split(":")] if re.fullmatch(r"\d*(:\d+){1,2}\.?\d*", clock) else []
    if not parts:
        return None
    hour, minute, second = (*([0.0] * (3 - len(parts))), *parts)
    year += 1900 if year < 100 else 0
    try:
        whole = datetime(year, month, day, int(hour), int(minute), int(second))  # noqa: DTZ001  a wall clock
    except ValueError:
        return None
    whole = whole.replace(microsecond=round(second % 1 * 1e6) % 1_000_000)
    return whole if EARLIEST_YEAR <= year < LATEST_YEAR else None
