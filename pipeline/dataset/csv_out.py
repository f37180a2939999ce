"""Tables as CSV that a spreadsheet opens as what they are: no cell of text becomes a formula.

A spreadsheet takes a text that begins with one of `STARTERS` for a formula, which may call programs or send data
(CWE-1236; OWASP ASVS 5.0, 1.2.10). Such a text gets an apostrophe before it, which shows that it is one. Numbers stay
numbers, a minus included. Quoting and line ends are RFC 4180's.
"""

from __future__ import annotations

import polars as pl

STARTERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
"""First characters of a formula, the full-width forms that some spreadsheets take for them among them."""


def csv_bytes(frame: pl.DataFrame) -> bytes:
    """The frame as UTF-8 CSV with a header, texts that a spreadsheet would take for formulas made harmless."""
    texts = [name for name, dtype in frame.schema.items() if dtype == pl.String or isinstance(dtype, pl.Enum)]
    harmless = frame.with_columns(_harmless(pl.col(name).cast(pl.String)).alias(name) for name in texts)
    names = {name: _harmless_name(name) for name in frame.columns}
    return harmless.rename(names).write_csv(line_terminator="\r\n").encode()


def _harmless(cell: pl.Expr) -> pl.Expr:
    starts = pl.any_horizontal(cell.str.starts_with(mark) for mark in STARTERS)
    return pl.when(starts).then(pl.lit("'") + cell).otherwise(cell)


def _harmless_name(name: str) -> str:
    return f"'{name}" if name.startswith(STARTERS) else name
