"""Areas, rises, slopes and reliability of saliva, by hand from their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals.saliva import auc_ground, auc_increase, mean_increase, regression_slope, reliability

MIN = np.array([0.0, 15.0, 30.0, 60.0])
VALUE = np.array([4.0, 10.0, 12.0, 6.0])
NAN = float("nan")


def test_areas_by_hand_over_unequal_steps() -> None:
    assert auc_ground(MIN, VALUE) == 7 * 15 + 11 * 15 + 9 * 30
    assert auc_increase(MIN, VALUE) == 540 - 4 * 60
    assert auc_increase(MIN, np.array([8.0, 6.0, 4.0, 2.0])) == (7 * 15 + 5 * 15 + 3 * 30) - 8 * 60
    assert mean_increase(VALUE) == pytest.approx(28 / 3 - 4)


def test_areas_do_not_hang_on_when_the_clock_starts_and_scale_with_the_values() -> None:
    assert auc_ground(MIN + 7, VALUE) == auc_ground(MIN, VALUE)
    assert auc_increase(MIN + 7, VALUE) == auc_increase(MIN, VALUE)
    assert auc_increase(MIN, 3 * VALUE) == 3 * auc_increase(MIN, VALUE)
    assert auc_increase(MIN, VALUE + 5) == auc_increase(MIN, VALUE)
    assert auc_ground(MIN, VALUE + 5) == auc_ground(MIN, VALUE) + 5 * 60


def test_nothing_is_computed_across_a_missing_sample() -> None:
    for place in range(4):
        gap = np.where(np.arange(4) == place, NAN, VALUE)
        assert np.isnan([auc_ground(MIN, gap), auc_increase(MIN, gap), mean_increase(gap)]).all()
        assert np.isnan(regression_slope(MIN, gap))
    assert np.isnan([auc_ground(MIN[:1], VALUE[:1]), auc_increase(MIN[:1], VALUE[:1]), mean_increase(VALUE[:1])]).all()


def test_times_that_do_not_increase_are_refused() -> None:
    with pytest.raises(ValueError, match="must increase"):
        auc_ground(np.array([0.0, 30.0, 30.0]), VALUE[:3])


def test_slope_by_hand() -> None:
    assert regression_slope(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 8.0])) == 3.5
    assert np.isnan(regression_slope(np.array([2.0, 2.0]), np.array([1.0, 3.0])))
    assert np.isnan(regression_slope(np.array([]), np.array([])))


def test_icc_of_the_four_judges() -> None:
    """The six targets of Shrout & Fleiss 1979, table 2: between 11.24, within 6.26, ICC(1,1) = .17."""
    rows = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    found = reliability([np.array(row, np.float64) for row in rows])
    assert found is not None
    assert found.icc == pytest.approx(0.1657, abs=5e-5)
    assert found.sem**2 == pytest.approx(6.26, abs=0.005)
    assert found.days_for_080 == pytest.approx(4 * (1 - found.icc) / found.icc)
    assert (found.people_n, found.days_n) == (6, 24)


def test_unequal_days_by_hand_and_people_of_one_day_left_out() -> None:
    # Means 2 (n 2) and 7 (n 3), grand 5; MSB 2·9 + 3·4 = 30; MSW (2 + 2)/3; k0 = 5 − 13/5 = 2.4.
    found = reliability([np.array([1.0, 3.0]), np.array([6.0, 7.0, 8.0]), np.array([99.0]), np.array([NAN, 3.0])])
    assert found is not None
    within = 4 / 3
    assert found.icc == pytest.approx((30 - within) / (30 + 1.4 * within))
    assert found.smallest_change == pytest.approx(1.96 * (2 * within) ** 0.5)
    assert reliability([np.array([1.0, 2.0]), np.array([4.0])]) is None
    flat = reliability([np.array([1.0, 3.0]), np.array([3.0, 1.0])])
    assert flat is not None
    assert flat.icc == -1
    assert np.isnan(flat.days_for_080)
