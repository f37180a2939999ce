"""What an old workbook describes, counted before it is opened: rectangles, circles, and a library that panics."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.devices.sheets import rows_of
from pipeline.devices.xls_cells import Described, described
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
    """The stream in sectors of 512 bytes: those of the table, one of the folder, then its own."""
    n = -(-len(content) // 512)
    t = -(-(n + 2) // 126)
    begin = t + 1
    table = [*[TABLE] * t, END, *(begin + k + 1 for k in range(n - 1)), begin if circle else END]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(24, b"\0")
    head += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6).ljust(16, b"\0")
    head += struct.pack("<IIIIIIIII", 0, t, t, 0, 4096, END, 0, END, 0)
    head += struct.pack("<109I", *range(t), *[FREE] * (109 - t))

    def entry(text: str, kind: int, first: int, size: int) -> bytes:
        told = (text + "\0").encode("utf-16-le")
        return (
            told.ljust(64, b"\0") + struct.pack("<HBBIII", len(told), kind, 1, FREE, FREE, 1 if kind == 5 else FREE)
        ).ljust(116, b"\0") + struct.pack("<III", first, size, 0)

    folder = entry("Root Entry", 5, END, 0) + entry("Workbook", 2, begin, len(content))
    return head + struct.pack(f"<{len(table)}I", *table).ljust(512 * t, b"\xff") + folder.ljust(512, b"\0") + content


def test_a_sound_one_is_counted_and_read(tmp_path: Path) -> None:
    content = workbook(stream(number(2, 1), number(4, 3)))
    assert described(content, MANY, tmp_path) == Described(9, 0)
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


def texts(*parts: bytes, count: int) -> bytes:
    """The shared texts, in one record and those that continue it."""
    first = struct.pack("<II", count, count) + parts[0]
    return record(0x00FC, first) + b"".join(record(0x003C, part) for part in parts[1:])


def naming(row: int, text: int) -> bytes:
    return record(0x00FD, struct.pack("<HHHI", row, 0, 0, text))


def sheets_of(shared: bytes, *sheets: bytes, starts: tuple[int, ...] | None = None) -> bytes:
    """A workbook of several sheets; `starts` says which of them each name means, if not one after another."""
    begin = record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0))
    places = range(len(sheets)) if starts is None else starts
    names = [struct.pack("<BBBB", 0, 0, 1, 0) + bytes([65 + k % 26]) for k in range(len(places))]
    at = len(begin + shared) + sum(len(record(0, bytes(4) + name)) for name in names) + 4
    bodies = [begin + sheet + record(0x000A, b"") for sheet in sheets]
    offsets = [at + sum(map(len, bodies[:place])) for place in places]
    told = b"".join(record(0x0085, struct.pack("<I", o) + name) for o, name in zip(offsets, names, strict=True))
    content = begin + told + shared + record(0x000A, b"") + b"".join(bodies)
    return workbook(content.ljust(4096, b"\0"))


def short(text: str, flags: int = 0, more: bytes = b"", behind: bytes = b"") -> bytes:
    return struct.pack("<HB", len(text), flags) + more + text.encode("utf-16-le" if flags & 1 else "latin-1") + behind


def test_shared_texts_are_measured_where_they_go_on_in_the_next_record(tmp_path: Path) -> None:
    rich = short("rich", 8, struct.pack("<H", 2), b"\0" * 8)
    heard = short("heard", 4, struct.pack("<I", 6), b"\1" * 6)
    cut = struct.pack("<HB", 7, 0) + b"cut"  # and on in two bytes a letter
    parts = (short("night") + short("wide", 1) + rich + heard + cut, b"\1" + "here".encode("utf-16-le") + short("z"))
    cells = b"".join(naming(row, text) for row, text in enumerate([0, 1, 2, 3, 4, 5, 5]))
    content = sheets_of(texts(*parts, count=6), cells)
    assert described(content, MANY, tmp_path) == Described(7, 5 + 4 + 4 + 5 + 7 + 1 + 1)
    (tmp_path / "a.xls").write_bytes(content)
    words = ["night", "wide", "rich", "heard", "cuthere", "z", "z"]
    assert rows_of(tmp_path / "a.xls") == {"A": tuple((word,) for word in words)}, "as the library reads them"


def test_several_sheets_count_together_and_an_empty_one_for_nothing(tmp_path: Path) -> None:
    square = number(0, 0) + number(9, 9)
    assert described(sheets_of(b"", square, b"", square), MANY, tmp_path) == Described(200, 0)


def faults_of(tmp_path: Path, content: bytes) -> FileFault:
    path = tmp_path / "a.xls"
    path.write_bytes(content)
    with pytest.raises(FileFault) as told:
        rows_of(path)
    return told.value


def test_a_long_text_in_many_cells_is_refused(tmp_path: Path) -> None:
    long = texts(short("x" * 8000), count=1)
    cells = b"".join(naming(row, 0) for row in range(40_000))  # 320 MB out of 0.6
    fault = faults_of(tmp_path, sheets_of(long, cells))
    assert (fault.fault, "256 MB" in fault.known) == (Fault.TOO_LARGE, True)


def test_many_sheets_of_two_cells_far_apart_are_refused(tmp_path: Path) -> None:
    far = number(0, 0) + number(60_000, 20)
    assert faults_of(tmp_path, sheets_of(b"", far, far)).fault is Fault.TOO_LARGE


def test_sheets_that_share_their_records_are_refused(tmp_path: Path) -> None:
    sheet = b"".join(number(row, 0) for row in range(500))
    fault = faults_of(tmp_path, sheets_of(b"", sheet, starts=(0,) * 40))
    assert (fault.fault, "share their records" in fault.what) == (Fault.CORRUPT, True)


def test_what_cannot_be_counted_is_not_opened(tmp_path: Path) -> None:
    one = texts(short("night"), count=1)
    for content in (sheets_of(one, naming(0, 7)), sheets_of(one + one, naming(0, 0))):
        fault = faults_of(tmp_path, content)
        assert (fault.fault, "end before what they name" in fault.what) == (Fault.CORRUPT, True)
