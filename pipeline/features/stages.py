"""The sleep stage of every grid epoch, from the hypnogram that came with a recording."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.features.stage_grid import SOURCE_CODE, STAGE_CODE, stage_codes
from pipeline.recording import Kind, StageSource


def _columns(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    hypnogram = view.recording.hypnogram
    if hypnogram is None:
        return {"stage": np.full(view.n, np.nan), "stage_source": np.full(view.n, np.nan)}
    stage = stage_codes(hypnogram, view.edges_ns)
    return {"stage": stage, "stage_source": np.where(np.isfinite(stage), SOURCE_CODE[hypnogram.source.value], np.nan)}


FAMILY = EpochFamily(
    name="stages",
    needs=frozenset({Kind.STAGES}),
    columns=(
        Column(
            "stage",
            pl.Enum(list(STAGE_CODE)),
            "",
            "sleep stage as scored in the recording's hypnogram; M is a movement epoch of older scorings; L (N1 or N2) "
            "and S (any sleep) are what consumer devices report",
            "AASM Manual for the Scoring of Sleep and Associated Events",
            null_when="the epoch was not scored, or scored for less than half of its 30 s",
        ),
        Column(
            "stage_source",
            pl.Enum([source.value for source in StageSource]),
            "",
            "who scored the stage: expert (a human, or the consensus of several), automatic (software on EEG that the "
            "recording came with), model (sleeploop's own staging of the EEG), consumer (a device without EEG), "
            "unknown (on EEG, by whom is not told)",
            "sleeploop",
            null_when="the epoch was not scored",
        ),
    ),
    compute=_columns,
    together=("stage", "stage_source"),
)
