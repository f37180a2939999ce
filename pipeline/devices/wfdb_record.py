"""WFDB (PhysioNet): a header with its signals and beat annotations beside it, or beat annotations alone.

ECG and pulse waves are read at their native rates, beats from the most trusted annotator beside the header. All
intervals between neighbouring beats are kept, ectopic ones too, because what is normal is decided inland; none is made
across noise, flutter or an artefact. Base times are wall clocks, and often absent: then the sidecar names the start.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.devices.channels import kind_of, known_units, unit_scale
from pipeline.devices.delimited import content_of
from pipeline.devices.reader import HEAD_BYTES, Asked, Glimpse, Reader, need_start, utc_from_wall, whole_ns
from pipeline.devices.wfdb_annotations import BEATS, BREAKS, NAMES, NORMAL, Annotations, annotations_of, look_like_beats
from pipeline.devices.wfdb_header import ANNOTATORS, Channel, Header, is_header, read_header
from pipeline.devices.wfdb_samples import channels_of, record_samples
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Kind, Recording, Signal

LONGEST_BEAT_S = 3.0
"""A longer interval is no beat (under 20/min) but a stretch in which none was found: a gap."""
MOST_ANNOTATIONS = 256 * 1024**2

_LEAD = re.compile(r"(?i)(ECG|EKG).*|M?(CL|LI{1,3}|V)[1-6]?|I{1,3}|av[rlf]|V[1-9]|MLI{1,3}|[XYZ]|ES|AS|AI")
_PULSE = re.compile(r"(?i)pleth|ppg.*|bvp|spo2 ?pleth")
_GAIN = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*([^\W\d]+)")
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*Hz")


def _recognise(seen: Glimpse) -> bool:
    """Whether it is a header, or beat annotations in MIT format."""
    if seen.is_folder or seen.names:
        return False
    if b"\x00" not in seen.head and is_header(seen.text):
        return True
    return look_like_beats(seen.head)


def _read(path: Path, asked: Asked) -> Recording:
    """The signals and beats of one record."""
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if look_like_beats(head):
        return _annotated(path, asked)
    header = read_header(path)
    zone, source = asked.zone_for(path)
    beats_in = _annotator(path, header)
    notes: list[str] = []
    wanted = _wanted(path, header, asked, notes, alone=beats_in is None)
    wall = header.wall or need_start(path, asked)
    start = utc_from_wall(wall, zone)
    signals = _signals(path, header, wanted, start, notes)
    beats = None
    if beats_in is not None:
        found = annotations_of(content_of(beats_in, MOST_ANNOTATIONS))
        beats = _beats(found, found.ticks_per_s or header.fs_hz, start, beats_in.suffix.lstrip("."), path, notes)
    if not signals and (beats is None or not len(beats.rr_s)):
        raise _nothing(path)
    clock = ClockKind.DEVICE if header.wall else ClockKind.ELAPSED
    return Recording("WFDB", zone, source, signals, beats, clock=clock, repairs=tuple(notes))


def _annotated(path: Path, asked: Asked) -> Recording:
    """Beats from a file of annotations; rate and start from the header beside it, else from file and sidecar."""
    found = annotations_of(content_of(path, MOST_ANNOTATIONS))
    beside = path.with_suffix(".hea")
    header = read_header(beside) if beside.is_file() else None
    told = _RATE.fullmatch(asked.units.get("annotations", "").strip())
    rate = found.ticks_per_s or (header.fs_hz if header else None) or (float(told[1]) if told else None)
    if not rate:
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            "these annotations count ticks of an unknown rate",
            where=path.name,
            known="the header of the record (.hea) names it, and is not beside them",
            hint=f'put the header beside it, or {{"units": {{"annotations": "128 Hz"}}}} into {path.name}.json',
        )
    zone, source = asked.zone_for(path)
    wall: datetime = (header.wall if header else None) or need_start(path, asked)
    notes: list[str] = []
    beats = _beats(found, rate, utc_from_wall(wall, zone), "annotations", path, notes)
    if not len(beats.rr_s):
        raise _nothing(path)
    clock = ClockKind.DEVICE if header and header.wall else ClockKind.ELAPSED
    return Recording("WFDB", zone, source, beats=beats, clock=clock, repairs=tuple(notes))


def _annotator(path: Path, header: Header) -> Path | None:
    """The beat annotations beside a header that are trusted most; None if there are none."""
    for end in ANNOTATORS:
        for file in (path.with_suffix(f".{end}"), path.with_name(f"{header.name}.{end}")):
            if file == path or not file.is_file():
                continue
            with file.open("rb") as stream:
                if look_like_beats(stream.read(HEAD_BYTES)):
                    return file
    return None


def _wanted(
    path: Path, header: Header, asked: Asked, notes: list[str], *, alone: bool
) -> list[tuple[Channel, Kind, float]]:
    """The channels that are ECG or pulse waves, with the factor to the canonical unit.

    Without a signal file that is there, or a calibration, a record of beats is read without them; one of signals
    `alone` is refused.
    """
    names = [file for channel in header.channels if (file := channel.file)]
    if not header.segments and not any(path.with_name(name).is_file() for name in names) and not alone:
        if names:
            notes.append("the signal files are not beside the header: beats only")
        return []
    out = []
    channels = channels_of(path, header)
    for channel in channels:
        kind = Kind.ECG if _LEAD.fullmatch(channel.label) else Kind.BVP if _PULSE.fullmatch(channel.label) else None
        kind = kind or (found if (found := kind_of(channel.label)) in {Kind.ECG, Kind.BVP} else None)
        if kind is None:
            continue
        gain, unit = _calibration(channel, asked)
        scale = unit_scale(kind, unit)
        if (gain == 0 or scale is None) and kind is Kind.ECG:
            if not alone:
                notes.append(f"channel {channel.label} is not calibrated: left out")
                continue
            raise FileFault(
                Fault.UNKNOWN_UNIT,
                f"channel {channel.label} is not calibrated",
                where=path.name,
                known=f"gain {channel.gain:g} per '{channel.units}'; {known_units(Kind.ECG)} can be read",
                hint=f'put {{"units": {{"{channel.label}": "200/mV"}}}} (steps a unit) into {path.name}.json beside it',
            )
        calibrated = replace(channel, gain=gain or 1.0, units=unit)
        out.append((calibrated, kind, scale[0] if scale else 1.0))
    if len(out) < len(channels):
        notes.append(f"{len(channels) - len(out)} of {len(channels)} signals are no ECG or pulse wave: left out")
    return out


def _calibration(channel: Channel, asked: Asked) -> tuple[float, str]:
    """Steps a unit and the unit: the header's, else the sidecar's (`200/mV`)."""
    told = _GAIN.fullmatch(asked.units.get(channel.label, "").strip())
    if channel.gain == 0 and told:
        return float(told[1]), told[2]
    return channel.gain, channel.units


def _signals(
    path: Path, header: Header, wanted: list[tuple[Channel, Kind, float]], start: int, notes: list[str]
) -> tuple[Signal, ...]:
    """The wanted channels as signals in canonical units."""
    if not wanted:
        return ()
    parts, lacking = record_samples(path, header, [channel for channel, _, _ in wanted])
    if lacking:
        notes.append(f"{lacking} frames of the announced ones are not there: a signal file was cut short")
    out = []
    for (channel, kind, scale), samples in zip(wanted, parts, strict=True):
        np.multiply(samples, np.float32(scale), out=samples)
        out.append(Signal(kind, channel.label or kind.name, header.fs_hz * channel.times, start, samples))
    return tuple(out)


def _beats(found: Annotations, rate: float, start: int, annotator: str, path: Path, notes: list[str]) -> Beats:
    """Intervals between neighbouring beats with nothing between them that breaks; ends on the record's clock."""
    is_beat = BEATS[found.codes]
    ticks, codes = found.ticks[is_beat], found.codes[is_beat]
    order = np.argsort(ticks, kind="stable")
    ticks, codes = ticks[order], codes[order]
    rr_s = np.diff(ticks) / rate
    broken = np.diff(np.searchsorted(np.sort(found.ticks[BREAKS[found.codes]]), ticks)) > 0
    long = (rr_s > LONGEST_BEAT_S) & ~broken
    keep = (rr_s > 0) & ~broken & ~long
    if not found.complete:
        notes.append("the annotations have no end mark: the copy was cut short")
    if broken.any():
        notes.append(f"{np.count_nonzero(broken)} intervals hold noise, flutter or an artefact: gaps")
    if long.any():
        notes.append(f"{np.count_nonzero(long)} intervals above {LONGEST_BEAT_S:g} s are gaps, not beats")
    odd = ~NORMAL[codes]
    if odd.any():
        letters = Counter(NAMES[code] for code in codes[odd].tolist())
        told = ", ".join(f"{letter} {count}" for letter, count in letters.most_common())
        notes.append(f"{np.count_nonzero(odd)} of {len(codes)} beats are no sinus beats ({told}): intervals kept")
    ends = start + whole_ns(ticks[1:] / rate, path)
    evidence = f"ticks of 1/{rate:g} s"
    return Beats(ends[keep], rr_s[keep], annotator, evidence, BeatSensor.ECG)


def _nothing(path: Path) -> FileFault:
    """The fault of a record of which nothing is there that can be read."""
    return FileFault(
        Fault.TRUNCATED,
        "the record holds no ECG, pulse wave or beats, or they are not here",
        where=path.name,
        known=f"beats are looked for in .{', .'.join(ANNOTATORS)} beside the header",
        hint="put the header (.hea), its signals (.dat) and annotations into one folder, with the names they had",
    )


READER = Reader(
    name="wfdb_record",
    device="WFDB (PhysioNet)",
    looks_like="a WFDB record (PhysioNet): a .hea with its .dat and .atr/.ecg/.qrs beside it, or its beat annotations",
    gives=frozenset({Kind.ECG, Kind.BVP, Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="a wall clock at the start, if the header has one, else time since a start that the sidecar names",
)
