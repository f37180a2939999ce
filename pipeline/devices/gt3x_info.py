"""What `info.txt` of an ActiGraph .gt3x says of the recording; names, birth dates and serial numbers stay there."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.clock import NS
from pipeline.devices.delimited import text_of
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault

UNITS_A_G = {"NEO": 341.0, "CLE": 341.0, "MRA": 341.0, "MOS": 256.0, "TAS": 256.0}
"""By the first letters of the serial number, which stand for the model; ActiGraph's description of the format."""
_RATES = (1, 256)
_TICKS_A_SECOND = 10_000_000
_TICKS_AT_1970 = 621_355_968_000_000_000
_TICKS_AT_2200 = 693_937_152_000_000_000
"""A .NET clock counts 100 ns since the year 1."""
_OFFSET = re.compile(r"(-?)(\d{1,2}):(\d{2})(?::\d{2})?")
_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9+ -]{0,19}")


@dataclass(frozen=True, slots=True)
class Info:
    """A recording's frame. Wall clocks in ns; None where the file says nothing (or 0, which it means by it)."""

    model: str
    rate: int
    units_a_g: float
    start_ns: int | None
    end_ns: int | None
    offset_s: int | None
    """UTC offset of the computer that set the watch."""


def info_of(path: Path, content: bytes, asked: Asked, notes: list[str]) -> Info:
    """The frame of a recording.

    Raises
    ------
    FileFault
        CORRUPT if the rate is missing; UNKNOWN_UNIT if neither the file nor the model says how many units a g are.
    """
    pairs = (line.split(":", 1) for line in text_of(content).splitlines() if ":" in line)
    said = {key.strip().lower(): value.strip() for key, value in pairs}
    rate = _number(said.get("sample rate"))
    if rate is None or rate != int(rate) or not _RATES[0] <= rate <= _RATES[1]:
        known = "30 to 100 Hz are usual" if rate is None else f"it says {rate:g} Hz"
        raise FileFault(Fault.CORRUPT, "info.txt names no sample rate that can be", where=path.name, known=known)
    model = said.get("device type", "")
    ends = (_wall_ns(said.get(key)) for key in ("last sample time", "stop date", "download date"))
    return Info(
        f"ActiGraph {model}" if _MODEL.fullmatch(model) else "ActiGraph",
        int(rate),
        _units_a_g(path, said, asked, notes),
        _wall_ns(said.get("start date")),
        max((end for end in ends if end is not None), default=None),
        _offset_s(said.get("timezone")),
    )


def _number(text: str | None) -> float | None:
    """A number written with a point or, by a Windows that does so, with a comma."""
    try:
        number = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wall_ns(text: str | None) -> int | None:
    """The wall clock of ticks."""
    if text is None or not text.isdecimal() or len(text) > 18 or not _TICKS_AT_1970 <= int(text) < _TICKS_AT_2200:
        return None
    return (int(text) - _TICKS_AT_1970) * (NS // _TICKS_A_SECOND)


def _offset_s(text: str | None) -> int | None:
    """An offset such as -04:00:00 in seconds."""
    found = _OFFSET.fullmatch(text or "")
    if found is None or int(found[2]) > 14 or int(found[3]) > 59:
        return None
    return (-1 if found[1] else 1) * (int(found[2]) * 3600 + int(found[3]) * 60)


def _units_a_g(path: Path, said: dict[str, str], asked: Asked, notes: list[str]) -> float:
    """Sensor units a g: of the file, the sidecar, or the model."""
    told = _number(said.get("acceleration scale"))
    if told is not None and told > 1:
        return told
    wanted = _number((asked.units.get("acceleration") or "").partition(" ")[0])
    if wanted is not None and wanted > 1:
        return wanted
    by_model = UNITS_A_G.get(said.get("serial number", "")[:3].upper())
    if by_model is None:
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            "info.txt does not say how many units of the sensor are one g",
            where=path.name,
            known="341 for GT3X+ and wGT3X+, 256 for wGT3X-BT and GT9X Link",
            hint=f'put {{"units": {{"acceleration": "256 per g"}}}} into {path.name}.json beside it',
        )
    notes.append(f"info.txt names no scale: {by_model:g} units a g, as this model has")
    return by_model
