"""Sleep and wake from wrist movement: published scorers on counts per minute, and sustained inactivity on the z-angle.

Which scorer is used follows from whose counts they are, because thresholds are in one maker's counts:

* Actiwatch: Oakley, threshold 40 ("medium").
* ActiGraph: Cole–Kripke with ActiGraph's own scaling.
* unknown: Oakley on counts brought to the recording's own level (`relative_gain`), so that an unknown gain cancels.

All are followed by Webster's rescoring rules, because without them quiet wake is scored sleep: on MESA
they raise the specificity of Cole–Kripke from .45 to .66 at night and from .63 to .81 over 24 h, at a cost in
sensitivity of .97 → .90 (Palotti 2019, doi:10.1038/s41746-019-0126-9, published summary tables).

Minutes are scored 1 sleep, 0 wake, NaN unknown: wherever any minute in the kernel's support is missing.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.recording import CountsScale, Floats
from pipeline.signals.activity import WINDOW_S, AccWindows, epoch_mean
from pipeline.signals.runs import runs_of

TABLE = Path(__file__).with_name("sleep_wake_coefficients.csv")
QUIET_SHARE = 0.15
"""Share of the 24-h mean below which a minute of steady activity is scored sleep when the scale is unknown: the
threshold of the Munich actimetry sleep detection algorithm (Roenneberg 2015, doi:10.1016/bs.mie.2014.11.028;
recalled, unverified)."""
MIN_CLOCK_HOURS = 18
"""Hours of the 24-h cycle that must be measured before a recording has a level of its own (our rule)."""
WEBSTER_AFTER_WAKE_MIN = ((15, 4), (10, 3), (4, 1))
"""After at least so many minutes of wake, so many of the next minutes of sleep are wake (Webster 1982,
doi:10.1093/sleep/5.4.389; as in Cole 1992, and found so in actigraph.sleepr)."""
WEBSTER_ISLANDS_MIN = ((6, 10), (10, 20))
"""Sleep of at most so many minutes between wakes of at least so many on both sides is wake."""
MAX_ANGLE_DEG = 5.0
MIN_STILL_MIN = 5.0
"""Sustained inactivity: the z-angle changes by no more than 5° for at least 5 min (van Hees 2015,
doi:10.1371/journal.pone.0142533)."""
_TIE = 1e-9


class Scorer(StrEnum):
    """The algorithms of `sleep_wake_coefficients.csv`."""

    OAKLEY_40 = "oakley_40"
    COLE_KRIPKE_ACTIGRAPH = "cole_kripke_actigraph"
    COLE_KRIPKE_MINUTE = "cole_kripke_minute"
    SADEH = "sadeh"


@dataclass(frozen=True, slots=True)
class Rule:
    """One algorithm of the table: its weights by term, and what is done to counts before and to the sum after."""

    weights: dict[str, float]
    scale: float
    cap: float
    divisor: float
    threshold: float


@lru_cache(maxsize=1)
def rules() -> dict[Scorer, Rule]:
    """Every algorithm of the coefficient table."""
    rows: dict[Scorer, list[dict[str, str]]] = defaultdict(list)
    with TABLE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            rows[Scorer(row["algorithm"])].append(row)
    return {
        name: Rule(
            weights={row["term"]: float(row["weight"]) for row in own},
            scale=float(own[0]["scale"]),
            cap=float(own[0]["cap"] or "inf"),
            divisor=float(own[0]["divisor"]),
            threshold=float(own[0]["threshold"]),
        )
        for name, own in rows.items()
    }


def score_minutes(counts_per_min: Floats, scorer: Scorer) -> Floats:
    """Sleep (1), wake (0) or unknown (NaN) of each minute, shape (n,), without rescoring.

    `counts_per_min` are counts of the maker the scorer is made for, NaN where missing. The minutes at both ends whose
    kernel reaches beyond the series are unknown, where other implementations pad with zeros and score sleep.
    """
    rule = rules()[scorer]
    counts = np.minimum(counts_per_min / rule.divisor, rule.cap)
    if scorer is Scorer.SADEH:
        index = _sadeh_index(counts, rule)
        sleep = index > rule.threshold
    else:
        index = _weighted_sum(counts, rule)
        # Oakley: "less than or equal to the wake threshold is sleep"; Cole–Kripke: below 1 is sleep. Whole counts
        # often lie on the threshold, where rounding must not decide.
        tie = _TIE if scorer is Scorer.OAKLEY_40 else -_TIE
        sleep = index <= rule.threshold + tie
    return np.where(np.isfinite(index), sleep.astype(np.float64), np.nan)


def _weighted_sum(counts: Floats, rule: Rule) -> Floats:
    """Scale × Σ weight · counts over the kernel; NaN where it is not wholly measured."""
    lags = sorted(int(term) for term in rule.weights)
    kernel = np.array([rule.weights[str(lag)] for lag in lags]) * rule.scale
    out = np.full(len(counts), np.nan)
    if len(counts) >= len(kernel):
        out[-lags[0] : len(counts) - lags[-1]] = sliding_window_view(counts, len(kernel)) @ kernel
    return out


def _sadeh_index(counts: Floats, rule: Rule) -> Floats:
    """Sadeh's PS; NaN where one of the 11 minutes around is missing."""
    out = np.full(len(counts), np.nan)
    if len(counts) < 11:
        return out
    around = sliding_window_view(counts, 11)
    w = rule.weights
    out[5:-5] = (
        w["intercept"]
        + w["mean"] * around.mean(axis=1)
        + w["nat"] * ((around >= 50) & (around < 100)).sum(axis=1)
        + w["sd"] * around[:, :6].std(axis=1, ddof=1)
        + w["log"] * np.log(around[:, 5] + 1.0)
    )
    return out


def webster(sleep: Floats) -> Floats:
    """The scored minutes after Webster's five rescoring rules, shape (n,).

    All rules look at the original scoring, so none triggers another. A wake whose length is cut by unknown minutes
    counts with the part that is known. Unknown stays unknown, and wake is never turned into sleep.
    """
    runs = runs_of(sleep == 1.0)
    if not len(runs):
        return sleep.copy()
    wake = sleep == 0.0
    before, after = _length_before(wake)[runs[:, 0]], _length_before(wake[::-1])[len(sleep) - runs[:, 1]]
    length = runs[:, 1] - runs[:, 0]
    turned = np.zeros(len(runs), np.int64)
    for waited, next_ones in reversed(WEBSTER_AFTER_WAKE_MIN):
        turned = np.where(before >= waited, next_ones, turned)
    for longest, around in WEBSTER_ISLANDS_MIN:
        turned = np.where((length <= longest) & (before >= around) & (after >= around), length, turned)
    turned = np.minimum(turned, length)
    step = np.zeros(len(sleep) + 1, np.int64)
    step[runs[:, 0]] += 1
    step[runs[:, 0] + turned] -= 1
    return np.where(np.cumsum(step)[:-1] > 0, 0.0, sleep)


def _length_before(member: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many members stand directly before each position, shape (n + 1,)."""
    position = np.arange(len(member) + 1)
    last_break = np.maximum.accumulate(np.concatenate(([0], np.where(~member, position[1:], 0))))
    return np.asarray(position - last_break, np.int64)


def relative_gain(counts_per_min: Floats) -> float:
    """The factor that brings counts of an unknown scale to Actiwatch's, for the Oakley scorer; NaN if not known.

    Chosen so that steady activity at `QUIET_SHARE` of the recording's 24-h mean lies on Oakley's threshold. The mean
    is that of the 24 hourly means of the elapsed day, so that a recording that covers more nights than days is not
    taken for a quieter one. NaN where fewer than `MIN_CLOCK_HOURS` of the hours were measured, or nothing moved.
    """
    hour = (np.arange(len(counts_per_min)) // 60) % 24
    known = np.isfinite(counts_per_min)
    n = np.bincount(hour[known], minlength=24)
    total = np.bincount(hour[known], weights=counts_per_min[known], minlength=24)
    if np.count_nonzero(n >= 30) < MIN_CLOCK_HOURS:
        return float("nan")
    mean = float((total[n >= 30] / n[n >= 30]).mean())
    rule = rules()[Scorer.OAKLEY_40]
    at_threshold = rule.threshold / (sum(rule.weights.values()) * rule.scale)
    return at_threshold / (QUIET_SHARE * mean) if mean > 0 else float("nan")


def sleep_wake(counts_per_min: Floats, scale: CountsScale) -> Floats:
    """Sleep (1), wake (0) or unknown (NaN) of each minute of worn counts, with the scorer that their scale asks for.

    `counts_per_min` is NaN where missing or not worn. Counts of an unknown scale are unknown throughout where the
    recording is too short to have a level of its own (`relative_gain`).
    """
    if scale is CountsScale.ACTIGRAPH:
        return webster(score_minutes(counts_per_min, Scorer.COLE_KRIPKE_ACTIGRAPH))
    gain = 1.0 if scale is CountsScale.ACTIWATCH else relative_gain(counts_per_min)
    return webster(score_minutes(counts_per_min * gain, Scorer.OAKLEY_40))


def sustained_inactivity(windows: AccWindows) -> Floats:
    """Sleep (1), wake (0) or unknown (NaN) of each 30-s epoch from raw acceleration, shape (n,).

    Sleep is where the z-angle, the arm's elevation, changes by at most 5° from one 5-s window to the next for at
    least 5 min. This is stillness: outside the time in bed sitting still is scored sleep, too. It differs from the
    paper in that the angle is that of the mean vector of 5 s, not of a rolling median.
    """
    x, y, z = windows.mean_g.T
    angle = np.degrees(np.arctan2(z, np.hypot(x, y)))
    turn = np.abs(np.diff(angle, prepend=np.nan))
    still = turn <= MAX_ANGLE_DEG
    runs = runs_of(still)
    long = runs[runs[:, 1] - runs[:, 0] >= MIN_STILL_MIN * 60 / WINDOW_S]
    step = np.zeros(len(angle) + 1, np.int64)
    step[long[:, 0]] += 1
    step[long[:, 1]] -= 1
    asleep = np.cumsum(step)[:-1] > 0
    share = epoch_mean(np.where(np.isfinite(turn), asleep.astype(np.float64), np.nan))
    return np.where(np.isfinite(share), (share >= 0.5).astype(np.float64), np.nan)
