"""A small export of `garmin_fit`, message by message as the FIT protocol lays them out."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from handmade.sample import T0_NS, Sample
from pipeline.clock import NS
from pipeline.recording import Kind

T0 = T0_NS // NS - 631_065_600
"""The start of the samples in seconds since 1989-12-31 UTC."""

_BASES = {"B": 0x02, "H": 0x84, "I": 0x86, "b": 0x00}
_CRC = (0x0, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401, 0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01,
        0x8801, 0x4400)  # fmt: skip

Message = tuple[int, dict[int, tuple[str, int | list[int]]]]
"""Its number in the profile, and by field number the type (a letter of `struct`) and the value or values."""


def fit_crc(content: bytes) -> int:
    """The checksum of the FIT protocol."""
    crc = 0
    for byte in content:
        for half in (byte & 0xF, byte >> 4):
            crc = (crc >> 4) ^ _CRC[crc & 0xF] ^ _CRC[half]
    return crc


def fit(messages: Iterable[Message]) -> bytes:
    """A FIT file; every message brings its own definition, which the protocol allows."""
    body = b""
    for number, fields in messages:
        body += struct.pack("<BBBHB", 0x40, 0, 0, number, len(fields))
        values = b""
        for place, (kind, value) in fields.items():
            packed = (
                struct.pack(f"<{len(value)}{kind}", *value)
                if isinstance(value, list)
                else struct.pack(f"<{kind}", value)
            )
            body += struct.pack("<3B", place, len(packed), _BASES[kind])
            values += packed
        body += b"\x00" + values
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT")
    head += struct.pack("<H", fit_crc(head))
    return head + body + struct.pack("<H", fit_crc(head + body))


def record(second: int, bpm: int) -> Message:
    return 20, {253: ("I", T0 + second), 3: ("B", bpm)}


def hrv(*rr_ms: int) -> Message:
    return 78, {0: ("H", [*rr_ms, *[0xFFFF] * (5 - len(rr_ms))])}


def sleep_level(second: int, level: int) -> Message:
    return 275, {253: ("I", T0 + second), 0: ("B", level)}


def write_fit(folder: Path) -> Path:
    path = folder / "activity.fit"
    messages: list[Message] = []
    for second in range(120):
        if not 40 <= second < 60:
            messages += [record(second, 60), hrv(1000)]
    messages += [sleep_level(60 * k, 2) for k in range(10)]
    path.write_bytes(fit(messages))
    return path


SAMPLE = Sample(
    write_fit,
    (40.0, 60.0),
    frozenset({Kind.HR, Kind.RR}),
    moves_with_zone=False,
    kinds=frozenset({Kind.STAGES}),
)
