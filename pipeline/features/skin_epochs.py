"""Tonic skin conductance and skin temperature on the 30-s grid, where the sensor touched skin."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.recording import Floats, Kind
from pipeline.signals.seconds import on_seconds

CONTACT_US = 0.05
"""Conductance below which the electrodes hang in the air: rule 1 of Kleckner 2018, doi:10.1109/TBME.2017.2758643.
Its upper limit (60 µS) was the ceiling of one device and is left to `PLAUSIBLE`."""
FLAT_US = 1e-5
"""Range of the 1-s medians of an epoch below which the sensor is stuck: skin with the noise of a converter moves by
two of its steps (0.0013 µS in an E4) in every 30 s (seen in 8 exports)."""
FLAT_LEAST_S = 10
"""Seconds needed to call an epoch flat."""
SKIN_LOW_C = 20.0
SKIN_HIGH_C = 42.0
"""Skin under a worn sensor, cold room to fever (our rule; Kleckner 2018 asks for the narrower 30 … 40 °C)."""
LEAST_SHARE = 0.5
"""Share of the epoch that must be valid before it has a value (our rule)."""

_COLUMNS = (
    Column("eda_tonic_us", pl.Float64, "µS",
           "median over the epoch of skin conductance (1-s medians) while the electrodes touched skin",
           "doi:10.1109/TBME.2017.2758643", low=CONTACT_US, null_when="contact for less than half of the epoch"),
    Column("eda_valid", pl.Float64, "1", "share of the epoch in which the electrodes touched skin", "sleeploop",
           low=0.0, high=1.0, null_when="skin conductance was not recorded"),
    Column("temp_c", pl.Float64, "°C", "median skin temperature (1-s medians) within 20 … 42 °C", "sleeploop",
           low=SKIN_LOW_C, high=SKIN_HIGH_C, null_when="plausible for less than half of the epoch"),
)  # fmt: skip


def compute(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    """Every column on the view's grid, shape (n,), NaN where unmeasured. Of several signals of a kind, the first."""
    out = {column.name: np.full(view.n, np.nan) for column in _COLUMNS}
    eda, temp = view.recording.of(Kind.EDA), view.recording.of(Kind.TEMP)
    if eda:
        seconds = _rows(on_seconds(eda[0], view.start_ns, view.n * EPOCH_S))
        touching = _touching(seconds, may_be_flat=eda[0].fs_hz < 1.0)
        recorded = np.isfinite(seconds).any(axis=1)
        out["eda_valid"] = np.where(recorded, touching.mean(axis=1), np.nan)
        out["eda_tonic_us"] = _row_medians(np.where(touching, seconds, np.nan))
    if temp:
        seconds = _rows(on_seconds(temp[0], view.start_ns, view.n * EPOCH_S))
        skin = (seconds >= SKIN_LOW_C) & (seconds <= SKIN_HIGH_C)
        out["temp_c"] = _row_medians(np.where(skin, seconds, np.nan))
    return out


def _rows(seconds: Floats) -> Floats:
    return seconds.reshape(-1, EPOCH_S)


def _touching(seconds: Floats, *, may_be_flat: bool) -> NDArray[np.bool_]:
    """Seconds with skin contact. A signal slower than 1 Hz is held from sample to sample and flat by that alone."""
    touching: NDArray[np.bool_] = seconds >= CONTACT_US
    if may_be_flat:
        return touching
    finite = np.isfinite(seconds)
    span = np.where(finite, seconds, -np.inf).max(axis=1) - np.where(finite, seconds, np.inf).min(axis=1)
    flat = (finite.sum(axis=1) >= FLAT_LEAST_S) & (span < FLAT_US)
    touching &= ~flat[:, None]
    return touching


def _row_medians(rows: Floats) -> Floats:
    """Medians of the finite values of each row; NaN where they are fewer than `LEAST_SHARE` of it."""
    ordered = np.sort(rows, axis=1)  # NaN goes last
    count = np.isfinite(rows).sum(axis=1)
    row = np.arange(len(rows))
    median = (ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, np.minimum(count // 2, EPOCH_S - 1)]) / 2.0
    return np.where(count >= LEAST_SHARE * EPOCH_S, median, np.nan)


FAMILY = EpochFamily(
    name="skin_epochs",
    needs=frozenset({Kind.EDA, Kind.TEMP}),
    columns=_COLUMNS,
    compute=compute,
)
