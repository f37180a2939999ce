"""A small export of `fitbit_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_variability(folder: Path) -> Path:
    path = folder / "Heart Rate Variability Details - 2024-03-01.csv"
    rows = ["timestamp,rmssd,coverage,low_frequency,high_frequency"]
    rows += [
        f"{START + timedelta(minutes=5 * k):%Y-%m-%dT%H:%M:%S},{30 + k}.125,0.98,400.5,300.25"
        for k in range(40)
        if not 12 <= k < 18
    ]
    path.write_text("\n".join([*rows, ""]))
    return path


SAMPLE = Sample(write_variability, (3600.0, 5400.0), frozenset({Kind.RMSSD}), lines=True)
