"""The two series of the loop: one day index and one night index per calendar date, both + = worse, SD 1.

Date D holds the waking time of day D and the night that begins at its noon, so a day comes before the night it is
paired with. A date on which an index was not measured is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipeline.scores.loop_adjustment import FLAT, adjusted, winsorised, z_scores
from pipeline.scores.loop_model import Floats

DAY_INDEX = "additional_hr_bpm"
"""Heart rate of the waking time beyond what movement explains. Never a 24-h mean heart rate: that contains the sleep
itself and turns the sign of the path (computed from LifeSnaps: −.18)."""
NIGHT_PARTS = {"se_pct": -1.0, "waso_min": 1.0, "n3_min": -1.0}
"""Columns of the night index, each with the sign that makes + worse."""
OBJECTIVE_STREAMS = frozenset({"eeg", "actigraphy"})
"""Night streams that are preferred wherever they reach `STREAM_NIGHTS_MIN`."""
STREAM_NIGHTS_MIN = 7
"""Nights that a stream, or a part within it, needs before its own mean and SD can stand for the person."""
UNUSABLE_STATES = ("insufficient", "not measured")
FRIDAY, SATURDAY = 4, 5

NEEDS: Mapping[str, Mapping[str, type[pl.DataType]]] = {
    "days": {"day": pl.Date, "day_stream": pl.String, "day_load_state": pl.String, DAY_INDEX: pl.Float64},
    "nights": {
        "night": pl.Date,
        "night_stream": pl.String,
        "continuity_state": pl.String,
        "window_start_censored": pl.Boolean,
        "window_end_censored": pl.Boolean,
        **dict.fromkeys(NIGHT_PARTS, pl.Float64),
    },
}
"""Columns that are read, by table."""


@dataclass(frozen=True, slots=True, eq=False)
class LoopSeries:
    """The adjusted series of one person on every date from `first`; SD 1, NaN where missing."""

    first: date
    day: Floats
    night: Floats
    lacks: tuple[str, ...]
    """What was not used, each with its reason."""
    shared_stream: str | None
    """The sensor stream of the day index, where every measured night comes from it too."""

    @property
    def last(self) -> date:
        """The last date of the series."""
        return self.first + timedelta(days=len(self.day) - 1)

    @property
    def pairs(self) -> int:
        """Dates on which both the day and its following night were measured."""
        return int((np.isfinite(self.day) & np.isfinite(self.night)).sum())

    @property
    def followed(self) -> int:
        """Measured nights whose next day was measured too: what the path from night to day is read from."""
        return int((np.isfinite(self.night[:-1]) & np.isfinite(self.day[1:])).sum())


def loop_series(days: pl.DataFrame, nights: pl.DataFrame) -> LoopSeries | None:
    """Both series of one person from its days and nights tables; None where neither table has a date.

    Columns that are absent count as null, and row order does not matter. The series begin with the first date on
    which an index was measured and end with the last one.
    """
    days, nights = _read(days, "days"), _read(nights, "nights")
    dates = [*days.get_column("day"), *nights.get_column("night")]
    if not dates:
        return None
    lacks: list[str] = []
    day_rows = _usable_days(days, lacks)
    night_rows, shared = _usable_nights(nights, set(day_rows.get_column("stream")), lacks)
    night_rows = _composite(night_rows, lacks)
    measured = [*day_rows.get_column("date"), *night_rows.get_column("date")] or dates
    first, length = min(measured), (max(measured) - min(measured)).days + 1
    day, night = _laid_out(day_rows, first, length), _laid_out(night_rows, first, length)
    weekday = (first.weekday() + np.arange(length)) % 7
    day_z = adjusted(day, weekday >= SATURDAY)
    night_z = adjusted(night, (weekday == FRIDAY) | (weekday == SATURDAY))
    for name, before, after in (("day index", day, day_z), ("night index", night, night_z)):
        lost = int(np.isfinite(before).sum() - np.isfinite(after).sum())
        if lost:
            lacks.append(f"{name}: {lost} dates stand too alone, or do not vary, and cannot be adjusted")
    return LoopSeries(first, day_z, night_z, tuple(lacks), shared)


def _read(frame: pl.DataFrame, table: str) -> pl.DataFrame:
    """The needed columns, null where the table lacks them; rows in order of date."""
    wanted = NEEDS[table]
    read = frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in wanted.items()
    )
    key = next(iter(wanted))
    return read.with_columns(pl.col(pl.Float64).fill_nan(None)).drop_nulls(key).sort(key)


def _without(rows: pl.DataFrame, refused: pl.Expr, words: str, lacks: list[str]) -> pl.DataFrame:
    """The rows that are not refused; how many were is noted."""
    mask = rows.select(refused.fill_null(value=False)).to_series()
    if mask.sum():
        lacks.append(f"{words} ({mask.sum()} of {rows.height} dates)")
    return rows.filter(~mask)


def _usable_days(days: pl.DataFrame, lacks: list[str]) -> pl.DataFrame:
    """Rows date, stream, value of the measured days."""
    state = pl.col("day_load_state").is_in(UNUSABLE_STATES)
    rows = _without(days, state | pl.col(DAY_INDEX).is_null(), f"{DAY_INDEX}: insufficient or not measured", lacks)
    rows = _without(rows, pl.col("day_stream").is_null(), f"{DAY_INDEX}: sensor stream unknown", lacks)
    return rows.select(
        pl.col("day").alias("date"), pl.col("day_stream").alias("stream"), pl.col(DAY_INDEX).alias("value")
    )


def _usable_nights(nights: pl.DataFrame, day_streams: set[str], lacks: list[str]) -> tuple[pl.DataFrame, str | None]:
    """Rows date, stream and parts of the nights to use; and the stream shared with the day if that leaves none.

    A window whose start or end is hidden makes efficiency, wake and deep sleep those of a part of the night.
    """
    state = pl.col("continuity_state").is_in(UNUSABLE_STATES)
    absent = pl.all_horizontal(pl.col(name).is_null() for name in NIGHT_PARTS)
    rows = _without(nights, state | absent, "night index: insufficient or not measured", lacks)
    hidden = pl.col("window_start_censored").fill_null(value=False) | pl.col("window_end_censored").fill_null(
        value=False
    )
    rows = _without(rows, hidden, "night index: start or end of the sleep window not recorded", lacks)
    rows = _without(rows, pl.col("night_stream").is_null(), "night index: sensor stream unknown", lacks)
    before = rows
    same = pl.col("night_stream").is_in(sorted(day_streams))
    rows = _without(rows, same, "night index: same sensor stream as the day index", lacks)
    shared = ", ".join(sorted(set(before.get_column("night_stream")))) if before.height and not rows.height else None
    counts = dict(rows.get_column("night_stream").value_counts().iter_rows())
    enough = {stream for stream, n in counts.items() if n >= STREAM_NIGHTS_MIN}
    chosen = sorted((enough & OBJECTIVE_STREAMS) or enough)
    rows = _without(
        rows,
        ~pl.col("night_stream").is_in(chosen),
        "night index: another sensor stream, or too few nights of it",
        lacks,
    )
    return rows.select(pl.col("night").alias("date"), pl.col("night_stream").alias("stream"), *NIGHT_PARTS), shared


def _composite(nights: pl.DataFrame, lacks: list[str]) -> pl.DataFrame:
    """Rows date, stream, value: the mean of the oriented z of the parts, each within its own sensor stream."""
    streams = nights.get_column("stream").to_numpy()
    total, parts = np.zeros(nights.height), np.zeros(nights.height)
    for stream in sorted(set(streams)):
        here = streams == stream
        for name, sign in NIGHT_PARTS.items():
            values = nights.get_column(name).to_numpy()[here].astype(np.float64)
            known = int(np.isfinite(values).sum())
            if known < STREAM_NIGHTS_MIN:
                few = f"measured in {known} nights, {STREAM_NIGHTS_MIN} are needed" if known else "not measured"
                lacks.append(f"{name}: {few} ({stream})")
                continue
            z = sign * z_scores(winsorised(values), floor=FLAT * float(np.nanmax(np.abs(values))))
            total[here] += np.nan_to_num(z)
            parts[here] += np.isfinite(z)
    value = np.where(parts > 0, total / np.maximum(parts, 1.0), np.nan)
    return nights.select("date", "stream").with_columns(pl.Series("value", value)).filter(pl.col("value").is_not_nan())


def _laid_out(rows: pl.DataFrame, first: date, length: int) -> Floats:
    """Values on the calendar, NaN on dates without a row."""
    out = np.full(length, np.nan)
    out[[(day - first).days for day in rows.get_column("date")]] = rows.get_column("value").to_numpy()
    return out
