"""What one EEG channel of a six-channel night costs: ours against MNE-Python's reading of the same EDF+ file.

    python benchmarks/ingest/edf.py [--hours 2 4 8 16] [--repeat 5]

Each reading is a process of its own. Printed are the least CPU seconds of the repeats (user and system), of the whole
process and of the reading alone, and the peak of resident memory. The reading alone begins when everything is imported:
Python, NumPy and Polars cost the same whatever is read. MNE imports most of itself at its first reading, which counts
as its reading, too; `warm` is a second reading in the same process, in which neither side imports anything.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from datetime import date, time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
FS_HZ = 256
LABELS = ("EEG Fpz-Cz", "EEG Pz-Oz", "EEG C4-M1", "EOG horizontal", "EMG submental", "ECG")

_OURS = """
from pathlib import Path
from pipeline.devices.edf import READER
from pipeline.devices.reader import Asked
def read(path):
    return READER.read(Path(path), Asked(zone="Europe/Rome", eeg_channels=("EEG Fpz-Cz",)))
"""
_MNE = """
import mne
def read(path):
    return mne.io.read_raw_edf(path, preload=True, verbose="ERROR"{})
"""
WAYS = {
    "sleeploop, one channel": _OURS,
    "MNE, preload": _MNE.format(""),
    "MNE, include=[one]": _MNE.format(', include=["EEG Fpz-Cz"]'),
}
_MEASURED = """
import json, sys, time
from pathlib import Path
before = time.process_time()
got = read(sys.argv[1])
whole = time.process_time()
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
del got
again = time.process_time()
read(sys.argv[1])
warm = time.process_time() - again
print(json.dumps([whole, whole - before, warm, int(status["VmHWM"].split()[0]) / 1024]))
"""


def write_night(path: Path, hours: float) -> None:
    """Six channels of noise in records of 1 s, with a stage every 30 s, written by edfio."""
    import edfio

    seconds = round(hours * 3600)
    wave = np.random.default_rng(0).normal(0, 30, seconds * FS_HZ)
    signals = [
        edfio.EdfSignal(wave, FS_HZ, label=label, physical_dimension="uV", physical_range=(-300, 300))
        for label in LABELS
    ]
    stages = [edfio.EdfAnnotation(onset, 30, "Sleep stage N2") for onset in range(0, seconds, 30)]
    recording = edfio.Recording(startdate=date(2024, 3, 1))
    edfio.Edf(signals, recording=recording, starttime=time(22), annotations=stages).write(path)


def measure(way: str, path: Path, repeat: int) -> tuple[float, float, float, float]:
    """Least CPU seconds (whole process, reading, warm reading) and least peak memory in MiB of the repeats."""
    command = [sys.executable, "-c", WAYS[way] + _MEASURED, str(path)]
    runs = [subprocess.run(command, capture_output=True, check=True, cwd=ROOT, text=True) for _ in range(repeat)]
    whole, reading, warm, memory = np.array([json.loads(run.stdout) for run in runs]).min(axis=0).tolist()
    return whole, reading, warm, memory


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, nargs="+", default=[2.0, 4.0, 8.0, 16.0])
    options.add_argument("--repeat", type=int, default=5)
    asked = options.parse_args()
    print("| hours | file MB | way | whole process, CPU s | reading, CPU s | warm, CPU s | peak MiB |")
    print("|---|---|---|---|---|---|---|")
    for hours in asked.hours:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "night.edf"
            write_night(path, hours)
            size = path.stat().st_size / 1e6
            found = {way: measure(way, path, asked.repeat) for way in WAYS}
        for way, (whole, reading, warm, memory) in found.items():
            print(f"| {hours:g} | {size:.0f} | {way} | {whole:.2f} | {reading:.3f} | {warm:.3f} | {memory:.0f} |")
        ours, theirs = found["sleeploop, one channel"], found["MNE, preload"]
        whole, reading, warm, memory = (b / a for a, b in zip(ours, theirs, strict=True))
        print(f"| {hours:g} | | MNE, preload ÷ ours | {whole:.1f} | {reading:.1f} | {warm:.1f} | {memory:.1f} |")


if __name__ == "__main__":
    main()
