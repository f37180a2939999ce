"""The ongoing EEG between the events: 1/f noise whose level and steepness change with the stage, and rhythms.

Noise is made in blocks of ten seconds that overlap by half under half a sine, each with the spectrum of its moment:
power adds up exactly, a change of stage is blended over five seconds, and no filter runs over the whole night.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Samples, Stage
from pipeline.simulate.event_times import epoch_index
from pipeline.simulate.stages import Stages

HOP_S = 5
"""Half a block; divides an epoch, so that blocks of two stages meet at its edge."""
SNR_BAND_HZ = (0.3, 4.0)
HIGH_PASS_HZ = 0.2
"""No power is put below it, as behind an amplifier's high-pass; the windows leak a few per cent."""
_AT_ONCE = 256
"""Blocks made at a time: they stay in the processor's cache and a night of many channels in memory."""


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A bump in the spectrum: Gaussian around `centre_hz`, with so many µV² in each stage (none where not named)."""

    centre_hz: float
    width_hz: float
    power_uv2: Mapping[Stage, float]
    waxing: float = 0.0
    """Standard deviation of the natural logarithm of its power from block to block; the mean stays."""
    bursts: float = 1.0
    """Share of blocks that hold it at all; the mean stays."""


W, N1, N2, N3, R = Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM
RHYTHMS: tuple[Rhythm, ...] = (
    Rhythm(9.8, 0.7, {W: 90.0, N1: 8.0, N2: 1.5, N3: 0.5, R: 3.0}, waxing=0.6),  # alpha
    Rhythm(8.5, 1.5, {N2: 12.0, N3: 14.0, R: 6.0}, waxing=0.2),  # what is left of it in sleep
    Rhythm(5.5, 1.2, {W: 4.0, N1: 22.0, N2: 10.0, N3: 10.0, R: 12.0}, waxing=0.3),  # theta
    Rhythm(0.6, 0.25, {W: 60.0, N1: 60.0}, waxing=0.6),  # slow eye movements of drowsiness
    Rhythm(2.4, 0.8, {N2: 12.0, N3: 35.0}, waxing=0.3),  # delta that is no slow wave of its own
    Rhythm(2.7, 0.4, {R: 10.0}, bursts=0.15),  # sawtooth waves come in bursts
    Rhythm(13.0, 1.0, {N2: 3.0, N3: 1.5}, waxing=0.3),  # sigma that is no spindle of its own
    Rhythm(22.0, 6.0, {W: 14.0, N1: 5.0, N2: 0.6, N3: 0.2, R: 5.0}, waxing=0.3),  # beta
    Rhythm(45.0, 18.0, {W: 40.0, N1: 8.0, N2: 0.5, N3: 0.3, R: 0.5}, waxing=0.8),  # muscle tone
)
"""Set by eye beside the median spectra of the expert-scored stages of one person's channel (84 min), so that an
automatic stager tells the stages apart: typical, not a norm."""


@dataclass(frozen=True, slots=True)
class BackgroundPlan:
    """The spectrum of the ongoing EEG of each stage, one-sided, in µV²/Hz.

    1/f part: level · (10² + knee²)^(β/2) ÷ (f² + knee²)^(β/2), `level` at 10 Hz. That sleep is steeper than wake:
    Lendner et al. 2020 (doi:10.7554/eLife.55092, there between 30 and 45 Hz). The numbers are ours, set by eye with
    those of `RHYTHMS`; they hold for 2–30 Hz.
    """

    at_10_hz_uv2_per_hz: Mapping[Stage, float] = field(
        default_factory=lambda: {W: 1.9, N1: 1.2, N2: 0.75, N3: 0.70, R: 0.80}
    )
    exponent: Mapping[Stage, float] = field(default_factory=lambda: {W: 1.1, N1: 1.5, N2: 2.1, N3: 2.5, R: 1.6})
    knee_hz: float = 1.2
    """Below it the 1/f part is flat: what sleep has there besides are the planted slow waves."""
    rhythms: tuple[Rhythm, ...] = RHYTHMS
    level_spread: float = 0.08
    """Standard deviation of the natural logarithm of a block's whole power."""


def one_over_f(f_hz: Floats, level: float, exponent: float, knee_hz: float) -> Floats:
    """One-sided power density of the 1/f part, shape of `f_hz`, µV²/Hz; 0 below 0.2 Hz."""
    heard = np.maximum(f_hz, HIGH_PASS_HZ)
    density = level * ((100.0 + knee_hz**2) / (heard**2 + knee_hz**2)) ** (exponent / 2)
    return np.where(f_hz < HIGH_PASS_HZ, 0.0, density)


def _bump(f_hz: Floats, rhythm: Rhythm) -> Floats:
    """Unit power, however much of the bump lies above half the sampling rate."""
    z = (f_hz - rhythm.centre_hz) / rhythm.width_hz
    density = np.exp(-(z**2) / 2) / (rhythm.width_hz * np.sqrt(2 * np.pi))
    return np.where(f_hz < HIGH_PASS_HZ, 0.0, density)


def expected_density(stage: Stage, plan: BackgroundPlan, f_hz: Floats) -> Floats:
    """Mean one-sided power density of a stage, shape of `f_hz`, µV²/Hz."""
    density = one_over_f(f_hz, plan.at_10_hz_uv2_per_hz[stage], plan.exponent[stage], plan.knee_hz)
    for rhythm in plan.rhythms:
        density = density + rhythm.power_uv2.get(stage, 0.0) * _bump(f_hz, rhythm)
    return density


def band_rms_uv(stages: Stages, plan: BackgroundPlan, band_hz: tuple[float, float] = SNR_BAND_HZ) -> float:
    """Expected rms of the background within a band, over the N2 and N3 epochs of a night, in µV; NaN without any."""
    f_hz = np.linspace(*band_hz, 500)
    n = {stage: int((stages == stage).sum()) for stage in (N2, N3)}
    if not sum(n.values()):
        return float("nan")
    power = sum(count * float(np.trapezoid(expected_density(stage, plan, f_hz), f_hz)) for stage, count in n.items())
    return float(np.sqrt(power / sum(n.values())))


def block_powers(stages: Stages, plan: BackgroundPlan, rng: np.random.Generator) -> Samples:
    """How much of each part the blocks hold, shape (blocks, 5 + rhythms): the five stages' 1/f parts, the rhythms.

    Drawn once a night, so that all channels wax and wane together. Block j is centred on (j + ½) · 5 s; one block
    more lies before the night and one behind it.
    """
    blocks = len(stages) * EPOCH_S // HOP_S
    centre_s = (np.arange(-1, blocks + 1) + 0.5) * HOP_S
    code = stages[epoch_index(np.maximum(centre_s, 0.0), len(stages), EPOCH_S)]
    n = len(code)
    parts = [np.where(code == stage, 1.0, 0.0) for stage in range(5)]
    for rhythm in plan.rhythms:
        mean = np.array([rhythm.power_uv2.get(Stage(stage), 0.0) for stage in range(5)])[code]
        wax = np.exp(rhythm.waxing * rng.normal(size=n) - rhythm.waxing**2 / 2)
        parts.append(mean * wax * (rng.random(n) < rhythm.bursts) / rhythm.bursts)
    level = np.exp(plan.level_spread * rng.normal(size=n) - plan.level_spread**2 / 2)
    return (np.stack(parts, axis=1) * level[:, None]).astype(np.float32)


def background_uv(powers: Samples, plan: BackgroundPlan, n: int, fs_hz: float, rng: np.random.Generator) -> Samples:
    """Gaussian noise of the spectra that `block_powers` tells, shape (n,), float32, in µV."""
    hop = round(HOP_S * fs_hz)
    f_hz: Floats = np.fft.rfftfreq(2 * hop, 1 / fs_hz).astype(np.float64)
    shapes = [
        one_over_f(f_hz, plan.at_10_hz_uv2_per_hz[Stage(k)], plan.exponent[Stage(k)], plan.knee_hz) for k in range(5)
    ]
    density = np.stack(shapes + [_bump(f_hz, rhythm) for rhythm in plan.rhythms]).astype(np.float32)
    density[:, -1] = 0.0
    window = np.sin(np.pi * (np.arange(2 * hop) + 0.5) / (2 * hop)).astype(np.float32)
    # Bin k of a block of L samples adds 2|X|²/L² to its power, of which one-sided density S wants S·fs/L.
    power_to_bin = np.float32(fs_hz * 2 * hop / 4)
    out = np.zeros((len(powers) + 1) * hop, np.float32)
    for first in range(0, len(powers), _AT_ONCE):
        root = np.sqrt(powers[first : first + _AT_ONCE] @ density * power_to_bin)
        bins = rng.standard_normal((*root.shape, 2), np.float32)
        bins *= root[:, :, None]
        block = np.fft.irfft(bins.view(np.complex64)[:, :, 0], 2 * hop, axis=1).astype(np.float32, copy=False)
        block *= window
        for odd in (0, 1):
            some = block[odd::2].ravel()
            begin = (first + odd) * hop
            out[begin : begin + len(some)] += some
    # The first block begins one and a half hops before the night.
    begin = hop + hop // 2
    return out[begin : begin + n]
