"""Acceleration as an Axivity .cwa file: a header, then blocks of 512 bytes with stamp, light, temperature, checksum."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS

UNITS_A_G = 256
RATE_CODES = {12.5: 0x47, 25: 0x48, 50: 0x49, 100: 0x4A, 200: 0x4B}
"""Codes of rates in Hz at a range of ±8 g."""
PACKED, PLAIN = 120, 80
"""Samples a block: three 10-bit values and an exponent in 4 bytes, or three int16."""
_BLOCK = np.dtype(
    [
        ("mark", "S2"),
        ("length", "<u2"),
        ("fraction", "<u2"),
        ("session", "<u4"),
        ("sequence", "<u4"),
        ("stamp", "<u4"),
        ("light", "<u2"),
        ("temperature", "<u2"),
        ("events", "u1"),
        ("battery", "u1"),
        ("rate", "u1"),
        ("layout", "u1"),
        ("offset", "<i2"),
        ("count", "<u2"),
        ("payload", "u1", 480),
        ("checksum", "<u2"),
    ]
)

Stretch = tuple[int, NDArray[np.int16]]
"""Wall clock (ns) of the first sample, and samples (n, 3) in 1/256 g; time between two stretches is a gap."""


def write_cwa(
    path: Path,
    stretches: Iterable[Stretch],
    fs_hz: float = 100,
    *,
    per_block: int = PACKED,
    shown_hz: float | None = None,
) -> None:
    """Writes stretches of samples, one after another, so that a month needs no more memory than its longest stretch.

    A stretch that is no multiple of `per_block` ends in a block that is partly filled, as at the end of a recording.
    The stamps go by `shown_hz` where the sensor's true rate is not the nominal one.
    """
    with path.open("wb") as file:
        file.write(_header(fs_hz))
        sequence = 0
        for start_ns, samples in stretches:
            sequence += _write_blocks(file, start_ns, samples, (fs_hz, shown_hz or fs_hz), per_block, sequence)


def _header(fs_hz: float) -> bytes:
    head = bytearray(b"\xff" * 1024)
    head[:4] = b"MD" + (1020).to_bytes(2, "little")
    head[4] = 0x17  # AX3
    head[5:13] = bytes(8)
    head[36] = RATE_CODES[fs_hz]
    head[64:512] = b" " * 448
    return bytes(head)


def _write_blocks(
    file: IO[bytes],
    start_ns: int,
    samples: NDArray[np.int16],
    rates_hz: tuple[float, float],
    per_block: int,
    sequence: int,
) -> int:
    """Writes the blocks of one stretch; how many they were."""
    fs_hz, shown_hz = rates_hz
    number = -(-len(samples) // per_block)
    padded = np.zeros((number * per_block, 3), np.int16)
    padded[: len(samples)] = samples
    block = np.zeros(number, _BLOCK)
    block["mark"], block["length"] = b"AX", 508
    block["sequence"] = sequence + np.arange(number)
    wall = start_ns + np.rint(np.arange(number) * per_block / shown_hz * NS).astype(np.int64)
    fraction = wall % NS * 32768 // NS
    block["stamp"] = packed_stamps(wall // NS)
    block["fraction"] = 0x8000 | fraction
    # The stamp is that of the first sample; readers that know no fraction are told how many samples later it was whole.
    block["offset"] = -np.floor(fraction / 32768 * fs_hz).astype(np.int64)
    block["light"], block["temperature"], block["battery"] = 300, 270, 190
    block["rate"], block["layout"] = RATE_CODES[fs_hz], 0x30 if per_block == PACKED else 0x32
    block["count"] = np.minimum(per_block, len(samples) - np.arange(number) * per_block)
    payload = packed_words(padded) if per_block == PACKED else padded.astype("<i2")
    block["payload"] = payload.reshape(number, -1).view(np.uint8)
    block["checksum"] = -block.view("<u2").reshape(number, 256).sum(axis=1, dtype=np.uint16)
    file.write(block.tobytes())
    return number


def packed_stamps(seconds: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Whole seconds since 1970 as 6 bits of year, 4 month, 5 day, 5 hour, 6 minute, 6 second."""
    day = (seconds // 86_400).astype("datetime64[D]")
    month, year = day.astype("datetime64[M]"), day.astype("datetime64[Y]")
    of_day = seconds % 86_400
    date = (year.astype(np.int64) - 30) << 26 | (month - year).astype(np.int64) + 1 << 22
    date |= (day - month).astype(np.int64) + 1 << 17
    stamps: NDArray[np.uint32] = (date | of_day // 3600 << 12 | of_day // 60 % 60 << 6 | of_day % 60).astype(np.uint32)
    return stamps


def packed_words(samples: NDArray[np.int16]) -> NDArray[np.uint32]:
    """Samples (n, 3) as `eezzzzzz zzzzyyyy yyyyyyxx xxxxxxxx`, with the least exponent that holds all three."""
    wide = samples.astype(np.int64)
    largest = np.maximum(wide, -wide - 1).max(axis=1)
    exponent = (largest[:, None] >= 512 << np.arange(3)).sum(axis=1)
    x, y, z = (wide >> exponent[:, None] & 0x3FF).T
    words: NDArray[np.uint32] = (x | y << 10 | z << 20 | exponent << 30).astype("<u4")
    return words
