"""Counts as rates on the epoch grid, and statistics of raw acceleration."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import NS
from pipeline.recording import Kind, Signal
from pipeline.signals.activity import acc_windows, acc_windows_of, counts_per_minute, mad_mg, overlap_mean

START = 1_700_000_010 * NS  # a multiple of 30 s


def edges(n: int, start_ns: int = START, step_s: int = 30) -> np.ndarray:
    return start_ns + np.arange(n + 1, dtype=np.int64) * step_s * NS


def test_minute_counts_give_their_rate_to_both_halves() -> None:
    cpm, share = counts_per_minute(np.array([60, 0, 300], np.float32), 1 / 60, START, edges(6))
    np.testing.assert_allclose(cpm, [60, 60, 0, 0, 300, 300])
    assert (share == 1).all()


@pytest.mark.parametrize(("fs_hz", "per_sample"), [(1.0, 2), (1 / 15, 30), (1 / 30, 60), (1 / 60, 120), (1 / 300, 600)])
def test_rate_does_not_depend_on_the_device_epoch(fs_hz: float, per_sample: int) -> None:
    samples = np.full(round(1200 * fs_hz), per_sample, np.float32)
    cpm, share = counts_per_minute(samples, fs_hz, START, edges(40))
    np.testing.assert_allclose(cpm, 120.0)
    np.testing.assert_allclose(share, 1.0)


def test_a_sample_that_straddles_epochs_is_shared_by_time() -> None:
    # Minutes begin 10 s after the grid: the epoch from 60 s on holds 10 s of the first minute, 20 s of the second.
    cpm, share = counts_per_minute(np.array([60, 120], np.float32), 1 / 60, START + 10 * NS, edges(5))
    np.testing.assert_allclose(cpm, [60, 60, (10 * 60 + 20 * 120) / 30, 120, np.nan])
    np.testing.assert_allclose(share, [20 / 30, 1, 1, 1, 10 / 30])


def test_holes_neither_dilute_the_rate_nor_are_filled() -> None:
    samples = np.full(90, 2.0, np.float32)
    samples[22:30] = np.nan  # 8 of 30 s
    samples[34:50] = np.nan  # 16 of 30 s: less than half is left
    cpm, share = counts_per_minute(samples, 1.0, START, edges(3))
    np.testing.assert_allclose(cpm, [120, np.nan, 120])
    np.testing.assert_allclose(share, [22 / 30, 14 / 30, 1])


def test_duty_cycle_of_eight_seconds_in_33_keeps_the_level() -> None:
    rng = np.random.default_rng(0)
    samples = rng.poisson(3.0, 33 * 400).astype(np.float32)
    whole, _ = counts_per_minute(samples, 1.0, START, edges(400))
    samples[np.arange(len(samples)) % 33 >= 25] = np.nan
    cpm, share = counts_per_minute(samples, 1.0, START, edges(400))
    assert np.isfinite(cpm).all()
    assert np.nanmean(cpm) == pytest.approx(np.nanmean(whole), rel=0.02)
    assert 0.6 < share.mean() < 0.8


def test_zeros_stay_exactly_zero_beside_large_fractional_counts() -> None:
    samples = np.zeros(600, np.float32)
    samples[::7] = 0.1
    samples[300:420] = 0.0
    samples[299] = 1e5
    cpm, _ = counts_per_minute(samples, 1 / 60, START, edges(1200))
    assert (cpm[600:840] == 0.0).all()


@pytest.mark.parametrize("epoch_s", [30, 60, 300])
def test_a_loud_sample_does_not_leak_into_its_quiet_neighbours(epoch_s: int) -> None:
    # Multiples of 1/300 Hz are not whole in binary; a share that leaks would break runs of zeros.
    samples = np.tile(np.array([1e5, 0.0], np.float32), 2000)
    cpm, _ = counts_per_minute(samples, 1 / epoch_s, START, edges(4000 * epoch_s // 30))
    by_sample = cpm.reshape(4000, -1)
    assert (by_sample[1::2] == 0.0).all()
    np.testing.assert_allclose(by_sample[::2], 1e5 * 60 / epoch_s)


def test_nothing_outside_the_signal_and_nothing_from_an_empty_one() -> None:
    cpm, share = counts_per_minute(np.array([5], np.float32), 1 / 60, START + 120 * NS, edges(8))
    assert np.isnan(cpm[:4]).all()
    assert np.isnan(cpm[6:]).all()
    assert (share[[0, 1, 2, 3, 6, 7]] == 0).all()
    mean, share = overlap_mean(np.empty(0, np.float32), 1.0, START, edges(3))
    assert np.isnan(mean).all()
    assert (share == 0).all()
    mean, share = overlap_mean(np.full(60, np.nan, np.float32), 1.0, START, edges(2))
    assert np.isnan(mean).all()
    assert (share == 0).all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 59), st.integers(0, 2**31))
def test_counts_are_conserved_whatever_the_phase(offset_s: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(0, 500, 50).astype(np.float32)
    start = START + offset_s * NS
    cpm, share = counts_per_minute(samples, 1 / 60, start, edges(110))
    partly = np.where(share > 0, np.nan_to_num(cpm), 0.0) * share * 0.5
    lost = samples.max() * 0.5 * 2  # the two ends may be measured less than half
    assert samples.sum() - lost - 1e-6 <= partly.sum() <= samples.sum() + 1e-6


def sway(fs_hz: float, seconds: float, amplitude_g: float) -> np.ndarray:
    """Gravity on z, a square wave of ± amplitude at 1 Hz on top of it."""
    t = np.arange(round(fs_hz * seconds)) / fs_hz
    acc = np.zeros((len(t), 3), np.float32)
    acc[:, 2] = 1.0 + amplitude_g * np.where(t % 1.0 < 0.5, 1.0, -1.0)
    return acc


@pytest.mark.parametrize("fs_hz", [32.0, 50.0, 100.0])
def test_mad_of_a_square_wave_is_its_amplitude(fs_hz: float) -> None:
    windows = acc_windows(sway(fs_hz, 120, 0.05), fs_hz, START, START, 4)
    mad, share = mad_mg(windows)
    np.testing.assert_allclose(mad, 50.0, rtol=1e-3)
    np.testing.assert_allclose(share, 1.0)


def test_mad_ignores_orientation_and_offset() -> None:
    acc = sway(32.0, 60, 0.1)
    turned = acc[:, [2, 0, 1]] * np.float32(1.0) + np.array([0.3, 0, 0], np.float32)
    first, _ = mad_mg(acc_windows(acc, 32.0, START, START, 2))
    second, _ = mad_mg(acc_windows(turned, 32.0, START, START, 2))
    np.testing.assert_allclose(second, first, rtol=1e-4)


def test_window_statistics_against_plain_numpy_with_a_hole() -> None:
    rng = np.random.default_rng(1)
    acc = rng.normal(size=(32 * 90, 3)).astype(np.float32) * 0.02 + np.array([0, 0, 1], np.float32)
    acc[32 * 31 : 32 * 36] = np.nan
    acc[32 * 40 : 32 * 41, 0] = np.nan
    found = acc_windows(acc, 32.0, START, START, 3)
    for k in range(18):
        block = acc[k * 160 : (k + 1) * 160].astype(float)
        block = block[np.isfinite(block).all(axis=1)]
        assert found.share[k] == pytest.approx(len(block) / 160)
        if len(block) < 80:
            assert np.isnan(found.mad_g[k])
            continue
        size = np.linalg.norm(block, axis=1)
        assert found.mad_g[k] == pytest.approx(np.abs(size - size.mean()).mean())
        np.testing.assert_allclose(found.mean_g[k], block.mean(axis=0))
        np.testing.assert_allclose(found.var_g2[k], block.var(axis=0))
        np.testing.assert_allclose(found.low_g[k], block.min(axis=0))
        np.testing.assert_allclose(found.high_g[k], block.max(axis=0))


def test_acceleration_that_begins_late_or_is_too_slow_or_all_missing() -> None:
    late = acc_windows(sway(32.0, 60, 0.05), 32.0, START + 60 * NS, START, 4)
    mad, share = mad_mg(late)
    assert np.isnan(mad[:2]).all()
    np.testing.assert_allclose(mad[2:], 50.0, rtol=1e-3)
    np.testing.assert_allclose(share, [0, 0, 1, 1])
    slow, _ = mad_mg(acc_windows(sway(1.0, 120, 0.05), 1.0, START, START, 4))
    assert np.isnan(slow).all()
    gone, share = mad_mg(acc_windows(np.full((1920, 3), np.nan, np.float32), 32.0, START, START, 2))
    assert np.isnan(gone).all()
    assert (share == 0).all()


def test_days_are_worked_in_chunks_without_a_seam() -> None:
    rng = np.random.default_rng(2)
    acc = rng.normal(size=(5 * 86_400 * 2, 3)).astype(np.float32)
    whole = acc_windows(acc, 5.0, START, START, 2880 * 2)
    part = acc_windows(acc[5 * 86_000 : 5 * 87_200], 5.0, START + 86_000 * NS, START + 86_010 * NS, 39)
    np.testing.assert_allclose(whole.mad_g[17_202 : 17_202 + 234], part.mad_g)


def pieces_of(acc: np.ndarray, fs_hz: float, cuts: list[int]) -> list[Signal]:
    """The same samples as pieces that begin at `cuts`."""
    ends = [*cuts[1:], len(acc)]
    return [
        Signal(Kind.ACC, "acc", fs_hz, START + round(a / fs_hz * NS), acc[a:b]) for a, b in zip(cuts, ends, strict=True)
    ]


@pytest.mark.parametrize("cuts", [[0, 5_000], [0, 1, 2, 3, 4], [0, 317, 318, 700, 3200], list(range(0, 6400, 100))])
def test_pieces_give_what_the_whole_gives(cuts: list[int]) -> None:
    acc = np.random.default_rng(3).normal(0, 0.2, (6400, 3)).astype(np.float32) + np.float32(0.5)
    whole = acc_windows(acc, 32.0, START, START - 7 * NS, 8)
    parted = acc_windows_of(pieces_of(acc, 32.0, cuts), START - 7 * NS, 8)
    for name in ("mad_g", "mean_g", "var_g2", "low_g", "high_g", "share"):
        assert getattr(parted, name) == pytest.approx(getattr(whole, name), rel=1e-9, abs=1e-12, nan_ok=True), name


def test_time_between_pieces_is_a_gap() -> None:
    acc = np.ones((6400, 3), np.float32)
    late = Signal(Kind.ACC, "acc", 32.0, START + 230 * NS, acc[:320])
    found = acc_windows_of([*pieces_of(acc, 32.0, [0]), late], START, 9)
    assert (found.share[:40] == 1.0).all()
    assert (found.share[40:46] == 0.0).all()
    assert np.isnan(found.mean_g[40:46]).all()
    assert (found.share[46:48] == 1.0).all()
    assert (found.share[48:] == 0.0).all()
