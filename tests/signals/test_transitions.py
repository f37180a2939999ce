"""Transitions, stays and bouts, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from nights import stages

from pipeline.signals.transitions import (
    bout_minutes,
    shifts_of,
    shifts_to_wake,
    stay_probabilities,
    transition_counts,
)


def test_a_sequence_by_hand() -> None:
    #            W  W  1  2  2  3  3  3  2  R  R  W  2
    stage = np.array([0, 0, 1, 2, 2, 3, 3, 3, 2, 4, 4, 0, 2], float)
    counts = transition_counts(stage)
    assert counts.tolist() == [
        [1, 1, 1, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 1, 1, 1],
        [0, 0, 1, 2, 0],
        [1, 0, 0, 0, 1],
    ]
    assert stay_probabilities(counts).tolist() == pytest.approx([1 / 3, 0, 1 / 3, 2 / 3, 1 / 2])
    shifts = shifts_of(counts)
    assert (shifts.to_wake, shifts.from_wake, shifts.between_sleep, shifts.to_lightest) == (1, 2, 4, 1)
    assert shifts_to_wake(stage) == 1


def test_falling_to_n1_is_lightening_and_rising_from_it_is_not() -> None:
    shifts = shifts_of(transition_counts(np.array([2, 1, 2, 3, 1, 4, 1, 0, 1, 3, 0], float)))
    assert shifts.to_lightest == 4  # N2-N1, N3-N1, R-N1, N3-W; not N1-W, not W-N1
    assert shifts.to_wake == 2
    assert shifts.between_sleep == 7


@pytest.mark.parametrize("text", ["", "W0.5", "?5", "M5", "L5", "S5", "20.5 ?0.5 30.5", "30.5 M0.5 20.5"])
def test_nothing_is_counted_across_what_was_not_staged(text: str) -> None:
    counts = transition_counts(stages(text))
    assert counts.shape == (5, 5)
    assert counts.sum() == 0
    assert np.isnan(stay_probabilities(counts)).all()


def test_a_device_that_tells_no_stages_still_tells_awakenings() -> None:
    assert shifts_to_wake(stages("L5 W1 S5 W1 ?1 W1 25 M1 W1")) == 2


def test_bouts() -> None:
    stage = stages("35 ?1 32 W1 30.5")
    assert bout_minutes(stage == 3).tolist() == [5.0, 2.0, 0.5]
    assert bout_minutes(stage == 4).shape == (0,)


def test_counts_add_up_and_time_reversed_is_the_transpose() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        stage = np.repeat(rng.choice([0.0, 1, 2, 3, 4, -2, np.nan], 80), rng.integers(1, 12, 80))
        counts = transition_counts(stage)
        staged = stage >= 0
        assert counts.sum() == (staged[1:] & staged[:-1]).sum()
        assert (transition_counts(stage[::-1]) == counts.T).all()
        shifts = shifts_of(counts)
        assert shifts.to_wake + shifts.from_wake + shifts.between_sleep == counts.sum() - np.trace(counts)
