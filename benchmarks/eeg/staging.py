"""What staging a night costs, beside YASA itself, and how far the stages agree: with YASA's, and with an expert's.

Each stager runs in a fresh process, in turn, so that what else the machine does falls on both; a first round does not
count. Printed are medians of CPU seconds (user and system): `cold` is the whole process with its imports, `again` the
same recording once more in the same process. Both are given the samples as an array. The night of 8 h is the given
segment laid end to end with noise; without a segment, a simulated one.

    python benchmarks/eeg/staging.py [--peers PYTHON] [--runs 5] [--segment CSV --stages CSV]

`--peers` is the Python of an environment with YASA. Ours reads YASA's model, too: if this environment has none, the
peer's is shown to it. `--segment` is a CSV of one EEG channel in µV at 100 Hz (one value a line), `--stages` one of
`Time,Stage` in seconds: the changes of stage, 5 W, 4 REM, 3 N1, 2 N2, 1 N3.
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

from pipeline.recording import Stage
from pipeline.signals.stagers.minutes import expected_minutes
from pipeline.signals.stagers.stager import STAGES, staged
from pipeline.simulate.eeg import FS_HZ, eeg_uv
from pipeline.simulate.person import LOOPS, LoopStrength, Person

ROOT = Path(__file__).resolve().parents[2]

_OURS = """
import json, sys, time
import numpy as np
peer = sys.argv[4]
if peer:
    from pathlib import Path
    from pipeline.signals.stagers import model_cache
    model_cache.model_file = lambda: Path(peer)
from pipeline.signals.stagers import STAGERS
x, fs = np.load(sys.argv[1]), float(sys.argv[2])
valid = np.ones(len(x), np.bool_)
def stage():
    return STAGERS[0].stage_density(x, fs, valid)
"""
_YASA = """
import json, logging, sys, time, warnings
warnings.simplefilter("ignore")
import mne, numpy as np, yasa
logging.disable(logging.CRITICAL)
x, fs = np.load(sys.argv[1]), float(sys.argv[2])
raw = mne.io.RawArray(x[None] * 1e-6, mne.create_info(["EEG"], fs, "eeg"), verbose="ERROR")
def stage():
    proba = yasa.SleepStaging(raw, eeg_name="EEG").predict().proba
    return proba[["WAKE", "N1", "N2", "N3", "REM"]].to_numpy()
"""
_MEASURE = """
density = stage()
cold = time.process_time()
again = []
for _ in range(3):
    begin = time.process_time()
    stage()
    again.append(time.process_time() - begin)
np.save(sys.argv[3], density)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps([cold, sorted(again)[1], int(peak) / 1024]))
"""


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    cold_s: float
    again_s: float
    peak_mib: float


def cost_of(python: str, code: str, arguments: list[str]) -> Cost:
    """One run in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "MPLBACKEND": "agg"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [python, "-c", code + _MEASURE, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return Cost(*json.loads(done.stdout.splitlines()[-1]))


def simulated() -> np.ndarray:
    """84 min of simulated EEG at 100 Hz."""
    stages = np.repeat(np.array([0, 1, 2, 3, 2, 4, 2], np.int8), 24)
    x = eeg_uv(stages, Person("P01", 40, "F", LOOPS[LoopStrength.NONE], 1400.0, 0.25), np.random.default_rng(1))
    return resampled(x, len(x) * 100 // FS_HZ).astype(np.float32)


def resampled(x: np.ndarray, n: int) -> np.ndarray:
    return np.fft.irfft(np.fft.rfft(x), n) * (n / len(x))


def recordings(segment: np.ndarray) -> dict[str, tuple[np.ndarray, float]]:
    """The segment, the night made of it, and both at 256 Hz."""
    n = 8 * 3600 * 100
    noise = np.random.default_rng(1).normal(0.0, 2.0, n)
    night = (np.tile(segment, n // len(segment) + 1)[:n] + noise).astype(np.float32)
    whole = segment[: len(segment) // 25 * 25]
    return {
        "segment, 100 Hz": (segment, 100.0),
        "segment, 256 Hz": (resampled(whole, len(whole) // 25 * 64).astype(np.float32), 256.0),
        "8 h, 100 Hz": (night, 100.0),
        "8 h, 256 Hz": (resampled(night, n // 25 * 64).astype(np.float32), 256.0),
    }


def expert_start(path: Path) -> int:
    """The sample at 100 Hz with which the expert's first whole epoch begins."""
    first_change_s = float(np.loadtxt(path, delimiter=",", skiprows=1)[1, 0])
    return round(first_change_s % 30.0 * 100)


def expert_stages(path: Path, n_epochs: int) -> np.ndarray:
    """The expert's stage in the middle of each epoch, from the expert's first on."""
    changes = np.loadtxt(path, delimiter=",", skiprows=1)
    code_of = {5: Stage.WAKE, 4: Stage.REM, 3: Stage.N1, 2: Stage.N2, 1: Stage.N3}
    at = (
        np.searchsorted(changes[:, 0], expert_start(path) / 100.0 + np.arange(n_epochs) * 30.0 + 15.0, side="right") - 1
    )
    return np.array([code_of.get(int(changes[k, 1]), Stage.UNSCORED) for k in at], np.float64)


def show_agreement(ours: np.ndarray, expert: np.ndarray) -> None:
    """Accuracy, Cohen's κ, F1 of each stage and the minutes expected of it."""
    found = staged(ours)
    both = np.isfinite(found) & (expert >= 0)
    found, expert = found[both], expert[both]
    same = float(np.mean(found == expert))
    chance = sum(np.mean(found == s) * np.mean(expert == s) for s in STAGES)
    print(
        f"\nagainst the expert, {len(expert)} epochs: accuracy {same:.3f}, kappa {(same - chance) / (1 - chance):.3f}"
    )
    print(f"{'stage':<6}{'F1':>6}{'expert min':>12}{'labels min':>12}{'expected min':>14}{'95 %':>16}")
    expected = expected_minutes(ours)
    for stage in STAGES:
        hits = np.sum((found == stage) & (expert == stage))
        total = np.sum(found == stage) + np.sum(expert == stage)
        each = expected[stage]
        print(
            f"{stage.symbol:<6}{2 * hits / max(total, 1):>6.2f}{np.sum(expert == stage) / 2:>12.1f}"
            f"{np.sum(found == stage) / 2:>12.1f}{each.mean:>14.1f}{each.low95:>8.1f} … {each.high95:<6.1f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, help="the Python of an environment with YASA")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--segment", type=Path)
    parser.add_argument("--stages", type=Path)
    asked = parser.parse_args()
    segment = np.loadtxt(asked.segment).astype(np.float32) if asked.segment else simulated()
    if asked.stages:
        segment = segment[expert_start(asked.stages) :]
    find = "from importlib.util import find_spec as f; print(*f('yasa').submodule_search_locations)"
    package = subprocess.run([asked.peers, "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    model = str(Path(package) / "classifiers" / "clf_eeg_lgb_0.5.0.joblib")
    ways = {"sleeploop": (sys.executable, _OURS), "YASA": (asked.peers, _YASA)}
    print(f"{'recording':<18}{'stager':<11}{'cold s':>8}{'again s':>9}{'peak MiB':>10}{'times':>7}{'again':>7}")
    with tempfile.TemporaryDirectory() as fresh:
        for title, (x, fs_hz) in recordings(segment).items():
            given = Path(fresh) / "given.npy"
            np.save(given, x)
            costs: dict[str, list[Cost]] = {name: [] for name in ways}
            for run in range(asked.runs + 1):
                for name, (python, code) in ways.items():
                    cost = cost_of(python, code, [str(given), str(fs_hz), f"{fresh}/{name}.npy", model])
                    if run:  # the first fills caches: of files, of bytecode, of the trees
                        costs[name].append(cost)
            medians = {
                name: Cost(*(statistics.median(values) for values in zip(*map(_numbers, some), strict=True)))
                for name, some in costs.items()
            }
            own = medians["sleeploop"]
            for name, cost in medians.items():
                print(
                    f"{title:<18}{name:<11}{cost.cold_s:>8.2f}{cost.again_s:>9.3f}{cost.peak_mib:>10.0f}"
                    f"{cost.cold_s / own.cold_s:>7.1f}{cost.again_s / own.again_s:>7.1f}"
                )
            ours, theirs = (np.load(f"{fresh}/{name}.npy") for name in ways)
            differ = int(np.sum(ours.argmax(axis=1) != theirs.argmax(axis=1)))
            print(f"{'':<18}{differ} of {len(ours)} labels differ, probabilities by {np.abs(ours - theirs).max():.2g}")
            if asked.stages and title == "segment, 100 Hz":
                show_agreement(ours, expert_stages(asked.stages, len(ours)))


def _numbers(cost: Cost) -> tuple[float, float, float]:
    return cost.cold_s, cost.again_s, cost.peak_mib


if __name__ == "__main__":
    main()
