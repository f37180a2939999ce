"""Stages on the grid, from hypnograms of any epoch length and phase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.features.family import RecordingView
from pipeline.features.stage_grid import SOURCE_CODE, main_source, settled_epochs, stage_codes
from pipeline.features.stages import FAMILY
from pipeline.recording import Hypnogram, Recording, Stage, StageSource, ZoneSource

START = 1_710_000_000 * NS
W, N1, N2, N3, R, U, M = (
    Stage.WAKE,
    Stage.N1,
    Stage.N2,
    Stage.N3,
    Stage.REM,
    Stage.UNSCORED,
    Stage.MOVEMENT,
)


def codes(stages: Sequence[int], epoch_s: float = 30.0, shift_s: float = 0.0, n: int = 4) -> list[float]:
    """What `n` grid epochs hold; NaN as 99 so that lists compare."""
    hypnogram = Hypnogram(START + round(shift_s * NS), epoch_s, np.array(stages, np.int8), "hand")
    edges = START + np.arange(n + 1, dtype=np.int64) * 30 * NS
    return [99.0 if np.isnan(code) else float(code) for code in stage_codes(hypnogram, edges)]


def test_on_the_grid_every_stage_is_kept() -> None:
    assert codes([0, 1, 2, 3, 4, M, U], n=8) == [0, 1, 2, 3, 4, -2, 99, 99]


@pytest.mark.parametrize(("shift_s", "first"), [(7.0, 0), (14.999, 0), (15.0, 1), (23.0, 1), (29.5, 1)])
def test_thirty_second_epochs_map_one_to_one_whatever_their_phase(shift_s: float, first: int) -> None:
    stages: NDArray[np.int64] = np.random.default_rng(0).integers(0, 5, 50)
    found = codes(stages.tolist(), shift_s=shift_s, n=53)
    assert found == [99.0] * first + stages.tolist() + [99.0] * (3 - first)


def test_twenty_second_epochs_go_by_majority() -> None:
    # Epochs of 20 s: grid epoch 0 holds 20 s of the first and 10 s of the second, and so on.
    assert codes([W, N2, N3, R, R, N1], 20.0) == [W, N3, R, N1]
    # Two pieces of one stage outweigh a longer third: grid epoch of 10 + 10 s of N2 around 10 s of wake.
    assert codes([N2, W, N2], 10.0, n=1) == [N2]
    # A tie of 15 s each goes to the earlier.
    assert codes([N2, R], 15.0, n=1) == [N2]
    assert codes([R, N2], 15.0, n=1) == [R]


def test_one_second_epochs_with_a_shift() -> None:
    # From 7 s on: 14 s of N3, then wake: the grid epoch holds 14 s N3, 9 s wake, 7 s nothing.
    assert codes([N3] * 14 + [W] * 39, 1.0, 7.0, n=2) == [N3, W]
    assert codes([N3] * 8 + [W] * 45, 1.0, 7.0, n=2) == [W, W]


def test_half_an_epoch_must_be_scored() -> None:
    assert codes([N2] * 15 + [U] * 15, 1.0, n=1) == [N2]
    assert codes([N2] * 14 + [U] * 16, 1.0, n=1) == [99]
    assert codes([U] * 13 + [W] * 8 + [N1] * 9, 1.0, n=1) == [N1]


def test_longer_epochs_give_their_stage_to_every_grid_epoch_they_hold() -> None:
    assert codes([W, N2], 60.0, n=5) == [W, W, N2, N2, 99]
    assert codes([W, N2], 60.0, 15.1, n=6) == [99, W, W, N2, N2, 99]


def test_unscored_is_missing_and_movement_is_not() -> None:
    assert codes([U, M, W], n=3) == [99, -2, 0]
    assert codes([M, M, W], 10.0, n=1) == [-2]


def test_a_shift_by_whole_epochs_moves_the_answer_alone() -> None:
    stages = np.random.default_rng(1).integers(0, 5, 90).tolist()
    plain = codes(stages, 20.0, 3.0, n=70)
    assert codes(stages, 20.0, 303.0, n=80)[10:] == plain


def test_outside_before_and_empty() -> None:
    assert codes([N2, N2], shift_s=-60.0) == [99] * 4
    assert codes([N2, N2], shift_s=500.0) == [99] * 4
    assert codes([N2] * 3, 20.0, -3600.0) == [99] * 4
    assert codes([]) == [99] * 4
    assert codes([N3], n=1) == [3]


def test_the_family_fills_what_it_declares() -> None:
    hypnogram = Hypnogram(START, 30.0, np.array([0, 2, U], np.int8), "hand")
    for held in (hypnogram, None):
        recording = Recording("hand", "UTC", ZoneSource.FILE, hypnogram=held)
        found = FAMILY.compute(RecordingView(recording, START, 4))
        assert list(found) == [c.name for c in FAMILY.columns]
        assert found["stage"].shape == (4,)
        assert np.isfinite(found["stage"]).tolist() == [held is not None] * 2 + [False] * 2


def test_the_main_source_scored_most() -> None:
    def main(**epochs: int) -> StageSource | None:
        return main_source(np.repeat([SOURCE_CODE[name] for name in epochs], list(epochs.values())))

    assert main(consumer=3, expert=4, model=2) is StageSource.EXPERT
    assert main(consumer=5, expert=4, model=2) is StageSource.CONSUMER
    assert main(consumer=4, automatic=4) is StageSource.AUTOMATIC
    assert main_source(np.full(3, np.nan)) is None
    assert main_source(np.array([np.nan, SOURCE_CODE["model"]])) is StageSource.MODEL
    assert set(SOURCE_CODE) == {source.value for source in StageSource}


@pytest.mark.parametrize("source", StageSource)
def test_every_scored_epoch_says_by_whom(source: StageSource) -> None:
    recording = Recording(
        "hand", "UTC", ZoneSource.FILE, hypnogram=Hypnogram(START, 30.0, np.array([0, 2, U], np.int8), "x", source)
    )
    found = FAMILY.compute(RecordingView(recording, START, 4))["stage_source"]
    assert found[:2].tolist() == [SOURCE_CODE[source.value]] * 2
    assert np.isnan(found[2:]).all()


def test_a_hole_of_less_than_an_hour_is_settled_and_one_of_an_hour_is_open() -> None:
    known = np.zeros(400, np.bool_)
    known[[10, 11, 130, 250, 251, 371]] = True  # holes of 118, 119 and 119 epochs
    expected = np.zeros(400, np.bool_)
    expected[10:372] = True
    np.testing.assert_array_equal(settled_epochs(known), expected)
    known[371], known[372] = False, True  # now 120 epochs: an hour
    expected[252:372], expected[372] = False, True
    np.testing.assert_array_equal(settled_epochs(known), expected)
    assert not settled_epochs(np.zeros(5, np.bool_)).any()
