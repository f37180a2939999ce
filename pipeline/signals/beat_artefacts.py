"""Which beat intervals are artefacts, by three rules side by side; and what remains when a policy leaves them out.

The rules are flags, so that their users may disagree. Under every policy a flagged interval is left out and every pair
that touches it is masked; nothing is moved, inserted, interpolated or smoothed. On annotated 24-h records the classes
of Lipponen & Tarvainen find nearly all ectopic beats but are ectopic in few cases of what they flag, and correcting by
them lowers RMSSD: they are offered, and the local median is what the heart's features go by.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Int64
from pipeline.signals.beats import RR_HIGH_S, Mask, masks_of_linked
from pipeline.signals.lipponen_tarvainen import beat_classes
from pipeline.signals.runs import runs_of

HOLE_S = 2 * RR_HIGH_S
"""Longer than this an interval is not even one missed beat, but a hole that the device wrote down as a beat (ours)."""

Flags = NDArray[np.uint8]


class Artefact(enum.IntFlag):
    """What may be wrong with an interval; several may be at once, of the four classes at most one."""

    RANGE = 1
    """Not a number, or outside `RR_LOW_S` … `RR_HIGH_S`."""
    LOCAL = 2
    """In range, but more than 20 % off the median of its neighbours: `BeatMasks.off_median`."""
    ECTOPIC = 4
    """Lipponen & Tarvainen: a change against both the changes around it, as into the pause after an early beat."""
    MISSED = 8
    """Lipponen & Tarvainen: too long, and half of it is about the local median."""
    EXTRA = 16
    """Lipponen & Tarvainen: too short, and with the next one about the local median; the beat between is no beat."""
    LONGSHORT = 32
    """Lipponen & Tarvainen: too long or too short, and neither of these."""
    UNJUDGED = 64
    """Too few neighbours within its gap-free run for LOCAL to say anything. No reason to leave an interval out of a
    mean; but it enters no difference."""


CLASSES = Artefact.ECTOPIC | Artefact.MISSED | Artefact.EXTRA | Artefact.LONGSHORT


class Policy(enum.Enum):
    """Which flags exclude an interval."""

    RANGE = Artefact.RANGE
    LOCAL_MEDIAN = Artefact.RANGE | Artefact.LOCAL
    """Excludes what `BeatMasks.valid` does."""
    LIPPONEN_TARVAINEN = Artefact.RANGE | CLASSES
    EVERY = Artefact.RANGE | Artefact.LOCAL | CLASSES


@dataclass(frozen=True, slots=True)
class Exclusion:
    """What a policy left out of a series of beats, and what it left of it."""

    policy: Policy
    beats_n: int
    excluded_n: int
    adjacent_pairs_n: int
    """Pairs of successive beats that may be differenced."""
    covered_s: float
    """Sum of the kept intervals."""
    flagged_n: dict[Artefact, int]
    """Intervals under each flag, whether or not the policy heeds it."""

    @property
    def excluded_share(self) -> float:
        """Excluded intervals among all, 0 … 1; NaN if there were none."""
        return self.excluded_n / self.beats_n if self.beats_n else float("nan")

    def covered_share(self, span_s: float) -> float:
        """Kept intervals' share of a span of `span_s` seconds (of the clock: a sum of intervals knows no holes)."""
        return self.covered_s / span_s if span_s > 0 else float("nan")


def artefact_classes(rr_s: Floats, linked: Mask) -> Flags:
    """The flags (`Artefact`) of each interval, shape (n,).

    Parameters
    ----------
    rr_s
        Intervals in s (never ms: those are all out of range), shape (n,); NaN is flagged.
    linked
        Whether interval i begins where interval i − 1 ends, shape (n,), as in `BeatMasks.linked`; of the first one
        it is not asked.

    Returns
    -------
    NDArray[np.uint8]
        No rule looks across a hole: there each begins anew. For the four classes a series also ends at what cannot
        be an interval: not finite, not positive, or longer than `HOLE_S`; within it they are those of NeuroKit2
        (see `lipponen_tarvainen.beat_classes`).

    Raises
    ------
    ValueError
        If the two are not of one length.
    """
    rr_s, linked = np.asarray(rr_s, np.float64), np.asarray(linked, np.bool_)
    _require_one_length(rr_s, linked)
    masks = masks_of_linked(rr_s, linked)
    classes = beat_classes(rr_s, _series(rr_s, linked))
    flags = np.zeros(len(rr_s), np.uint8)
    for flag, found in (
        (Artefact.RANGE, ~masks.in_range),
        (Artefact.LOCAL, masks.off_median),
        (Artefact.ECTOPIC, classes.ectopic),
        (Artefact.MISSED, classes.missed),
        (Artefact.EXTRA, classes.extra),
        (Artefact.LONGSHORT, classes.longshort),
        (Artefact.UNJUDGED, ~masks.judged),
    ):
        flags[found] |= np.uint8(flag)
    return flags


def kept(flags: Flags, policy: Policy) -> Mask:
    """Whether each interval may enter a mean under `policy`, shape (n,).

    With an interval that ends at an extra beat goes the one that begins there: both are parts of one true interval.
    """
    wanted = ~_any(flags, policy.value)
    if Artefact.EXTRA in policy.value:
        wanted[1:] &= ~_any(flags[:-1], Artefact.EXTRA)
    return wanted


def adjacent(flags: Flags, linked: Mask, policy: Policy) -> Mask:
    """Whether interval i and i − 1 are successive, both kept and both judged, shape (n,): these may be differenced."""
    linked = np.asarray(linked, np.bool_)
    _require_one_length(flags, linked)
    sound = kept(flags, policy) & ~_any(flags, Artefact.UNJUDGED)
    pair: Mask = linked & sound
    pair[1:] &= sound[:-1]
    pair[:1] = False
    return pair


def exclusion(rr_s: Floats, linked: Mask, flags: Flags, policy: Policy) -> Exclusion:
    """What `policy` leaves out of the intervals `rr_s` (s) with these `flags`, and what remains."""
    rr_s = np.asarray(rr_s, np.float64)
    _require_one_length(rr_s, flags)
    wanted = kept(flags, policy)
    return Exclusion(
        policy=policy,
        beats_n=len(rr_s),
        excluded_n=int((~wanted).sum()),
        adjacent_pairs_n=int(adjacent(flags, linked, policy).sum()),
        covered_s=float(rr_s[wanted].sum()),
        flagged_n={flag: int(_any(flags, flag).sum()) for flag in Artefact},
    )


def _any(flags: Flags, asked: Artefact) -> Mask:
    found: Mask = flags & np.uint8(asked) != 0
    return found


def _series(rr_s: Floats, linked: Mask) -> Int64:
    """The gap-free stretches of intervals, as half-open rows [start, stop)."""
    possible = (rr_s > 0) & (rr_s <= HOLE_S)
    stretches = runs_of(possible)
    begins = possible & ~linked
    begins[stretches[:, 0]] = True
    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(rr_s))
    last = np.searchsorted(stretches[:, 0], starts, side="right") - 1
    return np.stack([starts, np.minimum(ends, stretches[last, 1])], axis=1)


def _require_one_length(one: NDArray[np.generic], other: NDArray[np.generic]) -> None:
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"one value per interval is needed; the shapes are {one.shape} and {other.shape}")
