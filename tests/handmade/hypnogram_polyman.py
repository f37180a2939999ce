"""A small export of `hypnogram_polyman`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_annotations(folder: Path) -> Path:
    path = folder / "hypnogram.txt"
    stretches = [(0, 300, "W"), (300, 300, "1"), (900, 1200, "2"), (2100, 6000, "4"), (8100, 900, "R")]
    rows = [
        f"{START + timedelta(seconds=at):%d-%b-%Y, %H:%M:%S}, {at}, {lasts}, Sleep stage {stage}, \n"
        for at, lasts, stage in stretches
    ]
    path.write_text("Date, Time, Recording onset, Duration, Annotation, Linked channel\n" + "".join(rows))
    return path


SAMPLE = Sample(write_annotations, (600.0, 900.0), frozenset({Kind.STAGES}))
