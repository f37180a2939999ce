"""Instants and wall clocks, above all where the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clock import (
    NS,
    days_between,
    midnight_ns,
    night_of,
    nights_between,
    noon_ns,
    to_datetime,
    to_ns,
    utc_to_wall,
    wall_ns,
    wall_to_utc,
    zone_of,
)
from pipeline.errors import StudyFault

ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "Africa/Casablanca")


def _wall(*clocks: str) -> np.ndarray:
    return np.array([wall_ns(datetime.fromisoformat(clock)) for clock in clocks], np.int64)


@given(st.integers(min_value=0, max_value=4_000_000_000), st.sampled_from(ZONES))
def test_wall_clock_of_an_instant_is_what_zoneinfo_says(second: int, zone: str) -> None:
    shown = datetime.fromtimestamp(second, tz=ZoneInfo(zone)).replace(tzinfo=None)
    assert utc_to_wall(np.array([second * NS]), zone)[0] == wall_ns(shown)


@given(st.integers(min_value=1_000_000_000, max_value=2_000_000_000), st.sampled_from(ZONES))
def test_a_minute_series_survives_the_way_to_the_wall_clock_and_back(start: int, zone: str) -> None:
    utc = (start - start % 60 + 60 * np.arange(300)) * NS
    there = utc_to_wall(utc, zone)
    back = wall_to_utc(there, zone)
    # A series that begins inside the repeated hour cannot know which pass it is in; every other one comes back whole.
    if (utc[0] - wall_to_utc(there[:1], zone)[0]) == 0:
        assert np.array_equal(back, utc)


def test_autumn_hour_is_read_as_first_pass_until_the_clock_steps_back() -> None:
    utc = wall_to_utc(
        _wall("2023-10-29T01:50", "2023-10-29T02:50", "2023-10-29T02:10", "2023-10-29T03:10"), "Europe/Rome"
    )
    assert [to_datetime(int(t)).hour * 60 + to_datetime(int(t)).minute for t in utc] == [23 * 60 + 50, 50, 70, 130]


def test_spring_jump_is_one_minute_long() -> None:
    utc = wall_to_utc(_wall("2003-03-30T01:59", "2003-03-30T03:00"), "Europe/Oslo")
    assert np.diff(utc)[0] == 60 * NS


def test_nights_of_clock_changes_have_23_and_25_hours() -> None:
    def hours(day: date) -> float:
        return (noon_ns(date(day.year, day.month, day.day + 1), "Europe/Rome") - noon_ns(day, "Europe/Rome")) / 3.6e12

    assert [hours(date(2024, 3, 29)), hours(date(2024, 3, 30)), hours(date(2024, 10, 26))] == [24.0, 23.0, 25.0]


def test_a_night_bears_the_date_of_the_noon_before_it() -> None:
    rome = ZoneInfo("Europe/Rome")
    assert night_of(to_ns(datetime(2024, 3, 31, 3, 30, tzinfo=rome)), "Europe/Rome") == date(2024, 3, 30)
    assert night_of(to_ns(datetime(2024, 3, 31, 12, 0, tzinfo=rome)), "Europe/Rome") == date(2024, 3, 31)
    start, end = noon_ns(date(2024, 3, 30), "Europe/Rome"), noon_ns(date(2024, 4, 1), "Europe/Rome")
    assert nights_between(start, end, "Europe/Rome") == [date(2024, 3, 30), date(2024, 3, 31)]
    assert len(days_between(start, end, "Europe/Rome")) == 3


def test_midnight_that_is_skipped_begins_the_day_at_its_first_instant() -> None:
    # Beirut changes at midnight: 2024-03-31 begins at 01:00.
    first = to_datetime(midnight_ns(date(2024, 3, 31), "Asia/Beirut"), "Asia/Beirut")
    assert (first.hour, first.day) == (1, 31)


def test_instants_are_exact_to_the_microsecond() -> None:
    moment = datetime(2024, 2, 29, 23, 59, 59, 123456, tzinfo=UTC)
    assert to_datetime(to_ns(moment)) == moment
    with pytest.raises(ValueError, match="naive"):
        to_ns(moment.replace(tzinfo=None))


def test_an_unknown_zone_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(StudyFault) as fault:
        zone_of("Europe/Roma")
    assert "Europe/Rome" in str(fault.value)


def test_empty_series_stay_empty() -> None:
    none = np.zeros(0, np.int64)
    assert utc_to_wall(none, "UTC").size == wall_to_utc(none, "UTC").size == 0
