"""A small export of `daqtix_csv`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from handmade.sample import ASKED, START, Sample
from pipeline.recording import Kind

HEAD = """Start: 2024-03-01 21:00:00 GMT
End: 2024-03-02 00:19:59 GMT

Serial number:,CANARY77,CANARY77
Name:,Accelleration X+Y,Light

Group:,0,1
Sample rate:,10,10
Store rate:,1,1
Bits per sample:,8,8

Binning mode:,Sum,Average
Number of running average bins:,0,0

"""


def write_daqtix(folder: Path) -> Path:
    path = folder / "log.csv"
    begin = START - timedelta(hours=1)
    rows = [f"{begin + timedelta(minutes=k)},{k % 99},{k % 50}" for k in range(200) if not 30 <= k < 40]
    path.write_text(HEAD + "\n".join([*rows, ""]))
    return path


SAMPLE = Sample(
    write_daqtix,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.LIGHT}),
    asked=replace(ASKED, units={"Light": "lux"}),
    moves_with_zone=False,
    lines=True,
    planted=("CANARY77",),
)
