"""Rows of samples: bounded memory, stamps in every order, rates, stillness."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.clock import NS
from pipeline.devices import raw_text
from pipeline.devices.raw_text import Rows, acceleration, blocks_of, rate_of, regular, stamp_format, wall_of
from pipeline.errors import Fault, FileFault

AXES = ("x", "y", "z")


@pytest.mark.parametrize(
    ("text", "day_first", "wall"),
    [
        ("2019-12-23 21:04:06.690", True, "2019-12-23T21:04:06.690"),
        ("2019-12-23T21:04:06", False, "2019-12-23T21:04:06.000"),
        ("2013-05-30 10:12:54:500", True, "2013-05-30T10:12:54.500"),
        ("3/4/2019 6:40:00.010", False, "2019-03-04T06:40:00.010"),
        ("3/4/2019 6:40:00.010", True, "2019-04-03T06:40:00.010"),
        ("03.04.2019 06:40:00,010", True, "2019-04-03T06:40:00.010"),
        ("3/4/2019 12:40:00 AM", False, "2019-03-04T00:40:00.000"),
        ("3/4/19 12:40:00.5 PM", False, "2019-03-04T12:40:00.500"),
        ("2017-09-12T15:00:00Z", True, "2017-09-12T15:00:00.000"),
    ],
)
def test_stamps(text: str, day_first: bool, wall: str) -> None:
    form = stamp_format(text, day_first=day_first)
    assert form is not None
    wall_ns, good = wall_of(pl.Series([text, "?", None]), form)
    assert good.tolist() == [True, False, False]
    assert wall_ns[0] == np.datetime64(wall, "ns").astype(np.int64)


@pytest.mark.parametrize("text", ["", "12:40:00", "2019-12-23", "1551178506.0000", "no time"])
def test_what_is_no_stamp_has_no_format(text: str) -> None:
    assert stamp_format(text, day_first=True) is None


def test_the_rate_is_not_moved_by_rounding_or_a_gap() -> None:
    at = np.floor(np.arange(500) * 1000 / 85.7).astype(np.int64) * 1_000_000
    at[250:] += 60 * NS
    assert rate_of(at) == pytest.approx(85.7, rel=1e-3)
    assert rate_of(np.array([0, 1, 2, 10**9, 2 * 10**9 - 1], np.int64)) > 0  # no step is like the median
    assert rate_of(at[:1]) == rate_of(np.zeros(9, np.int64)) == 0.0


def test_memory_does_not_grow_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_text, "BLOCK_BYTES", 64 * 1024)

    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        path.write_text("".join(f"0.123,-0.456,0.{k % 1000:03d}\n" for k in range(rows)))
        layout = Rows(path, 0, ",", AXES)
        tracemalloc.start()
        stream, tally = acceleration(
            "a", 100.0, path, AXES, 1.0, lambda t: blocks_of(layout, regular(0, 100.0), AXES, t)
        )
        assert tally.rows == sum(len(piece.samples) for piece in stream.pieces()) == rows
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(200_000) < 1.2 * peak(50_000)


def test_a_line_without_an_end_does_not_fill_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"0,0,1\n" + b"1" * 200_000)
    layout = Rows(path, 0, ",", AXES)
    with pytest.raises(FileFault) as fault:
        acceleration("a", 100.0, path, AXES, 1.0, lambda t: blocks_of(layout, regular(0, 100.0), AXES, t))
    assert fault.value.fault is Fault.CORRUPT


def test_no_row_at_all_is_nothing_usable(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"")
    layout = Rows(path, 0, ",", AXES)
    with pytest.raises(FileFault) as fault:
        acceleration("a", 100.0, path, AXES, 1.0, lambda t: blocks_of(layout, regular(0, 100.0), AXES, t))
    assert fault.value.fault is Fault.NOTHING_USABLE
