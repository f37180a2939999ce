"""Sleep spindles: what is found in a channel, and of a night how many, how fast, how large, by stage."""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.channel_night import ChannelNight, density_per_min, median_of
from pipeline.features.eeg_channel import LEAST_SPINDLE_FS_HZ, SPINDLE_PRESETS, EegChannel
from pipeline.features.family import Family, Filled, Level, NightView, Value
from pipeline.features.nrem_eeg import FULL_VALID, nrem_eeg
from pipeline.recording import Floats, Stage

MIN_STAGE_MIN = 5.0
"""Valid minutes of a stage below which no density is given (our choice)."""
MIN_SPINDLES = 10
"""Spindles that a median needs (our choice)."""

_PER_EVENT = (
    ("duration_s", "s", "from where two of the three criteria hold to where they no longer do"),
    ("frequency_hz", "Hz", "median instantaneous frequency in the sigma band"),
    ("amplitude_uv", "µV", "peak to peak of the detrended broadband EEG"),
    ("relative_power", "1", "median share of sigma in broadband power"),
    ("oscillations_n", "count", "positive peaks"),
    ("symmetry", "1", "where the largest peak lies, 0 at the start and 1 at the end"),
)
EVENT_COLUMNS = (
    Column("preset", pl.String, "", "name of the definition that found it", "sleeploop", nullable=False),
    *(Column(name, pl.Float64, unit, meaning, "docs/validation/eeg.md") for name, unit, meaning in _PER_EVENT),
)
_PRESETS = tuple(zip(("spindle", "slow_spindle", "fast_spindle"), SPINDLE_PRESETS, strict=True))


def spindle_events(channel: EegChannel) -> dict[str, Floats | list[str]]:
    """Columns of the channel's spindles by every preset that the pipeline uses, in order of time within each."""
    presets: list[str] = []
    columns: dict[str, list[Floats]] = {name: [] for name in ("onset_s", "stage", *(n for n, _, _ in _PER_EVENT))}
    for name, found in channel.spindles.items():
        presets += [name] * len(found)
        columns["onset_s"].append(found.start_s)
        columns["stage"].append(channel.stage_at(found.start_s))
        for measure, _, _ in _PER_EVENT:
            columns[measure].append(np.asarray(getattr(found, measure), np.float64))
    return {"preset": presets, **{name: np.concatenate([*parts, []]) for name, parts in columns.items()}}


def spindle_values(found: ChannelNight, stage: Floats) -> dict[str, Value]:
    """The columns of one channel over the epochs of a sleep window, whose stage codes have shape (n,)."""
    out: dict[str, Value] = {}
    n2, n3 = stage == Stage.N2, stage == Stage.N3
    for prefix, preset in _PRESETS:
        events = found.spindles.by(preset.name)
        could_look = found.fs_hz >= LEAST_SPINDLE_FS_HZ
        for name, epochs in (("n2", n2), ("n3", n3), ("nrem", n2 | n3)):
            density = density_per_min(found, events, epochs & found.searched, MIN_STAGE_MIN)
            out[f"{prefix}_{name}_per_min"] = density if could_look else None
        inside = events.where((n2 | n3)[found.epoch_of(events)])
        for name in ("frequency_hz", "amplitude_uv", "duration_s"):
            out[f"{prefix}_{name}"] = median_of(inside[name], MIN_SPINDLES)
    return out


def _night(view: NightView) -> Filled:
    held = nrem_eeg(FAMILY, view)
    if isinstance(held, Filled):
        return held
    channel, nrem, coverage = held.channel, held.nrem, held.coverage
    values = spindle_values(channel, held.stage)
    if channel.fs_hz < LEAST_SPINDLE_FS_HZ:
        told = f"spindles are looked for at {LEAST_SPINDLE_FS_HZ:g} Hz or more, the channel has {channel.fs_hz:g}"
        return FAMILY.too_little(told, coverage)
    searched = float(channel.valid_min[nrem & channel.searched].sum() / max(channel.valid_min[nrem].sum(), 1e-9))
    missed = f"spindles were looked for in only {searched:.0%} of N2 and N3, whose stages were told otherwise then"
    if values["spindle_nrem_per_min"] is None:
        few = channel.valid_min[nrem].sum() < MIN_STAGE_MIN
        told = f"less than {MIN_STAGE_MIN:.0f} min of valid EEG in N2 and N3" if few else missed
        return FAMILY.too_little(told, coverage)
    return held.filled(values, [*([missed] if searched < FULL_VALID else []), *view.cut_short])


def _columns() -> tuple[Column, ...]:
    out = []
    for prefix, preset in _PRESETS:
        by = f"by preset {preset.name}"
        for name, words in (("n2", "N2"), ("n3", "N3"), ("nrem", "N2 and N3")):
            out.append(
                Column(f"{prefix}_{name}_per_min", pl.Float64, "1/min",
                       f"spindles per minute of valid EEG in {words}, {by}", preset.source, low=0.0, high=60.0,
                       null_when=f"less than {MIN_STAGE_MIN:.0f} min of valid EEG in it, or a rate below "
                       f"{LEAST_SPINDLE_FS_HZ:g} Hz")
            )  # fmt: skip
        for name, unit, meaning in (p for p in _PER_EVENT if p[0] in {"frequency_hz", "amplitude_uv", "duration_s"}):
            out.append(
                Column(f"{prefix}_{name}", pl.Float64, unit, f"median over spindles of N2 and N3, {by}: {meaning}",
                       preset.source, low=0.0, null_when=f"fewer than {MIN_SPINDLES} spindles in N2 and N3")
            )  # fmt: skip
    return tuple(out)


COLUMNS = _columns()
FAMILY: Family[NightView] = Family(
    name="spindles", level=Level.NIGHT, needs=("eeg_valid",), columns=COLUMNS, compute=_night
)
