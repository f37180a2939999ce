"""One EEG channel of a night: 1/f background, slow waves that fade over the night, spindles, alpha and theta."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Stage
from pipeline.simulate.person import Person
from pipeline.simulate.stages import Stages

FS_HZ = 64
SLOW_WAVE_BAND_HZ = (0.5, 4.0)
# Slow-wave activity of each stage relative to N3 at the same hour, and whether it falls over the night. The order of
# the stages is textbook; the ratios are chosen.
SWA_SHARE: dict[Stage, float] = {
    Stage.WAKE: 0.05,
    Stage.N1: 0.10,
    Stage.N2: 0.35,
    Stage.N3: 1.0,
    Stage.REM: 0.06,
}
BACKGROUND_SWA_UV2 = 20.0
"""0.5–4 Hz power of the 1/f background; the planted slow-wave activity includes it."""
BACKGROUND_FROM_HZ = 0.3
PEAK_HZ = 1.0
ALPHA_UV = 11.0
THETA_UV: dict[Stage, float] = {
    Stage.WAKE: 2.0,
    Stage.N1: 6.0,
    Stage.N2: 4.0,
    Stage.N3: 4.0,
    Stage.REM: 6.0,
}
SPINDLE_UV = 22.0
SPINDLE_S = 2.0
N3_SPINDLES = 0.3
"""Spindles per minute in N3 relative to N2."""


def planted_swa_uv2(stages: Stages, person: Person) -> Floats:
    """Expected 0.5–4 Hz power of each 30-s epoch, shape (epochs,), in µV².

    In NREM it is the stage's share of `swa_n3_uv2`·exp(−`swa_decline_per_h`·hours since sleep onset); in wake and
    REM it does not fall. Never below the background.
    """
    asleep = np.flatnonzero(stages != Stage.WAKE)
    onset = int(asleep[0]) if len(asleep) else 0
    hours = np.maximum(np.arange(len(stages)) - onset, 0) * EPOCH_S / 3600
    nrem = np.isin(stages, (Stage.N1, Stage.N2, Stage.N3))
    fall = np.where(nrem, np.exp(-person.swa_decline_per_h * hours), 1.0)
    share = np.array([SWA_SHARE[Stage(code)] for code in range(5)])[stages]
    return np.maximum(person.swa_n3_uv2 * share * fall, BACKGROUND_SWA_UV2)


def eeg_uv(stages: Stages, person: Person, rng: np.random.Generator) -> Floats:
    """The EEG of a night at 64 Hz, shape (epochs·1920,), in µV; `stages` are its 30-s epochs."""
    n = len(stages) * EPOCH_S * FS_HZ
    slow_uv2 = planted_swa_uv2(stages, person) - BACKGROUND_SWA_UV2
    theta = np.array([THETA_UV[Stage(code)] for code in range(5)])[stages]
    alpha = np.where(stages == Stage.WAKE, ALPHA_UV, 0.0)
    trace = _shaped_noise(n, _background, rng)
    trace += _shaped_noise(n, _slow_waves, rng) * _envelope(np.sqrt(slow_uv2))
    trace += _shaped_noise(n, _theta, rng) * _envelope(theta)
    trace += _shaped_noise(n, _alpha, rng) * _envelope(alpha)
    _add_spindles(trace, stages, person.spindles_per_min, rng)
    return trace


def _envelope(per_epoch: Floats) -> Floats:
    """A level per epoch as a level per sample, its steps rounded over one second."""
    from scipy.ndimage import uniform_filter1d

    steps = np.repeat(per_epoch, EPOCH_S * FS_HZ)
    out: Floats = uniform_filter1d(steps, FS_HZ, mode="nearest")
    return out


def _background(f_hz: Floats) -> Floats:
    """Power density ∝ 1/f from 0.3 Hz on, in µV²/Hz."""
    low, high = SLOW_WAVE_BAND_HZ
    density = np.zeros_like(f_hz)
    heard = f_hz >= BACKGROUND_FROM_HZ
    density[heard] = BACKGROUND_SWA_UV2 / np.log(high / low) / f_hz[heard]
    return density


def _slow_waves(f_hz: Floats) -> Floats:
    """Unit power within 0.5–4 Hz, most at 1 Hz."""
    low, high = SLOW_WAVE_BAND_HZ
    inside = (f_hz >= low) & (f_hz <= high)
    density = np.zeros_like(f_hz)
    density[inside] = np.exp(-((np.log(f_hz[inside] / PEAK_HZ) / 0.5) ** 2) / 2)
    return _unit_power(density, f_hz)


def _theta(f_hz: Floats) -> Floats:
    return _unit_power(np.exp(-(((f_hz - 6.0) / 0.6) ** 2) / 2), f_hz)


def _alpha(f_hz: Floats) -> Floats:
    # Narrow and low enough to leave nothing to speak of above 11 Hz, where the sigma band begins.
    return _unit_power(np.exp(-(((f_hz - 9.5) / 0.45) ** 2) / 2), f_hz)


def _unit_power(density: Floats, f_hz: Floats) -> Floats:
    total = float(density.sum() * (f_hz[1] - f_hz[0]))
    return density / total


def _shaped_noise(n: int, density: Callable[[Floats], Floats], rng: np.random.Generator) -> Floats:
    """Gaussian noise with the one-sided power density `density(f)`; shape (n,)."""
    from scipy.fft import irfft, next_fast_len, rfft, rfftfreq

    length = next_fast_len(n, real=True)
    f_hz = rfftfreq(length, 1 / FS_HZ)
    white = rfft(rng.normal(size=length))
    # White noise of variance 1 has a one-sided density of 2 / fs.
    out: Floats = irfft(white * np.sqrt(density(f_hz) * FS_HZ / 2), length)[:n]
    return out


def _add_spindles(trace: Floats, stages: Stages, per_min: float, rng: np.random.Generator) -> None:
    """Adds to `trace` spindles of 11.5–14.5 Hz, about 1 s long, at random times of N2 and N3."""
    share = np.where(stages == Stage.N2, 1.0, np.where(stages == Stage.N3, N3_SPINDLES, 0.0))
    per_epoch = rng.poisson(share * per_min * EPOCH_S / 60)
    width = round(SPINDLE_S * FS_HZ)
    epoch_n = EPOCH_S * FS_HZ
    begins = np.repeat(np.arange(len(stages)) * epoch_n, per_epoch)
    begins = begins + rng.integers(0, epoch_n - width, len(begins))
    t_s = (np.arange(width) - width / 2) / FS_HZ
    f_hz = np.clip(rng.normal(13.0, 0.6, len(begins)), 11.5, 14.5)
    sd_s = rng.uniform(0.18, 0.30, len(begins))
    size_uv = SPINDLE_UV * np.exp(rng.normal(0.0, 0.25, len(begins)))
    phase = rng.uniform(0, 2 * np.pi, len(begins))
    waves = size_uv[:, None] * np.exp(-((t_s / sd_s[:, None]) ** 2) / 2)
    waves *= np.sin(2 * np.pi * f_hz[:, None] * t_s + phase[:, None])
    np.add.at(trace, begins[:, None] + np.arange(width), waves)
