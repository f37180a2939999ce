"""The clocks of one participant's recordings against each other: compared where two overlap, corrected where sure.

Of the recordings that overlap by half an hour or more and share a trace (heart rate or movement, by the second), the
one whose clock is most to be trusted is the reference: first those whose stamps are instants (a network set their
clock), then the longer, then the earlier name. Each other recording is compared with the best reference that it
overlaps. A correction is applied only where `ClockFit.trusted` says so, it is known to a second at both ends of the
recording, and it would move something by a second or more.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.clock import NS, to_ns
from pipeline.recording import ClockKind, Floats, Kind, Recording
from pipeline.retime import retimed
from pipeline.signals.drift import (
    CONFIDENT,
    MAX_RESIDUAL_S,
    ClockFit,
    clock_fit,
    heart_contrast,
    movement_contrast,
)
from pipeline.signals.traces import Trace

LEAST_OVERLAP = timedelta(minutes=30)
LEAST_MOVE_S = 1.0
MOST_UNSURE_S = 1.0
"""A correction is applied only where it is known to a second over the whole recording, not just where it was seen."""
LONGEST_COMPARED_S = 4 * 7 * 86_400
"""Four weeks by the second are 2.4 M values; a clock that parts does so within that."""
_CONTRASTS: Mapping[Trace, Callable[[Floats], Floats]] = {
    Trace.HEART: heart_contrast,
    Trace.MOVEMENT: movement_contrast,
}
_BY_TRACE = {Trace.HEART: {Kind.RR, Kind.HR}, Trace.MOVEMENT: {Kind.ACC, Kind.COUNTS}}
_INSTANTS = frozenset({ClockKind.UTC.value, ClockKind.OFFSET.value})


@dataclass(frozen=True, slots=True)
class Correction:
    """What a recording's clock shows too much: offset_s + drift · hours since `at_ns`, by the clock itself."""

    at_ns: int
    offset_s: float
    drift_s_per_h: float

    def of(self, ns: int) -> int:
        """The true instant of a stamp."""
        hours = (ns - self.at_ns) / NS / 3600
        return ns - round((self.offset_s + self.drift_s_per_h * hours) * NS)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two recordings to compare: rows of the recordings table; `start` and `end` are what they share."""

    reference: Mapping[str, object]
    other: Mapping[str, object]
    start: datetime
    end: datetime

    @property
    def start_ns(self) -> int:
        """The first whole second that both hold."""
        return -(-to_ns(self.start) // NS) * NS

    @property
    def n_s(self) -> int:
        """Seconds compared, from `start_ns` on."""
        return min((to_ns(self.end) - self.start_ns) // NS, LONGEST_COMPARED_S)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a pair's traces say; `fit` is None where they are too few or agree nowhere."""

    trace: Trace
    fit: ClockFit | None
    correction: Correction | None
    applied: bool
    reason: str


def pairs(rows: Sequence[Mapping[str, object]]) -> list[Pair]:
    """The pairs of recordings worth comparing, from rows of the recordings table.

    By rank, so that each reference is settled before it is used.
    """
    able = [row for row in rows if row["start_utc"] is not None and _traces(row)]
    ranked = sorted(able, key=_rank)
    out = []
    for place, row in enumerate(ranked):
        for better in ranked[:place]:
            start, end = (
                max(_at(row, "start_utc"), _at(better, "start_utc")),
                min(_at(row, "end_utc"), _at(better, "end_utc")),
            )
            if end - start >= LEAST_OVERLAP and _traces(row) & _traces(better):
                out.append(Pair(better, row, start, end))
                break
    return out


def compare(pair: Pair, reference: Mapping[Trace, Floats], other: Mapping[Trace, Floats]) -> Comparison | None:
    """What the traces of a pair say, by the trace with the most agreement; None where they share none."""
    found = []
    for trace in Trace:
        if trace in reference and trace in other:
            contrast = _CONTRASTS[trace]
            found.append((trace, clock_fit(contrast(reference[trace]), contrast(other[trace]))))
    if not found:
        return None
    trace, fit = max(found, key=lambda one: -1.0 if one[1] is None else one[1].confidence)
    if fit is None:
        return Comparison(trace, None, None, applied=False, reason="the traces agree nowhere, or overlap too little")
    correction = Correction(pair.start_ns + round(fit.middle_s * NS), fit.offset_s, fit.drift_s_per_h)
    ends = (to_ns(_at(pair.other, "start_utc")), to_ns(_at(pair.other, "end_utc")))
    moves_s = max(abs(correction.of(at) - at) / NS for at in ends)
    unsure_s = max(_unsure_s(fit, (at - correction.at_ns) / NS / 3600) for at in ends)
    if fit.confidence < CONFIDENT:
        reason = f"confidence {fit.confidence:.2f} is below {CONFIDENT:.2f}: not applied"
    elif fit.residual_s > MAX_RESIDUAL_S:
        reason = f"windows scatter by {fit.residual_s:.1f} s about the line: not applied"
    elif unsure_s > MOST_UNSURE_S:
        reason = f"too little is shared: at the recording's ends it would be unsure by {unsure_s:.0f} s: not applied"
    elif moves_s < LEAST_MOVE_S:
        reason = f"the clocks agree to {moves_s:.1f} s: nothing to apply"
    else:
        return Comparison(trace, fit, correction, applied=True, reason="")
    return Comparison(trace, fit, correction, applied=False, reason=reason)


def _unsure_s(fit: ClockFit, hours: float) -> float:
    """Half the 95 % interval of the lag so many hours from the middle of what was compared."""
    return 1.96 * math.hypot(fit.offset_se_s, fit.drift_se_s_per_h * hours)


def corrected(recording: Recording, correction: Correction) -> Recording:
    """The recording with everything that its clock stamped moved; saliva and answers have clocks of their own."""
    said = f"clock corrected by {-correction.offset_s:+.2f} s, {-correction.drift_s_per_h:+.3f} s/h: see table clocks"
    moved = retimed(recording, correction.of, 1.0 - correction.drift_s_per_h / 3600)
    return dataclasses.replace(moved, repairs=(*recording.repairs, said))


def _traces(row: Mapping[str, object]) -> set[Trace]:
    kinds = row["kinds"]
    held = set(kinds) if isinstance(kinds, list) else set()
    return {trace for trace, needs in _BY_TRACE.items() if held & needs}


def _rank(row: Mapping[str, object]) -> tuple[bool, timedelta, str]:
    return row["clock"] not in _INSTANTS, _at(row, "start_utc") - _at(row, "end_utc"), str(row["export"])


def _at(row: Mapping[str, object], column: str) -> datetime:
    found = row[column]
    if not isinstance(found, datetime):
        raise TypeError(f"{column} is not a time")
    return found
