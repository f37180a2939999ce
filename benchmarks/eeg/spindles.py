"""What spindles and their coupling to slow waves cost, beside YASA: CPU seconds and peak memory of whole processes.

A synthetic night (1/f noise, slow waves of known troughs, spindles) is written as one array of channels. Each detector
runs in fresh processes, in turn, so that what else the machine does falls on all; a first round does not count. Printed
are medians: `cold` is user and system time of a process that works once, import and reading of the array included;
`warm` that of a second call within it; `peak` the process's highest resident memory, the array (float32, and YASA's own
float64 copy) included. The cost of coupling is, for YASA, that of detecting slow waves with coupling less that of
detecting them without; here, that of `coupling` from known troughs, without and with its surrogates, which YASA lacks.

    python benchmarks/eeg/spindles.py [--peers PYTHON] [--runs 5] [--growth] [--folder DIR]

`--peers` is the Python of an environment with YASA; without it only this detector is measured. `--growth` measures one
channel of 100 Hz from 1 to 24 h as well.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Shape = Callable[[NDArray[np.float64]], NDArray[np.float64]]

ROOT = Path(__file__).resolve().parents[2]
HEAD = """
import sys, time
import numpy as np
x, stage, trough_s = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("eeg", "stage", "trough"))
fs = float(sys.argv[2])
"""
OURS = (
    HEAD
    + """
from pipeline.signals.spindles import spindles
from pipeline.signals.coupling import coupling
valid, included = np.ones(len(stage), bool), (stage == 2) | (stage == 3)
"""
)
PEER = (
    HEAD
    + """
import logging
import yasa
logging.disable(logging.WARNING)
def number(found):
    return 0 if found is None else len(found.summary())
"""
)
TWICE = """
def work():
    return {work}
work()
began = time.process_time()
found = work()
print(found, time.process_time() - began)
"""
_PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""The peak in KiB (Linux). What the system tells a parent of its child is never less than what the parent took."""
COUPLED = "sum(len(coupling(one, fs, valid, stage, trough_s, surrogates={n})) for one in x)"
DETECTORS = {
    "spindles": OURS + TWICE.format(work="sum(len(spindles(one, fs, valid, included)) for one in x)"),
    "coupling": OURS + TWICE.format(work=COUPLED.format(n=0)),
    "coupling, 500 shifts": OURS + TWICE.format(work=COUPLED.format(n=500)),
}
PEERS = {
    "YASA spindles": PEER + TWICE.format(work="number(yasa.spindles_detect(x, fs, hypno=stage, include=(2, 3)))"),
    "YASA waves": PEER + TWICE.format(work="number(yasa.sw_detect(x, fs, hypno=stage, include=(2, 3)))"),
    "YASA waves, coupling": PEER
    + TWICE.format(work="number(yasa.sw_detect(x, fs, hypno=stage, include=(2, 3), coupling=True))"),
}


@dataclass(frozen=True)
class Cost:
    """What one process took; `events` is None where it failed."""

    events: int | None
    cold_s: float
    warm_s: float
    peak_mb: float


def write_night(folder: Path, hours: int, channels: int, fs_hz: int, seed: int = 3) -> None:
    """One night as arrays: EEG in µV (channels, n), a stage per sample (n,), troughs of slow waves in seconds."""
    rng = np.random.default_rng(seed)
    n = hours * 3600 * fs_hz
    cycle = np.repeat([0, 1, 2, 3, 3, 2, 2, 4, 4], 600 * fs_hz).astype(np.int8)  # 90 min
    stage = np.resize(cycle, n)
    trough_s = np.arange(30.0, hours * 3600 - 30.0, 6.0) + rng.uniform(-2.0, 2.0, (hours * 3600 - 60) // 6)
    trough_s = trough_s[np.isin(stage[(trough_s * fs_hz).astype(np.int64)], (2, 3))]
    centre_s = trough_s[::3] + rng.normal(0.6, 0.2, len(trough_s[::3]))
    x = np.lib.format.open_memmap(folder / "eeg.npy", "w+", np.float32, (channels, n))
    for channel in range(channels):
        x[channel] = noise(n, fs_hz, rng)
        add(x[channel], trough_s, fs_hz, 1.25, lambda t: -70.0 * np.cos(2.0 * np.pi * 0.8 * t))
        add(
            x[channel], centre_s, fs_hz, 1.5, lambda t: 25.0 * np.exp(-((t / 0.35) ** 2)) * np.cos(2 * np.pi * 13.4 * t)
        )
    x.flush()
    np.save(folder / "stage.npy", stage)
    np.save(folder / "trough.npy", trough_s)


def noise(n: int, fs_hz: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """1/f noise of 12 µV, made of pieces of 2²⁰ samples."""
    size = 1 << 20
    hz = np.fft.rfftfreq(size, 1.0 / fs_hz).astype(np.float32)
    shape = 1.0 / np.maximum(hz, 0.3)
    pieces = []
    for _ in range(-(-n // size)):
        piece = np.fft.irfft(np.fft.rfft(rng.standard_normal(size, np.float32)) * shape)
        pieces.append((piece * (12.0 / piece.std())).astype(np.float32))
    return np.concatenate(pieces)[:n]


def add(x: NDArray[np.float32], at_s: NDArray[np.float64], fs_hz: int, width_s: float, shape: Shape) -> None:
    """Add `shape(seconds from its middle)`, as wide as told, around each moment."""
    half = int(width_s / 2.0 * fs_hz)
    around = np.rint(at_s * fs_hz).astype(np.int64)[:, None] + np.arange(-half, half + 1)
    np.add.at(x, around.ravel(), np.tile(shape(np.arange(-half, half + 1) / fs_hz), len(at_s)).astype(np.float32))


def cost_of(python: str, code: str, folder: Path, fs_hz: int) -> Cost:
    """One run in a process of its own."""
    child = subprocess.Popen(
        [python, "-c", code + _PEAK, str(folder), str(fs_hz)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    said = child.stdout.read().split()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        return Cost(None, 0.0, 0.0, 0.0)
    events, warm, peak = said[-3:]
    whole = used.ru_utime + used.ru_stime
    return Cost(int(events), whole - float(warm), float(warm), int(peak) / 1024)


def measured(folder: Path, fs_hz: int, peers: str | None, runs: int) -> dict[str, Cost]:
    """The median cost of each detector on one night."""
    jobs = [(name, sys.executable, code) for name, code in DETECTORS.items()]
    jobs += [(name, peers, code) for name, code in PEERS.items()] if peers else []
    costs: dict[str, list[Cost]] = {name: [] for name, _, _ in jobs}
    for run in range(runs + 1):
        for name, python, code in jobs:
            cost = cost_of(python, code, folder, fs_hz)
            if run:  # the first brings the file and all bytecode into the system's cache
                costs[name].append(cost)
    return {
        name: Cost(
            some[0].events,
            statistics.median(cost.cold_s for cost in some),
            statistics.median(cost.warm_s for cost in some),
            statistics.median(cost.peak_mb for cost in some),
        )
        for name, some in costs.items()
    }


def show(title: str, found: dict[str, Cost]) -> None:
    """One table, then how many times this detector's cost the peer's is."""
    print(f"\n{title}")
    print(f"{'':<22}{'events':>9}{'cold s':>9}{'warm s':>9}{'peak MiB':>10}")
    for name, cost in found.items():
        if cost.events is None:
            print(f"{name:<22}{'fails':>9}")
        else:
            print(f"{name:<22}{cost.events:>9,}{cost.cold_s:>9.2f}{cost.warm_s:>9.3f}{cost.peak_mb:>10.0f}")
    if all(name in found and found[name].events is not None for name in PEERS):
        own, peer = found["spindles"], found["YASA spindles"]
        print(
            f"YASA / ours, spindles: cold {peer.cold_s / own.cold_s:.1f}, warm {peer.warm_s / own.warm_s:.1f}, "
            f"peak {peer.peak_mb / own.peak_mb:.1f}"
        )
        extra = found["YASA waves, coupling"].warm_s - found["YASA waves"].warm_s
        for name in ("coupling", "coupling, 500 shifts"):
            print(f"YASA / ours, {name}: warm {extra / found[name].warm_s:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python of an environment with YASA")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--growth", action="store_true", help="one channel of 100 Hz from 1 to 24 h too")
    parser.add_argument("--folder", type=Path, help="where the nights are written, and left")
    asked = parser.parse_args()
    nights = [(8, 6, 256), (8, 1, 100)]
    if asked.growth:
        nights += [(hours, 1, 100) for hours in (1, 2, 4, 24)]
    with tempfile.TemporaryDirectory() as fresh:
        for hours, channels, fs_hz in nights:
            folder = (asked.folder or Path(fresh)) / f"{hours}h_{channels}_{fs_hz}"
            folder.mkdir(parents=True, exist_ok=True)
            write_night(folder, hours, channels, fs_hz)
            show(f"{hours} h, {channels} channels, {fs_hz} Hz", measured(folder, fs_hz, asked.peers, asked.runs))


if __name__ == "__main__":
    main()
