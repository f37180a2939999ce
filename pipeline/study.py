"""The study folder: who is in it (`participants.tsv`), what lies in `inbox/`, and what is known of each export.

Nothing is read here but names, `participants.tsv` and sidecars; what an export holds is the readers' affair.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.clock import zone_of
from pipeline.dataset.store import write_bytes
from pipeline.devices import is_bundle
from pipeline.devices.json_text import json_of
from pipeline.devices.reader import Asked, DateOrder
from pipeline.devices.wfdb_header import companions
from pipeline.errors import Fault, FileFault, StudyFault, did_you_mean, printable
from pipeline.privacy import extend_key, read_key
from pipeline.recording import ZoneSource
from pipeline.settings import PrivacySettings, Settings, load_settings
from pipeline.travel import journeys

MOST_ID = 64
"""Characters of a participant's id: it becomes the name of files."""
MOST_SIDECAR_BYTES = 1024**2
LONGEST_EPOCH_S = 3600.0
MOST_FOLDERS = 16
"""How deep below a participant's folder exports are looked for."""
_TAKEN_IDS = frozenset({"index", "con", "prn", "aux", "nul"}) | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(10)
}
"""Names that no participant's files can have: the index page's, and those that Windows keeps for itself."""
SIDECAR_KEYS = ("zone", "start", "true_start", "units", "channels", "date_order", "dialect", "epoch_s")


@dataclass(frozen=True, slots=True)
class Participant:
    """One row of participants.tsv; None is unknown."""

    name: str
    age_y: float | None = None
    sex: str | None = None
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Export:
    """One thing in the inbox that may become a recording: a file, or a folder that is one export."""

    participant: str
    path: Path
    relative: str
    """Its path below inbox/, with forward slashes and in printable characters: how everything names it."""
    sidecar: Path | None
    anonymous: bool = False
    """Whether its name may not stand in tables, because it may hold the date that was shifted."""
    companions: tuple[Path, ...] = ()
    """Files beside it that are read with it: they count in its content, and go where it goes."""

    @property
    def label(self) -> str:
        """How tables name it: its path below inbox/, or where dates are shifted a name that tells nothing."""
        if not self.anonymous:
            return self.relative
        ending = self.path.suffix.lower() if self.path.suffix[1:].isalpha() and len(self.path.suffix) <= 6 else ""
        return f"{self.participant}/{hashlib.sha256(self.relative.encode()).hexdigest()[:12]}{ending}"


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
        If study.toml names another key, or the key would lie inside the study.
    """
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
        text = (folder / "study.toml").read_text(encoding="utf-8").rstrip()
        quoted = key.replace("\\", "\\\\").replace('"', '\\"')
        section = "" if re.search(r"(?m)^\[privacy\]", text) else "\n[privacy]\n"
        entry = f'date_shift_key = "{quoted}"\n'
        both = f"{text}\n{section}{entry}" if section else text.replace("[privacy]", f"[privacy]\n{entry}", 1) + "\n"
        write_bytes(folder / "study.toml", both.encode())
        for made in ("dataset", "reports", ".sleeploop/recordings", ".sleeploop/participants"):
            shutil.rmtree(folder / made, ignore_errors=True)


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


def read_participants(path: Path) -> dict[str, Participant]:
    """The participants, by id, in the file's order. Columns besides the four that are used are left alone."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as bad:
        raise StudyFault(
            Fault.STUDY,
            "there is no participants.tsv",
            where=str(path.parent),
            hint="one row a participant, tab-separated, with a column participant_id (age_y, sex, zone if known)",
        ) from bad
    except UnicodeDecodeError as bad:
        raise StudyFault(Fault.STUDY, f"not UTF-8 text: {bad}", where=path.name, hint="save it as UTF-8") from bad
    rows = csv.DictReader(text.splitlines(), delimiter="\t")
    if "participant_id" not in (rows.fieldnames or ()):
        raise StudyFault(
            Fault.STUDY,
            "no column participant_id",
            where=path.name,
            known=f"columns found: {', '.join(rows.fieldnames or ()) or 'none'}",
            hint="is it separated by tabs?",
        )
    found: dict[str, Participant] = {}
    folded: set[str] = set()
    for line, row in enumerate(rows, start=2):
        person = _participant(row, f"{path.name} row {line}")
        if person.name.casefold() in folded:
            known = "ids become file names, which may not differ in case only"
            what = f"participant {person.name} stands twice"
            raise StudyFault(Fault.STUDY, what, where=f"{path.name} row {line}", known=known)
        folded.add(person.name.casefold())
        found[person.name] = person
    return found


def plain_id(name: str) -> str:
    """An id as tables hold it: without the BIDS prefix `sub-` and surrounding blanks."""
    return name.strip().removeprefix("sub-")


def is_usable_id(name: str) -> bool:
    """Whether an id can be the name of a file on every system, and is no option of a command."""
    letters = all(ch.isalnum() or ch in "-_" for ch in name) and name[:1].isalnum()
    return letters and len(name) <= MOST_ID and name.casefold() not in _TAKEN_IDS


def _participant(row: dict[str, str | None], where: str) -> Participant:
    cells = {key: (value or "").strip() for key, value in row.items() if key is not None and isinstance(value, str)}
    cells = {key: "" if value.lower() in {"n/a", "na", "nan"} else value for key, value in cells.items()}
    name = plain_id(cells.get("participant_id", ""))
    if not is_usable_id(name):
        raise StudyFault(
            Fault.STUDY,
            f"participant_id '{name}' is not usable",
            where=where,
            known="ids become file names: letters, digits, - and _, the first a letter or digit, at most "
            f"{MOST_ID} of them; not 'index', and no name that Windows keeps for devices",
        )
    age = cells.get("age_y") or cells.get("age") or ""
    try:
        age_y = float(age) if age else None
    except ValueError as bad:
        raise StudyFault(Fault.STUDY, f"age_y = '{age}' is not a number", where=where, hint="years, or n/a") from bad
    sex = cells.get("sex", "").upper()[:1]
    if sex not in {"", "F", "M", "O", "U"}:
        raise StudyFault(Fault.STUDY, f"sex = '{cells['sex']}' is not known", where=where, hint="F, M, or n/a")
    zone = cells.get("zone") or None
    if zone is not None:
        try:
            zone_of(zone)
        except StudyFault as bad:
            raise StudyFault(bad.fault, bad.what, where=where, known=bad.known, hint=bad.hint) from bad
    return Participant(name, age_y, sex if sex in {"F", "M"} else None, zone)


def unlisted_folders(study: Study) -> list[str]:
    """What in the inbox is not read: folders of nobody in participants.tsv, loose files; links and devices anywhere."""
    if not study.inbox.is_dir():
        return []
    out: list[str] = []
    for entry in study.inbox.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_symlink() or not entry.is_dir() or plain_id(entry.name) not in study.participants:
            out.append(printable(entry.name))
        else:
            out += [_relative(path, study.inbox) for path, parts in _exports_in(entry, MOST_FOLDERS) if parts is None]
    return sorted(out)


def _relative(path: Path, inbox: Path) -> str:
    """The name of an export: no two have the same, and all can be printed and stored."""
    return printable(path.relative_to(inbox).as_posix().replace("\\", "\\x5c"))


def exports_of(study: Study, participant: str) -> list[Export]:
    """A participant's exports, in the order of their names; hidden files, sidecars, companions are none.

    Links are not followed, and devices and pipes not opened; `unlisted_folders` names them.
    """
    out: list[Export] = []
    for folder in (study.inbox / participant, study.inbox / f"sub-{participant}"):
        if folder.is_dir() and not folder.is_symlink():
            for path, parts in _exports_in(folder, MOST_FOLDERS):
                if parts is None:
                    continue
                sidecar = path.with_name(path.name + ".json")
                kept = sidecar if _is_plain(sidecar) else None
                out.append(
                    Export(participant, path, _relative(path, study.inbox), kept, study.weeks is not None, parts)
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
        participant=export.participant,
    )


def _sidecar(path: Path) -> Mapping[str, object]:
    with path.open("rb") as stream:
        content = stream.read(MOST_SIDECAR_BYTES + 1)
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
