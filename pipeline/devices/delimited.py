"""Delimited text as it really is: any encoding, separator and decimal mark; CRLF, CR and CR CR LF; bounded.

`text_of` decodes, `lines_of` splits, `separator_of` and `has_decimal_comma` tell the dialect, `table_of` gives the
cells as text columns and `numbers_of` makes numbers of them. Nothing is interpreted beyond that.
"""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

from pipeline.devices.archives import open_plain
from pipeline.devices.later import pl
from pipeline.errors import Fault, FileFault

MOST_TEXT = 1024**3
"""Tables of epochs, beats or diaries are far smaller; raw acceleration as text is streamed and not read so."""
MOST_COLUMNS = 4096
SEPARATORS = (";", "\t", ",", "|")
MISSING = ("", "nan", "na", "n/a", "null", "none", "-", "--")


def content_of(path: Path, most: int = MOST_TEXT) -> bytes:
    """The bytes of a file, unpacked if it is gzipped.

    Raises
    ------
    FileFault
        TOO_LARGE beyond `most` bytes.
    """
    with open_plain(path) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise FileFault(
            Fault.TOO_LARGE,
            f"the table is larger than {most // 1024**2} MB",
            where=path.name,
            hint="export it in parts, a week each",
        )
    return content


def text_of(content: bytes) -> str:
    """Text of bytes: by the byte-order mark, else UTF-8, else Windows-1252 (in which every maker's software writes)."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", errors="replace")


def lines_of(text: str) -> list[str]:
    """Lines whatever ends them: CRLF, LF, CR, and CR CR LF, sometimes in one file."""
    return re.sub(r"\r+\n|\r", "\n", text).split("\n")


def whole_lines(content: bytes) -> tuple[bytes, list[str]]:
    """Content up to its last line end, and a note if something was left out: a last line without one may be cut.

    UTF-16 comes back as UTF-8, in which a line end is one byte.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = text_of(content).encode()
    end = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
    if end == len(content):
        return content, []
    return content[:end], ["the last line has no line end and may be cut: left out"]


def separator_of(line: str) -> str:
    """The separator of a header line: the one that parts it most often outside quotes (';' and tab before ',')."""
    bare = re.sub(r'"[^"]*"', "", line)
    counts = [(bare.count(mark), -place) for place, mark in enumerate(SEPARATORS)]
    best = max(range(len(SEPARATORS)), key=lambda k: counts[k])
    return SEPARATORS[best] if counts[best][0] else ","


def cells_of(line: str, separator: str) -> list[str]:
    """The cells of one line, at least one, quotes and blanks around them removed."""
    try:
        row = next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        row = line.split(separator)
    return [cell.strip(" \t\"'\u00a0") for cell in row] or [""]


def table_of(lines: list[str], names: list[str], separator: str, path: Path) -> pl.DataFrame:
    """Rows below a header as text, one column a name (`c0`, `c1`, … in their order); short rows end in nulls.

    Cells beyond the header's are dropped; blank rows are left out. `names` only gives the number of columns.
    """
    if len(names) > MOST_COLUMNS:
        what = f"a row has {len(names)} columns"
        raise FileFault(Fault.CORRUPT, what, where=path.name, hint="is it separated as its first line says?")
    columns = [f"c{k}" for k in range(len(names))]
    body = "\n".join([separator.join(columns), *(line for line in lines if line.strip()), ""])
    try:
        table = pl.read_csv(
            io.BytesIO(body.encode("utf-8", errors="replace")),
            separator=separator,
            schema=dict.fromkeys(columns, pl.String),
            truncate_ragged_lines=True,
            quote_char='"' if body.count('"') % 2 == 0 and '"' in body else None,
        )
    except pl.exceptions.PolarsError as bad:
        raise FileFault(
            Fault.CORRUPT, "its rows cannot be told apart", where=path.name, hint="save it as plain csv again"
        ) from bad
    table = table.with_columns(pl.all().str.strip_chars(" \t\"'\r\u00a0"))
    return table.filter(~pl.all_horizontal(pl.all().fill_null("") == ""))


def has_decimal_comma(cells: pl.Series) -> bool:
    """Whether numbers of a column are written 3,5; one separator that groups thousands does not count."""
    return bool(cells.drop_nulls().str.contains(r"^[-+]?\d+,\d+$").any())


def numbers_of(cells: pl.Series, *, decimal_comma: bool = False) -> tuple[pl.Series, int]:
    """A text column as Float64, null where it says missing or holds no number; and how many held none.

    `MISSING` words are missing; anything else that is no number is counted.
    """
    text = cells.fill_null("").str.strip_chars()
    if decimal_comma:
        text = text.str.replace(",", ".", literal=True)
    values = text.cast(pl.Float64, strict=False)
    values = values.set(values.is_nan() | values.is_infinite(), None)
    unread = values.is_null() & ~text.str.to_lowercase().is_in(MISSING)
    return values, int(unread.sum())


def headed_table(path: Path) -> tuple[pl.DataFrame, list[str]]:
    """A table whose first line names its columns, as text under these names; and what was left out of it, in words.

    Raises
    ------
    FileFault
        TRUNCATED without a whole line; CORRUPT if two columns bear one name; NOTHING_USABLE without a row.
    """
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    head = next((k for k, line in enumerate(lines) if line.strip()), None)
    if head is None:
        raise FileFault(Fault.TRUNCATED, "the file ends within its first line", where=path.name)
    separator = separator_of(lines[head])
    names = cells_of(lines[head], separator)
    if len(set(names)) < len(names):
        raise FileFault(Fault.CORRUPT, "two columns of the table bear one name", where=path.name)
    table = table_of(lines[head + 1 :], names, separator, path)
    if table.is_empty():
        raise FileFault(Fault.NOTHING_USABLE, "the file holds a header and no row", where=path.name)
    return table.rename(dict(zip(table.columns, names, strict=True))), notes
