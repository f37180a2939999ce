"""Flags and masks over beat intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.recording import Floats, Int64
from pipeline.signals.beats import beat_masks, clock_step_s

START_NS = 1_704_060_000 * NS


def ends_of(rr_s: Floats, holes_s: dict[int, float] | None = None) -> Int64:
    """Ends of successive intervals; `holes_s[i]` seconds pass unrecorded before interval i begins."""
    lost = np.zeros(len(rr_s))
    for index, seconds in (holes_s or {}).items():
        lost[index] = seconds
    return START_NS + np.rint(np.cumsum(rr_s + lost) * NS).astype(np.int64)


def wfdb_beats(path: Path) -> tuple[Int64, Int64]:
    """Sample numbers and codes of an MIT-format annotation file (1 N, 5 V, 8 A, 14 noise)."""
    words = np.fromfile(path, "<u2").tolist()
    samples, codes, time, at = [], [], 0, 0
    while at < len(words) and words[at]:
        code, value = words[at] >> 10, words[at] & 1023
        if code == 59:
            time += (words[at + 1] << 16) + words[at + 2]
            at += 2
        elif code == 63:
            at += (value + 1) // 2
        elif code < 60:
            time += value
            samples.append(time)
            codes.append(code)
        at += 1
    return np.array(samples), np.array(codes)


def test_a_sequence_without_holes_is_adjacent_throughout() -> None:
    rr = np.random.default_rng(0).normal(0.9, 0.03, 500)
    masks = beat_masks(ends_of(rr), rr)
    assert masks.valid.all()
    assert not masks.adjacent[0]
    assert masks.adjacent[1:].all()


def test_the_range_includes_its_limits_and_refuses_what_is_not_a_number() -> None:
    rr = np.array([0.8, 0.3, 2.0, 0.299, 2.001, np.nan, np.inf, -0.8, 0.0])
    ends = START_NS + np.arange(9, dtype=np.int64) * NS
    assert beat_masks(ends, rr).in_range.tolist() == [True, True, True] + [False] * 6


def test_the_local_median_rule_by_hand() -> None:
    rr = np.full(21, 0.8)
    rr[7] = 0.95  # 18.75 % above the median of its neighbours
    rr[14] = 0.97  # 21.25 %
    masks = beat_masks(ends_of(rr), rr)
    assert np.flatnonzero(masks.off_median).tolist() == [14]
    assert masks.in_range.all()


def test_of_an_even_number_of_neighbours_the_middle_two_are_averaged() -> None:
    rr = np.array([0.7, 0.7, 0.9, 0.9, 0.9])
    # For 0.9 the neighbours are 0.7 0.7 0.9 0.9, median 0.8; for 0.7 they are 0.7 0.9 0.9 0.9, median 0.9.
    assert beat_masks(ends_of(rr), rr).off_median.tolist() == [True, True, False, False, False]


def test_every_pair_that_touches_an_excluded_beat_is_dropped() -> None:
    rr = np.full(21, 0.8)
    rr[10], rr[11] = 0.5, 1.1  # a premature beat and the pause after it
    masks = beat_masks(ends_of(rr), rr)
    assert np.flatnonzero(~masks.valid).tolist() == [10, 11]
    assert np.flatnonzero(~masks.adjacent).tolist() == [0, 10, 11, 12]


def test_no_pair_and_no_median_reaches_across_a_hole() -> None:
    # One run at 0.9 s, a hole, another at 0.6 s: 33 % apart, yet each is regular in itself.
    rr = np.concatenate([np.full(8, 0.9), np.full(5, 0.6)])
    split = beat_masks(ends_of(rr, {8: 7.3}), rr)
    assert split.valid.all()
    assert np.flatnonzero(~split.adjacent).tolist() == [0, 8]
    # The same intervals without the hole: beats near the step are off the median of the other side.
    assert not beat_masks(ends_of(rr), rr).valid.all()


def test_one_missed_beat_is_a_hole_at_every_heart_rate() -> None:
    for interval in (0.35, 0.5, 0.8, 1.2, 1.9):
        # A slight irregularity, so that the clock is not itself a multiple of the interval.
        rr = interval + np.random.default_rng(3).normal(0, 0.002, 40)
        masks = beat_masks(ends_of(rr, {20: interval}), rr)
        assert np.flatnonzero(~masks.linked).tolist() == [0, 20]


def test_an_interval_that_is_a_hole_parts_the_run_on_both_sides() -> None:
    rr = np.concatenate([np.full(8, 0.9), [7427.0], np.full(5, 0.5)])
    masks = beat_masks(ends_of(rr), rr)
    assert np.flatnonzero(~masks.valid).tolist() == [8]
    assert np.flatnonzero(~masks.adjacent).tolist() == [0, 8, 9]


def test_beats_too_few_to_judge_are_kept_but_not_paired() -> None:
    rr = np.array([0.8, 0.5, 0.8, 0.8, 0.8, 0.8, 0.8])
    masks = beat_masks(ends_of(rr, {3: 60.0}), rr)
    assert masks.judged.tolist() == [False] * 3 + [True] * 4
    assert masks.valid.all()
    assert np.flatnonzero(masks.adjacent).tolist() == [4, 5, 6]


def test_whole_second_stamps_make_no_holes_and_hide_none_of_two_seconds() -> None:
    rr = np.random.default_rng(1).normal(0.85, 0.04, 400)
    ends = ends_of(rr, {200: 2.0})
    cut_off = ends // NS * NS
    assert clock_step_s(cut_off) == 1.0
    assert np.flatnonzero(~beat_masks(cut_off, rr).linked).tolist() == [0, 200]


def test_stamps_of_a_64th_of_a_second_make_no_holes() -> None:
    rr = np.rint(np.random.default_rng(2).normal(0.9, 0.05, 300) * 64) / 64
    step = NS // 64
    ends = (START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)) // step * step
    assert np.flatnonzero(~beat_masks(ends, rr).linked).tolist() == [0]


def test_a_clock_of_whole_minutes_links_nothing() -> None:
    rr = np.random.default_rng(4).normal(0.85, 0.04, 400)
    ends = ends_of(rr) // (60 * NS) * (60 * NS)
    assert not beat_masks(ends, rr).linked.any()


def test_a_regular_beat_is_no_excuse_for_a_missed_one() -> None:
    # With intervals of exactly 1 s the clock seems to count whole seconds; a hole of one beat must still be seen.
    rr = np.ones(40)
    assert np.flatnonzero(~beat_masks(ends_of(rr, {20: 1.0}), rr).linked).tolist() == [0, 20]


def test_masks_do_not_depend_on_the_time_of_day() -> None:
    rng = np.random.default_rng(5)
    rr = rng.normal(0.8, 0.1, 300)
    ends = ends_of(rr, {100: 3.0, 180: 0.9})
    here, there = beat_masks(ends, rr), beat_masks(ends + 123_456_789_012_345, rr)
    for name in ("in_range", "off_median", "judged", "linked", "adjacent"):
        assert np.array_equal(getattr(here, name), getattr(there, name))


@pytest.mark.parametrize("n", [0, 1])
def test_no_beats_and_one_beat(n: int) -> None:
    masks = beat_masks(np.full(n, START_NS), np.full(n, 0.8))
    assert masks.valid.tolist() == [True] * n
    assert masks.adjacent.tolist() == [False] * n


@pytest.mark.realdata
def test_premature_ventricular_beats_of_a_day_are_found(real_data: Path) -> None:
    samples, codes = wfdb_beats(real_data / "hrv_truth" / "nsr004.ecg")
    beats = codes != 14  # noise marks are no beats
    samples, codes = samples[beats], codes[beats]
    rr = np.diff(samples, prepend=samples[0] - 100) / 128
    ends = np.rint(samples / 128 * NS).astype(np.int64)
    excluded = ~beat_masks(ends, rr).valid
    touched = excluded | np.append(excluded[1:], False)  # the early interval, or the pause after it
    premature = np.isin(codes, [5, 8])
    assert premature.sum() == 36
    assert touched[premature].mean() >= 0.85
    innocent = ~(premature | np.append(False, premature[:-1]))
    assert excluded[innocent].mean() < 0.0005


@pytest.mark.realdata
def test_the_duty_cycle_of_a_strap_is_seen_in_its_whole_second_stamps(real_data: Path) -> None:
    rows = (real_data / "mmash" / "user_9" / "RR.csv").read_text().splitlines()[1:]
    cells = [row.split(",") for row in rows]
    days = np.array([int(c[2]) for c in cells])
    clock = np.array([int(c[3][:2]) * 3600 + int(c[3][3:5]) * 60 + int(c[3][6:]) for c in cells])
    seconds = np.where(days == 1, 0, 86_400) + clock  # this file calls its second day -29
    masks = beat_masks(seconds.astype(np.int64) * NS, np.array([float(c[1]) for c in cells]))
    cycles = (seconds[-1] - seconds[0]) / 33
    assert (~masks.linked).sum() == pytest.approx(cycles, rel=0.15)
