"""What was measured of a feature over a window: the mean of its nightly values, their number, and the device."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipeline.scores.norms import Device, Loading, Transform

RHYTHM_DAYS = "rhythm_days_n"
"""Column of `participants`: valid days that its rhythm columns stand on."""
RHYTHM_DEVICE = Device.ACTIGRAPHY
ADEQUATE_SLEEP_MIN = 420.0
"""7 h, below which sleep is short: the shortfall and not the duration carries the association (MIDUS optimum from
7.5 h on, PMC10529882; MESA below 6 h, both read in abstract)."""
NO_DATE = date.min
"""The border of a window over which nothing at all was recorded."""

_DEVICES = {
    "hypnogram": Device.PSG,
    # A model's stages are no scored polysomnography; until its reliability is measured they count as a wearable's.
    "model hypnogram": Device.WEARABLE,
    "consumer hypnogram": Device.WEARABLE,
    "actigraphy": Device.ACTIGRAPHY,
    "ecg": Device.ECG,
    "ppg": Device.PPG,
}


@dataclass(frozen=True, slots=True)
class WindowMean:
    """One feature over the window by one device; `value` is in the feature's unit, after its transform."""

    value: float
    n: int
    device: Device


def window_means(loading: Loading, tables: Mapping[str, pl.DataFrame]) -> tuple[WindowMean, ...]:
    """The feature's mean by each device it was measured with, most nights first; empty if it was not measured.

    The mean is exactly rounded, so the order of rows does not matter. Rhythm columns are one number of the
    participant; `n` is then the number of valid days they stand on, and without that they are not usable.
    """
    table = tables.get(loading.table)
    if table is None or loading.column not in table.columns:
        return ()
    if loading.table == "participants":
        return _of_participant(loading, table)
    values: dict[Device, list[float]] = {}
    usable = _usable(table, loading)
    devices = _column(usable, loading.device_column)
    for value, device in zip(_column(usable, loading.column), devices, strict=True):
        if value is not None:
            known = _DEVICES.get(str(device), Device.UNKNOWN)
            values.setdefault(known, []).append(_transformed(float(value), loading.transform))
    order = list(Device)
    means = [WindowMean(math.fsum(v) / len(v), len(v), device) for device, v in values.items()]
    return tuple(sorted(means, key=lambda mean: (-mean.n, order.index(mean.device))))


def left_out(loading: Loading, tables: Mapping[str, pl.DataFrame]) -> int:
    """The number of measured values that mean something else than the norm does, and so are not in the means."""
    table = tables.get(loading.table)
    if table is None or loading.column not in table.columns:
        return 0
    return table.get_column(loading.column).count() - _usable(table, loading).get_column(loading.column).count()


def window(tables: Mapping[str, pl.DataFrame]) -> tuple[date, date]:
    """The first and last date of the rows given; `NO_DATE` twice where there is none."""
    dates: list[date] = []
    for table, columns in (("nights", ("night",)), ("days", ("day",)), ("participants", ("first_night", "last_night"))):
        frame = tables.get(table)
        if frame is not None and not dates:
            found = [frame.get_column(c).drop_nulls().to_list() for c in columns if c in frame.columns]
            dates = [day for column in found for day in column]
    return (min(dates), max(dates)) if dates else (NO_DATE, NO_DATE)


def _of_participant(loading: Loading, table: pl.DataFrame) -> tuple[WindowMean, ...]:
    if not table.height or RHYTHM_DAYS not in table.columns:
        return ()
    value, days = table.get_column(loading.column)[0], table.get_column(RHYTHM_DAYS)[0]
    if value is None or not days:
        return ()
    return (WindowMean(_transformed(float(value), loading.transform), int(days), RHYTHM_DEVICE),)


def _usable(table: pl.DataFrame, loading: Loading) -> pl.DataFrame:
    if loading.not_when is None or loading.not_when[0] not in table.columns:
        return table
    column, value = loading.not_when
    return table.filter(pl.col(column).ne_missing(value))


def _column(table: pl.DataFrame, name: str) -> list[float | str | None]:
    return table.get_column(name).to_list() if name in table.columns else [None] * table.height


def _transformed(value: float, transform: Transform) -> float:
    return max(ADEQUATE_SLEEP_MIN - value, 0.0) if transform is Transform.SHORTFALL_BELOW_420_MIN else value
