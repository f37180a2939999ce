"""A small export of `dreem_h5`."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from handmade.sample import T0_NS, Sample
from pipeline.recording import Kind


def write_dreem(folder: Path) -> Path:
    """Two minutes of two channels, 30 s of it not recorded and not scored, and an acceleration."""
    path = folder / "night.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["start_time"] = T0_NS // 10**9
        for name in ("eeg1", "eeg2"):
            wave = rng.normal(0, 30, 120 * 250).astype(np.float32)
            wave[30 * 250 : 60 * 250] = np.nan
            file[f"{name}/filtered"] = wave
            file[f"{name}/raw"] = np.zeros(120 * 250, np.float32)
        for axis, value in zip("xyz", (0.1, -0.2, 0.97), strict=True):
            file[f"accelerometer/{axis}"] = np.full(120 * 50, value, np.float32)
        file["algo/dreemnogram"] = np.array([0, -1, 2, 3], np.int64)
    return path


SAMPLE = Sample(
    write_dreem, (30.0, 60.0), frozenset({Kind.EEG, Kind.STAGES}), moves_with_zone=False, kinds=frozenset({Kind.ACC})
)
