"""A small export of `zmax`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handmade.sample import Sample
from pipeline.recording import Kind

UNITS = {"EEG L": "uV", "EEG R": "uV", "dX": "g", "dY": "g", "dZ": "g", "BODY TEMP": "C", "OXY_IR_AC": "", "BATT": "V"}


def edf(label: str, unit: str, seconds: int, fs: int = 64) -> bytes:
    """EDF+D of one channel at 64 Hz in records of 1 s, from the 31st on 10 s late; each step is 0.01 of its unit."""
    marks = ("EDF Annotations", "", "", "-1", "1", "-32768", "32767", "", "16", "")
    columns = ((label, "", unit, "-327.68", "327.67", "-32768", "32767", "", str(fs), ""), marks)
    widths = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
    head = [("0", 8), ("X X X X", 80), ("Startdate 01-MAR-2024 X X X", 80), ("01.03.24", 8), ("22.00.00", 8)]
    head += [("768", 8), ("EDF+D", 44), (str(seconds), 8), ("1", 8), ("2", 4)]
    fields = [column[k].ljust(width) for k, width in enumerate(widths) for column in columns]
    content = "".join(text.ljust(width) for text, width in head) + "".join(fields)
    wave = np.random.default_rng(len(label)).integers(-400, 400, (seconds, fs)).astype("<i2")
    records = [
        wave[k].tobytes() + f"+{k if k < 30 else k + 10}\x14\x14\x00".encode().ljust(32, b"\x00")
        for k in range(seconds)
    ]
    return content.encode() + b"".join(records)


def write_zmax(folder: Path) -> Path:
    """A minute of eight channels in a folder, with 10 s of nothing in the middle."""
    path = folder / "night"
    path.mkdir()
    for label, unit in UNITS.items():
        (path / f"{label}.edf").write_bytes(edf(label, unit, 60))
    return path


SAMPLE = Sample(write_zmax, (30.0, 40.0), frozenset({Kind.EEG, Kind.ACC, Kind.TEMP, Kind.BVP}))
