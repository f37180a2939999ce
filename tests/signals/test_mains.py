"""Hum of known power is measured; where the rate does not reach, nothing is claimed."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.signals.mains import Mains, mains_by_second

Samples = NDArray[np.float32]


def hum(fs: float, hz: float, amplitude: float, seconds: float = 60.0) -> Samples:
    return np.asarray(amplitude * np.sin(2 * np.pi * hz * np.arange(round(seconds * fs)) / fs + 0.3), np.float32)


def noise(fs: float, seconds: float = 60.0, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).normal(0, 10, round(seconds * fs)).astype(np.float32)


def mains(x: Samples, fs: float) -> Mains:
    return mains_by_second(x, np.isfinite(x), fs)


@pytest.mark.parametrize("fs", [200.3, 256.0, 512.0])
@pytest.mark.parametrize("hz", [50.0, 60.0, 49.8, 60.2])
def test_a_sine_has_half_its_squared_amplitude(fs: float, hz: float) -> None:
    found = mains(noise(fs) + hum(fs, hz, 20.0), fs)
    assert found.hz == round(hz, -1)
    assert found.power_uv2.shape == found.share.shape == (60,)
    assert np.median(found.power_uv2) == pytest.approx(200.0, rel=0.06)
    assert np.median(found.share) == pytest.approx(200 / 300, rel=0.06)


def test_harmonics_count_with_their_fundamental() -> None:
    x = noise(512.0) + hum(512.0, 60.0, 10.0) + hum(512.0, 120.0, 10.0) + hum(512.0, 180.0, 10.0)
    found = mains(x, 512.0)
    assert found.hz == 60.0
    assert np.median(found.power_uv2) == pytest.approx(150.0, rel=0.06)


def test_broadband_noise_is_no_hum() -> None:
    found = mains(noise(256.0, 600.0), 256.0)
    assert np.median(found.share) < 0.02
    assert found.share.max() < 0.15


@pytest.mark.parametrize(("fs", "hz"), [(100.0, None), (108.0, None), (109.0, 50.0)])
def test_the_rate_must_reach_the_neighbourhood(fs: float, hz: float | None) -> None:
    found = mains(noise(fs) + hum(fs, 50.0, 30.0), fs)
    assert found.hz == hz
    assert np.isfinite(found.share).any() == (hz is not None)
    sixty = mains(noise(120.0) + hum(120.0, 58.0, 30.0), 120.0)
    assert sixty.hz == 50.0  # 60 Hz is out of reach and is not guessed


def test_gain_sign_and_offset() -> None:
    x = noise(256.0) + hum(256.0, 50.0, 12.0)
    found = mains(x, 256.0)
    for other in (mains(-x, 256.0), mains(8 * x, 256.0), mains(x + np.float32(20_000), 256.0)):
        np.testing.assert_allclose(other.share, found.share, atol=2e-3)
    np.testing.assert_allclose(mains(8 * x, 256.0).power_uv2, 64 * found.power_uv2, rtol=1e-3)


def test_a_gap_takes_its_seconds_alone() -> None:
    x = noise(256.0) + hum(256.0, 50.0, 12.0)
    whole = mains(x, 256.0)
    x[256 * 10 + 255 : 256 * 12] = np.nan  # the last sample of second 10, and second 11
    x[256 * 20 : 256 * 20 + 5] = np.nan  # begins on the border: second 19 is whole
    found = mains(x, 256.0)
    assert np.flatnonzero(np.isnan(found.share)).tolist() == [10, 11, 20]
    kept = np.isfinite(found.share)
    np.testing.assert_allclose(found.share[kept], whole.share[kept], rtol=1e-5)


def test_nothing_flat_and_missing() -> None:
    assert len(mains(np.empty(0, np.float32), 256.0).share) == 0
    assert np.isnan(mains(np.full(1000, np.nan, np.float32), 256.0).share).all()
    assert np.isnan(mains(np.zeros(1024, np.float32), 256.0).share).all()


def test_a_rate_that_is_no_whole_number_ends_where_the_samples_do() -> None:
    for seconds in (3.0, 3.49, 3.99):
        x = noise(200.7, seconds)
        found = mains(x, 200.7)
        assert len(found.share) == int(len(x) / 200.7)
        assert np.isfinite(found.share).all()


@pytest.mark.parametrize("value", [np.inf, 1e30])
def test_what_stands_at_invalid_samples_does_not_matter(value: float) -> None:
    x = noise(256.0) + hum(256.0, 50.0, 12.0)
    valid = np.ones(len(x), np.bool_)
    valid[5000] = False
    found = mains_by_second(x, valid, 256.0)
    x[5000] = value
    other = mains_by_second(x, valid, 256.0)
    assert np.flatnonzero(np.isnan(other.share)).tolist() == [19]
    np.testing.assert_array_equal(other.share, found.share)
