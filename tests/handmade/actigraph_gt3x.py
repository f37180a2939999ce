"""A small export of `actigraph_gt3x`."""

from __future__ import annotations

import struct
import zipfile
from functools import reduce
from operator import xor
from pathlib import Path

from handmade.sample import T0_NS, Sample
from pipeline.clock import NS
from pipeline.recording import Kind

WALL_S = T0_NS // NS + 3600
"""22:00 in Rome, as if it were UTC."""
TICKS_AT_1970 = 621_355_968_000_000_000


def record(kind: int, second: int, payload: bytes) -> bytes:
    """A record with its checksum."""
    body = struct.pack("<BBIH", 0x1E, kind, WALL_S + second, len(payload)) + payload
    return body + bytes([reduce(xor, body) ^ 0xFF])


def info(**changes: str | None) -> str:
    """A description that names somebody; None leaves a line out."""
    lines = {
        "Serial_Number": "MOS2E39180594",
        "Device_Type": "wGT3XBT",
        "Firmware": "1.9.2",
        "Battery_Voltage": "4,03",
        "Sample_Rate": "30",
        "Start_Date": str(TICKS_AT_1970 + WALL_S * 10_000_000),
        "Stop_Date": "0",
        "Last_Sample_Time": str(TICKS_AT_1970 + (WALL_S + 120) * 10_000_000),
        "TimeZone": "01:00:00",
        "Acceleration_Scale": "256.0",
        "DateOfBirth": "624016617000000000",
        "Subject_Name": "Jane Roe",
    } | changes
    return "".join(f"{key.replace('_', ' ')}: {value}\r\n" for key, value in lines.items() if value is not None)


def still(rate: int = 30) -> bytes:
    """A second of int16 samples."""
    return struct.pack("<3h", 10, -20, 256) * rate


def write_zip(folder: Path, parts: dict[str, bytes]) -> Path:
    """A zip of named parts."""
    path = folder / "watch.gt3x"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def write_log(folder: Path, log: bytes, **changes: str | None) -> Path:
    """A file of a log and a description."""
    return write_zip(folder, {"log.bin": log, "info.txt": info(**changes).encode()})


def write_gt3x(folder: Path) -> Path:
    """Two minutes, of which the watch slept ten seconds."""
    seconds = [record(0x1A, k, still()) for k in range(120) if not 30 <= k < 40]
    return write_log(folder, record(0x05, 0, b"\x28\x00") + b"".join(seconds))


SAMPLE = Sample(write_gt3x, (30.0, 40.0), frozenset({Kind.ACC, Kind.LIGHT}), moves_with_zone=False)
