"""What spoils a trace, planted with its reason: eyes, muscle, pops, mains, loose or flat electrodes, clipping, gaps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_S
from pipeline.recording import Floats, Int64, Samples, Stage
from pipeline.simulate.event_times import epoch_index, last_allowed, most_events, placed, rate_steps, without
from pipeline.simulate.stages import Stages


class Reason(StrEnum):
    """Why a stretch of a trace is not brain."""

    EYES = "eyes"
    """Blinks in wake, rapid eye movements in REM; nowhere else."""
    MUSCLE = "muscle"
    """A burst of noise from 20 Hz on."""
    POP = "pop"
    """An electrode jumps by 200–400 µV and comes back within a second."""
    MAINS = "mains"
    """A sine of 20–60 µV at the frequency of the mains."""
    LOOSE = "loose"
    """Disconnected: no EEG, but mains of 100–300 µV and drift."""
    FLAT = "flat"
    """The same number in every sample."""
    CLIPPED = "clipped"
    """So much gain that a tenth of the samples would lie at twice the rails or beyond, cut off at the rails."""
    GAP = "gap"
    """Nothing recorded in any channel: NaN, from whole second to whole second."""


LASTS_S: dict[Reason, tuple[float, float]] = {
    Reason.EYES: (0.5, 4.0),
    Reason.MUSCLE: (1.0, 8.0),
    Reason.POP: (0.6, 1.0),
    Reason.MAINS: (20.0, 120.0),
    Reason.LOOSE: (10.0, 90.0),
    Reason.FLAT: (5.0, 60.0),
    Reason.CLIPPED: (3.0, 15.0),
    Reason.GAP: (20.0, 300.0),
}
"""Shortest and longest of each (a choice of ours)."""
EYES_IN = (Stage.WAKE, Stage.REM)
BLINK_UV, GLANCE_UV = 110.0, 35.0
"""A blink over the forehead in wake, a rapid eye movement in REM (chosen)."""
EYE_S = 0.4
MUSCLE_FROM_HZ = 20.0
CLIPPED_SHARE = 0.1
REST_S = 2.0
"""Between one artefact of a channel and the next."""
_REASON_CODE = {reason: code for code, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class ArtefactPlan:
    """How many artefacts an hour each channel has (eyes: an hour of wake and REM); gaps are common to all."""

    per_h: Mapping[Reason, float] = field(
        default_factory=lambda: {Reason.EYES: 120.0, Reason.MUSCLE: 2.0, Reason.POP: 0.5}
    )
    """A reason that is not named does not occur. Whatever the night, gaps are drawn first."""
    mains_hz: float = 50.0
    muscle_uv: float = 30.0


NO_ARTEFACTS = ArtefactPlan(per_h={})
SPOILT = ArtefactPlan(
    per_h={
        Reason.EYES: 120.0,
        Reason.MUSCLE: 6.0,
        Reason.POP: 2.0,
        Reason.MAINS: 0.5,
        Reason.LOOSE: 0.7,
        Reason.FLAT: 0.7,
        Reason.CLIPPED: 0.7,
        Reason.GAP: 0.4,
    }
)
"""A night in which everything goes wrong that can."""


@dataclass(frozen=True, slots=True, eq=False)
class Artefacts:
    """Artefacts of one channel in order of time, each array of shape (artefacts,); none overlaps another."""

    start_s: Floats
    end_s: Floats
    reason_code: Int64
    """Index into `tuple(Reason)`."""

    def __len__(self) -> int:
        return len(self.start_s)

    @property
    def reasons(self) -> list[Reason]:
        """The reason of each."""
        return [tuple(Reason)[code] for code in self.reason_code.tolist()]

    def of(self, reason: Reason) -> tuple[Floats, Floats]:
        """Starts and ends of those with one reason."""
        here = self.reason_code == _REASON_CODE[reason]
        return self.start_s[here], self.end_s[here]

    def covers(self, n: int, fs_hz: float) -> NDArray[np.bool_]:
        """Whether each of n samples lies in an artefact."""
        change = np.zeros(n + 1, np.int64)
        np.add.at(change, _samples(self.start_s, n, fs_hz), 1)
        np.add.at(change, _samples(self.end_s, n, fs_hz), -1)
        return np.asarray(np.cumsum(change)[:n] > 0, bool)


def _samples(at_s: Floats, n: int, fs_hz: float) -> Int64:
    return np.clip(np.ceil(at_s * fs_hz - 1e-6).astype(np.int64), 0, n)


def drawn_gaps(stages: Stages, plan: ArtefactPlan, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Starts and ends, in whole seconds, of the gaps that all channels share."""
    start, end = _drawn(Reason.GAP, stages, plan, (np.zeros(0), np.zeros(0)), rng)
    start = np.ceil(start)
    return start, np.floor(end)


def drawn_artefacts(
    stages: Stages, gaps: tuple[Floats, Floats], plan: ArtefactPlan, rng: np.random.Generator
) -> Artefacts:
    """The artefacts of one channel, the gaps among them; rare and long ones find their place before the frequent.

    Raises
    ------
    ValueError
        If so many do not fit into an hour.
    """
    start, end = gaps
    code = np.full(len(start), _REASON_CODE[Reason.GAP])
    for reason in reversed(Reason):
        if reason is Reason.GAP:
            continue
        more, until = _drawn(reason, stages, plan, (start, end), rng)
        start, end = np.concatenate([start, more]), np.concatenate([end, until])
        code = np.concatenate([code, np.full(len(more), _REASON_CODE[reason])])
    order = np.argsort(start, kind="stable")
    return Artefacts(start[order], end[order], code[order])


def _drawn(
    reason: Reason, stages: Stages, plan: ArtefactPlan, taken: tuple[Floats, Floats], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Starts and ends of the artefacts of one reason, none nearer than `REST_S` to those that are there."""
    where = np.isin(stages, list(EYES_IN)) if reason is Reason.EYES else np.ones(len(stages), bool)
    rate = last_allowed(
        rate_steps(np.where(where, plan.per_h.get(reason, 0.0) / 60.0, 0.0), EPOCH_S), LASTS_S[reason][1] + 1.0
    )
    rate = without(rate, taken[0] - LASTS_S[reason][1] - REST_S, taken[1] + REST_S)
    long = rng.uniform(*LASTS_S[reason], most_events(rate))
    start = placed(rate, long + REST_S, rng)
    return start, start + long[: len(start)]


def add_artefacts(
    trace: Samples,
    artefacts: Artefacts,
    stages: Stages,
    fs_hz: float,
    rail_uv: float,
    plan: ArtefactPlan,
    rng: np.random.Generator,
) -> None:
    """Puts the artefacts of one channel into its trace in place, and cuts the whole trace off at ±`rail_uv`."""
    n = len(trace)
    low, high = _samples(artefacts.start_s, n, fs_hz), _samples(artefacts.end_s, n, fs_hz)
    epoch = epoch_index(artefacts.start_s, len(stages), EPOCH_S)
    for reason, first, after, at in zip(artefacts.reasons, low.tolist(), high.tolist(), epoch.tolist(), strict=True):
        part = trace[first:after]
        t_s = np.arange(len(part)) / fs_hz
        if reason is Reason.EYES:
            part += _eyes(t_s, stages[at] == Stage.REM, rng)
        elif reason is Reason.MUSCLE:
            part += plan.muscle_uv * _hann(len(part)) * _fast_noise(len(part), fs_hz, rng)
        elif reason is Reason.POP:
            part += rng.choice([-1.0, 1.0]) * rng.uniform(200, 400) * np.exp(-t_s / 0.15)
        elif reason is Reason.MAINS:
            part += _mains(t_s, rng.uniform(20, 60), plan.mains_hz, rng)
        elif reason is Reason.LOOSE:
            part[:] = _mains(t_s, rng.uniform(100, 300), plan.mains_hz, rng) + _drift(len(part), fs_hz, rng)
        elif reason is Reason.FLAT:
            part[:] = part[0] if len(part) else 0.0
        elif reason is Reason.CLIPPED:
            part *= np.float32(2 * rail_uv / max(float(np.quantile(np.abs(part), 1 - CLIPPED_SHARE)), 1e-3))
        else:
            part[:] = np.nan
    np.clip(trace, -rail_uv, rail_uv, out=trace)


def _eyes(t_s: Floats, rem: bool, rng: np.random.Generator) -> Floats:
    """Blinks (one sign) or glances (either sign), one to two a second; zero at the edges."""
    size = GLANCE_UV if rem else BLINK_UV
    begins = np.arange(0.0, max(t_s[-1] - EYE_S, 0.01) if len(t_s) else 0.0, EYE_S + rng.uniform(0.1, 0.6))
    out = np.zeros(len(t_s))
    for begin in begins.tolist():
        u = (t_s - begin) / EYE_S
        sign = rng.choice([-1.0, 1.0]) if rem else 1.0
        shape = np.where((u > 0) & (u < 1), np.sin(np.pi * np.clip(u, 0, 1) ** 0.7) ** 2, 0.0)
        out += sign * size * np.exp(0.25 * rng.normal()) * shape
    return out


def _fast_noise(n: int, fs_hz: float, rng: np.random.Generator) -> Floats:
    """Noise of unit variance from 20 Hz to half the sampling rate."""
    white = np.fft.rfft(rng.normal(size=n))
    white[np.fft.rfftfreq(n, 1 / fs_hz) < MUSCLE_FROM_HZ] = 0.0
    noise = np.fft.irfft(white, n)
    unit: Floats = noise / noise.std()
    return unit


def _mains(t_s: Floats, size_uv: float, mains_hz: float, rng: np.random.Generator) -> Floats:
    """A sine at the frequency of the mains, folded where that lies above half the sampling rate."""
    wave: Floats = size_uv * np.sin(2 * np.pi * mains_hz * t_s + rng.uniform(0, 2 * np.pi))
    return wave


def _drift(n: int, fs_hz: float, rng: np.random.Generator) -> Floats:
    """A random walk of about 50 µV in a second."""
    walk: Floats = np.cumsum(rng.normal(size=n)) * (50.0 / np.sqrt(fs_hz))
    return walk


def _hann(n: int) -> Floats:
    window: Floats = np.sin(np.pi * (np.arange(n) + 0.5) / max(n, 1)) ** 2
    return window
