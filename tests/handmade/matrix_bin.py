"""A small export of `matrix_bin`, and the writer of its layout."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from handmade.sample import T0_NS, Sample
from pipeline.clock import NS
from pipeline.recording import Kind

T0_S = T0_NS // NS


def packet(
    start_s: int, end_s: int, acc: np.ndarray, temperature: np.ndarray | None = None, gyro: int = 0, heart: int = 0
) -> bytes:
    """One packet: acceleration (n, 3) in steps, temperature (k, 2) of body and surroundings in 0.1 °C."""
    warm = np.empty((0, 2)) if temperature is None else temperature
    counts = struct.pack("<6I", start_s, end_s, len(acc), gyro, len(warm), heart)
    values = acc.astype("<i2").tobytes() + bytes(6 * gyro) + warm.astype("<i2").tobytes() + bytes(4 * heart)
    return b"MDTCPACK" + struct.pack("<I", zlib.crc32(counts + values)) + counts + values


def matrix(packets: list[bytes], told: int | None = None, range_g: int = 8) -> bytes:
    """A whole file."""
    head = struct.pack("<4sIHH", b"MDTC", len(packets) if told is None else told, range_g, 2000)
    return bytes(512) + head + b"".join(packets)


def write_bin(folder: Path) -> Path:
    """Ten packets of 60 s at 25 Hz, of which the fifth and sixth are absent."""
    path = folder / "mtx_25Hz.BIN"
    rng = np.random.default_rng(6)
    kept = [k for k in range(10) if k not in {4, 5}]
    parts = [
        packet(
            T0_S + 60 * k,
            T0_S + 60 * k + 60,
            rng.normal([0, 0, 4096], 300, (1500, 3)),
            np.array([[340 + k, 220], [341 + k, 220]]),
        )
        for k in kept
    ]
    path.write_bytes(matrix(parts, told=len(parts)))
    return path


SAMPLE = Sample(write_bin, (240.0, 360.0), frozenset({Kind.ACC, Kind.TEMP}), moves_with_zone=False)
