"""Whether slow waves and spindles meet at a phase more consistently than by chance.

The phases at which sigma peaks within ±1 s of a trough are not uniform even without coupling: the window is centred
on the trough and holds one wave and two halves. Neighbouring waves share a burst of sigma, so their phases are not
independent either. Rayleigh's test assumes both. Here, sigma as a whole (and the spindles as a whole) is shifted
against the slow waves by a random time, around the circle of all time in the same stage; everything within either
series stays as it is, only their relation goes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.analytic import Analytic
from pipeline.signals.circular import rayleigh_p, resultant
from pipeline.signals.runs import mask_of

LEAST_EVENTS = 20
"""Fewest phases that are summarised; a choice of ours. With fewer, chance alone makes a resultant of 0.2 and more."""
LEAST_SHIFT_S = 10.0
"""Shortest shift, several slow waves; a choice of ours."""
LEAST_STAGE_S = 120.0
"""Least usable time in a stage that shifts are drawn in; a choice of ours."""
_CHANCE_HZ = 20.0
"""Lowest rate of the shifted series; a choice. The slow wave turns by at most 0.5 rad in that time."""
_BATCH = 50
"""Shifts worked out at once; bounds the memory."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Chance:
    """Phases of one stage with one series shifted, added up as unit vectors, one sum per shift: shape (surrogates,)."""

    stage: int
    sums: NDArray[np.complex128]
    numbers: Indices
    """How many phases stand in each sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Shifts:
    """What is shifted: the traces and stages at the kept rate, the stretches in kept samples, and how often."""

    slow: Analytic
    envelope: Samples
    stage: NDArray[np.int8]
    stretches: Floats
    fs_hz: float
    surrogates: int
    seed: int


@dataclass(frozen=True, slots=True)
class CouplingSummary:
    """How consistently sigma meets a phase of the slow wave; None where it cannot be said."""

    n: int
    """Phases."""
    mean_phase_rad: float | None
    """Mean direction, −π to π: 0 is the positive peak, ±π the trough."""
    resultant_length: float | None
    """Length of the mean vector, 0 to 1. What chance makes of it is `chance_length`, not 0."""
    rayleigh_p: float | None
    """Rayleigh's p. Too small where phases depend on each other or are not uniform by chance; see this module."""
    surrogate_p: float | None
    """Share of shifts that lie as far from the mean of all shifts as what was found, which counts as one."""
    chance_length: float | None
    """Mean resultant length of the shifts."""
    n_by_chance: float | None
    """Mean number of phases after a shift."""
    surrogates: int


def chances(
    shifts: Shifts,
    trough: Indices,
    stage: NDArray[np.int8],
    spindle_peak_s: Floats | None,
    reaches_s: tuple[float, float],
) -> tuple[tuple[Chance, ...], tuple[Chance, ...]]:
    """For each stage with troughs: phases at shifted sigma, and at shifted spindles (none without spindles).

    `trough` is in kept samples, `reaches_s` how far from it sigma and spindles are looked for.
    """
    every = max(int(shifts.fs_hz / _CHANCE_HZ), 1)
    hz = shifts.fs_hz / every
    slow, envelope = shifts.slow[::every], shifts.envelope[::every]
    length = np.abs(slow)
    unit = np.divide(slow, length, out=np.zeros_like(slow), where=length > 0.0)
    reach, reach_spindle = (round(s * hz) for s in reaches_s)
    margin = max(reach, reach_spindle) + 1
    rows = np.column_stack((np.ceil(shifts.stretches[:, 0] / every) + margin, shifts.stretches[:, 1] / every - margin))
    rows = np.minimum(rows.astype(np.int64), len(unit))
    usable = mask_of(rows[rows[:, 1] > rows[:, 0]], len(unit))
    stage_of = shifts.stage[::every]
    sigma_at = _strongest(envelope, reach)
    rng = np.random.default_rng(shifts.seed)
    found: tuple[list[Chance], list[Chance]] = ([], [])
    for code in np.unique(stage[stage >= 0]):
        when = np.flatnonzero(usable & (stage_of == code))
        own = trough[stage == code] // every
        own = own[usable[np.minimum(own, len(usable) - 1)]]
        if shifts.surrogates == 0 or not len(own) or len(when) < LEAST_STAGE_S * hz:
            continue
        least = int(LEAST_SHIFT_S * hz)
        lags = rng.integers(least, len(when) - least, shifts.surrogates)
        place = np.searchsorted(when, own) % len(when)
        found[0].append(_shifted(int(code), unit, sigma_at[when], own, place, lags))
        if spindle_peak_s is not None:
            delays = _spindle_delays(when, spindle_peak_s * hz, reaches_s[1] * hz)
            found[1].append(_shifted(int(code), unit, delays, own, place, lags))
    return tuple(found[0]), tuple(found[1])


_NONE = np.iinfo(np.int32).min


def _shifted(
    code: int, unit: Analytic, delay: NDArray[np.int32], own: Indices, place: Indices, lags: Indices
) -> Chance:
    """Sums of each wave's own vector at the delay that stands `lag` later in the stage's time."""
    sums, numbers = np.zeros(len(lags), np.complex128), np.zeros(len(lags), np.int64)
    own, place = own.astype(np.int32), place.astype(np.int32)
    circle = np.concatenate((delay, delay))
    for first in range(0, len(lags), _BATCH):
        lag = lags[first : first + _BATCH, None].astype(np.int32)
        there = circle[place + lag]
        some = there != _NONE
        vectors = unit[np.where(some, own + there, 0)]
        sums[first : first + _BATCH] = np.where(some, vectors, 0).sum(axis=1, dtype=np.complex128)
        numbers[first : first + _BATCH] = some.sum(axis=1)
    return Chance(code, sums, numbers)


def _strongest(envelope: Samples, reach: int) -> NDArray[np.int32]:
    """Samples from each moment to the strongest sigma within `reach` of it; shape (n,), 0 near the ends."""
    out = np.zeros(len(envelope), np.int32)
    width = 2 * reach + 1
    if len(envelope) < width:
        return out
    best, at, span = envelope, np.arange(len(envelope), dtype=np.int32), 1
    while span < width:
        step = min(span, width - span)
        at = np.where(best[step:] > best[:-step], at[step:], at[:-step])
        best = np.maximum(best[step:], best[:-step])
        span += step
    out[reach : reach + len(at)] = at - np.arange(reach, reach + len(at), dtype=np.int32)
    return out


def _spindle_delays(when: Indices, peaks: Floats, reach: float) -> NDArray[np.int32]:
    """Samples from each moment to the last spindle peak nearer than `reach`, `_NONE` where there is none."""
    out = np.full(len(when), _NONE, np.int32)
    if len(peaks):
        last = np.searchsorted(peaks, when + reach, side="left") - 1
        near = (last >= 0) & (peaks[np.maximum(last, 0)] > when - reach)
        out[near] = np.rint(peaks[last[near]]).astype(np.int32) - when[near].astype(np.int32)
    return out


def coupling_summary(
    phases_rad: Floats, chance: Sequence[Chance] = (), least_events: int = LEAST_EVENTS
) -> CouplingSummary:
    """Mean phase, concentration, and two tests of whether there is any, from the phases of one stage or of several.

    Parameters
    ----------
    phases_rad
        Phases, NaN where there is none.
    chance
        What shifts made of the same waves, one entry per stage among the phases; empty if there were no shifts.
    least_events
        With fewer phases only `n` is told.
    """
    n = int(np.isfinite(phases_rad).sum())
    surrogates = len(chance[0].sums) if chance else 0
    if n < least_events:
        return CouplingSummary(n, None, None, None, None, None, None, surrogates)
    mean = resultant(phases_rad)
    p, chance_length, by_chance = None, None, None
    if chance:
        numbers = np.sum([some.numbers for some in chance], axis=0)
        vectors = np.sum([some.sums for some in chance], axis=0) / np.maximum(numbers, 1)
        # Few phases scatter a mean widely: distances count in units of their own scatter.
        middle = complex(vectors.mean())
        distances = np.abs(vectors - middle) * np.sqrt(numbers)
        p = float((1 + (distances >= abs(mean - middle) * math.sqrt(n)).sum()) / (1 + len(distances)))
        chance_length, by_chance = float(np.abs(vectors).mean()), float(numbers.mean())
    length = abs(mean)
    return CouplingSummary(
        n, float(np.angle(mean)), length, rayleigh_p(length, n), p, chance_length, by_chance, surrogates
    )
