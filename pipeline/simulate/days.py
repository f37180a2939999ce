"""What happens to a person day by day: arousal, bad nights, bedtimes, and what these do to sleep and heart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import numpy as np

from pipeline.clock import EPOCH_NS, NS, wall_ns, wall_to_utc
from pipeline.recording import Floats, Int64
from pipeline.simulate.person import Loop, Person

# How far the indices show: a day's waking HR carries arousal with reliability .65 and a night's WASO and N3 carry
# badness with .70, the values which the loop score assumes (split-half reliabilities of public multi-week data).
DAY_RELIABILITY = 0.65
NIGHT_RELIABILITY = 0.70
# Effects of one SD of badness, in natural log units: chosen, about one third more WASO and one quarter less N3.
WASO_PER_SD = 0.40
LATENCY_PER_SD = 0.25
N3_PER_SD = -0.25


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """One row per night, in order; arrays of shape (nights,).

    `arousal` is of the day before the night, `badness` of the night itself, both in within-person SD. The other
    columns are the levels that the exports are made from, with everything that moves them already in.
    """

    nights: tuple[date, ...]
    arousal: Floats
    badness: Floats
    bed_ns: Int64
    rise_ns: Int64
    latency_min: Floats
    waso_min: Floats
    n3_share: Floats
    waking_hr_bpm: Floats
    sleep_hr_bpm: Floats
    sleep_rmssd_ms: Floats


def arousal_and_badness(loop: Loop, days: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Arousal of each day and badness of the night after it, shape (days,); stationary with variance 1."""
    var_w, var_v = loop.innovation_variances
    w = rng.normal(0.0, np.sqrt(var_w), days).tolist()
    v = rng.normal(0.0, np.sqrt(var_v), days).tolist()
    rho = loop.day_night_correlation
    a = float(rng.normal())
    b = rho * a + float(rng.normal()) * np.sqrt(1 - rho**2)
    arousal, badness = np.empty(days), np.empty(days)
    for d in range(days):
        a = loop.phi_a * a + loop.b * b + w[d]
        b = loop.phi_b * b + loop.c * a + v[d]
        arousal[d], badness[d] = a, b
    return arousal, badness


def simulate_days(person: Person, first: date, nights: int, zone: str, rng: np.random.Generator) -> Days:
    """`nights` nights from the local date `first` on.

    Bed and rise are wall-clock times: the night in which the clocks go forward is an hour shorter, as for a
    sleeper with an alarm clock. Night-to-night deviations of HR and ln RMSSD are centred, so that their means over
    the nights are the person's own.
    """
    arousal, badness = arousal_and_badness(person.loop, nights, rng)
    dates = tuple(first + timedelta(days=k) for k in range(nights))
    bed_ns, rise_ns = _in_bed(person, dates, zone, rng)

    unreliable_day = person.arousal_hr_bpm * np.sqrt((1 - DAY_RELIABILITY) / DAY_RELIABILITY)
    unreliable_night = np.sqrt((1 - NIGHT_RELIABILITY) / NIGHT_RELIABILITY)

    def shown(per_sd: float) -> Floats:
        factor: Floats = np.exp(per_sd * (badness + unreliable_night * rng.normal(size=nights)))
        return factor

    def centred(sd: float) -> Floats:
        drawn = rng.normal(0.0, sd, nights)
        drawn -= drawn.mean()
        return drawn

    return Days(
        nights=dates,
        arousal=arousal,
        badness=badness,
        bed_ns=bed_ns,
        rise_ns=rise_ns,
        latency_min=np.clip(person.latency_min * shown(LATENCY_PER_SD), 2.0, 75.0),
        waso_min=np.clip(person.waso_min * shown(WASO_PER_SD), 3.0, 150.0),
        n3_share=np.clip(person.n3_share * shown(N3_PER_SD), 0.01, 0.40),
        waking_hr_bpm=person.waking_hr_bpm + person.arousal_hr_bpm * arousal + rng.normal(0.0, unreliable_day, nights),
        sleep_hr_bpm=person.sleep_hr_bpm + centred(person.sleep_hr_sd_bpm),
        sleep_rmssd_ms=person.sleep_rmssd_ms * np.exp(centred(person.sleep_ln_rmssd_sd)),
    )


def _in_bed(person: Person, dates: tuple[date, ...], zone: str, rng: np.random.Generator) -> tuple[Int64, Int64]:
    """The UTC instants of going to bed and rising, whole 30-s epochs."""
    nights = len(dates)
    late_h = np.clip(person.bedtime_sd_h * rng.normal(size=nights), -2.5, 2.5)
    long_h = np.clip(person.time_in_bed_h + person.time_in_bed_sd_h * rng.normal(size=nights), 5.0, 10.5)
    midnight = np.array([wall_ns(datetime.combine(day, time())) for day in dates], np.int64)
    bed_wall = midnight + np.rint((person.bedtime_h + late_h) * 3600).astype(np.int64) * NS
    rise_wall = bed_wall + np.rint(long_h * 3600).astype(np.int64) * NS
    bed, rise = wall_to_utc(bed_wall, zone), wall_to_utc(rise_wall, zone)
    return bed - bed % EPOCH_NS, rise - rise % EPOCH_NS
