"""A small export of `philips_health_band`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from workbook import write_xlsx

from handmade.sample import START, Sample
from pipeline.recording import Kind

HEAD: list[list[str]] = [
    ["Study Name:    Canary Rhythms"],
    ["subjectID:    Jane Canary"],
    ["siteID:       CANARY HOSPITAL"],
    ["deviceSN:     CANARY77"],
    ["Analysis range:      2024-03-01 - 2024-03-02"],
    ["PAS Web Application version:      2.6.0"],
    ["Configuration Name:      null"],
    [
        "timeStamp",
        "activityCounts",
        "heartRate",
        "steps",
        "offWrist",
        "batteryDischarge",
        "sleepEventMarker",
        "missingData",
    ],
]


def write_philips(folder: Path) -> Path:
    rows = []
    for k in range(200):
        off = 30 <= k < 40
        end = START + timedelta(minutes=k + 1)
        counts, rate = ("NaN", "NaN") if off else (str(k % 7 * 50), str(50 + k % 9))
        tail = [counts, rate, str(k % 5), str(int(off)), "0", str(int(k == 5)), "0"]
        rows.append([f"{end:%m-%d-%Y %H:%M:%S}", *tail])
    return write_xlsx(folder / "DataList.xlsx", [*HEAD, *rows])


SAMPLE = Sample(
    write_philips,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.HR, Kind.STEPS}),
    kinds=frozenset({Kind.MARKERS}),
    planted=("Canary", "CANARY"),
    packed=True,
)
