"""The feature families on 30-s epochs, and the tables that they make up."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from pipeline.dataset import tables
from pipeline.features import activity_epochs, eeg_power, heart_epochs, skin_epochs, stages
from pipeline.features.family import EpochFamily

EPOCH_FAMILIES: tuple[EpochFamily, ...] = (
    stages.FAMILY,
    eeg_power.FAMILY,
    heart_epochs.FAMILY,
    activity_epochs.FAMILY,
    skin_epochs.FAMILY,
)

_COLUMNS = tuple(column for family in EPOCH_FAMILIES for column in family.columns)

EPOCHS = replace(
    tables.EPOCHS,
    columns=tables.EPOCHS.columns + tuple(c for c in _COLUMNS if not isinstance(c.dtype, pl.List)),
)
SPECTRA = replace(
    tables.SPECTRA,
    columns=tables.SPECTRA.columns + tuple(c for c in _COLUMNS if isinstance(c.dtype, pl.List)),
)
