"""The tables of single EEG channels: every epoch of every channel, and every slow wave and spindle that was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS, NS
from pipeline.dataset.table import Column, Table
from pipeline.dataset.tables import PARTICIPANT, RECORDING, UTC
from pipeline.features.coupling import ROW_COLUMNS as COUPLING_COLUMNS
from pipeline.features.coupling import coupling_rows
from pipeline.features.eeg_channel import EegChannel
from pipeline.features.eeg_power import CHANNEL_COLUMNS, channel_epochs
from pipeline.features.eeg_quality import QUALITY_COLUMNS, quality
from pipeline.features.spindles import EVENT_COLUMNS as SPINDLE_COLUMNS
from pipeline.features.spindles import spindle_events
from pipeline.features.stage_symbols import STAGE, symbols_of
from pipeline.features.waves import EVENT_COLUMNS as WAVE_COLUMNS
from pipeline.features.waves import slow_wave_events
from pipeline.recording import Floats

CHANNEL = Column("channel", pl.String, "", "label of the channel, as in the export", "sleeploop", nullable=False)

EEG_EPOCHS = Table(
    "eeg_epochs",
    "participant × recording × EEG channel × 30 s (only epochs that the channel reaches)",
    ("participant", "recording", "channel", "start_utc"),
    (
        PARTICIPANT,
        RECORDING,
        CHANNEL,
        Column("start_utc", UTC, "", "start of the epoch", "sleeploop", nullable=False),
        *CHANNEL_COLUMNS,
        Column(
            "searched",
            pl.Boolean,
            "",
            "whether detectors with thresholds relative to the recording looked for events here: N2 and N3 as far as "
            "stages were known, else everywhere",
            "sleeploop",
            nullable=False,
        ),
    ),
)


def _event_table(name: str, row: str, columns: tuple[Column, ...]) -> Table:
    onset = Column("onset_utc", UTC, "", "when it began", "sleeploop", nullable=False)
    return Table(
        name,
        row,
        ("participant", "recording", "channel", "preset", "onset_utc"),
        (PARTICIPANT, RECORDING, CHANNEL, onset, STAGE, *columns),
    )


SLOW_WAVES = _event_table("slow_waves", "slow wave × preset that found it", WAVE_COLUMNS)
SPINDLES = _event_table("spindles", "spindle × preset that found it", SPINDLE_COLUMNS)


EEG_CHANNELS = Table(
    "eeg_channels",
    "participant × recording × EEG channel",
    ("participant", "recording", "channel"),
    (
        PARTICIPANT,
        RECORDING,
        CHANNEL,
        Column("place", pl.Int64, "count", "1 for the first EEG channel that was read, …", "sleeploop", low=1,
               nullable=False),
        Column("fs_hz", pl.Float64, "Hz", "sampling rate", "sleeploop", low=0.0, nullable=False),
        *QUALITY_COLUMNS,
    ),
)  # fmt: skip
EEG_COUPLING = Table(
    "eeg_coupling",
    "participant × recording × EEG channel × stage × what comes at a phase of its slow waves",
    ("participant", "recording", "channel", "stage", "at"),
    (PARTICIPANT, RECORDING, CHANNEL, *COUPLING_COLUMNS),
)
EEG_TABLES = (EEG_CHANNELS, EEG_EPOCHS, SLOW_WAVES, SPINDLES, EEG_COUPLING)


def eeg_frames(channels: Sequence[EegChannel], participant: str, recording: str) -> dict[str, pl.DataFrame]:
    """The rows of a recording's channels in every table of EEG channels, by the table's name."""
    frames: dict[str, list[pl.DataFrame]] = {table.name: [table.empty()] for table in EEG_TABLES}
    rows = [
        {
            "participant": participant,
            "recording": recording,
            "channel": channel.signal.label,
            "place": place,
            "fs_hz": channel.signal.fs_hz,
            **quality(channel),
        }
        for place, channel in enumerate(channels, 1)
    ]
    frames[EEG_CHANNELS.name] = [EEG_CHANNELS.frame(rows)]
    for channel in channels:
        whose = channel, participant, recording
        frames[EEG_EPOCHS.name].append(_epochs(*whose))
        frames[SLOW_WAVES.name].append(_events(SLOW_WAVES, slow_wave_events(channel), *whose))
        frames[SPINDLES.name].append(_events(SPINDLES, spindle_events(channel), *whose))
        named = {"participant": participant, "recording": recording, "channel": channel.signal.label}
        frames[EEG_COUPLING.name].append(EEG_COUPLING.frame([named | row for row in coupling_rows(channel)]))
    return {name: pl.concat(parts) for name, parts in frames.items()}


def _epochs(channel: EegChannel, participant: str, recording: str) -> pl.DataFrame:
    columns = {name: pl.Series(name, values).fill_nan(None) for name, values in channel_epochs(channel).items()}
    times = (channel.start_ns + np.arange(channel.n, dtype=np.int64) * EPOCH_NS) // 1000
    searched = pl.Series("searched", channel.searched_epochs)
    frame = pl.DataFrame({"start_utc": pl.Series(times).cast(UTC), **columns, "searched": searched})
    return _of(EEG_EPOCHS, frame.filter(pl.col("eeg_valid").is_not_null()), channel, participant, recording)


def _events(
    table: Table, found: Mapping[str, Floats | list[str]], channel: EegChannel, participant: str, recording: str
) -> pl.DataFrame:
    """Events with `onset_s` and `stage` codes as rows of a table."""
    onset_s = np.asarray(found["onset_s"], np.float64)
    at = channel.signal.start_ns // 1000 + np.rint(onset_s * (NS / 1000)).astype(np.int64)
    columns: dict[str, pl.Series] = {}
    for column in table.columns:
        values = found.get(column.name)
        if column.name == "onset_utc":
            columns[column.name] = pl.Series(at).cast(UTC)
        elif column.name == STAGE.name:
            columns[column.name] = pl.Series(symbols_of(np.asarray(values, np.float64)), dtype=STAGE.dtype)
        elif isinstance(values, list):
            columns[column.name] = pl.Series(values, dtype=column.dtype)
        elif values is not None:
            columns[column.name] = pl.Series(values).fill_nan(None).cast(column.dtype)
    return _of(table, pl.DataFrame(columns), channel, participant, recording)


def _of(table: Table, frame: pl.DataFrame, channel: EegChannel, participant: str, recording: str) -> pl.DataFrame:
    named = frame.with_columns(
        participant=pl.lit(participant), recording=pl.lit(recording), channel=pl.lit(channel.signal.label)
    )
    return table.check(named)
