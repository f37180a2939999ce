"""Beats: planted heart rate and RMSSD come back from the intervals themselves."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.recording import Stage
from pipeline.simulate.beats import BeatTrain, HeartLevel, beat_train
from pipeline.simulate.stages import Timeline, night_stages


def evening_and_night(hours_awake: int = 3, epochs: int = 840) -> Timeline:
    stages = night_stages(
        epochs, latency_min=10, waso_min=30, n3_share=0.2, rem_share=0.2, rng=np.random.default_rng(1)
    )
    evening = np.zeros(hours_awake * 120, np.int8)
    in_bed = np.concatenate([evening > 0, np.ones(epochs, bool)])
    return Timeline(0, np.concatenate([evening, stages]), in_bed)


def recorded(
    hr_bpm: float = 58, rmssd_ms: float = 45, waking_bpm: float = 66, ectopic: float = 0.0, cpm: int = 0, seed: int = 2
) -> tuple[Timeline, BeatTrain]:
    states = evening_and_night()
    counts = np.where(states.in_bed[::2], 0, cpm).astype(np.int64)
    level = HeartLevel(hr_bpm, waking_bpm, rmssd_ms, 0.25, ectopic)
    return states, beat_train(states, counts, level, np.random.default_rng(seed))


def asleep_at_end(states: Timeline, beats: BeatTrain) -> np.ndarray:
    epoch = np.minimum((beats.beat_ms[1:] - 1) // 30_000, len(states.stages) - 1)
    return states.asleep[epoch]


@pytest.mark.parametrize(("hr_bpm", "rmssd_ms"), [(58, 45), (48, 95), (75, 18), (67, 27), (60, 60)])
def test_median_five_minute_rmssd_of_sleep_is_the_planted_one(hr_bpm: float, rmssd_ms: float) -> None:
    states, beats = recorded(hr_bpm, rmssd_ms)
    asleep = asleep_at_end(states, beats)
    squared = np.diff(beats.rr_ms).astype(float) ** 2
    both = asleep[1:] & asleep[:-1]
    window = (beats.beat_ms[2:] // 300_000)[both]
    n = np.bincount(window)
    per_window = np.sqrt(np.bincount(window, squared[both])[n > 100] / n[n > 100])
    assert len(per_window) > 60
    assert np.median(per_window) == pytest.approx(rmssd_ms, rel=0.05)


@pytest.mark.parametrize("hr_bpm", [48.0, 58.0, 75.0])
def test_mean_rate_over_sleep_is_the_planted_one(hr_bpm: float) -> None:
    states, beats = recorded(hr_bpm)
    asleep = asleep_at_end(states, beats)
    assert 60_000 / beats.rr_ms[asleep].mean() == pytest.approx(hr_bpm, abs=0.1)


def test_beats_fill_the_recording_from_its_first_instant_and_run_forward() -> None:
    states, beats = recorded()
    assert beats.beat_ms[0] == 0
    assert (beats.rr_ms > 0).all()
    assert len(states.stages) * 30_000 - beats.beat_ms[-1] < 2000


def evening_bpm(beats: BeatTrain) -> float:
    evening = beats.beat_ms[1:] < 2.75 * 3_600_000
    return float(60_000 / beats.rr_ms[evening].mean())


def test_arousal_raises_the_evening_by_itself_at_equal_movement_and_leaves_the_night() -> None:
    states, calm = recorded(waking_bpm=66, cpm=200)
    _, aroused = recorded(waking_bpm=74, cpm=200)
    assert evening_bpm(aroused) - evening_bpm(calm) == pytest.approx(8, abs=0.1)
    assert aroused.rr_ms[asleep_at_end(states, aroused)].mean() == pytest.approx(
        calm.rr_ms[asleep_at_end(states, calm)].mean(), rel=0.002
    )


def test_movement_raises_the_evening_by_four_bpm_per_log_unit() -> None:
    _, still = recorded(cpm=0)
    _, moving = recorded(cpm=round(50 * (np.e**2 - 1)))
    assert evening_bpm(moving) - evening_bpm(still) == pytest.approx(8, abs=0.15)


def test_the_rate_falls_through_the_night_and_is_lower_in_n3_than_in_rem() -> None:
    states, beats = recorded()
    stage = states.stages[np.minimum((beats.beat_ms[1:] - 1) // 30_000, len(states.stages) - 1)]
    assert beats.rr_ms[stage == Stage.N3].mean() > beats.rr_ms[stage == Stage.N2].mean()
    assert beats.rr_ms[stage == Stage.N2].mean() > beats.rr_ms[stage == Stage.REM].mean()


def test_respiration_is_where_it_was_planted() -> None:
    from scipy.signal import welch

    _, beats = recorded()
    even_s = np.arange(4 * 3600.0, 9 * 3600.0, 0.25)
    rr = np.interp(even_s, beats.beat_ms[1:] / 1000, beats.rr_ms)
    f_hz, power = welch(rr - rr.mean(), 4.0, nperseg=1024)
    high = (f_hz > 0.15) & (f_hz < 0.4)
    assert f_hz[high][np.argmax(power[high])] == pytest.approx(0.25, abs=0.02)


def test_ectopic_beats_keep_the_clock_and_are_early_and_late_by_the_stated_share() -> None:
    states = evening_and_night()
    counts = np.zeros(len(states.stages) // 2, np.int64)
    level = HeartLevel(58, 66, 30, 0.25)
    clean = beat_train(states, counts, level, np.random.default_rng(4))
    struck = beat_train(states, counts, HeartLevel(58, 66, 30, 0.25, 0.01), np.random.default_rng(4))
    moved = np.flatnonzero(struck.beat_ms != clean.beat_ms)
    assert struck.ectopic.sum() == 2 * len(moved)
    assert 0.007 < len(moved) / len(clean.rr_ms) < 0.011
    early = struck.rr_ms[moved - 1] / clean.rr_ms[moved - 1]
    assert early == pytest.approx(np.full(len(moved), 0.65), abs=0.002)
    assert struck.beat_ms[-1] == clean.beat_ms[-1]
    assert np.diff(moved).min() > 3


def test_dropouts_lose_every_interval_they_touch_and_no_other() -> None:
    beats = BeatTrain(0, np.arange(0, 11_000, 1000), np.zeros(10, bool), np.zeros(10, bool))
    lost = beats.with_dropouts(((2.5, 4.5), (8.0, 9.0)))
    assert np.flatnonzero(lost.lost).tolist() == [2, 3, 4, 8]
    assert not beats.lost.any()


def test_a_recording_without_sleep_has_beats_at_the_waking_level() -> None:
    n = 240
    awake = Timeline(0, np.zeros(n, np.int8), np.zeros(n, bool))
    beats = beat_train(awake, np.zeros(n // 2, np.int64), HeartLevel(58, 70, 40, 0.25), np.random.default_rng(1))
    assert 60_000 / beats.rr_ms.mean() == pytest.approx(70, abs=0.7)
