"""How regular a participant sleeps: the sleep regularity index, spread of sleep times, social jet lag."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from pipeline.clock import EPOCH_NS, EPOCH_S, utc_to_wall
from pipeline.dataset.table import Column
from pipeline.features.family import Family, Filled, Level, ParticipantView, SleepWindow, State, Value
from pipeline.recording import Floats, Stage
from pipeline.signals.sleep_windows import SUSTAINED_MIN, sleep_span

DAY_EPOCHS = 86_400 // EPOCH_S
MIN_DAY_PAIRS = 5.0
"""Days' worth of epoch pairs before there is an SRI (Phillips 2017 had more; 5 is the common least)."""
MIN_HOUR_PAIRS = 2.0
"""Days' worth of pairs that each hour of the elapsed day needs: nights alone would look regular (our rule)."""
MIN_NIGHTS = 3
"""Nights before a spread is computed (our rule)."""
MIN_NIGHTS_EACH = 2
"""Work nights and free nights before social jet lag is computed (our rule)."""
FREE_NIGHTS = frozenset({4, 5})
"""Weekdays on which nights before free days begin: Friday, Saturday. Shift rotas and holidays are not known."""
MIN_KNOWN = 0.5
"""Share of a window that must be scored before its sleep is looked for (our rule)."""

_PHILLIPS = "doi:10.1038/s41598-017-03171-4"
_SJL = "doi:10.1080/07420520500545979"
_COLUMNS = (
    Column("sri", pl.Float64, "1", "sleep regularity index −100 … 100: 200 · share of epoch pairs 24 h of elapsed "
           "time apart in the same state − 100. Depends on what scored sleep (acti_sleep; the hypnogram if there "
           "is no actigraphy at all): values of one cohort differ by 20 points between scorers. A clock change "
           "costs a person who is regular by the clock the pairs of the shifted hour", _PHILLIPS, low=-100.0,
           high=100.0, null_when="fewer than 5 days' worth of pairs, or an hour of the day with fewer than 2"),
    Column("sri_pairs_share", pl.Float64, "1", "share of the possible pairs in which both epochs are known",
           "sleeploop", low=0.0, high=1.0, null_when="the recordings span no more than 24 h"),
    Column("midpoint_sd_h", pl.Float64, "h",
           "standard deviation over nights of the local clock time of mid-sleep (circular mean, n − 1)",
           "sleeploop", low=0.0, high=15.0, null_when="fewer than 3 nights with both sides seen"),
    Column("onset_sd_h", pl.Float64, "h",
           "standard deviation over nights of the local clock time of sleep onset (circular mean, n − 1)",
           "sleeploop", low=0.0, high=15.0, null_when="fewer than 3 nights with the onset seen"),
    Column("social_jetlag_h", pl.Float64, "h",
           "absolute difference of mean mid-sleep between nights that begin on Friday or Saturday and the others",
           _SJL, low=0.0, high=12.0, null_when="fewer than 2 nights of either kind"),
    Column("regularity_nights_n", pl.Int64, "count", "nights whose mid-sleep was used", "sleeploop", low=0,
           null_when="sleep was not measured"),
)  # fmt: skip


def compute(view: ParticipantView) -> Filled:
    """Regularity over the whole span; SRI needs sleep and wake around the clock, the rest needs nights."""
    grid = view.grid
    sleep = grid["acti_sleep"] if grid.has("acti_sleep") else _staged(grid["stage"])
    coverage = float(np.isfinite(sleep).mean()) if len(sleep) else None
    middles, onsets = _clock_times(view)
    sri, pairs_share = sleep_regularity(sleep)
    values: dict[str, Value] = {
        "sri": _number(sri),
        "sri_pairs_share": _number(pairs_share),
        "midpoint_sd_h": _spread(list(middles.values())),
        "onset_sd_h": _spread(list(onsets.values())),
        "social_jetlag_h": _social_jetlag(middles),
        "regularity_nights_n": len(middles),
    }
    if values["sri"] is None and values["midpoint_sd_h"] is None:
        reason = f"{len(middles)} nights and less than {MIN_DAY_PAIRS:.0f} days' worth of pairs 24 h apart"
        return Filled(values, coverage, State.INSUFFICIENT, reason)
    lacking = [name for name, value in values.items() if value is None]
    if lacking:
        return Filled(values, coverage, State.PARTIAL, f"too few nights or pairs for {', '.join(lacking)}")
    return Filled(values, coverage, State.OK)


def sleep_regularity(sleep: Floats) -> tuple[float, float]:
    """SRI and the share of pairs that are known, from sleep (1), wake (0) or unknown (NaN) 30-s epochs.

    A pair is two epochs 24 h of elapsed time apart, both known (Phillips 2017). NaN where there are fewer than
    `MIN_DAY_PAIRS` days' worth of pairs, or fewer than `MIN_HOUR_PAIRS` in some hour of the elapsed day; the share is
    NaN where the series is no longer than a day.
    """
    possible = len(sleep) - DAY_EPOCHS
    if possible <= 0:
        return math.nan, math.nan
    first, second = sleep[:-DAY_EPOCHS], sleep[DAY_EPOCHS:]
    known = np.isfinite(first) & np.isfinite(second)
    hour = np.flatnonzero(known) % DAY_EPOCHS // (DAY_EPOCHS // 24)
    per_hour = np.bincount(hour, minlength=24)
    pairs = int(known.sum())
    enough = pairs >= MIN_DAY_PAIRS * DAY_EPOCHS and per_hour.min() >= MIN_HOUR_PAIRS * DAY_EPOCHS / 24
    same = int((first[known] == second[known]).sum())
    return (200.0 * same / pairs - 100.0 if enough else math.nan), pairs / possible


def _staged(stage: Floats) -> Floats:
    """Sleep and wake of a hypnogram; movement is neither."""
    return np.where(stage >= Stage.WAKE, (stage > Stage.WAKE).astype(np.float64), np.nan)


def _clock_times(view: ParticipantView) -> tuple[dict[date, float], dict[date, float]]:
    """Local clock hours of mid-sleep and of sleep onset by night; nights whose sides were cut off are left out.

    Mid-sleep lies between the first and the last sleep in the window; of a window in which sleep was not scored
    (a diary alone), it is the middle of the window.
    """
    middles: dict[date, float] = {}
    onsets: dict[date, float] = {}
    for night, window in view.windows.items():
        span = _sleep_in(view, window)
        start_ns, end_ns = span or (window.start_ns, window.end_ns)
        if span is not None and not window.start_censored:
            onsets[night] = _clock_h(start_ns, view.zone)
        if not (window.start_censored or window.end_censored):
            middles[night] = _clock_h((start_ns + end_ns) // 2, view.zone)
    return middles, onsets


def _sleep_in(view: ParticipantView, window: SleepWindow) -> tuple[int, int] | None:
    """First and last instant of sleep in a window; None where less than half of it was scored or nothing was sleep."""
    inside = view.grid.cut(window.start_ns, window.end_ns)
    staged = _staged(inside["stage"])
    for sleep, least_min in ((staged, 0.0), (inside["acti_sleep"], float(SUSTAINED_MIN))):
        if len(sleep) and np.isfinite(sleep).mean() >= MIN_KNOWN:
            span = sleep_span(sleep == 1.0, least_min)
            return (
                None
                if span is None
                else (
                    inside.start_ns + span[0] * EPOCH_NS,
                    inside.start_ns + span[1] * EPOCH_NS,
                )
            )
    return None


def _clock_h(utc_ns: int, zone: str) -> float:
    return float(utc_to_wall(np.array([utc_ns], np.int64), zone)[0] / 3.6e12 % 24.0)


def _circular_mean_h(hours: list[float]) -> float:
    angle = np.asarray(hours) * (2 * np.pi / 24.0)
    return float(np.arctan2(np.sin(angle).mean(), np.cos(angle).mean()) * 24.0 / (2 * np.pi))


def _apart_h(hours: Floats, centre: float) -> Floats:
    """Hours from a centre around the clock, −12 … 12."""
    return (hours - centre + 12.0) % 24.0 - 12.0


def _spread(hours: list[float]) -> float | None:
    """Standard deviation (n − 1) of clock hours about their circular mean; None for too few nights."""
    if len(hours) < MIN_NIGHTS:
        return None
    away = _apart_h(np.asarray(hours), _circular_mean_h(hours))
    return float(np.sqrt(((away - away.mean()) ** 2).sum() / (len(hours) - 1)))


def _social_jetlag(middles: Mapping[date, float]) -> float | None:
    """Hours around the clock between mean mid-sleep of free and of work nights."""
    free = [hour for night, hour in middles.items() if night.weekday() in FREE_NIGHTS]
    work = [hour for night, hour in middles.items() if night.weekday() not in FREE_NIGHTS]
    if min(len(free), len(work)) < MIN_NIGHTS_EACH:
        return None
    return float(np.abs(_apart_h(np.array([_circular_mean_h(free)]), _circular_mean_h(work)))[0])


def _number(value: float) -> float | None:
    """None for NaN."""
    return None if math.isnan(value) else value


FAMILY: Family[ParticipantView] = Family(
    name="regularity",
    level=Level.PARTICIPANT,
    needs=("acti_sleep", "stage"),
    columns=_COLUMNS,
    compute=compute,
)
