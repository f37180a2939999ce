"""The last lines of a run and the answer of `status`: scores with interval and state, where things are, what ran."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from pipeline.dataset import tables
from pipeline.dataset.store import read_tables
from pipeline.quarantine import failures, stranger_fault
from pipeline.scores import SCORES
from pipeline.shared_tables import unclaimed_lines, unclaimed_rows
from pipeline.study import Study
from pipeline.units import Outcome, Plan, Status, extracted_recordings

MOST_LINES = 12
"""Lines of one refusal that a run prints; the list of all formats is longer."""
_TITLES = {score.name: score.title for score in SCORES}


def score_lines(study: Study, participants: tuple[str, ...]) -> list[str]:
    """One line a participant and score: estimate with its 95 % interval and state, or why there is none."""
    scores = read_tables(study.dataset, tables.SCORES)
    out = []
    for name in participants:
        rows = scores.filter(pl.col("participant") == name).to_dicts()
        if not rows:
            out.append(f"{name:<10} no scores: nothing was recorded")
        for index, row in enumerate(rows):
            head = name if index == 0 else ""
            out.append(f"{head:<10} {_TITLES.get(row['score'], row['score']):<24} {_estimate(row)}")
    return out


def _estimate(row: dict[str, object]) -> str:
    if row["estimate"] is None:
        reasons = row["reasons"]
        first = reasons[0] if isinstance(reasons, list) and reasons else ""
        return f"{row['state']}: {first}"
    unit = f" {row['unit']}" if row["unit"] == "%" else ""
    return f"{row['estimate']:5.1f}{unit}  (95 % interval {row['low95']:.1f} … {row['high95']:.1f})  {row['state']}"


def place_lines(study: Study) -> list[str]:
    """Where the dataset and the pages are."""
    return [
        f"{'dataset':<10} {_short(study.dataset)}   ({_short(study.dataset / 'dictionary.csv')} explains every column)",
        f"{'pages':<10} {_short(study.reports / 'index.html')}",
    ]


def _short(path: Path) -> str:
    try:
        return path.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


def ingest_lines(study: Study, participants: tuple[str, ...]) -> list[str]:
    """What was taken in so far, by reader: exports, hours, participants; and what of shared tables is nobody's."""
    stray = [f"{'note':<10} {line}" for line in unclaimed_lines(unclaimed_rows(study))]
    parts = [part for name in participants for part in extracted_recordings(study, name)]
    if not parts:
        return ["nothing was taken in", *stray]
    rows = pl.concat(parts).with_columns(hours=(pl.col("end_utc") - pl.col("start_utc")).dt.total_seconds() / 3600)
    by_reader = rows.group_by("reader").agg(pl.len(), pl.col("hours").sum(), pl.col("participant").n_unique())
    told = [
        f"{'taken in':<10} {reader:<18} {count:>4} exports of {people} participants, {hours or 0.0:.1f} h"
        for reader, count, hours, people in by_reader.sort("reader").iter_rows()
    ]
    return [*told, *stray]


def run_lines(study: Study, outcomes: list[Outcome], todo: Plan, seconds: float) -> list[str]:
    """What ran, in one line, then one line for everything that was refused or failed."""
    count = Counter(outcome.status for outcome in outcomes)
    exports = sum(unit.why is not None for unit in todo.exports)
    people = sum(person.why is not None for person in todo.participants)
    cached = len(todo.exports) - exports
    parts = [f"{exports} exports and {people} participants"]
    parts += [f"{cached} exports were up to date"] if cached else []
    parts += [f"{count[Status.REFUSED]} refused"] if count[Status.REFUSED] else []
    parts += [f"{count[Status.FAILED]} FAILED"] if count[Status.FAILED] else []
    out = [f"{'ran':<10} {', '.join(parts)}, in {seconds:.0f} s"]
    for outcome in outcomes:
        if outcome.status in {Status.REFUSED, Status.FAILED}:
            out += [f"{outcome.status:<10} {outcome.detail.splitlines()[0] if outcome.detail else outcome.unit}"]
            out += [f"{'':<10} {line.strip()}" for line in _shortened(outcome.detail.splitlines()[1:])]
    if count[Status.REFUSED]:
        out.append(f"{'':<10} refused exports are in {_short(study.quarantine)}, each with its reason.json")
    return out


def _shortened(lines: list[str]) -> list[str]:
    """Lines of a refusal; a long list within them is left to its reason.json, and what to try stays."""
    if len(lines) <= MOST_LINES:
        return lines
    left = len(lines) - 2
    return [lines[0], f"… {left} lines more in its reason.json; sleeploop devices lists the formats", lines[-1]]


def plan_lines(study: Study, todo: Plan) -> list[str]:
    """What a run would do: every unit with run / up to date and why."""
    out = []
    for person in todo.participants:
        out += [
            f"{'run' if unit.why else 'up to date':<11} export       {unit.export.relative}{_why(unit.why)}"
            for unit in person.exports
        ]
        out.append(f"{'run' if person.why else 'up to date':<11} participant  {person.participant}{_why(person.why)}")
    out += [f"{'blocked':<11} folder       inbox/{name}: {stranger_fault(study, name).what}" for name in todo.strangers]
    out.append(f"{'run' if todo.cohort_why else 'up to date':<11} cohort{_why(todo.cohort_why)}")
    return out


def _why(why: str | None) -> str:
    return f": {why}" if why else ""


def nothing_new_lines(study: Study, todo: Plan) -> list[str]:
    """Why nothing ran."""
    quarantined = failures(study).height
    units = f"{len(todo.exports)} exports and {len(todo.participants)} participants"
    out = [f"nothing to do: {units} are up to date (same content, settings and code; every output verified)"]
    if quarantined:
        out.append(f"{quarantined} refused earlier: see {_short(study.quarantine)}")
    return out


def status_rows(study: Study, todo: Plan) -> list[dict[str, object]]:
    """One row a participant: exports taken in, waiting and refused, nights, states of the scores, whether to run."""
    scores = read_tables(study.dataset, tables.SCORES)
    refused = Counter(failures(study).get_column("participant").to_list())
    out: list[dict[str, object]] = []
    for person in todo.participants:
        mine = {r["score"]: r for r in scores.filter(pl.col("participant") == person.participant).to_dicts()}
        out.append(
            {
                "participant": person.participant,
                "exports": len(person.exports),
                "waiting": sum(unit.why is not None for unit in person.exports),
                "refused": refused.get(person.participant, 0),
                **{name: mine[name]["state"] if name in mine else None for name in _TITLES},
                "run": person.why,
            }
        )
    return out
