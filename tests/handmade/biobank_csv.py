"""A small export of `biobank_csv`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_biobank(folder: Path) -> Path:
    path = folder / "90001_0_0.csv"
    head = "acceleration (mg) - 2024-03-01 22:00:00 - 2024-03-01 22:49:55 - sampleRate = 5 seconds,imputed"
    rows = [f"{k % 40}.5,{int(120 <= k < 240)}" for k in range(600)]
    path.write_text("\r\n".join([head, *rows, ""]))
    return path


SAMPLE = Sample(write_biobank, (600.0, 1200.0), frozenset({Kind.COUNTS}), lines=True)
