"""A guard around each export: it is read in a process of its own, which may not take too long nor too much memory.

A file that makes a reader hang, swallow the machine's memory or crash a C library costs that file and nothing else.
Worker processes live on from file to file (starting one costs about a second of CPU), one for each that runs at once.
Memory is watched where the system tells it without help (/proc); elsewhere only the time is.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

from pipeline.errors import Fault, FileFault
from pipeline.room import DEFAULT_MEMORY_MB, allow

DEFAULT_TIMEOUT_S = 1800.0
"""Half an hour: the largest exports known (4 weeks at 100 Hz, Apple Health of years) take about a minute."""
_LOOK_S = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one export may take."""

    timeout_s: float = DEFAULT_TIMEOUT_S
    memory_mb: int = DEFAULT_MEMORY_MB


@dataclass(slots=True)
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection


class WorkerLost(RuntimeError):
    """A worker ended through no fault of the step that it was doing."""


@contextlib.contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Block SIGINT in this thread for the block: a process that is started in it never hears it (masks are inherited).

    Not for the main thread of a long block: Ctrl-C waits there, too, until the block ends.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Guard:
    """Runs functions in worker processes within limits; to be closed, or used as a context manager."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._context = multiprocessing.get_context("spawn")
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._all: list[_Worker] = []
        self._closing = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `step` returns or raises, from another process.

        Raises
        ------
        FileFault
            TOO_SLOW or TOO_LARGE beyond the limits; CORRUPT if the process died. The worker is ended then.
        WorkerLost
            If the guard was closed, or somebody else killed the process.
        """
        if self._closing:
            raise WorkerLost("the run was interrupted")
        worker = self._taken()
        try:
            worker.connection.send((step, args, kwargs))
            self._wait(worker)
            done, result = worker.connection.recv()
        except (EOFError, OSError) as bad:
            self._end(worker)
            if self._closing:
                raise WorkerLost("the run was interrupted") from bad
            if worker.process.exitcode in {-signal.SIGKILL, -signal.SIGTERM}:
                # Somebody else's doing (a system out of memory, an operator): no judgement of the file.
                raise WorkerLost("the process that read it was killed from outside: is there enough memory?") from bad
            raise _died(worker.process.exitcode) from bad
        except BaseException:
            self._end(worker)
            raise
        self._idle.put(worker)
        if not done:
            raise result
        return result  # type: ignore[no-any-return]

    def close(self) -> None:
        """End every worker; one that is busy is killed, and what waits for it is told that the run is interrupted."""
        self._closing = True
        for worker in list(self._all):
            self._end(worker)

    def _taken(self) -> _Worker:
        with contextlib.suppress(queue.Empty):
            while True:
                worker = self._idle.get_nowait()
                if worker.process.is_alive():
                    return worker
                self._end(worker)
        here, there = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(there, self._limits.memory_mb), daemon=True)
        resource_tracker.ensure_running()  # whoever starts it hears Ctrl-C again
        with deaf_to_ctrl_c():
            process.start()
        there.close()
        worker = _Worker(process, here)
        self._all.append(worker)
        if self._closing:
            # It was started while the others were ended.
            self._end(worker)
            raise WorkerLost("the run was interrupted")
        return worker

    def _wait(self, worker: _Worker) -> None:
        """Return once the worker has answered or died."""
        end = time.monotonic() + self._limits.timeout_s
        while not worker.connection.poll(_LOOK_S):
            if time.monotonic() > end:
                raise FileFault(
                    Fault.TOO_SLOW,
                    f"reading it took longer than {self._limits.timeout_s:g} s and was ended",
                    known="the largest exports known take about a minute",
                    hint="allow more with --timeout, if the file is genuine",
                )
            if (_memory_mb(worker.process.pid) or 0) > self._limits.memory_mb:
                raise FileFault(
                    Fault.TOO_LARGE,
                    f"reading it took more than {self._limits.memory_mb} MB of memory and was ended",
                    hint="allow more with --memory, or ask for fewer channels",
                )

    def _end(self, worker: _Worker) -> None:
        with contextlib.suppress(ValueError):
            self._all.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()


def _died(code: int | None) -> FileFault:
    how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
    return FileFault(
        Fault.CORRUPT,
        "a library crashed on it",
        known=f"the process that read it ended with {how}",
        hint="copy or export it again; if it opens elsewhere, report this text",
    )


def _memory_mb(pid: int | None) -> float | None:
    """Resident memory of a process; None where the system does not tell it so."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return None
    return pages * _PAGE / 1024**2


def _serve(connection: Connection, memory_mb: int) -> None:
    """The worker's life: take a step, do it, answer; until the other side is gone."""
    allow(memory_mb)
    # Ctrl-C is the parent's to handle: it ends its workers itself. (Until here it was blocked: `deaf_to_ctrl_c`.)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for step, args, kwargs in _calls(connection):
        try:
            answer: tuple[bool, Any] = (True, step(*args, **kwargs))
        except Exception as bad:  # noqa: BLE001  whatever it is, it is raised again in the parent
            answer = (False, bad)
        try:
            connection.send(answer)
        except Exception as bad:  # noqa: BLE001  whatever keeps the answer from being sent
            connection.send((False, RuntimeError(f"{type(answer[1]).__name__}: {bad}")))


def _calls(connection: Connection) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]:
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            yield connection.recv()
