"""Sleep onset, REM periods and NREM periods, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.recording import Stage
from pipeline.signals.cycles import asleep, nrem_periods, rem_periods, sleep_cycles, sleep_onset

CODES = {"W": 0.0, "1": 1.0, "2": 2.0, "3": 3.0, "R": 4.0, "?": np.nan, "M": -2.0}


def night(text: str) -> NDArray[np.float64]:
    """`"W10 2 40"`: stage and minutes, two epochs a minute."""
    parts = text.split()
    return np.concatenate([np.full(round(2 * float(part[1:])), CODES[part[0]]) for part in parts])


def minutes(rows: NDArray[np.int64]) -> list[list[float]]:
    return [[float(low) / 2, float(high) / 2] for low, high in rows]


def test_sleep_is_four_stages_and_nothing_else() -> None:
    stage = np.array([0, 1, 2, 3, 4, -2, np.nan, Stage.UNSCORED])
    assert asleep(stage).tolist() == [False, True, True, True, True, False, False, False]
    assert sleep_onset(night("W10 M1 ?2 15 220")) == 26
    assert sleep_onset(night("W10 M1 ?2")) is None
    assert sleep_onset(np.empty(0)) is None


def test_a_textbook_night() -> None:
    stage = night("W10 15 225 340 R10 220 330 R20 12 260 R30 W10")
    assert minutes(rem_periods(stage)) == [[80, 90], [140, 160], [222, 252]]
    assert minutes(nrem_periods(stage)) == [[10, 80], [90, 140], [160, 222]]


@pytest.mark.parametrize(("between", "periods"), [(14.5, 1), (15.0, 2)])
def test_rem_less_than_15_min_apart_is_one_period(between: float, periods: int) -> None:
    found = rem_periods(night(f"260 R10 2{between} R10 220"))
    assert len(found) == periods
    assert minutes(found)[-1][1] == 60 + 20 + between


@pytest.mark.parametrize(("last", "counts"), [(4.5, False), (5.0, True)])
def test_a_later_period_needs_5_min_of_rem_and_the_first_none(last: float, counts: bool) -> None:
    stage = night(f"260 R0.5 240 R{last} 230")
    assert minutes(rem_periods(stage))[0] == [60, 60.5]
    assert len(rem_periods(stage)) == 1 + counts
    # REM that does not count does not part the NREM sleep around it.
    assert len(nrem_periods(stage)) == 2 + counts


def test_pieces_of_rem_add_up_and_what_lies_between_does_not() -> None:
    assert len(rem_periods(night("260 R10 240 R2.5 W5 R2.5 220"))) == 2
    assert len(rem_periods(night("260 R10 240 R2 W10 R2 220"))) == 1


@pytest.mark.parametrize(("nrem", "counts"), [(14.5, False), (15.0, True)])
def test_a_nrem_period_holds_15_min_of_nrem_without_wake(nrem: float, counts: bool) -> None:
    stage = night(f"260 R10 2{nrem - 5} W20 15 R10")
    assert len(nrem_periods(stage)) == 1 + counts


def test_a_period_begins_with_nrem_and_the_last_ends_with_sleep() -> None:
    stage = night("W5 230 R10 W10 240 W30")
    assert minutes(nrem_periods(stage)) == [[5, 35], [55, 95]]


def test_sleep_that_begins_with_rem() -> None:
    stage = night("W5 R6 260 R10")
    assert minutes(rem_periods(stage)) == [[5, 11], [71, 81]]
    assert minutes(nrem_periods(stage)) == [[11, 71]]


def test_unscored_time_passes_and_is_no_stage() -> None:
    stage = night("220 ?10 220 R5 ?16 R5 230")
    assert minutes(nrem_periods(stage)) == [[0, 50], [76, 106]]
    assert minutes(rem_periods(stage)) == [[50, 55], [71, 76]]


@pytest.mark.parametrize("text", ["W480", "?480", "W0.5", "20.5", "W0"])
def test_nights_without_periods(text: str) -> None:
    assert rem_periods(night(text)).shape == (0, 2)
    assert nrem_periods(night(text)).shape == (0, 2)


def test_periods_are_apart_whatever_the_night() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        stage = np.repeat(rng.choice(list(CODES.values()), 60), rng.integers(1, 60, 60))
        both = np.concatenate((rem_periods(stage), nrem_periods(stage)))
        both = both[np.argsort(both[:, 0])]
        assert (both[:, 1] > both[:, 0]).all()
        assert (both[1:, 0] >= both[:-1, 1]).all()
        for low, _ in nrem_periods(stage):
            assert stage[low] in {1, 2, 3}


def rows(stage: NDArray[np.float64]) -> list[list[float]]:
    return [[float(x) / 2 for x in row] for row in sleep_cycles(stage)]


def test_cycles_join_a_nrem_period_with_the_rem_that_ends_it() -> None:
    stage = night("W10 15 225 340 R10 220 330 R20 12 260 R30 W10")
    assert rows(stage) == [[10, 80, 90], [90, 140, 160], [160, 222, 252]]
    # Wake between two cycles belongs to neither; a last NREM period without REM is none.
    assert rows(night("W5 230 R10 W10 240 R5 240 W30")) == [[5, 35, 45], [55, 95, 100]]


def test_rem_at_sleep_onset_ends_no_cycle() -> None:
    assert rows(night("W5 R6 260 R10")) == [[11, 71, 81]]
    assert rows(night("R6 230")) == []


def test_a_nrem_period_too_short_to_count_makes_no_cycle() -> None:
    assert rows(night("260 R10 210 W10 R10")) == [[0, 60, 70]]


@pytest.mark.parametrize("text", ["W480", "?480", "W0.5", "20.5", "R0.5", "R480", "2480", "W0"])
def test_nights_without_cycles(text: str) -> None:
    assert sleep_cycles(night(text)).shape == (0, 3)


def test_cycles_are_made_of_periods_whatever_the_night() -> None:
    rng = np.random.default_rng(5)
    seen = 0
    for _ in range(200):
        stage = np.repeat(rng.choice(list(CODES.values()), 40), rng.integers(1, 80, 40))
        nrem, rem = nrem_periods(stage).tolist(), rem_periods(stage).tolist()
        for begin, border, end in sleep_cycles(stage).tolist():
            assert [begin, border] in nrem
            assert [border, end] in rem
            seen += 1
        assert len(sleep_cycles(stage)) == sum(stop in {r[0] for r in rem} for _, stop in nrem)
    assert seen > 200
