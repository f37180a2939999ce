"""Pages of a GENEActiv .bin: where the whole ones lie in a file, and the samples in them.

A page is nine lines in words and 300 times six bytes in hexadecimal. Files are indexed in one pass and in blocks; the
samples of a stretch of pages are decoded when they are asked for.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.later import pl
from pipeline.devices.stretches import Stretch
from pipeline.errors import Fault, FileFault
from pipeline.recording import Int64, Samples

PAGE_SAMPLES = 300
HEX_CHARS = PAGE_SAMPLES * 12
BLOCK_BYTES = 4 * 1024**2
LONGEST_PAGE = 64 * 1024
MARK = b"Recorded Data"
_PAGE = re.compile(
    rb"Recorded Data\s*\r?\n"
    rb"Device Unique Serial Code:[^\r\n]*\r?\n"
    rb"Sequence Number:\s*(?P<number>\d{1,9})\s*\r?\n"
    rb"Page Time:\s*(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3})\s*\r?\n"
    rb"Unassigned:[^\r\n]*\r?\n"
    rb"Temperature:\s*(?P<temperature>-?\d{1,3}(?:[.,]\d+)?)\s*\r?\n"
    rb"Battery voltage:[^\r\n]*\r?\n"
    rb"Device Status:[^\r\n]*\r?\n"
    rb"Measurement Frequency:[^\r\n]*\r?\n"
    rb"(?P<hex>[0-9A-Fa-f]{3600})(?=\s|$)"
)
_BUTTON = bytes(1 if chr(k) in "2367abABefEF" else 0 for k in range(256))
"""The last hexadecimal digit of a sample: two bits of light, the button, one that is reserved."""


@dataclass(frozen=True, slots=True, eq=False)
class Pages:
    """Every whole page of a file; shape (n,) each."""

    number: Int64
    wall_ns: Int64
    temperature_c: Samples
    offset: Int64
    """Where in the file the samples begin."""
    presses: tuple[tuple[int, int], ...]
    """Page and sample at which the button went down."""


def index(path: Path, notes: list[str]) -> Pages:
    """An index of the whole pages of a file, made in one pass; damaged ones are left out and told.

    Raises
    ------
    FileFault
        NOTHING_USABLE if there is no whole page.
    """
    number: list[int] = []
    times: list[str] = []
    temperature: list[float] = []
    offset: list[int] = []
    presses: list[tuple[int, int]] = []
    marks, down = 0, 0
    with path.open("rb") as stream:
        for base, block in _page_blocks(stream):
            marks += block.count(MARK)
            for found in _PAGE.finditer(block):
                button = found["hex"][11::12].translate(_BUTTON)
                if down or 1 in button:
                    edges = np.flatnonzero(np.diff(np.frombuffer(button, np.int8), prepend=np.int8(down)) == 1)
                    presses += [(len(number), place) for place in edges.tolist()]
                    down = button[-1]
                number.append(int(found["number"]))
                times.append(found["time"].decode("ascii"))
                temperature.append(float(found["temperature"].replace(b",", b".")))
                offset.append(base + found.start("hex"))
    if marks > len(number):
        notes.append(f"{marks - len(number)} of {marks} pages are cut or damaged: left out")
    if not number:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no whole page of samples", where=path.name)
    wall = pl.Series(times).str.to_datetime("%Y-%m-%d %H:%M:%S:%3f", strict=False, time_unit="ns")
    if wall.null_count():
        known = f"page {int(wall.is_null().arg_max() or 0) + 1} bears no such date"
        raise FileFault(Fault.CORRUPT, "a page's time cannot be read", where=path.name, known=known)
    return Pages(
        np.array(number, np.int64),
        wall.cast(pl.Int64).to_numpy(),
        np.array(temperature, np.float32),
        np.array(offset, np.int64),
        tuple(presses),
    )


def _page_blocks(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """A file in blocks that end where a page begins, with the place of each block in the file."""
    base, held = 0, b""
    while piece := stream.read(BLOCK_BYTES):
        block = held + piece
        cut = block.rfind(MARK)
        if cut <= 0 and len(block) > LONGEST_PAGE:
            cut = len(block) - len(MARK)  # this is something else
        cut = max(cut, 0)
        yield base, block[:cut]
        base, held = base + cut, block[cut:]
    yield base, held


def in_order(pages: Pages, fs_hz: float, rounding_ns: int, notes: list[str]) -> Pages:
    """The pages without those whose stamp and number both neighbours contradict.

    Numbers count on where pages are lost, so that stamp minus number · length of a page is nearly constant.
    """
    zero_ns = pages.wall_ns - np.rint(pages.number * (PAGE_SAMPLES / fs_hz * NS)).astype(np.int64)
    if len(zero_ns) < 3:
        return pages
    apart = np.abs(np.diff(zero_ns)) > 2 * rounding_ns
    around = np.abs(zero_ns[2:] - zero_ns[:-2]) > 2 * rounding_ns
    lone = np.zeros(len(zero_ns), np.bool_)
    lone[1:-1] = apart[:-1] & apart[1:] & ~around
    lone[0], lone[-1] = apart[0] and not apart[1], apart[-1] and not apart[-2]
    if not lone.any():
        return pages
    notes.append(f"{np.count_nonzero(lone)} pages bear a time that those around contradict: left out")
    place = np.cumsum(~lone) - 1
    presses = tuple((int(place[page]), sample) for page, sample in pages.presses if not lone[page])
    keep = ~lone
    return Pages(pages.number[keep], pages.wall_ns[keep], pages.temperature_c[keep], pages.offset[keep], presses)


# ---- samples ---------------------------------------------------------------------------------------------------------


def six_bytes(path: Path, pages: Pages, part: Stretch) -> NDArray[np.uint16]:
    """The six bytes of each sample of a stretch, shape (6, n)."""
    places = pages.offset[part.first : part.last]
    base = int(places[0])
    with path.open("rb") as stream:
        stream.seek(base)
        block = stream.read(int(places[-1]) - base + HEX_CHARS)
    packed = b"".join(block[place : place + HEX_CHARS] for place in (places - base).tolist())
    return np.frombuffer(binascii.unhexlify(packed), np.uint8).reshape(-1, 6).T.astype(np.uint16)


def axes(six: NDArray[np.uint16]) -> NDArray[np.int16]:
    """Three signed axes of 12 bits, shape (n, 3)."""
    x = six[0] << 4 | six[1] >> 4
    y = (six[1] & 15) << 8 | six[2]
    z = six[3] << 4 | six[4] >> 4
    shifted: NDArray[np.int16] = (np.stack([x, y, z], axis=1) << 4).view(np.int16)
    return shifted >> 4


def light_steps(six: NDArray[np.uint16]) -> Samples:
    """Ten bits of light, shape (n,)."""
    out: Samples = ((six[4] & 15) << 6 | six[5] >> 2).astype(np.float32)
    return out
