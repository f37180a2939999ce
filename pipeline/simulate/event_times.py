"""Where events of a night lie: times drawn from a rate that changes with the stage, so that no two events overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats

STEP_S = 0.1
"""Rates are given on this grid; an event may begin anywhere between its points."""
FULLEST = 0.95
"""No more than this share of the time can be filled with events."""


def rate_steps(per_min_of_epoch: Floats, epoch_s: float) -> Floats:
    """A rate per minute and epoch as a rate per second on the grid of `STEP_S`, shape (steps,)."""
    return np.repeat(per_min_of_epoch / 60.0, round(epoch_s / STEP_S))


def without(rate_per_s: Floats, start_s: Floats, end_s: Floats) -> Floats:
    """The rate, made 0 in every interval [start, end] of the events given; shape (steps,)."""
    n = len(rate_per_s)
    change = np.zeros(n + 1, np.int64)
    np.add.at(change, np.clip(np.floor(start_s / STEP_S).astype(np.int64), 0, n), 1)
    np.add.at(change, np.clip(np.ceil(end_s / STEP_S).astype(np.int64), 0, n), -1)
    return np.where(np.cumsum(change)[:n] > 0, 0.0, rate_per_s)


def last_allowed(rate_per_s: Floats, longest_s: float) -> Floats:
    """The rate, made 0 where an event of `longest_s` would run into a stretch of rate 0 or beyond the end."""
    reach = round(longest_s / STEP_S)
    barred = np.append(np.flatnonzero(rate_per_s <= 0), len(rate_per_s))
    ahead = barred[np.searchsorted(barred, np.arange(len(rate_per_s)))]
    return np.where(ahead - np.arange(len(rate_per_s)) < reach, 0.0, rate_per_s)


def most_events(rate_per_s: Floats) -> int:
    """A number of events that the rate will not exceed (mean and ten standard deviations)."""
    mean = float(rate_per_s.sum()) * STEP_S
    return int(mean + 10 * np.sqrt(mean + 1)) + 1


def placed(rate_per_s: Floats, busy_s: Floats, rng: np.random.Generator) -> Floats:
    """Starts of events in seconds, rising, shape (events,): the k-th keeps its place free of others for `busy_s[k]`.

    `rate_per_s` is the wanted rate on the grid, dead time included: the rate of the waiting that follows each dead
    time is 1/(1/rate − mean dead time), so that a constant rate is met on average.

    Raises
    ------
    ValueError
        If events of that length and rate would fill more than 95 % of the time.
    """
    mean_s = float(busy_s.mean()) if len(busy_s) else 0.0
    if len(rate_per_s) and float(rate_per_s.max()) * mean_s > FULLEST:
        raise ValueError(f"{rate_per_s.max() * 60:.1f} events a minute of {mean_s:.2f} s each leave no room between")
    waiting = rate_per_s / (1.0 - rate_per_s * mean_s)
    risk = np.concatenate([[0.0], np.cumsum(waiting * STEP_S)])
    patience = rng.exponential(size=len(busy_s))
    starts: list[float] = []
    free_s = 0.0
    for wait, busy in zip(patience.tolist(), busy_s.tolist(), strict=True):
        k = min(int(free_s / STEP_S), len(waiting))
        spent = risk[k] + (waiting[k] * (free_s - k * STEP_S) if k < len(waiting) else 0.0)
        at = int(np.searchsorted(risk, spent + wait, side="left")) - 1
        if at >= len(waiting):
            break
        start = at * STEP_S + (spent + wait - risk[at]) / waiting[at]
        starts.append(float(start))
        free_s = float(start) + busy
    return np.array(starts)


def epoch_index(at_s: Floats, epochs: int, epoch_s: float) -> NDArray[np.int64]:
    """The epoch in which each instant lies, never beyond the last; shape of `at_s`."""
    return np.clip((at_s / epoch_s).astype(np.int64), 0, epochs - 1)


def sample_spans(start_s: Floats, end_s: Floats, n: int, fs_hz: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For all samples inside the intervals [start, end], one after another: the interval's number, the sample's."""
    first = np.clip(np.ceil(start_s * fs_hz).astype(np.int64), 0, n)
    after = np.clip(np.floor(end_s * fs_hz).astype(np.int64) + 1, first, n)
    width = after - first
    which = np.repeat(np.arange(len(width)), width)
    before = np.repeat(np.cumsum(width) - width, width)
    return which, np.repeat(first, width) + np.arange(len(which)) - before
