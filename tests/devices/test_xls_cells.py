"""What an old workbook describes, counted before it is opened: rectangles, circles, and a library that panics."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.devices.sheets import rows_of
from pipeline.devices.xls_cells import rectangle_of
from pipeline.errors import Fault, FileFault

FREE, END, TABLE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
MANY = 1000


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def number(row: int, column: int) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, 0, 1.5))


def stream(*cells: bytes) -> bytes:
    """A workbook of one sheet, padded to where a stream has sectors of its own."""
    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0))
    name = struct.pack("<BBBB", 0, 0, 1, 0) + b"S"
    told = begin + record(0x0085, struct.pack("<I", 0) + name) + record(0x000A, b"")
    told = told.replace(
        record(0x0085, struct.pack("<I", 0) + name), record(0x0085, struct.pack("<I", len(told)) + name)
    )
    return (told + begin + b"".join(cells) + record(0x000A, b"")).ljust(4096, b"\0")


def workbook(content: bytes, *, circle: bool = False) -> bytes:
    """The stream in sectors of 512 bytes: one of the table, one of the folder, then its own."""
    n = -(-len(content) // 512)
    table = [TABLE, END, *(k + 3 for k in range(n - 1)), 2 if circle else END]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0")
    head += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6).ljust(16, b"\0")
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, END, 0, END, 0)
    head += struct.pack("<109I", 0, *[FREE] * 108)

    def entry(text: str, kind: int, first: int, size: int) -> bytes:
        told = (text + "\0").encode("utf-16-le")
        return (
            told.ljust(64, b"\0") + struct.pack("<HBBIII", len(told), kind, 1, FREE, FREE, 1 if kind == 5 else FREE)
        ).ljust(116, b"\0") + struct.pack("<III", first, size, 0)

    folder = entry("Root Entry", 5, END, 0) + entry("Workbook", 2, 2, len(content))
    return head + struct.pack(f"<{len(table)}I", *table).ljust(512, b"\xff") + folder.ljust(512, b"\0") + content


def test_a_sound_one_is_counted_and_read(tmp_path: Path) -> None:
    content = workbook(stream(number(2, 1), number(4, 3)))
    assert rectangle_of(content, MANY, tmp_path) == 9
    (tmp_path / "a.xls").write_bytes(content)
    assert rows_of(tmp_path / "a.xls") == {"S": (("1.5", "", ""), ("", "", "1.5"))}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (workbook(stream(number(0, 0), number(0xFFFF, 0xFFFF))), Fault.TOO_LARGE),
        (workbook(stream(record(0x0200, struct.pack("<IIHHH", 0, 1 << 31, 0, 1 << 15, 0)))), Fault.TOO_LARGE),
        (workbook(stream(number(0, 0)), circle=True), Fault.CORRUPT),
        (workbook(stream(number(0, 0)))[:1024], Fault.CORRUPT),
        (
            workbook(stream(number(0, 0))).replace(b"\x02\x00\x00\x00\x00\x10\0\0", b"\x90\x00\x00\x00\x00\x10\0\0"),
            Fault.CORRUPT,
        ),
    ],
)
def test_one_that_would_take_all_memory_or_makes_the_library_panic_is_refused(
    tmp_path: Path, content: bytes, fault: Fault
) -> None:
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    with pytest.raises(FileFault) as told:
        rows_of(path)
    assert told.value.fault is fault
