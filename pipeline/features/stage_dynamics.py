"""How a night's stages follow each other: transitions, stability, fragmentation per hour, bouts of wake and sleep.

All is counted between sleep onset and final awakening, on neighbouring epochs that were both scored; what movement or
unscored time parts is not joined. Rates are per hour of total sleep time. A device that tells only 'light' sleep gives
no transitions between stages, one that tells only 'asleep' only bouts of wake and of sleep.
"""

from __future__ import annotations

from itertools import permutations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, Value
from pipeline.features.staged_night import UNKNOWN, StagedNight, staged_night
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import asleep
from pipeline.signals.transitions import bout_minutes, shifts_of, shifts_to_wake, stay_probabilities, transition_counts

LONG_WAKE_MIN = 5.0
"""A stretch of wake that is likely remembered; a choice of ours."""
_NAMES = {"w": Stage.WAKE, "n1": Stage.N1, "n2": Stage.N2, "n3": Stage.N3, "rem": Stage.REM}
_PAIRS = tuple(permutations(_NAMES, 2))
_STABLE = (Stage.N2, Stage.N3, Stage.REM)
_BOUTS = ("n2", "n3", "rem")


def _night(view: NightView) -> Filled:
    night = staged_night(FAMILY, view)
    if isinstance(night, Filled):
        return night
    out: dict[str, Value] = {column.name: None for column in FAMILY.columns}
    out |= _wake_and_sleep(night)
    if night.told_apart:
        for name in _BOUTS if night.fine else ("n3", "rem"):
            out |= _bouts(name, night.period == _NAMES[name])
    if night.fine:
        out |= _transitions(night.period) | _rates(night)
    return night.filled(out)


def _transitions(period: Floats) -> dict[str, Value]:
    counts = transition_counts(period)
    out: dict[str, Value] = {f"{a}_to_{b}_n": int(counts[_NAMES[a], _NAMES[b]]) for a, b in _PAIRS}
    stay = stay_probabilities(counts)
    out |= {f"{name}_stay": _known(stay[code]) for name, code in _NAMES.items()}
    stable = stay[list(_STABLE)]
    out["stage_stability"] = float(np.nanmean(stable)) if np.isfinite(stable).any() else None
    return out


def _rates(night: StagedNight) -> dict[str, Value]:
    if not night.tst_h:
        return {}
    shifts = shifts_of(transition_counts(night.period))
    return {
        "stage_shift_per_h": (shifts.to_wake + shifts.from_wake + shifts.between_sleep) / night.tst_h,
        "sleep_shift_per_h": shifts.between_sleep / night.tst_h,
        "fragmentation_per_h": (shifts.to_wake + shifts.between_sleep) / night.tst_h,
        "lightening_per_h": shifts.to_lightest / night.tst_h,
    }


def _wake_and_sleep(night: StagedNight) -> dict[str, Value]:
    period = night.period
    wake = bout_minutes(period == Stage.WAKE)
    out = _bouts("sleep", asleep(period))
    out["wake_bout_mean_min"] = float(wake.mean()) if len(wake) else None
    out["wake_bout_median_min"] = float(np.median(wake)) if len(wake) else None
    out["wake_bout_longest_min"] = float(wake.max()) if len(wake) else None
    out["long_wake_bouts_n"] = int((wake >= LONG_WAKE_MIN).sum())
    out["awakening_per_h"] = shifts_to_wake(period) / night.tst_h if night.tst_h else None
    return out


def _bouts(name: str, mask: NDArray[np.bool_]) -> dict[str, Value]:
    """Number, mean and longest of the bouts of one kind; mean and longest are None where there is none."""
    minutes = bout_minutes(mask)
    return {
        f"{name}_bouts_n": len(minutes),
        f"{name}_bout_mean_min": float(minutes.mean()) if len(minutes) else None,
        f"{name}_bout_longest_min": float(minutes.max()) if len(minutes) else None,
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


_YASA = "YASA sleep_statistics, doi:10.7554/eLife.70092"
_LUNA = "Luna HYPNO, zzz.bwh.harvard.edu/luna/ref/hypnograms"
_HABA = "Haba-Rubio 2004, doi:10.1016/j.sleep.2004.06.007"


def _count(name: str, meaning: str) -> Column:
    return Column(name, pl.Int64, "count", meaning, "sleeploop", low=0.0, null_when=UNKNOWN)


def _ratio(name: str, meaning: str, null_when: str) -> Column:
    return Column(
        name, pl.Float64, "1", meaning, _YASA, low=0.0, high=1.0, null_when=f"{UNKNOWN}, or {null_when}"
    )  # fmt: skip


def _rate(name: str, meaning: str, source: str, high: float = 120.0) -> Column:
    """A column of a rate; an epoch of sleep ends at most once, and there are 120 in an hour of sleep."""
    return Column(
        name, pl.Float64, "1/h", f"{meaning}, per hour of total sleep time", source, low=0.0, high=high,
        null_when=f"{UNKNOWN}, or there was no sleep",
    )  # fmt: skip


def _minutes(name: str, meaning: str) -> Column:
    return Column(
        name, pl.Float64, "min", meaning, "sleeploop", low=0.0, high=1500.0,
        null_when=f"{UNKNOWN}, or there was no such bout",
    )  # fmt: skip


def _bout_columns(name: str, what: str) -> tuple[Column, ...]:
    return (
        _count(f"{name}_bouts_n", f"bouts of {what}: stretches without another stage, as far as they were scored"),
        _minutes(f"{name}_bout_mean_min", f"mean length of the bouts of {what}"),
        _minutes(f"{name}_bout_longest_min", f"longest bout of {what}"),
    )


_SAID = {"w": "wake", "n1": "N1", "n2": "N2", "n3": "N3", "rem": "REM"}

FAMILY: Family[NightView] = Family(
    name="stage_dynamics",
    level=Level.NIGHT,
    needs=("stage",),
    columns=(
        *(_count(f"{a}_to_{b}_n", f"epochs of {_SAID[a]} that {_SAID[b]} follows at once") for a, b in _PAIRS),
        *(
            _ratio(
                f"{name}_stay",
                f"share of the epochs of {said} that {said} follows; the probability of a change to another stage is "
                "its count over the sum of such counts, times what is left to 1",
                f"no scored epoch follows {said}",
            )
            for name, said in _SAID.items()
        ),
        _ratio("stage_stability", "mean of n2_stay, n3_stay and rem_stay, of those that are known", "none is known"),
        # Where every epoch of sleep lies alone in wake, each comes with two.
        _rate("stage_shift_per_h", "changes of stage, wake included", "AASM scoring manual", high=240.0),
        _rate("sleep_shift_per_h", "changes between N1, N2, N3 and REM", _LUNA),
        _rate("fragmentation_per_h", "awakenings and changes between sleep stages (sleep fragmentation index)", _HABA),
        _rate("lightening_per_h", "changes from N2, N3 or REM to N1 or wake", "sleeploop"),
        _rate("awakening_per_h", "changes from any sleep to wake", _YASA),
        *_bout_columns("sleep", "any sleep"),
        *_bout_columns("n2", "N2"),
        *_bout_columns("n3", "N3"),
        *_bout_columns("rem", "REM"),
        _minutes("wake_bout_mean_min", "mean length of the bouts of wake between sleep onset and final awakening"),
        _minutes("wake_bout_median_min", "median length of these bouts"),
        _minutes("wake_bout_longest_min", "longest of these bouts"),
        _count("long_wake_bouts_n", "bouts of wake of at least 5 min between sleep onset and final awakening"),
    ),
    compute=_night,
)
