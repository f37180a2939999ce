"""Which beat intervals can be believed, and which two of them follow one another without a hole.

Beats are excluded and masked, never moved, interpolated or smoothed: on annotated 24-h records a correction that
replaces intervals lowers RMSSD, while exclusion with a pair mask leaves its median where it was. Holes are found
from the instants at which intervals end, never from their running sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.recording import Floats, Int64

RR_LOW_S = 0.3
RR_HIGH_S = 2.0
"""30 … 200 beats/min: the limits of common HRV software (300 and 2000 ms in hrv-analysis, 25 … 200 bpm in RHRV)."""
MEDIAN_BEATS = 11
"""Beats in the local window, the judged one in the middle. Short enough to follow an awakening, long enough that the
two intervals of an ectopic beat cannot move its median."""
MEDIAN_DEVIATION = 0.20
"""Largest deviation from the local median, as a share of it: Xu & Schuckers 2001 (J Electrocardiol 34 Suppl:205-210)
use 20 % of the median of 24 neighbours; the shorter window is ours."""
MEDIAN_ROWS = 1024
"""Windows sorted at a time: so few that their memory is used again, and not asked of the system anew. No result
depends on it."""
LEAST_NEIGHBOURS = 3
"""Fewer neighbours than this give no median that one bad beat could not carry away."""
LINK_FLOOR_S = 0.05
LINK_SHARE = 0.25
"""Two intervals are neighbours in time if the clock between their ends agrees with the second one to a quarter of it.
A missed beat costs a whole interval, a stamp of 1/64 s at most 0.03 s: the quarter parts them at every heart rate."""
CLOCK_STEP_S = 1.0
"""Coarsest clock that can still be checked against intervals of about a second."""
CLOCK_BEATS = 10
"""Beats needed to see in what steps a clock counts."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class BeatMasks:
    """What is known of each interval, shape (n,) each."""

    in_range: Mask
    """Between `RR_LOW_S` and `RR_HIGH_S`."""
    off_median: Mask
    """In range, but further than `MEDIAN_DEVIATION` from its neighbours' median."""
    judged: Mask
    """Had enough neighbours within its own gap-free run for that rule to say anything."""
    linked: Mask
    """Begins where the interval before it in the array ends, by the clock alone."""

    @property
    def valid(self) -> Mask:
        """Intervals that may enter a mean. Those that could not be judged stay in."""
        return self.in_range & ~self.off_median

    @property
    def adjacent(self) -> Mask:
        """Whether interval i and i − 1 are two successive beats, both valid and judged: those that may be differenced.

        An unjudged interval enters no difference: a pair of lone beats is where wrist sensors put their errors.
        """
        sound = self.valid & self.judged
        pair = self.linked & sound
        pair[1:] &= sound[:-1]
        return pair


def beat_masks(end_ns: Int64, rr_s: Floats) -> BeatMasks:
    """Masks over the intervals `rr_s` that end at the instants `end_ns`.

    Parameters
    ----------
    end_ns
        UTC instants at which the intervals end, ns, not decreasing, shape (n,).
    rr_s
        Intervals in s, shape (n,); NaN and anything else out of range is flagged.

    Notes
    -----
    A run ends at a hole in the clock and at an interval longer than `RR_HIGH_S`, which is a hole that the device
    wrote down as a beat. Neighbours are never taken from another run. Where every stamp is a whole multiple of a
    step up to `CLOCK_STEP_S`, the check is widened to that step: holes shorter than it cannot be seen.
    """
    end_ns, rr_s = np.asarray(end_ns, np.int64), np.asarray(rr_s, np.float64)
    return masks_of_linked(rr_s, _linked(end_ns, rr_s))


def masks_of_linked(rr_s: Floats, linked: Mask) -> BeatMasks:
    """The masks of `beat_masks` where it is known already which intervals are linked to the one before."""
    in_range = (rr_s >= RR_LOW_S) & (rr_s <= RR_HIGH_S)
    begins = ~linked | (rr_s > RR_HIGH_S)
    median, neighbours = _local_median(np.where(in_range, rr_s, np.nan), np.cumsum(begins))
    judged = neighbours >= LEAST_NEIGHBOURS
    far = np.abs(rr_s - median) > MEDIAN_DEVIATION * median
    return BeatMasks(in_range, in_range & judged & far, judged, linked)


def clock_step_s(end_ns: Int64) -> float:
    """The step in which a clock counts, in s: the greatest common divisor of its differences; 0 if it stands still."""
    return float(np.gcd.reduce(np.diff(np.asarray(end_ns, np.int64)))) / NS if len(end_ns) > 1 else 0.0


def _linked(end_ns: Int64, rr_s: Floats) -> Mask:
    """Whether each interval begins, by the clock, where the one before it ends; the first one does not."""
    linked = np.zeros(len(end_ns), np.bool_)
    if len(end_ns) < 2:
        return linked
    rr_ns = np.rint(np.where(np.isfinite(rr_s), rr_s, 0.0) * NS).astype(np.int64)[1:]
    error_ns = np.abs(np.diff(end_ns) - rr_ns)
    linked[1:] = error_ns <= np.maximum(LINK_FLOOR_S * NS, LINK_SHARE * rr_ns)
    step_s = clock_step_s(end_ns)
    if len(end_ns) > CLOCK_BEATS and step_s <= CLOCK_STEP_S:
        # Two cut-off stamps differ from the truth by less than one step; a hole of a whole step is still a hole.
        linked[1:] |= error_ns < round(step_s * NS)
    return linked


def _local_median(rr_s: Floats, run: Int64) -> tuple[Floats, Int64]:
    """Median of the finite neighbours within the same run, the beat itself left out; and how many there were."""
    if len(rr_s) == 0:
        return rr_s.copy(), run
    half = MEDIAN_BEATS // 2
    values = sliding_window_view(np.pad(rr_s, half, constant_values=np.nan), MEDIAN_BEATS)
    runs = sliding_window_view(np.pad(run, half, constant_values=-1), MEDIAN_BEATS)
    median, count = np.empty(len(rr_s)), np.empty(len(rr_s), np.int64)
    for at in range(0, len(rr_s), MEDIAN_ROWS):
        rows = slice(at, at + MEDIAN_ROWS)
        near = np.where(runs[rows] == run[rows, None], values[rows], np.nan)
        near[:, half] = np.nan
        near.sort(axis=1)  # NaN goes last
        found = np.isfinite(near).sum(axis=1)
        row = np.arange(len(near))
        median[rows] = (near[row, np.maximum(found - 1, 0) // 2] + near[row, found // 2]) / 2.0
        count[rows] = found
    return median, count
