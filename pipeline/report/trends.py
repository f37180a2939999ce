"""Nightly trends as small multiples: a gap is a gap, a night without a number is marked on the base line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from pipeline.report.rows import families, shown
from pipeline.report.svg import Floats, Markup, broken_path, figure, line, tag, text

WIDTH, HEIGHT = 312.0, 132.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 302.0, 26.0, 108.0
TRENDS = (
    ("tst_min", "Total sleep time", "min", 0),
    ("se_pct", "Sleep efficiency", "%", 0),
    ("waso_min", "Wake after sleep onset", "min", 0),
    ("midpoint_h", "Mid-sleep, from midnight", "h", 1),
    ("n3_min", "Stage N3", "min", 0),
    ("rem_min", "Stage REM", "min", 0),
    ("swa_log", "SWA in N2 and N3", "ln µV²", 2),
    ("noct_hr_bpm", "Nocturnal heart rate", "bpm", 0),
    ("noct_lnrmssd", "Nocturnal ln RMSSD", "ln ms", 2),
    ("hr_dip_pct", "Nocturnal heart rate dip", "%", 0),
)
"""Column, title, unit, decimals."""


def trends(nights: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> tuple[list[Markup], list[str]]:
    """A figure for every trend with at least one number, and the titles of those without any."""
    drawn, empty = [], []
    owners = families(columns)
    for column, title, unit, digits in TRENDS:
        values = [night.get(column) for night in nights]
        if any(v is not None for v in values):
            partial = [night.get(f"{owners.get(column)}_state") == "partial" for night in nights]
            course = np.array([np.nan if v is None else float(v) for v in values])
            drawn.append(trend([n["night"] for n in nights], course, partial, (title, unit, digits)))
        else:
            empty.append(title)
    return drawn, empty


def trend(days: Sequence[date], values: Floats, partial: Sequence[bool], words: tuple[str, str, int]) -> Markup:
    """One trend over the nights in `days` (rows need not be without holes): line, points, and a cross per gap."""
    title, unit, digits = words
    first, n = days[0], (days[-1] - days[0]).days + 1
    course = np.full(n, np.nan)
    hollow = np.zeros(n, bool)
    at = np.array([(day - first).days for day in days])
    course[at], hollow[at] = values, np.asarray(partial, bool)
    low, high = _limits(course, digits)
    x = LEFT + (np.arange(n) + 0.5) / n * (RIGHT - LEFT)
    y = BOTTOM - (course - low) / (high - low) * (BOTTOM - TOP)
    children: list[Markup] = [
        text(LEFT, 14, title, class_="title"),
        text(RIGHT, 14, unit, anchor="end", class_="unit"),
        text(LEFT - 6, TOP + 4, shown(high, digits), anchor="end"),
        text(LEFT - 6, BOTTOM + 4, shown(low, digits), anchor="end"),
        line(LEFT, TOP, RIGHT, TOP, "grid"),
        line(LEFT, BOTTOM, RIGHT, BOTTOM, "rule"),
        text(LEFT, BOTTOM + 17, first.isoformat()),
    ]
    if n > 1:
        children.append(text(RIGHT, BOTTOM + 17, days[-1].isoformat(), anchor="end"))
    children.append(tag("path", d=broken_path(x, y), class_="course"))
    for k in range(n):
        if np.isnan(course[k]):
            cross = f"M{x[k] - 2:.1f},{BOTTOM - 2:.1f}l4,4m0,-4l-4,4"
            children.append(tag("path", d=cross, class_="nonumber"))
        else:
            children.append(tag("circle", cx=x[k], cy=y[k], r=2.6, class_="partial" if hollow[k] else "point"))
    known = int(np.isfinite(course).sum())
    alt = f"{title} by night: {known} of {n} nights, {shown(low, digits)} to {shown(high, digits)} {unit}"
    return figure(WIDTH, HEIGHT, alt, *children, class_="small")


def _limits(course: Floats, digits: int) -> tuple[float, float]:
    """The lowest and highest value with a little air; apart by at least what the labels can show."""
    low, high = float(np.nanmin(course)), float(np.nanmax(course))
    air = max(0.08 * (high - low), 10.0**-digits)
    return low - air, high + air
