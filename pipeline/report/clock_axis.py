"""One horizontal axis of time for stacked panels: instants → x, with tick labels in the participant's own clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, utc_to_wall
from pipeline.report.svg import Floats, Markup, line, text

Int64 = NDArray[np.int64]
_HOUR_NS = 3600 * NS
_QUARTER_NS = 900 * NS
"""Every zone's offset is a multiple of a quarter of an hour, so local hours begin on one of these instants."""


@dataclass(frozen=True, slots=True)
class ClockAxis:
    """Maps [start_ns, end_ns] to [left, right] in pixels."""

    start_ns: int
    end_ns: int
    left: float
    right: float
    zone: str

    def x(self, utc_ns: Int64) -> Floats:
        """Pixels of instants, shape kept; instants outside lie outside."""
        share = (np.asarray(utc_ns, np.int64) - self.start_ns) / max(self.end_ns - self.start_ns, 1)
        return np.asarray(self.left + share * (self.right - self.left), np.float64)

    def one(self, utc_ns: int) -> float:
        """Pixels of one instant, held inside the axis."""
        return float(np.clip(self.x(np.array([utc_ns])), self.left, self.right)[0])

    def ticks(self) -> list[tuple[float, str]]:
        """Pixels and 'HH:MM' of the whole local hours; every second, third … hour where they would crowd."""
        first = -(-self.start_ns // _QUARTER_NS) * _QUARTER_NS
        at = np.arange(first, self.end_ns + 1, _QUARTER_NS, dtype=np.int64)
        wall = utc_to_wall(at, self.zone)
        hours = (self.end_ns - self.start_ns) / _HOUR_NS
        step = next((n for n in (1, 2, 3, 6) if hours / n <= 13), 12)
        shown = (wall % _HOUR_NS == 0) & (wall // _HOUR_NS % step == 0)
        labels = wall[shown] // _HOUR_NS % 24
        return [(float(x), f"{hour:02d}:00") for x, hour in zip(self.x(at[shown]), labels.tolist(), strict=True)]

    def drawn(self, top: float, bottom: float) -> list[Markup]:
        """Grid lines from `top` to `bottom` and the labels beneath."""
        out: list[Markup] = []
        for x, label in self.ticks():
            out += [line(x, top, x, bottom, "grid"), text(x, bottom + 13, label, anchor="middle")]
        return out
