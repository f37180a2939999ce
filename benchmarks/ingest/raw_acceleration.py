"""What reading raw acceleration costs, beside public readers: CPU seconds and peak memory of whole processes.

A synthetic week (and, with --month, four weeks) is written as real .cwa and .gt3x files: nights, days of movement, two
stretches without the watch, gain and offset errors. Each reader runs in a fresh process, readers in turn, so that
what else the machine does falls on all; a first round does not count. Printed are medians; CPU time is user and
system, import and exit included.

    python benchmarks/ingest/raw_acceleration.py [--peers PYTHON] [--runs 7] [--month] [--folder DIR]

`--peers` is the Python of an environment with scikit-digital-health, actfast and pygt3x; without it only this reader is
measured. A reader that fails on a file, or finds no sample in it, is shown as failing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.simulate.exports.actigraph_gt3x import write_gt3x
from pipeline.simulate.exports.axivity_cwa import write_cwa

ROOT = Path(__file__).resolve().parents[2]
START_S = 1_709_294_400  # 2024-03-01 12:00
WEEK_H = 7 * 24
UNWORN_H = (*range(50, 54), *range(95, 97))
"""Hours from the start in which nobody wore the watch."""
GAIN, OFFSET_G = (0.98, 1.02, 1.01), (0.02, -0.015, 0.03)

OURS = """
import sys
from pathlib import Path
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
recording = read_export(Path(sys.argv[1]), Asked(zone="Europe/Rome"))[1]
{how}
"""
READERS = {
    "sleeploop": OURS.format(how="print(sum(len(p.samples) for p in recording.streams[0].pieces()))"),
    "sleeploop, all kept": OURS.format(
        how="kept = list(recording.streams[0].pieces()); print(sum(len(p.samples) for p in kept))"
    ),
    "actfast": """
import sys, actfast
series = actfast.read(sys.argv[1])["timeseries"]
print(len(series.get("high_frequency", series.get("acceleration"))["acceleration"]))
""",
    "skdh": """
import sys
from skdh.io import ReadCwa
print(len(ReadCwa().predict(file=sys.argv[1])["accel"]))
""",
    "pygt3x": """
import sys
from pygt3x.reader import FileReader
with FileReader(sys.argv[1]) as reader:
    print(len(reader.acceleration))
""",
}
_PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""The peak in KiB (Linux). What the system tells a parent of its child is never less than what the parent took."""
PEERS = {".cwa": ("actfast", "skdh"), ".gt3x": ("actfast", "pygt3x")}


@dataclass(frozen=True)
class Cost:
    """What one process took; `samples` is None where it failed."""

    samples: int | None
    cpu_s: float
    peak_mb: float


def hours(number: int, rate: int, seed: int = 7) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Each hour from noon on: its first second and its samples in 1/256 g."""
    rng = np.random.default_rng(seed)
    pose = np.array([0.0, 0.0, 1.0])
    for hour in range(number):
        worn, night = hour not in UNWORN_H, 11 <= hour % 24 < 19
        poses = []
        for _ in range(60):
            if worn and rng.random() < (0.05 if night else 0.9):
                pose = rng.normal(size=3)
                pose /= np.linalg.norm(pose)
            poses.append(pose)
        steady = np.repeat(np.array(poses, np.float32), 60 * rate, axis=0)
        strength = rng.lognormal(-3.5, 1.2, 720) * (worn and not night)
        moved = np.repeat(strength.astype(np.float32), 5 * rate)[:, None]
        noise = rng.standard_normal((3600 * rate, 3), np.float32)
        acc_g = (steady + noise * (moved.clip(0, 2) + 0.008)) * np.float32(GAIN) + np.float32(OFFSET_G)
        yield START_S + hour * 3600, np.rint(acc_g * 256).clip(-2048, 2047).astype(np.int16)


def write_all(folder: Path, number: int) -> dict[str, Path]:
    """The files of so many hours, by what they are."""
    end_s = START_S + number * 3600
    out = {}
    weeks = f"{number // WEEK_H} wk"
    path = out[f"{weeks} 100 Hz .cwa, packed"] = folder / f"{number}_packed.cwa"
    write_cwa(path, ((start * NS, coarse(samples)) for start, samples in hours(number, 100)))
    rates = ((50, False), (50, True)) if number == WEEK_H else ((100, False),)
    for rate, packed in rates:
        form = "12-bit" if packed else "int16"
        path = out[f"{weeks} {rate} Hz .gt3x, {form}"] = folder / f"{number}_{rate}_{form}.gt3x"
        write_gt3x(path, hours(number, rate), rate, start_s=START_S, end_s=end_s, packed=packed, offset="01:00:00")
    return out


def coarse(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Samples as 10 bits and an exponent can hold them."""
    large = np.abs(samples).max(axis=1, keepdims=True)
    return samples & np.where(large < 500, -1, -8).astype(np.int16)


def cost_of(python: str, code: str, path: Path) -> Cost:
    """One run in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # reading a file is measured, not compiling the reader
    child = subprocess.Popen(
        [python, "-c", code + _PEAK, str(path)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    said = child.stdout.read().split()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    samples, peak = map(int, said[-2:]) if child.returncode == 0 else (0, 0)
    return Cost(samples or None, used.ru_utime + used.ru_stime, peak / 1024)


def measured(path: Path, python_of: dict[str, str], runs: int) -> dict[str, Cost]:
    """The median cost of each reader on one file."""
    costs: dict[str, list[Cost]] = {name: [] for name in python_of}
    for run in range(runs + 1):
        for name, python in python_of.items():
            cost = cost_of(python, READERS[name], path)
            if run:  # the first brings the file and all bytecode into the system's cache
                costs[name].append(cost)
    return {
        name: Cost(
            some[0].samples,
            statistics.median(cost.cpu_s for cost in some),
            statistics.median(cost.peak_mb for cost in some),
        )
        for name, some in costs.items()
    }


def show(title: str, path: Path, found: dict[str, Cost]) -> None:
    """One table: reader, samples, CPU seconds, peak, and how many times what this reader takes."""
    print(f"\n{title} ({path.stat().st_size / 1e6:.0f} MB)")
    print(f"{'reader':<22}{'samples':>14}{'CPU s':>9}{'peak MiB':>9}{'times':>8}")
    own = found["sleeploop"].cpu_s
    for name, cost in found.items():
        if cost.samples is None:
            print(f"{name:<22}{'fails or finds nothing':>40}")
        else:
            print(f"{name:<22}{cost.samples:>14,}{cost.cpu_s:>9.2f}{cost.peak_mb:>9.0f}{cost.cpu_s / own:>8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python of an environment with the public readers")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument(
        "--month", action="store_true", help="four weeks at 100 Hz too (this reader only; 2.5 GB of files)"
    )
    parser.add_argument("--folder", type=Path, help="where the files are written, and left")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as fresh:
        folder = asked.folder or Path(fresh)
        folder.mkdir(parents=True, exist_ok=True)
        for title, path in write_all(folder, WEEK_H).items():
            python_of = {"sleeploop": sys.executable, "sleeploop, all kept": sys.executable}
            python_of |= dict.fromkeys(PEERS[path.suffix], asked.peers) if asked.peers else {}
            show(title, path, measured(path, python_of, asked.runs))
        if asked.month:
            for title, path in write_all(folder, 4 * WEEK_H).items():
                show(title, path, measured(path, {"sleeploop": sys.executable}, asked.runs))


if __name__ == "__main__":
    main()
