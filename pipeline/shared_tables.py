"""What of the tables in inbox/shared/ belongs to nobody in participants.tsv, told where it stands.

An id that is nobody's may be a misspelt pseudonym; or a name. It is quoted only if it has the shape of the study's own
ids and is near to one of them; else its rows are numbered and no more is said.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from pipeline.dataset.store import read_json, write_json
from pipeline.devices.lab_tables import plain_id
from pipeline.devices.table_people import Named, people_in
from pipeline.errors import Fault
from pipeline.extracted_files import export_folder
from pipeline.privacy import SALT, secret_name, without_dates
from pipeline.study import SHARED, Export, Study, exports_of

MOST_PLACES = 8
"""Rows of one id that are told one by one."""
_ALIKE = str.maketrans({"o": "0", "l": "1", "i": "1", "-": "", "_": ""})
"""What is taken for something else on the way from paper."""
_FILE = "strays.json"


@dataclass(frozen=True, slots=True)
class Stray:
    """Rows of a shared table that are nobody's."""

    places: str
    """Such as `row 5, row 9`."""
    shown: str
    """Their id; empty where it might be a name."""
    near: str
    """The participant whose id is nearest to it; empty where it is not told."""


def write_strays(folder: Path, study: Study, export: Export) -> Path:
    """The file that says which rows of a shared table are nobody's; beside what was extracted of it."""
    found = strays(people_in(export.path), study.participants)
    write_json(folder / _FILE, [asdict(stray) for stray in found])
    return folder / _FILE


def strays(people: Iterable[Named], participants: Iterable[str]) -> list[Stray]:
    """The ids of a table that are nobody's, each with its rows; those that are not shown are put together."""
    known = {plain_id(name): name for name in participants}
    places: dict[tuple[str, str], list[str]] = {}
    for one in people:
        if one.person not in known:
            near = _near(one.person, known)
            places.setdefault((one.person, near) if near else ("", ""), []).append(one.place)
    return [Stray(_listed(where), shown, near) for (shown, near), where in places.items()]


def _near(person: str, known: dict[str, str]) -> str:
    """The participant whose id was probably meant; empty if none is near, or what stands there may name someone."""
    longest = max((_letters(name) for name in known), default=0)
    is_code = re.fullmatch(r"[a-z0-9_-]*[0-9][a-z0-9_-]*", person) and _letters(person) <= longest + 1
    if not is_code:
        return ""
    alike = [name for name in known if name.translate(_ALIKE) == person.translate(_ALIKE)]
    found = alike or difflib.get_close_matches(person, known, n=1, cutoff=0.6)
    return known[found[0]] if found else ""


def _letters(text: str) -> int:
    """The longest run of letters."""
    return max((len(run) for run in re.findall(r"[^\W\d_]+", text)), default=0)


def _listed(places: list[str]) -> str:
    more = f" and {len(places) - MOST_PLACES} more" if len(places) > MOST_PLACES else ""
    return ", ".join(places[:MOST_PLACES]) + more


def unclaimed_rows(study: Study) -> list[dict[str, object]]:
    """A failure for each shared table that gave nobody a row, and for the rows of any other that are nobody's."""
    out: list[dict[str, object]] = []
    for name, folders in sorted(_folders(study).items()):
        if not any(pl.read_parquet(folder / "recordings.parquet").height for folder in folders):
            out.append(
                _failure(
                    study, name, "the shared table holds no row of anybody in participants.tsv",
                    "it was left where it is", "write its ids as they stand in participants.tsv",
                )
            )  # fmt: skip
            continue
        if found := _strays_in(folders):
            what, hint = _told(found, shifted=study.weeks is not None)
            known = "these were given to nobody; all else was taken in"
            out.append(_failure(study, name, what, known, hint))
    return out


def _told(found: list[Stray], *, shifted: bool) -> tuple[str, str]:
    """The words for what is nobody's, and what to try."""
    ids = {stray.shown: without_dates(stray.shown) if shifted else stray.shown for stray in found}
    where = [stray.places + (f" ('{ids[stray.shown]}')" if stray.shown else "") for stray in found[:MOST_PLACES]]
    more = f"; and {len(found) - MOST_PLACES} more ids" if len(found) > MOST_PLACES else ""
    meant = [f"'{stray.near}' by '{ids[stray.shown]}'" for stray in found[:MOST_PLACES] if stray.near]
    asked = f"did you mean {', '.join(meant)}? " if meant else ""
    return (
        f"it names people who are not in participants.tsv: {'; '.join(where)}{more}",
        f"{asked}write ids as they stand in participants.tsv, or add a row there for whoever takes part",
    )


def unclaimed_lines(rows: Iterable[dict[str, object]]) -> list[str]:
    """What a run says of these failures."""
    return [
        line for row in rows for line in (f"{row['where'] or row['export']}: {row['what']}", f"  try: {row['hint']}")
    ]


def _folders(study: Study) -> dict[str, list[Path]]:
    """Of each shared table, the folders in which it was extracted for someone."""
    out: dict[str, list[Path]] = {}
    for name in study.participants:
        for export in exports_of(study, name):
            folder = export_folder(study, export)
            if export.shared and (folder / "recordings.parquet").is_file():
                out.setdefault(export.relative, []).append(folder)
    return out


def _strays_in(folders: list[Path]) -> list[Stray]:
    told = next((told for folder in folders if isinstance(told := read_json(folder / _FILE), list)), [])
    return [Stray(**stray) for stray in told]


def _failure(study: Study, name: str, what: str, known: str, hint: str) -> dict[str, object]:
    shifted = study.weeks is not None
    return {
        "participant": SHARED,
        "export": secret_name(name, (study.weeks or {}).get(SALT, 0)) if shifted else name,
        "step": "ingest",
        "fault": Fault.UNKNOWN_PARTICIPANT.value,
        "what": what,
        "where": "" if shifted else name,
        "known": known,
        "hint": hint,
    }
