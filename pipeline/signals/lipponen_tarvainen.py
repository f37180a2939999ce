"""The beat classes of Lipponen & Tarvainen 2019: ectopic, missed, extra, too long or too short.

J. A. Lipponen, M. P. Tarvainen: A robust algorithm for heart rate variability time series artefact correction using
novel beat classification, J Med Eng Technol 43(3):173-181, 2019, doi:10.1080/03091902.2019.1640306. Where the paper
leaves room — edges, ties, which beats are passed over — the decisions are those of NeuroKit2 0.2
(`neurokit2.signal.signal_fixpeaks`, MIT licence, © 2020 Dominique Makowski), so that the classes are the same beat for
beat, but all beats are judged at once. Only the classification is followed: nothing is moved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.recording import Floats, Int64

ALPHA = 5.2
"""Quartile deviations to a threshold; in a normal distribution 5.2 of them are 3.5 standard deviations (the paper)."""
SLOPE = 0.13
OFFSET = 0.17
"""The border of the ectopic region: c1 and c2 of the paper."""
QUARTILE_BEATS = 91
MEDIAN_BEATS = 11
"""Beats in the windows of the two thresholds and of the local median, the judged beat in the middle (the paper)."""
LONG_MEDIAN = 3.0
"""Thresholds from the local median beyond which an interval is too long or too short (Figure 1 of the paper)."""
GROUP = 6
"""Successive windows sorted together; fastest of 3, 4 and 6, and the most of which a median of 11 has ranks to spare.
No result depends on it, nor on the next."""
BLOCK_ROWS = 2048
SORT_ROWS = 160
"""Rows worked at and sorted at a time: so few that their memory (below 128 KiB an array) is used again, and not asked
of the system anew; on a first day of beats that took longer than the sorting. A choice of ours."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BeatClasses:
    """Which class each interval was put into, shape (n,) each; at most one of the four is true."""

    ectopic: Mask
    missed: Mask
    extra: Mask
    longshort: Mask


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """Beats of all runs in one row; each run led by its mean, which stands for the interval before its first beat."""

    rr_s: Floats
    since: Int64
    left: Int64
    """Beats of its run before each beat, and from it on; shape (m,)."""

    @property
    def is_lead(self) -> Mask:
        return np.equal(self.since, 0)


def beat_classes(rr_s: Floats, runs: Int64) -> BeatClasses:
    """The classes of the intervals `rr_s`, each row of `runs` a series of its own; nothing outside them has a class.

    Parameters
    ----------
    rr_s
        Intervals in s, shape (n,); finite inside the runs. The thresholds follow the unit, the classes do not.
    runs
        Gap-free stretches as half-open rows [start, stop), in order and apart, shape (m, 2).

    Returns
    -------
    BeatClasses
        For a run of k intervals what NeuroKit2's `signal_fixpeaks(method="Kubios", iterative=False)` says of its
        k + 1 peaks: its index i ≥ 1 is interval i − 1 of the run; its index 0, a beat without an interval, has no
        place. Its loop ends two beats early, so the last interval of a run is in no class.
    """
    rr_s, runs = np.asarray(rr_s, np.float64), np.asarray(runs, np.int64).reshape(-1, 2)
    found = np.zeros((4, len(rr_s)), np.bool_)
    runs = runs[runs[:, 1] - runs[:, 0] >= 2]  # a single interval has no difference
    if len(runs):
        series = _led(rr_s, runs)
        lengths = runs[:, 1] - runs[:, 0]
        home = np.arange(int(lengths.sum())) + np.repeat(runs[:, 0] - np.cumsum(lengths) + lengths, lengths)
        found[:, home] = _classified(series)[:, ~series.is_lead]
    return BeatClasses(*found)


def _led(rr_s: Floats, runs: Int64) -> _Series:
    sizes = runs[:, 1] - runs[:, 0] + 1
    stops = np.cumsum(sizes)
    starts = stops - sizes
    led = np.empty(int(stops[-1]))
    for (first, last), start in zip(runs.tolist(), starts.tolist(), strict=True):
        led[start + 1 : start + 1 + last - first] = rr_s[first:last]
    _lead_by_mean(led, starts, stops)
    index = np.arange(len(led))
    return _Series(led, index - np.repeat(starts, sizes), np.repeat(stops, sizes) - index)


def _lead_by_mean(values: Floats, starts: Int64, stops: Int64) -> None:
    """Write the mean of each run to its first place; summed run by run, as rounding decides ties in quantised beats."""
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        values[start] = np.add.reduce(values[start + 1 : stop]) / (stop - start - 1)


def _classified(series: _Series) -> Mask:
    """Ectopic, missed, extra, longshort, shape (4, m)."""
    rr = series.rr_s
    starts = np.flatnonzero(series.is_lead)
    change = np.zeros_like(rr)
    change[1:] = np.diff(rr)
    _lead_by_mean(change, starts, starts + series.left[starts])
    change = _in_thresholds(change, _threshold(change, series))
    median = _rolling(rr, series, MEDIAN_BEATS, (0.5,))[0]
    off = rr - median
    off[off < 0] *= 2  # an interval can be too long by much more than it can be too short
    limit = _threshold(off, series)
    # A change of exactly one threshold passes; where the threshold is 0 the change is NaN and only `off` can speak.
    asked = np.flatnonzero((series.left > 2) & ~(np.abs(change) <= 1))
    at = np.union1d(asked, asked + 1)
    off = np.abs(_in_thresholds(off[at], limit[at]))
    next_rr = rr[at] + rr[np.minimum(at + 1, len(rr) - 1)]
    could = _Suspects(*_changes(change, series, at), off, rr[at], next_rr, median[at], limit[at])
    found = np.zeros((4, len(rr)), np.bool_)
    found[:, at] = _judged(could, np.isin(at, asked, assume_unique=True))
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Suspects:
    """Beats with a large change, and those after them; shape (k,) each."""

    change: Floats
    before: Floats
    after: Floats
    later: Floats
    """In thresholds: the change into the beat, the one before it, the next and the one after that."""
    off: Floats
    """Distance from the local median, in thresholds."""
    rr_s: Floats
    with_next_s: Floats
    median_s: Floats
    limit_s: Floats


def _judged(beat: _Suspects, asked: Mask) -> Mask:
    """Figure 1 of the paper: ectopic, missed, extra, longshort, shape (4, k); `asked` are those judged unprompted."""
    change, after, later = beat.change, beat.after, beat.later
    far = beat.off > LONG_MEDIAN
    ectopic = asked & (
        ((change > 1) & (np.maximum(beat.before, after) < -SLOPE * change - OFFSET))
        | ((change < -1) & (np.minimum(beat.before, after) > -SLOPE * change + OFFSET))
    )
    odd = asked & ~ectopic & ((np.abs(change) > 1) | far)
    follower = _followers(odd & (np.abs(after) < np.abs(later)))
    ectopic &= ~follower
    odd |= follower

    long_beat = (change > 1) & (np.minimum(after, later) < -1)
    short_beat = (change < -1) & (np.maximum(after, later) > 1)
    odd &= long_beat | short_beat | far
    extra = odd & short_beat & (np.abs(beat.with_next_s - beat.median_s) < beat.limit_s)
    missed = odd & ~extra & long_beat & (np.abs(beat.rr_s / 2 - beat.median_s) < beat.limit_s)
    return np.stack([ectopic, missed, extra, odd & ~extra & ~missed])


def _changes(change: Floats, series: _Series, at: Int64) -> tuple[Floats, Floats, Floats, Floats]:
    """The change into each beat, the one before, the next and the one after, mirrored at the ends of a run."""
    last = len(change) - 1
    after = change[np.minimum(at + 1, last)]
    before = np.where(series.since[at] == 0, after, change[at - 1])
    later = np.where(series.left[at] == 2, change[at], change[np.minimum(at + 2, last)])
    return change[at], before, after, later


def _followers(takes_next: Mask) -> Mask:
    """Beats judged together with the one before and therefore not on their own.

    Of successive beats that would each take the next one along, the first does, the second is taken, the third does.
    """
    index = np.arange(len(takes_next))
    begin = takes_next.copy()
    begin[1:] &= ~takes_next[:-1]
    since = index - np.maximum.accumulate(np.where(begin, index, 0))
    follower = np.zeros_like(takes_next)
    follower[1:] = (takes_next & (since % 2 == 0))[:-1]
    return follower


def _in_thresholds(values: Floats, threshold: Floats) -> Floats:
    """`values` in units of the threshold; NaN where that is 0."""
    out = np.full_like(values, np.nan)
    np.divide(values, threshold, out=out, where=threshold != 0)
    return out


def _threshold(values: Floats, series: _Series) -> Floats:
    first, third = _rolling(np.abs(values), series, QUARTILE_BEATS, (0.25, 0.75))
    threshold: Floats = ALPHA * ((third - first) / 2)
    return threshold


def _rolling(values: Floats, series: _Series, width: int, quantiles: tuple[float, ...]) -> Floats:
    """Quantiles of the centred windows of `width` beats, cut off where a run ends; shape (quantiles, m)."""
    half = width // 2
    out = np.empty((len(quantiles), len(values)))
    first, rest = _groups(series, half)
    for rows in _blocks(first):
        beats = rows + np.arange(GROUP)[:, None]
        for which, of_rank in enumerate(_shared_sort(values, rows, half, quantiles)):
            out[which, beats] = of_rank
    offset = np.arange(-half, half + 1)
    for rows in _blocks(rest):
        since, left = series.since[rows, None], series.left[rows, None]
        near = np.clip(rows[:, None] + offset, 0, len(values) - 1)
        part = np.sort(np.where((offset >= -since) & (offset < left), values[near], np.inf), axis=1)
        last = (np.minimum(since, half) + np.minimum(left, half + 1) - 1)[:, 0]
        for which, quantile in enumerate(quantiles):
            rank = quantile * last
            floor = rank.astype(np.int64)
            row = np.arange(len(rows))
            low, high = part[row, floor], part[row, floor + (rank > floor)]
            out[which, rows] = _between(low, high, rank - floor, quantile)
    return out


def _between(low: Floats, high: Floats, share: Floats | float, quantile: float) -> Floats:
    """The quantile a share of the way from low to high; a median by its own formula, which rounds differently."""
    return (low + high) / 2 if quantile == 0.5 else low + (high - low) * share


def _groups(series: _Series, half: int) -> tuple[Int64, Int64]:
    """Firsts of `GROUP` successive beats of one run whose windows are all whole; and the beats in no such group."""
    whole = (series.since >= half) & (series.left >= half + GROUP)
    first = np.flatnonzero(whole & (series.since % GROUP == 0))
    alone = np.ones(len(whole), np.bool_)
    for beat in range(GROUP):
        alone[first + beat] = False
    return first, np.flatnonzero(alone)


def _shared_sort(values: Floats, first: Int64, half: int, quantiles: tuple[float, ...]) -> list[Floats]:
    """Each quantile of the whole windows of the groups, shape (GROUP, groups) each.

    What the windows of a group have in common is sorted once. Every further value is then let into the few ranks
    that matter: in a sorted row that gains x, the value of rank r is the middle one of x and the old r − 1 and r.
    """
    more = GROUP - 1
    windows = sliding_window_view(values, 2 * half + GROUP)
    ranks = [quantile * 2 * half for quantile in quantiles]
    cores = [np.empty((math.ceil(rank) - math.floor(rank) + GROUP, len(first))) for rank in ranks]
    others = np.empty((2 * more, len(first)))
    for at in range(0, len(first), SORT_ROWS):
        some = slice(at, at + SORT_ROWS)
        span = windows[first[some] - half]
        others[:more, some], others[more:, some] = span[:, :more].T, span[:, -more:].T
        span = span[:, more:-more]
        span.sort(axis=1)
        for rank, core in zip(ranks, cores, strict=True):
            core[:, some] = span[:, math.floor(rank) - more : math.ceil(rank) + 1].T
    found = []
    for quantile, rank, core in zip(quantiles, ranks, cores, strict=True):
        of_rank = np.empty((GROUP, len(first)))
        for beat in range(GROUP):
            band = core
            for other in others[beat : beat + more]:
                band = np.maximum(band[:-1], np.minimum(other, band[1:]))
            of_rank[beat] = _between(band[0], band[-1], rank - math.floor(rank), quantile)
        found.append(of_rank)
    return found


def _blocks(rows: Int64) -> list[Int64]:
    return [rows[at : at + BLOCK_ROWS] for at in range(0, len(rows), BLOCK_ROWS)]
