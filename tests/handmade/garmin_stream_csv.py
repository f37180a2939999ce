"""A small export of `garmin_stream_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def row(second: float, kind: str, value: float) -> str:
    return f"{(START + timedelta(seconds=second)).isoformat(timespec='milliseconds')}+01:00;{kind};{value:.1f}\n"


def write_stream(folder: Path) -> Path:
    path = folder / "data.csv"
    rows = [row(0.4, "STEPS", 299)]
    for second in range(300):
        if not 100 <= second < 130:
            rows += [row(second, "HEART_RATE", 60), row(second + 1, "HEART_RATE_VARIABILITY", 1000)]
    path.write_text("".join(rows))
    return path


SAMPLE = Sample(write_stream, (100.0, 130.0), frozenset({Kind.HR, Kind.RR}), moves_with_zone=False, lines=True)
