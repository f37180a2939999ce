"""Heart rate and vagal variability of the sleep window: level, nadir, dip and course over the night.

Beat sums of 30-s epochs are pooled into 5-min windows at UTC multiples of 5 min that lie wholly inside the sleep
window; every column stands on the windows that are filled well enough for it. Where beat intervals do not carry the
night but the device put out a heart rate, the heart-rate columns stand on that and `heart_source` says so. RMSSD is
never taken from it. LF and HF are not here: they need gap-free stretches that epoch sums no longer hold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS
from pipeline.dataset.table import Column
from pipeline.features.family import EpochGrid, Family, Filled, Level, NightView, SleepWindow, State, Value
from pipeline.recording import Floats, Int64
from pipeline.signals.hrv import WINDOW_COVERAGE, WINDOW_NS, five_minutes, window_rows

WHOLE_SHARE = 0.5
WHOLE_H = 3.0
"""Share of the sleep window, and hours of it, that valid 5-min windows must cover to stand for the night (our rule)."""
LEAST_H = 1.0
"""Hours below which nothing is reported of the night (our rule)."""
WAKE_H = 3.0
"""Valid hours outside the sleep window before the dip has a denominator (our rule)."""
NADIR_WINDOWS = 6
"""5-min windows over which heart rate is averaged before its lowest value is sought: 30 min, none of them missing."""
_WINDOW_H = WINDOW_NS / NS / 3600.0
_ASLEEP_FROM = 1.0  # stages N1 … REM are 1 … 4

_TASK_FORCE = "doi:10.1161/01.CIR.93.5.1043"
_OURS = "sleeploop"
_LITTLE = "valid 5-min windows cover less than 1 h"
_PART = "valid 5-min windows cover less than half of the sleep window, or less than 3 h"
_COLUMNS = (
    Column("noct_hr_bpm", pl.Float64, "bpm", "mean heart rate of the valid 5-min windows in the sleep window",
           _TASK_FORCE, low=25.0, high=250.0, null_when=_LITTLE),
    Column("noct_rmssd_ms", pl.Float64, "ms", "median RMSSD of the valid 5-min windows in the sleep window",
           _TASK_FORCE, low=0.0, null_when=_LITTLE),
    Column("noct_lnrmssd", pl.Float64, "ln ms", "median over those windows of ln RMSSD",
           _TASK_FORCE, null_when=f"{_LITTLE}, or RMSSD is 0 in all of them"),
    Column("rmssd_windows_n", pl.Int64, "count", "5-min windows with a valid RMSSD", _OURS, low=0),
    Column("hr_nadir_bpm", pl.Float64, "bpm", "lowest mean heart rate of 30 min without a missing 5-min window",
           _OURS, low=25.0, high=250.0, null_when=_PART),
    Column("hr_nadir_share", pl.Float64, "1",
           "middle of those 30 min: 0 at the start of the sleep window, 1 at its end",
           _OURS, low=0.0, high=1.0, null_when=_PART),
    Column("hr_dip_pct", pl.Float64, "%",
           "100·(wake − sleep)/wake; wake is the mean over all valid epochs of the same noon to noon outside the "
           "sleep window, naps and not worn left out, activity not left out",
           _OURS, low=-900.0, high=100.0, null_when="fewer than 3 valid hours outside the sleep window"),
    Column("rmssd_slope_per_h", pl.Float64, "ln ms/h", "slope of ln RMSSD over the hours of the sleep window",
           _OURS, null_when=_PART),
    Column("hr_wake_h", pl.Float64, "h", "valid hours that the dip's denominator stands on", _OURS, low=0.0, high=28.0),
    Column("heart_sensor", pl.String, "", "ecg, ppg or unknown: how most epochs with beats were sensed", _OURS),
    Column("heart_source", pl.String, "",
           "beats: from beat intervals; device: from the heart rate that the device put out", _OURS),
    Column("rr_excluded_pct", pl.Float64, "%", "beat intervals of the sleep window that were excluded",
           _OURS, low=0.0, high=100.0, null_when="no beat intervals in the sleep window"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Course:
    """One night in 5-min windows, and the epoch column that its heart rate comes from."""

    start_ns: Int64
    hr_bpm: Floats
    rmssd_ms: Floats
    source: str

    @property
    def hours(self) -> float:
        return float(np.isfinite(self.hr_bpm).sum()) * _WINDOW_H


def compute(view: NightView) -> Filled:
    """The night's columns. OK if valid 5-min windows cover half of the sleep window and 3 h; PARTIAL from 1 h on."""
    if view.window is None:
        return FAMILY.too_little("no sleep window was found for this night", None)
    window = view.window
    course = _course(view.grid, window)
    length_h = (window.end_ns - window.start_ns) / NS / 3600.0
    coverage = min(course.hours / length_h, 1.0) if length_h > 0 else 0.0
    if course.hours < LEAST_H:
        return FAMILY.too_little(
            f"5-min windows with enough heart beats cover {course.hours:.1f} h of the sleep window; "
            f"{LEAST_H:g} h are needed",
            coverage,
        )
    whole = _whole(course.hours, length_h)
    values: dict[str, Value] = {
        "noct_hr_bpm": float(np.nanmean(course.hr_bpm)),
        **_variability(course, length_h),
        **(_nadir(course, window) if whole else {"hr_nadir_bpm": None, "hr_nadir_share": None}),
        **_beat_quality(view.grid.cut(window.start_ns, window.end_ns)),
        "heart_source": course.source,
    }
    values |= _dip(view, course)
    reason = _shortfall(course, length_h, coverage)
    return Filled(values, coverage, State.PARTIAL if reason else State.OK, reason)


def _shortfall(course: _Course, length_h: float, coverage: float) -> str | None:
    """What the night lacks by the rule for a whole one; None if heart rate and RMSSD both cover it."""
    asked = f"half of the sleep window and {WHOLE_H:g} h are asked for"
    if not _whole(course.hours, length_h):
        return (
            f"5-min windows with enough heart beats cover {coverage:.0%} of the sleep window "
            f"({course.hours:.1f} h); {asked}"
        )
    rmssd_h = float(np.isfinite(course.rmssd_ms).sum()) * _WINDOW_H
    if rmssd_h == 0.0:
        return "heart rate only: no 5-min window has enough adjacent beat intervals for RMSSD"
    if not _whole(rmssd_h, length_h):
        return f"heart rate covers the night, but RMSSD only {rmssd_h:.1f} h of it; {asked}"
    return None


def _whole(hours: float, length_h: float) -> bool:
    return hours >= WHOLE_H and hours >= WHOLE_SHARE * length_h


def _course(grid: EpochGrid, window: SleepWindow) -> _Course:
    """The sleep window in 5-min windows: from beats where these carry the night, else from whichever covers more."""
    part = grid.cut(window.start_ns, window.end_ns - EPOCH_NS + 1)  # only epochs that also end inside
    names = ("rr_n", "rr_s", "rr_pairs_n", "rr_ssd_ms2")
    five = five_minutes(part.start_ns, *(part[name] for name in names))
    beats = _Course(five.start_ns, five.hr_bpm, five.rmssd_ms, "beats")
    device = _Course(five.start_ns, _window_means(part, "device_hr_bpm"), five.rmssd_ms, "device")
    length_h = (window.end_ns - window.start_ns) / NS / 3600.0
    return beats if _whole(beats.hours, length_h) or beats.hours >= device.hours else device


def _window_means(part: EpochGrid, name: str) -> Floats:
    """Means of an epoch column over the same windows; NaN where fewer than half of the epochs are finite."""
    skip, k = window_rows(part.start_ns, part.n)
    epochs = WINDOW_NS // EPOCH_NS
    rows = part[name][skip : skip + k * epochs].reshape(k, epochs)
    count = np.isfinite(rows).sum(axis=1)
    enough = count >= WINDOW_COVERAGE * epochs
    return np.where(enough, np.nansum(rows, axis=1) / np.maximum(count, 1), np.nan)


def _variability(course: _Course, length_h: float) -> dict[str, Value]:
    """Level of RMSSD, and its slope where it covers the night; an RMSSD of 0 has no logarithm and enters neither."""
    rmssd = course.rmssd_ms[np.isfinite(course.rmssd_ms)]
    above = np.isfinite(course.rmssd_ms) & (course.rmssd_ms > 0)
    out: dict[str, Value] = {
        "noct_rmssd_ms": None,
        "noct_lnrmssd": None,
        "rmssd_slope_per_h": None,
        "rmssd_windows_n": len(rmssd),
    }
    if len(rmssd) * _WINDOW_H < LEAST_H:
        return out
    out["noct_rmssd_ms"] = float(np.median(rmssd))
    if above.any():
        out["noct_lnrmssd"] = float(np.median(np.log(course.rmssd_ms[above])))
    if _whole(float(above.sum()) * _WINDOW_H, length_h):
        hours = (course.start_ns[above] - course.start_ns[above][0]) / NS / 3600.0
        hours = hours - hours.mean()
        out["rmssd_slope_per_h"] = float(hours @ np.log(course.rmssd_ms[above]) / (hours @ hours))
    return out


def _nadir(course: _Course, window: SleepWindow) -> dict[str, Value]:
    """Lowest 30-min heart rate and where it lies; None if no 30 min are without a missing window."""
    out: dict[str, Value] = {"hr_nadir_bpm": None, "hr_nadir_share": None}
    if len(course.hr_bpm) < NADIR_WINDOWS:
        return out
    # A missing window makes every mean that touches it NaN: nothing is smoothed over a gap.
    smooth = np.lib.stride_tricks.sliding_window_view(course.hr_bpm, NADIR_WINDOWS).mean(axis=1)
    if not np.isfinite(smooth).any():
        return out
    lowest = int(np.nanargmin(smooth))
    middle_ns = int(course.start_ns[lowest]) + NADIR_WINDOWS * WINDOW_NS // 2
    out["hr_nadir_bpm"] = float(smooth[lowest])
    out["hr_nadir_share"] = (middle_ns - window.start_ns) / (window.end_ns - window.start_ns)
    return out


def _dip(view: NightView, course: _Course) -> dict[str, Value]:
    """The fall of heart rate from the rest of the same noon to noon, and the hours which that rest stands on."""
    heart = view.grid["hr_bpm" if course.source == "beats" else "device_hr_bpm"]
    outside = heart[_awake(view) & np.isfinite(heart)]
    hours = len(outside) * EPOCH_NS / NS / 3600.0
    if hours < WAKE_H:
        return {"hr_dip_pct": None, "hr_wake_h": hours}
    wake, sleep = float(outside.mean()), float(np.nanmean(course.hr_bpm))
    return {"hr_dip_pct": 100.0 * (wake - sleep) / wake, "hr_wake_h": hours}


def _awake(view: NightView) -> NDArray[np.bool_]:
    """Epochs outside the sleep window and every reported rest, not staged as sleep and not known to be unworn.

    Sleep that actigraphy alone finds by day is not left out: sitting still looks the same to it.
    """
    times = view.grid.times_ns
    awake: NDArray[np.bool_] = ~(view.grid["stage"] >= _ASLEEP_FROM) & (view.grid["wear"] != 0.0)
    rests = [(rest.in_bed_ns, rest.out_bed_ns) for rest in view.rests]
    if view.window is not None:
        rests.append((view.window.start_ns, view.window.end_ns))
    for begin_ns, end_ns in rests:
        awake &= (times >= end_ns) | (times + EPOCH_NS <= begin_ns)
    return awake


def _beat_quality(part: EpochGrid) -> dict[str, Value]:
    """Sensor of most epochs with beats, and the share of intervals that were excluded."""
    valid, excluded = np.nansum(part["rr_n"]), np.nansum(part["rr_excluded_n"])
    beats = part["rr_n"] + part["rr_excluded_n"] > 0
    kinds = part["rr_ppg"][beats]
    votes = {"ecg": int((kinds == 0).sum()), "ppg": int((kinds == 1).sum()), "unknown": int(np.isnan(kinds).sum())}
    sensor = max(votes, key=lambda kind: votes[kind]) if votes["ecg"] != votes["ppg"] else "unknown"
    total = float(valid + excluded)
    return {"heart_sensor": sensor, "rr_excluded_pct": 100.0 * float(excluded) / total if total else None}


FAMILY: Family[NightView] = Family(
    name="autonomic_night",
    level=Level.NIGHT,
    needs=("rr_n", "device_hr_bpm"),
    columns=_COLUMNS,
    compute=compute,
)
