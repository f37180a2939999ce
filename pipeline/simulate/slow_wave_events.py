"""Slow waves planted one by one: when each begins, turns and ends, how large and how steep it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Int64, Samples, Stage
from pipeline.simulate.event_times import epoch_index, last_allowed, most_events, placed, rate_steps, sample_spans
from pipeline.simulate.stages import Stages

KNOT_PHASES_RAD = np.array([-1.5, -1.0, -0.5, 0.0, 0.5]) * np.pi
"""Phase at start, trough, mid-crossing, positive peak and end: 0 at the positive peak, ±π at the trough, as of the
analytic signal of a cosine. Between the five it grows evenly in time."""
HALF_WAVE_S = (0.2, 1.5)
"""No half wave is shorter or longer than this (a choice of ours, wider than what detectors accept)."""


@dataclass(frozen=True, slots=True)
class SlowWavePlan:
    """How many slow waves to plant and of what shape; spreads are standard deviations of the natural logarithm.

    Negative half waves of 0.3–1.0 s: Massimini et al. 2004 (doi:10.1523/JNEUROSCI.1318-04.2004; span recalled).
    Rates, amplitudes and their fall are chosen so that N2 and N3 have about the 0.5–4 Hz power and the threshold
    density of a young adult.
    """

    per_min: Mapping[Stage, float] = field(default_factory=lambda: {Stage.N2: 3.5, Stage.N3: 18.0})
    """Waves per minute at sleep onset; a stage that is not named has none."""
    density_fall_per_h: float = 0.08
    """Density ∝ exp(−fall · hours since sleep onset)."""
    trough_uv: Mapping[Stage, float] = field(default_factory=lambda: {Stage.N2: 70.0, Stage.N3: 85.0})
    """Median size of the negative peak at sleep onset, as a positive number."""
    trough_spread: float = 0.25
    amplitude_fall_per_h: float = 0.03
    peak_share: float = 0.75
    """Median of positive peak ÷ size of the trough."""
    peak_spread: float = 0.15
    negative_s: float = 0.50
    positive_s: float = 0.60
    duration_spread: float = 0.18
    trough_at: float = 0.5
    """Median share of the negative half wave that lies before its trough: more makes the way up steeper."""
    trough_at_sd: float = 0.05
    rest_s: float = 0.1
    """At least this long between the end of one wave and the start of the next."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowWaves:
    """Slow waves in order of time, each array of shape (waves,); times in seconds from the first sample."""

    start_s: Floats
    """Zero crossing downwards."""
    trough_s: Floats
    mid_s: Floats
    """Zero crossing upwards."""
    peak_s: Floats
    end_s: Floats
    trough_uv: Floats
    """Negative."""
    peak_uv: Floats
    slope_uv_per_s: Floats
    """Mean slope from trough to mid-crossing: −trough_uv ÷ (mid_s − trough_s)."""
    stage: Stages
    """In which the trough lies."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def knots_s(self) -> Floats:
        """Start, trough, mid-crossing, peak and end, shape (waves, 5)."""
        return np.stack([self.start_s, self.trough_s, self.mid_s, self.peak_s, self.end_s], axis=1)

    def at_phase_s(self, which: Int64, phase_rad: Floats) -> Floats:
        """When the waves `which` are at the phases given (−π … π], shape of `phase_rad`; 0 = positive peak."""
        turn = np.where(phase_rad > np.pi / 2, phase_rad - 2 * np.pi, phase_rad)
        quarter = np.clip(((turn / np.pi + 1.5) * 2).astype(np.int64), 0, 3)
        knots = self.knots_s[which]
        rows = np.arange(len(quarter))
        low, high = knots[rows, quarter], knots[rows, quarter + 1]
        at_s: Floats = low + (turn - KNOT_PHASES_RAD[quarter]) / (np.pi / 2) * (high - low)
        return at_s

    def seen(self, gain: float, delay_s: float) -> SlowWaves:
        """The same waves as a channel of that gain and delay has them."""
        later = {name: getattr(self, name) + delay_s for name in ("start_s", "trough_s", "mid_s", "peak_s", "end_s")}
        larger = {name: getattr(self, name) * gain for name in ("trough_uv", "peak_uv", "slope_uv_per_s")}
        return replace(self, **later, **larger)


def hours_asleep(stages: Stages) -> Floats:
    """Hours from sleep onset to each epoch, 0 before it; shape (epochs,)."""
    asleep = np.flatnonzero(stages != Stage.WAKE)
    onset = int(asleep[0]) if len(asleep) else 0
    return np.maximum(np.arange(len(stages)) - onset, 0) * EPOCH_S / 3600


def by_stage(stages: Stages, of: Mapping[Stage, float]) -> Floats:
    """The value of each epoch's stage, 0 where it has none; shape (epochs,)."""
    out = np.zeros(len(stages))
    for stage, value in of.items():
        out[stages == stage] = value
    return out


def drawn_slow_waves(stages: Stages, plan: SlowWavePlan, rng: np.random.Generator) -> SlowWaves:
    """Slow waves of a night that meet the plan; none crosses into a stage that has none.

    Raises
    ------
    ValueError
        If so many waves of such length do not fit into a minute.
    """
    hours = hours_asleep(stages)
    rate = rate_steps(by_stage(stages, plan.per_min) * np.exp(-plan.density_fall_per_h * hours), EPOCH_S)
    most = most_events(rate)

    def half_s(median_s: float) -> Floats:
        return np.clip(median_s * np.exp(plan.duration_spread * rng.normal(size=most)), *HALF_WAVE_S)

    negative, positive = half_s(plan.negative_s), half_s(plan.positive_s)
    early = np.clip(plan.trough_at + plan.trough_at_sd * rng.normal(size=most), 0.15, 0.85)
    size, ratio = np.exp(plan.trough_spread * rng.normal(size=most)), rng.normal(size=most)
    busy = negative + positive + plan.rest_s
    start = placed(last_allowed(rate, float(busy.max())), busy, rng)
    n = len(start)
    negative, positive, early = negative[:n], positive[:n], early[:n]
    trough_s = start + early * negative
    epoch = epoch_index(trough_s, len(stages), EPOCH_S)
    size = size[:n] * by_stage(stages, plan.trough_uv)[epoch] * np.exp(-plan.amplitude_fall_per_h * hours[epoch])
    return SlowWaves(
        start_s=start,
        trough_s=trough_s,
        mid_s=start + negative,
        peak_s=start + negative + 0.5 * positive,
        end_s=start + negative + positive,
        trough_uv=-size,
        peak_uv=plan.peak_share * size * np.exp(plan.peak_spread * ratio[:n]),
        slope_uv_per_s=size / ((1 - early) * negative),
        stage=stages[epoch],
    )


def add_slow_waves(trace: Samples, waves: SlowWaves, fs_hz: float) -> None:
    """Adds the waves to a trace in place: quarters of sines from knot to knot, zero outside."""
    which, at = sample_spans(waves.start_s, waves.end_s, len(trace), fs_hz)
    t_s, knots = at / fs_hz, waves.knots_s[which]
    quarter = np.clip((t_s[:, None] >= knots[:, 1:4]).sum(axis=1), 0, 3)
    rows = np.arange(len(t_s))
    low, high = knots[rows, quarter], knots[rows, quarter + 1]
    angle = (quarter + (t_s - low) / (high - low)) * (np.pi / 2)
    size = np.where(quarter < 2, -waves.trough_uv[which], waves.peak_uv[which])
    np.add.at(trace, at, (-size * np.sin(angle)).astype(np.float32))
