"""What every listed score must keep, whatever its equations."""

from __future__ import annotations

import ast
import importlib
import math
import re
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline import scores
from pipeline.features import DAYS, NIGHTS, PARTICIPANTS
from pipeline.scores import SCORES
from pipeline.scores.score import Person, ScoreState

TABLES = {table.name: table for table in (NIGHTS, DAYS, PARTICIPANTS)}
EACH = pytest.mark.parametrize("score", SCORES, ids=lambda score: score.name)
PERSON = Person("p", 40.0, "F")
NIGHTS_N = 70


def column(rng, declared, dates):
    """Values of the declared type, in a usual range for the columns that scores read."""
    n = len(dates)
    usual = {
        "se_pct": (86, 4), "waso_min": (50, 15), "tst_min": (400, 40), "n3_min": (80, 15), "n3_pct": (20, 4),
        "noct_hr_bpm": (62, 4), "noct_lnrmssd": (3.6, 0.2), "hr_dip_pct": (25, 4), "quiet_hr_rise_bpm": (15, 4),
        "additional_hr_bpm": (0, 3), "is_hourly": (0.4, 0.02), "ra": (0.8, 0.02), "rhythm_days_n": (NIGHTS_N, 0),
    }  # fmt: skip
    labels = {"heart_sensor": "ecg", "sleep_source": "hypnogram", "window_source": "diary", "night_stream": "eeg",
              "day_stream": "heart"}  # fmt: skip
    if declared.dtype == pl.Date:
        values = dates
    elif declared.dtype == pl.String:
        values = [labels.get(declared.name, "ok")] * n
    elif declared.dtype == pl.Boolean:
        values = [False] * n
    elif declared.dtype.is_numeric():
        values = rng.normal(*usual.get(declared.name, (1.0, 0.1)), n)
    else:
        return pl.Series(declared.name, [None] * n, declared.dtype)
    return pl.Series(declared.name, values).cast(declared.dtype)


def measured(score, n=NIGHTS_N, seed=0):
    """The tables a score asks for, every declared column filled."""
    rng = np.random.default_rng(seed)
    dates = [date(2024, 1, 1) + timedelta(days=i) for i in range(n)]
    frames = {}
    for name, table in TABLES.items():
        own = dates[:1] if name == "participants" else dates
        needed = [c for c in table.columns if c.name in score.needs.get(name, ())]
        frames[name] = pl.DataFrame([column(rng, c, own) for c in needed])
    return frames


def nothing(score):
    """Rows of the tables with no value in any column but the dates."""
    frames = {}
    for name, frame in measured(score).items():
        frames[name] = frame.with_columns(
            pl.lit(None, dtype).alias(c) for c, dtype in frame.schema.items() if dtype != pl.Date
        )
    return frames


def estimates(score):
    """Estimates of all kinds: full, short, single tables missing, nothing at all."""
    full = measured(score)
    yield score.compute(PERSON, full)
    yield score.compute(Person("p"), measured(score, seed=1))
    yield score.compute(PERSON, {name: frame.head(20) for name, frame in full.items()})
    yield score.compute(PERSON, {name: frame.head(3) for name, frame in full.items()})
    for gone in full:
        yield score.compute(PERSON, {name: frame for name, frame in full.items() if name != gone})
    yield score.compute(PERSON, nothing(score))


def empties(score):
    return (
        {},
        {name: pl.DataFrame() for name in TABLES},
        {name: table.empty() for name, table in TABLES.items()},
        nothing(score),
    )


def test_every_file_with_a_score_is_listed():
    # By source and not by import: a file that nobody imports is what this looks for.
    folder = Path(scores.__file__).parent
    defining = {
        path.stem
        for path in folder.glob("*.py")
        if any(
            isinstance(node, (ast.Assign, ast.AnnAssign))
            and any(
                getattr(t, "id", None) == "SCORE" for t in getattr(node, "targets", [getattr(node, "target", None)])
            )
            for node in ast.parse(path.read_text(encoding="utf-8")).body
        )
    }
    assert defining
    listed = [importlib.import_module(f"pipeline.scores.{name}").SCORE for name in sorted(defining)]
    assert {score.name for score in listed} == {score.name for score in SCORES}
    assert len({score.name for score in SCORES}) == len(SCORES) == len(listed)


@EACH
def test_reads_declared_columns_only(score):
    for name, columns in score.needs.items():
        declared = {c.name for c in TABLES[name].columns}
        assert set(columns) <= declared, name
    extra = {name: frame.with_columns(pl.lit("not needed").alias("other")) for name, frame in measured(score).items()}
    assert score.compute(PERSON, extra) == score.compute(PERSON, measured(score))


@EACH
def test_full_tables_give_a_number(score):
    found = score.compute(PERSON, measured(score))
    assert found.state is not ScoreState.INSUFFICIENT
    assert found.estimate is not None


@EACH
def test_declared_details_are_the_computed_ones(score):
    for found in estimates(score):
        assert set(found.details) == set(score.details)
        for name, value in found.details.items():
            assert value is None or math.isfinite(value), name
    assert all(score.details.values())


@EACH
def test_an_estimate_names_its_score_version_unit_and_tables(score):
    for found in estimates(score):
        assert (found.score, found.version, found.unit) == (score.name, score.version, score.unit)
        assert re.fullmatch(r"[0-9a-f]{12}", found.tables)
        assert found.window_start <= found.window_end


@EACH
def test_intervals_nest_and_contain_the_estimate(score):
    seen = 0
    for found in estimates(score):
        if found.estimate is not None:
            assert found.low95 < found.low80 < found.estimate < found.high80 < found.high95
            seen += 1
    assert seen


@EACH
def test_contributions_sum_to_the_estimate(score):
    for found in estimates(score):
        if found.estimate is None:
            assert found.contributions == ()
        else:
            assert math.fsum(c.contribution for c in found.contributions) == pytest.approx(found.estimate, abs=1e-9)


@EACH
def test_insufficient_has_no_number_and_a_reason_and_the_rest_has_a_number(score):
    states = set()
    for found in estimates(score):
        numbers = (found.estimate, found.low80, found.high80, found.low95, found.high95)
        states.add(found.state)
        if found.state is ScoreState.INSUFFICIENT:
            assert numbers == (None,) * 5
            assert found.reasons
            assert all(found.reasons)
        else:
            assert None not in numbers
            assert all(math.isfinite(number) for number in numbers)
    assert ScoreState.INSUFFICIENT in states
    assert len(states) > 1


@EACH
def test_empty_tables_are_insufficient(score):
    for frames in empties(score):
        found = score.compute(PERSON, frames)
        assert found.state is ScoreState.INSUFFICIENT
        assert found.estimate is None
        assert found.reasons


@EACH
def test_order_of_rows_and_columns_does_not_matter_and_a_repeat_is_identical(score):
    frames = measured(score)
    shuffled = {
        name: frame.sample(fraction=1.0, shuffle=True, seed=3).select(sorted(frame.columns, reverse=True))
        for name, frame in frames.items()
    }
    found = score.compute(PERSON, frames)
    assert score.compute(PERSON, frames) == found
    assert score.compute(PERSON, shuffled) == found


@EACH
def test_words_claim_nothing_that_a_research_score_may_not(score):
    texts = [score.title, score.meaning, *score.details.values()]
    for found in estimates(score):
        texts += [*found.reasons, *found.missing]
    for text in texts:
        said = text.lower().replace("not a diagnosis", "")
        assert not re.search(r"you have|\byour?\b|diagnos|abnormal|patient|healthy range|disorder", said), text
