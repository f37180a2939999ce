"""Where samples lie whose stamps say when they *arrived*: in packets, late, in whole seconds.

A headband counts its samples out evenly; radio and phone hold some back and hand them on in bursts, so that stamps
tell the time of a sample only as "not before". How late a sample is, by its stamp and its number, is therefore never
less than a floor that stays where it is while samples arrive late and catch up again, and rises for good by the
length of a gap. Pieces are cut where the floor rises; within a piece the nominal rate holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.reader import whole_ns
from pipeline.recording import Floats, Int64

HORIZON_S = 10.0
"""Samples that are held back catch up within so much; what is late for longer is late because others were lost."""
SHORTEST_GAP_S = 0.25
"""Shorter rises are radio jitter; several of them make a gap together once they reach this."""


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """First sample of each piece, when each began in seconds after the first stamp, and how far the rate drifts."""

    first: Int64
    onset_s: Floats
    drift_s: float
    """Seconds by which stamps and nominal rate part from the last piece's begin to the end, beyond its gaps."""


def resolution_s(arrived_s: Floats, begin_ns: int) -> float:
    """1.0 if stamps, so many seconds after `begin_ns`, are whole seconds, else 0.0 (as fine as it needs to be)."""
    return 1.0 if len(arrived_s) > 1 and begin_ns % NS == 0 and not np.any(arrived_s % 1.0) else 0.0


def start_ns(found: Pieces, begin_ns: int) -> int:
    """The instant of the first sample, to the microsecond: no stamp is finer."""
    return begin_ns + round(float(found.onset_s[0]) * 1e6) * 1000


def rate_hz(arrived_s: Floats) -> float:
    """Samples a second as they arrived, in the median 10 s; NaN if the stamps do not advance."""
    stride = int(np.searchsorted(arrived_s, arrived_s[0] + HORIZON_S))
    stride = min(max(stride, 1), len(arrived_s) - 1)
    took_s = arrived_s[stride::stride] - arrived_s[:-stride:stride]
    typical_s = float(np.median(took_s)) if len(took_s) else 0.0
    return stride / typical_s if typical_s > 0 else float("nan")


def pieces(arrived_s: Floats, number: Floats, fs_hz: float, begin_ns: int, path: Path) -> Pieces:
    """Pieces of samples that arrived `arrived_s` after `begin_ns` and were counted as `number`, shape (n,), n > 0.

    `number` is the row, or the sample's own count where the recorder sent one. Stamps in whole seconds are taken to
    be cut, not rounded.

    Raises
    ------
    FileFault
        IMPLAUSIBLE for stamps that no recording can hold.
    """
    whole_ns(arrived_s, path)
    coarse_s = resolution_s(arrived_s, begin_ns)
    least_gap_s = max(SHORTEST_GAP_S, coarse_s)
    late_s = arrived_s - number / fs_hz
    jumps = np.flatnonzero(np.diff(arrived_s) > least_gap_s) + 1
    begins = np.union1d(np.arange(0, len(arrived_s), max(1, round(HORIZON_S * fs_hz))), jumps)
    floor_s = np.minimum.reduceat(late_s, begins)
    # A rise counts only if nothing within the horizon falls below it again: then it was a delay, not a loss.
    reach = np.searchsorted(begins, begins + round(HORIZON_S * fs_hz))
    floor_s = np.array([floor_s[k:end].min() for k, end in enumerate(reach.tolist())])
    cuts, level = [0], float(floor_s[0])
    for k, now in enumerate(floor_s.tolist()):
        if now - level > least_gap_s:
            cuts.append(k)
            level = now
        level = min(level, now)  # a device that samples fast is ever less late: a gap rises from there
    first = begins[cuts]
    onset_s = number[first] / fs_hz + floor_s[cuts] + max(0.0, coarse_s - 1 / fs_hz)
    return Pieces(first.astype(np.int64), onset_s, float(floor_s[-1] - floor_s[cuts[-1]]))
