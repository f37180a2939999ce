"""A small export of `muse_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np

from handmade.sample import START, Sample
from pipeline.recording import Kind

HEADER = (
    "TimeStamp,Delta_TP9,Alpha_AF7,RAW_TP9,RAW_AF7,RAW_AF8,RAW_TP10,AUX_RIGHT,Accelerometer_X,Accelerometer_Y,"
    "Accelerometer_Z,Gyro_X,HeadBandOn,HSI_TP9,Battery,Elements"
)
PACKET = 32
"""Samples that arrive together, all with the stamp of the last: whole milliseconds."""


def rows_of(seconds: float, hole_s: tuple[float, float], values: np.ndarray | None = None) -> list[str]:
    """Mind Monitor's rows at 256 Hz from `START` on, in packets, none in the hole; an event at the top."""
    rows = [f"{START:%Y-%m-%d %H:%M:%S}.000{',' * 15}/muse/event/connected Muse-A1B2"]
    n = round(seconds * 256)
    wave = np.random.default_rng(0).normal(800, 30, n) if values is None else values
    for k in range(n):
        if hole_s[0] * 256 <= k < hole_s[1] * 256:
            continue
        at = START + timedelta(seconds=-(-k // PACKET) * PACKET / 256)
        stamp = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"
        rows.append(f"{stamp},0.5,0.7,800.1,{wave[k]:.3f},{wave[k] + 1:.3f},799.9,,0.1,-0.2,0.95,1.5,1,1.0,95.0,")
    return rows


def write_muse(folder: Path) -> Path:
    """A minute of four channels with 10 s of nothing."""
    path = folder / "mindMonitor_2024-03-01--22-00-00.csv"
    path.write_text("\n".join([HEADER, *rows_of(60, (30.0, 40.0)), ""]))
    return path


SAMPLE = Sample(write_muse, (30.0, 40.0), frozenset({Kind.EEG, Kind.ACC}), lines=True)
