"""A small export of `bids_hypnogram`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_events(folder: Path) -> Path:
    path = folder / "sub-01_events.tsv"
    rows = [(0, 600, "sleep_wake"), (900, 1200, "sleep_N2"), (1000.5, 3, "arousal"), (2100, 6000, "sleep_N3")]
    rows += [(8100 + 30 * k, 30, "sleep_REM") for k in range(100)]
    path.write_text("onset\tduration\ttrial_type\n" + "".join(f"{a}\t{b}\t{c}\n" for a, b, c in rows))
    return path


SAMPLE = Sample(write_events, (600.0, 900.0), frozenset({Kind.STAGES}), lines=True, kinds=frozenset({Kind.MARKERS}))
