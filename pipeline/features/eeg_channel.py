"""One EEG channel of a recording on the 30-s grid: what may be used of it, its power, and the stages it was slept in.

Everything that several families need of a channel is computed here once, when it is first asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S, NS
from pipeline.recording import Floats, Int64, Signal, Stage
from pipeline.signals.artefacts import muscle_windows, valid_samples
from pipeline.signals.multitaper import multitaper_uv2_hz
from pipeline.signals.spectrum import (
    FREQS_HZ,
    STEP_S,
    WINDOW_S,
    Density,
    band_power_uv2,
    epoch_psd_uv2_hz,
    window_psd_uv2_hz,
)

SWA_HZ = (0.5, 4.0)
"""Slow-wave activity: power from 0.5 to 4 Hz, both bins included."""
SIGMA_HZ = (11.0, 16.0)
"""The spindle band of the AASM manual."""
NREM = (Stage.N2, Stage.N3)
"""Stages whose samples set the thresholds of detectors that are relative to the recording."""
MIN_NREM_EPOCHS = 20
"""Epochs of N2 and N3 (10 min) below which thresholds are set on all valid samples instead (our choice)."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EegChannel:
    """A channel, the grid of 30-s epochs (`start_ns`, `n`) to answer on, and the stages of the grid as far as known.

    `stage` holds `Stage` codes, NaN where nobody scored: the recording's own hypnogram, else one that was lent, else
    the model's.
    """

    signal: Signal
    start_ns: int
    n: int
    stage: Floats

    @property
    def edges_ns(self) -> Int64:
        """The n + 1 borders of the grid epochs."""
        return self.start_ns + np.arange(self.n + 1, dtype=np.int64) * EPOCH_NS

    @cached_property
    def valid(self) -> Mask:
        """Which samples can be cerebral at all, shape (samples,)."""
        return valid_samples(self.signal.samples, self.signal.fs_hz)

    @cached_property
    def edges(self) -> Int64:
        """The first sample of every grid epoch and, last, the end; clipped to the samples there are."""
        at = np.rint((self.edges_ns - self.signal.start_ns) / NS * self.signal.fs_hz)
        return np.clip(at, 0, len(self.signal.samples)).astype(np.int64)

    @cached_property
    def valid_share(self) -> Floats:
        """Share of each 30-s epoch covered by valid samples, shape (n,); NaN where the recording does not reach."""
        seen = np.concatenate(([0], np.cumsum(self.valid, dtype=np.int64)))
        share = np.minimum((seen[self.edges[1:]] - seen[self.edges[:-1]]) / (EPOCH_S * self.signal.fs_hz), 1.0)
        return np.where(self.edges[1:] > self.edges[:-1], share, np.nan)

    @cached_property
    def is_staged(self) -> bool:
        """Whether enough N2 and N3 is known for thresholds to be set on it."""
        return int(np.isin(self.stage, NREM).sum()) >= MIN_NREM_EPOCHS

    @cached_property
    def threshold_samples(self) -> Mask:
        """Samples on which relative thresholds stand: valid ones of N2 and N3, of all where no stages are known."""
        if not self.is_staged:
            return self.valid
        used = np.zeros(len(self.valid), np.bool_)
        used[self.edges[0] : self.edges[-1]] = np.repeat(np.isin(self.stage, NREM), np.diff(self.edges))
        return used & self.valid

    def stage_at(self, seconds: Floats) -> Floats:
        """The stage code at instants given in seconds from the first sample; NaN where unscored or off the grid."""
        at = self.signal.start_ns - self.start_ns + np.rint(seconds * NS).astype(np.int64)
        epoch = at // EPOCH_NS
        inside = (epoch >= 0) & (epoch < self.n)
        return np.where(inside, self.stage[np.clip(epoch, 0, max(self.n - 1, 0))], np.nan)

    @cached_property
    def _windows(self) -> tuple[Density, Mask]:
        """Densities of the 4-s windows, NaN where a window may not be used, and which of them muscles filled."""
        x = self.signal
        windows = window_psd_uv2_hz(x.samples, self.valid, x.fs_hz, x.start_ns, self.start_ns, self.n)
        muscle = muscle_windows(windows)
        windows[muscle] = np.nan
        return windows, muscle

    @cached_property
    def power(self) -> Mapping[str, Floats]:
        """`swa_uv2` and `sigma_uv2` of every epoch, shape (n,); NaN where too little of it is valid."""
        psd = epoch_psd_uv2_hz(self._windows[0])
        return {
            "swa_uv2": band_power_uv2(psd, FREQS_HZ, *SWA_HZ),
            "sigma_uv2": band_power_uv2(psd, FREQS_HZ, *SIGMA_HZ),
        }

    @cached_property
    def spectrum(self) -> NDArray[np.float32]:
        """Multitaper density of every epoch, shape (n, 60), of samples that are valid and not in a muscle burst."""
        muscle = self._windows[1]
        clean = self.valid.copy()
        for epoch, window in np.argwhere(muscle).tolist():
            first = self.edges[epoch] + round(window * STEP_S * self.signal.fs_hz)
            clean[first : first + round(WINDOW_S * self.signal.fs_hz)] = False
        x = self.signal
        return multitaper_uv2_hz(x.samples, clean, x.fs_hz, x.start_ns, self.start_ns, self.n)
