"""What finding slow waves costs, beside YASA, and how far the two agree: on real sleep and on waves that were planted.

Each detector runs in fresh processes, in turn, so that what else the machine does falls on both; a first round does not
count. Printed are medians: `whole` is the CPU time (user and system) of a process with its imports, its reading of the
samples and one detection, `again` that of the same detection once more in the same process, and the peak of memory.

    python benchmarks/eeg/slow_waves.py [--peers PYTHON] [--runs 5] [--real DIR] [--longest 24]

`--peers` is the Python of an environment with YASA; without it only this detector is measured. `--real` is a folder
with `dynamo_eeg_segment` and `yasa_notebook_data`; without it the tables of real sleep are left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from slow_wave_processes import Input, clean, measured, night, once

from pipeline.recording import Floats, Samples, Stage
from pipeline.signals.fir import filtered, taps_of
from pipeline.signals.slow_wave_presets import PRESETS, YASA
from pipeline.signals.slow_waves import SlowWaves, slow_waves
from pipeline.simulate.eeg_events import simulated_night, simulated_stages

WITHIN_S = 0.05
"""Two troughs so near are one."""


def show_costs(inputs: list[Input], python_of: dict[str, str], runs: int) -> None:
    print("\n| input | detector | waves | whole, CPU s | again, CPU ms | peak, MiB | times: whole | again | peak |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for given in inputs:
        found = measured(given, python_of, max(runs, 1))
        own = found["sleeploop"]
        for name, cost in found.items():
            ratios = (cost.whole_s / own.whole_s, cost.again_s / own.again_s, cost.peak_mb / own.peak_mb)
            print(
                f"| {given.title} | {name} | {cost.waves} | {cost.whole_s:.2f} | {1e3 * cost.again_s:.1f} | "
                f"{cost.peak_mb:.0f} | " + " | ".join(f"{ratio:.1f}" for ratio in ratios) + " |",
                flush=True,
            )


def pairs(ours_s: Floats, theirs_s: Floats, within_s: float = WITHIN_S) -> NDArray[np.int64]:
    """Rows of ours and theirs that are one event, each at most once, nearest first; shape (m, 2)."""
    if not len(ours_s) or not len(theirs_s):
        return np.empty((0, 2), np.int64)
    right = np.clip(np.searchsorted(theirs_s, ours_s), 1, max(len(theirs_s) - 1, 1))
    near = np.stack((right - 1, np.minimum(right, len(theirs_s) - 1)), axis=1)
    apart = np.abs(theirs_s[near] - ours_s[:, None])
    used_ours, used_theirs, out = set[int](), set[int](), []
    for flat in np.argsort(apart, axis=None):
        i, j = int(flat) // 2, int(near.flat[flat])
        if apart.flat[flat] <= within_s and i not in used_ours and j not in used_theirs:
            used_ours.add(i)
            used_theirs.add(j)
            out.append((i, j))
    return np.array(sorted(out), np.int64).reshape(-1, 2)


def f1(ours: int, theirs: int, both: int) -> float:
    return 2 * both / (ours + theirs) if ours + theirs else float("nan")


def why_extra(waves: SlowWaves, at: int, y: Samples, fs_hz: float) -> str:
    """Why YASA does not report a wave, by its rules on the trace at the full rate."""

    def tops(start_s: float, stop_s: float, sign: float, least_uv: float) -> int:
        part = sign * y[int(start_s * fs_hz) : int(stop_s * fs_hz) + 2]
        inner = part[1:-1]
        return int(((inner > part[:-2]) & (inner >= part[2:]) & (inner >= least_uv)).sum())

    if tops(waves.start_s[at], waves.zero_s[at], -1.0, YASA.negative_uv[0]) > 1:
        return "two troughs: deleted"
    if tops(waves.zero_s[at], waves.end_s[at], 1.0, YASA.positive_uv[0]) > 1:
        return "two peaks: the first taken"
    edges = (
        (waves.negative_s[at], YASA.negative_s, 1.0 / fs_hz),
        (waves.positive_s[at], YASA.positive_s, 1.0 / fs_hz),
        (-waves.neg_uv[at], YASA.negative_uv, 0.5),
        (waves.pos_uv[at], YASA.positive_uv, 0.5),
        (waves.ptp_uv[at], YASA.ptp_uv, 0.5),
    )
    if any(abs(value - edge) <= near for value, both, near in edges for edge in both):
        return "within a sample or 0.5 µV of a limit"
    return "unexplained"


def show_agreement(inputs: list[Input], peer: str) -> None:
    print("\n| segment | YASA | ours | both | F1 | ours alone, because | YASA alone | trough apart, ms (SD) |")
    print("|---|---:|---:|---:|---:|---|---:|---:|")
    for given in inputs:
        theirs = once(given, "YASA", peer)
        x = given.samples_uv[0]
        ours = slow_waves(x, given.fs_hz, np.isfinite(x), given.included, YASA)
        both = pairs(ours.trough_s, theirs)
        y = filtered(x, np.isfinite(x), taps_of(YASA.band, given.fs_hz))
        alone = np.setdiff1d(np.arange(len(ours)), both[:, 0])
        why, number = np.unique([why_extra(ours, at, y, given.fs_hz) for at in alone.tolist()], return_counts=True)
        said = "; ".join(f"{n} {reason}" for reason, n in zip(why.tolist(), number.tolist(), strict=True)) or "–"
        apart = 1e3 * float(np.std(ours.trough_s[both[:, 0]] - theirs[both[:, 1]])) if len(both) else float("nan")
        score = f1(len(ours), len(theirs), len(both))
        print(f"| {given.title} | {len(theirs)} | {len(ours)} | {len(both)} | {score:.3f} | {said} | "
              f"{len(theirs) - len(both)} | {apart:.1f} |")  # fmt: skip


def show_definitions(given: Input) -> None:
    print(f"\n{given.title}, by definition:\n")
    print("| preset | waves | N2, per min | N3, per min | N3 / N2 | trough, µV | peak to peak, µV | slope, µV/s | "
          "at half gain | at double gain | turned round |")  # fmt: skip
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    x, stage = given.samples_uv[0], given.stage.astype(np.float64)
    valid = np.isfinite(x)
    for preset in PRESETS:
        waves = slow_waves(x, given.fs_hz, valid, given.included, preset)
        n2, n3 = density(waves, stage)
        medians = " | ".join(f"{np.median(v):.0f}" for v in (waves.neg_uv, waves.ptp_uv, waves.slope_uv_per_s))
        others = [
            len(slow_waves(x * np.float32(gain), given.fs_hz, valid, given.included, preset)) for gain in (0.5, 2, -1)
        ]
        print(f"| {preset.name} | {len(waves)} | {n2:.2f} | {n3:.2f} | {n3 / n2:.1f} | {medians} | "
              + " | ".join(map(str, others)) + " |")  # fmt: skip


def density(waves: SlowWaves, stage: Floats) -> Floats:
    """Waves per minute of N2 and of N3; the segments hold no gap, so that all of a stage could be searched."""
    of = stage[np.minimum((waves.trough_s / 30.0).astype(int), len(stage) - 1)]
    return np.array([(of == code).sum() / ((stage == code).sum() * 0.5) for code in (Stage.N2, Stage.N3)])


def show_planted(python_of: dict[str, str]) -> None:
    """F1 against planted waves whose trough, as planted, is deep enough."""
    print("\n| signal to noise, dB | planted | " + " | ".join(f"{name}: found, F1" for name in python_of) + " |")
    print("|---:|---:|" + "---:|" * len(python_of))
    for snr_db in (30.0, 20.0, 14.0, 8.0, 2.0):
        stages = simulated_stages(2.0, seed=9)
        made = simulated_night(stages, plan=clean(), snr_db=snr_db, seed=9)
        given = Input("planted", made.samples_uv, made.fs_hz, stages.astype(np.int64))
        truth_s = made.slow_waves.trough_s[-made.slow_waves.trough_uv >= YASA.negative_uv[0]]
        cells = []
        for name, python in python_of.items():
            trough_s = once(given, name, python)
            both = pairs(trough_s, truth_s, 0.1)
            cells.append(f"{len(trough_s)}, {f1(len(trough_s), len(truth_s), len(both)):.3f}")
        print(f"| {snr_db:g} | {len(truth_s)} | " + " | ".join(cells) + " |", flush=True)


def real(folder: Path) -> list[Input]:
    """83.5 min at 100 Hz with an expert's stages, and two snippets of N2 and N3."""
    segment = folder / "dynamo_eeg_segment"
    x = np.loadtxt(segment / "segment_data.csv", dtype=np.float32)
    change_s, code = np.loadtxt(segment / "segment_stages.csv", delimiter=",", skiprows=1).T
    first = round(change_s[1] % 30.0 * 100.0)  # the epochs of the night do not begin with the segment
    x = x[first:]
    middle_s = first / 100.0 + 30.0 * np.arange(-(-len(x) // 3000)) + 15.0
    meaning = np.array([-1, Stage.N3, Stage.N2, Stage.N1, Stage.REM, Stage.WAKE])
    stage = meaning[code.astype(int)][np.searchsorted(change_s, middle_s, "right") - 1]
    notebook = folder / "yasa_notebook_data"
    n3 = np.loadtxt(notebook / "data_N3_no-spindles_30sec_100Hz.txt", dtype=np.float32)
    n2 = np.loadtxt(notebook / "data_N2_spindles_15sec_200Hz.txt", dtype=np.float32)
    return [
        Input("84 min, 100 Hz", x[None], 100.0, stage),
        Input("30 s of N3, 100 Hz", n3[None], 100.0, np.array([3])),
        Input("15 s of N2, 200 Hz", n2[None], 200.0, np.array([2])),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="the Python of an environment with YASA")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--real", type=Path, help="the folder of real recordings")
    parser.add_argument("--longest", type=float, default=24.0, help="hours of the longest night")
    asked = parser.parse_args()
    python_of = {"sleeploop": sys.executable} | ({"YASA": asked.peers} if asked.peers else {})
    if asked.real:
        inputs = real(asked.real)
        if asked.peers:
            show_agreement(inputs, asked.peers)
        show_definitions(inputs[0])
    show_planted(python_of)
    hours = [h for h in (1.0, 2.0, 4.0, 8.0, 24.0) if h <= asked.longest]
    show_costs([night(h, 100.0, 1) for h in hours], python_of, asked.runs)
    show_costs([night(8.0, 256.0, 6)], python_of, asked.runs)


if __name__ == "__main__":
    main()
