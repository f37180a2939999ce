"""RR intervals as a plain text export: a head of `# name: value` lines, then one interval per line."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.simulate.beats import BeatTrain


def write_rr_text(path: Path, beats: BeatTrain, start_wall: datetime, device: str = "Polar H10") -> None:
    """Writes whole milliseconds, one interval per line, from the local wall clock `start_wall` on.

    A stretch without intervals is one line `# gap: seconds`, so that the clock of what follows is not lost.
    """
    edges = np.flatnonzero(np.diff(beats.lost.astype(np.int8))) + 1
    bounds = [0, *edges.tolist(), len(beats.lost)]
    rr_ms = beats.rr_ms
    lines = [f"# device: {device}", f"# start: {start_wall:%Y-%m-%dT%H:%M:%S}", "# unit: ms"]
    for low, high in pairwise(bounds):
        run = rr_ms[low:high]
        if high > low and beats.lost[low]:
            lines.append(f"# gap: {run.sum() / 1000:.3f}")
        else:
            lines.extend(map(str, run.tolist()))
    path.write_bytes(("\n".join(lines) + "\n").encode("ascii"))
