"""What is measured of each spindle: amplitude, frequency, oscillations, where its peak lies.

After YASA 0.8.1 (BSD-3-Clause, © Raphael Vallat; doi:10.7554/eLife.70092), for all events at once. Peaks are placed and
raised by the parabola through three samples, so that neither depends on where the samples fall.
"""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats
from pipeline.signals.fir import Mask
from pipeline.signals.spindle_rules import Traces, medians

LEAST_BETWEEN_PEAKS_S = 0.06
"""Two positive peaks of a spindle are at least this far apart (YASA); the period of 16 Hz is 62.5 ms."""

Indices = NDArray[np.int64]


class Measures(TypedDict):
    """The columns of `spindles.Spindles` that are measured on the traces."""

    peak_s: Floats
    amplitude_uv: Floats
    sigma_ptp_uv: Floats
    rms_uv: Floats
    frequency_hz: Floats
    oscillations_n: Indices
    symmetry: Floats
    sigma_power_log10_uv2: Floats


def measured(traces: Traces, start_s: Floats, end_s: Floats) -> Measures:
    """The measures of events from `start_s` to `end_s`, each of shape (n,)."""
    n = len(start_s)
    first = np.ceil(start_s * traces.fs_hz - 1e-6).astype(np.int64)
    count = np.floor(end_s * traces.fs_hz + 1e-6).astype(np.int64) - first + 1
    offset = np.concatenate(([0], np.cumsum(count)))  # where each event begins among the gathered samples
    event = np.repeat(np.arange(n), count)
    at = np.arange(offset[-1]) - np.repeat(offset[:-1] - first, count)
    broad = _detrended(traces.broad_uv[at].astype(np.float64), event, count, at - np.repeat(first, count))
    analytic = traces.sigma_uv[at]
    peak_at, oscillations = _peaks(broad, event, offset, traces.fs_hz)
    peak_s = (peak_at - offset[:-1] + first) / traces.fs_hz
    following = traces.sigma_uv[np.minimum(at + 1, len(traces.sigma_uv) - 1)]
    turn = np.angle(following * np.conj(analytic)).astype(np.float64)
    power = np.log10(np.maximum(np.abs(analytic).astype(np.float64) ** 2, np.finfo(np.float64).tiny))
    return Measures(
        peak_s=peak_s,
        amplitude_uv=_peak_to_peak(broad, event, offset),
        sigma_ptp_uv=_peak_to_peak(analytic.real.astype(np.float64), event, offset),
        rms_uv=np.sqrt(_sums(broad**2, event, n) / count),
        frequency_hz=_median_positive(turn, event, count) * traces.fs_hz / (2.0 * np.pi),
        oscillations_n=oscillations,
        symmetry=(peak_s - start_s) / (end_s - start_s),
        sigma_power_log10_uv2=_medians(power, event, count),
    )


def _sums(values: Floats, event: Indices, n: int) -> Floats:
    """Sum of the values of each event, shape (n,)."""
    return np.asarray(np.bincount(event, values, n), np.float64)


def _detrended(x: Floats, event: Indices, count: Indices, at: Indices) -> Floats:
    """`x` less the straight line of least squares of its event."""
    t = at - ((count - 1) / 2.0)[event]
    n = len(count)
    slope = _sums(x * t, event, n) / np.maximum(_sums(t * t, event, n), 1e-12)
    return np.asarray(x - (_sums(x, event, n) / np.maximum(count, 1))[event] - slope[event] * t, np.float64)


def _maxima(x: Floats, event: Indices) -> tuple[Indices, Floats, Floats]:
    """Local maxima inside events: index, place between samples (in samples) and height of the parabola's top."""
    inside = (event[:-2] == event[1:-1]) & (event[2:] == event[1:-1])
    at = np.flatnonzero(inside & (x[1:-1] > x[:-2]) & (x[1:-1] >= x[2:])) + 1
    before, top, after = x[at - 1], x[at], x[at + 1]
    shift = 0.5 * (before - after) / (before - 2.0 * top + after)
    return at, at + shift, top - 0.25 * (before - after) * shift


def _peak_to_peak(x: Floats, event: Indices, offset: Indices) -> Floats:
    """Highest less lowest value of each event, peaks and troughs raised between samples."""
    if len(offset) < 2:
        return np.zeros(0)
    high, low = x.copy(), -x
    for trace in (high, low):
        at, _, height = _maxima(trace, event)
        trace[at] = height
    return np.maximum.reduceat(high, offset[:-1]) + np.maximum.reduceat(low, offset[:-1])


def _peaks(x: Floats, event: Indices, offset: Indices, fs_hz: float) -> tuple[Floats, Indices]:
    """Place of each event's most prominent peak (in gathered samples, NaN without one) and the number of peaks.

    Of peaks nearer than `LEAST_BETWEEN_PEAKS_S` the lower ones do not count, the highest chosen first.
    """
    n = len(offset) - 1
    at, place, height = _maxima(x, event)
    owner = event[at]
    kept = _spaced(place / fs_hz, owner, height)
    prominence = np.where(kept, _prominences(x, at, height, owner, offset), -np.inf)
    order = np.lexsort((-prominence, owner))
    best = np.full(n, np.nan)
    which = order[np.concatenate(([True], np.diff(owner[order]) > 0))] if len(order) else order
    best[owner[which]] = place[which]
    return best, np.bincount(owner[kept], minlength=n).astype(np.int64)


def _spaced(place_s: Floats, owner: Indices, height: Floats) -> Mask:
    """Which peaks stay when, from the highest down, each drives out its lower neighbours within the least distance."""
    t = place_s + 10.0 * owner  # events apart
    waiting, kept = np.ones(len(t), np.bool_), np.zeros(len(t), np.bool_)
    pairs = []
    for ahead in range(1, len(t)):
        close = t[ahead:] - t[:-ahead] < LEAST_BETWEEN_PEAKS_S
        if not close.any():
            break
        left = np.flatnonzero(close)
        pairs.append(np.column_stack((left, left + ahead)))
    if not pairs:
        return waiting
    left, right = np.concatenate(pairs).T
    while waiting.any():
        rivals = np.full(len(t), -np.inf)
        both = waiting[left] & waiting[right]
        np.maximum.at(rivals, left[both], height[right[both]])
        np.maximum.at(rivals, right[both], height[left[both]])
        chosen = waiting & (height >= rivals)
        kept |= chosen
        waiting &= ~chosen
        waiting[right[chosen[left]]] = False
        waiting[left[chosen[right]]] = False
    return kept


def _prominences(x: Floats, at: Indices, height: Floats, owner: Indices, offset: Indices) -> Floats:
    """How far each peak rises above the higher of the two lowest points between it and a higher peak or the end."""
    return height - np.maximum(
        _lowest_before(x, at, height, owner, offset[:-1]),
        _lowest_before(x[::-1], (len(x) - 1 - at)[::-1], height[::-1], owner[::-1], (len(x) - offset[1:]))[::-1],
    )


def _lowest_before(x: Floats, at: Indices, height: Floats, owner: Indices, begin: Indices) -> Floats:
    """Lowest value from the last higher peak of the event, or its beginning, to each peak."""
    if not len(at):
        return np.zeros(0)
    same = np.concatenate(([False], owner[1:] == owner[:-1]))
    since = np.where(same, np.concatenate(([0], at[:-1])), begin[owner])
    # Ranges [since, at): every other entry of a reduction over interleaved bounds.
    valley = np.minimum.reduceat(x, np.column_stack((since, at)).reshape(-1))[::2]
    lowest = valley.copy()
    going = np.flatnonzero(same)
    back = 1
    while len(going):
        going = going[height[going - back] <= height[going]]
        lowest[going] = np.minimum(lowest[going], valley[going - back])
        going = going[same[going - back]]
        back += 1
    return lowest


def _medians(values: Floats, event: Indices, count: Indices) -> Floats:
    """Median of the values of each event, shape (n,)."""
    if not len(count):
        return np.zeros(0)
    padded = np.full((len(count), count.max()), np.inf)
    padded[event, np.arange(len(event)) - (np.cumsum(count) - count)[event]] = values
    return medians(padded, count)


def _median_positive(turn: Floats, event: Indices, count: Indices) -> Floats:
    """Median of the forward turns of each event; backward ones, where the envelope vanishes, do not count."""
    forward = turn > 0.0
    number = np.bincount(event[forward], minlength=len(count))
    return np.where(number > 0, _medians(turn[forward], event[forward], np.maximum(number, 1)), np.nan)
