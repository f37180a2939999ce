"""The records of an ActiGraph `log.bin`: where seconds of samples lie, light, and samples in g.

A record is `1E`, type, time (u32, s), size (u16), payload, and the complement of the XOR of all before (ActiGraph's own
description of the format). Records are found by their heads wherever they lie, not by walking from one to the next: so
zero bytes between them, which the maker knows of, and a damaged one cost nothing else. Type, size and a time within
the recording are 6 of 8 bytes, and the checksum one more: nothing within samples looks like that by chance.
"""

from __future__ import annotations

import math
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
_PAIRS = 16384
"""Pairs of packed samples that are decoded at once: their buffers stay in the processor's cache."""
_X_Y = (1 << 8, 1 << 4)
_Z = (1 << 4, 1)
"""The lowest bit of the first and of the second value of a pair, as they come to lie in 32 bits."""
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


def indexed(source: Source | Bytes, expected: Expected) -> Index:
    """What a log holds, from one pass through it in pieces; the log is a stream, or lies in memory."""
    seconds: list[tuple[Int64, Int64, NDArray[np.bool_]]] = []
    light: list[tuple[Int64, NDArray[np.uint16]]] = []
    damaged = odd = 0
    longest = HEAD_BYTES + 1 + 6 * expected.rate
    chunks = _parts(source, longest) if isinstance(source, np.ndarray) else _chunks(source, longest)
    for place, chunk, usable in chunks:
        at, kind, wall_s, size = _heads(chunk, usable, expected)
        sound = np.zeros(len(at), np.bool_)
        for which in (PACKED, PLAIN):
            wanted = expected.size_of(which)
            mine = np.flatnonzero((kind == which) & (size == wanted))
            whole = _sums_up(chunk, at[mine], wanted)
            damaged += int(np.count_nonzero(~whole))
            sound[mine[whole]] = True
            # A payload of one byte marks that the watch was put into its dock.
            others = np.flatnonzero((kind == which) & (size != wanted) & (size > 1))
            odd += sum(_one_sums_up(chunk, int(at[k]), int(size[k])) for k in others[:_MOST_ODD])
        seconds.append((place + at[sound] + HEAD_BYTES, wall_s[sound], kind[sound] == PLAIN))
        lit = np.flatnonzero((kind == LIGHT) & (size == 2))
        lit = lit[_sums_up(chunk, at[lit], 2)]
        light.append((wall_s[lit], _at(chunk, "<u2")[at[lit] + HEAD_BYTES]))
    at, wall_s, plain = (np.concatenate(part) for part in zip(*seconds, strict=True))
    latest = np.maximum.accumulate(wall_s)
    new = np.ones(len(wall_s), np.bool_)
    np.greater(latest[1:], latest[:-1], out=new[1:])
    light_s, lux = (np.concatenate(part) for part in zip(*light, strict=True))
    values = np.where(lux == DARK, np.nan, lux).astype(np.float32)
    repeated = int(np.count_nonzero(~new))
    if repeated:
        at, wall_s, plain = at[new], wall_s[new], plain[new]
    return Index(at, wall_s, plain, light_s, values, damaged, odd, repeated)


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


def _parts(content: Bytes, longest: int) -> Iterator[tuple[int, Bytes, int]]:
    """The same stretches of what lies in memory; only the last is copied, for the zeros behind it."""
    place, reach = 0, _CHUNK_BYTES + longest + _SPARE_BYTES
    while place + reach <= len(content):
        yield place, content[place : place + reach], _CHUNK_BYTES
        place += _CHUNK_BYTES
    last = np.zeros(len(content) - place + longest + _SPARE_BYTES, np.uint8)
    last[: len(content) - place] = content[place:]
    yield place, last, len(content) - place


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

    The order is Y, X, Z, the upper bits first, so that two samples are six values in nine bytes. Two 32-bit words, of
    bytes 0 to 3 and 4 to 7 (1 to 4 and 5 to 8 for Z), hold the two values of an axis, which are made floats side by
    side and where they lie: see `_Pairs`.
    """
    per_row = -(-rate // 2)
    flat = rows
    if rows.shape[1] < 9 * per_row:
        flat = np.zeros((len(rows), 9 * per_row), np.uint8)
        flat[:, : rows.shape[1]] = rows
    number = len(rows) * per_row
    words = {
        first: np.ndarray((number,), ">u4", buffer=flat.data, offset=first, strides=(9,)) for first in (0, 1, 4, 5)
    }
    planes = np.empty((3, 2 * number), np.float32)
    most = min(_PAIRS, number)
    word, moved = np.empty((2, most), np.uint64)
    x_y, z = _Pairs.of(_X_Y, units_a_g, most), _Pairs.of(_Z, units_a_g, most)
    for low in range(0, number, _PAIRS):
        high = min(low + _PAIRS, number)
        both, value = word[: high - low], moved[: high - low]
        halves = both.view(np.uint32).reshape(-1, 2)
        x_plane, y_plane, z_plane = planes[:, 2 * low : 2 * high]
        halves[:, 0], halves[:, 1] = words[0][low:high], words[4][low:high]
        np.bitwise_and(both, x_y.kept, out=value)
        x_y.scaled(value, x_plane)
        np.right_shift(both, np.uint64(12), out=value)
        np.bitwise_and(value, x_y.kept, out=value)
        x_y.scaled(value, y_plane)
        halves[:, 0], halves[:, 1] = words[1][low:high], words[5][low:high]
        np.bitwise_and(both, z.kept, out=value)
        z.scaled(value, z_plane)
    return planes.reshape(3, len(rows), 2 * per_row)[:, :, :rate].reshape(3, -1).T


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """How two 12-bit values, one in each half of a 64-bit word, become floats without being converted.

    With its sign bit turned over a value is a count from -2048 on. In a float whose exponent is such that the value's
    lowest bit is one unit, its bits stand as they are; that float less its own beginning is the value, exactly.
    """

    kept: np.uint64
    turned: np.uint64
    """Sign bits and exponents."""
    less: Samples
    """The beginnings, in turn."""
    scale: np.float32

    @classmethod
    def of(cls, lowest: tuple[int, int], units_a_g: float, most: int) -> _Pairs:
        """For values of these lowest bits, at most `most` words at once."""
        part, power = math.frexp(units_a_g)
        folds = part == 0.5 and power <= 16  # a power of 2, as 256 a g is: no product is needed
        unit = 1.0 / units_a_g if folds else 1.0
        begins = np.array([unit * 2**23 / bit for bit in lowest], np.float32)
        signs = np.array([0x800 * bit for bit in lowest], np.uint32)
        (kept,) = np.array([0xFFF * bit for bit in lowest], np.uint32).view(np.uint64)
        (turned,) = (begins.view(np.uint32) | signs).view(np.uint64)
        less = np.tile(begins + np.float32(unit * 2048), most)
        return cls(kept, turned, less, np.float32(1.0 if folds else 1.0 / units_a_g))

    def scaled(self, values: NDArray[np.uint64], out: Samples) -> None:
        """The values in g; `values` are overwritten."""
        np.bitwise_xor(values, self.turned, out=values)
        np.subtract(values.view(np.float32), self.less[: len(out)], out=out)
        if self.scale != 1:
            np.multiply(out, self.scale, out=out)


def packed_seconds_g(span: Bytes, at: Int64, rate: int, units_a_g: float) -> Samples:
    """Seconds of 12-bit samples at these places of `span`."""
    size = (9 * rate + 1) // 2
    rows = _at(span, f"V{size}")[at].view(np.uint8).reshape(len(at), size)
    return packed_g(rows, rate, units_a_g)
