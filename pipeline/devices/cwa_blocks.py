"""The 512-byte blocks of an Axivity .cwa file: what stands in each, whether it is whole, and its samples in g.

Layout after the maker's own description (Open Movement, `Docs/ax3/cwa.h`). The light sensor has a logarithmic output,
341.3 units a decade (34.13 on the AX6), as the same project's `ax3-auxiliary.md` derives from the circuit; the formula
that follows there cannot be meant (it makes darkness 1000 lux).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.recording import Floats, Int64, Samples

HEADER_BYTES = 1024
BLOCK_BYTES = 512
PAYLOAD_BYTES = 480
_PAYLOAD = slice(30, 30 + PAYLOAD_BYTES)
PACKED = 0x30
"""Three 10-bit values with one 2-bit exponent in 4 bytes. All other layouts are int16, the upper 4 bits the axes."""
_CAPACITY = np.zeros(256, np.int64)
_CAPACITY[[PACKED, 0x32, 0x62, 0x92]] = 120, 80, 40, 26
"""Samples in a full block by layout: packed; int16 of accelerometer, with gyroscope, and with magnetometer."""
_CHUNK = 512
"""Blocks that are decoded at once: their buffers stay in the processor's cache."""
READINGS = 1 << 10
"""What temperature and light can read."""
_DECADE = {False: 341.3, True: 34.13}
_BRIGHTEST_LUX = 1e5
"""Beyond direct sunlight the reading is none."""

_FIELDS = np.dtype(
    {
        "names": [
            "mark",
            "fraction",
            "sequence",
            "stamp",
            "light",
            "temperature",
            "rate",
            "layout",
            "offset",
            "count",
        ],
        "formats": ["<u4", "<u2", "<u4", "<u4", "<u2", "<u2", "u1", "u1", "<i2", "<u2"],
        "offsets": [0, 4, 10, 14, 18, 20, 24, 25, 26, 28],
        "itemsize": BLOCK_BYTES,
    }
)
Ints = NDArray[np.integer[Any]]

_LENGTH_NS = NS / (3200.0 / (1 << (15 - np.arange(16))))
"""What a sample lasts by the lower four bits of a rate code."""
_BARE = 256
"""Codes from here on are a rate in Hz, in the upper byte."""
_MARK = int.from_bytes(b"AX\xfc\x01", "little")
"""'AX' and the length of what follows, 508."""

_MONTHS = np.arange("2000-01", "2064-01", dtype="datetime64[M]")
_MONTH_DAY = _MONTHS.astype("datetime64[D]").astype(np.int64)
_MONTH_LENGTH = np.diff(np.append(_MONTH_DAY, np.datetime64("2064-01-01").astype("datetime64[D]").astype(np.int64)))


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What the heads of all blocks of a file say, in the file's order; shape (n,) each."""

    good: NDArray[np.bool_]
    """Mark, checksum, layout and date are right."""
    wall_ns: Int64
    """Wall clock of the first sample."""
    count: Ints
    """Samples held."""
    setup: Ints
    """Layout, rate and range as one number: where it changes, another recording begins."""
    sequence: Ints
    light: Ints
    temperature: Ints


def rate_of(setup: int) -> float:
    """The nominal rate in Hz of one setup."""
    return NS / float(length_ns(np.array([setup]))[0])


def length_ns(setup: Ints) -> Floats:
    """What a sample lasts at the nominal rate."""
    code = setup >> 8 & 0xFFFF
    length: Floats = np.where(code >= _BARE, NS / np.maximum(code >> 8, 1), _LENGTH_NS[code & 15])
    return length


def capacity_of(setup: Ints) -> Int64:
    """Samples that a block holds when full; 0 for layouts that are not known."""
    capacity: Int64 = _CAPACITY[setup & 0xFF]
    return capacity


def blocks_of(raw: NDArray[np.uint8]) -> Blocks:
    """The heads of the blocks in `raw`, shape (n, 512)."""
    head = raw.view(_FIELDS)[:, 0]
    layout, count = head["layout"], head["count"]
    # The 16-bit words of a whole block, its checksum among them, add up to 0.
    good = (head["mark"] == _MARK) & (raw.view("<u2").sum(axis=1, dtype=np.uint16) == 0)
    good &= (count > 0) & (count <= capacity_of(layout))
    # Firmware before there were rate codes wrote the rate itself in the place of the offset.
    code = head["rate"].astype(np.uint32)
    bare = code == 0
    code = np.where(bare, head["offset"].astype(np.uint16).astype(np.uint32) << 8 & 0xFFFF, code)
    offset = np.where(bare, 0, head["offset"]).astype(np.float64)
    setup = layout.astype(np.uint32) | code << 8 | (head["light"].astype(np.uint32) >> 13) << 24
    length = length_ns(setup)
    wall_ns, dated = _wall_ns(head["stamp"])
    # With bit 15 set the rest is the fraction of the second, and the offset was reduced by it for readers that do
    # not know of it.
    fraction = np.where(head["fraction"] & 0x8000, (head["fraction"] & 0x7FFF) / 32768.0, 0.0)
    first_ns = fraction * NS - (offset + np.floor(fraction * NS / length)) * length
    return Blocks(
        good & dated & (code != 0),
        wall_ns + np.rint(first_ns).astype(np.int64),
        count.copy(),
        setup,
        head["sequence"].copy(),
        head["light"] & (READINGS - 1),
        head["temperature"] & (READINGS - 1),
    )


def joined(parts: list[Blocks]) -> Blocks:
    """The blocks of several stretches of a file as one."""
    return Blocks(*(np.concatenate([getattr(part, name) for part in parts]) for name in Blocks.__slots__))


def _wall_ns(stamp: Ints) -> tuple[Int64, NDArray[np.bool_]]:
    """Wall clocks of packed stamps (6 bits of year, 4 month, 5 day, 5 hour, 6 minute, 6 second), and which exist."""
    part = stamp.astype(np.int64)
    month, day = part >> 22 & 15, part >> 17 & 31
    hour, minute, second = part >> 12 & 31, part >> 6 & 63, part & 63
    which = np.clip((part >> 26) * 12 + month - 1, 0, len(_MONTH_DAY) - 1)
    dated = (month >= 1) & (month <= 12) & (day >= 1) & (day <= _MONTH_LENGTH[which])
    dated &= (hour < 24) & (minute < 60) & (second < 60)
    return (((_MONTH_DAY[which] + day - 1) * 24 + hour) * 60 + minute) * 60 * NS + second * NS, dated


def acceleration_g(raw: NDArray[np.uint8], setup: int) -> Samples:
    """The accelerometer's samples of blocks of one setup, shape (samples, 3), in g.

    Each axis lies in one piece of memory (the array is a transposed view): what follows reduces over time.
    """
    layout, bits = setup & 0xFF, setup >> 24
    capacity = int(_CAPACITY[layout])
    planes = np.empty((3, len(raw) * capacity), np.float32)
    if layout == PACKED:
        _unpack(raw, planes)
        return planes.T
    axes = layout >> 4
    words = raw[:, _PAYLOAD].view("<i2")
    skipped = 3 if axes > 3 else 0  # the gyroscope stands before the accelerometer
    for axis, plane in enumerate(planes):
        source = words[:, skipped + axis :: axes][:, :capacity]
        np.multiply(source, np.float32(1 / (1 << (8 + bits))), out=plane.reshape(len(raw), capacity))
    return planes.T


def _unpack(raw: NDArray[np.uint8], planes: Samples) -> None:
    """Fill `planes` (3, samples) from packed words `eezzzzzz zzzzyyyy yyyyyyxx xxxxxxxx`, 256 units a g.

    No value is converted: with its sign bit turned over it is a count from -512 on, whose bits stand as they are in a
    float of a fixed exponent, so high that one unit is 1/256 g there; that float less its own beginning is the value.
    Every step is exact. Few samples are beyond 2 g, for which the upper two bits are an exponent.
    """
    per_block = PAYLOAD_BYTES // 4
    words = np.empty((min(_CHUNK, len(raw)), per_block), np.uint32)
    bits = np.empty_like(words)
    for low in range(0, len(raw), _CHUNK):
        high = min(low + _CHUNK, len(raw))
        word, value = words[: high - low], bits[: high - low]
        part = planes[:, low * per_block : high * per_block]
        x, y, z = (plane.reshape(word.shape) for plane in part)
        np.copyto(word, raw[low:high, _PAYLOAD].view("<u4"))
        for to, place in ((x, 0), (y, 10)):
            np.bitwise_and(word, np.uint32(0x3FF << place), out=value)
            _counted(value, place, to)
        np.right_shift(word, np.uint32(20), out=value)
        near = int(word.max()) < 1 << 30
        if not near:
            np.bitwise_and(value, np.uint32(0x3FF), out=value)
        _counted(value, 0, z)
        if near:
            continue
        flat = word.reshape(-1)
        far = np.flatnonzero(flat >= 1 << 30)
        part[:, far] *= (1 << (flat[far] >> np.uint32(30))).astype(np.float32)


def _counted(bits: NDArray[np.uint32], place: int, out: Samples) -> None:
    """What 10 bits say that begin at this place, all others 0, in units of 1/256 g; `bits` are overwritten."""
    begins = np.float32(2.0 ** (15 - place))  # its lowest bit is 2**-8, at 2**5 that of place 10
    np.bitwise_xor(bits, begins.view(np.uint32) | np.uint32(0x200 << place), out=bits)
    np.subtract(bits.view(np.float32), begins + np.float32(2.0), out=out)


def temperature_c(raw: Ints) -> Samples:
    """Degrees Celsius of the sensor inside the case; 0 stands for none."""
    return np.where(raw == 0, np.nan, raw * 75.0 / 256.0 - 50.0).astype(np.float32)


def light_lux(raw: Ints, *, ax6: bool) -> Samples:
    """Lux behind the case, an estimate; 0 stands for none, and what no light on earth gives is none either."""
    power = raw / _DECADE[ax6]
    dark_or_absurd = (raw == 0) | (power > np.log10(_BRIGHTEST_LUX))
    return np.where(dark_or_absurd, np.nan, 10.0 ** np.minimum(power, 9.0)).astype(np.float32)
