"""Who stages an epoch where several recordings do, and what several scorers of one night give."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from nights import CODES, NIGHT, NOON, ROME
from numpy.typing import NDArray

from pipeline import units
from pipeline.align import Aligned, align
from pipeline.clock import EPOCH_NS
from pipeline.extract import Extracted, extract
from pipeline.participants import Participant
from pipeline.recording import Hypnogram, Recording, Stage, StageSource, ZoneSource
from pipeline.scorings import scored, scorings_between
from pipeline.signals.agreement import cohen_kappa, consensus, mean_known, pairwise
from pipeline.study import Export, open_study

E, U, A, M, C = (
    StageSource.EXPERT,
    StageSource.UNKNOWN,
    StageSource.AUTOMATIC,
    StageSource.MODEL,
    StageSource.CONSUMER,
)
LIGHTS_OUT = 1320
"""The epoch of the night at 23:00."""


def codes(text: str) -> NDArray[np.int8]:
    """`"W10 2 40"`: stage and minutes; `?` is not scored."""
    named = {**CODES, "?": float(Stage.UNSCORED)}
    return np.concatenate([np.full(round(2 * float(p[1:])), named[p[0]], np.int8) for p in text.split()])


def part(text: str, source: StageSource, at_min: float = 0.0, name: str = "") -> Extracted:
    """What is kept of a hypnogram that begins so many minutes after 23:00."""
    start_ns = NOON + (LIGHTS_OUT + round(2 * at_min)) * EPOCH_NS
    recording = Recording("hand", ROME, ZoneSource.STUDY, hypnogram=Hypnogram(start_ns, 30.0, codes(text), "x", source))
    sha = name.ljust(64, "0") if name else hashlib.sha256(f"{text} {source} {at_min}".encode()).hexdigest()
    return extract(recording, Export("P1", Path("a.txt"), "P1/a.txt", None), "hand", sha)


def aligned(*parts: Extracted) -> Aligned:
    return align(Participant("P1", None, None, None), ROME, parts)


def said(out: Aligned) -> tuple[str, str]:
    """One letter an epoch from 23:00 on: the stages, and who scored them."""
    first = pl.Series([NOON + LIGHTS_OUT * EPOCH_NS]).cast(pl.Datetime("ns", "UTC"))[0]
    rows = out.epochs.filter(pl.col("start_utc") >= first)
    times = (rows["start_utc"].dt.epoch("us").to_numpy() * 1000 - NOON) // EPOCH_NS - LIGHTS_OUT
    stage, source = ["?"] * (int(times[-1]) + 1), ["?"] * (int(times[-1]) + 1)
    for at, one, by in zip(times.tolist(), rows["stage"], rows["stage_source"], strict=True):
        stage[at], source[at] = one[-1], by[0]
    return "".join(stage), "".join(source)


@pytest.mark.parametrize("order", [1, -1])
def test_each_epoch_is_staged_by_whoever_is_trusted_most(order: int) -> None:
    parts = [part("22", E), part("33", U), part("R4", A), part("15", M), part("L6", C)]
    assert said(aligned(*parts[::order])) == ("222233RR11LL", "eeeeuuaammcc")


def test_what_a_scorer_left_unscored_is_not_filled_by_a_lesser_one() -> None:
    expert = part("230 ?59.5 230", E)
    stage, source = said(aligned(expert, part("L200", C)))
    assert stage == "2" * 60 + "?" * 119 + "2" * 60 + "L" * 161
    assert source == "e" * 60 + "?" * 119 + "e" * 60 + "c" * 161
    # A hole of an hour parts two scorings: what lies between was nobody's.
    stage, _ = said(aligned(part("230 ?60 230", E), part("L200", C)))
    assert stage == "2" * 60 + "L" * 120 + "2" * 60 + "L" * 160
    # An equal fills it.
    stage, _ = said(aligned(expert, part("340", E, at_min=20)))
    assert stage[60:120] == "3" * 60


def test_several_experts_make_a_consensus_and_the_others_have_no_vote() -> None:
    experts = [part("W10 220 310 R10", E), part("W10 215 315 R10", E), part("W12 218 310 R10", E)]
    others = [part("R50", U), part("R50", A), part("R50", M)]
    out = aligned(*others, *experts)
    stage, source = said(out)
    assert stage == "W" * 20 + "2" * 40 + "3" * 20 + "R" * 20
    assert set(source) == {"e"}
    assert said(aligned(*others))[1] == "u" * 100
    assert said(aligned(part("R50", U), part("250", U), part("250 31", U)))[0] == "2" * 100 + "33"


def test_the_night_is_told_who_scored_it_and_how_far_they_agree() -> None:
    texts = ["W20 2100 360 R60 2120", "W20 2110 350 R60 2120", "W20 290 370 R60 2120"]
    out = aligned(*[part(text, E) for text in texts], part("W20 2110 350 R60 2120", M), part("W10 L350", C))
    row = out.nights.row(0, named=True)
    assert (row["night"], row["scoring_agreement_state"], row["scorers_n"]) == (NIGHT, "ok", 3)
    assert (row["n3_min"], row["n3_scorer_range_min"], row["stages_from"]) == (60.0, 20.0, "expert")
    assert row["model_n3_difference_min"] == -10.0
    assert row["unanimity_pct"] == pytest.approx(100 * 340 / 360)
    alone = aligned(part(texts[0], E)).nights.row(0, named=True)
    assert (alone["scoring_agreement_state"], alone["scorers_n"]) == ("not measured", None)


def test_one_scoring_in_two_exports_is_one() -> None:
    whole, cut = "W20 2100 360 R60", "W20 2100 340"
    between = NOON, NOON + 2880 * EPOCH_NS
    held = scored([part(cut, E, name="a"), part(whole, E, name="b")])
    found = scorings_between(held, *between)
    assert [one.who for one in found] == ["a".ljust(12, "0")]
    assert np.isfinite(found[0].stage).sum() == len(codes(whole)), "what the other export has more is kept"
    assert len(scorings_between(scored([part(cut, U), part(whole, E)]), *between)) == 1
    # A model that says the same as the expert is still the model.
    assert [one.source for one in scorings_between(scored([part(whole, M), part(whole, E)]), *between)] == [E, M]
    assert len(scorings_between(scored([part(whole, E), part("W20 2100 359.5 R60.5", E)]), *between)) == 2
    assert scorings_between(scored([part(whole, C)]), *between) == ()


def test_a_scoring_is_cut_to_the_night() -> None:
    held = scored([part("W20 2100 360 R60", E)])
    assert scorings_between(held, NOON + 2880 * EPOCH_NS, NOON + 5760 * EPOCH_NS) == ()
    (one,) = scorings_between(held, NOON, NOON + 2880 * EPOCH_NS)
    assert one.stage.shape == (2880,)
    assert np.flatnonzero(np.isfinite(one.stage))[[0, -1]].tolist() == [1320, 1320 + 479]


def test_two_nights_have_each_their_consensus() -> None:
    day = 24 * 60.0
    first = [part("W10 250 R10", E), part("W10 240 310 R10", E), part("W10 238 312 R10", E)]
    second = [part("W10 350 R10", E, day), part("W10 340 110 R10", E, day), part("W10 348 12 R10", E, day)]
    stage, _ = said(aligned(*first, *second))
    assert stage[:140] == "W" * 20 + "2" * 80 + "3" * 20 + "R" * 20
    assert stage[2880 : 2880 + 140] == "W" * 20 + "3" * 96 + "1" * 4 + "R" * 20


def outcome(folder: Path, hypnograms: Sequence[tuple[str, NDArray[np.int8]]]) -> tuple[units.Outcome, list[str]]:
    """A study with one participant's hypnograms as JSON lists, each with the start that its name is followed by."""
    inbox = folder / "inbox" / "P1"
    inbox.mkdir(parents=True)
    (folder / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (folder / "participants.tsv").write_text("participant_id\nP1\n")
    for number, (start, stage) in enumerate(hypnograms, 1):
        (inbox / f"scorer_{number}.json").write_text(json.dumps(stage.tolist()))
        (inbox / f"scorer_{number}.json.json").write_text(json.dumps({"dialect": "dod", "start": start}))
    study = open_study(folder)
    for unit in units.plan(study).exports:
        found = units.do_export(study, unit)
        assert found.status is units.Status.DONE, found.detail
    found = units.do_participant(study, "P1")
    return found, sorted(p.name for p in inbox.iterdir() if not p.name.endswith(".json.json"))


def test_scorers_of_one_night_are_no_contradiction_and_another_night_is(tmp_path: Path) -> None:
    one = codes("W20 15 2100 360 R20 260 R30")
    two = codes("W22 13 290 370 R20 262 R28")
    found, left = outcome(tmp_path / "a", [("2024-03-12T23:00", one), ("2024-03-12T23:00", two)])
    assert found.status is units.Status.DONE, found.detail
    assert len(left) == 2
    nights = pl.read_parquet(tmp_path / "a/dataset/nights/P1.parquet")
    assert nights["scorers_n"].to_list() == [2]
    # The same night cut otherwise: it agrees far better than chance.
    found, left = outcome(tmp_path / "b", [("2024-03-12T23:00", one), ("2024-03-12T23:10", two[20:])])
    assert found.status is units.Status.DONE, found.detail
    # Another night laid over it does not.
    other = codes("230 R40 W60 1100 340 W20")
    found, left = outcome(tmp_path / "c", [("2024-03-12T23:00", one), ("2024-03-12T23:10", other)])
    assert found.status is units.Status.REFUSED
    assert "says otherwise" in found.detail
    assert left == ["scorer_1.json"]


@pytest.mark.realdata
def test_five_scorers_of_a_published_night(tmp_path: Path, real_data: Path) -> None:
    folder = real_data / "dod_scorers" / "scorers" / "dodh"
    name = min(path.name for path in (folder / "scorer_1").glob("*.json"))
    lists = [np.array(json.loads((folder / f"scorer_{k}" / name).read_text()), np.int8) for k in range(1, 6)]
    found, left = outcome(tmp_path, [("2024-03-12T22:00", stage) for stage in lists])
    assert found.status is units.Status.DONE, found.detail
    assert len(left) == 5
    row = pl.read_parquet(tmp_path / "dataset/nights/P1.parquet").row(0, named=True)
    known = [np.where(stage < 0, np.nan, stage.astype(float)) for stage in lists]
    agreed = consensus(known).stage
    kept = np.flatnonzero(np.isfinite(agreed))
    inside = [stage[kept[0] : kept[-1] + 1] for stage in known]
    assert row["scorers_n"] == 5
    assert row["scorer_kappa"] == pytest.approx(mean_known([cohen_kappa(pair) for pair in pairwise(inside)]))
    n3_min = [float((stage == Stage.N3).sum()) / 2 for stage in inside]
    assert row["n3_scorer_range_min"] == max(n3_min) - min(n3_min)
    epochs = pl.read_parquet(tmp_path / "dataset/epochs/P1.parquet")
    symbols = epochs["stage"].cast(pl.String).replace_strict({"W": 0, "N1": 1, "N2": 2, "N3": 3, "R": 4})
    # Of scorers who agree equally well the longer recording decides, and all are as long: any order may come out.
    assert (symbols.to_numpy() == agreed[kept]).mean() > 0.99
    assert set(epochs["stage_source"]) == {"expert"}
