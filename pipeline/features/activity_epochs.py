"""Movement, wear, sleep/wake and light of each 30-s epoch, from counts or raw acceleration and a light sensor."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS
from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.recording import Floats, Kind, Signal
from pipeline.signals.activity import acc_windows_of, counts_per_minute, mad_mg, overlap_mean
from pipeline.signals.sleep_wake import sleep_wake, sustained_inactivity
from pipeline.signals.wear import wear_from_acc, wear_from_counts

_MINUTE_NS = 60 * NS
MAX_SCORED_EPOCH_S = 120.0
"""Longest device epoch that sleep/wake scorers are applied to: they are defined for 15 s … 2 min, and a 5-min sum
hides the single movements that they count."""

_COLUMNS = (
    Column("activity_cpm", pl.Float64, "counts/min", "activity counts as a rate per minute of measured time; a "
           "longer device epoch gives its rate to every 30 s in it; counts are the maker's own and are not "
           "comparable between makers", "sleeploop", low=0.0,
           null_when="counts were not recorded, or less than half of the epoch was"),
    Column("mad_mg", pl.Float64, "mg", "mean amplitude deviation of the size of acceleration, mean of 5-s windows",
           "doi:10.1111/cpf.12127", low=0.0,
           null_when="raw acceleration was not recorded at 5 Hz or more, or less than half of the epoch was"),
    Column("activity_valid", pl.Float64, "1", "share of the epoch in which movement was measured", "sleeploop",
           low=0.0, high=1.0, null_when="the recording holds no movement here"),
    Column("wear", pl.Float64, "1", "1 worn, 0 not worn: counts idle for 3 h or one count stuck for 1 h; or raw "
           "acceleration still for an hour", "sleeploop; doi:10.1371/journal.pone.0061691 for acceleration",
           low=0.0, high=1.0, null_when="movement was not recorded, or too little to tell"),
    Column("acti_sleep", pl.Float64, "1", "1 sleep, 0 wake from movement, per device minute: Oakley (threshold "
           "40) on Actiwatch counts, Cole–Kripke on ActiGraph counts, Oakley on counts brought to the recording's "
           "own level where the scale is unknown, each with Webster's rescoring; from raw acceleration sustained "
           "inactivity (z-angle), which is stillness rather than sleep",
           "Mini Mitter Actiwatch manual; doi:10.1093/sleep/15.5.461; doi:10.1371/journal.pone.0142533", low=0.0,
           high=1.0, null_when="not worn, a minute of the scorer's kernel is missing, the device epoch is longer "
           "than 2 min, or the scale is unknown and less than 18 hours of the day were measured"),
    Column("light_lux", pl.Float64, "lux", "mean illuminance", "sleeploop", low=0.0,
           null_when="light was not recorded, or less than half of the epoch was"),
)  # fmt: skip


def compute(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    """The columns of one recording on its grid, each of shape (n,); NaN where not measured.

    Counts go before raw acceleration for wear and sleep, because their rules are made for weeks of data.
    """
    out: dict[str, Floats] = {column.name: np.full(view.n, np.nan) for column in _COLUMNS}
    for signal in reversed(_of_one_sensor(view, Kind.ACC)):
        _lay_over(out, _from_acc([signal], view))
    stream = next((s for s in view.recording.streams if s.kind is Kind.ACC), None)
    if stream is not None:
        _lay_over(out, _from_acc(stream.pieces(), view))
    for signal in reversed(_of_one_sensor(view, Kind.COUNTS)):
        _lay_over(out, _from_counts(signal, view))
    for signal in reversed(_of_one_sensor(view, Kind.LIGHT)):
        light, _ = overlap_mean(signal.samples, signal.fs_hz, signal.start_ns, view.edges_ns)
        # Photodiodes have an offset; there is no less light than none.
        _lay_over(out, {"light_lux": np.maximum(light, 0.0)})
    return out


def _of_one_sensor(view: RecordingView, kind: Kind) -> list[Signal]:
    """The signals of a kind that bear the label of the first one with data: several axes are not one series."""
    measured = [signal for signal in view.recording.of(kind) if signal.coverage > 0]
    return [signal for signal in measured if signal.label == measured[0].label]


def _lay_over(out: dict[str, Floats], found: Mapping[str, Floats]) -> None:
    """Put the measured epochs of `found` over what is there."""
    for name, values in found.items():
        out[name] = np.where(np.isfinite(values), values, out[name])


def _from_counts(signal: Signal, view: RecordingView) -> dict[str, Floats]:
    cpm, share = counts_per_minute(signal.samples, signal.fs_hz, signal.start_ns, view.edges_ns)
    wear = wear_from_counts(cpm, signal.scale)
    return {
        "activity_cpm": cpm,
        "activity_valid": np.where(share > 0, share, np.nan),
        "wear": wear,
        "acti_sleep": _scored(signal, view, wear),
    }


def _scored(signal: Signal, view: RecordingView, wear: Floats) -> Floats:
    """Sleep and wake of the grid's epochs: scored on the device's own minutes, given to the epochs in them."""
    if signal.fs_hz * MAX_SCORED_EPOCH_S < 1.0 - 1e-9 or not len(signal.samples):
        return np.full(view.n, np.nan)
    minutes = -(-(signal.end_ns - signal.start_ns) // _MINUTE_NS)
    edges_ns = signal.start_ns + np.arange(minutes + 1, dtype=np.int64) * _MINUTE_NS
    cpm, _ = counts_per_minute(signal.samples, signal.fs_hz, signal.start_ns, edges_ns)
    row = np.clip((edges_ns[:-1] + _MINUTE_NS // 2 - view.start_ns) // EPOCH_NS, 0, view.n - 1)
    sleep = sleep_wake(np.where(wear[row] == 0.0, np.nan, cpm), signal.scale)
    minute = (view.edges_ns[:-1] + EPOCH_NS // 2 - signal.start_ns) // _MINUTE_NS
    held = (minute >= 0) & (minute < minutes)
    return np.where(held, sleep[np.clip(minute, 0, minutes - 1)], np.nan)


def _from_acc(pieces: Iterable[Signal], view: RecordingView) -> dict[str, Floats]:
    windows = acc_windows_of(pieces, view.start_ns, view.n)
    mad, share = mad_mg(windows)
    wear = wear_from_acc(windows)
    sleep = sustained_inactivity(windows)
    return {
        "mad_mg": mad,
        "activity_valid": np.where(share > 0, share, np.nan),
        "wear": wear,
        "acti_sleep": np.where(wear == 1.0, sleep, np.nan),
    }


FAMILY = EpochFamily(
    name="activity",
    needs=frozenset({Kind.COUNTS, Kind.ACC, Kind.LIGHT}),
    columns=_COLUMNS,
    compute=compute,
    together=tuple(column.name for column in _COLUMNS),
)
