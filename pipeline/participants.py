"""Who is in a study: participants.tsv, and participants.json beside it where it says what codes mean (as in BIDS)."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.clock import zone_of
from pipeline.errors import Fault, StudyFault, did_you_mean

SHARED = "shared"
"""The folder below inbox/ for tables that hold everybody: each participant is given its own rows of them."""
OLDEST_Y = 120.0
MOST_ID = 64
"""Characters of a participant's id: it becomes the name of files."""
_TAKEN_IDS = frozenset({"index", "shared", "con", "prn", "aux", "nul"}) | {
    f"{port}{n}" for port in ("com", "lpt") for n in range(10)
}
"""Names that no participant's files can have: the index page's, the shared folder's, those that Windows keeps."""
_FEMALE = frozenset({"f", "female", "w", "weiblich", "frau", "femme", "woman", "girl"})
_MALE = frozenset({"m", "male", "männlich", "maennlich", "mann", "homme", "man", "boy"})
_NEITHER = frozenset({"", "o", "other", "u", "unknown", "d", "divers"})
_ABSENT = frozenset({"n/a", "na", "nan", "none", "null", "-"})
_ID_NAMES = ("participant_id", "participant", "subject_id", "subject", "id")


@dataclass(frozen=True, slots=True)
class Participant:
    """One row of participants.tsv; None is unknown."""

    name: str
    age_y: float | None = None
    sex: str | None = None
    zone: str | None = None


def read_participants(path: Path) -> dict[str, Participant]:
    """The participants, by id, in the file's order. Columns besides the four that are used are left alone.

    Separated by tabs; a file that a spreadsheet saved with semicolons or commas is read, too.

    Raises
    ------
    StudyFault
        With the row, for whatever cannot be used.
    """
    lines = _text(path).splitlines()
    head = lines[0] if lines else ""
    separator = max("\t;,", key=head.count)
    rows = csv.DictReader(lines, delimiter=separator)
    rows.fieldnames = [str(name).strip().strip('"').lower() for name in rows.fieldnames or ()]
    if "participant_id" not in rows.fieldnames:
        near = next((name for name in _ID_NAMES if name in rows.fieldnames), None)
        raise StudyFault(
            Fault.STUDY,
            "no column participant_id",
            where=path.name,
            known=f"columns found: {', '.join(rows.fieldnames) or 'none'}",
            hint=f"rename the column '{near}'" if near else "is it separated by tabs?",
        )
    codes = _codes(path.with_suffix(".json"))
    found: dict[str, Participant] = {}
    lines_of: dict[str, int] = {}
    for line, row in enumerate(rows, start=2):
        if not any(value for value in row.values() if isinstance(value, str)):
            continue
        person = _participant(row, codes, f"{path.name} row {line}")
        before = lines_of.setdefault(person.name.casefold(), line)
        if before != line:
            raise StudyFault(
                Fault.STUDY, f"participant {person.name} stands twice", where=f"{path.name} row {line}",
                known=f"also in row {before}; case makes no difference, for folders of some systems know none",
            )  # fmt: skip
        found[person.name] = person
    return found


def plain_id(name: str) -> str:
    """An id as tables hold it: without the BIDS prefix `sub-` and surrounding blanks."""
    return name.strip().removeprefix("sub-")


def is_usable_id(name: str) -> bool:
    """Whether an id can be the name of a file on every system, and is no option of a command."""
    letters = all(ch.isalnum() or ch in "-_" for ch in name) and name[:1].isalnum()
    return letters and len(name) <= MOST_ID and name.casefold() not in _TAKEN_IDS


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError as bad:
        raise StudyFault(
            Fault.STUDY,
            "there is no participants.tsv",
            where=str(path.parent),
            hint="one row a participant, tab-separated, with a column participant_id (age_y, sex, zone if known)",
        ) from bad
    try:
        return content.decode("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as bad:
        raise StudyFault(Fault.STUDY, f"not UTF-8 text: {bad}", where=path.name, hint="save it as UTF-8") from bad


def _codes(path: Path) -> dict[str, dict[str, str]]:
    """What the values of each column mean, from the `Levels` of participants.json.

    Raises
    ------
    StudyFault
        If it is no JSON object, or gives ages in anything but years.
    """
    if not path.is_file():
        return {}
    try:
        told = json.loads(path.read_text(encoding="utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as bad:
        raise StudyFault(Fault.STUDY, "it is not JSON", where=path.name, hint="mend or remove it") from bad
    columns = told.items() if isinstance(told, dict) else ()
    if not isinstance(told, dict) or not all(isinstance(about, dict) for _, about in columns):
        raise StudyFault(
            Fault.STUDY, "it is not an object with an object a column", where=path.name,
            hint='such as {"sex": {"Levels": {"1": "male", "2": "female"}}}',
        )  # fmt: skip
    for name in ("age", "age_y"):
        unit = str(told.get(name, {}).get("Units", "years"))
        if not unit.lower().startswith("y"):
            raise StudyFault(Fault.STUDY, f"{name} is in '{unit}'", where=path.name, hint="give ages in years")
    levels = {name: about.get("Levels") for name, about in columns}
    return {
        name.lower(): {str(code).lower(): str(word).lower() for code, word in meaning.items()}
        for name, meaning in levels.items()
        if isinstance(meaning, dict)
    }


def _participant(row: dict[str, str | None], codes: dict[str, dict[str, str]], where: str) -> Participant:
    cells = {key: (value or "").strip() for key, value in row.items() if key is not None and isinstance(value, str)}
    cells = {key: "" if value.lower() in _ABSENT else value for key, value in cells.items()}
    name = plain_id(cells.get("participant_id", ""))
    if name.casefold() == SHARED:
        raise StudyFault(
            Fault.STUDY, f"participant_id '{name}' is not usable", where=where,
            known=f"inbox/{SHARED}/ holds the tables of everybody", hint="choose another id",
        )  # fmt: skip
    if not is_usable_id(name):
        raise StudyFault(
            Fault.STUDY,
            f"participant_id '{name}' is not usable",
            where=where,
            known="ids become file names: letters, digits, - and _, the first a letter or digit, at most "
            f"{MOST_ID} of them; not 'index', and no name that Windows keeps for devices",
        )
    zone = cells.get("zone") or None
    if zone is not None:
        try:
            zone_of(zone)
        except StudyFault as bad:
            raise StudyFault(bad.fault, bad.what, where=where, known=bad.known, hint=bad.hint) from bad
    return Participant(name, _age_y(cells, where), _sex(cells, codes, where), zone)


def _age_y(cells: dict[str, str], where: str) -> float | None:
    text = cells.get("age_y") or cells.get("age") or ""
    if not text:
        return None
    if not re.fullmatch(r"-?\d+([.,]\d+)?", text):
        raise StudyFault(Fault.STUDY, f"age_y = '{text}' is not a number", where=where, hint="years, or n/a")
    age_y = float(text.replace(",", "."))
    if not 0 <= age_y <= OLDEST_Y:
        hint = "is it the year of birth? give years, or n/a" if 1900 <= age_y <= 2100 else "years, or n/a"
        raise StudyFault(Fault.STUDY, f"age_y = '{text}' is no age", where=where, hint=hint)
    return age_y


def _sex(cells: dict[str, str], codes: dict[str, dict[str, str]], where: str) -> str | None:
    text = next((cells[name] for name in ("sex", "gender") if cells.get(name)), "")
    column = "sex" if cells.get("sex") else "gender"
    word = codes.get(column, {}).get(text.lower(), text.lower())
    if word in _FEMALE or word in _MALE:
        return "F" if word in _FEMALE else "M"
    if word in _NEITHER:
        return None
    is_code = text.isdigit()
    raise StudyFault(
        Fault.STUDY, f"sex = '{text}' is not known", where=where,
        known="codes differ from study to study" if is_code else "",
        hint='say what it means in participants.json: {"sex": {"Levels": {"1": "male", "2": "female"}}}'
        if is_code else f"F, M, or n/a; {did_you_mean(word, _FEMALE | _MALE)}".removesuffix("; "),
    )  # fmt: skip
