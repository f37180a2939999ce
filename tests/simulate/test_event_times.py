"""Times of events: the rate is met with dead time, no event overlaps another, barred stretches stay empty."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.simulate.event_times import STEP_S, last_allowed, most_events, placed, rate_steps, sample_spans, without

HOUR = 36_000  # steps


@pytest.mark.parametrize("busy_s", [0.0, 1.0, 3.0])
def test_a_constant_rate_is_met_whatever_the_dead_time(busy_s: float) -> None:
    rate = np.full(20 * HOUR, 10 / 60)
    starts = placed(rate, np.full(most_events(rate), busy_s), np.random.default_rng(1))
    # 12 000 expected; a Poisson count spreads by 110, one with dead time less.
    assert len(starts) == pytest.approx(12_000, abs=350)
    assert np.diff(starts).min() >= busy_s
    assert starts.max() < 20 * 3600


def test_waiting_times_are_exponential_without_dead_time() -> None:
    rate = np.full(20 * HOUR, 10 / 60)
    gaps = np.diff(placed(rate, np.zeros(most_events(rate)), np.random.default_rng(2)))
    assert gaps.mean() == pytest.approx(6.0, rel=0.03)
    assert gaps.std() == pytest.approx(6.0, rel=0.05)


def test_events_follow_the_rate_where_it_changes_and_skip_where_it_is_zero() -> None:
    rate = np.concatenate([np.full(HOUR * 5, 12 / 60), np.zeros(HOUR), np.full(HOUR * 5, 3 / 60)])
    starts = placed(rate, np.full(most_events(rate), 0.5), np.random.default_rng(3))
    hours = starts / 3600
    assert (hours < 5).sum() == pytest.approx(3600, abs=200)
    assert (hours > 6).sum() == pytest.approx(900, abs=100)
    assert not ((hours > 5) & (hours < 6)).any()


def test_more_than_fits_is_refused() -> None:
    rate = np.full(HOUR, 30 / 60)
    with pytest.raises(ValueError, match=r"30.0 events a minute of 2.00 s each leave no room"):
        placed(rate, np.full(most_events(rate), 2.0), np.random.default_rng(1))


def test_no_rate_has_no_events() -> None:
    assert len(placed(np.zeros(100), np.ones(5), np.random.default_rng(1))) == 0
    assert len(placed(np.zeros(0), np.zeros(0), np.random.default_rng(1))) == 0


def test_rate_of_epochs_is_per_second() -> None:
    assert rate_steps(np.array([60.0, 6.0]), 30).tolist() == [1.0] * 300 + [0.1] * 300


def test_barred_stretches_worked_by_hand() -> None:
    rate = np.ones(10)
    barred = without(rate, np.array([0.25, 0.72, -5.0]), np.array([0.35, 99.0, -1.0]))
    assert barred.tolist() == [1, 1, 0, 0, 1, 1, 1, 0, 0, 0]
    assert rate.all()


def test_last_allowed_leaves_room_for_the_longest_worked_by_hand() -> None:
    rate = np.array([1.0, 1, 1, 1, 0, 1, 1, 1, 1, 1])
    assert last_allowed(rate, 2 * STEP_S).tolist() == [1, 1, 1, 0, 0, 1, 1, 1, 1, 0]


def test_sample_spans_worked_by_hand() -> None:
    which, at = sample_spans(np.array([0.05, 0.5, -0.2]), np.array([0.3, 0.5, 0.0]), 10, 10.0)
    assert which.tolist() == [0, 0, 0, 1, 2]
    assert at.tolist() == [1, 2, 3, 5, 0]
    assert sample_spans(np.array([0.8]), np.array([5.0]), 10, 10.0)[1].tolist() == [8, 9]
