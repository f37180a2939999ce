"""High-passes of known corner in spectra of known shape, and in real sleep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eeg_like import eeg_like
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from pipeline.signals.artefacts import valid_samples
from pipeline.signals.highpass import (
    CENTRES_HZ,
    CORNERS_HZ,
    HighPass,
    HighPassVerdict,
    corner_posterior,
    high_pass_verdict,
    low_spectrum_uv2_hz,
)
from pipeline.signals.slow_trace import SlowTrace, slow_trace

Samples = NDArray[np.float32]


def trace(x: Samples, fs: float = 100.0) -> SlowTrace:
    return slow_trace(x, np.isfinite(x), fs)


def passed(x: Samples, order: int, corner: float, fs: float = 100.0) -> Samples:
    return np.asarray(sosfilt(butter(order, corner, "high", fs=fs, output="sos"), x), np.float32)


def verdict(x: Samples, fs: float = 100.0) -> HighPassVerdict:
    return high_pass_verdict(trace(x, fs))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("exponent", [1.2, 1.6, 2.0])
def test_what_was_not_filtered_or_only_coupled_passes(seed: int, exponent: float) -> None:
    x = eeg_like(1800, seed=seed, exponent=exponent)
    assert verdict(x).verdict is HighPass.NONE_SEEN
    coupled = verdict(passed(x, 1, 0.1))
    assert coupled.verdict is HighPass.NONE_SEEN
    assert coupled.corner_hz is not None
    assert coupled.corner_hz < 0.3


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("order", "corner"), [(2, 0.5), (2, 1.0), (4, 0.5), (4, 0.7)])
def test_steep_filters_are_seen_and_their_corner_found(order: int, corner: float, seed: int) -> None:
    found = verdict(passed(eeg_like(1800, seed=seed), order, corner))
    assert found.verdict in ({HighPass.PRESENT} if corner > 0.5 else {HighPass.PRESENT, HighPass.SUSPECTED})
    assert found.corner_hz is not None
    assert found.corner_low_hz is not None
    assert found.corner_high_hz is not None
    assert found.corner_hz == pytest.approx(corner, rel=0.25)
    assert found.corner_low_hz < corner < found.corner_high_hz


def test_a_first_order_filter_of_one_hertz_is_at_least_suspected() -> None:
    found = [verdict(passed(eeg_like(1800, seed=seed), 1, 1.0)).verdict for seed in range(4)]
    assert all(v in {HighPass.SUSPECTED, HighPass.PRESENT} for v in found)


@pytest.mark.parametrize("fs", [100.0, 256.0, 200.3])
def test_rate_gain_sign_and_offset_do_not_matter(fs: float) -> None:
    x = passed(eeg_like(900, fs, seed=5), 2, 0.7, fs)
    found = verdict(x, fs)
    assert found.verdict is HighPass.PRESENT
    assert found.corner_hz == pytest.approx(0.7, rel=0.25)
    for other in (verdict(-x, fs), verdict(np.float32(0.01) * x, fs), verdict(x + np.float32(10_000), fs)):
        assert other.verdict is found.verdict
        assert other.corner_hz == pytest.approx(found.corner_hz, rel=0.01)


def test_gaps_and_flat_ends_change_little() -> None:
    x = passed(eeg_like(900, seed=7), 2, 0.7)
    found = verdict(x)
    x[:9000] = 0.0
    x[40_000:41_000] = np.nan
    x[-6000:] = 0.0
    other = high_pass_verdict(slow_trace(x, valid_samples(x, 100.0), 100.0))
    assert other.verdict is found.verdict
    assert other.corner_hz == pytest.approx(found.corner_hz, rel=0.1)
    assert other.n_windows < found.n_windows - 15


def test_fifteen_windows_are_needed() -> None:
    x = eeg_like(160)
    assert verdict(x).n_windows == 15
    assert verdict(x).verdict is HighPass.NONE_SEEN
    short = verdict(x[:15_900])
    assert short == HighPassVerdict(HighPass.CANNOT_TELL, None, None, None, None, 14)
    assert verdict(np.empty(0, np.float32)).verdict is HighPass.CANNOT_TELL
    assert verdict(np.zeros(60_000, np.float32)).verdict is HighPass.CANNOT_TELL
    assert verdict(eeg_like(900, 6.0), 6.0).verdict is HighPass.CANNOT_TELL  # the rate does not reach 3.2 Hz


def test_only_what_is_kept_counts() -> None:
    x = np.concatenate((eeg_like(900, seed=1), passed(eeg_like(900, seed=2), 4, 0.7)))
    whole = trace(x)
    first = np.arange(len(whole.x_uv)) < 9000
    assert high_pass_verdict(whole, first).verdict is HighPass.NONE_SEEN
    assert high_pass_verdict(whole, ~first).verdict is HighPass.PRESENT


def test_white_noise_has_the_density_of_its_variance() -> None:
    x = np.random.default_rng(0).normal(0, 10, 400_000).astype(np.float32)
    density, n_windows = low_spectrum_uv2_hz(trace(x))
    assert n_windows == 399
    # 2 v / fs; the median of exponential variates is ln 2 of their mean. The block mean's droop folds back above.
    np.testing.assert_allclose(density[:10], 2.0 * np.log(2.0), rtol=0.12)
    ramp = x + np.linspace(0, 50_000, len(x)).astype(np.float32)
    np.testing.assert_allclose(low_spectrum_uv2_hz(trace(ramp))[0], density, rtol=0.02)


def test_block_means_do_not_bend_the_spectrum() -> None:
    hz = np.fft.rfftfreq(200_000, 0.01)
    rng = np.random.default_rng(0)
    x = np.fft.irfft((hz < 4) * (rng.normal(size=len(hz)) + 1j * rng.normal(size=len(hz)))).astype(np.float32)
    x *= np.float32(10 / x.std())
    # Nothing above 4 Hz: every tenth sample is the same signal at 10 Hz, without any mean.
    sampled = low_spectrum_uv2_hz(trace(x[::10], 10.0))[0]
    np.testing.assert_allclose(low_spectrum_uv2_hz(trace(x))[0], sampled, rtol=0.02)


def test_spectra_that_are_not_quite_straight_are_not_filters() -> None:
    octave = np.log2(CENTRES_HZ)
    alike = np.linalg.cholesky(1.2**2 * np.exp(-np.abs(octave[:, None] - octave) / 0.5))
    rng = np.random.default_rng(0)
    harmful = [
        corner_posterior(-4.5 * octave + alike @ rng.normal(size=14), 1000)[CORNERS_HZ >= 0.4].sum() for _ in range(200)
    ]
    assert np.mean(np.array(harmful) > 0.3) < 0.05
    assert max(harmful) < 0.8


@pytest.mark.parametrize("corner", [0.4, 0.6, 1.0, 1.5])
def test_the_posterior_of_a_spectrum_without_error(corner: float) -> None:
    db = 20 - 4.5 * np.log2(CENTRES_HZ) - 10 * np.log10(1 + (corner / CENTRES_HZ) ** 8)
    posterior = corner_posterior(db, 1000)
    assert posterior.sum() == pytest.approx(1.0)
    assert CORNERS_HZ[np.argmax(posterior)] == pytest.approx(corner, rel=0.1)
    np.testing.assert_allclose(corner_posterior(db - 60, 1000), posterior, atol=1e-9)


@pytest.mark.realdata
def test_real_sleep_filtered_by_hand(real_data: Path) -> None:
    x = np.loadtxt(real_data / "dynamo_eeg_segment" / "segment_data.csv", dtype=np.float32)
    assert verdict(x).verdict is HighPass.NONE_SEEN
    assert verdict(passed(x, 1, 0.1)).verdict is HighPass.NONE_SEEN
    assert verdict(passed(x, 2, 0.5)).verdict is HighPass.PRESENT
    assert verdict(passed(x, 1, 1.0)).verdict is HighPass.PRESENT
    assert verdict(passed(x, 2, 1.0)).corner_hz == pytest.approx(1.0, rel=0.2)
