"""Align the EEG channels of a participant's recordings: each night's channels, best first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS
from pipeline.extract import Extracted
from pipeline.features.channel_night import ChannelNight, Events, first_usable
from pipeline.features.eeg_power import CHANNEL_COLUMNS
from pipeline.features.eeg_quality import slow_wave_doubts
from pipeline.recording import Floats, Int64

_NUMBERS = (*(c.name for c in CHANNEL_COLUMNS), "searched")


class Channels:
    """Every EEG channel of a participant's recordings, in the order of trust; cut by night."""

    def __init__(self, parts: Sequence[Extracted]) -> None:
        self._held = [one for part in parts for one in _channels_of(part)]

    def of_night(self, start_ns: int, n: int) -> tuple[tuple[ChannelNight, ...], tuple[str, ...]]:
        """The channels with valid EEG within the n epochs from `start_ns` (on the grid) on, and doubts about the first.

        The first is the first in order of trust that has at least half as much valid EEG as the one that has most.
        """
        found = [one.cut(start_ns, n) for one in self._held]
        minutes = [float(one.valid_min.sum()) for one in found]
        first = first_usable(minutes)
        if first is None:
            return (), ()
        rest = [one for k, one in enumerate(found) if k != first and minutes[k] > 0.0]
        return (found[first], *rest), self._held[first].doubts


class _Held:
    """One channel of one recording, over all of it."""

    def __init__(self, row: Mapping[str, object], epochs: pl.DataFrame, waves: Events, spindles: Events) -> None:
        self._key, self._fs_hz = (str(row["recording"]), str(row["channel"])), float(str(row["fs_hz"]))
        self.doubts = slow_wave_doubts(row)
        self._epoch = _ns(epochs.get_column("start_utc")) // EPOCH_NS
        self._columns = {name: _floats(epochs.get_column(name)) for name in _NUMBERS}
        self._waves, self._spindles = waves, spindles

    def cut(self, start_ns: int, n: int) -> ChannelNight:
        at = self._epoch - start_ns // EPOCH_NS
        inside = (at >= 0) & (at < n)
        columns: dict[str, Floats] = {}
        for name, values in self._columns.items():
            columns[name] = np.full(n, np.nan)
            columns[name][at[inside]] = values[inside]
        end_ns = start_ns + n * EPOCH_NS
        recording, channel = self._key
        return ChannelNight(
            recording,
            channel,
            self._fs_hz,
            start_ns,
            columns,
            self._waves.between(start_ns, end_ns),
            self._spindles.between(start_ns, end_ns),
        )


def _channels_of(part: Extracted) -> list[_Held]:
    """The channels of one recording, in the file's order."""
    out = []
    for row in part.eeg_channels.to_dicts():
        mine = pl.col("channel") == row["channel"]
        epochs = part.eeg_epochs.filter(mine).sort("start_utc")
        waves, spindles = _events(part.slow_waves.filter(mine)), _events(part.spindles.filter(mine))
        out.append(_Held(row, epochs, waves, spindles))
    return out


def _events(frame: pl.DataFrame) -> Events:
    frame = frame.sort("onset_utc")
    numbers = {c.name: _floats(c) for c in frame.iter_columns() if c.dtype.is_numeric()}
    return Events(_ns(frame.get_column("onset_utc")), frame.get_column("preset").to_numpy().astype(np.str_), numbers)


def _floats(values: pl.Series) -> Floats:
    return np.asarray(values.cast(pl.Float64).to_numpy(), np.float64)


def _ns(times: pl.Series) -> Int64:
    return np.asarray(times.dt.epoch("us").to_numpy(), np.int64) * 1000
