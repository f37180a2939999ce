"""One day's curve of one analyte, from its samples' minutes since waking: the awakening response and the decline.

Every measure that cannot be had is None and named with its reason. Windows and limits stand above the functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pipeline.recording import Floats
from pipeline.signals.saliva import auc_ground, auc_increase, mean_increase, regression_slope

EARLY_MIN = -5.0
"""Up to this long before waking as told, the first sample is still that of waking (clocks differ; a choice of ours)."""
LATE_MIN = 5.0
"""A first sample later than this is delayed (evidence: Smyth et al. 2013, Psychoneuroendocrinology 38:1476;
strict limit of Stalder et al. 2016, doi:10.1016/j.psyneuen.2015.10.010, recalled)."""
TOO_LATE_MIN = 15.0
"""… later than this it is none of waking: the response is not computed (lenient limit of the same guideline)."""
CAR_END_MIN = 70.0
"""Samples up to here belong to the awakening response: one meant for +60 min and ten minutes late (choice of ours)."""
CAR_LAST_MIN = 40.0
"""Areas need a sample this long after waking or later: the shortest advised grid is 0, 30, 45 min (Stalder 2016)."""
CAR_GAP_MIN = 40.0
"""No two neighbours of an area over the awakening response lie further apart (choice of ours)."""
PLUS_30_MIN = (25.0, 35.0)
"""What counts as the sample at 30 min."""
EVENING_MIN = 600.0
"""The evening sample is the day's last, if it lies at least 10 h after waking (choice of ours)."""
DAY_GAP_MIN = 420.0
"""No two neighbours of the area of the whole day lie further apart (choice of ours)."""
RISE_NMOL_L, OLD_RISE_NMOL_L, RISE_SHARE = 1.5, 2.5, 0.155
"""Responder rules: baseline-to-peak rises of Miller et al. 2013, doi:10.1097/PSY.0000000000000002 (made for acute
stress), beside the older 2.5 nmol/L."""

MEASURES = (
    "waking", "plus_30", "peak", "peak_min", "delta_30", "rise", "mean_increase", "auc_g", "auc_i", "car_span_min",
    "responder_1p5", "responder_2p5", "responder_15p5_percent", "evening", "evening_min",
    "slope_waking_evening", "slope_peak_evening", "slope_regression",
    "ln_slope_waking_evening", "ln_slope_peak_evening", "ln_slope_regression", "auc_day",
)  # fmt: skip


@dataclass(slots=True)
class Curve:
    """The measures of a day and, for each that is None, why."""

    values: dict[str, float | bool | None] = field(default_factory=lambda: dict.fromkeys(MEASURES))
    reasons: dict[str, str] = field(default_factory=dict)

    def refuse(self, why: str, *names: str) -> None:
        """Give the reason for those that have neither value nor reason yet."""
        for name in names or MEASURES:
            if self.values[name] is None:
                self.reasons.setdefault(name, why)


def curve(minutes: Floats, value: Floats, *, missing: str = "", cortisol: bool = True) -> Curve:
    """The measures of one day. `minutes` since waking increase; `value` is in nmol/L; both finite, shape (n,).

    `missing` names samples of the awakening response that the protocol has and the day lacks: then nothing is computed
    that needs them. Responder rules are cortisol's and None for another analyte.
    """
    out = Curve()
    at_waking = np.flatnonzero((minutes >= EARLY_MIN) & (minutes <= TOO_LATE_MIN))
    first = int(at_waking[0]) if len(at_waking) else None
    _evening(out, minutes, value)
    if first is None:
        after = minutes[minutes > TOO_LATE_MIN]
        when = f"the first is {after[0]:g} min after it" if len(after) else "none is after it"
        out.refuse(f"no sample within {TOO_LATE_MIN:g} min of waking ({when})")
        return out
    if missing and minutes[first] > LATE_MIN:
        out.refuse(f"sample {missing} is missing and the first is {minutes[first]:g} min after waking")
        return out
    out.values["waking"] = float(value[first])
    car = slice(first, int(np.searchsorted(minutes, CAR_END_MIN, side="right")))
    _response(out, minutes[car], value[car], missing)
    _responder(out, cortisol=cortisol)
    _slopes(out, minutes, value, first)
    _whole_day(out, minutes[first:], value[first:], missing)
    return out


def _response(out: Curve, minutes: Floats, value: Floats, missing: str) -> None:
    values = out.values
    near = np.flatnonzero((minutes >= PLUS_30_MIN[0]) & (minutes <= PLUS_30_MIN[1]))
    if len(near):
        thirty = near[np.argmin(np.abs(minutes[near] - 30))]
        values["plus_30"], values["delta_30"] = float(value[thirty]), float(value[thirty] - value[0])
    out.refuse(f"no sample {PLUS_30_MIN[0]:g} to {PLUS_30_MIN[1]:g} min after waking", "plus_30", "delta_30")
    rising = ("peak", "peak_min", "rise", "mean_increase", "auc_g", "auc_i", "car_span_min")
    gap = float(np.diff(minutes).max()) if len(minutes) > 1 else 0.0
    if missing:
        why = f"sample {missing} is missing"
    elif len(minutes) < 3:
        why = f"{len(minutes)} samples from waking to {CAR_END_MIN:g} min, 3 needed"
    elif minutes[-1] < CAR_LAST_MIN:
        why = f"the last sample is {minutes[-1]:g} min after waking, {CAR_LAST_MIN:g} needed"
    elif gap > CAR_GAP_MIN:
        why = f"{gap:g} min between two samples, at most {CAR_GAP_MIN:g} allowed"
    else:
        top = int(np.argmax(value))
        values["peak"], values["peak_min"] = float(value[top]), float(minutes[top])
        values["rise"] = float(value[1:].max() - value[0])
        values["mean_increase"] = mean_increase(value)
        values["auc_g"], values["auc_i"] = auc_ground(minutes, value), auc_increase(minutes, value)
        values["car_span_min"] = float(minutes[-1] - minutes[0])
        return
    out.refuse(why, *rising)


def _responder(out: Curve, *, cortisol: bool) -> None:
    names = ("responder_1p5", "responder_2p5", "responder_15p5_percent")
    rise, waking = out.values["rise"], out.values["waking"]
    if not cortisol:
        out.refuse("the rule is for cortisol", *names)
    elif rise is None or waking is None:
        out.refuse(out.reasons["rise"], *names)
    else:
        out.values["responder_1p5"] = rise >= RISE_NMOL_L
        out.values["responder_2p5"] = rise >= OLD_RISE_NMOL_L
        if waking > 0:
            out.values["responder_15p5_percent"] = rise / waking >= RISE_SHARE
        out.refuse("the sample of waking is 0", "responder_15p5_percent")


def _evening(out: Curve, minutes: Floats, value: Floats) -> None:
    if len(minutes) and minutes[-1] >= EVENING_MIN:
        out.values["evening"], out.values["evening_min"] = float(value[-1]), float(minutes[-1])
    out.refuse(f"no sample {EVENING_MIN / 60:g} h after waking or later", "evening", "evening_min")


def _slopes(out: Curve, minutes: Floats, value: Floats, first: int) -> None:
    """Slopes per hour. Nothing is added to a value of 0 before its logarithm is taken: that slope is None."""
    names = [name for name in MEASURES if "slope" in name]
    if out.values["evening"] is None:
        out.refuse(out.reasons["evening"], *names)
        return
    hours = minutes / 60
    peak_min = out.values["peak_min"]
    ends = {"slope_waking_evening": np.array([first, len(minutes) - 1])}
    if peak_min is None:
        out.refuse(out.reasons["peak"], "slope_peak_evening", "ln_slope_peak_evening")
    else:
        ends["slope_peak_evening"] = np.array([int(np.flatnonzero(minutes == peak_min)[0]), len(minutes) - 1])
    rest = np.flatnonzero(minutes > CAR_END_MIN)
    if len(rest) < 2:
        why = f"{1 + len(rest)} samples without those of the awakening response, 3 needed"
        out.refuse(why, "slope_regression", "ln_slope_regression")
    else:
        ends["slope_regression"] = np.concatenate([[first], rest])
    for name, places in ends.items():
        out.values[name] = regression_slope(hours[places], value[places])
        if np.all(value[places] > 0):
            out.values[f"ln_{name}"] = regression_slope(hours[places], np.log(value[places]))
        out.refuse("a value is 0: it has no logarithm", f"ln_{name}")


def _whole_day(out: Curve, minutes: Floats, value: Floats, missing: str) -> None:
    gap = float(np.diff(minutes).max()) if len(minutes) > 1 else 0.0
    if out.values["evening"] is None:
        why = out.reasons["evening"]
    elif missing:
        why = f"sample {missing} is missing"
    elif len(minutes) < 4:
        why = f"{len(minutes)} samples from waking to evening, 4 needed"
    elif gap > DAY_GAP_MIN:
        why = f"{gap / 60:.1f} h between two samples, at most {DAY_GAP_MIN / 60:g} allowed"
    else:
        out.values["auc_day"] = auc_ground(minutes / 60, value)
        return
    out.refuse(why, "auc_day")
