"""Time stamps written as text."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from pipeline.clock import to_datetime
from pipeline.devices.reader import Asked
from pipeline.devices.stamps import wall_clocks


@pytest.mark.parametrize(("written", "year"), [("06/24/95", 1995), ("06/24/85", 1985), ("06/24/84", 2084)])
def test_years_of_two_digits_begin_in_1985(written: str, year: int) -> None:
    walls = wall_clocks(pl.Series([f"{written} 16:00:10"]), Asked(), Path("export.json"))
    assert f"{to_datetime(int(walls.wall_ns[0])):%Y-%m-%d %H:%M:%S}" == f"{year}-06-24 16:00:10"
