"""Slow-wave activity (SWA, 0.5–4 Hz EEG power) of a night: its level, its decline, and where in the night it lies.

All of it stands on NREM epochs (N2 and N3) inside the sleep window whose power is known, that is, at least half free
of gaps and artefacts. The level scales with the square of the amplifier's gain and with the derivation; the decline
of its logarithm, the share of the first hours and the ratio of periods do not. Nothing is filled in across a gap: a
number whose stretch of time was not seen well enough is null.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, SleepWindow, State, Value
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import asleep, nrem_periods, sleep_onset

# Our own choices, all of them, unless said otherwise.
MIN_LEVEL_MIN = 30.0
"""Valid NREM sleep that the level needs."""
MIN_N3_MIN = 5.0
"""Valid N3 that the level in N3 needs."""
MIN_DECLINE_H, MIN_SPAN_H = 2.0, 3.0
"""Valid NREM sleep, and the time from its first to its last epoch, that the decline needs."""
BLOCK_H = 1.5
"""Length of the blocks whose means the decline is fitted to: about one sleep cycle, so that the rise and fall within
cycles, by far the largest part of the scatter, does not pass for precision."""
MIN_BLOCK_MIN, MIN_BLOCKS = 10.0, 3
"""Valid NREM sleep in a block that counts, and how many such blocks the decline needs."""
EARLY_H = 3.0
MIN_NIGHT_H = 4.0
"""The first hours, and how long after onset sleep must go on for their share to mean anything."""
MIN_VALID = 0.5
"""Share of a stretch's NREM epochs whose power must be known."""
FULL_VALID = 0.9
"""Share of the sleep window, scored and with known power in NREM, below which the state is partial."""
MAX_UNSEEN_MIN = 5.0
"""Unscored time within which a REM period, or sleep onset, may not hide."""

_MIN = EPOCH_S / 60.0
_T975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145)
"""The 97.5 % point of Student's t with 1, 2 … 14 degrees of freedom (any statistical table)."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Decline:
    """Exponential decline of SWA: −d ln(SWA) / dt, its standard error, and the blocks it was fitted to."""

    per_h: float
    se_per_h: float
    blocks: int

    @property
    def half_width_per_h(self) -> float:
        """Half the 95 % interval, of Student's t with blocks − 2 degrees of freedom."""
        return _T975[min(self.blocks - 2, len(_T975)) - 1] * self.se_per_h

    @property
    def fit(self) -> str:
        """'falls' or 'rises' where the 95 % interval lies on one side of 0, else 'not told from none'."""
        if abs(self.per_h) <= self.half_width_per_h:
            return "not told from none"
        return "falls" if self.per_h > 0.0 else "rises"


def swa_decline(swa_uv2: Floats, nrem: Mask) -> Decline | None:
    """The decline of ln SWA per hour over the epochs where `nrem` holds; positive where SWA falls.

    The slope of a straight line through the mean ln SWA of successive 90-min blocks, each weighted by its number of
    valid epochs and placed at their mean time. Its standard error comes from the scatter of the blocks about the line
    (blocks − 2 degrees of freedom), not of the epochs: neighbouring epochs are far from independent. On simulated
    nights with cycles, level shifts between cycles and autocorrelated epochs the root mean square of this standard
    error was 0.9–1.2 times the true spread of the slope; that of an ordinary fit to epochs was 0.1–0.6 times.

    None with less than 2 h of valid NREM sleep, a span below 3 h, or fewer than 3 blocks of 10 min or more.
    """
    at = np.flatnonzero(nrem & (swa_uv2 > 0.0))  # NaN compares false
    hours = (at + 0.5) * EPOCH_S / 3600.0
    if len(at) * _MIN < MIN_DECLINE_H * 60.0 or hours[-1] - hours[0] < MIN_SPAN_H:
        return None
    block = ((hours - hours[0]) / BLOCK_H).astype(np.int64)
    n = np.bincount(block)
    kept = n * _MIN >= MIN_BLOCK_MIN
    if kept.sum() < MIN_BLOCKS:
        return None
    n = n[kept].astype(np.float64)
    time_h = np.bincount(block, hours)[kept] / n
    level = np.bincount(block, np.log(swa_uv2[at]))[kept] / n
    time_h, level = time_h - np.average(time_h, weights=n), level - np.average(level, weights=n)
    spread = float(n @ time_h**2)
    slope = float(n @ (time_h * level)) / spread
    residual = float(n @ (level - slope * time_h) ** 2)
    return Decline(-slope, float(np.sqrt(residual / (len(n) - 2) / spread)), len(n))


def early_share(swa_uv2: Floats, stage: Floats, onset: int) -> float | None:
    """Share of the night's NREM SWA energy that falls into the first 3 h after onset, 0 … 1.

    The energy of either part is its mean SWA over valid NREM epochs times its number of NREM epochs, so that epochs
    lost to artefacts do not shift the share. None if sleep ends within 4 h of onset, if onset may have passed in more
    than 5 min of unscored time, if more than a tenth of either part was not scored, or if less than half of its NREM
    epochs have known power.
    """
    last = int(np.flatnonzero(asleep(stage))[-1]) + 1
    cut = onset + round(EARLY_H * 3600 / EPOCH_S)
    unseen_min = np.isnan(stage[:onset]).sum() * _MIN
    if (last - onset) * EPOCH_S < MIN_NIGHT_H * 3600 or unseen_min > MAX_UNSEEN_MIN:
        return None
    energy = []
    for part in (slice(onset, cut), slice(cut, last)):
        nrem = _nrem(stage[part])
        known = nrem & np.isfinite(swa_uv2[part])
        if np.isfinite(stage[part]).mean() < FULL_VALID or known.sum() < MIN_VALID * nrem.sum():
            return None
        energy.append(float(swa_uv2[part][known].mean()) * int(nrem.sum()) if known.any() else 0.0)
    return energy[0] / sum(energy) if sum(energy) > 0.0 else None


def delta_sleep_ratio(swa_uv2: Floats, stage: Floats) -> float | None:
    """Mean SWA of the first NREM period over that of the second (Kupfer's delta sleep ratio, with spectral power).

    None with fewer than two NREM periods (which a REM period parts), more than 5 min unscored up to the end of the
    second, or known power in less than half of the N2 and N3 epochs of either.
    """
    periods = nrem_periods(stage)
    if len(periods) < 2 or np.isnan(stage[: periods[1, 1]]).sum() * _MIN > MAX_UNSEEN_MIN:
        return None
    means = []
    for start, stop in periods[:2]:
        nrem = _nrem(stage[start:stop])
        known = nrem & np.isfinite(swa_uv2[start:stop])
        if not known.any() or known.sum() < MIN_VALID * nrem.sum():
            return None
        means.append(float(swa_uv2[start:stop][known].mean()))
    return means[0] / means[1] if means[1] > 0.0 else None


def _nrem(stage: Floats) -> Mask:
    """True for N2 and N3."""
    return np.isin(stage, (Stage.N2, Stage.N3))


def _mean(swa_uv2: Floats, where: Mask, least_min: float) -> float | None:
    """Mean SWA over epochs of known power; None with less than `least_min` of them."""
    known = where & np.isfinite(swa_uv2)
    return float(swa_uv2[known].mean()) if known.sum() * _MIN >= least_min and known.any() else None


def _night(view: NightView) -> Filled:
    """The columns of one night, from the epochs inside its sleep window."""
    grid, window = view.sleep_grid, view.window
    if grid is None or window is None:
        return FAMILY.too_little("no sleep window was found", None)
    swa_uv2, stage = grid["swa_uv2"], grid["stage"]
    nrem = _nrem(stage)
    known = nrem & np.isfinite(swa_uv2)
    coverage = float(known.sum() / nrem.sum()) if nrem.any() else 0.0
    level = _mean(swa_uv2, nrem, MIN_LEVEL_MIN)
    if level is None or level <= 0.0:
        lacking = f"{known.sum() * _MIN:g} min of N2 and N3 with known power, {MIN_LEVEL_MIN:.0f} are needed"
        return FAMILY.too_little(lacking, coverage)
    decline = swa_decline(swa_uv2, nrem)
    fitted = decline is not None and decline.se_per_h < abs(decline.per_h)
    values: dict[str, Value] = {
        "swa_nrem_uv2": level,
        "swa_n3_uv2": _mean(swa_uv2, stage == Stage.N3, MIN_N3_MIN),
        "swa_log": float(np.log(level)),
        "swa_decline_per_h": None if decline is None else decline.per_h,
        "swa_decline_se_per_h": None if decline is None else decline.se_per_h,
        "swa_decline_low95_per_h": None if decline is None else decline.per_h - decline.half_width_per_h,
        "swa_decline_high95_per_h": None if decline is None else decline.per_h + decline.half_width_per_h,
        "swa_decline_fit": "failed: too little sleep" if decline is None else decline.fit,
        "swa_decline_ok": None if decline is None else fitted,
    }
    values |= _by_time_of_night(swa_uv2, stage, window)
    reason = _limits(stage, coverage, window, decline, fitted=fitted)
    return Filled(values, coverage, State.PARTIAL if reason else State.OK, reason)


def _by_time_of_night(swa_uv2: Floats, stage: Floats, window: SleepWindow) -> dict[str, Value]:
    """The columns that count from sleep onset: null where the recording does not show it, or the end they need."""
    out: dict[str, Value] = {"swa_first3h_share": None, "delta_ratio": None}
    onset = sleep_onset(stage)
    if onset is None or (window.start_censored and not np.any(stage[:onset] == Stage.WAKE)):
        return out
    if not window.end_censored:
        out["swa_first3h_share"] = early_share(swa_uv2, stage, onset)
    # Cut off inside the second NREM period, the night gives only the early part of its mean.
    if not window.end_censored or np.any(stage[_end_of_second_period(stage) :] == Stage.REM):
        out["delta_ratio"] = delta_sleep_ratio(swa_uv2, stage)
    return out


def _end_of_second_period(stage: Floats) -> int:
    """First epoch after the second NREM period; the number of epochs where there is none."""
    periods = nrem_periods(stage)
    return int(periods[1, 1]) if len(periods) > 1 else len(stage)


def _limits(
    stage: Floats, coverage: float, window: SleepWindow, decline: Decline | None, *, fitted: bool
) -> str | None:
    """What keeps the numbers from standing for the whole night, in words; None if nothing does."""
    scored = float(np.isfinite(stage).mean())
    found = [f"only {scored:.0%} of the sleep window was scored"] if scored < FULL_VALID else []
    found += [f"power is known in only {coverage:.0%} of N2 and N3"] if coverage < FULL_VALID else []
    if window.start_censored or window.end_censored:
        found.append("the recording does not show the whole night")
    if decline is None:
        found.append("too little NREM sleep, or too short a span, for a decline")
    elif not fitted:
        found.append("the decline could not be told from none: its standard error is larger than the slope")
    return "; ".join(found) or None


_LEVEL = f"less than {MIN_LEVEL_MIN:.0f} min of N2 and N3 with known power"
_DECLINE = (
    f"less than {MIN_DECLINE_H:g} h of N2 and N3 with known power, a span below {MIN_SPAN_H:g} h, or fewer than "
    f"{MIN_BLOCKS} blocks of {BLOCK_H:g} h"
)
_KUPFER = "Kupfer et al. 1990, Arch Gen Psychiatry 47:1100 (recalled, unverified)"

FAMILY: Family[NightView] = Family(
    name="slow_wave_activity",
    level=Level.NIGHT,
    needs=("swa_uv2",),
    columns=(
        Column("swa_nrem_uv2", pl.Float64, "µV²", "mean EEG power 0.5-4 Hz over N2 and N3 epochs free of artefacts; "
               "depends on derivation and gain", "sleeploop", low=0.0, null_when=_LEVEL),
        Column("swa_n3_uv2", pl.Float64, "µV²", "the same over N3 only", "sleeploop", low=0.0,
               null_when=f"less than {MIN_N3_MIN:.0f} min of N3 with known power"),
        Column("swa_log", pl.Float64, "ln µV²", "natural logarithm of swa_nrem_uv2", "sleeploop", null_when=_LEVEL),
        Column("swa_decline_per_h", pl.Float64, "1/h", "decline of ln SWA over the night (positive: it falls); slope "
               "through 90-min blocks of N2 and N3; not to be used where swa_decline_ok is false",
               "sleeploop; Borbély 1982", null_when=_DECLINE),
        Column("swa_decline_se_per_h", pl.Float64, "1/h",
               "standard error of the decline, from the scatter of the blocks", "sleeploop", low=0.0,
               null_when=_DECLINE),
        Column("swa_decline_low95_per_h", pl.Float64, "1/h", "lower end of the decline's 95 % interval (Student's t)",
               "sleeploop", null_when=_DECLINE),
        Column("swa_decline_high95_per_h", pl.Float64, "1/h", "upper end of the decline's 95 % interval", "sleeploop",
               null_when=_DECLINE),
        Column("swa_decline_fit", pl.String, "", "falls, rises, not told from none (the interval holds 0), or failed: "
               "too little sleep", "sleeploop", null_when=_LEVEL),
        Column("swa_decline_ok", pl.Boolean, "", "whether the decline is larger than its standard error", "sleeploop",
               null_when=_DECLINE),
        Column("swa_first3h_share", pl.Float64, "1", "share of the night's N2 and N3 SWA energy in the first 3 h after "
               "sleep onset", "sleeploop", low=0.0, high=1.0,
               null_when=f"sleep ends within {MIN_NIGHT_H:g} h of onset, or onset, end or either part was "
               "not seen well enough"),
        Column("delta_ratio", pl.Float64, "1", "delta sleep ratio: mean SWA of the first NREM period over the second",
               _KUPFER, low=0.0, null_when="fewer than two NREM periods, or not seen well enough"),
    ),
    compute=_night,
)  # fmt: skip
