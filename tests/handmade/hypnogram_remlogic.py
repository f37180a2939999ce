"""A small export of `hypnogram_remlogic`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample, clock
from pipeline.recording import Kind

HEAD = """RemLogic Event Export
Patient:\tsomeone
Patient ID:\t0815
Recording Date:\t2024/03/01

Events Included:
MCAP-A1
SLEEP-S0
SLEEP-S2

Scoring Session:

Sleep Stage\tPosition\tTime [hh:mm:ss]\tEvent\tDuration[s]\tLocation
"""


def write_events(folder: Path) -> Path:
    path = folder / "night.txt"
    stages = ("S0", "S1", "S2", "S3", "S4", "REM")
    rows = [
        f"{stages[k % 6]}\tUnknown Position\t{clock(30 * k)}\tSLEEP-{stages[k % 6]}\t30\tROC-LOC\r\n"
        for k in range(300)
        if not 20 <= k < 30
    ]
    rows.insert(100, rows[99].split("\t", maxsplit=1)[0] + f"\tLeft\t{clock(30 * 109 + 7)}\tMCAP-A1\t6\tEEG-Fp2-F4\r\n")
    path.write_bytes((HEAD.replace("\n", "\r\n") + "".join(rows)).encode())
    return path


SAMPLE = Sample(write_events, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True, kinds=frozenset({Kind.MARKERS}))
