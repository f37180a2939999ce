"""Scored stretches of a night, laid out as the equal epochs of a hypnogram; shared by every reader of stages."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.errors import Fault, FileFault
from pipeline.recording import Hypnogram, Int64, Stage, StageSource

USUAL_MS = (30_000, 20_000)
"""Epochs of the AASM and R&K manuals; the first that fits is taken."""
SHORTEST_MS = 1000
"""Onsets and durations with no common measure above this are not epochs."""
SLACK_MS = 100
"""Times are written with as little as two decimals and summed up: so far from a multiple is still one."""
MOST_BYTES = 32 * 1024**2
"""A scoring of a night is under 1 MB; the text of one with a row a second for a year is smaller than this."""
LONGEST_EPOCH_S = 120.0
LONGEST_S = 366 * 86_400.0
FEWEST_INNER = 4
"""So many stages tell the grid from their inner ones, where the first and the last were cut short."""


@dataclass(frozen=True, slots=True, order=True)
class Scored:
    """One stage from `onset_s` on, after any zero; None where the file gives no duration. `text` is for faults."""

    onset_s: float
    duration_s: float | None
    text: str
    stage: Stage


def hypnogram_of(
    stretches: Iterable[Scored], zero_ns: int, scorer: str, path: Path, source: StageSource = StageSource.EXPERT
) -> tuple[Hypnogram, list[str]]:
    """The hypnogram of at least one stretch, each counted once, in order of time; and repairs.

    Epochs are 30 s unless onsets and durations only fit 20 s or another common measure; time between stages is
    UNSCORED. Stages without a duration last to the next one if the list names changes only, else one epoch each.

    Raises
    ------
    FileFault
        CORRUPT if stages overlap, fit no epoch or last less than no time; IMPLAUSIBLE if they spread over a year.
    """
    scored = sorted(set(stretches), key=lambda s: (s.onset_s, s.duration_s or 0.0, s.text))
    if any(s.duration_s is not None and s.duration_s < 0 for s in scored):
        raise FileFault(Fault.CORRUPT, "a sleep stage lasts less than no time", where=path.name)
    scored, notes = _durations_told(scored)
    reach_s = scored[-1].onset_s - scored[0].onset_s + max(s.duration_s or 0.0 for s in scored)
    if not reach_s <= LONGEST_S:
        known = f"from {scored[0].onset_s:g} s to {scored[-1].onset_s:g} s"
        raise FileFault(Fault.IMPLAUSIBLE, "its stages spread over more than a year", where=path.name, known=known)
    onset_ms = np.array([round(1000 * (s.onset_s - scored[0].onset_s)) for s in scored], np.int64)
    lasts_ms = np.array([round(1000 * (s.duration_s or 0.0)) for s in scored], np.int64)
    epoch_ms, lead_ms = _grid(onset_ms, lasts_ms, path)
    if lead_ms:
        notes.append(f"the first stage begins {lead_ms / 1000:g} s before a whole epoch; that part was left")
        onset_ms[1:] -= lead_ms
        lasts_ms[0] -= lead_ms
    begins, n = (onset_ms + epoch_ms // 2) // epoch_ms, (lasts_ms + SLACK_MS // 2) // epoch_ms
    if not n.any():
        raise FileFault(Fault.CORRUPT, "its sleep stages last no time", where=path.name)
    rest_ms = int(lasts_ms[-1] - n[-1] * epoch_ms)
    if rest_ms > SLACK_MS // 2:
        notes.append(f"the last stage ends {rest_ms / 1000:g} s into an epoch; that part was left")
    _one_at_a_time(scored, begins, n, path)
    stages = np.full(int((begins + n).max()), Stage.UNSCORED, np.int8)
    within = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
    stages[np.repeat(begins, n) + within] = np.repeat(np.array([s.stage for s in scored], np.int8), n)
    start_ns = zero_ns + round(scored[0].onset_s * NS) + lead_ms * 1_000_000
    return Hypnogram(start_ns, epoch_ms / 1000, stages, scorer, source), notes


def epoch_told(
    in_file: float | None, asked_s: float | None, fixed_s: float | None, path: Path, notes: list[str]
) -> float:
    """The epoch length: the file's own, else the sidecar's, else the dialect's; told where file and sidecar differ.

    Raises
    ------
    FileFault
        UNKNOWN_UNIT if nobody tells it; IMPLAUSIBLE if it is no epoch.
    """
    epoch_s = in_file or asked_s or fixed_s
    if epoch_s is None:
        raise FileFault(
            Fault.UNKNOWN_UNIT,
            "it does not say how long an epoch is",
            where=path.name,
            known="5, 20 and 30 s are usual",
            hint=f'put {{"epoch_s": 30}} into {path.name}.json beside it',
        )
    if not SHORTEST_MS / 1000 <= epoch_s <= LONGEST_EPOCH_S:
        raise FileFault(Fault.IMPLAUSIBLE, f"its epochs would be {epoch_s:g} s long", where=path.name)
    if in_file and asked_s and in_file != asked_s:
        notes.append(f"the file says epochs of {in_file:g} s and the sidecar {asked_s:g} s: the file's were taken")
    return epoch_s


def source_of(stages: Iterable[int], told: StageSource = StageSource.EXPERT) -> StageSource:
    """Who can have scored: LIGHT and ASLEEP are no stages of a human on EEG."""
    return StageSource.UNKNOWN if {Stage.LIGHT, Stage.ASLEEP} & set(stages) else told


def _durations_told(scored: list[Scored]) -> tuple[list[Scored], list[str]]:
    """Stretches that all say how long they last; told for the ones that do not."""
    bare = [not s.duration_s for s in scored]
    if not any(bare):
        return scored, []
    steps = [two.onset_s - one.onset_s for one, two in itertools.pairwise(scored)]
    if all(bare) and len(scored) > 1:
        # A list in which no stage follows itself names changes: each holds until the next. A last stage that repeats
        # the one before it marks the end; where steps are equal, they are epochs and it is one too.
        differ = [one.stage != two.stage for one, two in itertools.pairwise(scored)]
        uneven = max(steps) - min(steps) > SLACK_MS / 1000
        if all(differ[:-1]) and (differ[-1] or (uneven and len(scored) > 3)):
            held = [_lasting(one, step) for one, step in zip(scored, steps, strict=False)]
            if differ[-1]:
                usual = _fitting([round(1000 * step) for step in steps])
                held.append(_lasting(scored[-1], usual / 1000))
            return held, ["stages carry no durations; each was held until the next"]
    known = [s.duration_s for s in scored if s.duration_s] or [step for step in steps if step > 0]
    one_s = min(known) if known else USUAL_MS[0] / 1000
    told = [_lasting(s, s.duration_s or one_s) for s in scored]
    return told, [f"{sum(bare)} stage(s) carry no duration; each was given {one_s:g} s"]


def _lasting(one: Scored, duration_s: float) -> Scored:
    return Scored(one.onset_s, duration_s, one.text, one.stage)


def _fitting(values: Sequence[int] | Int64) -> int:
    """The usual epoch that every value is a multiple of, else their common measure, in ms."""
    off = np.asarray(values, np.int64)
    for epoch in USUAL_MS:
        if (np.abs(off - (off + epoch // 2) // epoch * epoch) <= SLACK_MS // 2).all():
            return epoch
    return int(np.gcd.reduce((off + SLACK_MS // 2) // SLACK_MS)) * SLACK_MS


def _grid(onset_ms: Int64, lasts_ms: Int64, path: Path) -> tuple[int, int]:
    """The epoch in ms that every onset and duration is a multiple of, and how far into the first stage it begins.

    The last stage may end within an epoch; and the first may begin within one, as in a piece cut from a night.
    """
    every = np.concatenate((onset_ms, lasts_ms))
    but_last = every[:-1] if len(onset_ms) > 1 else every
    for values in (every, but_last):
        if (epoch := _fitting(values)) in USUAL_MS:
            return epoch, 0
    if len(onset_ms) >= FEWEST_INNER:
        inner = np.concatenate((onset_ms[1:] - onset_ms[1], lasts_ms[1:-1]))
        if (epoch := _fitting(inner)) in USUAL_MS and onset_ms[1] == lasts_ms[0]:
            return epoch, int(onset_ms[1] % epoch)
    common = _fitting(every)
    if common < SHORTEST_MS:
        shown = ", ".join(f"{ms / 1000:g} s" for ms in np.unique(lasts_ms)[:8])
        raise FileFault(
            Fault.CORRUPT,
            "its sleep stages fit no common epoch",
            where=path.name,
            known=f"durations: {shown}; {len(onset_ms)} stages over {onset_ms[-1] / 1000:g} s",
            hint="export the hypnogram in epochs of 30 s",
        )
    return common, 0


def _one_at_a_time(scored: list[Scored], begins: Int64, n: Int64, path: Path) -> None:
    """Raise if two stages share an epoch."""
    clash = np.flatnonzero(begins[1:] < (begins + n)[:-1])
    if len(clash):
        one, two = (f"'{s.text}' from {s.onset_s:g} s on" for s in scored[clash[0] : clash[0] + 2])
        raise FileFault(
            Fault.CORRUPT,
            f"two sleep stages at once: {one} and {two}",
            where=path.name,
            hint="export one scorer's hypnogram a file",
        )
