"""Parmay Matrix .bin (`mtx_*.BIN`): 512 bytes of remarks, a header of 12 bytes, then packets with a checksum each.

A packet begins with MDTCPACK and tells its checksum, its first and last second since 1970 UTC, and how many samples of
acceleration, gyroscope, temperature and heart rate follow. Samples lie evenly between those seconds, as the maker's
software has them; the rate of a piece is their number over its time, some percent beside the nominal one. A packet
whose checksum fails is a gap, never filled. Gyroscope and heart rate are left out: a heart rate comes once in a while,
and the file does not say when within its packet.

Layout: as two public readers that agree have it, GGIRread (R/readParmayMatrix.R) and a converter to csv.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stretches import Stretch, stream_of, stretches
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Kind, Recording, Samples, Signal

REMARKS = 512
FILE_HEADER = struct.Struct("<4sIHH")
PACKET_HEADER = struct.Struct("<8s7I")
CHECKED_FROM = 12
"""The checksum is of all that stands behind it."""
MARK, PACKET_MARK = b"MDTC", b"MDTCPACK"
DEVICE_HZ = (12.5, 25.0, 50.0, 100.0)
MOST_PACKET = 16 * 1024**2
"""Packets hold some 12,000 samples, 72 KB; a larger one has a damaged count."""
SEARCHED = 1024**2
ROUNDING_NS = NS // 2
RANGES_G = (2, 4, 8, 16)


@dataclass(frozen=True, slots=True)
class _Packet:
    """One packet that is whole: its seconds, where its acceleration begins, and its body temperatures in 0.1 °C."""

    start_s: int
    end_s: int
    samples: int
    offset: int
    body: NDArray[np.int16]


def _recognise(seen: Glimpse) -> bool:
    """Whether the header's mark stands behind the remarks (a damaged copy may have lost some bytes)."""
    return MARK in seen.head[REMARKS - 16 : REMARKS + 16] and PACKET_MARK[4:] in seen.head[REMARKS : REMARKS + 64]


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration as a stream, and body temperature."""
    notes: list[str] = []
    range_g = _range_g(path)
    packets = _packets(path, notes)
    zone, source = asked.zone_for(path)
    start_s, end_s, samples = (
        np.array([getattr(packet, name) for packet in packets], np.int64) for name in ("start_s", "end_s", "samples")
    )
    shown_hz = float(samples.sum() / (end_s - start_s).sum())
    nominal = min(DEVICE_HZ, key=lambda hz: abs(hz - shown_hz))
    parts = stretches(path, start_s * NS, end_s * NS, samples, nominal, ROUNDING_NS)

    def acceleration(part: Stretch) -> Samples:
        wanted = packets[part.first : part.last]
        raw = np.concatenate([np.fromfile(path, "<i2", 3 * packet.samples, offset=packet.offset) for packet in wanted])
        step = np.where(raw >= 0, np.float32(range_g / 32767), np.float32(range_g / 32768))
        return (raw * step).astype(np.float32).reshape(-1, 3)

    return Recording(
        "Parmay Matrix",
        zone,
        source,
        _temperature(packets),
        streams=(stream_of(Kind.ACC, "acceleration", nominal, parts, acceleration),),
        clock=ClockKind.UTC,
        repairs=tuple(notes),
    )


def _range_g(path: Path) -> int:
    """The range of acceleration that the header tells.

    Raises
    ------
    FileFault
        TRUNCATED if the file ends within its header; CORRUPT if the header is not where it should be.
    """
    with path.open("rb") as stream:
        head = stream.read(REMARKS + FILE_HEADER.size)
    if len(head) < REMARKS + FILE_HEADER.size:
        raise FileFault(Fault.TRUNCATED, "the file ends within its header", where=path.name)
    mark, _, range_g, _ = FILE_HEADER.unpack(head[REMARKS:])
    if mark != MARK or range_g not in RANGES_G:
        known = f"MDTC should stand at byte {REMARKS}, and behind it a range of 2 to 16 g"
        hint = "copy it from the device again: bytes were lost or added"
        raise FileFault(Fault.CORRUPT, "its header is damaged", where=path.name, known=known, hint=hint)
    return int(range_g)


def _packets(path: Path, notes: list[str]) -> list[_Packet]:
    """Every whole packet with acceleration; what was left out is told.

    Raises
    ------
    FileFault
        NOTHING_USABLE if there is none.
    """
    found: list[_Packet] = []
    damaged, others = 0, {"gyroscope": 0, "heart rate": 0}
    with path.open("rb") as stream:
        stream.seek(REMARKS)
        told = FILE_HEADER.unpack(stream.read(FILE_HEADER.size))[1]
        for offset, packet in _scan(stream):
            if packet is None:
                damaged += 1
                continue
            _, _, start_s, end_s, acc, gyro, temperature, heart = PACKET_HEADER.unpack_from(packet)
            others["gyroscope"] += gyro
            others["heart rate"] += heart
            if acc and end_s > start_s:
                place = PACKET_HEADER.size + 6 * (acc + gyro)
                body = np.frombuffer(packet, "<i2", 2 * temperature, place)[::2].copy()  # lets go of the packet
                found.append(_Packet(start_s, end_s, acc, offset + PACKET_HEADER.size, body))
    if damaged:
        notes.append(f"{damaged} packets are cut, or their checksum fails: gaps")
    if told != len(found) + damaged:
        notes.append(f"the header announces {told} packets, {len(found)} whole ones with acceleration are here")
    notes += [f"{name} is not read" for name, count in others.items() if count]
    if not found:
        what = "the file holds no whole packet of acceleration"
        raise FileFault(Fault.NOTHING_USABLE, what, where=path.name, known="; ".join(notes))
    return found


def _scan(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """Each packet from here on with its place in the file; None in the place of one that is damaged."""
    offset = stream.tell()
    while (header := _at(stream, offset, PACKET_HEADER.size)) and len(header) == PACKET_HEADER.size:
        mark, checksum, _, _, acc, gyro, temperature, heart = PACKET_HEADER.unpack(header)
        size = PACKET_HEADER.size + 6 * (acc + gyro) + 4 * (temperature + heart)
        packet = _at(stream, offset, size) if mark == PACKET_MARK and size <= MOST_PACKET else b""
        if len(packet) == size and zlib.crc32(packet[CHECKED_FROM:]) == checksum:
            yield offset, packet
            offset += size
            continue
        yield offset, None
        offset = _next_mark(stream, offset + 1)
    if header:
        yield offset, None


def _at(stream: IO[bytes], offset: int, size: int) -> bytes:
    stream.seek(offset)
    return stream.read(size)


def _next_mark(stream: IO[bytes], offset: int) -> int:
    """Where the next packet begins; the end of the file if there is none."""
    while block := _at(stream, offset, SEARCHED):
        place = block.find(PACKET_MARK)
        if place >= 0:
            return offset + place
        if len(block) < SEARCHED:
            return offset + len(block)
        offset += len(block) - len(PACKET_MARK)
    return offset


def _temperature(packets: list[_Packet]) -> tuple[Signal, ...]:
    """Body temperature on the finest grid that a packet shows, NaN where it was not taken."""
    with_any = [packet for packet in packets if len(packet.body)]
    if not with_any:
        return ()
    step_s = max(min((p.end_s - p.start_s) / len(p.body) for p in with_any), 1.0)
    at_s: list[Floats] = [
        p.start_s + np.arange(len(p.body), dtype=np.float64) * ((p.end_s - p.start_s) / len(p.body)) for p in with_any
    ]
    place = np.rint((np.concatenate(at_s) - packets[0].start_s) / step_s).astype(np.int64)
    grid = np.full(int(place.max()) + 1, np.nan, np.float32)
    grid[place] = np.concatenate([p.body for p in with_any]) / np.float32(10)
    return (Signal(Kind.TEMP, "body temperature", 1 / step_s, packets[0].start_s * NS, grid),)


READER = Reader(
    name="matrix_bin",
    device="Parmay Matrix",
    looks_like="a Parmay Matrix recording (mtx_….BIN): binary, MDTC behind 512 bytes of remarks, packets MDTCPACK",
    gives=frozenset({Kind.ACC, Kind.TEMP}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="seconds since 1970 UTC at the start and end of each packet",
)
