"""Zero-phase FIR filters: their design and edges against MNE's, their gaps and gains by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals.fir import Band, block_means, convolved, filtered, taps_of, usual_band

SLOW = Band(0.3, 1.5, 0.2, 0.2)
SIGMA = Band(12.0, 15.0, 1.5, 1.5)


@pytest.mark.parametrize("fs_hz", [50.0, 100.0, 200.3, 256.0])
@pytest.mark.parametrize("band", [SLOW, SIGMA, Band(0.4, 20.0, 0.4, 5.0)])
def test_the_design_is_mne_s(fs_hz: float, band: Band) -> None:
    from mne.filter import create_filter

    theirs = create_filter(
        None,
        fs_hz,
        band.low_hz,
        band.high_hz,
        l_trans_bandwidth=band.low_transition_hz,
        h_trans_bandwidth=band.high_transition_hz,
        verbose=False,
    )
    ours = taps_of(band, fs_hz)
    around = (len(theirs) - len(ours)) // 2  # MNE's may carry a zero on either side
    assert 0 <= around <= 1
    assert np.abs(ours - theirs[around : len(theirs) - around]).max() < 1e-15
    assert not theirs[:around].any()


@pytest.mark.parametrize("n", [2_000, 40_000, 131_072])
def test_the_filtered_trace_is_mne_s_up_to_its_edges(n: int) -> None:
    from mne.filter import filter_data

    x = np.random.default_rng(1).normal(size=n).cumsum()
    x -= x.mean()
    theirs = filter_data(x, 100.0, 0.3, 1.5, l_trans_bandwidth=0.2, h_trans_bandwidth=0.2, verbose=False)
    ours = filtered(x.astype(np.float32), np.ones(n, np.bool_), taps_of(SLOW, 100.0))
    assert np.abs(ours - theirs).max() < 1e-5 * np.abs(x).max()


def test_mne_s_own_transitions() -> None:
    assert usual_band(0.4, 30.0, 100.0) == Band(0.4, 30.0, 0.4, 7.5)
    assert usual_band(1.0, 45.0, 100.0) == Band(1.0, 45.0, 1.0, 5.0)


def test_a_sine_inside_passes_and_one_outside_does_not() -> None:
    fs = 100.0
    t = np.arange(60_000) / fs
    for hz, gain in ((0.9, 1.0), (0.05, 0.0), (3.0, 0.0), (0.2, 0.5), (1.6, 0.5)):
        out = filtered((50.0 * np.sin(2 * np.pi * hz * t)).astype(np.float32), np.ones(len(t), bool), taps_of(SLOW, fs))
        assert np.abs(out[2000:-2000]).max() == pytest.approx(50.0 * gain, abs=0.5)


def test_nothing_is_delayed() -> None:
    x = np.zeros(20_000, np.float32)
    x[9_000] = 1.0
    out = convolved(x, taps_of(SLOW, 100.0))
    assert int(np.argmax(out)) == 9_000
    assert out[9_000 - 400] == pytest.approx(out[9_000 + 400], abs=1e-7)


def test_each_stretch_is_filtered_as_if_alone() -> None:
    x = np.random.default_rng(2).normal(size=30_000).astype(np.float32)
    valid = np.ones(len(x), np.bool_)
    valid[12_000:12_100] = False
    x[12_000:12_100] = np.nan
    taps = taps_of(SLOW, 100.0)
    out = filtered(x, valid, taps)
    assert np.isnan(out[12_000:12_100]).all()
    for part in (slice(0, 12_000), slice(12_100, 30_000)):
        alone = filtered(x[part], np.ones(len(x[part]), bool), taps)
        assert np.array_equal(out[part], alone)


def test_stretches_below_the_least_are_not_filtered() -> None:
    x = np.random.default_rng(3).normal(size=1_000).astype(np.float32)
    valid = np.ones(1_000, np.bool_)
    valid[300] = False
    out = filtered(x, valid, taps_of(SLOW, 100.0), least=400)
    assert np.isnan(out[:301]).all()
    assert np.isfinite(out[301:]).all()


def test_an_offset_of_millivolts_costs_no_digits() -> None:
    x = np.random.default_rng(4).normal(size=50_000).astype(np.float32)
    taps, valid = taps_of(SIGMA, 100.0), np.ones(50_000, np.bool_)
    shifted = filtered(x + np.float32(4096.0), valid, taps)
    assert np.abs(shifted - filtered(x, valid, taps)).max() < 2e-3


def test_gain_goes_through_exactly_for_powers_of_two() -> None:
    x = np.random.default_rng(5).normal(size=50_000).astype(np.float32)
    valid, taps = np.ones(50_000, np.bool_), taps_of(SIGMA, 100.0)
    assert np.array_equal(filtered(x * 4, valid, taps), 4 * filtered(x, valid, taps))


@pytest.mark.parametrize(("low", "high", "fs"), [(0.3, 1.5, 3.0), (12.0, 15.0, 30.0), (2.0, 1.0, 100.0)])
def test_a_band_that_does_not_fit_is_refused(low: float, high: float, fs: float) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        taps_of(Band(low, high, 0.2, 0.2), fs)


def test_means_of_blocks_by_hand() -> None:
    x = np.array([1, 2, 3, 4, 5, np.nan, 7], np.float32)
    means, whole = block_means(np.nan_to_num(x), np.isfinite(x), 2)
    assert whole.tolist() == [True, True, False]
    assert means[:2].tolist() == [1.5, 3.5]
    assert np.isnan(means[2])
    assert block_means(x, np.isfinite(x), 1)[0][0] == 1.0
