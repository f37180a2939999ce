"""Slow-wave and spindle-band power, and the spectrum, of every grid epoch of the first EEG signal."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S, NS
from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.recording import Floats, Int64, Kind, Signal
from pipeline.signals.artefacts import muscle_windows, valid_samples
from pipeline.signals.spectrum import (
    FREQS_HZ,
    HALF_HZ,
    band_power_uv2,
    epoch_psd_uv2_hz,
    half_hz_psd_uv2_hz,
    window_psd_uv2_hz,
)

SWA_HZ = (0.5, 4.0)
"""Slow-wave activity: power from 0.5 to 4 Hz, both bins included."""
SIGMA_HZ = (11.0, 16.0)
"""The spindle band of the AASM manual."""

_WELCH = (
    "Welch 1967, doi:10.1109/TAU.1967.1161901; artefacts: Brunner et al. 1996, doi:10.1046/j.1365-2869.1996.00009.x"
)
_TOO_FEW = "fewer than half of the epoch's 4-s windows are free of gaps and artefacts"


def valid_share(valid: NDArray[np.bool_], fs_hz: float, start_ns: int, edges_ns: Int64) -> Floats:
    """Share of each 30-s epoch covered by valid samples, shape (n,); NaN where the recording does not reach at all."""
    at = np.clip(np.rint((edges_ns - start_ns) / NS * fs_hz).astype(np.int64), 0, len(valid))
    seen = np.concatenate(([0], np.cumsum(valid, dtype=np.int64)))
    share = np.minimum((seen[at[1:]] - seen[at[:-1]]) / (EPOCH_S * fs_hz), 1.0)
    return np.where(at[1:] > at[:-1], share, np.nan)


def _columns(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    signals = view.recording.of(Kind.EEG)
    if not signals:
        nothing = np.full(view.n, np.nan)
        spectrum = np.full((view.n, len(HALF_HZ)), np.nan, np.float32)
        return {"swa_uv2": nothing, "sigma_uv2": nothing, "eeg_valid": nothing, "psd_uv2_hz": spectrum}
    return _of_signal(signals[0], view)


def _of_signal(eeg: Signal, view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    valid = valid_samples(eeg.samples, eeg.fs_hz)
    windows = window_psd_uv2_hz(eeg.samples, valid, eeg.fs_hz, eeg.start_ns, view.start_ns, view.n)
    windows[muscle_windows(windows)] = np.nan
    psd = epoch_psd_uv2_hz(windows)
    return {
        "swa_uv2": band_power_uv2(psd, FREQS_HZ, *SWA_HZ),
        "sigma_uv2": band_power_uv2(psd, FREQS_HZ, *SIGMA_HZ),
        "eeg_valid": valid_share(valid, eeg.fs_hz, eeg.start_ns, view.edges_ns),
        "psd_uv2_hz": half_hz_psd_uv2_hz(psd),
    }


FAMILY = EpochFamily(
    name="eeg_power",
    needs=frozenset({Kind.EEG}),
    columns=(
        Column(
            "swa_uv2", pl.Float64, "µV²", "slow-wave activity: EEG power from 0.5 to 4 Hz, mean over 4-s windows",
            _WELCH, low=0.0, null_when=_TOO_FEW,
        ),
        Column(
            "sigma_uv2", pl.Float64, "µV²", "spindle-band EEG power from 11 to 16 Hz, mean over 4-s windows", _WELCH,
            low=0.0, null_when=f"{_TOO_FEW}, or the sampling rate is 32 Hz or less",
        ),
        Column(
            "eeg_valid", pl.Float64, "1",
            "share of the epoch in which the EEG was neither missing, flat, clipped nor beyond 500 µV",
            "sleeploop", low=0.0, high=1.0, null_when="the EEG recording does not reach the epoch",
        ),
        Column(
            "psd_uv2_hz", pl.List(pl.Float32), "µV²/Hz",
            "EEG power spectral density in 60 bins centred at 0.5, 1 … 30 Hz; NaN at and above half the sampling rate",
            _WELCH, null_when=_TOO_FEW,
        ),
    ),
    compute=_columns,
)  # fmt: skip
