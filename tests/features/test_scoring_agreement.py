"""Agreement of several scorers, and of a model with them, in nights worked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nights import night

from pipeline.features.family import Filled, State
from pipeline.features.scoring_agreement import FAMILY, human
from pipeline.recording import StageSource

E, U, A, M = StageSource.EXPERT, StageSource.UNKNOWN, StageSource.AUTOMATIC, StageSource.MODEL
ONE = "W30 260 330 R60 260"  # 240 min
TWO = "W30 270 320 R60 260"
THREE = "W30 240 350 R60 260"


def fill(*scorings: tuple[StageSource, str], window: str = ONE) -> Filled:
    return FAMILY.compute(night(window, scorings=scorings))


def test_three_scorers_by_hand() -> None:
    filled = fill((E, ONE), (E, TWO), (E, THREE))
    assert (filled.state, filled.coverage, filled.reason) == (State.OK, 1.0, None)
    got = filled.values
    assert got["scorers_n"] == 3
    # N3 of 30, 20 and 50 min; pairs differ in 10, 20 and 30 of 240 min; all agree on all but 30.
    assert got["n3_scorer_range_min"] == 30.0
    assert got["n3_scorer_sd_min"] == pytest.approx(np.std([30, 20, 50], ddof=1))
    assert got["scorer_agreement_pct"] == pytest.approx(100 * (230 + 220 + 210) / 3 / 240)
    assert got["unanimity_pct"] == pytest.approx(100 * 210 / 240)
    chance = [(30**2 + a * b + c * d + 60**2) / 240**2 for a, b, c, d in
              ((120, 130, 30, 20), (120, 100, 30, 50), (130, 100, 20, 50))]  # fmt: skip
    kappas = [(seen / 240 - by) / (1 - by) for seen, by in zip((230, 220, 210), chance, strict=True)]
    assert got["scorer_kappa"] == pytest.approx(np.mean(kappas))
    n3 = [(240 - off) / 240 for off in (10, 20, 30)]
    by = [(a * b + (240 - a) * (240 - b)) / 240**2 for a, b in ((30, 20), (30, 50), (20, 50))]
    assert got["scorer_n3_kappa"] == pytest.approx(np.mean([(s - c) / (1 - c) for s, c in zip(n3, by, strict=True)]))
    assert 0.8 < float(got["scorer_fleiss_kappa"] or 0) < 1.0
    assert all(value is None for name, value in got.items() if name.startswith("model"))


def test_the_model_against_the_consensus_by_hand() -> None:
    # The consensus is ONE: in each disputed stretch two of three say so. The model is TWO: 10 min of N3 missed.
    got = fill((E, ONE), (E, TWO), (E, THREE), (M, TWO)).values
    assert got["model_agreement_pct"] == pytest.approx(100 * 230 / 240)
    assert got["model_n3_difference_min"] == -10.0
    assert got["model_n3_f1"] == pytest.approx(2 * 20 / (30 + 20))
    assert got["model_n2_f1"] == pytest.approx(2 * 120 / (120 + 130))
    assert (got["model_w_f1"], got["model_rem_f1"], got["model_n1_f1"]) == (1.0, 1.0, None)
    by = (30**2 + 120 * 130 + 30 * 20 + 60**2) / 240**2
    assert got["model_kappa"] == pytest.approx((230 / 240 - by) / (1 - by))


def test_one_scorer_and_the_model() -> None:
    got = fill((E, TWO), (M, THREE)).values
    assert (got["scorers_n"], got["scorer_kappa"], got["n3_scorer_sd_min"]) == (1, None, None)
    assert got["model_n3_difference_min"] == 30.0
    assert got["model_agreement_pct"] == pytest.approx(100 * 210 / 240)


@pytest.mark.parametrize(
    "scorings",
    [(), ((E, ONE),), ((M, ONE),), ((M, ONE), (A, TWO)), ((E, ONE), (A, TWO)), ((A, ONE), (A, TWO))],
)
def test_a_night_that_was_not_scored_twice(scorings: tuple[tuple[StageSource, str], ...]) -> None:
    filled = fill(*scorings)
    assert filled.state is State.NOT_MEASURED
    assert set(filled.values.values()) == {None}
    assert filled.reason


def test_who_has_a_vote() -> None:
    mixed = night(ONE, scorings=((E, ONE), (U, TWO), (U, THREE), (A, ONE), (M, ONE))).scorings
    assert [one.source for one in human(mixed)] == [E]
    assert [one.source for one in human(mixed[1:])] == [U, U]
    assert human(mixed[3:]) == ()
    assert fill((U, ONE), (U, TWO)).values["scorers_n"] == 2
    assert fill((E, ONE), (U, TWO), (M, TWO)).values["scorers_n"] == 1


def test_only_the_window_counts() -> None:
    seen = night(ONE, scorings=((E, "W30 260 330 R60 260 W300"), (E, "W30 270 320 R60 260 W300")))
    got = FAMILY.compute(seen).values
    assert got["scorer_agreement_pct"] == pytest.approx(100 * 230 / 240), "hours of wake after it do not help"
    none = FAMILY.compute(replace(seen, window=None))
    assert (none.state, none.coverage) == (State.INSUFFICIENT, None)


def test_too_little_in_common_and_partial() -> None:
    apart = fill((E, "W30 260 330 ?120"), (E, "?90 330 R60 260"))
    assert apart.state is State.PARTIAL
    assert apart.coverage == pytest.approx(30 / 240)
    less = fill((E, "W30 260 329.5 ?120.5"), (E, "?90 330 R60 260"))
    assert less.state is State.INSUFFICIENT
    assert set(less.values.values()) == {None}
    partial = fill((E, "W30 260 330 R60 235.5 ?24.5"), (E, TWO))
    assert partial.state is State.PARTIAL
    assert "90%" in str(partial.reason)
    assert fill((E, "W30 260 330 R60 236 ?24"), (E, TWO)).state is State.OK


def test_a_scorer_who_gave_up_early_has_no_part() -> None:
    got = fill((E, ONE), (E, TWO), (E, "W30 280"))
    assert got.values["scorers_n"] == 2
    assert got.state is State.OK
    assert fill((E, ONE), (E, TWO), (E, "W30 290")).values["scorers_n"] == 3


def test_scorers_of_one_stage_have_no_kappa() -> None:
    got = fill((E, "W240"), (E, "W240"), (M, "W240"), window="W240").values
    assert (got["scorer_kappa"], got["scorer_fleiss_kappa"], got["model_kappa"]) == (None, None, None)
    assert (got["scorer_agreement_pct"], got["unanimity_pct"], got["n3_scorer_sd_min"]) == (100.0, 100.0, 0.0)
    assert (got["model_w_f1"], got["model_n3_f1"]) == (1.0, None)
