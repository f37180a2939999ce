"""A session with a wrist-worn Empatica E4: rest, a stress task marked by a button press, recovery."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS
from pipeline.recording import Floats, Stage
from pipeline.simulate.beats import BeatTrain, HeartLevel, beat_train
from pipeline.simulate.person import Person
from pipeline.simulate.stages import Timeline

ACC_HZ = 32
BVP_HZ = 64
EDA_HZ = 4
TEMP_HZ = 4
HR_STARTS_S = 10
BVP_MIN = 10
"""Only the first minutes of the pulse wave are made: streams of unequal length are usual, and it is the largest."""
TASK_START_MIN = 35.0
TASK_MIN = 12.0
# Skin conductance: size chosen within what healthy fingers and wrists show (2–20 µS; Boucsein 2012, recalled).
TONIC_US = 3.0
TASK_TONIC_US = 1.5
SCR_PER_MIN = 2.5
TASK_SCR_PER_MIN = 8.0
SCR_US = 0.25
SCR_RISE_S = 0.75
SCR_DECAY_S = 4.0
TASK_HR_BPM = 11.0
"""HR rises by 10.8 ± 9.5 bpm in mental arithmetic (MIST, 28 young adults, computed from the published data)."""
TASK_RMSSD = 0.76
"""exp(−0.28): the change of ln RMSSD in the same data."""
TEMP_C = 33.4
HELD_INTERVALS = 0.65
"""Share of intervals that survive the wristband's own artefact rejection."""


@dataclass(frozen=True, slots=True, eq=False)
class E4Session:
    """The streams of one session from `start_ns`, a whole second, on; `beats.lost` marks what IBI leaves out."""

    start_ns: int
    acc_g: Floats
    bvp_au: Floats
    eda_us: Floats
    temp_c: Floats
    hr_bpm: Floats
    beats: BeatTrain
    tags_ns: tuple[int, ...]
    scr_onsets_s: Floats


def e4_session(person: Person, start_ns: int, minutes: int, rng: np.random.Generator) -> E4Session:
    """A daytime session of `minutes`; the button is pressed when the task begins, 35 min after the start.

    The task lasts 12 min. HR is the rate of the beats averaged over 10 s, as the wristband gives it, from second 10.
    """
    seconds = minutes * 60
    task = _task(seconds)
    beats = _beats(person, start_ns, minutes, rng)
    eda_us, scr_onsets_s = _eda_us(seconds, task, rng)
    return E4Session(
        start_ns=start_ns,
        acc_g=_acc_g(seconds, task, rng),
        bvp_au=_bvp_au(beats, min(seconds, BVP_MIN * 60), rng),
        eda_us=eda_us,
        temp_c=_temp_c(seconds, task, rng),
        hr_bpm=_hr_bpm(beats, seconds),
        beats=beats,
        tags_ns=(start_ns + round(TASK_START_MIN * 60) * NS,),
        scr_onsets_s=scr_onsets_s,
    )


def _task(seconds: int) -> NDArray[np.bool_]:
    """Whether each second belongs to the task."""
    minute = np.arange(seconds) / 60
    return (minute >= TASK_START_MIN) & (minute < TASK_START_MIN + TASK_MIN)


def _beats(person: Person, start_ns: int, minutes: int, rng: np.random.Generator) -> BeatTrain:
    """Beats of rest, task and recovery joined end to end; a third of the intervals lost in runs."""
    edges = np.unique(np.clip([0, TASK_START_MIN, TASK_START_MIN + TASK_MIN, minutes], 0, minutes))
    beat_ms, ectopic = [np.zeros(1, np.int64)], []
    for low, high in pairwise(edges.tolist()):
        at_task = low == TASK_START_MIN
        level = HeartLevel(
            sleep_hr_bpm=person.sleep_hr_bpm,
            waking_hr_bpm=person.waking_hr_bpm + (TASK_HR_BPM if at_task else 0.0),
            sleep_rmssd_ms=person.sleep_rmssd_ms * (TASK_RMSSD if at_task else 1.0),
            respiration_hz=person.respiration_hz,
            ectopic_share=person.ectopic_share,
        )
        n = round((high - low) * 60 * NS / EPOCH_NS)
        still = Timeline(start_ns, np.full(n, Stage.WAKE, np.int8), np.zeros(n, bool))
        part = beat_train(still, np.full(n // 2, 20, np.int64), level, rng)
        beat_ms.append(part.beat_ms[1:] + beat_ms[-1][-1])
        ectopic.append(part.ectopic)
    joined = np.concatenate(beat_ms)
    return BeatTrain(start_ns, joined, _lost_in_runs(len(joined) - 1, rng), np.concatenate(ectopic))


def _lost_in_runs(n: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Intervals lost in runs of about eight, a share of 1 − `HELD_INTERVALS` of them."""
    from scipy.ndimage import uniform_filter1d

    smooth = uniform_filter1d(rng.normal(size=n), 9)
    return np.asarray(smooth > np.quantile(smooth, HELD_INTERVALS), bool)


def _hr_bpm(beats: BeatTrain, seconds: int) -> Floats:
    """Beats per minute over the 10 s before each second from second 10 on, shape (seconds − 10,)."""
    ends = np.arange(HR_STARTS_S, seconds)
    count = np.arange(len(beats.beat_ms))
    at = beats.beat_ms / 1000
    return (np.interp(ends, at, count) - np.interp(ends - HR_STARTS_S, at, count)) * 60 / HR_STARTS_S


def _eda_us(seconds: int, task: NDArray[np.bool_], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Skin conductance at 4 Hz in µS, and the onsets of its responses in seconds."""
    from scipy.ndimage import gaussian_filter1d
    from scipy.signal import fftconvolve

    n = seconds * EDA_HZ
    per_s = np.where(task, TASK_SCR_PER_MIN, SCR_PER_MIN) / 60
    hits = rng.random(n) < np.repeat(per_s / EDA_HZ, EDA_HZ)
    drive = np.where(hits, SCR_US * np.exp(rng.normal(0.0, 0.4, n)), 0.0)
    t_s = np.arange(30 * EDA_HZ) / EDA_HZ
    response = np.exp(-t_s / SCR_DECAY_S) - np.exp(-t_s / SCR_RISE_S)
    phasic = fftconvolve(drive, response / response.max())[:n]
    tonic = TONIC_US + TASK_TONIC_US * gaussian_filter1d(np.repeat(task, EDA_HZ).astype(float), 60.0 * EDA_HZ)
    drift = gaussian_filter1d(rng.normal(size=n), 300.0 * EDA_HZ, mode="reflect")
    eda = tonic + phasic + 0.2 * drift / drift.std() + rng.normal(0.0, 0.004, n)
    return eda, np.flatnonzero(hits) / EDA_HZ


def _temp_c(seconds: int, task: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Skin temperature at 4 Hz in °C, a little lower in the task; steps of 0.02 as the sensor stores them."""
    from scipy.ndimage import gaussian_filter1d

    n = seconds * TEMP_HZ
    drop = gaussian_filter1d(np.repeat(task, TEMP_HZ).astype(float), 90.0 * TEMP_HZ)
    drift = gaussian_filter1d(rng.normal(size=n), 200.0 * TEMP_HZ, mode="reflect")
    temp: Floats = np.rint((TEMP_C - 0.5 * drop + 0.15 * drift / drift.std()) / 0.02) * 0.02
    return temp


def _acc_g(seconds: int, task: NDArray[np.bool_], rng: np.random.Generator) -> Floats:
    """Acceleration at 32 Hz in g, shape (n, 3): gravity in a posture that changes, and movement bouts at rest."""
    n = seconds * ACC_HZ
    change = rng.random(seconds) < np.where(task, 1 / 400, 1 / 150)
    posture = np.cumsum(change)
    angles = rng.uniform(0, np.pi, (int(posture[-1]) + 1, 2))[posture]
    tilt, turn = angles[:, 0], angles[:, 1]
    gravity = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], axis=1)
    moving = np.convolve(change, np.ones(6))[:seconds] > 0
    sd = np.repeat(np.where(moving, 0.15, 0.008), ACC_HZ)
    return np.repeat(gravity, ACC_HZ, axis=0) + sd[:, None] * rng.normal(size=(n, 3))


def _bvp_au(beats: BeatTrain, seconds: int, rng: np.random.Generator) -> Floats:
    """The pulse wave at 64 Hz in the device's units: one period of a wave with an overtone per beat, and noise."""
    n = seconds * BVP_HZ
    phase = np.interp(np.arange(n) / BVP_HZ, beats.beat_ms / 1000, np.arange(len(beats.beat_ms)))
    wave = np.sin(2 * np.pi * phase) + 0.35 * np.sin(4 * np.pi * phase + 0.8)
    return 45.0 * wave + rng.normal(0.0, 1.5, n)
