"""Events per minute: nights small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.recording import Stage
from pipeline.signals.event_density import (
    counts_per_epoch,
    density_per_min,
    epoch_densities,
    minutes_per_epoch,
    period_densities,
    stage_densities,
    third_densities,
)

W, N1, N2, N3, R = (float(code) for code in (Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM))
NAN = float("nan")


def stages(*runs: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(n, code) for code, n in runs])


def test_an_event_belongs_to_the_epoch_that_has_begun() -> None:
    at_s = np.array([-0.1, 0.0, 29.99, 30.0, 89.0, 90.0])
    assert counts_per_epoch(at_s, 3).tolist() == [2, 1, 1]
    assert counts_per_epoch(at_s, 3, first_epoch_s=-30.0).tolist() == [1, 2, 1]
    assert counts_per_epoch(at_s, 3, first_epoch_s=10.0).tolist() == [2, 0, 2]
    assert counts_per_epoch(np.empty(0), 2).tolist() == [0, 0]


def test_minutes_are_those_of_the_stretches() -> None:
    judged = np.array([[0.0, 45.0], [60.0, 66.0], [66.0, 72.0], [200.0, 500.0]])
    assert minutes_per_epoch(judged, 5) * 60 == pytest.approx([30, 15, 12, 0, 0])
    assert minutes_per_epoch(judged, 3, first_epoch_s=-15.0) * 60 == pytest.approx([15, 30, 12])
    assert minutes_per_epoch(judged, 2, first_epoch_s=450.0) * 60 == pytest.approx([30, 20])
    assert minutes_per_epoch(np.empty((0, 2)), 2).tolist() == [0, 0]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(0.1, 90.0), min_size=2, max_size=12).filter(lambda x: len(x) % 2 == 0),
    st.floats(-100.0, 100.0),
)
def test_minutes_are_those_of_a_count_of_tenths(steps: list[float], first_s: float) -> None:
    judged = np.round(np.cumsum(steps), 1).reshape(-1, 2)
    first_s = round(first_s, 1)
    tenths = np.arange(25 * 300) / 10.0 + first_s + 0.05
    inside = ((tenths[:, None] >= judged[:, 0]) & (tenths[:, None] < judged[:, 1])).any(axis=1)
    expected = inside.reshape(25, 300).sum(axis=1) / 600.0
    np.testing.assert_allclose(minutes_per_epoch(judged, 25, first_s), expected, atol=1e-9)


def test_the_denominator_is_what_was_seen() -> None:
    """20 min of N3 of which half was off: 40 events in 10 min are 4 per minute, not 2."""
    stage = np.full(40, N3)
    counts = np.repeat([2, 0], 20)
    minutes = np.repeat([0.5, 0.0], 20)
    assert stage_densities(counts, minutes, stage)[1:].tolist() == [4.0, 4.0]
    assert np.isnan(stage_densities(counts, minutes, stage)[0])


def test_null_is_little_seen_and_zero_is_nothing_found() -> None:
    stage = stages((N2, 10), (N3, 9))
    minutes, none = np.full(19, 0.5), np.zeros(19, np.int64)
    n2, n3, nrem = stage_densities(none, minutes, stage)
    assert n2 == 0.0  # 5 min, none found
    assert np.isnan(n3)  # 4.5 min
    assert nrem == 0.0
    assert stage_densities(none, minutes, stage, least_min=4.5)[1] == 0.0
    assert np.isnan(density_per_min(none, 0 * minutes, [stage == N2], least_min=0.0))


def test_an_event_where_nothing_was_seen_is_not_counted() -> None:
    both = np.ones(2, np.bool_)
    assert density_per_min(np.array([5, 20]), np.array([0.0, 10.0]), [both]).tolist() == [2.0]


def test_only_n2_and_n3_count_and_each_its_own() -> None:
    stage = stages((W, 10), (N1, 10), (N2, 20), (N3, 10), (R, 10), (NAN, 10))
    counts = np.concatenate([np.full(10, 9), np.full(10, 9), np.full(20, 1), np.full(10, 4), np.full(20, 9)])
    found = stage_densities(counts, np.full(70, 0.5), stage)
    assert found.tolist() == pytest.approx([2.0, 8.0, 60 / 15])


def test_periods_of_a_night_of_two() -> None:
    """40 min of NREM, 10 of REM, 20 of NREM; the wake inside the second is no part of it."""
    stage = stages((W, 10), (N1, 4), (N2, 46), (N3, 30), (R, 20), (N2, 20), (W, 10), (N2, 20))
    counts = np.zeros(len(stage), np.int64)
    counts[14:60], counts[60:90] = 1, 3
    counts[110:130], counts[130:140], counts[140:] = 1, 50, 2
    found = period_densities(counts, np.full(len(stage), 0.5), stage)
    assert found.tolist() == pytest.approx([(46 + 90) / 38, (20 + 40) / 20])
    assert period_densities(counts[:10], np.full(10, 0.5), stage[:10]).shape == (0,)


def test_thirds_run_from_onset_to_last_sleep() -> None:
    stage = stages((W, 50), (N2, 20), (N3, 20), (N2, 20), (W, 30))
    counts = np.zeros(len(stage), np.int64)
    counts[50:70], counts[70:90], counts[90:110] = 1, 3, 2
    assert third_densities(counts, np.full(len(stage), 0.5), stage).tolist() == [2.0, 6.0, 4.0]
    minutes = np.full(len(stage), 0.5)
    minutes[70:82] = 0.0
    assert np.isnan(third_densities(counts, minutes, stage)[1])  # 4 min of it were seen
    assert np.isnan(third_densities(counts, minutes, np.full(len(stage), W))).all()
    assert np.isnan(third_densities(counts, minutes, np.full(len(stage), NAN))).all()


def test_epochs() -> None:
    stage = np.array([N2, N2, N2, W, NAN, N3])
    found = epoch_densities(np.array([0, 3, 1, 4, 4, 2]), np.array([0.5, 0.25, 0.24, 0.5, 0.5, 0.5]), stage)
    np.testing.assert_array_equal(found, [0.0, 12.0, NAN, NAN, NAN, 4.0])
