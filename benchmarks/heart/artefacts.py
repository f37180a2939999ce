"""What the artefact flags of a day of beats cost: this package against NeuroKit2's pass over the same beats.

    python benchmarks/heart/artefacts.py [--beats 5000 25000 100000 400000] [--runs 5] [--data FOLDER]

Each classing is a process of its own that has read the beats and classed some others before, so that neither side
pays for its imports; the ways take turns, and a first round does not count. Printed are medians of CPU seconds (user
and system) and the median peak of resident memory; `imports` are the CPU seconds from the start of Python until the
beats can be classed. Theirs is `signal_fixpeaks(method="Kubios")` as one pass, whose classes must be the same beat for
beat or the benchmark stops, and as it is by default, iterating. Ours is `artefact_classes`: those classes, range and
local median. A folder of real beats adds its `rr_24h` (128 Hz); intervals longer than 4 s are holes and are closed up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
FS_HZ = 128
HOLE_S = 4.0

_OURS = """
import numpy as np
from pipeline.signals.beat_artefacts import Artefact, artefact_classes
def classes_of(ticks, fs_hz):
    flags = artefact_classes(ticks / fs_hz, np.ones(len(ticks), bool))
    four = (Artefact.ECTOPIC, Artefact.MISSED, Artefact.EXTRA, Artefact.LONGSHORT)
    return lambda: [np.flatnonzero(flags & np.uint8(one)).tolist() for one in four]
"""
_THEIRS = """
import numpy as np
from neurokit2.signal import signal_fixpeaks
def classes_of(ticks, fs_hz):
    peaks = np.concatenate([[0], np.cumsum(ticks)])
    found, _ = signal_fixpeaks(peaks, sampling_rate=fs_hz, method="Kubios", iterative={})
    four = ("ectopic", "missed", "extra", "longshort")
    return lambda: [[int(i) - 1 for i in found[one] if i > 0] for one in four]
"""
OURS, THEIRS, ITERATING = "sleeploop, all flags", "NeuroKit2, one pass", "NeuroKit2, iterating"
WAYS = {OURS: _OURS, THEIRS: _THEIRS.format(False), ITERATING: _THEIRS.format(True)}
_MEASURED = """
import hashlib, json, sys, time
ticks, fs_hz = np.load(sys.argv[1]), int(sys.argv[2])
classes_of(np.resize(ticks, 500), fs_hz)
before = time.process_time()
classes = classes_of(ticks, fs_hz)
spent = time.process_time() - before
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
said = classes()
print(json.dumps([[spent, before, peak / 1024], [len(one) for one in said],
                  hashlib.sha256(json.dumps(said).encode()).hexdigest()]))
"""


def simulated(n: int) -> NDArray[np.int64]:
    """Intervals of breathing, drift and noise in ticks, one beat in a hundred early, missed, extra or displaced."""
    rng = np.random.default_rng(n)
    beat = np.arange(n)
    rr_s = 0.85 + 0.15 * np.sin(beat / 9000) + 0.03 * np.sin(beat / 2.1) + rng.normal(0, 0.015, n)
    at = np.arange(20, n - 20, 7)
    at = at[rng.random(len(at)) < 0.07]
    early, missed, extra, displaced = (at[rng.permutation(len(at)) % 4 == 0] for _ in range(4))
    rr_s[early], rr_s[early + 1] = rr_s[early] - 0.3, rr_s[early + 1] + 0.3
    rr_s[missed + 2] *= 2
    rr_s[extra + 3], rr_s[extra + 4] = 0.45 * rr_s[extra + 3], 0.55 * rr_s[extra + 3]
    rr_s[displaced + 5], rr_s[displaced + 6] = rr_s[displaced + 5] - 0.08, rr_s[displaced + 6] + 0.08
    return np.rint(rr_s * FS_HZ).astype(np.int64)


def series(beats: list[int], data: Path) -> dict[str, NDArray[np.int64]]:
    """All series to class, in ticks of `FS_HZ`, by name."""
    found = {f"simulated, {n}": simulated(n) for n in beats}
    for path in sorted((data / "rr_24h").rglob("*_rr_secs.txt")):
        rr_s = np.loadtxt(path)
        found[path.stem.removesuffix("_rr_secs")] = np.rint(rr_s[rr_s <= HOLE_S] * FS_HZ).astype(np.int64)
    return found


def measured(path: Path, runs: int) -> tuple[dict[str, list[float]], list[int]]:
    """Of each way the median CPU seconds (classing, imports) and peak MiB; and how many beats are in each class."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    costs: dict[str, list[list[float]]] = {way: [] for way in WAYS}
    said: dict[str, tuple[list[int], str]] = {}
    for run in range(runs + 1):
        for way, code in WAYS.items():
            command = [sys.executable, "-c", code + _MEASURED, str(path), str(FS_HZ)]
            done = subprocess.run(command, capture_output=True, check=True, env=environment, text=True)
            cost, counts, digest = json.loads(done.stdout)
            said[way] = (counts, digest)
            if run:
                costs[way].append(cost)
    if said[OURS] != said[THEIRS]:
        raise SystemExit(f"the classes differ: {said[OURS]} ours, {said[THEIRS]} theirs")
    return {way: np.median(some, axis=0).tolist() for way, some in costs.items()}, said[OURS][0]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--beats", type=int, nargs="+", default=[5_000, 25_000, 100_000, 400_000])
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    asked = options.parse_args()
    print(
        "| series | beats | ectopic, missed, extra, long or short | way | classing, CPU s | imports, CPU s | peak MiB |"
    )
    print("|---|---|---|---|---|---|---|")
    for name, ticks in series(asked.beats, asked.data).items():
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "beats.npy"
            np.save(path, ticks)
            found, counts = measured(path, asked.runs)
        for way, (spent, imports, memory) in found.items():
            same = ", ".join(map(str, counts)) if way != ITERATING else ""
            print(f"| {name} | {len(ticks)} | {same} | {way} | {spent:.4f} | {imports:.2f} | {memory:.0f} |")
        for way in (THEIRS, ITERATING):
            spent, imports, memory = (b / a for a, b in zip(found[OURS], found[way], strict=True))
            print(f"| {name} | | | {way} ÷ ours | {spent:.1f} | {imports:.1f} | {memory:.1f} |", flush=True)


if __name__ == "__main__":
    main()
