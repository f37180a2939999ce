"""One EEG channel of a recording on the 30-s grid: what may be used of it, its power, and the stages it was slept in.

Everything that several families need of a channel is computed here once, when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.recording import Floats, Int64, Signal, Stage
from pipeline.signals import slow_wave_presets
from pipeline.signals import spindles as spindle_detector
from pipeline.signals.artefacts import SampleFaults, muscle_windows, sample_faults
from pipeline.signals.coupling import Coupling, coupling
from pipeline.signals.eeg_quality import ChannelQuality, WindowGrid, channel_quality
from pipeline.signals.multitaper import multitaper_uv2_hz
from pipeline.signals.slow_waves import SlowWaves, slow_waves
from pipeline.signals.spectrum import (
    FREQS_HZ,
    STEP_S,
    WINDOW_S,
    band_power_uv2,
    epoch_psd_uv2_hz,
    window_psd_uv2_hz,
)
from pipeline.signals.spindles import Spindles, spindles

SWA_HZ = (0.5, 4.0)
"""Slow-wave activity: power from 0.5 to 4 Hz, both bins included."""
SIGMA_HZ = (11.0, 16.0)
"""The spindle band of the AASM manual."""
WAVE_PRESETS = (slow_wave_presets.YASA, slow_wave_presets.NGO_2013)
"""Definitions of a slow wave whose waves are kept: one in µV, one relative to the recording."""
SPINDLE_PRESETS = (spindle_detector.YASA, spindle_detector.SLOW, spindle_detector.FAST)
LEAST_SPINDLE_FS_HZ = spindle_detector.LEAST_FS_HZ
LEAST_WAVE_FS_HZ = max(2.0 * (p.band.high_hz + p.band.high_transition_hz) for p in WAVE_PRESETS)
"""Below it, the band of a definition of a slow wave does not fit the rate."""
NREM = (Stage.N2, Stage.N3)
"""Stages whose samples set the thresholds of detectors that are relative to the recording."""
MIN_NREM_EPOCHS = 20
"""Epochs of N2 and N3 (10 min) below which thresholds are set on all valid samples instead (our choice)."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CleanSignal:
    """An EEG signal and which of its samples may be used."""

    signal: Signal

    @cached_property
    def faults(self) -> SampleFaults:
        """What is wrong with which samples."""
        return sample_faults(self.signal.samples, self.signal.fs_hz)

    @cached_property
    def valid(self) -> Mask:
        """Which samples can be cerebral at all, shape (samples,)."""
        return self.faults.valid()


def under_own_labels(signals: Sequence[Signal]) -> tuple[Signal, ...]:
    """The signals, each under a label of its own: the second "C3" is "C3 (2)"."""
    held, labels = {signal.label for signal in signals}, list[str]()
    for signal in signals:
        again = (f"{signal.label} ({k})" for k in count(2))
        used = held.union(labels)
        labels.append(signal.label if signal.label not in labels else next(w for w in again if w not in used))
    return tuple(replace(one, label=label) for one, label in zip(signals, labels, strict=True))


@dataclass(frozen=True, eq=False)
class EegChannel:
    """A channel, the grid of 30-s epochs (`start_ns`, `n`) to answer on, and the stages of the grid as far as known.

    `stage` holds `Stage` codes, NaN where nobody scored: the recording's own hypnogram, else one that was lent, else
    the model's.
    """

    clean: CleanSignal
    start_ns: int
    n: int
    stage: Floats

    @property
    def signal(self) -> Signal:
        """The samples as they were read."""
        return self.clean.signal

    @property
    def valid(self) -> Mask:
        """Which samples can be cerebral at all, shape (samples,)."""
        return self.clean.valid

    @property
    def edges_ns(self) -> Int64:
        """The n + 1 borders of the grid epochs."""
        return self.start_ns + np.arange(self.n + 1, dtype=np.int64) * EPOCH_NS

    @cached_property
    def edges(self) -> Int64:
        """The first sample of every grid epoch and, last, the end; clipped to the samples there are."""
        at = np.rint((self.edges_ns - self.signal.start_ns) / NS * self.signal.fs_hz)
        return np.clip(at, 0, len(self.signal.samples)).astype(np.int64)

    @cached_property
    def valid_share(self) -> Floats:
        """Share of each 30-s epoch covered by valid samples, shape (n,); NaN where the recording does not reach."""
        seen = np.zeros(self.n)
        inside = np.flatnonzero(np.diff(self.edges))
        if len(inside):
            seen[inside] = np.add.reduceat(self.valid, self.edges[inside], dtype=np.int64)
            last = inside[-1]
            seen[last] = np.count_nonzero(self.valid[self.edges[last] : self.edges[last + 1]])
        share = np.minimum(seen / (EPOCH_S * self.signal.fs_hz), 1.0)
        return np.where(self.edges[1:] > self.edges[:-1], share, np.nan)

    @cached_property
    def is_staged(self) -> bool:
        """Whether enough N2 and N3 is known for thresholds to be set on it."""
        return int(np.isin(self.stage, NREM).sum()) >= MIN_NREM_EPOCHS

    @cached_property
    def searched_epochs(self) -> Mask:
        """Epochs that detectors search whose thresholds stand on what they search: N2 and N3; all where unstaged."""
        return np.isin(self.stage, NREM) if self.is_staged else np.ones(self.n, np.bool_)

    @cached_property
    def searched(self) -> Mask:
        """The samples of these epochs, shape (samples,)."""
        used = np.zeros(len(self.valid), np.bool_)
        used[self.edges[0] : self.edges[-1]] = np.repeat(self.searched_epochs, np.diff(self.edges))
        return used

    @cached_property
    def waves(self) -> Mapping[str, SlowWaves]:
        """The slow waves by each definition that is kept: those in µV anywhere, relative ones where it was searched.

        None at all where the rate is too low to look.
        """
        x = self.signal
        if x.fs_hz < LEAST_WAVE_FS_HZ:
            return {}
        return {
            preset.name: slow_waves(
                x.samples, x.fs_hz, self.valid, self.searched if preset.relative else self.valid, preset
            )
            for preset in WAVE_PRESETS
        }

    @cached_property
    def spindles(self) -> Mapping[str, Spindles]:
        """The spindles by each definition that is kept; none at all where the rate is too low to look."""
        x = self.signal
        if x.fs_hz < LEAST_SPINDLE_FS_HZ or not len(x.samples):
            return {}
        return {p.name: spindles(x.samples, x.fs_hz, self.valid, self.searched, p) for p in SPINDLE_PRESETS}

    @cached_property
    def coupling(self) -> Coupling | None:
        """The phase of each slow wave in µV at its sigma peak and spindle; None where the rate is too low to look."""
        x, own = self.signal, self.spindles
        if not own or not len(x.samples):
            return None
        stage = np.full(len(self.valid), -1, np.int8)
        codes = np.where(np.isin(self.stage, NREM), self.stage, -1.0).astype(np.int8)
        stage[self.edges[0] : self.edges[-1]] = np.repeat(codes, np.diff(self.edges))
        troughs, peaks = self.waves[WAVE_PRESETS[0].name].trough_s, own[SPINDLE_PRESETS[0].name].peak_s
        return coupling(x.samples, x.fs_hz, self.valid, stage, troughs, peaks)

    def stage_at(self, seconds: Floats) -> Floats:
        """The stage code at instants given in seconds from the first sample; NaN where unscored or off the grid."""
        at = self.signal.start_ns - self.start_ns + np.rint(seconds * NS).astype(np.int64)
        epoch = at // EPOCH_NS
        inside = (epoch >= 0) & (epoch < self.n)
        return np.where(inside, self.stage[np.clip(epoch, 0, max(self.n - 1, 0))], np.nan)

    @cached_property
    def windows(self) -> WindowGrid:
        """Densities of the 4-s windows of every epoch; NaN where a window holds a sample that may not be used."""
        x = self.signal
        density = window_psd_uv2_hz(x.samples, self.valid, x.fs_hz, x.start_ns, self.start_ns, self.n)
        return WindowGrid(density, (self.start_ns - x.start_ns) / NS)

    @cached_property
    def muscle(self) -> Mask:
        """Which of these windows hold a burst of muscle activity, shape (n, 14)."""
        return muscle_windows(self.windows.density)

    @cached_property
    def quality(self) -> ChannelQuality:
        """How good the channel is as a whole."""
        stage = self.stage if np.isfinite(self.stage).any() else None
        return channel_quality(self.signal.samples, self.signal.fs_hz, self.clean.faults, self.windows, stage)

    @cached_property
    def power(self) -> Mapping[str, Floats]:
        """`swa_uv2` and `sigma_uv2` of every epoch, shape (n,); NaN where too little of it is valid."""
        usable = np.where(self.muscle[:, :, None], np.float32(np.nan), self.windows.density)
        psd = epoch_psd_uv2_hz(usable)
        return {
            "swa_uv2": band_power_uv2(psd, FREQS_HZ, *SWA_HZ),
            "sigma_uv2": band_power_uv2(psd, FREQS_HZ, *SIGMA_HZ),
        }

    @cached_property
    def spectrum(self) -> NDArray[np.float32]:
        """Multitaper density of every epoch, shape (n, 60), of samples that are valid and not in a muscle burst."""
        clean, x = self.valid.copy(), self.signal
        grid_s = (self.start_ns - x.start_ns) / NS  # negative where the first sample lies inside an epoch
        for epoch, window in np.argwhere(self.muscle).tolist():
            first = round((grid_s + epoch * EPOCH_S + window * STEP_S) * x.fs_hz)
            clean[max(first, 0) : max(first + round(WINDOW_S * x.fs_hz), 0)] = False
        return multitaper_uv2_hz(x.samples, clean, x.fs_hz, x.start_ns, self.start_ns, self.n)
