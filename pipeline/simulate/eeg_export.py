"""A simulated night of EEG on disk: an EDF+ file with its hypnogram, and its truth as JSON beside it."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Stage
from pipeline.simulate.eeg_artefacts import Artefacts
from pipeline.simulate.eeg_events import Channel, SimulatedNight, simulated_night, simulated_stages
from pipeline.simulate.exports.edf import edf_channels_bytes
from pipeline.simulate.slow_wave_events import SlowWaves
from pipeline.simulate.spindle_events import Spindles
from pipeline.simulate.truth import Json

START = datetime(2024, 3, 12, 22, 30)  # noqa: DTZ001  EDF holds a wall clock without a zone
DIGITS = 4
"""Behind the point, of seconds, µV, Hz and radians in the truth."""
TRAVEL_S = 0.01
"""By which each further channel of `write_night` sees the events later, and with a tenth less gain."""


def event_truth(night: SimulatedNight) -> dict[str, Json]:
    """What was planted, as plain numbers: columns of equal length per kind of event, seconds from the first sample.

    `slow_waves` and `spindles` are as a channel of gain 1 without delay has them; `artefacts` are listed by channel.
    `snr_db` is null without background and without slow waves. An uncoupled spindle has wave null and phase null.
    Stages are symbols, one per 30 s.
    """
    return {
        "fs_hz": night.fs_hz,
        "samples": night.samples_uv.shape[1],
        "snr_db": round(night.snr_db, DIGITS) if np.isfinite(night.snr_db) else None,
        "epoch_s": EPOCH_S,
        "stages": [Stage(code).symbol for code in night.stages.tolist()],
        "channels": [dict(asdict(channel)) for channel in night.channels],
        "slow_waves": _columns(night.slow_waves),
        "spindles": _columns(night.spindles),
        "artefacts": {
            channel.label: _columns(found) for channel, found in zip(night.channels, night.artefacts, strict=True)
        },
    }


def _columns(events: SlowWaves | Spindles | Artefacts) -> dict[str, Json]:
    out: dict[str, Json] = {}
    for each in fields(events):
        values = getattr(events, each.name)
        if each.name == "stage":
            out["stage"] = [Stage(code).symbol for code in values.tolist()]
        elif each.name == "reason_code" and isinstance(events, Artefacts):
            out["reason"] = [reason.value for reason in events.reasons]
        elif each.name == "wave":
            out["wave"] = [None if index < 0 else index for index in values.tolist()]
        else:
            out[each.name] = [None if np.isnan(value) else round(value, DIGITS) for value in values.tolist()]
    return out


def eeg_export(
    night: SimulatedNight, path: Path, *, start_wall: datetime = START, identity: str = "P01"
) -> tuple[Path, Path]:
    """Writes the EDF+ file at `path` and `<its stem>.truth.json` beside it; returns both.

    Raises
    ------
    ValueError
        If the sampling rate does not fit EDF's data records.
    """
    labels = [channel.label for channel in night.channels]
    path.write_bytes(edf_channels_bytes(night.samples_uv, labels, night.fs_hz, night.stages, start_wall, identity))
    truth = path.with_name(f"{path.stem}.truth.json")
    truth.write_text(json.dumps({"start": start_wall.isoformat(), **event_truth(night)}) + "\n", "utf-8")
    return path, truth


def write_night(
    path: Path, *, hours: float, fs_hz: float, labels: tuple[str, ...], snr_db: float | None, seed: int
) -> tuple[Path, Path]:
    """Writes an ordinary night of simulated EEG; returns the EDF+ file and its truth.

    The first channel has gain 1 and no delay; each further one a tenth less gain and 10 ms more delay.
    """
    channels = [Channel(label, 0.9**k, TRAVEL_S * k) for k, label in enumerate(labels)]
    night = simulated_night(simulated_stages(hours, seed), fs_hz, channels, snr_db=snr_db, seed=seed)
    return eeg_export(night, path)
