"""Artefacts planted in clean EEG-like noise are found, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.signals.artefacts import (
    clipped_samples,
    flat_samples,
    muscle_windows,
    sample_faults,
    valid_samples,
)
from pipeline.signals.runs import mask_of
from pipeline.signals.spectrum import window_psd_uv2_hz

FS = 100.0
START = 1_710_000_000 * NS
Samples = NDArray[np.float32]


def eeg(seconds: float, fs: float = FS, seed: int = 0) -> Samples:
    """Slow waves of 40 µV in noise of 10 µV."""
    t = np.arange(round(seconds * fs)) / fs
    return (40 * np.sin(2 * np.pi * t) + np.random.default_rng(seed).normal(0, 10, len(t))).astype(np.float32)


def bursts(x: Samples, n: int, fs: float = FS) -> NDArray[np.bool_]:
    return muscle_windows(window_psd_uv2_hz(x, np.isfinite(x), fs, START, START, n))


def test_clean_eeg_is_valid_throughout() -> None:
    assert valid_samples(eeg(60), FS).all()
    assert valid_samples(eeg(60) + np.float32(12_000), FS).all()  # an electrode offset is no artefact


def test_gaps_are_not_valid_and_harm_no_neighbour() -> None:
    x = eeg(60)
    x[2000:2500] = np.nan
    valid = valid_samples(x, FS)
    assert not valid[2000:2500].any()
    assert valid[:2000].all()
    assert valid[2500:].all()


def test_flat_for_a_second_counts_and_a_sample_less_does_not() -> None:
    x = eeg(30)
    x[500:600] = 3.0
    x[1000:1099] = 3.0
    assert np.flatnonzero(flat_samples(x, FS)).tolist() == list(range(500, 600))
    valid = valid_samples(x, FS)
    assert np.flatnonzero(~valid).tolist() == list(range(500, 600))
    assert not flat_samples(np.full(500, np.nan, np.float32), FS).any()
    assert flat_samples(np.zeros(500, np.float32), FS).all()


@pytest.mark.parametrize("value", [0.0, 3.5, -500.0])
def test_a_recording_of_one_value_is_clipped_once(value: float) -> None:
    faults = sample_faults(np.full(1000, value, np.float32), FS)
    assert faults.clipped.tolist() == faults.flat.tolist() == [[0, 1000]]
    assert not faults.valid().any()


def test_clipping_at_the_own_extremes() -> None:
    x = eeg(30)
    x[500:505] = 300.0  # 0.05 s
    x[900:904] = 300.0  # shorter
    x[1500:1520] = -300.0
    assert np.flatnonzero(clipped_samples(x, FS)).tolist() == [*range(500, 505), *range(1500, 1520)]
    slow = eeg(30, 20.0)
    slow[100:102] = 300.0  # at low rates time alone would make one sample clipping
    assert not clipped_samples(slow, 20.0).any()
    slow[100:103] = 300.0
    assert np.flatnonzero(clipped_samples(slow, 20.0)).tolist() == [100, 101, 102]
    x[505:600] = 299.0  # held, but not at the extreme
    assert not clipped_samples(x, FS)[505:600].any()


@pytest.mark.parametrize(("amplitude", "seen"), [(420.0, False), (700.0, True)])
def test_amplitude_beyond_any_wave(amplitude: float, seen: bool) -> None:
    x = eeg(60)
    t = np.arange(100) / FS
    x[3000:3100] += (amplitude * np.sin(2 * np.pi * t)).astype(np.float32)  # one cycle of 1 Hz
    bad = np.flatnonzero(~valid_samples(x, FS))
    assert bool(len(bad)) is seen
    assert not len(bad) or (bad.min() >= 3000 and bad.max() < 3100)


def test_slow_drift_is_baseline() -> None:
    x = eeg(600) + np.linspace(0, 5000, 60_000).astype(np.float32)
    assert valid_samples(x, FS).mean() > 0.999


def test_a_stretch_without_a_baseline_is_not_valid() -> None:
    x = np.full(6000, np.nan, np.float32)
    x[1000:1300] = eeg(3)
    x[3000:4000] = eeg(10)
    assert np.flatnonzero(valid_samples(x, FS)).tolist() == list(range(3000, 4000))


def test_amplitude_and_range_rules_are_in_uv_and_the_others_know_no_gain() -> None:
    x = eeg(60)
    x[500:700] = 1.0
    x[1000:1010] = x.max() + 1
    for gain in (np.float32(0.25), np.float32(4.0)):
        np.testing.assert_array_equal(flat_samples(gain * x, FS), flat_samples(x, FS))
        np.testing.assert_array_equal(clipped_samples(gain * x, FS), clipped_samples(x, FS))


def test_a_muscle_burst_is_found_in_its_windows_alone() -> None:
    x = eeg(300)
    burst = np.random.default_rng(5).normal(0, 60, 400)
    x[30 * 500 + 800 : 30 * 500 + 1200] += burst.astype(np.float32)  # epoch 5, 8 … 12 s: window 4 whole
    found = bursts(x, 10)
    assert found[5, 4]
    assert not np.delete(found, 5, axis=0).any()
    assert not np.delete(found[5], [3, 4, 5]).any()
    np.testing.assert_array_equal(bursts(np.float32(8) * x, 10), found)


def test_the_threshold_is_four_times_the_median_around() -> None:
    psd = np.ones((20, 14, 129), np.float32)
    psd[10, 3] = 3.9
    psd[10, 5] = 4.1
    psd[10, 7] = np.nan
    assert np.argwhere(muscle_windows(psd)).tolist() == [[10, 5]]
    # Epoch 10 looks at epochs 7 … 13: four quiet ones and three loud. Of five or of nine, most would be loud.
    psd[[k for k in range(20) if k not in {7, 9, 10, 13}]] = 100.0
    assert muscle_windows(psd)[10].tolist() == [k == 5 for k in range(14)]


def test_where_the_rate_does_not_reach_nothing_was_seen() -> None:
    x = eeg(120, 64.0)
    x[1000:1300] *= 10
    assert not bursts(x, 4, 64.0).any()
    assert not bursts(np.full(3000, np.nan, np.float32), 1).any()
    assert bursts(eeg(30), 0).shape == (0, 14)


def test_all_missing_empty_and_one_sample() -> None:
    assert not valid_samples(np.full(3000, np.nan, np.float32), FS).any()
    assert valid_samples(np.empty(0, np.float32), FS).shape == (0,)
    assert not valid_samples(np.ones(1, np.float32), FS).any()
    assert not valid_samples(np.zeros(3000, np.float32), FS).any()


def naive_flat_and_clipped(x: Samples, fs: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The rules as sentences, sample by sample."""
    flat, clipped = np.zeros(len(x), np.bool_), np.zeros(len(x), np.bool_)
    finite = x[np.isfinite(x)]
    start = 0
    for k in range(1, len(x) + 1):
        if k < len(x) and x[k] == x[start]:
            continue
        if np.isfinite(x[start]):
            flat[start:k] = k - start >= 2 and k - start >= fs
            clipped[start:k] = x[start] in (finite.min(), finite.max()) and k - start >= max(3, 0.05 * fs)
        start = k
    return flat, clipped


@pytest.mark.parametrize("fs", [1.0, 7.3, 20.0, 100.0, 128.5])
@pytest.mark.parametrize("seed", range(4))
def test_looking_only_where_a_fault_can_be_finds_every_fault(fs: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(0, 2, 4000)).astype(np.float32)
    for value in (0.0, x.min(), x.max(), np.nan, np.inf, 1.0):
        for start in rng.integers(0, len(x), 6):
            x[start : start + int(rng.integers(1, round(2.5 * fs) + 4))] = value
    flat, clipped = naive_flat_and_clipped(x, fs)
    np.testing.assert_array_equal(flat_samples(x, fs), flat)
    np.testing.assert_array_equal(clipped_samples(x, fs), clipped)
    faults = sample_faults(x, fs)
    np.testing.assert_array_equal(mask_of(faults.missing, len(x)), ~np.isfinite(x))
    named = mask_of(np.concatenate((faults.missing, faults.flat, faults.clipped, faults.brief, faults.amplitude)), 4000)
    np.testing.assert_array_equal(faults.valid(), ~named)


def test_faults_are_named() -> None:
    x = eeg(120)
    x[0:250] = np.nan
    x[500:900] = np.nan  # leaves 2.5 … 5 s: too short to have a baseline
    x[2000:2300] = 7.0
    x[4000:4010] = 400.0
    x[6000:6050] = 390.0 + 1200.0 * np.sin(np.linspace(0, np.pi, 50))
    faults = sample_faults(x, FS)
    assert faults.missing.tolist() == [[0, 250], [500, 900]]
    assert faults.brief.tolist() == [[250, 500]]
    assert faults.flat.tolist() == [[2000, 2300]]
    assert len(faults.clipped) == 0  # 400 µV is not the extreme of this recording
    assert len(faults.amplitude) == 1
    assert 5990 <= faults.amplitude[0, 0] <= 6005
    assert 6045 <= faults.amplitude[0, 1] <= 6060


@pytest.mark.parametrize("fs", [100.0, 256.0, 200.3])
def test_a_step_of_millivolts_costs_a_second_and_not_what_lies_beyond(fs: float) -> None:
    x = eeg(60, fs)
    x[round(30 * fs) :] += np.float32(8000)
    at = np.flatnonzero(~valid_samples(x, fs)) / fs
    assert at.min() > 29.3
    assert at.max() < 30.7


def test_a_gap_parts_baselines() -> None:
    x = eeg(60)
    x[3000:] += np.float32(2000)
    x[3000] = np.nan  # one missing sample between two levels: neither side may see the other
    assert np.flatnonzero(~valid_samples(x, FS)).tolist() == [3000]


def test_polarity_and_offset_do_not_matter() -> None:
    x = eeg(60)
    x[3000:3100] += (800 * np.sin(2 * np.pi * np.arange(100) / FS)).astype(np.float32)
    x[1000:1010] = 2000.0
    valid = valid_samples(x, FS)
    np.testing.assert_array_equal(valid_samples(-x, FS), valid)
    np.testing.assert_array_equal(valid_samples(x + np.float32(4096), FS), valid)
    assert not valid[1000:1010].any()


def test_the_baseline_is_halved_at_its_corner() -> None:
    # 0.3 Hz: half of the wave is baseline, so that a wave of 900 µV departs by 450 and one of 1150 by 575.
    t = np.arange(60_00) / FS
    for amplitude, seen in ((900, False), (1150, True)):
        x = (amplitude * np.sin(2 * np.pi * 0.3 * t)).astype(np.float32)
        assert bool((~valid_samples(x, FS))[500:-500].any()) is seen


@pytest.mark.parametrize("value", [3e38, -3e38, np.inf])
def test_numbers_near_the_end_of_float32_are_faults_like_others(value: float) -> None:
    x = eeg(60)
    x[3000:3002] = value
    at = np.flatnonzero(~valid_samples(x, FS))
    assert {3000, 3001} <= set(at.tolist())
    assert at.min() > 2900
    assert at.max() < 3100
