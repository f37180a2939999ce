"""EEG as EDF+, its hypnogram as annotations `Sleep stage N2` of 30 s each: one channel, or several with gaps."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Samples, Stage
from pipeline.simulate.stages import Stages

if TYPE_CHECKING:
    from edfio import EdfAnnotation

CHANNEL = "EEG Fpz-Cz"
RANGE_UV = 500.0
RECORDS_S = (1, 2, 3, 5, 6, 10, 15, 30)
"""Lengths of data records to choose from: the first that holds whole samples."""
_INTERRUPTED = b"EDF+D"


def edf_bytes(eeg_uv: Floats, fs_hz: int, stages: Stages, start_wall: datetime, identity: str) -> bytes:
    """An EDF+C file of the samples and the stages of their 30-s epochs, from the local wall clock `start_wall` on.

    EDF holds neither zone nor birth date here; samples beyond ±500 µV are clipped as an amplifier would.
    """
    from edfio import Edf, EdfSignal, Patient, Recording

    signal = EdfSignal(
        eeg_uv.clip(-RANGE_UV, RANGE_UV),
        sampling_frequency=fs_hz,
        label=CHANNEL,
        physical_dimension="uV",
        physical_range=(-RANGE_UV, RANGE_UV),
        prefiltering="HP:0.3Hz LP:30Hz",
    )
    made: bytes = Edf(
        [signal],
        patient=Patient(code=identity),
        recording=Recording(startdate=start_wall.date(), equipment_code="simulated"),
        starttime=start_wall.time(),
        data_record_duration=EPOCH_S,
        annotations=_scored(stages),
    ).to_bytes()
    return made


def edf_channels_bytes(
    samples_uv: Samples, labels: Sequence[str], fs_hz: float, stages: Stages, start_wall: datetime, identity: str
) -> bytes:
    """An EDF+ file of several channels, shape (channels, n); EDF+C, or EDF+D where all channels have a gap (NaN).

    A data record (one second, longer at rates that are no whole number) in which any sample is missing is left out,
    and with it the stage of an epoch that begins there. Samples beyond ±500 µV are clipped.

    Raises
    ------
    ValueError
        If no record of up to 30 s holds whole samples at that rate, or nothing was recorded at all.
    """
    from edfio import Edf, EdfSignal, Patient, Recording

    record_s = next((s for s in RECORDS_S if (s * fs_hz).is_integer()), None)
    if record_s is None:
        raise ValueError(f"no EDF data record of up to 30 s holds whole samples at {fs_hz} Hz")
    finite = np.isfinite(samples_uv).reshape(len(samples_uv), -1, round(record_s * fs_hz))
    present = np.asarray(finite.all(axis=(0, 2)), bool)
    if not present.any():
        raise ValueError("an EDF file without a single data record cannot be written")
    signals = [
        EdfSignal(
            np.nan_to_num(trace.astype(np.float64)).clip(-RANGE_UV, RANGE_UV),
            sampling_frequency=fs_hz,
            label=label,
            physical_dimension="uV",
            physical_range=(-RANGE_UV, RANGE_UV),
            prefiltering="HP:0.2Hz",
        )
        for trace, label in zip(samples_uv, labels, strict=True)
    ]
    whole: bytes = Edf(
        signals,
        patient=Patient(code=identity),
        recording=Recording(startdate=start_wall.date(), equipment_code="simulated"),
        starttime=start_wall.time(),
        data_record_duration=record_s,
        annotations=_scored(stages),
    ).to_bytes()
    return whole if present.all() else _interrupted(whole, present)


def _scored(stages: Stages) -> list[EdfAnnotation]:
    from edfio import EdfAnnotation

    return [
        EdfAnnotation(float(k * EPOCH_S), float(EPOCH_S), f"Sleep stage {Stage(code).symbol}")
        for k, code in enumerate(stages.tolist())
    ]


def _interrupted(whole: bytes, present: NDArray[np.bool_]) -> bytes:
    """The file without the data records that are not present; the others keep the onset they carry."""
    header_bytes = int(whole[184:192])
    header = bytearray(whole[:header_bytes])
    header[192:197] = _INTERRUPTED
    header[236:244] = str(int(present.sum())).encode().ljust(8)
    records = np.frombuffer(whole, np.uint8, offset=header_bytes).reshape(len(present), -1)
    return bytes(header) + records[present].tobytes()


def write_edf(path: Path, eeg_uv: Floats, fs_hz: int, stages: Stages, start_wall: datetime, identity: str) -> None:
    """Writes `edf_bytes` to a file."""
    path.write_bytes(edf_bytes(eeg_uv, fs_hz, stages, start_wall, identity))
