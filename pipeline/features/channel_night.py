"""One EEG channel over one night: its epochs on the night's grid, and the slow waves and spindles found in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, EPOCH_S
from pipeline.recording import Floats, Int64

EPOCH_MIN = EPOCH_S / 60.0
MIN_SHARE = 0.5
"""A channel that holds at least this share of what the fullest one does may stand before it by its place in the file
(our choice)."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """What was found in a channel, one row an event.

    Where it began (UTC ns, not decreasing), by which preset, and its numbers by column name; shape (events,) each.
    """

    onset_ns: Int64
    preset: NDArray[np.str_]
    numbers: Mapping[str, Floats]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.onset_ns)

    def __getitem__(self, name: str) -> Floats:
        """A column; NaN where a number is missing."""
        return self.numbers[name]

    def where(self, kept: Mask) -> Events:
        """The events for which `kept` holds."""
        numbers = {name: values[kept] for name, values in self.numbers.items()}
        return Events(self.onset_ns[kept], self.preset[kept], numbers)

    def by(self, preset: str) -> Events:
        """The events that one preset found."""
        return self.where(self.preset == preset)

    def between(self, start_ns: int, end_ns: int) -> Events:
        """The events that begin in [start, end)."""
        return self.where((self.onset_ns >= start_ns) & (self.onset_ns < end_ns))


@dataclass(frozen=True, slots=True, eq=False)
class ChannelNight:
    """A channel over the epochs from `start_ns` on: `columns` of shape (n,), NaN where the channel does not reach."""

    recording: str
    channel: str
    fs_hz: float
    start_ns: int
    columns: Mapping[str, Floats]
    slow_waves: Events
    spindles: Events

    def cut(self, start_ns: int, end_ns: int) -> ChannelNight:
        """The part within [start, end), both on the grid and inside the night."""
        first, last = (start_ns - self.start_ns) // EPOCH_NS, (end_ns - self.start_ns) // EPOCH_NS
        return ChannelNight(
            self.recording,
            self.channel,
            self.fs_hz,
            start_ns,
            {name: values[first:last] for name, values in self.columns.items()},
            self.slow_waves.between(start_ns, end_ns),
            self.spindles.between(start_ns, end_ns),
        )

    @property
    def searched(self) -> Mask:
        """Epochs that detectors with relative thresholds searched, shape (n,)."""
        return np.asarray(self.columns["searched"] == 1.0, np.bool_)

    @property
    def valid_min(self) -> Floats:
        """Minutes of valid EEG in each epoch, 0 … 0.5; 0 where the channel does not reach."""
        return np.nan_to_num(self.columns["eeg_valid"]) * EPOCH_MIN

    def epoch_of(self, events: Events) -> NDArray[np.int64]:
        """The epoch in which each event begins, counted from `start_ns`."""
        return (events.onset_ns - self.start_ns) // EPOCH_NS


def first_usable(minutes: Sequence[float]) -> int | None:
    """Which of several channels, in order of trust, to stand on: the first with at least half of the most valid EEG.

    `minutes` is how much valid EEG each has; None where none has any.
    """
    most = max(minutes, default=0.0)
    return None if most <= 0.0 else next(k for k, m in enumerate(minutes) if m >= MIN_SHARE * most)


def density_per_min(found: ChannelNight, events: Events, epochs: Mask, least_min: float) -> float | None:
    """Events per minute of valid EEG in the chosen epochs, shape (n,); None with less than `least_min` of it."""
    minutes = float(found.valid_min[epochs].sum())
    if minutes < least_min or minutes <= 0.0:
        return None
    return float(np.bincount(found.epoch_of(events), minlength=len(epochs))[epochs].sum()) / minutes


def median_of(values: Floats, least: int) -> float | None:
    """Median of the finite values; None with fewer than `least`."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) >= least else None
