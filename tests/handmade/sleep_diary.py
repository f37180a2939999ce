"""A small export of `sleep_diary`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_diary(folder: Path) -> Path:
    """Three evenings, of which one was not filled in."""
    path = folder / "diary.csv"
    rows = [
        "participant,name,night_of,bed_time,lights_off,sleep_latency_min,wake_time,out_of_bed,nap_start,nap_end",
        "P1,Jane Canary,2024-03-01,22:00,22:30,15,06:50,07:00,,",
        "P1,Jane Canary,2024-03-02,,,,,,,",
        "P1,Jane Canary,2024-03-03,24:10,00:20,5,07:10,07:30,14:00,14:40",
    ]
    path.write_text("\n".join([*rows, ""]))
    return path


SAMPLE = Sample(
    write_diary,
    (0.0, 0.0),
    frozenset(),
    kinds=frozenset({Kind.DIARY, Kind.MARKERS, Kind.ANSWERS}),
    lines=True,
    planted=("Jane", "Canary"),
)
