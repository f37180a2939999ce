"""Minute counts as an Actiwatch .AWD file: seven lines of head, then one value per line."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ONE_MINUTE = " 4 "
"""The format's code for epochs of 60 s."""


def write_awd(
    path: Path,
    counts: NDArray[np.int64],
    start_wall: datetime,
    *,
    identity: str,
    age_y: int,
    sex: str,
    serial: str,
    marked_minutes: tuple[int, ...] = (),
) -> None:
    """Writes 1-min counts from the local wall clock `start_wall` on; the watch does not follow a change of clocks.

    Minutes in which the button was pressed bear the mark ` M`. Lines end in CRLF.
    """
    head = [
        identity,
        f"{start_wall.day:02d}-{MONTHS[start_wall.month - 1]}-{start_wall.year}",
        f"{start_wall:%H:%M}",
        ONE_MINUTE,
        f"{age_y:02d}",
        serial,
        sex,
    ]
    values = list(map(str, counts.tolist()))
    for minute in marked_minutes:
        values[minute] += " M"
    path.write_bytes(("\r\n".join([*head, *values]) + "\r\n").encode("ascii"))
