"""The declared columns of saliva days, and of what a participant's days say together."""

from __future__ import annotations

import polars as pl

from pipeline.dataset.table import Column, Table
from pipeline.dataset.tables import OURS, PARTICIPANT, UTC

_AUC = "AUC: doi:10.1016/S0306-4530(02)00108-7"
_RULE = "doi:10.1097/PSY.0000000000000002"
_SLOPES = "named in doi:10.1016/j.psyneuen.2017.05.018"
_CAR = "doi:10.1016/j.psyneuen.2015.10.010"
_WHY = "see reasons"


def _n(name: str, meaning: str) -> Column:
    return Column(name, pl.Int64, "count", meaning, OURS, low=0.0, nullable=False)


def _level(name: str, unit: str, meaning: str, source: str, low: float | None = None) -> Column:
    return Column(name, pl.Float64, unit, meaning, source, low=low, null_when=_WHY)


def _responder(name: str, meaning: str) -> Column:
    return Column(name, pl.Boolean, "", f"rise (waking to highest later value) of at least {meaning}", _RULE,
                  null_when=_WHY)  # fmt: skip


SALIVA_DAYS = Table(
    "saliva_days",
    "participant × local day of waking × analyte × series of saliva samples",
    ("participant", "day", "analyte", "series"),
    (
        PARTICIPANT,
        Column("day", pl.Date, "", "local date of the awakening that the samples follow", OURS,
               null_when="no sample has a clock"),
        Column("analyte", pl.String, "", "as in saliva", OURS, nullable=False),
        Column("series", pl.String, "", "as in saliva", OURS, nullable=False),
        Column("zone", pl.String, "", "zone of the day", OURS, nullable=False),
        Column("unit", pl.String, "", "unit of the samples; measures exist for nmol/L alone", OURS, nullable=False),
        _n("samples_n", "samples"),
        _n("timed_n", "samples whose minutes since waking are known"),
        Column("awakening_utc", UTC, "", "awakening that minutes count from", OURS, null_when="its clock is unknown"),
        Column("awakening_source", pl.String, "", "told (by the export), measured (end of the night's sleep) or none",
               OURS, nullable=False),
        Column("told_less_measured_min", pl.Float64, "min", "told less measured awakening", OURS,
               null_when="not both are known"),
        Column("clock_doubtful", pl.Boolean, "", "clocks and minutes since waking give awakenings > 2 min apart", OURS,
               nullable=False),
        Column("first_sample_min", pl.Float64, "min", "first sample since waking (from 15 min before it on)", _CAR,
               null_when="no sample then"),
        Column("delayed_5", pl.Boolean, "", "first sample more than 5 min after waking", _CAR,
               null_when="no first sample"),
        Column("delayed_15", pl.Boolean, "", "first sample more than 15 min after waking", _CAR,
               null_when="no first sample"),
        _n("off_protocol_n", "samples of the first 70 min more than 5 min from the minute that their name, else the "
                             "15-min grid, means"),
        Column("missing", pl.String, "", "early samples that most days of the participant have and this lacks", OURS,
               nullable=False),
        _n("below_range_n", "values that the laboratory flags as below its range (used as the limit)"),
        _n("above_range_n", "values that the laboratory flags as above its range (no measure is computed)"),
        _n("cv_flag_n", "values whose flag names the CV of the duplicate"),
        _n("lab_flag_n", "values with any flag of the laboratory"),
        _n("implausible_n", "cortisol above 60 nmol/L (kept and used)"),
        Column("flags", pl.String, "", "the laboratory's flags by sample", OURS, nullable=False),
        _level("waking", "nmol/L", "first sample, from 5 min before to 15 min after waking", _CAR, 0.0),
        _level("plus_30", "nmol/L", "sample nearest to 30 min (25–35)", _CAR, 0.0),
        _level("peak", "nmol/L", "highest of at least 3 samples from waking to 70 min, the last at 40 min or later",
               _CAR, 0.0),
        _level("peak_min", "min", "when the peak was taken, since waking", OURS),
        _level("delta_30", "nmol/L", "plus_30 less waking", _CAR),
        _level("rise", "nmol/L", "highest later sample of the awakening response less waking", _CAR),
        _level("mean_increase", "nmol/L", "MnInc: mean of the later samples of the response less waking", _CAR),
        _level("auc_g", "nmol·min/L", "area of the response with respect to ground, real times", _AUC, 0.0),
        _level("auc_i", "nmol·min/L", "area of the response with respect to increase, real times", _AUC),
        _level("car_span_min", "min", "time that the areas of the response span", OURS, 0.0),
        _responder("responder_1p5", "1.5 nmol/L"),
        _responder("responder_2p5", "2.5 nmol/L (the older rule)"),
        _responder("responder_15p5_percent", "15.5 % of waking"),
        _level("evening", "nmol/L", "last sample, at least 10 h after waking", OURS, 0.0),
        _level("evening_min", "min", "when it was taken, since waking", OURS),
        _level("slope_waking_evening", "nmol/L/h", "from waking to evening, per hour", _SLOPES),
        _level("slope_peak_evening", "nmol/L/h", "from the peak to evening, per hour", _SLOPES),
        _level("slope_regression", "nmol/L/h", "least squares over waking and all samples after 70 min", _SLOPES),
        _level("ln_slope_waking_evening", "1/h", "slope_waking_evening of ln nmol/L", _SLOPES),
        _level("ln_slope_peak_evening", "1/h", "slope_peak_evening of ln nmol/L", _SLOPES),
        _level("ln_slope_regression", "1/h", "slope_regression of ln nmol/L", _SLOPES),
        _level("auc_day", "nmol·h/L", "area from waking to evening with respect to ground; 4 samples, gaps ≤ 7 h",
               _AUC, 0.0),
        Column("reasons", pl.String, "", "each measure that is null, and why", OURS, nullable=False),
    ),
)  # fmt: skip
