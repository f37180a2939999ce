"""Zones that are no single place: fixed offsets, and journeys through several zones."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import (
    NS,
    days_between,
    fixed_zone,
    nights_between,
    noon_ns,
    to_datetime,
    to_ns,
    utc_to_wall,
    wall_ns,
    wall_to_utc,
)
from pipeline.errors import StudyFault
from pipeline.zones import zone_between, zone_of

WEST = "Europe/Rome, 2024-03-10T14:00:00Z America/New_York, 2024-03-20T08:00:00Z Europe/Rome"
"""In New York from 10:00 there (New York had put its clocks forward that morning), back from 09:00 in Rome."""
EAST = "America/Los_Angeles, 2024-06-01T12:00:00Z Asia/Tokyo"


def utc(text: str) -> int:
    return to_ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def wall(ns: int, zone: str) -> str:
    return f"{datetime(1970, 1, 1) + timedelta(seconds=int(utc_to_wall(np.array([ns]), zone)[0]) // NS):%m-%d %H:%M}"  # noqa: DTZ001


def test_a_fixed_offset_never_changes() -> None:
    for text, hours in (("+01:00", 1.0), ("-04:30", -4.5), ("+00:00", 0.0), ("+13:45", 13.75)):
        for day in ("2024-01-01", "2024-07-01"):
            offset = datetime.fromisoformat(day).replace(tzinfo=zone_of(text)).utcoffset()
            assert offset == timedelta(hours=hours)


@pytest.mark.parametrize(
    "text",
    [
        "CET+1", "+1:00", "+25:00", "+01:75", "Europe/Rme", "Europe/Rome, America/New_York",
        "Europe/Rome, 2024-03-10T14:00:00 America/New_York", "Europe/Rome, 2024-13-10T14:00:00Z America/New_York",
        "Europe/Rome, 2024-03-20T14:00:00Z Asia/Tokyo, 2024-03-10T14:00:00Z Europe/Rome",
    ],
)  # fmt: skip
def test_what_is_no_zone_is_refused_in_words(text: str) -> None:
    with pytest.raises(StudyFault) as fault:
        zone_of(text)
    assert fault.value.known


def test_the_wall_clock_of_a_traveller() -> None:
    assert wall(utc("2024-03-10T13:59"), WEST) == "03-10 14:59"
    assert wall(utc("2024-03-10T14:00"), WEST) == "03-10 10:00"
    assert wall(utc("2024-03-20T07:59"), WEST) == "03-20 03:59"
    assert wall(utc("2024-03-20T08:00"), WEST) == "03-20 09:00"


def test_datetime_agrees_with_the_arrays() -> None:
    for zone in (WEST, EAST, "+01:00, 2024-03-15T00:00:00Z +02:00"):
        first = utc("2024-03-08T00:00")
        instants = first + np.arange(0, 24 * 100, dtype=np.int64) * 37 * 60 * NS
        shown = utc_to_wall(instants, zone)
        for at, clock in zip(instants.tolist(), shown.tolist(), strict=True):
            moment = to_datetime(at, zone)
            assert wall_ns(moment.replace(tzinfo=None)) == clock
            assert to_ns(moment) == at, "fold tells the passes of a repeated hour apart"


def test_a_series_of_walls_finds_its_instants_through_a_journey() -> None:
    instants = utc("2024-03-08T00:00") + np.arange(20 * 1440, dtype=np.int64) * 60 * NS
    back = wall_to_utc(utc_to_wall(instants, WEST), WEST)
    assert np.array_equal(back, instants)


@settings(deadline=None)
@given(st.integers(min_value=1_577_836_800, max_value=1_893_456_000), st.sampled_from(["Europe/Rome", "Asia/Tokyo"]))
def test_a_journey_of_one_place_is_that_place(second: int, zone: str) -> None:
    journey = f"{zone}, 2024-05-01T00:00:00Z {zone}"
    at = np.array([second * NS])
    assert utc_to_wall(at, journey)[0] == utc_to_wall(at, zone)[0]
    moment = datetime.fromtimestamp(second, tz=UTC)
    assert moment.astimezone(zone_of(journey)).utcoffset() == moment.astimezone(ZoneInfo(zone)).utcoffset()


def test_nights_of_a_journey_are_longer_and_shorter() -> None:
    hours = [(noon_ns(date(2024, 3, d + 1), WEST) - noon_ns(date(2024, 3, d), WEST)) / 3.6e12 for d in range(8, 21)]
    # Noon of the 10th in Rome (11:00 UTC) to noon of the 11th in New York (16:00 UTC): 29 h; the way back is 19 h.
    assert hours == [24.0, 24.0, 29.0, *[24.0] * 8, 19.0, 24.0]
    nights = nights_between(utc("2024-03-09T20:00"), utc("2024-03-11T02:00"), WEST)
    assert nights == [date(2024, 3, 9), date(2024, 3, 10)]


def test_a_date_line_crossed_westward_skips_no_instant() -> None:
    start, end = utc("2024-05-31T00:00"), utc("2024-06-03T00:00")
    days = days_between(start, end, EAST)
    assert days == [date(2024, 5, 30) + timedelta(days=k) for k in range(5)]


def test_the_stay_that_holds_an_instant() -> None:
    def on(day: int, days: int = 1) -> str:
        start = utc(f"2024-03-{day:02d}T00:00")
        return zone_between(WEST, start, start + days * 86_400 * NS)

    assert (on(1), on(12), on(21)) == ("Europe/Rome", "America/New_York", "Europe/Rome")
    assert on(10) == "Europe/Rome, 2024-03-10T14:00:00Z America/New_York"
    assert on(9, days=20) == WEST
    assert zone_between("Asia/Tokyo", 0, NS) == "Asia/Tokyo"


def test_a_journey_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(zone_of(WEST))) is zone_of(WEST)  # noqa: S301  our own


def test_a_zone_without_a_name_keeps_every_offset() -> None:
    low, high = utc("2024-03-08T00:00"), utc("2024-04-08T00:00")
    instants = low + np.arange(0, 31 * 24, dtype=np.int64) * 3600 * NS
    for zone in ("Europe/Rome", "America/New_York", WEST, "Asia/Kolkata"):
        for weeks in (0, -5_613):
            shift = weeks * 7 * 86_400 * NS
            plain = fixed_zone(zone, low, high, shift)
            assert "/" not in plain
            moved = utc_to_wall(instants + shift, plain)
            assert np.array_equal(moved - shift, utc_to_wall(instants, zone)), (zone, weeks, plain)
    assert fixed_zone("Europe/Rome", low, high) == "+01:00, 2024-03-31T01:00:00Z +02:00"


def test_a_skipped_hour_is_read_as_the_zone_itself_reads_it() -> None:
    for zone, day in (("Europe/Rome", "2024-03-31T02:30"), ("Africa/Cairo", "2024-04-26T00:30")):
        wall_clock = datetime.fromisoformat(day)
        plain = wall_clock.replace(tzinfo=ZoneInfo(zone)).utcoffset()
        assert wall_clock.replace(tzinfo=zone_of(f"{zone}, 2025-01-01T00:00:00Z Asia/Tokyo")).utcoffset() == plain
