"""A small export of `polar_sensor`: the folder of one recording."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

SENSOR_NS = 704_201_974_000_000_000
LATE_S = 0.5


def phone(second: float) -> str:
    return f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S.%f}"[:-3]


def wave(header: str, period_ms: int, values: str, *, late_s: float = LATE_S, hole: tuple[int, int] = (20, 30)) -> str:
    """Rows of a waveform: the phone's clock, late by a packet, and the sensor's in ns."""
    rows = [
        f"{phone(at / 1000 + late_s)};{SENSOR_NS + at * 1_000_000};{values}"
        for at in range(0, 60_000, period_ms)
        if not hole[0] * 1000 <= at < hole[1] * 1000
    ]
    return f"Phone timestamp;sensor timestamp [ns];{header}\n" + "\n".join(rows) + "\n"


def write_folder(folder: Path) -> Path:
    path = folder / "recording"
    path.mkdir()
    (path / "Polar_Sense_ACC.txt").write_text(wave("X [mg];Y [mg];Z [mg]", 20, "10;-20;980", late_s=0.0))
    (path / "Polar_Sense_PPG.txt").write_text(
        wave("channel 0;channel 1;channel 2;ambient", 25, "9;8;7;-1;", late_s=0.0)
    )
    (path / "Polar_Sense_GYRO.txt").write_text(wave("X [dps];Y [dps];Z [dps]", 20, "0.0;0.1;0.2"))
    rate = "".join(f"{phone(k)};{0 if 20 <= k < 30 else 61}\n" for k in range(60))
    (path / "Polar_Sense_HR.txt").write_text("Phone timestamp;HR [bpm]\n" + rate)
    (path / "MARKER.txt").write_text(f"Phone timestamp;Marker start/stop\n{phone(5)};MARKER_START \n")
    return path


SAMPLE = Sample(write_folder, (20.0, 30.0), frozenset({Kind.ACC, Kind.BVP, Kind.HR}), kinds=frozenset({Kind.MARKERS}))
