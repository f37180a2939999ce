"""What a night of EEG costs from the file to slow waves, beside YASA and MNE-Python: whole processes, side by side.

A simulated night is written as EDF+ without stages, so that both sides must stage it. Each side then reads it, stages
it by the first channel, finds slow waves (and spindles, if asked) in every channel and computes slow-wave activity per
30 s in every channel, in a process of its own: that is what a task pays. The sides take turns, so that what else the
machine does falls on all; a first round does not count. Printed are medians of CPU seconds (user and system, imports
included) and of peak memory.

    python benchmarks/eeg/night.py --peers PYTHON [--runs 5] [--growth] [--spindles]

`--peers` is the Python of an environment with YASA; ours reads YASA's model out of the environment this runs in.
`sleeploop` calls the reader and the rooms of signals, as a peer's user calls YASA; `sleeploop, tables` is what a study
pays for the export: everything that is kept of it, as checked tables. `--growth` shows ours for 1, 2, 4, 8 and 24 h.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.simulate.eeg_events import Channel, simulated_night, simulated_stages

ROOT = Path(__file__).resolve().parents[2]
THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Both sides compute in one thread: what threads burn while they wait is nobody's work."""
LABELS = ("EEG C3-M2", "EEG C4-M1", "EEG F3-M2", "EEG F4-M1", "EEG O1-M2", "EEG O2-M1")

_OURS = """
import json, sys, time
from pathlib import Path
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
labels, spindled = tuple(json.loads(sys.argv[2])), sys.argv[3] == "1"
recording = read_export(Path(sys.argv[1]), Asked(zone="UTC", eeg_channels=labels))[1]
import numpy as np
from pipeline.recording import Kind
from pipeline.signals.artefacts import valid_samples
from pipeline.signals.slow_waves import slow_waves
from pipeline.signals.spectrum import FREQS_HZ, band_power_uv2, epoch_psd_uv2_hz, window_psd_uv2_hz
from pipeline.signals.stagers import STAGERS
from pipeline.signals.stagers.stager import staged
waves = spindles = 0
stage = None
for signal in recording.of(Kind.EEG):
    x, fs = signal.samples, signal.fs_hz
    valid = valid_samples(x, fs)
    if stage is None:
        stage = staged(STAGERS[0].stage_density(x, fs, valid))
        n = len(stage)
        included = np.zeros(len(x), np.bool_)
        deep = np.repeat((stage == 2) | (stage == 3), round(30 * fs))
        included[: len(deep)] = deep
    waves += len(slow_waves(x, fs, valid, included))
    psd = window_psd_uv2_hz(x, valid, fs, signal.start_ns, signal.start_ns, n, top_hz=4.0)
    swa = band_power_uv2(epoch_psd_uv2_hz(psd), FREQS_HZ[: psd.shape[2]], 0.5, 4.0)
    if spindled:
        from pipeline.signals.spindles import spindles as find
        spindles += len(find(x, fs, valid, included))
n3 = float((stage == 3).sum() / 2)
"""
_TABLES = """
import json, sys
from pathlib import Path
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
labels, spindled = tuple(json.loads(sys.argv[2])), sys.argv[3] == "1"
recording = read_export(Path(sys.argv[1]), Asked(zone="UTC", eeg_channels=labels))[1]
from pipeline.extract import extract
from pipeline.study import Export
kept = extract(recording, Export("P01", Path(sys.argv[1]), "P01/x.edf", None), "edf", "0" * 64)
waves, spindles = kept.slow_waves.height, kept.spindles.height
n3 = float((kept.epochs["stage"] == "N3").sum() / 2)
"""
_YASA = """
import json, logging, sys, warnings
warnings.simplefilter("ignore")
import mne, numpy as np, yasa
logging.disable(logging.CRITICAL)
mne.set_log_level("ERROR")
labels, spindled = json.loads(sys.argv[2]), sys.argv[3] == "1"
raw = mne.io.read_raw_edf(sys.argv[1], preload=True, include=labels)
hypno = yasa.SleepStaging(raw, eeg_name=labels[0]).predict().hypno.map(
    {"WAKE": 0, "N1": 1, "N2": 2, "N3": 3, "REM": 4}).to_numpy()
fs, data = raw.info["sfreq"], raw.get_data() * 1e6
up = yasa.hypno_upsample_to_data(hypno, 1 / 30, data, fs)
found = yasa.sw_detect(data, fs, labels, hypno=up)
waves = 0 if found is None else len(found.summary())
from scipy.signal import welch
n = int(30 * fs)
for x in data:
    epochs = x[: len(x) // n * n].reshape(-1, n)
    f, psd = welch(epochs, fs, nperseg=int(4 * fs), average="median")
    inside = (f >= 0.5) & (f <= 4)
    swa = np.trapezoid(psd[:, inside], f[inside], axis=1)
spindles = 0
if spindled:
    found = yasa.spindles_detect(data, fs, labels, hypno=up, include=(2, 3))
    spindles = 0 if found is None else len(found.summary())
n3 = float((hypno == 3).sum() / 2)
"""
_MEASURE = """
import resource
used = resource.getrusage(resource.RUSAGE_SELF)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([used.ru_utime + used.ru_stime, peak / 1024, waves, spindles, n3]))
"""


@dataclass(frozen=True)
class Cost:
    """What one process took, and what it found."""

    cpu_s: float
    peak_mb: float
    waves: int
    spindles: int
    n3_min: float


def write_night(path: Path, hours: float, fs_hz: float, channels: int) -> tuple[str, ...]:
    """An EDF of simulated sleep without annotations; its labels."""
    from edfio import Edf, EdfSignal

    labels = LABELS[:channels]
    night = simulated_night(simulated_stages(hours, 1), fs_hz, [Channel(label) for label in labels], seed=1)
    samples = np.nan_to_num(night.samples_uv).clip(-500, 500)
    Edf(
        [
            EdfSignal(x, fs_hz, label=label, physical_dimension="uV", physical_range=(-500, 500))
            for label, x in zip(labels, samples, strict=True)
        ]
    ).write(path)
    return labels


def cost_of(python: str, code: str, path: Path, labels: tuple[str, ...], *, spindled: bool) -> Cost:
    """One run in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "MPLBACKEND": "agg"} | THREADS
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [python, "-c", code + _MEASURE, str(path), json.dumps(labels), str(int(spindled))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    cpu, peak, waves, spindles, n3 = json.loads(done.stdout.splitlines()[-1])
    return Cost(cpu, peak, int(waves), int(spindles), n3)


def measured(
    sides: dict[str, tuple[str, str]], path: Path, labels: tuple[str, ...], runs: int, *, spindled: bool
) -> None:
    """Print the medians of each side and their ratios to ours."""
    costs: dict[str, list[Cost]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, (python, code) in sides.items():
            cost = cost_of(python, code, path, labels, spindled=spindled)
            if run:
                costs[name].append(cost)
    print(f"{'side':20}{'CPU s':>8}{'peak MB':>9}{'times':>7}{'memory':>8}{'waves':>8}{'spindles':>9}{'N3 min':>8}")
    first = next(iter(sides))
    base_s = statistics.median(c.cpu_s for c in costs[first])
    base_mb = statistics.median(c.peak_mb for c in costs[first])
    for name, found in costs.items():
        cpu, peak = statistics.median(c.cpu_s for c in found), statistics.median(c.peak_mb for c in found)
        last = found[-1]
        print(
            f"{name:20}{cpu:8.2f}{peak:9.0f}{cpu / base_s:7.1f}{peak / base_mb:8.1f}"
            f"{last.waves:8}{last.spindles:9}{last.n3_min:8.1f}",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", help="Python of an environment with YASA and MNE")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    parser.add_argument("--spindles", action="store_true", help="look for spindles, too")
    told = parser.parse_args()
    ours = {"sleeploop": (sys.executable, _OURS), "sleeploop, tables": (sys.executable, _TABLES)}
    sides = ours | ({"YASA + MNE": (told.peers, _YASA)} if told.peers else {})
    with tempfile.TemporaryDirectory() as folder:
        for channels, fs_hz in ((1, 100.0), (6, 256.0)):
            path = Path(folder) / f"{channels}.edf"
            labels = write_night(path, 8.0, fs_hz, channels)
            extra = " and spindles" if told.spindles else ""
            print(f"\n8 h, {channels} channel(s), {fs_hz:g} Hz: read, stage, slow waves, SWA{extra}")
            measured(sides, path, labels, told.runs, spindled=told.spindles)
        for hours in (1.0, 2.0, 4.0, 8.0, 24.0) if told.growth else ():
            for channels in (1, 6) if hours <= 8 else (1,):
                path = Path(folder) / "growth.edf"
                labels = write_night(path, hours, 256.0, channels)
                print(f"\n{hours:g} h, {channels} channel(s), 256 Hz")
                measured({"sleeploop": ours["sleeploop"]}, path, labels, told.runs, spindled=told.spindles)


if __name__ == "__main__":
    main()
