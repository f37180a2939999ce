"""A person's series without what is not the loop: artefacts, weekends, trend and season; in units of its own SD."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.scores.loop_model import Floats

WINSOR_SD = 4.0
TREND_MIN_D = 21
"""Length of a series, first to last date, from which on a straight line is taken off."""
HIGH_PASS_D = 21
"""Length of the centred running mean that is taken off: removes seasons and costs a quarter of the calls of a true
loop; a shorter one costs more (simulated: sleeploop, docs/scores/sleep_loop.md)."""
HIGH_PASS_MIN_D = 2 * HIGH_PASS_D
"""Length of a series from which on the running mean is taken off. Counted in dates, not in measured ones: a slow cause
does its harm over time, and gaps do not undo it."""
HIGH_PASS_ONE_IN = 3
"""One in so many dates of the window must be measured; else the date becomes missing, because what is taken off would
be little more than the value itself."""
WEEKEND_MIN_DATES = 2
"""Free dates, and other ones, that a weekend effect needs to be estimated at all."""
MAD_TO_SD = 1.4826
"""SD of a normal law over its median absolute deviation."""
FLAT = 1e-9
"""A series whose SD is below this share of its magnitude does not vary: what is left is rounding."""


def adjusted(values: Floats, free: NDArray[np.bool_]) -> Floats:
    """A series without weekend effect, trend and slow change, as z of its own SD; all NaN where it does not vary.

    `values` has one entry a date, NaN where missing; `free` marks weekend dates (for nights: those that end on a free
    day). Series shorter than `TREND_MIN_D` keep their trend, those shorter than `HIGH_PASS_MIN_D` their slow change:
    there the loop could not be told from it.
    """
    if np.isfinite(values).sum() < 2:
        return np.full(len(values), np.nan)
    left = _unexplained(winsorised(values), free.astype(np.float64), trend=len(values) >= TREND_MIN_D)
    if len(values) >= HIGH_PASS_MIN_D:
        left = left - running_mean(left)
    return z_scores(left, floor=FLAT * float(np.nanmax(np.abs(values))))


def winsorised(values: Floats) -> Floats:
    """Values drawn in to 4 SD around the median; the SD from the median absolute deviation, or plain if that is 0.

    With a plain SD an artefact widens the very limits that should hold it.
    """
    centre = np.nanmedian(values)
    sd = MAD_TO_SD * np.nanmedian(np.abs(values - centre))
    if sd == 0.0:
        sd = np.nanstd(values)
    return np.clip(values, centre - WINSOR_SD * sd, centre + WINSOR_SD * sd)


def running_mean(values: Floats) -> Floats:
    """Centred 21-day mean of what was measured; NaN where less than a third of the window was.

    Missing dates count for nothing, and at the ends the window is what there is of it.
    """
    box, half = np.ones(HIGH_PASS_D), HIGH_PASS_D // 2
    seen = np.isfinite(values)
    size = np.convolve(np.ones(len(values)), box)[half:-half]
    count = np.convolve(seen, box)[half:-half]
    total = np.convolve(np.where(seen, values, 0.0), box)[half:-half]
    return np.where(HIGH_PASS_ONE_IN * count >= size, total / np.maximum(count, 1.0), np.nan)


def z_scores(values: Floats, *, floor: float) -> Floats:
    """Values as z of their own mean and SD (n − 1); all NaN where fewer than two are measured or the SD is ≤ floor."""
    seen = values[np.isfinite(values)]
    if len(seen) < 2 or np.std(seen, ddof=1) <= floor:
        return np.full(len(values), np.nan)
    return np.asarray((values - seen.mean()) / np.std(seen, ddof=1), dtype=np.float64)


def _unexplained(values: Floats, free: Floats, *, trend: bool) -> Floats:
    """Residuals of least squares on a constant, the weekend and, if asked, a straight line."""
    seen = np.isfinite(values)
    columns = [np.ones(len(values))]
    if min(free[seen].sum(), (1.0 - free[seen]).sum()) >= WEEKEND_MIN_DATES:
        columns.append(free)
    if trend:
        columns.append(np.linspace(-1.0, 1.0, len(values)))
    design = np.stack(columns, axis=1)
    weights = np.linalg.lstsq(design[seen], values[seen], rcond=None)[0]
    return np.asarray(values - design @ weights, dtype=np.float64)
