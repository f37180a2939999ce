"""The contract of a score: from stored tables to an estimate with its interval, contributions and honest state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

import polars as pl


class ScoreState(StrEnum):
    """How far an estimate can be used."""

    INSUFFICIENT = "insufficient"
    """No number is given, only the reasons."""
    LOW_INFORMATION = "low information"
    PRIOR_DOMINATED = "prior-dominated"
    WEAK = "weak"
    USABLE = "usable"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Contribution:
    """One part of an estimate; the parts of a score sum to it."""

    feature: str
    domain: str
    value: float | None
    """The feature as measured, in its own unit; None for parts that are not a feature (the prior)."""
    z: float | None
    """Normed and oriented: + is worse."""
    weight: float | None
    contribution: float
    n: int | None
    """Nights (or pairs) it stands on."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One score of one participant over one window."""

    score: str
    version: str
    tables: str
    """Content hash (12 hex digits) of the norm and prior tables used."""
    window_start: date
    window_end: date
    state: ScoreState
    reasons: tuple[str, ...]
    unit: str
    estimate: float | None
    low80: float | None
    high80: float | None
    low95: float | None
    high95: float | None
    contributions: tuple[Contribution, ...] = ()
    details: Mapping[str, float | None] = field(default_factory=dict)
    """Further named numbers (reliability, percentile, spectral radius …), declared in the score's `details`."""
    missing: tuple[str, ...] = ()
    """What was not used, each with its reason ('sri: not measured')."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is known of a participant besides measurements; None is unknown."""

    participant: str
    age_y: float | None = None
    sex: str | None = None
    """'F', 'M' or None."""


@dataclass(frozen=True, slots=True)
class Score:
    """One score. `compute` sees the person's nights, days and participants tables (any may be empty of values)."""

    name: str
    version: str
    title: str
    meaning: str
    unit: str
    needs: Mapping[str, tuple[str, ...]]
    """Columns it reads by table ('nights', 'days', 'participants'); a missing one is treated as all null."""
    details: Mapping[str, str]
    """Names and meanings of what stands in `Estimate.details`."""
    compute: Callable[[Person, Mapping[str, pl.DataFrame]], Estimate]
