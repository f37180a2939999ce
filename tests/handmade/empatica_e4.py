"""A small export of `empatica_e4`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handmade.sample import T0_NS, Sample
from pipeline.clock import NS
from pipeline.recording import Kind


def write_e4(folder: Path) -> Path:
    path = folder / "1709326800_A01"
    path.mkdir()
    start = T0_NS // NS
    rng = np.random.default_rng(0)
    acc = "".join(f"{a},{b},{c}\n" for a, b, c in rng.integers(-64, 64, (3200, 3)).tolist())
    (path / "ACC.csv").write_text(f"{start}.0, {start}.0, {start}.0\n32.0, 32.0, 32.0\n{acc}")
    for name, fs, value, late in (("BVP", 64, 3.5, 0), ("EDA", 4, 0.7, 0), ("TEMP", 4, 33.1, 0), ("HR", 1, 66.0, 10)):
        rows = f"{value}\n" * (100 * fs)
        (path / f"{name}.csv").write_text(f"{start + late}.0\n{fs}.0\n{rows}")
    ends = [float(k) for k in range(1, 100) if not 30 < k < 40]
    (path / "IBI.csv").write_text(f"{start}.0, IBI\n" + "".join(f"{t},1.0\n" for t in ends))
    (path / "tags.csv").write_text(f"{start + 50}.00\n")
    return path


SAMPLE = Sample(write_e4, (30.0, 39.0), frozenset({Kind.RR}), moves_with_zone=False)
