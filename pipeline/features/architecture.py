"""Sleep architecture of a night: minutes and shares of the stages, latencies, stage shifts, REM periods.

Terms are those of the AASM manual. Everything is counted on scored epochs inside the sleep window; epochs scored as
movement are neither wake nor sleep: they are in no stage and not in total sleep time (TST), and are counted apart.
No sleep in a scored night gives 0 minutes; shares of TST and latencies are then null.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, Value
from pipeline.features.staged_night import EPOCH_MIN, MAX_UNSEEN_MIN, UNKNOWN, StagedNight, staged_night
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import asleep, rem_periods, sleep_onset

_AASM = "AASM Manual for the Scoring of Sleep and Associated Events"
_SLEEP = {"n1": Stage.N1, "n2": Stage.N2, "n3": Stage.N3, "rem": Stage.REM}


def _night(view: NightView) -> Filled:
    night = staged_night(FAMILY, view)
    if isinstance(night, Filled):
        return night
    latencies = stage_latencies(night.stage, start_hidden=night.start_hidden)
    told = {"stages_from": None if night.source is None else night.source.value}
    return night.filled(stage_amounts(night.stage) | latencies | _counts(night) | told)


def stage_amounts(stage: Floats) -> dict[str, Value]:
    """Minutes of each sleep stage, movement and unscored time, and shares of TST in % (None when TST is 0).

    A device that tells 'light' sleep knows no N1 and N2, one that tells only 'asleep' knows no stage: those are None.
    """
    sleep = int(asleep(stage).sum())
    epochs: dict[str, int | None] = {name: int((stage == code).sum()) for name, code in _SLEEP.items()}
    light = int(np.isin(stage, (Stage.N1, Stage.N2, Stage.LIGHT)).sum())
    if np.any(stage == Stage.ASLEEP):
        epochs = dict.fromkeys(epochs)
    elif np.any(stage == Stage.LIGHT):
        epochs |= {"n1": None, "n2": None}
    out: dict[str, Value] = {f"{name}_min": None if n is None else n * EPOCH_MIN for name, n in epochs.items()}
    out["light_min"] = None if epochs["n3"] is None else light * EPOCH_MIN
    out |= {f"{name}_pct": 100.0 * n / sleep if sleep and n is not None else None for name, n in epochs.items()}
    out["movement_min"] = int((stage == Stage.MOVEMENT).sum()) * EPOCH_MIN
    out["unscored_min"] = int(np.isnan(stage).sum()) * EPOCH_MIN
    return out


def stage_latencies(stage: Floats, *, start_hidden: bool) -> dict[str, Value]:
    """Minutes from sleep onset to the first epoch of N1, N2, N3 and REM.

    None where the stage never occurs, and where it could have begun unseen: more than 5 min unscored before onset or
    between onset and it, or scoring that begins in sleep with the true start hidden (`start_hidden`). Of N1 and N2
    also where a device tells 'light' sleep, of all where it tells only 'asleep'.
    """
    out: dict[str, Value] = {f"{name}_latency_min": None for name in _SLEEP}
    onset = sleep_onset(stage)
    if np.any(stage == Stage.ASLEEP):
        return out
    if onset is None or (start_hidden and not np.any(stage[:onset] == Stage.WAKE)):
        return out
    unseen = np.isnan(stage)
    light = bool(np.any(stage == Stage.LIGHT))
    for name, code in _SLEEP.items():
        found = np.flatnonzero(stage == code)
        if not len(found) or (light and code in {Stage.N1, Stage.N2}):
            continue
        if max(unseen[:onset].sum(), unseen[onset : found[0]].sum()) * EPOCH_MIN <= MAX_UNSEEN_MIN:
            out[f"{name}_latency_min"] = float(found[0] - onset) * EPOCH_MIN
    return out


def stage_shifts(stage: Floats) -> int:
    """Changes of stage between neighbouring epochs from the first to the last sleep epoch.

    Wake counts as a stage; a change is counted only where both neighbours are scored as one of W, N1, N2, N3 and R,
    so none is counted across movement or unscored time. 0 when there is no sleep.
    """
    sleep = np.flatnonzero(asleep(stage))
    if not len(sleep):
        return 0
    within = stage[sleep[0] : sleep[-1] + 1]
    staged = within >= Stage.WAKE  # false for movement (−2) and NaN
    return int(((within[1:] != within[:-1]) & staged[1:] & staged[:-1]).sum())


def _counts(night: StagedNight) -> dict[str, Value]:
    return {
        "stage_shifts_n": stage_shifts(night.stage) if night.fine else None,
        "rem_periods_n": len(rem_periods(night.stage)) if night.told_apart else None,
    }


def _minutes(name: str, label: str) -> Column:
    return Column(name, pl.Float64, "min", label, _AASM, low=0.0, high=1500.0, null_when=UNKNOWN)


def _share(name: str, label: str) -> Column:
    return Column(
        name, pl.Float64, "%", f"{label}, share of total sleep time", _AASM, low=0.0, high=100.0,
        null_when=f"{UNKNOWN}, or there was no sleep",
    )  # fmt: skip


def _latency(name: str, stage: str) -> Column:
    return Column(
        name, pl.Float64, "min", f"from sleep onset (first epoch of any sleep stage) to the first {stage} epoch", _AASM,
        low=0.0, high=1500.0,
        null_when=f"there was no {stage} (or none told apart from others), or onset or it may have passed unscored",
    )  # fmt: skip


FAMILY: Family[NightView] = Family(
    name="architecture",
    level=Level.NIGHT,
    needs=("stage",),
    columns=(
        _minutes("n1_min", "stage N1"),
        _minutes("n2_min", "stage N2"),
        _minutes("light_min", "stages N1 and N2 together: all that consumer devices tell"),
        _minutes("n3_min", "stage N3 (stages 3 and 4 of older scorings)"),
        _minutes("rem_min", "stage R"),
        _share("n1_pct", "stage N1"),
        _share("n2_pct", "stage N2"),
        _share("n3_pct", "stage N3"),
        _share("rem_pct", "stage R"),
        _latency("n1_latency_min", "N1"),
        _latency("n2_latency_min", "N2"),
        _latency("n3_latency_min", "N3"),
        _latency("rem_latency_min", "REM"),
        Column(
            "stage_shifts_n", pl.Int64, "count",
            "changes of stage (wake included) between neighbouring scored epochs, first to last sleep epoch",
            "sleeploop", low=0.0, null_when=UNKNOWN,
        ),
        Column(
            "rem_periods_n", pl.Int64, "count",
            "REM periods: REM less than 15 min apart is one period, of at least 5 min REM (the first: any)",
            "Feinberg & Floyd 1979, doi:10.1111/j.1469-8986.1979.tb02991.x", low=0.0, null_when=UNKNOWN,
        ),
        _minutes("movement_min", "scored as movement: neither wake nor sleep, not in total sleep time"),
        _minutes("unscored_min", "inside the sleep window, not scored"),
        Column(
            "stages_from", pl.String, "",
            "who scored most of the window: expert, automatic, model, consumer or unknown, as in epochs.stage_source",
            "sleeploop", null_when="less than half of the sleep window was scored",
        ),
    ),
    compute=_night,
)  # fmt: skip
