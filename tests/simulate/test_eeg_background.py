"""The ongoing EEG: the planned spectrum at any rate, stage by stage, blended where stages meet, shared by channels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from pipeline.recording import Stage
from pipeline.simulate.eeg_artefacts import NO_ARTEFACTS
from pipeline.simulate.eeg_background import (
    BackgroundPlan,
    Rhythm,
    background_uv,
    band_rms_uv,
    block_powers,
    expected_density,
    one_over_f,
)
from pipeline.simulate.eeg_events import Channel, EegPlan, simulated_night
from pipeline.simulate.slow_wave_events import SlowWavePlan
from pipeline.simulate.spindle_events import SpindlePlan

BARE = BackgroundPlan(rhythms=(), knee_hz=0.0, level_spread=0.0)


def noise(stages: np.ndarray, fs_hz: float, plan: BackgroundPlan = BARE, seed: int = 1) -> np.ndarray:
    powers = block_powers(stages, plan, np.random.default_rng(seed))
    made = background_uv(powers, plan, round(len(stages) * 30 * fs_hz), fs_hz, np.random.default_rng(seed + 100))
    assert made.dtype == np.float32
    return made


@pytest.mark.parametrize("fs_hz", [64.0, 100.5, 128.0, 512.0])
@pytest.mark.parametrize("stage", list(Stage)[:5])
def test_exponent_and_level_are_the_planned_ones(stage: Stage, fs_hz: float) -> None:
    made = noise(np.full(60, stage, np.int8), fs_hz)
    f_hz, density = welch(made, fs_hz, nperseg=round(4 * fs_hz))
    inside = (f_hz >= 2) & (f_hz <= 28)
    slope, level = np.polyfit(np.log(f_hz[inside] / 10), np.log(density[inside]), 1)
    # 900 windows of 4 s and 105 bins: 0.01 in the slope, 1 % in the level; both doubled and rounded up.
    assert slope == pytest.approx(-BARE.exponent[stage], abs=0.04)
    assert np.exp(level) == pytest.approx(BARE.at_10_hz_uv2_per_hz[stage], rel=0.03)


@pytest.mark.parametrize("stage", list(Stage)[:5])
def test_rhythms_are_added_with_their_power(stage: Stage) -> None:
    plan = BackgroundPlan()
    f_hz, density = welch(noise(np.full(720, stage, np.int8), 128.0, plan), 128.0, nperseg=1024)
    planned = expected_density(stage, plan, f_hz)
    for low, high in ((0.5, 2), (2, 4), (4, 8), (8, 12), (12, 16), (16, 30), (30, 60)):
        inside = (f_hz >= low) & (f_hz < high)
        # Rhythms wax by 0.6 (a factor of 1.8) over 4300 blocks, and the sawtooth is there in 0.15 of them.
        assert density[inside].sum() == pytest.approx(planned[inside].sum(), rel=0.10), (low, high)


def test_a_rhythm_has_its_power_worked_by_hand() -> None:
    plan = replace(BARE, at_10_hz_uv2_per_hz=dict.fromkeys(Stage, 1e-9), rhythms=(Rhythm(10, 0.5, {Stage.WAKE: 64.0}),))
    stages = np.repeat(np.array([0, 4], np.int8), 200)
    made = noise(stages, 100.0, plan).reshape(400, -1)
    assert made[:199].var() == pytest.approx(64, rel=0.03)
    assert made[201:].var() < 0.01


def test_one_over_f_worked_by_hand() -> None:
    assert one_over_f(np.array([0.1, 1.0, 10.0, 20.0]), 2.0, 2.0, 0.0) == pytest.approx([0, 200, 2, 0.5])
    assert one_over_f(np.array([0.5, 10.0]), 2.0, 2.0, 10.0) == pytest.approx([2 * 200 / 100.25, 2.0])


def test_stages_are_blended_over_five_seconds_around_their_edge() -> None:
    plan = replace(BARE, at_10_hz_uv2_per_hz=dict.fromkeys(Stage, 1.0), exponent=dict.fromkeys(Stage, 0.0))
    loud = replace(plan, at_10_hz_uv2_per_hz={**dict.fromkeys(Stage, 1.0), Stage.N3: 100.0})
    stages = np.tile(np.repeat(np.array([2, 3], np.int8), 2), 300)
    power = (noise(stages, 64.0, loud).astype(float) ** 2).reshape(300, 120, 64).mean(axis=(0, 2))
    quiet, high = power[3:57].mean(), power[63:117].mean()
    assert high / quiet == pytest.approx(100, rel=0.03)
    assert power[[56, 63]] == pytest.approx([quiet, high], rel=0.2)
    assert power[59:61].mean() == pytest.approx((quiet + high) / 2, rel=0.05)


def test_rms_of_a_band_worked_by_hand() -> None:
    plan = replace(BARE, at_10_hz_uv2_per_hz=dict.fromkeys(Stage, 1.0), exponent=dict.fromkeys(Stage, 0.0))
    plan = replace(plan, at_10_hz_uv2_per_hz={**plan.at_10_hz_uv2_per_hz, Stage.N3: 4.0})
    # Three epochs of 1 µV²/Hz and one of 4, over 3.7 Hz; wake does not count.
    assert band_rms_uv(np.array([0, 2, 2, 2, 3], np.int8), plan) == pytest.approx(np.sqrt(3.7 * 7 / 4), rel=1e-3)
    assert np.isnan(band_rms_uv(np.array([0, 1, 4], np.int8), plan))


@pytest.mark.parametrize("shared", [0.0, 0.3, 1.0])
def test_channels_share_the_planned_part_of_their_background(shared: float) -> None:
    plan = EegPlan(SlowWavePlan(per_min={}), SpindlePlan(uncoupled_per_min={}), BARE, NO_ARTEFACTS, shared=shared)
    channels = (Channel("a"), Channel("b", noise_gain=2.0))
    a, b = simulated_night(np.full(600, 4, np.int8), 64.0, channels, plan=plan).samples_uv.astype(float)
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(shared, abs=0.02)
    assert b.std() / a.std() == pytest.approx(2, rel=0.02)
    alone = simulated_night(np.full(600, 4, np.int8), 64.0, plan=plan).samples_uv.astype(float)
    assert alone.std() == pytest.approx(a.std(), rel=0.02)


def test_nothing_lies_below_the_high_pass() -> None:
    f_hz, density = welch(noise(np.full(300, 3, np.int8), 64.0), 64.0, nperseg=64 * 60)
    # Half-sine windows of ten seconds let little of the steep slope above through.
    assert density[f_hz < 0.02].max() < 0.05 * density[(f_hz > 0.3) & (f_hz < 0.5)].mean()
