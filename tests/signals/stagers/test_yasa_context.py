"""Running means and scaling: against pandas and scikit-learn where nothing is missing, by hand where something is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals.stagers.yasa_context import AROUND, COLUMNS, PAST, robust_scaled, running_mean, with_context

N = 21


def features(n: int = 90, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(size=(n, N)).cumsum(axis=0) * 0.2)


@pytest.mark.parametrize("n", [1, 3, 14, 90])
def test_the_columns_are_pandas_and_scikit_learn_s(n: int) -> None:
    import pandas as pd
    from sklearn.preprocessing import robust_scale

    made = features(n)
    made[n // 2, 3] = np.nan  # a feature that an epoch has not
    frame = pd.DataFrame(made)
    around = frame.rolling(window=15, center=True, min_periods=1, win_type="triang").mean()
    past = frame.rolling(window=4, min_periods=1).mean()
    if n > 1:
        around, past = (robust_scale(each, quantile_range=(5, 95)) for each in (around, past))
        ours = with_context(made, np.ones(n, np.bool_))
        assert ours[:, 21:42] == pytest.approx(np.asarray(around), rel=1e-5, abs=1e-6, nan_ok=True)
        assert ours[:, 42:63] == pytest.approx(np.asarray(past), rel=1e-5, abs=1e-6, nan_ok=True)
        assert ours[:, :21] == pytest.approx(made, rel=1e-6, nan_ok=True)
    else:
        assert running_mean(made, AROUND, 7) == pytest.approx(np.asarray(around), nan_ok=True)


def test_the_names_are_those_of_the_columns() -> None:
    assert len(COLUMNS) == len(set(COLUMNS)) == 65
    assert (COLUMNS[0], COLUMNS[21], COLUMNS[42], COLUMNS[62]) == (
        "eeg_std",
        "eeg_std_c7min_norm",
        "eeg_std_p2min_norm",
        "eeg_petrosian_p2min_norm",
    )
    rows = with_context(features(121), np.ones(121, np.bool_))
    assert rows[:, COLUMNS.index("time_hour")][[0, 60, 120]].tolist() == [0.0, 0.5, 1.0]
    assert rows[:, COLUMNS.index("time_norm")][[0, 60, 120]].tolist() == [0.0, 0.5, 1.0]


def test_running_means_worked_by_hand() -> None:
    x = np.array([[1.0], [2.0], [np.nan], [4.0], [8.0]])
    assert running_mean(x, PAST, ahead=0)[:, 0] == pytest.approx([1.0, 1.5, 1.5, 7 / 3, 14 / 3])
    # Weights 8/8 of the epoch itself, 7/8 beside it, 6/8, 5/8, 4/8: those of what is there.
    assert running_mean(x, AROUND, ahead=7)[0, 0] == pytest.approx((8 * 1 + 7 * 2 + 5 * 4 + 4 * 8) / 24)
    assert np.isnan(running_mean(np.full((3, 1), np.nan), PAST, 0)).all()


def test_missing_epochs_neither_weigh_nor_count() -> None:
    made = features(60)
    there = np.ones(60, np.bool_)
    there[20:35] = False
    rows = with_context(made, there)
    assert np.isnan(rows[20:35]).all()
    assert np.isfinite(rows[there]).all()
    spoilt = made.copy()
    spoilt[20:35] = 1e9
    assert np.array_equal(with_context(spoilt, there), rows, equal_nan=True)
    # The scaling is that of the 45 epochs that are there.
    past = running_mean(np.where(there[:, None], made, np.nan), PAST, 0)[there]
    low, middle, high = np.quantile(past, (0.05, 0.5, 0.95), axis=0)
    assert rows[there, 42:63] == pytest.approx((past - middle) / (high - low), rel=1e-5, abs=1e-6)


def test_a_column_that_does_not_vary_is_centred_only() -> None:
    x = np.column_stack((np.full(5, 3.0), np.arange(5.0)))
    scaled = robust_scaled(x, np.ones(5, np.bool_))
    assert scaled[:, 0].tolist() == [0.0] * 5
    assert scaled[:, 1] == pytest.approx((np.arange(5.0) - 2) / 3.6)
    assert np.isnan(robust_scaled(x, np.zeros(5, np.bool_))).all()
