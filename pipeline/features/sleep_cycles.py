"""NREM–REM cycles of a night, and where in the night its N3 and REM lie.

Periods follow Feinberg & Floyd as `pipeline.signals.cycles` has them: a first NREM period in which REM was skipped is
not split, so that a cycle of two hours and more may be two. REM density needs eye movements and is not given.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, Value
from pipeline.features.staged_night import EPOCH_MIN, FULL_SCORED, MAX_UNSEEN_MIN, UNKNOWN, StagedNight, staged_night
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import nrem_periods, rem_periods, sleep_cycles

MIN_THIRD_MIN = 60.0
"""Length of a third of the sleep period below which shares of thirds are not given; a choice of ours."""


def _night(view: NightView) -> Filled:
    night = staged_night(FAMILY, view)
    if isinstance(night, Filled):
        return night
    out: dict[str, Value] = {column.name: None for column in FAMILY.columns}
    if night.told_apart:
        out |= _cycles(night) | _thirds(night.period)
    return night.filled(out)


def _cycles(night: StagedNight) -> dict[str, Value]:
    """Number and length of the cycles, and the first in detail."""
    stage = night.stage
    cycles, nrem, rem = sleep_cycles(stage), nrem_periods(stage), rem_periods(stage)
    unseen = np.concatenate(([0], np.cumsum(np.isnan(stage)))) * EPOCH_MIN
    seen = unseen[cycles[:, 2]] - unseen[cycles[:, 0]] <= MAX_UNSEEN_MIN
    lengths = (cycles[seen, 2] - cycles[seen, 0]) * EPOCH_MIN
    out: dict[str, Value] = {
        "cycles_n": len(cycles),
        "nrem_periods_n": len(nrem),
        "cycle_mean_min": float(lengths.mean()) if len(lengths) else None,
    }
    awake_first = not night.start_hidden or bool(nrem.size and np.any(stage[: nrem[0, 0]] == Stage.WAKE))
    if len(cycles) and awake_first and unseen[cycles[0, 2]] <= MAX_UNSEEN_MIN:
        begin, border, end = (int(x) for x in cycles[0])
        n3, all_n3 = int((stage[begin:end] == Stage.N3).sum()), int((stage == Stage.N3).sum())
        out |= {
            "cycle1_min": (end - begin) * EPOCH_MIN,
            "cycle1_nrem_min": (border - begin) * EPOCH_MIN,
            "cycle1_rem_min": (end - border) * EPOCH_MIN,
            "n3_cycle1_min": n3 * EPOCH_MIN,
            "n3_cycle1_pct": 100.0 * n3 / all_n3 if all_n3 else None,
        }
    out["rem_period_mean_min"] = float((rem[:, 1] - rem[:, 0]).mean()) * EPOCH_MIN if len(rem) else None
    return out


def _thirds(period: Floats) -> dict[str, Value]:
    """Share of the night's N3 in the first third of the sleep period, and of its REM in the last."""
    third = len(period) // 3
    parts = (period[:third], period[third : len(period) - third], period[len(period) - third :])
    if third * EPOCH_MIN < MIN_THIRD_MIN or min(np.isfinite(part).mean() for part in parts) < FULL_SCORED:
        return {}
    n3, rem = int((period == Stage.N3).sum()), int((period == Stage.REM).sum())
    return {
        "n3_third1_pct": 100.0 * int((parts[0] == Stage.N3).sum()) / n3 if n3 else None,
        "rem_third3_pct": 100.0 * int((parts[2] == Stage.REM).sum()) / rem if rem else None,
    }


_FLOYD = "Feinberg & Floyd 1979, doi:10.1111/j.1469-8986.1979.tb02991.x"
_FIRST = (
    f"{UNKNOWN}, there was no cycle, or more than 5 min up to the end of the first were not scored, or it may have "
    "begun before the recording"
)


def _count(name: str, meaning: str) -> Column:
    return Column(name, pl.Int64, "count", meaning, _FLOYD, low=0.0, null_when=UNKNOWN)


def _minutes(name: str, meaning: str, null_when: str = _FIRST) -> Column:
    return Column(name, pl.Float64, "min", meaning, _FLOYD, low=0.0, high=1500.0, null_when=null_when)


def _share(name: str, meaning: str, source: str, null_when: str) -> Column:
    return Column(name, pl.Float64, "%", meaning, source, low=0.0, high=100.0, null_when=null_when)


_THIRDS = (
    f"{UNKNOWN}, the sleep period was shorter than 3 h, a tenth of a third was not scored, or the stage did not occur"
)

FAMILY: Family[NightView] = Family(
    name="sleep_cycles",
    level=Level.NIGHT,
    needs=("stage",),
    columns=(
        _count("cycles_n", "complete cycles: NREM periods (at least 15 min of NREM) that a REM period follows"),
        _count("nrem_periods_n", "NREM periods, a last one without REM included"),
        _minutes(
            "cycle_mean_min",
            "mean length of the complete cycles, from the first NREM to the last REM epoch of each",
            f"{UNKNOWN}, or there was no complete cycle with at most 5 min unscored",
        ),
        _minutes(
            "rem_period_mean_min",
            "mean length of the REM periods, first to last REM epoch of each",
            f"{UNKNOWN}, or there was no REM",
        ),
        _minutes("cycle1_min", "length of the first cycle"),
        _minutes("cycle1_nrem_min", "length of its NREM period, wake inside included"),
        _minutes("cycle1_rem_min", "length of its REM period"),
        _minutes("n3_cycle1_min", "N3 in the first cycle"),
        _share("n3_cycle1_pct", "share of the night's N3 that lies in the first cycle", _FLOYD, f"{_FIRST}, or no N3"),
        _share("n3_third1_pct", "share of the night's N3 in the first third of the sleep period", "sleeploop", _THIRDS),
        _share("rem_third3_pct", "share of the night's REM in the last third of it", "sleeploop", _THIRDS),
    ),
    compute=_night,
)
