"""Heart rate and beat sums on the 30-s grid, from beat intervals and from the heart rate that a device puts out.

The sums (`rr_n`, `rr_s`, `rr_pairs_n`, `rr_ssd_ms2`) are kept whatever their number, so that any longer window can be
pooled from them exactly; the heart rate and RMSSD of the epoch itself need enough beats.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.dataset.table import Column
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.recording import Beats, BeatSensor, Floats, Kind
from pipeline.signals.beats import RR_HIGH_S, RR_LOW_S, BeatMasks, beat_masks
from pipeline.signals.hrv import beat_sums, hr_bpm, rmssd_ms
from pipeline.signals.runs import runs_of
from pipeline.signals.seconds import on_seconds

LEAST_BEATS = 5
"""Valid intervals before an epoch has a heart rate (our rule)."""
LEAST_COVERED_S = EPOCH_S / 3
"""Seconds of the epoch that they must fill, or that a device's heart rate must (our rule)."""
LEAST_PAIRS = 15
"""Adjacent pairs before an epoch has an RMSSD: 10 to 30 s of beats give a usable, noisy one (Munoz 2015,
doi:10.1371/journal.pone.0138921)."""
OFF_EPOCHS = 10
"""Longest stretch without a single beat (5 min) that counts as looked for and not found. In a longer one the strap
was probably off, and nothing is known (our rule)."""
DEVICE_LOW_BPM = 60.0 / RR_HIGH_S
DEVICE_HIGH_BPM = 60.0 / RR_LOW_S
"""The limits of the intervals, as rates: devices put out 0 or a start-up value while they search."""

_TASK_FORCE = "doi:10.1161/01.CIR.93.5.1043"
_OURS = "sleeploop"
_NO_STRAP = "no beat sensor was recording"
_COLUMNS = (
    Column("hr_bpm", pl.Float64, "bpm", "60 / mean valid beat interval of the epoch", _TASK_FORCE,
           low=25.0, high=250.0, null_when=f"fewer than {LEAST_BEATS} valid intervals, or under a third of the epoch"),
    Column("rmssd_ms", pl.Float64, "ms",
           "root mean square of successive differences of adjacent valid intervals", _TASK_FORCE,
           low=0.0, null_when=f"fewer than {LEAST_PAIRS} adjacent pairs"),
    Column("rr_n", pl.Float64, "count", "valid beat intervals that end in the epoch", _OURS,
           low=0.0, null_when=_NO_STRAP),
    Column("rr_s", pl.Float64, "s", "their sum", _OURS, low=0.0, null_when=_NO_STRAP),
    Column("rr_pairs_n", pl.Float64, "count",
           "pairs of adjacent valid intervals whose second one ends in the epoch", _OURS, low=0.0, null_when=_NO_STRAP),
    Column("rr_ssd_ms2", pl.Float64, "ms²", "sum of squared differences of those pairs", _TASK_FORCE,
           low=0.0, null_when=_NO_STRAP),
    Column("rr_excluded_n", pl.Float64, "count",
           "intervals that end in the epoch and were excluded: out of 0.3 … 2 s, or over 20 % off the local median",
           "Xu & Schuckers 2001, J Electrocardiol 34 Suppl:205-210", low=0.0, null_when=_NO_STRAP),
    Column("rr_ppg", pl.Float64, "1", "1: the beats are optical, 0: electrical", _OURS, low=0.0, high=1.0,
           null_when="no beats, or their sensor is not known"),
    Column("device_hr_bpm", pl.Float64, "bpm", "mean heart rate as put out by the device", "the device",
           low=25.0, high=250.0, null_when="none, or for less than a third of the epoch"),
)  # fmt: skip


def compute(view: RecordingView) -> Mapping[str, NDArray[np.floating]]:
    """Every column on the view's grid, shape (n,), NaN where unmeasured."""
    out = {column.name: np.full(view.n, np.nan) for column in _COLUMNS}
    beats = view.recording.beats
    if beats is not None and len(beats.end_ns):
        out.update(_from_beats(beats, beat_masks(beats.end_ns, beats.rr_s), view))
    out["device_hr_bpm"] = _device_hr(view)
    return out


def _from_beats(beats: Beats, masks: BeatMasks, view: RecordingView) -> dict[str, Floats]:
    sums = beat_sums(beats.end_ns, beats.rr_s, masks, view.start_ns, view.n)
    looked = _looked(beats, view)
    columns = {
        "rr_n": sums.rr_n,
        "rr_s": sums.rr_s,
        "rr_pairs_n": sums.rr_pairs_n,
        "rr_ssd_ms2": sums.rr_ssd_ms2,
        "rr_excluded_n": sums.rr_excluded_n,
    }
    out = {name: np.where(looked, values, np.nan) for name, values in columns.items()}
    out["hr_bpm"] = hr_bpm(sums.rr_n, sums.rr_s, LEAST_COVERED_S, LEAST_BEATS)
    out["rmssd_ms"] = rmssd_ms(sums.rr_ssd_ms2, sums.rr_pairs_n, LEAST_PAIRS)
    kind = {BeatSensor.PPG: 1.0, BeatSensor.ECG: 0.0}.get(beats.sensor, np.nan)
    out["rr_ppg"] = np.where(sums.rr_n + sums.rr_excluded_n > 0, kind, np.nan)
    return out


def _looked(beats: Beats, view: RecordingView) -> NDArray[np.bool_]:
    """Epochs in which beats were looked for: between the first and the last one, long stretches of none left out."""
    bins = (beats.end_ns - view.start_ns) // EPOCH_NS
    first_ns = int(beats.end_ns[0]) - round(min(max(float(np.nan_to_num(beats.rr_s[0])), 0.0), RR_HIGH_S) * NS)
    low, high = (first_ns - view.start_ns) // EPOCH_NS, int(bins[-1])
    # Epochs of the whole span are judged, also where the grid shows only a part of it.
    empty = np.bincount(bins - low, minlength=high - low + 1) == 0
    stretches = runs_of(empty)
    long = stretches[np.diff(stretches, axis=1)[:, 0] > OFF_EPOCHS]
    step = np.zeros(len(empty) + 1, np.int64)
    np.add.at(step, long[:, 0], 1)
    np.add.at(step, long[:, 1], -1)
    worn = np.cumsum(step)[:-1] == 0
    looked = np.zeros(view.n, np.bool_)
    left, right = max(low, 0), min(high + 1, view.n)
    if right > left:
        looked[left:right] = worn[left - low : right - low]
    return looked


def _device_hr(view: RecordingView) -> Floats:
    """Mean of the first heart-rate signal per epoch; NaN where plausible values fill less than a third of it."""
    signals = view.recording.of(Kind.HR)
    if not signals:
        return np.full(view.n, np.nan)
    seconds = on_seconds(signals[0], view.start_ns, view.n * EPOCH_S).reshape(view.n, EPOCH_S)
    good = (seconds >= DEVICE_LOW_BPM) & (seconds <= DEVICE_HIGH_BPM)
    count = good.sum(axis=1)
    mean = np.where(good, seconds, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.where(count >= LEAST_COVERED_S, mean, np.nan)


FAMILY = EpochFamily(
    name="heart_epochs",
    needs=frozenset({Kind.RR, Kind.HR}),
    columns=_COLUMNS,
    compute=compute,
    together=tuple(column.name for column in _COLUMNS if column.name != "device_hr_bpm"),
)
