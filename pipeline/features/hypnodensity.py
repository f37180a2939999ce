"""The probability of every stage in every epoch, as a trained model sees it in the EEG."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.features.model_staging import DENSITY_COLUMNS
from pipeline.recording import Kind

_WHEN = "no model is installed, it cannot use the recording, or too little of the epoch is valid"


def _columns(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    density = view.staged.density.astype(np.float64)
    return {name: density[:, k] for k, name in enumerate(DENSITY_COLUMNS)}


FAMILY = EpochFamily(
    name="hypnodensity",
    needs=frozenset({Kind.EEG}),
    columns=tuple(
        Column(
            name, pl.Float64, "1", f"probability of {words} by a model that looks at the EEG alone, mean over channels",
            "docs/validation/eeg.md", low=0.0, high=1.0, null_when=_WHEN,
        )
        for name, words in DENSITY_COLUMNS.items()
    ),
    compute=_columns,
    together=tuple(DENSITY_COLUMNS),
)  # fmt: skip
