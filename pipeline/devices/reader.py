"""The contract of a reader, and what the study tells it that a file may not say.

A reader answers two questions: is this export mine (from a `Glimpse`: the first bytes, the names inside, the first
rows of a sheet; never the extension), and what does it hold (a `Recording` in canonical units and UTC). It processes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, wall_ns, wall_to_utc, zone_of
from pipeline.devices.archives import GZIP_MARK, ZIP_MARK, names_in_zip, open_plain
from pipeline.devices.sheets import first_rows
from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.recording import Kind, Recording, ZoneSource

HEAD_BYTES = 4096
"""How much of a file a reader may look at to recognise it."""

FIRST_YEAR, LAST_YEAR = 1700, 2200
"""What int64 nanoseconds hold with room to spare."""
LONGEST_S, LAST_UNIX_S = 1.9e9, 9e9
"""60 years of recording, and the year 2255: what seconds elapsed and unix times can be at most."""


@dataclass(frozen=True)
class Glimpse:
    """What recognition sees: the first bytes of a file, the names inside a folder or zip, the first rows of a sheet."""

    path: Path
    is_folder: bool
    head: bytes
    names: frozenset[str]
    """Base names inside a folder, or inside a zip (folders within it left out); empty for other files."""

    @property
    def text(self) -> str:
        """The head as text (UTF-8, byte-order mark removed; other bytes as Latin-1)."""
        try:
            return self.head.decode("utf-8-sig")
        except UnicodeDecodeError as cut:
            # A multi-byte character may be cut at the end of the head.
            if cut.start >= max(len(self.head) - 4, 4):
                return self.head[: cut.start].decode("utf-8-sig")
            return self.head.decode("latin-1")

    @cached_property
    def unpacked(self) -> bytes:
        """The head of what a gzipped file holds; of any other file its own."""
        if self.is_folder or not self.head.startswith(GZIP_MARK):
            return self.head
        with open_plain(self.path) as stream:
            return stream.read(HEAD_BYTES)

    @cached_property
    def sheet(self) -> tuple[tuple[str, ...], ...]:
        """The first rows of a table, blank ones left out: of delimited text, or of a spreadsheet's first sheet."""
        return () if self.is_folder else first_rows(self.path, self.head, self.names)


class DateOrder(StrEnum):
    """What comes first in 03/04/2024; asked for where a file cannot tell."""

    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of an export from outside it: its sidecar, its participant, its study."""

    zone: str | None = None
    zone_source: ZoneSource = ZoneSource.STUDY
    start: datetime | None = None
    """Wall clock of the start, from a sidecar, for exports that carry none."""
    true_start: datetime | None = None
    """Wall clock at which the recording really began, from a sidecar: a clock that was never set is moved to it."""
    day_one: date | None = None
    """The date of 'day 1', for exports that number their days."""
    eeg_channels: tuple[str, ...] = ()
    """EEG channels wanted, by label as in the file, '*' for all; empty: the reader's own stated preference."""
    units: dict[str, str] = field(default_factory=dict)
    """Units by channel label or analyte, for headers that leave them out (`{"EEG Fpz-Cz": "uV"}`)."""
    date_order: DateOrder | None = None
    """The order of day and month, for dates that can be read both ways."""
    dialect: str | None = None
    """Whose stage codes a hypnogram of bare numbers uses (`hypnogram_codes.DIALECTS`); never guessed."""
    epoch_s: float | None = None
    """Epoch length of a hypnogram that names none."""
    device: str | None = None
    """What a lab calls the device, from a sidecar: tells two of one make apart that are worn at once."""
    participant: str | None = None
    """Under whose name the export lies, for tables that hold many people."""
    shared: bool = False
    """Whether it is given to every participant: then it must say whose each of its rows is."""

    def zone_for(self, path: Path, in_file: str | None = None) -> tuple[str, ZoneSource]:
        """The zone of an export and where it comes from: the file, else what was asked; checked to exist."""
        name, source = (in_file, ZoneSource.FILE) if in_file else (self.zone, self.zone_source)
        if not name:
            raise FileFault(
                Fault.NO_ZONE,
                "no time zone is known for this export",
                where=path.name,
                known="the file carries none, and neither its sidecar, its participant nor the study names one",
                hint='add zone = "Europe/Rome" under [study] in study.toml, or a zone column in participants.tsv',
            )
        try:
            zone_of(name)
        except StudyFault as bad:
            raise FileFault(bad.fault, bad.what, where=path.name, known=bad.known, hint=bad.hint) from bad
        return name, source


def utc_from_wall(wall: datetime, zone: str) -> int:
    """The UTC instant of one wall-clock reading in `zone`.

    Raises
    ------
    FileFault
        IMPLAUSIBLE for a year whose instants cannot be told in nanoseconds (before 1678, after 2261).
    """
    checked_year(wall.year)
    return int(wall_to_utc(np.array([wall_ns(wall)], np.int64), zone)[0])


def checked_year(year: int) -> int:
    """The year, if instants of it can be told in nanoseconds.

    Raises
    ------
    FileFault
        IMPLAUSIBLE before 1700 and after 2200.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"the recording would be of {year}",
            known="the device's clock was not set, or the file is damaged",
            hint="look at its date, and export again",
        )
    return year


def whole_ns(seconds: NDArray[np.float64], path: Path, most_s: float = LONGEST_S) -> NDArray[np.int64]:
    """Seconds as whole nanoseconds.

    Raises
    ------
    FileFault
        IMPLAUSIBLE for a number that is none, or beyond `most_s`: int64 could not hold the instants made of it.
    """
    wrong = ~(np.abs(seconds) <= most_s)
    if wrong.any():
        worst = float(seconds[wrong][0])
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"a time of {worst:g} s is none that a recording can hold",
            where=path.name,
            hint="a number in its time column is damaged: export it again",
        )
    return np.rint(seconds * NS).astype(np.int64)


def need_start(path: Path, asked: Asked) -> datetime:
    """The start that a sidecar gives, for exports without a clock; raises what to do when there is none."""
    if asked.start is None:
        raise FileFault(
            Fault.NO_START_TIME,
            "this export carries no start time",
            where=path.name,
            known="its format holds intervals or samples only",
            hint=f'put {{"start": "2024-03-30T22:15:00"}} into {path.name}.json beside it',
        )
    return asked.start


@dataclass(frozen=True, slots=True)
class Reader:
    """One export format: how to know it, what it gives, how to read it."""

    name: str
    device: str
    looks_like: str
    """In a user's words, for the list that an unrecognised file is answered with."""
    gives: frozenset[Kind]
    recognise: Callable[[Glimpse], bool]
    read: Callable[[Path, Asked], Recording]
    family: str = ""
    """The group under which `sleeploop devices` lists it: EEG, hypnogram, heart, wrist, acceleration, actigraphy, …"""
    clock: str = ""
    """In a user's words: what its time stamps are."""
    extra: str | None = None
    """The extra of the distribution that brings the library it needs; None: nothing more is needed."""


def library(load: Callable[[], ModuleType], extra: str, path: Path) -> ModuleType:
    """A library that only one format needs.

    Raises
    ------
    FileFault
        NEEDS_EXTRA with the command that installs it, if it is not there.
    """
    try:
        return load()
    except ImportError as bad:
        raise FileFault(
            Fault.NEEDS_EXTRA,
            "reading this format needs a library that is not installed",
            where=path.name,
            known=f"missing: {bad.name}",
            hint=f"pip install 'sleeploop[{extra}]', then put the file back into inbox/",
        ) from bad


def glimpse(path: Path) -> Glimpse:
    """The little of an export that recognition may see.

    Raises
    ------
    FileFault
        EMPTY_FILE for a file of no bytes; CORRUPT for a zip whose directory cannot be read.
    """
    if path.is_dir():
        return Glimpse(path, True, b"", frozenset(p.name for p in path.iterdir() if p.is_file()))
    with path.open("rb") as stream:
        head = stream.read(HEAD_BYTES)
    if not head:
        raise FileFault(Fault.EMPTY_FILE, "the file is empty", where=path.name, hint="export it again from the device")
    names = names_in_zip(path) if head.startswith(ZIP_MARK) else frozenset()
    return Glimpse(path, False, head, names)


def nan_gaps(values: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Samples as float32 with NaN where `bad`."""
    out = values.astype(np.float32)
    out[bad] = np.nan
    return out
