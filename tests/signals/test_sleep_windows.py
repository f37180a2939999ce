"""The main rest of a night: joining, choosing, believing and censoring."""

from __future__ import annotations

import re
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.recording import CountsScale
from pipeline.signals.sleep_wake import sleep_wake
from pipeline.signals.sleep_windows import Rest, main_rest, near_hole, sleep_span


def night(*parts: tuple[float, float]) -> np.ndarray:
    """A series of 30-s epochs from (value, minutes) pairs."""
    return np.concatenate([np.full(round(2 * minutes), value) for value, minutes in parts])


def test_one_solid_sleep() -> None:
    assert main_rest(night((0, 600), (1, 480), (0, 360))) == Rest(1200, 2160, False, False)


def test_an_hour_awake_is_bridged_by_enough_sleep_on_both_sides() -> None:
    series = night((0, 600), (1, 120), (0, 5), (1, 100), (0, 59), (1, 200), (0, 356))
    assert main_rest(series) == Rest(1200, 1200 + 2 * 484, False, False)


# One minute of wake weighs log(.657/.101)/log(.899/.343) = 1.944 minutes of sleep.
@pytest.mark.parametrize(("doze_min", "joined"), [(58, False), (59, True)])
def test_an_earlier_doze_is_joined_only_if_it_outweighs_the_gap(doze_min: float, joined: bool) -> None:
    found = main_rest(night((0, 500), (1, doze_min), (0, 30), (1, 400), (0, 452)))
    assert found is not None
    assert found.start == (1000 if joined else round(2 * (530 + doze_min)))


def test_an_evening_half_scored_sleep_is_not_part_of_the_night() -> None:
    evening = [(1, 12), (0, 8)] * 9  # three hours of television, 60 % of it called sleep
    sleep = [(1, 40), (0, 3)] * 11
    found = main_rest(night((0, 400), *evening, *sleep, (0, 387)))
    assert found is not None
    assert found.start == 2 * 580
    assert found.stop == 2 * (580 + 43 * 11 - 3)


def test_the_longest_rest_wins_over_a_nap() -> None:
    series = night((0, 60), (1, 130), (0, 400), (1, 420), (0, 430))
    assert main_rest(series) == Rest(1180, 2020, False, False)


def test_short_sleep_scored_in_the_evening_does_not_begin_the_night() -> None:
    # 4 min of quiet sitting is not sustained; a 20-min doze 15 min before bed is no bout.
    series = night((0, 500), (1, 4), (0, 9), (1, 20), (0, 15), (1, 400), (0, 492))
    assert main_rest(series) == Rest(1096, 1896, False, False)


def test_edges_lie_on_sustained_sleep() -> None:
    series = night((0, 500), (1, 2), (0, 3), (1, 400), (0, 4), (1, 3), (0, 528))
    assert main_rest(series) == Rest(1010, 1810, False, False)


@pytest.mark.parametrize(("minutes", "found"), [(119.5, False), (120, True)])
def test_two_hours_are_the_least(minutes: float, found: bool) -> None:
    assert (main_rest(night((0, 600), (1, minutes), (0, 600))) is not None) is found


def test_no_sleep_nothing_known_and_one_epoch() -> None:
    assert main_rest(np.zeros(2880)) is None
    assert main_rest(np.full(2880, np.nan)) is None
    assert main_rest(np.empty(0)) is None
    assert main_rest(np.array([1.0])) is None


def test_recording_that_ends_in_sleep_is_censored_there() -> None:
    assert main_rest(night((0, 600), (1, 300), (np.nan, 540))) == Rest(1200, 1800, False, True)
    assert main_rest(night((np.nan, 600), (1, 300), (0, 540))) == Rest(1200, 1800, True, False)
    assert main_rest(night((1, 300), (0, 1140))) == Rest(0, 600, True, False)


@pytest.mark.parametrize(
    ("gap_min", "hole_min", "censored"), [(59, 31, True), (61, 31, False), (20, 30, False), (20, 31, True)]
)
def test_a_hole_censors_only_if_long_and_near(gap_min: float, hole_min: float, censored: bool) -> None:
    series = night((0, 600), (1, 480), (0, gap_min), (np.nan, hole_min), (0, 240))
    found = main_rest(series)
    assert found is not None
    assert found.end_censored is censored
    assert found.start_censored is False


def test_a_rest_that_is_mostly_unknown_is_not_invented() -> None:
    known = [(1, 31), (np.nan, 29)] * 6
    unknown = [(1, 31), (np.nan, 40)] * 6
    beyond = [(1, 31), (np.nan, 60)] * 6
    assert main_rest(night((0, 600), *known, (0, 400))) is not None
    assert main_rest(night((0, 600), *unknown, (0, 400))) is None
    assert main_rest(night((0, 600), *beyond, (0, 400))) is None
    # The night that cannot be believed does not make a main rest of the nap.
    assert main_rest(night((0, 100), (1, 130), (0, 370), *unknown, (0, 400))) is None


def test_sleep_span() -> None:
    asleep = night((0, 10), (1, 2), (0, 3), (1, 6), (0, 1), (1, 4), (0, 5)) == 1
    assert sleep_span(asleep) == (20, 52)
    assert sleep_span(asleep, 5.0) == (30, 42)
    assert sleep_span(asleep, 10.0) is None
    assert sleep_span(np.zeros(10, np.bool_)) is None


def test_near_hole_at_the_ends_of_the_series() -> None:
    known = np.zeros(1000)
    assert near_hole(known, 0)
    assert near_hole(known, 1000)
    assert not near_hole(known, 500)


def diary_nights(path: Path) -> list[tuple[datetime, datetime]]:
    """Start and end of every row NIGHT of a sleep diary in OpenDocument form."""
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml").decode()
    words = re.sub(r"<[^>]*>", "|", content)
    stamp = r"(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2})"
    found = re.findall(rf"NIGHT\|+{stamp}\|+{stamp}", words)
    return [(datetime.fromisoformat(low), datetime.fromisoformat(high)) for low, high in found]


@pytest.mark.realdata
def test_rests_of_a_real_watch_agree_with_its_wearers_diary(real_data: Path) -> None:
    folder = real_data / "actigraphy_awd"
    lines = (folder / "example_01.AWD").read_text().splitlines()
    begin = datetime.strptime(f"{lines[1]} {lines[2]}", "%d-%b-%Y %H:%M")  # noqa: DTZ007
    counts = np.array([float(line.split()[0]) for line in lines[7:] if line.strip()])
    sleep = np.repeat(sleep_wake(counts, CountsScale.ACTIWATCH), 2)
    errors_min = []
    for low, high in diary_nights(folder / "example_01_sleepdiary.ods"):
        noon = (low - timedelta(hours=12)).replace(hour=12, minute=0)
        first = round((noon - begin).total_seconds() / 30)
        rest = main_rest(sleep[first : first + 2880])
        assert rest is not None
        found = [noon + timedelta(seconds=30 * row) for row in (rest.start, rest.stop)]
        errors_min.append([(found[0] - low).total_seconds() / 60, (found[1] - high).total_seconds() / 60])
    away = np.abs(np.array(errors_min))
    assert len(away) == 10
    # Diaries are kept in quarters of an hour; one night differs by hours on either side, whoever is right.
    assert np.median(away[:, 0]) < 30
    assert np.median(away[:, 1]) < 15
    assert (away < 60).all(axis=1).sum() >= 6
