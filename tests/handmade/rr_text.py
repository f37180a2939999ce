"""A small export of `rr_text`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_rr(folder: Path) -> Path:
    path = folder / "strap.txt"
    rows = ["800"] * 200 + ["# gap: 60"] + ["900"] * 200
    path.write_text("# device: Polar H10\n# start: 2024-03-01T22:00:00\n# unit: ms\n" + "\n".join(rows) + "\n")
    return path


SAMPLE = Sample(write_rr, (160.0, 220.0), frozenset({Kind.RR}), lines=True)
