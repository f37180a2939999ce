"""The whole pipeline on one page: ingest → extract → align → score → describe. Data in, data out; no folders here.

    take_in(study, export, sha256)     one export      → Extracted    (ingest + extract)
    assemble(study, person, parts, clocks)  one participant → Tables  (align + score)
    describe(tables, …)                one participant → a page
    describe_cohort(tables, …)         everybody       → the index page

What lies where, and what is up to date, is `pipeline.units`' affair; when and where it runs is `flows`'.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from pipeline import __version__
from pipeline.align import align
from pipeline.clock import NS, fixed_zone, to_ns, zone_of
from pipeline.dataset import tables
from pipeline.dataset.table import Table
from pipeline.extract import Extracted, take_in
from pipeline.features import DAYS, EEG_NIGHTS, EEG_TABLES, EPOCHS, NIGHTS, PARTICIPANTS, SALIVA_DAYS, SPECTRA
from pipeline.privacy import WEEK_NS
from pipeline.report import cohort_page, participant_page
from pipeline.scores import SCORES
from pipeline.scores.score import Estimate, Person
from pipeline.study import Participant, Study

__all__ = ["COHORT_TABLES", "PARTICIPANT_TABLES", "Tables", "assemble", "describe", "describe_cohort", "take_in"]

Tables = Mapping[str, pl.DataFrame]
"""Checked frames by table name."""

PARTICIPANT_TABLES: tuple[Table, ...] = (
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
)
"""The tables that one participant has a part of."""
_LONG = (EPOCHS, SPECTRA, *EEG_TABLES)
COHORT_TABLES: tuple[Table, ...] = tuple(table for table in PARTICIPANT_TABLES if table not in _LONG)
"""Those that are short enough for everybody's to be looked at together."""


def assemble(study: Study, person: Participant, parts: Sequence[Extracted], clocks: pl.DataFrame) -> Tables:
    """Every table of one participant: align its recordings, then score them; `clocks` says how theirs agree."""
    aligned = align(person, _zone(study, person, parts), parts)
    return {
        "recordings": _stack(tables.RECORDINGS, [part.recordings for part in parts]),
        "clocks": clocks,
        "epochs": aligned.epochs,
        "spectra": _stack(SPECTRA, [part.spectra for part in parts]),
        **{t.name: _stack(t, [getattr(part, t.name) for part in parts]) for t in EEG_TABLES},
        "events": _stack(tables.EVENTS, [part.events for part in parts]),
        "saliva": _stack(tables.SALIVA, [part.saliva for part in parts]),
        "answers": _stack(tables.ANSWERS, [part.answers for part in parts]),
        "nights": aligned.nights,
        "eeg_nights": aligned.eeg_nights,
        "days": aligned.days,
        "saliva_days": aligned.saliva_days,
        "participants": aligned.participants,
        "scores": score(person, aligned.nights, aligned.days, aligned.participants),
    }


def score(person: Participant, nights: pl.DataFrame, days: pl.DataFrame, participants: pl.DataFrame) -> pl.DataFrame:
    """The scores table of one participant, from stored tables alone: no signal is needed."""
    frames = {"nights": nights, "days": days, "participants": participants}
    known = Person(person.name, person.age_y, person.sex)
    if nights.height == 0:
        return tables.SCORES.empty()
    return tables.SCORES.frame([_score_row(person.name, one.compute(known, frames)) for one in SCORES])


def describe(study: Study, person: Participant, found: Tables, failures: pl.DataFrame) -> str:
    """The participant's page, as self-contained HTML."""
    return participant_page(
        {**found, "failures": failures}, participant=person.name, title=study.settings.study.title, version=__version__
    )


def describe_cohort(study: Study, found: Tables) -> str:
    """The index page over all participants."""
    return cohort_page(found, title=study.settings.study.title, version=__version__)


def _zone(study: Study, person: Participant, parts: Sequence[Extracted]) -> str:
    """The zone of the participant's nights: its own, else the study's, else that of most of its recorded time."""
    zone = person.zone or study.settings.study.zone or _zone_of_most(parts)
    return zone if study.weeks is None else _without_a_place(zone, study.weeks[person.name], parts)


def _zone_of_most(parts: Sequence[Extracted]) -> str:
    """The zone, as it was before dates were shifted, of most of what was recorded."""
    hours: dict[str, float] = {}
    for part in parts:
        row = part.recordings.row(0, named=True)
        lasted = timedelta(0) if row["start_utc"] is None else row["end_utc"] - row["start_utc"]
        zone = part.true_zone or row["zone"]
        hours[zone] = hours.get(zone, 0.0) + lasted.total_seconds()
    zone = max(hours, key=lambda name: (hours[name], name)) if hours else "UTC"
    zone_of(zone)
    return zone


def _without_a_place(zone: str, weeks: int, parts: Sequence[Extracted]) -> str:
    """The offsets of a zone over the participant's recordings, moved with their dates."""
    rows = [part.recordings.row(0, named=True) for part in parts]
    times = [to_ns(row[name]) for row in rows for name in ("start_utc", "end_utc") if row[name] is not None]
    if not times:
        return fixed_zone(zone, 0, 0)
    move, around = weeks * WEEK_NS, 2 * 86_400 * NS
    return fixed_zone(zone, min(times) - around - move, max(times) + around - move, move)


def _stack(table: Table, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    return table.check(pl.concat(frames)).sort(table.keys) if frames else table.empty()


def _score_row(participant: str, estimate: Estimate) -> dict[str, object]:
    return {
        "participant": participant,
        "score": estimate.score,
        "version": estimate.version,
        "tables": estimate.tables,
        "window_start": estimate.window_start,
        "window_end": estimate.window_end,
        "state": estimate.state.value,
        "reasons": list(estimate.reasons),
        "unit": estimate.unit,
        "estimate": estimate.estimate,
        "low80": estimate.low80,
        "high80": estimate.high80,
        "low95": estimate.low95,
        "high95": estimate.high95,
        "contributions": [
            {
                "feature": part.feature,
                "domain": part.domain,
                "value": part.value,
                "z": part.z,
                "weight": part.weight,
                "contribution": part.contribution,
                "n": part.n,
            }
            for part in estimate.contributions
        ],
        "details": [{"name": name, "value": value} for name, value in estimate.details.items()],
        "missing": list(estimate.missing),
    }
