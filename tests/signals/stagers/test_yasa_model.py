"""The whole stager: YASA's stages where nothing is missing, sense where something is, refusals in words."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from pipeline.recording import Stage
from pipeline.signals.stagers import STAGERS, yasa_model
from pipeline.signals.stagers.stager import Stager, staged
from pipeline.signals.stagers.trees import Forest, Tree, forest_of
from pipeline.signals.stagers.yasa_context import COLUMNS
from pipeline.signals.stagers.yasa_model import STAGER, features_of
from pipeline.simulate.eeg import eeg_uv
from pipeline.simulate.person import LOOPS, LoopStrength, Person

needs_yasa = pytest.mark.skipif(find_spec("yasa") is None, reason="the extra `staging` is not installed")

_YASA = """
import logging, sys, warnings
warnings.simplefilter("ignore")
import mne, numpy as np, yasa
logging.disable(logging.CRITICAL)
given = np.load(sys.argv[1])
out = {}
for name in given.files:
    fs = int(name.split("_")[-1])
    raw = mne.io.RawArray(given[name][None] * 1e-6, mne.create_info(["EEG"], fs, "eeg"), verbose="ERROR")
    staging = yasa.SleepStaging(raw, eeg_name="EEG")
    out[name] = staging.predict().proba[["WAKE", "N1", "N2", "N3", "REM"]].to_numpy()
    features = staging.get_features()
    out[name + "_features"] = features[sys.argv[3].split(",")].to_numpy()
np.savez(sys.argv[2], **out)
"""


def by_yasa(folder: Path, signals: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """YASA's own probabilities and features, from a process in which its imports warn nobody."""
    np.savez(folder / "given.npz", **{name: x.astype(np.float64) for name, x in signals.items()})
    command = [sys.executable, "-c", _YASA, "given.npz", "found.npz", ",".join(COLUMNS)]
    environment = os.environ | {"MPLBACKEND": "agg", "MPLCONFIGDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(folder / "found.npz") as found:
        return {name: found[name] for name in found.files}


def resampled(x: np.ndarray, n: int) -> np.ndarray:
    return np.fft.irfft(np.fft.rfft(x), n) * (n / len(x))


def simulated(fs_hz: int, seed: int = 4) -> np.ndarray:
    """Two hours of all stages with muscle and amplifier noise up to the top of the band."""
    rng = np.random.default_rng(seed)
    order = zip((0, 1, 2, 3, 2, 4, 0), (20, 10, 50, 60, 40, 50, 10), strict=True)
    stages = np.concatenate([np.repeat(np.int8(code), n) for code, n in order])
    x = eeg_uv(stages, Person("P01", 40, "F", LOOPS[LoopStrength.NONE], 1400.0, 0.25), rng)
    x = resampled(x, len(stages) * 30 * fs_hz)
    muscle = np.where(np.repeat(stages, 30 * fs_hz) == 0, 6.0, 1.5)
    return (x + rng.normal(size=len(x)) * muscle).astype(np.float32)


def everything(x: np.ndarray) -> np.ndarray:
    return np.ones(len(x), np.bool_)


@needs_yasa
def test_stages_are_yasa_s(tmp_path: Path) -> None:
    signals = {f"simulated_{fs}": simulated(fs) for fs in (100, 128, 256)}
    theirs = by_yasa(tmp_path, signals)
    for name, x in signals.items():
        fs_hz = float(name.split("_")[-1])
        ours = STAGER.stage_density(x, fs_hz, everything(x))
        features = features_of(x, fs_hz, everything(x))
        apart = np.abs(features - theirs[name + "_features"]) / theirs[name + "_features"].std(axis=0)
        # MNE resamples across the two ends before it filters, which the first and last epochs feel, and what is
        # averaged over 7.5 min with them.
        assert apart[8:-8].max() < 0.02, name
        assert ours.shape == (240, 5)
        assert np.array_equal(ours.argmax(axis=1), theirs[name].argmax(axis=1)), name
        assert len(set(ours.argmax(axis=1))) >= 4
        # A feature that differs in its seventh digit may fall on the other side of one of 62 000 thresholds.
        assert np.abs(ours - theirs[name])[8:-8].max() < 0.02, name
        assert np.abs(ours - theirs[name]).max() < 0.1, name
        assert np.median(np.abs(ours - theirs[name]).max(axis=1)) < 1e-5


@needs_yasa
@pytest.mark.realdata
def test_stages_of_a_real_recording_are_yasa_s(real_data: Path, tmp_path: Path) -> None:
    x = np.loadtxt(real_data / "dynamo_eeg_segment" / "segment_data.csv").astype(np.float32)
    n = 8 * 3600 * 100
    night = np.tile(x, n // len(x) + 1)[:n] + np.random.default_rng(1).normal(0.0, 2.0, n).astype(np.float32)
    at_256 = resampled(x[: len(x) // 25 * 25], len(x) // 25 * 64).astype(np.float32)
    signals = {"segment_100": x, "night_100": night, "segment_256": at_256}
    theirs = by_yasa(tmp_path, signals)
    for name, signal in signals.items():
        ours = STAGER.stage_density(signal, float(name.split("_")[-1]), everything(signal))
        assert np.array_equal(ours.argmax(axis=1), theirs[name].argmax(axis=1)), name
        assert np.abs(ours - theirs[name]).max() < 0.02, name


def hour_of_eeg(fs_hz: int = 100, minutes: int = 60) -> np.ndarray:
    rng = np.random.default_rng(9)
    noise = rng.normal(size=minutes * 60 * fs_hz)
    slow = np.convolve(noise, np.ones(fs_hz // 2) / np.sqrt(fs_hz / 2), mode="same")
    level = 10.0 + 30.0 * np.abs(np.sin(np.arange(len(noise)) / fs_hz / 600.0))
    return (slow * level + 2.0 * noise).astype(np.float32)


@pytest.fixture
def by_amplitude(monkeypatch: pytest.MonkeyPatch) -> Stager:
    """The stager with a model of five trees in place of YASA's: N3 where the epoch's spread exceeds 30 µV, else N2."""
    none = np.empty(0, np.int64)
    leaf = Tree(none, np.empty(0), none, none, none, np.zeros(1))
    high = Tree(*(np.array(each) for each in ([3], [30.0], [2], [-1], [-2], [0.0, 9.0])))
    low = Tree(*(np.array(each) for each in ([3], [30.0], [2], [-1], [-2], [9.0, 0.0])))
    forest: Forest = forest_of([leaf, low, high, leaf, leaf], 65, 5)
    classes, names = ("N1", "N2", "N3", "R", "W"), ("eeg_kurt", *COLUMNS[1:3], COLUMNS[0], *COLUMNS[4:])
    monkeypatch.setattr(yasa_model, "trained_trees", lambda: (forest, names, classes))
    yasa_model._load.cache_clear()
    yield STAGER
    yasa_model._load.cache_clear()


def test_columns_stand_for_the_stages_they_should(by_amplitude: Stager) -> None:
    x = hour_of_eeg()
    density = by_amplitude.stage_density(x, 100.0, everything(x))
    assert density.dtype == np.float32
    assert density.sum(axis=1) == pytest.approx(1.0, abs=1e-6)
    spread = features_of(x, 100.0, everything(x))[:, 0]
    assert staged(density).tolist() == np.where(spread > 30.0, Stage.N3, Stage.N2).tolist()
    assert 20 < (spread > 30.0).sum() < 100


def test_epochs_of_which_too_little_is_valid_have_no_stage(by_amplitude: Stager) -> None:
    x = hour_of_eeg()
    valid = everything(x)
    valid[10 * 3000 : 14 * 3000 + 1400] = False  # four epochs, and a bit less than half of a fifth
    valid[20 * 3000 : 20 * 3000 + 1600] = False  # more than half
    density = by_amplitude.stage_density(x, 100.0, valid)
    missing = np.isnan(density).any(axis=1)
    assert np.flatnonzero(missing).tolist() == [10, 11, 12, 13, 20]
    assert np.isnan(density[missing]).all()
    garbage = x.copy()
    garbage[~valid] = np.nan
    assert np.array_equal(by_amplitude.stage_density(garbage, 100.0, valid), density, equal_nan=True)


def test_a_gap_changes_features_of_its_neighbourhood_only() -> None:
    x = hour_of_eeg()
    valid = everything(x)
    valid[60 * 3000 + 700 : 60 * 3000 + 900] = False
    whole, holed = features_of(x, 100.0, everything(x)), features_of(x, 100.0, valid)
    own = slice(0, 21)
    apart = np.abs(whole - holed) / whole.std(axis=0)
    # The first filtered sample is 0 but for rounding, so that one crossing of zero may come or go at a beginning.
    changed = np.flatnonzero((apart[:, own] > 0.05).any(axis=1))
    assert changed.tolist() == [60]
    assert holed[60, 0] == pytest.approx(whole[60, 0], rel=0.1)
    assert np.isfinite(holed).all()
    # Scaling is to the recording: one epoch of 120 moves medians and quantiles by a neighbour or so.
    assert np.median(apart[1:40]) < 0.01
    assert apart[1:40].max() < 0.5


def test_what_is_left_after_the_last_whole_epoch_is_not_staged(by_amplitude: Stager) -> None:
    x = hour_of_eeg()
    for n, epochs in ((36_000, 12), (38_999, 12), (39_000, 13)):
        assert len(by_amplitude.stage_density(x[:n], 100.0, everything(x[:n]))) == epochs


def test_nothing_valid_gives_no_stage_and_no_warning(by_amplitude: Stager) -> None:
    x = np.full(60_000, np.nan, np.float32)
    assert np.isnan(by_amplitude.stage_density(x, 100.0, np.zeros(60_000, np.bool_))).all()
    flat = np.zeros(60_000, np.float32)
    assert by_amplitude.stage_density(flat, 100.0, everything(flat)).shape == (20, 5)


def test_the_rate_does_not_matter_to_the_features() -> None:
    x = hour_of_eeg(minutes=20)
    at_250 = resampled(x, len(x) // 2 * 5).astype(np.float32)
    one, two = features_of(x, 100.0, everything(x)), features_of(at_250, 250.0, everything(at_250))
    apart = np.abs(one - two) / one.std(axis=0)
    # The made signal runs round from its end to its beginning, and scaling sees the ends everywhere.
    assert apart[1:-1, :21].max() < 0.02
    assert apart[8:-8].max() < 0.1


def test_refusals_say_why() -> None:
    x = hour_of_eeg(minutes=10)
    assert STAGER.refusal(len(x), 100.0) is None
    for fs_hz in (64.0, 80.0, 0.0, float("nan")):
        assert "more than 80" in str(STAGER.refusal(10**7, fs_hz))
    assert "needs 5 min" in str(STAGER.refusal(29_999, 100.0))
    assert STAGER.refusal(30_000, 100.0) is None
    with pytest.raises(ValueError, match="more than 80 samples a second, the channel has 64"):
        STAGER.stage_density(x, 64.0, everything(x))


def test_every_stager_is_listed_and_says_what_it_is(root: Path) -> None:
    defined = [
        p.stem
        for p in (root / "pipeline/signals/stagers").glob("*.py")
        if "\nSTAGER = " in p.read_text(encoding="utf-8")
    ]
    assert len(defined) == len(STAGERS)
    assert len({stager.name for stager in STAGERS}) == len(STAGERS)
    for stager in STAGERS:
        assert "doi:" in stager.source
        assert stager.version
        assert len(stager.trained_on) > 40
        assert stager.min_fs_hz > 0
        assert stager.min_duration_s > 0
