"""Whether an EEG stands upside down, from the shape of its slow waves.

A slow wave of scalp EEG against the mastoid goes down into the down-state and comes up more steeply than it went: the
rising slopes are steeper than the falling ones, so that the first differences of the slow part are skewed upwards. An
inverted channel is skewed downwards. It is a hint: derivation, eye movements and age shape waves too. (Slopes of the
two segments of a half-wave differ: Lazar et al. 2015, doi:10.1016/j.neuroimage.2015.05.012, recalled, unverified; that
differences show the sign was found on one night and seen in four waking channels: ours.)
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats
from pipeline.signals.slow_trace import SlowTrace

PIECE_S = 30.0
MIN_PIECES = 10
"""Pieces of 30 s below which nothing is said; a choice of ours."""

MIN_STRENGTH = 4.5
"""Mean skewness in units of its standard error from which a sign is named. A choice of ours, high because pieces
follow each other and are not independent."""

_LARGEST = 2.0
"""Skewness of a piece counts up to here, so that no single movement decides; a choice of ours."""


class Polarity(StrEnum):
    """Which way up slow waves stand."""

    USUAL = "usual"
    INVERTED = "inverted"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class PolarityHint:
    """The hint, the mean skewness of slopes (> 0: usual), and the mean over its standard error.

    The numbers are None where there are too few pieces.
    """

    hint: Polarity
    skewness: float | None
    strength: float | None
    n_pieces: int


def polarity_hint(trace: SlowTrace, keep: NDArray[np.bool_] | None = None) -> PolarityHint:
    """Which way up the slow waves of a slow trace stand; `keep` names the blocks of N2 and N3 where known.

    Does not depend on gain; the inverted trace gets the opposite numbers.
    """
    length = round(PIECE_S * trace.fs_hz)
    skewness = slope_skewness(trace.windows(length, length, keep))
    n = len(skewness)
    if n < MIN_PIECES:
        return PolarityHint(Polarity.CANNOT_TELL, None, None, n)
    kept = np.clip(skewness, -_LARGEST, _LARGEST)
    spread = float(kept.std(ddof=1)) / np.sqrt(n)
    if spread == 0.0:
        return PolarityHint(Polarity.CANNOT_TELL, None, None, n)
    mean = float(kept.mean())
    strength = float(mean / spread)
    if abs(strength) < MIN_STRENGTH:
        return PolarityHint(Polarity.CANNOT_TELL, mean, strength, n)
    return PolarityHint(Polarity.USUAL if mean > 0.0 else Polarity.INVERTED, mean, strength, n)


def slope_skewness(pieces: Floats) -> Floats:
    """Skewness of the first differences of each row, shape (rows,), after a smoothing of 0.25, 0.5, 0.25."""
    smooth = 0.25 * pieces[:, :-2] + 0.5 * pieces[:, 1:-1] + 0.25 * pieces[:, 2:]
    slope = np.diff(smooth, axis=1)
    slope -= slope.mean(axis=1, keepdims=True)
    square = slope * slope  # products: powers cost ten times as much
    variance = square.mean(axis=1)
    square *= slope
    moving = variance > 0.0
    return np.asarray(square.mean(axis=1)[moving] / variance[moving] ** 1.5, np.float64)
