"""A small export of `geneactiv_bin`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handmade.sample import START, Sample
from pipeline.recording import Kind
from pipeline.simulate.exports.geneactiv_bin import write_geneactiv_bin


def write_bin(folder: Path) -> Path:
    """20 pages of 6 s at 50 Hz, of which 8 and 9 are lost; the button is pressed once in page 2."""
    path = folder / "left wrist.bin"
    rng = np.random.default_rng(2)
    acc = np.array([0.0, 0.0, 1.0]) + rng.normal(0.0, 0.1, (6000, 3))
    light = rng.uniform(0.0, 2000.0, 6000)
    pressed = (np.arange(6000) >= 700) & (np.arange(6000) < 720)
    warm = 30.0 + np.arange(20) * 0.1
    write_geneactiv_bin(
        path, acc, START, fs_hz=50, light_lux=light, pressed=pressed, temperature_c=warm, lost_pages=(8, 9)
    )
    return path


SAMPLE = Sample(write_bin, (48.0, 60.0), frozenset({Kind.ACC, Kind.LIGHT, Kind.TEMP}), kinds=frozenset({Kind.MARKERS}))
