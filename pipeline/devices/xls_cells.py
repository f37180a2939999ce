"""What an old Excel workbook (.xls) describes, counted before it is opened: a library lays out a whole rectangle.

An .xls is a file system of sectors (OLE) that holds one stream of records (BIFF). A damaged or ill-willed one can lead
through its sectors in a circle, put two cells so far apart that the rectangle around them does not fit into memory, do
so in thousands of sheets, or name one long text in every cell, which a library copies into each.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import Fault, FileFault

_END, _FREE = 0xFFFFFFFE, 0xFFFFFFFF
_MINI_BYTES, _MINI_BELOW = 64, 4096
"""Streams shorter than 4,096 bytes lie in sectors of 64 bytes of their own."""
_SHEET, _EOF, _DIMENSIONS, _MANY = 0x0085, 0x000A, 0x0200, 0x00BD
_TEXTS, _CONTINUED, _SHARED_TEXT = 0x00FC, 0x003C, 0x00FD
_CELLS = frozenset((0x0006, 0x0203, 0x0204, 0x0205, 0x027E, 0x00FD, 0x00D6, _MANY))
"""Records that fill a cell: formula, number, label, logical value, packed number, shared and rich text, many."""
_MOST_DIMENSIONS = 1 << 26
"""Cells that a sheet may say it has: four times what the format can hold."""


@dataclass(frozen=True, slots=True)
class Described:
    """How much a library would lay out: cells of the rectangles around the cells of each sheet, and characters."""

    cells: int
    characters: int


def described(content: bytes, most: int, path: Path) -> Described:
    """What a workbook describes, all sheets together; more than `most` cells if it has more records.

    Raises
    ------
    FileFault
        CORRUPT if its sectors lead in a circle, its parts end before what they name, or its sheets share their
        records: what cannot be counted here is not given to a library that does not count.
    """
    try:
        stream = _stream(content, path)
        head = list(_records(stream, 0))
        lengths = _shared_lengths(head, 4 * most)
        cells = characters = walked = 0
        left = 4 * most
        for start in (struct.unpack_from("<I", body)[0] for kind, body in head if kind == _SHEET):
            rows, columns = (1 << 16, 0), (1 << 16, 0)
            for kind, body in _records(stream, start):
                left -= 1
                walked += 4 + len(body)
                if left < 0 or (kind == _DIMENSIONS and _said(body) > _MOST_DIMENSIONS):
                    return Described(most + 1, 0)
                if walked > len(stream):
                    raise _damaged(path, "its sheets share their records")
                if kind in _CELLS:
                    row, column = struct.unpack_from("<HH", body)
                    last = struct.unpack_from("<H", body, len(body) - 2)[0] if kind == _MANY else column
                    rows = min(rows[0], row), max(rows[1], row)
                    columns = min(columns[0], column), max(columns[1], column, last)
                if kind == _SHARED_TEXT:
                    characters += lengths[struct.unpack_from("<I", body, 6)[0]]
            cells += max(0, rows[1] - rows[0] + 1) * max(0, columns[1] - columns[0] + 1)
    except (struct.error, LookupError, ValueError) as bad:
        raise _damaged(path, "its parts end before what they name, or contradict each other") from bad
    return Described(cells, characters)


def _shared_lengths(head: list[tuple[int, bytes]], most: int) -> list[int]:
    """The characters of each text that cells name by its number; ValueError for more than `most` texts.

    A text may go on in the next record, which begins with whether its letters take one byte or two.
    """
    found = [place for place, (kind, _) in enumerate(head) if kind == _TEXTS]
    if not found:
        return []
    (at,) = found  # a second list would be the one that the library takes
    parts = [head[at][1]]
    for kind, body in head[at + 1 :]:
        if kind != _CONTINUED:
            break
        parts.append(body)
    count = struct.unpack_from("<I", parts[0], 4)[0]
    if count > most:
        raise ValueError
    lengths: list[int] = []
    number, place = 0, 8
    for _ in range(count):
        if place >= len(parts[number]):
            number, place = number + 1, place - len(parts[number])
        letters, flags = struct.unpack_from("<HB", parts[number], place)
        place += 3
        behind = 0
        if flags & 8:
            behind += 4 * struct.unpack_from("<H", parts[number], place)[0]
            place += 2
        if flags & 4:
            behind += struct.unpack_from("<I", parts[number], place)[0]
            place += 4
        lengths.append(letters)
        width = 1 + (flags & 1)
        while letters > (here := (len(parts[number]) - place) // width):
            letters -= max(here, 0)
            number, place = number + 1, 1
            width = 1 + (parts[number][0] & 1)
        place += letters * width + behind
        while place > len(parts[number]):
            number, place = number + 1, place - len(parts[number])
    return lengths


def _said(body: bytes) -> int:
    """The cells that a sheet says it has."""
    first_row, last_row, first, last = struct.unpack_from("<IIHH" if len(body) == 14 else "<HHHH", body)
    return int(last_row - first_row + 1) * int(last - first + 1)


def _records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """The kind and content of each record from a place to the end of its sheet."""
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == _EOF:
            return


@dataclass(frozen=True, slots=True)
class _Sectors:
    """Equal parts of a file, and for each the one that follows it."""

    content: bytes
    size: int
    skipped: int
    following: tuple[int, ...]
    path: Path

    def part(self, number: int) -> bytes:
        begin = (number + self.skipped) * self.size
        return self.content[begin : begin + self.size]

    def chain(self, number: int) -> bytes:
        """The sectors from one to the end of its chain."""
        parts: list[bytes] = []
        while number != _END:
            if len(parts) > len(self.following):
                raise _circle(self.path)
            parts.append(self.part(number))
            number = self.following[number]
        return b"".join(parts)


def _stream(content: bytes, path: Path) -> bytes:
    """The stream of records."""
    size = 1 << min(struct.unpack_from("<H", content, 30)[0], 16)
    entries, mini_first, further = (struct.unpack_from("<I", content, at)[0] for at in (48, 60, 68))
    tables = list(struct.unpack_from("<109I", content, 76))
    bare = _Sectors(content, size, 1, (), path)
    most_sectors = len(content) // size
    count = 0
    while further not in {_END, _FREE}:
        *more, further = _numbers(bare.part(further))
        tables += more
        count += 1
        if count > most_sectors:
            raise _circle(path)
    following: list[int] = []
    for table in [table for table in tables if table != _FREE][:most_sectors]:
        following += _numbers(bare.part(table))
    sectors = _Sectors(content, size, 1, tuple(following), path)
    found = sectors.chain(entries)
    folder = [found[at : at + 128] for at in range(0, len(found) - 127, 128)]
    named = {entry[:64].decode("utf-16-le", "replace").split("\0")[0]: entry for entry in reversed(folder)}
    entry = named.get("Workbook") or named["Book"]
    first, length = struct.unpack_from("<II", entry, 116)
    if length >= _MINI_BELOW:
        return sectors.chain(first)[:length]
    inner = sectors.chain(struct.unpack_from("<I", folder[0], 116)[0])
    return _Sectors(inner, _MINI_BYTES, 0, _numbers(sectors.chain(mini_first)), path).chain(first)[:length]


def _circle(path: Path) -> FileFault:
    return _damaged(path, "its sectors lead in a circle")


def _damaged(path: Path, how: str) -> FileFault:
    hint = "save it again, or save the sheet as csv"
    return FileFault(Fault.CORRUPT, f"the workbook is damaged: {how}", where=path.name, hint=hint)


def _numbers(part: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(part) // 4}I", part[: len(part) // 4 * 4])
