"""Zero-phase filters: gain and phase in closed form, and nothing across a gap."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.signals.filters import ORDER, band_passed, high_passed, low_passed

FS = 100.0
Floats = NDArray[np.float64]


def sine(hz: float, seconds: float = 60.0, fs: float = FS) -> Floats:
    return np.asarray(np.sin(2 * np.pi * hz * np.arange(round(seconds * fs)) / fs), np.float64)


def gain(filtered: NDArray[np.floating], original: Floats) -> float:
    """Amplitude kept in phase with the original, away from the edges."""
    inner = slice(1500, -1500)
    return float(filtered[inner] @ original[inner] / (original[inner] @ original[inner]))


def twice_butterworth(hz: float, corner_hz: float, *, high: bool) -> float:
    """Gain of two passes of a digital Butterworth filter, from its definition (bilinear transform)."""
    ratio = np.tan(np.pi * hz / FS) / np.tan(np.pi * corner_hz / FS)
    return float(1 / (1 + (1 / ratio if high else ratio) ** (2 * ORDER)))


@pytest.mark.parametrize("hz", [0.5, 1.0, 2.0, 4.0, 8.0])
def test_gain_is_that_of_two_butterworth_passes_and_the_corner_halves(hz: float) -> None:
    x = sine(hz)
    assert gain(low_passed(x, FS, 2.0), x) == pytest.approx(twice_butterworth(hz, 2.0, high=False), abs=2e-3)
    assert gain(high_passed(x, FS, 2.0), x) == pytest.approx(twice_butterworth(hz, 2.0, high=True), abs=2e-3)
    assert twice_butterworth(2.0, 2.0, high=True) == pytest.approx(0.5)


def test_nothing_is_delayed() -> None:
    x = np.exp(-0.5 * ((np.arange(3001) - 1500) / 20.0) ** 2)
    for filtered in (low_passed(x, FS, 5.0), high_passed(x, FS, 0.3), band_passed(x, FS, 0.3, 5.0)):
        assert np.argmax(filtered) == 1500
        np.testing.assert_allclose(filtered, filtered[::-1], atol=1e-3)
    inner = slice(1500, -1500)
    wave = sine(3.0)
    np.testing.assert_allclose(band_passed(wave, FS, 0.5, 20.0)[inner], wave[inner], atol=2e-3)


def test_a_band_keeps_what_is_inside_and_removes_what_is_not() -> None:
    slow, wanted, fast = 50 * sine(0.05, 120), sine(2.0, 120), 50 * sine(30.0, 120)
    found = band_passed(slow + wanted + fast + 1000.0, FS, 0.5, 8.0)
    np.testing.assert_allclose(found[2000:-2000], wanted[2000:-2000], atol=0.02)


def test_stretches_between_gaps_are_filtered_as_if_alone() -> None:
    rng = np.random.default_rng(1)
    x = np.cumsum(rng.normal(size=6000))
    x[2000:2001] = np.nan
    x[3500:3900] = np.nan
    found = band_passed(x, FS, 0.5, 10.0)
    assert np.array_equal(np.isnan(found), np.isnan(x))
    for part in (slice(0, 2000), slice(2001, 3500), slice(3900, 6000)):
        np.testing.assert_array_equal(found[part], band_passed(x[part], FS, 0.5, 10.0))
    other = x.copy()
    other[3900:] *= 1e6
    np.testing.assert_array_equal(band_passed(other, FS, 0.5, 10.0)[:3900], found[:3900])


def test_stretches_of_a_period_or_less_are_missing() -> None:
    x = np.full(1000, np.nan)
    x[100:300] = 1.0  # 2 s: one period of 0.5 Hz
    x[400:601] = 1.0  # a sample more
    found = high_passed(x, FS, 0.5)
    assert np.flatnonzero(np.isfinite(found)).tolist() == list(range(400, 601))


def test_columns_are_filtered_alike_and_a_row_is_missing_as_a_whole() -> None:
    x = np.random.default_rng(2).normal(size=(2000, 3))
    found = low_passed(x, FS, 3.0)
    for k in range(3):
        np.testing.assert_allclose(found[:, k], low_passed(x[:, k].copy(), FS, 3.0), rtol=1e-12)
    x[1000, 1] = np.nan
    assert np.isnan(low_passed(x, FS, 3.0)[1000]).all()
    assert np.isfinite(low_passed(x, FS, 3.0)[999]).all()


def test_gain_scales_and_offset_vanishes() -> None:
    x = np.random.default_rng(3).normal(size=3000)
    found = high_passed(x, FS, 0.5)
    np.testing.assert_allclose(high_passed(3 * x, FS, 0.5), 3 * found, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(high_passed(x + 5e3, FS, 0.5), found, atol=1e-6)


def test_dtype_is_kept_and_the_input_untouched() -> None:
    x = sine(1.0).astype(np.float32)
    before = x.copy()
    found = high_passed(x, FS, 0.3)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(x, before)


def test_nothing_gives_nothing() -> None:
    assert np.isnan(band_passed(np.full(500, np.nan), FS, 0.5, 8.0)).all()
    assert low_passed(np.empty(0), FS, 3.0).shape == (0,)


@pytest.mark.parametrize(("low", "high"), [(0.0, 4.0), (4.0, 0.5), (0.5, 50.0), (2.0, 2.0)])
def test_corners_that_do_not_fit_are_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        band_passed(np.zeros(500), FS, low, high)


@pytest.mark.parametrize("corner", [0.0, 50.0])
def test_a_corner_that_does_not_fit_is_refused(corner: float) -> None:
    for function in (high_passed, low_passed):
        with pytest.raises(ValueError, match="does not fit"):
            function(np.zeros(500), FS, corner)
