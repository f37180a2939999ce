"""A small export of `axivity_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_csv(folder: Path) -> Path:
    """60 s at 25 Hz without the seconds 20 … 25."""
    path = folder / "12345_0000000001.csv"
    times = [(k, START + timedelta(milliseconds=40 * k)) for k in range(1500) if not 500 <= k < 625]
    rows = [f"{t:%Y-%m-%d %H:%M:%S}.{t.microsecond // 1000:03d},{k % 9 / 10:.6f},-0.1,0.984375" for k, t in times]
    path.write_text("\r\n".join([*rows, ""]), newline="")
    return path


SAMPLE = Sample(write_csv, (20.0, 25.0), frozenset({Kind.ACC}), lines=True)
