"""Where a wall clock stood: an IANA zone, a fixed offset, or a journey through several of them.

    Europe/Rome
    +01:00
    Europe/Rome, 2024-03-10T14:00:00Z America/New_York, 2024-03-20T08:00:00Z Europe/Rome

A journey names the first zone and, for each later one, the instant from which it holds. The IANA zones come from the
`tzdata` package of this installation where the host has none; no zone is ever taken from the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pipeline.errors import Fault, StudyFault, did_you_mean

_NS = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_LEG = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2})?Z) (.+)")
MOST_OFFSET_H = 15


@dataclass(frozen=True, slots=True)
class Leg:
    """One stay: from when on (None: from the beginning), and where."""

    from_utc: datetime | None
    place: tzinfo


class Journey(tzinfo):
    """A zone that changes with its traveller; wall clocks jump at each change as they do when clocks are put back."""

    def __init__(self, text: str, legs: tuple[Leg, ...]) -> None:
        self.text, self.legs = text, legs

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled by its text."""
        return zone_of, (self.text,)

    def __str__(self) -> str:
        return self.text

    def place_at(self, moment: datetime) -> tzinfo:
        """The zone in force at an aware instant."""
        held = self.legs[0].place
        for leg in self.legs[1:]:
            if leg.from_utc is not None and moment >= leg.from_utc:
                held = leg.place
        return held

    def legs_between(self, low_ns: int, high_ns: int) -> Iterator[tuple[tzinfo, int, int]]:
        """Each stay that shares time with [low, high], with the part of it that does, in ns since 1970 UTC."""
        starts = [_ns(leg.from_utc) if leg.from_utc else low_ns for leg in self.legs]
        for leg, begin, end in zip(self.legs, starts, [*starts[1:], high_ns], strict=True):
            if (begin := max(begin, low_ns)) < (end := min(end, high_ns)):
                yield leg.place, begin, end

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """The offset of a wall clock; one that was shown twice is the first unless `fold` is 1."""
        if when is None:
            return None
        wall = when.replace(tzinfo=UTC)
        found: list[tuple[datetime, timedelta]] = []
        for place in {id(leg.place): leg.place for leg in self.legs}.values():
            for fold in (0, 1):
                offset = when.replace(tzinfo=place, fold=fold).utcoffset() or timedelta()
                moment = wall - offset
                if self._offset_at(moment) == offset and (moment, offset) not in found:
                    found.append((moment, offset))
        if not found:  # never shown: read with the offset from before the jump, as `datetime` does
            return self._offset_at(wall - timedelta(days=1))
        found.sort()
        return found[-1 if when.fold else 0][1]

    def dst(self, _when: datetime | None) -> timedelta | None:
        """Not known of a journey."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """The abbreviation of the zone in force, such as CET."""
        if when is None:
            return None
        moment = when.replace(tzinfo=UTC) - (self.utcoffset(when) or timedelta())
        return moment.astimezone(self.place_at(moment)).tzname()

    def fromutc(self, when: datetime) -> datetime:
        """The wall clock of an instant (given, as `tzinfo` has it, as UTC bearing this zone)."""
        moment = when.replace(tzinfo=UTC)
        wall = (moment + self._offset_at(moment)).replace(tzinfo=self, fold=0)
        first = self.utcoffset(wall) == self._offset_at(moment)
        return wall if first else wall.replace(fold=1)

    def _offset_at(self, moment: datetime) -> timedelta:
        return moment.astimezone(self.place_at(moment)).utcoffset() or timedelta()


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """The zone that a text names: an IANA name such as 'Europe/Rome', an offset '+01:00', or a journey.

    Raises
    ------
    StudyFault
        If there is no such zone; the nearest name is offered. Abbreviations such as 'CET+1' are refused: they do
        not say when the clocks change.
    """
    if "," not in name:
        return _place(name)
    first, *others = (part.strip() for part in name.split(","))
    legs = [Leg(None, _place(first))]
    for part in others:
        found = _LEG.fullmatch(part)
        moment = _moment(found[1]) if found else None
        if found is None or moment is None or (legs[-1].from_utc is not None and moment <= legs[-1].from_utc):
            raise StudyFault(
                Fault.UNKNOWN_ZONE,
                f"'{part}' is no stay of a journey",
                known="a journey is a zone, then instants with the zones that begin there, in order",
                hint="Europe/Rome, 2024-03-10T14:00:00Z America/New_York",
            )
        legs.append(Leg(moment, _place(found[2].strip())))
    return Journey(name, tuple(legs))


def zone_between(name: str, start_ns: int, end_ns: int) -> str:
    """The zone in force over a stretch: itself, or of a journey the stays that share time with the stretch."""
    held, *others = (part.strip() for part in name.split(","))
    kept: list[str] = []
    for part in others:
        found = _LEG.fullmatch(part)
        moment = _moment(found[1]) if found else None
        if found is None or moment is None:
            continue
        if _ns(moment) <= start_ns:
            held = found[2].strip()
        elif _ns(moment) < end_ns:
            kept.append(part)
    return ", ".join([held, *kept])


def _place(name: str) -> tzinfo:
    if found := _OFFSET.fullmatch(name):
        minutes = int(found[2]) * 60 + int(found[3])
        if minutes <= MOST_OFFSET_H * 60 and int(found[3]) < 60:
            return timezone(timedelta(minutes=-minutes if found[1] == "-" else minutes))
    try:
        if name not in available_timezones():
            raise ZoneInfoNotFoundError(name)
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as bad:
        raise StudyFault(
            Fault.UNKNOWN_ZONE,
            f"there is no time zone '{name}'",
            known="zones are IANA names such as Europe/Rome or America/New_York, or offsets such as +01:00",
            hint=did_you_mean(name, available_timezones()),
        ) from bad


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _ns(moment: datetime) -> int:
    gap = moment - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * _NS
