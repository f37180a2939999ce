"""Rows at their times on a regular grid: absent rows are missing epochs, doubled ones are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Int64, Samples

MOST_BAD_SHARE = 0.05
"""Share of rows between the steps of the grid above which a file is refused."""
MOST_UNSORTED_SHARE = 0.01
"""Share of rows that step back in time above which a file is refused rather than sorted."""
LONGEST_EPOCH_S = 600.0
"""Longer epochs cannot tell sleep from waking; daily totals are no recording."""
MOST_EMPTY = 50
"""A grid with more than so many epochs a row has a wrong date in it."""


def epochs_of(path: Path, utc: Int64, notes: list[str]) -> tuple[Int64, Int64, int]:
    """Which rows to keep, in order of time; the epoch that each fills; and the length of an epoch in ns.

    Raises
    ------
    FileFault
        CORRUPT for rows out of order; IMPLAUSIBLE for rows that are no epochs, or one with a far date.
    """
    back = int(np.count_nonzero(np.diff(utc) < 0))
    if back > MOST_UNSORTED_SHARE * len(utc):
        known = f"{back} of {len(utc)} rows step back"
        raise FileFault(Fault.CORRUPT, "the rows are not in order of time", where=path.name, known=known)
    if back:
        notes.append(f"{back} rows stepped back in time: sorted")
    order = np.argsort(utc, kind="stable")
    steps = np.diff(utc[order])
    epoch_ns = int(np.median(steps[steps > 0])) if (steps > 0).any() else 0
    if not NS <= epoch_ns <= LONGEST_EPOCH_S * NS:
        known = f"rows are {epoch_ns / NS:g} s apart; 1 to {LONGEST_EPOCH_S:g} s can be read"
        raise FileFault(Fault.IMPLAUSIBLE, "the rows are no epochs", where=path.name, known=known)
    since = utc[order] - utc[order[0]]
    place = (since + epoch_ns // 2) // epoch_ns
    if np.mean(np.abs(since - place * epoch_ns) > epoch_ns / 4) > MOST_BAD_SHARE:
        known = f"most rows are {epoch_ns / NS:g} s apart, but many lie between such steps"
        raise FileFault(Fault.IMPLAUSIBLE, "the rows are not at regular times", where=path.name, known=known)
    if place[-1] > MOST_EMPTY * len(utc):
        known = f"{len(utc)} rows span {since[-1] / NS / 86_400:.0f} days"
        raise FileFault(Fault.IMPLAUSIBLE, "a time stamp is far from the others", where=path.name, known=known)
    place, first = np.unique(place, return_index=True)
    if len(place) < len(order):
        notes.append(f"{len(order) - len(place)} rows repeat an epoch: the first is kept")
    return order[first], place, epoch_ns


def laid_out(values: Floats, order: Int64, place: Int64) -> Samples:
    """`values` (one a row) as float32 on the grid of `epochs_of`, NaN where no row was."""
    out = np.full(int(place[-1]) + 1, np.nan, np.float32)
    out[place] = values[order]
    return out
