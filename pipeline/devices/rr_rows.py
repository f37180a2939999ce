"""What rows of beat intervals share, whatever file they stand in: their unit, the rows that are none, their clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.later import pl
from pipeline.devices.reader import whole_ns
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Int64

# A median interval in this range is in seconds, in a thousand times it in ms: 24 … 240 beats/min, far apart.
SECONDS_MEDIAN = (0.25, 2.5)
# A longer interval is no beat (under 20/min) but a stretch that the device did not see: a gap.
LONGEST_BEAT_S = 3.0
# Share of rows without a positive number above which a file is refused rather than thinned out.
MOST_BAD_SHARE = 0.05
# Stamps whose steps fit the intervals this well (median) are beat times; others are whole seconds or the arrival of
# radio packets: there the intervals say how beats follow one another, and the stamps when.
STAMP_FITS_S = 0.02
# Such beats are laid on their stamps run by run: a run ends where stamps and intervals part by more than two seconds,
# and after 256 beats, so that a clock that drifts is followed.
RUN_BREAK_S, RUN_BEATS = 2.0, 256
# Where each interval has a stamp of its own, finer than 0.1 s, a step of half a beat too much is a beat that was
# missed: an optical sensor misses so many that runs broken at two seconds only would be wrong by many seconds.
OWN_STAMP_BREAK_S, SHARED_STEP_S, MOST_SHARED = 0.5, 0.3, 0.05
# A stamp or mark further back than this behind the beats before it is a contradiction, not a rounding.
MOST_BACK_S = 60.0


def unit_of(path: Path, raw: Floats, told: str) -> tuple[float, str]:
    """What turns the file's numbers into seconds, and how that is known."""
    median = float(np.median(raw)) if raw.size else 0.0
    low, high = SECONDS_MEDIAN
    found = "s" if low <= median <= high else "ms" if low * 1000 <= median <= high * 1000 else ""
    if not found or (told and told[:1] != found[:1]):
        what = f"the intervals are in an unknown unit: their median is {median:g}"
        known = f"{low:g} to {high:g} would be seconds, {low * 1000:g} to {high * 1000:g} milliseconds"
        known += f"; the file says '{told}'" if told else ""
        hint = "heart rates (beats/min) and samples are not read as intervals: export RR intervals in s or ms"
        raise FileFault(Fault.UNKNOWN_UNIT, what, where=path.name, known=known, hint=hint)
    words = {"s": "seconds", "ms": "milliseconds"}[found] + (", and the file says so" if told else "")
    return {"s": 1.0, "ms": 1e-3}[found], f"the median interval, {median:g}, can only be {words}"


def left_out(path: Path, good: NDArray[np.bool_], rr_s: Floats) -> tuple[str, ...]:
    """Notes on rows that are no beats; a fault if too many of them are no intervals at all."""
    bad, gaps = np.count_nonzero(~good), np.count_nonzero(good & (rr_s > LONGEST_BEAT_S))
    notes = [f"{bad} of {len(good)} rows hold no positive interval, or no time stamp where others do"] if bad else []
    if bad > MOST_BAD_SHARE * len(good):
        known = f"up to {MOST_BAD_SHARE:.0%} would be left out; the first is row {np.argmin(good) + 1} of the data"
        hint = "export the intervals again, uncorrected and without other columns"
        raise FileFault(Fault.CORRUPT, notes[0], where=path.name, known=known, hint=hint)
    if gaps:
        notes.append(f"{gaps} intervals above {LONGEST_BEAT_S:g} s (longest {rr_s.max():.1f} s) are gaps, not beats")
    return tuple(notes)


def settled(path: Path, stamp_ns: Int64, rr_s: Floats) -> tuple[Int64, tuple[str, ...]]:
    """Ends in order: stamps that mark beginnings are moved, beats with coarse stamps are laid out by the intervals."""
    if len(stamp_ns) < 2:
        return stamp_ns, ()
    step = np.diff(stamp_ns)
    if (back := -float(step.min()) / NS) > MOST_BACK_S:
        what = f"the time stamps step back by {back:.0f} s, at row {int(np.argmin(step)) + 2} of the data"
        hint = "two recordings may have been joined: export each into a file of its own"
        raise FileFault(Fault.CORRUPT, what, where=path.name, hint=hint)
    notes = [f"{np.count_nonzero(step < 0)} time stamps stepped back by up to {back:.2f} s"] if back > 0 else []
    as_ends, as_begins = (float(np.median(np.abs(step / NS - rr))) for rr in (rr_s[1:], rr_s[:-1]))
    if as_begins < 0.1 * as_ends:
        notes.append("the time stamps mark the beginning of intervals")
        stamp_ns, as_ends = stamp_ns + whole_ns(rr_s, path), as_begins
    if as_ends > STAMP_FITS_S:
        notes.append("the time stamps are coarser than the beats: within a run beats follow the intervals")
        elapsed_ns = whole_ns(np.cumsum(rr_s), path)
        lead_ns = stamp_ns - elapsed_ns
        own = np.mean(step < SHARED_STEP_S * NS) < MOST_SHARED and np.any(stamp_ns % (NS // 10))
        break_s = OWN_STAMP_BREAK_S if own else RUN_BREAK_S
        run = np.cumsum(np.abs(np.diff(lead_ns, prepend=lead_ns[:1])) > break_s * NS)
        part = (np.arange(len(run)) - np.searchsorted(run, run)) // RUN_BEATS
        blocks = pl.DataFrame({"lead": lead_ns, "run": run, "part": part})
        lead = blocks.select(pl.col("lead").median().over("run", "part").cast(pl.Int64))["lead"]
        stamp_ns = elapsed_ns + lead.to_numpy()
    return np.maximum.accumulate(stamp_ns), tuple(notes)
