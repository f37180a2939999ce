"""A night of EEG whose truth is known event by event: every slow wave, spindle and artefact has its time and size.

`simulated_night` makes it; `eeg_export` writes it as EDF+ with its hypnogram, and its truth as JSON. The traces are

    channel = gain · events(t − delay) + noise gain · scale · background, then the channel's own artefacts.

**Signal-to-noise ratio.** `snr_db` = 20·log10(median size of the troughs of all planted slow waves ÷ expected rms of
the background between 0.3 and 4 Hz over the N2 and N3 epochs). A ratio that is asked for is met by scaling the
background of the whole night, rhythms included, by one factor; the events keep their µV. Infinity leaves the events
alone; without a ratio the background keeps the spectra of `BackgroundPlan`.

Every draw hangs on the seed and on what it is for: the same seed plants the same events and artefacts at any sampling
rate, with any number of channels and any ratio; with the same rate, too, the samples are the same bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Samples, Stage
from pipeline.simulate.eeg_artefacts import ArtefactPlan, Artefacts, add_artefacts, drawn_artefacts, drawn_gaps
from pipeline.simulate.eeg_background import BackgroundPlan, background_uv, band_rms_uv, block_powers
from pipeline.simulate.slow_wave_events import SlowWavePlan, SlowWaves, add_slow_waves, drawn_slow_waves
from pipeline.simulate.spindle_events import SpindlePlan, Spindles, add_spindles, drawn_spindles
from pipeline.simulate.stages import Stages, night_stages

FS_HZ = (64.0, 512.0)
"""Lowest and highest sampling rate."""
RAIL_UV = 500.0


@dataclass(frozen=True, slots=True)
class Channel:
    """How one channel sees the events, and its own noise."""

    label: str
    gain: float = 1.0
    """Of the events; negative turns them round."""
    delay_s: float = 0.0
    """By which the events come later than in the truth: slow waves travel."""
    noise_gain: float = 1.0
    """Of the background."""


@dataclass(frozen=True, slots=True)
class EegPlan:
    """What is planted in a night."""

    slow_waves: SlowWavePlan = field(default_factory=SlowWavePlan)
    spindles: SpindlePlan = field(default_factory=SpindlePlan)
    background: BackgroundPlan = field(default_factory=BackgroundPlan)
    artefacts: ArtefactPlan = field(default_factory=ArtefactPlan)
    shared: float = 0.5
    """Share of each channel's background power that is common to all; the rest is its own."""
    rail_uv: float = RAIL_UV


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedNight:
    """A night and its truth. Times are seconds from the first sample; `artefacts[c]` belongs to `channels[c]`.

    `slow_waves` and `spindles` are as a channel of gain 1 without delay has them: `SlowWaves.seen` gives another's.
    """

    samples_uv: Samples
    """Float32 of shape (channels, n), in µV; NaN in gaps."""
    fs_hz: float
    stages: Stages
    """Of each 30-s epoch, W N1 N2 N3 R as 0 … 4."""
    channels: tuple[Channel, ...]
    slow_waves: SlowWaves
    spindles: Spindles
    artefacts: tuple[Artefacts, ...]
    snr_db: float
    """As it is (see above); infinite without background, NaN without slow waves."""


def simulated_stages(hours: float, seed: int) -> Stages:
    """The hypnogram of an ordinary night of so many hours in bed, shape (epochs,)."""
    return night_stages(
        round(hours * 3600 / EPOCH_S),
        latency_min=12.0,
        waso_min=25.0 * hours / 8,
        n3_share=0.20,
        rem_share=0.21,
        rng=_rng(seed, "stages"),
    )


def simulated_night(
    stages: Stages,
    fs_hz: float = 100.0,
    channels: Sequence[Channel] = (Channel("EEG C3-M2"),),
    *,
    plan: EegPlan | None = None,
    snr_db: float | None = None,
    seed: int = 1,
) -> SimulatedNight:
    """A night with the stages given (one per 30 s, W N1 N2 N3 R), at 64 to 512 Hz.

    Raises
    ------
    ValueError
        If the rate lies outside that, a stage is none of the five, channels share a label, a ratio is asked of a
        night without slow waves, or more events are planned than fit into the time.
    """
    plan = plan or EegPlan()
    _check(stages, fs_hz, channels)
    waves = drawn_slow_waves(stages, plan.slow_waves, _rng(seed, "slow waves"))
    spindles = drawn_spindles(stages, waves, plan.spindles, _rng(seed, "spindles"))
    scale, snr_db = _scale_and_snr(stages, waves, plan.background, snr_db)
    gaps = drawn_gaps(stages, plan.artefacts, _rng(seed, "gaps"))
    artefacts = tuple(
        drawn_artefacts(stages, gaps, plan.artefacts, _rng(seed, "artefacts", c)) for c in range(len(channels))
    )
    samples = np.zeros((len(channels), round(len(stages) * EPOCH_S * fs_hz)), np.float32)
    if scale:
        _add_background(samples, stages, fs_hz, [scale * channel.noise_gain for channel in channels], plan, seed)
    for c, (trace, channel) in enumerate(zip(samples, channels, strict=True)):
        add_slow_waves(trace, waves.seen(channel.gain, channel.delay_s), fs_hz)
        add_spindles(trace, spindles.seen(channel.gain, channel.delay_s), fs_hz)
        rng = _rng(seed, "artefact samples", c)
        add_artefacts(trace, artefacts[c], stages, fs_hz, plan.rail_uv, plan.artefacts, rng)
    return SimulatedNight(samples, fs_hz, stages, tuple(channels), waves, spindles, artefacts, snr_db)


_DRAWS = ("stages", "slow waves", "spindles", "gaps", "artefacts", "powers", "shared", "own", "artefact samples")


def _rng(seed: int, what: str, channel: int = 0) -> np.random.Generator:
    """A generator of its own for each thing that is drawn, so that none depends on how much another draws."""
    return np.random.default_rng([seed, _DRAWS.index(what), channel])


def _check(stages: Stages, fs_hz: float, channels: Sequence[Channel]) -> None:
    if not FS_HZ[0] <= fs_hz <= FS_HZ[1]:
        raise ValueError(f"EEG is simulated at {FS_HZ[0]:g} to {FS_HZ[1]:g} Hz, not at {fs_hz:g}")
    if not len(stages) or not np.isin(stages, [Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM]).all():
        raise ValueError("a simulated night consists of W, N1, N2, N3 and R alone, one per 30 s")
    if not channels or len({channel.label for channel in channels}) < len(channels):
        raise ValueError("a simulated night has one channel or more, each with a label of its own")


def _scale_and_snr(stages: Stages, waves: SlowWaves, plan: BackgroundPlan, snr_db: float | None) -> tuple[float, float]:
    """The factor on the background, and the ratio that it makes."""
    if snr_db == float("inf"):
        return 0.0, snr_db
    if not len(waves):
        if snr_db is not None:
            raise ValueError("a night without slow waves has no signal-to-noise ratio")
        return 1.0, float("nan")
    natural = 20 * float(np.log10(np.median(-waves.trough_uv) / band_rms_uv(stages, plan)))
    return (1.0, natural) if snr_db is None else (10 ** ((natural - snr_db) / 20), snr_db)


def _add_background(
    samples: Samples, stages: Stages, fs_hz: float, scales: Sequence[float], plan: EegPlan, seed: int
) -> None:
    powers = block_powers(stages, plan.background, _rng(seed, "powers"))
    n = samples.shape[1]
    alone = samples.shape[0] == 1 or plan.shared == 0
    common = None if alone else background_uv(powers, plan.background, n, fs_hz, _rng(seed, "shared"))
    for c, scale in enumerate(scales):
        own = background_uv(powers, plan.background, n, fs_hz, _rng(seed, "own", c))
        own *= np.float32(scale * (1.0 if common is None else np.sqrt(1 - plan.shared)))
        samples[c] += own
        if common is not None:
            samples[c] += common * np.float32(scale * np.sqrt(plan.shared))
