"""Pieces of a stream made of blocks of samples that carry a time stamp each (pages, packets).

Blocks that follow one another are joined; where two leave time between them is a gap. A piece begins at the stamp of
its first block and ends at the stamp of the block behind it: its rate is the one that the device's clock shows, and
the rounding of stamps never adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.errors import Fault, FileFault
from pipeline.recording import Int64, Kind, Samples, Signal, SignalStream

MOST_SAMPLES = 1_000_000
"""Samples of a piece, about: 12 MB of three axes, 1.4 h at 200 Hz."""
LONGEST_GAP_S = 366 * 86_400.0
"""No battery lasts longer: a block stamped later bears a wrong date."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The blocks `first` … `last` − 1, which follow one another without a gap."""

    first: int
    last: int
    start_ns: int
    end_ns: int
    samples: int

    @property
    def fs_hz(self) -> float:
        """The rate that the stamps show."""
        return self.samples * NS / (self.end_ns - self.start_ns)


def stretches(
    path: Path, start_ns: Int64, end_ns: Int64, samples: Int64, fs_hz: float, rounding_ns: int
) -> tuple[Stretch, ...]:
    """Blocks joined to stretches of at most `MOST_SAMPLES`; shape (n,) each, one or more.

    Block k holds `samples[k]` samples of about `fs_hz` from `start_ns[k]` on and should end at `end_ns[k]`, stamps that
    are rounded to `rounding_ns`: a block that begins within twice that of where the one ahead ends follows it. A
    stretch that stands alone is of `fs_hz`, unless its stamps contradict that by more than their rounding.

    Raises
    ------
    FileFault
        CORRUPT if a block begins before the one ahead of it ends, or more than `LONGEST_GAP_S` after it.
    """
    late_ns = start_ns[1:] - end_ns[:-1]
    back = np.flatnonzero(late_ns < -2 * rounding_ns)
    if back.size:
        known = f"block {back[0] + 2} is stamped {-late_ns[back[0]] / NS:.1f} s before the one ahead of it ends"
        hint = "the device's clock was set on the way, or two recordings were put into one file: export them apart"
        raise FileFault(Fault.CORRUPT, "its time stamps step back", where=path.name, known=known, hint=hint)
    if late_ns.max(initial=0) > LONGEST_GAP_S * NS:
        known = f"block {int(np.argmax(late_ns)) + 2} is stamped {late_ns.max() / NS / 86_400:.0f} days late"
        raise FileFault(Fault.CORRUPT, "a time stamp is far from the others", where=path.name, known=known)
    edges = [0, *(np.flatnonzero(late_ns > 2 * rounding_ns) + 1).tolist(), len(start_ns)]
    out: list[Stretch] = []
    for begin, end in pairwise(edges):
        cuts = _cuts(samples[begin:end]) + begin
        for first, last in pairwise(cuts.tolist()):
            count, start = int(samples[first:last].sum()), int(start_ns[first])
            stop = int(start_ns[last] if last < end else end_ns[last - 1])
            nominal = start + round(count / fs_hz * NS)
            alone = (first, last) == (begin, end)
            out.append(
                Stretch(first, last, start, nominal if alone and abs(stop - nominal) <= rounding_ns else stop, count)
            )
    return tuple(out)


def _cuts(samples: Int64) -> Int64:
    """Where a run of blocks is cut so that no part holds more than about `MOST_SAMPLES`."""
    part = np.cumsum(samples) // MOST_SAMPLES
    return np.concatenate(([0], np.flatnonzero(np.diff(part)) + 1, [len(samples)])).astype(np.int64)


def stream_of(
    kind: Kind, label: str, fs_hz: float, parts: tuple[Stretch, ...], read: Callable[[Stretch], Samples]
) -> SignalStream:
    """The stream whose pieces are `parts`; `read` gives the samples of one."""

    def pieces() -> Iterator[Signal]:
        for part in parts:
            yield Signal(kind, label, part.fs_hz, part.start_ns, read(part))

    measured_s = sum(part.end_ns - part.start_ns for part in parts) / NS
    return SignalStream(kind, label, fs_hz, parts[0].start_ns, parts[-1].end_ns, measured_s, pieces)


def one_a_block(kind: Kind, label: str, start_ns: Int64, values: Samples, parts: tuple[Stretch, ...]) -> Signal:
    """A quantity of which every block holds one value, NaN where blocks are absent.

    Blocks of a stretch are neighbours however their stamps are rounded; only between stretches does time count.
    """
    place = np.arange(len(start_ns))
    span_ns = parts[-1].end_ns - parts[0].start_ns
    absent_ns = [0, *(after.start_ns - before.end_ns for before, after in pairwise(parts))]
    step_ns = (span_ns - sum(absent_ns)) / len(start_ns)
    shift = np.cumsum(np.rint(np.asarray(absent_ns) / step_ns).astype(np.int64))
    place += np.repeat(shift, [part.last - part.first for part in parts])
    grid = np.full(int(place[-1]) + 1, np.nan, np.float32)
    grid[place] = values
    return Signal(kind, label, len(grid) * NS / span_ns, parts[0].start_ns, grid)
