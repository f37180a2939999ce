"""The records of an ActiGraph `log.bin`: where seconds of samples lie, light, and samples in g.

A record is `1E`, type, time (u32, s), size (u16), payload, and the complement of the XOR of all before (ActiGraph's own
description of the format). Records are found by their heads wherever they lie, not by walking from one to the next: so
zero bytes between them, which the maker knows of, and a damaged one cost nothing else. Type, size and a time within
the recording are 6 of 8 bytes, and the checksum one more: nothing within samples looks like that by chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Int64, Samples

Bytes = NDArray[np.uint8]

MARK = 0x1E
PACKED, PLAIN, LIGHT = 0x00, 0x1A, 0x05
"""Types: 12-bit samples in the order Y, X, Z; int16 in the order X, Y, Z; light in lux (u16)."""
HEAD_BYTES = 8
DARK = 0xFFFF
"""What stands for no light value."""
_CHUNK_BYTES = 2 * 1024**2
_SPARE_BYTES = 16
_PAIRS = 8192
"""Pairs of packed samples that are decoded at once: their buffers stay in the processor's cache."""
_TOP_12 = np.uint64(0xFFF << 52)
_MOST_ODD = 1000
"""Records of unusual size whose checksum is looked at in one stretch."""


class Source(Protocol):
    """What bytes are read from."""

    def readinto(self, buffer: object, /) -> int | None:
        """Fill a buffer; the bytes that came."""


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """Where the seconds of samples of a log lie, in order of time; shape (n,) each, (m,) for light."""

    at: Int64
    """Place of each record's payload."""
    wall_s: Int64
    plain: NDArray[np.bool_]
    """int16 samples, not 12-bit ones."""
    light_wall_s: Int64
    light_lux: Samples
    damaged: int
    """Seconds whose checksum is wrong."""
    odd: int
    """Whole records of samples that hold more or fewer than a second's."""
    repeated: int
    """Seconds that were there already."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a record of this log can say: samples a second, and the first and last second of the recording."""

    rate: int
    low_s: int
    high_s: int

    def size_of(self, kind: int) -> int:
        """Bytes of the payload of a second of samples; 12-bit samples end at a whole byte."""
        return 6 * self.rate if kind == PLAIN else (9 * self.rate + 1) // 2


def indexed(source: Source, expected: Expected) -> Index:
    """What a log holds, from one pass through it in pieces."""
    seconds: list[tuple[Int64, Int64, NDArray[np.bool_]]] = []
    light: list[tuple[Int64, NDArray[np.uint16]]] = []
    damaged = odd = 0
    for place, chunk, usable in _chunks(source, HEAD_BYTES + 1 + 6 * expected.rate):
        at, kind, wall_s, size = _heads(chunk, usable, expected)
        for which in (PACKED, PLAIN):
            wanted = expected.size_of(which)
            mine = np.flatnonzero((kind == which) & (size == wanted))
            whole = _sums_up(chunk, at[mine], wanted)
            damaged += int(np.count_nonzero(~whole))
            mine = mine[whole]
            seconds.append((place + at[mine] + HEAD_BYTES, wall_s[mine], np.full(len(mine), which == PLAIN)))
            # A payload of one byte marks that the watch was put into its dock.
            others = np.flatnonzero((kind == which) & (size != wanted) & (size > 1))
            odd += sum(_one_sums_up(chunk, int(at[k]), int(size[k])) for k in others[:_MOST_ODD])
        lit = np.flatnonzero((kind == LIGHT) & (size == 2))
        lit = lit[_sums_up(chunk, at[lit], 2)]
        light.append((wall_s[lit], _at(chunk, "<u2")[at[lit] + HEAD_BYTES]))
    at, wall_s, plain = (np.concatenate(part) for part in zip(*seconds, strict=True))
    order = np.argsort(at, kind="stable")
    at, wall_s, plain = at[order], wall_s[order], plain[order]
    new = np.diff(np.maximum.accumulate(wall_s), prepend=-1) > 0
    light_s, lux = (np.concatenate(part) for part in zip(*light, strict=True))
    values = np.where(lux == DARK, np.nan, lux).astype(np.float32)
    repeated = int(np.count_nonzero(~new))
    return Index(at[new], wall_s[new], plain[new], light_s, values, damaged, odd, repeated)


def _chunks(source: Source, longest: int) -> Iterator[tuple[int, Bytes, int]]:
    """Stretches of a stream: where each begins, its bytes, and how many of these may begin a record.

    A record that begins among the first `usable` bytes lies whole within its stretch; what remains comes again at the
    beginning of the next. Behind the last byte of a stretch stand zeros, so that views may reach beyond it.
    """
    room = _CHUNK_BYTES + longest
    buffer = np.zeros(room + longest + _SPARE_BYTES, np.uint8)
    place = held = 0
    while True:
        end = held + filled(source, buffer[held:room])
        over = end < room
        usable = end if over else end - longest
        buffer[end:] = 0
        yield place, buffer, usable
        if over:
            return
        place += usable
        held = end - usable
        buffer[:held] = buffer[usable:end].copy()


def filled(source: Source, buffer: Bytes) -> int:
    """How many bytes came into the buffer: all that it holds, unless the stream ends."""
    count = 0
    while count < len(buffer) and (came := source.readinto(buffer[count:].data)):
        count += came
    return count


def _at(chunk: Bytes, form: str) -> Any:
    """The chunk as values of a type that begin at every byte."""
    width = np.dtype(form).itemsize
    return np.ndarray((len(chunk) - width + 1,), form, buffer=chunk.data, strides=(1,))


def _heads(chunk: Bytes, usable: int, expected: Expected) -> tuple[Int64, Int64, Int64, Int64]:
    """Place, type, time and size of whatever may be a record of this recording."""
    at = np.flatnonzero(chunk[:usable] == MARK)
    head = _at(chunk, "<u8")[at].astype(np.uint64)
    wall_s = (head >> np.uint64(16) & np.uint64(0xFFFFFFFF)).astype(np.int64)
    inside = (wall_s >= expected.low_s) & (wall_s <= expected.high_s)
    head, at, wall_s = head[inside], at[inside], wall_s[inside]
    kind, size = (head >> np.uint64(8) & np.uint64(0xFF)).astype(np.int64), (head >> np.uint64(48)).astype(np.int64)
    return at, kind, wall_s, size


def _sums_up(chunk: Bytes, at: Int64, size: int) -> NDArray[np.bool_]:
    """Whether the checksum of each record of one size is right."""
    length = HEAD_BYTES + size + 1
    padded = -(-length // 8) * 8
    words = _at(chunk, f"V{padded}")[at].view("<u8").reshape(len(at), padded // 8)
    words[:, -1] &= np.uint64((1 << 8 * (length - padded + 8)) - 1)
    folded = np.bitwise_xor.reduce(words, axis=1)
    for places in (32, 16, 8):
        folded ^= folded >> np.uint64(places)
    right: NDArray[np.bool_] = (folded & np.uint64(0xFF)) == 0xFF
    return right


def _one_sums_up(chunk: Bytes, at: int, size: int) -> bool:
    """The same of one record of any size, as far as it lies within the chunk."""
    end = at + HEAD_BYTES + size + 1
    return end <= len(chunk) and int(np.bitwise_xor.reduce(chunk[at:end])) == 0xFF


def plain_g(span: Bytes, at: Int64, rate: int, units_a_g: float) -> Samples:
    """Seconds of int16 samples at these places of `span`, shape (samples, 3), each axis in one piece of memory."""
    words = _at(span, f"V{6 * rate}")[at].view("<i2").reshape(len(at), rate, 3)
    planes = np.empty((3, len(at), rate), np.float32)
    for axis in range(3):
        np.multiply(words[:, :, axis], np.float32(1 / units_a_g), out=planes[axis])
    return planes.reshape(3, -1).T


def packed_g(rows: Bytes, rate: int, units_a_g: float) -> Samples:
    """Rows of 12-bit samples, `rate` in each, shape (samples, 3), each axis in one piece of memory.

    The order is Y, X, Z, the upper bits first, so that two samples are six values in nine bytes. They are taken from
    two 64-bit words, of the first and of the last eight bytes: each value is moved to the top of its word, where its
    sign is the word's.
    """
    per_row = -(-rate // 2)
    flat = np.zeros((len(rows), 9 * per_row), np.uint8)
    flat[:, : rows.shape[1]] = rows
    number = len(rows) * per_row
    words = [np.ndarray((number,), ">u8", buffer=flat.data, offset=offset, strides=(9,)) for offset in (0, 1)]
    planes = np.empty((3, number, 2), np.float32)
    first, last, moved = np.empty((3, min(_PAIRS, number)), np.uint64)
    for low in range(0, number, _PAIRS):
        high = min(low + _PAIRS, number)
        begin, end, value = (buffer[: high - low] for buffer in (first, last, moved))
        begin[:], end[:] = words[0][low:high], words[1][low:high]
        for place, (axis, source, up) in enumerate(
            ((1, begin, 0), (0, begin, 12), (2, begin, 24), (1, begin, 36), (0, begin, 48), (2, end, 52))
        ):
            np.left_shift(source, np.uint64(up), out=value)
            np.bitwise_and(value, _TOP_12, out=value)
            np.copyto(planes[axis, low:high, place // 3], value.view(np.int64), casting="same_kind")
    planes *= np.float32(1 / (units_a_g * 2.0**52))
    return planes.reshape(3, len(rows), 2 * per_row)[:, :, :rate].reshape(3, -1).T


def packed_seconds_g(span: Bytes, at: Int64, rate: int, units_a_g: float) -> Samples:
    """Seconds of 12-bit samples at these places of `span`."""
    size = (9 * rate + 1) // 2
    rows = _at(span, f"V{size}")[at].view(np.uint8).reshape(len(at), size)
    return packed_g(rows, rate, units_a_g)
