"""Text with a row for every sample, read in blocks: a night of 256 rows a second is gigabytes of text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from pipeline.devices.archives import open_plain
from pipeline.devices.delimited import MOST_COLUMNS
from pipeline.devices.later import pl
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats

BLOCK_BYTES = 16 * 1024**2
LONGEST_LINE = 64 * 1024
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def first_lines(path: Path, most: int) -> list[bytes]:
    """The first lines of a file, as bytes without their ends and without a byte-order mark.

    Raises
    ------
    FileFault
        CORRUPT for lines too long for text, and for UTF-16, in which no recorder writes samples.
    """
    with open_plain(path) as stream:
        lines = [stream.readline(LONGEST_LINE) for _ in range(most)]
    if lines[0].startswith(_UTF16):
        hint = "save it as UTF-8 text"
        raise FileFault(Fault.CORRUPT, "the table is written in UTF-16", where=path.name, hint=hint)
    if any(len(line) == LONGEST_LINE for line in lines):
        raise FileFault(Fault.CORRUPT, "a line is too long for a table of samples", where=path.name)
    return [line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n") for line in lines if line]


def blocks(
    path: Path, *, skip: int, width: int, separator: str, wanted: Sequence[int], notes: list[str]
) -> Iterator[pl.DataFrame]:
    """The rows below the first `skip` lines in blocks, as text: column `ck` is column k of the file, for k wanted.

    Short rows end in nulls. A last line without an end may be cut: it is left out and told.

    Raises
    ------
    FileFault
        CORRUPT if rows cannot be told apart.
    """
    if not 0 < width <= MOST_COLUMNS:
        raise FileFault(Fault.CORRUPT, f"a row has {width} columns", where=path.name)
    columns = [f"c{k}" for k in range(width)]
    header = separator.join(columns).encode() + b"\n"
    with open_plain(path) as stream:
        for _ in range(skip):
            stream.readline(LONGEST_LINE)
        for block in _whole_lines(stream, path, notes):
            try:
                table = pl.read_csv(
                    header + block,
                    separator=separator,
                    schema=dict.fromkeys(columns, pl.String),
                    columns=[columns[k] for k in sorted(set(wanted))],
                    truncate_ragged_lines=True,
                    quote_char=None,
                    encoding="utf8-lossy",
                )
            except pl.exceptions.PolarsError as bad:
                hint = "export it again as plain csv"
                raise FileFault(Fault.CORRUPT, "its rows cannot be told apart", where=path.name, hint=hint) from bad
            yield table.with_columns(pl.all().str.strip_chars(" \t\"'\r"))


def _whole_lines(stream: IO[bytes], path: Path, notes: list[str]) -> Iterator[bytes]:
    """The rest of a stream in pieces that end where a line ends."""
    rest = b""
    while piece := stream.read(BLOCK_BYTES):
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield rest + piece[:cut]
            rest = piece[cut:]
        else:
            rest += piece
        if len(rest) > BLOCK_BYTES:
            raise FileFault(Fault.CORRUPT, "it has no lines", where=path.name, hint="is it a table of samples?")
    if rest.strip():
        notes.append("the last line has no line end and may be cut: left out")


def numbers(cells: pl.Series, *, decimal_comma: bool = False) -> Floats:
    """A text column as float64, NaN where it holds no finite number."""
    text = cells.str.replace(",", ".", literal=True) if decimal_comma else cells
    values = text.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(values), values, np.nan)


def writes_decimal_comma(lines: Sequence[bytes], separator: str) -> bool:
    """Whether rows that are not separated by commas hold numbers such as 3,5."""
    return separator != "," and any(re.search(rb"(?<![\d,])-?\d+,\d+(?![\d,])", line) for line in lines)
