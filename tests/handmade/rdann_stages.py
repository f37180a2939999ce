"""A small export of `rdann_stages`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def row(second: float, aux: str) -> str:
    """One annotation as rdann prints it."""
    hour, rest = divmod(second, 3600)
    minute, left = divmod(rest, 60)
    elapsed = (f"{hour:.0f}:{minute:02.0f}" if hour else f"{minute:.0f}") + f":{left:06.3f}"
    return f'{elapsed:>12s}{round(second * 250):9d}     "    0    0    0\t{aux}\n'


def write_listing(folder: Path) -> Path:
    path = folder / "slp99.an"
    stages = ("W", "1", "2 LA", "3", "4 H", "R")
    rows = [row(30.0 * k or 0.004, stages[k % 6]) for k in range(300) if not 20 <= k < 30]
    path.write_text("Elapsed time  Sample #  Type  Sub Chan  Num\tAux\n" + "".join(rows))
    return path


SAMPLE = Sample(write_listing, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True, kinds=frozenset({Kind.MARKERS}))
