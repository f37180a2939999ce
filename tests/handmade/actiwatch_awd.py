"""A small export of `actiwatch_awd`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_awd(folder: Path) -> Path:
    path = folder / "watch.AWD"
    rows = [f"{k % 7 * 50} , {k % 3}.50" + (" M" if k == 5 else "") for k in range(120)]
    rows[30:40] = ["?"] * 5 + [""] * 5
    rows += [f"{k} , 1.00" for k in range(200)]
    path.write_text("\r\n".join(["Jane Canary", "01-Mar-2024", "22:00", " 4 ", "30", "VCANARY123", "F", *rows, ""]))
    return path


SAMPLE = Sample(
    write_awd,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.LIGHT}),
    lines=True,
    planted=("Jane", "CANARY123"),
)
