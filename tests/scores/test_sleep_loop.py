"""The sleep-loop score from tables to estimate: gates, sums, invariances, refusals and words."""

from __future__ import annotations

import math
import re
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.scores.loop_forecast import WORST_FIFTH_Z, State, week_risk
from pipeline.scores.loop_model import innovation_variances
from pipeline.scores.loop_quantities import DETAILS
from pipeline.scores.score import Estimate, Person, ScoreState
from pipeline.scores.sleep_loop import SCORE

MONDAY = date(2024, 3, 4)
SOMEBODY = Person("p01")


def frames(n: int, loop: float = 0.4, seed: int = 1, day_stream: str = "ecg") -> dict[str, pl.DataFrame]:
    """Tables of n days and the nights that follow them, drawn with b = c = loop."""
    random = np.random.default_rng(seed)
    a = z = 0.0
    day, night = np.empty(n), np.empty(n)
    for d in range(-30, n):
        a = 0.2 * a + loop * z + 0.7 * random.standard_normal()
        z = 0.05 * z + loop * a + 0.7 * random.standard_normal()
        if d >= 0:
            day[d], night[d] = a + 0.6 * random.standard_normal(), z + 0.55 * random.standard_normal()
    dates = [MONDAY + timedelta(days=i) for i in range(n)]
    return {
        "days": pl.DataFrame(
            {"day": dates, "day_stream": day_stream, "day_load_state": "ok", "additional_hr_bpm": 4.0 + 3.0 * day}
        ),
        "nights": pl.DataFrame(
            {
                "night": dates,
                "night_stream": "eeg",
                "continuity_state": "ok",
                "window_start_censored": False,
                "window_end_censored": False,
                "se_pct": 85.0 - 4.0 * night,
                "waso_min": 45.0 + 12.0 * night,
                "n3_min": 80.0 - 15.0 * night,
            }
        ),
    }


def scored(tables: dict[str, pl.DataFrame]) -> Estimate:
    """The estimate of one person."""
    return SCORE.compute(SOMEBODY, tables)


@pytest.mark.parametrize(
    ("pairs", "state"),
    [
        (14, ScoreState.PRIOR_DOMINATED),
        (27, ScoreState.PRIOR_DOMINATED),
        (28, ScoreState.WEAK),
        (55, ScoreState.WEAK),
        (56, ScoreState.USABLE),
        (90, ScoreState.USABLE),
    ],
)
def test_the_count_of_pairs_decides_the_state(pairs, state):
    found = scored(frames(pairs))
    assert found.state is state
    assert found.details["pairs_n"] == pairs
    assert found.estimate is not None
    if pairs < 56:
        assert any(f"{pairs} paired day–nights" in words for words in found.reasons)


@pytest.mark.parametrize("pairs", [1, 2, 7, 13])
def test_below_14_pairs_there_is_no_number_and_a_reason(pairs):
    found = scored(frames(pairs))
    assert found.state is ScoreState.INSUFFICIENT
    assert (found.estimate, found.low80, found.high80, found.low95, found.high95) == (None,) * 5
    assert found.contributions == ()
    assert all(value is None for name, value in found.details.items() if name != "pairs_n")
    assert any("14 are needed" in words for words in found.reasons)


@pytest.mark.parametrize("tables", [{}, {"days": pl.DataFrame(), "nights": pl.DataFrame()}])
def test_empty_tables_are_insufficient(tables):
    found = scored(tables)
    assert found.state is ScoreState.INSUFFICIENT
    assert found.estimate is None
    assert found.reasons == ("the tables hold no day and no night",)


def test_all_null_tables_are_insufficient():
    tables = {
        name: table.with_columns(
            pl.lit(None).cast(dtype).alias(c) for c, dtype in table.schema.items() if c not in {"day", "night"}
        )
        for name, table in frames(60).items()
    }
    found = scored(tables)
    assert found.state is ScoreState.INSUFFICIENT
    assert found.details["pairs_n"] == 0.0


def test_nights_of_the_days_own_stream_are_refused_with_the_reason():
    tables = frames(60, day_stream="eeg")
    found = scored(tables)
    assert found.state is ScoreState.INSUFFICIENT
    assert found.estimate is None
    assert any("same sensor stream (eeg)" in words for words in found.reasons)


def test_null_and_insufficient_rows_are_missing_not_zero():
    tables = frames(60)
    hit = pl.int_range(pl.len()).is_in([3, 17, 30, 44])
    absent = tables | {"days": tables["days"].filter(~hit)}
    nulled = tables | {
        "days": tables["days"].with_columns(pl.when(~hit).then("additional_hr_bpm").alias("additional_hr_bpm"))
    }
    insufficient = tables | {
        "days": tables["days"].with_columns(
            pl.when(hit).then(pl.lit("insufficient")).otherwise("day_load_state").alias("day_load_state"),
            pl.when(hit).then(0.0).otherwise("additional_hr_bpm").alias("additional_hr_bpm"),
        )
    }
    expected = scored(absent)
    assert expected.details["pairs_n"] == 56.0
    for changed in (nulled, insufficient):
        found = scored(changed)
        assert found.estimate == expected.estimate
        assert found.details == expected.details
        assert any("4 of 60 dates" in words for words in found.missing)


def test_the_same_tables_give_the_same_bits_in_any_row_order():
    tables = frames(60)
    first, again = scored(tables), scored(tables)
    assert first == again
    shuffled = {name: table.sample(fraction=1.0, shuffle=True, seed=3) for name, table in tables.items()}
    assert scored(shuffled) == first


@pytest.mark.parametrize("factor", [10.0, 0.1])
def test_the_unit_of_the_day_index_does_not_matter(factor):
    tables = frames(60)
    scaled = tables | {"days": tables["days"].with_columns(pl.col("additional_hr_bpm") * factor + 30.0)}
    first, found = scored(tables), scored(scaled)
    assert found.estimate == pytest.approx(first.estimate, rel=1e-9)
    assert found.details == pytest.approx(first.details, rel=1e-7, abs=1e-9)


def test_a_power_of_two_as_unit_changes_no_bit():
    tables = frames(60)
    scaled = tables | {"days": tables["days"].with_columns(pl.col("additional_hr_bpm") * 8.0)}
    assert scored(scaled) == scored(tables)


def test_age_and_sex_do_not_enter():
    tables = frames(30)
    assert SCORE.compute(Person("p01", 71.0, "F"), tables) == scored(tables)


@pytest.mark.parametrize("pairs", [14, 30, 60])
def test_contributions_sum_to_the_estimate(pairs):
    found = scored(frames(pairs))
    assert sum(part.contribution for part in found.contributions) == pytest.approx(found.estimate, abs=1e-9)
    assert [part.feature for part in found.contributions] == ["own base rate", "current state", "day–night loop"]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_nest_around_the_estimate(seed):
    found = scored(frames(40, seed=seed))
    assert 0.0 <= found.low95 < found.low80 < found.estimate < found.high80 < found.high95 <= 100.0
    for name in ("g", "b", "c", "spectral_radius", "amplification", "loop_risk"):
        middle = found.details["loop_risk_pct" if name == "loop_risk" else name]
        suffix = "_pct" if name == "loop_risk" else ""
        assert found.details[f"{name}_low95{suffix}"] <= middle <= found.details[f"{name}_high95{suffix}"]


def test_details_are_the_declared_ones_and_finite_or_null():
    for pairs in (5, 60):
        details = scored(frames(pairs)).details
        assert set(details) == set(DETAILS) == set(SCORE.details)
        assert all(value is None or math.isfinite(value) for value in details.values())


def test_a_bad_last_week_raises_the_state_part():
    tables = frames(60, seed=4)

    def with_end(badness: float) -> Estimate:
        last = pl.int_range(pl.len()) >= 58
        nights = tables["nights"].with_columns(
            pl.when(last).then(85.0 - 4.0 * badness).otherwise("se_pct").alias("se_pct"),
            pl.when(last).then(45.0 + 12.0 * badness).otherwise("waso_min").alias("waso_min"),
            pl.when(last).then(80.0 - 15.0 * badness).otherwise("n3_min").alias("n3_min"),
        )
        days = tables["days"].with_columns(
            pl.when(last).then(4.0 + 3.0 * badness).otherwise("additional_hr_bpm").alias("additional_hr_bpm")
        )
        return scored({"days": days, "nights": nights})

    bad, good = with_end(2.5), with_end(-2.5)
    assert bad.contributions[1].contribution > good.contributions[1].contribution
    assert bad.details["state_night_z"] > 0.0 > good.details["state_night_z"]


def test_the_forecast_equals_a_plain_simulation():
    paths = tuple(map(np.float64, (0.2, 0.05, 0.4, 0.4)))
    q_a, q_b = innovation_variances(*paths, np.float64(0.65), np.float64(0.70))
    theta = np.array([[*paths, np.log(q_a), np.log(q_b)]])
    state = State(*(np.array([v]) for v in (1.0, 1.2, 0.2, 0.05, 0.25)))
    risk = week_risk(theta, state, 0.70)
    random = np.random.default_rng(6)
    n = 100_000
    for b, expected in ((0.4, risk.full[0]), (0.0, risk.without_loop[0])):
        a, z = random.multivariate_normal([1.0, 1.2], [[0.2, 0.05], [0.05, 0.25]], n).T
        bad = np.zeros(n)
        for _ in range(7):
            a = 0.2 * a + b * z + np.sqrt(q_a) * random.standard_normal(n)
            z = 0.05 * z + 0.4 * a + np.sqrt(q_b) * random.standard_normal(n)
            bad += z + np.sqrt(0.30) * random.standard_normal(n) > WORST_FIFTH_Z
        # Simulation: SE .0016. The lattice of 64 paths: .003 RMS, .011 at worst.
        assert (bad >= 3).mean() == pytest.approx(expected, abs=0.016)
    assert risk.full[0] > risk.without_loop[0] > risk.base[0]


def test_independent_nights_have_the_binomial_risk():
    theta = np.array([[0.0, 0.0, 0.0, 0.0, np.log(0.65), np.log(0.70)]])
    state = State(*(np.array([v]) for v in (0.0, 0.0, 0.65, 0.0, 0.70)))
    risk = week_risk(theta, state, 0.70)
    # 1 − Σ_{k<3} C(7, k) .2^k .8^(7−k) = .1480
    expected = 1.0 - sum(math.comb(7, k) * 0.2**k * 0.8 ** (7 - k) for k in range(3))
    assert (risk.full[0], risk.without_loop[0], risk.base[0]) == pytest.approx((expected,) * 3, abs=0.011)
    assert risk.full[0] == risk.without_loop[0]


def test_no_call_below_28_pairs_and_none_of_self_sustaining_below_56():
    few = scored(frames(27, loop=0.6))
    assert few.details["reinforcing_call"] is None
    assert not any("consistent with" in words for words in few.reasons)
    some = scored(frames(55, loop=0.6))
    assert some.details["reinforcing_call"] in {0.0, 1.0}
    assert not any("does not decay" in words for words in some.reasons)


def test_a_pattern_is_named_with_its_rival_explanation():
    found = scored(frames(120, loop=0.5, seed=2))
    assert found.details["reinforcing_call"] == 1.0
    (words,) = [w for w in found.reasons if "reinforcing" in w]
    assert words.startswith("consistent with")
    assert "common cause" in words


def test_the_words_neither_diagnose_nor_address():
    texts = [SCORE.title, SCORE.meaning, *SCORE.details.values()]
    for tables in ({}, frames(5), frames(20), frames(60, day_stream="eeg"), frames(120, loop=0.5, seed=2)):
        found = scored(tables)
        texts += [*found.reasons, *found.missing]
    for text in texts:
        assert not re.search(
            r"\byou\b|\byour\b|abnormal|diagnos|disorder|insomnia|patient|locked", text, re.IGNORECASE
        ), text


def test_the_meaning_says_which_nights_are_bad_and_what_it_is_not():
    assert "at least 3 of the next 7 nights" in SCORE.meaning
    assert "own worst fifth" in SCORE.meaning
    assert "does not rank persons" in SCORE.meaning
    assert "research" in SCORE.meaning
    # The stated fifth and the threshold are the same thing.
    assert 0.5 * math.erfc(WORST_FIFTH_Z / math.sqrt(2.0)) == pytest.approx(0.2, abs=1e-4)
