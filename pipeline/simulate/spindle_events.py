"""Spindles planted one by one: some at a phase of a slow wave, the others away from every slow wave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Int64, Samples, Stage
from pipeline.simulate.event_times import (
    epoch_index,
    last_allowed,
    most_events,
    placed,
    rate_steps,
    sample_spans,
    without,
)
from pipeline.simulate.slow_wave_events import SlowWaves, by_stage
from pipeline.simulate.stages import Stages


@dataclass(frozen=True, slots=True)
class SpindlePlan:
    """How many spindles to plant, of what kind, and how they keep to the slow waves.

    Frequency, duration and amplitude are those of adults' fast spindles; 10–20 % of slow waves carry one at their
    positive peak in young adults (Helfrich et al. 2018, doi:10.1016/j.neuron.2017.11.020; the share is recalled,
    unverified). The rates are chosen.
    """

    uncoupled_per_min: Mapping[Stage, float] = field(default_factory=lambda: {Stage.N2: 3.5, Stage.N3: 1.0})
    """A stage that is not named has none."""
    coupled_share: float = 0.15
    """Share of slow waves that carry a spindle, before those are left out that would overlap an earlier one."""
    phase_rad: float = 0.0
    """Preferred phase of the slow wave at the spindle's peak: 0 = positive peak, ±π = trough."""
    concentration: float = 3.0
    """κ of the von Mises distribution of that phase; 0 is no preference."""
    freq_hz: float = 13.2
    freq_sd_hz: float = 0.6
    freq_range_hz: tuple[float, float] = (11.0, 16.0)
    duration_s: float = 0.95
    duration_spread: float = 0.2
    """Standard deviation of its natural logarithm, as of the amplitude."""
    duration_range_s: tuple[float, float] = (0.5, 2.0)
    amplitude_uv: float = 24.0
    """Median size at the peak: half of peak to peak."""
    amplitude_spread: float = 0.25
    rest_s: float = 0.4
    """At least this long between the end of one spindle and the start of the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Spindles:
    """Spindles in order of time, each array of shape (spindles,); times in seconds from the first sample."""

    start_s: Floats
    peak_s: Floats
    """Of the envelope, and of the carrier: the trace is largest here, and positive."""
    end_s: Floats
    freq_hz: Floats
    amplitude_uv: Floats
    """Of the envelope at its peak: half of peak to peak. The envelope is a half sine from start to end."""
    wave: Int64
    """Index of the slow wave that carries it; −1 where it is uncoupled."""
    phase_rad: Floats
    """Of that slow wave at the spindle's peak, −π … π, 0 = positive peak; NaN where uncoupled."""
    stage: Stages
    """In which the peak lies."""

    def __len__(self) -> int:
        return len(self.start_s)

    def seen(self, gain: float, delay_s: float) -> Spindles:
        """The same spindles as a channel of that gain and delay has them."""
        later = {name: getattr(self, name) + delay_s for name in ("start_s", "peak_s", "end_s")}
        return replace(self, amplitude_uv=self.amplitude_uv * gain, **later)


def drawn_spindles(stages: Stages, waves: SlowWaves, plan: SpindlePlan, rng: np.random.Generator) -> Spindles:
    """Spindles of a night that meet the plan, coupled and uncoupled, none overlapping another.

    Raises
    ------
    ValueError
        If so many uncoupled spindles find no room beside the slow waves.
    """
    carrier, phase, coupled_s, coupled_long = _coupled(waves, len(stages) * EPOCH_S, plan, rng)
    free_s, free_long = _uncoupled(stages, waves, (coupled_s, coupled_long), plan, rng)
    peak = np.concatenate([coupled_s, free_s])
    order = np.argsort(peak, kind="stable")
    n, alone = len(peak), len(free_s)
    duration = np.concatenate([coupled_long, free_long])[order]
    peak = peak[order]
    return Spindles(
        start_s=peak - duration / 2,
        peak_s=peak,
        end_s=peak + duration / 2,
        freq_hz=np.clip(rng.normal(plan.freq_hz, plan.freq_sd_hz, n), *plan.freq_range_hz),
        amplitude_uv=plan.amplitude_uv * np.exp(plan.amplitude_spread * rng.normal(size=n)),
        wave=np.concatenate([carrier, np.full(alone, -1)])[order],
        phase_rad=np.concatenate([phase, np.full(alone, np.nan)])[order],
        stage=stages[epoch_index(peak, len(stages), EPOCH_S)],
    )


def _durations(n: int, plan: SpindlePlan, rng: np.random.Generator) -> Floats:
    return np.clip(plan.duration_s * np.exp(plan.duration_spread * rng.normal(size=n)), *plan.duration_range_s)


def _coupled(
    waves: SlowWaves, night_s: float, plan: SpindlePlan, rng: np.random.Generator
) -> tuple[Int64, Floats, Floats, Floats]:
    """Of the coupled spindles: the wave, the phase, the time of the peak, the duration."""
    carrier = np.flatnonzero(rng.random(len(waves)) < plan.coupled_share)
    phase = rng.vonmises(plan.phase_rad, plan.concentration, len(carrier))
    duration = _durations(len(carrier), plan, rng)
    peak = waves.at_phase_s(carrier, phase)
    kept, free_s = [], 0.0
    for k, (at, long) in enumerate(zip(peak.tolist(), duration.tolist(), strict=True)):
        if at - long / 2 >= free_s and at + long / 2 <= night_s:
            kept.append(k)
            free_s = at + long / 2 + plan.rest_s
    chosen = np.array(kept, np.int64)
    return carrier[chosen], phase[chosen], peak[chosen], duration[chosen]


def _uncoupled(
    stages: Stages, waves: SlowWaves, coupled: tuple[Floats, Floats], plan: SpindlePlan, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Peaks and durations of spindles whose peak lies in no slow wave; what time is barred is made up elsewhere."""
    wanted = rate_steps(by_stage(stages, plan.uncoupled_per_min), EPOCH_S)
    longest = plan.duration_range_s[1]
    margin = coupled[1] / 2 + longest / 2 + plan.rest_s
    rate = last_allowed(wanted, longest)
    rate = without(rate, np.append(waves.start_s, 0.0), np.append(waves.end_s, longest / 2))
    rate = without(rate, coupled[0] - margin, coupled[0] + margin)
    step_stage = np.repeat(stages, len(wanted) // max(len(stages), 1))
    for stage in plan.uncoupled_per_min:
        here = step_stage == stage
        left = float(rate[here].sum())
        rate[here] *= float(wanted[here].sum()) / left if left else 0.0
    duration = _durations(most_events(rate), plan, rng)
    # Between two peaks lie half of the one, the rest, and half of the other: at most half of the longest.
    peak = placed(rate, duration / 2 + plan.rest_s + longest / 2, rng)
    return peak, duration[: len(peak)]


def add_spindles(trace: Samples, spindles: Spindles, fs_hz: float) -> None:
    """Adds the spindles to a trace in place: a cosine that is largest at the peak, under half a sine."""
    which, at = sample_spans(spindles.start_s, spindles.end_s, len(trace), fs_hz)
    from_peak = at / fs_hz - spindles.peak_s[which]
    duration = (spindles.end_s - spindles.start_s)[which]
    envelope = spindles.amplitude_uv[which] * np.cos(np.pi * from_peak / duration)
    wave = envelope * np.cos(2 * np.pi * spindles.freq_hz[which] * from_peak)
    np.add.at(trace, at, wave.astype(np.float32))
