"""The double-plotted actogram: rows of 48 h from local noon, so that every night is seen whole, twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS, noon_ns, utc_to_wall
from pipeline.report.clock_axis import Int64
from pipeline.report.rows import border_ns, floats, instants, shown, weekday
from pipeline.report.svg import Floats, Markup, figure, hatch, line, number, runs, tag, text

BIN_NS = 300 * NS
DAY_BINS = 288
"""Bins of 5 min in 24 h of wall clock."""
MAX_DAYS = 90
"""Rows drawn at most, the latest ones; earlier days are in the dataset."""
WIDTH, LEFT, RIGHT = 960.0, 122.0, 940.0
ROW, BAR, TOP = 30.0, 4.0, 20.0
SCALE_PCT = 98.0
"""The common height is this percentile of the participant's activity above zero; rarer peaks are cut there."""
MEASURES = (("activity_cpm", "counts/min"), ("mad_mg", "mg"))


@dataclass(frozen=True, slots=True)
class Course:
    """Activity on a grid of 5-min wall-clock bins from the noon of `first` on; shapes (days + 1) · 288."""

    first: date
    days: int
    height: Floats
    """0 … 1 of the common scale, NaN where nothing is drawn."""
    unworn: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    skipped: NDArray[np.bool_]
    """Wall-clock bins that never were: the hour that the clocks leave out in spring."""
    top: float
    unit: str


def course(epochs: pl.DataFrame, days: Sequence[date], zone: str) -> Course | None:
    """The participant's activity over the last `MAX_DAYS` of `days`; None where no movement was recorded in them.

    Where the clocks go back, the repeated hour holds the mean of both passes.
    """
    days = [day for day in days if (days[-1] - day).days < MAX_DAYS]
    name, unit = max(MEASURES, key=lambda m: int(np.isfinite(floats(epochs, m[0])).sum()))
    values, wear = floats(epochs, name), floats(epochs, "wear")
    if not days or not (np.isfinite(values).any() or (wear == 0).any()):
        return None
    first, n = days[0], ((days[-1] - days[0]).days + 2) * DAY_BINS
    where = _bins(instants(epochs), first, zone)
    grid = np.arange(noon_ns(first, zone), noon_ns(days[-1] + timedelta(days=2), zone), EPOCH_NS, dtype=np.int64)
    skipped = ~_any(_bins(grid, first, zone), np.ones(len(grid), bool), n)
    measured = np.isfinite(values) & (wear != 0)
    known = (where >= 0) & (where < n) & measured
    total = np.bincount(where[known], values[known], minlength=n)
    count = np.bincount(where[known], minlength=n)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    active = mean[np.isfinite(mean) & (mean > 0)]
    top = float(np.percentile(active, SCALE_PCT)) if active.size else 1.0
    unworn = _any(where, wear == 0, n) & (count == 0)
    missing = (count == 0) & ~unworn & ~skipped
    return Course(first, n // DAY_BINS - 1, np.clip(mean / top, 0.0, 1.0), unworn, missing, skipped, top, unit)


def actogram(found: Course, nights: Sequence[Mapping[str, Any]], events: pl.DataFrame, zone: str) -> Markup:
    """The figure: activity, non-wear hatched, missing shaded, sleep windows and reported rests as bars beneath."""
    hours = {night["night"]: float(night["hours"]) for night in nights}
    windows = _intervals(nights, found.first, zone)
    rests, marks = _events(events, found.first, zone)
    bottom = TOP + found.days * (ROW + BAR * 2 + 4)
    children: list[Markup] = [hatch("unworn")]
    for hour in range(0, 49, 6):
        x = _x(hour * 12.0)
        children += [text(x, TOP - 7, f"{(12 + hour) % 24:02d}:00", anchor="middle"), line(x, TOP, x, bottom, "grid")]
    for k in range(found.days):
        day = found.first + timedelta(days=k)
        top = TOP + k * (ROW + BAR * 2 + 4)
        children.append(_row(found, k, top, _label(day, hours)))
        children += _bars(windows, k, top + ROW + 1, "sleepwindow")
        children += _bars(rests, k, top + ROW + 1 + BAR, "rest")
        children += [
            line(_x(m - k * DAY_BINS), top, _x(m - k * DAY_BINS), top + ROW, "marker")
            for m in marks
            if 0 <= m - k * DAY_BINS < 2 * DAY_BINS
        ]
    title = (
        f"Double-plotted actogram of {found.days} days, rows of 48 h from local noon, {zone}; full height is "
        f"{shown(found.top, 0)} {found.unit}"
    )
    return figure(WIDTH, bottom + 4, title, *children)


def _row(found: Course, k: int, top: float, label: tuple[str, str]) -> Markup:
    """One row: its label, its activity as a filled outline, and what was not measured."""
    part = slice(k * DAY_BINS, (k + 2) * DAY_BINS)
    name, change = label
    children = [text(LEFT - 8, top + 14, name, anchor="end", class_="label")]
    if change:
        children.append(text(LEFT - 8, top + 27, change, anchor="end", class_="dst"))
    children.append(line(LEFT, top + ROW, RIGHT, top + ROW, "rule"))
    for mask, kind in ((found.missing, "missing"), (found.unworn, "nonwear"), (found.skipped, "skipped")):
        fill = "url(#unworn)" if kind == "nonwear" else None
        for first, last in runs(mask[part]).tolist():
            children.append(
                tag(
                    "rect",
                    x=_x(first),
                    y=top if kind == "nonwear" else top + ROW - 6,
                    width=_x(last) - _x(first),
                    height=ROW if kind == "nonwear" else 6,
                    fill=fill,
                    class_=kind,
                )
            )
    height = found.height[part]
    shape = "".join(_outline(height[a:b], a, top + ROW) for a, b in runs(np.isfinite(height)).tolist())
    if shape:
        children.append(tag("path", d=shape, class_="activity"))
    return tag("g", *children, data_day=(found.first + timedelta(days=k)).isoformat())


def _outline(height: Floats, first: int, base: float) -> str:
    """A closed stepped outline in relative coordinates (a tenth of a pixel is plenty and keeps the page small)."""
    step = (RIGHT - LEFT) / (2 * DAY_BINS)
    y = np.round(height * ROW, 1)
    rises = np.diff(np.concatenate(([0.0], y, [0.0])))
    words = [f"M{number(_x(first))},{number(base)}"]
    width = 0.0
    for rise in rises:
        if abs(rise) >= 0.05:
            words.append((f"h{number(width)}" if width else "") + f"v{number(-float(rise))}")
            width = 0.0
        width += step
    return "".join(words) + "z"


def _label(day: date, hours: Mapping[date, float]) -> tuple[str, str]:
    """Weekday and date, and the length of the night's 24 h if the clocks change in it."""
    length = hours.get(day)
    change = f"{length:g} h" if length is not None and length != 24.0 else ""
    return weekday(day), change


def _intervals(nights: Sequence[Mapping[str, Any]], first: date, zone: str) -> Floats:
    """Sleep windows in bins since the first noon, shape (n, 2)."""
    found = [(border_ns(night, "window_start_utc"), border_ns(night, "window_end_utc")) for night in nights]
    pairs = np.array([pair for pair in found if None not in pair], np.int64).reshape(-1, 2)
    return _exact(pairs, first, zone)


def _events(events: pl.DataFrame, first: date, zone: str) -> tuple[Floats, list[float]]:
    """Reported rests (n, 2) and the instants of markers, in bins since the first noon."""
    at = instants(events, "onset_utc")
    rest = (events.get_column("kind") == "rest").to_numpy()
    long_ns = (floats(events, "duration_s") * NS).astype(np.int64)
    pairs = np.stack([at[rest], (at + long_ns)[rest]], axis=1)
    return _exact(pairs, first, zone), _exact(at[~rest], first, zone).tolist()


def _bars(intervals: Floats, k: int, y: float, kind: str) -> list[Markup]:
    """The bars of row k: intervals cut to its 48 h."""
    cut = np.clip(intervals - k * DAY_BINS, 0.0, 2.0 * DAY_BINS)
    return [
        tag("rect", x=_x(a), y=y, width=_x(b) - _x(a), height=BAR - 1, class_=kind) for a, b in cut.tolist() if b > a
    ]


def _x(bins: float) -> float:
    return LEFT + (RIGHT - LEFT) * bins / (2 * DAY_BINS)


def _exact(utc_ns: Int64, first: date, zone: str) -> Floats:
    """Bins, with fractions, since the first noon by the wall clock."""
    origin = int(utc_to_wall(np.array([noon_ns(first, zone)]), zone)[0])
    return np.asarray((utc_to_wall(utc_ns, zone) - origin) / BIN_NS, np.float64)


def _bins(utc_ns: Int64, first: date, zone: str) -> Int64:
    return np.floor(_exact(utc_ns, first, zone)).astype(np.int64)


def _any(where: Int64, mask: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """Which of n bins hold at least one True."""
    chosen = where[mask & (where >= 0) & (where < n)]
    return np.asarray(np.bincount(chosen, minlength=n) > 0)
