"""LightGBM's text form of a model, read into trees; no LightGBM is needed.

The text is what `Booster.save_model` writes: a head of `key=value` lines, then a block of such lines for each tree.
"""

from __future__ import annotations

import numpy as np

from pipeline.recording import Floats
from pipeline.signals.stagers.trees import Forest, Tree, forest_of

VERSIONS = ("v3", "v4")
"""The versions of the text that are read; they differ in nothing that is read here."""


def read_lightgbm(text: str) -> tuple[Forest, tuple[str, ...]]:
    """The model's trees and the names of its features, in the order of the columns that the trees expect.

    Raises
    ------
    ValueError
        If the text is not a multiclass model of numerical splits with constant leaves.
    """
    head, *blocks = text.split("\nTree=")
    fields = _fields(head)
    if not head.startswith("tree\n") or fields.get("version") not in VERSIONS:
        raise ValueError("this is not the text of a LightGBM model of version 3 or 4")
    if not fields.get("objective", "").startswith("multiclass ") or "average_output" in head.split("\n"):
        raise ValueError(f"the model's objective is {fields.get('objective')!r}, not the softmax of several classes")
    names = tuple(fields["feature_names"].split(" "))
    trees = [_tree(_fields(block)) for block in blocks]
    n_classes = int(fields["num_class"])
    if int(fields["num_tree_per_iteration"]) != n_classes or int(fields["max_feature_idx"]) + 1 != len(names):
        raise ValueError("the model's head contradicts itself")
    return forest_of(trees, len(names), n_classes), names


def _fields(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n\n", maxsplit=1)[0].split("\n") if "=" in line)


def _tree(fields: dict[str, str]) -> Tree:
    if fields["num_cat"] != "0" or fields.get("is_linear", "0") != "0":
        raise ValueError("a tree splits on categories or has linear leaves")
    leaves = _numbers(fields["leaf_value"])
    if len(leaves) != int(fields["num_leaves"]):
        raise ValueError("a tree has not as many leaves as it says")
    feature, decisions, left, right = (
        _numbers(fields.get(key, "")).astype(np.int64)
        for key in ("split_feature", "decision_type", "left_child", "right_child")
    )
    return Tree(feature, _numbers(fields.get("threshold", "")), decisions, left, right, leaves)


def _numbers(text: str) -> Floats:
    return np.array(text.split(), np.float64)
