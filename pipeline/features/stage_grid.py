"""Stages on the 30-s grid, from a hypnogram of any epoch length and phase; and the numbers that stand for its words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS
from pipeline.recording import Floats, Hypnogram, Int64, Stage, StageSource
from pipeline.signals.sleep_windows import MERGE_MIN, PER_MINUTE

_CODES = np.array([code for code in Stage if code is not Stage.UNSCORED], np.int8)
MIN_SCORED_SHARE = 0.5
"""Share of a grid epoch that scored hypnogram epochs must cover; a choice of ours."""
TRUST: tuple[StageSource, ...] = (
    StageSource.EXPERT,
    StageSource.UNKNOWN,
    StageSource.AUTOMATIC,
    StageSource.MODEL,
    StageSource.CONSUMER,
)
"""Who scored, the most trusted first; unknown is EEG scored by one who is not named."""
STAGE_CODE: dict[str, float] = {stage.symbol: float(stage) for stage in Stage if stage.symbol is not None}
"""The number that a grid holds for each symbol of the column `stage`."""
SOURCE_CODE: dict[str, float] = {source.value: float(rank) for rank, source in enumerate(TRUST)}
"""The number that a grid holds for each word of the column `stage_source`: its rank in `TRUST`."""


def stage_codes(hypnogram: Hypnogram, edges_ns: Int64) -> Floats:
    """`Stage` codes of the 30-s epochs between `edges_ns` (shape (n + 1,)); NaN where nothing was scored.

    Hypnogram epochs of 30 s or more: the one that holds the grid epoch's centre, which is the one with the largest
    overlap (at a tie the earlier) and maps 30-s epochs one to one whatever their phase. Shorter ones: the stage with
    the largest overlap in all, at a tie the one that begins earlier, if scored epochs cover at least half.
    """
    if not len(hypnogram.stages):
        return np.full(len(edges_ns) - 1, np.nan)
    epoch_ns = round(hypnogram.epoch_s * NS)
    begins = edges_ns[:-1] - hypnogram.start_ns
    codes = (
        _at_centre(hypnogram, begins, epoch_ns) if epoch_ns >= EPOCH_NS else _by_majority(hypnogram, begins, epoch_ns)
    )
    return np.where(codes == Stage.UNSCORED, np.nan, codes.astype(np.float64))


def _at_centre(hypnogram: Hypnogram, begins_ns: Int64, epoch_ns: int) -> NDArray[np.int8]:
    # An epoch owns (start, end]: a centre on the border of two belongs to the earlier.
    k = -(-(begins_ns + EPOCH_NS // 2) // epoch_ns) - 1
    inside = (k >= 0) & (k < len(hypnogram.stages))
    return np.where(inside, hypnogram.stages[np.clip(k, 0, len(hypnogram.stages) - 1)], np.int8(Stage.UNSCORED))


def _by_majority(hypnogram: Hypnogram, begins_ns: Int64, epoch_ns: int) -> NDArray[np.int8]:
    touched = EPOCH_NS // epoch_ns + 2
    k = begins_ns[:, None] // epoch_ns + np.arange(touched)
    inside = (k >= 0) & (k < len(hypnogram.stages))
    code = np.where(inside, hypnogram.stages[np.clip(k, 0, len(hypnogram.stages) - 1)], np.int8(Stage.UNSCORED))
    low = np.maximum(k * epoch_ns, begins_ns[:, None])
    high = np.minimum((k + 1) * epoch_ns, begins_ns[:, None] + EPOCH_NS)
    overlap = np.maximum(high - low, 0)
    ns_of = np.stack([np.where(code == c, overlap, 0).sum(axis=1) for c in _CODES], axis=1)
    # For every touched epoch, how long its stage lasts in all: argmax takes the first, so a tie goes to the earlier.
    of_same = np.where((code[:, :, None] == _CODES) & (overlap[:, :, None] > 0), ns_of[:, None, :], 0).max(axis=2)
    winner = np.take_along_axis(code, of_same.argmax(axis=1)[:, None], axis=1)[:, 0]
    return np.where(ns_of.sum(axis=1) >= MIN_SCORED_SHARE * EPOCH_NS, winner, np.int8(Stage.UNSCORED))


def settled_epochs(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which epochs a scoring settles, shape (n,): those it scored (`known`) and holes of less than an hour between.

    A less trusted one may stage the others, so that no stretch of sleep becomes a patchwork of both.
    """
    out, at = known.copy(), np.flatnonzero(known)
    for before in np.flatnonzero((np.diff(at) > 1) & (np.diff(at) <= MERGE_MIN * PER_MINUTE)).tolist():
        out[at[before] : at[before + 1]] = True
    return out


def by_trust(told: Sequence[Floats]) -> Floats:
    """The stages out of several scorings of one grid, the most trusted first, each where those before said nothing.

    One or more arrays of shape (n,), NaN where nothing was scored.
    """
    out = told[0].copy()
    for stage in told[1:]:
        left = ~settled_epochs(np.isfinite(out))
        out[left] = stage[left]
    return out


def main_source(codes: Floats) -> StageSource | None:
    """Who scored most of the epochs (at a tie the more trusted); None where no epoch has a source.

    `codes` is the column `stage_source` as a grid holds it: ranks in `TRUST`, NaN where nothing was scored.
    """
    known = codes[np.isfinite(codes)].astype(np.int64)
    return TRUST[int(np.bincount(known).argmax())] if len(known) else None
