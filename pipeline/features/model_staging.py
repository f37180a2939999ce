"""Stages from the EEG itself, by a trained model: the probability of every stage in every grid epoch.

The model looks at each channel from its first grid border on, so that its epochs are the grid's (a sample more or less
at rates that do not divide them); its probabilities are averaged over the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.clock import EPOCH_NS, NS, nights_between, noon_ns
from pipeline.features.eeg_channel import CleanSignal
from pipeline.recording import Floats
from pipeline.signals.stagers import STAGERS
from pipeline.signals.stagers.stager import STAGES, Density, Stager, StagerNotInstalled
from pipeline.signals.stagers.vote import valid_share, vote

DENSITY_COLUMNS = {"p_wake": "wake", "p_n1": "N1", "p_n2": "N2", "p_n3": "N3", "p_rem": "REM"}
"""The columns that hold the probabilities, in the order of `STAGES`, and what each is of."""


@dataclass(frozen=True, slots=True, eq=False)
class Staged:
    """Probabilities of W, N1, N2, N3 and R, shape (n, 5), NaN where there is none; which model, or why none at all."""

    density: Density
    model: str | None
    reason: str | None


LONGEST_WHOLE_H = 24.0
"""Hours up to which a recording is looked at as one; a longer one is cut at local noons, because the model holds each
epoch against all of its recording: three nights in one file were staged with κ 0.83, 0.50 and 0.25."""
LEAST_PIECE_H = 2.0
"""No noon cuts off less than this (our choice)."""


def staged_by_model(signals: Sequence[CleanSignal], start_ns: int, n: int, zone: str) -> Staged:
    """What the first installed stager that can use the channels says of them, on n grid epochs from `start_ns` on.

    `zone` is where noon is: recordings of more than a day are looked at night by night.
    """
    nothing = np.full((n, len(STAGES)), np.nan, np.float32)
    if not signals:
        return Staged(nothing, None, "no EEG was recorded")
    reasons = []
    for stager in STAGERS:
        if missing := stager.missing():
            reasons.append(missing)
            continue
        told = [stager.refusal(len(clean.signal.samples), clean.signal.fs_hz) for clean in signals]
        used = [clean for clean, reason in zip(signals, told, strict=True) if reason is None]
        if not used:
            reasons += [reason for reason in told if reason]
            continue
        try:
            looked = [_on_grid(stager, clean, start_ns, n, zone) for clean in used]
        except StagerNotInstalled as bad:  # it is there, and not as it is known: EEG is read without it
            reasons.append(str(bad))
            continue
        density = vote([density for density, _ in looked], [weight for _, weight in looked])
        if np.isfinite(density).any():
            return Staged(density, f"{stager.name} {stager.version}", None)
        reasons.append("no epoch holds enough valid EEG")
    return Staged(nothing, None, "; ".join(dict.fromkeys(reasons)))


def _on_grid(stager: Stager, clean: CleanSignal, start_ns: int, n: int, zone: str) -> tuple[Density, Floats]:
    """One channel's probabilities in their places on the grid, and how much of each epoch is valid in it."""
    signal, density, weight = clean.signal, np.full((n, len(STAGES)), np.nan, np.float32), np.zeros(n)
    start = max(-(-(signal.start_ns - start_ns) // EPOCH_NS), 0)
    for first, last in _pieces(start, n, start_ns, zone):
        begin, end = (
            round((start_ns + epoch * EPOCH_NS - signal.start_ns) / NS * signal.fs_hz) for epoch in (first, last)
        )
        samples, valid = signal.samples[begin:end], clean.valid[begin:end]
        if stager.refusal(len(samples), signal.fs_hz):
            continue
        found = stager.stage_density(samples, signal.fs_hz, valid)[: last - first]
        density[first : first + len(found)] = found
        weight[first : first + len(found)] = valid_share(valid, signal.fs_hz, len(found))
    return density, weight


def _pieces(first: int, last: int, start_ns: int, zone: str) -> list[tuple[int, int]]:
    """The grid epochs [first, last) as half-open rows that are looked at as one: up to a day, else noon to noon."""
    per_hour = 3600 * NS // EPOCH_NS
    if last - first <= LONGEST_WHOLE_H * per_hour:
        return [(first, last)]
    borders = [first]
    for day in nights_between(start_ns + first * EPOCH_NS, start_ns + last * EPOCH_NS, zone):
        noon = -(-(noon_ns(day, zone) - start_ns) // EPOCH_NS)
        if min(noon - borders[-1], last - noon) >= LEAST_PIECE_H * per_hour:
            borders.append(noon)
    return list(zip(borders, [*borders[1:], last], strict=True))
