"""Lay out a new study folder, and bring a folder of exports into it: one participant a subfolder or file."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

from pipeline.clock import zone_of
from pipeline.dataset.store import write_bytes
from pipeline.devices import claimed_by
from pipeline.devices.mmash import mmash_participant
from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.guard import Guard, Limits
from pipeline.study import is_usable_id, plain_id

_TOML = """\
[study]
title = "{title}"
{zone}
{day_one}

[eeg]
# channels = ["EEG Fpz-Cz"]          # which EEG channels are read; left out: the first of a stated preference
# units = {{ "EEG Fpz-Cz" = "uV" }}    # units that a header leaves out
"""
_COLUMNS = ("participant_id", "age_y", "sex", "zone")


def lay_out(
    folder: Path, *, title: str, zone: str | None, day_one: date | None, sources: tuple[Path, ...]
) -> list[str]:
    """Make `folder` a study and copy the exports of `sources` into its inbox; returns the participants' ids.

    Raises
    ------
    StudyFault
        If the folder is a study already (nothing is overwritten), the zone does not exist, or a source holds
        nothing that a reader knows.
    """
    if zone is not None:
        zone_of(zone)
    if (folder / "study.toml").exists():
        raise StudyFault(
            Fault.STUDY,
            "this folder is a study already",
            where=str(folder),
            hint="choose another folder; nothing was changed",
        )
    people: dict[str, dict[str, str]] = {}
    brought: list[tuple[Path, str]] = []
    with Guard(Limits()) as guard:
        for source in sources:
            for path, participant in _found(source, guard):
                if participant not in people:
                    people[participant] = _known_of(path)
                brought.append((path, participant))
    for path, participant in brought:
        target = folder / "inbox" / participant / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, ignore=_links)
        else:
            shutil.copy2(path, target)
    (folder / "inbox").mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "participants.tsv", _tsv(people).encode())
    write_bytes(folder / "study.toml", _toml(title, zone, day_one).encode())
    return list(people)


def _links(folder: str, names: list[str]) -> list[str]:
    """What `copytree` leaves out: links, which may lead out of the folder, devices and pipes."""
    entries = [Path(folder, name) for name in names]
    return [entry.name for entry in entries if entry.is_symlink() or not (entry.is_file() or entry.is_dir())]


def _found(source: Path, guard: Guard) -> list[tuple[Path, str]]:
    """The exports in a source with their participants: each entry of the folder is one person."""
    if not source.is_dir():
        raise StudyFault(Fault.STUDY, "there is no such folder", where=str(source))
    out = []
    for entry in sorted(source.iterdir()):
        if entry.name.startswith(".") or not _is_export(entry, guard):
            continue
        name = plain_id(entry.name if entry.is_dir() else entry.stem)
        if not is_usable_id(name):
            raise StudyFault(
                Fault.STUDY,
                f"'{name}' cannot be the id of a participant",
                where=str(source),
                known="the name of each entry becomes an id: letters, digits, - and _",
                hint="rename it",
            )
        out.append((entry, name))
    if not out:
        raise StudyFault(
            Fault.STUDY,
            "nothing in it is an export that is known",
            where=str(source),
            known="every entry of the folder is taken as one participant: a file, or a folder of files",
            hint="sleeploop init without --import, then copy the exports into inbox/<participant>/",
        )
    return out


def _is_export(entry: Path, guard: Guard) -> bool:
    if entry.is_symlink():
        return False
    if entry.is_dir() and any(_is_export(inside, guard) for inside in entry.iterdir() if inside.is_file()):
        return True
    try:
        guard.run(claimed_by, entry)
    except FileFault:
        return False
    return True


def _known_of(path: Path) -> dict[str, str]:
    return mmash_participant(path) if path.is_dir() and (path / "user_info.csv").is_file() else {}


def _tsv(people: dict[str, dict[str, str]]) -> str:
    rows = [[name, *(known.get(column) or "n/a" for column in _COLUMNS[1:])] for name, known in people.items()]
    return "".join("\t".join(cells) + "\n" for cells in [list(_COLUMNS), *rows])


def _toml(title: str, zone: str | None, day_one: date | None) -> str:
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    return _TOML.format(
        title=quoted,
        zone=f'zone = "{zone}"'
        if zone
        else '# zone = "Europe/Rome"              # IANA zone of exports that carry none',
        day_one=f"day_one = {day_one}"
        if day_one
        else "# day_one = 2018-01-01               # date of 'day 1' in exports that number their days",
    )
