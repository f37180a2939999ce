"""Tables that people keep by hand: delimited text, Excel (.xlsx, .xls) and OpenDocument sheets, as rows of text.

Spreadsheets are read by python-calamine, which runs no macro, follows no link and evaluates no formula. Dates come out
as ISO text, whole numbers without '.0', empty cells as ''.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from pipeline.devices.archives import ZIP_MARK, open_zip
from pipeline.devices.delimited import cells_of, content_of, lines_of, separator_of, text_of, whole_lines
from pipeline.devices.later import pl
from pipeline.devices.xls_cells import described
from pipeline.errors import Fault, FileFault, is_panic

XLS_MARK = b"\xd0\xcf\x11\xe0"
MOST_SHEET_BYTES = 64 * 1024**2
"""A spreadsheet's members unpack to at most this; a diary of a year is under 1 MB."""
MOST_ROWS, MOST_CELLS = 200_000, 2_000_000
GLIMPSED = 12

Row = tuple[str, ...]
_SHEET_MEMBERS = frozenset({"workbook.xml", "content.xml"})


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of text that hold anything, and the number that each has in the file (from 1)."""

    rows: tuple[Row, ...]
    numbers: tuple[int, ...]


def is_spreadsheet(head: bytes, names: frozenset[str]) -> bool:
    """Whether a file is an Excel or OpenDocument workbook, by its first bytes and the names inside."""
    return head.startswith(XLS_MARK) or (head.startswith(ZIP_MARK) and bool(names & _SHEET_MEMBERS))


def first_rows(path: Path, head: bytes, names: frozenset[str]) -> tuple[Row, ...]:
    """The first rows of a table, blank ones left out; none where it is no table or cannot be read."""
    if is_spreadsheet(head, names):
        sheets = spreadsheet(path)
        return tuple(next(iter(sheets.values()), ()))[:GLIMPSED]
    if b"\x00" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ()
    lines = lines_of(text_of(head))
    return _text_rows(lines[:-1] if len(lines) > 1 else lines)[:GLIMPSED]


def rows_of(path: Path) -> dict[str, tuple[Row, ...]]:
    """Every sheet of a file by name, as rows of text; delimited text is one sheet named ''.

    Raises
    ------
    FileFault
        CORRUPT if a workbook cannot be opened; TOO_LARGE beyond `MOST_ROWS` rows or `MOST_CELLS` cells.
    """
    with path.open("rb") as stream:
        head = stream.read(8)
    if head.startswith((XLS_MARK, ZIP_MARK)):
        return spreadsheet(path)
    rows = _text_rows(lines_of(text_of(content_of(path, MOST_SHEET_BYTES))))
    _bounded(rows, path)
    return {"": rows}


def numbered_sheets(path: Path) -> tuple[dict[str, Sheet], list[str]]:
    """Every sheet of a file that holds anything, its rows as the file numbers them, and notes on what was left out.

    A last line of text without a line end may be cut, and is left out. A quoted cell may hold line ends.

    Raises
    ------
    FileFault
        CORRUPT if a workbook cannot be opened; TOO_LARGE beyond `MOST_ROWS` rows or `MOST_CELLS` cells.
    """
    with path.open("rb") as stream:
        head = stream.read(8)
    if head.startswith((XLS_MARK, ZIP_MARK)):
        sheets = {name: _numbered(rows, first) for name, (first, rows) in _book(path).items()}
        return {name: sheet for name, sheet in sheets.items() if sheet.rows}, []
    content, notes = whole_lines(content_of(path, MOST_SHEET_BYTES))
    lines = lines_of(text_of(content))
    filled = [line for line in lines if line.strip()][:GLIMPSED]
    separator = separator_of(max(filled, key=lambda line: line.count(separator_of(line)), default=""))
    text = "\n".join(lines)
    if text.count('"') % 2 == 0:
        table = csv.reader(io.StringIO(text), delimiter=separator)
        rows = [tuple(cell.strip(" \t\"'\u00a0") for cell in row) for row in table]
    else:  # one quote too many would swallow everything behind it
        rows = [tuple(cells_of(line, separator)) for line in lines]
    _bounded(tuple(rows), path)
    sheet = _numbered(rows)
    return {"": sheet} if sheet.rows else {}, notes


def _numbered(rows: Iterable[Row], first: int = 1) -> Sheet:
    kept = [(number, row) for number, row in enumerate(rows, start=first) if any(row)]
    return Sheet(tuple(row for _, row in kept), tuple(number for number, _ in kept))


def spreadsheet(path: Path) -> dict[str, tuple[Row, ...]]:
    """The sheets of a workbook that hold anything, in its order."""
    out = {name: _filled(rows) for name, (_, rows) in _book(path).items()}
    return {name: rows for name, rows in out.items() if rows}


def _book(path: Path) -> dict[str, tuple[int, tuple[Row, ...]]]:
    """Every sheet of a workbook: the number of its first row, and its rows from that on, blank ones kept."""
    from python_calamine import CalamineError, CalamineWorkbook

    with path.open("rb") as stream:
        content = stream.read(MOST_SHEET_BYTES + 1)
    if len(content) > MOST_SHEET_BYTES:
        raise FileFault(Fault.TOO_LARGE, "the workbook is larger than 64 MB", where=path.name, hint="save it as csv")
    if content.startswith(ZIP_MARK):
        _unpacks_small(path)
    else:
        told = described(content, MOST_CELLS, path)
        if told.cells > MOST_CELLS:
            raise _too_many(path, "its cells span a rectangle")
        if told.characters > MOST_SHEET_BYTES * 4:
            raise _too_many(path, "its texts, each as often as it stands in a cell, are more than 256 MB")
    out = {}
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for name in book.sheet_names:
            sheet = book.get_sheet_by_name(name)
            rows = tuple(tuple(_text(cell) for cell in row) for row in sheet.to_python())
            out[name] = (1 + (sheet.start or (0, 0))[0], rows)
    except BaseException as bad:
        if not isinstance(bad, CalamineError | ValueError | OSError | OverflowError) and not is_panic(bad):
            raise
        raise FileFault(
            Fault.CORRUPT, "the workbook cannot be opened", where=path.name, known=type(bad).__name__,
            hint="open it, save it again, or save the sheet as csv",
        ) from bad  # fmt: skip
    for _, rows in out.values():
        _bounded(rows, path)
    return out


def named_columns(names: Row, rows: tuple[Row, ...]) -> pl.DataFrame:
    """Rows below a header as text columns by name, short rows filled up; of a name that comes twice, the last."""
    columns = {name: [row[k] if k < len(row) else "" for row in rows] for k, name in enumerate(names) if name}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String))


def _unpacks_small(path: Path) -> None:
    """Count what the members of a workbook unpack to before a library that does not count sees it.

    That library makes a full rectangle of every sheet, and copies a shared text into every cell that names it: a few
    cells far apart, a cell that is repeated, or a long text in many cells are as large as gigabytes.
    """
    texts: list[list[int]] = []
    named: Counter[int] = Counter()
    text_cells = 0
    with open_zip(path) as inside:
        left = MOST_SHEET_BYTES * 4
        for name in inside.names:
            content = inside.read(name, most=max(left, 0))
            left -= len(content)
            if max(_rectangle(content), _repeated(content)) > MOST_CELLS:
                raise _too_many(path, "its cells span a rectangle")
            parts = [len(part) for part in _TEXT_END.split(content)[:-1]]
            texts += [parts] if parts else []
            named.update(int(found[1]) for found in _NAMED_TEXT.finditer(content))
            text_cells += len(_TEXT_CELL.findall(content))
    lengths = texts[0] if len(texts) == 1 else []
    longest = max(map(max, texts), default=0)
    known = sum(n * (lengths[place] if place < len(lengths) else longest) for place, n in named.items())
    if known + max(0, text_cells - named.total()) * longest > MOST_SHEET_BYTES * 4:
        raise _too_many(path, "its texts, each as often as it stands in a cell, are more than 256 MB")


def _too_many(path: Path, why: str) -> FileFault:
    what = "the workbook is small, but what it describes is not"
    return FileFault(Fault.TOO_LARGE, what, where=path.name, known=why, hint="save the sheet as csv")


_TEXT_END = re.compile(rb"</(?:\w{1,20}:)?si\s*>")
_NAMED_TEXT = re.compile(rb"""\bt\s*=\s*["']s["'][^<>]*>\s*<(?:\w{1,20}:)?v>\s*(\d{1,9})""")
_TEXT_CELL = re.compile(rb"""\bt\s*=\s*["']s["']""")
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,7})(\d{1,10})["']""")
_ODS_TAG = re.compile(rb"<(?:\w{1,20}:)?(table|table-row|(?:covered-)?table-cell)(\s[^<>]*)?>")
_ODS_REPEATS = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["'](\d{1,18})""")


def _rectangle(content: bytes) -> int:
    """How many cells the rectangle around all cells of an xlsx sheet has; at least one for each that is written."""
    rows, columns, count = (1 << 40, 0), (1 << 40, 0), 0
    for found in _PLACE.finditer(content):
        row, column = int(found[2]), 0
        for letter in found[1].upper():
            column = column * 26 + letter - 64
        rows, columns = (min(rows[0], row), max(rows[1], row)), (min(columns[0], column), max(columns[1], column))
        count += 1
        if count > MOST_CELLS:
            return count
    return (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1) if count else 0


def _repeated(content: bytes) -> int:
    """The same of an OpenDocument sheet, in which a cell or row may say how often it is repeated."""
    most = height = width = below = across = repeats = 0
    for found in _ODS_TAG.finditer(content):
        kind, attributes = found[1], found[2] or b""
        told = _ODS_REPEATS.search(attributes)
        times = int(told[1]) if told else 1
        if kind == b"table":
            most, height, width, below, across, repeats = max(most, height * width), 0, 0, 0, 0, 0
        elif kind == b"table-row":
            below, across, repeats = below + repeats, 0, times
        else:
            across += times
            if not attributes.endswith(b"/") or b"value-type" in attributes:
                height, width = below + repeats, max(width, across)
    return max(most, height * width)


def _text_rows(lines: list[str]) -> tuple[Row, ...]:
    filled = [line for line in lines if line.strip()]
    if not filled:
        return ()
    separator = separator_of(max(filled[:GLIMPSED], key=lambda line: line.count(separator_of(line))))
    return _filled(tuple(cells_of(line, separator)) for line in filled)


def _filled(rows: Iterable[Row]) -> tuple[Row, ...]:
    return tuple(row for row in rows if any(row))


def _bounded(rows: tuple[Row, ...], path: Path) -> None:
    if len(rows) > MOST_ROWS or sum(len(row) for row in rows) > MOST_CELLS:
        raise FileFault(Fault.TOO_LARGE, f"the table has {len(rows)} rows", where=path.name, hint="is it the table?")


def _text(cell: object) -> str:
    """One cell as text: ISO for dates, no '.0' behind whole numbers, '' for nothing."""
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        total = int(cell.total_seconds())
        return f"{total // 3600:02d}:{total % 3600 // 60:02d}:{total % 60:02d}"
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip() if cell is not None else ""
