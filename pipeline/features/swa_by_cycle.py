"""Slow-wave activity of each NREM period, cumulated slow-wave energy, and the aperiodic exponent by stage."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, State, Value
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import nrem_periods

CYCLES = 5
"""NREM periods that have a column."""
MIN_VALID = 0.5
"""Share of a period's N2 and N3 whose power must be known (our choice)."""
FULL_VALID = 0.9
"""Share of the night's N2 and N3 with known power below which the state is partial (our choice)."""
MIN_STAGE_MIN = 5.0
"""Minutes of a stage with a known exponent that its mean needs (our choice)."""

_MIN = EPOCH_S / 60.0
_STAGES = {"wake": Stage.WAKE, "n2": Stage.N2, "n3": Stage.N3, "rem": Stage.REM}

Mask = NDArray[np.bool_]


def cycle_means(swa_uv2: Floats, stage: Floats) -> list[float | None]:
    """Mean SWA over N2 and N3 of each of the first five NREM periods.

    None where there is no such period, or where power is known in less than half of its N2 and N3 epochs.
    """
    out: list[float | None] = [None] * CYCLES
    for k, (start, stop) in enumerate(nrem_periods(stage)[:CYCLES].tolist()):
        nrem = _nrem(stage[start:stop])
        known = nrem & np.isfinite(swa_uv2[start:stop])
        if known.any() and known.sum() >= MIN_VALID * nrem.sum():
            out[k] = float(swa_uv2[start:stop][known].mean())
    return out


def energy_uv2_h(swa_uv2: Floats, stage: Floats) -> float | None:
    """Slow-wave energy: SWA cumulated over all N2 and N3, in µV² · h.

    Epochs lost to artefacts count with the mean of the known ones of their own stage, so that an electrode that comes
    off does not pass for light sleep. None where power is known in less than half of N2 or of N3, unless there is none
    of that stage; 0 where there is neither.
    """
    total = 0.0
    for code in (Stage.N2, Stage.N3):
        there = stage == code
        known = there & np.isfinite(swa_uv2)
        if not there.any():
            continue
        if known.sum() < MIN_VALID * there.sum():
            return None
        total += float(swa_uv2[known].mean()) * int(there.sum()) * EPOCH_S / 3600.0
    return total


def _nrem(stage: Floats) -> Mask:
    return np.isin(stage, (Stage.N2, Stage.N3))


def _night(view: NightView) -> Filled:
    grid = view.sleep_grid
    if grid is None:
        return FAMILY.too_little("no sleep window was found", None)
    swa, stage = grid["swa_uv2"], grid["stage"]
    if not np.isfinite(stage).any():
        return FAMILY.too_little("nothing in the sleep window was scored", None)
    nrem = _nrem(stage)
    coverage = float((nrem & np.isfinite(swa)).sum() / nrem.sum()) if nrem.any() else None
    values: dict[str, Value] = {f"swa_cycle{k}_uv2": v for k, v in enumerate(cycle_means(swa, stage), 1)}
    values["swe_uv2_h"] = energy_uv2_h(swa, stage)
    for name, code in _STAGES.items():
        known = grid["aperiodic_exponent"][(stage == code) & np.isfinite(grid["aperiodic_exponent"])]
        values[f"aperiodic_{name}"] = float(known.mean()) if len(known) * _MIN >= MIN_STAGE_MIN else None
    if all(value is None for value in values.values()):
        return FAMILY.too_little("power is known in too few epochs of any stage", coverage)
    found = ["no N2 or N3 was scored"] if coverage is None else []
    found += (
        [f"power is known in only {coverage:.0%} of N2 and N3"]
        if coverage is not None and coverage < FULL_VALID
        else []
    )
    found += view.cut_short
    reason = "; ".join(found) or None
    return Filled(values, coverage or 0.0, State.PARTIAL if reason else State.OK, reason)


FAMILY: Family[NightView] = Family(
    name="swa_by_cycle",
    level=Level.NIGHT,
    needs=("swa_uv2",),
    columns=(
        *(
            Column(f"swa_cycle{k}_uv2", pl.Float64, "µV²", f"mean SWA over N2 and N3 of NREM period {k}", "sleeploop; "
                   "periods: Feinberg & Floyd 1979, doi:10.1111/j.1469-8986.1979.tb02991.x", low=0.0,
                   null_when="there is no such period, or power is known in less than half of it")
            for k in range(1, CYCLES + 1)
        ),
        Column("swe_uv2_h", pl.Float64, "µV²·h", "slow-wave energy: SWA cumulated over N2 and N3; epochs lost to "
               "artefacts count with their stage's mean", "sleeploop", low=0.0,
               null_when="power is known in less than half of N2 or N3"),
        *(
            Column(f"aperiodic_{name}", pl.Float64, "1", f"mean aperiodic exponent in {words}",
                   "Lendner et al. 2020, doi:10.7554/eLife.55092",
                   null_when=f"less than {MIN_STAGE_MIN:.0f} min of it with a known exponent")
            for name, words in (("wake", "wake inside the sleep window"), ("n2", "N2"), ("n3", "N3"), ("rem", "REM"))
        ),
    ),
    compute=_night,
)  # fmt: skip
