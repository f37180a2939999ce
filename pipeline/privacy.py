"""What must not leave a laboratory: dates that were moved stay moved, everywhere.

A date shift is a whole number of weeks a participant, so that weekdays and wall clocks stay what they were; the UTC
offset stays as it was recorded, too, in a zone that names offsets and no place (`clock.fixed_zone`). The weeks stand
in a key file outside the study; without it nobody can tell the true dates. Shifted dates lie before 1925, as BIDS asks
(https://bids-specification.readthedocs.io, "dates … anonymized").
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import hmac
import io
import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from pipeline.clock import NS, fixed_zone
from pipeline.dataset.store import write_bytes
from pipeline.errors import Fault, StudyFault
from pipeline.recording import (
    Answer,
    ClockKind,
    Marker,
    Recording,
    RestInterval,
    SalivaSample,
    Signal,
    SignalStream,
    ZoneSource,
)
from pipeline.retime import retimed

_Part = TypeVar("_Part", Signal, SignalStream, RestInterval, Marker, SalivaSample, Answer)

WEEK_NS = 7 * 86_400 * NS
FEWEST_WEEKS, MOST_WEEKS = 5_500, 6_300
"""105 to 121 years: a recording of 2024 comes to lie between 1903 and 1919."""
SALT = "*"
"""The key file's row that holds no participant but a secret number: names of exports are digested with it."""
_MONTH = (
    r"\b(?:jan(?:uary|uar|vier)?|feb(?:ruary|ruar)?|f[ée]vrier|mar(?:ch|s|zo)?|m(?:ä|ae)rz|apr(?:il|ile)?|avril|may|mai"
    r"|maggio|june?|juni|juin|giugno|july?|juli|juillet|luglio|aug(?:ust)?|ao[uû]t|agosto|sept?(?:ember|embre)?"
    r"|settembre|o[ck]t(?:ober|obre)?|ottobre|nov(?:ember|embre)?|dec(?:ember)?|d[ée]cembre|dez(?:ember)?|dicembre)\b"
)
_DATE = re.compile(
    r"(?<!\d)(?:"
    r"(?:19|20)\d\d[-/._]?(?:0[1-9]|1[0-2])[-/._]?(?:0[1-9]|[12]\d|3[01])"  # 2024-03-30, 20240330
    r"|(?:19|20)\d\d[-/.]\d{1,2}[-/.]\d{1,2}"  # 2024/3/5
    rf"|\d{{1,2}}[-/.](?:\d{{1,2}}|{_MONTH})[-/.](?:\d{{4}}|\d\d)"  # 30.03.24, 30-Mar-2024
    r"|\d{1,2}\.\d{1,2}\.(?=\s|$)|\d\d/\d\d"  # 12.03., 03/30
    rf"|\d{{1,2}}\.?\s+{_MONTH}\.?(?:\s+\d{{4}})?"  # 30. März 2024
    r"|1\d{9}(?:\d{3})?"  # seconds or milliseconds since 1970
    rf")(?!\d)|\b{_MONTH}\.?\s+\d{{1,2}}(?!\d|:)(?:,?\s+\d{{4}})?",
    re.IGNORECASE,
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
    if SALT not in held:
        new[SALT] = secrets.randbits(128)
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
        device=without_dates(recording.device),
        signals=tuple(_scrubbed(signal) for signal in moved.signals),
        streams=tuple(_scrubbed(stream) for stream in moved.streams),
        rests=tuple(_scrubbed(rest) for rest in moved.rests),
        markers=tuple(_scrubbed(marker) for marker in moved.markers),
        saliva=tuple(_scrubbed(_saliva(sample, move)) for sample in recording.saliva),
        answers=tuple(_scrubbed(_answer(answer, weeks)) for answer in recording.answers),
        repairs=tuple(without_dates(text) for text in recording.repairs),
    )


def _scrubbed(part: _Part) -> _Part:
    """A part of a recording with the dates taken out of every text in it, whatever the field is called."""
    texts = {f.name: getattr(part, f.name) for f in dataclasses.fields(part)}
    plain: dict[str, Any] = {
        n: without_dates(v) for n, v in texts.items() if isinstance(v, str) and not isinstance(v, StrEnum)
    }
    return dataclasses.replace(part, **plain)


def _saliva(sample: SalivaSample, move: int) -> SalivaSample:
    return dataclasses.replace(sample, time_ns=None if sample.time_ns is None else sample.time_ns + move)


def _answer(answer: Answer, weeks: int) -> Answer:
    dated = answer.value is not None and without_dates(f"{answer.value:.0f}") != f"{answer.value:.0f}"
    return dataclasses.replace(
        answer,
        value=None if dated else answer.value,
        time_ns=None if answer.time_ns is None else answer.time_ns + weeks * WEEK_NS,
        day=None if answer.day is None else answer.day + timedelta(weeks=weeks),
    )


def without_dates(text: str) -> str:
    """A text with every date in it replaced by '(date)'."""
    return _DATE.sub("(date)", text)


def secret_name(text: str, salt: int) -> str:
    """Twelve hex digits for a text; without the salt they cannot be found again by trying likely texts."""
    return hmac.new(salt.to_bytes(16, "big"), text.encode(), hashlib.sha256).hexdigest()[:12]
