"""What a run shows while it goes: bars on a terminal, plain lines with the time elsewhere."""

from __future__ import annotations

import time
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipeline.units import Outcome, Status


class Reporter(Protocol):
    """Told of everything that happens in a run."""

    def started(self, exports: int, participants: int) -> None:
        """The plan is known: so many units will run."""

    def finished(self, step: str, outcome: Outcome) -> None:
        """One unit of a step has ended."""

    def closed(self) -> None:
        """Nothing more will come."""


class Silent:
    """Shows nothing; the default where no command line asked for more."""

    def started(self, exports: int, participants: int) -> None:
        """Nothing is shown."""

    def finished(self, step: str, outcome: Outcome) -> None:
        """Nothing is shown."""

    def closed(self) -> None:
        """Nothing is shown."""


class Lines:
    """One line a unit, with seconds since the start: for logs, pipes and batch systems."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start = time.monotonic()

    def _say(self, text: str) -> None:
        self._console.print(f"{time.monotonic() - self._start:7.1f} s  {text}", highlight=False, markup=False)

    def started(self, exports: int, participants: int) -> None:
        """Say what will run."""
        self._say(f"{exports} exports to take in, {participants} participants to assemble")

    def finished(self, step: str, outcome: Outcome) -> None:
        """Say how a unit ended."""
        self._say(f"{step:<12} {outcome.unit}: {outcome.status}")
        if outcome.status in {Status.REFUSED, Status.FAILED}:
            for line in outcome.detail.splitlines():
                self._say(f"{'':<12} {line}")

    def closed(self) -> None:
        """Nothing is left open."""


class Bars:
    """A bar for exports and one for participants, and a line above them for whatever was refused."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<13}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[last]}", markup=False),  # a file may be called [/red]
            console=console,
            transient=True,
        )
        self._tasks = {
            "export": self._progress.add_task("exports", total=None, last="starting the scheduler"),
            "participant": self._progress.add_task("participants", total=None, last=""),
        }
        self._progress.start()

    def started(self, exports: int, participants: int) -> None:
        """Give the bars their lengths."""
        self._progress.update(self._tasks["export"], total=exports, last="")
        self._progress.update(self._tasks["participant"], total=participants)

    def finished(self, step: str, outcome: Outcome) -> None:
        """Advance a bar."""
        if step in self._tasks:
            self._progress.update(self._tasks[step], advance=1, last=outcome.unit)
        if outcome.status in {Status.REFUSED, Status.FAILED}:
            self._progress.console.print(f"{outcome.status} {outcome.detail}", highlight=False, markup=False)

    def closed(self) -> None:
        """Take the bars away."""
        self._progress.stop()


REPORTER: ContextVar[Reporter] = ContextVar("REPORTER", default=Silent())  # noqa: B039  it holds no state
"""Who is told; set by the command line before the flow is called."""
