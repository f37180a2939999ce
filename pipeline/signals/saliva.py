"""Areas, rises and slopes of a hormone's concentrations over minutes, and how stable a measure is over days.

A NaN among the values or times makes the result NaN: no measure is taken across a sample that is missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.recording import Floats


def auc_ground(minutes: Floats, value: Floats) -> float:
    """The area under the curve with respect to ground, in the unit of `value` × min (trapezoids over real times).

    NaN for fewer than two samples. Pruessner et al. 2003, doi:10.1016/S0306-4530(02)00108-7, AUC_G.

    Raises
    ------
    ValueError
        If the minutes do not increase.
    """
    if np.any(np.diff(minutes) <= 0):
        raise ValueError("the times of an area must increase")
    if len(minutes) < 2:
        return float("nan")
    return float(np.sum((value[1:] + value[:-1]) / 2 * np.diff(minutes)))


def auc_increase(minutes: Floats, value: Floats) -> float:
    """The area with respect to increase: that to ground less the first value × the whole time; negative in decline.

    NaN and errors as in `auc_ground`. Pruessner et al. 2003, doi:10.1016/S0306-4530(02)00108-7, AUC_I.
    """
    ground = auc_ground(minutes, value)
    return ground if np.isnan(ground) else float(ground - value[0] * (minutes[-1] - minutes[0]))


def mean_increase(value: Floats) -> float:
    """The mean of the later values less the first (MnInc); NaN for fewer than two. MnInc of Wüst et al. 2000."""
    return float(np.mean(value[1:]) - value[0]) if len(value) > 1 else float("nan")


def regression_slope(x: Floats, y: Floats) -> float:
    """The least-squares slope of y on x; NaN for fewer than two distinct x."""
    away = x - np.mean(x) if len(x) else x
    spread = float(np.sum(away**2))
    return float(np.sum(away * y) / spread) if spread > 0 or np.isnan(spread) else float("nan")


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far one day tells people apart. Mean squares are those of a one-way analysis of variance over people."""

    people_n: int
    days_n: int
    icc: float
    """ICC(1) of one day: below 0 where days differ more within people than chance lets people differ."""
    sem: float
    """Standard error of measurement of one day, √(mean square within), in the measure's unit."""
    smallest_change: float
    """Smallest change between two days of one person that is beyond error with 95 %: 1.96 · √2 · SEM."""
    days_for_080: float
    """Days whose mean reaches a reliability of 0.80 (Spearman–Brown); NaN where the ICC is not above 0."""


def reliability(days: Sequence[Floats]) -> Reliability | None:
    """ICC(1), SEM and what follows, from each person's finite values; None for fewer than two people of two days.

    People with one day are left out; days may differ in number (k₀ of Shrout & Fleiss 1979,
    doi:10.1037/0033-2909.86.2.420, ICC(1,1), with the unbalanced group size of the one-way random model).
    """
    held = [own[np.isfinite(own)] for own in days]
    held = [own for own in held if len(own) > 1]
    if len(held) < 2:
        return None
    sizes = np.array([len(own) for own in held], np.float64)
    means = np.array([own.mean() for own in held])
    total = float(sizes.sum())
    grand = float(np.sum(sizes * means)) / total
    between = float(np.sum(sizes * (means - grand) ** 2)) / (len(held) - 1)
    within = float(sum(((own - own.mean()) ** 2).sum() for own in held)) / (total - len(held))
    typical = (total - float(np.sum(sizes**2)) / total) / (len(held) - 1)
    spread = between + (typical - 1) * within
    icc = (between - within) / spread if spread > 0 else float("nan")
    days_for = 0.8 / 0.2 * (1 - icc) / icc if icc > 0 else float("nan")
    sem = within**0.5
    return Reliability(len(held), int(total), icc, sem, 1.96 * 2**0.5 * sem, days_for)
