"""`sleeploop run`: plan, then nothing, a dry run, or the flow; and the exit code that tells the truth."""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, cast

from rich.console import Console

from flows.environment import prepare_prefect, start_server
from flows.progress import REPORTER, Bars, Lines, Reporter, Silent
from flows.summary import ingest_lines, nothing_new_lines, place_lines, plan_lines, run_lines, score_lines
from pipeline.guard import Guard, Limits
from pipeline.quarantine import stranger_fault
from pipeline.room import OWN_MB, free_memory_mb, workers_at_once
from pipeline.study import Study, open_study, with_weeks
from pipeline.study_lock import held_alone
from pipeline.units import Outcome, Plan, Status, plan


@dataclass(frozen=True, slots=True)
class Ways:
    """How the work is run; nothing here changes a result."""

    jobs: int
    limits: Limits
    as_json: bool
    verbose: bool
    dry_run: bool = False
    ingest_only: bool = False


def run_study(
    folder: Path,
    participants: tuple[str, ...],
    overrides: tuple[str, ...],
    ways: Ways,
    *,
    out: Console,
    err: Console,
) -> int:
    """The exit code of a run over a study: 0 done, 1 something failed, 3 something was refused."""
    started = time.monotonic()
    study = open_study(folder, overrides)
    as_json = ways.as_json
    if ways.dry_run:
        todo = plan(study, participants)
        _say(out, as_json, {"plan": plan_lines(study, todo)}, plan_lines(study, todo))
        return 0
    with held_alone(study.folder):
        study = with_weeks(study)
        todo = plan(study, participants)
        for name in todo.strangers:
            err.print(f"refused: {stranger_fault(study, name)}", highlight=False, markup=False)
        if todo.nothing_to_do or (ways.ingest_only and not any(unit.why for unit in todo.exports)):
            lines = nothing_new_lines(study, todo)
            _say(out, as_json, {"outcomes": [], "notes": lines}, lines)
            return 3 if todo.strangers else 0
        ways = _within_memory(ways, err)
        reporter: Reporter = Silent() if as_json else Bars(out) if out.is_terminal else Lines(out)
        outcomes = _flow(study, participants, overrides, ways, reporter)
    names = tuple(person.participant for person in todo.participants)
    lines = [
        *(ingest_lines(study, names) if ways.ingest_only else [*score_lines(study, names), *place_lines(study)]),
        *run_lines(study, outcomes, todo, time.monotonic() - started),
    ]
    _say(out, as_json, {"outcomes": [asdict(outcome) for outcome in outcomes]}, lines)
    return _exit_code(outcomes, todo)


def _flow(
    study: Study,
    participants: tuple[str, ...],
    overrides: tuple[str, ...],
    ways: Ways,
    reporter: Reporter,
) -> list[Outcome]:
    prepare_prefect(study.work, verbose=ways.verbose)
    from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

    from flows.nightly import GUARD, nightly

    token = REPORTER.set(reporter)
    with Guard(ways.limits) as guard:
        guarded = GUARD.set(guard)
        before = signal.getsignal(signal.SIGINT)
        heard = False

        def interrupted(number: int, frame: FrameType | None) -> None:
            # What is being read is ended at once; it is read again by the next run.
            nonlocal heard
            heard = True
            guard.close()
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGINT, interrupted)
        try:
            # Its future type is invariant.
            runner = cast("TaskRunner[Any]", ThreadPoolTaskRunner(max_workers=ways.jobs))
            job = nightly.with_options(task_runner=runner)
            start_server()
            return job(str(study.folder), participants, overrides, ingest_only=ways.ingest_only)
        except Exception as bad:
            if heard:  # what a scheduler says that could not end in order is no news
                raise KeyboardInterrupt from bad
            raise
        finally:
            signal.signal(signal.SIGINT, before)
            reporter.closed()
            REPORTER.reset(token)
            GUARD.reset(guarded)


def _within_memory(ways: Ways, err: Console) -> Ways:
    """The same with as many exports at once as the free memory lets be as large as each may be; told if fewer."""
    free_mb = free_memory_mb()
    jobs = workers_at_once(ways.jobs, ways.limits.memory_mb, free_mb)
    if free_mb is None or (jobs == ways.jobs and free_mb - OWN_MB >= ways.limits.memory_mb):
        return ways
    may = f"each may take {ways.limits.memory_mb} MB (--memory) and {free_mb:.0f} MB are free"
    err.print(f"note: {jobs} at once of --jobs {ways.jobs}, because {may}", highlight=False, markup=False)
    return replace(ways, jobs=jobs)


def _exit_code(outcomes: list[Outcome], todo: Plan) -> int:
    if any(outcome.status is Status.FAILED for outcome in outcomes):
        return 1
    return 3 if todo.strangers or any(outcome.status is Status.REFUSED for outcome in outcomes) else 0


def _say(out: Console, as_json: bool, content: dict[str, object], lines: list[str]) -> None:
    if as_json:
        sys.stdout.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    else:
        for line in lines:
            out.print(line, highlight=False, markup=False)
