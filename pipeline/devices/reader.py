"""The contract of a reader, and what the study tells it that a file may not say.

A reader answers two questions: is this export mine (from a `Glimpse`: the first bytes and the names inside, never the
extension), and what does it hold (a `Recording` in canonical units and UTC). It processes nothing.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import wall_ns, wall_to_utc, zone_of
from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.recording import Kind, Recording, ZoneSource

HEAD_BYTES = 4096
"""How much of a file a reader may look at to recognise it."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What recognition sees: the first bytes of a file, or the names inside a folder or a zip."""

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
            if cut.start >= len(self.head) - 4:
                return self.head[: cut.start].decode("utf-8-sig")
            return self.head.decode("latin-1")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of an export from outside it: its sidecar, its participant, its study."""

    zone: str | None = None
    zone_source: ZoneSource = ZoneSource.STUDY
    start: datetime | None = None
    """Wall clock of the start, from a sidecar, for exports that carry none."""
    day_one: date | None = None
    """The date of 'day 1', for exports that number their days."""
    eeg_channels: tuple[str, ...] = ()
    """EEG channels wanted, by label as in the file; empty: the reader's own stated preference."""
    units: dict[str, str] = field(default_factory=dict)
    """Units by channel label, for headers that leave them out (`{"EEG Fpz-Cz": "uV"}`)."""

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
    """The UTC instant of one wall-clock reading in `zone`."""
    return int(wall_to_utc(np.array([wall_ns(wall)], np.int64), zone)[0])


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
    names: frozenset[str] = frozenset()
    if head[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(path) as archive:
                names = frozenset(Path(n).name for n in archive.namelist() if not n.endswith("/"))
        except zipfile.BadZipFile as bad:
            raise FileFault(
                Fault.CORRUPT,
                "the zip archive cannot be opened",
                where=path.name,
                known=str(bad),
                hint="it was probably cut short while copying: copy it again",
            ) from bad
    return Glimpse(path, False, head, names)


def nan_gaps(values: NDArray[np.float64], bad: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Samples as float32 with NaN where `bad`."""
    out = values.astype(np.float32)
    out[bad] = np.nan
    return out
