"""Slow waves: planted ones in noise, and what must not change them: gain, rate, start, offset, hum."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from slow_wave_trains import FS, RATES, both, f1, found, planted, train

from pipeline.signals.slow_wave_presets import (
    AASM,
    MASSIMINI_2004,
    NGO_2013,
    PRESETS,
    STARESINA_2015,
    YASA,
    SlowWavePreset,
)
from pipeline.signals.slow_waves import LEAST_RANKED, block_size, slow_waves

RELATIVE = (STARESINA_2015, NGO_2013)


def test_f1_falls_with_the_noise_and_not_before() -> None:
    scores = []
    for snr_db in (np.inf, 20.0, 14.0, 8.0, 2.0):
        made = planted(snr_db)
        scores.append(f1(found(made.samples_uv[0]).trough_s, made.slow_waves.trough_s))
    assert scores == sorted(scores, reverse=True)
    assert scores[0] > 0.93
    assert scores[1] > 0.88
    assert scores[2] > 0.78
    assert scores[-1] < 0.4


@pytest.mark.parametrize("preset", PRESETS)
def test_without_noise_every_event_is_a_planted_wave(preset: SlowWavePreset) -> None:
    made = planted(np.inf)
    waves = found(made.samples_uv[0], preset=preset)
    assert both(waves.trough_s, made.slow_waves.trough_s, 0.1) == len(waves) > 50


def test_planted_size_is_found_where_the_band_leaves_it() -> None:
    """Alone between silences, a wave loses to the band what of it lies beyond: 0.3–1.5 Hz takes an eighth."""
    made = planted(np.inf)
    for preset, share in ((YASA, 0.88), (AASM, 0.98)):
        waves = found(made.samples_uv[0], preset=preset)
        at = np.abs(made.slow_waves.trough_s[:, None] - waves.trough_s).argmin(axis=0)
        assert np.median(waves.neg_uv / made.slow_waves.trough_uv[at]) == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize("preset", RELATIVE)
@pytest.mark.parametrize("gain", [1 / 32, 0.5, 4.0, 32.0])
def test_a_relative_preset_does_not_feel_the_gain(preset: SlowWavePreset, gain: float) -> None:
    """To the last bit where the gain is a power of two, which costs a float no digit."""
    x = planted(12.0).samples_uv[0]
    one, other, odd = found(x, preset=preset), found(gain * x, preset=preset), found(3.1 * gain * x, preset=preset)
    assert len(one) > 50
    assert other.trough_s.tolist() == one.trough_s.tolist()
    assert other.ptp_uv.tolist() == (gain * one.ptp_uv).tolist()
    assert (other.least_ptp_uv, other.least_negative_uv) == (gain * one.least_ptp_uv, gain * one.least_negative_uv)
    assert f1(odd.trough_s, one.trough_s, 1e-3) > 0.995


def test_an_absolute_preset_does() -> None:
    x = planted(12.0).samples_uv[0]
    assert len(found(0.5 * x)) < 0.5 * len(found(x))


def test_relative_thresholds_are_the_quantile_and_the_factor_they_name() -> None:
    """Of sines with sizes 1 … 20 in turn, each long enough to settle."""
    sizes = np.repeat(np.arange(1.0, 21.0), 40)
    t = np.arange(round(len(sizes) / 0.8 * FS)) / FS
    x = np.interp(t, np.arange(len(sizes)) / 0.8, sizes) * np.sin(2 * np.pi * 0.8 * t)
    top, far = found(x, preset=STARESINA_2015), found(x, preset=NGO_2013)
    assert top.least_ptp_uv == pytest.approx(2 * 15.5, rel=0.03)
    assert len(top) == pytest.approx(200, abs=12)
    assert top.ptp_uv.min() >= top.least_ptp_uv
    assert far.least_negative_uv == pytest.approx(1.25 * 10.5, rel=0.03)
    assert len(far) == pytest.approx(40 * 7, abs=25)  # sizes 14 … 20
    assert (-far.neg_uv).min() >= far.least_negative_uv


def test_a_relative_preset_ranks_what_is_included_alone() -> None:
    t = np.arange(120_000) / FS
    x = np.where(t < 600, 20.0, 200.0) * np.sin(2 * np.pi * 0.8 * t)
    waves = found(x, preset=STARESINA_2015, included=t < 590)
    assert waves.least_ptp_uv == pytest.approx(40.0, rel=0.02)
    assert waves.trough_s.max() < 590


def test_a_relative_preset_with_too_few_waves_judges_nothing() -> None:
    x = train(FS, 55.0, (60.0, 0.8, 0.0))
    few = found(x, preset=NGO_2013)
    assert 30 < len(found(x)) < LEAST_RANKED
    assert len(few) == 0
    assert few.judged_s.shape == (0, 2)
    assert np.isnan(few.least_negative_uv)
    assert len(found(x).judged_s) == 1


@pytest.mark.parametrize("preset", PRESETS)
def test_the_rate_changes_next_to_nothing(preset: SlowWavePreset) -> None:
    at_100 = found(planted(20.0).samples_uv[0], preset=preset)
    for fs in (128.0, 200.3, 256.0):
        made = planted(20.0)  # the samples of another rate carry another noise: the same trace is read off between
        x, n = made.samples_uv[0], made.samples_uv.shape[1]
        spectrum = np.fft.rfft(x)
        m = round(n * fs / FS)
        padded = np.zeros(m // 2 + 1, np.complex128)
        padded[: len(spectrum)] = spectrum[: len(padded)]
        waves = found(np.fft.irfft(padded, m) * (m / n), m / n * FS, preset=preset)
        assert f1(waves.trough_s, at_100.trough_s, 0.02) > 0.98, fs
        assert np.median(waves.ptp_uv) == pytest.approx(np.median(at_100.ptp_uv), rel=0.01)


def test_a_later_start_moves_times_and_nothing_else() -> None:
    x = planted(20.0).samples_uv[0]
    one = found(x)
    for cut in (1, 2, 37, 800):
        other = found(x[cut:])
        assert f1(other.trough_s + cut / FS, one.trough_s[one.start_s > cut / FS + 20], 0.01) > 0.97


def test_an_offset_of_millivolts_costs_nothing() -> None:
    x = planted(20.0).samples_uv[0]
    one, other = found(x), found(x + 3000.0)
    assert f1(one.trough_s, other.trough_s, 0.01) > 0.995


@pytest.mark.parametrize("hum_hz", [50.0, 60.0])
@pytest.mark.parametrize("fs", [128.0, 200.0, 250.0, 256.0, 512.0])
def test_hum_is_not_folded_into_the_band(fs: float, hum_hz: float) -> None:
    x = train(fs, 300.0, (60.0, 0.8, 0.3))
    hum = train(fs, 300.0, (300.0, hum_hz, 0.0))
    for preset in (YASA, AASM, MASSIMINI_2004):
        one, other = found(2 * x, fs, preset), found(2 * x + hum, fs, preset)
        sizes = [waves.neg_uv[(waves.start_s > 20.0) & (waves.end_s < 280.0)] for waves in (one, other)]
        assert len(sizes[0]) == len(sizes[1])
        np.testing.assert_allclose(sizes[1], sizes[0], atol=1.5)


def test_averaging_takes_no_size_from_a_wave() -> None:
    """A mean over 25 samples takes 0.4 % of 1.9 Hz; the samples of 50 Hz are taken as they are."""
    one, other = (
        np.median(found(train(fs, 300.0, (60.0, 1.9, 0.0)), fs, AASM).neg_uv[20:-20]) for fs in (50.0, 1000.0)
    )
    assert (block_size(50.0, AASM.band), block_size(1000.0, AASM.band)) == (1, 25)
    assert other == pytest.approx(one, rel=1.2e-3)


def test_blocks_leave_the_band_its_samples() -> None:
    for preset in PRESETS:
        for fs in (*RATES, 64.0, 500.0, 1000.0, 2048.0):
            rate = fs / block_size(fs, preset.band)
            assert rate >= min(fs, 25.0)
            assert rate <= max(100.0, min(fs, 25.0))
    assert block_size(100.0, YASA.band) == 4
    assert block_size(256.0, YASA.band) == 9  # ten would fold 50 Hz to 1.2 Hz


@pytest.mark.parametrize(("fs", "most"), [(100.0, 2.0), (256.0, 1.0)])
def test_memory_is_about_the_channel_s_own(fs: float, most: float) -> None:
    x = np.tile(train(fs, 3600.0, (60.0, 0.8, 0.3)).astype(np.float32), 8)
    every = np.ones(len(x), np.bool_)
    slow_waves(x, fs, every, every)
    tracemalloc.start()
    slow_waves(x, fs, every, every)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most * x.nbytes
