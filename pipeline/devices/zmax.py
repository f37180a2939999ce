"""Hypnodyne ZMax: the folder or zip of one night, an EDF file for every channel ('EEG L.edf', 'dX.edf', …).

Read are both frontal EEG channels (or the ones asked for; F8-Fpz before F7-Fpz, as `channels.EEG_ORDER` prefers the
right), the acceleration of the three axes, the skin temperature and the infrared pulse. Light, noise, nasal, battery
and radio channels have no physical unit and are left. All files are of one session and share its start; a zip is
never unpacked to disk.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.clock import NS, to_datetime
from pipeline.devices.archives import open_zip
from pipeline.devices.channels import place_of, wanted_labels
from pipeline.devices.edf_file import Channel, EdfFile, corrupt, open_edf
from pipeline.devices.edf_records import Annotation, samples, time_stamps, unbroken, without_names
from pipeline.devices.edf_signals import Stretches, scale_of, signal_of, start_of
from pipeline.devices.reader import Asked, Glimpse, Reader, utc_from_wall
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import Kind, Marker, Recording, Signal

_EEG = ("EEG R", "EEG L")
_AXES = ("dX", "dY", "dZ")
_BODY = {"BODY TEMP": Kind.TEMP, "OXY_IR_AC": Kind.BVP}
_LEFT: tuple[str, ...] = (
    "LIGHT",
    "NOISE",
    "NASAL L",
    "NASAL R",
    "BATT",
    "RSSI",
    "OXY_DARK_AC",
    "OXY_DARK_DC",
    "OXY_IR_DC",
)
_LEFT += ("OXY_R_AC", "OXY_R_DC")
_FILES = {f"{stem}.edf".casefold(): stem for stem in (*_EEG, *_AXES, *_BODY, *_LEFT)}
LATEST_START_S = 60.0
"""Files of one session start together; further apart they are of different nights."""

_Open = Callable[[str], EdfFile]


@dataclass(frozen=True, slots=True)
class _Channel:
    """One file of the session: its only channel under the name of the file, its start and its gaps."""

    file: EdfFile
    channel: Channel
    zero_ns: int
    at: Stretches
    annotations: tuple[Annotation, ...]


def recognise(seen: Glimpse) -> bool:
    """Whether the names inside are those of a session: an EEG channel and at least one other."""
    stems = {_FILES.get(name.casefold()) for name in seen.names} - {None}
    return len(stems) >= 2 and bool(stems & set(_EEG))


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one session.

    Raises
    ------
    FileFault
        What `edf_file` and `edf_signals` say of an EEG channel's file, by its name; SETTINGS if a channel asked for is
        not there; IMPLAUSIBLE if the files start at different times. Any other channel that is broken is left.
    """
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    with _members(path) as (names, opened):
        wanted = _wanted(path, asked, names)
        eeg: list[tuple[_Channel, Signal]] = []
        for stem in wanted:
            with _named(path, names[stem]):
                eeg.append(_signal(opened, names, (stem,), Kind.EEG, asked, zone, notes))
        groups = [((stem,), kind) for stem, kind in _BODY.items()] + [(_AXES, Kind.ACC)]
        beside: list[tuple[_Channel, Signal]] = []
        for stems, kind in groups:
            if all(stem in names for stem in stems):
                try:
                    beside.append(_signal(opened, names, stems, kind, asked, zone, notes))
                except FileFault as fault:
                    notes.append(f"left: {fault.where}: {fault.what}")
    both = [*eeg, *beside]
    _check_starts(path, [part for part, _ in both])
    return Recording(
        device="Hypnodyne ZMax",
        zone=zone,
        zone_source=source,
        signals=tuple(signal for _, signal in both),
        markers=_markers([part for part, _ in both]),
        repairs=tuple(dict.fromkeys(notes)),
    )


@contextmanager
def _members(path: Path) -> Iterator[tuple[dict[str, str], _Open]]:
    """The files of a session by channel, and the way to open one of them."""
    if path.is_dir():
        found = {stem: p.name for p in sorted(path.iterdir()) if (stem := _FILES.get(p.name.casefold()))}
        yield found, lambda name: open_edf(path / name)
        return
    with open_zip(path) as inside:
        bases = sorted({name.rsplit("/", 1)[-1] for name in inside.names})
        members = {b: inside.find(b) or "" for b in bases if b.casefold() in _FILES}
        yield (
            {_FILES[base.casefold()]: base for base in members},
            lambda name: open_edf(path / name, inside.read(members[name])),
        )


@contextmanager
def _named(path: Path, name: str) -> Iterator[None]:
    """Faults of one file of a session said of the session, whose sidecar is the one beside it."""
    try:
        yield
    except FileFault as bad:
        hint = bad.hint.replace(f"{name}.json", f"{path.name}.json")
        raise FileFault(bad.fault, f"{name}: {bad.what}", where=path.name, known=bad.known, hint=hint) from bad


def _wanted(path: Path, asked: Asked, names: dict[str, str]) -> list[str]:
    """The EEG channels to read, by their file's name."""
    there = [stem for stem in _EEG if stem in names]
    places = [(label, place_of(label, there)) for label in wanted_labels(asked.eeg_channels, there)]
    absent = next((label for label, place in places if place is None), None)
    if absent is not None:
        known = f"channels: {', '.join(there)}"
        what, hint = f"there is no channel '{absent}'", did_you_mean(absent, there)
        raise FileFault(Fault.SETTINGS, what, where=path.name, known=known, hint=hint)
    return list(dict.fromkeys(there[place] for _, place in places if place is not None)) or there


def _signal(
    opened: _Open, names: dict[str, str], stems: Sequence[str], kind: Kind, asked: Asked, zone: str, notes: list[str]
) -> tuple[_Channel, Signal]:
    """One channel, or the three axes, as a signal; and the file of the first."""
    parts = [_opened(opened(names[stem]), stem, asked, zone, notes) for stem in stems]
    first = parts[0]
    signals = []
    for p in parts:
        values = samples(p.file, p.channel, scale_of(p.file, p.channel, kind, asked, notes), (0, p.file.n_records))
        signals.append(signal_of(p.file, p.channel, kind, [values], p.at, p.zero_ns))
    return first, signals[0] if len(signals) == 1 else _joined(first.file, signals)


def _opened(file: EdfFile, stem: str, asked: Asked, zone: str, notes: list[str]) -> _Channel:
    if len(file.channels) != 1:
        raise corrupt(file.path, f"it holds {len(file.channels)} channels, and should hold one")
    wall, clock_notes = start_of(file, asked)
    stamps = time_stamps(file)
    at, gap_notes = unbroken(file, stamps)
    notes += [*file.repairs, *clock_notes, *gap_notes]
    annotations = without_names(stamps.annotations, file.names)
    channel = dataclasses.replace(file.channels[0], label=stem)
    return _Channel(file, channel, utc_from_wall(wall, zone), at, annotations)


def _joined(file: EdfFile, axes: list[Signal]) -> Signal:
    """Three axes as one acceleration, as long as the shortest of them."""
    if len({(s.fs_hz, s.start_ns) for s in axes}) > 1:
        raise corrupt(file.path, "the axes of the acceleration differ in rate or start")
    n = min(len(s.samples) for s in axes)
    stacked = np.column_stack([s.samples[:n] for s in axes])
    return Signal(Kind.ACC, "acceleration", axes[0].fs_hz, axes[0].start_ns, stacked)


def _check_starts(path: Path, parts: Sequence[_Channel]) -> None:
    starts = {part.channel.label: part.zero_ns for part in parts}
    if max(starts.values()) - min(starts.values()) > LATEST_START_S * NS:
        known = ", ".join(f"{label} {to_datetime(at):%Y-%m-%d %H:%M:%S} UTC" for label, at in starts.items())
        hint = "put the files of one session into one folder"
        raise FileFault(Fault.IMPLAUSIBLE, "the files start far apart", where=path.name, known=known, hint=hint)


def _markers(parts: Sequence[_Channel]) -> tuple[Marker, ...]:
    """Annotations of all files, each once."""
    notes = {(p.zero_ns + round(a.onset_s * NS), a.duration_s or 0.0, a.text) for p in parts for a in p.annotations}
    return tuple(Marker(*note) for note in sorted(notes))


READER = Reader(
    name="zmax",
    device="Hypnodyne ZMax headband",
    looks_like="a Hypnodyne ZMax night: a folder or zip of EEG L.edf, EEG R.edf, dX.edf, dY.edf, dZ.edf, BODY TEMP.edf",
    gives=frozenset({Kind.EEG, Kind.ACC, Kind.TEMP, Kind.BVP, Kind.MARKERS}),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="the headband's clock, set once by the computer: runs on through a change of the clocks",
)
