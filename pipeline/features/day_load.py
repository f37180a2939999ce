"""What the heart did by day, beyond what movement asked of it.

`additional_hr_bpm` is the mean difference between the minute heart rate of the waking hours and what the person's own
other days predict from movement now, a minute ago and over the last five minutes, and from the time of day. The
prediction for a day never uses that day. It compares a person's days with one another: over all of them it is near 0,
so it says nothing between persons; `quiet_hr_rise_bpm` does. No column is made from a 24-h mean, which contains sleep.

Concept and lagged movement: van de Ven 2025, doi:10.1111/psyp.14721 (posture, also there, is not in these data); the
whole day as the regression's data: Brown 2020, doi:10.3389/fnins.2020.564123.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS, days_between, midnight_ns, noon_ns, utc_to_wall
from pipeline.dataset.table import Column
from pipeline.features.family import DayView, EpochGrid, Family, Filled, Level, ParticipantView, State, Value
from pipeline.recording import Floats
from pipeline.signals.hrv import five_minutes

LEAST_MINUTES = 120
"""Valid minutes before a day has a waking heart rate, or enters the regression (our rule)."""
LEAST_DAYS = 3
"""Other days with that many minutes before a day can be predicted (our rule)."""
LAG_MINUTES = 5
LEAST_WINDOWS = 12
"""5-min windows (1 h) before waking RMSSD is reported (our rule)."""
LEAST_SLEEP_EPOCHS = 120
"""Epochs of sleep within the day (1 h) before waking heart rate is set against it (our rule)."""
LEAST_CONDITION = 1e-8
"""Smallest eigenvalue of the scaled normal matrix over its largest: below it movement hardly varied (our rule)."""
_MEASURES = ("activity_cpm", "mad_mg")
_ASLEEP_FROM = 1.0  # stages N1 … REM are 1 … 4
_DAY_NS = 86_400 * NS

_OURS = "sleeploop"
_FEW = f"fewer than {LEAST_MINUTES} valid waking minutes"
_COLUMNS = (
    Column("waking_h", pl.Float64, "h", "hours of the day known to be waking: outside the sleep windows, naps left out",
           _OURS, low=0.0, high=25.0),
    Column("waking_hr_h", pl.Float64, "h", "of these, hours with a valid heart rate", _OURS, low=0.0, high=25.0),
    Column("waking_hr_bpm", pl.Float64, "bpm", "mean minute heart rate of the waking hours, movement included", _OURS,
           low=25.0, high=250.0, null_when=_FEW),
    Column("waking_lnrmssd", pl.Float64, "ln ms", "median over waking 5-min windows of ln RMSSD, movement included",
           "doi:10.1161/01.CIR.93.5.1043", null_when=f"fewer than {LEAST_WINDOWS} valid windows"),
    Column("additional_hr_bpm", pl.Float64, "bpm",
           "mean waking minute heart rate above what movement and time of day predict from the person's other days",
           "doi:10.1111/psyp.14721", low=-225.0, high=225.0,
           null_when=f"{_FEW} with movement, fewer than {LEAST_DAYS} other such days, or movement that hardly varied"),
    Column("additional_hr_minutes_n", pl.Int64, "count",
           "waking minutes with heart rate, movement and its five minutes before", _OURS, low=0),
    Column("additional_hr_days_n", pl.Int64, "count", "other days that the prediction rests on", _OURS, low=0),
    Column("quiet_hr_rise_bpm", pl.Float64, "bpm",
           "mean waking heart rate in the minutes of lowest movement (its lowest quarter) minus that of sleep within "
           "the same calendar day", _OURS, low=-225.0, high=225.0,
           null_when=f"{_FEW} with movement, or less than 1 h of sleep with a heart rate"),
    Column("activity_mean_cpm", pl.Float64, "count/min", "mean activity of the waking hours", _OURS,
           low=0.0, null_when="no counts"),
    Column("activity_waking_share", pl.Float64, "1", "share of the waking minutes with a movement value", _OURS,
           low=0.0, high=1.0, null_when="no waking time is known"),
    Column("movement_measure", pl.String, "", "the movement column that was used", _OURS,
           null_when="no movement was measured"),
    Column("day_stream", pl.String, "", "the sensor stream that these columns stand on", _OURS),
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Minutes:
    """One day in minutes from local midnight on, shape (m,) each; NaN where unmeasured."""

    hr_bpm: Floats
    movement: Floats
    design: Floats
    """Shape (m, 6): 1, log movement now, one minute ago, over the five minutes before, and the clock's harmonic."""
    waking: NDArray[np.bool_]

    @property
    def used(self) -> NDArray[np.bool_]:
        """Minutes that can enter the regression."""
        return self.waking & np.isfinite(self.hr_bpm) & np.isfinite(self.design).all(axis=1)


def baseline(view: ParticipantView) -> dict[str, Floats]:
    """Normal equations of each day of the participant, from which any day's can be left out.

    Returns
    -------
    dict[str, Floats]
        `load_measure` (1,): which movement column, the one with more usable minutes; `load_days` (d,): ordinals of
        the days with at least `LEAST_MINUTES`; `load_xtx` (d, 6, 6) and `load_xty` (d, 6): their sums. Empty if there
        is no such day.
    """
    best: dict[str, Floats] = {}
    most = 0
    for number, measure in enumerate(_MEASURES):
        if not view.grid.has(measure):
            continue
        days, xtx, xty, minutes = [], [], [], 0
        for day in days_between(view.grid.start_ns, view.grid.start_ns + view.grid.n * EPOCH_NS, view.zone):
            table = _minutes(_day_view(view, day), measure)
            x, y = table.design[table.used], table.hr_bpm[table.used]
            if len(y) >= LEAST_MINUTES:
                days.append(float(day.toordinal()))
                xtx.append(x.T @ x)
                xty.append(x.T @ y)
                minutes += len(y)
        if minutes > most:
            most = minutes
            best = {
                "load_measure": np.array([float(number)]),
                "load_days": np.array(days),
                "load_xtx": np.stack(xtx),
                "load_xty": np.stack(xty),
            }
    return best


def compute(view: DayView) -> Filled:
    """The day's columns. OK with `additional_hr_bpm`, PARTIAL without; INSUFFICIENT below two hours of heart rate."""
    measure = _measure(view)
    table = _minutes(view, measure)
    waking, beating = int(table.waking.sum()), table.waking & np.isfinite(table.hr_bpm)
    if not waking:
        return FAMILY.too_little("no part of the day is known to be waking: no sleep window, no actigraphy", None)
    coverage = float(beating.sum()) / waking
    if beating.sum() < LEAST_MINUTES:
        return FAMILY.too_little(
            f"{int(beating.sum())} waking minutes with a valid heart rate; {LEAST_MINUTES} are needed", coverage
        )
    moved = table.waking & np.isfinite(table.movement)
    additional, days_n, reason = _additional(view, table)
    counts = view.grid["activity_cpm"][_waking(view) & np.isfinite(view.grid["activity_cpm"])]
    values: dict[str, Value] = {
        "waking_h": waking / 60.0,
        "waking_hr_h": float(beating.sum()) / 60.0,
        "waking_hr_bpm": float(table.hr_bpm[beating].mean()),
        "waking_lnrmssd": _lnrmssd(view),
        "additional_hr_bpm": additional,
        "additional_hr_minutes_n": int(table.used.sum()),
        "additional_hr_days_n": days_n,
        "quiet_hr_rise_bpm": _quiet_rise(view, table),
        "activity_mean_cpm": float(counts.mean()) if len(counts) else None,
        "activity_waking_share": float(moved.sum()) / waking,
        "movement_measure": measure,
        "day_stream": "heart",
    }
    return Filled(values, coverage, State.PARTIAL if reason else State.OK, reason)


def _additional(view: DayView, table: _Minutes) -> tuple[float | None, int, str | None]:
    """Mean residual of the day against its other days, how many these are, and why there is none."""
    days = view.baseline.get("load_days", np.zeros(0))
    others = days != view.day.toordinal()
    count, used = int(others.sum()), table.used
    if not np.isfinite(table.movement).any():
        return None, count, "no movement was measured: heart rate cannot be held against it"
    if used.sum() < LEAST_MINUTES:
        return None, count, f"{int(used.sum())} waking minutes with heart rate and movement; {LEAST_MINUTES} are needed"
    if count < LEAST_DAYS:
        return None, count, f"{count} other days to predict this one from; {LEAST_DAYS} are needed"
    xtx, xty = view.baseline["load_xtx"][others].sum(axis=0), view.baseline["load_xty"][others].sum(axis=0)
    scale = np.sqrt(np.diag(xtx))
    scale[scale == 0] = 1.0
    scaled = xtx / np.outer(scale, scale)
    eigenvalues = np.linalg.eigvalsh(scaled)
    if eigenvalues[0] < LEAST_CONDITION * eigenvalues[-1]:
        return None, count, "movement hardly varied on the other days: nothing can be predicted from it"
    slopes = np.linalg.solve(scaled, xty / scale) / scale
    return float((table.hr_bpm[used] - table.design[used] @ slopes).mean()), count, None


def _measure(view: DayView) -> str | None:
    """The movement column: that of the participant's regression, else the first that the day has."""
    chosen = view.baseline.get("load_measure")
    if chosen is not None:
        return _MEASURES[int(chosen[0])]
    return next((name for name in _MEASURES if view.grid.has(name)), None)


def _day_view(view: ParticipantView, day: date) -> DayView:
    start, end = midnight_ns(day, view.zone), midnight_ns(day + timedelta(days=1), view.zone)
    before, after = view.windows.get(day - timedelta(days=1)), view.windows.get(day)
    return DayView(day, view.zone, start, end, view.grid.cut(start, end), before, after)


def _minutes(view: DayView, measure: str | None) -> _Minutes:
    """The day in minutes. Lags reach back within the day only, and no lag reaches over a minute without movement."""
    grid = view.grid
    movement = _pair_means(grid[measure] if measure else np.full(grid.n, np.nan))
    level = np.log1p(movement)
    before = np.concatenate([np.full(LAG_MINUTES, np.nan), level[:-1]])
    lagged = sliding_window_view(before, LAG_MINUTES).mean(axis=1) if len(level) else level
    clock = (utc_to_wall(grid.times_ns[::2], view.zone) % _DAY_NS) / _DAY_NS * 2.0 * np.pi
    design = np.stack(
        [np.ones(len(level)), level, before[LAG_MINUTES - 1 :][: len(level)], lagged, np.cos(clock), np.sin(clock)],
        axis=1,
    )
    waking = _pair_means(_waking(view).astype(np.float64)) == 1.0
    return _Minutes(_pair_means(_heart(grid)), movement, design, waking)


def _heart(grid: EpochGrid) -> Floats:
    """Heart rate from beats, and where there is none what the device put out: wrist beats are lost in movement."""
    beats = grid["hr_bpm"]
    return np.where(np.isfinite(beats), beats, grid["device_hr_bpm"])


def _pair_means(values: Floats) -> Floats:
    """Means of the finite halves of each minute; NaN where both are missing."""
    rows = np.pad(values, (0, len(values) % 2), constant_values=np.nan).reshape(-1, 2)
    count = np.isfinite(rows).sum(axis=1)
    return np.where(count > 0, np.nansum(rows, axis=1) / np.maximum(count, 1), np.nan)


def _asleep(view: DayView) -> NDArray[np.bool_]:
    """Epochs that touch a sleep window."""
    times = view.grid.times_ns
    asleep = np.zeros(view.grid.n, np.bool_)
    for window in (view.before, view.after):
        if window is not None:
            asleep |= (times < window.end_ns) & (times + EPOCH_NS > window.start_ns)
    return asleep


def _waking(view: DayView) -> NDArray[np.bool_]:
    """Epochs known to be waking, not staged as sleep and not known to be unworn.

    A sleep window says when the time around it was waking: that of the night before up to noon, that of the night
    after from noon on. Where one is missing, an epoch is waking only if actigraphy scored it as wake.
    """
    grid = view.grid
    morning = grid.times_ns < noon_ns(view.day, view.zone)
    known = np.where(morning, view.before is not None, view.after is not None)
    awake: NDArray[np.bool_] = ~_asleep(view) & (known | (grid["acti_sleep"] == 0.0)) & ~(grid["stage"] >= _ASLEEP_FROM)
    awake &= grid["wear"] != 0.0
    return awake


def _lnrmssd(view: DayView) -> float | None:
    """Median ln RMSSD of the 5-min windows of the waking epochs; None with too few of them."""
    waking = _waking(view)
    names = ("rr_n", "rr_s", "rr_pairs_n", "rr_ssd_ms2")
    five = five_minutes(view.grid.start_ns, *(np.where(waking, view.grid[name], np.nan) for name in names))
    rmssd = five.rmssd_ms[np.isfinite(five.rmssd_ms)]
    rmssd = rmssd[rmssd > 0]
    return float(np.median(np.log(rmssd))) if len(rmssd) >= LEAST_WINDOWS else None


def _quiet_rise(view: DayView, table: _Minutes) -> float | None:
    """Heart rate of the quarter of waking minutes with least movement, above that of sleep within the day."""
    moved = table.waking & np.isfinite(table.hr_bpm) & np.isfinite(table.movement)
    heart = _heart(view.grid)
    sleep = heart[_asleep(view) & np.isfinite(heart)]
    if moved.sum() < LEAST_MINUTES or len(sleep) < LEAST_SLEEP_EPOCHS:
        return None
    movement = table.movement[moved]
    quiet = movement <= np.quantile(movement, 0.25)
    return float(table.hr_bpm[moved][quiet].mean() - sleep.mean())


FAMILY: Family[DayView] = Family(
    name="day_load",
    level=Level.DAY,
    needs=("hr_bpm", "device_hr_bpm"),
    columns=_COLUMNS,
    compute=compute,
)
