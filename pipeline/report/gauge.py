"""A score as an interval: 95 % and 80 % bars with the estimate as a point; and its contributions as signed bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.rows import shown
from pipeline.report.svg import Markup, figure, line, tag, text

WIDTH, LEFT, RIGHT = 560.0, 20.0, 540.0
SMALL, SMALL_EDGE = 180.0, 6.0
BAR_WIDTH = 220.0


POPULATION = (20.0, 80.0)
"""The scale of T scores: three population SD to either side of the mean."""


def limits(scores: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """The scale that rows of one score share: 0 … 100 for percent, else round numbers around every interval and 0."""
    if scores and all(row["unit"] == "T" for row in scores):
        return POPULATION
    if any(row["unit"] == "%" for row in scores):
        return 0.0, 100.0
    ends = [row[name] for row in scores for name in ("low95", "high95", "estimate") if row[name] is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    step = _step(high - low)
    return math.floor(low / step) * step, max(math.ceil(high / step) * step, step)


def gauge(row: Mapping[str, Any], ends: tuple[float, float]) -> Markup | None:
    """The interval bar of one score with its scale; None where the state gives no number."""
    if row["estimate"] is None:
        return None
    low, high = ends
    step = _step(high - low)
    children = [line(LEFT, 48, RIGHT, 48, "rule")]
    for k in range(round((high - low) / step) + 1):
        value = low + k * step
        x = _place(value, ends, LEFT, RIGHT)
        children += [line(x, 48, x, 53, "rule"), text(x, 66, f"{value:g}".replace("-", "−"), anchor="middle")]
    if low < 0.0 < high:
        x = _place(0.0, ends, LEFT, RIGHT)
        children.append(line(x, 12, x, 48, "zero"))
    children += _interval(row, ends, (LEFT, RIGHT, 30.0, 1.0))
    return figure(WIDTH, 72, _words(row), *children)


def small_gauge(row: Mapping[str, Any], ends: tuple[float, float]) -> Markup | None:
    """The same without a scale, for a table cell."""
    if row["estimate"] is None:
        return None
    left, right = SMALL_EDGE, SMALL - SMALL_EDGE
    children = [line(left, 18, right, 18, "rule")]
    if ends[0] < 0.0 < ends[1]:
        x = _place(0.0, ends, left, right)
        children.append(line(x, 3, x, 18, "zero"))
    children += _interval(row, ends, (left, right, 10.0, 0.6))
    return figure(SMALL, 20, _words(row), *children, class_="cell")


def bar(value: float, largest: float) -> Markup:
    """A signed bar of one contribution; the line in the middle is 0."""
    middle = BAR_WIDTH / 2
    long = abs(value) / largest * (middle - 4) if largest > 0 else 0.0
    shape = tag(
        "rect",
        x=middle if value >= 0 else middle - long,
        y=3,
        width=long,
        height=10,
        class_="plus" if value >= 0 else "minus",
    )
    return figure(
        BAR_WIDTH, 16, f"contribution {shown(value, 2)}", shape, line(middle, 0, middle, 16, "rule"), class_="cell"
    )


def _interval(
    row: Mapping[str, Any], ends: tuple[float, float], where: tuple[float, float, float, float]
) -> list[Markup]:
    left, right, y, scale = where
    out = []
    for low, high, half, name in (("low95", "high95", 4.0, "i95"), ("low80", "high80", 9.0, "i80")):
        if row[low] is not None and row[high] is not None:
            a, b = _place(row[low], ends, left, right), _place(row[high], ends, left, right)
            out.append(tag("rect", x=a, y=y - half * scale, width=b - a, height=2 * half * scale, class_=name))
    x = _place(row["estimate"], ends, left, right)
    out.append(tag("circle", cx=x, cy=y, r=6 * scale, class_="estimate"))
    return out


def _words(row: Mapping[str, Any]) -> str:
    return (
        f"estimate {shown(row['estimate'])} {row['unit']}, 80 % interval {shown(row['low80'])} to "
        f"{shown(row['high80'])}, 95 % interval {shown(row['low95'])} to {shown(row['high95'])}, {row['state']}"
    )


def _place(value: float, ends: tuple[float, float], left: float, right: float) -> float:
    share = (value - ends[0]) / (ends[1] - ends[0])
    return left + min(max(share, 0.0), 1.0) * (right - left)


def _step(width: float) -> float:
    """A round step that cuts a width into four to ten parts."""
    if width <= 0.0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(power * part for part in (0.1, 0.2, 0.5, 1.0) if width / (power * part) <= 10)
