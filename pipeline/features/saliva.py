"""The table of saliva days: one row a participant, day, analyte and series, with times, flags, response and decline."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipeline.clock import NS, to_datetime, to_ns
from pipeline.features.saliva_columns import SALIVA_DAYS
from pipeline.features.saliva_curve import CAR_END_MIN, LATE_MIN, TOO_LATE_MIN, Curve, curve

MINUTE_NS = 60 * NS
DAY_BEGINS_H = 4
"""Where no awakening is known, a sample before this hour belongs to the day before (choice of ours)."""
OFF_PROTOCOL_MIN = 5.0
"""A sample further than this from the minute it was meant for is off the protocol (choice of ours)."""
CLOCKS_AGREE_MIN = 2.0
"""The clock and the minutes since waking of a day's samples give awakenings at most this far apart; else: doubtful."""
MOST_PLAUSIBLE_NMOL_L = 60.0
"""Salivary cortisol above this is flagged (limit used with MIDUS; recalled, unverified). It is kept and used."""
_BELOW = re.compile(r"(?i)below|<|≤|\blo[dq]\b|detection|unter")
_ABOVE = re.compile(r"(?i)above|>|≥|über")
_CV = re.compile(r"(?i)\bcv\b")
_MEANT = re.compile(r"\+?(\d{1,2})(?:\s*min)?")


@dataclass(frozen=True, slots=True)
class _Sample:
    occasion: str
    time_ns: int | None
    after_min: float | None
    value: float
    unit: str
    flag: str


@dataclass(frozen=True, slots=True)
class _Timed:
    """The samples of a day with what is known of their times."""

    awakening_ns: int | None
    source: str
    told_less_measured_min: float | None
    spread_min: float
    minutes: list[float | None]


def saliva_days(saliva: pl.DataFrame, zone: str, awakenings: Mapping[date, int]) -> pl.DataFrame:
    """The `saliva_days` of samples (a frame of the table `saliva`), checked and sorted by key.

    `awakenings` holds the UTC ns of the final awakening on each local date, where it was measured. Minutes since
    waking that the export tells come before those against the measured awakening. A sample after midnight belongs to
    the day that it ends. Values below the assay's range are used as the limit; one above it refuses every measure.
    """
    groups: dict[tuple[str, date | None, str, str], list[_Sample]] = defaultdict(list)
    for row in saliva.to_dicts():
        time_ns = None if row["time_utc"] is None else to_ns(row["time_utc"])
        day = None if time_ns is None else _day_of(time_ns, row["after_waking_min"], zone, awakenings)
        sample = _Sample(row["occasion"], time_ns, row["after_waking_min"], row["value"], row["unit"], row["flag"])
        groups[row["participant"], day, row["analyte"], row["series"]].append(sample)
    groups = _without_clock_joined(groups)
    held: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    timed = {}
    for key, samples in groups.items():
        timed[key] = _timed(samples, None if key[1] is None else awakenings.get(key[1]))
        held[key[0], key[2]].append(_early(samples, timed[key]))
    rows = []
    for key, samples in groups.items():
        usual = _usual(held[key[0], key[2]])
        missing = ", ".join(name for name in usual if name not in _early(samples, timed[key]))
        rows.append(_row(key, zone, samples, timed[key], missing))
    return SALIVA_DAYS.frame(rows).sort(SALIVA_DAYS.keys)


def final_awakenings(nights: pl.DataFrame) -> dict[date, int]:
    """The UTC ns of the final awakening by its local date, from a participant's `nights`.

    Nights whose end a hole or an edge hides, and those whose wake before lights on is unknown, are left out.
    """
    known = nights.filter(
        pl.col("window_end_utc").is_not_null()
        & ~pl.col("window_end_censored")
        & pl.col("terminal_wake_min").is_not_null()
    )
    out = {}
    for row in known.sort("night").to_dicts():
        awakening_ns = to_ns(row["window_end_utc"]) - round(row["terminal_wake_min"] * MINUTE_NS)
        out[to_datetime(awakening_ns, row["zone"]).date()] = awakening_ns
    return out


def _day_of(time_ns: int, after_min: float | None, zone: str, awakenings: Mapping[date, int]) -> date:
    """The local date of the awakening that the sample follows; without one, of the clock less the small hours."""
    if after_min is not None:
        return to_datetime(time_ns - round(after_min * MINUTE_NS), zone).date()
    local = to_datetime(time_ns, zone)
    for day in (local.date(), local.date() - timedelta(days=1)):
        if day in awakenings and awakenings[day] - TOO_LATE_MIN * MINUTE_NS <= time_ns:
            return day
    return local.date() - timedelta(days=local.hour < DAY_BEGINS_H)


def _without_clock_joined(
    groups: dict[tuple[str, date | None, str, str], list[_Sample]],
) -> dict[tuple[str, date | None, str, str], list[_Sample]]:
    """Samples without a clock beside those of their series that have one, if these lie on one day."""
    out = dict(groups)
    for key in [key for key in groups if key[1] is None]:
        same = [k for k in groups if k[1] is not None and (k[0], k[2], k[3]) == (key[0], key[2], key[3])]
        if len(same) == 1:
            out[same[0]] = groups[same[0]] + out.pop(key)
    return out


def _timed(samples: Sequence[_Sample], measured_ns: int | None) -> _Timed:
    told = [
        s.time_ns - round(s.after_min * MINUTE_NS) for s in samples if s.time_ns is not None and s.after_min is not None
    ]
    spread = (max(told) - min(told)) / MINUTE_NS if told else 0.0
    if told:
        awakening_ns: int | None = sorted(told)[len(told) // 2]
        source = "told"
    elif any(s.after_min is not None for s in samples):
        awakening_ns, source = None, "told"
    else:
        awakening_ns, source = measured_ns, "none" if measured_ns is None else "measured"
    apart = None
    if told and awakening_ns is not None and measured_ns is not None:
        apart = (awakening_ns - measured_ns) / MINUTE_NS
    minutes = [
        s.after_min
        if s.after_min is not None or s.time_ns is None or awakening_ns is None
        else (s.time_ns - awakening_ns) / MINUTE_NS
        for s in samples
    ]
    return _Timed(awakening_ns, source, apart, spread, minutes)


def _early(samples: Sequence[_Sample], timed: _Timed) -> list[str]:
    """The names of the samples of the awakening response."""
    return [
        s.occasion for s, m in zip(samples, timed.minutes, strict=True) if m is not None and -30 <= m <= CAR_END_MIN
    ]


def _usual(days: Sequence[Sequence[str]]) -> list[str]:
    """Names that more than half of a participant's days (of those with any) and at least two have."""
    with_any = [set(names) for names in days if names]
    seen = Counter(name for names in with_any for name in names)
    return sorted(name for name, n in seen.items() if n >= 2 and n > len(with_any) / 2)


def _row(
    key: tuple[str, date | None, str, str], zone: str, samples: Sequence[_Sample], timed: _Timed, missing: str
) -> dict[str, object]:
    participant, day, analyte, series = key
    once = sorted({(m, s.value) for s, m in zip(samples, timed.minutes, strict=True) if m is not None})
    minutes = np.array([m for m, _ in once], np.float64)
    found = _curve(samples, minutes, np.array([v for _, v in once], np.float64), missing, analyte)
    after = minutes[minutes >= -TOO_LATE_MIN]
    delay = float(after[0]) if len(after) else None
    high = [analyte == "cortisol" and s.unit == "nmol/L" and s.value > MOST_PLAUSIBLE_NMOL_L for s in samples]
    flags = [s.flag for s in samples]
    return {
        "participant": participant,
        "day": day,
        "analyte": analyte,
        "series": series,
        "zone": zone,
        "unit": ", ".join(sorted({s.unit for s in samples})),
        "samples_n": len(samples),
        "timed_n": sum(m is not None for m in timed.minutes),
        "awakening_utc": None if timed.awakening_ns is None else to_datetime(timed.awakening_ns),
        "awakening_source": timed.source,
        "told_less_measured_min": timed.told_less_measured_min,
        "clock_doubtful": timed.spread_min > CLOCKS_AGREE_MIN,
        "first_sample_min": delay,
        "delayed_5": None if delay is None else delay > LATE_MIN,
        "delayed_15": None if delay is None else delay > TOO_LATE_MIN,
        "off_protocol_n": sum(_off_protocol(s, m) for s, m in zip(samples, timed.minutes, strict=True)),
        "missing": missing,
        "below_range_n": sum(bool(_BELOW.search(flag)) for flag in flags),
        "above_range_n": sum(bool(_ABOVE.search(flag)) for flag in flags),
        "cv_flag_n": sum(bool(_CV.search(flag)) for flag in flags),
        "lab_flag_n": sum(bool(flag) for flag in flags),
        "implausible_n": sum(high),
        "flags": "; ".join(f"{s.occasion}: {s.flag}" for s in samples if s.flag),
        **found.values,
        "reasons": "; ".join(f"{name}: {why}" for name, why in found.reasons.items()),
    }


def _curve(samples: Sequence[_Sample], minutes: np.ndarray, value: np.ndarray, missing: str, analyte: str) -> Curve:
    refused = Curve()
    units = sorted({s.unit for s in samples})
    twice = minutes[1:][np.diff(minutes) <= 0]
    if units != ["nmol/L"]:
        refused.refuse(f"the unit is {' and '.join(units)}, not nmol/L")
    elif any(_ABOVE.search(s.flag) for s in samples):
        refused.refuse("a value lies above the range of the assay")
    elif not len(minutes):
        refused.refuse("no minutes since waking are known")
    elif len(twice):
        refused.refuse(f"two values {twice[0]:g} min after waking")
    else:
        return curve(minutes, value, missing=missing, cortisol=analyte == "cortisol")
    return refused


def _off_protocol(sample: _Sample, minutes: float | None) -> bool:
    """Whether a sample of the awakening response is not where its name (+30), else the 15-min grid, means it to be."""
    if minutes is None or not -TOO_LATE_MIN <= minutes <= CAR_END_MIN:
        return False
    said = _MEANT.fullmatch(sample.occasion.strip())
    meant = float(said[1]) if said and int(said[1]) % 15 == 0 else min(60.0, 15 * round(max(minutes, 0) / 15))
    return abs(minutes - meant) > OFF_PROTOCOL_MIN
