"""CSV out: no text becomes a formula. CSV in: every dialect, and bounds on what it may cost."""

from __future__ import annotations

import ast
import csv
import io
import time
from pathlib import Path

import polars as pl
import pytest

from pipeline import units
from pipeline.dataset.csv_out import csv_bytes
from pipeline.devices import delimited, read_export, sheets
from pipeline.devices.delimited import (
    content_of,
    has_decimal_comma,
    lines_of,
    numbers_of,
    separator_of,
    table_of,
    text_of,
)
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.study import open_study

ASKED = Asked(zone="Europe/Rome")
BAD = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "\nx",
    "\0x",
    "＝1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x")',
)


# ---- out -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", BAD)
def test_a_text_that_a_spreadsheet_would_execute_gets_an_apostrophe(text: str) -> None:
    frame = pl.DataFrame({"x": [text]}, schema={"x": pl.String})
    rows = list(csv.reader(io.StringIO(csv_bytes(frame).decode().replace("\0", "␀"), newline="")))
    assert rows == [["x"], ["'" + text.replace("\0", "␀")]]


def test_numbers_stay_numbers_and_harmless_texts_what_they_are() -> None:
    frame = pl.DataFrame({"n": [-1.5, None], "k": [-3, 4], "t": ["a-b=c", None], "e": ["N3", "W"]})
    frame = frame.with_columns(pl.col("e").cast(pl.Enum(["N3", "W"])))
    assert csv_bytes(frame) == b"n,k,t,e\r\n-1.5,-3,a-b=c,N3\r\n,4,,W\r\n"


def test_quoting_is_that_of_rfc_4180() -> None:
    cells = ['say "x"', "a,b", "two\r\nlines", ""]
    told = csv_bytes(pl.DataFrame({"x": cells, "=y": cells}))
    assert list(csv.reader(io.StringIO(told.decode(), newline=""), strict=True)) == [
        ["x", "'=y"],
        *([cell, cell] for cell in cells),
    ]


def test_the_dictionary_of_a_study_is_written_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "study.toml").write_text("")
    (tmp_path / "participants.tsv").write_text("participant_id\nP1\n")
    monkeypatch.setattr(units, "dictionary", lambda _: pl.DataFrame({"meaning": ["=1+1"]}))
    units.do_cohort(open_study(tmp_path), ())
    assert (tmp_path / "dataset/dictionary.csv").read_bytes() == b"meaning\r\n'=1+1\r\n"


def test_no_other_module_writes_csv(nodes: dict[str, tuple[ast.AST, ...]]) -> None:
    names = {"write_csv", "writer", "DictWriter", "to_csv", "write_excel"}
    writers = {
        path
        for path, found in nodes.items()
        for node in found
        if isinstance(node, ast.Attribute) and node.attr in names
    }
    writers = {path for path in writers if "/simulate/" not in path}
    # The key of the date shift holds ids (which begin with a letter or digit) and whole numbers, and is read again.
    assert writers == {"pipeline/dataset/csv_out.py", "pipeline/privacy.py"}


# ---- in --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("zeit;größe".encode(), "zeit;größe"),
        ("\ufeffzeit;größe".encode(), "zeit;größe"),
        ("zeit;größe".encode("cp1252"), "zeit;größe"),
        ("zeit;größe".encode("utf-16"), "zeit;größe"),
        (b"\xff\xfea", "\ufffd"),
    ],
    ids=["utf-8", "bom", "windows", "utf-16", "half a character"],
)
def test_encodings(content: bytes, text: str) -> None:
    assert text_of(content) == text


@pytest.mark.parametrize("mark", [";", "\t", ",", "|"])
def test_separators_and_decimal_commas(mark: str) -> None:
    name = '"a;b,c"' if mark not in ";," else "a"
    assert separator_of(mark.join((name, "b", "c"))) == mark
    cells = pl.Series(["3,5", "-1,25", "n/a", "1e999", "x"])
    assert has_decimal_comma(cells)
    values, unread = numbers_of(cells, decimal_comma=True)
    assert (values.to_list(), unread) == ([3.5, -1.25, None, None, None], 2)


def test_line_ends_of_every_kind() -> None:
    assert lines_of("a\r\nb\rc\nd\r\r\ne") == ["a", "b", "c", "d", "e"]


def test_a_quote_that_never_closes_costs_a_cell_and_no_row(tmp_path: Path) -> None:
    rows = table_of(['1;"open;3', "4;5;6", "7;8;9"], ["a", "b", "c"], ";", tmp_path / "x.csv")
    assert rows.rows() == [("1", "open", "3"), ("4", "5", "6"), ("7", "8", "9")]


def test_a_table_that_is_too_large_is_refused_before_it_is_held(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"1" * 1001)
    with pytest.raises(FileFault) as fault:
        content_of(path, 1000)
    assert fault.value.fault is Fault.TOO_LARGE


def test_columns_are_bounded(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="100000 columns"):
        table_of([], ["x"] * 100_000, ",", tmp_path / "x.csv")


def test_rows_of_a_table_kept_by_hand_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" * 20)
    for name, value in (("MOST_ROWS", 19), ("MOST_CELLS", 39)):
        with monkeypatch.context() as patch:
            patch.setattr(sheets, name, value)
            with pytest.raises(FileFault) as fault:
                sheets.rows_of(path)
        assert fault.value.fault is Fault.TOO_LARGE


HEAD = b"timestamp,activity\n" + b"".join(b"2024-03-01 22:%02d:00,5\n" % k for k in range(60))


@pytest.mark.parametrize(
    "content",
    [
        HEAD + b"2024-03-01 23:00:00," + b"9" * 20_000_000 + b"\n",
        HEAD + b"," * 20_000_000 + b"\n",
        HEAD + b'"' * 2_000_001 + b"\n",
        b",".join(b"c%d" % k for k in range(100_000)) + b"\n" + b"1," * 100_000 + b"\n",
        b"timestamp,activity" + b",x" * 100_000 + b"\n" + HEAD.split(b"\n", 1)[1],
    ],
    ids=["long cell", "many cells", "quotes", "1e5 columns", "1e5 columns after the wanted"],
)
def test_absurd_lines_cost_little_and_end_in_words(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    started = time.monotonic()
    try:
        _, recording = read_export(path, ASKED)
        assert recording.signals
    except FileFault as fault:
        assert fault.fault in {Fault.CORRUPT, Fault.UNKNOWN_FORMAT, Fault.TOO_LARGE, Fault.IMPLAUSIBLE}  # noqa: PT017
        assert len(str(fault)) < 90_000  # noqa: PT017
    assert time.monotonic() - started < 20


def test_every_bound_is_one_that_a_machine_can_hold() -> None:
    assert delimited.MOST_TEXT <= 1024**3
    assert sheets.MOST_SHEET_BYTES <= 64 * 1024**2
