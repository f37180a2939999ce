"""Waves that rise more steeply than they fall stand the usual way up."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from eeg_like import eeg_like
from numpy.typing import NDArray

from pipeline.signals.polarity import Polarity, PolarityHint, polarity_hint, slope_skewness
from pipeline.signals.slow_trace import SlowTrace, slow_trace

Samples = NDArray[np.float32]


def trace(x: Samples, fs: float = 100.0) -> SlowTrace:
    return slow_trace(x, np.isfinite(x), fs)


def hint(x: Samples, fs: float = 100.0) -> PolarityHint:
    return polarity_hint(trace(x, fs))


def slow_waves(seconds: float = 900.0, fs: float = 100.0) -> Samples:
    """A wave of 1.2 s every 3 s on noise: down within 0.7 s, up within 0.3 s, back to zero."""
    x = eeg_like(seconds, fs, sd_uv=12.0)
    t = np.arange(round(1.2 * fs)) / fs
    wave = np.interp(t, [0.0, 0.7, 1.0, 1.2], [0.0, -100.0, 30.0, 0.0])
    for start in np.arange(1.0, seconds - 2.0, 3.0):
        first = round(start * fs)
        x[first : first + len(wave)] += wave.astype(np.float32)
    return x


@pytest.mark.parametrize("fs", [100.0, 256.0, 200.3])
def test_steep_rises_are_usual_and_the_inverted_is_inverted(fs: float) -> None:
    x = slow_waves(fs=fs)
    found, other = hint(x, fs), hint(-x, fs)
    assert found.hint is Polarity.USUAL
    assert other.hint is Polarity.INVERTED
    assert found.skewness is not None
    assert other.skewness == pytest.approx(-found.skewness, rel=1e-4)
    assert found.strength is not None
    assert other.strength == pytest.approx(-found.strength, rel=1e-4)
    loud = hint(np.float32(20) * x + np.float32(5000), fs)
    assert loud.skewness == pytest.approx(found.skewness, rel=1e-2)


@pytest.mark.parametrize("seed", range(20))
def test_noise_without_a_direction_says_nothing(seed: int) -> None:
    assert hint(eeg_like(1800, seed=seed)).hint is Polarity.CANNOT_TELL


def test_ten_pieces_are_needed() -> None:
    x = slow_waves(300.0)
    assert hint(x).n_pieces == 10
    assert hint(x[:-100]) == PolarityHint(Polarity.CANNOT_TELL, None, None, 9)
    assert hint(np.empty(0, np.float32)).hint is Polarity.CANNOT_TELL
    assert hint(np.zeros(60_000, np.float32)).hint is Polarity.CANNOT_TELL


def test_one_movement_decides_nothing() -> None:
    x = eeg_like(600, seed=2)
    quiet = hint(x)
    x[20_000:20_030] += np.linspace(0, 400, 30).astype(np.float32)
    x[20_030:20_400] += np.linspace(400, 0, 370).astype(np.float32)
    found = hint(x)
    assert found.hint is Polarity.CANNOT_TELL
    assert found.skewness is not None
    assert quiet.skewness is not None
    assert found.skewness - quiet.skewness < 2.0 / 20 + 0.02


def test_only_what_is_kept_counts() -> None:
    x = np.concatenate((slow_waves(600.0), -slow_waves(600.0)))
    whole = trace(x)
    first = np.arange(len(whole.x_uv)) < 6000
    assert polarity_hint(whole, first).hint is Polarity.USUAL
    assert polarity_hint(whole, ~first).hint is Polarity.INVERTED
    assert polarity_hint(whole).hint is Polarity.CANNOT_TELL


def test_skewness_by_hand() -> None:
    # Slopes after smoothing a staircase of one step: 0.25, 0.5, 0.25 of it, then nothing; n of them in all.
    row = np.zeros(43)
    row[20:] = 8.0
    slope = np.zeros(40)
    slope[18:21] = 2.0, 4.0, 2.0
    slope -= slope.mean()
    expected = np.mean(slope**3) / np.mean(slope**2) ** 1.5
    np.testing.assert_allclose(slope_skewness(np.stack((row, -row))), [expected, -expected], rtol=1e-9)
    assert slope_skewness(np.ones((3, 50))).shape == (0,)


@pytest.mark.realdata
def test_real_sleep_stands_the_usual_way_up(real_data: Path) -> None:
    x = np.loadtxt(real_data / "dynamo_eeg_segment" / "segment_data.csv", dtype=np.float32)
    assert hint(x).hint is Polarity.USUAL
    assert hint(-x).hint is Polarity.INVERTED
