"""What the model's probabilities say of a night: expected minutes of each stage, their interval, how sure it is."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_S
from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, State, Value
from pipeline.features.model_staging import DENSITY_COLUMNS
from pipeline.recording import Stage
from pipeline.signals.stagers.minutes import expected_minutes

MIN_STAGED_MIN = 120.0
"""Staged minutes that a night needs: YASA's features are relative to the recording, and fail on short ones."""
FULL_STAGED = 0.9
"""Share of the sleep window with probabilities below which the state is partial (our choice)."""

_STAGES = {"wake": Stage.WAKE, "n1": Stage.N1, "n2": Stage.N2, "n3": Stage.N3, "rem": Stage.REM}
_SOURCE = "docs/validation/eeg.md"


def _night(view: NightView) -> Filled:
    grid = view.sleep_grid
    if grid is None:
        return FAMILY.too_little("no sleep window was found", None)
    density = np.stack([grid[name] for name in DENSITY_COLUMNS], axis=1)
    known = np.isfinite(density).all(axis=1)
    coverage = float(known.mean()) if grid.n else 0.0
    if known.sum() * EPOCH_S / 60.0 < MIN_STAGED_MIN:
        told = f"{known.sum() * EPOCH_S / 60.0:g} min of the sleep window could be staged by the model"
        return FAMILY.too_little(f"{told}, {MIN_STAGED_MIN:.0f} are needed", coverage)
    values: dict[str, Value] = {}
    minutes = expected_minutes(density.astype(np.float32))
    for name, stage in _STAGES.items():
        one = minutes[stage]
        values |= {f"model_{name}_min": one.mean, f"model_{name}_low95_min": one.low95}
        values[f"model_{name}_high95_min"] = one.high95
    values["model_confidence"] = float(density[known].max(axis=1).mean())
    found = [f"only {coverage:.0%} of the sleep window could be staged"] if coverage < FULL_STAGED else []
    found += view.cut_short
    reason = "; ".join(found) or None
    return Filled(values, coverage, State.PARTIAL if reason else State.OK, reason)


def _minutes(name: str, words: str) -> tuple[Column, ...]:
    few = f"less than {MIN_STAGED_MIN:.0f} min of the sleep window could be staged by the model"
    parts = (
        ("", f"expected minutes of {words} in the sleep window: sum of the model's probabilities"),
        ("low95_", f"lower end of the 95 % interval of what one scorer would count of {words}"),
        ("high95_", f"upper end of the 95 % interval of what one scorer would count of {words}"),
    )
    return tuple(
        Column(f"model_{name}_{part}min", pl.Float64, "min", meaning, _SOURCE, low=0.0, high=1500.0, null_when=few)
        for part, meaning in parts
    )


FAMILY: Family[NightView] = Family(
    name="staging",
    level=Level.NIGHT,
    needs=("p_n3",),
    columns=(
        *(
            column
            for name, words in (("wake", "wake"), ("n1", "N1"), ("n2", "N2"), ("n3", "N3"), ("rem", "REM"))
            for column in _minutes(name, words)
        ),
        Column("model_confidence", pl.Float64, "1", "mean over epochs of the largest of the five probabilities",
               _SOURCE, low=0.2, high=1.0, null_when=f"less than {MIN_STAGED_MIN:.0f} min could be staged"),
    ),
    compute=_night,
)  # fmt: skip
