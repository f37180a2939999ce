"""One EEG channel as EDF+C, its hypnogram as annotations `Sleep stage N2` of 30 s each."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Stage
from pipeline.simulate.stages import Stages

CHANNEL = "EEG Fpz-Cz"
RANGE_UV = 500.0


def edf_bytes(eeg_uv: Floats, fs_hz: int, stages: Stages, start_wall: datetime, identity: str) -> bytes:
    """An EDF+C file of the samples and the stages of their 30-s epochs, from the local wall clock `start_wall` on.

    EDF holds neither zone nor birth date here; samples beyond ±500 µV are clipped as an amplifier would.
    """
    from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording

    signal = EdfSignal(
        eeg_uv.clip(-RANGE_UV, RANGE_UV),
        sampling_frequency=fs_hz,
        label=CHANNEL,
        physical_dimension="uV",
        physical_range=(-RANGE_UV, RANGE_UV),
        prefiltering="HP:0.3Hz LP:30Hz",
    )
    scored = [
        EdfAnnotation(float(k * EPOCH_S), float(EPOCH_S), f"Sleep stage {Stage(code).symbol}")
        for k, code in enumerate(stages.tolist())
    ]
    made: bytes = Edf(
        [signal],
        patient=Patient(code=identity),
        recording=Recording(startdate=start_wall.date(), equipment_code="simulated"),
        starttime=start_wall.time(),
        data_record_duration=EPOCH_S,
        annotations=scored,
    ).to_bytes()
    return made


def write_edf(path: Path, eeg_uv: Floats, fs_hz: int, stages: Stages, start_wall: datetime, identity: str) -> None:
    """Writes `edf_bytes` to a file."""
    path.write_bytes(edf_bytes(eeg_uv, fs_hz, stages, start_wall, identity))
