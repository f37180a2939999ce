"""Slow waves: what is found in a channel, and of a night how many, how large and how steep, by stage, third and cycle.

Densities mean nothing without the definition of a slow wave: every event carries the name of the preset that found
it, and the night's columns stand on two, an absolute one in µV for comparison with the literature and one relative to
the recording's own NREM sleep, which a headband's gain does not move.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from pipeline.dataset.table import Column
from pipeline.features.channel_night import ChannelNight, Mask, density_per_min, median_of
from pipeline.features.eeg_channel import LEAST_WAVE_FS_HZ, WAVE_PRESETS, EegChannel
from pipeline.features.family import Family, Filled, Level, NightView, Value
from pipeline.features.nrem_eeg import nrem_eeg
from pipeline.recording import Floats, Stage
from pipeline.signals.cycles import asleep, nrem_periods, sleep_onset

MIN_STAGE_MIN = 5.0
"""Valid minutes of a stage, cycle or third below which no density is given (our choice)."""
MIN_WAVES = 10
"""Waves that a median needs (our choice)."""
CYCLES = 4
"""NREM periods whose densities are given."""

ABSOLUTE, RELATIVE = WAVE_PRESETS

_PER_EVENT = (
    ("duration_s", "s", "from the descending zero crossing to the next one"),
    ("negative_s", "s", "duration of the negative half-wave"),
    ("neg_uv", "µV", "the trough in the filtered EEG (negative)"),
    ("pos_uv", "µV", "the positive peak in the filtered EEG"),
    ("ptp_uv", "µV", "from trough to peak"),
    ("slope_uv_per_s", "µV/s", "mean slope from the trough up to zero: size of the trough over that time"),
    ("down_slope_uv_per_s", "µV/s", "mean slope from zero down to the trough (negative)"),
    ("transition_uv_per_s", "µV/s", "mean slope from trough to peak"),
)
_MEASURES = tuple(name for name, _, _ in _PER_EVENT)
_UNCOUPLED = f"by another preset than {ABSOLUTE.name}, near a gap, or the rate is too low for sigma"
EVENT_COLUMNS = (
    Column("preset", pl.String, "", "name of the definition that found it", "sleeploop", nullable=False),
    *(Column(name, pl.Float64, unit, meaning, "docs/validation/eeg.md") for name, unit, meaning in _PER_EVENT),
    Column("phase_rad", pl.Float64, "rad", "phase of the slow wave where 12-16 Hz is strongest within 1 s of the "
           "trough: 0 is the positive peak, ±π the trough", "Staresina et al. 2015, doi:10.1038/nn.4119", low=-3.15,
           high=3.15, null_when=_UNCOUPLED),
    Column("ndpac", pl.Float64, "1", "normalised direct phase-amplitude coupling within 1 s of the trough",
           "Özkurt 2012, doi:10.1109/TBME.2012.2194783 (recalled)", low=0.0, null_when=_UNCOUPLED),
    Column("spindle_delay_s", pl.Float64, "s", "peak of a spindle within 1.2 s of the trough, after it",
           "Kurz et al. 2021, doi:10.1093/sleep/zsaa290", null_when=f"no spindle is near, or {_UNCOUPLED}"),
    Column("spindle_phase_rad", pl.Float64, "rad", "phase of the slow wave at that spindle's peak", "sleeploop",
           low=-3.15, high=3.15, null_when=f"no spindle is near, or {_UNCOUPLED}"),
)  # fmt: skip
_COUPLED = ("phase_rad", "ndpac", "spindle_delay_s", "spindle_phase_rad")


def slow_wave_events(channel: EegChannel) -> dict[str, Floats | list[str]]:
    """Columns of the channel's slow waves by every preset that is kept, in order of time within each."""
    presets: list[str] = []
    columns: dict[str, list[Floats]] = {name: [] for name in ("onset_s", "stage", *_MEASURES, *_COUPLED)}
    for name, found in channel.waves.items():
        presets += [name] * len(found)
        columns["onset_s"].append(found.start_s)
        columns["stage"].append(channel.stage_at(found.trough_s))
        for measure in _MEASURES:
            columns[measure].append(getattr(found, measure))
        coupled = channel.coupling if name == ABSOLUTE.name else None
        for measure in _COUPLED:
            values = np.full(len(found), np.nan) if coupled is None else getattr(coupled, measure)
            columns[measure].append(np.asarray(values, np.float64))
    return {"preset": presets, **{name: np.concatenate([*parts, []]) for name, parts in columns.items()}}


def wave_values(found: ChannelNight, stage: Floats, *, whole: bool) -> dict[str, Value]:
    """The columns of one channel over the epochs of a sleep window, whose stage codes have shape (n,).

    Thirds of what was seen of a night that is not `whole` are none of the night: they are None.
    """
    out: dict[str, Value] = {column.name: None for column in COLUMNS}
    if found.fs_hz < LEAST_WAVE_FS_HZ:
        return out
    n2, n3 = stage == Stage.N2, stage == Stage.N3
    for prefix, preset in (("sw", ABSOLUTE), ("sw_rel", RELATIVE)):
        waves = found.slow_waves.by(preset.name)
        searched = found.searched if preset.relative else np.ones(len(stage), np.bool_)
        for name, epochs in (("n2", n2), ("n3", n3), ("nrem", n2 | n3)):
            out[f"{prefix}_{name}_per_min"] = density_per_min(found, waves, epochs & searched, MIN_STAGE_MIN)
        inside = waves.where((n2 | n3)[found.epoch_of(waves)])
        for name in ("ptp_uv", "slope_uv_per_s", "duration_s"):
            out[f"{prefix}_{name}"] = median_of(inside[name], MIN_WAVES)
    waves = found.slow_waves.by(ABSOLUTE.name)
    for k, epochs in enumerate(_thirds(stage), 1):
        density = density_per_min(found, waves, epochs & (n2 | n3), MIN_STAGE_MIN)
        out[f"sw_third{k}_per_min"] = density if whole else None
    cycles = nrem_periods(stage)
    for k in range(CYCLES):
        epochs = np.zeros(len(stage), np.bool_)
        if k < len(cycles):
            epochs[cycles[k, 0] : cycles[k, 1]] = True
        out[f"sw_cycle{k + 1}_per_min"] = density_per_min(found, waves, epochs & (n2 | n3), MIN_STAGE_MIN)
    return out


def _thirds(stage: Floats) -> list[Mask]:
    """The epochs of each third of the time from sleep onset to final awakening; none where nobody slept."""
    onset = sleep_onset(stage)
    if onset is None:
        return [np.zeros(len(stage), np.bool_)] * 3
    last = int(np.flatnonzero(asleep(stage))[-1]) + 1
    at = np.arange(len(stage))
    third = (at - onset) * 3 // (last - onset)
    return [(at >= onset) & (at < last) & (third == k) for k in range(3)]


def _night(view: NightView) -> Filled:
    held = nrem_eeg(FAMILY, view)
    if isinstance(held, Filled):
        return held
    channel, stage, coverage = held.channel, held.stage, held.coverage
    values = wave_values(channel, stage, whole=not view.cut_short)
    if channel.fs_hz < LEAST_WAVE_FS_HZ:
        told = f"slow waves are looked for at {LEAST_WAVE_FS_HZ:g} Hz or more, the channel has {channel.fs_hz:g}"
        return FAMILY.too_little(told, coverage)
    if values["sw_nrem_per_min"] is None:
        return FAMILY.too_little(f"less than {MIN_STAGE_MIN:.0f} min of valid EEG in N2 and N3", coverage)
    whose: dict[str, Value] = {"sw_recording": channel.recording, "sw_channel": channel.channel}
    return held.filled({**values, **whose}, [*view.doubts, *view.cut_short])


def _columns() -> tuple[Column, ...]:
    short = f"less than {MIN_STAGE_MIN:.0f} min of valid EEG in it"
    few = f"fewer than {MIN_WAVES} slow waves in N2 and N3"
    out = []
    for prefix, preset in (("sw", ABSOLUTE), ("sw_rel", RELATIVE)):
        by = f"by preset {preset.name}"
        for name, words in (("n2", "N2"), ("n3", "N3"), ("nrem", "N2 and N3")):
            out.append(Column(f"{prefix}_{name}_per_min", pl.Float64, "1/min",
                              f"slow waves per minute of valid EEG in {words}, {by}",
                              preset.source, low=0.0, high=120.0, null_when=short))  # fmt: skip
        for name, unit, meaning in (p for p in _PER_EVENT if p[0] in {"ptp_uv", "slope_uv_per_s", "duration_s"}):
            words = f"median over slow waves of N2 and N3, {by}: {meaning}"
            out.append(Column(f"{prefix}_{name}", pl.Float64, unit, words, preset.source, low=0.0, null_when=few))
    spans = [(f"third{k}", f"N2 and N3 of the {word} third of the sleep period")
             for k, word in enumerate(("first", "second", "last"), 1)]  # fmt: skip
    spans += [(f"cycle{k}", f"N2 and N3 of NREM period {k}") for k in range(1, CYCLES + 1)]
    out += [
        Column(f"sw_{name}_per_min", pl.Float64, "1/min",
               f"slow waves per minute of valid EEG in {words}, by preset {ABSOLUTE.name}",
               ABSOLUTE.source, low=0.0, high=120.0,
               null_when=f"{short}, or the night was cut short" if name.startswith("third") else short)
        for name, words in spans
    ]  # fmt: skip
    return tuple(out)


COLUMNS = _columns()
FAMILY: Family[NightView] = Family(
    name="slow_waves",
    level=Level.NIGHT,
    needs=("eeg_valid",),
    columns=(
        Column("sw_recording", pl.String, "", "recording that the slow-wave columns stand on", "sleeploop",
               null_when="they are null"),
        Column("sw_channel", pl.String, "", "EEG channel that the slow-wave columns stand on", "sleeploop",
               null_when="they are null"),
        *COLUMNS,
    ),
    compute=_night,
)  # fmt: skip
