"""Boosted trees: by hand, against a slow walk of LightGBM's own rules, and against LightGBM where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from boosted_trees import HEAD, TEXT, TREES

from pipeline.signals.stagers.lightgbm_text import read_lightgbm
from pipeline.signals.stagers.trees import Forest, Tree, forest_of

NONE_RIGHT, NONE_LEFT, ZERO_RIGHT, ZERO_LEFT, NAN_RIGHT, NAN_LEFT = 0, 2, 4, 6, 8, 10


def tree(
    feature: list[int],
    threshold: list[float],
    decision: list[int],
    left: list[int],
    right: list[int],
    leaf: list[float],
) -> Tree:
    whole = (np.array(each, np.int64) for each in (feature, decision, left, right))
    features, decisions, lefts, rights = whole
    return Tree(features, np.array(threshold), decisions, lefts, rights, np.array(leaf))


def stump(decision: int, threshold: float = 1.0) -> Forest:
    """1 to the left of the threshold, 2 to its right."""
    return forest_of([tree([0], [threshold], [decision], [-1], [-2], [1.0, 2.0])], 1, 1)


def walked(one: Tree, row: np.ndarray) -> float:
    """LightGBM's rules (`Tree::NumericalDecision`) for one row, step by step."""
    node = 0 if len(one.feature) else -1
    while node >= 0:
        value, decision = float(row[one.feature[node]]), int(one.decision_type[node])
        kind, to_left = decision >> 2 & 3, bool(decision & 2)
        if np.isnan(value) and kind != 2:
            value = 0.0
        if (kind == 1 and abs(value) <= 1e-35) or (kind == 2 and np.isnan(value)):
            left = to_left
        else:
            left = value <= one.threshold[node]
        node = int(one.left[node] if left else one.right[node])
    return float(one.leaf_value[-node - 1])


def grown(rng: np.random.Generator, leaves: int, features: int) -> Tree:
    """A tree grown leaf by leaf, as LightGBM grows them: any leaf may split, however lopsided the tree becomes."""
    left, right, home = [], [], {0: (None, "")}
    for node in range(leaves - 1):
        split = int(rng.integers(node + 1))
        parent, side = home[split]
        if parent is not None:
            (left if side == "left" else right)[parent] = node
        left.append(-split - 1)
        right.append(-(node + 1) - 1)
        home[split], home[node + 1] = (node, "left"), (node, "right")
    inner = leaves - 1
    return tree(
        list(rng.integers(features, size=inner)),
        list(np.round(rng.normal(size=inner), 1)),
        list(rng.choice([NONE_RIGHT, NONE_LEFT, ZERO_RIGHT, ZERO_LEFT, NAN_RIGHT, NAN_LEFT], inner)),
        left,
        right,
        list(rng.normal(size=leaves)),
    )


def test_a_value_at_the_threshold_goes_left_and_the_next_one_right() -> None:
    x = np.array([[1.0], [np.nextafter(1.0, 2.0)], [-np.inf], [np.inf]])
    assert stump(NONE_LEFT).scores(x)[:, 0].tolist() == [1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("decision", "threshold", "of_nan", "of_zero"),
    [
        (NONE_LEFT, 1.0, 1.0, 1.0),  # NaN counts as 0, and 0 ≤ 1
        (NONE_RIGHT, 1.0, 1.0, 1.0),
        (NONE_LEFT, -1.0, 2.0, 2.0),  # whatever the default
        (NAN_LEFT, -1.0, 1.0, 2.0),
        (NAN_RIGHT, 1.0, 2.0, 1.0),
        (ZERO_LEFT, -1.0, 1.0, 1.0),
        (ZERO_RIGHT, 1.0, 2.0, 2.0),
    ],
)
def test_missing_values_go_where_the_node_sends_them(
    decision: int, threshold: float, of_nan: float, of_zero: float
) -> None:
    found = stump(decision, threshold).scores(np.array([[np.nan], [0.0], [1e-36], [-0.9], [0.9]]))[:, 0]
    assert found[:3].tolist() == [of_nan, of_zero, of_zero]
    assert found[3:].tolist() == ([1.0, 1.0] if threshold > 0 else [2.0, 2.0])


def test_a_split_off_of_what_is_missing_has_an_infinite_threshold() -> None:
    x = np.array([[np.nan], [np.inf], [-np.inf], [1e300]])
    assert stump(NAN_RIGHT, np.inf).scores(x)[:, 0].tolist() == [2.0, 1.0, 1.0, 1.0]
    assert stump(NAN_LEFT, -np.inf).scores(x)[:, 0].tolist() == [1.0, 2.0, 1.0, 2.0]


def test_lopsided_trees_are_walked_as_lightgbm_walks_them() -> None:
    rng = np.random.default_rng(0)
    trees = [grown(rng, int(leaves), 4) for leaves in rng.integers(1, 33, 60)]
    forest = forest_of(trees, 4, 3)
    assert forest.depth > 6  # deeper than complete trees of so many leaves
    x = np.round(rng.normal(size=(400, 4)), 1)  # values lie on thresholds
    x[rng.random(x.shape) < 0.2] = np.nan
    x[rng.random(x.shape) < 0.1] = 0.0
    expected = np.zeros((400, 3))
    for number, one in enumerate(trees):
        expected[:, number % 3] += [walked(one, row) for row in x]
    assert np.abs(forest.scores(x) - expected).max() < 1e-12
    alone = np.concatenate([forest.scores(row[None]) for row in x])
    assert np.array_equal(alone, forest.scores(x))


def test_a_chain_of_forty_levels() -> None:
    n = 40
    chain = tree(
        [0] * n, list(np.arange(n)), [2] * n, [-k - 1 for k in range(n)], [*range(1, n), -n - 1], list(range(n + 1))
    )
    forest = forest_of([chain], 1, 1)
    assert forest.depth == n
    assert forest.scores(np.arange(-0.5, n)[:, None])[:, 0].tolist() == list(range(n + 1))


def test_thresholds_are_compared_in_double_precision() -> None:
    third = 1.0 / 3.0
    forest = stump(NONE_LEFT, third)
    assert float(np.float32(third)) > third
    assert forest.scores(np.array([[third], [np.float32(third)]]))[:, 0].tolist() == [1.0, 2.0]
    assert forest.scores(np.array([[third]], np.float32))[0, 0] == 2.0


def test_the_model_written_by_hand() -> None:
    forest, names = read_lightgbm(TEXT)
    assert names == ("slow", "fast")
    x = np.array([[1.0, -0.5], [1.5, 2.0], [1.5, 2.5], [np.nan, np.nan]])
    # Class 0: tree 0 + tree 2; class 1: tree 1 + tree 3, whose leaves are crossed.
    expected = [[10.25, 16.0], [19.75, 16.0], [29.75, 16.0], [9.75, 17.0]]
    assert forest.scores(x).tolist() == expected
    odds = forest.probabilities(x)
    assert odds[1, 0] == pytest.approx(1.0 / (1.0 + np.exp(-3.75)), abs=1e-15)
    assert odds.sum(axis=1) == pytest.approx(1.0, abs=1e-15)


def test_scores_too_large_for_exp_still_give_probabilities() -> None:
    forest = forest_of([tree([], [], [], [], [], [value]) for value in (5000.0, 5001.0)], 1, 2)
    assert forest.probabilities(np.zeros((1, 1)))[0] == pytest.approx([1 / (1 + np.e), np.e / (1 + np.e)])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("tree\nversion=v4", "tree\nversion=v9", "version 3 or 4"),
        ("objective=multiclass num_class:2", "objective=multiclassova num_class:2", "softmax"),
        ("feature_names=slow fast", "feature_names=slow fast late", "contradicts itself"),
        ("num_tree_per_iteration=2", "num_tree_per_iteration=1", "contradicts itself"),
        ("num_cat=0", "num_cat=1", "categories"),
        ("is_linear=0", "is_linear=1", "linear"),
        ("decision_type=2 2", "decision_type=2 3", "categories"),
        ("decision_type=2 2", "decision_type=2 14", "missing type"),
        ("leaf_value=10 20 30", "leaf_value=10 20", "leaves"),
        ("right_child=1 -3", "right_child=1 -2", "each of its nodes"),
        ("left_child=-1 -2\nright_child=1 -3", "left_child=-1 1\nright_child=-2 -3", "does not reach"),
        ("split_feature=0 1", "split_feature=0 2", "beyond"),
    ],
)
def test_what_the_trees_cannot_mean_is_refused(old: str, new: str, said: str) -> None:
    assert old in TEXT
    with pytest.raises(ValueError, match=said):
        read_lightgbm(TEXT.replace(old, new, 1))


def test_a_tree_short_and_features_short_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot be shared"):
        read_lightgbm("\n".join((HEAD, *TREES[:3])))
    with pytest.raises(ValueError, match="want 2 features"):
        read_lightgbm(TEXT)[0].scores(np.zeros((5, 3)))


@pytest.mark.parametrize("zero_as_missing", [False, True])
def test_lightgbm_itself_scores_the_same(zero_as_missing: bool) -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="the extra `staging` is not installed")
    rng = np.random.default_rng(3)
    x = rng.normal(size=(600, 5)).round(1)
    x[rng.random(x.shape) < 0.2] = np.nan
    x[:, 4] = np.nan_to_num(x[:, 4])
    label = (np.nan_to_num(x[:, 0], nan=0.7) + x[:, 4] > 0).astype(int) + np.isnan(x[:, 1])
    settings = {"objective": "multiclass", "num_class": 3, "num_leaves": 13, "min_data_in_leaf": 5, "verbose": -1}
    settings |= {"zero_as_missing": zero_as_missing, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(x, label), num_boost_round=12)
    forest, _ = read_lightgbm(booster.model_to_string())
    fresh = rng.normal(size=(500, 5)).round(1)
    fresh[rng.random(fresh.shape) < 0.3] = np.nan
    assert len(set(forest.column_way.tolist())) > 1
    assert np.abs(forest.probabilities(fresh) - booster.predict(fresh)).max() < 1e-12
