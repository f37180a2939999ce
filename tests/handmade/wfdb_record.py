"""A small export of `wfdb_record`: beat annotations in MIT format."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind

NORMAL, VENTRICULAR, NOISE, NOTE = 1, 5, 14, 22


def word(code: int, low: int) -> bytes:
    return struct.pack("<H", code << 10 | low)


def annotations(marks: Iterable[tuple[int, int]], rate: float | None = None) -> bytes:
    """Marks (tick, code) as MIT annotations, word by word as annot(5) describes them."""
    out = b""
    if rate is not None:
        text = f"## time resolution: {rate:g}".encode()
        out += word(NOTE, 0) + word(63, len(text)) + text + b"\0" * (len(text) % 2)
    before = 0
    for tick, code in marks:
        step = tick - before
        if not 0 <= step < 1024:
            high, low = step >> 16 & 0xFFFF, step & 0xFFFF
            out += word(59, 0) + struct.pack("<2H", high, low)
            step = 0
        out += word(code, step)
        before = tick
    return out + word(0, 0)


def write_annotations(folder: Path) -> Path:
    path = folder / "night.atr"
    ticks = [t for t in range(0, 300 * 200, 180) if not 100 * 200 < t < 130 * 200]
    path.write_bytes(annotations([(t, NORMAL) for t in ticks], rate=200))
    return path


SAMPLE = Sample(write_annotations, (100.8, 129.6), frozenset({Kind.RR}))
