"""Wall clocks of devices that a computer set once, in its own zone, and that then run on through clock changes."""

from __future__ import annotations

import re

import numpy as np

from pipeline.clock import NS, utc_to_wall, wall_to_utc
from pipeline.recording import Int64

_OFFSET = re.compile(r"(?:GMT|UTC)?\s*([+-])(\d{1,2}):?(\d{2})(?::\d{2})?")


def from_first_stamp(wall_ns: Int64, zone: str) -> Int64:
    """Instants of wall clocks, shape (n,): the first is read in `zone`, the others are time elapsed from it."""
    return wall_ns - (int(wall_ns[0]) - int(wall_to_utc(wall_ns[:1], zone)[0]))


def tell_other_offset(text: str, zone: str, start_ns: int, notes: list[str]) -> None:
    """Add a note if the UTC offset that a header gives (`GMT -04:00`) is not the one of `zone` at the start."""
    found = _OFFSET.fullmatch(text.strip())
    if found is None:
        return
    told = (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1)
    true = int(utc_to_wall(np.array([start_ns], np.int64), zone)[0] - start_ns) // (60 * NS)
    if told != true:
        notes.append(
            f"the computer that set the device was at UTC{_signed(told)}, but {zone} was at UTC{_signed(true)}: its "
            f"clock is read as one of {zone}"
        )


def _signed(minutes: int) -> str:
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
