"""Hypnograms with a planted share of N3 and planted wake, and the timeline of states they make over many days."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S
from pipeline.recording import Floats, Int64, Stage
from pipeline.simulate.days import Days

Stages = NDArray[np.int8]

CYCLE_EPOCHS = 190
"""A NREM–REM cycle of 95 min (about 90–110 min in adults: textbook value, recalled)."""
N1_SHARE = 0.05
N3_FALL_PER_CYCLE = 0.9
"""N3 of cycle k ∝ exp(−0.9 k): two thirds of N3 lie in the first three hours, as in the consensus of five scorers
over 25 healthy nights of DOD-H (doi:10.1109/TNSRE.2020.3011181)."""
WAKE_BOUT_EPOCHS = 4.0
MOST_WAKE = 0.45
"""No night is awake for more than this share of its time in bed, whatever its badness."""


def night_stages(
    epochs: int,
    *,
    latency_min: float,
    waso_min: float,
    n3_share: float,
    rem_share: float,
    rng: np.random.Generator,
) -> Stages:
    """The stages of one night in bed, shape (epochs,), 30 s each, from lights off to rising.

    Sleep latency and wake after sleep onset are met to the epoch unless together they exceed 45 % of the time in
    bed, when both shrink; N3 and REM are shares of sleep. N3 falls and REM grows from cycle to cycle.
    """
    per_min = 60 / EPOCH_S
    awake = np.array([latency_min, waso_min]) * per_min
    awake *= min(1.0, MOST_WAKE * epochs / awake.sum())
    latency, waso = np.rint(awake).astype(int).tolist()
    last = int(rng.integers(0, min(6, waso) + 1))
    sleep = _sleep(epochs - latency - waso, n3_share, rem_share, rng)
    broken = _with_wake(sleep, waso - last, rng)
    wake = np.int8(Stage.WAKE)
    return np.concatenate([np.full(latency, wake), broken, np.full(last, wake)])


def _sleep(epochs: int, n3_share: float, rem_share: float, rng: np.random.Generator) -> Stages:
    """Sleep without wake: cycles of N1, N2, N3, N2, REM."""
    cycles = max(1, round(epochs / CYCLE_EPOCHS))
    k = np.arange(cycles, dtype=np.float64)

    def parted(share: float, weight: Floats) -> Floats:
        uneven: Floats = weight * np.exp(rng.normal(0.0, 0.12, cycles))
        uneven *= share * epochs / uneven.sum()
        return uneven

    n1 = np.full(cycles, N1_SHARE * epochs / cycles)
    n3 = parted(n3_share, np.exp(-N3_FALL_PER_CYCLE * k))
    rem = parted(rem_share, 0.5 + k)
    n2 = np.maximum(epochs / cycles - n1 - n3 - rem, 8.0)
    n2 *= (epochs - n1.sum() - n3.sum() - rem.sum()) / n2.sum()
    bouts = np.stack([n1, 0.6 * n2, n3, 0.4 * n2, rem], axis=1).ravel()
    ends = np.rint(np.cumsum(bouts)).astype(int)
    order = np.tile(np.array([Stage.N1, Stage.N2, Stage.N3, Stage.N2, Stage.REM], np.int8), cycles)
    return np.repeat(order, np.diff(ends, prepend=0))


def _with_wake(sleep: Stages, epochs: int, rng: np.random.Generator) -> Stages:
    """Sleep with `epochs` of wake put in as bouts, outside N3 and, where the night is long enough, not at once."""
    if epochs < 1:
        return sleep
    places = np.flatnonzero(sleep != Stage.N3)
    places = places[places >= min(10, places[-1])]
    bouts = max(1, min(round(epochs / WAKE_BOUT_EPOCHS), len(places)))
    lengths = 1 + rng.multinomial(epochs - bouts, rng.dirichlet(np.ones(bouts)))
    at = np.sort(rng.choice(places, bouts, replace=False))
    return np.insert(sleep, np.repeat(at, lengths), np.int8(Stage.WAKE))


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """What the person did in each 30-s epoch from `start_ns` on: stage (WAKE by day) and whether in bed."""

    start_ns: int
    stages: Stages
    in_bed: NDArray[np.bool_]

    @property
    def end_ns(self) -> int:
        """The end of the last epoch."""
        return self.start_ns + len(self.stages) * EPOCH_NS

    @property
    def asleep(self) -> NDArray[np.bool_]:
        """Whether each epoch is sleep."""
        return np.asarray(self.stages != Stage.WAKE, bool)

    @property
    def minutes_ns(self) -> Int64:
        """The start of every whole minute."""
        return self.start_ns + np.arange(len(self.stages) // 2, dtype=np.int64) * 2 * EPOCH_NS

    def cut(self, start_ns: int, end_ns: int) -> Timeline:
        """The epochs in [start, end); both must lie on the timeline's own grid and inside it."""
        low, high = (start_ns - self.start_ns) // EPOCH_NS, (end_ns - self.start_ns) // EPOCH_NS
        if low < 0 or high > len(self.stages):
            raise ValueError("a timeline cannot be cut outside its span")
        return Timeline(start_ns, self.stages[low:high], self.in_bed[low:high])


def timeline(days: Days, rem_share: float, start_ns: int, end_ns: int, rng: np.random.Generator) -> Timeline:
    """The states of a person from `start_ns` to `end_ns`, which must hold every night of `days`."""
    n = (end_ns - start_ns) // EPOCH_NS
    stages = np.full(n, Stage.WAKE, np.int8)
    in_bed = np.zeros(n, bool)
    lows, highs = (days.bed_ns - start_ns) // EPOCH_NS, (days.rise_ns - start_ns) // EPOCH_NS
    if lows.min() < 0 or highs.max() > n:
        raise ValueError("a night lies outside the timeline")
    for k, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
        in_bed[low:high] = True
        stages[low:high] = night_stages(
            high - low,
            latency_min=float(days.latency_min[k]),
            waso_min=float(days.waso_min[k]),
            n3_share=float(days.n3_share[k]),
            rem_share=rem_share,
            rng=rng,
        )
    return Timeline(start_ns, stages, in_bed)
