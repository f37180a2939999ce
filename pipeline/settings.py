"""The knobs of a study: frozen, typed, from `study.toml` and `--set`; an unknown key is an error with a suggestion.

Only what changes a result stands here. How the work is run (jobs, logs) is the command line's.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipeline.clock import zone_of
from pipeline.errors import Fault, StudyFault, did_you_mean


def _zone(name: str) -> str:
    zone_of(name)
    return name


ZoneName = Annotated[str, AfterValidator(_zone)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class StudySettings(_Part):
    """[study]: what holds for every participant unless participants.tsv or a sidecar says otherwise."""

    title: str = ""
    zone: ZoneName | None = Field(default=None, description="IANA zone of exports that carry none, e.g. Europe/Rome")
    day_one: date | None = Field(default=None, description="date of 'day 1' for exports that number their days")


class EegSettings(_Part):
    """[eeg]: which channels are read and the units that headers leave out."""

    channels: tuple[str, ...] = Field(
        default=(), description="EEG channels to read, by label, most wanted first; '*' for every one"
    )
    units: dict[str, str] = Field(default_factory=dict, description="unit by channel label, e.g. {'EEG Fpz-Cz' = 'uV'}")


class PrivacySettings(_Part):
    """[privacy]: what is done to dates before anything is written."""

    date_shift_key: str | None = Field(
        default=None,
        description="path of the key file, outside the study, by which each participant's dates are shifted",
    )


class ClockSettings(_Part):
    """[clocks]: what is done where two recordings of a participant show that their clocks part."""

    correct: bool = Field(default=True, description="apply a clock correction that two recordings confirm")


class Settings(_Part):
    """All of `study.toml`."""

    study: StudySettings = StudySettings()
    eeg: EegSettings = EegSettings()
    privacy: PrivacySettings = PrivacySettings()
    clocks: ClockSettings = ClockSettings()


def load_settings(path: Path, overrides: tuple[str, ...] = ()) -> Settings:
    """The settings in `path`, with `--set section.key=value` overrides laid over them.

    Raises
    ------
    StudyFault
        If the file is missing, is not TOML, has an unknown key or a value of the wrong type; the text names the
        key, what was found, and the nearest known key.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as bad:
        raise StudyFault(
            Fault.STUDY,
            "this folder has no study.toml",
            where=str(path.parent),
            hint=f"sleeploop init {path.parent} lays out a study",
        ) from bad
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as bad:
        raise StudyFault(Fault.SETTINGS, f"not valid TOML: {bad}", where=path.name) from bad
    for override in overrides:
        _lay_over(raw, override)
    return _validated(raw, path.name)


def _lay_over(raw: dict[str, Any], override: str) -> None:
    """Put `section.key=value` into `raw`; the value is read as TOML, else as plain text."""
    name, sign, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not sign or not dot:
        raise StudyFault(
            Fault.SETTINGS,
            f"--set {override}: not of the form section.key=value",
            hint="--set study.zone=Europe/Rome",
        )
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text
    raw.setdefault(section, {})[key] = value


def _validated(raw: dict[str, Any], where: str) -> Settings:
    for section, content in raw.items():
        if section not in Settings.model_fields:
            raise StudyFault(
                Fault.SETTINGS,
                f"unknown section '[{section}]'",
                where=where,
                hint=did_you_mean(section, Settings.model_fields),
            )
        part = Settings.model_fields[section].annotation
        known = part.model_fields if isinstance(part, type) and issubclass(part, BaseModel) else {}
        for key in content if isinstance(content, dict) else ():
            if key not in known:
                raise StudyFault(
                    Fault.SETTINGS,
                    f"unknown key '{section}.{key}'",
                    where=where,
                    hint=did_you_mean(key, known),
                )
    if isinstance(eeg := raw.get("eeg"), dict) and isinstance(eeg.get("channels"), list):
        eeg["channels"] = tuple(eeg["channels"])
    try:
        return Settings.model_validate(raw)
    except ValidationError as bad:
        first = bad.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise StudyFault(Fault.SETTINGS, f"{key} = {first['input']!r}: {first['msg'].lower()}", where=where) from bad
    except StudyFault as bad:
        raise StudyFault(bad.fault, bad.what, where=where, known=bad.known, hint=bad.hint) from bad


def settings_hash(part: BaseModel) -> str:
    """The first 16 hex digits of the sha256 of a part's values, the same for equal values whatever their order."""
    text = json.dumps(part.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
