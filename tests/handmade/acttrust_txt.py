"""A small export of `acttrust_txt`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

HEAD = [
    "+-------------+ Condor Instruments Report +-------------+",
    "SOFTWARE_VERSION : 1.0.13",
    "SUBJECT_NAME : Jane Canary",
    "SUBJECT_DATE_OF_BIRTH : 17/11/1980",
    "DEVICE_ID : CANARY77",
    "DEVICE_MODEL : ActTrust1",
    "MODE : PIM/TAT/ZCM",
    "INTERVAL : 60",
    "+-------------------------------------------------------+",
    "DATE/TIME;MS;EVENT;TEMPERATURE;EXT TEMPERATURE;ORIENTATION;PIM;PIMn;TAT;TATn;ZCM;ZCMn;LIGHT;AMB LIGHT;STATE",
]


def write_acttrust(folder: Path) -> Path:
    path = folder / "Log.txt"
    rows = []
    for k in range(200):
        at = START + timedelta(minutes=k)
        state = 4 if 30 <= k < 40 else 0
        rows.append(
            f"{at:%d/%m/%Y %H:%M:%S};0;{int(k == 5)};{30 + k / 100:.2f};28.19;0;{k * 9};1;2;1;3;1;{k}.5;9;{state}"
        )
    path.write_text("\n".join([*HEAD, *rows, ""]))
    return path


SAMPLE = Sample(
    write_acttrust,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.LIGHT, Kind.TEMP}),
    lines=True,
    kinds=frozenset({Kind.MARKERS}),
    planted=("Canary", "CANARY77", "1980"),
)
