"""Slow waves made by hand: trains of sines, planted waves in noise, and how two lists of events agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Stage
from pipeline.signals.fir import Mask
from pipeline.signals.slow_wave_presets import YASA, SlowWavePreset
from pipeline.signals.slow_waves import SlowWaves, slow_waves
from pipeline.simulate.eeg_artefacts import ArtefactPlan
from pipeline.simulate.eeg_events import EegPlan, SimulatedNight, simulated_night
from pipeline.simulate.slow_wave_events import SlowWavePlan

FS = 100.0
RATES = (50.0, 100.0, 128.0, 200.3, 256.0, 512.0)
Array = NDArray[np.float64]
SKEWED = ((70.0, 0.6, 0.0), (25.0, 1.2, 0.7))
"""Trough and peak of different sizes, ways down and up of different steepness."""


def found(
    x: NDArray[np.floating],
    fs: float = FS,
    preset: SlowWavePreset = YASA,
    valid: Mask | None = None,
    included: Mask | None = None,
) -> SlowWaves:
    samples = np.asarray(x, np.float32)
    every = np.ones(len(samples), np.bool_)
    return slow_waves(samples, fs, every if valid is None else valid, every if included is None else included, preset)


def train(fs: float, seconds: float, *parts: tuple[float, float, float]) -> Array:
    """The sum of a · sin(2π f t + φ) for parts (a in µV, f in Hz, φ)."""
    t = np.arange(round(seconds * fs)) / fs
    return np.sum([a * np.sin(2 * np.pi * f * t + p) for a, f, p in parts], axis=0)


def planted(snr_db: float, fs: float = FS, minutes: int = 40, seed: int = 3) -> SimulatedNight:
    plan = EegPlan(
        artefacts=ArtefactPlan(per_h={}),
        slow_waves=SlowWavePlan(trough_uv={Stage.N3: 85.0}, per_min={Stage.N3: 10.0}),
    )
    return simulated_night(np.full(2 * minutes, Stage.N3, np.int8), fs, plan=plan, snr_db=snr_db, seed=seed)


def both(a: Array, b: Array, within: float) -> int:
    """Pairs of the two, each event once, by going through both in order."""
    n = i = j = 0
    while i < len(a) and j < len(b):
        if abs(a[i] - b[j]) <= within:
            n, i, j = n + 1, i + 1, j + 1
        elif a[i] < b[j]:
            i += 1
        else:
            j += 1
    return n


def f1(a: Array, b: Array, within: float = 0.1) -> float:
    return 2 * both(a, b, within) / (len(a) + len(b))
