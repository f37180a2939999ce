"""How far several scorings of one night agree: confusion, kappa, F1, soft agreement and the consensus of scorers.

Stages are float codes of `Stage`, NaN where nothing was scored. Agreement is counted over the five AASM stages (W, N1,
N2, N3, R): an epoch that either side left unscored, or called movement, 'light' or 'asleep', is not compared. Whatever
has no value (no epoch in common, a stage that neither side scored, chance agreement of 1) is None.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Stage

STAGES = (Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM)
"""Rows and columns of a confusion matrix, in this order (the code is the index)."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class OneStage:
    """How well one stage of a reference was found: shares 0 … 1, None where nothing could be found or was called so."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """What most scorers say. `stage` and `share` (of the votes, 0 … 1) have shape (n,), NaN where nobody scored.

    `ranking` orders the scorers by soft agreement with the others, the best first.
    """

    stage: Floats
    share: Floats
    ranking: tuple[int, ...]


def confusion(reference: Floats, other: Floats) -> Counts:
    """Epochs by stage of `reference` (rows) and of `other` (columns), shape (5, 5), over epochs that both staged."""
    both = staged(reference) & staged(other)
    pair = reference[both].astype(np.int64) * len(STAGES) + other[both].astype(np.int64)
    return np.bincount(pair, minlength=len(STAGES) ** 2).reshape(len(STAGES), -1)


def staged(stage: Floats) -> NDArray[np.bool_]:
    """True where an epoch is one of W, N1, N2, N3 and R."""
    return (stage >= Stage.WAKE) & (stage <= Stage.REM)  # NaN compares false


def accuracy(matrix: Counts) -> float | None:
    """Share of epochs on the diagonal, 0 … 1; None without epochs."""
    total = int(matrix.sum())
    return float(np.trace(matrix)) / total if total else None


def cohen_kappa(matrix: Counts) -> float | None:
    """Cohen's kappa, −1 … 1 (doi:10.1177/001316446002000104).

    None without epochs, and where both sides know one and the same stage only: chance then agrees everywhere.
    """
    total = int(matrix.sum())
    # In whole numbers, so that chance agreement of 1 is found exactly.
    by_chance = int(matrix.sum(axis=0) @ matrix.sum(axis=1))
    if not total or by_chance == total**2:
        return None
    return (int(np.trace(matrix)) * total - by_chance) / (total**2 - by_chance)


def one_stage(matrix: Counts, stage: Stage) -> OneStage:
    """Precision, recall and F1 of a stage, rows being the reference.

    F1 is None only if neither side scored the stage at all; a stage that one side alone scored has an F1 of 0.
    """
    hit, of_reference, called = int(matrix[stage, stage]), int(matrix[stage].sum()), int(matrix[:, stage].sum())
    return OneStage(
        precision=hit / called if called else None,
        recall=hit / of_reference if of_reference else None,
        f1=2 * hit / (of_reference + called) if of_reference + called else None,
    )


def versus_rest(matrix: Counts, stage: Stage) -> Counts:
    """The (2, 2) confusion of a stage with everything else; its kappa is that of the stage."""
    hit, total = int(matrix[stage, stage]), int(matrix.sum())
    missed, false = int(matrix[stage].sum()) - hit, int(matrix[:, stage].sum()) - hit
    return np.array([[hit, missed], [false, total - hit - missed - false]], np.int64)


def pairwise(scorings: Sequence[Floats]) -> list[Counts]:
    """The confusion matrix of every pair of scorings, in the order of `itertools.combinations`."""
    return [confusion(a, b) for a, b in combinations(scorings, 2)]


def mean_known(values: Sequence[float | None]) -> float | None:
    """The mean of those that are not None; None if none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def staged_by_all(scorings: Sequence[Floats]) -> NDArray[np.bool_]:
    """True where every one of the scorings holds one of the five stages, shape (n,)."""
    return np.asarray(np.stack([staged(stage) for stage in scorings]).all(axis=0), np.bool_)


def unanimity(scorings: Sequence[Floats]) -> float | None:
    """Share of the epochs staged by all on which all agree, 0 … 1; None without such epochs or with one scorer."""
    if len(scorings) < 2:
        return None
    held = np.stack(scorings)[:, staged_by_all(scorings)]
    return float((held == held[0]).all(axis=0).mean()) if held.shape[1] else None


def fleiss_kappa(scorings: Sequence[Floats]) -> float | None:
    """Fleiss' kappa over the epochs staged by all scorers (doi:10.1037/h0031619).

    None with fewer than two scorers, without such epochs, and where all of them know one and the same stage only.
    """
    if len(scorings) < 2:
        return None
    held = np.stack(scorings)[:, staged_by_all(scorings)]
    raters, epochs = held.shape
    votes = np.stack([(held == stage).sum(axis=0) for stage in STAGES])
    of_stage = votes.sum(axis=1)
    if not epochs or int(of_stage.max()) == raters * epochs:
        return None
    seen = float((votes * (votes - 1)).sum()) / (raters * (raters - 1) * epochs)
    by_chance = float(((of_stage / (raters * epochs)) ** 2).sum())
    return float((seen - by_chance) / (1.0 - by_chance))


def soft_agreement(stage: Floats, others: Sequence[Floats]) -> float | None:
    """Mean, over the epochs that this scorer and another scored, of the others' votes for its stage, 0 … 1.

    Votes are divided by those of the stage with the most, so that whoever sides with the majority, or with either side
    of a tie, agrees fully (Guillot 2020, doi:10.1109/TNSRE.2020.3011181). There an unscored epoch is a sixth stage;
    here it is no vote. None without such epochs.
    """
    codes, votes = _votes(others)
    if not len(codes):
        return None
    most = votes.max(axis=0)
    mine = np.where(stage == codes[:, None], votes, 0).sum(axis=0)
    both = np.isfinite(stage) & (most > 0)
    return float((mine[both] / most[both]).mean()) if both.any() else None


def consensus(scorings: Sequence[Floats]) -> Consensus:
    """The stage with the most votes in every epoch; at a tie the one of the scorer who agrees best with the others.

    After Guillot 2020 (doi:10.1109/TNSRE.2020.3011181), with two departures: an unscored epoch is no vote, and a tie
    goes to the best scorer among those who voted for one of the tied stages (there to the best of all, whose stage may
    have one vote of five). Scorers who agree equally well rank in the order given, so that of two the first decides.
    """
    codes, votes = _votes(scorings)
    n = len(scorings[0]) if scorings else 0
    if not len(codes):
        return Consensus(np.full(n, np.nan), np.full(n, np.nan), tuple(range(len(scorings))))
    soft = [soft_agreement(s, [o for j, o in enumerate(scorings) if j != i]) for i, s in enumerate(scorings)]
    ranking = tuple(sorted(range(len(scorings)), key=lambda i: -(soft[i] or 0.0)))
    most, cast = votes.max(axis=0), votes.sum(axis=0)
    stage = np.full(n, np.nan)
    for i in reversed(ranking):  # the best scorer writes last
        won = (np.where(scorings[i] == codes[:, None], votes, -1).max(axis=0) == most) & (most > 0)
        stage[won] = scorings[i][won]
    return Consensus(stage, np.where(cast > 0, most / np.maximum(cast, 1), np.nan), ranking)


def _votes(scorings: Sequence[Floats]) -> tuple[Floats, Counts]:
    """The codes that occur, shape (k,), and how many scorers gave each to each epoch, shape (k, n)."""
    if not scorings:
        return np.empty(0), np.empty((0, 0), np.int64)
    held = np.stack(scorings)
    codes = np.unique(held[np.isfinite(held)])
    return codes, (held == codes[:, None, None]).sum(axis=1)
