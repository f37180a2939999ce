"""Beat sums, heart rate and RMSSD."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS
from pipeline.recording import Floats, Int64
from pipeline.signals.beats import beat_masks
from pipeline.signals.hrv import FiveMinutes, beat_sums, five_minutes, hr_bpm, rmssd_ms, successive_ms, window_rows

START_NS = 1_704_060_000 * NS  # a UTC multiple of 5 min


def pooled(ends: Int64, rr: Floats, n: int) -> FiveMinutes:
    sums = beat_sums(ends, rr, beat_masks(ends, rr), START_NS, n)
    return five_minutes(START_NS, sums.rr_n, sums.rr_s, sums.rr_pairs_n, sums.rr_ssd_ms2)


def duty_cycled(ends: Int64, rr: Floats) -> NDArray[np.bool_]:
    """Intervals that lie wholly in the recorded part of a cycle of 25.7 s on, 7.3 s off."""
    end_s = (ends - ends[0]) / NS
    recorded: NDArray[np.bool_] = ((end_s % 33) < 25.7) & ((end_s - rr) // 33 == end_s // 33)
    return recorded


def breathing(n: int) -> Floats:
    """Intervals that swing with breath at rest, their RMSSD drifting over the hours."""
    beat = np.arange(n)
    depth = 0.03 + 0.015 * np.sin(2 * np.pi * beat / 9000)
    rr: Floats = 0.9 + depth * np.sin(2 * np.pi * beat / 3.7) + np.random.default_rng(0).normal(0, 0.01, n)
    return rr


def test_sums_by_hand() -> None:
    # Ends at 29.0, 29.9 | 30.7, 31.7: the pair over the border belongs to the second epoch, where its second beat ends.
    rr = np.array([0.9, 0.9, 0.8, 1.0])
    ends = START_NS + np.array([29_000, 29_900, 30_700, 31_700], np.int64) * (NS // 1000)
    sums = beat_sums(ends, rr, beat_masks(ends, rr), START_NS, 3)
    assert sums.rr_n.tolist() == [2, 2, 0]
    assert sums.rr_s.tolist() == pytest.approx([1.8, 1.8, 0])
    assert sums.rr_pairs_n.tolist() == [1, 2, 0]
    assert sums.rr_ssd_ms2.tolist() == pytest.approx([0, 100.0**2 + 200.0**2, 0])
    assert sums.rr_excluded_n.tolist() == [0, 0, 0]


def test_excluded_beats_are_counted_and_enter_no_sum() -> None:
    rr = np.full(20, 0.8)
    rr[10] = 0.2
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)
    sums = beat_sums(ends, rr, beat_masks(ends, rr), START_NS, 1)
    assert (sums.rr_n[0], sums.rr_excluded_n[0], sums.rr_pairs_n[0], sums.rr_ssd_ms2[0]) == (19, 1, 17, 0)


def test_a_beat_that_ends_on_the_border_belongs_to_the_epoch_that_begins_there() -> None:
    rr = np.full(5, 0.8)
    ends = START_NS + np.array([-1, 0, EPOCH_NS - 1, EPOCH_NS, 2 * EPOCH_NS], np.int64)
    assert beat_sums(ends, rr, beat_masks(ends, rr), START_NS, 2).rr_n.tolist() == [2, 1]


def test_rmssd_of_alternating_intervals_is_their_difference() -> None:
    rr = np.tile([0.85, 0.95], 200)
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)
    five = pooled(ends, rr, 10)
    assert five.rmssd_ms.tolist() == pytest.approx([100.0], rel=1e-9)
    assert five.hr_bpm.tolist() == pytest.approx([60 / 0.9], rel=2e-3)


def test_rmssd_of_white_noise_is_its_sd_times_root_two() -> None:
    rr = np.random.default_rng(1).normal(0.9, 0.03, 40_000)
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)
    masks = beat_masks(ends, rr)
    differences = successive_ms(rr, masks.adjacent)
    value = rmssd_ms(np.array([np.nansum(differences**2)]), np.array([masks.adjacent.sum()]))
    assert value[0] == pytest.approx(30 * np.sqrt(2), rel=0.01)  # SE 0.35 %; 20 % of 0.9 s is 6 SD: none excluded


def test_windows_pooled_from_epochs_equal_windows_computed_at_once() -> None:
    rr = breathing(3000)
    rr[np.random.default_rng(2).choice(3000, 60, replace=False)] *= 1.5
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)
    masks = beat_masks(ends, rr)
    five = pooled(ends, rr, 90)
    for k in range(9):
        inside = (ends >= five.start_ns[k]) & (ends < five.start_ns[k] + 300 * NS)
        direct = np.sqrt(np.mean(successive_ms(rr, masks.adjacent)[inside & masks.adjacent] ** 2))
        assert five.rmssd_ms[k] == pytest.approx(direct, rel=1e-12)
        assert five.hr_bpm[k] == pytest.approx(60 / rr[inside & masks.valid].mean(), rel=1e-12)


def test_a_window_is_gated_for_heart_rate_and_for_rmssd_apart() -> None:
    n, seconds = np.zeros(40), np.zeros(40)
    pairs, ssd = np.zeros(40), np.zeros(40)
    n[0], seconds[0], pairs[0], ssd[0] = 160, 149.9, 150, 1e4  # half of the window is 150 s
    n[10], seconds[10], pairs[10], ssd[10] = 160, 150.0, 59, 1e4
    n[20], seconds[20], pairs[20], ssd[20] = 160, 150.0, 60, 60 * 25.0
    five = five_minutes(START_NS, n, seconds, pairs, ssd)
    assert np.isfinite(five.hr_bpm).tolist() == [False, True, True, False]
    assert np.isfinite(five.rmssd_ms).tolist() == [False, False, True, False]
    assert five.rmssd_ms[2] == pytest.approx(5.0)


def test_windows_begin_at_multiples_of_five_minutes() -> None:
    assert window_rows(START_NS, 30) == (0, 3)
    assert window_rows(START_NS + EPOCH_NS, 30) == (9, 2)
    assert window_rows(START_NS + EPOCH_NS, 5) == (5, 0)
    ones = np.ones(21)
    five = five_minutes(START_NS - EPOCH_NS, ones * 30, ones * 27, ones * 30, ones)
    assert five.start_ns.tolist() == [START_NS, START_NS + 300 * NS]


def test_unmeasured_epochs_add_nothing() -> None:
    column = np.full(10, np.nan)
    five = five_minutes(START_NS, column, column, column, column)
    assert np.isnan(five.hr_bpm).tolist() == [True]
    half = np.where(np.arange(10) < 6, 30.0, np.nan)
    whole = five_minutes(START_NS, half, half, half, half)
    assert whole.hr_bpm.tolist() == pytest.approx([60.0])
    assert five_minutes(START_NS, *[np.zeros(0)] * 4).hr_bpm.tolist() == []


def test_too_few_beats_give_no_rate() -> None:
    assert np.isnan(hr_bpm(np.array([4.0, 0.0]), np.array([20.0, 0.0]), 10.0, 5)).all()
    assert np.isnan(rmssd_ms(np.array([0.0]), np.array([0.0]))).all()
    assert rmssd_ms(np.array([0.0]), np.array([3.0])).tolist() == [0.0]


def test_holes_in_a_record_do_not_move_its_rmssd() -> None:
    rr = breathing(24_000)
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)
    n = int((ends[-1] - START_NS) // EPOCH_NS) + 1
    keep = duty_cycled(ends, rr)
    whole, holed = pooled(ends, rr, n), pooled(ends[keep], rr[keep], n)
    assert 0.70 < rr[keep].sum() / rr.sum() < 0.78
    both = np.isfinite(whole.rmssd_ms) & np.isfinite(holed.rmssd_ms)
    assert both.sum() >= 70
    assert abs(np.median(holed.rmssd_ms[both] / whole.rmssd_ms[both] - 1)) <= 0.01
    assert abs(np.median(holed.hr_bpm[both] / whole.hr_bpm[both] - 1)) <= 0.002
    assert np.corrcoef(holed.rmssd_ms[both], whole.rmssd_ms[both])[0, 1] > 0.95


def test_equals_neurokit_on_clean_intervals_without_holes() -> None:
    rr_ms = np.rint(breathing(500) * 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import neurokit2

        peaks = np.concatenate([[0], np.cumsum(rr_ms)]).astype(int)
        theirs = neurokit2.hrv_time(peaks, sampling_rate=1000).iloc[0]
    rr = rr_ms / 1000
    ends = START_NS + peaks[1:].astype(np.int64) * (NS // 1000)
    masks = beat_masks(ends, rr)
    sums = beat_sums(ends, rr, masks, START_NS, 20)
    assert sums.rr_n.sum() == 500
    assert sums.rr_s.sum() * 1000 / sums.rr_n.sum() == pytest.approx(theirs["HRV_MeanNN"], rel=1e-9)
    ours = rmssd_ms(sums.rr_ssd_ms2.sum(keepdims=True), sums.rr_pairs_n.sum(keepdims=True))[0]
    assert ours == pytest.approx(theirs["HRV_RMSSD"], rel=1e-9)
    # Their pNN20 divides by the intervals, one more than there are pairs.
    over = np.abs(np.rint(successive_ms(rr, masks.adjacent)[1:])) > 20
    assert 100 * over.sum() / (len(over) + 1) == pytest.approx(theirs["HRV_pNN20"], rel=1e-9)


@pytest.mark.realdata
def test_holes_imposed_on_a_real_day_do_not_move_its_rmssd(real_data: Path) -> None:
    rr = np.loadtxt(real_data / "rr_24h" / "normal" / "nsr004_rr_secs.txt")
    ends = START_NS + np.rint(np.cumsum(rr) * NS).astype(np.int64)
    n = int((ends[-1] - START_NS) // EPOCH_NS) + 1
    keep = duty_cycled(ends, rr)
    whole, holed = pooled(ends, rr, n), pooled(ends[keep], rr[keep], n)
    both = np.isfinite(whole.rmssd_ms) & np.isfinite(holed.rmssd_ms)
    assert both.sum() > 240
    error = holed.rmssd_ms[both] / whole.rmssd_ms[both] - 1
    assert abs(np.median(error)) <= 0.01
    assert np.quantile(np.abs(error), 0.95) <= 0.15
    # What the masks are for: differences taken across the holes are biased upwards by several per cent.
    naive = np.square(np.diff(rr[keep], prepend=np.nan) * 1000)
    naive[(rr[keep] > 2) | (rr[keep] < 0.3)] = np.nan
    window = (ends[keep] - START_NS) // (300 * NS)
    fine = np.isfinite(naive)
    count = np.bincount(window[fine], minlength=len(both))[: len(both)]
    mean = np.bincount(window[fine], naive[fine], minlength=len(both))[: len(both)] / np.maximum(count, 1)
    assert np.median(np.sqrt(mean[both]) / whole.rmssd_ms[both] - 1) > 0.03
