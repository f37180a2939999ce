"""The three thresholds of the spindle detector and what lies above all of them, on one grid of 10 ms.

After YASA 0.8.1 (BSD-3-Clause, © Raphael Vallat; doi:10.7554/eLife.70092). The share of sigma, by far the dearest of
the three, is worked out only around moments at which the other two hold: elsewhere it cannot decide.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.analytic import Analytic
from pipeline.signals.fir import Mask
from pipeline.signals.runs import runs_of

STEP_S = 0.1
"""Step of the moving correlation and RMS; their window is three steps (YASA: 0.3 s)."""
POINTS = 10
"""Grid points per step."""
GRID_S = STEP_S / POINTS
FRAME_STEPS = 2
"""Steps from one window of the relative power to the next (YASA: 0.2 s)."""
FRAME_S = 2.0
BIN_HZ = 0.5
BROAD_HZ = (1.0, 30.0)
"""Bins of the relative power's denominator, both ends included (YASA)."""
SMOOTH_POINTS = 10
"""Length of the mean that softens the decision (YASA: 0.1 s)."""
TRIM = 0.1
"""Share of the moving RMS left out at either end for its standard deviation (YASA)."""

_BATCH = 4096
"""Windows in one matrix product; keeps the gathered samples inside the processor's cache."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds and durations; the defaults are YASA's."""

    relative_power: float = 0.2
    correlation: float = 0.65
    rms_sd: float = 1.5
    rms_cap_uv: float | None = 10.0
    """Highest threshold of the moving RMS, against artefacts that raise it."""
    shortest_s: float = 0.5
    longest_s: float = 2.0
    merged_s: float = 0.5
    """Pieces nearer than this are one event, unless a gap in the data parts them."""


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """The channel's two traces, shape (n,) each, sample k at k / fs seconds; 0 where there are no data."""

    broad_uv: Samples
    sigma_uv: Analytic
    fs_hz: float


@dataclass(frozen=True, slots=True, eq=False)
class Decision:
    """What the rules found: events (n, 2) as first and last moment, and the share of sigma in each, shape (n,)."""

    events_s: Floats
    relative_power: Floats
    rms_threshold_uv: float
    looked_s: float


def decided(
    traces: Traces, stretches_s: Floats, included_s: Floats, rules: Rules, low_hz: float, high_hz: float
) -> Decision:
    """The events that satisfy `rules`.

    `stretches_s` are the unbroken stretches that have traces, `included_s` those in which events count; rows
    [start, stop) in seconds, in order.
    """
    steps = max(int((len(traces.broad_uv) - 1) / traces.fs_hz / STEP_S - 0.5), 0)
    whole = _inside(stretches_s, steps, STEP_S, 1.5 * STEP_S)
    rms, correlation = _moving(traces, steps)
    rms_fine = _between(np.where(whole, rms, np.float32(np.nan)))
    looked = _inside(included_s, len(rms_fine), GRID_S, 0.0) & np.isfinite(rms_fine)
    threshold = _threshold(rms_fine[looked], rules)
    levels = (rms_fine >= threshold).astype(np.int8)
    levels += _between(np.where(whole, correlation, np.float32(np.nan))) >= rules.correlation
    share = np.full(len(levels) // (POINTS * FRAME_STEPS) + 2, np.nan, np.float32)
    # Half an interruption on either side of a candidate, so that every window within an event is there.
    reach = max(FRAME_STEPS, math.ceil(rules.merged_s / STEP_S / 2.0))
    some = _frames_near((levels == 2) & looked, len(share), reach)
    _fill(share, some, traces, stretches_s, (low_hz, high_hz))
    levels += _between(share, FRAME_STEPS * POINTS)[: len(levels)] >= rules.relative_power
    levels[~looked] = 0
    events_s = _events(runs_of(_softened(levels)), stretches_s, rules)
    return Decision(events_s, _within(share, events_s), threshold, float(looked.sum() * GRID_S))


def _softened(levels: NDArray[np.int8]) -> Mask:
    """Where the mean number of thresholds reached within ±0.05 s exceeds two; shape as `levels`."""
    before = SMOOTH_POINTS // 2
    padded = np.concatenate((np.zeros(before + 1, np.int8), levels, np.zeros(SMOOTH_POINTS - before, np.int8)))
    seen = np.cumsum(padded, dtype=np.int32)
    return np.asarray(seen[SMOOTH_POINTS:] - seen[:-SMOOTH_POINTS] > 2 * SMOOTH_POINTS)[: len(levels)]


def _inside(runs_s: Floats, n: int, step_s: float, margin_s: float) -> Mask:
    """Whether point k · step_s lies within a row of `runs_s`, at least `margin_s` from both of its ends; shape (n,)."""
    first = np.ceil((runs_s[:, 0] + margin_s) / step_s - 1e-6)
    last = np.ceil((runs_s[:, 1] - margin_s) / step_s - 1e-6)
    steps = np.zeros(n + 1, np.int32)
    kept = last > first
    np.add.at(steps, np.clip(first[kept], 0, n).astype(np.int64), 1)
    np.add.at(steps, np.clip(last[kept], 0, n).astype(np.int64), -1)
    return np.cumsum(steps[:n]) > 0


def _moving(traces: Traces, steps: int) -> tuple[Samples, Samples]:
    """RMS of the sigma trace and its correlation with the broad-band trace in three steps around each step."""
    x, y = np.ascontiguousarray(traces.sigma_uv.real), traces.broad_uv
    size = 3.0 * STEP_S * traces.fs_hz
    sx, sy, sxx, syy, sxy = (_three_steps(a, traces.fs_hz, steps) for a in (x, y, x * x, y * y, x * y))
    spread = np.maximum(sxx - sx * sx / size, 0.0) * np.maximum(syy - sy * sy / size, 0.0)
    covariance = sxy - sx * sy / size
    correlation = np.divide(covariance, np.sqrt(spread), out=np.full(steps, np.nan), where=spread > 0.0)
    return np.sqrt(np.maximum(sxx, 0.0) / size).astype(np.float32), correlation.astype(np.float32)


def _three_steps(a: Samples, fs_hz: float, steps: int) -> Floats:
    """Sums over [t − 0.15 s, t + 0.15 s] at t = 0, 0.1 … s; samples are as wide as their distance, cut at the edges.

    Shape (steps,); what would reach beyond the trace is NaN.
    """
    if steps < 3:
        return np.full(steps, np.nan)
    edges = np.clip((np.arange(steps + 1) - 0.5) * STEP_S * fs_hz + 0.5, 0.0, len(a) - 1.0)
    at = edges.astype(np.int64)
    cut = (edges - at) * a[at]
    bins = np.add.reduceat(a[: at[-1]], at[:-1]).astype(np.float64) + np.diff(cut)
    return np.concatenate(([np.nan], bins[:-2] + bins[1:-1] + bins[2:], [np.nan]))


def _between(values: Samples, points: int = POINTS) -> Samples:
    """Straight lines between `values`, `points` for each; the last value ends the last line."""
    if len(values) < 2:
        return np.zeros(0, np.float32)
    share = (np.arange(points) / points).astype(np.float32)
    return np.asarray((values[:-1, None] + np.diff(values)[:, None] * share).reshape(-1), np.float32)


def _threshold(rms: Samples, rules: Rules) -> float:
    """Mean and so many trimmed standard deviations of the moving RMS; NaN, which nothing reaches, without values."""
    cut = int(TRIM * len(rms))
    if len(rms) - 2 * cut < 2:
        return float("nan")
    middle = np.partition(rms, (cut, len(rms) - cut - 1))[cut : len(rms) - cut]
    threshold = float(rms.mean(dtype=np.float64) + rules.rms_sd * middle.std(ddof=1, dtype=np.float64))
    return threshold if rules.rms_cap_uv is None else min(threshold, rules.rms_cap_uv)


def _frames_near(candidate: Mask, n: int, reach: int) -> NDArray[np.int64]:
    """Those of `n` windows of the relative power that matter within `reach` steps of a candidate."""
    near = np.zeros(FRAME_STEPS * n, np.bool_)
    steps = np.flatnonzero(candidate.reshape(-1, POINTS).any(axis=1))
    for around in range(-reach, reach + 2):
        near[np.clip(steps + around, 0, len(near) - 1)] = True
    return np.flatnonzero(near.reshape(-1, FRAME_STEPS)[:, 0])


def _fill(
    share: Samples, some: NDArray[np.int64], traces: Traces, stretches_s: Floats, sigma_hz: tuple[float, float]
) -> None:
    """Write the share of sigma in the broad band's power within 2 s around 0.2 · k seconds for `some` k.

    A window that reaches beyond its own stretch is filled up with zeros, as YASA does at the ends of a recording.
    """
    if not len(some):
        return
    half = round(FRAME_S / 2.0 * traces.fs_hz)
    centre = np.rint(some * (FRAME_STEPS * STEP_S * traces.fs_hz)).astype(np.int64)
    padded = np.concatenate((np.zeros(half, np.float32), traces.broad_uv, np.zeros(half, np.float32)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * half)
    row = np.maximum(np.searchsorted(stretches_s[:, 0] * traces.fs_hz, centre, side="right") - 1, 0)
    bounds = np.ceil(stretches_s[row] * traces.fs_hz - 1e-6).astype(np.int64) - centre[:, None]
    cut = (bounds[:, 0] > -half) | (bounds[:, 1] < half)
    basis, is_sigma = _basis(half, traces.fs_hz, sigma_hz)
    at = np.arange(-half, half)
    for first in range(0, len(some), _BATCH):
        batch = slice(first, first + _BATCH)
        samples = windows[np.minimum(centre[batch], len(windows) - 1)]
        samples[cut[batch]] *= (at >= bounds[batch, :1][cut[batch]]) & (at < bounds[batch, 1:][cut[batch]])
        parts = samples @ basis
        parts *= parts
        power = parts[:, : len(is_sigma)] + parts[:, len(is_sigma) :]
        total = power.sum(axis=1)
        share[some[batch]] = np.divide(
            power[:, is_sigma].sum(axis=1), total, out=np.full(len(total), np.nan, np.float32), where=total > 0.0
        )


def _basis(half: int, fs_hz: float, sigma_hz: tuple[float, float]) -> tuple[NDArray[np.float32], Mask]:
    """Cosine and sine columns under a Hann window, one of each for every 0.5 Hz, and which of them are sigma."""
    hz = np.arange(BROAD_HZ[0], BROAD_HZ[1] + BIN_HZ / 2.0, BIN_HZ)
    hann = 0.5 - 0.5 * np.cos(np.pi * np.arange(2 * half) / half)
    phase = 2.0 * np.pi / fs_hz * np.outer(np.arange(-half, half), hz)
    columns = np.concatenate((np.cos(phase), np.sin(phase)), axis=1) * hann[:, None]
    return columns.astype(np.float32), (hz >= sigma_hz[0]) & (hz <= sigma_hz[1])


def _events(strong: NDArray[np.int64], stretches_s: Floats, rules: Rules) -> Floats:
    """Runs of grid points joined over short interruptions, with a right duration; rows (first, last) in seconds."""
    if not len(strong):
        return np.zeros((0, 2))
    first, last = strong[:, 0], strong[:, 1] - 1
    own = np.searchsorted(stretches_s[:, 0], first * GRID_S + 1e-9, side="right")
    joined = ((first[1:] - last[:-1]) * GRID_S < rules.merged_s - 1e-9) & (own[1:] == own[:-1])
    events = np.column_stack((first[np.concatenate(([True], ~joined))], last[np.concatenate((~joined, [True]))]))
    duration_s = (events[:, 1] - events[:, 0]) * GRID_S
    fitting = (duration_s > rules.shortest_s + 1e-9) & (duration_s < rules.longest_s - 1e-9)
    return np.asarray(events[fitting] * GRID_S, np.float64)


def _within(share: Samples, events_s: Floats) -> Floats:
    """Median of the relative power at the windows centred within each event, shape (n,)."""
    step_s = FRAME_STEPS * STEP_S
    first = np.ceil(events_s[:, 0] / step_s - 1e-6).astype(np.int64)
    count = np.floor(events_s[:, 1] / step_s + 1e-6).astype(np.int64) - first + 1
    if not len(count):
        return np.zeros(0)
    at = first[:, None] + np.arange(count.max())
    values = np.where(np.arange(count.max()) < count[:, None], share[np.minimum(at, len(share) - 1)], np.inf)
    return medians(values.astype(np.float64), count)


def medians(values: Floats, count: NDArray[np.int64]) -> Floats:
    """Median of the first `count` (> 0) smallest values of each row, shape (n,); pad rows with infinity."""
    ordered = np.sort(values, axis=1)
    row = np.arange(len(count))
    return np.asarray((ordered[row, (count - 1) // 2] + ordered[row, count // 2]) / 2.0, np.float64)
