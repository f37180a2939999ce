"""What a handmade export is: how it is written, where its hole is, and what can be said of its clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pipeline.clock import NS
from pipeline.devices.reader import Asked
from pipeline.recording import Kind

START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
"""Every sample begins here, in Rome."""
T0_NS = 1_709_326_800 * NS
"""The instant of it."""
ASKED = Asked(zone="Europe/Rome", start=START, day_one=date(2024, 3, 1))


@dataclass(frozen=True)
class Sample:
    """How to write an export of a reader, and the stretch (s after its start) in which some kinds saw nothing.

    `holed` is empty for formats that cannot have a hole (a saliva table). `asked` is what the study knows of it.
    """

    write: Callable[[Path], Path]
    hole_s: tuple[float, float]
    holed: frozenset[Kind]
    asked: Asked = ASKED
    moves_with_zone: bool = True
    """Whether its stamps are wall clocks, so that another zone is another instant."""
    lines: bool = False
    """Whether a copy cut within its last line loses that line and nothing else."""
    kinds: frozenset[Kind] = frozenset()
    """Kinds that reading it gives at least, besides `holed`."""
    begins_s: float = 0.0
    """Where the first thing of the recording lies, in s after `START`."""
    planted: tuple[str, ...] = ()
    """Words that stand in it where names, birth dates, serial numbers or places stand; none may come out again."""
    packed: bool = False
    """Whether its bytes are compressed, so that what is planted cannot be seen in them."""
    needs_zone: bool = True
    """False for formats that always carry a zone or an offset of their own."""


def clock(second: float) -> str:
    """The wall clock so many seconds after the start, as HH:MM:SS."""
    return f"{START + timedelta(seconds=second):%H:%M:%S}"
