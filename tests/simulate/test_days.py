"""The latent series and the schedule: planted paths come back, nights keep the wall clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from pipeline.clock import NS, utc_to_wall
from pipeline.simulate.days import DAY_RELIABILITY, NIGHT_RELIABILITY, WASO_PER_SD, arousal_and_badness, simulate_days
from pipeline.simulate.person import LOOPS, Loop, LoopStrength, Person, cohort

ROME = "Europe/Rome"


def person(**traits: object) -> Person:
    base = Person("P01", 40, "F", LOOPS[LoopStrength.STRONG])
    return replace(base, **traits)  # type: ignore[arg-type]


@pytest.mark.parametrize("strength", list(LoopStrength))
def test_planted_paths_are_recovered_by_regression(strength: LoopStrength) -> None:
    loop = LOOPS[strength]
    n = 20_000
    a, b = arousal_and_badness(loop, n, np.random.default_rng(3))
    phi_a, path_b = np.linalg.lstsq(np.stack([a[:-1], b[:-1]], 1), a[1:])[0]
    phi_b, path_c = np.linalg.lstsq(np.stack([b[:-1], a[1:]], 1), b[1:])[0]
    # The standard error of each path is about 1/sqrt(n) = .007: four of them.
    assert [phi_a, path_b, phi_b, path_c] == pytest.approx([loop.phi_a, loop.b, loop.phi_b, loop.c], abs=0.028)


def test_latent_series_have_unit_variance_and_the_stated_same_day_correlation() -> None:
    loop = LOOPS[LoopStrength.STRONG]
    a, b = arousal_and_badness(loop, 50_000, np.random.default_rng(4))
    assert a.std() == pytest.approx(1, abs=0.02)
    assert b.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(loop.day_night_correlation, abs=0.02)


def test_the_first_day_is_already_stationary() -> None:
    loop = LOOPS[LoopStrength.STRONG]
    rng = np.random.default_rng(5)
    first = np.array([[series[0] for series in arousal_and_badness(loop, 1, rng)] for _ in range(4000)])
    assert first.std(axis=0) == pytest.approx([1, 1], abs=0.05)


def test_a_loop_without_a_stationary_state_is_refused() -> None:
    with pytest.raises(ValueError, match="no stationary state"):
        _ = Loop(0.7, 0.7, 0.8, 0.8).innovation_variances


def test_no_loop_has_no_gain_and_the_strong_one_that_of_its_paths() -> None:
    assert LOOPS[LoopStrength.NONE].gain == 0
    assert LOOPS[LoopStrength.STRONG].gain == pytest.approx(0.36 * 0.39)


def test_arousal_shows_as_waking_heart_rate_with_the_stated_reliability() -> None:
    days = simulate_days(person(arousal_hr_bpm=5.0), date(2024, 1, 1), 4000, ROME, np.random.default_rng(6))
    slope = np.polyfit(days.arousal, days.waking_hr_bpm, 1)[0]
    assert slope == pytest.approx(5.0, abs=0.25)
    assert np.corrcoef(days.arousal, days.waking_hr_bpm)[0, 1] ** 2 == pytest.approx(DAY_RELIABILITY, abs=0.04)


def test_badness_shows_as_more_wake_and_less_n3_with_the_stated_reliability() -> None:
    days = simulate_days(person(waso_min=20.0), date(2024, 1, 1), 4000, ROME, np.random.default_rng(7))
    slope = np.polyfit(days.badness, np.log(days.waso_min), 1)[0]
    assert slope == pytest.approx(WASO_PER_SD, abs=0.03)
    assert np.corrcoef(days.badness, np.log(days.waso_min))[0, 1] ** 2 == pytest.approx(NIGHT_RELIABILITY, abs=0.04)
    assert np.polyfit(days.badness, np.log(days.n3_share), 1)[0] < -0.2


def test_levels_average_to_the_person_whatever_the_number_of_nights() -> None:
    someone = person(sleep_hr_bpm=61.0, sleep_rmssd_ms=33.0)
    for nights in (1, 2, 15):
        days = simulate_days(someone, date(2024, 1, 1), nights, ROME, np.random.default_rng(nights))
        assert days.sleep_hr_bpm.mean() == pytest.approx(61.0)
        assert np.exp(np.log(days.sleep_rmssd_ms).mean()) == pytest.approx(33.0)


@pytest.mark.parametrize(
    ("first", "hours_lost"), [(date(2024, 3, 30), 1), (date(2024, 10, 26), -1), (date(2024, 5, 1), 0)]
)
def test_the_night_of_a_clock_change_is_an_hour_off_because_rising_keeps_the_wall_clock(
    first: date, hours_lost: int
) -> None:
    steady = person(bedtime_h=23.0, bedtime_sd_h=0.0, time_in_bed_h=8.0, time_in_bed_sd_h=0.0)
    days = simulate_days(steady, first, 1, ROME, np.random.default_rng(8))
    assert (days.rise_ns[0] - days.bed_ns[0]) / (3600 * NS) == 8 - hours_lost
    wall_h = utc_to_wall(np.array([days.bed_ns[0], days.rise_ns[0]]), ROME) % (86_400 * NS) / (3600 * NS)
    assert wall_h.tolist() == [23.0, 7.0]


def test_bed_and_rise_lie_on_the_thirty_second_grid_and_nights_do_not_overlap() -> None:
    days = simulate_days(person(bedtime_sd_h=1.2), date(2024, 3, 1), 60, ROME, np.random.default_rng(9))
    assert not (days.bed_ns % (30 * NS)).any()
    assert not (days.rise_ns % (30 * NS)).any()
    assert (days.rise_ns > days.bed_ns).all()
    assert (days.bed_ns[1:] > days.rise_ns[:-1]).all()


def test_a_cohort_is_made_by_its_seed_and_named_in_order() -> None:
    assert cohort(12, 1) == cohort(12, 1)
    assert cohort(12, 1) != cohort(12, 2)
    assert [one.participant for one in cohort(3, 1)] == ["P01", "P02", "P03"]
    assert cohort(120, 1)[7].participant == "P008"
