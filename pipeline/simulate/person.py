"""People whose truth is known: the traits planted in every export that is made from them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

# Means and spreads from which `cohort` draws. Chest-strap night values: 21 men of 22–40 years, computed from MMASH
# (doi:10.13026/cerq-fc86): HR 59.5 ± 4.75 bpm, ln RMSSD 3.96 ± 0.30; the fall of ln RMSSD with age, −0.12 per
# decade, is recalled from Natarajan 2020 (doi:10.1016/S2589-7500(20)30246-6), unverified.
NIGHT_HR_BPM = (59.5, 4.75)
LN_RMSSD = (3.96, 0.30)
LN_RMSSD_PER_DECADE = -0.12
LN_RMSSD_AGE_Y = 31.0
# N3 about 20 % of sleep, WASO 48 min and +9.7 min per decade, time in bed from TST 395 min and efficiency 86 %:
# Boulos 2019 (doi:10.1016/S2213-2600(19)30057-8); the pooled levels are recalled, unverified.
N3_SHARE = (0.19, 0.04)
WASO_MIN = 40.0
WASO_MIN_PER_DECADE = 9.7
TIME_IN_BED_H = (7.7, 0.5)
# Process S falls with a time constant of about 4 h in sleep (Borbély 2016, doi:10.1111/jsr.12371); value recalled,
# unverified. 0.22 per hour is a time constant of 4.5 h.
SWA_DECLINE_PER_H = (0.22, 0.03)


class LoopStrength(StrEnum):
    """How strongly a bad night and an aroused day feed each other in a simulated cohort."""

    NONE = "none"
    REALISTIC = "realistic"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Loop:
    """The planted day–night loop, per within-person SD.

    A_d = phi_a·A_{d−1} + b·B_{d−1} + w_d (night → day) and B_d = phi_b·B_{d−1} + c·A_d + v_d (day → night).
    """

    phi_a: float
    phi_b: float
    b: float
    c: float

    @property
    def gain(self) -> float:
        """One-cycle loop gain b·c; 0 without a loop."""
        return self.b * self.c

    @property
    def innovation_variances(self) -> tuple[float, float]:
        """Variances of w and v at which the stationary A and B have variance 1.

        Raises
        ------
        ValueError
            If the carry-over leaves no variance to the innovations: such a loop has no stationary state.
        """
        same_day = self.day_night_correlation
        day_after = self.phi_a * same_day + self.b  # cov(B_{d−1}, A_d)
        var_w = 1 - self.phi_a**2 - self.b**2 - 2 * self.phi_a * self.b * same_day
        var_v = 1 - self.phi_b**2 - self.c**2 - 2 * self.phi_b * self.c * day_after
        if min(var_w, var_v) <= 0:
            raise ValueError(f"no stationary state with {self}")
        return var_w, var_v

    @property
    def day_night_correlation(self) -> float:
        """Stationary correlation of a day's arousal with the badness of the night that follows it."""
        return (self.phi_b * self.b + self.c) / (1 - self.phi_a * self.phi_b)


# Carry-over: medians computed from public multi-week data (PMData, LifeSnaps). The paths of the two loop levels give
# gains of .026 and .14: the realistic and strong levels at which the estimator of the loop score was simulated.
LOOPS: dict[LoopStrength, Loop] = {
    LoopStrength.NONE: Loop(0.20, 0.05, 0.0, 0.0),
    LoopStrength.REALISTIC: Loop(0.20, 0.05, 0.16, 0.16),
    LoopStrength.STRONG: Loop(0.20, 0.05, 0.36, 0.39),
}


@dataclass(frozen=True, slots=True)
class Person:
    """The traits of one simulated participant.

    Clock hours are local and count on past midnight (24.5 is half past midnight). `sleep_hr_bpm` and
    `sleep_rmssd_ms` are the levels over all sleep; `waking_hr_bpm` is HR awake, out of bed and still, on a day of
    average arousal; `arousal_hr_bpm` is what one SD of day arousal adds to it. `swa_n3_uv2` is 0.5–4 Hz power in N3
    at sleep onset, which falls by `swa_decline_per_h` (natural log units per hour). Waking activity is
    `activity_cpm`·(1 + `activity_swing`·cos(2π(h − `activity_peak_h`)/24)).
    """

    participant: str
    age_y: int
    sex: str
    loop: Loop
    bedtime_h: float = 23.2
    bedtime_sd_h: float = 0.35
    time_in_bed_h: float = 7.6
    time_in_bed_sd_h: float = 0.3
    latency_min: float = 12.0
    waso_min: float = 35.0
    n3_share: float = 0.18
    rem_share: float = 0.21
    sleep_hr_bpm: float = 59.5
    sleep_hr_sd_bpm: float = 1.5
    waking_hr_bpm: float = 68.0
    arousal_hr_bpm: float = 4.0
    sleep_rmssd_ms: float = 45.0
    sleep_ln_rmssd_sd: float = 0.10
    respiration_hz: float = 0.25
    ectopic_share: float = 0.0005
    activity_cpm: float = 320.0
    activity_swing: float = 0.4
    activity_peak_h: float = 15.0
    swa_n3_uv2: float = 1200.0
    swa_decline_per_h: float = 0.22
    spindles_per_min: float = 2.5


def cohort(n: int, seed: int, strength: LoopStrength = LoopStrength.REALISTIC) -> tuple[Person, ...]:
    """`n` adults of 22 to 68 years named P01, P02, …, all with the same loop; the same seed gives the same people."""
    rng = np.random.default_rng([seed, n])
    width = max(2, len(str(n)))
    return tuple(_drawn(f"P{k + 1:0{width}d}", LOOPS[strength], rng) for k in range(n))


def _drawn(name: str, loop: Loop, rng: np.random.Generator) -> Person:
    """One person drawn from the population."""
    age_y = int(rng.integers(22, 69))
    decades = (age_y - 45) / 10
    sleep_hr = float(np.clip(rng.normal(*NIGHT_HR_BPM), 46, 78))
    ln_rmssd = rng.normal(*LN_RMSSD) + LN_RMSSD_PER_DECADE * (age_y - LN_RMSSD_AGE_Y) / 10
    return Person(
        participant=name,
        age_y=age_y,
        sex="F" if rng.random() < 0.5 else "M",
        loop=loop,
        bedtime_h=float(np.clip(rng.normal(23.3, 0.6), 21.8, 25.0)),
        bedtime_sd_h=float(rng.uniform(0.25, 0.8)),
        time_in_bed_h=float(np.clip(rng.normal(*TIME_IN_BED_H), 6.5, 9.0)),
        latency_min=float(rng.uniform(6, 25)),
        waso_min=float(np.clip(WASO_MIN + WASO_MIN_PER_DECADE * decades + rng.normal(0, 10), 12, 100)),
        n3_share=float(np.clip(rng.normal(*N3_SHARE), 0.05, 0.30)),
        sleep_hr_bpm=sleep_hr,
        waking_hr_bpm=sleep_hr + float(rng.normal(9, 2)),
        sleep_rmssd_ms=float(np.clip(np.exp(ln_rmssd), 15, 110)),
        respiration_hz=float(rng.uniform(0.22, 0.29)),
        ectopic_share=float(rng.uniform(0.0, 0.001)),
        activity_cpm=float(np.clip(rng.normal(320, 60), 200, 500)),
        activity_swing=float(rng.uniform(0.25, 0.5)),
        activity_peak_h=float(rng.normal(15.2, 1.0)),
        swa_n3_uv2=float(np.clip(rng.lognormal(np.log(1200), 0.3), 500, 2500)),
        swa_decline_per_h=float(np.clip(rng.normal(*SWA_DECLINE_PER_H), 0.12, 0.32)),
        spindles_per_min=float(rng.uniform(1.5, 3.5)),
    )
