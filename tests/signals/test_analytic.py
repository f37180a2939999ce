"""Analytic traces at a lower rate: their design against the real filter's, their phase and gaps by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals.analytic import analytic_taps_of, decimation, reach_s, traces
from pipeline.signals.fir import Band, filtered, taps_of, usual_band

SIGMA = Band(12.0, 15.0, 1.5, 1.5)
SLOW = Band(0.3, 1.5, 0.2, 0.2)


@pytest.mark.parametrize("fs_hz", [50.0, 100.0, 200.3, 256.0])
@pytest.mark.parametrize("band", [SIGMA, SLOW])
def test_the_real_part_is_the_real_filter_and_negative_frequencies_do_not_pass(fs_hz: float, band: Band) -> None:
    taps = analytic_taps_of(band, fs_hz)
    assert np.abs(taps.real - taps_of(band, fs_hz)).max() < 1e-15
    gain = np.abs(np.fft.fft(taps, 1 << 16))
    hz = np.fft.fftfreq(1 << 16, 1.0 / fs_hz)
    inside = (hz > band.low_hz) & (hz < band.high_hz)
    assert np.abs(gain[inside] - 2.0).max() < 0.01
    assert gain[hz < 0.0].max() < 2.0 * 10 ** (-50 / 20)  # Hamming: −53 dB


def test_unequal_transitions_have_no_analytic_filter() -> None:
    with pytest.raises(ValueError, match="equal transitions"):
        analytic_taps_of(Band(12.0, 15.0, 1.0, 1.5), 100.0)


@pytest.mark.parametrize(("fs_hz", "least_hz", "every"), [(256, 100, 2), (100, 100, 1), (99, 100, 1), (512, 50, 10)])
def test_decimation_keeps_at_least_the_rate(fs_hz: float, least_hz: float, every: int) -> None:
    assert decimation(fs_hz, least_hz) == every


def test_reach() -> None:
    assert reach_s(SIGMA) == pytest.approx(1.1)


@pytest.mark.parametrize("keep_every", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [40, 700, 5_003, 300_001])
def test_kept_samples_are_those_of_the_full_rate(n: int, keep_every: int) -> None:
    rng = np.random.default_rng(n)
    x = (rng.normal(size=n) * 20.0 + 3000.0).astype(np.float32)
    valid = np.ones(n, np.bool_)
    valid[n // 3 : n // 3 + 4] = valid[n // 2] = False
    x[~valid] = np.nan
    broad = taps_of(usual_band(1.0, 20.0, 256.0), 256.0)
    kept, sigma = traces(x, valid, (broad, analytic_taps_of(SIGMA, 256.0)), keep_every)
    whole = valid[::keep_every]
    for found, taps in ((kept, broad), (sigma.real, taps_of(SIGMA, 256.0))):
        at_full_rate = filtered(x, valid, taps)[::keep_every]
        assert len(found) == len(at_full_rate)
        assert (found[~whole] == 0.0).all()
        # Aliases and negative frequencies are below the stop band, 1/450 of 20 µV.
        assert np.abs(found - at_full_rate)[whole].max() < 0.1


def test_stretches_that_are_too_short_are_not_looked_at() -> None:
    valid = np.ones(1_000, np.bool_)
    valid[300] = False
    x = np.random.default_rng(1).normal(size=1_000).astype(np.float32)
    (trace,) = traces(x, valid, (taps_of(SIGMA, 100.0),), 1, least=301)
    assert not trace[:301].any()
    assert trace[301:].any()


def test_phase_and_envelope_of_a_cosine() -> None:
    fs, hz = 256.0, 13.2
    t = np.arange(20_000) / fs
    x = (10.0 * np.cos(2.0 * np.pi * hz * t + 0.7)).astype(np.float32)
    (trace,) = traces(x, np.ones(len(x), np.bool_), (analytic_taps_of(SIGMA, fs),), 3)
    inner = trace[300:-300] * np.exp(-2j * np.pi * hz * t[::3][300:-300])
    assert np.abs(np.abs(inner) - 10.0).max() < 0.03
    assert np.abs(np.angle(inner) - 0.7).max() < 1e-3


def test_a_large_offset_and_what_stands_in_gaps_change_nothing() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=4_000).astype(np.float32)
    valid = np.ones(4_000, np.bool_)
    valid[1_500:1_700] = False
    taps = (analytic_taps_of(SIGMA, 100.0),)
    (plain,) = traces(x, valid, taps, 1)
    spoilt = np.where(valid, x + np.float32(20_000.0), np.float32(1e9))
    (shifted,) = traces(spoilt, valid, taps, 1)
    assert np.abs(plain - shifted).max() < 0.005  # float32 holds 20 000 in steps of 0.002
