"""Rest–activity rhythm on the local clock: days × minutes, IS, IV, L5, M10, RA and a cosinor, all gap-aware.

A clock grid has one row a local calendar day and 1440 columns, NaN where nothing valid was measured. The hour that
a spring change skips is missing; the hour that an autumn change repeats is left out, because one clock minute cannot
hold two. Everything below takes such grids, so that weeks across a clock change are not smeared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S, NS, utc_to_wall
from pipeline.recording import Floats
from pipeline.signals.runs import runs_of

MINUTES = 1440
HOURS = 24
MIN_HOUR_MINUTES = 48
"""Valid minutes of an hour (80 %) before it has a mean (our rule)."""
MIN_DAY_MINUTES = 960
"""Valid minutes of a day (16 h) before the day counts: the rule of most cohort studies (e.g. GGIR's default)."""
L5_MINUTES, M10_MINUTES = 300, 600
MIN_PROFILE_SHARE = 0.8
"""Share of a window of the mean profile that must be measured before it can be the least or most active (our rule)."""
_TIE = 1e-9
_MAX_CONDITION = 1e6
_DAY_NS = 86_400 * NS
_EPOCHS_PER_MINUTE = 60 // EPOCH_S


@dataclass(frozen=True, slots=True)
class Extreme:
    """Mean level of the least or most active hours of the mean day, and the local clock hour at which they begin."""

    cpm: float
    onset_h: float
    """0 ≤ onset < 24; the middle one where several starts tie; NaN if every start ties (no rhythm at all)."""


@dataclass(frozen=True, slots=True)
class Cosinor:
    """Least-squares cosine of 24 h: level, amplitude and the local clock hour of the crest (NaN without amplitude)."""

    mesor: float
    amplitude: float
    acrophase_h: float


def clock_grid(values: Floats, start_ns: int, zone: str) -> Floats:
    """Mean of each local clock minute of each local day, shape (days, 1440); NaN where missing or repeated.

    `values` are consecutive 30-s epochs from `start_ns` on (a grid instant), NaN where missing or not worn. The first
    and the last day are padded. A minute with one measured half has that half's value.
    """
    if not len(values):
        return np.full((0, MINUTES), np.nan)
    wall = utc_to_wall(start_ns + np.arange(len(values), dtype=np.int64) * EPOCH_S * NS, zone)
    first_day = int(wall.min()) // _DAY_NS
    slot = (wall - first_day * _DAY_NS) // (60 * NS)
    n_days = int(slot.max()) // MINUTES + 1
    known = np.isfinite(values)
    n = np.bincount(slot[known], minlength=n_days * MINUTES)
    total = np.bincount(slot[known], weights=values[known], minlength=n_days * MINUTES)
    repeated = np.bincount(slot, minlength=n_days * MINUTES) > _EPOCHS_PER_MINUTE
    kept = (n > 0) & ~repeated
    out = np.full(n_days * MINUTES, np.nan)
    out[kept] = total[kept] / n[kept]
    return out.reshape(n_days, MINUTES)


def valid_days(minutes: Floats) -> NDArray[np.bool_]:
    """Which days of a clock grid have at least 16 valid hours, shape (days,)."""
    return np.asarray(np.isfinite(minutes).sum(axis=1) >= MIN_DAY_MINUTES, np.bool_)


def hourly_means(minutes: Floats) -> Floats:
    """Mean of each clock hour, shape (days, 24); NaN where fewer than 48 of its minutes are valid."""
    hours = minutes.reshape(-1, HOURS, 60)
    n = np.isfinite(hours).sum(axis=2)
    total = np.nansum(hours, axis=2)
    return np.where(n >= MIN_HOUR_MINUTES, total / np.maximum(n, 1), np.nan)


def interdaily_stability(hours: Floats) -> float:
    """IS of hourly means of shape (days, 24): the share of their variance that the mean day explains, 0 … 1.

    Population form Σ n_h (x̄_h − x̄)² / Σ (x − x̄)² with n_h the valid values of clock hour h, which is the formula of
    Witting 1990 (doi:10.1016/0006-3223(90)90523-5) where nothing is missing. It is 1 for a periodic series and about
    1/days for white noise; forms with sample variances (pyActigraphy) are 4 % higher and exceed 1. NaN where a clock
    hour has no value or nothing varies.
    """
    known = np.isfinite(hours)
    n = known.sum(axis=0)
    if not n.all():
        return float("nan")
    mean = float(hours[known].mean())
    centred = np.where(known, hours - mean, 0.0)
    between = float((centred.sum(axis=0) ** 2 / n).sum())
    total = float((centred**2).sum())
    # Rounding may put a periodic series a hair above 1.
    return min(between / total, 1.0) if total > 0 else float("nan")


def intradaily_variability(hours: Floats) -> float:
    """IV of hourly means of shape (days, 24): mean squared step over the variance; about 2 for white noise.

    Steps are taken between hours that follow each other and are both valid, over midnight too, and their own number
    is the divisor: a gap neither adds a step nor dilutes them (Witting 1990, without gaps the same number). Rows must
    be consecutive days. NaN without a step or without variance.
    """
    flat = hours.ravel()
    known = np.isfinite(flat)
    pairs = known[1:] & known[:-1]
    if not pairs.any():
        return float("nan")
    step = float((np.diff(flat)[pairs] ** 2).mean())
    spread = float(flat[known].var())
    return step / spread if spread > 0 else float("nan")


def mean_day(minutes: Floats) -> Floats:
    """Mean profile over the days of a clock grid, shape (1440,); NaN where no day has the minute."""
    n = np.isfinite(minutes).sum(axis=0)
    return np.where(n > 0, np.nansum(minutes, axis=0) / np.maximum(n, 1), np.nan)


def least_active(profile: Floats) -> Extreme | None:
    """L5: the five hours in a row, around the clock, with the lowest mean of a mean day.

    Van Someren 1999, doi:10.3109/07420529908998724. None where no five hours are measured to 80 %.
    """
    return _extreme(profile, L5_MINUTES, lowest=True)


def most_active(profile: Floats) -> Extreme | None:
    """M10: the ten hours in a row, around the clock, with the highest mean of a mean day; None as for L5."""
    return _extreme(profile, M10_MINUTES, lowest=False)


def relative_amplitude(profile: Floats) -> float:
    """RA = (M10 − L5)/(M10 + L5) of a mean day, 0 … 1; NaN where either is missing or both are 0."""
    low, high = least_active(profile), most_active(profile)
    if low is None or high is None or low.cpm + high.cpm <= 0:
        return float("nan")
    return max(high.cpm - low.cpm, 0.0) / (high.cpm + low.cpm)


def _extreme(profile: Floats, width: int, *, lowest: bool) -> Extreme | None:
    """The lowest or highest circular window of a profile and the start of it."""
    means = _circular_means(profile, width)
    if not np.isfinite(means).any():
        return None
    best = float(np.nanmin(means) if lowest else np.nanmax(means))
    tied = np.abs(means - best) <= _TIE * max(abs(best), 1.0)
    return Extreme(best, _middle(tied) / 60.0)


def _circular_means(profile: Floats, width: int) -> Floats:
    """Mean of each circular window of `width` minutes by its start, shape (1440,); NaN below `MIN_PROFILE_SHARE`."""
    known = np.isfinite(profile)
    filled = np.where(known, profile, 0.0)
    total = _circular_sums(filled, width)
    count = _circular_sums(known.astype(np.float64), width)
    return np.where(count >= MIN_PROFILE_SHARE * width, total / np.maximum(count, 1.0), np.nan)


def _circular_sums(values: Floats, width: int) -> Floats:
    before = np.concatenate(([0.0], np.cumsum(np.concatenate((values, values[: width - 1])))))
    return np.asarray(before[width:] - before[:-width], np.float64)


def _middle(tied: NDArray[np.bool_]) -> float:
    """Middle of the longest circular stretch of ties, in minutes; NaN if all are tied."""
    if tied.all():
        return float("nan")
    turn = int(np.argmin(tied))
    runs = runs_of(np.roll(tied, -turn))
    start, stop = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    return float((turn + (start + stop - 1) / 2) % MINUTES)


def cosinor(minutes: Floats) -> Cosinor | None:
    """Least-squares fit of M + A cos(2π (t − φ)/24 h) to a clock grid of any quantity, t in local clock hours.

    In closed form from the sums of each clock minute, which are all that the fit needs (Nelson 1979; Cornelissen
    2014, doi:10.1186/1742-4682-11-16). None where the measured minutes do not determine the three numbers.
    """
    known = np.isfinite(minutes)
    n = known.sum(axis=0).astype(np.float64)
    total = np.nansum(minutes, axis=0)
    angle = (np.arange(MINUTES) + 0.5) * (2 * np.pi / MINUTES)
    design = np.column_stack((np.ones(MINUTES), np.cos(angle), np.sin(angle)))
    normal = design.T @ (n[:, None] * design)
    if not n.any() or np.linalg.cond(normal) > _MAX_CONDITION:
        return None
    mesor, cosine, sine = np.linalg.solve(normal, design.T @ total)
    amplitude = float(np.hypot(cosine, sine))
    flat = amplitude <= _TIE * max(abs(float(mesor)), 1.0)
    crest = float("nan") if flat else float(np.arctan2(sine, cosine)) * HOURS / (2 * np.pi) % HOURS
    return Cosinor(float(mesor), amplitude, crest)


def jackknife_se(statistic: Callable[[Floats], float], days: Floats) -> float:
    """Standard error of a statistic of whole days, each left out in turn; days are the blocks that vary together.

    `days` has one row a day; the statistic takes such rows. NaN with fewer than two days or where a part of the
    series has no value.
    """
    n = len(days)
    if n < 2:
        return float("nan")
    parts = np.array([statistic(np.delete(days, day, axis=0)) for day in range(n)])
    return float(np.sqrt((n - 1) / n * ((parts - parts.mean()) ** 2).sum()))
