"""Sleep/wake scorers: worked examples, propagation of the unknown, rescoring, the z-angle."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.recording import CountsScale
from pipeline.signals.activity import acc_windows
from pipeline.signals.sleep_wake import (
    Scorer,
    relative_gain,
    rules,
    score_minutes,
    sleep_wake,
    sustained_inactivity,
    webster,
)

START = 1_700_000_010 * NS


def test_the_table_holds_every_scorer_with_its_published_weights() -> None:
    table = rules()
    assert set(table) == set(Scorer)
    assert list(table[Scorer.COLE_KRIPKE_ACTIGRAPH].weights.values()) == [106, 54, 58, 76, 230, 74, 67]
    assert table[Scorer.COLE_KRIPKE_ACTIGRAPH].cap == 300
    assert table[Scorer.COLE_KRIPKE_ACTIGRAPH].divisor == 100
    assert sum(table[Scorer.OAKLEY_40].weights.values()) == pytest.approx(1.48)
    assert table[Scorer.SADEH].weights["log"] == -0.703


def test_oakley_example_of_the_actiwatch_manual() -> None:
    # "100 · 1/25 + 42 · 1/5 + 20 + 13 · 1/5 + 67 · 1/25 = 37.68": sleep at the threshold of 40.
    counts = np.array([100.0, 42.0, 20.0, 13.0, 67.0])
    np.testing.assert_array_equal(score_minutes(counts, Scorer.OAKLEY_40), [np.nan, np.nan, 1.0, np.nan, np.nan])
    counts[2] += 2.32 + 1e-6
    assert score_minutes(counts, Scorer.OAKLEY_40)[2] == 0.0


def test_oakley_at_the_threshold_is_sleep() -> None:
    assert score_minutes(np.array([0, 0, 40.0, 0, 0]), Scorer.OAKLEY_40)[2] == 1.0
    assert score_minutes(np.array([0, 0, 41.0, 0, 0]), Scorer.OAKLEY_40)[2] == 0.0
    # 17 + 0.2 · 95 + 0.04 · 100 = 40, which binary fractions miss.
    assert score_minutes(np.array([100, 95, 17.0, 0, 0]), Scorer.OAKLEY_40)[2] == 1.0
    assert score_minutes(np.array([0, 95, 17.0, 0, 101.0]), Scorer.OAKLEY_40)[2] == 0.0


def test_cole_kripke_of_actigraph_by_hand() -> None:
    # 0.001 · (106·1 + 54·2 + 58·0 + 76·1 + 230·2 + 74·3 + 67·0) = 0.972: sleep; one more hundred before: wake.
    counts = np.array([100.0, 200, 0, 100, 200, 300, 0])
    assert score_minutes(counts, Scorer.COLE_KRIPKE_ACTIGRAPH)[4] == 1.0
    counts[3] += 100  # + 0.076 → 1.048
    assert score_minutes(counts, Scorer.COLE_KRIPKE_ACTIGRAPH)[4] == 0.0


def test_cole_kripke_caps_one_minute_of_wild_movement() -> None:
    # 106 of weight · cap 300 · 0.001 = 31.8 whatever the count, so the kernel reaches 4 min on and 2 min back.
    counts = np.zeros(30)
    counts[15] = 1e7
    scored = score_minutes(counts, Scorer.COLE_KRIPKE_ACTIGRAPH)
    assert np.flatnonzero(scored == 0).tolist() == list(range(13, 20))


def test_cole_kripke_minute_threshold_for_steady_activity() -> None:
    # The weights sum to 0.04035, so steady activity turns to wake at 1/0.04035 = 24.8 counts a minute.
    assert score_minutes(np.full(9, 24.7), Scorer.COLE_KRIPKE_MINUTE)[4] == 1.0
    assert score_minutes(np.full(9, 24.9), Scorer.COLE_KRIPKE_MINUTE)[4] == 0.0


def test_sadeh_by_hand() -> None:
    counts = np.array([0.0, 0, 0, 0, 0, 60, 0, 0, 0, 0, 0])
    sd = np.std([0, 0, 0, 0, 0, 60], ddof=1)
    index = 7.601 - 0.065 * 60 / 11 - 1.08 * 1 - 0.056 * sd - 0.703 * np.log(61)
    assert index == pytest.approx(1.905, abs=0.001)
    assert score_minutes(counts, Scorer.SADEH)[5] == 1.0
    # 7.601 − 0.065 · 54.55 − 0.056 · 154.9 = −4.62: wake; the sd without n − 1 or of the next six minutes gives sleep.
    restless = np.array([0.0, 300, 0, 300, 0, 0, 0, 0, 0, 0, 0])
    assert score_minutes(restless, Scorer.SADEH)[5] == 0.0
    # All minutes at 99 … : 11 of them in 50–100 and the index far below −4; at 300 the cap holds it there.
    assert score_minutes(np.full(11, 99.0), Scorer.SADEH)[5] == 0.0
    assert score_minutes(np.full(11, 1e6), Scorer.SADEH)[5] == 0.0
    np.testing.assert_array_equal(
        np.isnan(score_minutes(np.zeros(20), Scorer.SADEH)), [True] * 5 + [False] * 10 + [True] * 5
    )


@pytest.mark.parametrize(
    ("scorer", "back", "ahead"),
    [
        (Scorer.OAKLEY_40, 2, 2),
        (Scorer.COLE_KRIPKE_ACTIGRAPH, 2, 4),
        (Scorer.COLE_KRIPKE_MINUTE, 2, 4),
        (Scorer.SADEH, 5, 5),
    ],
)
def test_one_missing_minute_makes_unknown_just_what_depends_on_it(scorer: Scorer, back: int, ahead: int) -> None:
    counts = np.zeros(60)
    counts[30] = np.nan
    inner = np.flatnonzero(np.isnan(score_minutes(counts, scorer)[6:-6])) + 6
    assert inner.tolist() == list(range(30 - back, 30 + ahead + 1))


@pytest.mark.parametrize("scorer", list(Scorer))
def test_too_short_and_all_missing_are_unknown(scorer: Scorer) -> None:
    for counts in (np.empty(0), np.zeros(1), np.zeros(4), np.full(50, np.nan)):
        scored = score_minutes(counts, scorer)
        assert scored.shape == counts.shape
        assert np.isnan(scored).all()


def runs(*lengths: tuple[float, int]) -> np.ndarray:
    return np.concatenate([np.full(n, value) for value, n in lengths])


@pytest.mark.parametrize(("wake", "turned"), [(3, 0), (4, 1), (9, 1), (10, 3), (14, 3), (15, 4)])
def test_webster_turns_the_first_minutes_after_wake(wake: int, turned: int) -> None:
    out = webster(runs((1, 30), (0, wake), (1, 30)))
    np.testing.assert_array_equal(out, runs((1, 30), (0, wake + turned), (1, 30 - turned)))


@pytest.mark.parametrize(
    ("before", "sleep", "after", "kept"),
    [(10, 6, 10, 0), (10, 7, 10, 4), (10, 6, 9, 3), (20, 10, 20, 0), (20, 11, 20, 7), (20, 10, 19, 6), (9, 6, 10, 5)],
)
def test_webster_turns_short_sleep_between_long_wakes(before: int, sleep: int, after: int, kept: int) -> None:
    out = webster(runs((1, 30), (0, before), (1, sleep), (0, after), (1, 30)))
    assert (out[30 + before : 30 + before + sleep] == 1).sum() == kept


def test_webster_looks_at_the_original_scoring_only() -> None:
    # Cascading, the first 5 minutes of sleep (turned after 15 of wake) would lengthen the wake before the next.
    scored = runs((0, 15), (1, 4), (0, 2), (1, 30))
    out = webster(scored)
    np.testing.assert_array_equal(out, runs((0, 21), (1, 30)))


def test_webster_keeps_unknown_and_does_not_see_wake_through_it() -> None:
    scored = runs((0, 20), (np.nan, 1), (1, 10), (np.nan, 3), (0, 20))
    np.testing.assert_array_equal(webster(scored), scored)
    short = runs((0, 15), (1, 2), (np.nan, 5), (1, 2))
    np.testing.assert_array_equal(webster(short), runs((0, 17), (np.nan, 5), (1, 2)))
    np.testing.assert_array_equal(webster(runs((0, 15), (1, 2))), np.zeros(17))
    assert np.isnan(webster(np.full(5, np.nan))).all()
    assert webster(np.empty(0)).shape == (0,)


def week(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Seven days of Actiwatch-like minutes and whether the person is in bed."""
    rng = np.random.default_rng(seed)
    minute = np.arange(7 * 1440)
    asleep = (minute % 1440) < 480
    counts = np.where(asleep, rng.random(len(minute)) < 0.06, 1) * np.where(
        asleep, rng.gamma(1, 30, len(minute)), rng.gamma(1.2, 220, len(minute))
    )
    return np.rint(counts), asleep


@pytest.mark.parametrize("scale", [CountsScale.ACTIWATCH, CountsScale.UNKNOWN])
def test_planted_nights_are_found(scale: CountsScale) -> None:
    counts, asleep = week()
    scored = sleep_wake(counts, scale)
    known = np.isfinite(scored)
    assert known.mean() > 0.999
    assert (scored[known & asleep] == 1).mean() > 0.93
    assert (scored[known & ~asleep] == 0).mean() > 0.95


def test_unknown_scale_is_invariant_to_gain_and_agrees_with_actiwatch() -> None:
    counts, _ = week()
    as_known = sleep_wake(counts, CountsScale.ACTIWATCH)
    plain = sleep_wake(counts, CountsScale.UNKNOWN)
    loud = sleep_wake(counts * 37.0, CountsScale.UNKNOWN)
    np.testing.assert_array_equal(plain, loud)
    assert np.nanmean(plain == as_known) > 0.97
    assert np.nanmean(sleep_wake(counts * 37.0, CountsScale.ACTIWATCH) == as_known) < 0.97


def test_relative_gain_by_hand_and_where_it_is_not_known() -> None:
    # A level of 180 / 0.15-threshold: 40 / 1.48 = 27.03 is 15 % of 180.2, so a mean of 360.4 halves the counts.
    assert relative_gain(np.full(1440, 360.36)) == pytest.approx(0.5, rel=1e-4)
    assert np.isnan(relative_gain(np.full(17 * 60, 100.0)))
    assert np.isnan(relative_gain(np.zeros(2880)))
    assert np.isnan(relative_gain(np.full(2880, np.nan)))
    assert np.isnan(sleep_wake(np.full(600, 10.0), CountsScale.UNKNOWN)).all()


def test_relative_gain_does_not_move_with_extra_nights() -> None:
    counts, asleep = week()
    nights_only = np.where((np.arange(len(counts)) >= 2880) & ~asleep, np.nan, counts)
    assert relative_gain(nights_only) == pytest.approx(relative_gain(counts), rel=0.05)


def test_actigraph_counts_use_their_own_rule() -> None:
    counts = np.full(40, 120.0)  # wake for an Actiwatch; 120/100 · 0.665 = 0.8 for ActiGraph: sleep
    assert sleep_wake(counts, CountsScale.ACTIGRAPH)[20] == 1.0
    assert sleep_wake(counts, CountsScale.ACTIWATCH)[20] == 0.0


def arm(angles_deg: list[tuple[float, float]], fs_hz: float = 10.0) -> np.ndarray:
    """Gravity seen by an arm held at each elevation for so many minutes."""
    angle = np.radians(np.concatenate([np.full(round(minutes * 60 * fs_hz), a) for a, minutes in angles_deg]))
    return np.column_stack((np.cos(angle), np.zeros_like(angle), np.sin(angle))).astype(np.float32)


def test_sustained_inactivity_needs_five_minutes_within_five_degrees() -> None:
    acc = arm([(0, 10), (30, 4), (-20, 4), (10, 10), (14, 10)])
    scored = sustained_inactivity(acc_windows(acc, 10.0, START, START, 76))
    assert (scored[1:20] == 1).all()
    assert (scored[20:36] == 0).all()
    assert (scored[37:76] == 1).all()  # 4° between the last two is no turn


def test_sustained_inactivity_is_unknown_in_holes() -> None:
    acc = arm([(0, 30)])
    acc[300 * 20 : 300 * 30] = np.nan
    scored = sustained_inactivity(acc_windows(acc, 10.0, START, START, 60))
    assert np.isnan(scored[20:30]).all()
    assert (scored[:20] == 1).all()
    assert (scored[30:] == 1).all()
    gone = sustained_inactivity(acc_windows(np.full((6000, 3), np.nan, np.float32), 10.0, START, START, 20))
    assert np.isnan(gone).all()
