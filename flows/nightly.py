"""The main job as a Prefect flow: one task an export, one a participant, one for the cohort.

A task is worth its cost (5 ms here, 35 ms in the server) only where a unit takes seconds; nights and epochs are
looped inside. What is up to date is not even submitted.
"""

from __future__ import annotations

from contextvars import ContextVar
from pathlib import Path

from prefect import allow_failure, flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, as_completed

from flows.progress import REPORTER
from pipeline.errors import FileFault, StorageFault, place_of
from pipeline.guard import Guard
from pipeline.study import Study, open_study
from pipeline.units import ExportUnit, Outcome, Status, do_cohort, do_export, do_participant, plan, refuse_export

GUARD: ContextVar[Guard | None] = ContextVar("guard", default=None)
"""What watches over each export's time and memory; None: nothing does (a runner with processes of its own)."""


@task(name="export", task_run_name="export-{unit.export.participant}", cache_policy=NO_CACHE)
def export_task(study: Study, unit: ExportUnit, guard: Guard | None) -> Outcome:
    """Ingest and extract one export, under guard."""
    if guard is None:
        return do_export(study, unit)
    try:
        return guard.run(do_export, study, unit)
    except FileFault as fault:  # the guard's own: those of the export were met in `do_export`
        return refuse_export(study, unit, fault)


@task(name="participant", task_run_name="participant-{participant}", cache_policy=NO_CACHE)
def participant_task(study: Study, participant: str, guard: Guard | None) -> Outcome:
    """Align, score and describe one participant, under guard: clocks are compared by reading exports again."""
    if guard is None:
        return do_participant(study, participant)
    try:
        return guard.run(do_participant, study, participant)
    except FileFault as fault:
        return Outcome(participant, Status.FAILED, str(fault))


@task(name="cohort", cache_policy=NO_CACHE)
def cohort_task(study: Study, strangers: tuple[str, ...]) -> Outcome:
    """Write what spans participants."""
    return do_cohort(study, strangers)


@flow(name="sleeploop-run", log_prints=False, validate_parameters=False)
def nightly(
    folder: str, participants: tuple[str, ...] = (), overrides: tuple[str, ...] = (), *, ingest_only: bool = False
) -> list[Outcome]:
    """Run everything that is not up to date, or only take exports in; returns how each unit ended.

    A unit that fails through a bug of ours is reported as FAILED and costs that unit; a disk that cannot be written
    ends the run. The number of workers is the task runner's: `nightly.with_options(task_runner=…)`.
    """
    reporter, guard = REPORTER.get(), GUARD.get()
    study = open_study(Path(folder), overrides)
    todo = plan(study, participants)
    people = [person for person in todo.participants if person.why]
    waiting = sum(unit.why is not None for person in people for unit in person.exports)
    reporter.started(waiting, 0 if ingest_only else len(people))
    names: dict[PrefectFuture[Outcome], tuple[str, str]] = {}
    waited: dict[str, list[object]] = {}
    for person in people:
        for unit in person.exports:
            if unit.why is not None:
                future = export_task.submit(study, unit, guard)
                names[future] = ("export", unit.export.relative)
                # A participant is assembled from whatever was taken in, also when one of its exports failed.
                waited.setdefault(person.participant, []).append(allow_failure(future))
    for person in () if ingest_only else people:
        # After all exports: a participant that waits holds a worker, which no export must wait for.
        before = waited.get(person.participant, [])
        whole = participant_task.submit(study, person.participant, guard, return_state=False, wait_for=before)
        names[whole] = ("participant", person.participant)
    outcomes: list[Outcome] = []
    for future in as_completed(list(names)):
        step, unit_name = names[future]
        outcomes.append(_outcome(future, unit_name))
        reporter.finished(step, outcomes[-1])
    if ingest_only:
        return outcomes
    outcomes.append(cohort_task(study, todo.strangers))
    reporter.finished("cohort", outcomes[-1])
    return outcomes


def _outcome(future: PrefectFuture[Outcome], unit: str) -> Outcome:
    result = future.result(raise_on_failure=False)
    if isinstance(result, StorageFault):
        raise result
    if isinstance(result, BaseException):
        # Not the exception's own text, which may quote what an export holds.
        return Outcome(unit, Status.FAILED, f"{unit}: {place_of(result)}")
    return result
