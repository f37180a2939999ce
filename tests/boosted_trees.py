"""A LightGBM model as text, written by hand: two features, two classes, two trees each, one of them a single leaf."""

from __future__ import annotations

import pickle
import zlib

HEAD = """tree
version=v4
num_class=2
num_tree_per_iteration=2
label_index=0
max_feature_idx=1
objective=multiclass num_class:2
feature_names=slow fast
feature_infos=[0:1] [0:1]
tree_sizes=1 1 1 1
"""
TREES = (
    """Tree=0
num_leaves=3
num_cat=0
split_feature=0 1
split_gain=1 1
threshold=1 2
decision_type=2 2
left_child=-1 -2
right_child=1 -3
leaf_value=10 20 30
is_linear=0
shrinkage=1
""",
    """Tree=1
num_leaves=1
num_cat=0
split_feature=
threshold=
decision_type=
left_child=
right_child=
leaf_value=15
is_linear=0
shrinkage=1
""",
    """Tree=2
num_leaves=2
num_cat=0
split_feature=1
split_gain=1
threshold=-0.5
decision_type=2
left_child=-1
right_child=-2
leaf_value=0.25 -0.25
is_linear=0
shrinkage=0.1
""",
    """Tree=3
num_leaves=2
num_cat=0
split_feature=0
split_gain=1
threshold=0.5
decision_type=2
left_child=-2
right_child=-1
leaf_value=1 2
is_linear=0
shrinkage=0.1
""",
)
TEXT = "\n".join((HEAD, *(f"{tree}\n" for tree in TREES), "end of trees\n\nfeature_importances:\nslow=1\n"))


def packed(*words: object) -> bytes:
    """A compressed pickle that holds the model's text among other things."""
    return zlib.compress(pickle.dumps({"booster": TEXT, "else": words}))
