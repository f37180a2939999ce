"""A small export of `actical_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

HEAD = [
    "Actical List Export File  (Version 03.00),,,,,,,,,",
    "Filename:,C:\\Canary\\x.AWC,,,,,,,,",
    ",,,,,,,,,",
    "--------------- Subject and Device Settings ----------------,,,,,,,,,",
    "Identity:,Jane Canary,,,,,,,,",
    "Start Date:,{date},(Fri),,,,,,,",
    "Start Time:,{time},,,,,,,,",
    "Device Serial Number:,CANARY77,,,,,,,,",
    "------------------- Epoch-by-Epoch Data --------------------,,,,,,,,,",
    "Epoch#,Day#,Elapsed,Date,Time,Activity,Steps,Energy,Activity,Event Marker",
    ",,Seconds,,,Counts,,Expenditure,Intensity,Button Presses",
    ",,,,,,,kcals/min/kg,(1=sedentary),(1=pressed)",
    ",,,,,,,,(4=vigorous),",
]


def write_actical(folder: Path) -> Path:
    path = folder / "watch.csv"
    head = [line.format(date="1-Mar-24", time="22:00") for line in HEAD]
    rows = []
    for k in range(200):
        at = START + timedelta(minutes=k)
        counts, steps = ("NaN", "NaN") if 30 <= k < 40 else (k % 7 * 50, k % 5)
        stamp = f"{k},{k // 1440 + 1},{60 * (k + 1)},{at.day}-Mar-24,{at:%H:%M}"
        rows.append(f"{stamp},{counts},{steps},NaN,1,{int(k == 5)}")
    path.write_text("\r\n".join([*head, *rows, ""]))
    return path


SAMPLE = Sample(
    write_actical,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.STEPS}),
    lines=True,
    kinds=frozenset({Kind.MARKERS}),
    planted=("Canary", "CANARY77"),
)
