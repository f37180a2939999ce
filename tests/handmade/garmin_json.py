"""A small export of `garmin_json`."""

from __future__ import annotations

import json
from pathlib import Path

from handmade.sample import T0_NS, Sample
from pipeline.clock import NS
from pipeline.recording import Kind

T0 = T0_NS // NS


def span(begin: int, end: int) -> dict[str, int]:
    """A stage of the Health API, so many seconds after the start."""
    return {"startTimeInSeconds": T0 + begin, "endTimeInSeconds": T0 + end}


def summary(begin: int, length: int, **more: object) -> dict[str, object]:
    """A summary of the Health API."""
    fixed: dict[str, object] = {
        "summaryId": f"x-{begin}",
        "startTimeInSeconds": T0 + begin,
        "startTimeOffsetInSeconds": 3600,
        "durationInSeconds": length,
    }
    return fixed | more


def write_sleeps(folder: Path) -> Path:
    path = folder / "sleeps.json"
    levels = {
        "deep": [span(0, 600)],
        "light": [span(600, 1200)],
        "awake": [span(2400, 3000)],
        "rem": [span(3000, 3600)],
    }
    path.write_text(json.dumps({"sleeps": [summary(0, 3600, sleepLevelsMap=levels, validation="DEVICE")]}))
    return path


SAMPLE = Sample(
    write_sleeps, (1200.0, 2400.0), frozenset({Kind.STAGES}), moves_with_zone=False, kinds=frozenset({Kind.DIARY})
)
