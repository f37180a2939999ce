"""A small export of `hypnogram_alice`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_table(folder: Path) -> Path:
    path = folder / "csv_hypnogram.csv"
    words = ("WK", "N1", "N2", "N3", "REM")
    rows = [
        f"{k + 1},{START + timedelta(seconds=30 * k):%I:%M:%S %p},{words[k % 5]}\n"
        for k in range(300)
        if not 20 <= k < 30
    ]
    path.write_text(" Epoch Number ,Start Time ,Sleep Stage \n" + "".join(rows))
    return path


SAMPLE = Sample(write_table, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True)
