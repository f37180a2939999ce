"""WFDB signal files: samples of the packings of signal(5), in a channel's unit, NaN where the recorder marked none.

https://physionet.org/physiotools/wag/signal-5.htm. Files are read a stretch of frames at a time, so that memory holds
the wanted channels and no more. Compressed packings (FLAC) and differences (8) are refused with what converts them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.wfdb_header import NULL_SEGMENT, Channel, Header, read_header
from pipeline.errors import Fault, FileFault
from pipeline.recording import Samples

Bytes = NDArray[np.uint8]
Counts = NDArray[np.int32]

FRAMES = 600_000
"""Frames a stretch: a multiple of 6, so that each begins at a whole byte in every packing."""
MOST_SAMPLES = 500_000_000
"""2 GB, a week of three leads at 250 Hz; more is a wrong header, or a record to be read in parts."""


def _signed(values: Counts, bits: int) -> Counts:
    return (values ^ (1 << (bits - 1))) - (1 << (bits - 1))


def _from_212(raw: Bytes) -> Counts:
    low, middle, high = raw.astype(np.int32).reshape(-1, 3).T
    return _signed(np.column_stack((low | (middle & 0x0F) << 8, high | (middle & 0xF0) << 4)).ravel(), 12)


def _from_310(raw: Bytes) -> Counts:
    one, two = raw.view("<u2").astype(np.int32).reshape(-1, 2).T
    third = (one >> 11) | (two >> 11) << 5
    return _signed(np.column_stack(((one & 0x7FF) >> 1, (two & 0x7FF) >> 1, third)).ravel(), 10)


def _from_311(raw: Bytes) -> Counts:
    word = raw.view("<u4")
    return _signed(np.column_stack([word >> shift & 0x3FF for shift in (0, 10, 20)]).astype(np.int32).ravel(), 10)


def _from_24(raw: Bytes) -> Counts:
    low, middle, high = raw.astype(np.int32).reshape(-1, 3).T
    return _signed(low | middle << 8 | high << 16, 24)


_PACKINGS: dict[int, tuple[Fraction, int, int, Callable[[Bytes], Counts]]] = {
    16: (Fraction(2), 2, -(1 << 15), lambda raw: raw.view("<i2").astype(np.int32)),
    61: (Fraction(2), 2, -(1 << 15), lambda raw: raw.view(">i2").astype(np.int32)),
    160: (Fraction(2), 2, -(1 << 15), lambda raw: raw.view("<u2").astype(np.int32) - (1 << 15)),
    80: (Fraction(1), 1, -(1 << 7), lambda raw: raw.astype(np.int32) - (1 << 7)),
    24: (Fraction(3), 3, -(1 << 23), _from_24),
    32: (Fraction(4), 4, -(1 << 31), lambda raw: raw.view("<i4").astype(np.int32)),
    212: (Fraction(3, 2), 3, -(1 << 11), _from_212),
    310: (Fraction(4, 3), 4, -(1 << 9), _from_310),
    311: (Fraction(4, 3), 4, -(1 << 9), _from_311),
}
"""By format: bytes a sample, bytes that go together, the number that means missing, and how bytes become numbers."""


def record_samples(path: Path, header: Header, wanted: Sequence[Channel]) -> tuple[list[Samples], int]:
    """The wanted channels in their own units, each of shape (n,), and how many frames the signal files lack.

    Raises
    ------
    FileFault
        TRUNCATED if a signal file is absent or empty; UNKNOWN_CODE for a packing that is not read.
    """
    frames = sum(length for _, length in header.segments) if header.segments else header.frames
    if frames * sum(channel.times for channel in wanted) > MOST_SAMPLES:
        raise FileFault(Fault.TOO_LARGE, f"the header announces {frames} frames", where=path.name)
    if not header.segments:
        return _plain(path, header, wanted, frames)
    out = [np.full(frames * channel.times, np.nan, np.float32) for channel in wanted]
    begin = lacking = 0
    for name, length in header.segments:
        if name != NULL_SEGMENT and length:
            part = read_header(_beside(path, f"{name}.hea"))
            same = [
                (k, replace(channel, gain=channel.gain or wish.gain))
                for k, wish in enumerate(wanted)
                for channel in part.channels
                if (channel.label, channel.times, channel.units) == (wish.label, wish.times, wish.units)
            ]
            values, short = _plain(path, part, [channel for _, channel in same], length)
            for (k, channel), samples in zip(same, values, strict=True):
                at = begin * channel.times
                out[k][at : at + min(len(samples), length * channel.times)] = samples[: length * channel.times]
            lacking += short
        begin += length
    return out, lacking


def channels_of(path: Path, header: Header) -> tuple[Channel, ...]:
    """The channels of a record: its own, or of a record in segments those of the first segment that has any."""
    if not header.segments:
        return header.channels
    for name, _ in header.segments:
        if name != NULL_SEGMENT:
            return read_header(_beside(path, f"{name}.hea")).channels
    return ()


def _plain(path: Path, header: Header, wanted: Sequence[Channel], frames: int) -> tuple[list[Samples], int]:
    """Channels of a record without segments, and by how many frames its files are shorter than announced."""
    there = min((_frames_in(path, header, channel) for channel in wanted), default=frames)
    n = min(there, frames) if frames else there
    out = [np.empty(n * channel.times, np.float32) for channel in wanted]
    for file in dict.fromkeys(channel.file for channel in wanted):
        group = [channel for channel in header.channels if channel.file == file]
        places = [channel.place for channel in group]
        picks = [(k, places.index(channel.place)) for k, channel in enumerate(wanted) if channel.file == file]
        for begin in range(0, n, FRAMES):
            matrix = _stretch(_beside(path, file), group, begin, min(FRAMES, n - begin))
            first = np.cumsum([0, *(channel.times for channel in group)])
            for k, place in picks:
                channel = wanted[k]
                values = matrix[:, first[place] : first[place] + channel.times].ravel()
                at = begin * channel.times
                out[k][at : at + len(values)] = _physical(channel, values)
    for k, channel in enumerate(wanted):
        if channel.skew:  # its samples were written so many late
            out[k] = np.append(out[k][channel.skew :], np.full(min(channel.skew, n), np.nan, np.float32))
    return out, max(frames - n, 0)


def _frames_in(path: Path, header: Header, channel: Channel) -> int:
    """How many whole frames a channel's file holds."""
    if channel.format not in _PACKINGS:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"its signals are packed in format {channel.format}",
            where=path.name,
            known=f"formats {', '.join(map(str, sorted(_PACKINGS)))} are read",
            hint="convert it: xform -i RECORD -o RECORD16 -n RECORD16 writes format 16",
        )
    each = _PACKINGS[channel.format][0] * sum(c.times for c in header.channels if c.file == channel.file)
    frames = int((_beside(path, channel.file).stat().st_size - channel.offset) / each)
    if frames <= 0:
        raise FileFault(Fault.TRUNCATED, "a signal file of the record is empty", where=path.name)
    return frames


def _beside(path: Path, name: str) -> Path:
    """A file of the record beside its header."""
    file = path.with_name(name)
    if not file.is_file() or file.is_symlink():
        raise FileFault(
            Fault.TRUNCATED,
            "a file that the header names is not beside it",
            where=path.name,
            known=f"a file ending in .{name.rsplit('.', 1)[-1]}",
            hint="put the header (.hea), its signals (.dat) and annotations into one folder, with the names they had",
        )
    return file


def _stretch(file: Path, group: list[Channel], begin: int, frames: int) -> Counts:
    """Frames of a signal file as numbers, shape (frames, samples a frame)."""
    each, unit, _, unpack = _PACKINGS[group[0].format]
    per_frame = sum(channel.times for channel in group)
    first = int(begin * per_frame * each)  # a whole number: stretches are multiples of 6 frames
    size = math.ceil(frames * per_frame * each / unit) * unit
    raw = np.fromfile(file, np.uint8, size, offset=group[0].offset + first)
    raw = np.concatenate((raw, np.zeros(size - len(raw), np.uint8)))  # the last group of bytes may be half full
    return unpack(raw)[: frames * per_frame].reshape(frames, per_frame)


def _physical(channel: Channel, counts: Counts) -> Samples:
    """Numbers in the channel's unit; NaN for the number that means missing."""
    samples = ((counts - channel.baseline) / channel.gain).astype(np.float32)
    samples[counts == _PACKINGS[channel.format][2]] = np.nan
    return samples
