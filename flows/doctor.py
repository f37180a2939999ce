"""`sleeploop doctor`: what could keep a run from succeeding, looked at before it is tried."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from zoneinfo import available_timezones

from pipeline.errors import FileFault, SleeploopError, printable
from pipeline.guard import Guard, Limits
from pipeline.quarantine import stranger_fault
from pipeline.study import Study, asked_of, exports_of, open_study, unlisted_folders

_PACKAGES = ("numpy", "scipy", "polars", "mne", "prefect", "fastapi", "pydantic", "tzdata")
_SPACE_FACTOR = 3
"""A run needs room for what it extracts; three times the inbox is ample (measured on the sample study: 1.2)."""


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    NOTE = "note"
    BAD = "BAD"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    level: Level
    subject: str
    text: str

    @property
    def bad(self) -> bool:
        """Whether a run would fail or refuse something because of it."""
        return self.level is Level.BAD

    @property
    def line(self) -> str:
        """The finding as one line of text."""
        return f"{self.level:<5} {self.subject:<14} {self.text}"

    def as_dict(self) -> dict[str, str]:
        """The finding for JSON."""
        return {"level": self.level.value, "subject": self.subject, "text": self.text}


def examine(folder: Path | None) -> list[Finding]:
    """Every finding, the installation first."""
    findings = list(_installation())
    if folder is not None:
        try:
            study = open_study(folder)
        except SleeploopError as fault:
            return [*findings, Finding(Level.BAD, "study", str(fault).replace("\n", ";"))]
        findings += [*_folder(study), *_people(study), *_exports(study)]
    return findings


def _installation() -> Iterator[Finding]:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding(
        Level.OK if supported else Level.BAD, "python", f"{platform.python_version()} (3.11 to 3.13 are supported)"
    )
    for name in _PACKAGES:
        try:
            yield Finding(Level.OK, name, version(name))
        except PackageNotFoundError:
            yield Finding(Level.BAD, name, "is not installed: make setup")
    yield from _stagers()
    zones = len(available_timezones())
    yield Finding(Level.OK if zones > 400 else Level.BAD, "time zones", f"{zones} known")
    cores = len(os.sched_getaffinity(0))
    yield Finding(Level.OK, "cores", f"{cores}: --jobs {cores} uses them all")
    if "PREFECT_API_URL" in os.environ:
        yield Finding(Level.NOTE, "prefect", "PREFECT_API_URL is set: runs go to that server, not to the embedded one")


def _stagers() -> Iterator[Finding]:
    """Whether EEG without a hypnogram can be staged; a model that is there is read, so that a run finds it ready."""
    from pipeline.signals.stagers import STAGERS
    from pipeline.signals.stagers.stager import StagerNotInstalled

    for stager in STAGERS:
        try:
            stager.prepare()
        except StagerNotInstalled as fault:
            yield Finding(Level.NOTE, "staging", f"{stager.name}: {fault}")
        else:
            yield Finding(Level.OK, "staging", f"{stager.name} {stager.version}: EEG without a hypnogram can be staged")


def _folder(study: Study) -> Iterator[Finding]:
    for path in (study.folder, study.inbox):
        if not path.is_dir():
            yield Finding(Level.BAD, path.name, f"{path} is not there")
        elif not os.access(path, os.W_OK):
            yield Finding(Level.BAD, path.name, f"{path} cannot be written")
    size = sum(p.stat().st_size for p in study.inbox.rglob("*") if p.is_file()) if study.inbox.is_dir() else 0
    free = shutil.disk_usage(study.folder).free
    enough = free > _SPACE_FACTOR * size
    yield Finding(
        Level.OK if enough else Level.BAD, "disk", f"{free / 1e9:.1f} GB free, the inbox holds {size / 1e9:.3f} GB"
    )
    if study.settings.study.zone is None:
        yield Finding(Level.NOTE, "zone", "study.toml names no zone: exports that carry none are refused")
    else:
        yield Finding(Level.OK, "zone", study.settings.study.zone)


def _people(study: Study) -> Iterator[Finding]:
    for name in unlisted_folders(study):
        yield Finding(Level.BAD, "inbox", f"inbox/{name}: {stranger_fault(study, name).what}")
    without = [name for name in study.participants if not exports_of(study, name)]
    yield Finding(Level.OK, "participants", f"{len(study.participants)} in participants.tsv")
    if without:
        yield Finding(Level.NOTE, "participants", f"no exports yet: {', '.join(without)}")
    ageless = [name for name, person in study.participants.items() if person.age_y is None or person.sex is None]
    if ageless:
        yield Finding(Level.NOTE, "participants", f"age or sex unknown, norms are wider for: {', '.join(ageless)}")


def _exports(study: Study) -> Iterator[Finding]:
    from pipeline.devices import claimed_by

    exports = [export for name in study.participants for export in exports_of(study, name)]
    with Guard(Limits()) as guard:
        for export in exports:
            try:
                guard.run(claimed_by, export.path)
                asked_of(study, export)
            except FileFault as fault:
                words = str(fault) if fault.where else f"{printable(export.path.name)}: {fault}"
                yield Finding(Level.BAD, "export", words.replace("\n", ";"))
    yield Finding(Level.OK, "exports", f"{len(exports)} in the inbox, formats looked at (a run reads them whole)")
