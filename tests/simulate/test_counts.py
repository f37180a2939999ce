"""Counts: a threshold scorer finds the planted sleep with human errors, the rhythm is the planted one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from pipeline.clock import NS, noon_ns
from pipeline.simulate.counts import OffWrist, expected_counts, minute_counts, without_watch
from pipeline.simulate.days import Days, simulate_days
from pipeline.simulate.person import LOOPS, LoopStrength, Person
from pipeline.simulate.stages import Timeline, timeline
from pipeline.simulate.truth import rhythm_truth

ZONE = "Europe/Rome"
OAKLEY_WEIGHTS = (0.04, 0.2, 1.0, 0.2, 0.04)
SOMEONE = Person("P01", 45, "M", LOOPS[LoopStrength.NONE], waso_min=50.0)


def lived(person: Person, nights: int = 14) -> tuple[Days, Timeline]:
    first = date(2024, 5, 1)
    days = simulate_days(person, first, nights, ZONE, np.random.default_rng(1))
    last = date(2024, 5, 1 + nights)
    return days, timeline(days, 0.2, noon_ns(first, ZONE), noon_ns(last, ZONE), np.random.default_rng(2))


def test_a_threshold_scorer_errs_as_it_does_against_polysomnography() -> None:
    _, states = lived(SOMEONE)
    counts = minute_counts(states, SOMEONE, ZONE, np.random.default_rng(3))
    scored_wake = np.convolve(counts, OAKLEY_WEIGHTS, "same") > 40
    asleep = states.asleep.reshape(-1, 2).all(axis=1)
    in_bed = states.in_bed.reshape(-1, 2).all(axis=1)
    wake_in_bed = in_bed & ~states.asleep.reshape(-1, 2).any(axis=1)
    assert 0.92 < (~scored_wake[asleep]).mean() < 0.99
    assert 0.45 < scored_wake[wake_in_bed].mean() < 0.75
    assert scored_wake[~in_bed].mean() > 0.97


def test_wake_of_a_bad_night_shows_in_the_counts() -> None:
    days, states = lived(SOMEONE, 28)
    counts = minute_counts(states, SOMEONE, ZONE, np.random.default_rng(3))
    minute = (np.stack([days.bed_ns, days.rise_ns], 1) - states.start_ns) // (60 * NS)
    per_night = np.array([counts[low:high].mean() for low, high in minute])
    assert np.corrcoef(per_night, days.waso_min)[0, 1] > 0.8


def test_counts_average_to_what_is_expected_of_the_states() -> None:
    _, states = lived(SOMEONE, 28)
    expected = expected_counts(states, SOMEONE, ZONE)
    counts = minute_counts(states, SOMEONE, ZONE, np.random.default_rng(5))
    by_day = counts[states.in_bed.reshape(-1, 2).mean(axis=1) <= 0.5].mean()
    # Bouts of 20 min with an SD of one half: the mean of 28 days has a standard error of about 1 %.
    assert by_day == pytest.approx(expected[~states.in_bed.reshape(-1, 2).all(axis=1)].mean(), rel=0.05)
    in_bed = states.in_bed.reshape(-1, 2).all(axis=1)
    assert counts[in_bed].mean() == pytest.approx(expected[in_bed].mean(), rel=0.06)


def test_counts_are_whole_numbers_and_never_negative() -> None:
    _, states = lived(SOMEONE, 2)
    counts = minute_counts(states, SOMEONE, ZONE, np.random.default_rng(3))
    assert counts.dtype == np.int64
    assert len(counts) == len(states.stages) // 2
    assert counts.min() == 0


def test_later_people_have_a_later_acrophase() -> None:
    def acrophase_h(shift_h: float) -> float:
        late = replace(
            SOMEONE, bedtime_h=23.0 + shift_h, activity_peak_h=15.0 + shift_h, bedtime_sd_h=0.0, time_in_bed_sd_h=0.0
        )
        _, states = lived(late)
        found = rhythm_truth(states.minutes_ns, expected_counts(states, late, ZONE), ZONE)["acrophase_h"]
        assert isinstance(found, float)
        return found

    assert acrophase_h(2.0) - acrophase_h(0.0) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("zone", ["Europe/Rome", "America/New_York", "Asia/Kolkata"])
def test_waking_activity_peaks_at_the_planted_hour_of_the_local_clock(zone: str) -> None:
    n = 5 * 2880
    awake = Timeline(noon_ns(date(2024, 5, 1), zone), np.zeros(n, np.int8), np.zeros(n, bool))
    told = rhythm_truth(awake.minutes_ns, expected_counts(awake, SOMEONE, zone), zone)
    assert told["acrophase_h"] == pytest.approx(SOMEONE.activity_peak_h, abs=0.01)
    assert told["amplitude_cpm"] == pytest.approx(SOMEONE.activity_cpm * SOMEONE.activity_swing, abs=0.1)


def test_the_rhythm_of_a_pure_cosine_is_the_cosine() -> None:
    minutes_ns = noon_ns(date(2024, 5, 1), "UTC") + np.arange(3 * 1440, dtype=np.int64) * 60 * NS
    hour = (12 + np.arange(3 * 1440) / 60) % 24
    told = rhythm_truth(minutes_ns, 200 + 120 * np.cos(2 * np.pi * (hour - 16.5) / 24), "UTC")
    assert told == {"mesor_cpm": 200.0, "amplitude_cpm": 120.0, "acrophase_h": 16.5}


def test_the_rhythm_follows_the_local_clock_over_a_clock_change() -> None:
    first = noon_ns(date(2024, 3, 30), ZONE)
    minutes_ns = first + np.arange(23 * 60, dtype=np.int64) * 60 * NS
    jumped = np.arange(23 * 60) / 60 + 12
    jumped[14 * 60 :] += 1  # 02:00 → 03:00
    told = rhythm_truth(minutes_ns, 100 + 50 * np.cos(2 * np.pi * (jumped - 15) / 24), ZONE)
    assert told["acrophase_h"] == pytest.approx(15.0)
    assert told["amplitude_cpm"] == pytest.approx(50.0)


def test_a_hole_is_zero_inside_and_nothing_else_changes() -> None:
    counts = np.arange(1, 601, dtype=np.int64)
    hole = OffWrist(100 * 60 * NS, 400 * 60 * NS)
    worn = without_watch(counts, 0, (hole,))
    assert not worn[100:400].any()
    assert (worn[:100] == counts[:100]).all()
    assert (worn[400:] == counts[400:]).all()
    assert counts[200] == 201
