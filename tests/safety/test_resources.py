"""A real export that makes a reader slow or large is ended, quarantined in words, and costs nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade import SAMPLES

from pipeline import units
from pipeline.errors import Fault, FileFault
from pipeline.guard import Guard, Limits
from pipeline.quarantine import reasons
from pipeline.room import need_room
from pipeline.study import Study, open_study
from pipeline.units import ExportUnit, Outcome, Status

LARGE_MB = 24


@pytest.fixture
def study(tmp_path: Path) -> Study:
    """A study of one good export and one of 24 MB of intervals, which take over 1 GB to read."""
    inbox = tmp_path / "study/inbox/P1"
    inbox.mkdir(parents=True)
    (tmp_path / "study/study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (tmp_path / "study/participants.tsv").write_text("participant_id\nP1\n")
    SAMPLES["rr_text"].write(inbox)
    head = "# start: 2024-03-05T22:00:00\n# unit: ms\n"
    (inbox / "large.txt").write_text(head + "800\n" * (LARGE_MB * 1024**2 // 4))
    return open_study(tmp_path / "study")


def take_in(study: Study, guard: Guard, unit: ExportUnit) -> Outcome:
    """As the flow's task does."""
    try:
        return guard.run(units.do_export, study, unit)
    except FileFault as fault:
        return units.refuse_export(study, unit, fault)


@pytest.mark.parametrize(("limits", "fault"), [(Limits(60, 500), "too_large"), (Limits(1.0, 100_000), "too_slow")])
def test_what_is_too_large_or_too_slow_costs_itself(study: Study, limits: Limits, fault: str) -> None:
    first, second = units.plan(study).exports
    with Guard(limits) as guard, Guard(Limits()) as enough:
        large, small = take_in(study, guard, first), take_in(study, enough, second)
    assert (large.unit, large.status) == ("P1/large.txt", Status.REFUSED)
    assert "and was ended" in large.detail
    assert "try: allow more with --" in large.detail
    assert (small.unit, small.status) == ("P1/strap.txt", Status.DONE)
    (reason,) = reasons(study)
    assert (reason["export"], reason["fault"]) == ("P1/large.txt", fault)
    assert units.do_participant(study, "P1").status is Status.DONE
    assert "large.txt" in (study.reports / "P1.html").read_text()


def test_the_workers_know_what_they_may_take() -> None:
    with Guard(Limits(60, 300)) as guard, pytest.raises(FileFault) as fault:
        guard.run(need_room, Path("x.edf"), 301 * 1024**2)
    assert fault.value.fault is Fault.TOO_LARGE
    assert "301 MB of memory, more than the 300 MB" in fault.value.what
    need_room(Path("x.edf"), 301 * 1024**2)


@pytest.mark.parametrize("n_bytes", [float("inf"), float("nan"), 1e30])
def test_an_absurd_estimate_is_refused(n_bytes: float) -> None:
    with pytest.raises(FileFault):
        need_room(Path("x.edf"), n_bytes)
