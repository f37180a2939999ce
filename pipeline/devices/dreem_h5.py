"""Dreem headband and Dreem Open Datasets: HDF5 with one data set a channel and a hypnogram.

A headband's export holds eegN/raw and eegN/filtered (before July 2021 channelN/raw, /filtered and /visualization),
accelerometer/x, y, z and the headband's own staging; its start is a unix time. The Open Datasets (Guillot et al. 2020,
doi:10.1109/TNSRE.2020.3011181) hold signals/eeg/C3_M2 …, described in JSON with rate and unit, and an expert hypnogram
(0 W, 1 to 3, 4 REM, −1 not scored, epochs of 30 s). Read is the EEG channel asked for; unasked, the one that
`channels.eeg_preference` ranks first; beside it ECG and acceleration. A headband's EEG is read as it filtered it (a
band-pass from 0.4 Hz up): whether its raw data are in µV is not written down anywhere, so that they need a unit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from pipeline.clock import NS
from pipeline.devices.channels import eeg_preference, known_units, place_of, unit_scale, wanted_labels
from pipeline.devices.reader import Asked, Glimpse, Reader, library, need_start, utc_from_wall
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import ClockKind, Hypnogram, Kind, Recording, Samples, Signal, Stage, StageSource

_File = Any
"""h5py.File, whose library is imported only when such a file is met."""
_MARK = b"\x89HDF\r\n\x1a\n"
FS_HZ, ACC_HZ, EPOCH_S = 250.0, 50.0, 30.0
MOST_SAMPLES = 30_000_000
"""33 hours at 250 Hz: no night is longer, and what is packed can claim to be anything."""
_PIECE = 1_000_000
_VARIANTS = ("filtered", "visualization", "raw")
"""The filtered signal is in µV; what the raw one is in, no public description says, so that it comes last."""
_BAND = re.compile(r"(?:eeg|channel)\d+")
MOST_DEPTH, MOST_OBJECTS = 16, 10_000
_STAGINGS = ("hypnogram", "algo/dreemnogram", "reporting/dreemnogram", "dreemnogram")
_KINDS = {"eeg": Kind.EEG, "eog": Kind.EOG, "emg": Kind.EMG, "ecg": Kind.ECG}


@dataclass(frozen=True, slots=True)
class _Found:
    """One data set that holds samples."""

    path: str
    label: str
    kind: Kind
    fs_hz: float
    unit: str


def recognise(seen: Glimpse) -> bool:
    """True for HDF5 with a headband's groups or with described signals; for any HDF5 where no library can look."""
    if seen.is_folder or not seen.head.startswith(_MARK):
        return False
    try:
        import h5py
    except ImportError:
        return True  # reading says which library is missing
    try:
        with h5py.File(seen.path, "r") as file:
            names = set(file)
            return any(map(_BAND.fullmatch, names)) or ("signals" in names and "eeg" in file["signals"])
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return True  # HDF5 that cannot be opened: reading says so


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one file.

    Raises
    ------
    FileFault
        NEEDS_EXTRA without h5py; CORRUPT for what is no sound HDF5; NO_START_TIME if neither file nor sidecar tells
        one; UNKNOWN_UNIT for signals without one; UNKNOWN_CODE for stages that are none; SETTINGS if a channel asked
        for is not there.
    """
    h5py = library(_h5py, "dreem", path)
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    with _opened(path, h5py) as file:
        found = _channels(file, path)
        start_ns, clock = _start(file, path, asked, zone)
        picks = _picks(path, found, asked)
        signals = [_signal(file, path, pick, asked, start_ns, notes) for pick in picks]
        acc = _acceleration(file, path, start_ns, notes)
        is_band = not any(f.path.startswith("signals/") for f in found)
        stages = _stages(file, path, start_ns, StageSource.AUTOMATIC if is_band else StageSource.EXPERT)
    if stages is not None and signals:
        apart_s = (signals[0].end_ns - stages.end_ns) / NS
        if abs(apart_s) > EPOCH_S:
            notes.append(f"signals end {apart_s:g} s after the hypnogram; neither was cut")
    return Recording(
        device="Dreem headband" if is_band else "Dreem Open Dataset",
        zone=zone,
        zone_source=source,
        signals=(*signals, *([acc] if acc else [])),
        hypnogram=stages,
        clock=clock,
        repairs=tuple(notes),
    )


def _h5py() -> ModuleType:
    import h5py

    return h5py  # type: ignore[no-any-return]


@contextmanager
def _opened(path: Path, h5py: ModuleType) -> Iterator[_File]:
    """The open file; what its library raises on damaged files is a fault in words."""
    try:
        with h5py.File(path, "r") as file:
            _check_links(file, h5py, path)
            yield file
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, UnicodeError, MemoryError) as bad:
        raise FileFault(
            Fault.CORRUPT,
            "the HDF5 file cannot be read to its end",
            where=path.name,
            known=type(bad).__name__,
            hint="it was probably cut short while copying: copy or export it again",
        ) from bad


def _check_links(file: _File, h5py: ModuleType, path: Path) -> None:
    """Raise if anything in the file lies in another: HDF5 opens whatever a link names, wherever it is."""
    groups, count = [(file, 0)], 0
    while groups:
        group, depth = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            found = None if isinstance(link, h5py.ExternalLink) else group.get(name)
            data = found if isinstance(found, h5py.Dataset) else None
            count += 1
            if isinstance(link, h5py.ExternalLink) or (data is not None and (data.external or data.is_virtual)):
                raise FileFault(
                    Fault.HOSTILE, "its HDF5 refers to another file", where=path.name,
                    known="no export does; nothing outside was opened",
                )  # fmt: skip
            if depth > MOST_DEPTH or count > MOST_OBJECTS:
                known = f"at most {MOST_OBJECTS} objects in {MOST_DEPTH} groups are read"
                raise FileFault(Fault.HOSTILE, "its HDF5 is nested too deep", where=path.name, known=known)
            if isinstance(found, h5py.Group):
                groups.append((found, depth + 1))


def _channels(file: _File, path: Path) -> list[_Found]:
    """The data sets that hold samples, in the file's order."""
    found = _described(file)
    for name in sorted(filter(_BAND.fullmatch, file), key=lambda n: int(re.sub(r"\D", "", n))):
        variant = next((v for v in _VARIANTS if v in file[name]), None)
        if variant is not None:
            unit = "" if variant == "raw" else "uV"
            found.append(_Found(f"{name}/{variant}", name, Kind.EEG, FS_HZ, unit))
    if not found:
        known = f"groups: {', '.join(sorted(file)[:12])}"
        raise FileFault(Fault.NOTHING_USABLE, "it holds no EEG of a Dreem headband", where=path.name, known=known)
    return found


def _described(file: _File) -> list[_Found]:
    """Signals of the Open Datasets, by the JSON that describes them."""
    told = file.attrs.get("description", "[]")
    rows = json.loads(told.decode() if isinstance(told, bytes) else str(told))
    found = []
    for row in (row for row in rows if isinstance(row, dict)) if isinstance(rows, list) else ():
        place = str(row.get("path", "")).strip("/")
        label = place.rsplit("/", 1)[-1]
        kind = _KINDS.get("ecg" if label.upper() == "ECG" else str(row.get("domain", "")).casefold())
        fs_hz = float(row.get("fs", 0))
        if kind is not None and fs_hz > 0 and place.startswith("signals/") and place in file:
            found.append(_Found(place, label.replace("_", "-"), kind, fs_hz, str(row.get("unit", ""))))
    return found


def _start(file: _File, path: Path, asked: Asked, zone: str) -> tuple[int, ClockKind]:
    """The instant of the first sample: the file's unix time, else the sidecar's wall clock."""
    told = file.attrs.get("start_time")
    try:
        begin_s = float(told) if told is not None else 0.0
    except (TypeError, ValueError):
        begin_s = 0.0
    if 1e9 < begin_s < 4e9:
        return round(begin_s * 1e6) * 1000, ClockKind.UTC
    return utc_from_wall(need_start(path, asked), zone), ClockKind.ELAPSED


def _picks(path: Path, found: Sequence[_Found], asked: Asked) -> list[_Found]:
    """The channels to read."""
    labels = [f.label for f in found]
    if asked.eeg_channels:
        picks = []
        for wanted in wanted_labels(asked.eeg_channels, labels):
            place = place_of(wanted.replace("_", "-"), labels)
            if place is None:
                what, known = f"there is no channel '{wanted}'", f"channels: {', '.join(labels)}"
                hint = did_you_mean(wanted, labels)
                raise FileFault(Fault.SETTINGS, what, where=path.name, known=known, hint=hint)
            picks.append(found[place])
        return list(dict.fromkeys(picks))
    eeg = [f for f in found if f.kind is Kind.EEG]
    return [*sorted(eeg, key=lambda f: eeg_preference(f.label))[:1], *[f for f in found if f.kind is Kind.ECG][:1]]


def _signal(file: _File, path: Path, pick: _Found, asked: Asked, start_ns: int, notes: list[str]) -> Signal:
    place = place_of(pick.label, tuple(asked.units))
    unit = pick.unit if place is None else tuple(asked.units.values())[place]
    scale = unit_scale(pick.kind, unit)
    if scale is None:
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            f"channel '{pick.label}' has no unit that is known: the file says '{unit}'",
            where=path.name,
            known=f"units of {pick.kind.name}: {known_units(pick.kind)}",
            hint=f'put {{"units": {{"{pick.label}": "uV"}}}} into {path.name}.json beside it',
        )
    if place is not None and unit != pick.unit:
        notes.append(f"'{pick.label}' was read in {unit} as told; the file says '{pick.unit}'")
    values = _values(file, pick.path, path)
    values = values * np.float32(scale[0]) + np.float32(scale[1])
    return Signal(pick.kind, pick.label, pick.fs_hz, start_ns, values)


def _values(file: _File, name: str, path: Path) -> Samples:
    """A data set of numbers as float32, shape (n,); what is no finite number is missing."""
    data = file[name]
    if data.file.id != file.file.id or getattr(data, "external", None) or getattr(data, "is_virtual", False):
        raise FileFault(
            Fault.HOSTILE, "the file points outside itself", where=path.name, known=f"'{name}' lies in another file"
        )
    shape = tuple(getattr(data, "shape", ()))
    if len(shape) != 1 or shape[0] > MOST_SAMPLES:
        raise FileFault(Fault.CORRUPT, f"'{name}' has the shape {shape}", where=path.name, known="one row of samples")
    values = np.empty(shape, np.float32)
    for first in range(0, shape[0], _PIECE):
        values[first : first + _PIECE] = data[first : first + _PIECE]
    values[~np.isfinite(values)] = np.nan
    return values


def _acceleration(file: _File, path: Path, start_ns: int, notes: list[str]) -> Signal | None:
    """The acceleration of the head, if the file holds all three axes."""
    names = [f"accelerometer/{axis}" for axis in "xyz"]
    if not all(name in file for name in names):
        return None
    axes = [_values(file, name, path) for name in names]
    n = min(map(len, axes))
    stacked = np.column_stack([axis[:n] for axis in axes])
    typical = float(np.nanmedian(np.linalg.norm(stacked[:: max(1, n // 100_000)], axis=1))) if n else 0.0
    if not 0.5 < typical < 2.0:
        notes.append(f"its acceleration has a usual length of {typical:.3g}, which is not the 1 g of gravity: left")
        return None
    return Signal(Kind.ACC, "accelerometer", ACC_HZ, start_ns, stacked)


def _stages(file: _File, path: Path, start_ns: int, source: StageSource) -> Hypnogram | None:
    """The staging that the file holds, if any."""
    name = next((name for name in _STAGINGS if name in file), None)
    if name is None:
        return None
    codes = _values(file, name, path)
    unknown = sorted(set(codes[np.isfinite(codes)].tolist()) - {-1.0, 0.0, 1.0, 2.0, 3.0, 4.0})
    if unknown:
        shown = ", ".join(f"{code:g}" for code in unknown[:8])
        known = "0 W, 1 N1, 2 N2, 3 N3, 4 REM, -1 not scored"
        raise FileFault(Fault.UNKNOWN_CODE, f"unknown sleep stages: {shown}", where=path.name, known=known)
    stages = np.where(np.isfinite(codes), codes, np.float32(Stage.UNSCORED)).astype(np.int8)
    return Hypnogram(start_ns, EPOCH_S, stages, "experts" if source is StageSource.EXPERT else "Dreem", source)


READER = Reader(
    name="dreem_h5",
    device="Dreem headband, Dreem Open Datasets",
    looks_like="a Dreem .h5 (HDF5 with eeg1/filtered or channel1/raw), or one of the Dreem Open Datasets (DOD)",
    gives=frozenset({Kind.EEG, Kind.EOG, Kind.EMG, Kind.ECG, Kind.ACC, Kind.STAGES}),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="unix time, set over the network; the Open Datasets tell no start: the sidecar does",
    extra="dreem",
)
