"""The guard around each export: what hangs, swells or crashes is ended, and the next file is read."""

from __future__ import annotations

import operator
import os
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest

from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.guard import Guard, Limits, WorkerLost
from pipeline.zones import zone_of


@pytest.fixture(scope="module")
def guard() -> Iterator[Guard]:
    with Guard(Limits(timeout_s=20.0, memory_mb=600)) as made:
        yield made


def test_what_a_step_returns_comes_back(guard: Guard) -> None:
    assert guard.run(operator.add, 2, 3) == 5


def test_what_a_step_raises_comes_back_as_it_is(guard: Guard) -> None:
    with pytest.raises(ZeroDivisionError):
        guard.run(operator.floordiv, 1, 0)
    with pytest.raises(StudyFault, match="no time zone 'Mars/Base'") as fault:
        guard.run(zone_of, "Mars/Base")
    assert fault.value.known


def test_a_worker_lives_on_from_step_to_step(guard: Guard) -> None:
    first = guard.run(os.getpid)
    assert guard.run(os.getpid) == first != os.getpid()


def test_a_step_that_takes_too_long_is_ended_and_the_next_one_runs() -> None:
    with Guard(Limits(timeout_s=1.0)) as guard:
        guard.run(os.getpid)
        started = time.monotonic()
        with pytest.raises(FileFault) as fault:
            guard.run(time.sleep, 60)
        assert fault.value.fault is Fault.TOO_SLOW
        assert time.monotonic() - started < 30
        assert guard.run(operator.add, 1, 1) == 2


def test_a_step_that_swells_is_ended_and_the_next_one_runs(guard: Guard) -> None:
    with pytest.raises(FileFault) as fault:
        guard.run(np.arange, 2_000_000_000)
    assert fault.value.fault is Fault.TOO_LARGE
    assert "600 MB" in fault.value.what
    assert guard.run(operator.add, 1, 1) == 2


def test_a_step_that_crashes_its_process_is_a_fault_and_the_next_one_runs(guard: Guard) -> None:
    with pytest.raises(FileFault) as fault:
        guard.run(os.abort)
    assert fault.value.fault is Fault.CORRUPT
    assert "SIGABRT" in fault.value.known
    assert guard.run(operator.add, 1, 1) == 2


def test_closing_ends_a_worker_that_is_idle() -> None:
    guard = Guard(Limits())
    pid = guard.run(os.getpid)
    guard.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_guard_that_was_closed_starts_nothing_any_more() -> None:
    guard = Guard(Limits())
    guard.close()
    with pytest.raises(WorkerLost, match="interrupted"):
        guard.run(os.getpid)


def test_a_worker_is_born_deaf_to_ctrl_c_and_this_process_is_not() -> None:
    with Guard(Limits()) as guard:  # a new one each time: also the very first worker of a process
        assert signal.SIGINT in guard.run(signal.pthread_sigmask, signal.SIG_BLOCK, ())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
