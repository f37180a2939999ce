"""The table of a night's EEG by channel: what the night's own columns say of the first channel, for every one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from pipeline.dataset.table import Column, Table
from pipeline.dataset.tables import PARTICIPANT, RECORDING
from pipeline.features.channel_night import ChannelNight
from pipeline.features.coupling import COLUMNS as COUPLING_COLUMNS
from pipeline.features.coupling import coupling_values
from pipeline.features.eeg_tables import CHANNEL
from pipeline.features.family import NightView
from pipeline.features.spindles import COLUMNS as SPINDLE_COLUMNS
from pipeline.features.spindles import spindle_values
from pipeline.features.waves import COLUMNS as WAVE_COLUMNS
from pipeline.features.waves import wave_values
from pipeline.recording import Floats, Stage

_OURS = "sleeploop"
EEG_NIGHTS = Table(
    "eeg_nights",
    "participant × night × recording × EEG channel (nights with a sleep window)",
    ("participant", "night", "recording", "channel"),
    (
        PARTICIPANT,
        Column("night", pl.Date, "", "as in nights", _OURS, nullable=False),
        RECORDING,
        CHANNEL,
        Column("first", pl.Boolean, "", "whether the columns of nights stand on this channel", _OURS, nullable=False),
        Column("valid_n2_min", pl.Float64, "min", "valid EEG in N2", _OURS, low=0.0, nullable=False),
        Column("valid_n3_min", pl.Float64, "min", "valid EEG in N3", _OURS, low=0.0, nullable=False),
        Column("swa_n2_uv2", pl.Float64, "µV²", "mean slow-wave activity over N2", _OURS, low=0.0,
               null_when="no N2 with known power"),
        Column("swa_n3_uv2", pl.Float64, "µV²", "mean slow-wave activity over N3", _OURS, low=0.0,
               null_when="no N3 with known power"),
        *WAVE_COLUMNS,
        *SPINDLE_COLUMNS,
        *COUPLING_COLUMNS,
    ),
)  # fmt: skip


def eeg_nights(participant: str, views: Sequence[NightView]) -> pl.DataFrame:
    """The rows of a participant's nights."""
    rows = []
    for view in views:
        stage = view.sleep_stage
        if view.window is None or stage is None:
            continue
        for place, channel in enumerate(view.channels):
            inside = channel.cut(view.window.start_ns, view.window.end_ns)
            rows.append(
                {
                    "participant": participant,
                    "night": view.night,
                    "recording": channel.recording,
                    "channel": channel.channel,
                    "first": place == 0,
                    **_amounts(inside, stage),
                    **wave_values(inside, stage, whole=not view.cut_short),
                    **spindle_values(inside, stage),
                    **coupling_values(inside, stage),
                }
            )
    return EEG_NIGHTS.frame(rows)


def _amounts(found: ChannelNight, stage: Floats) -> dict[str, object]:
    out: dict[str, object] = {}
    for name, code in (("n2", Stage.N2), ("n3", Stage.N3)):
        swa = found.columns["swa_uv2"][stage == code]
        known = np.isfinite(swa)
        out[f"valid_{name}_min"] = float(found.valid_min[stage == code].sum())
        out[f"swa_{name}_uv2"] = float(swa[known].mean()) if known.any() else None
    return out
