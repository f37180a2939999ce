"""Flags of beat intervals, and what a policy leaves of them."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.recording import Floats
from pipeline.signals.beat_artefacts import (
    CLASSES,
    HOLE_S,
    Artefact,
    Flags,
    Policy,
    adjacent,
    artefact_classes,
    exclusion,
    kept,
)
from pipeline.signals.beats import Mask, beat_masks
from pipeline.signals.lipponen_tarvainen import beat_classes

UNJUDGED, RANGE, LOCAL = Artefact.UNJUDGED, Artefact.RANGE, Artefact.LOCAL


def calm(n: int = 60) -> Floats:
    """Intervals of 0.8 s that swing by 20 ms."""
    rr: Floats = 0.8 + 0.02 * np.sin(np.arange(n) * 1.7)
    return rr


def joined(n: int, *holes: int) -> Mask:
    """No hole but before the intervals `holes`; the first interval is not asked."""
    linked = np.ones(n, np.bool_)
    linked[list(holes)] = False
    return linked


def flagged(flags: Flags, flag: Artefact) -> list[int]:
    return np.flatnonzero(flags & np.uint8(flag)).tolist()


def rough(n: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    rr = rng.normal(0.85, 0.03, n)
    wrong = rng.random(n) < 0.08
    rr[wrong] = rng.uniform(0.2, 2.6, int(wrong.sum()))
    return rr


def test_each_artefact_has_its_flag() -> None:
    rr = np.concatenate([calm(30), [0.5, 1.1], calm(40), [1.6], calm(40), [0.4, 0.4], calm(40), [1.04, 1.05], calm(30)])
    early, missed, extra, long = 30, 72, 113, 155
    flags = artefact_classes(rr, joined(len(rr)))
    assert flags.dtype == np.uint8
    assert flagged(flags, Artefact.ECTOPIC) == [early + 1]
    assert flagged(flags, Artefact.MISSED) == [missed]
    assert flagged(flags, Artefact.EXTRA) == [extra]
    assert {early, long} <= set(flagged(flags, Artefact.LONGSHORT))
    assert flagged(flags, LOCAL) == [early, early + 1, missed, extra, extra + 1, long, long + 1]
    assert flagged(flags, RANGE) == flagged(flags, UNJUDGED) == []


def test_range_and_local_flags_are_the_masks_of_beats() -> None:
    rr = rough(2000, 0)
    rr[[300, 700]] = np.nan, 30.0
    lost = np.zeros(2000)
    lost[[100, 102, 500, 1200, 1203, 1204]] = 7.3
    ends = np.rint(np.cumsum(np.nan_to_num(rr, nan=0.8) + lost) * NS).astype(np.int64)
    masks = beat_masks(ends, rr)
    flags = artefact_classes(rr, masks.linked)
    assert flagged(flags, RANGE) == np.flatnonzero(~masks.in_range).tolist()
    assert flagged(flags, LOCAL) == np.flatnonzero(masks.off_median).tolist()
    assert flagged(flags, UNJUDGED) == np.flatnonzero(~masks.judged).tolist() != []
    assert np.array_equal(kept(flags, Policy.LOCAL_MEDIAN), masks.valid)
    assert np.array_equal(adjacent(flags, masks.linked, Policy.LOCAL_MEDIAN), masks.adjacent)


def test_at_a_hole_every_rule_begins_anew() -> None:
    rr = rough(1000, 1)
    holes = [0, 7, 8, 9, 150, 153, 600, 999]
    parts = np.split(np.arange(1000), holes[1:])
    alone = np.concatenate([artefact_classes(rr[part], joined(len(part))) for part in parts])
    assert np.array_equal(artefact_classes(rr, joined(1000, *holes)), alone)
    assert not np.array_equal(artefact_classes(rr, joined(1000)), alone)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf, 0.0, -0.8, 4.01, 7427.0])
def test_what_cannot_be_an_interval_parts_the_classes_like_a_hole(hole: float) -> None:
    rr = rough(400, 2)
    flags = artefact_classes(np.concatenate([rr[:200], [hole], rr[200:]]), joined(401))
    assert flags[200] & RANGE
    assert not flags[200] & CLASSES
    # The classes of the beats around are those of two separate recordings.
    around = np.delete(flags, 200) & np.uint8(CLASSES)
    assert np.array_equal(around, artefact_classes(rr, joined(400, 200)) & np.uint8(CLASSES))


def test_an_interval_of_one_missed_beat_is_no_hole_however_slow_the_heart() -> None:
    rr = 1.17 + calm()
    rr[30] = HOLE_S
    flags = artefact_classes(rr, joined(60))
    assert flagged(flags, Artefact.MISSED) == flagged(flags, RANGE) == [30]


@pytest.mark.parametrize("n", [0, 1, 2, 10])
def test_few_beats_are_kept_and_those_too_few_to_judge_not_paired(n: int) -> None:
    flags = artefact_classes(np.full(n, 0.8), joined(n))
    assert flags.tolist() == [int(UNJUDGED) if n < 4 else 0] * n
    for policy in Policy:
        assert kept(flags, policy).tolist() == [True] * n
        assert adjacent(flags, joined(n), policy).tolist() == ([False] + [True] * 9 if n == 10 else [False] * n)


def test_milliseconds_are_never_taken_for_seconds() -> None:
    flags = artefact_classes(1000 * rough(300, 3), joined(300))
    assert (flags & np.uint8(RANGE)).all()
    assert not (flags & np.uint8(CLASSES | LOCAL)).any()


def test_a_flag_excludes_where_its_policy_says_so() -> None:
    flags = np.array([0, *(int(flag) for flag in Artefact), 0], np.uint8)
    # 0, range, local, ectopic, missed, extra, longshort, unjudged, 0
    wanted = {
        Policy.RANGE: [1, 0, 1, 1, 1, 1, 1, 1, 1],
        Policy.LOCAL_MEDIAN: [1, 0, 0, 1, 1, 1, 1, 1, 1],
        Policy.LIPPONEN_TARVAINEN: [1, 0, 1, 0, 0, 0, 0, 1, 1],
        Policy.EVERY: [1, 0, 0, 0, 0, 0, 0, 1, 1],
    }
    for policy in Policy:
        assert kept(flags, policy).astype(int).tolist() == wanted[policy], policy


def test_both_parts_of_an_interval_with_an_extra_beat_go() -> None:
    flags = np.array([0, 0, Artefact.EXTRA, 0, 0, 0], np.uint8)
    assert kept(flags, Policy.LIPPONEN_TARVAINEN).tolist() == [True, True, False, False, True, True]
    assert kept(flags, Policy.LOCAL_MEDIAN).all()
    assert flags.tolist() == [0, 0, 16, 0, 0, 0]


def test_no_pair_touches_an_excluded_or_unjudged_beat_or_a_hole() -> None:
    flags = np.array([0, 0, 0, LOCAL, 0, 0, 0, UNJUDGED, 0, 0], np.uint8)
    pairs = adjacent(flags, joined(10, 2), Policy.LOCAL_MEDIAN)
    assert np.flatnonzero(pairs).tolist() == [1, 5, 6, 9]
    assert np.flatnonzero(adjacent(flags, joined(10, 2), Policy.RANGE)).tolist() == [1, 3, 4, 5, 6, 9]


def test_what_was_left_out_is_told() -> None:
    rr = np.full(20, 0.75)
    rr[5], rr[12] = 0.25, 1.0
    linked = joined(20, 0, 16)
    told = exclusion(rr, linked, artefact_classes(rr, linked), Policy.LOCAL_MEDIAN)
    assert (told.beats_n, told.excluded_n, told.excluded_share) == (20, 2, 0.1)
    # Of 18 pairs without a hole between, two touch each of the two excluded beats.
    assert told.adjacent_pairs_n == 14
    assert told.covered_s == 18 * 0.75
    assert told.covered_share(27.0) == 0.5
    assert (told.flagged_n[RANGE], told.flagged_n[LOCAL], told.flagged_n[UNJUDGED]) == (1, 1, 0)
    assert told.policy is Policy.LOCAL_MEDIAN


def test_of_no_beats_there_is_no_share() -> None:
    none = np.empty(0)
    told = exclusion(none, joined(0), artefact_classes(none, joined(0)), Policy.EVERY)
    assert (told.beats_n, told.excluded_n, told.adjacent_pairs_n, told.covered_s) == (0, 0, 0, 0.0)
    assert math.isnan(told.excluded_share)
    assert math.isnan(told.covered_share(0.0))


def test_missing_beats_add_nothing_to_the_time_covered() -> None:
    rr = np.array([0.8, 0.8, np.nan, 0.8, 0.8])
    told = exclusion(rr, joined(5), artefact_classes(rr, joined(5)), Policy.RANGE)
    assert told.covered_s == pytest.approx(3.2)
    assert told.excluded_n == 1


def test_series_of_unequal_length_are_refused() -> None:
    rr, flags = np.full(5, 0.8), np.zeros(5, np.uint8)
    for call in (
        lambda: artefact_classes(rr, joined(4)),
        lambda: adjacent(flags, joined(1), Policy.RANGE),
        lambda: exclusion(rr, joined(5), flags[:4], Policy.RANGE),
        lambda: artefact_classes(rr.reshape(1, 5), joined(5).reshape(1, 5)),
    ):
        with pytest.raises(ValueError, match="one value per interval"):
            call()


def test_nothing_but_numpy_is_imported(root: Path) -> None:
    heavy = ("scipy", "polars", "pandas", "neurokit2")
    code = f"import sys, pipeline.signals.beat_artefacts; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.realdata
def test_holes_written_as_beats_do_not_reach_the_beats_around_them(real_data: Path) -> None:
    rr = np.loadtxt(real_data / "rr_24h" / "normal" / "nsr001_rr_secs.txt")
    flags = artefact_classes(rr, joined(len(rr)))
    holes = np.flatnonzero(rr > HOLE_S)
    assert 0 < len(holes) < 20
    edges = [-1, *holes.tolist(), len(rr)]
    for before, after in itertools.pairwise(edges):
        part = beat_classes(rr[before + 1 : after], np.array([[0, after - before - 1]]))
        assert flagged(flags[before + 1 : after], Artefact.ECTOPIC) == np.flatnonzero(part.ectopic).tolist()
        assert flagged(flags[before + 1 : after], Artefact.LONGSHORT) == np.flatnonzero(part.longshort).tolist()
    told = exclusion(rr, joined(len(rr)), flags, Policy.LOCAL_MEDIAN)
    assert told.excluded_share < 0.01
    assert 22 * 3600 < told.covered_s < 24 * 3600
    assert exclusion(rr, joined(len(rr)), flags, Policy.EVERY).adjacent_pairs_n < told.adjacent_pairs_n
