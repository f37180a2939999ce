"""The study folder: who is in it (`participants.tsv`), what lies in `inbox/`, and what is known of each export.

Nothing is read here but names, `participants.tsv` and sidecars; what an export holds is the readers' affair.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.dataset.store import write_bytes
from pipeline.devices import is_bundle
from pipeline.devices.json_text import json_of
from pipeline.devices.reader import Asked, DateOrder
from pipeline.devices.wfdb_header import companions
from pipeline.errors import Fault, FileFault, StudyFault, did_you_mean, printable
from pipeline.participants import SHARED, Participant, plain_id, read_participants
from pipeline.privacy import SALT, extend_key, read_key, secret_name
from pipeline.recording import ZoneSource
from pipeline.settings import PrivacySettings, Settings, load_settings
from pipeline.study_lock import held_alone
from pipeline.travel import journeys

__all__ = [
    "SHARED",
    "SIDECAR_KEYS",
    "Export",
    "Participant",
    "Study",
    "asked_of",
    "exports_of",
    "key_file",
    "open_study",
    "plain_id",
    "read_participants",
    "start_date_shift",
    "unlisted_folders",
    "with_weeks",
]

MOST_SIDECAR_BYTES = 1024**2
LONGEST_EPOCH_S = 3600.0
MOST_FOLDERS = 16
"""How deep below a participant's folder exports are looked for."""
SIDECAR_KEYS = ("zone", "start", "true_start", "units", "channels", "date_order", "dialect", "epoch_s", "device")


@dataclass(frozen=True, slots=True)
class Export:
    """One thing in the inbox that may become a recording: a file, or a folder that is one export."""

    participant: str
    path: Path
    relative: str
    """Its path below inbox/, with forward slashes and in printable characters: how everything names it."""
    sidecar: Path | None
    salt: int | None = None
    """The secret with which tables digest its name, because it may hold the date that was shifted; else None."""
    companions: tuple[Path, ...] = ()
    """Files beside it that are read with it: they count in its content, and go where it goes."""
    shared: bool = False
    """Whether it lies in inbox/shared/, as an export of every participant."""

    @property
    def label(self) -> str:
        """How tables name it: its path below inbox/, or where dates are shifted a name that tells nothing."""
        if self.salt is None:
            return self.relative
        ending = self.path.suffix.lower() if self.path.suffix[1:].isalpha() and len(self.path.suffix) <= 6 else ""
        return f"{self.participant}/{secret_name(self.relative, self.salt)}{ending}"


@dataclass(frozen=True, slots=True)
class Study:
    """A study folder and its settings."""

    folder: Path
    settings: Settings
    participants: dict[str, Participant]
    weeks: dict[str, int] | None = None
    """By how many weeks each participant's dates are shifted; None where dates stay as they are."""

    @property
    def inbox(self) -> Path:
        """Where exports are put, one folder a participant."""
        return self.folder / "inbox"

    @property
    def quarantine(self) -> Path:
        """Where refused exports are moved, each with its reason."""
        return self.folder / "quarantine"

    @property
    def dataset(self) -> Path:
        """Where the tables are."""
        return self.folder / "dataset"

    @property
    def reports(self) -> Path:
        """Where the pages are."""
        return self.folder / "reports"

    @property
    def work(self) -> Path:
        """What the program keeps for itself: extracted recordings, receipts, Prefect's database. Safe to delete."""
        return self.folder / ".sleeploop"


def open_study(folder: Path, overrides: tuple[str, ...] = ()) -> Study:
    """The study in `folder`.

    Raises
    ------
    StudyFault
        If there is no such folder, no `study.toml` or `participants.tsv`, or one of them is wrong.
    """
    if not folder.is_dir():
        raise StudyFault(
            Fault.STUDY, "there is no such folder", where=str(folder), hint=f"sleeploop init {folder} lays one out"
        )
    settings = load_settings(folder / "study.toml", overrides)
    people = read_participants(folder / "participants.tsv")
    homes = {name: person.zone for name, person in people.items()}
    for name, zone in journeys(folder / "travel.tsv", homes, settings.study.zone).items():
        people[name] = dataclasses.replace(people[name], zone=zone)
    key = key_file(folder, settings)
    return Study(folder, settings, people, None if key is None else read_key(key))


def with_weeks(study: Study) -> Study:
    """The study with weeks of shift for every participant: whoever is new gets them drawn and kept in the key file."""
    path = key_file(study.folder, study.settings)
    return study if path is None else dataclasses.replace(study, weeks=extend_key(path, study.participants))


def start_date_shift(folder: Path, key: str) -> None:
    """Turn the date shift on in study.toml, draw the weeks, and remove every result that holds a true date.

    Raises
    ------
    StudyFault
        If study.toml names another key, or the key would lie inside the study; BUSY while another process holds it.
    """
    load_settings(folder / "study.toml")  # before a lock is laid into what may be no study
    with held_alone(folder):
        _start_date_shift(folder, key)


def _start_date_shift(folder: Path, key: str) -> None:
    settings = load_settings(folder / "study.toml")
    people = read_participants(folder / "participants.tsv")
    named = settings.privacy.date_shift_key
    path = key_file(folder, settings.model_copy(update={"privacy": PrivacySettings(date_shift_key=key)}))
    if path is None or (named is not None and key_file(folder, settings) != path):
        raise StudyFault(
            Fault.SETTINGS, "study.toml names another key file", where=folder.name, known=f"date_shift_key = {named}",
            hint="leave --key out; or remove the entry, and with it what was shifted by it",
        )  # fmt: skip
    extend_key(path, people)
    if named is None:
        for made in ("dataset", "reports", ".sleeploop/recordings", ".sleeploop/participants"):
            shutil.rmtree(folder / made, ignore_errors=True)
        text = (folder / "study.toml").read_text(encoding="utf-8").rstrip()
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        section = "" if re.search(r"(?m)^\[privacy\]", text) else "\n[privacy]\n"
        entry = f'date_shift_key = "{quoted}"\n'
        both = f"{text}\n{section}{entry}" if section else text.replace("[privacy]", f"[privacy]\n{entry}", 1) + "\n"
        write_bytes(folder / "study.toml", both.encode())


def key_file(folder: Path, settings: Settings) -> Path | None:
    """Where the key of the date shift lies; None where dates stay as they are.

    Raises
    ------
    StudyFault
        If it would lie inside the study, where it would travel with the data that it protects.
    """
    if settings.privacy.date_shift_key is None:
        return None
    path = (folder / settings.privacy.date_shift_key).resolve()
    if path.is_relative_to(folder.resolve()):
        raise StudyFault(
            Fault.SETTINGS,
            "the key file of the date shift lies inside the study",
            where="study.toml [privacy] date_shift_key",
            known="whoever is given the study would be given the true dates",
            hint="name a path outside, such as ../keys/my-study.tsv",
        )
    return path


def unlisted_folders(study: Study) -> list[str]:
    """What in the inbox is not read: folders of nobody in participants.tsv, loose files; links and devices anywhere."""
    if not study.inbox.is_dir():
        return []
    out: list[str] = []
    for entry in study.inbox.iterdir():
        if entry.name.startswith("."):
            continue
        belongs = entry.name == SHARED or plain_id(entry.name) in study.participants
        if entry.is_symlink() or not entry.is_dir() or not belongs:
            out.append(printable(entry.name))
        else:
            out += [_relative(path, study.inbox) for path, parts in _exports_in(entry, MOST_FOLDERS) if parts is None]
    return sorted(out)


def _relative(path: Path, inbox: Path) -> str:
    """The name of an export: no two have the same, and all can be printed and stored."""
    return printable(path.relative_to(inbox).as_posix().replace("\\", "\\x5c"))


def exports_of(study: Study, participant: str) -> list[Export]:
    """A participant's exports in the order of their names, then the tables shared by all.

    Hidden files, sidecars and companions are none. Links are not followed, and devices and pipes not opened;
    `unlisted_folders` names them.
    """
    out: list[Export] = []
    shared = study.inbox / SHARED
    for folder in (study.inbox / participant, study.inbox / f"sub-{participant}", shared):
        if folder.is_dir() and not folder.is_symlink():
            for path, parts in _exports_in(folder, MOST_FOLDERS):
                if parts is None:
                    continue
                sidecar = path.with_name(path.name + ".json")
                kept = sidecar if _is_plain(sidecar) else None
                out.append(
                    Export(
                        participant,
                        path,
                        _relative(path, study.inbox),
                        kept,
                        None if study.weeks is None else study.weeks.get(SALT, 0),
                        parts,
                        folder == shared,
                    )
                )
    return out


def _exports_in(folder: Path, deeper: int) -> Iterator[tuple[Path, tuple[Path, ...] | None]]:
    """Each export below a folder with the files that belong to it; with None what is a link, a device or too deep."""
    if is_bundle(folder):
        yield folder, ()
        return
    plain = {
        entry.name for entry in folder.iterdir() if _is_plain(entry) or (entry.is_dir() and not entry.is_symlink())
    }
    parts_of = {name: _parts(folder / name, plain) for name in sorted(plain)}
    taken = frozenset[str]().union(*parts_of.values())
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in taken:
            continue
        if entry.name not in plain:
            yield entry, None
        elif entry.is_dir():
            if deeper:
                yield from _exports_in(entry, deeper - 1)
            else:
                yield entry, None
        elif not (entry.suffix == ".json" and entry.stem in plain):
            yield entry, tuple(folder / part for part in sorted(parts_of[entry.name]))


def _is_plain(entry: Path) -> bool:
    return entry.is_file() and not entry.is_symlink()


def _parts(entry: Path, names: set[str]) -> frozenset[str]:
    """The names beside a header that belong to it: of BrainVision by their stem, of WFDB as it says itself."""
    if entry.suffix == ".vhdr":
        return frozenset(names & {f"{entry.stem}.{end}" for end in ("eeg", "vmrk", "dat")})
    return companions(entry, names)


def asked_of(study: Study, export: Export) -> Asked:
    """What is known of an export from outside it.

    Raises
    ------
    FileFault
        SETTINGS, when its sidecar is not JSON or holds a key or value that is not known.
    """
    person, general = study.participants[export.participant], study.settings
    side = _sidecar(export.sidecar) if export.sidecar else {}
    choices = (
        (side.get("zone"), ZoneSource.SIDECAR),
        (person.zone, ZoneSource.PARTICIPANT),
        (general.study.zone, ZoneSource.STUDY),
    )
    zone, source = next(((z, s) for z, s in choices if z), (None, ZoneSource.STUDY))
    return Asked(
        zone=str(zone) if zone else None,
        zone_source=source,
        start=_start(side.get("start"), export),
        true_start=_start(side.get("true_start"), export),
        day_one=general.study.day_one,
        eeg_channels=tuple(_strings(side.get("channels", general.eeg.channels), export)),
        units={**general.eeg.units, **_units(side.get("units", {}), export)},
        date_order=_date_order(side.get("date_order"), export),
        dialect=_text(side.get("dialect"), "dialect", export),
        epoch_s=_seconds(side.get("epoch_s"), export),
        device=_text(side.get("device"), "device", export),
        participant=export.participant,
        shared=export.shared,
    )


def _sidecar(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as stream:
            content = stream.read(MOST_SIDECAR_BYTES + 1)
    except FileNotFoundError as bad:  # of a shared table that another participant's turn has moved
        raise FileFault(Fault.SETTINGS, "the sidecar is gone", where=path.name) from bad
    if len(content) > MOST_SIDECAR_BYTES:
        raise FileFault(Fault.SETTINGS, "the sidecar is larger than 1 MB", where=path.name)
    try:
        side = json_of(path, content)
    except FileFault as bad:
        words = f"{bad.what} ({bad.known})" if bad.known else bad.what
        raise FileFault(Fault.SETTINGS, f"the sidecar is not JSON: {words}", where=path.name) from bad
    if not isinstance(side, dict):
        raise FileFault(Fault.SETTINGS, "the sidecar is not a JSON object", where=path.name)
    for key in side:
        if key not in SIDECAR_KEYS:
            raise FileFault(
                Fault.SETTINGS,
                f"unknown key '{key}' in the sidecar",
                where=path.name,
                hint=did_you_mean(key, SIDECAR_KEYS),
            )
    return side


def _start(value: object, export: Export) -> datetime | None:
    if value is None:
        return None
    try:
        start = datetime.fromisoformat(str(value))
    except ValueError as bad:
        raise FileFault(
            Fault.SETTINGS,
            f"start = '{value}' is not a date and time",
            where=export.relative,
            hint="2024-03-30T22:15:00",
        ) from bad
    return start.replace(tzinfo=None)


def _strings(value: object, export: Export) -> list[str]:
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return list(value)
    raise FileFault(Fault.SETTINGS, "channels is not a list of labels", where=export.relative)


def _units(value: object, export: Export) -> dict[str, str]:
    if isinstance(value, dict) and all(isinstance(item, str) for item in value.values()):
        return value
    raise FileFault(Fault.SETTINGS, "units is not an object of label: unit", where=export.relative)


def _text(value: object, key: str, export: Export) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise FileFault(Fault.SETTINGS, f"{key} is not text", where=export.relative)


def _date_order(value: object, export: Export) -> DateOrder | None:
    if value is None:
        return None
    try:
        return DateOrder(str(value))
    except ValueError as bad:
        known = " or ".join(f'"{order}"' for order in DateOrder)
        raise FileFault(
            Fault.SETTINGS, f"date_order = '{value}' is not known", where=export.relative, hint=f"it is {known}"
        ) from bad


def _seconds(value: object, export: Export) -> float | None:
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= LONGEST_EPOCH_S:
        return float(value)
    raise FileFault(Fault.SETTINGS, f"epoch_s = '{value}' is not a number of seconds", where=export.relative)
