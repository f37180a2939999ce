"""What a participant's saliva days say together."""

from __future__ import annotations

import polars as pl

from pipeline.dataset.table import Column
from pipeline.dataset.tables import OURS
from pipeline.features.saliva_columns import SALIVA_DAYS

SUMMARISED = (
    "waking", "mean_increase", "auc_g", "auc_i", "evening", "slope_waking_evening", "ln_slope_waking_evening",
    "auc_day",
)  # fmt: skip
_NONE = "no cortisol was exported"
_UNIT = {column.name: column.unit for column in SALIVA_DAYS.columns}
COLUMNS: tuple[Column, ...] = (
    Column("cortisol_days_n", pl.Int64, "count", "saliva days with cortisol", OURS, low=0.0,
           null_when=_NONE),
    *(
        column
        for name in SUMMARISED
        for column in (
            Column(f"cortisol_{name}_n", pl.Int64, "count", f"days with {name}", OURS, low=0.0,
                   null_when=_NONE),
            Column(f"cortisol_{name}_mean", pl.Float64, _UNIT[name], f"mean of {name} over days", OURS,
                   null_when="no day has it"),
            Column(f"cortisol_{name}_sd", pl.Float64, _UNIT[name], f"SD of {name} over days (n − 1)", OURS, low=0.0,
                   null_when="fewer than 2 days have it"),
        )
    ),
    Column("cortisol_reasons", pl.String, "", "each null, and why", OURS, null_when=_NONE),
)  # fmt: skip


def saliva_summary(days: pl.DataFrame) -> dict[str, object]:
    """The values of `COLUMNS` from one participant's `saliva_days`: mean and SD over the days that have a measure.

    All None where no cortisol was exported.

    Raises
    ------
    ValueError
        If the rows are those of several participants.
    """
    if days.get_column("participant").n_unique() > 1:
        raise ValueError("a summary is of one participant")
    own = days.filter(pl.col("analyte") == "cortisol")
    if not own.height:
        return dict.fromkeys(column.name for column in COLUMNS)
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
