"""Where participants stayed: `travel.tsv`, one row an arrival, turned into each traveller's zone.

    participant_id  arrival           zone
    P07             2024-03-10 18:30  America/New_York

`arrival` is the wall clock at the place of arrival (with an offset or Z it is that instant). A zone holds until the
next arrival; before the first one the participant's own zone holds, else the study's.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

from pipeline.clock import to_ns, zone_of
from pipeline.errors import Fault, StudyFault, did_you_mean

COLUMNS = ("participant_id", "arrival", "zone")


def journeys(path: Path, homes: dict[str, str | None], study_zone: str | None) -> dict[str, str]:
    """The zone of every participant who travelled, as a journey; empty without the file.

    Raises
    ------
    StudyFault
        For a missing column, an unknown participant or zone, an unreadable or repeated arrival, or a traveller whose
        zone before the journey nobody names; each with its row.
    """
    if not path.is_file():
        return {}
    try:
        rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines(), delimiter="\t")
    except UnicodeDecodeError as bad:
        raise StudyFault(Fault.STUDY, "not UTF-8 text", where=path.name, hint="save it as UTF-8") from bad
    if absent := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise StudyFault(
            Fault.STUDY,
            f"no column {', '.join(absent)}",
            where=path.name,
            known=f"columns found: {', '.join(rows.fieldnames or ()) or 'none'}",
            hint="is it separated by tabs?",
        )
    arrivals: dict[str, list[tuple[int, str]]] = {}
    for line, row in enumerate(rows, start=2):
        where = f"{path.name} row {line}"
        if not any((value or "").strip() for value in row.values() if not isinstance(value, list)):
            continue
        name = (row["participant_id"] or "").strip().removeprefix("sub-")
        if name not in homes:
            raise StudyFault(
                Fault.UNKNOWN_PARTICIPANT, f"there is no participant '{name}'", where=where,
                hint=did_you_mean(name, homes),
            )  # fmt: skip
        zone = (row["zone"] or "").strip()
        arrivals.setdefault(name, []).append((_instant((row["arrival"] or "").strip(), zone, where), zone))
    return {name: _journey(name, homes[name] or study_zone, sorted(stays), path) for name, stays in arrivals.items()}


def _instant(text: str, zone: str, where: str) -> int:
    try:
        place = zone_of(zone)
    except StudyFault as bad:
        raise StudyFault(bad.fault, bad.what, where=where, known=bad.known, hint=bad.hint) from bad
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as bad:
        raise StudyFault(
            Fault.STUDY, f"arrival = '{text}' is not a date and time", where=where, hint="2024-03-10 18:30"
        ) from bad
    return to_ns(moment if moment.tzinfo else moment.replace(tzinfo=place))


def _journey(name: str, home: str | None, stays: list[tuple[int, str]], path: Path) -> str:
    if home is None:
        raise StudyFault(
            Fault.NO_ZONE,
            f"participant {name} travels from a zone that nobody names",
            where=path.name,
            hint="give the participant a zone in participants.tsv, or the study one in study.toml",
        )
    if "," in home:
        raise StudyFault(Fault.STUDY, f"the zone of participant {name} is a journey already", where=path.name)
    if len({at for at, _ in stays}) < len(stays):
        raise StudyFault(Fault.STUDY, f"participant {name} arrives twice at one instant", where=path.name)
    parts = [f"{datetime.fromtimestamp(at // 10**9, tz=UTC):%Y-%m-%dT%H:%M:%SZ} {zone}" for at, zone in stays]
    return ", ".join([home, *parts])
