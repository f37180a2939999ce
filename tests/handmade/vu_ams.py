"""A small export of `vu_ams`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

HEADER = "Subject Id: P37\nR-peak time\tibi_cumulative\tibi\tinterpolated\tLabelCode1\tLabelCode2\t\n"


def row(at_ms: int, ibi_ms: int, found: str = "O") -> str:
    stamp = START + timedelta(milliseconds=at_ms)
    return f"{stamp:%d-%m-%y/%H:%M:%S}.{at_ms % 1000:03d}\t{at_ms}\t{ibi_ms}\t{found}\t-9999\t-9999\t\n"


def write_peaks(folder: Path) -> Path:
    path = folder / "P37_ibi.txt"
    peaks = [at for at in range(0, 200_001, 800) if not 80_000 < at < 100_000]
    rows = [row(0, 0)] + [row(at, 800) for at in peaks[1:] if at != 100_000]
    path.write_text(HEADER + "".join(rows))
    return path


SAMPLE = Sample(write_peaks, (80.0, 100.0), frozenset({Kind.RR}), lines=True)
