"""EDF, EDF+ and BDF: polysomnography, EEG and hypnograms of sleep laboratories and headbands.

What is read: the EEG channels asked for; unasked, the one that `channels.eeg_preference` ranks first, because a night
of every channel is many times the memory of the one that features use. Channels of other kinds are read when they
are asked for by label. Annotations are always read: stages become the hypnogram, the rest markers. A file of
annotations alone (a Sleep-EDF hypnogram) is a whole recording.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.channels import eeg_preference, kind_of, known_units, place_of, unit_scale
from pipeline.devices.edf_file import (
    BDF_MARK,
    EDF_MARK,
    Channel,
    EdfFile,
    calibration,
    corrupt,
    open_edf,
    start_clock,
)
from pipeline.devices.edf_records import TimeStamps, samples, time_stamps, unbroken
from pipeline.devices.edf_stages import hypnogram
from pipeline.devices.reader import Asked, Glimpse, Reader, utc_from_wall
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import Kind, Marker, Recording, Signal

_Pick = tuple[Channel, Kind]


def recognise(seen: Glimpse) -> bool:
    """True for a version field of EDF or BDF before a header that looks like one (numbers where they belong)."""
    head = seen.head[:256]
    if seen.is_folder or not head.startswith((EDF_MARK, BDF_MARK)):
        return False
    fields = head[184:192], head[236:244], head[244:252], head[252:256]
    numbers = sum(re.fullmatch(rb" *-?[0-9]+[0-9.]* *", field) is not None for field in fields)
    # A table of text may begin with a lone zero too, but has a line end within its first 256 bytes.
    return numbers >= 2 or (b"\n" not in head and (len(head) < 256 or numbers == 1 or head[193:196] == b"DF+"))


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one file.

    Raises
    ------
    FileFault
        TRUNCATED, CORRUPT, NO_START_TIME, UNKNOWN_UNIT, UNKNOWN_CODE, NOTHING_USABLE as the parts say; SETTINGS if a
        channel asked for is not there.
    """
    zone, source = asked.zone_for(path)
    file = open_edf(path)
    wall, clock_notes = _start(file, asked)
    zero_ns = utc_from_wall(wall, zone)
    stamps = time_stamps(file)
    picks, pick_notes = _picks(file, asked)
    signals, signal_notes = _signals(file, stamps, picks, asked, zero_ns)
    stages, others, stage_notes = hypnogram(stamps.annotations, zero_ns, path)
    markers = tuple(Marker(zero_ns + round(a.onset_s * NS), a.duration_s or 0.0, a.text) for a in others)
    if not signals and stages is None and not markers:
        raise FileFault(
            Fault.NOTHING_USABLE,
            "no channel is known to be an EEG, and there are no annotations",
            where=path.name,
            known=f"channels: {', '.join(c.label for c in file.channels) or 'none'}",
            hint=f'name the channels to read: {{"channels": ["<label>"]}} in {path.name}.json beside it',
        )
    unread = [f"{stamps.unread} annotation(s) could not be read and were left"] if stamps.unread else []
    return Recording(
        device="EDF",
        zone=zone,
        zone_source=source,
        signals=signals,
        hypnogram=stages,
        markers=markers,
        repairs=(*file.repairs, *clock_notes, *unread, *pick_notes, *signal_notes, *stage_notes),
    )


def _start(file: EdfFile, asked: Asked) -> tuple[datetime, list[str]]:
    """The wall clock of the header's zero: a sidecar's start if there is one, else the header's own."""
    wall, notes = start_clock(file)
    header = f"'{file.date} {file.time}'"
    if asked.start is not None:
        told = [f"the start was taken from the sidecar; the header says {header}"]
        return asked.start, told if asked.start != wall else []
    if wall is None:
        raise FileFault(
            Fault.NO_START_TIME,
            f"the header's start {header} is no date and time",
            where=file.path.name,
            known="EDF writes dd.mm.yy and hh.mm.ss",
            hint=f'put {{"start": "2024-03-30T22:15:00"}} into {file.path.name}.json beside it',
        )
    return wall, notes


def _picks(file: EdfFile, asked: Asked) -> tuple[list[_Pick], list[str]]:
    """The channels to read with their kinds, in the order asked for, and what is to be said about the choice."""
    known = [(c, kind_of(c.label, c.transducer)) for c in file.channels]
    picks: list[_Pick] = []
    notes: list[str] = []
    if asked.eeg_channels and known:
        for wanted in asked.eeg_channels:
            channel, kind = known[_place(file, wanted)]
            if sum(channel.label == c.label for c in file.channels) > 1:
                notes.append(f"several channels are called '{channel.label}'; the first was read")
            if kind is None:
                notes.append(f"channel '{channel.label}' was read as EEG because it was asked for")
            picks.append((channel, kind or Kind.EEG))
    else:
        eeg = [(c, Kind.EEG) for c, kind in known if kind is Kind.EEG]
        picks += sorted(eeg, key=lambda pick: eeg_preference(pick[0].label))[:1]
    read_now = {channel for channel, _ in picks}
    untold = [c.label for c, kind in known if kind is None and c not in read_now]
    if untold:
        notes.append(f"channels whose kind their label does not tell were left: {', '.join(untold)}")
    return list(dict.fromkeys(picks)), notes


def _place(file: EdfFile, wanted: str) -> int:
    labels = [c.label for c in file.channels]
    place = place_of(wanted, labels)
    if place is None:
        raise FileFault(
            Fault.SETTINGS,
            f"there is no channel '{wanted}'",
            where=file.path.name,
            known=f"channels: {', '.join(labels)}",
            hint=did_you_mean(wanted, labels),
        )
    return place


def _signals(
    file: EdfFile, stamps: TimeStamps, picks: Sequence[_Pick], asked: Asked, zero_ns: int
) -> tuple[tuple[Signal, ...], list[str]]:
    """The picked channels as signals in canonical units, and repairs."""
    if not picks:
        return (), []
    begins, onset_s, notes = unbroken(file, stamps)
    start_ns = zero_ns + round(float(onset_s[0]) * NS)
    signals = []
    for channel, kind in picks:
        if channel.per_record == 0 or file.record_s == 0:
            raise corrupt(file.path, f"channel '{channel.label}' has no samples or its data records no duration")
        factor, offset = _scale(file, channel, kind, asked, notes)
        gain, base = calibration(file, channel)
        if gain < 0:
            notes.append(f"channel '{channel.label}' has an inverted range; its polarity is as the header says")
        values = samples(file, channel, (gain * factor, base * factor + offset), (begins, onset_s))
        signals.append(Signal(kind, channel.label, channel.per_record / file.record_s, start_ns, values))
    axes = [s for s in signals if s.kind is Kind.ACC]
    others = [s for s in signals if s.kind is not Kind.ACC]
    return (*others, *([_acceleration(axes, file.path)] if axes else [])), notes


def _scale(file: EdfFile, channel: Channel, kind: Kind, asked: Asked, notes: list[str]) -> tuple[float, float]:
    """Factor and offset to the canonical unit: from the unit that was told, else from the header's."""
    place = place_of(channel.label, tuple(asked.units))
    told = None if place is None else tuple(asked.units.values())[place]
    unit = channel.unit if told is None else told
    scale = unit_scale(kind, unit)
    if scale is None:
        whose = "header" if told is None else "study"
        name, usual = file.path.name, known_units(kind).split(", ")[0]
        usual = "uV" if kind.value.endswith("_uv") else usual
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            f"channel '{channel.label}' has no unit that is known: the {whose} says '{unit}'",
            where=name,
            known=f"units of {kind.name}: {known_units(kind)}",
            hint=f'put {{"units": {{"{channel.label}": "{usual}"}}}} into {name}.json beside it, '
            f'or "{channel.label}" = "{usual}" under [eeg.units] in study.toml',
        )
    if told is not None and told != channel.unit:
        notes.append(f"channel '{channel.label}' was read in {told} as told; the header says '{channel.unit}'")
    return scale


def _acceleration(axes: Sequence[Signal], path: Path) -> Signal:
    """Three axis channels as one signal of shape (n, 3)."""
    by_axis = {s.label.strip().casefold()[-1:]: s for s in axes}
    rates = {s.fs_hz for s in axes}
    if len(axes) != 3 or set(by_axis) != set("xyz") or len(rates) != 1:
        raise FileFault(
            Fault.SETTINGS,
            "acceleration needs its three axes, x, y and z, at one rate",
            where=path.name,
            known=f"asked for: {', '.join(s.label for s in axes)}",
            hint="ask for all three channels, or for none",
        )
    x, y, z = (by_axis[axis] for axis in "xyz")
    stacked = np.column_stack((x.samples, y.samples, z.samples))
    return Signal(Kind.ACC, x.label, x.fs_hz, x.start_ns, stacked)


READER = Reader(
    name="edf",
    device="EDF, EDF+ or BDF recorder",
    looks_like="EDF, EDF+ or BDF: a file that begins with '0' and seven blanks, or with the byte 255 and 'BIOSEMI'",
    gives=frozenset(
        {
            *(Kind.EEG, Kind.EOG, Kind.EMG, Kind.ECG, Kind.EDA, Kind.TEMP, Kind.ACC, Kind.BVP, Kind.HR),
            *(Kind.STAGES, Kind.MARKERS),
        }
    ),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="device clock, no zone in the file",
)
