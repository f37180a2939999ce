"""The feature families on 30-s epochs, and the tables that they make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from pipeline.dataset import tables
from pipeline.features.activity_epochs import FAMILY as ACTIVITY
from pipeline.features.eeg_power import FAMILY as EEG_POWER
from pipeline.features.family import EpochFamily
from pipeline.features.heart_epochs import FAMILY as HEART
from pipeline.features.hypnodensity import FAMILY as HYPNODENSITY
from pipeline.features.skin_epochs import FAMILY as SKIN
from pipeline.features.stage_grid import SOURCE_CODE, STAGE_CODE
from pipeline.features.stages import FAMILY as STAGES

EPOCH_FAMILIES: tuple[EpochFamily, ...] = (
    STAGES,
    EEG_POWER,
    HYPNODENSITY,
    HEART,
    ACTIVITY,
    SKIN,
)

ENUM_CODES: Mapping[str, Mapping[str, float]] = {"stage": STAGE_CODE, "stage_source": SOURCE_CODE}
"""For every Enum column: the number that a grid holds for each of its words."""

_COLUMNS = tuple(column for family in EPOCH_FAMILIES for column in family.columns)

EPOCHS = replace(
    tables.EPOCHS,
    columns=tables.EPOCHS.columns + tuple(c for c in _COLUMNS if not isinstance(c.dtype, pl.List)),
)
SPECTRA = replace(
    tables.SPECTRA,
    columns=tables.SPECTRA.columns + tuple(c for c in _COLUMNS if isinstance(c.dtype, pl.List)),
)
