"""How two clocks part: offset and drift between two recordings of the same body, from what both saw.

Both are given as series on the lattice of whole seconds (heart rate, or movement). In each window of ten minutes
(five, where little is shared) the lag at which they agree best is found by normalised cross-correlation over all lags
that could be (gaps masked, never filled); a line through the lags, with outliers rejected, gives offset and drift;
lags are then measured again near the line, to a fraction of a second. How far the windows, each on its own, agree with
the line is the confidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats

Reals = NDArray[np.floating]

WINDOW_S = 600
"""Long enough for some fifty changes of heart rate; at 10 s/h of drift the lag moves 1.7 s within it."""
SHORT_WINDOW_S = 300
SHORT_S = 2 * 3600
"""Of recordings that share less than two hours, windows are half as long: there would be too few to agree."""
LARGEST_OFFSET_S = 120.0
LARGEST_DRIFT_S_PER_H = 12.0
LARGEST_LAG_S = 900
"""Lags that are looked for: an offset of two minutes and a drift of 12 s/h, never more than a quarter of an hour."""
AGREE_S = 2.0
"""A window agrees with the line when the lag that it alone finds best lies this near to it."""
FINE_S = 6
"""How far around the line lags are measured again."""
MIN_SHARE = 0.4
"""Share of a window that both must have measured (our rule)."""
MIN_WINDOWS = 6
MIN_R = 0.25
"""Correlation below which a window's best lag is chance: with 600 samples of AR-like series and 1,000 lags, unrelated
series reach it seldom; those that do disagree with each other."""
CONFIDENT = 0.5
"""A correction is applied from this confidence on: at least half of the windows, at the lower end of the 95 % interval
of their share, find the line by themselves."""
MAX_RESIDUAL_S = 1.0
"""… and when windows scatter about the line by no more than this (robust standard deviation)."""
_PAIRS = 4000


@dataclass(frozen=True, slots=True)
class ClockFit:
    """The clock of `b` against that of `a`: a thing that happens at t by `a` is stamped t + lag(t) by `b`.

    lag(t) = offset_s + drift_s_per_h · (t − middle) in hours; `middle_s` counts seconds from the series' start.
    """

    middle_s: float
    offset_s: float
    drift_s_per_h: float
    offset_se_s: float
    drift_se_s_per_h: float
    residual_s: float
    windows_n: int
    agreeing_share: float
    r_median: float

    @property
    def confidence(self) -> float:
        """Lower end of the 95 % Wilson interval of the share of windows that find the line by themselves, 0 … 1."""
        return _wilson_low(self.agreeing_share, self.windows_n)

    @property
    def trusted(self) -> bool:
        """Whether it may be applied."""
        return self.confidence >= CONFIDENT and self.residual_s <= MAX_RESIDUAL_S


def clock_fit(a: Floats, b: Floats) -> ClockFit | None:
    """Offset and drift of `b` against `a`; None where fewer than six windows correlate, or no line fits them.

    Parameters
    ----------
    a, b
        The same quantity on the same lattice of seconds by each recording's own clock, shape (n,); NaN is unmeasured.
    """
    n = len(a)
    reach = min(math.ceil(LARGEST_OFFSET_S + LARGEST_DRIFT_S_PER_H * n / 3600), LARGEST_LAG_S)
    window = SHORT_WINDOW_S if n < SHORT_S else WINDOW_S
    starts = np.arange(0, n - window + 1, window)
    if len(starts) < MIN_WINDOWS:
        return None
    centre = starts + window / 2
    coarse = _correlations(a, b, (starts, window), np.zeros(len(starts), np.int64), reach)
    lag, r = _peaks(coarse, -reach)
    usable = r >= MIN_R
    if usable.sum() < MIN_WINDOWS:
        return None
    line = _consensus(centre[usable], lag[usable], r[usable])
    if line is None:
        return None
    for _ in range(3):
        # Each window is cut where the line says it lies, then looked at closely.
        near = np.rint(line[0] + line[1] * centre).astype(np.int64)
        fine, fine_r = _peaks(_correlations(a, b, (starts, window), near, FINE_S), -FINE_S)
        found = (fine_r >= MIN_R) & (np.abs(fine) < FINE_S - 0.5)
        if found.sum() < MIN_WINDOWS:
            return None
        fit = _weighted_line(centre[found], near[found] + fine[found], fine_r[found])
        line = fit[0]
    (low, slope), se, residual_s = fit
    middle = float(np.average(centre[found], weights=fine_r[found]))
    agrees = np.abs(lag[usable] - (low + slope * centre[usable])) <= AGREE_S
    return ClockFit(
        middle_s=middle,
        offset_s=float(low + slope * middle),
        drift_s_per_h=float(slope * 3600),
        offset_se_s=se[0],
        drift_se_s_per_h=se[1] * 3600,
        residual_s=residual_s,
        windows_n=int(usable.sum()),
        agreeing_share=float(agrees.mean()),
        r_median=float(np.median(fine_r[found])),
    )


def heart_contrast(hr_bpm: Floats) -> Floats:
    """Heart rate without its slow course, in units of its spread, shape kept: what two sensors can agree on."""
    return _standard(np.log(hr_bpm), 90)


def movement_contrast(movement: Floats) -> Floats:
    """Movement on a logarithmic scale without its slow course, in units of its spread, shape kept.

    The floor is the level below which a fifth of the seconds lie: noise of the sensor is not movement.
    """
    finite = movement[np.isfinite(movement)]
    floor = max(float(np.percentile(finite, 20)), 1e-6) if finite.size else 1.0
    return _standard(np.log(np.maximum(movement, 0.0) + floor), 300)


def _standard(values: Floats, width: int) -> Floats:
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    total, count = (_moving_sum(part, width) for part in (filled, known.astype(np.float64)))
    centred = np.where(known, values - total / np.maximum(count, 1.0), np.nan)
    spread = float(np.nanstd(centred)) if known.any() else 0.0
    return np.clip(centred / spread, -3.0, 3.0) if spread > 0 else np.full(len(values), np.nan)


def _moving_sum(values: Floats, width: int) -> Floats:
    running = np.concatenate(([0.0], np.cumsum(values)))
    at = np.arange(len(values))
    return running[np.minimum(at + width // 2 + 1, len(values))] - running[np.maximum(at - width // 2, 0)]


def _correlations(
    a: Floats, b: Floats, windows: tuple[NDArray[np.int64], int], shift: NDArray[np.int64], reach: int
) -> Floats:
    """Correlation of each window of `a` with `b` at the lags shift − reach … shift + reach, shape (m, 2 reach + 1).

    Over the seconds that both measured; NaN where those are fewer than `MIN_SHARE` of the window.
    """
    (starts, window), n = windows, len(a)
    size = window + 2 * reach
    padded = np.concatenate((np.full(size, np.nan), b, np.full(size, np.nan)))
    length = 1 << (size - 1).bit_length()
    out = np.full((len(starts), 2 * reach + 1), np.nan)
    for first in range(0, len(starts), 64):
        rows = slice(first, first + 64)
        ours = a[starts[rows, None] + np.arange(window)]
        at = np.clip(starts[rows] + shift[rows] - reach, -size, n) + size
        theirs = padded[at[:, None] + np.arange(size)]
        out[rows] = _masked(ours, theirs, length, 2 * reach + 1)
    return out


def _masked(a: Floats, b: Floats, length: int, lags: int) -> Floats:
    """Normalised cross-correlation of rows with NaN, by FFT (Padfield 2012, doi:10.1109/TIP.2011.2181402)."""
    seen_a, seen_b = (np.isfinite(part).astype(np.float64) for part in (a, b))
    a, b = np.where(seen_a > 0, a, 0.0), np.where(seen_b > 0, b, 0.0)
    f_a, f_aa, f_seen_a = (np.conj(np.fft.rfft(part, length)) for part in (a, a * a, seen_a))
    f_b, f_bb, f_seen_b = (np.fft.rfft(part, length) for part in (b, b * b, seen_b))

    def summed(left: NDArray[np.complex128], right: NDArray[np.complex128]) -> Floats:
        return np.fft.irfft(left * right, length)[:, :lags]

    count = np.rint(summed(f_seen_a, f_seen_b))
    safe = np.maximum(count, 1.0)
    sum_a, sum_b = summed(f_a, f_seen_b), summed(f_seen_a, f_b)
    var_a = summed(f_aa, f_seen_b) - sum_a**2 / safe
    var_b = summed(f_seen_a, f_bb) - sum_b**2 / safe
    both = np.sqrt(np.maximum(var_a, 0.0) * np.maximum(var_b, 0.0))
    enough = (count >= MIN_SHARE * a.shape[1]) & (both > 1e-6 * safe)
    return np.where(enough, (summed(f_a, f_b) - sum_a * sum_b / safe) / np.maximum(both, 1e-12), np.nan)


def _peaks(r: Floats, first_lag: int) -> tuple[Floats, Floats]:
    """The lag of each row's largest correlation, to a fraction by a parabola, and that correlation (−1 if none)."""
    filled = np.where(np.isfinite(r), r, -1.0)
    at = filled.argmax(axis=1)
    row = np.arange(len(r))
    inner = np.clip(at, 1, r.shape[1] - 2)
    left, top, right = filled[row, inner - 1], filled[row, inner], filled[row, inner + 1]
    bend = left - 2 * top + right
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where((bend < 0) & (at == inner), 0.5 * (left - right) / bend, 0.0)
    return first_lag + at + np.clip(part, -0.5, 0.5), filled[row, at]


def _consensus(t: Reals, lag: Floats, r: Floats) -> tuple[float, float] | None:
    """The line (at t = 0, slope) that most windows agree with, by their correlations; None if none gathers six."""
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, len(t), (2, min(_PAIRS, 4_000_000 // len(t))))
    apart = t[i] != t[j]
    i, j = i[apart], j[apart]
    slope = (lag[j] - lag[i]) / (t[j] - t[i])
    slope = np.concatenate((slope, np.zeros(len(t))))
    low = np.concatenate((lag[i], lag)) - slope * np.concatenate((t[i], t))
    possible = np.abs(slope) <= LARGEST_DRIFT_S_PER_H / 3600
    low, slope = low[possible], slope[possible]
    if not len(low):
        return None
    agrees = np.abs(lag - low[:, None] - slope[:, None] * t) <= AGREE_S
    best = int((agrees * r).sum(axis=1).argmax())
    if agrees[best].sum() < MIN_WINDOWS:
        return None
    kept = agrees[best]
    return _weighted_line(t[kept], lag[kept], r[kept])[0]


def _weighted_line(t: Reals, lag: Floats, r: Floats) -> tuple[tuple[float, float], tuple[float, float], float]:
    """Line (at t = 0, slope) by Tukey's biweight, standard errors of its level and slope, the robust residual SD."""
    middle = float(t.mean())
    design = np.column_stack((np.ones(len(t)), t - middle))
    base = r**2 / (1.0 - np.minimum(r, 0.999) ** 2)
    weight = base
    for _ in range(20):
        root = np.sqrt(weight)
        level, slope = np.linalg.lstsq(design * root[:, None], lag * root, rcond=None)[0]
        residual = lag - level - slope * (t - middle)
        spread = max(1.4826 * float(np.median(np.abs(residual))), 0.02)
        weight = base * np.maximum(1.0 - (residual / (4.685 * spread)) ** 2, 0.0) ** 2
    variance = float((weight * residual**2).sum()) / max(int((weight > 0).sum()) - 2, 1)
    errors = np.sqrt(np.maximum(variance * np.diag(np.linalg.pinv(design.T @ (design * weight[:, None]))), 0.0))
    return (float(level - slope * middle), float(slope)), (float(errors[0]), float(errors[1])), spread


def _wilson_low(share: float, n: int, z: float = 1.96) -> float:
    if n == 0:
        return 0.0
    middle = share + z * z / (2 * n)
    return max((middle - z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / (1 + z * z / n), 0.0)
