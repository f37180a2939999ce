"""How far the scorers of one night agree, and how far our model's staging agrees with them.

Human scorers are the experts; where there is none, those who scored on EEG and are not named. Of several the reference
is their consensus (Guillot 2020, doi:10.1109/TNSRE.2020.3011181), of one that one. Everything is counted inside the
sleep window on epochs that both sides staged, so that hours of wake before and after do not make agreement look better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, NightView, Scoring, State, Value
from pipeline.features.staged_night import EPOCH_MIN, FULL_SCORED
from pipeline.recording import Floats, Stage, StageSource
from pipeline.signals.agreement import (
    accuracy,
    cohen_kappa,
    confusion,
    consensus,
    fleiss_kappa,
    mean_known,
    one_stage,
    pairwise,
    staged,
    staged_by_all,
    unanimity,
    versus_rest,
)

HUMAN = (StageSource.EXPERT, StageSource.UNKNOWN)
"""Whose scorings make a reference, the more trusted first; with one expert there, those not named have no vote."""
MIN_SHARED_MIN = 30.0
"""Time that two sides must have staged before their agreement is told; a choice of ours."""
MIN_SHARE = 0.5
"""Share of the fullest scoring's epochs that a scorer must have staged to count; a choice of ours."""
_STAGES = {"w": Stage.WAKE, "n1": Stage.N1, "n2": Stage.N2, "n3": Stage.N3, "rem": Stage.REM}


def human(scorings: Sequence[Scoring]) -> tuple[Scoring, ...]:
    """The scorings that have a vote: the experts', or where there is none those on EEG by who is not told."""
    for source in HUMAN:
        if found := tuple(one for one in scorings if one.source is source):
            return found
    return ()


def _night(view: NightView) -> Filled:
    scorings = view.sleep_scorings
    if view.window is None:
        return FAMILY.too_little("no sleep window was found for this night", None)
    people = _who_went_far([one.stage for one in human(scorings)])
    models = [one.stage for one in scorings if one.source is StageSource.MODEL]
    if len(people) + bool(models) < 2 or not people:
        return FAMILY.nothing("the night was not scored twice on EEG")
    out: dict[str, Value] = {column.name: None for column in FAMILY.columns}
    out["scorers_n"] = len(people)
    both = staged_by_all(people) if len(people) > 1 else staged(people[0]) & staged(models[0])
    if not len(both) or both.sum() * EPOCH_MIN < MIN_SHARED_MIN:
        return FAMILY.too_little(
            "less than 30 min were staged by more than one", float(both.mean()) if len(both) else 0.0
        )
    if len(people) > 1:
        out |= _between(people)
    if models:
        out |= _of_model(people, models[0])
    shared = float(both.mean())
    if shared < FULL_SCORED:
        return Filled(out, shared, State.PARTIAL, f"only {shared:.0%} of the sleep window was staged by all")
    return Filled(out, shared, State.OK)


def _who_went_far(people: Sequence[Floats]) -> list[Floats]:
    """The scorers who staged at least half as much as the one who staged most: one who gave up early has no part."""
    epochs = [int(staged(one).sum()) for one in people]
    return [one for one, n in zip(people, epochs, strict=True) if n and n >= MIN_SHARE * max(epochs)]


def _between(people: Sequence[Floats]) -> dict[str, Value]:
    """Agreement of the human scorers with each other."""
    pairs = pairwise(people)
    n3_min = [float(((one == Stage.N3) & staged_by_all(people)).sum()) * EPOCH_MIN for one in people]
    return {
        "scorer_kappa": mean_known([cohen_kappa(pair) for pair in pairs]),
        "scorer_n3_kappa": mean_known([cohen_kappa(versus_rest(pair, Stage.N3)) for pair in pairs]),
        "scorer_agreement_pct": _percent(mean_known([accuracy(pair) for pair in pairs])),
        "scorer_fleiss_kappa": fleiss_kappa(people),
        "unanimity_pct": _percent(unanimity(people)),
        "n3_scorer_sd_min": float(np.std(n3_min, ddof=1)),
        "n3_scorer_range_min": max(n3_min) - min(n3_min),
    }


def _of_model(people: Sequence[Floats], model: Floats) -> dict[str, Value]:
    """Agreement of the model with the human scorer, or with the consensus of several."""
    reference = people[0] if len(people) == 1 else consensus(people).stage
    matrix = confusion(reference, model)
    if matrix.sum() * EPOCH_MIN < MIN_SHARED_MIN:
        return {}
    out: dict[str, Value] = {
        "model_kappa": cohen_kappa(matrix),
        "model_agreement_pct": _percent(accuracy(matrix)),
        "model_n3_difference_min": float(matrix[:, Stage.N3].sum() - matrix[Stage.N3].sum()) * EPOCH_MIN,
    }
    return out | {f"model_{name}_f1": one_stage(matrix, code).f1 for name, code in _STAGES.items()}


def _percent(share: float | None) -> float | None:
    return None if share is None else 100.0 * share


_GUILLOT = "Guillot 2020, doi:10.1109/TNSRE.2020.3011181"
_COHEN = "Cohen 1960, doi:10.1177/001316446002000104"
_ONE = "fewer than two human scorers staged 30 min of the sleep window"
_NO_MODEL = "the model did not stage the EEG, or it and a human scorer share less than 30 min of the sleep window"


def _kappa(name: str, meaning: str, source: str, null_when: str) -> Column:
    return Column(
        name, pl.Float64, "1", meaning, source, low=-1.0, high=1.0,
        null_when=f"{null_when}, or all know one and the same stage only",
    )  # fmt: skip


def _percent_column(name: str, meaning: str, null_when: str) -> Column:
    return Column(name, pl.Float64, "%", meaning, _GUILLOT, low=0.0, high=100.0, null_when=null_when)


FAMILY: Family[NightView] = Family(
    name="scoring_agreement",
    level=Level.NIGHT,
    needs=("stage",),
    columns=(
        Column("scorers_n", pl.Int64, "count", "human scorings on EEG; two exports of one scoring count once",
               "sleeploop", low=1.0, null_when="fewer than two scorings overlap for 30 min, the model's included"),
        _kappa("scorer_kappa", "Cohen's kappa over the five stages, mean of all pairs of scorers", _COHEN, _ONE),
        _kappa("scorer_n3_kappa", "Cohen's kappa of N3 against the rest, mean of all pairs of scorers", _COHEN, _ONE),
        _percent_column("scorer_agreement_pct", "epochs that a pair of scorers stages alike, mean of all pairs", _ONE),
        _kappa("scorer_fleiss_kappa", "Fleiss' kappa of all scorers", "Fleiss 1971, doi:10.1037/h0031619", _ONE),
        _percent_column("unanimity_pct", "epochs that all scorers stage alike, of those that all staged", _ONE),
        Column("n3_scorer_sd_min", pl.Float64, "min", "standard deviation (n − 1) of the scorers' minutes of N3, on "
               "epochs that all staged", "sleeploop", low=0.0, high=1500.0, null_when=_ONE),
        Column("n3_scorer_range_min", pl.Float64, "min", "most minus least minutes of N3 of a scorer, on epochs "
               "that all staged", "sleeploop", low=0.0, high=1500.0, null_when=_ONE),
        _kappa("model_kappa", "Cohen's kappa of the model's staging with the human scorer, or with the consensus of "
               "several", _COHEN, _NO_MODEL),
        _percent_column("model_agreement_pct", "epochs that the model stages as the human scorer or the consensus does",
                        _NO_MODEL),
        Column("model_n3_difference_min", pl.Float64, "min", "minutes of N3 by the model less those by the human "
               "scorer or the consensus, on epochs that both staged", "sleeploop", low=-1500.0, high=1500.0,
               null_when=_NO_MODEL),
        *(
            Column(f"model_{name}_f1", pl.Float64, "1", f"F1 of the model for {code.symbol}: harmonic mean of precision"
                   " and recall", _GUILLOT, low=0.0, high=1.0, null_when=f"{_NO_MODEL}, or neither scored the stage")
            for name, code in _STAGES.items()
        ),
    ),
    compute=_night,
)  # fmt: skip
