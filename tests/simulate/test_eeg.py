"""EEG: slow-wave power has the planted level by stage and falls at the planted rate; spindles lie in N2."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import welch

from pipeline.recording import Stage
from pipeline.simulate.eeg import BACKGROUND_SWA_UV2, FS_HZ, eeg_uv, planted_swa_uv2
from pipeline.simulate.person import LOOPS, LoopStrength, Person
from pipeline.simulate.truth import eeg_truth

SLEEPER = Person("P01", 40, "F", LOOPS[LoopStrength.NONE], swa_n3_uv2=1400.0, swa_decline_per_h=0.25)


def band_power_uv2(eeg: np.ndarray, low_hz: float, high_hz: float) -> np.ndarray:
    f_hz, density = welch(eeg.reshape(-1, 30 * FS_HZ), FS_HZ, nperseg=4 * FS_HZ, axis=1)
    inside = (f_hz >= low_hz) & (f_hz <= high_hz)
    power: np.ndarray = np.trapezoid(density[:, inside], f_hz[inside], axis=1)
    return power


def night() -> np.ndarray:
    """Six hours in which every stage comes in every hour."""
    hour = np.repeat(np.array([0, 1, 2, 3, 4], np.int8), 24)
    return np.tile(hour, 6)


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, np.ndarray]:
    stages = night()
    return stages, eeg_uv(stages, SLEEPER, np.random.default_rng(1))


def test_slow_wave_power_of_each_stage_is_the_planted_one(made: tuple[np.ndarray, np.ndarray]) -> None:
    stages, eeg = made
    found, planted = band_power_uv2(eeg, 0.5, 4.0), planted_swa_uv2(stages, SLEEPER)
    for stage in (Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM):
        here = stages == stage
        # A 4-s Hann window leaks about 5 % of the power at the band's lower edge; 144 epochs average the rest.
        assert found[here].mean() == pytest.approx(planted[here].mean(), rel=0.10), stage


@pytest.mark.parametrize("stage", [Stage.N2, Stage.N3])
def test_slow_wave_power_falls_at_the_planted_rate_within_a_stage(
    made: tuple[np.ndarray, np.ndarray], stage: Stage
) -> None:
    stages, eeg = made
    hours = np.arange(len(stages)) / 120
    here = stages == stage
    slope = np.polyfit(hours[here], np.log(band_power_uv2(eeg, 0.5, 4.0)[here]), 1)[0]
    assert slope == pytest.approx(-0.25, abs=0.03)


def test_planted_power_worked_by_hand() -> None:
    stages = np.array([0, 0, *[3] * 121, 4], np.int8)
    planted = planted_swa_uv2(stages, SLEEPER)
    assert planted[2] == 1400
    assert planted[122] == pytest.approx(1400 * np.exp(-0.25))
    assert planted[0] == pytest.approx(70)
    assert planted[-1] == pytest.approx(84)


def test_planted_power_never_sinks_below_the_background() -> None:
    stages = np.full(24 * 120, Stage.N1, np.int8)
    assert planted_swa_uv2(stages, SLEEPER).min() == BACKGROUND_SWA_UV2


def test_spindles_raise_sigma_in_n2_above_every_other_stage(made: tuple[np.ndarray, np.ndarray]) -> None:
    stages, eeg = made
    sigma = band_power_uv2(eeg, 11.0, 16.0)
    by_stage = {stage: sigma[stages == stage].mean() for stage in range(5)}
    assert by_stage[2] > 1.5 * max(by_stage[0], by_stage[1], by_stage[4])
    assert by_stage[2] > by_stage[3] > by_stage[4]


def test_alpha_marks_wake(made: tuple[np.ndarray, np.ndarray]) -> None:
    stages, eeg = made
    alpha = band_power_uv2(eeg, 8.0, 11.0)
    assert alpha[stages == Stage.WAKE].mean() > 10 * alpha[stages == Stage.REM].mean()


def test_the_trace_is_microvolts_of_a_scalp(made: tuple[np.ndarray, np.ndarray]) -> None:
    stages, eeg = made
    assert eeg.shape == (len(stages) * 1920,)
    assert 10 < eeg.std() < 40
    assert np.abs(eeg).max() < 300


def test_truth_of_a_night_without_n3_gives_no_level() -> None:
    told = eeg_truth(np.zeros(100, np.int8), SLEEPER)
    assert told["swa_n3_mean_uv2"] is None
    assert told["ln_swa_n2_n3_slope_per_h"] is None


def test_truth_slope_of_a_night_of_one_stage_is_the_decline() -> None:
    told = eeg_truth(np.full(400, Stage.N3, np.int8), SLEEPER)
    assert told["ln_swa_n2_n3_slope_per_h"] == pytest.approx(-0.25)
