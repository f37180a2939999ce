"""What one EEG channel of a six-channel night costs: this reader against MNE-Python's reading of the same EDF+ file.

    python benchmarks/ingest/edf.py [--hours 2 4 8 16] [--runs 7]

Each reading is a process of its own, in which nothing was read before; the ways take turns, so that what else the
machine does falls on all, and a first round that does not count brings the file and all bytecode into the system's
cache. Printed are medians of CPU seconds (user and system) and the median peak of resident memory. `reading` begins
when everything that either side imports to begin with is there; what a side loads only when it reads counts as reading.
`whole process` counts from the start of Python. `MNE, include` is told the one channel. Ours is the way of a study:
`read_export`, which first finds out whose format it is and afterwards checks what was read.
"""

from __future__ import annotations

import argparse
import json
import os
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
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
def read(path):
    return read_export(Path(path), Asked(zone="Europe/Rome", eeg_channels=("EEG Fpz-Cz",)))
"""
_MNE = """
import mne
def read(path):
    return mne.io.read_raw_edf(path, preload=True, verbose="ERROR"{})
"""
OURS, THEIRS = "sleeploop, one channel", "MNE, preload"
WAYS = {OURS: _OURS, THEIRS: _MNE.format(""), "MNE, include=[one]": _MNE.format(', include=["EEG Fpz-Cz"]')}
_MEASURED = """
import json, sys, time
before = time.process_time()
got = read(sys.argv[1])
whole = time.process_time()
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([whole, whole - before, peak / 1024]))
"""
"""The peak is asked of Linux by the process itself: what a parent is told is never less than what the parent took."""


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


def measured(path: Path, runs: int) -> dict[str, tuple[float, float, float]]:
    """Of each way the median CPU seconds (whole process, reading) and the median peak of memory in MiB."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    costs: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    for run in range(runs + 1):
        for way, code in WAYS.items():
            command = [sys.executable, "-c", code + _MEASURED, str(path)]
            done = subprocess.run(command, capture_output=True, check=True, env=environment, text=True)
            if run:
                costs[way].append(json.loads(done.stdout))
    return {way: tuple(np.median(some, axis=0).tolist()) for way, some in costs.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--hours", type=float, nargs="+", default=[2.0, 4.0, 8.0, 16.0])
    options.add_argument("--runs", type=int, default=7)
    asked = options.parse_args()
    print("| hours | file MB | way | reading, CPU s | whole process, CPU s | peak MiB |")
    print("|---|---|---|---|---|---|")
    for hours in asked.hours:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "night.edf"
            write_night(path, hours)
            size = path.stat().st_size / 1e6
            found = measured(path, asked.runs)
        for way, (whole, reading, memory) in found.items():
            print(f"| {hours:g} | {size:.0f} | {way} | {reading:.3f} | {whole:.2f} | {memory:.0f} |")
        whole, reading, memory = (b / a for a, b in zip(found[OURS], found[THEIRS], strict=True))
        print(f"| {hours:g} | | {THEIRS} ÷ ours | {reading:.1f} | {whole:.1f} | {memory:.1f} |", flush=True)


if __name__ == "__main__":
    main()
