"""Lend stages: an EEG that brings no hypnogram is looked at again with the one that another export holds.

Laboratories keep the signals in one file and the scoring in another. Detectors of spindles and slow waves set their
thresholds on N2 and N3, so they must know the stages before they look. What was extracted with lent stages is kept
beside the first look at the export, under a name that tells the stages, and is not made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS, EPOCH_S
from pipeline.clocks import Correction
from pipeline.extract import Extracted, take_in
from pipeline.features.stage_grid import settled_epochs
from pipeline.features.stage_symbols import codes_of
from pipeline.recording import Hypnogram, Int64, Kind, Stage, StageSource
from pipeline.scorings import source_of
from pipeline.study import Study
from pipeline.synchrony import Held, Keep, Settled, Taken

LENT = (StageSource.EXPERT, StageSource.UNKNOWN, StageSource.AUTOMATIC)
"""Whose stages are lent, most trusted first; a device without EEG has no N2 that an EEG could stand on."""
LEAST_EPOCHS = 60
"""Scored epochs (30 min) within the EEG that make it worth a second look (our choice)."""


def lend(study: Study, exports: Mapping[str, Taken], settled: Settled, keep: Keep, held: Held) -> dict[str, Extracted]:
    """The parts, by label, of which those with EEG but without stages of their own were looked at with lent ones."""
    out = dict(settled.parts)
    lenders = [part for part in settled.parts.values() if _lends(part)]
    for label, part in settled.parts.items():
        # A hypnogram in which nothing was scored is none.
        if Kind.EEG.value not in part.recordings.item(0, "kinds") or source_of(part) is not None:
            continue
        stages = _best(part, [lender for lender in lenders if lender is not part])
        if stages is not None:
            out[label] = _again(study, exports[label], settled.corrections.get(label), stages, keep, held)
    return out


def _lends(part: Extracted) -> bool:
    """Whether a part's stages can be lent: "light" and "asleep" are no stages that detectors could stand on."""
    coarse = part.epochs.get_column("stage").is_in([Stage.LIGHT.symbol, Stage.ASLEEP.symbol])
    return source_of(part) in LENT and not coarse.any()


def _best(part: Extracted, lenders: list[Extracted]) -> Hypnogram | None:
    """The stages within the part's span: the most trusted, of equals the fullest; None where too few lie in it.

    A recording of several nights may have a scoring for each: the next one fills what those before left open.
    """
    row = part.recordings.row(0, named=True)
    within = pl.col("start_utc").is_between(row["start_utc"], row["end_utc"]) & pl.col("stage").is_not_null()
    found = [(lender, lender.epochs.filter(within).sort("start_utc")) for lender in lenders]
    found = sorted(((one, rows) for one, rows in found if rows.height >= LEAST_EPOCHS), key=lambda pair: _rank(*pair))
    if not found:
        return None
    places = [_ns(epochs) // EPOCH_NS for _, epochs in found]
    first = min(int(at[0]) for at in places)
    stage = np.full(max(int(at[-1]) for at in places) - first + 1, np.nan)
    lent: list[Extracted] = []
    for (lender, epochs), at in zip(found, places, strict=True):
        free = ~settled_epochs(np.isfinite(stage))[at - first]
        stage[at[free] - first] = codes_of(epochs.get_column("stage"))[free]
        lent += [lender] if free.any() else []
    codes = np.where(np.isfinite(stage), stage, Stage.UNSCORED).astype(np.int8)
    who = "+".join(lender.recordings.item(0, "recording") for lender in lent)
    return Hypnogram(first * EPOCH_NS, float(EPOCH_S), codes, who, source_of(lent[0]) or StageSource.UNKNOWN)


def _ns(epochs: pl.DataFrame) -> Int64:
    return np.asarray(epochs.get_column("start_utc").dt.epoch("us").to_numpy(), np.int64) * 1000


def _rank(lender: Extracted, epochs: pl.DataFrame) -> tuple[int, int, str]:
    source = source_of(lender)
    return LENT.index(source) if source in LENT else len(LENT), -epochs.height, lender.recordings.item(0, "export")


def _again(
    study: Study, taken: Taken, correction: Correction | None, stages: Hypnogram, keep: Keep, held: Held
) -> Extracted:
    """The export looked at with the stages, its clock put right as before."""
    told = repr((correction, stages.start_ns, stages.scorer, stages.source)).encode() + stages.stages.tobytes()
    folder = taken.folder / f"staged-{hashlib.sha256(told).hexdigest()[:12]}"
    found = held(folder)
    if found is None:
        found = take_in(study, taken.export, taken.sha256, correction, stages)
        keep(folder, found)
    return found
