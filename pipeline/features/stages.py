"""The sleep stage of every grid epoch, from the hypnogram that came with a recording."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.features.stage_grid import stage_codes
from pipeline.recording import Kind, StageSource


def _columns(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    hypnogram = view.recording.hypnogram
    if hypnogram is None:
        return {"stage": np.full(view.n, np.nan), "stage_eeg": np.full(view.n, np.nan)}
    stage = stage_codes(hypnogram, view.edges_ns)
    by_eeg = 0.0 if hypnogram.source is StageSource.CONSUMER else 1.0
    return {"stage": stage, "stage_eeg": np.where(np.isfinite(stage), by_eeg, np.nan)}


FAMILY = EpochFamily(
    name="stages",
    needs=frozenset({Kind.STAGES}),
    columns=(
        Column(
            "stage",
            pl.Enum(["W", "N1", "N2", "N3", "R", "M", "L", "S"]),
            "",
            "sleep stage as scored in the recording's hypnogram; M is a movement epoch of older scorings; L (N1 or N2) "
            "and S (any sleep) are what consumer devices report",
            "AASM Manual for the Scoring of Sleep and Associated Events",
            null_when="the epoch was not scored, or scored for less than half of its 30 s",
        ),
        Column(
            "stage_eeg",
            pl.Float64,
            "1",
            "1: the stage was scored on EEG, 0: a device without EEG reports it",
            "sleeploop",
            low=0.0,
            high=1.0,
            null_when="the epoch was not scored",
        ),
    ),
    compute=_columns,
    together=("stage", "stage_eeg"),
)
