"""The main rest of a night from scored epochs, and the sleep inside a window: first and last sustained sleep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats
from pipeline.signals.runs import runs_of

PER_MINUTE = 60 // EPOCH_S
SUSTAINED_MIN = 5
"""Sleep begins with the first five consecutive minutes of it (Tudor-Locke 2014, doi:10.1139/apnm-2013-0173)."""
REST_SLEEP = 0.899
WAKE_SLEEP = 1.0 - 0.657
"""Share of epochs at rest and awake that a wrist scorer calls sleep: sensitivity and 1 − specificity of Cole–Kripke
with Webster's rules on MESA nights (Palotti 2019, doi:10.1038/s41746-019-0126-9, published summary table)."""
MERGE_MIN = 60
"""Unknown epochs for so long part two rests: what happened meanwhile cannot be told."""
MAIN_MIN = 120
"""A main rest lasts at least two hours (our rule; shorter ones are naps)."""
MIN_KNOWN = 0.5
"""Share of a rest that must be known before it is believed (our rule)."""
HOLE_MIN = 30
NEAR_MIN = 60
"""A border within an hour of a hole longer than half an hour is not seen: the rest may go on inside the hole."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A rest as half-open rows [start, stop) of the epochs it was found in, and whether its borders were seen."""

    start: int
    stop: int
    start_censored: bool
    end_censored: bool


def main_rest(sleep: Floats) -> Rest | None:
    """The longest rest among the epochs of a night, or None where there is none of two hours that can be believed.

    Parameters
    ----------
    sleep
        Sleep (1), wake (0) or unknown (NaN: missing or not worn) of consecutive 30-s epochs, shape (n,); a whole
        night, noon to noon, with NaN where the recording does not reach.

    Notes
    -----
    The rest is the one stretch whose scores are most likely those of rest with everything around it awake: an epoch of
    sleep counts log(P(sleep | rest)/P(sleep | awake)) for it, an epoch of wake about twice as much against it, unknown
    epochs nothing. So an hour awake at night is bridged by the hours of sleep on both sides, and an evening of quiet
    sitting, half of which a scorer calls sleep, is not joined to the night, as it is by rules that join all bouts
    parted by less than an hour. The stretch is then trimmed to sustained sleep at both ends: its start is sleep onset;
    when the person went to bed is not known from movement.
    """
    if not len(sleep):
        return None
    start, stop = _likeliest(sleep)
    span = sleep_span(sleep[start:stop] == 1.0, SUSTAINED_MIN)
    if span is None:
        return None
    start, stop = start + span[0], start + span[1]
    if stop - start < MAIN_MIN * PER_MINUTE or np.isfinite(sleep[start:stop]).mean() < MIN_KNOWN:
        return None
    return Rest(start, stop, near_hole(sleep, start), near_hole(sleep, stop))


def _likeliest(sleep: Floats) -> tuple[int, int]:
    """The half-open rows with the largest sum of log likelihood ratios of rest to wake; empty if none is positive."""
    for_rest = np.log(REST_SLEEP / WAKE_SLEEP)
    for_wake = np.log((1.0 - REST_SLEEP) / (1.0 - WAKE_SLEEP))
    ratio = np.where(sleep == 1.0, for_rest, np.where(sleep == 0.0, for_wake, 0.0))
    holes = runs_of(~np.isfinite(sleep))
    # No rest crosses a long hole: nothing that follows can make up for stepping into it.
    ratio[holes[holes[:, 1] - holes[:, 0] >= MERGE_MIN * PER_MINUTE, 0]] = -float(len(sleep)) * for_rest
    before = np.concatenate(([0.0], np.cumsum(ratio)))
    lowest = np.minimum.accumulate(before)
    stop = int(np.argmax(before - lowest))
    start = int(np.flatnonzero(before[: stop + 1] == lowest[stop])[-1])
    return start, stop


def near_hole(known: Floats, border: int) -> bool:
    """Whether a border was not seen: a hole lies near it, or the series ends there.

    A hole is more than `HOLE_MIN` minutes of unknown (NaN) epochs in a row; near is within `NEAR_MIN` minutes. `border`
    is an index into the epochs, 0 … n.
    """
    if border in {0, len(known)}:
        return True
    holes = runs_of(~np.isfinite(known))
    long = holes[holes[:, 1] - holes[:, 0] > HOLE_MIN * PER_MINUTE]
    reach = NEAR_MIN * PER_MINUTE
    return bool(((long[:, 0] < border + reach) & (long[:, 1] > border - reach)).any())


def sleep_span(asleep: NDArray[np.bool_], least_min: float = 0.0) -> tuple[int, int] | None:
    """The first and the last epoch of sleep as half-open rows [onset, final awakening); None where there is none.

    With `least_min` only stretches of sleep of at least that many minutes count: the movement of a wrist calls any
    quiet minute in bed sleep.
    """
    runs = runs_of(asleep)
    runs = runs[runs[:, 1] - runs[:, 0] >= least_min * PER_MINUTE]
    return (int(runs[0, 0]), int(runs[-1, 1])) if len(runs) else None
