"""A small export of `epoch_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_epochs(folder: Path) -> Path:
    path = folder / "counts.csv"
    rows = [f"{START + timedelta(minutes=k)},{k % 9},{k % 5}" for k in range(200) if not 30 <= k < 40]
    path.write_text("timestamp,activity,light\n" + "\n".join(rows) + "\n")
    return path


SAMPLE = Sample(write_epochs, (1800.0, 2400.0), frozenset({Kind.COUNTS, Kind.LIGHT}), lines=True)
