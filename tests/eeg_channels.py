"""EEG channels of a night with events at will, and parts of a participant with simulated EEG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from nights import FIRST, NOON, ROME, N, night, stages
from numpy.typing import NDArray

from pipeline.align import Aligned, align
from pipeline.clock import EPOCH_NS
from pipeline.extract import Extracted, extract
from pipeline.features.channel_night import ChannelNight, Events
from pipeline.features.family import NightView
from pipeline.features.model_staging import DENSITY_COLUMNS
from pipeline.participants import Participant
from pipeline.recording import Floats, Hypnogram, Kind, Recording, Samples, Signal, Stage, StageSource, ZoneSource
from pipeline.study import Export

LIGHTS_OUT_NS = NOON + FIRST * EPOCH_NS
Counts = Sequence[int] | NDArray[np.int64]


def events(counts: Counts, preset: str, first: int = FIRST, **numbers: float | Floats) -> Events:
    """So many events in each epoch from 23:00 on, at even distances; every number alike, or one an event."""
    n = np.asarray(counts, np.int64)
    at = [NOON + (first + k) * EPOCH_NS + i * EPOCH_NS // m for k, m in enumerate(n.tolist()) for i in range(m)]
    columns = {name: np.broadcast_to(np.float64(value), len(at)).copy() for name, value in numbers.items()}
    return Events(np.array(at, np.int64), np.full(len(at), preset), columns)


def together(*found: Events) -> Events:
    """The events of several presets, in order of time."""
    onset = np.concatenate([one.onset_ns for one in found])
    order = np.argsort(onset, kind="stable")
    names = found[0].numbers
    return Events(
        onset[order],
        np.concatenate([one.preset for one in found])[order],
        {name: np.concatenate([one[name] for one in found])[order] for name in names},
    )


def per_stage(text: str, **counts: int) -> NDArray[np.int64]:
    """How many events each epoch of `text` holds: `n2=2` puts two into every epoch of N2."""
    codes = {"w": 0.0, "n1": 1.0, "n2": 2.0, "n3": 3.0, "rem": 4.0}
    stage = stages(text)
    return sum((np.where(stage == codes[name], n, 0) for name, n in counts.items()), np.zeros(len(stage), np.int64))


def channel(
    text: str,
    slow_waves: Events,
    spindles: Events,
    *,
    valid: float | Floats = 1.0,
    searched: bool | NDArray[np.bool_] = True,
    fs_hz: float = 100.0,
) -> ChannelNight:
    """A channel that reaches over the epochs of `text` from 23:00 on."""
    n = len(stages(text))
    columns = {name: np.full(N, np.nan) for name in ("swa_uv2", "sigma_uv2", "eeg_valid", "searched")}
    inside = slice(FIRST, FIRST + n)
    columns["eeg_valid"][inside] = valid
    columns["searched"][inside] = np.where(np.isfinite(columns["eeg_valid"][inside]), searched, np.nan)
    columns["swa_uv2"][inside] = np.where(columns["eeg_valid"][inside] >= 0.5, 100.0, np.nan)
    return ChannelNight("aaaaaaaaaaaa", "C3", fs_hz, NOON, columns, slow_waves, spindles)


def night_of(text: str, *channels: ChannelNight, doubts: tuple[str, ...] = (), **cut: bool) -> NightView:
    """A night whose window and stages are those of `text`, with these channels; `begin`, `end`: cut off there."""
    return replace(night(text, **cut), channels=channels, doubts=doubts)  # type: ignore[arg-type]


def night_with_density(text: str, density: Mapping[str, Floats], **cut: bool) -> NightView:
    """A night whose window holds these probabilities of the stages, by column."""
    view = night(text, **cut)  # type: ignore[arg-type]
    columns = dict(view.grid.columns)
    for name in DENSITY_COLUMNS:
        columns[name] = np.full(N, np.nan)
        columns[name][FIRST : FIRST + len(density[name])] = density[name]
    return replace(view, grid=replace(view.grid, columns=columns))


def eeg_part(
    channels: Mapping[str, Samples] | Sequence[tuple[str, Samples]],
    fs_hz: float = 100.0,
    *,
    stage: NDArray[np.int8] | None = None,
    source: StageSource = StageSource.EXPERT,
    start_ns: int = LIGHTS_OUT_NS,
    lent: NDArray[np.int8] | None = None,
    name: str = "a" * 12,
) -> Extracted:
    """What is extracted of an EEG that begins at 23:00."""
    pairs = channels.items() if isinstance(channels, Mapping) else channels
    signals = tuple(Signal(Kind.EEG, label, fs_hz, start_ns, np.asarray(x, np.float32)) for label, x in pairs)
    own = None if stage is None else Hypnogram(start_ns, 30.0, stage, "hand", source)
    other = None if lent is None else Hypnogram(start_ns, 30.0, lent, "other", StageSource.EXPERT)
    recording = Recording("hand", ROME, ZoneSource.STUDY, signals, hypnogram=own)
    return extract(recording, Export("P1", Path("a.edf"), f"P1/{name}.edf", None), "hand", name.ljust(64, "0"), other)


def aligned(*parts: Extracted) -> Aligned:
    """The participant's tables."""
    return align(Participant("P1", None, None, None), ROME, parts)


def codes(text: str) -> NDArray[np.int8]:
    """`"W10 2 40"` as the stages of a hypnogram; `?` is not scored."""
    found = stages(text)
    return np.where(np.isnan(found), Stage.UNSCORED, found).astype(np.int8)
