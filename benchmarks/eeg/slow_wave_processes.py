"""Slow-wave detectors in processes of their own: what each takes and finds. Used by `slow_waves.py` beside it."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples, Stage
from pipeline.simulate.eeg_artefacts import ArtefactPlan
from pipeline.simulate.eeg_events import Channel, EegPlan, simulated_night, simulated_stages

ROOT = Path(__file__).resolve().parents[2]

_OURS = """
import sys, time
import numpy as np
from pipeline.signals.slow_waves import slow_waves
path, fs, n, channels, out, again = sys.argv[1], float(sys.argv[2]), *map(int, sys.argv[3:5]), sys.argv[5], sys.argv[6]
stage = np.load(path + ".stage.npy")
def found():
    waves, spent = [], 0.0
    for c in range(channels):
        x = np.fromfile(path, np.float32, n, offset=4 * n * c)
        began = time.process_time()
        included = np.repeat((stage == 2) | (stage == 3), round(30 * fs))[:n]
        waves.append(slow_waves(x, fs, np.ones(n, np.bool_), included))
        spent += time.process_time() - began
    return waves, spent
waves, _ = found()
troughs, number = waves[0].trough_s, sum(map(len, waves))
"""
_YASA = """
import logging, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np, yasa
logging.disable(logging.CRITICAL)
path, fs, n, channels, out, again = sys.argv[1], float(sys.argv[2]), *map(int, sys.argv[3:5]), sys.argv[5], sys.argv[6]
stage = np.load(path + ".stage.npy")
x = np.fromfile(path, np.float32).reshape(channels, n).astype(np.float64)
def found():
    began = time.process_time()
    hypno = np.repeat(stage, round(30 * fs))[:n].astype(int)
    return yasa.sw_detect(x, fs, hypno=hypno, include=(2, 3)), time.process_time() - began
waves, _ = found()
table = None if waves is None else waves.summary()
troughs, number = ([], 0) if table is None else (table.NegPeak[table.IdxChannel == 0].to_numpy(), len(table))
"""
_REPORT = """
whole = time.process_time()
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
np.save(out, troughs)
spent = sorted(found()[1] for _ in range(int(again)))
print(number, whole, spent[len(spent) // 2] if spent else 0, peak)
"""
"""The CPU time of the process so far, and the peak in KiB (Linux), before the detection is done again."""
CODE = {"sleeploop": _OURS, "YASA": _YASA}


@dataclass(frozen=True)
class Cost:
    """What one process took and found; troughs are those of its first channel."""

    waves: int
    whole_s: float
    again_s: float
    peak_mb: float
    trough_s: Floats


@dataclass(frozen=True)
class Input:
    """Samples of shape (channels, n), float32, and a stage for each 30 s."""

    title: str
    samples_uv: Samples
    fs_hz: float
    stage: NDArray[np.int64]

    @property
    def included(self) -> NDArray[np.bool_]:
        """True in N2 and N3, for every sample."""
        nrem = np.isin(self.stage, (Stage.N2, Stage.N3))
        return np.repeat(nrem, round(30 * self.fs_hz))[: self.samples_uv.shape[1]]


def night(hours: float, fs_hz: float, channels: int) -> Input:
    """A simulated night of so many hours; longer than 8 h it is laid end to end."""
    stages = simulated_stages(min(hours, 8.0), seed=5)
    made = simulated_night(stages, fs_hz, [Channel(f"EEG {k}") for k in range(channels)], plan=clean())
    times = max(round(hours / 8.0), 1)
    title = f"{hours:g} h, {channels} x {fs_hz:g} Hz"
    return Input(title, np.tile(made.samples_uv, (1, times)), fs_hz, np.tile(stages.astype(np.int64), times))


def clean() -> EegPlan:
    """Nothing but brain: the comparison is of detectors, and YASA takes no account of artefacts."""
    return EegPlan(artefacts=ArtefactPlan(per_h={}))


def cost_of(python: str, code: str, given: Input, folder: Path, again: int) -> Cost:
    """One run in a process of its own."""
    path, out = folder / "samples.f32", folder / "troughs.npy"
    command = [path, given.fs_hz, given.samples_uv.shape[1], len(given.samples_uv), out, again]
    said = subprocess.run(
        [python, "-c", code + _REPORT, *map(str, command)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    troughs: Floats = np.load(out)
    return Cost(int(said[0]), float(said[1]), float(said[2]), int(said[3]) / 1024, troughs)


@contextmanager
def written(given: Input) -> Iterator[Path]:
    """The folder in which a process finds the samples and the stages."""
    with tempfile.TemporaryDirectory() as fresh:
        folder = Path(fresh)
        given.samples_uv.tofile(folder / "samples.f32")
        np.save(folder / "samples.f32.stage.npy", given.stage)
        yield folder


def once(given: Input, name: str, python: str) -> Floats:
    """The troughs that a detector finds in the first channel."""
    with written(given) as folder:
        return cost_of(python, CODE[name], given, folder, 0).trough_s


def measured(given: Input, python_of: dict[str, str], runs: int) -> dict[str, Cost]:
    """The median cost of each detector."""
    found: dict[str, list[Cost]] = {name: [] for name in python_of}
    with written(given) as folder:
        for run in range(runs + 1):
            for name, python in python_of.items():
                cost = cost_of(python, CODE[name], given, folder, 3)
                if run:  # the first brings the file and all bytecode into the system's cache
                    found[name].append(cost)
    return {
        name: Cost(
            some[0].waves,
            statistics.median(cost.whole_s for cost in some),
            statistics.median(cost.again_s for cost in some),
            statistics.median(cost.peak_mb for cost in some),
            some[0].trough_s,
        )
        for name, some in found.items()
    }
