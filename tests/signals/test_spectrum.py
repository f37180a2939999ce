"""Power spectral density on the grid: sines and noise of known power, SciPy's Welch, gaps."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import welch

from pipeline.clock import EPOCH_NS, NS
from pipeline.signals.spectrum import (
    FREQS_HZ,
    WINDOWS,
    band_power_uv2,
    epoch_psd_uv2_hz,
    window_psd_uv2_hz,
)

FS = 100.0
START = 1_710_000_000 * NS  # a multiple of 30 s
Samples = NDArray[np.float32]


def windows(x: Samples, fs: float = FS, start_ns: int = START, n: int | None = None) -> Samples:
    count = int(len(x) / fs / 30) if n is None else n
    return window_psd_uv2_hz(x, np.isfinite(x), fs, start_ns, START, count)


def epochs(x: Samples, fs: float = FS, start_ns: int = START, n: int | None = None) -> Samples:
    return epoch_psd_uv2_hz(windows(x, fs, start_ns, n))


def noise(n_epochs: int, fs: float = FS, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 10, round(n_epochs * 30 * fs)).astype(np.float32)


@pytest.mark.parametrize("fs", [100.0, 128.0, 256.0, 99.73])
@pytest.mark.parametrize("hz", [1.0, 2.13, 13.37])
def test_a_sine_has_half_its_squared_amplitude_in_its_band(fs: float, hz: float) -> None:
    x = (30 * np.sin(2 * np.pi * hz * np.arange(round(60 * fs)) / fs + 0.4) + 5000).astype(np.float32)
    psd = epochs(x, fs, n=2)
    np.testing.assert_allclose(band_power_uv2(psd, FREQS_HZ, hz - 1, hz + 1), 450.0, rtol=0.01)
    assert (band_power_uv2(psd, FREQS_HZ, 20, 30) < 0.01).all()


def test_white_noise_has_twice_its_variance_over_the_rate() -> None:
    psd = epochs(noise(40))
    assert psd[:, 4:120].mean() == pytest.approx(2 * 100 / FS, rel=0.02)
    np.testing.assert_allclose(epochs(10 * noise(2)), 100 * epochs(noise(2)), rtol=1e-4)


@pytest.mark.parametrize("fs", [100.0, 256.0])
def test_an_epoch_is_what_scipy_makes_of_its_samples(fs: float) -> None:
    x = np.cumsum(noise(3, fs)).astype(np.float32)
    found = epochs(x, fs)
    length = round(4 * fs)
    for k in range(3):
        part = x[round(k * 30 * fs) : round((k + 1) * 30 * fs)].astype(float)
        f, reference = welch(part, fs, "hann", length, length // 2, detrend="constant")
        np.testing.assert_array_equal(f[: len(FREQS_HZ)], FREQS_HZ)
        # float32 sums: an error of 1e-6 of the largest density, which lies at the lowest frequencies
        np.testing.assert_allclose(found[k], reference[: len(FREQS_HZ)], rtol=1e-3, atol=1e-6 * reference.max())


def test_a_gap_takes_the_windows_that_touch_it_and_changes_no_other() -> None:
    x = noise(4)
    whole = windows(x)
    # 40 … 44.005 s: windows of epoch 1 begin at 30, 32 … 56 s; those at 36 (to 40) and 46 stay whole.
    low, high = 4000, 4401
    x[low:high] = np.nan
    found = windows(x)
    lost = [k for k in range(WINDOWS) if 30 + 2 * k + 4 > 40 and 30 + 2 * k < 44.01]
    assert lost == [4, 5, 6, 7]
    assert np.flatnonzero(np.isnan(found[1, :, 0])).tolist() == lost
    assert np.isfinite(found[[0, 2, 3]]).all()
    kept = np.isfinite(found[:, :, 0])
    np.testing.assert_allclose(found[kept], whole[kept], rtol=1e-3, atol=1e-5)


def test_what_stands_at_invalid_samples_is_never_looked_at() -> None:
    x = noise(2)
    valid = np.ones(len(x), np.bool_)
    valid[1000:1100] = False
    found = window_psd_uv2_hz(x, valid, FS, START, START, 2)
    for value in (1e9, np.inf, np.nan):
        other = x.copy()
        other[1000:1100] = value
        np.testing.assert_array_equal(window_psd_uv2_hz(other, valid, FS, START, START, 2), found)


def test_no_window_crosses_the_border_of_an_epoch() -> None:
    x = noise(3)
    found = windows(x)
    x[3000:6000] *= 1000
    other = windows(x)
    np.testing.assert_allclose(other[[0, 2]], found[[0, 2]], rtol=1e-3, atol=1e-3)
    assert (other[1, :, 8] > 1e5 * found[1, :, 8]).all()


def test_half_the_windows_make_an_epoch_and_fewer_none() -> None:
    x = noise(2)
    x[1600:3000] = np.nan  # windows at 0, 2 … 12 s remain: 7 of 14
    seven = epochs(x)
    np.testing.assert_allclose(seven[0], windows(x)[0, :7].mean(axis=0), rtol=1e-5)
    x[1599] = np.nan
    six = epochs(x)
    assert np.isnan(six[0]).all()
    assert np.isfinite(six[1]).all()


def test_the_grid_may_reach_beyond_a_recording_that_begins_off_it() -> None:
    x = noise(3)
    found = windows(x, start_ns=START + 7 * NS + 30 * NS, n=6)
    assert np.isnan(found[[0, 5]]).all()
    # Begins 7 s into epoch 1: the windows at 8 s and later; ends 7 s into epoch 4: those at 0 and 2 s.
    assert np.flatnonzero(np.isfinite(found[1, :, 0])).tolist() == list(range(4, 14))
    assert np.flatnonzero(np.isfinite(found[4, :, 0])).tolist() == [0, 1]
    alone = window_psd_uv2_hz(x[2300:5300], np.ones(3000, np.bool_), FS, START, START, 1)
    np.testing.assert_allclose(found[2], alone[0], rtol=1e-3, atol=1e-5)


def test_frequencies_that_the_rate_cannot_tell_are_missing() -> None:
    psd = epochs(noise(1, 40.0), 40.0)
    assert np.isfinite(psd[0, FREQS_HZ < 20]).all()
    assert np.isnan(psd[0, FREQS_HZ >= 20]).all()


def test_band_power_by_hand() -> None:
    flat = np.full((2, len(FREQS_HZ)), 3.0, np.float32)
    np.testing.assert_allclose(band_power_uv2(flat, FREQS_HZ, 0.5, 4.0), 3 * 3.5)
    flat[0, 2] = np.nan  # 0.5 Hz, the edge itself
    assert np.isnan(band_power_uv2(flat, FREQS_HZ, 0.5, 4.0)).tolist() == [True, False]
    flat[0, 2], flat[0, 1] = 3.0, np.nan  # 0.25 Hz, outside
    assert np.isfinite(band_power_uv2(flat, FREQS_HZ, 0.5, 4.0)).all()
    with pytest.raises(ValueError, match="no band"):
        band_power_uv2(flat, FREQS_HZ, 40.0, 45.0)


def test_nothing_measured() -> None:
    assert np.isnan(epochs(np.full(6000, np.nan, np.float32))).all()
    assert np.isnan(windows(np.empty(0, np.float32), n=2)).all()
    assert windows(noise(1), n=0).shape == (0, WINDOWS, len(FREQS_HZ))
    assert np.isnan(windows(noise(1), start_ns=START + 100 * EPOCH_NS, n=2)).all()


@pytest.mark.parametrize("fs", [100.0, 200.3])
def test_fewer_frequencies_are_the_first_ones(fs: float) -> None:
    x = np.cumsum(noise(4, fs)).astype(np.float32)
    x[500:700] = np.nan
    whole = windows(x, fs)
    low = window_psd_uv2_hz(x, np.isfinite(x), fs, START, START, 4, 4.0)
    assert low.shape == (4, WINDOWS, 17)
    np.testing.assert_allclose(low, whole[..., :17], rtol=1e-4, atol=1e-6 * float(np.nanmax(whole)))


@pytest.mark.parametrize("fs", [100.0, 256.0, 200.3, 99.73])
@pytest.mark.parametrize("shift_ns", [0, 7_312_345_678, -41 * NS])
def test_every_window_is_what_numpy_makes_of_its_samples(fs: float, shift_ns: int) -> None:
    n_epochs = 60  # more than are computed at once
    x = (np.cumsum(noise(55, fs, seed=3)) / 10 + 20_000).astype(np.float32)
    gap = round(321 * fs)
    x[gap : gap + 5] = np.nan
    found = windows(x, fs, START + shift_ns, n_epochs)
    length = round(4 * fs)
    hann = np.hanning(length + 1)[:-1]
    phase = np.exp(-2j * np.pi * np.outer(FREQS_HZ, np.arange(length)) / fs)
    scale = np.where(FREQS_HZ > 0, 2.0, 1.0) / (fs * np.sum(hann**2))
    for epoch, window in [
        (0, 0),
        (0, 6),
        (1, 4),
        (10, 0),
        (10, 9),
        (10, 13),
        (12, 3),
        (47, 2),
        (48, 13),
        (53, 0),
        (56, 5),
    ]:
        start = round((epoch * 30 + window * 2 - shift_ns / NS) * fs)
        part = x[max(start, 0) : max(start, 0) + length].astype(float)
        if start < 0 or len(part) < length or np.isnan(part).any():
            assert np.isnan(found[epoch, window]).all()
            continue
        power = scale * np.abs(phase @ ((part - part.mean()) * hann)) ** 2
        np.testing.assert_allclose(found[epoch, window], power, rtol=1e-3, atol=1e-6 * power.max())
    assert np.isfinite(found[..., 0]).sum() > 54 * WINDOWS - 12


def test_a_window_may_begin_and_end_where_a_gap_ends_and_begins() -> None:
    x = noise(2)
    x[1000:1600] = np.nan  # 10 … 16 s: windows at 6 s and at 16 s touch it and hold none of it
    assert np.flatnonzero(np.isnan(windows(x)[0, :, 0])).tolist() == [4, 5, 6, 7]
