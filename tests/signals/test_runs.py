"""Contiguous stretches of a mask: by hand, and back again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.signals.runs import mask_of, runs_of


@pytest.mark.parametrize(
    ("mask", "rows"),
    [
        ([1, 1, 0, 1, 0, 0, 1], [[0, 2], [3, 4], [6, 7]]),
        ([0, 1, 1, 0], [[1, 3]]),
        ([1, 1, 1], [[0, 3]]),
        ([1], [[0, 1]]),
        ([0, 0], []),
        ([], []),
    ],
)
def test_runs_by_hand(mask: list[int], rows: list[list[int]]) -> None:
    found = runs_of(np.array(mask, np.bool_))
    assert found.tolist() == rows
    assert found.shape == (len(rows), 2)
    assert found.dtype == np.int64


def test_a_mask_of_rows_that_touch_and_overlap() -> None:
    rows = np.array([[6, 8], [1, 3], [3, 4], [2, 5]], np.int64)
    assert np.flatnonzero(mask_of(rows, 8)).tolist() == [1, 2, 3, 4, 6, 7]
    assert not mask_of(np.empty((0, 2), np.int64), 3).any()
    assert mask_of(np.empty((0, 2), np.int64), 0).shape == (0,)


@given(st.lists(st.booleans(), max_size=60))
def test_runs_hold_every_true_value_once_and_nothing_else(values: list[bool]) -> None:
    mask = np.array(values, np.bool_)
    rows = runs_of(mask)
    np.testing.assert_array_equal(mask_of(rows, len(mask)), mask)
    assert (rows[:, 1] - rows[:, 0]).sum() == mask.sum()
    assert (rows[1:, 0] > rows[:-1, 1]).all()  # maximal: a false value parts any two
