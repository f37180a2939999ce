"""Multitaper spectrum: known noise and sines, explicit tapers, Welch, gaps and rates."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, NS
from pipeline.signals.multitaper import FREQS_HZ, HALF_WIDTH_HZ, TAPERS, multitaper_uv2_hz
from pipeline.signals.spectrum import epoch_psd_uv2_hz, window_psd_uv2_hz

START = 1_710_000_000 * NS // EPOCH_NS * EPOCH_NS


def spectrum(x: np.ndarray, fs: float, n: int, valid: np.ndarray | None = None, shift_ns: int = 0) -> np.ndarray:
    mask = np.ones(len(x), np.bool_) if valid is None else valid
    return multitaper_uv2_hz(x.astype(np.float32), mask, fs, START + shift_ns, START, n)


@pytest.mark.parametrize("fs", [64.0, 100.0, 200.3, 256.0, 512.0])
def test_white_noise_has_its_density_at_every_frequency(fs: float) -> None:
    n = 120
    x = 10 * np.random.default_rng(0).normal(size=round(n * 30 * fs))
    found = spectrum(x, fs, n)
    # 48 degrees of freedom an epoch, 120 epochs: each mean is good to 1.9 %.
    assert np.abs(found.mean(axis=0) / (200 / fs) - 1)[1:].max() < 0.08
    assert found.mean(axis=0)[0] == pytest.approx(0.875 * 200 / fs, rel=0.08)
    assert found.mean() == pytest.approx(200 / fs, rel=0.01)
    assert found.std() / found.mean() == pytest.approx(np.sqrt(2 / 48), rel=0.1)


def test_a_sine_s_power_lies_around_it() -> None:
    fs, n = 100.0, 4
    t = np.arange(round(n * 30 * fs)) / fs
    found = spectrum(20 * np.sin(2 * np.pi * 10 * t), fs, n)
    near = np.abs(FREQS_HZ - 10) <= 2 * HALF_WIDTH_HZ
    assert found[:, near].sum(axis=1) * 0.5 == pytest.approx(np.full(n, 200.0), rel=0.26)
    assert FREQS_HZ[found.argmax(axis=1)] == pytest.approx(np.full(n, 10.0), abs=0.5)
    assert found[:, np.abs(FREQS_HZ - 10) > 3 * HALF_WIDTH_HZ].max() < 0.001 * found.max()


def test_it_is_the_mean_over_explicit_sine_tapers() -> None:
    fs, length = 100.0, 500
    x = np.random.default_rng(1).normal(size=3000).cumsum()
    x -= x.mean()
    at = np.arange(length)
    k = np.arange(1, TAPERS + 1)
    tapers = np.sqrt(2 / (length + 1)) * np.sin(np.pi * k[:, None] * (at + 1) / (length + 1))
    waves = np.exp(-2j * np.pi * FREQS_HZ[:, None] * at / fs)
    windows = x.reshape(6, length)
    line = at - at.mean()
    windows = windows - windows.mean(axis=1, keepdims=True)
    windows -= np.outer(windows @ line / (line @ line), line)
    by_hand = np.mean([2 / fs * np.abs((tapers * w) @ waves.T) ** 2 for w in windows], axis=(0, 1))
    # Bins stand in for the tapers' own frequencies, which are a factor of 500 / 501 lower.
    np.testing.assert_allclose(spectrum(x, fs, 1)[0], by_hand, rtol=0.03)


def test_sloping_spectra_agree_with_welch_s() -> None:
    fs, n = 100.0, 240
    rng = np.random.default_rng(2)
    white = np.fft.rfft(rng.normal(size=round(n * 30 * fs)))
    f = np.fft.rfftfreq(round(n * 30 * fs), 1 / fs)
    x = (100 * np.fft.irfft(white / np.maximum(f, 0.2))).astype(np.float32)
    valid = np.ones(len(x), np.bool_)
    quarters = epoch_psd_uv2_hz(window_psd_uv2_hz(x, valid, fs, START, START, n))
    at = np.arange(2, 122, 2)  # 0.5 Hz and on, each with its neighbours 0.25 Hz away: smoothed as much as the tapers do
    welch = (quarters[:, at - 1] + 2 * quarters[:, at] + quarters[:, at + 1]) / 4
    ours, above = spectrum(x, fs, n), FREQS_HZ >= 2
    np.testing.assert_allclose(ours.mean(axis=0)[above], welch.mean(axis=0)[above], rtol=0.1)
    ours_cv, welch_cv = (p[:, above].std(axis=0) / p[:, above].mean(axis=0) for p in (ours, welch))
    assert ours_cv.mean() < welch_cv.mean()


def test_a_drift_of_a_millivolt_does_not_reach_the_spindles() -> None:
    fs, n = 100.0, 20
    x = np.random.default_rng(6).normal(size=round(n * 30 * fs))
    drift = 500 * np.sin(2 * np.pi * np.arange(len(x)) / fs / 60.0)
    plain, drifting = spectrum(x, fs, n), spectrum(x + drift, fs, n)
    sigma = FREQS_HZ >= 11
    np.testing.assert_allclose(drifting[:, sigma].mean(axis=0), plain[:, sigma].mean(axis=0), rtol=0.05)


def test_gain_offset_sign() -> None:
    x = np.random.default_rng(3).normal(size=6000)
    found = spectrum(x, 100.0, 2)
    np.testing.assert_allclose(spectrum(4 * x, 100.0, 2), 16 * found, rtol=1e-5)
    np.testing.assert_allclose(spectrum(-x, 100.0, 2), found, rtol=1e-5)
    np.testing.assert_allclose(spectrum(x + 1000, 100.0, 2), found, rtol=2e-2)
    np.testing.assert_allclose(spectrum(x + np.arange(6000) / 10, 100.0, 2), found, rtol=2e-2)


def test_windows_with_an_invalid_sample_are_left_and_three_must_remain() -> None:
    x = np.random.default_rng(4).normal(size=9000)
    valid = np.ones(9000, np.bool_)
    valid[[10, 510, 1010]] = False  # three of the first epoch's six windows
    valid[[3010, 3510, 4010, 4510]] = False  # four of the second's
    x[~valid] = np.nan
    found = spectrum(x, 100.0, 3, valid)
    assert np.isfinite(found[[0, 2]]).all()
    assert np.isnan(found[1]).all()
    later = spectrum(x[1500:], 100.0, 3, valid[1500:], shift_ns=15 * NS)
    np.testing.assert_allclose(later[0], found[0], rtol=1e-5)


def test_frequencies_that_the_rate_cannot_tell_are_missing() -> None:
    found = spectrum(np.random.default_rng(5).normal(size=1500), 50.0, 1)
    assert np.isfinite(found[0, FREQS_HZ < 24.5]).all()
    assert np.isnan(found[0, FREQS_HZ >= 24.5]).all()


def test_nothing_measured() -> None:
    assert np.isnan(spectrum(np.zeros(0), 100.0, 2)).all()
    assert np.isnan(spectrum(np.full(3000, np.nan), 100.0, 1, np.zeros(3000, bool))).all()
