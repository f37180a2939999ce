"""A small export of `fitabase_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def american(second: float) -> str:
    """The wall clock so many seconds after the start, as Fitabase writes it."""
    at = START + timedelta(seconds=second)
    return f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at:%M:%S %p}"


def write_heart(folder: Path) -> Path:
    path = folder / "heartrate_seconds_merged.csv"
    rows = [f"2022484408,{american(5 * k)},{60 + k % 9}" for k in range(200) if not 60 <= k < 80]
    path.write_text("\r\n".join(["Id,Time,Value", *rows, ""]))
    return path


SAMPLE = Sample(write_heart, (300.0, 400.0), frozenset({Kind.HR}), lines=True)
