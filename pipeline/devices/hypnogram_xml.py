"""Scorings as XML: NSRR annotations (`PSGAnnotation`) and Compumedics Profusion (`CMPStudyConfig`).

NSRR lists every stage as an event with start and duration in s ('Stages|Stages', 'Stage 2 sleep|2'); Profusion lists
one number an epoch. Both give arousals, apnoeas and the like as events, which become markers under the name that the
file gives them. Neither holds a date (NSRR's start says 00.00.00 or 01.01.85): the sidecar's start is needed.
Format: https://github.com/nsrr/edf-editor-translator/wiki; code tables: `hypnogram_codes`, dialect 'profusion'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np

from pipeline.clock import NS
from pipeline.devices.archives import open_plain
from pipeline.devices.hypnogram_codes import DIALECTS, stage_of, stages_of
from pipeline.devices.hypnogram_epochs import LONGEST_S, Scored, hypnogram_of
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.devices.xml_text import elements
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Hypnogram, Kind, Marker, Recording, Stage, StageSource

_ROOT = re.compile(r"<(PSGAnnotation|CMPStudyConfig)[\s/>]")
_WANTED = frozenset({"EpochLength", "ScoredEvent", "SleepStage"})
MOST_EVENTS = 200_000
"""A night has some thousands; more is no scoring."""
HIDDEN_YEAR = 1985
"""NSRR moves dates that it hides to 01.01.85."""


@dataclass(slots=True)
class _Found:
    """What a file holds, in its order: stages of NSRR, codes of Profusion, other events; seconds after the start."""

    epoch_s: float | None = None
    clock: str = ""
    scored: list[Scored] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    events: list[tuple[float, float, str]] = field(default_factory=list)
    left: int = 0


def _recognise(seen: Glimpse) -> bool:
    """Whether the document's element is one of the two."""
    return not seen.is_folder and not seen.names and "<" in seen.text[:200] and _ROOT.search(seen.text) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """The stages, and every other scored event as a marker."""
    zone, source = asked.zone_for(path)
    found = _Found()
    with open_plain(path) as stream:
        for element in elements(stream, _WANTED, path):
            _take(element, found, path)
    notes = [f"{found.left} scored events without a start or a duration left out"] if found.left else []
    zero_ns = utc_from_wall(_start(found.clock, path, asked, notes), zone)
    hypnogram, more = _hypnogram(found, zero_ns, path, asked)
    markers = tuple(Marker(zero_ns + round(at * NS), lasts, label) for at, lasts, label in sorted(found.events))
    if hypnogram is None and not markers:
        raise FileFault(Fault.NOTHING_USABLE, "it holds no scored stage or event", where=path.name)
    return Recording(
        "NSRR annotations" if found.scored else "Profusion",
        zone,
        source,
        hypnogram=hypnogram,
        markers=markers,
        clock=ClockKind.ELAPSED,
        repairs=(*notes, *more),
    )


def _take(element: Element, found: _Found, path: Path) -> None:
    """Put one element where it belongs."""
    name = element.tag.rsplit("}", 1)[-1]
    text = (element.text or "").strip()
    if name == "EpochLength":
        found.epoch_s = _number(text)
    elif name == "SleepStage":
        if not re.fullmatch(r"-?\d{1,2}", text):
            raise FileFault(Fault.UNKNOWN_CODE, f"epoch {len(found.codes) + 1} holds no stage code", where=path.name)
        found.codes.append(int(text))
    else:
        _take_event(dict(_parts(element)), found, path)
    if len(found.codes) + len(found.events) + len(found.scored) > MOST_EVENTS:
        raise FileFault(Fault.TOO_LARGE, f"it lists more than {MOST_EVENTS} events", where=path.name)


def _parts(event: Element) -> Iterator[tuple[str, str]]:
    for child in event:
        yield child.tag.rsplit("}", 1)[-1], (child.text or "").strip()


def _take_event(parts: dict[str, str], found: _Found, path: Path) -> None:
    """One `ScoredEvent`: a stage, the start of the recording, or something that happened."""
    concept = parts.get("EventConcept") or parts.get("Name", "")
    label, _, code = concept.partition("|")
    if label.strip().casefold() == "recording start time":
        found.clock = parts.get("ClockTime", "")
        return
    begin_s, lasts_s = _number(parts.get("Start", "")), _number(parts.get("Duration", ""))
    if begin_s is None or abs(begin_s) > LONGEST_S or not label.strip():
        found.left += 1
    elif parts.get("EventType", "").casefold().startswith("stages"):
        found.scored.append(Scored(begin_s, lasts_s or None, concept, _stage(label, code, path)))
    else:
        found.events.append((begin_s, min(max(lasts_s or 0.0, 0.0), LONGEST_S), label.strip()))


def _stage(label: str, code: str, path: Path) -> Stage:
    """The stage of an NSRR concept such as 'Stage 2 sleep|2', told by its number and, if it has none, its words."""
    if re.fullmatch(r"\d", code.strip()):
        return Stage(int(stages_of(np.array([int(code)], np.int64), DIALECTS["profusion"].codes, path)[0]))
    stage = stage_of(label)
    if stage is None:
        known = "Wake|0, Stage 1 sleep|1 … Stage 4 sleep|4, REM sleep|5, Movement|6, Unscored|9"
        raise FileFault(Fault.UNKNOWN_CODE, f"unknown sleep stage '{label[:40]}'", where=path.name, known=known)
    return stage


def _hypnogram(found: _Found, zero_ns: int, path: Path, asked: Asked) -> tuple[Hypnogram | None, list[str]]:
    """The hypnogram of events (NSRR) or of codes (Profusion); None without either."""
    if found.scored:
        return hypnogram_of(found.scored, zero_ns, "NSRR annotations", path)
    if not found.codes:
        return None, []
    epoch_s = found.epoch_s or asked.epoch_s
    if not epoch_s or epoch_s <= 0:
        hint = f'put {{"epoch_s": 30}} into {path.name}.json beside it'
        raise FileFault(Fault.UNKNOWN_UNIT, "it does not tell its epoch length", where=path.name, hint=hint)
    stages = stages_of(np.array(found.codes, np.int64), DIALECTS["profusion"].codes, path)
    lead = [f"its epochs are {epoch_s:g} s long"] if epoch_s not in {20.0, 30.0} else []
    return Hypnogram(zero_ns, epoch_s, stages, "Profusion", StageSource.EXPERT), lead


def _start(clock: str, path: Path, asked: Asked, notes: list[str]) -> datetime:
    """The sidecar's start, else the file's own where its date was not hidden; told where the two clocks differ."""
    time_of_day = re.search(r"(\d{2})[.:](\d{2})[.:](\d{2})$", clock.strip())
    if asked.start is not None:
        told = f"{asked.start:%H:%M:%S}"
        if time_of_day and ":".join(time_of_day.groups()) != told:
            own = ":".join(time_of_day.groups())
            notes.append(
                f"the recording starts at {told} by the sidecar, and at {own} by the file: the sidecar's was taken"
            )
        return asked.start
    try:
        written = datetime.strptime(clock.strip(), "%d.%m.%y %H.%M.%S")  # noqa: DTZ007  a wall clock
    except ValueError:  # NSRR writes 00.00.00 for a date that it hides
        return need_start(path, asked)
    return written if written.year != HIDDEN_YEAR else need_start(path, asked)


def _number(text: str) -> float | None:
    """A number, finite; None for anything else."""
    if not re.fullmatch(r"[-+]?\d{1,12}(?:\.\d{0,12})?(?:[eE][-+]?\d{1,2})?", text):
        return None
    return float(text)


READER = Reader(
    name="hypnogram_xml",
    device="NSRR or Profusion XML",
    looks_like="a scoring as XML: NSRR annotations (<PSGAnnotation>) or Compumedics Profusion (<CMPStudyConfig>)",
    gives=frozenset({Kind.STAGES, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="seconds after the start of the recording, which the sidecar gives",
)
