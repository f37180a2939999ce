"""A small export of `hypnogram_text`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_lines(folder: Path) -> Path:
    path = folder / "hypno_30s.txt"
    stages = ("W", "N1", "N2", "N3", "REM")
    rows = ["UNS" if 20 <= k < 30 else stages[k % 5] for k in range(300)]
    path.write_text("\n".join(["# 1 value per 30 seconds of data", *rows, ""]))
    return path


SAMPLE = Sample(write_lines, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True)
