"""Acceleration as an ActiGraph .gt3x file: a zip of `info.txt` and `log.bin`, a record for each second of samples."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Every entry bears the earliest time that a zip can, so that the same samples give the same bytes."""
UNITS_A_G = 256
_PACKED, _PLAIN, _LIGHT = 0x00, 0x1A, 0x05
_TICKS_AT_1970 = 621_355_968_000_000_000

Stretch = tuple[int, NDArray[np.int16]]
"""Wall clock (s since 1970) of the first sample, and whole seconds of samples (n, 3) in 1/256 g."""


def write_gt3x(
    path: Path,
    stretches: Iterable[Stretch],
    rate: int = 30,
    *,
    start_s: int,
    end_s: int,
    packed: bool = False,
    offset: str | None = "00:00:00",
    lux: int | None = 40,
) -> None:
    """Writes stretches one after another; time between two is what idle sleep leaves out.

    With `packed` the samples are those of older watches, 12 bits in the order Y, X, Z. A light record of `lux` stands
    before each stretch. `offset` is the UTC offset of the computer that set the watch; None leaves the line out.
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("info.txt"), _info(rate, start_s, end_s, offset))
        with archive.open(_entry("log.bin"), "w", force_zip64=True) as log:
            for first_s, samples in stretches:
                if lux is not None:
                    log.write(records(_LIGHT, np.array([first_s]), np.array([[lux]], "<u2").view(np.uint8)))
                rows = samples.reshape(-1, rate * 3)
                seconds = first_s + np.arange(len(rows))
                payload = packed_rows(rows) if packed else np.ascontiguousarray(rows, "<i2").view(np.uint8)
                log.write(records(_PACKED if packed else _PLAIN, seconds, payload))


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _info(rate: int, start_s: int, end_s: int, offset: str | None) -> bytes:
    lines = {
        "Serial Number": "TAS1D00000000",
        "Device Type": "Link",
        "Firmware": "1.7.2",
        "Battery Voltage": "4,03",  # as a Windows with a decimal comma writes it
        "Sample Rate": str(rate),
        "Start Date": str(_TICKS_AT_1970 + start_s * 10_000_000),
        "Stop Date": "0",
        "Last Sample Time": str(_TICKS_AT_1970 + end_s * 10_000_000),
        "TimeZone": offset,
        "Acceleration Scale": f"{UNITS_A_G:.1f}",
        "Acceleration Min": "-8.0",
        "Acceleration Max": "8.0",
        "Subject Name": "simulated",
    }
    return "".join(f"{key}: {value}\r\n" for key, value in lines.items() if value is not None).encode()


def records(kind: int, seconds: NDArray[np.int64], payload: NDArray[np.uint8]) -> bytes:
    """Records of one type: mark, type, time, size, payload (n, size), and the complement of the XOR of all that."""
    number, size = payload.shape
    out = np.empty((number, 9 + size), np.uint8)
    out[:, 0], out[:, 1] = 0x1E, kind
    out[:, 2:6] = seconds.astype("<u4")[:, None].view(np.uint8)
    out[:, 6:8] = np.array([size], "<u2").view(np.uint8)
    out[:, 8:-1] = payload
    out[:, -1] = ~np.bitwise_xor.reduce(out[:, :-1], axis=1)
    return out.tobytes()


def packed_rows(rows: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Rows of samples (X, Y, Z, X, …) as 12-bit values in the order Y, X, Z, two in three bytes."""
    number, values = rows.shape
    turned = rows.reshape(number, -1, 3)[:, :, [1, 0, 2]].reshape(number, values)
    even = np.zeros((number, values + values % 2), np.uint16)
    even[:, :values] = turned.view(np.uint16) & 0xFFF
    first, second = even[:, 0::2], even[:, 1::2]
    out = np.empty((number, first.shape[1], 3), np.uint8)
    out[:, :, 0], out[:, :, 1], out[:, :, 2] = first >> 4, (first & 15) << 4 | second >> 8, second & 0xFF
    return out.reshape(number, -1)[:, : (values * 3 + 1) // 2]
