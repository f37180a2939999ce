"""A JSON list of stages, one an epoch, as the Dreem Open Datasets give each scorer's night.

Such a list names nothing: neither its codes nor its epochs nor its start. It is recognised by being one, a list of
small whole numbers or of stage words, and read with what the sidecar says:
`{"dialect": "dod", "start": "2024-03-01T22:00"}`.
"""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.devices.delimited import content_of
from pipeline.devices.hypnogram_codes import stage_of, told_stages
from pipeline.devices.hypnogram_epochs import MOST_BYTES, epoch_told, source_of
from pipeline.devices.json_text import json_of
from pipeline.devices.reader import HEAD_BYTES, Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Hypnogram, Kind, Recording

_ITEM = re.compile(r'-?\d(\.0)?|null|"(?P<word>[^"\\]{1,20})"')


def _recognise(seen: Glimpse) -> bool:
    """Whether this is a list, and all that is seen of it are one-digit numbers, nulls and stage words."""
    text = seen.text.lstrip()
    if seen.is_folder or not text.startswith("["):
        return False
    whole = len(seen.head) < HEAD_BYTES
    items = [item.strip() for item in text[1:].rstrip().rstrip("]").split(",")]
    items = items if whole or len(items) < 2 else items[:-1]  # the last may be cut
    found = [_ITEM.fullmatch(item) for item in items]
    return all(one is not None and (one["word"] is None or stage_of(one["word"]) is not None) for one in found)


def _read(path: Path, asked: Asked) -> Recording:
    """One stage an epoch from the sidecar's start on."""
    content = json_of(path, content_of(path, MOST_BYTES))
    if not isinstance(content, list) or not content:
        raise FileFault(Fault.NOTHING_USABLE, "it is no list of stages", where=path.name)
    if not all(item is None or isinstance(item, str | int | float) for item in content):
        raise FileFault(Fault.CORRUPT, "its list holds more than stages", where=path.name)
    stages, dialect = told_stages(["" if item is None else str(item) for item in content], path, asked.dialect)
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    epoch_s = epoch_told(None, asked.epoch_s, dialect.epoch_s if dialect else None, path, notes)
    start_ns = utc_from_wall(need_start(path, asked), zone)
    hypnogram = Hypnogram(start_ns, epoch_s, stages, "JSON list", source_of(stages.tolist()))
    return Recording(
        "hypnogram (json)", zone, source, hypnogram=hypnogram, clock=ClockKind.ELAPSED, repairs=tuple(notes)
    )


READER = Reader(
    name="hypnogram_json",
    device="hypnogram (json)",
    looks_like="a hypnogram as a JSON list, one stage an epoch ([0, 0, 1, 2, …]); its sidecar names dialect and start",
    gives=frozenset({Kind.STAGES}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="epochs after a start that the sidecar gives",
)
