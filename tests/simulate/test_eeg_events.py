"""A night known event by event: what is planted is in the trace, at its time, of its size, whatever the rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
import pytest
from scipy.special import i0, i1

from pipeline.recording import Stage
from pipeline.simulate.eeg_artefacts import NO_ARTEFACTS
from pipeline.simulate.eeg_background import SNR_BAND_HZ
from pipeline.simulate.eeg_events import Channel, EegPlan, SimulatedNight, simulated_night, simulated_stages
from pipeline.simulate.slow_wave_events import SlowWavePlan, SlowWaves, add_slow_waves, drawn_slow_waves
from pipeline.simulate.spindle_events import SpindlePlan, Spindles

STAGES = np.repeat(np.tile(np.array([0, 1, 2, 3, 2, 4], np.int8), 4), 30)
"""Six hours in which every stage comes every 90 minutes."""
NO_SPINDLES = SpindlePlan(uncoupled_per_min={}, coupled_share=0.0)
NO_WAVES = SlowWavePlan(per_min={})
SILENT = float("inf")
EVENTS = EegPlan(artefacts=NO_ARTEFACTS)


def night(
    fs_hz: float = 128.0,
    *,
    channels: Sequence[Channel] = (Channel("C3"),),
    snr_db: float | None = SILENT,
    seed: int = 1,
    plan: EegPlan = EVENTS,
    stages: np.ndarray = STAGES,
) -> SimulatedNight:
    return simulated_night(stages, fs_hz, channels, plan=plan, snr_db=snr_db, seed=seed)


def waves_only(fs_hz: float = 128.0, **changes: object) -> SimulatedNight:
    waves = replace(SlowWavePlan(), **changes)  # type: ignore[arg-type]
    return night(fs_hz, plan=replace(EVENTS, slow_waves=waves, spindles=NO_SPINDLES))


def spindles_only(fs_hz: float = 128.0) -> SimulatedNight:
    return night(fs_hz, plan=replace(EVENTS, slow_waves=NO_WAVES))


def at(made: SimulatedNight, t_s: np.ndarray) -> np.ndarray:
    """The trace of the first channel between its samples."""
    trace = made.samples_uv[0].astype(float)
    return np.asarray(np.interp(t_s, np.arange(len(trace)) / made.fs_hz, trace))


def equal(a: SlowWaves | Spindles, b: SlowWaves | Spindles) -> bool:
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name), equal_nan=True) for f in fields(a))


@pytest.fixture(scope="module")
def waves() -> SimulatedNight:
    return waves_only(512.0)


@pytest.fixture(scope="module")
def whole() -> SimulatedNight:
    return night()


def test_one_wave_worked_by_hand() -> None:
    def one(value: float) -> np.ndarray:
        return np.array([value])

    wave = SlowWaves(
        one(1.0), one(1.2), one(1.5), one(1.75), one(2.0), one(-80.0), one(60.0), one(80 / 0.3), np.array([3], np.int8)
    )
    trace = np.zeros(300, np.float32)
    add_slow_waves(trace, wave, 100.0)
    assert trace[[100, 150, 200]] == pytest.approx([0, 0, 0], abs=1e-3)
    assert trace[120] == pytest.approx(-80)
    assert trace[110] == pytest.approx(-80 * np.sqrt(0.5), abs=1e-3)
    assert trace[135] == pytest.approx(-80 * np.sqrt(0.5), abs=1e-3)
    assert trace[175] == pytest.approx(60)
    assert np.count_nonzero(trace[:100]) == np.count_nonzero(trace[201:]) == 0


def test_planted_sizes_stand_in_the_trace_at_their_times(waves: SimulatedNight) -> None:
    told = waves.slow_waves
    assert len(told) > 1000
    # Half a sample at 512 Hz from the top of a half sine of 0.2 s or more costs less than 0.02 %.
    assert at(waves, told.trough_s) == pytest.approx(told.trough_uv, rel=1e-3)
    assert at(waves, told.peak_s) == pytest.approx(told.peak_uv, rel=1e-3)
    for crossing in (told.start_s, told.mid_s, told.end_s):
        # Quarter sines turn a corner at a crossing: half a sample of the steepest one is 2 µV.
        assert np.abs(at(waves, crossing)).max() < 2.0


def test_planted_slope_is_that_of_the_trace(waves: SimulatedNight) -> None:
    told = waves.slow_waves
    trace, fs = waves.samples_uv[0].astype(float), waves.fs_hz
    for k in range(0, len(told), 50):
        span = slice(int(told.start_s[k] * fs), int(told.end_s[k] * fs) + 2)
        part = trace[span]
        trough = int(part.argmin())
        up = trough + int(np.argmax(part[trough:] >= 0))
        crossing = up - part[up] / (part[up] - part[up - 1])
        # Trough and crossing are known to a sample or so of the 60 or more between them.
        assert -part.min() / ((crossing - trough) / fs) == pytest.approx(told.slope_uv_per_s[k], rel=0.03)


def test_between_waves_the_trace_is_silent(waves: SimulatedNight) -> None:
    told = waves.slow_waves
    t_s = np.arange(waves.samples_uv.shape[1]) / waves.fs_hz
    k = np.searchsorted(told.start_s, t_s, side="right") - 1
    inside = (k >= 0) & (t_s <= told.end_s[np.maximum(k, 0)])
    assert not waves.samples_uv[0][~inside].any()
    assert (np.diff(told.start_s) > 0).all()
    assert (told.start_s[1:] - told.end_s[:-1]).min() >= SlowWavePlan().rest_s - 1e-9


def test_waves_lie_in_their_stage_and_their_numbers_agree(waves: SimulatedNight) -> None:
    told = waves.slow_waves
    assert (waves.stages[(told.trough_s // 30).astype(int)] == told.stage).all()
    for edge in (told.start_s, told.end_s):
        assert np.isin(waves.stages[(edge // 30).astype(int)], (Stage.N2, Stage.N3)).all()
    assert told.slope_uv_per_s == pytest.approx(-told.trough_uv / (told.mid_s - told.trough_s))
    negative = told.mid_s - told.start_s
    assert np.median(negative) == pytest.approx(0.50, rel=0.03)
    assert np.median(told.end_s - told.mid_s) == pytest.approx(0.60, rel=0.03)
    assert np.log(negative).std() == pytest.approx(0.18, rel=0.1)
    assert np.median(told.peak_uv / -told.trough_uv) == pytest.approx(0.75, rel=0.03)


def test_density_is_the_planned_one_and_falls_through_the_night() -> None:
    stages = np.tile(np.repeat(np.array([2, 3], np.int8), 60), 16)  # 16 hours
    plan = SlowWavePlan(per_min={Stage.N2: 4.0, Stage.N3: 15.0}, density_fall_per_h=0.1)
    told = drawn_slow_waves(stages, plan, np.random.default_rng(1))
    hour = (told.trough_s // 3600).astype(int)
    for stage, per_min in ((Stage.N2, 4.0), (Stage.N3, 15.0)):
        found = np.bincount(hour[told.stage == stage], minlength=16) / 30
        planned = per_min * np.exp(-0.1 * np.arange(0.25 + 0.5 * (stage == Stage.N3), 16))
        # Over 16 hours some 770 and 2900 waves: their count is known to 4 and 2 %.
        assert found.sum() == pytest.approx(planned.sum(), rel=0.08)
        assert np.polyfit(np.arange(16), np.log(found), 1)[0] == pytest.approx(-0.1, abs=0.02)


def test_amplitude_is_the_planned_one_and_falls_through_the_night() -> None:
    stages = np.full(16 * 120, Stage.N3, np.int8)
    plan = SlowWavePlan(trough_uv={Stage.N3: 90.0}, amplitude_fall_per_h=0.05, density_fall_per_h=0.0)
    told = drawn_slow_waves(stages, plan, np.random.default_rng(1))
    slope, start = np.polyfit(told.trough_s / 3600, np.log(-told.trough_uv), 1)
    assert slope == pytest.approx(-0.05, abs=0.003)
    assert np.exp(start) == pytest.approx(90, rel=0.02)


def test_a_later_trough_makes_the_way_up_steeper() -> None:
    everywhere = {Stage.N2: 80.0, Stage.N3: 80.0}
    even, late = (
        waves_only(trough_at=share, trough_at_sd=0.0, trough_uv=everywhere, amplitude_fall_per_h=0.0).slow_waves
        for share in (0.5, 0.75)
    )
    assert late.trough_uv == pytest.approx(even.trough_uv)
    assert late.slope_uv_per_s == pytest.approx(2 * even.slope_uv_per_s)


def test_phases_of_the_knots_are_those_of_a_cosine(waves: SimulatedNight) -> None:
    told = waves.slow_waves
    every = np.arange(len(told))
    for phase, when in ((np.pi, told.trough_s), (-np.pi, told.trough_s), (-np.pi / 2, told.mid_s), (0, told.peak_s),
                        (np.pi / 2, told.end_s)):  # fmt: skip
        assert told.at_phase_s(every, np.full(len(told), phase)) == pytest.approx(when, abs=1e-9)
    quarter = told.at_phase_s(every, np.full(len(told), -np.pi / 4))
    assert quarter == pytest.approx((told.mid_s + told.peak_s) / 2)


def test_a_spindle_has_its_size_at_its_peak_and_its_frequency() -> None:
    made = spindles_only(512.0)
    told, trace = made.spindles, made.samples_uv[0].astype(float)
    assert len(told) > 300
    assert (told.wave == -1).all()
    # Half a sample at 512 Hz from the top of a cosine of 16 Hz costs 0.5 %.
    assert at(made, told.peak_s) == pytest.approx(told.amplitude_uv, rel=0.006)
    assert told.peak_s == pytest.approx((told.start_s + told.end_s) / 2)
    for k in range(0, len(told), 20):
        part = trace[int(told.start_s[k] * 512) : int(told.end_s[k] * 512) + 2]
        assert np.abs(part).max() == pytest.approx(told.amplitude_uv[k], rel=0.006)
        power = np.abs(np.fft.rfft(part, 512 * 64)) ** 2
        assert power.argmax() / 64 == pytest.approx(told.freq_hz[k], abs=0.1)


def test_nothing_but_spindles_is_there_without_waves() -> None:
    made = spindles_only()
    told, t_s = made.spindles, np.arange(made.samples_uv.shape[1]) / 128.0
    k = np.searchsorted(told.start_s, t_s, side="right") - 1
    inside = (k >= 0) & (t_s <= told.end_s[np.maximum(k, 0)])
    assert not made.samples_uv[0][~inside].any()


def test_spindles_keep_apart_and_those_uncoupled_keep_off_the_waves(whole: SimulatedNight) -> None:
    told, slow = whole.spindles, whole.slow_waves
    assert (told.start_s[1:] - told.end_s[:-1]).min() >= SpindlePlan().rest_s - 1e-9
    alone = told.peak_s[told.wave < 0]
    k = np.searchsorted(slow.start_s, alone, side="right") - 1
    assert (alone > np.where(k >= 0, slow.end_s[np.maximum(k, 0)], -1)).all()
    assert np.isin(told.stage, (Stage.N2, Stage.N3)).all()
    assert (whole.stages[(told.peak_s // 30).astype(int)] == told.stage).all()


def test_waves_and_spindles_stay_within_short_stretches_of_sleep_and_within_the_night() -> None:
    stages = np.append(np.tile(np.array([3, 0], np.int8), 200), np.int8(3))
    plan = replace(EVENTS, spindles=SpindlePlan(coupled_share=1.0))
    made = night(64.0, plan=plan, stages=stages)
    for edge in (made.slow_waves.start_s, made.slow_waves.end_s, made.spindles.peak_s):
        assert (stages[(edge // 30).astype(int)] == Stage.N3).all()
    assert made.slow_waves.end_s.max() <= len(stages) * 30
    assert made.spindles.start_s.min() >= 0
    assert made.spindles.end_s.max() <= len(stages) * 30


def test_spindles_keep_apart_even_when_every_wave_wants_one() -> None:
    plan = replace(EVENTS, spindles=SpindlePlan(uncoupled_per_min={Stage.N2: 2.0}, coupled_share=1.0))
    told = night(64.0, plan=plan).spindles
    assert (told.start_s[1:] - told.end_s[:-1]).min() >= SpindlePlan().rest_s - 1e-9
    assert (told.wave < 0).sum() > 50
    assert (told.wave >= 0).sum() > 500


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_uncoupled_density_is_the_planned_one_beside_the_slow_waves(share: float) -> None:
    stages = np.tile(np.repeat(np.array([2, 3], np.int8), 60), 12)
    plan = replace(EVENTS, spindles=SpindlePlan(uncoupled_per_min={Stage.N2: 4.0, Stage.N3: 2.0}, coupled_share=share))
    told = night(64.0, plan=plan, stages=stages).spindles
    for stage, planned in ((Stage.N2, 4.0), (Stage.N3, 2.0)):
        # 1440 and 720 spindles expected: their counts spread by less than 3 and 4 %.
        assert ((told.wave < 0) & (told.stage == stage)).sum() / 360 == pytest.approx(planned, rel=0.10)


@pytest.mark.parametrize(("preferred", "kappa"), [(0.0, 3.0), (-0.8, 1.0), (np.pi, 5.0)])
def test_coupled_spindles_prefer_the_planted_phase_as_strongly_as_planted(preferred: float, kappa: float) -> None:
    plan = replace(EVENTS, spindles=SpindlePlan(phase_rad=preferred, concentration=kappa, coupled_share=0.25))
    made = night(64.0, plan=plan, stages=np.full(16 * 120, 3, np.int8))
    told, slow = made.spindles, made.slow_waves
    coupled = told.wave >= 0
    knots, turns = slow.knots_s[told.wave[coupled]], np.array([-1.5, -1, -0.5, 0, 0.5]) * np.pi
    seen = np.array([np.interp(t, knot, turns) for t, knot in zip(told.peak_s[coupled], knots, strict=True)])
    assert np.exp(1j * seen) == pytest.approx(np.exp(1j * told.phase_rad[coupled]))
    mean = np.exp(1j * seen).mean()
    # About 1500 spindles: resultant and direction are known to 0.02.
    assert abs(mean) == pytest.approx(i1(kappa) / i0(kappa), abs=0.06)
    assert np.angle(mean * np.exp(-1j * preferred)) == pytest.approx(0, abs=0.10)


def test_planted_phase_is_that_of_the_analytic_signal() -> None:
    """Of waves that are cosines, so that the planted phase and Hilbert's must agree."""
    from scipy.signal import hilbert

    even = SlowWavePlan(
        per_min={Stage.N3: 55.0}, negative_s=0.5, positive_s=0.5, duration_spread=0.0, trough_at_sd=0.0, peak_share=1.0,
        peak_spread=0.0, trough_spread=0.0, density_fall_per_h=0.0, amplitude_fall_per_h=0.0, rest_s=0.0,
    )  # fmt: skip
    stages = np.full(120, 3, np.int8)
    spindles = SpindlePlan(uncoupled_per_min={}, coupled_share=0.3, phase_rad=-0.6)
    made = night(plan=replace(EVENTS, slow_waves=even, spindles=spindles), stages=stages)
    bare = night(plan=replace(EVENTS, slow_waves=even, spindles=NO_SPINDLES), stages=stages)
    phase = np.unwrap(np.angle(hilbert(bare.samples_uv[0].astype(float))))
    coupled = made.spindles.wave >= 0
    seen = np.interp(made.spindles.peak_s[coupled], np.arange(len(phase)) / 128.0, phase)
    error = np.exp(1j * (seen - made.spindles.phase_rad[coupled]))
    # The pauses between the waves, a twelfth of the time, are what is left.
    assert np.angle(error.mean()) == pytest.approx(0, abs=0.06)
    assert abs(error.mean()) > 0.97


def test_the_planned_share_of_waves_carries_a_spindle_and_only_their_own() -> None:
    stages = np.full(8 * 120, 2, np.int8)
    plan = replace(EVENTS, spindles=SpindlePlan(coupled_share=0.2))
    made = night(64.0, plan=plan, stages=stages)
    coupled = made.spindles.wave[made.spindles.wave >= 0]
    assert len(np.unique(coupled)) == len(coupled)
    # Few waves of N2 stand so close that a second spindle would overlap; 1200 waves give the share to 0.012.
    assert len(coupled) / len(made.slow_waves) == pytest.approx(0.195, abs=0.035)
    assert np.isnan(made.spindles.phase_rad[made.spindles.wave < 0]).all()


def test_channels_see_the_same_events_with_their_gain_and_delay() -> None:
    channels = (Channel("F3"), Channel("C3", gain=0.6, delay_s=0.05), Channel("inverted", gain=-1.0))
    made = night(100.0, channels=channels)
    first, second, third = made.samples_uv.astype(float)
    assert second[5:] == pytest.approx(0.6 * first[:-5], abs=0.01)
    assert not second[:5].any()
    assert third == pytest.approx(-first)
    seen = made.slow_waves.seen(0.6, 0.05)
    assert seen.trough_uv == pytest.approx(0.6 * made.slow_waves.trough_uv)
    assert seen.slope_uv_per_s == pytest.approx(0.6 * made.slow_waves.slope_uv_per_s)
    assert seen.peak_s == pytest.approx(made.slow_waves.peak_s + 0.05)
    assert made.spindles.seen(0.6, 0.05).amplitude_uv == pytest.approx(0.6 * made.spindles.amplitude_uv)


def test_the_truth_hangs_on_neither_rate_nor_channels_nor_noise(whole: SimulatedNight) -> None:
    others = (night(64.0), night(250.0), night(channels=(Channel("a"), Channel("b"))), night(snr_db=5.0), night(100.5))
    for other in others:
        assert equal(other.slow_waves, whole.slow_waves)
        assert equal(other.spindles, whole.spindles)


@pytest.mark.parametrize("fs_hz", [64.0, 100.0, 100.5, 256.0, 512.0])
def test_any_rate_shows_the_same_night(fs_hz: float) -> None:
    made = night(fs_hz, stages=STAGES[:240], plan=replace(EVENTS, spindles=NO_SPINDLES))
    told = made.slow_waves
    assert len(told) > 100
    # The slowest rate has a sample within 8 ms of each trough, where a half sine of 0.2 s or more has 99 % of its size.
    assert at(made, told.trough_s) == pytest.approx(told.trough_uv, rel=0.01)
    assert made.samples_uv.shape == (1, round(7200 * fs_hz))
    assert made.samples_uv.dtype == np.float32


def test_the_same_seed_gives_the_same_bits_and_another_seed_another_night() -> None:
    channels = (Channel("a"), Channel("b"))
    a, b, c = (simulated_night(STAGES[:300], 100.0, channels, seed=seed).samples_uv.tobytes() for seed in (7, 7, 8))
    assert a == b
    assert a != c


@pytest.mark.parametrize("snr_db", [6.0, 20.0])
def test_signal_to_noise_ratio_is_what_it_is_said_to_be(snr_db: float) -> None:
    made = night(64.0, snr_db=snr_db)
    noise = made.samples_uv[0].astype(float) - night(64.0).samples_uv[0]
    deep = np.repeat(np.isin(made.stages, (2, 3)), 30 * 64)
    spectrum = np.fft.rfft(np.where(deep, noise, 0.0))
    f_hz = np.fft.rfftfreq(len(noise), 1 / 64)
    spectrum[(f_hz < SNR_BAND_HZ[0]) | (f_hz > SNR_BAND_HZ[1])] = 0
    rms = np.sqrt((np.fft.irfft(spectrum, len(noise)) ** 2).sum() / deep.sum())
    found = 20 * np.log10(np.median(-made.slow_waves.trough_uv) / rms)
    assert made.snr_db == snr_db
    # 10 800 s of noise in 4 Hz: its power is known to 1 %, and blending at the edges of stages moves it by as much.
    assert found == pytest.approx(snr_db, abs=0.25)


def test_without_a_ratio_the_natural_one_is_told() -> None:
    made = night(64.0, snr_db=None)
    same = night(64.0, snr_db=made.snr_db)
    assert 10 < made.snr_db < 25
    assert same.samples_uv == pytest.approx(made.samples_uv, abs=1e-3)


def test_an_ordinary_night_looks_like_one() -> None:
    stages = simulated_stages(8.0, 1)
    made = simulated_night(stages, 100.0)
    assert len(stages) == 960
    deep = made.samples_uv[0].reshape(960, -1)[stages == Stage.N3].std(axis=1)
    rem = made.samples_uv[0].reshape(960, -1)[stages == Stage.REM].std(axis=1)
    assert 20 < np.median(deep) < 50
    assert 5 < np.median(rem) < 20


@pytest.mark.parametrize("stages", [[0], [3], [0] * 20, [4] * 20, [2, 0, 3, 0]])
def test_short_nights_and_nights_without_a_stage_are_simulated(stages: list[int]) -> None:
    made = simulated_night(np.array(stages, np.int8), 100.0)
    assert np.isfinite(made.samples_uv).all()
    if 2 not in stages and 3 not in stages:
        assert len(made.slow_waves) == len(made.spindles) == 0
        assert np.isnan(made.snr_db)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"fs_hz": 63.0}, "64 to 512 Hz, not at 63"),
        ({"fs_hz": 513.0}, "not at 513"),
        ({"stages": np.array([0, 5], np.int8)}, "W, N1, N2, N3 and R alone"),
        ({"stages": np.array([], np.int8)}, "W, N1, N2, N3 and R alone"),
        ({"channels": (Channel("a"), Channel("a"))}, "label of its own"),
        ({"channels": ()}, "one channel or more"),
        ({"stages": np.zeros(9, np.int8), "snr_db": 3.0}, "without slow waves"),
        ({"plan": EegPlan(slow_waves=SlowWavePlan(per_min={Stage.N3: 60.0}))}, "leave no room"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_words(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        night(**change)  # type: ignore[arg-type]
