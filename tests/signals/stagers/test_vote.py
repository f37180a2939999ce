"""Several channels' vote, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.recording import Stage
from pipeline.signals.stagers.stager import staged
from pipeline.signals.stagers.vote import valid_share, vote

SURE_N2 = [0.0, 0.0, 1.0, 0.0, 0.0]
HALF_N3 = [0.1, 0.1, 0.3, 0.5, 0.0]
NOTHING = [np.nan] * 5


def density(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_vote_worked_by_hand() -> None:
    one, two = density(SURE_N2, HALF_N3, NOTHING, NOTHING), density(HALF_N3, HALF_N3, HALF_N3, NOTHING)
    found = vote([one, two], [np.array([1.0, 1.0, 0.4, 0.0]), np.array([0.5, 1.0, 0.6, 1.0])])
    assert found[0] == pytest.approx([0.1 / 3, 0.1 / 3, (2 + 0.3) / 3, 0.5 / 3, 0.0], abs=1e-6)
    assert found[1] == pytest.approx(HALF_N3)
    assert found[2] == pytest.approx(HALF_N3)
    assert np.isnan(found[3]).all()
    assert found.dtype == np.float32


def test_channels_vote_for_probabilities_and_in_any_order() -> None:
    rng = np.random.default_rng(0)
    some = [rng.dirichlet(np.ones(5), 50).astype(np.float32) for _ in range(3)]
    weights = [rng.uniform(0.1, 1.0, 50) for _ in range(3)]
    forward, back = vote(some, weights), vote(some[::-1], weights[::-1])
    assert forward == pytest.approx(back, abs=1e-6)
    assert forward.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vote(some[:1], weights[:1]) == pytest.approx(some[0], abs=1e-6)
    # Two channels barely for N2, one surely for N3: a majority of labels says N2, the mean N3.
    tie = [density([0, 0, 0.55, 0.45, 0]), density([0, 0, 0.55, 0.45, 0]), density([0, 0, 0.0, 1.0, 0])]
    assert staged(vote(tie, [np.ones(1)] * 3)).tolist() == [Stage.N3]


def test_channels_of_different_lengths_cannot_vote() -> None:
    for some in ([], [density(SURE_N2), density(SURE_N2, SURE_N2)]):
        with pytest.raises(ValueError, match="same epochs"):
            vote(some, [np.ones(len(each)) for each in some])


def test_a_channel_weighs_what_is_valid_of_each_epoch() -> None:
    valid = np.ones(3 * 7680 + 100, np.bool_)
    valid[7680 : 7680 + 1920] = False
    valid[2 * 7680 :] = False
    assert valid_share(valid, 256.0, 3).tolist() == [1.0, 0.75, 0.0]
    valid = np.ones(7000, np.bool_)
    valid[3000] = False  # at 29.997 s, in the first epoch
    assert valid_share(valid, 100.01, 2).tolist() == [pytest.approx(3000 / 3001), 1.0]
    assert valid_share(np.ones(3 * 3001, np.bool_), 100.0333, 3).tolist() == [1.0, 1.0, 1.0]


def test_the_likeliest_stage_is_the_label() -> None:
    assert staged(density(HALF_N3, SURE_N2))[:2].tolist() == [Stage.N3, Stage.N2]
    assert np.isnan(staged(density(NOTHING)))[0]
    assert [staged(density(list(row)))[0] for row in np.eye(5)] == [0, 1, 2, 3, 4]
