"""EEG power of grid epochs: waves of known power, gaps, artefacts, real sleep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.features.eeg_channel import CleanSignal, EegChannel
from pipeline.features.eeg_power import FAMILY
from pipeline.features.family import RecordingView
from pipeline.features.stage_grid import stage_codes
from pipeline.recording import Hypnogram, Kind, Recording, Signal, ZoneSource

START = 1_710_000_000 * NS
FS = 100.0
Columns = Mapping[str, NDArray[np.floating]]


def columns(
    *samples: NDArray[np.floating], fs: float = FS, shift_s: float = 0.0, n: int = 4, kind: Kind = Kind.EEG
) -> Columns:
    signals = tuple(Signal(kind, f"x{k}", fs, START + round(shift_s * NS), np.asarray(x, np.float32))
                    for k, x in enumerate(samples))  # fmt: skip
    return FAMILY.compute(RecordingView(Recording("hand", "UTC", ZoneSource.FILE, signals), START, n))


def wave(
    slow_uv: float = 40.0, spindle_uv: float = 10.0, seconds: float = 120.0, fs: float = FS
) -> NDArray[np.float64]:
    """2 Hz and 13 Hz, with 1 µV of noise."""
    t = np.arange(round(seconds * fs)) / fs
    noise = np.random.default_rng(0).normal(0, 1.0, len(t))
    return slow_uv * np.sin(2 * np.pi * 2 * t) + spindle_uv * np.sin(2 * np.pi * 13 * t) + noise


@pytest.mark.parametrize("fs", [64.0, 100.0, 256.0, 99.9])
def test_bands_hold_half_the_squared_amplitude(fs: float) -> None:
    found = columns(wave(fs=fs), fs=fs)
    np.testing.assert_allclose(found["swa_uv2"], 800.0, rtol=0.01)
    np.testing.assert_allclose(found["sigma_uv2"], 50.0, rtol=0.03)
    np.testing.assert_allclose(found["eeg_valid"], 1.0)
    assert found["psd_uv2_hz"].shape == (4, 60)
    assert np.argmax(found["psd_uv2_hz"], axis=1).tolist() == [3] * 4  # the bin at 2 Hz


def test_gain_offset_and_sign() -> None:
    found = columns(wave())
    for other, factor in ((columns(2 * wave()), 4.0), (columns(wave() + 3000), 1.0), (columns(-wave()), 1.0)):
        for name in ("swa_uv2", "sigma_uv2", "psd_uv2_hz"):
            np.testing.assert_allclose(other[name], factor * found[name], rtol=1e-3, atol=1e-3)


def test_a_gap_epoch_is_missing_and_the_others_stay() -> None:
    x = wave()
    whole = columns(x)
    x[3000:6000] = np.nan
    found = columns(x)
    for name in ("swa_uv2", "sigma_uv2", "psd_uv2_hz"):
        assert np.isnan(found[name][1]).all()
        np.testing.assert_allclose(found[name][[0, 2, 3]], whole[name][[0, 2, 3]], rtol=1e-3, atol=1e-4)
    assert found["eeg_valid"].tolist() == [1.0, 0.0, 1.0, 1.0]


def test_a_short_gap_costs_its_share_and_not_the_power() -> None:
    x = wave()
    x[3500:3800] = np.nan
    found = columns(x)
    assert found["eeg_valid"][1] == pytest.approx(0.9)
    np.testing.assert_allclose(found["swa_uv2"], 800.0, rtol=0.01)


def test_flat_and_extreme_parts_are_not_eeg() -> None:
    x = wave()
    x[3000:6000] = 0.0
    x[6500:6550] += 1500.0
    found = columns(x)
    assert np.isnan(found["swa_uv2"]).tolist() == [False, True, False, False]
    assert found["eeg_valid"][1] == 0.0
    assert 0.9 < found["eeg_valid"][2] < 1.0
    np.testing.assert_allclose(found["swa_uv2"][2], 800.0, rtol=0.01)


def test_muscle_bursts_do_not_become_power() -> None:
    x = wave(seconds=300.0)
    quiet = columns(x, n=10)
    x[15000 + 800 : 15000 + 1200] += np.random.default_rng(1).normal(0, 60, 400)
    found = columns(x, n=10)
    np.testing.assert_allclose(found["sigma_uv2"], quiet["sigma_uv2"], rtol=0.1)
    assert found["eeg_valid"].tolist() == [1.0] * 10


def test_a_burst_in_a_first_epoch_that_was_cut_is_left_out_where_it_is() -> None:
    # The recording begins 18 s into an epoch; 2 s later comes a burst, in the epoch's 20th second.
    x = wave(seconds=132.0)
    x[200:600] += np.random.default_rng(1).normal(0, 60, 400)
    signal = Signal(Kind.EEG, "x", FS, START + 18 * NS, x.astype(np.float32))
    channel = EegChannel(CleanSignal(signal), START, 5, np.full(5, np.nan))
    assert np.argwhere(channel.muscle)[:, 0].tolist() == [0] * int(channel.muscle.sum())
    assert channel.muscle.any()
    quiet = wave(seconds=132.0).astype(np.float32)
    untouched = EegChannel(CleanSignal(replace(signal, samples=quiet)), START, 5, np.full(5, np.nan))
    np.testing.assert_allclose(channel.spectrum[1:], untouched.spectrum[1:], rtol=1e-5)


def test_low_rates_have_no_spindle_band() -> None:
    found = columns(wave(spindle_uv=0.0, fs=32.0), fs=32.0)
    assert np.isnan(found["sigma_uv2"]).all()
    np.testing.assert_allclose(found["swa_uv2"], 800.0, rtol=0.01)


def test_the_first_eeg_signal_counts() -> None:
    found = columns(wave(10.0), wave(40.0))
    np.testing.assert_allclose(found["swa_uv2"], 50.0, rtol=0.02)


def test_share_where_a_recording_begins_and_ends() -> None:
    x = wave(seconds=60.0)
    x[:500] = np.nan
    signal = Signal(Kind.EEG, "x", FS, START + 40 * NS, x.astype(np.float32))  # covers 40 … 100 s, valid from 45 s
    found = EegChannel(CleanSignal(signal), START, 5, np.full(5, np.nan)).valid_share
    np.testing.assert_allclose(found, [np.nan, 0.5, 1.0, 1 / 3, np.nan])


def test_one_epoch_nothing_and_no_eeg() -> None:
    assert columns(wave(seconds=30.0), n=1)["swa_uv2"][0] == pytest.approx(800.0, rel=0.01)
    missing = columns(np.full(12000, np.nan))
    assert all(np.isnan(missing[name]).all() for name in ("swa_uv2", "sigma_uv2", "psd_uv2_hz"))
    assert missing["eeg_valid"].tolist() == [0.0] * 4
    for found in (columns(), columns(wave(), kind=Kind.EOG)):
        assert all(np.isnan(values).all() for values in found.values())
        assert found["psd_uv2_hz"].shape == (4, 60)
    assert all(len(values) == 0 for values in columns(wave(), n=0).values())


def test_declared_equals_filled() -> None:
    names = [c.name for c in FAMILY.columns]
    for found in (columns(wave()), columns(), columns(np.empty(0))):
        assert list(found) == names
        assert all(len(values) == 4 for values in found.values())


@pytest.mark.realdata
def test_slow_waves_grow_with_the_depth_of_real_sleep(real_data: Path) -> None:
    folder = real_data / "dynamo_eeg_segment"
    x = pl.read_csv(folder / "segment_data.csv", has_header=False).to_series()
    changes = pl.read_csv(folder / "segment_stages.csv")
    # Changes lie at 10 s + multiples of 30 s, give or take 0.01 s; the file's own codes are 5 W, 4 R, 3 N1, 2 N2, 1 N3.
    seconds = np.rint(changes["Time"].to_numpy() / 10).astype(int) * 10
    stage_of = np.array([-1, 3, 2, 1, 4, 0], np.int8)
    which = np.searchsorted(seconds, np.arange(0, 5020, 10), side="right") - 1
    hypnogram = Hypnogram(START + 20 * NS, 10.0, stage_of[changes["Stage"].to_numpy()[which]], "expert")
    found = columns(x.to_numpy(), shift_s=20.0, n=168)
    stage = stage_codes(hypnogram, START + np.arange(169, dtype=np.int64) * 30 * NS)
    swa = {code: float(np.nanmedian(found["swa_uv2"][stage == code])) for code in range(5)}
    assert swa[3] > 1.5 * swa[2]
    assert swa[2] > 1.5 * max(swa[0], swa[4])
    assert np.nanmean(found["eeg_valid"]) > 0.95
