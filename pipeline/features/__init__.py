"""Signals → named numbers. The table of contents: every family, and the tables assembled from their columns."""

from __future__ import annotations

from dataclasses import replace

from pipeline.dataset import tables
from pipeline.dataset.table import Table
from pipeline.features import (
    architecture,
    autonomic_night,
    continuity,
    coupling,
    day_load,
    regularity,
    rhythm,
    scoring_agreement,
    sleep_cycles,
    slow_wave_activity,
    spindles,
    stage_dynamics,
    staging_night,
    swa_by_cycle,
    waves,
)
from pipeline.features.eeg_nights import EEG_NIGHTS as EEG_NIGHTS
from pipeline.features.eeg_tables import EEG_TABLES as EEG_TABLES
from pipeline.features.epoch_level import EPOCH_FAMILIES as EPOCH_FAMILIES
from pipeline.features.epoch_level import EPOCHS as EPOCHS
from pipeline.features.epoch_level import SPECTRA as SPECTRA
from pipeline.features.family import DayView, EpochFamily, Family, NightView, ParticipantView
from pipeline.features.saliva_columns import SALIVA_DAYS as SALIVA_DAYS
from pipeline.features.saliva_summary import COLUMNS as CORTISOL

NIGHT_FAMILIES: tuple[Family[NightView], ...] = (
    continuity.FAMILY,
    architecture.FAMILY,
    staging_night.FAMILY,
    stage_dynamics.FAMILY,
    sleep_cycles.FAMILY,
    scoring_agreement.FAMILY,
    slow_wave_activity.FAMILY,
    swa_by_cycle.FAMILY,
    waves.FAMILY,
    spindles.FAMILY,
    coupling.FAMILY,
    autonomic_night.FAMILY,
)
DAY_FAMILIES: tuple[Family[DayView], ...] = (day_load.FAMILY,)
PARTICIPANT_FAMILIES: tuple[Family[ParticipantView], ...] = (rhythm.FAMILY, regularity.FAMILY)

_AnyFamily = Family[NightView] | Family[DayView] | Family[ParticipantView]

FAMILIES: tuple[EpochFamily | _AnyFamily, ...] = (
    *EPOCH_FAMILIES,
    *NIGHT_FAMILIES,
    *DAY_FAMILIES,
    *PARTICIPANT_FAMILIES,
)


def _extended(base: Table, families: tuple[_AnyFamily, ...]) -> Table:
    added = tuple(
        column
        for family in families
        for column in tables.family_columns(family.name, family.level.value, family.columns)
    )
    return replace(base, columns=base.columns + added)


NIGHTS = _extended(tables.NIGHTS, NIGHT_FAMILIES)
DAYS = _extended(tables.DAYS, DAY_FAMILIES)
_SUMMARISED = replace(tables.PARTICIPANTS, columns=tables.PARTICIPANTS.columns + CORTISOL)
PARTICIPANTS = _extended(_SUMMARISED, PARTICIPANT_FAMILIES)

TABLES: tuple[Table, ...] = (
    tables.RECORDINGS,
    tables.CLOCKS,
    EPOCHS,
    SPECTRA,
    *EEG_TABLES,
    tables.EVENTS,
    tables.SALIVA,
    tables.ANSWERS,
    NIGHTS,
    EEG_NIGHTS,
    DAYS,
    SALIVA_DAYS,
    PARTICIPANTS,
    tables.SCORES,
    tables.FAILURES,
)
"""Every table of the dataset, in the order in which the data walk."""
