"""`sleeploop explain`: everything that is declared about a column or a score, in one place."""

from __future__ import annotations

from pipeline.errors import Fault, StudyFault, did_you_mean
from pipeline.features import FAMILIES, TABLES
from pipeline.scores import SCORES

Entry = dict[str, object]


def explanation(name: str) -> list[Entry]:
    """What is declared about `name`: each column of that name, or the score; else each column that contains it.

    Raises
    ------
    StudyFault
        If nothing is called that; the nearest names are offered.
    """
    entries = [entry for entry in _all() if str(entry["name"]).split(".")[-1] == name or entry["name"] == name]
    if not entries and len(name) >= 3:
        entries = [entry for entry in _all() if name.lower() in str(entry["name"]).lower()]
    if not entries:
        names = {str(entry["name"]).split(".")[-1] for entry in _all()}
        raise StudyFault(Fault.SETTINGS, f"there is no column or score '{name}'", hint=did_you_mean(name, names))
    return entries


def _all() -> list[Entry]:
    used = _users()
    families = {column.name: family.name for family in FAMILIES for column in family.columns}
    columns: list[Entry] = [
        {
            "name": f"{table.name}.{column.name}",
            "meaning": column.meaning,
            "unit": column.unit,
            "type": str(column.dtype),
            "range": _range(column.low, column.high),
            "null when": column.null_when,
            "source": column.source,
            "family": families.get(column.name, ""),
            "row": table.row,
            "used by": ", ".join(used.get((table.name, column.name), ())),
        }
        for table in TABLES
        for column in table.columns
    ]
    scores: list[Entry] = [
        {
            "name": score.name,
            "meaning": f"{score.title}: {score.meaning}",
            "unit": score.unit,
            "version": score.version,
            "reads": "; ".join(f"{table}: {', '.join(names)}" for table, names in score.needs.items()),
            "details": "; ".join(f"{key}: {text}" for key, text in score.details.items()),
        }
        for score in SCORES
    ]
    return scores + columns


def _users() -> dict[tuple[str, str], list[str]]:
    """Which scores read a column."""
    out: dict[tuple[str, str], list[str]] = {}
    for score in SCORES:
        for table, names in score.needs.items():
            for name in names:
                out.setdefault((table, name), []).append(score.title)
    return out


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    return f"{'' if low is None else f'{low:g}'} … {'' if high is None else f'{high:g}'}".strip()
