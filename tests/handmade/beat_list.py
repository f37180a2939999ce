"""A small export of `beat_list`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def clock(second: float) -> str:
    return f"{int(second // 60):5d}:{second % 60:06.3f}"


def write_listing(folder: Path) -> Path:
    path = folder / "slp.rr"
    rows, at = [], 0.0
    for k in range(200):
        interval = 20.0 if k == 100 else 0.8
        rows.append(f"{clock(at)}\tN\t{interval:.3f}\tN\t{clock(at + interval)}\n")
        at = round(at + interval, 3)
    path.write_text("".join(rows))
    return path


SAMPLE = Sample(write_listing, (80.0, 100.0), frozenset({Kind.RR}), lines=True)
