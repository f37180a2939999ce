"""What the pages read out of tables: numbers that may be missing, columns that may not exist, times in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import to_ns, zone_of
from pipeline.report.svg import Floats

Row = dict[str, Any]
NOTHING = "–"
"""What a table cell shows for a missing number."""


def instants(frame: pl.DataFrame, column: str = "start_utc") -> NDArray[np.int64]:
    """A UTC column as ns since 1970, shape (n,)."""
    return np.asarray(frame.get_column(column).dt.epoch("us").to_numpy(), np.int64) * 1000


def floats(frame: pl.DataFrame, column: str) -> Floats:
    """A numeric column as floats, shape (n,); NaN where it is null, and throughout where the column does not exist."""
    if column not in frame.columns:
        return np.full(frame.height, np.nan)
    return np.asarray(frame.get_column(column).cast(pl.Float64).to_numpy(), np.float64)


def spectra_of(frame: pl.DataFrame, bins: int) -> Floats:
    """The spectra as (n, bins); NaN rows where a spectrum is null or of another length."""
    out = np.full((frame.height, bins), np.nan)
    if frame.height:
        lists = frame.get_column("psd_uv2_hz")
        whole = (lists.list.len() == bins).fill_null(value=False)
        if whole.any():
            flat = lists.filter(whole).explode().cast(pl.Float64).to_numpy()
            out[whole.to_numpy()] = np.asarray(flat, np.float64).reshape(-1, bins)
    return out


def families(columns: Iterable[str]) -> dict[str, str]:
    """The family of every column, from the declared order: a family's columns are followed by its state."""
    names = list(columns)
    out: dict[str, str] = {}
    waiting: list[str] = []
    for name in names:
        if name.endswith("_state") and f"{name.removesuffix('_state')}_coverage" in names:
            out.update(dict.fromkeys(waiting, name.removesuffix("_state")))
            waiting = []
        elif not name.endswith(("_reason", "_coverage")):
            waiting.append(name)
    return out


def family_names(columns: Iterable[str]) -> list[str]:
    """The families whose state stands among the columns, in declared order."""
    names = list(columns)
    return [n.removesuffix("_state") for n in names if n.endswith("_state") and f"{n[:-6]}_coverage" in names]


def state_counts(frame: pl.DataFrame) -> list[Row]:
    """How often each family of a table was in each state, with the reasons given and how often."""
    out: list[Row] = []
    for name in family_names(frame.columns):
        states = Counter(frame.get_column(f"{name}_state").to_list())
        reasons = Counter(r for r in frame.get_column(f"{name}_reason").to_list() if r)
        out.append({"family": spaced(name), "states": sorted(states.items()), "reasons": reasons.most_common()})
    return out


def spaced(name: str) -> str:
    """A column's or family's name in words."""
    return name.replace("_", " ")


def shown(value: float | None, digits: int = 1) -> str:
    """A number in words; a dash where it is missing, never 0."""
    if value is None or not np.isfinite(value):
        return NOTHING
    text = f"{value:.{digits}f}"
    if float(text) == 0.0:
        text = text.lstrip("-")
    return text.replace("-", "−")


def percent(share: float | None) -> str:
    """A share 0 … 1 in percent, dash where it is unknown."""
    return NOTHING if share is None else f"{100 * share:.0f} %"


def local(moment: datetime, zone: str) -> datetime:
    """The moment in the participant's own clock."""
    return moment.astimezone(zone_of(zone))


def clock(moment: datetime | None, zone: str) -> str:
    """'HH:MM' in the participant's own clock; a dash where there is none."""
    return NOTHING if moment is None else f"{local(moment, zone):%H:%M}"


def stamp(moment: datetime, zone: str) -> str:
    """Date, time and UTC offset in the participant's own clock."""
    there = local(moment, zone)
    offset = f"{there:%z}"
    return f"{there:%Y-%m-%d %H:%M} (UTC{offset[:3]}:{offset[3:]})"


def weekday(day: date) -> str:
    """Weekday and date, the same in every locale."""
    return f"{('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')[day.weekday()]} {day.isoformat()}"


def border_ns(row: Mapping[str, Any], name: str) -> int | None:
    """The instant in a row's UTC column; None where it is null."""
    moment = row.get(name)
    return None if moment is None else to_ns(moment)
