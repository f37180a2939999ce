"""From a density the minutes of each stage, with an interval that knows that epochs are not independent.

`design_effects.csv` says how many times larger the variance of a count of epochs is than it were if epochs were
independent, for counts over so many epochs. It was measured on the 80 nights that five scorers each staged (DOD-H and
DOD-O, doi:10.1109/TNSRE.2020.3011181): the chance that the fifth scorer calls an epoch N3, given how many of the other
four do, is a calibrated probability p; the effect is the mean over stretches of Σ (called − p) squared, over that of
Σ p (1 − p). It holds what makes a scorer differ from the others for minutes on end and all night long. The last row is
that of whole nights. With the effects of one of the two sets, 95 % intervals hold 90 to 99 % of the whole-night counts
in the other; with independent epochs they would hold 15 to 38 %.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.recording import Floats, Stage
from pipeline.signals.stagers.stager import EPOCH_S, STAGES, Density

_Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class ExpectedMinutes:
    """Minutes of a stage: their mean and the borders of an interval that should hold 95 of 100 scorers' counts."""

    mean: float
    low95: float
    high95: float


@lru_cache(maxsize=1)
def _effects() -> Floats:
    """The table: number of epochs, then the effect for each of `STAGES`."""
    path = Path(__file__).with_name("design_effects.csv")
    return np.loadtxt(path, delimiter=",", skiprows=1, encoding="utf-8")


def design_effect(stage: Stage, n_epochs: int) -> float:
    """How many times larger the variance of a stage's count over `n_epochs` is than with independent epochs, ≥ 1.

    Interpolated between the logarithms of the table; no more than in whole nights.
    """
    table = np.log(_effects())
    return float(np.exp(np.interp(np.log(max(n_epochs, 1)), table[:, 0], table[:, 1 + STAGES.index(stage)])))


def expected_minutes(density: Density) -> dict[Stage, ExpectedMinutes]:
    """Expected minutes of each stage in the epochs that were staged, with 95 % intervals; NaN if none was.

    The mean is Σ p · 0.5 min. The interval is for the count that one experienced scorer would arrive at, if the
    probabilities are calibrated: mean ± 1.96 · 0.5 · √(D Σ p (1 − p)) with the `design_effect` D, cut at 0 and at the
    minutes staged. It does not hold an error that all the model's probabilities share: a wrong gain, a derivation it
    never saw, people it was not trained on.
    """
    known = np.asarray(np.isfinite(density).all(axis=1), np.bool_)
    p = density[known].astype(np.float64)
    epoch_min = EPOCH_S / 60.0
    out = {}
    for column, stage in enumerate(STAGES):
        if not len(p):
            out[stage] = ExpectedMinutes(np.nan, np.nan, np.nan)
            continue
        mean = float(p[:, column].sum()) * epoch_min
        variance = design_effect(stage, len(p)) * float((p[:, column] * (1.0 - p[:, column])).sum())
        half = _Z95 * epoch_min * float(np.sqrt(variance))
        out[stage] = ExpectedMinutes(mean, max(mean - half, 0.0), min(mean + half, len(p) * epoch_min))
    return out
