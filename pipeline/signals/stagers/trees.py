"""Boosted decision trees of several classes, evaluated for all rows at once in NumPy, as LightGBM evaluates them.

A value is compared with the thresholds of its feature once, by bisection; from there on the trees compare small whole
numbers. A leaf points to itself, so that trees of any shape are walked in as many steps as the deepest has levels.

What LightGBM does with a missing value depends on the node (its `decision_type`, LightGBM 4 `tree.h`):

- missing type none: NaN counts as 0;
- missing type NaN: NaN goes the node's default way;
- missing type zero: NaN and what is within 1e-35 of 0 go the default way.

The default way is had by ranking the value below or above all thresholds, in a column of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats

ZERO = float(np.float32(1e-35))
"""What LightGBM holds to be zero (`kZeroThreshold`, a single-precision number)."""

_CATEGORICAL, _DEFAULT_LEFT = 1, 2
_NONE, _ZERO, _NAN = 0, 1, 2
_CHUNK = 1 << 15
"""Nodes that are walked from at once; a choice that keeps them inside the processor's cache."""

_LEAF_RANK = np.iinfo(np.uint16).max
"""No value outranks it: a walk that reached a leaf stays there."""


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree as LightGBM writes it: inner nodes in arrays of equal length; a child < 0 is leaf number −child − 1."""

    feature: NDArray[np.int64]
    threshold: Floats
    decision_type: NDArray[np.int64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    leaf_value: Floats


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees in one array of nodes; tree t adds to the score of class t mod `n_classes`.

    A node's left child is node `child` and its right child the next one; a leaf is its own child. A walk goes right
    where the value's rank among `cuts` of the node's `column` exceeds the node's `rank`.
    """

    n_features: int
    n_classes: int
    depth: int
    root: NDArray[np.int32]
    column: NDArray[np.uint16]
    rank: NDArray[np.uint16]
    child: NDArray[np.int32]
    value: Floats
    column_feature: NDArray[np.int32]
    column_way: NDArray[np.int8]
    """What a column does with a missing value: one of the numbers `_AS_ZERO` … below."""
    cuts: Floats
    """Thresholds of column after column, ascending and each once."""
    cut_start: NDArray[np.int32]

    def scores(self, x: NDArray[np.floating]) -> Floats:
        """Sums of leaf values, shape (n, n_classes), for rows of features, shape (n, n_features)."""
        ranks = self._ranks(x)
        n = len(x)
        total = np.zeros((self.n_classes, n))
        at_once = max(_CHUNK // max(n, 1) // self.n_classes, 1) * self.n_classes
        offset = self.column.astype(np.intp) * n
        child = self.child.astype(np.intp)
        row = np.arange(n)
        for first in range(0, len(self.root), at_once):
            root = self.root[first : first + at_once]
            # The first step needs no look-up for each row: all stand at the root.
            node = child[root][:, None] + (ranks[self.column[root]] > self.rank[root][:, None])
            for _ in range(self.depth - 1):
                at = offset.take(node)
                at += row
                right = ranks.take(at) > self.rank.take(node)
                node = child.take(node)
                node += right
            total += self.value.take(node).reshape(-1, self.n_classes, n).sum(axis=0)
        return total.T

    def probabilities(self, x: NDArray[np.floating]) -> Floats:
        """Softmax of the scores, shape (n, n_classes); rows sum to 1."""
        scores = self.scores(x)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)

    def _ranks(self, x: NDArray[np.floating]) -> NDArray[np.uint16]:
        """How many of its column's thresholds each value exceeds, shape (n_columns, n)."""
        if x.ndim != 2 or x.shape[1] != self.n_features:
            raise ValueError(f"the trees want {self.n_features} features in a row, not an array of shape {x.shape}")
        ranks = np.empty((len(self.column_feature), len(x)), np.uint16)
        for column, (feature, way) in enumerate(zip(self.column_feature, self.column_way, strict=True)):
            cuts = self.cuts[self.cut_start[column] : self.cut_start[column + 1]]
            ranks[column] = _rank(x[:, feature].astype(np.float64), cuts, int(way))
        return ranks


_AS_ZERO, _NAN_LEFT, _NAN_RIGHT, _ZERO_LEFT, _ZERO_RIGHT = range(5)


def _rank(values: Floats, cuts: Floats, way: int) -> NDArray[np.int64]:
    """How many of the thresholds each value exceeds; what is missing exceeds as many as its nodes ask for."""
    missing = np.isnan(values)
    ranks = np.searchsorted(cuts, np.where(missing, 0.0, values), side="left")
    if way != _AS_ZERO:
        if way in {_ZERO_LEFT, _ZERO_RIGHT}:
            missing |= np.abs(values) <= ZERO
        ranks[missing] = 0 if way in {_NAN_LEFT, _ZERO_LEFT} else len(cuts)
    return ranks


def _ways(decision_type: NDArray[np.int64]) -> NDArray[np.int64]:
    if (decision_type & _CATEGORICAL).any():
        raise ValueError("a tree splits on categories: only numerical splits are evaluated")
    kind, left = decision_type >> 2 & 3, (decision_type & _DEFAULT_LEFT) > 0
    by_kind = np.select(
        [kind == _NONE, kind == _NAN, kind == _ZERO],
        [_AS_ZERO, np.where(left, _NAN_LEFT, _NAN_RIGHT), np.where(left, _ZERO_LEFT, _ZERO_RIGHT)],
        default=-1,
    )
    if (by_kind < 0).any():
        raise ValueError("a tree has a missing type that is not known")
    return np.asarray(by_kind, np.int64)


def forest_of(trees: Sequence[Tree], n_features: int, n_classes: int) -> Forest:
    """The trees as one `Forest`; tree t belongs to class t mod `n_classes`.

    Raises
    ------
    ValueError
        If the trees are not as many for each class, split on categories, or name a feature or a node that is not.
    """
    if not trees or len(trees) % n_classes:
        raise ValueError(f"{len(trees)} trees cannot be shared by {n_classes} classes")
    ordered = [_ordered(tree) for tree in trees]
    sizes = np.array([len(nodes.child) for nodes in ordered])
    root = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    child = np.concatenate([nodes.child + start for nodes, start in zip(ordered, root, strict=True)])
    inner = np.concatenate([nodes.inner for nodes in ordered])
    picked = [(tree, nodes.source[nodes.inner]) for tree, nodes in zip(trees, ordered, strict=True)]
    feature = np.concatenate([tree.feature[source] for tree, source in picked])
    threshold = np.concatenate([tree.threshold[source] for tree, source in picked])
    way = np.concatenate([_ways(tree.decision_type[source]) for tree, source in picked])
    if len(feature) and not 0 <= feature.min() <= feature.max() < n_features:
        raise ValueError(f"a tree splits on a feature beyond the {n_features} there are")
    keys, of_inner = np.unique(way * n_features + feature, return_inverse=True)
    keys = keys if len(keys) else np.zeros(1, np.int64)  # leaves alone still look at a column, and stay
    cuts = [np.unique(threshold[of_inner == key]) for key in range(len(keys))]
    if max(len(some) for some in cuts) >= _LEAF_RANK:
        raise ValueError("a feature has more thresholds than can be ranked")
    column, rank = np.zeros(len(child), np.uint16), np.full(len(child), _LEAF_RANK, np.uint16)
    column[inner] = of_inner
    at = np.flatnonzero(inner)
    for key, some in enumerate(cuts):
        rank[at[of_inner == key]] = np.searchsorted(some, threshold[of_inner == key])
    return Forest(
        n_features=n_features,
        n_classes=n_classes,
        depth=max(nodes.depth for nodes in ordered),
        root=root.astype(np.int32),
        column=column,
        rank=rank,
        child=child.astype(np.int32),
        value=np.concatenate([nodes.value for nodes in ordered]),
        column_feature=(keys % n_features).astype(np.int32),
        column_way=(keys // n_features).astype(np.int8),
        cuts=np.concatenate(cuts),
        cut_start=np.concatenate(([0], np.cumsum([len(some) for some in cuts]))).astype(np.int32),
    )


@dataclass(frozen=True, slots=True)
class _Ordered:
    """A tree's nodes level by level, siblings side by side; `source` is the number of an inner one at LightGBM."""

    inner: NDArray[np.bool_]
    source: NDArray[np.int64]
    child: NDArray[np.int64]
    value: Floats
    depth: int


def _ordered(tree: Tree) -> _Ordered:
    n_inner, n_leaves = len(tree.feature), len(tree.leaf_value)
    children = np.stack((tree.left, tree.right), axis=1)
    # Every leaf and every node but the root is somebody's child, once; the one leaf of a tree without nodes is not.
    expected = np.r_[np.arange(-n_leaves, 0), np.arange(1, n_inner)] if n_inner else np.empty(0)
    if n_leaves != n_inner + 1 or not np.array_equal(np.sort(children.ravel()), expected):
        raise ValueError("a tree's children are not each of its nodes and leaves once")
    level = np.array([0 if n_inner else -1])
    sources, child, depth, total = [level], [], 0, 1
    while len(level):
        inner = level >= 0
        after = total + 2 * (np.cumsum(inner) - 1)
        child.append(np.where(inner, after, total - len(level) + np.arange(len(level))))
        level = children[level[inner]].ravel()
        total += len(level)
        sources.append(level)
        depth += len(level) > 0
    source = np.concatenate(sources)
    if (source >= 0).sum() != n_inner:
        raise ValueError("a tree has nodes that its root does not reach")
    leaf = source < 0
    value = np.zeros(len(source))
    value[leaf] = tree.leaf_value[-source[leaf] - 1]
    return _Ordered(~leaf, np.where(leaf, 0, source), np.concatenate(child), value, depth)
