"""A small export of `edf`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handmade.sample import Sample
from pipeline.recording import Kind


def write_edf(folder: Path) -> Path:
    """EDF+D: 60 records of 1 s of one EEG at 64 Hz, the last 30 of them 10 s late."""
    path = folder / "night.edf"
    fields = [
        (b"0", 8),
        (b"CANARY-77 F 01-JAN-1980 Canary_Jane", 80),
        (b"Startdate 01-MAR-2024 CANARY-78 Dr_Canaria SN-CANARY-79", 80),
        (b"01.03.24", 8),
        (b"22.00.00", 8),
        (b"768", 8),
        (b"EDF+D", 44),
        (b"60", 8),
        (b"1", 8),
        (b"2", 4),
        (b"EEG Fpz-Cz", 16),
        (b"EDF Annotations", 16),
        (b"", 80),
        (b"", 80),
        (b"uV", 8),
        (b"", 8),
        (b"-3276.8", 8),
        (b"-1", 8),
        (b"3276.7", 8),
        (b"1", 8),
        (b"-32768", 8),
        (b"-32768", 8),
        (b"32767", 8),
        (b"32767", 8),
        (b"", 80),
        (b"", 80),
        (b"64", 8),
        (b"16", 8),
        (b"", 32),
        (b"", 32),
    ]
    wave = np.random.default_rng(0).normal(0, 300, (60, 64)).astype("<i2")
    content = b"".join(text.ljust(width) for text, width in fields)
    for k in range(60):
        stamp = f"+{k if k < 30 else k + 10}\x14\x14\x00".encode()
        content += wave[k].tobytes() + stamp.ljust(32, b"\x00")
    path.write_bytes(content)
    return path


SAMPLE = Sample(
    write_edf,
    (30.0, 40.0),
    frozenset({Kind.EEG}),
    planted=("CANARY-77", "1980", "Canary_Jane", "CANARY-78", "Dr_Canaria", "CANARY-79"),
)
