"""Slow-wave and spindle-band power, aperiodic exponent and spectrum of every grid epoch of a recording's EEG.

They stand on one channel: the first in the file that holds at least half as much valid EEG as the one that holds most,
by the rule that picks a night's channel, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.dataset.table import Column
from pipeline.features.channel_night import first_usable
from pipeline.features.eeg_channel import EegChannel
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.recording import Kind
from pipeline.signals.aperiodic import aperiodic_exponent
from pipeline.signals.multitaper import FREQS_HZ

_WELCH = (
    "Welch 1967, doi:10.1109/TAU.1967.1161901; artefacts: Brunner et al. 1996, doi:10.1046/j.1365-2869.1996.00009.x"
)
_TOO_FEW = "fewer than half of the epoch's 4-s windows are free of gaps and artefacts"
_TOO_FEW_TAPERED = "fewer than half of the epoch's 5-s windows are free of gaps and artefacts"

CHANNEL_COLUMNS = (
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
)  # fmt: skip
"""What is known of every EEG channel in every epoch."""

_FIRST_ONLY = (
    Column(
        "aperiodic_exponent", pl.Float64, "1",
        "exponent β of the EEG's 1/f^β from 2 to 30 Hz beneath its rhythms; larger in deeper sleep",
        "Donoghue et al. 2020, doi:10.1038/s41593-020-00744-x; Lendner et al. 2020, doi:10.7554/eLife.55092",
        null_when=f"{_TOO_FEW_TAPERED}, or the sampling rate is below 30 Hz",
    ),
    Column(
        "psd_uv2_hz", pl.List(pl.Float32), "µV²/Hz",
        "EEG power spectral density at 0.5, 1 … 30 Hz, four sine tapers of 5 s (±0.5 Hz); NaN near and above half the "
        "sampling rate",
        "Riedel & Sidorenko 1995, doi:10.1109/78.365298", null_when=_TOO_FEW_TAPERED,
    ),
)  # fmt: skip


def channel_epochs(channel: EegChannel) -> dict[str, NDArray[np.floating]]:
    """The columns that every channel has, shape (n,) each."""
    return {**channel.power, "eeg_valid": channel.valid_share}


def _columns(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    if not view.channels:
        nothing = np.full(view.n, np.nan)
        scalars = dict.fromkeys((c.name for c in (*CHANNEL_COLUMNS, *_FIRST_ONLY[:-1])), nothing)
        return {**scalars, "psd_uv2_hz": np.full((view.n, len(FREQS_HZ)), np.nan, np.float32)}
    minutes = [float(np.nansum(channel.valid_share)) for channel in view.channels]
    first = view.channels[first_usable(minutes) or 0]
    exponent = aperiodic_exponent(first.spectrum, FREQS_HZ)
    return {**channel_epochs(first), "aperiodic_exponent": exponent, "psd_uv2_hz": first.spectrum}


FAMILY = EpochFamily(
    name="eeg_power",
    needs=frozenset({Kind.EEG}),
    columns=(*CHANNEL_COLUMNS, *_FIRST_ONLY),
    compute=_columns,
    together=("swa_uv2", "sigma_uv2", "eeg_valid", "aperiodic_exponent"),
)
