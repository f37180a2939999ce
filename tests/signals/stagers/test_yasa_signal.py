"""The 100-Hz signal: MNE's where MNE keeps time, true to time where it does not, and never across a gap."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signals.stagers.yasa_signal import band_passed_100_hz


def everything(n: int) -> np.ndarray:
    return np.ones(n, np.bool_)


@pytest.mark.parametrize("fs_hz", [100, 128, 200, 256, 512])
def test_it_is_what_mne_resamples_and_filters(fs_hz: int) -> None:
    import mne

    n = 200 * fs_hz
    x = np.random.default_rng(fs_hz).normal(0.0, 3.0, n).cumsum().astype(np.float32)
    raw = mne.io.RawArray(x[None].astype(np.float64), mne.create_info(["EEG"], fs_hz, "eeg"), verbose="ERROR")
    if fs_hz != 100:
        raw.resample(100, npad="auto", verbose="ERROR")
    theirs = mne.filter.filter_data(raw.get_data(), 100, 0.4, 30, verbose="ERROR")[0]
    ours = band_passed_100_hz(x, fs_hz, everything(n))
    assert len(ours) == len(theirs) == 20_000
    inside = slice(1000, -1000)  # MNE resamples across the ends before it filters them
    assert np.abs(ours - theirs)[inside].max() < 1e-4 * theirs.std()


@pytest.mark.parametrize("fs_hz", [81.3, 90.0, 100.0, 100.003, 199.9, 250.0, 255.9321, 256.0, 1000.0])
@pytest.mark.parametrize("f_hz", [1.3, 10.0, 28.0])
def test_a_sine_keeps_its_time_and_its_size_at_any_rate(fs_hz: float, f_hz: float) -> None:
    n = int(700 * fs_hz)
    x = (300.0 + 40.0 * np.sin(2 * np.pi * f_hz * np.arange(n) / fs_hz)).astype(np.float32)
    ours = band_passed_100_hz(x, fs_hz, everything(n))
    at_s = np.arange(len(ours)) / 100.0
    expected = 40.0 * np.sin(2 * np.pi * f_hz * at_s)
    assert abs(len(ours) - n * 100 / fs_hz) < 1
    # The ripple of the pass band is 0.2 %; a sample of 10 ms would be 8 to 97 % of the amplitude.
    assert np.abs(ours - expected)[1000:-1000].max() < 40.0 * 0.006


def test_what_the_model_does_not_see_is_gone() -> None:
    t = np.arange(256 * 120) / 256.0
    for f_hz in (0.0, 38.0, 50.0, 62.0, 70.0, 110.0):
        x = (50.0 * np.cos(2 * np.pi * f_hz * t)).astype(np.float32)
        assert np.abs(band_passed_100_hz(x, 256.0, everything(len(x)))[1000:-1000]).max() < 0.25, f_hz


def test_nothing_is_computed_across_a_gap() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0.0, 20.0, 256 * 120).astype(np.float32)
    valid = everything(len(x))
    valid[10_000:12_001] = False
    found = band_passed_100_hz(x, 256.0, valid)
    other = x.copy()
    other[10_000:12_001] = np.nan
    assert np.array_equal(band_passed_100_hz(other, 256.0, valid), found, equal_nan=True)
    other[12_001:] *= -3.0
    before = band_passed_100_hz(other, 256.0, valid)
    first_missing, first_back = int(np.ceil(10_000 / 2.56)), int(np.ceil(12_001 / 2.56))
    missing = np.flatnonzero(np.isnan(found))
    assert missing.tolist() == list(range(first_missing, first_back))
    assert np.array_equal(before[:first_missing], found[:first_missing])


def test_a_stretch_after_a_gap_keeps_the_recording_s_time() -> None:
    fs_hz, n = 256.0, 256 * 200
    x = (40.0 * np.sin(2 * np.pi * 10.0 * np.arange(n) / fs_hz)).astype(np.float32)
    valid = everything(n)
    valid[9_001:9_877] = False  # what follows begins between two samples of 100 Hz
    found = band_passed_100_hz(x, fs_hz, valid)
    expected = 40.0 * np.sin(2 * np.pi * 10.0 * np.arange(len(found)) / 100.0)
    late = slice(int(9_877 / 2.56) + 1000, len(found) - 1000)
    assert np.abs(found - expected)[late].max() < 0.1


def test_stretches_shorter_than_a_spectral_window_are_missing() -> None:
    x = np.random.default_rng(3).normal(0.0, 20.0, 6_000).astype(np.float32)
    valid = everything(6_000)
    valid[[0, 499, 1000]] = False  # leaves 498 samples, then 500, then the rest
    found = np.isnan(band_passed_100_hz(x, 100.0, valid))
    assert found[:500].all()
    assert not found[500:1000].any()
    assert np.flatnonzero(found[500:]).tolist() == [500]


@pytest.mark.parametrize("n", [500, 501, 700, 900, 6_700])
def test_short_stretches_are_filtered_whole(n: int) -> None:
    from pipeline.signals.fir import convolved, taps_of, usual_band

    x = np.random.default_rng(n).normal(0.0, 20.0, n).astype(np.float32)
    x -= x.mean()
    ours = band_passed_100_hz(x, 100.0, everything(n))
    assert np.abs(ours - convolved(x, taps_of(usual_band(0.4, 30.0, 100.0), 100.0))).max() < 2e-4


def test_a_rate_that_holds_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="75 Hz"):
        band_passed_100_hz(np.zeros(7_500, np.float32), 75.0, everything(7_500))
