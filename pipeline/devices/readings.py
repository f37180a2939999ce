"""Readings at irregular times on a regular grid, as signals; nothing is interpolated and nothing is held.

The cells of a grid lie at UTC multiples of their length. A reading belongs to the cell that holds its instant; a count
over an interval (steps) is shared out over the cells in proportion to the time it has in each.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Int64, Kind, Samples, Signal

MOST_CELLS = 50_000_000
"""30 years of 20-s cells, 200 MB; more is a wrong date."""
LONGEST_NS = 24 * 3600 * NS
"""A count over a longer interval says nothing of when."""
_PART = 20_000
"""So many readings are worked on at a time: what is computed on the way takes no more memory for a longer export."""


def averaged(kind: Kind, label: str, at_ns: Int64, values: Floats | Samples, cell_s: int, path: Path) -> Signal | None:
    """The mean of the readings in each cell, NaN in cells without one; None if there is no reading."""
    finite = np.isfinite(values)
    if not finite.any():
        return None
    if not finite.all():
        at_ns, values = at_ns[finite], values[finite]
    cell = at_ns // (cell_s * NS)
    if (cell[1:] < cell[:-1]).any():
        order = np.argsort(cell, kind="stable")
        cell, values = cell[order], values[order]
    start, low = int(cell[0]), 0
    samples = _empty(start, int(cell[-1]) + 1, label, path)
    while low < len(cell):
        last = cell[min(low + _PART, len(cell)) - 1]
        high = low + int(np.searchsorted(cell[low:], last, side="right"))  # a cell is of one part
        part = cell[low:high]
        first = np.concatenate(([0], np.flatnonzero(part[1:] != part[:-1]) + 1))
        sums = np.add.reduceat(values[low:high].astype(np.float64), first)
        samples[part[first] - start] = sums / np.diff(np.append(first, len(part)))
        low = high
    return Signal(kind, label, 1 / cell_s, start * cell_s * NS, samples)


def shared_out(
    kind: Kind,
    label: str,
    begin_ns: Int64,
    end_ns: Int64,
    counts: Floats | Samples,
    cell_s: int,
    path: Path,
    notes: list[str],
) -> Signal | None:
    """Counts of intervals shared out over cells, NaN in cells that no interval reaches; None if there is none."""
    good = (end_ns > begin_ns) & (end_ns - begin_ns <= LONGEST_NS) & np.isfinite(counts)
    if not good.all():
        notes.append(f"{np.count_nonzero(~good)} counts ({label}) over no time, or over more than a day, left out")
        begin_ns, end_ns, counts = begin_ns[good], end_ns[good], counts[good]
    if not good.any():
        return None
    cell_ns = cell_s * NS
    start = int(begin_ns.min()) // cell_ns
    samples = _empty(start, -(-int(end_ns.max()) // cell_ns), label, path)
    for low in range(0, len(begin_ns), _PART):
        part = slice(low, low + _PART)
        _share(samples, start, begin_ns[part], end_ns[part], counts[part].astype(np.float64), cell_ns)
    return Signal(kind, label, 1 / cell_s, start * cell_ns, samples)


def _share(samples: Samples, start: int, begin: Int64, end: Int64, counts: Floats, cell_ns: int) -> None:
    """Add counts to the cells that their intervals touch."""
    first = begin // cell_ns
    touched = -(-end // cell_ns) - first
    which = np.repeat(np.arange(len(begin)), touched)
    cell = first[which] + np.arange(len(which)) - np.repeat(np.cumsum(touched) - touched, touched)
    inside = np.minimum(end[which], (cell + 1) * cell_ns) - np.maximum(begin[which], cell * cell_ns)
    place = cell - start
    samples[place] = np.nan_to_num(samples[place])
    np.add.at(samples, place, (counts[which] * inside / (end - begin)[which]).astype(np.float32))


def _empty(low: int, high: int, label: str, path: Path) -> Samples:
    """Cells without a reading, from `low` to before `high`."""
    if high - low > MOST_CELLS:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"the readings of '{label}' lie decades apart",
            where=path.name,
            hint="a date in it is wrong: correct it or leave it out",
        )
    return np.full(high - low, np.nan, np.float32)
