"""The data records of an EDF, EDF+ or BDF file: time stamps, annotations and samples."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.edf_file import LONGEST_S, Channel, EdfFile, corrupt, opened
from pipeline.devices.pieces import SAME_TIME_S
from pipeline.recording import Floats, Int64, Samples
from pipeline.room import need_room

_ONSET_BYTES = 32
"""Of each record, for its onset and what is made of it."""
_TAL = re.compile(rb"(?<![^\x00])([+-]\d{1,12}(?:\.\d{0,12})?)(?:\x15(\d{1,12}(?:\.\d{0,12})?))?\x14([^\x00]*)\x14\x00")
"""A time-stamped annotation list: onset, duration behind 0x15, texts behind 0x14 each, a zero byte."""
_BLOCK_BYTES = 512 * 1024
"""Records are read in blocks of about so much, which stay in the processor's cache: a night needs no more memory."""

Scale = tuple[float, float]
"""Gain and offset: value = gain · stored number + offset."""


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
    width = max((channel.per_record * file.sample_bytes for channel in file.annotation_channels), default=0)
    need_room(file.path, file.n_records * (_ONSET_BYTES + 3 * width))
    onset_s = np.full(file.n_records, np.nan)
    found: list[Annotation] = []
    unread, whole = 0, (0, file.n_records)
    for k, channel in enumerate(file.annotation_channels):
        # A zero byte after each record keeps a text from running on into the next one.
        blocks = [np.pad(block, ((0, 0), (0, 1))) for block in _blocks(file, channel, whole)]
        table = np.concatenate(blocks) if blocks else np.empty((file.n_records, 1), np.uint8)
        bare_s = _bare_stamps(table)
        if k == 0:
            onset_s = bare_s.copy()
        rows = np.flatnonzero(np.isnan(bare_s))
        text = table[rows].tobytes()
        unread += len(re.findall(rb"[^\x00]+", text))
        for tal in _TAL.finditer(text):
            onset, words = float(tal[1]), tal[3]
            duration = float(tal[2]) if tal[2] else None
            if max(abs(onset), duration or 0.0) > LONGEST_S:
                continue
            unread -= 1
            record = rows[tal.start() // table.shape[1]]
            if k == 0 and words[:1] in {b"", b"\x14"} and math.isnan(onset_s[record]):
                onset_s[record] = onset
            found += [Annotation(onset, duration, _text(w)) for w in words.split(b"\x14") if w.strip()]
    return TimeStamps(onset_s, tuple(found), unread)


def _bare_stamps(table: NDArray[np.uint8]) -> Floats:
    """The onset of each record that holds '+<digits>', 0x14 twice and zeros only; NaN for any other.

    Nearly all records are such ones, and whole columns of digits are read faster than one record after the other.
    """
    onset_s = np.full(len(table), np.nan)
    ends = np.argmax(table == 0x14, axis=1)
    for end in np.unique(ends).tolist():
        rows = np.flatnonzero((ends == end) & (table[:, 0] == ord("+")))
        if not 2 <= end <= 9 or table.shape[1] < end + 3:
            continue
        digits = np.ascontiguousarray(table[rows, 1:end])
        bare = ((digits >= ord("0")) & (digits <= ord("9"))).all(axis=1)
        bare &= (table[rows, end + 1] == 0x14) & ~table[rows, end + 2 :].any(axis=1)
        value = (digits.astype(np.int64) - ord("0")) @ 10 ** np.arange(end - 2, -1, -1)
        fits = bare & (value <= LONGEST_S)
        onset_s[rows[fits]] = value[fits]
    return onset_s


def without_names(annotations: Sequence[Annotation], names: Sequence[str]) -> tuple[Annotation, ...]:
    """Annotations with [name] in the place of each of `names`, whatever its case."""
    if not names:
        return tuple(annotations)
    spelt = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?:'?s)?(?!\w)", re.IGNORECASE)
    return tuple(replace(note, text=spelt.sub("[name]", note.text)) for note in annotations)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").strip()
    except UnicodeDecodeError:
        return raw.decode("latin-1").strip()


def unbroken(file: EdfFile, stamps: TimeStamps) -> tuple[tuple[Int64, Floats], list[str]]:
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
        return whole, bare_too
    if (step_s < -SAME_TIME_S).any():
        k = int(np.argmin(step_s))
        late = f"data record {k + 1} begins at {onset_s[k + 1]:g} s, before record {k} ends"
        if file.discontinuous:
            raise corrupt(file.path, late)
        return whole, [f"{late}; the file says it is continuous and was read so"]
    seams = np.flatnonzero(step_s > SAME_TIME_S)
    begins = np.concatenate(([0], seams + 1))
    notes = [f"{len(seams)} gap(s), {step_s[seams].sum():g} s in all, are left empty"] if len(seams) else []
    slip_s = float(step_s.sum() - step_s[seams].sum())
    if abs(slip_s) > 1:
        notes.append(f"the time stamps of the records and the sampling rate part by {slip_s:g} s")
    return (begins, onset_s[begins]), notes


def samples(file: EdfFile, channel: Channel, scale: Scale, records: tuple[int, int]) -> Samples:
    """Float32 samples of one channel at its own rate in the records from … to, scaled by (gain, offset).

    No more than these samples and one block of records is in memory.
    """
    need_room(file.path, 4 * (records[1] - records[0]) * channel.per_record)
    gain, offset = np.float32(scale[0]), np.float32(scale[1])
    values = np.empty((records[1] - records[0]) * channel.per_record, np.float32)
    done = 0
    for block in _blocks(file, channel, records):
        stored = _numbers(block, file.sample_bytes)
        part = values[done : done + len(stored)]
        np.multiply(stored, gain, out=part, casting="unsafe")
        part += offset
        done += len(stored)
    return values


def _numbers(block: NDArray[np.uint8], sample_bytes: int) -> NDArray[np.int16] | NDArray[np.int32]:
    """The stored integers of a block, shape (n,): little-endian two's complement of 2 or 3 bytes."""
    raw = np.ascontiguousarray(block).ravel()
    if sample_bytes == 2:
        return raw.view("<i2")
    wide = np.zeros((raw.size // 3, 4), np.uint8)
    wide[:, 1:] = raw.reshape(-1, 3)
    return wide.view("<i4").ravel() >> 8


def _blocks(file: EdfFile, channel: Channel, records: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """The bytes of one channel, shape (records, bytes a record), a block of records after the other in one buffer.

    Whole records are read, because a disk gives its bytes in order fastest; of records larger than a block only the
    channel's own part is.
    """
    width = channel.per_record * file.sample_bytes
    if width == 0:
        return
    many = max(1, _BLOCK_BYTES // file.record_bytes)
    whole = file.record_bytes <= _BLOCK_BYTES
    skip, stride = (0, file.record_bytes) if whole else (channel.first_byte, width)
    begin = channel.first_byte - skip
    # One buffer for all blocks: new memory for each would cost as much as reading it.
    table = np.empty((many, stride), np.uint8)
    with opened(file) as stream:
        for first in range(*records, many):
            n = min(many, records[1] - first)
            stream.seek(file.header_bytes + first * file.record_bytes + skip)
            if stream.readinto(table[:n].data.cast("B")) != n * stride:
                raise corrupt(file.path, "the file became shorter while it was read")
            yield table[:n, begin : begin + width]
