"""A small export of `polar_flow_rr`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_session(folder: Path) -> Path:
    path = folder / "session_RR.csv"
    rows = ["800,0"] * 100 + ["2000,1"] * 10 + ["900,0"] * 100
    path.write_text("duration,offline\n" + "\n".join(rows) + "\n")
    return path


SAMPLE = Sample(write_session, (80.0, 100.0), frozenset({Kind.RR}), lines=True)
