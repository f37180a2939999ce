"""The data records of an EDF, EDF+ or BDF file: time stamps, annotations and samples."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.edf_file import LONGEST_S, Channel, EdfFile, corrupt
from pipeline.devices.pieces import SAME_TIME_S, on_one_grid
from pipeline.recording import Floats, Int64, Samples

_TAL = re.compile(rb"(?<![^\x00])([+-]\d{1,12}(?:\.\d{0,12})?)(?:\x15(\d{1,12}(?:\.\d{0,12})?))?\x14([^\x00]*)\x14\x00")
"""A time-stamped annotation list: onset, duration behind 0x15, texts behind 0x14 each, a zero byte."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """A text with its onset in seconds after the header's start; `duration_s` None where the file gives none."""

    onset_s: float
    duration_s: float | None
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class TimeStamps:
    """What the annotation channels say: the onset of every record (NaN where it says none) and the annotations."""

    record_onset_s: Floats
    annotations: tuple[Annotation, ...]
    unread: int
    """Annotations that break the format or lie over a year from the start; they were left out."""


def time_stamps(file: EdfFile) -> TimeStamps:
    """The record onsets and annotations of a file, in the file's order; all NaN and empty for plain EDF."""
    onset_s = np.full(file.n_records, np.nan)
    found: list[Annotation] = []
    unread = 0
    for k, channel in enumerate(file.annotation_channels):
        # A zero byte after each record keeps a text from running on into the next one.
        text = np.pad(_bytes(file, channel), ((0, 0), (0, 1))).tobytes()
        width = channel.per_record * file.sample_bytes + 1
        unread += len(re.findall(rb"[^\x00]+", text))
        for tal in _TAL.finditer(text):
            onset, duration, words = float(tal[1]), float(tal[2] or 0), tal[3].split(b"\x14")
            if max(abs(onset), duration) > LONGEST_S:
                continue
            unread -= 1
            record = tal.start() // width
            if k == 0 and not words[0] and math.isnan(onset_s[record]):
                onset_s[record] = onset
            lasts = duration if tal[2] else None
            found += [Annotation(onset, lasts, _text(word)) for word in words if word.strip()]
    return TimeStamps(onset_s, tuple(found), unread)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def unbroken(file: EdfFile, stamps: TimeStamps) -> tuple[Int64, Floats, list[str]]:
    """The first record of each unbroken stretch, its onset in seconds after the header's start, and repairs.

    Raises
    ------
    FileFault
        CORRUPT if a discontinuous file (EDF+D) has records without a time stamp, or that overlap.
    """
    onset_s = stamps.record_onset_s
    first = 0.0 if math.isnan(onset_s[0]) else float(onset_s[0])
    whole = np.zeros(1, np.int64), np.array([first])
    step_s = np.diff(onset_s) - file.record_s
    if np.isnan(onset_s).any():
        if file.discontinuous:
            bare = int(np.argmax(np.isnan(onset_s)))
            raise corrupt(file.path, f"data record {bare} of a discontinuous file carries no time stamp")
        bare_too = [] if np.isnan(onset_s).all() else ["some data records carry no time stamp; read as continuous"]
        return *whole, bare_too
    if (step_s < -SAME_TIME_S).any():
        k = int(np.argmin(step_s))
        late = f"data record {k + 1} begins at {onset_s[k + 1]:g} s, before record {k} ends"
        if file.discontinuous:
            raise corrupt(file.path, late)
        return *whole, [f"{late}; the file says it is continuous and was read so"]
    seams = np.flatnonzero(step_s > SAME_TIME_S)
    begins = np.concatenate(([0], seams + 1))
    notes = [f"{len(seams)} gap(s), {step_s[seams].sum():g} s in all, are left empty"] if len(seams) else []
    slip_s = float(step_s.sum() - step_s[seams].sum())
    if abs(slip_s) > 1:
        notes.append(f"the time stamps of the records and the sampling rate part by {slip_s:g} s")
    return begins, onset_s[begins], notes


def samples(file: EdfFile, channel: Channel, scale: tuple[float, float], at: tuple[Int64, Floats]) -> Samples:
    """Float32 samples of one channel at its own rate, scaled by (gain, offset), NaN in the gaps of `at`.

    Only the channel's own bytes are read from disk; `at` is what `unbroken` returns.
    """
    raw = np.ascontiguousarray(_bytes(file, channel))
    if file.sample_bytes == 2:
        stored: NDArray[np.int16] | NDArray[np.int32] = raw.view("<i2").ravel()
    else:
        wide = np.zeros((raw.size // 3, 4), np.uint8)
        wide[:, 1:] = raw.reshape(-1, 3)
        stored = wide.view("<i4").ravel() >> 8
    values = stored.astype(np.float32)
    values *= np.float32(scale[0])
    values += np.float32(scale[1])
    begins, onset_s = at
    fs_hz = channel.per_record / file.record_s
    return on_one_grid(values, begins * channel.per_record, onset_s, fs_hz, file.path)


def _bytes(file: EdfFile, channel: Channel) -> NDArray[np.uint8]:
    """The bytes of one channel, of shape (records, bytes a record), not yet read."""
    shape = (file.n_records, file.record_bytes)
    table = np.memmap(file.path, np.uint8, "r", offset=file.header_bytes, shape=shape)
    return table[:, channel.first_byte : channel.first_byte + channel.per_record * file.sample_bytes]
