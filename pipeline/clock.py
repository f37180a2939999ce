"""UTC instants ↔ wall clocks of a zone, in whole arrays; and the civil days and nights built on them.

Instants are int64 nanoseconds since 1970-01-01 UTC. A wall clock is the same integer read as if the zone were UTC.
A zone is what `pipeline.zones` understands: an IANA name, a fixed offset, or a journey through several. A night is the
stretch from local noon to the next local noon and bears the date on which it begins, so that it is 23 or 25 h long
when the clocks change, and longer or shorter on a journey.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.zones import Journey, zone_of

__all__ = [
    "EPOCH_NS", "EPOCH_S", "NS", "days_between", "fixed_zone", "grid_floor", "midnight_ns", "night_of",
    "nights_between", "noon_ns", "to_datetime", "to_ns", "utc_to_wall", "wall_ns", "wall_to_utc", "zone_of",
]  # fmt: skip

NS = 1_000_000_000
"""Nanoseconds in a second."""
EPOCH_S = 30
"""Length of a scoring epoch; every epoch table lies on the grid of UTC multiples of it."""
EPOCH_NS = EPOCH_S * NS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a wall clock has no zone by definition

Int64 = NDArray[np.int64]


def to_ns(moment: datetime) -> int:
    """The instant of an aware datetime in ns since 1970 UTC (exact: no float on the way)."""
    if moment.tzinfo is None:
        raise ValueError("a naive datetime has no instant; give it a zone first")
    gap = moment - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * NS + gap.microseconds * 1000


def to_datetime(utc_ns: int, zone: str = "UTC") -> datetime:
    """The aware datetime of an instant in `zone` (microseconds; finer parts are cut)."""
    return (_EPOCH + timedelta(microseconds=utc_ns // 1000)).astimezone(zone_of(zone))


def wall_ns(year_to_second: datetime) -> int:
    """A naive datetime as wall-clock ns (the zone is given later)."""
    gap = year_to_second.replace(tzinfo=None) - _NAIVE_EPOCH
    return (gap.days * 86_400 + gap.seconds) * NS + gap.microseconds * 1000


def _offset_steps(zone: str, low_ns: int, high_ns: int) -> tuple[Int64, Int64]:
    """Instants at which the UTC offset changes within [low, high], and the offset (ns) from each on."""
    place = zone_of(zone)
    if not isinstance(place, Journey):
        return _steps_of(place, low_ns, high_ns)
    starts, offsets = [], []
    for leg, begin_ns, end_ns in place.legs_between(low_ns - 86_400 * NS, high_ns + 86_400 * NS):
        at, has = _steps_of(leg, begin_ns, end_ns)
        row = np.maximum(np.searchsorted(at, begin_ns, side="right") - 1, 0)
        inside = (at > begin_ns) & (at < end_ns)
        starts += [np.array([begin_ns]), at[inside]]
        offsets += [has[row : row + 1], has[inside]]
    return np.concatenate(starts), np.concatenate(offsets)


def _steps_of(place: tzinfo, low_ns: int, high_ns: int) -> tuple[Int64, Int64]:
    """The same for a place that nobody leaves."""

    def offset(second: int) -> int:
        delta = datetime.fromtimestamp(second, tz=place).utcoffset()
        return int(delta.total_seconds()) if delta is not None else 0

    low, high = low_ns // NS - 86_400, high_ns // NS + 86_400
    starts, offsets = [low], [offset(low)]
    step = 86_400 * 7  # two changes within one week are found too: each week's ends and middle are compared
    for left in range(low, high, step):
        for begin, end in pairwise((left, left + step // 2, left + step)):
            if offset(begin) == offset(end):
                continue
            a, b = begin, end
            while b - a > 1:
                middle = (a + b) // 2
                a, b = (middle, b) if offset(middle) == offset(begin) else (a, middle)
            starts.append(b)
            offsets.append(offset(b))
    return np.asarray(starts, np.int64) * NS, np.asarray(offsets, np.int64) * NS


def fixed_zone(zone: str, low_ns: int, high_ns: int, shift_ns: int = 0) -> str:
    """A zone with the UTC offsets of `zone` over [low, high], each moved by `shift_ns`; it names no place.

    What a shifted date would need: the offset as it was recorded, not that of the new date.
    """
    starts, offsets = _offset_steps(zone, low_ns, high_ns)
    first = max(int(np.searchsorted(starts, low_ns, side="right")) - 1, 0)
    last = int(np.searchsorted(starts, high_ns, side="right"))
    legs = [_offset_text(int(offsets[first]))]
    for at, offset in zip(starts[first + 1 : last].tolist(), offsets[first + 1 : last].tolist(), strict=True):
        moment = _EPOCH + timedelta(microseconds=(at + shift_ns) // 1000)
        legs.append(f"{moment:%Y-%m-%dT%H:%M:%SZ} {_offset_text(offset)}")
    return ", ".join(legs)


def _offset_text(offset_ns: int) -> str:
    minutes = round(offset_ns / 60 / NS)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def utc_to_wall(utc_ns: Int64, zone: str) -> Int64:
    """Wall-clock ns of UTC instants; a repeated hour gives the same wall clock twice."""
    utc_ns = np.asarray(utc_ns, np.int64)
    if utc_ns.size == 0:
        return utc_ns.copy()
    starts, offsets = _offset_steps(zone, int(utc_ns.min()), int(utc_ns.max()))
    return utc_ns + offsets[np.searchsorted(starts, utc_ns, side="right") - 1]


def wall_to_utc(wall: Int64, zone: str) -> Int64:
    """UTC ns of wall-clock ns that were written down in order.

    A wall clock shown twice (autumn) is the first pass until the series steps back, the second pass after it; one
    never shown (spring) is read with the offset from before the change, as `datetime` does. Shape kept.
    """
    wall = np.asarray(wall, np.int64)
    if wall.size == 0:
        return wall.copy()
    starts, offsets = _offset_steps(zone, int(wall.min()) - 86_400 * NS, int(wall.max()) + 86_400 * NS)
    first = _fold(wall, starts, offsets, second=False)
    later = _fold(wall, starts, offsets, second=True)
    twice = later != first
    utc = first.copy()
    # The readings of one repeated hour lie together; its second pass begins where the clock steps back.
    runs = np.flatnonzero(np.diff(np.concatenate(([0], twice.astype(np.int8), [0]))))
    for begin, end in runs.reshape(-1, 2):
        back = np.flatnonzero(np.diff(wall[begin:end]) < -300 * NS)
        if back.size:
            utc[begin + back[0] + 1 : end] = later[begin + back[0] + 1 : end]
    return utc


def _fold(wall: Int64, starts: Int64, offsets: Int64, *, second: bool) -> Int64:
    """UTC of wall clocks, taking the later of two possible instants if `second`."""
    before, after = offsets[:-1], offsets[1:]
    # The wall clock at which the new offset takes over: for a step back, the end (or start) of the repeated hour.
    shift = np.minimum(before, after) if second else np.maximum(before, after)
    forward = after > before
    shift = np.where(forward, after, shift)
    return wall - offsets[np.searchsorted(starts[1:] + shift, wall, side="right")]


def noon_ns(day: date, zone: str) -> int:
    """The instant of local noon on `day`."""
    return to_ns(datetime(day.year, day.month, day.day, 12, tzinfo=zone_of(zone)))


def midnight_ns(day: date, zone: str) -> int:
    """The instant at which `day` begins (local 00:00, or the first instant after it where 00:00 is skipped)."""
    return to_ns(datetime(day.year, day.month, day.day, tzinfo=zone_of(zone)))


def night_of(utc_ns: int, zone: str) -> date:
    """The night that holds an instant: the local date of the noon before it."""
    local = to_datetime(utc_ns, zone)
    return local.date() if local.hour >= 12 else local.date() - timedelta(days=1)


def nights_between(start_ns: int, end_ns: int, zone: str) -> list[date]:
    """Every night that shares time with [start, end), in order."""
    first, last = night_of(start_ns, zone), night_of(max(start_ns, end_ns - 1), zone)
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


def days_between(start_ns: int, end_ns: int, zone: str) -> list[date]:
    """Every local calendar day that shares time with [start, end), in order."""
    first = to_datetime(start_ns, zone).date()
    last = to_datetime(max(start_ns, end_ns - 1), zone).date()
    return [first + timedelta(days=k) for k in range((last - first).days + 1)]


def grid_floor(utc_ns: int) -> int:
    """The start of the 30-s grid epoch that holds an instant."""
    return utc_ns - utc_ns % EPOCH_NS
