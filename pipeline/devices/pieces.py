"""Pieces of an interrupted recording, laid on one regular grid with NaN between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.devices.reader import whole_ns
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Int64, Samples
from pipeline.room import need_room

SAME_TIME_S = 0.01
"""Time stamps are text and rounded (to 1 or 10 ms by most recorders): a smaller step between pieces is no gap."""
LARGEST_EXPANSION = 20
LARGE_BYTES = 200_000_000
"""A recording that gaps would blow up beyond both of these has a wrong clock, not a gap."""


def on_one_grid(samples: Samples, first: Int64, onset_s: Floats, fs_hz: float, path: Path, columns: int = 1) -> Samples:
    """`samples` (n,) with NaN put in where the pieces leave time between them.

    Piece k begins at index `first[k]` of `samples` and `onset_s[k]` seconds after any common zero; each piece is
    placed at the sample nearest to its onset, and a piece that would begin before the one ahead of it ends (by a
    rounding) directly after it. `columns` is how many such samples are laid out beside each other.

    Raises
    ------
    FileFault
        IMPLAUSIBLE for onsets that no recording holds; CORRUPT if the result were over 20 times longer than the samples
        and, all columns together, over 200 MB.
    """
    if len(first) == 1:
        return samples
    whole_ns(onset_s - onset_s[0], path)
    wanted = np.rint((onset_s - onset_s[0]) * fs_hz).astype(np.int64)
    place = np.maximum.accumulate(wanted - first) + first
    length = int(place[-1]) + len(samples) - int(first[-1])
    if length > LARGEST_EXPANSION * len(samples) and 4 * columns * length > LARGE_BYTES:
        far = int(np.argmax(np.diff(onset_s)))
        raise FileFault(
            Fault.CORRUPT,
            f"its time stamps spread {len(samples) / fs_hz:.0f} s of samples over {length / fs_hz:.0f} s",
            where=path.name,
            known=f"the piece that begins at {onset_s[far]:.10g} s is followed by one at {onset_s[far + 1]:.10g} s",
            hint="the recorder's clock was set or failed on the way: export the parts as separate files",
        )
    need_room(path, 4 * columns * (length + len(samples)))
    grid = np.full(length, np.nan, np.float32)
    ends = np.append(first[1:], len(samples))
    for begin, end, to in zip(first.tolist(), ends.tolist(), place.tolist(), strict=True):
        grid[to : to + end - begin] = samples[begin:end]
    return grid
