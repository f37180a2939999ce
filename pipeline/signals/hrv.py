"""Time-domain heart rate variability as sums that add up: over epochs first, over any longer window from them.

The sum of squared successive differences and the number of pairs are kept apart, so that the RMSSD of a longer window
is exact, whatever holes lie in it. Formulas: Task Force 1996, doi:10.1161/01.CIR.93.5.1043.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.recording import Floats, Int64
from pipeline.signals.beats import BeatMasks

WINDOW_S = 300
"""Length of a short-term HRV window (Task Force 1996)."""
WINDOW_NS = WINDOW_S * NS
WINDOW_COVERAGE = 0.5
"""Share of a window that valid intervals must fill before it has a heart rate (our rule)."""
WINDOW_PAIRS = 60
"""Adjacent pairs before a window has an RMSSD (our rule). About a minute of beats: RMSSD of 30 s agrees with that of
240-300 s, of 120 s almost perfectly (Munoz 2015, doi:10.1371/journal.pone.0138921)."""
_EPOCHS = WINDOW_S // EPOCH_S


@dataclass(frozen=True, slots=True, eq=False)
class BeatSums:
    """Sums over the beats whose interval ends in each bin, shape (n,) each; 0 where none does."""

    rr_n: Floats
    rr_s: Floats
    rr_pairs_n: Floats
    rr_ssd_ms2: Floats
    rr_excluded_n: Floats


@dataclass(frozen=True, slots=True, eq=False)
class FiveMinutes:
    """Windows at UTC multiples of 5 min, shape (k,) each; NaN where a window is not filled well enough."""

    start_ns: Int64
    hr_bpm: Floats
    """60 / mean interval; NaN below `WINDOW_COVERAGE`."""
    rmssd_ms: Floats
    """NaN below `WINDOW_COVERAGE` or `WINDOW_PAIRS`."""


def successive_ms(rr_s: Floats, adjacent: NDArray[np.bool_]) -> Floats:
    """Differences rr[i] − rr[i−1] in ms, shape (n,); NaN where the two are not adjacent, and at the first."""
    difference = np.full(len(rr_s), np.nan)
    difference[1:] = np.diff(np.asarray(rr_s, np.float64)) * 1000.0
    return np.where(adjacent, difference, np.nan)


def beat_sums(end_ns: Int64, rr_s: Floats, masks: BeatMasks, start_ns: int, n: int) -> BeatSums:
    """Sums per 30-s epoch from `start_ns` on; a beat belongs to the epoch in which its interval ends.

    Beats outside the n epochs are left out. A pair belongs where its second beat does.
    """
    bins = (np.asarray(end_ns, np.int64) - start_ns) // EPOCH_NS
    inside = (bins >= 0) & (bins < n)
    valid, adjacent = masks.valid & inside, masks.adjacent & inside

    def total(chosen: NDArray[np.bool_], weights: Floats | None = None) -> Floats:
        picked = None if weights is None else weights[chosen]
        return np.bincount(bins[chosen], picked, minlength=n).astype(np.float64)

    return BeatSums(
        rr_n=total(valid),
        rr_s=total(valid, rr_s),
        rr_pairs_n=total(adjacent),
        rr_ssd_ms2=total(adjacent, successive_ms(rr_s, masks.adjacent) ** 2),
        rr_excluded_n=total(inside & ~masks.valid),
    )


def hr_bpm(rr_n: Floats, rr_s: Floats, least_s: float, least_n: int = 1) -> Floats:
    """60 / mean interval; NaN where fewer than `least_n` intervals or less than `least_s` seconds of them."""
    enough = (rr_n >= max(least_n, 1)) & (rr_s >= least_s) & (rr_s > 0)
    return np.where(enough, 60.0 * rr_n / np.where(enough, rr_s, 1.0), np.nan)


def rmssd_ms(ssd_ms2: Floats, pairs_n: Floats, least_pairs: int = 1) -> Floats:
    """Root mean square of successive differences; NaN where there are fewer than `least_pairs` pairs."""
    enough = pairs_n >= max(least_pairs, 1)
    return np.where(enough, np.sqrt(np.where(enough, ssd_ms2, 0.0) / np.where(enough, pairs_n, 1.0)), np.nan)


def five_minutes(start_ns: int, rr_n: Floats, rr_s: Floats, rr_pairs_n: Floats, rr_ssd_ms2: Floats) -> FiveMinutes:
    """Whole 5-min windows (UTC multiples of 5 min) pooled from 30-s sums that begin at `start_ns`.

    Epochs before the first whole window and after the last are left out; NaN epochs add nothing.
    """
    skip, k = window_rows(start_ns, len(rr_n))

    def pooled(values: Floats) -> Floats:
        rows = values[skip : skip + k * _EPOCHS].reshape(k, _EPOCHS)
        total: Floats = np.where(np.isfinite(rows), rows, 0.0).sum(axis=1)
        return total

    n, seconds, pairs, ssd = pooled(rr_n), pooled(rr_s), pooled(rr_pairs_n), pooled(rr_ssd_ms2)
    hr = hr_bpm(n, seconds, WINDOW_COVERAGE * WINDOW_S)
    rmssd = np.where(np.isfinite(hr), rmssd_ms(ssd, pairs, WINDOW_PAIRS), np.nan)
    first = start_ns + skip * EPOCH_NS
    return FiveMinutes(first + np.arange(k, dtype=np.int64) * WINDOW_NS, hr, rmssd)


def window_rows(start_ns: int, n: int) -> tuple[int, int]:
    """How many of n grid epochs lie before the first UTC multiple of 5 min, and how many whole windows follow."""
    skip = min(-(start_ns // EPOCH_NS) % _EPOCHS, n)
    return skip, (n - skip) // _EPOCHS
