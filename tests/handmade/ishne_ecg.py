"""A small export of `ishne_ecg`."""

from __future__ import annotations

import binascii
import struct
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from handmade.sample import START, Sample
from pipeline.recording import Kind

MISSING = -32768


def ishne(
    samples: NDArray[np.int16],
    *,
    start: datetime | None = START,
    fs_hz: int = 200,
    resolution_nv: int = 2500,
    codes: tuple[int, ...] = (11, 15),
    quality: int = 0,
    recorder: bytes = b"Lifecard CF",
    text: bytes = b"",
    announced: int | None = None,
) -> bytes:
    """An ISHNE 1.0 file of samples (n, leads), field by field as the paper lists them."""
    n, leads = samples.shape

    def per_lead(values: tuple[int, ...]) -> bytes:
        return struct.pack("<12h", *values, *([-9] * (12 - leads)))

    date = (start.day, start.month, start.year) if start else (-9, -9, -9)
    clock = (start.hour, start.minute, start.second) if start else (-9, -9, -9)
    data_at = 522 + len(text)
    header = struct.pack("<4ih", len(text), announced or n, 522, data_at, 1)
    header += struct.pack("40s40s20s", b"Ada", b"Lovelace", b"MRN-4711") + struct.pack("<2h", 2, 1)
    header += (
        struct.pack("<3h", 10, 12, 1815) + struct.pack("<9h", *date, 1, 4, 2024, *clock) + struct.pack("<h", leads)
    )
    header += per_lead(codes) + per_lead((quality,) * leads) + per_lead((resolution_nv,) * leads)
    header += struct.pack("<h40sh", 0, recorder, fs_hz) + bytes(80 + 80 + 88)
    assert len(header) == 512
    checksum = binascii.crc_hqx(header + text, 0xFFFF)
    return b"ISHNE1.0" + struct.pack("<H", checksum) + header + text + samples.astype("<i2").tobytes()


def write_holter(folder: Path) -> Path:
    path = folder / "holter.ecg"
    samples = np.random.default_rng(0).integers(-400, 400, (200 * 60, 2)).astype(np.int16)
    samples[200 * 20 : 200 * 30] = MISSING
    path.write_bytes(ishne(samples))
    return path


SAMPLE = Sample(write_holter, (20.0, 30.0), frozenset({Kind.ECG}))
