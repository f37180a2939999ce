"""ISHNE Holter ECG (.ecg): a day of one to twelve leads, as Holter analysis systems hand it on.

Layout after Badilini, "The ISHNE Holter standard output file format", Ann Noninvasive Electrocardiol 1998;3:263: ten
bytes of mark and checksum, a fixed header of 512 bytes, a block of free text, then int16 samples, leads interleaved, in
multiples of each lead's resolution (nV). The header's wall clock was set once; the free text, names, birth date and id
are never read. A file that is longer than memory likes is given as streams.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal, SignalStream

MARK = b"ISHNE1.0"
HEADER_BYTES = 522
MOST_LEADS = 12
MISSING = -32768
EARLIEST_YEAR, LATEST_YEAR = 1985, 2100
"""Digital Holter recorders are no older: another year was written to hide the date."""
MOST_IN_MEMORY = 32_000_000
"""Samples of all leads above which they are streamed: 128 MB as float32, a day of three leads at 120 Hz."""
PIECE = 2_000_000

_LEADS = (
    "lead", "bipolar", "X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF",
    "V1", "V2", "V3", "V4", "V5", "V6", "ES", "AS", "AI",
)  # fmt: skip
_QUALITY = {
    1: "intermittent noise",
    2: "frequent noise",
    3: "intermittent loss of signal",
    4: "frequent loss of signal",
}
_MODEL = re.compile(r"[A-Za-z][A-Za-z .+/-]*(?:\d{1,3}[A-Za-z]{0,2})?")
_VOLTS = re.compile(r"(\d+(?:\.\d+)?)\s*(nV|uV|µV|mV)")
_UV = {"nV": 1e-3, "uV": 1.0, "µV": 1.0, "mV": 1e3}


@dataclass(frozen=True, slots=True)
class _Header:
    """What is read of the fixed header; never who was recorded."""

    checksum_fits: bool
    samples: int
    data_at: int
    wall: datetime | None
    leads: tuple[str, ...]
    quality: tuple[int, ...]
    resolution_nv: tuple[int, ...]
    recorder: str
    fs_hz: int


def _recognise(seen: Glimpse) -> bool:
    """Whether it begins with the mark of the format."""
    return seen.head.startswith(MARK)


def _read(path: Path, asked: Asked) -> Recording:
    """Every lead in µV from the header's start on."""
    header = _header(path)
    zone, source = asked.zone_for(path)
    notes = [] if header.checksum_fits else ["the header's checksum does not fit: it may have been edited"]
    start = utc_from_wall(header.wall or need_start(path, asked), zone)
    if header.wall is None:
        notes.append("the header holds no usable date: the start is the sidecar's")
    frames = _frames(path, header, notes)
    scales = [_scale_uv(path, asked, label, nv) for label, nv in zip(header.leads, header.resolution_nv, strict=True)]
    for label, quality in zip(header.leads, header.quality, strict=True):
        if quality in _QUALITY:
            notes.append(f"lead {label}: {_QUALITY[quality]}, says the header")
    raw = np.memmap(path, "<i2", "r", header.data_at, (frames, len(header.leads)))
    parts = [
        partial(_pieces, raw, k, label, float(header.fs_hz), start, scale)
        for k, (label, scale) in enumerate(zip(header.leads, scales, strict=True))
    ]
    signals: tuple[Signal, ...] = ()
    streams: tuple[SignalStream, ...] = ()
    if raw.size <= MOST_IN_MEMORY:
        signals = tuple(next(pieces(frames)) for pieces in parts)
    else:
        length_s = frames / header.fs_hz
        end = start + round(length_s * NS)
        streams = tuple(
            SignalStream(Kind.ECG, label, float(header.fs_hz), start, end, length_s, partial(pieces, PIECE))
            for label, pieces in zip(header.leads, parts, strict=True)
        )
    device = f"Holter {header.recorder}" if header.recorder else "Holter"
    return Recording(device, zone, source, signals, streams=streams, clock=ClockKind.DEVICE, repairs=tuple(notes))


def _header(path: Path) -> _Header:
    """The fixed header, checked as far as the samples depend on it."""
    with path.open("rb") as stream:
        block = stream.read(HEADER_BYTES)
        if len(block) < HEADER_BYTES:
            hint = "copy it again from the Holter system"
            raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name, hint=hint)
        checksum = int.from_bytes(block[8:10], "little")
        samples, text_at, data_at = (int(v) for v in np.frombuffer(block, "<i4", 3, 14))
        covered = block[10:] + stream.read(max(min(data_at, 2**20) - HEADER_BYTES, 0))
    word: list[int] = np.frombuffer(block, "<i2", (HEADER_BYTES - 10) // 2, 10).tolist()

    def at(byte: int, count: int = 1) -> list[int]:
        return word[(byte - 10) // 2 : (byte - 10) // 2 + count]

    (n_leads,), (fs_hz,) = at(156), at(272)
    if not 1 <= n_leads <= MOST_LEADS or fs_hz <= 0 or samples <= 0 or not HEADER_BYTES <= text_at <= data_at:
        known = f"{n_leads} leads at {fs_hz} Hz, {samples} samples from byte {data_at} on"
        raise FileFault(Fault.CORRUPT, "its header contradicts itself", where=path.name, known=known)
    text = block[232:272].split(b"\0")[0].decode("latin-1").strip()
    return _Header(
        checksum_fits=checksum == binascii.crc_hqx(covered, 0xFFFF),
        samples=samples,
        data_at=data_at,
        wall=_wall(at(138, 3), at(150, 3)),
        leads=_labels(at(158, n_leads)),
        quality=tuple(at(182, n_leads)),
        resolution_nv=tuple(at(206, n_leads)),
        recorder=text if _MODEL.fullmatch(text) else "",  # anything with a long number in it may identify
        fs_hz=fs_hz,
    )


def _wall(date: list[int], clock: list[int]) -> datetime | None:
    """The start as the header writes it (day, month, year; hour, minute, second); None if it is unset or hidden."""
    (day, month, year), (hour, minute, second) = date, clock
    try:
        wall = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  a wall clock
    except ValueError:
        return None
    return wall if EARLIEST_YEAR <= wall.year < LATEST_YEAR else None


def _labels(codes: list[int]) -> tuple[str, ...]:
    """Lead names of lead codes, numbered where a name would stand twice."""
    names = [_LEADS[code] if 0 <= code < len(_LEADS) else _LEADS[0] for code in codes]
    return tuple(name if names.count(name) == 1 else f"{name} {k + 1}" for k, name in enumerate(names))


def _frames(path: Path, header: _Header, notes: list[str]) -> int:
    """How many samples a lead has: as many as announced, or as are there."""
    there = max(path.stat().st_size - header.data_at, 0) // (2 * len(header.leads))
    if there == 0:
        raise FileFault(Fault.TRUNCATED, "the file ends before its first sample", where=path.name)
    if header.samples == there * len(header.leads):
        return there  # some systems count the samples of all leads together
    if there < header.samples:
        notes.append(f"{header.samples} samples a lead are announced, {there} are there: the copy was cut short")
    return min(there, header.samples)


def _scale_uv(path: Path, asked: Asked, label: str, resolution_nv: int) -> float:
    """Microvolts a step: the header's resolution, else the sidecar's."""
    if resolution_nv > 0:
        return resolution_nv * 1e-3
    told = _VOLTS.fullmatch(asked.units.get(label, "").strip())
    if told is None:
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            f"lead {label} has no resolution",
            where=path.name,
            known=f"the header says {resolution_nv} nV",
            hint=f'put {{"units": {{"{label}": "2500 nV"}}}} (the recorder\'s step) into {path.name}.json beside it',
        )
    return float(told[1]) * _UV[told[2]]


def _pieces(
    raw: NDArray[np.int16], lead: int, label: str, fs_hz: float, start: int, scale: float, piece: int
) -> Iterator[Signal]:
    """One lead in µV, `piece` samples at a time."""
    for begin in range(0, len(raw), piece):
        values = raw[begin : begin + piece, lead]
        samples = values.astype(np.float32)
        samples *= scale
        samples[values == MISSING] = np.nan
        yield Signal(Kind.ECG, label, fs_hz, start + round(begin / fs_hz * NS), samples)


READER = Reader(
    name="ishne_ecg",
    device="Holter ECG (ISHNE)",
    looks_like="a Holter ECG in the ISHNE format (.ecg, beginning with ISHNE1.0), as Holter systems export it",
    gives=frozenset({Kind.ECG}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="the recorder's wall clock at its start, then elapsed time",
)
