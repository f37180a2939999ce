"""A small export of `axivity_cwa`."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

BLOCK = struct.Struct("<2sHHIIIHHBBBBhH480s")


def stamp(moment: datetime) -> int:
    """A wall clock as the format packs it."""
    year, month = (moment.year - 2000) << 26, moment.month << 22
    return year | month | moment.day << 17 | moment.hour << 12 | moment.minute << 6 | moment.second


def summed(block: bytes) -> bytes:
    """A block of 510 bytes with its checksum: all 16-bit words add up to 0."""
    return block + struct.pack("<H", -sum(struct.unpack("<255H", block)) & 0xFFFF)


def head(rate: int = 0x4A, hardware: int = 0x17) -> bytes:
    """A header whose notes name somebody."""
    out = bytearray(b"\xff" * 1024)
    out[:5] = b"MD\xfc\x03" + bytes([hardware])
    out[36] = rate
    out[64:86] = b"_sn=Jane+Roe&_c=Centre"
    return bytes(out)


def block(number: int, late_s: float, payload: bytes, **changes: int) -> bytes:
    """A packed block at 100 Hz that begins so many seconds after `START`."""
    whole, fraction = divmod(round(late_s * 32768), 32768)
    values = {
        "fraction": 0x8000 | fraction,
        "session": 7,
        "sequence": number,
        "stamp": stamp(START + timedelta(seconds=whole)),
        "light": 341,
        "temperature": 256,
        "events": 0,
        "battery": 190,
        "rate": 0x4A,
        "layout": 0x30,
        # Lessened by the fraction, for readers that do not know of it.
        "offset": -int(fraction / 32768 * 3200 / (1 << 15 - (changes.get("rate", 0x4A) & 15))),
        "count": 120,
    } | changes
    return summed(BLOCK.pack(b"AX", 508, *values.values(), payload))


def write_cwa(folder: Path) -> Path:
    """100 blocks of 1.2 s, ten of them lost."""
    path = folder / "watch.cwa"
    still = struct.pack("<I", 5 | (-3 & 0x3FF) << 10 | 256 << 20) * 120
    path.write_bytes(head() + b"".join(block(k, k * 1.2, still) for k in range(100) if not 30 <= k < 40))
    return path


SAMPLE = Sample(write_cwa, (36.0, 48.0), frozenset({Kind.ACC, Kind.TEMP, Kind.LIGHT}))
