"""A small export of `fitbit_json`."""

from __future__ import annotations

import json
from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_sleep(folder: Path) -> Path:
    path = folder / "sleep-2024-03-01.json"
    night = {
        "logId": 1,
        "dateOfSleep": "2024-03-01",
        "startTime": "2024-03-01T22:00:00.000",
        "endTime": "2024-03-01T22:40:00.000",
        "type": "stages",
        "levels": {
            "data": [
                {"dateTime": "2024-03-01T22:00:00.000", "level": "wake", "seconds": 300},
                {"dateTime": "2024-03-01T22:05:00.000", "level": "light", "seconds": 900},
                {"dateTime": "2024-03-01T22:20:00.000", "level": "deep", "seconds": 1200},
            ],
            "shortData": [{"dateTime": "2024-03-01T22:10:30.000", "level": "wake", "seconds": 60}],
        },
        "mainSleep": True,
    }
    nap = {
        "logId": 2,
        "dateOfSleep": "2024-03-01",
        "startTime": "2024-03-01T23:10:00.000",
        "endTime": "2024-03-01T23:30:00.000",
        "type": "classic",
        "levels": {"data": [{"dateTime": "2024-03-01T23:10:00.000", "level": "asleep", "seconds": 1200}]},
        "mainSleep": False,
    }
    path.write_text(json.dumps([nap, night, night]))
    return path


SAMPLE = Sample(write_sleep, (2400.0, 4200.0), frozenset({Kind.STAGES}), kinds=frozenset({Kind.DIARY}))
