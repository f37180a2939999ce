"""A small export of `openbci_txt`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handmade.sample import T0_NS, Sample
from pipeline.recording import Kind

HEADER = (
    "%OpenBCI Raw EXG Data",
    "%Number of channels = 2",
    "%Sample Rate = 250 Hz",
    "%Board = OpenBCI_GUI$BoardCytonSerial",
    "Sample Index, EXG Channel 0, EXG Channel 1, Accel Channel 0, Accel Channel 1, Accel Channel 2, Other, "  # noqa: ISC004
    "Timestamp, Marker Channel, Timestamp (Formatted)",
)


def rows_of(taken: np.ndarray, step: int = 1, fs: float = 250.0) -> list[str]:
    """A Cyton's rows of the samples numbered `taken`; every tenth carries an acceleration, the others zeros."""
    rows = []
    for k in taken.tolist():
        acc = "0.1, -0.2, 0.96" if k % 10 == 9 else "0.0, 0.0, 0.0"
        unix = T0_NS / 1e9 + k / fs
        rows.append(f"{k * step % 256}.0, {k % 50}.5, {-k % 40}.25, {acc}, 192.0, {unix:.6f}, 0.0, 2024-03-01 22:00:00")
    return rows


def write_openbci(folder: Path) -> Path:
    """A minute of two channels, 10 s of it lost: 2500 samples, nearly ten rounds of the counter."""
    path = folder / "OpenBCI-RAW-2024-03-01_22-00-00.txt"
    taken = np.concatenate((np.arange(7500), np.arange(10_000, 15_000)))
    path.write_text("\n".join([*HEADER, *rows_of(taken), ""]))
    return path


SAMPLE = Sample(
    write_openbci, (30.0, 40.0), frozenset({Kind.EEG, Kind.ACC}), moves_with_zone=False, lines=True, begins_s=0.0
)
