"""The rest–activity rhythm of a participant: stability, fragmentation, amplitude and timing over all valid days."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, ParticipantView, State, Value
from pipeline.recording import Floats
from pipeline.signals.rhythm import (
    Extreme,
    clock_grid,
    cosinor,
    hourly_means,
    interdaily_stability,
    intradaily_variability,
    jackknife_se,
    least_active,
    mean_day,
    most_active,
    relative_amplitude,
    valid_days,
)

MIN_DAYS = 3
"""Valid days before anything is computed (our rule)."""
WELL_DAYS = 7
"""Valid days from which the numbers are not called partial: fewer than a week holds no free days (our rule)."""
MIN_DAYS_PER_HOUR = 2
"""Valid days on which every hour of the clock must be measured: else a device taken off every night has a rhythm."""

_FEW = "fewer than 3 days with 16 h of worn activity, or an hour of the clock measured on fewer than 2 of them"
_WITTING = "doi:10.1016/0006-3223(90)90523-5"
_SOMEREN = "doi:10.3109/07420529908998724"
_CORNELISSEN = "doi:10.1186/1742-4682-11-16"
_COLUMNS = (
    Column("rhythm_days_n", pl.Int64, "count", "local days with at least 16 h of worn activity, the only ones used",
           "sleeploop", low=0, null_when="activity was not measured"),
    Column("is_hourly", pl.Float64, "1", "interdaily stability of hourly means: share of variance that the mean "
           "day explains (population form; 1 periodic, about 1/days for noise)", _WITTING, low=0.0, high=1.0,
           null_when=f"{_FEW}, or activity is constant"),
    Column("is_hourly_se", pl.Float64, "1", "its standard error, jackknife over days", "doi:10.1214/aos/1176345462",
           low=0.0, null_when="is_hourly is null"),
    Column("iv_hourly", pl.Float64, "1", "intradaily variability of hourly means: mean squared step between "
           "adjacent valid hours over the variance", _WITTING, low=0.0,
           null_when=f"{_FEW}, or activity is constant"),
    Column("m10_cpm", pl.Float64, "counts/min",
           "mean of the ten most active hours in a row of the mean day; in counts of the maker", _SOMEREN, low=0.0,
           null_when=_FEW),
    Column("l5_cpm", pl.Float64, "counts/min",
           "mean of the five least active hours in a row of the mean day; in counts of the maker", _SOMEREN,
           low=0.0, null_when=_FEW),
    Column("m10_onset_h", pl.Float64, "h",
           "local clock hour at which they begin; the middle one of several equal starts", _SOMEREN, low=0.0,
           high=24.0, null_when=f"{_FEW}, or all starts are equal"),
    Column("l5_onset_h", pl.Float64, "h",
           "local clock hour at which they begin; the middle one of several equal starts", _SOMEREN, low=0.0,
           high=24.0, null_when=f"{_FEW}, or all starts are equal"),
    Column("ra", pl.Float64, "1", "relative amplitude (M10 − L5)/(M10 + L5) of the mean day; not comparable "
           "between counts and raw acceleration", _SOMEREN, low=0.0, high=1.0,
           null_when=f"{_FEW}, or M10 and L5 are 0"),
    Column("ra_se", pl.Float64, "1", "its standard error, jackknife over days", "doi:10.1214/aos/1176345462",
           low=0.0, null_when="ra is null"),
    Column("cosinor_mesor_log", pl.Float64, "ln(counts/min + 1)",
           "level of the 24-h cosine fitted to ln(counts/min + 1) of minutes", _CORNELISSEN,
           null_when=_FEW),
    Column("cosinor_amplitude_log", pl.Float64, "ln(counts/min + 1)",
           "amplitude of that cosine; depends on the scale of the counts", _CORNELISSEN, low=0.0, null_when=_FEW),
    Column("cosinor_acrophase_h", pl.Float64, "h", "local clock hour of its crest", _CORNELISSEN, low=0.0,
           high=24.0, null_when=f"{_FEW}, or the amplitude is 0"),
)  # fmt: skip


def compute(view: ParticipantView) -> Filled:
    """The rhythm over all valid days of the participant; epochs not worn are missing, not zero."""
    activity = np.where(view.grid["wear"] == 0.0, np.nan, view.grid["activity_cpm"])
    coverage = float(np.isfinite(activity).mean()) if len(activity) else None
    minutes = clock_grid(activity, view.grid.start_ns, view.zone)
    valid = valid_days(minutes)
    # Days that do not count stay as rows of NaN, so that the neighbours of IV are neighbours in time.
    minutes = np.where(valid[:, None], minutes, np.nan)
    hours = hourly_means(minutes)
    days = int(valid.sum())
    nothing: dict[str, Value] = {column.name: None for column in _COLUMNS}
    nothing["rhythm_days_n"] = days
    if days < MIN_DAYS:
        reason = f"{days} days with 16 h of worn activity, {MIN_DAYS} are needed"
        return Filled(nothing, coverage, State.INSUFFICIENT, reason)
    thin = np.flatnonzero(np.isfinite(hours).sum(axis=0) < MIN_DAYS_PER_HOUR)
    if thin.size:
        reason = f"the hour from {thin[0]:02d}:00 was measured on fewer than {MIN_DAYS_PER_HOUR} valid days"
        return Filled(nothing, coverage, State.INSUFFICIENT, reason)
    values = nothing | _values(minutes, hours, valid)
    if days < WELL_DAYS:
        return Filled(values, coverage, State.PARTIAL, f"{days} valid days are fewer than a week")
    return Filled(values, coverage, State.OK)


def _values(minutes: Floats, hours: Floats, valid: np.ndarray) -> dict[str, Value]:
    profile = mean_day(minutes)
    low, high = least_active(profile), most_active(profile)
    wave = cosinor(np.log1p(minutes))
    own_minutes, own_hours = minutes[valid], hours[valid]
    return {
        "is_hourly": _number(interdaily_stability(own_hours)),
        "is_hourly_se": _number(jackknife_se(interdaily_stability, own_hours)),
        "iv_hourly": _number(intradaily_variability(hours)),
        "m10_cpm": high.cpm if high else None,
        "l5_cpm": low.cpm if low else None,
        "m10_onset_h": _onset(high),
        "l5_onset_h": _onset(low),
        "ra": _number(relative_amplitude(profile)),
        "ra_se": _number(jackknife_se(lambda rows: relative_amplitude(mean_day(rows)), own_minutes)),
        "cosinor_mesor_log": wave.mesor if wave else None,
        "cosinor_amplitude_log": wave.amplitude if wave else None,
        "cosinor_acrophase_h": _number(wave.acrophase_h) if wave else None,
    }


def _onset(extreme: Extreme | None) -> float | None:
    return _number(extreme.onset_h) if extreme else None


def _number(value: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(value) else value


FAMILY: Family[ParticipantView] = Family(
    name="rhythm",
    level=Level.PARTICIPANT,
    needs=("activity_cpm",),
    columns=_COLUMNS,
    compute=compute,
)
