"""Wrist activity as an Actiwatch counts it: counts per minute from the states of a person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, utc_to_wall
from pipeline.recording import Floats, Int64, Stage
from pipeline.simulate.person import Person
from pipeline.simulate.stages import Timeline

# The levels below are chosen so that the threshold scorer of Actiware (weighted sum of five 1-min epochs > 40 is
# wake; Oakley 1997) calls sleep and wake about as well as against polysomnography: sensitivity to sleep .94, to
# wake in bed .49 (MESA, Palotti 2019, doi:10.1038/s41746-019-0126-9, figures of the authors' published summary).
BURST_CHANCE = 0.45
"""Share of half-minutes awake in bed in which the wrist moves."""
BURST_COUNTS = 70.0
TWITCH_CHANCE: dict[Stage, float] = {Stage.N1: 0.18, Stage.N2: 0.09, Stage.N3: 0.04, Stage.REM: 0.10}
TWITCH_COUNTS = 20.0
BOUT_SD = 0.5
BOUT_MINUTES = 20.0
WAKING_SHAPE = 0.9
LEAST_WAKING = 0.2
"""Waking activity never falls below this share of its daily mean, however late it is."""


@dataclass(frozen=True, slots=True)
class OffWrist:
    """A stretch in which the watch lay on a table and counted zeros."""

    start_ns: int
    end_ns: int


def expected_counts(states: Timeline, person: Person, zone: str) -> Floats:
    """Counts per minute that the states lead one to expect, without chance; shape (minutes,).

    The cosinor of this series is the planted activity rhythm.
    """
    waking = _waking_cpm(states.minutes_ns, person, zone)
    per_half = _half_minute_levels()[states.stages]
    at_rest = per_half.reshape(-1, 2).sum(axis=1)
    in_bed = states.in_bed.reshape(-1, 2).mean(axis=1)
    return np.where(in_bed > 0.5, at_rest, waking)


def minute_counts(states: Timeline, person: Person, zone: str, rng: np.random.Generator) -> NDArray[np.int64]:
    """Counts of each whole minute of the timeline, shape (minutes,), ≥ 0."""
    from scipy.signal import lfilter

    waking = _waking_cpm(states.minutes_ns, person, zone)
    n = len(waking)
    keep = np.exp(-1 / BOUT_MINUTES)
    bout = lfilter([BOUT_SD * np.sqrt(1 - keep**2)], [1, -keep], rng.normal(size=n))
    moving = waking * np.exp(bout - BOUT_SD**2 / 2) * rng.gamma(WAKING_SHAPE, 1 / WAKING_SHAPE, n)

    chance = _half_minute_chances()[states.stages]
    moved = rng.random(len(chance)) < chance
    size = np.where(states.asleep, TWITCH_COUNTS, BURST_COUNTS) * rng.gamma(1.0, 1.0, len(chance))
    resting = (moved * size).reshape(-1, 2).sum(axis=1)
    in_bed = states.in_bed.reshape(-1, 2).mean(axis=1) > 0.5
    counted: NDArray[np.int64] = np.rint(np.where(in_bed, resting, moving)).astype(np.int64)
    return counted


def without_watch(counts: NDArray[np.int64], start_ns: int, holes: tuple[OffWrist, ...]) -> NDArray[np.int64]:
    """The counts that the watch stores when it is off the wrist in `holes`: zeros there, the rest as it was."""
    minute = start_ns + np.arange(len(counts), dtype=np.int64) * 60 * NS
    out = counts.copy()
    for hole in holes:
        out[(minute >= hole.start_ns) & (minute < hole.end_ns)] = 0
    return out


def _waking_cpm(minutes_ns: Int64, person: Person, zone: str) -> Floats:
    """Expected counts per minute of someone awake and up, by the local clock."""
    hour = utc_to_wall(minutes_ns, zone) % (86_400 * NS) / (3600 * NS)
    swing = 1 + person.activity_swing * np.cos(2 * np.pi * (hour - person.activity_peak_h) / 24)
    cpm: Floats = person.activity_cpm * np.maximum(swing, LEAST_WAKING)
    return cpm


def _half_minute_chances() -> Floats:
    """Chance of movement in 30 s in bed, indexed by stage code 0 … 4."""
    return np.array([BURST_CHANCE, *(TWITCH_CHANCE[Stage(code)] for code in range(1, 5))])


def _half_minute_levels() -> Floats:
    """Expected counts in 30 s in bed, indexed by stage code 0 … 4."""
    levels: Floats = _half_minute_chances() * np.array([BURST_COUNTS, *[TWITCH_COUNTS] * 4])
    return levels
