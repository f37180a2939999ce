"""A small export of `actiware_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind


def write_actiware(folder: Path) -> Path:
    path = folder / "watch.csv"
    head = [
        '"Actiware Export File  (Version 05.00 )"',
        '"Filename:","C:\\Users\\canary\\Desktop\\watch.awc"',
        "",
        '"-------------------- Subject Properties--------------------"',
        "",
        '"Identity:","CANARY-1"',
        '"Full Name:","Jane Canary"',
        '"Date of Birth:","17/11/1980"',
        '"----------------- Actiwatch Data Properties ----------------"',
        '"Actiwatch Type:","Spectrum PRO"',
        '"Time Zone Offset:","+01:00","hours:minutes"',
        '"Epoch Length:","60","seconds","(1 minute)"',
        '"Number of Data Samples:","300","samples"',
        '"Actiwatch Serial Number:","CANARY-2"',
        '"------------------------ Statistics ------------------------"',
        '"Interval Type","Interval#","Start Date","Start Time","End Date","End Time","Duration",',
        '"REST","1","01/03/2024","23:10:00","02/03/2024","02:40:00","210.00",',
        '"Rest Summary","n","NaN","NaN","NaN","NaN","1",',
        '"SLEEP","1","01/03/2024","23:25:00","02/03/2024","02:30:00","185.00",',
        '"--------------------- Marker/Score List --------------------"',
        '"Line","Date","Time","Marker","Interval Status",',
        '"6","01/03/2024","22:05:00","Marker!","ACTIVE",',
        '"-------------------- Epoch-by-Epoch Data -------------------"',
        '"Line","Date","Time","Off-Wrist Status","Activity","Marker","White Light","Sleep/Wake","Interval Status",',
        "",
    ]
    rows = []
    for k in range(300):
        off = 30 <= k < 40
        counts, light = ("NaN", "NaN") if off else (str(k % 7 * 50), f"{k % 3}.50")
        cells = (k + 1, f"{START + timedelta(minutes=k):%d/%m/%Y}", f"{START + timedelta(minutes=k):%H:%M:%S}")
        tail = (int(off), counts, int(k == 5), light, "NaN", "EXCLUDED" if off else "ACTIVE")
        rows.append(",".join(f'"{cell}"' for cell in (*cells, *tail)) + ",")
    path.write_bytes(("\ufeff" + "\r\n".join([*head, *rows, ""])).encode())
    return path


SAMPLE = Sample(
    write_actiware,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.LIGHT}),
    lines=True,
    kinds=frozenset({Kind.DIARY, Kind.MARKERS}),
    planted=("Jane", "CANARY", "canary", "1980"),
)
