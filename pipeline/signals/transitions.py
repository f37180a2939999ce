"""Changes between the five stages of a hypnogram, how long stages last, and the rates made of them.

Stages are float codes of `Stage`, NaN where nothing was scored. A transition joins two neighbouring epochs that were
both staged; none is counted across movement or unscored time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import asleep
from pipeline.signals.runs import runs_of

Counts = NDArray[np.int64]
N = 5
"""W, N1, N2, N3 and R: their codes are the rows and columns of a transition matrix."""
_DEEPER = (Stage.N2, Stage.N3, Stage.REM)


def transition_counts(stage: Floats) -> Counts:
    """How often each stage (row) was followed at once by each (column), shape (5, 5), in the order W N1 N2 N3 R."""
    staged = (stage >= Stage.WAKE) & (stage <= Stage.REM)  # NaN compares false
    both = staged[:-1] & staged[1:]
    pair = stage[:-1][both].astype(np.int64) * N + stage[1:][both].astype(np.int64)
    return np.bincount(pair, minlength=N * N).reshape(N, N)


def stay_probabilities(counts: Counts) -> Floats:
    """For each stage the share of its epochs that the same stage follows, shape (5,); NaN where nothing follows it."""
    of = counts.sum(axis=1)
    return np.where(of > 0, np.diag(counts) / np.maximum(of, 1), np.nan)


def shifts_to_wake(stage: Floats) -> int:
    """Epochs of any sleep (a device's 'light' and 'asleep' too) that wake follows at once."""
    return int((asleep(stage[:-1]) & (stage[1:] == Stage.WAKE)).sum())


@dataclass(frozen=True, slots=True)
class Shifts:
    """Changes of stage by kind; each counts pairs of neighbouring epochs."""

    to_wake: int
    """From any sleep stage to wake: awakenings."""
    between_sleep: int
    """From one of N1, N2, N3 and R to another of them."""
    to_lightest: int
    """From N2, N3 or R to N1 or wake."""
    from_wake: int
    """From wake to any sleep stage."""


def shifts_of(counts: Counts) -> Shifts:
    """The changes in a transition matrix, by kind."""
    sleep = counts[1:, 1:]
    return Shifts(
        to_wake=int(counts[1:, Stage.WAKE].sum()),
        between_sleep=int(sleep.sum() - np.trace(sleep)),
        to_lightest=int(counts[np.ix_(_DEEPER, (Stage.WAKE, Stage.N1))].sum()),
        from_wake=int(counts[Stage.WAKE, 1:].sum()),
    )


def bout_minutes(mask: NDArray[np.bool_]) -> Floats:
    """Minutes of every run of true epochs, in order, shape (m,); what unscored time cuts is two bouts."""
    runs = runs_of(mask)
    return (runs[:, 1] - runs[:, 0]).astype(np.float64) * (EPOCH_S / 60.0)
