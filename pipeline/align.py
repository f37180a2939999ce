"""Align: a participant's recordings on one clock → epochs, nights and days in its zone, and the whole span.

Where recordings measure the same thing at the same time, electrical beats come before optical ones, and the recording
that lasts longer before the shorter, so that a session inside weeks of wear does not break the series in two. Stages
come from whoever is trusted most (`pipeline.scorings`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS, days_between, midnight_ns, night_of, nights_between, noon_ns, to_datetime
from pipeline.dataset.tables import SALIVA, UTC
from pipeline.eeg_align import Channels
from pipeline.extract import Extracted
from pipeline.features import (
    DAY_FAMILIES,
    DAYS,
    EEG_NIGHTS,
    EPOCH_FAMILIES,
    EPOCHS,
    NIGHT_FAMILIES,
    NIGHTS,
    PARTICIPANT_FAMILIES,
    PARTICIPANTS,
)
from pipeline.features.channel_night import ChannelNight
from pipeline.features.day_load import baseline
from pipeline.features.eeg_nights import eeg_nights
from pipeline.features.epoch_level import ENUM_CODES
from pipeline.features.family import (
    DayView,
    EpochGrid,
    Family,
    Filled,
    NightView,
    ParticipantView,
    SleepWindow,
    State,
    WindowSource,
)
from pipeline.features.saliva import final_awakenings, saliva_days
from pipeline.features.saliva_summary import saliva_summary
from pipeline.features.windows import sleep_window
from pipeline.recording import Floats, Int64, RestInterval, StageSource
from pipeline.scorings import Scored, scored, scorings_between, source_of, stage_columns, with_consensus
from pipeline.study import Participant
from pipeline.zones import zone_between

_SCALARS = tuple(c.name for c in EPOCHS.columns if c.name not in {"participant", "start_utc"})
_FILLED = tuple(name for name in _SCALARS if name not in ENUM_CODES)
"""Columns that the first recording to measure an epoch fills; stages have their own way."""

View = TypeVar("View", NightView, DayView, ParticipantView)


@dataclass(frozen=True, slots=True)
class Aligned:
    """The tables of one participant, each checked."""

    epochs: pl.DataFrame
    nights: pl.DataFrame
    eeg_nights: pl.DataFrame
    days: pl.DataFrame
    saliva_days: pl.DataFrame
    participants: pl.DataFrame


def align(person: Participant, zone: str, parts: Sequence[Extracted]) -> Aligned:
    """The participant's epochs, nights, days and summary row. `parts` may be empty: then the tables are, too."""
    measured = sorted((part for part in parts if part.epochs.height), key=_priority)
    held = scored(measured)
    grid = _merged(measured, held)
    saliva = pl.concat([part.saliva for part in parts]) if parts else SALIVA.empty()
    if grid is None:
        told = saliva_days(saliva, zone, {})
        return Aligned(
            epochs=EPOCHS.empty(),
            nights=NIGHTS.empty(),
            eeg_nights=EEG_NIGHTS.empty(),
            days=DAYS.empty(),
            saliva_days=told,
            participants=_summary(person, zone, parts, None, {}, told),
        )
    rests = _rests(parts)
    end_ns = grid.start_ns + grid.n * EPOCH_NS
    nights = nights_between(grid.start_ns, end_ns, zone)
    grid = with_consensus(grid, held, [_noons(night, zone) for night in nights])
    channels = Channels(measured)
    views = [_night_view(night, zone, grid, rests, held, channels) for night in nights]
    views = [view for view in views if _measured(view.grid)]
    windows = {view.night: view.window for view in views if view.window is not None}
    span = ParticipantView(zone, grid, windows)
    sums = baseline(span)
    days = [_day_view(day, zone, grid, windows, sums) for day in days_between(grid.start_ns, end_ns, zone)]
    rows = NIGHTS.frame([_night_row(person.name, view) for view in views])
    told = saliva_days(saliva, zone, final_awakenings(rows))
    return Aligned(
        epochs=_epoch_frame(person.name, grid),
        nights=rows,
        eeg_nights=eeg_nights(person.name, views),
        days=DAYS.frame([_day_row(person.name, view) for view in days if _measured(view.grid)]),
        saliva_days=told,
        participants=_summary(person, zone, parts, span, windows, told),
    )


def _merged(parts: Sequence[Extracted], held: Sequence[Scored]) -> EpochGrid | None:
    """The recordings' epochs on one gapless grid, the first in `parts` before the later; None if there are none."""
    frames = [part.epochs for part in parts]
    if not frames:
        return None
    starts = [frame.get_column("start_utc").dt.epoch("us").to_numpy() * 1000 for frame in frames]
    first = min(int(s[0]) for s in starts)
    n = (max(int(s[-1]) for s in starts) - first) // EPOCH_NS + 1
    columns: dict[str, Floats] = {}
    for group in _groups():
        for frame, times in sorted(
            zip(frames, starts, strict=True), key=_least_power if "swa_uv2" in group else _alike
        ):
            at = (times - first) // EPOCH_NS
            found = {name: _numbers(frame.get_column(name)) for name in group if frame.get_column(name).count()}
            _fill(columns, found, at, n)
    return EpochGrid(first, n, columns | stage_columns(held, first, n))


def _least_power(pair: tuple[pl.DataFrame, Int64]) -> int:
    """For EEG: the recording whose power is known longest first; one whose electrode came off gives way."""
    return -int(pair[0].get_column("swa_uv2").count())


def _alike(_pair: tuple[pl.DataFrame, Int64]) -> int:
    """For the rest: as they stand."""
    return 0


def _priority(part: Extracted) -> tuple[bool, bool, float, object, str]:
    """Devices that stage without EEG last, optical beats after electrical ones, then the longer recording first."""
    row = part.recordings.row(0, named=True)
    optical = part.epochs.get_column("rr_ppg").mean() == 1.0
    consumer = source_of(part) is StageSource.CONSUMER
    return consumer, optical, -(row["end_utc"] - row["start_utc"]).total_seconds(), row["start_utc"], row["recording"]


def _groups() -> list[tuple[str, ...]]:
    """Columns that must come from one recording together; every other column stands alone."""
    out: list[tuple[str, ...]] = []
    for family in EPOCH_FAMILIES:
        together = tuple(name for name in family.together if name in _FILLED)
        out += [together] if together else []
        out += [(c.name,) for c in family.columns if c.name in _FILLED and c.name not in family.together]
    return out


def _fill(columns: dict[str, Floats], found: Mapping[str, Floats], at: np.ndarray, n: int) -> None:
    """Lay a group of one recording's columns into the grid where no earlier recording has measured the group."""
    if not found:
        return
    taken = np.zeros(len(at), np.bool_)
    for name in found:
        if name in columns:
            taken |= np.isfinite(columns[name][at])
    for name, values in found.items():
        target = columns.setdefault(name, np.full(n, np.nan))
        target[at[~taken]] = values[~taken]


def _numbers(values: pl.Series) -> Floats:
    return values.cast(pl.Float64).to_numpy().astype(np.float64)


def _epoch_frame(participant: str, grid: EpochGrid) -> pl.DataFrame:
    series = [pl.Series("start_utc", grid.times_ns // 1000).cast(UTC)]
    for column in EPOCHS.columns:
        if column.name not in _SCALARS:
            continue
        values = grid[column.name]
        if isinstance(column.dtype, pl.Enum):
            words = {code: word for word, code in ENUM_CODES[column.name].items()}
            series.append(pl.Series(column.name, [words.get(v) for v in values.tolist()], dtype=column.dtype))
        else:
            series.append(pl.Series(column.name, values).fill_nan(None).cast(column.dtype))
    frame = pl.DataFrame(series).filter(pl.any_horizontal(pl.exclude("start_utc").is_not_null()))
    return EPOCHS.check(frame.with_columns(participant=pl.lit(participant)))


def _rests(parts: Sequence[Extracted]) -> tuple[RestInterval, ...]:
    out = []
    for part in parts:
        for row in part.events.filter(pl.col("kind") == "rest").sort("onset_utc").to_dicts():
            start_ns = int(row["onset_utc"].timestamp()) * 1_000_000_000
            end_ns = start_ns + round(row["duration_s"] * 1e9)
            out.append(RestInterval(start_ns, end_ns, None, row["label"]))
    return tuple(sorted(out, key=lambda rest: rest.in_bed_ns))


def _noons(night: date, zone: str) -> tuple[int, int]:
    return noon_ns(night, zone), noon_ns(night + timedelta(days=1), zone)


def _night_view(
    night: date,
    zone: str,
    grid: EpochGrid,
    rests: tuple[RestInterval, ...],
    held: Sequence[Scored],
    channels: Channels,
) -> NightView:
    start_ns, end_ns = _noons(night, zone)
    inside = grid.cut(start_ns, end_ns)
    near = tuple(rest for rest in rests if rest.in_bed_ns < end_ns and rest.out_bed_ns > start_ns)
    window = sleep_window(start_ns, end_ns, inside, near)
    eeg, doubts = channels.of_night(inside.start_ns, inside.n)
    inside = _on_one_channel(inside, eeg)
    scorings = scorings_between(held, start_ns, end_ns)
    return NightView(night, zone, start_ns, end_ns, inside, window, near, scorings, eeg, doubts)


def _on_one_channel(grid: EpochGrid, eeg: Sequence[ChannelNight]) -> EpochGrid:
    """The night with the EEG power of its first channel throughout: another's gain would pass for a decline."""
    if not eeg:
        return grid
    own = {name: eeg[0].columns[name] for name in ("swa_uv2", "sigma_uv2", "eeg_valid")}
    same = grid["swa_uv2"] == own["swa_uv2"]
    own["aperiodic_exponent"] = np.where(same, grid["aperiodic_exponent"], np.nan)
    return EpochGrid(grid.start_ns, grid.n, {**grid.columns, **own})


def _day_view(
    day: date, zone: str, grid: EpochGrid, windows: Mapping[date, SleepWindow], sums: Mapping[str, Floats]
) -> DayView:
    start_ns, end_ns = midnight_ns(day, zone), midnight_ns(day + timedelta(days=1), zone)
    return DayView(
        day,
        zone,
        start_ns,
        end_ns,
        grid.cut(start_ns, end_ns),
        windows.get(day - timedelta(days=1)),
        windows.get(day),
        sums,
    )


def _measured(grid: EpochGrid) -> bool:
    return any(grid.has(name) for name in grid.columns)


def _families(families: Sequence[Family[View]], view: View) -> dict[str, object]:
    """The columns of every family for one view, with its state, reason and coverage."""
    out: dict[str, object] = {}
    for family in families:
        filled = _filled(family, view)
        if filled.values.keys() != {c.name for c in family.columns}:
            raise AssertionError(f"family {family.name} declares other columns than it fills")
        out |= filled.values
        out[f"{family.name}_state"] = filled.state.value
        out[f"{family.name}_reason"] = filled.reason
        out[f"{family.name}_coverage"] = filled.coverage
    return out


def _filled(family: Family[View], view: View) -> Filled:
    if not any(view.grid.has(name) for name in family.needs):
        return family.nothing(f"no {' or '.join(family.needs)} was recorded")
    filled = family.compute(view)
    if filled.state in {State.INSUFFICIENT, State.NOT_MEASURED} and not filled.reason:
        raise AssertionError(f"family {family.name} gives no reason for '{filled.state}'")
    return filled


def _span_row(start_ns: int, end_ns: int) -> dict[str, object]:
    return {"start_utc": to_datetime(start_ns), "end_utc": to_datetime(end_ns), "hours": (end_ns - start_ns) / 3.6e12}


def _night_row(participant: str, view: NightView) -> dict[str, object]:
    window = view.window
    return {
        "participant": participant,
        "night": view.night,
        "zone": zone_between(view.zone, view.start_ns, view.end_ns),
        **_span_row(view.start_ns, view.end_ns),
        "window_source": (window.source if window else WindowSource.NONE).value,
        "window_start_utc": to_datetime(window.start_ns) if window else None,
        "window_end_utc": to_datetime(window.end_ns) if window else None,
        "window_start_censored": window.start_censored if window else None,
        "window_end_censored": window.end_censored if window else None,
        **_families(NIGHT_FAMILIES, view),
    }


def _day_row(participant: str, view: DayView) -> dict[str, object]:
    return {
        "participant": participant,
        "day": view.day,
        "zone": zone_between(view.zone, view.start_ns, view.end_ns),
        **_span_row(view.start_ns, view.end_ns),
        **_families(DAY_FAMILIES, view),
    }


def _summary(
    person: Participant,
    zone: str,
    parts: Sequence[Extracted],
    span: ParticipantView | None,
    windows: Mapping[date, SleepWindow],
    saliva: pl.DataFrame,
) -> pl.DataFrame:
    """The participant's one row."""
    first = last = None
    if span is None:
        empty = ParticipantView(zone, EpochGrid(0, 0, {}), {})
        features = _families(PARTICIPANT_FAMILIES, empty)
    else:
        features = _families(PARTICIPANT_FAMILIES, span)
        first = night_of(span.grid.start_ns, zone)
        last = night_of(span.grid.start_ns + span.grid.n * EPOCH_NS - 1, zone)
    return PARTICIPANTS.frame(
        [
            {
                "participant": person.name,
                "zone": zone,
                "age_y": person.age_y,
                "sex": person.sex,
                "first_night": first,
                "last_night": last,
                "recordings_n": len(parts),
                "nights_n": len(windows),
                **saliva_summary(saliva),
                **features,
            }
        ]
    )
