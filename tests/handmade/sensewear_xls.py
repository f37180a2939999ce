"""A small export of `sensewear_xls`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from workbook import write_xlsx

from handmade.sample import START, Sample
from pipeline.recording import Kind

HEAD = [
    "Time (GMT{offset})",
    "Transverse accel - peaks",
    "Skin temp - average",
    "Step Counter",
    "Sleep",
    "GSR - average",
]


def write_sensewear(folder: Path) -> Path:
    rows = [[HEAD[0].format(offset="+01:00"), *HEAD[1:]]]
    for k in range(200):
        values = ["", "", ""] if 30 <= k < 40 else [f"{30 + k / 100:.4f}", str(k % 5), f"0.{k % 9}1"]
        rows.append([f"{START + timedelta(minutes=k)}", "258", values[0], values[1], "0", values[2]])
    return write_xlsx(folder / "armband.xlsx", rows)


SAMPLE = Sample(write_sensewear, (1800.0, 2400.0), frozenset({Kind.STEPS, Kind.TEMP, Kind.EDA}), moves_with_zone=False)
