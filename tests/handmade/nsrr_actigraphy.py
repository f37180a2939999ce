"""A small export of `nsrr_actigraphy`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

MESA = (
    "mesaid,line,linetime,offwrist,activity,marker,whitelight,redlight,wake,interval,dayofweek,daybymidnight,daybynoon"
)


def write_nsrr(folder: Path) -> Path:
    path = folder / "mesa-sleep.csv"
    rows = []
    for k in range(400):
        at = START + timedelta(seconds=30 * k)
        interval = (
            "EXCLUDED" if 60 <= k < 80 else "REST" if 150 <= k < 170 else "REST-S" if 170 <= k < 350 else "ACTIVE"
        )
        values = ",,," if 60 <= k < 80 else f"{k % 7 * 50}.00,{int(k == 5)},{k % 4}.5,1.0"
        rows.append(f"CANARY77,{k + 1},{at:%H:%M:%S},{int(60 <= k < 80)},{values},1,{interval},6,1,1")
    path.write_text("\n".join([MESA, *rows, ""]))
    return path


SAMPLE = Sample(
    write_nsrr,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.LIGHT}),
    lines=True,
    kinds=frozenset({Kind.MARKERS, Kind.DIARY}),
    planted=("CANARY77",),
)
