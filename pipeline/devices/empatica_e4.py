"""Empatica E4: the zip or folder of one session (ACC, BVP, EDA, TEMP, HR, IBI and tags, one csv each).

The first row of a stream is its start in unix time (UTC), the second its rate; streams start and end at different
moments (HR ten seconds late). IBI.csv holds seconds since its start at which an interval *ends*, and the interval.
The export names no time zone. A zip is never unpacked to disk, and its members are read up to a bound.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, to_datetime
from pipeline.devices.archives import MOST_BYTES, open_zip
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, nan_gaps, whole_ns
from pipeline.errors import Fault, FileFault
from pipeline.recording import PLAUSIBLE, Beats, BeatSensor, ClockKind, Floats, Kind, Marker, Recording, Signal

ACC_PER_G = 64.0
"""ACC.csv is in 1/64 g (range ±2 g), by the info.txt that every session carries."""
LATEST_UNIX_S = 2**32
"""The year 2106: later starts are damage."""
LATEST_START_S = 600.0
"""Streams of one session start within seconds of each other; further apart they are of different sessions."""
MOST_BAD_SHARE = 0.01
"""Share of samples outside what the sensor can put out that is taken as glitches; more of them mean another unit."""

_STREAMS: tuple[tuple[str, Kind, float], ...] = (
    ("ACC.csv", Kind.ACC, 1.0 / ACC_PER_G),
    ("BVP.csv", Kind.BVP, 1.0),
    ("EDA.csv", Kind.EDA, 1.0),
    ("TEMP.csv", Kind.TEMP, 1.0),
    ("HR.csv", Kind.HR, 1.0),
)
_KNOWN = frozenset(name for name, _, _ in _STREAMS) | {"IBI.csv"}
_TAGS = re.compile(r"tags.*\.csv")


def _recognise(seen: Glimpse) -> bool:
    """Whether the names inside are those of a session."""
    return len(seen.names & _KNOWN) >= 3 and not seen.names & {"RR.csv", "Actigraph.csv"}


def _read(path: Path, asked: Asked) -> Recording:
    """Everything that one session holds; a stream that is absent or empty is left out, with a note if it is empty."""
    members = _folder(path) if path.is_dir() else _zip(path)
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    signals = []
    for name, kind, scale in _STREAMS:
        if name not in members:
            continue
        signal = _stream(path, name, kind, scale, members[name], notes)
        if signal is None:
            notes.append(f"{name} holds no sample: left out")
        else:
            signals.append(signal)
    beats = _beats(path, members["IBI.csv"], notes) if "IBI.csv" in members else None
    if not signals and beats is None:
        raise FileFault(Fault.NOTHING_USABLE, "no stream of this session holds a sample", where=path.name)
    starts = {signal.label: signal.start_ns for signal in signals}
    if max(starts.values(), default=0) - min(starts.values(), default=0) > LATEST_START_S * NS:
        known = ", ".join(f"{label} {to_datetime(at):%Y-%m-%d %H:%M:%S} UTC" for label, at in starts.items())
        hint = "put the streams of one session into one folder"
        raise FileFault(Fault.IMPLAUSIBLE, "the streams start far apart", where=path.name, known=known, hint=hint)
    begin = min([s.start_ns for s in signals] + ([int(beats.end_ns[0])] if beats else []))
    end = max([s.end_ns for s in signals] + ([int(beats.end_ns[-1])] if beats else []))
    tags = next((content for name, content in members.items() if _TAGS.fullmatch(name)), b"")
    markers = _markers(tags, begin, end, notes)
    return Recording(
        "Empatica E4", zone, source, tuple(signals), beats, markers=markers, clock=ClockKind.UTC, repairs=tuple(notes)
    )


def _folder(path: Path) -> dict[str, bytes]:
    """The wanted files of a folder."""
    wanted = [p for p in path.iterdir() if p.is_file() and (p.name in _KNOWN or _TAGS.fullmatch(p.name))]
    for member in wanted:
        if member.stat().st_size > MOST_BYTES:
            raise _too_large(path, member.name)
    return {member.name: member.read_bytes() for member in wanted}


def _zip(path: Path) -> dict[str, bytes]:
    """The wanted members of a zip, each read in pieces up to a bound."""
    with open_zip(path) as inside:
        bases = {name.rsplit("/", 1)[-1] for name in inside.names}
        wanted = [base for base in sorted(bases) if base in _KNOWN or _TAGS.fullmatch(base)]
        return {base: inside.read(found, MOST_BYTES) for base in wanted if (found := inside.find(base)) is not None}


def _too_large(path: Path, name: str) -> FileFault:
    """The fault of a member that is larger than any stream of a session."""
    known = f"more than {MOST_BYTES // 1024**3} GB; a day of BVP is some 40 MB"
    return FileFault(Fault.TOO_LARGE, f"{name} is too large for a stream", where=path.name, known=known)


def _head(path: Path, name: str, content: bytes, rows: int) -> tuple[list[float], bytes]:
    """The first number of each of the first rows, and the whole rows below them."""
    lines = content.split(b"\n", rows)
    try:
        first = [float(line.split(b",")[0]) for line in lines[:rows]]
        if len(first) < rows or not np.all(np.isfinite(first)):
            raise ValueError("the header is cut short")
    except ValueError as bad:
        known = "its first row should be a unix time" + (", its second a rate in Hz" if rows > 1 else "")
        hint = "export the session again"
        raise FileFault(Fault.TRUNCATED, f"{name} has no header", where=path.name, known=known, hint=hint) from bad
    if not 0 <= first[0] < LATEST_UNIX_S:
        known = "its first row should be a unix time in seconds"
        raise FileFault(Fault.CORRUPT, f"{name} begins at no time that can be", where=path.name, known=known)
    body = lines[rows] if len(lines) > rows else b""
    return first, body[: body.rfind(b"\n") + 1]  # a last row without line end may be cut


def _numbers(body: bytes, columns: int) -> Floats:
    """Rows of numbers, shape (n, columns); NaN where a cell holds none."""
    if not body.strip():
        return np.empty((0, columns))
    names = [f"c{i}" for i in range(columns)]
    named = ",".join(names).encode() + b"\n" + body  # so that a short first row does not decide the columns
    table = pl.read_csv(
        named,
        schema=dict.fromkeys(names, pl.String),
        truncate_ragged_lines=True,
        quote_char=None,
        encoding="utf8-lossy",
    )
    return table.select(pl.all().str.strip_chars().cast(pl.Float64, strict=False)).fill_null(float("nan")).to_numpy()


def _stream(path: Path, name: str, kind: Kind, scale: float, content: bytes, notes: list[str]) -> Signal | None:
    """One stream in canonical units; None if it holds no sample."""
    if not content.strip():
        return None
    (start_s, fs_hz), body = _head(path, name, content, 2)
    values = _numbers(body, 3 if kind is Kind.ACC else 1) * scale
    if len(values) == 0:
        return None
    if fs_hz <= 0:
        raise FileFault(Fault.CORRUPT, f"{name} has a rate of {fs_hz:g} Hz", where=path.name)
    unread: NDArray[np.bool_] = np.asarray(np.isnan(values).any(axis=1))
    low, high = PLAUSIBLE.get(kind, (-np.inf, np.inf))
    with np.errstate(invalid="ignore"):
        wild = ((values < low) | (values > high)).any(axis=1)
    if unread.mean() > MOST_BAD_SHARE:
        known = f"{np.count_nonzero(unread)} of {len(values)} rows hold no number"
        raise FileFault(Fault.CORRUPT, f"{name} is damaged", where=path.name, known=known)
    if unread.any():
        notes.append(f"{name}: {np.count_nonzero(unread)} rows without a number are missing samples")
    if 0 < wild.mean() <= MOST_BAD_SHARE:
        notes.append(f"{name}: {np.count_nonzero(wild)} samples outside {low:g} … {high:g} are missing samples")
        unread |= wild
    samples = nan_gaps(values, unread)
    return Signal(kind, name.removesuffix(".csv"), fs_hz, _ns(start_s), samples if kind is Kind.ACC else samples[:, 0])


def _beats(path: Path, content: bytes, notes: list[str]) -> Beats | None:
    """The optical intervals; None if none was found. Holes stay holes: the stamps are the file's own."""
    if not content.strip():
        notes.append("IBI.csv is empty: left out")
        return None
    (start_s,), body = _head(path, "IBI.csv", content, 1)
    rows = _numbers(body, 2)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(rows).all(axis=1))
    whole[whole] = (rows[whole, 0] >= 0) & (rows[whole, 1] > 0)
    if np.count_nonzero(~whole) > MOST_BAD_SHARE * len(rows):
        known = f"{np.count_nonzero(~whole)} of {len(rows)} rows hold no time and interval"
        raise FileFault(Fault.CORRUPT, "IBI.csv is damaged", where=path.name, known=known)
    rows = rows[whole]
    if len(rows) == 0:
        notes.append("IBI.csv holds no interval: left out")
        return None
    if (np.diff(rows[:, 0]) < 0).any():
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
        notes.append("IBI.csv was not in order of time: sorted")
    ends = _ns(start_s) + whole_ns(rows[:, 0], path)
    evidence = "IBI.csv is in seconds by its info.txt"
    return Beats(ends, rows[:, 1].copy(), "IBI", evidence, BeatSensor.PPG)


def _markers(content: bytes, begin: int, end: int, notes: list[str]) -> tuple[Marker, ...]:
    """The button presses, in order; those outside the session are left out."""
    stamps = _numbers(content[: content.rfind(b"\n") + 1], 1)[:, 0]
    stamps = np.sort(stamps[np.isfinite(stamps)])
    times = [at for stamp in stamps.tolist() if begin - 60 * NS <= (at := _ns(stamp)) <= end + 60 * NS]
    if len(times) < len(stamps):
        notes.append(f"{len(stamps) - len(times)} tags lie outside the session: left out")
    return tuple(Marker(at, 0.0, "button") for at in times)


def _ns(unix_s: float) -> int:
    """A unix time as an instant, to the microsecond."""
    return round(unix_s * 1e6) * 1000


READER = Reader(
    name="empatica_e4",
    device="Empatica E4",
    looks_like="an Empatica E4 session: a zip or folder with ACC.csv, BVP.csv, EDA.csv, TEMP.csv, HR.csv, IBI.csv",
    gives=frozenset({Kind.ACC, Kind.BVP, Kind.EDA, Kind.TEMP, Kind.HR, Kind.RR, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="wrist",
    clock="UTC, set by the phone or computer",
)
