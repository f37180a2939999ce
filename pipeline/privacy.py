"""What must not leave a laboratory: dates that were moved stay moved, everywhere.

A date shift is a whole number of weeks a participant, so that weekdays and wall clocks stay what they were; the UTC
offset stays as it was recorded, too, in a zone that names offsets and no place (`clock.fixed_zone`). The weeks stand
in a key file outside the study; without it nobody can tell the true dates. Shifted dates lie before 1925, as BIDS asks
(https://bids-specification.readthedocs.io, "dates … anonymized").
"""

from __future__ import annotations

import csv
import dataclasses
import io
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from pipeline.clock import NS, fixed_zone
from pipeline.dataset.store import write_bytes
from pipeline.errors import Fault, StudyFault
from pipeline.recording import Answer, ClockKind, Recording, SalivaSample, ZoneSource
from pipeline.retime import retimed

WEEK_NS = 7 * 86_400 * NS
FEWEST_WEEKS, MOST_WEEKS = 5_500, 6_300
"""105 to 121 years: a recording of 2024 comes to lie between 1903 and 1919."""
_DATE = re.compile(
    r"\b(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.](?:\d{1,2}|[A-Za-z]{3})[-/.]\d{2,4}"
    r"|\d{1,2}[. ](?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*(?:[ .]\d{4})?)\b"
)


def read_key(path: Path) -> dict[str, int]:
    """The weeks of each participant in a key file (negative: into the past).

    Raises
    ------
    StudyFault
        If there is no such file, or it is no table of participant_id and weeks.
    """
    try:
        rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines(), delimiter="\t")
        return {row["participant_id"]: int(row["weeks"]) for row in rows}
    except FileNotFoundError as bad:
        raise StudyFault(
            Fault.STUDY,
            "the key file of the date shift is not there",
            where=path.name,
            known="study.toml says that dates are shifted; with another key they would be shifted elsewhere",
            hint="bring it back, or correct [privacy] date_shift_key in study.toml",
        ) from bad
    except (KeyError, ValueError, TypeError, UnicodeDecodeError) as bad:
        raise StudyFault(Fault.STUDY, "the key file is no table of participant_id and weeks", where=path.name) from bad


def extend_key(path: Path, participants: Iterable[str]) -> dict[str, int]:
    """The key with weeks drawn (by the system's randomness) for whoever has none; written for the owner's eyes only."""
    held = read_key(path) if path.exists() else {}
    new = {
        name: -(FEWEST_WEEKS + secrets.randbelow(MOST_WEEKS - FEWEST_WEEKS))
        for name in participants
        if name not in held
    }
    if not new:
        return held
    both = {**held, **new}
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerows([("participant_id", "weeks"), *both.items()])
    write_bytes(path, text.getvalue().encode())
    path.chmod(0o600)
    return both


def shifted(recording: Recording, weeks: int) -> Recording:
    """The recording with every instant moved by whole weeks and its offsets as they were recorded."""
    move = weeks * WEEK_NS
    low, high = recording.span_ns
    moved = retimed(recording, lambda ns: ns + move)
    return dataclasses.replace(
        moved,
        zone=fixed_zone(recording.zone, low, high, move),
        zone_source=ZoneSource.FILE if recording.clock is ClockKind.OFFSET else recording.zone_source,
        markers=tuple(dataclasses.replace(m, label=without_dates(m.label)) for m in moved.markers),
        saliva=tuple(_saliva(sample, move) for sample in recording.saliva),
        answers=tuple(_answer(answer, weeks) for answer in recording.answers),
        repairs=tuple(without_dates(text) for text in recording.repairs),
    )


def _saliva(sample: SalivaSample, move: int) -> SalivaSample:
    return dataclasses.replace(
        sample,
        time_ns=None if sample.time_ns is None else sample.time_ns + move,
        occasion=without_dates(sample.occasion),
        series=without_dates(sample.series),
    )


def _answer(answer: Answer, weeks: int) -> Answer:
    return dataclasses.replace(
        answer,
        time_ns=None if answer.time_ns is None else answer.time_ns + weeks * WEEK_NS,
        day=None if answer.day is None else answer.day + timedelta(weeks=weeks),
        text=without_dates(answer.text),
    )


def without_dates(text: str) -> str:
    """A text with every date in it replaced by '(date)'."""
    return _DATE.sub("(date)", text)
