"""The sleep window of a night: from a hypnogram, else from a diary, else from movement; the order of trust."""

from __future__ import annotations

import numpy as np

from pipeline.clock import EPOCH_NS, NS, grid_floor
from pipeline.features.family import EpochGrid, SleepWindow, WindowSource
from pipeline.recording import Floats, RestInterval, Stage
from pipeline.signals.runs import runs_of
from pipeline.signals.sleep_windows import MAIN_MIN, MERGE_MIN, PER_MINUTE, main_rest, sleep_span

_MINUTE_NS = 60 * NS
DIARY_MERGE_MIN = 120
"""Rest intervals parted by less are one night in bed: split sleep with an hour or two out of bed between."""
LONG_WAKE_MIN = 120
"""Scored wake before the first or after the last sleep beyond which a hypnogram was not all scored in bed."""
CROP_MIN = 30
"""What is left of such wake: the convention for the day-long hypnograms of Sleep-EDF."""
CONFIRMED_MIN = 15
"""A border that a diary or the device's own report puts within so many minutes was seen, not cut off."""
WHOLE_NIGHT_MIN = 360
"""A hypnogram that ends in sleep after so long was ended by waking the person; a shorter one was cut off (our rule)."""
MIN_OVERLAP = 0.5
"""Share of the diary's or the movement's rest that a hypnogram must cover to stand for the night (our rule): a headband
that fell off after an hour does not make a night of one hour."""


def sleep_window(
    night_start_ns: int, night_end_ns: int, grid: EpochGrid, rests: tuple[RestInterval, ...]
) -> SleepWindow | None:
    """The main rest of the night [start, end), or None where nothing that was recorded shows one.

    A hypnogram gives its longest scored stretch with sleep (lights out to lights on, hours of wake cropped; what a less
    trusted scorer adds before and after is left out if at least half of the sleep lies in the trusted one), a diary
    its intervals in bed, movement the rest from sleep onset to waking. A hypnogram counts only if it covers at least
    half of the rest that the other two show. A hypnogram without any sleep is taken where nothing else is known.
    Start and end lie on the 30-s grid and within the night; a side is censored where the true time was not seen.

    Parameters
    ----------
    night_start_ns, night_end_ns
        The local noons around the night.
    grid
        Epochs with `stage` and `acti_sleep`, as far as they were measured.
    rests
        Intervals in bed that a diary or a device reports; those outside the night are passed over.
    """
    inside = grid.cut(night_start_ns, night_end_ns)
    scored = _hypnogram_window(inside, rests)
    other = _diary_window(inside, night_start_ns, night_end_ns, rests) or _movement_window(inside)
    if scored is None:
        return other
    if other is None:
        return scored
    stage = inside.cut(scored.start_ns, scored.end_ns)["stage"]
    shared_ns = min(scored.end_ns, other.end_ns) - max(scored.start_ns, other.start_ns)
    trusted = shared_ns >= MIN_OVERLAP * (other.end_ns - other.start_ns) and (stage > Stage.WAKE).any()
    return scored if trusted else other


def _hypnogram_window(grid: EpochGrid, rests: tuple[RestInterval, ...]) -> SleepWindow | None:
    """First to last scored epoch of the longest stretch with sleep (of any stretch of two hours, if none has sleep)."""
    stage = grid["stage"]
    stretches = _scored_stretches(stage)
    with_sleep = [(a, b) for a, b in stretches if (stage[a:b] > Stage.WAKE).any()]
    wakeful = [(a, b) for a, b in stretches if b - a >= MAIN_MIN * PER_MINUTE]
    if not (with_sleep or wakeful):
        return None
    start, stop = _scored_by_one(grid, *max(with_sleep or wakeful, key=lambda rows: rows[1] - rows[0]))
    span = sleep_span(stage[start:stop] > Stage.WAKE)
    if span is None:
        return _window(grid, start, stop, WindowSource.HYPNOGRAM)
    onset, waking = start + span[0], start + span[1]
    start_ns, end_ns = grid.start_ns + start * EPOCH_NS, grid.start_ns + stop * EPOCH_NS
    start_seen = any(abs(rest.in_bed_ns - start_ns) <= CONFIRMED_MIN * _MINUTE_NS for rest in rests)
    end_seen = any(abs(rest.out_bed_ns - end_ns) <= CONFIRMED_MIN * _MINUTE_NS for rest in rests)
    whole = stop - start >= WHOLE_NIGHT_MIN * PER_MINUTE
    begins_asleep = onset == start and not start_seen
    ends_asleep = waking == stop and not (end_seen or (whole and stop < grid.n))
    if onset - start > LONG_WAKE_MIN * PER_MINUTE:
        start = onset - CROP_MIN * PER_MINUTE
    if stop - waking > LONG_WAKE_MIN * PER_MINUTE:
        stop = waking + CROP_MIN * PER_MINUTE
    return _window(grid, start, stop, WindowSource.HYPNOGRAM, begins_asleep, ends_asleep)


def _scored_by_one(grid: EpochGrid, start: int, stop: int) -> tuple[int, int]:
    """The part of a stretch from the first to the last epoch of its most trusted scorer, if most of its sleep is there.

    A person scores from lights out to lights on; what a model says of the EEG before and after is not in bed.
    """
    source, asleep = grid["stage_source"][start:stop], grid["stage"][start:stop] > Stage.WAKE
    if not np.isfinite(source).any():
        return start, stop
    own = np.flatnonzero(source == np.nanmin(source))
    first, last = int(own[0]), int(own[-1]) + 1
    enough = asleep[first:last].any() and asleep[first:last].sum() >= MIN_OVERLAP * asleep.sum()
    return (start + first, start + last) if enough else (start, stop)


def _scored_stretches(stage: Floats) -> list[tuple[int, int]]:
    """Half-open rows of scored epochs; stretches parted by less than `MERGE_MIN` are one."""
    runs = runs_of(np.isfinite(stage))
    if not len(runs):
        return []
    far = np.flatnonzero(runs[1:, 0] - runs[:-1, 1] >= MERGE_MIN * PER_MINUTE)
    starts = runs[np.concatenate(([0], far + 1)), 0]
    stops = runs[np.concatenate((far, [len(runs) - 1])), 1]
    return list(zip(starts.tolist(), stops.tolist(), strict=True))


def _diary_window(
    grid: EpochGrid, night_start_ns: int, night_end_ns: int, rests: tuple[RestInterval, ...]
) -> SleepWindow | None:
    """The intervals in bed of the night, joined where less than two hours part them; the longest such rest."""
    joined: list[list[int]] = []
    for rest in sorted(rests, key=lambda r: r.in_bed_ns):
        low, high = max(rest.in_bed_ns, night_start_ns), min(rest.out_bed_ns, night_end_ns)
        if high <= low:
            continue
        if joined and low - joined[-1][1] < DIARY_MERGE_MIN * _MINUTE_NS:
            joined[-1][1] = max(joined[-1][1], high)
        else:
            joined.append([low, high])
    if not joined:
        return None
    start_ns, end_ns = max(joined, key=lambda pair: pair[1] - pair[0])
    if end_ns - start_ns < MAIN_MIN * _MINUTE_NS:
        return None
    first = (grid_floor(start_ns) - grid.start_ns) // EPOCH_NS
    last = -((grid.start_ns - end_ns) // EPOCH_NS)
    return _window(
        grid,
        max(first, 0),
        min(last, grid.n),
        WindowSource.DIARY,
        start_ns == night_start_ns,
        end_ns == night_end_ns,
    )


def _movement_window(grid: EpochGrid) -> SleepWindow | None:
    """The main rest that the movement of the wrist shows."""
    rest = main_rest(grid["acti_sleep"])
    if rest is None:
        return None
    return _window(grid, rest.start, rest.stop, WindowSource.ACTIGRAPHY, rest.start_censored, rest.end_censored)


def _window(
    grid: EpochGrid,
    start: int,
    stop: int,
    source: WindowSource,
    start_censored: bool = False,
    end_censored: bool = False,
) -> SleepWindow:
    return SleepWindow(
        grid.start_ns + start * EPOCH_NS,
        grid.start_ns + stop * EPOCH_NS,
        source,
        start_censored,
        end_censored,
    )
