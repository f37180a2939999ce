"""What a participant's saliva days say together, and how reliable a day is over all participants."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.dataset.tables import OURS
from pipeline.features.saliva_columns import SALIVA_DAYS
from pipeline.signals.saliva import Reliability, reliability

SUMMARISED = (
    "waking", "mean_increase", "auc_g", "auc_i", "evening", "slope_waking_evening", "ln_slope_waking_evening",
    "auc_day",
)  # fmt: skip
_UNIT = {column.name: column.unit for column in SALIVA_DAYS.columns}
COLUMNS: tuple[Column, ...] = (
    Column("cortisol_days_n", pl.Int64, "count", "saliva days with cortisol", OURS, low=0.0, nullable=False),
    *(
        column
        for name in SUMMARISED
        for column in (
            Column(f"cortisol_{name}_n", pl.Int64, "count", f"days with {name}", OURS, low=0.0, nullable=False),
            Column(f"cortisol_{name}_mean", pl.Float64, _UNIT[name], f"mean of {name} over days", OURS,
                   null_when="no day has it"),
            Column(f"cortisol_{name}_sd", pl.Float64, _UNIT[name], f"SD of {name} over days (n − 1)", OURS, low=0.0,
                   null_when="fewer than 2 days have it"),
        )
    ),
    Column("cortisol_reasons", pl.String, "", "each null, and why", OURS, nullable=False),
)  # fmt: skip


def saliva_summary(days: pl.DataFrame) -> dict[str, object]:
    """The values of `COLUMNS` from one participant's `saliva_days`: mean and SD over the days that have a measure.

    Raises
    ------
    ValueError
        If the rows are those of several participants.
    """
    if days.get_column("participant").n_unique() > 1:
        raise ValueError("a summary is of one participant")
    own = days.filter(pl.col("analyte") == "cortisol")
    out: dict[str, object] = {"cortisol_days_n": own.height}
    reasons = []
    for name in SUMMARISED:
        value = own.get_column(name).drop_nulls().to_numpy()
        out[f"cortisol_{name}_n"] = len(value)
        out[f"cortisol_{name}_mean"] = float(value.mean()) if len(value) else None
        out[f"cortisol_{name}_sd"] = float(value.std(ddof=1)) if len(value) > 1 else None
        if not len(value):
            reasons.append(f"{name}: no day has it")
        elif len(value) == 1:
            reasons.append(f"{name}_sd: 1 day, 2 needed")
    out["cortisol_reasons"] = "; ".join(reasons)
    return out


def saliva_reliability(days: pl.DataFrame, measure: str, analyte: str = "cortisol") -> Reliability | None:
    """ICC(1), SEM and smallest change of one measure over all participants' `saliva_days`.

    None for fewer than two participants with at least two days that have the measure. The definitions are those of
    `pipeline.signals.saliva.reliability`.
    """
    held = days.filter((pl.col("analyte") == analyte) & pl.col(measure).is_not_null()).sort(SALIVA_DAYS.keys)
    groups = held.group_by("participant", maintain_order=True).agg(pl.col(measure).cast(pl.Float64))
    return reliability([np.asarray(values, np.float64) for values in groups.get_column(measure).to_list()])
