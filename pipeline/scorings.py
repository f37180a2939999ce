"""Every hypnogram of a participant: which of them stages an epoch, and what several scorers of one night say.

Stages come by trust (`TRUST`): the consensus of several human scorers, an expert, a scorer on EEG who is not named,
software on EEG, our own model, and last a device without EEG. What a scorer left unscored stays so: a less trusted
source does not fill holes of less than an hour inside a scoring, so that no night becomes a patchwork of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS
from pipeline.extract import Extracted
from pipeline.features.family import EpochGrid, Scoring
from pipeline.features.model_staging import DENSITY_COLUMNS
from pipeline.features.scoring_agreement import HUMAN, human
from pipeline.features.stage_grid import SOURCE_CODE, STAGE_CODE, TRUST, settled_epochs
from pipeline.recording import Floats, StageSource
from pipeline.signals.agreement import consensus
from pipeline.signals.stagers.stager import staged

DENSITY = list(DENSITY_COLUMNS)
LEAST_MODELLED = 240
"""Epochs (2 h) that the model must have staged of a recording for its stages to count: it holds each epoch against the
whole recording, and naps mislead it."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """One recording's stages on its own stretch of the participant's 30-s grid."""

    who: str
    source: StageSource
    start_ns: int
    stage: Floats

    def cut(self, start_ns: int, end_ns: int) -> Floats:
        """The stages of the epochs that begin in [start, end), NaN where this scorer scored nothing."""
        return EpochGrid(self.start_ns, len(self.stage), {"stage": self.stage}).cut(start_ns, end_ns)["stage"]


def scored(parts: Sequence[Extracted]) -> tuple[Scored, ...]:
    """The stages of every recording that holds any, or an EEG that the model staged; the most trusted first.

    Else in the order of `parts`.
    """
    found = [one for part in parts for one in (_scored(part), _modelled(part)) if one is not None]
    return tuple(sorted(found, key=lambda one: TRUST.index(one.source)))


def source_of(part: Extracted) -> StageSource | None:
    """Who scored a recording's stages (of several sources the first that it names); None if it holds none."""
    told = part.epochs.get_column("stage_source").drop_nulls()
    return StageSource(told[0]) if len(told) else None


def _scored(part: Extracted) -> Scored | None:
    source = source_of(part)
    if source is None:
        return None
    rows = part.epochs.filter(part.epochs.get_column("stage").is_not_null())
    times = rows.get_column("start_utc").dt.epoch("us").to_numpy() * 1000
    codes = np.array([STAGE_CODE[symbol] for symbol in rows.get_column("stage").to_list()])
    stage = np.full((int(times[-1]) - int(times[0])) // EPOCH_NS + 1, np.nan)
    stage[(times - times[0]) // EPOCH_NS] = codes
    return Scored(part.recordings.item(0, "recording"), source, int(times[0]), stage)


def _modelled(part: Extracted) -> Scored | None:
    """What the model made of a recording's EEG: in each epoch its most probable stage."""
    rows = part.epochs.filter(pl.all_horizontal(pl.col(DENSITY).is_not_null()))
    if rows.height < LEAST_MODELLED:
        return None
    times = rows.get_column("start_utc").dt.epoch("us").to_numpy() * 1000
    stage = np.full((int(times[-1]) - int(times[0])) // EPOCH_NS + 1, np.nan)
    stage[(times - times[0]) // EPOCH_NS] = staged(rows.select(DENSITY).to_numpy().astype(np.float32))
    return Scored(part.recordings.item(0, "recording"), StageSource.MODEL, int(times[0]), stage)


def stage_columns(held: Sequence[Scored], start_ns: int, n: int) -> dict[str, Floats]:
    """The columns `stage` and `stage_source` of a grid of `n` epochs, each epoch from the first that scored it.

    `held` is in order of trust. Empty if nothing was scored.
    """
    if not held:
        return {}
    stage, source = np.full(n, np.nan), np.full(n, np.nan)
    for trust in TRUST:
        taken = settled_epochs(np.isfinite(stage))
        for one in held:
            if one.source is trust:
                at = (one.start_ns - start_ns) // EPOCH_NS + np.arange(len(one.stage))
                free = np.isfinite(one.stage) & ~taken[at] & np.isnan(stage[at])
                stage[at[free]] = one.stage[free]
                source[at[free]] = SOURCE_CODE[one.source.value]
    return {"stage": stage, "stage_source": source}


def scorings_between(held: Sequence[Scored], start_ns: int, end_ns: int) -> tuple[Scoring, ...]:
    """The scorings on EEG of the epochs that begin in [start, end), the most trusted first.

    Two that say the same in every epoch that both scored are one scoring in two exports, and are joined: two people
    never agree on every epoch of a night (in the 800 pairs of the Dreem Open Datasets on 96 % of them at most).
    """
    out: list[Scoring] = []
    for one in held:
        stage = one.cut(start_ns, end_ns)
        if one.source is StageSource.CONSUMER or not np.isfinite(stage).any():
            continue
        twin = next((i for i, other in enumerate(out) if _are_copies(one.source, stage, other)), None)
        if twin is None:
            out.append(Scoring(one.who, one.source, stage))
        else:
            kept = out[twin].stage
            out[twin] = replace(out[twin], stage=np.where(np.isfinite(kept), kept, stage))
    return tuple(out)


def _are_copies(source: StageSource, stage: Floats, other: Scoring) -> bool:
    alike = source is other.source or {source, other.source} <= set(HUMAN)
    both = np.isfinite(stage) & np.isfinite(other.stage)
    return bool(alike and both.any() and (stage[both] == other.stage[both]).all())


def with_consensus(grid: EpochGrid, held: Sequence[Scored], nights: Iterable[tuple[int, int]]) -> EpochGrid:
    """The grid with the consensus of human scorers in every night [start, end) that several of them scored."""
    if sum(one.source in HUMAN for one in held) < 2:
        return grid
    columns: Mapping[str, Floats] = {**grid.columns, **{name: grid[name].copy() for name in ("stage", "stage_source")}}
    for start_ns, end_ns in nights:
        voters = human(scorings_between(held, start_ns, end_ns))
        if len(voters) < 2:
            continue
        said = consensus([one.stage for one in voters]).stage
        at = (start_ns - grid.start_ns) // EPOCH_NS + np.flatnonzero(np.isfinite(said))
        columns["stage"][at] = said[np.isfinite(said)]
        columns["stage_source"][at] = SOURCE_CODE[voters[0].source.value]
    return EpochGrid(grid.start_ns, grid.n, columns)
