"""A small export of `rr_packets`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import T0_NS, Sample
from pipeline.recording import Kind


def write_packets(folder: Path) -> Path:
    path = folder / "strap.csv"
    start_ms = T0_NS // 1_000_000
    rows = [f"{start_ms + 1600 * k},75,{'800 800'}\n" for k in range(1, 101) if not 50 < k <= 75]
    path.write_text("timestamp,hr,rr_intervals\n" + "".join(rows))
    return path


SAMPLE = Sample(write_packets, (80.5, 119.5), frozenset({Kind.RR}), moves_with_zone=False, lines=True)
