"""A small export of `hypnogram_table`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_table(folder: Path) -> Path:
    path = folder / "scoring.csv"
    stages = ("W", "N1", "N2", "N3", "R")
    rows = [f"{START + timedelta(seconds=30 * k)};{stages[k // 2 % 5]}\n" for k in range(300) if not 20 <= k < 30]
    path.write_text("datetime;sleep_stage\n" + "".join(rows))
    return path


SAMPLE = Sample(write_table, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True)
