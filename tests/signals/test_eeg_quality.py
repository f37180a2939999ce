"""Every fault planted in noise with the spectrum of an EEG is found in its seconds, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eeg_like import eeg_like
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.recording import Floats, Stage
from pipeline.signals.artefacts import sample_faults
from pipeline.signals.eeg_quality import (
    ChannelQuality,
    Fault,
    Gain,
    WindowGrid,
    channel_quality,
    disconnected_windows,
    second_faults,
    step_uv,
)
from pipeline.signals.highpass import HighPass
from pipeline.signals.mains import mains_by_second
from pipeline.signals.polarity import Polarity
from pipeline.signals.spectrum import FREQS_HZ, band_power_uv2, window_psd_uv2_hz

Samples = NDArray[np.float32]


def grid_of(x: Samples, fs: float, begins_s: float = 0.0) -> WindowGrid:
    n_epochs = int(np.ceil((len(x) / fs - begins_s) / 30))
    valid = sample_faults(x, fs).valid()
    return WindowGrid(window_psd_uv2_hz(x, valid, fs, 0, round(begins_s * NS), n_epochs), begins_s)


def seconds(x: Samples, fs: float = 256.0, begins_s: float = 0.0) -> NDArray[np.uint8]:
    faults = sample_faults(x, fs)
    return second_faults(fs, faults, grid_of(x, fs, begins_s), mains_by_second(x, faults.valid(), fs))


def where(flags: NDArray[np.uint8], fault: Fault) -> list[int]:
    return np.flatnonzero(flags & np.uint8(fault)).tolist()


def quality(x: Samples, fs: float = 256.0, stages: Floats | None = None, begins_s: float = 0.0) -> ChannelQuality:
    return channel_quality(x, fs, sample_faults(x, fs), grid_of(x, fs, begins_s), stages)


def spoiled(fs: float = 256.0) -> Samples:
    """Five minutes: missing 20–22.5 s, flat 40–43 s, clipped at 60.2 s, 2 mV at 80.5 s, mains 100–110 s."""
    x = eeg_like(300, fs)

    def at(s: float) -> int:
        return round(s * fs)

    x[at(20) : at(22.5)] = np.nan
    x[at(40) : at(43)] = 3.0
    x[at(60.2) : at(60.4)] = 400.0
    x[at(80.5) : at(80.6)] -= 300.0
    x[at(80.5) : at(80.6)] -= np.linspace(1900, 1700, at(80.6) - at(80.5)).astype(np.float32)
    t = np.arange(at(100), at(110)) / fs
    x[at(100) : at(110)] += (80 * np.sin(2 * np.pi * 50 * t)).astype(np.float32)
    return x


@pytest.mark.parametrize("fs", [200.3, 256.0])
def test_each_fault_stands_in_its_seconds(fs: float) -> None:
    flags = seconds(spoiled(fs), fs)
    assert flags.shape == (300,)
    assert where(flags, Fault.MISSING) == [20, 21, 22]
    assert where(flags, Fault.FLAT) == [40, 41, 42]
    assert where(flags, Fault.CLIPPED) == [60]
    assert where(flags, Fault.AMPLITUDE) == [80]
    assert where(flags, Fault.MAINS) == list(range(100, 110))
    assert where(flags, Fault.BRIEF) == where(flags, Fault.DISCONNECTED) == where(flags, Fault.MUSCLE) == []


def test_a_brief_stretch_is_named() -> None:
    x = eeg_like(60, 256.0)
    x[: 256 * 10] = np.nan
    x[256 * 12 : 256 * 20] = np.nan
    assert where(seconds(x), Fault.BRIEF) == [10, 11]


@pytest.mark.parametrize("begins_s", [0.0, -7.0, 4.0])
def test_an_open_electrode_is_noise_or_nothing(begins_s: float) -> None:
    x = eeg_like(240, 256.0)
    rng = np.random.default_rng(3)
    x[256 * 60 : 256 * 120] = rng.normal(0, 30, 256 * 60).astype(np.float32)  # broadband
    x[256 * 150 : 256 * 210] = rng.normal(0, 0.5, 256 * 60).astype(np.float32)  # the amplifier alone
    found = where(seconds(x, 256.0, begins_s), Fault.DISCONNECTED)
    expected = {*range(60, 120), *range(150, 210)}
    assert len(expected - set(found)) <= 12  # a window and its neighbours must be in it
    assert len(set(found) - expected) <= 2


def test_windows_without_a_fall_and_without_variance() -> None:
    falling = 100.0 / np.maximum(np.arange(129) / 4, 0.25)
    density = np.tile(falling, (6, 14, 1)).astype(np.float32)
    density[1] = 5.0
    density[2] *= np.float32(1e-4)
    density[3, 4] = np.nan
    density[4, 6] = 5.0  # one window of 4 s: its neighbours outweigh it
    assert disconnected_windows(density).all(axis=1).tolist() == [False, True, True, False, False, False]
    assert not disconnected_windows(density)[[0, 3, 4, 5]].any()
    low_rate = density.copy()
    low_rate[:, :, 80:] = np.nan  # 20 Hz are not reached: noise cannot be told, collapse can
    assert disconnected_windows(low_rate).all(axis=1).tolist() == [False, False, True, False, False, False]


def test_a_muscle_burst_stands_in_its_seconds() -> None:
    x = eeg_like(300, 256.0)
    x[256 * 158 : 256 * 166] += np.random.default_rng(5).normal(0, 40, 256 * 8).astype(np.float32)
    found = where(seconds(x), Fault.MUSCLE)
    assert set(range(158, 166)) <= set(found) <= set(range(156, 168))


def test_shares_are_counted() -> None:
    x = spoiled()
    found = quality(x)
    assert found.seconds == 300.0
    assert found.missing_share == pytest.approx(2.5 / 300)
    assert found.flat_share == pytest.approx(3 / 300)
    assert found.clipped_share == pytest.approx(51 / 256 / 300)
    assert found.amplitude_share is not None
    assert 0.05 / 300 < found.amplitude_share < 0.4 / 300
    assert found.mains_share == pytest.approx(10 / 300)
    assert found.mains_hz == 50.0
    assert found.disconnected_share == found.muscle_share == found.brief_share == 0.0
    assert found.valid_share == pytest.approx(sample_faults(x, 256.0).valid().mean())


def test_gain_and_sign() -> None:
    x = spoiled()
    x[256 * 80 : 256 * 81] = x[256 * 81 : 256 * 82]  # no amplitude fault: it is in µV
    flags = seconds(x)
    np.testing.assert_array_equal(seconds(-x), flags)
    for gain in (0.5, 1.2):
        np.testing.assert_array_equal(seconds(np.float32(gain) * x), flags)


@pytest.mark.parametrize(("sd", "gain"), [(3.0, Gain.LOW), (40.0, Gain.PLAUSIBLE), (140.0, Gain.HIGH)])
def test_amplitudes_out_of_range(sd: float, gain: Gain) -> None:
    x = eeg_like(600, 100.0, sd_uv=sd, exponent=1.2)
    found = quality(x, 100.0)
    assert found.gain is gain
    assert found.sd_uv == pytest.approx(sd, rel=0.45)  # less what lies below 0.5 Hz
    assert quality(np.full(6000, np.nan, np.float32), 100.0).gain is Gain.CANNOT_TELL


def test_stages_choose_what_amplitude_filter_and_polarity_are_judged_by() -> None:
    deep, light = eeg_like(600, 100.0, sd_uv=40.0), eeg_like(600, 100.0, seed=1, sd_uv=4.0)
    stages = np.array([Stage.N2] * 10 + [Stage.N3] * 10 + [Stage.WAKE] * 20, np.float64)
    stages[3] = np.nan
    found = quality(np.concatenate((deep, light)), 100.0, stages)
    alone = quality(deep, 100.0)
    assert found.staged
    assert not alone.staged
    assert found.sd_uv == pytest.approx(alone.sd_uv, rel=0.02)
    assert found.high_pass.n_windows == alone.high_pass.n_windows - 4  # those that touch the unscored epoch
    assert found.polarity.n_pieces == 19
    shifted = quality(np.concatenate((deep, light)), 100.0, stages[1:], begins_s=30.0)
    assert shifted.polarity.n_pieces == 18
    nobody = quality(deep, 100.0, np.zeros(20))
    assert nobody.gain is Gain.CANNOT_TELL
    assert nobody.high_pass.verdict is HighPass.CANNOT_TELL
    assert nobody.polarity.hint is Polarity.CANNOT_TELL


def test_stages_lie_where_their_grid_does() -> None:
    x = eeg_like(600, 100.0)
    x[:30_000] = np.nan
    found = quality(x, 100.0, np.full(10, float(Stage.N2)), begins_s=300.0)
    assert found.polarity.n_pieces == 10


@pytest.mark.parametrize(("begins_s", "first"), [(0.0, 4), (0.4, 4), (0.6, 5), (-0.4, 4), (-0.6, 3)])
def test_a_window_covers_the_seconds_whose_middle_it_holds(begins_s: float, first: int) -> None:
    flagged = np.zeros((1, 14), np.bool_)
    flagged[0, 1:4] = True  # 2 … 10 s; 2 … 4 s and 8 … 10 s are held by a sound window too
    grid = WindowGrid(np.zeros((1, 14, 129), np.float32), begins_s)
    assert np.flatnonzero(grid.by_second(flagged, 30)).tolist() == list(range(first, first + 4))


def test_amplitude_is_the_median_of_windows() -> None:
    x = eeg_like(300, 100.0, exponent=1.0)
    power = band_power_uv2(grid_of(x, 100.0).density, FREQS_HZ, 0.5, 30.0)
    assert quality(x, 100.0).sd_uv == pytest.approx(np.sqrt(np.median(power)), rel=1e-4)


@pytest.mark.parametrize("step", [0.0953674, 0.5, 1.0, 3.05e-2])
@pytest.mark.parametrize("offset", [0.0, 0.013, -812.3])
def test_the_resolution_of_the_samples(step: float, offset: float) -> None:
    x = (np.round(eeg_like(120, 256.0) / step) * step + offset).astype(np.float32)
    valid = np.ones(len(x), np.bool_)
    assert step_uv(x, valid) == pytest.approx(step, rel=2e-3)
    assert step_uv(-x, valid) == pytest.approx(step, rel=2e-3)
    assert step_uv(np.float32(10) * x, valid) == pytest.approx(10 * step, rel=2e-3)


def test_samples_without_a_grid_have_no_resolution() -> None:
    x = eeg_like(120, 256.0)
    assert step_uv(x, np.ones(len(x), np.bool_)) is None
    assert step_uv(x + np.float32(100_000), np.ones(len(x), np.bool_)) is None  # float32 itself has steps there
    levels = np.sqrt(np.arange(3, 60)).astype(np.float32)  # few values, no grid
    assert step_uv(np.tile(levels, 100), np.ones(5700, np.bool_)) is None
    assert step_uv(np.round(x), np.zeros(len(x), np.bool_)) is None
    assert step_uv(np.tile(np.arange(9, dtype=np.float32), 50), np.ones(450, np.bool_)) is None  # too few values
    assert step_uv(np.zeros(1000, np.float32), np.ones(1000, np.bool_)) is None


@pytest.mark.parametrize("n", [0, 1, 2000])
@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_nothing_measured(n: int, value: float) -> None:
    found = quality(np.full(n, value, np.float32), 256.0)
    assert found.valid_share in {None, 0.0}
    assert found.sd_uv is None
    assert found.mains_share is None
    assert found.disconnected_share is None
    assert found.muscle_share is None
    assert found.gain is Gain.CANNOT_TELL
    assert seconds(np.full(n, value, np.float32)).shape == (int(np.ceil(n / 256)),)


def test_low_rates_know_less() -> None:
    found = quality(eeg_like(600, 50.0), 50.0)
    assert found.mains_share is None
    assert found.muscle_share is None
    assert found.disconnected_share == 0.0
    assert found.sd_uv is not None


def test_leading_and_trailing_flat_lines_cost_their_share() -> None:
    x = eeg_like(600, 100.0)
    whole = quality(x, 100.0)
    flat = np.zeros(6000, np.float32)
    found = quality(np.concatenate((flat, x, flat)), 100.0)
    assert found.flat_share == pytest.approx(120 / 720, abs=1e-4)
    assert found.sd_uv == pytest.approx(whole.sd_uv, rel=1e-3)
    assert found.high_pass.verdict is whole.high_pass.verdict


@pytest.mark.realdata
def test_real_sleep_is_sound(real_data: Path) -> None:
    x = np.loadtxt(real_data / "dynamo_eeg_segment" / "segment_data.csv", dtype=np.float32)
    found = quality(x, 100.0)
    assert found.valid_share is not None
    assert found.valid_share > 0.999
    assert found.disconnected_share is not None
    assert found.disconnected_share < 0.005
    assert found.muscle_share is not None
    assert found.muscle_share < 0.05
    assert found.gain is Gain.PLAUSIBLE
    assert found.polarity.hint is Polarity.USUAL
    assert found.high_pass.verdict is HighPass.NONE_SEEN
    assert found.step_uv == pytest.approx(0.09155, rel=1e-3)
    # Volts taken as µV, and millivolts: unit errors show.
    assert quality(np.float32(1e-3) * x, 100.0).gain is not Gain.PLAUSIBLE
