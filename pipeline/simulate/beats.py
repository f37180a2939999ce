"""Heart beats by integral pulse frequency modulation: a beat falls whenever the integrated heart rate gains one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats, Int64, Stage
from pipeline.simulate.stages import Timeline

GRID_HZ = 8
"""Grid on which the rate is integrated; linear interpolation on it misplaces a beat by less than 0.3 ms."""
STAGE_HR_BPM: dict[Stage, float] = {
    Stage.WAKE: 7.0,
    Stage.N1: 1.0,
    Stage.N2: 0.0,
    Stage.N3: -1.5,
    Stage.REM: 3.0,
}
"""HR in bed relative to N2. Chosen: REM and wake above NREM is textbook, the sizes are not from one source."""
NIGHT_FALL_BPM = 4.0
"""Depth of the slow fall of HR over the night, lowest at two thirds of it. Chosen."""
MOVEMENT_BPM = 4.0
MOVEMENT_CPM = 50.0
"""HR rises by 4 bpm for each natural log unit of 1 + counts per minute / 50. Chosen."""
RESPONSE_S = 45.0
NOISE_BPM = 1.2
LOW_FREQUENCY_HZ = 0.1
LOW_FREQUENCY_SHARE = 0.05
"""Share of the squared successive differences that a 0.1-Hz wave makes; respiration makes the rest."""
WAKING_RMSSD = 0.6
IN_BED_AWAKE_RMSSD = 0.8
PREMATURE = 0.35
"""An ectopic beat comes this share of its interval too early; the pause after it makes up for it."""
DEEPEST = 0.3
"""Largest modulation of the rate; beyond it the first-order relation to RMSSD no longer holds."""


@dataclass(frozen=True, slots=True)
class HeartLevel:
    """The levels planted in one recording of beats."""

    sleep_hr_bpm: float
    waking_hr_bpm: float
    sleep_rmssd_ms: float
    respiration_hz: float
    ectopic_share: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class BeatTrain:
    """Beats in whole milliseconds since `start_ns`, shape (n + 1,), the first at 0; n intervals between them.

    `lost` marks intervals that the strap did not store, `ectopic` the early beat's interval and the pause after it.
    """

    start_ns: int
    beat_ms: Int64
    lost: NDArray[np.bool_]
    ectopic: NDArray[np.bool_]

    @property
    def rr_ms(self) -> Int64:
        """The true intervals, lost ones included, shape (n,)."""
        return np.diff(self.beat_ms)

    def with_dropouts(self, spans_s: tuple[tuple[float, float], ...]) -> BeatTrain:
        """The same beats with every interval that touches one of the spans (start, end; s since start) lost."""
        lost = self.lost.copy()
        for low, high in spans_s:
            lost |= (self.beat_ms[1:] > low * 1000) & (self.beat_ms[:-1] < high * 1000)
        return BeatTrain(self.start_ns, self.beat_ms, lost, self.ectopic)


def beat_train(states: Timeline, cpm: NDArray[np.int64], level: HeartLevel, rng: np.random.Generator) -> BeatTrain:
    """The beats of one recording over `states`; `cpm` are the true counts of its minutes.

    The mean rate over sleep is `level.sleep_hr_bpm` exactly, and the median RMSSD of sleep is
    `level.sleep_rmssd_ms` to first order in the depth of modulation (a few per cent).
    """
    hr_bpm = heart_rate_bpm(states, cpm, level, rng)
    seconds = np.arange(len(hr_bpm))
    t_s = np.arange(len(hr_bpm) * GRID_HZ) / GRID_HZ
    rate_hz = np.interp(t_s, seconds, hr_bpm) / 60
    target_ms = np.interp(t_s, seconds, _rmssd_ms(states, level, rng))
    respiration_hz = np.interp(t_s, seconds, level.respiration_hz * np.exp(_wander(seconds.size, 0.05, 120.0, rng)))
    breath = np.sin(2 * np.pi * np.cumsum(respiration_hz) / GRID_HZ)
    slow = np.sin(2 * np.pi * (LOW_FREQUENCY_HZ * t_s + rng.random()))
    hf = _depth(np.sqrt(1 - LOW_FREQUENCY_SHARE) * target_ms, respiration_hz, rate_hz) * breath
    lf = _depth(np.sqrt(LOW_FREQUENCY_SHARE) * target_ms, LOW_FREQUENCY_HZ, rate_hz) * slow
    rate_hz = rate_hz * (1 + hf + lf)

    gained = np.concatenate([[0.0], np.cumsum((rate_hz[1:] + rate_hz[:-1]) / (2 * GRID_HZ))])
    beat_s = np.interp(np.arange(int(gained[-1]) + 1), gained, t_s)
    return _with_ectopics(states.start_ns, np.rint(beat_s * 1000).astype(np.int64), level.ectopic_share, rng)


def heart_rate_bpm(states: Timeline, cpm: NDArray[np.int64], level: HeartLevel, rng: np.random.Generator) -> Floats:
    """HR of each second without its beat-to-beat part; shape (seconds,).

    Awake and up: the waking level and movement. In bed: the sleep level, stage, the slow fall over the night.
    """
    from scipy.signal import lfilter

    in_bed = np.repeat(states.in_bed, 30)
    asleep = np.repeat(states.asleep, 30)
    stage_bpm = np.array([STAGE_HR_BPM[Stage(code)] for code in range(5)])
    through = np.cumsum(in_bed) / max(1, in_bed.sum())
    resting = level.sleep_hr_bpm + np.repeat(stage_bpm[states.stages], 30)
    resting = resting + NIGHT_FALL_BPM * ((through - 2 / 3) * 1.5) ** 2
    moved = MOVEMENT_BPM * np.repeat(np.log1p(cpm / MOVEMENT_CPM), 60)
    wanted = np.where(in_bed, resting, level.waking_hr_bpm) + moved
    keep = np.exp(-1 / RESPONSE_S)
    hr_bpm = lfilter([1 - keep], [1, -keep], wanted, zi=[keep * wanted[0]])[0]
    hr_bpm = hr_bpm + _wander(len(hr_bpm), NOISE_BPM, 60.0, rng)
    if asleep.any():
        hr_bpm[in_bed] += level.sleep_hr_bpm - hr_bpm[asleep].mean()
    limited: Floats = np.clip(hr_bpm, 35.0, 190.0)
    return limited


def _rmssd_ms(states: Timeline, level: HeartLevel, rng: np.random.Generator) -> Floats:
    """The RMSSD to plant in each second: its median over sleep is the level."""
    asleep = np.repeat(states.asleep, 30)
    ln = _wander(len(asleep), 0.12, 300.0, rng)
    ln = ln - (np.median(ln[asleep]) if asleep.any() else 0.0)
    awake = np.where(np.repeat(states.in_bed, 30), IN_BED_AWAKE_RMSSD, WAKING_RMSSD)
    planted: Floats = level.sleep_rmssd_ms * np.where(asleep, 1.0, awake) * np.exp(ln)
    return planted


def _depth(rmssd_ms: Floats, wave_hz: Floats | float, rate_hz: Floats) -> Floats:
    """Depth of a sinusoidal modulation of the rate that makes successive intervals T differ by `rmssd_ms`.

    An interval averages the wave over T, so RMSSD = √2·T·depth·sinc(fT)·sin(πfT) to first order.
    """
    cycles = wave_hz / rate_hz
    per_depth_ms = np.sqrt(2) * 1000 / rate_hz * np.abs(np.sinc(cycles) * np.sin(np.pi * cycles))
    depth: Floats = np.minimum(rmssd_ms / per_depth_ms, DEEPEST)
    return depth


def _wander(n: int, sd: float, memory_s: float, rng: np.random.Generator) -> Floats:
    """First-order autoregressive noise at 1 Hz with standard deviation `sd`; shape (n,)."""
    from scipy.signal import lfilter

    keep = np.exp(-1 / memory_s)
    drive = rng.normal(0.0, sd * np.sqrt(1 - keep**2), n)
    out: Floats = lfilter([1.0], [1.0, -keep], drive, zi=[keep * rng.normal(0.0, sd)])[0]
    return out


def _with_ectopics(start_ns: int, beat_ms: Int64, share: float, rng: np.random.Generator) -> BeatTrain:
    """The beats with a share of them premature, never two within three beats."""
    n = len(beat_ms) - 1
    early = np.flatnonzero(rng.random(n) < share)
    early = early[(early > 1) & (early < n - 2)]
    early = early[np.diff(early, prepend=-9) > 3]
    out = beat_ms.copy()
    out[early + 1] -= np.rint(PREMATURE * np.diff(beat_ms)[early]).astype(np.int64)
    ectopic = np.zeros(n, bool)
    ectopic[early] = ectopic[early + 1] = True
    return BeatTrain(start_ns, out, np.zeros(n, bool), ectopic)
