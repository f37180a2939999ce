"""Movisens: the folder of one measurement in the Unisens format, `unisens.xml` and a file of bare numbers a signal.

The XML gives type, rate, unit and scale of each file; a value is (raw − baseline) · lsbValue. Nothing in a file tells
of a gap: samples follow one another from the start on. The start is the wall clock of the computer that set the sensor,
which runs on through clock changes. Acceleration is a stream, because a week of it is gigabytes.

Layout: the Unisens 2.0 definition (unisens.org) and its example in the package unisensR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.delimited import content_of, lines_of, text_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import instants
from pipeline.devices.xml_text import elements
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Marker, Recording, Samples, Signal, SignalStream

HEADER = "unisens.xml"
MOST_HEADER = 4 * 1024**2
PIECE_SAMPLES = 1_000_000
MOST_SAMPLES = 1 << 27
"""A day and a half of ECG at 1024 Hz; more is no signal to be held in memory."""
MOST_MARKERS = 10_000

_CLASSES = {
    "acc": Kind.ACC,
    "ecg": Kind.ECG,
    "eda": Kind.EDA,
    "light": Kind.LIGHT,
    "temp": Kind.TEMP,
    "skintemp": Kind.TEMP,
    "skintemperature": Kind.TEMP,
}
_UNITS = {
    Kind.ACC: {"g": 1.0, "mg": 0.001, "m/s^2": 1 / 9.80665, "m/s2": 1 / 9.80665, "m/s²": 1 / 9.80665},
    Kind.ECG: {"uv": 1.0, "µv": 1.0, "μv": 1.0, "mv": 1000.0, "v": 1e6},
    Kind.EDA: {"us": 1.0, "µs": 1.0, "μs": 1.0},
    Kind.LIGHT: {"lux": 1.0, "lx": 1.0},
    Kind.TEMP: {"°c": 1.0, "c": 1.0, "celsius": 1.0, "degrees celsius": 1.0, "grad celsius": 1.0},
}
_TYPES = {
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float": "f4",
    "double": "f8",
}
_WORD = re.compile(r"[A-Za-z_]{1,32}")
_MODEL = re.compile(r"[A-Za-z]{2,12} ?\d{0,2}")


@dataclass(frozen=True, slots=True)
class _Entry:
    """One file of numbers: what it holds and how."""

    kind: Kind
    label: str
    file: Path
    dtype: np.dtype[np.generic]
    channels: int
    fs_hz: float
    baseline: float
    scale: float

    @property
    def samples(self) -> int:
        """Whole samples in the file."""
        return self.file.stat().st_size // (self.dtype.itemsize * self.channels)

    def read(self, first: int, count: int) -> Samples:
        """Some samples in the unit of the kind, shape (n,) or (n, 3)."""
        width = self.dtype.itemsize * self.channels
        raw = np.fromfile(self.file, self.dtype, count * self.channels, offset=first * width)
        out: NDArray[np.float32] = ((raw.astype(np.float64) - self.baseline) * self.scale).astype(np.float32)
        return out.reshape(-1, self.channels) if self.channels > 1 else out


def _recognise(seen: Glimpse) -> bool:
    """Whether a folder holds the header of the format."""
    return seen.is_folder and HEADER in seen.names


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration as a stream; ECG, EDA, light and temperature; taps on the sensor as markers."""
    root = _root(path)
    zone, source = asked.zone_for(path)
    begin = instants(pl.Series([root.get("timestampStart", "")]), asked, zone, path, follows_zone=False)
    start_ns = int(begin.utc_ns[0])
    notes: list[str] = list(begin.notes)
    entries = _entries(path, root, asked, notes)
    streams: list[SignalStream] = []
    signals: list[Signal] = []
    for entry in entries:
        if entry.kind is Kind.ACC:
            streams.append(_stream(entry, start_ns))
        elif entry.samples > MOST_SAMPLES:
            notes.append(f"{entry.label} has {entry.samples} samples, more than are held in memory: left out")
        else:
            signals.append(Signal(entry.kind, entry.label, entry.fs_hz, start_ns, entry.read(0, entry.samples)))
    clock = ClockKind.OFFSET if begin.clock is ClockKind.OFFSET else ClockKind.DEVICE
    return Recording(
        _device(root),
        zone,
        source,
        tuple(signals),
        markers=_markers(path, root, start_ns, notes),
        streams=tuple(streams),
        clock=clock,
        repairs=tuple(notes),
    )


def _root(path: Path) -> Element:
    """The header as a tree; it is small.

    Raises
    ------
    FileFault
        TOO_LARGE if it is not; CORRUPT if it is another XML or names no start.
    """
    header = path / HEADER
    if header.stat().st_size > MOST_HEADER:
        raise FileFault(Fault.TOO_LARGE, f"{HEADER} is larger than 4 MB", where=path.name)
    with header.open("rb") as stream:
        root = next(elements(stream, frozenset({"unisens"}), path), None)
    if root is None or not root.get("timestampStart"):
        known = "the element unisens with its timestampStart is absent"
        raise FileFault(Fault.CORRUPT, f"{HEADER} is not the header of a measurement", where=path.name, known=known)
    return root


def _entries(path: Path, root: Element, asked: Asked, notes: list[str]) -> list[_Entry]:
    """The files of numbers that can be read, one of each content; the others are told."""
    out: list[_Entry] = []
    left: list[str] = []
    for element in _children(root, "signalEntry"):
        content = element.get("contentClass", "")
        shown = content if _WORD.fullmatch(content) else "a signal without a class"
        kind = _CLASSES.get(content.lower())
        layout = next(iter(_children(element, "binFileFormat")), None)
        if kind is None or layout is None or any(entry.label == content.lower() for entry in out):
            left.append(shown)
            continue
        entry = _entry(path, element, layout, kind, asked)
        width = entry.dtype.itemsize * entry.channels
        if entry.file.stat().st_size % width:
            notes.append(f"the last sample of {shown} is cut: left out")
        out.append(entry)
        _tell_short(root, entry, notes)
    if left:
        notes.append("not read: " + ", ".join(sorted(set(left))))
    if not out:
        raise FileFault(
            Fault.NOTHING_USABLE, "the measurement holds no signal that is read", where=path.name,
            known="; ".join(notes), hint=f"read are {', '.join(sorted(_CLASSES))} in binary files",
        )  # fmt: skip
    return out


def _entry(path: Path, element: Element, layout: Element, kind: Kind, asked: Asked) -> _Entry:
    """What the header says of one file.

    Raises
    ------
    FileFault
        TRUNCATED if the file is absent; UNKNOWN_UNIT for a unit that cannot be converted; CORRUPT for the rest.
    """
    label = element.get("contentClass", "").lower()
    name = element.get("id", "")
    file = path / name
    if not re.fullmatch(r"[\w .-]{1,64}", name) or not file.is_file() or file.is_symlink():
        raise FileFault(Fault.TRUNCATED, f"the file of {label} is not in the folder", where=path.name)
    unit = asked.units.get(label, element.get("unit", ""))
    factor = _UNITS[kind].get(unit.strip().lower())
    if factor is None:
        known = f"known: {', '.join(sorted(_UNITS[kind]))}"
        hint = f'put {{"units": {{"{label}": "…"}}}} into {path.name}.json beside it'
        raise FileFault(
            Fault.UNKNOWN_UNIT, f"the unit of {label} is not known", where=path.name, known=known, hint=hint
        )
    channels = len(_children(element, "channel")) or 1
    fs_hz, scale = _number(element, "sampleRate", None), _number(element, "lsbValue", 1.0)
    zero = _number(element, "baseline", None if "adcZero" in element.attrib else 0.0)
    type_name = _TYPES.get(element.get("dataType", "").lower())
    if None in {fs_hz, scale, zero, type_name} or channels != (3 if kind is Kind.ACC else 1):
        known = f"{channels} channels; rate, type, lsbValue and baseline must be told"
        raise FileFault(Fault.CORRUPT, f"the header does not say how {label} is stored", where=path.name, known=known)
    order = ">" if layout.get("endianess", "LITTLE").upper() == "BIG" else "<"
    return _Entry(
        kind, label, file, np.dtype(f"{order}{type_name}"), channels, fs_hz or 1.0, zero or 0.0, (scale or 1.0) * factor
    )


def _number(element: Element, key: str, absent: float | None) -> float | None:
    """An attribute as a number, `absent` if it is not there; None if it is none, or not above 0 where it must be."""
    text = element.get(key)
    if text is None:
        return absent
    if not re.fullmatch(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?", text.strip()):
        return None
    value = float(text)
    return value if key == "baseline" or 0 < value < 1e6 else None


def _tell_short(root: Element, entry: _Entry, notes: list[str]) -> None:
    """Add a note if a file is shorter than the measurement that the header announces."""
    told_s, found_s = _number(root, "duration", None), entry.samples / entry.fs_hz
    if told_s is not None and found_s < told_s - max(60.0, 1 / entry.fs_hz):
        notes.append(f"the header announces {told_s:.0f} s, {entry.label} holds {found_s:.0f} s")


def _stream(entry: _Entry, start_ns: int) -> SignalStream:
    """A file as a stream of pieces, one behind the other."""

    def at(sample: int) -> int:
        return start_ns + round(sample / entry.fs_hz * NS)

    def pieces() -> Iterator[Signal]:
        for first in range(0, entry.samples, PIECE_SAMPLES):
            count = min(PIECE_SAMPLES, entry.samples - first)
            yield Signal(entry.kind, entry.label, entry.fs_hz, at(first), entry.read(first, count))

    length_s = entry.samples / entry.fs_hz
    return SignalStream(entry.kind, entry.label, entry.fs_hz, start_ns, at(entry.samples), length_s, pieces)


def _markers(path: Path, root: Element, start_ns: int, notes: list[str]) -> tuple[Marker, ...]:
    """Taps on the sensor: the file of events of that class, a sample number in the first column."""
    for element in _children(root, "eventEntry"):
        name, fs_hz = element.get("id", ""), _number(element, "sampleRate", None)
        file = path / name
        if element.get("contentClass", "").lower() != "marker" or fs_hz is None:
            continue
        if not re.fullmatch(r"[\w .-]{1,64}", name) or not file.is_file() or file.is_symlink():
            notes.append("the file of markers is not in the folder")
            continue
        rows = lines_of(text_of(content_of(file, MOST_HEADER)))[:MOST_MARKERS]
        places = [int(found[0]) for row in rows if (found := re.match(r"\d{1,12}(?=[,;\s])", row))]
        return tuple(Marker(start_ns + round(place / fs_hz * NS), 0.0, "marker") for place in sorted(places))
    return ()


def _device(root: Element) -> str:
    """The sensor's model, if the header tells it in the form of a model."""
    for group in _children(root, "customAttributes"):
        for element in _children(group, "customAttribute"):
            value = element.get("value", "")
            if element.get("key") == "sensorType" and _MODEL.fullmatch(value):
                return f"movisens {value}"
    return "movisens"


def _children(element: Element, name: str) -> list[Element]:
    """The children of a name, whatever their namespace."""
    return [child for child in element if isinstance(child.tag, str) and child.tag.rsplit("}", 1)[-1] == name]


READER = Reader(
    name="movisens",
    device="movisens",
    looks_like="the folder of a movisens measurement: unisens.xml with acc.bin, ecg.bin, … beside it",
    gives=frozenset({Kind.ACC, Kind.ECG, Kind.EDA, Kind.LIGHT, Kind.TEMP, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="device clock, runs on through clock changes",
)
