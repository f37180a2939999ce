"""YASA's pretrained model for one EEG channel, without YASA: its features in NumPy, its 2000 trees as arrays.

Epochs of which less than half is valid, or fewer than three of the eleven 5-s spectral windows, are not staged (see
`yasa_partial`). Where nothing is missing the stages are those of YASA 0.8. The numbers are not free of amplitude: a
gain that is wrong by a factor of two moves N3 by tens of per cent.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pipeline.recording import Samples
from pipeline.signals.fir import Mask
from pipeline.signals.stagers.model_cache import trained_trees, why_missing
from pipeline.signals.stagers.stager import EPOCH_S, STAGES, Density, StageDensity, Stager
from pipeline.signals.stagers.yasa_context import COLUMNS, with_context
from pipeline.signals.stagers.yasa_features import NAMES, whole_epoch_features
from pipeline.signals.stagers.yasa_partial import partial_epoch_features, sufficiently_valid
from pipeline.signals.stagers.yasa_signal import FS_HZ, band_passed_100_hz


def features_of(x_uv: Samples, fs_hz: float, valid: Mask) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """The 65 features of each 30-s epoch, shape (n_epochs, 65) as in `COLUMNS`; NaN rows where too little is valid."""
    n_epochs = int(len(x_uv) / (EPOCH_S * fs_hz) + 1e-9)
    samples = int(EPOCH_S * FS_HZ)
    at_100_hz = band_passed_100_hz(x_uv, fs_hz, valid)
    epochs = at_100_hz[: n_epochs * samples].reshape(n_epochs, samples)
    there = sufficiently_valid(epochs)
    whole = there & np.isfinite(epochs).all(axis=1)
    features = np.full((n_epochs, len(NAMES)), np.nan)
    features[whole] = whole_epoch_features(epochs if whole.all() else epochs[whole])
    features[there & ~whole] = partial_epoch_features(epochs[there & ~whole])
    return with_context(features, there)


@lru_cache(maxsize=1)
def _load() -> StageDensity:
    forest, names, classes = trained_trees()
    order = [COLUMNS.index(name) for name in names]
    columns = [classes.index(stage.symbol or "") for stage in STAGES]

    def stage_density(x_uv: Samples, fs_hz: float, valid: Mask) -> Density:
        rows = features_of(x_uv, fs_hz, valid)
        there = np.isfinite(rows[:, -1])
        out = np.full((len(rows), len(STAGES)), np.nan, np.float32)
        if there.any():
            out[there] = forest.probabilities(rows[there][:, order])[:, columns]
        return out

    return stage_density


STAGER = Stager(
    name="yasa_eeg",
    version="0.5.0",
    source="Vallat & Walker 2021, doi:10.7554/eLife.70092; model of YASA 0.8.1, BSD-3-Clause",
    trained_on="about 3000 whole nights of laboratory and home polysomnography from the National Sleep Research "
    "Resource, of a wide range of ages and health, one central EEG channel; no naps, no headbands",
    min_fs_hz=80.0,
    min_duration_s=300.0,
    missing=why_missing,
    prepare=_load,
)
