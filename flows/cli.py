"""The command line. Commands that run no flow import neither Prefect nor MNE nor NeuroKit2 and answer at once."""

from __future__ import annotations

import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.console import Console
from typer.core import TyperGroup

from pipeline import __version__
from pipeline.errors import Fault, SleeploopError, StorageFault, StudyFault
from pipeline.guard import DEFAULT_TIMEOUT_S, Limits
from pipeline.room import DEFAULT_MEMORY_MB


class Commands(TyperGroup):
    """The commands; one that is interrupted says what that means (by itself the library says nothing)."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # the library's own subclass is given
        """What the command returns."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as bad:
            err.print("interrupted: what was finished is kept; run again to go on", highlight=False)
            raise typer.Exit(EXIT_INTERRUPTED) from bad


EXIT_DONE, EXIT_BUG, EXIT_INPUT, EXIT_REFUSED, EXIT_INTERRUPTED = 0, 1, 2, 3, 130

app = typer.Typer(
    name="sleeploop",
    cls=Commands,
    help="Device exports of sleep and stress labs in; a documented dataset, two transparent scores and a page out. "
    "For research: nothing here is a diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="the study folder (holds study.toml)")]
Only = Annotated[
    list[str] | None,
    typer.Option("--participant", "-p", help="only this participant (repeatable; with or without sub-)"),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="lay a setting over study.toml: study.zone=Europe/Oslo"),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="how many exports at once, as far as memory goes")]
Timeout = Annotated[float, typer.Option("--timeout", min=1.0, metavar="SECONDS", help="longest time for one export")]
Memory = Annotated[int, typer.Option("--memory", min=256, metavar="MB", help="most memory for one export")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="also show what the scheduler logs")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON instead of text")]


def _print(lines: list[str]) -> None:
    for line in lines:
        out.print(line, highlight=False, markup=False)


@app.command()
def run(
    study: StudyFolder,
    participant: Only = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print what would run and why; change nothing")] = False,
    jobs: Jobs = 2,
    overrides: Overrides = None,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    memory: Memory = DEFAULT_MEMORY_MB,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Take in new exports, recompute what depends on them, write dataset and pages.

    Exit codes: 0 done, 1 a bug of ours or a disk that cannot be written, 2 your input or settings, 3 finished with
    refused files, 130 interrupted (run again to go on).
    """
    from flows.running import Ways, run_study

    ways = Ways(jobs, Limits(timeout, memory), as_json, verbose, dry_run=dry_run)
    raise typer.Exit(run_study(study, tuple(participant or ()), tuple(overrides or ()), ways, out=out, err=err))


@app.command()
def ingest(
    study: StudyFolder,
    participant: Only = None,
    date_shift: Annotated[
        bool, typer.Option("--date-shift", help="from now on move each participant's dates by a secret number of weeks")
    ] = False,
    key: Annotated[
        str, typer.Option("--key", metavar="FILE", help="where that number is kept: outside the study; relative to it")
    ] = "",
    jobs: Jobs = 2,
    overrides: Overrides = None,
    timeout: Timeout = DEFAULT_TIMEOUT_S,
    memory: Memory = DEFAULT_MEMORY_MB,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Take in new exports and nothing more: recognise, read, check, extract; refuse what cannot be trusted.

    --date-shift moves dates by whole weeks, so that weekdays, wall clocks and recorded offsets stay; the weeks stand
    in the key file alone. It holds for the study from then on, and removes results that were made without it.
    """
    from flows.running import Ways, run_study
    from pipeline.study import start_date_shift

    if date_shift:
        start_date_shift(study, key or f"../{study.resolve().name}-dates.key.tsv")
    ways = Ways(jobs, Limits(timeout, memory), as_json, verbose, ingest_only=True)
    raise typer.Exit(run_study(study, tuple(participant or ()), tuple(overrides or ()), ways, out=out, err=err))


@app.command()
def status(study: StudyFolder, participant: Only = None, overrides: Overrides = None, as_json: AsJson = False) -> None:
    """Show each participant's exports, refusals and scores, and what a run would do."""
    from rich.table import Table

    from flows.summary import status_rows
    from pipeline.quarantine import stranger_fault
    from pipeline.study import open_study
    from pipeline.units import plan

    opened = open_study(study, tuple(overrides or ()))
    todo = plan(opened, tuple(participant or ()))
    rows = status_rows(opened, todo)
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
        return
    table = Table(box=None, pad_edge=False)
    for name in rows[0] if rows else ("participant",):
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        # Why it would run is long: `run --dry-run` and --json tell it.
        shown = {**row, "run": "yes" if row["run"] else "no"}
        table.add_row(*("–" if cell is None else str(cell) for cell in shown.values()))
    out.print(table)
    for name in todo.strangers:
        out.print(f"inbox/{name}: {stranger_fault(opened, name).what}", highlight=False, markup=False)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="the folder to lay out; made if it is not there")],
    title: Annotated[str, typer.Option(help="the study's name, for the pages")] = "",
    zone: Annotated[str | None, typer.Option(help="IANA zone of exports that carry none, e.g. Europe/Rome")] = None,
    day_one: Annotated[
        str | None,
        typer.Option("--day-one", metavar="YYYY-MM-DD", help="date of 'day 1' in exports that number their days"),
    ] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option(
            "--import", metavar="FOLDER", help="copy exports from here: one participant an entry (repeatable)"
        ),
    ] = None,
) -> None:
    """Lay out a study folder: study.toml, participants.tsv and inbox/."""
    from pipeline.new_study import lay_out

    try:
        first = None if day_one is None else date.fromisoformat(day_one)
    except ValueError as bad:
        raise StudyFault(Fault.SETTINGS, f"--day-one {day_one} is not a date", hint="YYYY-MM-DD") from bad
    people = lay_out(folder, title=title or folder.name, zone=zone, day_one=first, sources=tuple(sources or ()))
    if people:
        _print([f"{folder}: {len(people)} participants with their exports", f"next: sleeploop run {folder}"])
    else:
        _print(
            [
                f"{folder}: study.toml, participants.tsv and inbox/ are laid out",
                "next: one row a participant in participants.tsv, their exports in inbox/<participant>/",
                f"then: sleeploop run {folder}",
            ]
        )


@app.command()
def simulate(
    folder: Annotated[Path, typer.Argument(help="the study folder to write; must not be there yet")],
    participants: Annotated[int, typer.Option(min=1, max=999)] = 3,
    nights: Annotated[int, typer.Option(min=1, max=366)] = 14,
    seed: Annotated[int, typer.Option(help="the same seed writes the same bytes")] = 1,
    loop: Annotated[str, typer.Option(help="planted loop: none, realistic or strong")] = "realistic",
    missing: Annotated[float, typer.Option(min=0.0, max=0.9, help="share of nights without a recording")] = 0.1,
    zone: Annotated[str, typer.Option(help="IANA zone in which the participants live")] = "Europe/Rome",
) -> None:
    """Write a study of simulated people as device exports; what was planted stands in truth.json."""
    from flows.simulation import simulate_into

    started = time.monotonic()
    simulate_into(folder, participants=participants, nights=nights, seed=seed, loop=loop, missing=missing, zone=zone)
    _print(
        [
            f"{folder}: {participants} participants × {nights} nights written in {time.monotonic() - started:.1f} s",
            f"what was planted: {folder / 'truth.json'}",
            f"next: sleeploop run {folder}",
        ]
    )


@app.command()
def explain(
    feature: Annotated[str, typer.Argument(help="a column of the dataset, a score, or part of a name")],
    as_json: AsJson = False,
) -> None:
    """Say what a column of the dataset means: unit, definition, source, range, when it is null, who uses it."""
    from flows.explanation import explanation

    entries = explanation(feature)
    if as_json:
        sys.stdout.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        return
    for entry in entries:
        out.print(f"[bold]{entry.pop('name')}[/bold]", highlight=False)
        _print([f"  {key:<10} {value}" for key, value in entry.items() if value not in {"", None}])


@app.command()
def devices(
    word: Annotated[str, typer.Argument(help="only formats that mention it; or the path of a file to recognise")] = "",
    as_json: AsJson = False,
) -> None:
    """List the export formats that are read: what each gives, what its clock is; or say which one a file is."""
    from flows.formats import formats, recognised

    entries = [recognised(Path(word))] if word and Path(word).exists() else formats(word)
    if as_json:
        sys.stdout.write(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
        return
    family = None
    for entry in entries:
        if entry["family"] != family:
            family = entry["family"]
            out.print(f"[bold]{family}[/bold]", highlight=False)
        gives = ", ".join(str(kind) for kind in cast("list[str]", entry["gives"]))
        needs = "" if entry["installed"] else f"  (needs: pip install 'sleeploop[{entry['extra']}]')"
        head = f"  {entry['name']:<18} {entry['looks_like']}{needs}"
        _print([head, f"{'':<20} gives {gives}", f"{'':<20} clock: {entry['clock']}"])
    if not entries:
        _print([f"no format mentions '{word}': sleeploop devices lists them all"])


@app.command()
def doctor(
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="also check this study folder")] = None,
    as_json: AsJson = False,
) -> None:
    """Check the installation and, if named, a study: versions, zones, disk, permissions, participants, clocks."""
    from flows.doctor import examine

    findings = examine(study)
    if as_json:
        sys.stdout.write(json.dumps([finding.as_dict() for finding in findings], indent=1) + "\n")
    else:
        _print([finding.line for finding in findings])
    if any(finding.bad for finding in findings):
        raise typer.Exit(EXIT_INPUT)


def _version(show: bool) -> None:
    if show:
        out.print(f"sleeploop {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version and stop")
    ] = False,
) -> None:
    """Take no part in what a command does."""


def main() -> None:
    """Run the command line; the one place where faults become words and exit codes."""
    try:
        app(standalone_mode=True)
    except StorageFault as fault:
        err.print(f"error: {fault}", highlight=False, markup=False)
        sys.exit(EXIT_BUG)
    except SleeploopError as fault:
        err.print(f"error: {fault}", highlight=False, markup=False)
        sys.exit(EXIT_INPUT)


if __name__ == "__main__":
    main()
