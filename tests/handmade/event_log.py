"""A small export of `event_log`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_log(folder: Path) -> Path:
    """A stress test of one participant, with a phase that has no time, among another's."""
    path = folder / "log.csv"
    rows = [
        "participant,name,date,start,end,event",
        "P1,Jane Canary,2024-03-01,22:00,22:05,preparation",
        "P1,Jane Canary,2024-03-01,22:05,22:10,speech",
        "P1,Jane Canary,2024-03-01,,,arithmetic",
        "P1,Jane Canary,2024-03-01,22:15,,recovery",
    ]
    path.write_text("\n".join([*rows, ""]))
    return path


SAMPLE = Sample(
    write_log,
    (0.0, 0.0),
    frozenset(),
    kinds=frozenset({Kind.MARKERS}),
    lines=True,
    planted=("Jane", "Canary"),
)
