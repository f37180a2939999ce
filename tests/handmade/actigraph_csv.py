"""A small export of `actigraph_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

FIRST = (
    "------------ Data Table File Created By ActiGraph wGT3XBT ActiLife v6.13.3 Firmware v1.8.0 date format M/d/yyyy"
)
HEAD = f"""{FIRST} Filter Normal -----------
Serial Number: MOS2D00000000
Start Time 22:00:00
Start Date 3/1/2024
Epoch Period (hh:mm:ss) 00:01:00
Download Time 08:00:00
Download Date 3/13/2024
Current Memory Address: 0
Current Battery Voltage: 4.03     Mode = 61
--------------------------------------------------
Date,Time,Axis1,Axis2,Axis3,Steps,Lux,Inclinometer Off,Inclinometer Standing,Vector Magnitude
"""


def write_csv(folder: Path) -> Path:
    path = folder / "P01 60sec.csv"
    times = [(k, START + timedelta(minutes=k)) for k in range(240) if not 30 <= k < 40]
    rows = [f"{t.month}/{t.day}/{t.year},{t:%H:%M:%S},{k * 7 % 90},{k},3,{k % 4},{k % 9},0,60,99.5" for k, t in times]
    path.write_text(HEAD + "\n".join(rows) + "\n", newline="\r\n")
    return path


SAMPLE = Sample(write_csv, (1800.0, 2400.0), frozenset({Kind.COUNTS, Kind.STEPS, Kind.LIGHT}), lines=True)
