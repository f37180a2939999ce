"""Coupling of sigma to slow waves: simulated phases are found, absent ones are not, and what must change nothing."""

from __future__ import annotations

from dataclasses import fields
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.recording import Floats, Samples
from pipeline.signals.circular import rayleigh_p, resultant
from pipeline.signals.coupling import FAST, PRESETS, SLOW, YASA, Coupling, coupling, summaries
from pipeline.signals.coupling_chance import CouplingSummary, coupling_summary

FS = 100.0
SLOW_HZ = 0.8


def wave_train(seconds: float, seed: int) -> tuple[Floats, Floats]:
    """Phase of a slow oscillation whose frequency wanders about 0.8 Hz, at 100 Hz, and its troughs in seconds."""
    rng = np.random.default_rng(seed)
    n = int(seconds * FS)
    knots = np.arange(0.0, seconds + 2.0, 2.0)
    hz = np.interp(np.arange(n) / FS, knots, SLOW_HZ * np.exp(rng.normal(0.0, 0.12, len(knots))))
    phase = 2.0 * np.pi * np.cumsum(hz) / FS
    turns = np.arange(np.ceil(phase[0] / (2 * np.pi)), phase[-1] / (2 * np.pi) - 1.0)
    return phase, np.interp((turns + 0.5) * 2 * np.pi, phase, np.arange(n) / FS)


def with_bursts(phase: Floats, at_s: Floats, seed: int, hz: float = 13.7, noise_uv: float = 2.0) -> Samples:
    """The oscillation of 60 µV with sigma bursts of about 15 µV at these moments, in noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(len(phase)) / FS
    x = 60.0 * np.cos(phase) + rng.normal(0.0, noise_uv, len(t))
    for one in at_s:
        low, high = max(int((one - 0.7) * FS), 0), int((one + 0.7) * FS)
        u = t[low:high] - one
        x[low:high] += 15.0 * rng.uniform(0.7, 1.3) * np.exp(-((u / 0.2) ** 2)) * np.cos(2 * np.pi * hz * u)
    return x.astype(np.float32)


def coupled(mu: float, kappa: float, seconds: float = 900.0, seed: int = 0) -> tuple[Samples, Floats, Floats]:
    """A train with a burst in every third cycle at a von Mises phase: samples, these cycles' troughs, the bursts."""
    phase, trough_s = wave_train(seconds, seed)
    some = trough_s[2:-2:3]
    at_trough = np.interp(some, np.arange(len(phase)) / FS, phase)
    angle = np.random.default_rng(seed + 1).vonmises(mu, kappa, len(some))
    from_trough = (angle % (2 * np.pi)) - np.pi  # the cycle around the trough: 0 … 2π less π
    burst_s = np.interp(at_trough + from_trough, phase, np.arange(len(phase)) / FS)
    return with_bursts(phase, burst_s, seed + 2), some, burst_s


def of(x: Samples, trough_s: Floats, peaks_s: Floats | None = None, surrogates: int = 199, seed: int = 0) -> Coupling:
    yes = np.ones(len(x), np.bool_)
    return coupling(x, FS, yes, np.full(len(x), 2, np.int8), trough_s, peaks_s, surrogates=surrogates, seed=seed)


def turn(one: float, other: float) -> float:
    """The difference of two angles, 0 to π."""
    return float(np.abs(np.angle(np.exp(1j * (one - other)))))


@pytest.mark.parametrize("mu", [0.0, 1.5, -2.0, 3.1])
@pytest.mark.parametrize(("kappa", "length"), [(8.0, 0.9352), (2.0, 0.6978), (0.8, 0.3720)])
def test_phase_and_concentration_are_recovered(mu: float, kappa: float, length: float) -> None:
    """`length` is I₁(κ) / I₀(κ), the resultant length of a von Mises distribution."""
    x, trough_s, burst_s = coupled(mu, kappa)
    found = of(x, trough_s, burst_s)
    n = len(trough_s)
    for phases, chance in ((found.phase_rad, found.sigma_chance), (found.spindle_phase_rad, found.spindle_chance)):
        summary = coupling_summary(phases, chance)
        assert summary.n > 0.95 * n
        assert summary.mean_phase_rad is not None
        assert summary.resultant_length is not None
        assert summary.surrogate_p is not None
        # Standard errors: of the direction 1 / √(n κ A), of the length below √(1 / 2n) = 0.05; three of each.
        assert turn(summary.mean_phase_rad, mu) < 3.0 / np.sqrt(n * kappa * length)
        assert summary.resultant_length == pytest.approx(length, abs=3.0 * np.sqrt((1 - length**2) / n) + 0.01)
        assert summary.surrogate_p == 1.0 / 200.0
    assert np.nanmedian(np.abs(found.sigma_peak_s - burst_s)) < 0.02


def test_the_phase_is_that_of_the_slow_wave_at_the_peak_of_sigma() -> None:
    x, trough_s, burst_s = coupled(1.0, 2.0)
    phase, _ = wave_train(900.0, 0)
    found = of(x, trough_s, burst_s, surrogates=0)
    truth = np.interp(found.sigma_peak_s, np.arange(len(phase)) / FS, phase)
    error = np.abs(np.angle(np.exp(1j * (found.phase_rad - truth))))
    assert np.median(error) < 0.05
    assert np.median(np.abs(found.spindle_delay_s - (burst_s - trough_s))) < 1e-9


def test_the_peak_of_sigma_lies_between_samples() -> None:
    phase, trough_s = wave_train(120.0, 5)
    at_s = trough_s[2:-2:3] + np.linspace(-0.3, 0.3, len(trough_s[2:-2:3]))
    found = of(with_bursts(phase, at_s, 6, noise_uv=0.0), trough_s[2:-2:3], surrogates=0)
    assert np.abs(found.sigma_peak_s - at_s).max() < 0.003  # kept every 20 ms


@pytest.mark.parametrize("every", [1, 2])
def test_ndpac_is_above_chance_as_at_the_recording_s_own_rate(every: int) -> None:
    phase, trough_s = wave_train(300.0, 8)
    x = np.repeat(with_bursts(phase, np.arange(3.0, 296.0, 2.9), 9, noise_uv=6.0), every)
    yes = np.ones(len(x), np.bool_)
    found = coupling(x, every * FS, yes, np.full(len(x), 2, np.int8), trough_s[2:-2], surrogates=0)
    least = 1.959964 / np.sqrt(2 * every * FS + 1)
    assert np.array_equal(found.ndpac_above_chance, found.ndpac > least)
    # Some lie where a threshold of another rate would decide otherwise.
    assert ((found.ndpac > 0.5 * least) & (found.ndpac < least)).any()
    assert ((found.ndpac > least) & (found.ndpac < 1.8 * least)).any()


@cache
def uncoupled(case: int) -> tuple[Coupling, Floats]:
    """Bursts at moments of their own, about every 3 s, and every trough of the train; 99 shifts."""
    rng = np.random.default_rng(10_000 + case)
    phase, trough_s = wave_train(180.0, case)
    at_s = np.cumsum(rng.uniform(1.0, 5.0, 80))
    at_s = at_s[at_s < 178.0]
    inner = trough_s[2:-2]
    return of(with_bursts(phase, at_s, case), inner, at_s, surrogates=99, seed=case), at_s


CASES = 200


def _uniform(p: Floats) -> None:
    """Kolmogorov's distance of p from uniform: 1.63 / √200 is exceeded once in 100 tries; p has steps of 0.01."""
    ordered = np.sort(p)
    steps = np.arange(1, len(p) + 1) / len(p)
    assert (
        max(np.abs(ordered - steps).max(), np.abs(ordered - steps + 1 / len(p)).max()) < 1.63 / np.sqrt(len(p)) + 0.01
    )


@pytest.mark.parametrize("which", ["sigma", "spindle"])
def test_without_coupling_the_surrogate_p_is_uniform(which: str) -> None:
    p = []
    for case in range(CASES):
        one = uncoupled(case)[0]
        phases, chance = (
            (one.phase_rad, one.sigma_chance) if which == "sigma" else (one.spindle_phase_rad, one.spindle_chance)
        )
        summary = coupling_summary(phases, chance)
        assert summary.surrogate_p is not None
        p.append(summary.surrogate_p)
    _uniform(np.array(p))


def test_without_coupling_rayleigh_cries_wolf() -> None:
    """Why there are surrogates: waves share bursts, and a window about a trough holds more of it than of the peak."""
    summaries = [coupling_summary(uncoupled(case)[0].phase_rad) for case in range(CASES)]
    assert np.mean([one.rayleigh_p is not None and one.rayleigh_p < 0.05 for one in summaries]) > 0.1


def test_surrogates_stay_within_their_stage() -> None:
    """In stage 3 sigma is locked, in stage 2 it is not: each is told apart, and the sum of both is told as well."""
    x, trough_s, _ = coupled(0.0, 6.0)
    phase, others_s = wave_train(900.0, 50)
    at_s = np.cumsum(np.random.default_rng(7).uniform(1.0, 5.0, 299))
    both = np.concatenate((x, with_bursts(phase, at_s[at_s < 898.0], 51)))
    stage = np.repeat(np.array([3, 2], np.int8), len(x))
    troughs = np.concatenate((trough_s, others_s[2:-2] + 900.0))
    found = coupling(both, FS, np.ones(len(both), np.bool_), stage, troughs, surrogates=199)
    assert [chance.stage for chance in found.sigma_chance] == [2, 3]
    by_stage = {
        chance.stage: coupling_summary(found.phase_rad[found.stage == chance.stage], [chance])
        for chance in found.sigma_chance
    }
    assert by_stage[3].surrogate_p == 1 / 200
    assert by_stage[2].surrogate_p is not None
    assert by_stage[2].surrogate_p > 0.01
    assert by_stage[3].n_by_chance == by_stage[3].n == len(trough_s)
    whole, spindle = summaries(found, (2, 3))
    assert summaries(found, (3,))[0] == by_stage[3]
    assert spindle.n == 0
    assert whole.n_by_chance == whole.n == len(troughs)


def test_shifted_spindles_are_those_of_the_stage() -> None:
    """All spindles lie in stage 2: no shift brings one to a wave of stage 3."""
    x, trough_s, burst_s = coupled(0.0, 1.0, 600.0)
    stage = np.repeat(np.array([2, 3], np.int8), len(x) // 2)
    found = coupling(x, FS, np.ones(len(x), np.bool_), stage, trough_s, burst_s[burst_s < 298.0], surrogates=50)
    in_two, in_three = found.spindle_chance
    assert (in_two.numbers > 10).all()
    assert not in_three.numbers.any()
    assert not in_three.sums.any()


def test_waves_beside_a_gap_stand_in_no_shift() -> None:
    x, _, _ = coupled(0.0, 1.0, 300.0)
    trough_s = np.arange(10.0, 300.0, 10.0)
    valid = np.ones(len(x), np.bool_)
    valid[14_940:14_950] = valid[20_050:20_060] = False  # 0.5 s before one trough and after another
    found = coupling(x, FS, valid, np.full(len(x), 2, np.int8), trough_s, surrogates=10)
    assert np.flatnonzero(np.isnan(found.phase_rad)).tolist() == [14, 19]
    assert (found.sigma_chance[0].numbers == 27).all()


def test_a_stage_too_short_for_shifts_leaves_no_surrogate_p() -> None:
    x, trough_s, burst_s = coupled(0.0, 6.0, 300.0)
    stage = np.full(len(x), 2, np.int8)
    stage[: int(90 * FS)] = 3
    found = coupling(x, FS, np.ones(len(x), np.bool_), stage, trough_s, burst_s, surrogates=19)
    assert summaries(found, (2,))[0].surrogate_p == 1 / 20
    for one in (*summaries(found, (2, 3)), *summaries(found, (3,))):
        assert one.n >= 20
        assert one.resultant_length is not None
        assert one.surrogate_p is None
    assert summaries(found, (1,))[0].n == 0


def test_shifts_repeat_with_their_seed() -> None:
    x, trough_s, burst_s = coupled(0.0, 1.0, 300.0)
    one, same, other = (of(x, trough_s, burst_s, surrogates=20, seed=seed).sigma_chance[0].sums for seed in (4, 4, 5))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_gain_changes_nothing_and_polarity_turns_by_half_a_circle() -> None:
    x, trough_s, burst_s = coupled(1.0, 2.0, 300.0)
    plain = of(x, trough_s, burst_s)
    scaled, inverted = of(np.float32(7.0) * x, trough_s, burst_s), of(-x, trough_s, burst_s)
    assert np.abs(np.angle(np.exp(1j * (scaled.phase_rad - plain.phase_rad)))).max() < 1e-3
    assert scaled.ndpac == pytest.approx(plain.ndpac, abs=1e-4)
    assert np.abs(np.angle(np.exp(1j * (inverted.phase_rad - plain.phase_rad - np.pi)))).max() < 1e-3


@pytest.mark.parametrize("every", [2, 4])
def test_a_higher_rate_finds_the_same(every: int) -> None:
    """The rate is raised by a band-limited interpolation, which adds nothing."""
    x, trough_s, burst_s = coupled(1.0, 2.0, 300.0)
    n = len(x)
    raised = np.fft.irfft(np.fft.rfft(x.astype(np.float64)), every * n) * every
    yes = np.ones(every * n, np.bool_)
    found = coupling(
        raised.astype(np.float32), every * FS, yes, np.full(every * n, 2, np.int8), trough_s, burst_s, surrogates=0
    )
    plain = of(x, trough_s, burst_s, surrogates=0)
    assert np.abs(np.angle(np.exp(1j * (found.phase_rad - plain.phase_rad)))).max() < 0.05
    assert found.ndpac == pytest.approx(plain.ndpac, abs=0.02)
    assert (found.ndpac_above_chance >= plain.ndpac_above_chance).mean() > 0.98


def test_a_gap_silences_the_waves_beside_it_and_no_others() -> None:
    x, trough_s, burst_s = coupled(1.0, 2.0, 300.0)
    plain = of(x, trough_s, burst_s, surrogates=0)
    valid = np.ones(len(x), np.bool_)
    middle_s = float(trough_s[60]) + 0.5
    valid[int(middle_s * FS) : int(middle_s * FS) + 20] = False
    y = np.where(valid, x, np.float32(np.nan))
    stage = np.full(len(x), 2, np.int8)
    found = coupling(y, FS, valid, stage, trough_s, burst_s, surrogates=20)
    beside = np.abs(trough_s - middle_s - 0.1) < 1.1
    far = np.abs(trough_s - middle_s - 0.1) > 15.0
    assert beside.any()
    for name in ("sigma_peak_s", "phase_rad", "ndpac"):
        assert np.isnan(getattr(found, name)[beside]).all()
        assert getattr(found, name)[far] == pytest.approx(getattr(plain, name)[far], abs=1e-3)
    assert not found.ndpac_above_chance[beside].any()
    assert np.isfinite(found.sigma_chance[0].sums).all()


def test_ndpac_is_one_for_a_burst_that_is_the_wave() -> None:
    """Amplitude as cos(phase): the mean of cos², a half, over the deviation, √½, is 0.71; constant amplitude: 0."""
    t = np.arange(int(120 * FS)) / FS
    slow = 2.0 * np.pi * 1.0 * t
    trough_s = np.arange(10.5, 110.0, 1.0)
    locked = 60.0 * np.cos(slow) + 10.0 * (1.0 + 0.8 * np.cos(slow)) * np.cos(2 * np.pi * 14.0 * t)
    steady = 60.0 * np.cos(slow) + 10.0 * np.cos(2 * np.pi * 14.0 * t + 3.0 * np.sin(0.1 * t))
    first = of(locked.astype(np.float32), trough_s, surrogates=0)
    assert first.ndpac == pytest.approx(np.full(len(trough_s), np.sqrt(0.5)), abs=0.02)
    assert first.ndpac_above_chance.all()
    assert first.phase_rad == pytest.approx(np.zeros(len(trough_s)), abs=0.2)
    assert of(steady.astype(np.float32), trough_s, surrogates=0).ndpac.mean() < 0.5


def test_the_last_spindle_near_a_trough_co_occurs() -> None:
    x, _, _ = coupled(0.0, 1.0, 60.0)
    trough_s = np.array([10.0, 20.0, 30.0, 40.0])
    peaks_s = np.array([9.0, 10.5, np.nan, 18.79, 28.9, 41.21])
    found = of(x, trough_s, peaks_s, surrogates=0)
    assert found.spindle.tolist() == [1, -1, 4, -1]
    assert of(x, trough_s, np.array([np.nan]), surrogates=0).spindle.tolist() == [-1] * 4
    assert found.spindle_delay_s[[0, 2]] == pytest.approx([0.5, -1.1])
    assert np.isnan(found.spindle_delay_s[[1, 3]]).all()
    assert np.isnan(found.spindle_phase_rad[[1, 3]]).all()


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_presets_take_their_own_band(preset: object) -> None:
    phase, trough_s = wave_train(300.0, 3)
    hz = {YASA.name: 14.0, SLOW.name: 10.5, FAST.name: 14.5}
    for band in PRESETS:
        x = with_bursts(phase, trough_s[2:-2:3] + 0.1, 4, hz=hz[band.name], noise_uv=1.0)
        yes = np.ones(len(x), np.bool_)
        found = coupling(x, FS, yes, np.full(len(x), 2, np.int8), trough_s[2:-2:3], preset=band, surrogates=0)
        assert np.median(np.abs(found.sigma_peak_s - trough_s[2:-2:3] - 0.1)) < 0.02
        assert found.preset == band.name
    assert preset in PRESETS


def test_too_few_waves_have_a_number_and_nothing_else() -> None:
    nothing = CouplingSummary(19, None, None, None, None, None, None, 0)
    assert coupling_summary(np.append(np.zeros(19), np.nan)) == nothing
    assert coupling_summary(np.zeros(20)).resultant_length == pytest.approx(1.0)
    assert coupling_summary(np.zeros(5), least_events=5).n == 5


def test_where_there_is_nothing() -> None:
    none, nothing = np.zeros(0), np.zeros(0, np.float32)
    empty = coupling(nothing, FS, np.zeros(0, np.bool_), np.zeros(0, np.int8), none, none)
    assert len(empty) == 0
    assert all(len(getattr(empty, field.name)) == 0 for field in fields(empty) if field.name != "preset")
    x, trough_s, burst_s = coupled(0.0, 1.0, 60.0)
    missing = coupling(
        np.full_like(x, np.nan), FS, np.zeros(len(x), np.bool_), np.full(len(x), 2, np.int8), trough_s, burst_s
    )
    assert np.isnan(missing.phase_rad).all()
    assert np.isnan(missing.spindle_phase_rad).all()
    assert missing.sigma_chance == ()
    flat = of(np.zeros_like(x), trough_s)
    assert np.isnan(flat.ndpac).all()
    assert not of(x, trough_s).spindle_chance
    unscored = coupling(x, FS, np.ones(len(x), np.bool_), np.full(len(x), -1, np.int8), trough_s)
    assert unscored.sigma_chance == ()
    assert np.isfinite(unscored.phase_rad).all()


def test_what_cannot_be_answered_is_refused() -> None:
    yes, stage, x = np.ones(100, np.bool_), np.zeros(100, np.int8), np.zeros(100, np.float32)
    with pytest.raises(ValueError, match="at least 50 samples"):
        coupling(x, 40.0, yes, stage, np.zeros(0))
    with pytest.raises(ValueError, match="99 of `stage`"):
        coupling(x, FS, yes, stage[1:], np.zeros(0))
    with pytest.raises(ValueError, match="outside the 1 s"):
        coupling(x, FS, yes, stage, np.array([1.01]))


YASA_WAVES = """
114.91:+1.690:0.000 389.34:+0.165:0.394 685.56:-0.233:0.454 883.28:+0.950:0.459 1147.93:+0.376:0.394
1237.56:+1.323:0.000 1334.01:-0.850:0.304 1413.46:-0.453:0.563 1469.44:-0.009:0.477 1515.60:+0.864:0.441
1590.51:+0.719:0.414 1621.66:+0.037:0.245 1650.82:+1.466:0.247 1712.91:+1.530:0.179 1775.74:+0.942:0.477
1822.82:+0.357:0.150 1869.19:-0.260:0.000 1914.21:+0.050:0.289 1992.74:-0.323:0.296 2035.23:-0.538:0.423
2083.29:+1.142:0.141 2115.52:+2.014:0.411 2135.68:-0.518:0.362 2193.55:-0.580:0.217 2222.03:+0.506:0.447
2262.71:-0.585:0.421 2300.25:-0.294:0.480 2349.86:+0.051:0.148 2392.45:-0.164:0.509 2476.75:-0.456:0.580
2502.13:+0.598:0.384 2560.89:-2.552:0.252 2589.29:-0.623:0.269 2637.99:-0.426:0.242 2819.80:+0.495:0.188
2903.08:-0.781:0.000 3193.17:-0.920:0.223 3445.28:-3.118:0.194 3659.44:+0.530:0.232 3848.68:+1.055:0.366
3991.98:-0.270:0.382 4041.60:+3.014:0.185 4239.99:-0.169:0.214
"""
"""Trough (s), `PhaseAtSigmaPeak` and `ndPAC` (0 where under its threshold) of every sixth slow wave that YASA 0.8.1
(`sw_detect`, coupling=True, N2 and N3) finds in the segment."""


@pytest.mark.realdata
def test_yasa_finds_the_same_phases_in_a_real_recording(real_data: Path) -> None:
    x = np.loadtxt(real_data / "dynamo_eeg_segment" / "segment_data.csv", np.float32)
    trough_s, phase, ndpac = np.array([row.split(":") for row in YASA_WAVES.split()], np.float64).T
    found = of(x, trough_s, surrogates=0)
    # Kept at 50 of 100 Hz, the peak of sigma lies within 10 ms: 0.05 rad of a wave of 0.8 Hz.
    error = np.abs(np.angle(np.exp(1j * (found.phase_rad - phase))))
    assert error.max() < 0.1
    assert np.median(error) < 0.02
    above = ndpac > 0.0
    assert (found.ndpac_above_chance == above).mean() > 0.95
    assert found.ndpac[above] == pytest.approx(ndpac[above], abs=0.02)


def test_rayleigh_against_simulation() -> None:
    """p of a length is how often uniform directions are as long: 40 000 draws, standard error below 0.0025."""
    rng = np.random.default_rng(3)
    for n in (10, 40):
        lengths = np.abs(np.exp(2j * np.pi * rng.random((40_000, n))).mean(axis=1))
        for p in (0.5, 0.1, 0.02):
            assert rayleigh_p(float(np.quantile(lengths, 1.0 - p)), n) == pytest.approx(p, abs=0.006)
    assert rayleigh_p(0.0, 50) == 1.0
    assert rayleigh_p(1.0, 50) < 1e-20


def test_resultant_by_hand() -> None:
    assert resultant(np.array([0.0, np.pi / 2, np.nan])) == pytest.approx(0.5 + 0.5j)
    assert np.angle(resultant(np.array([3.0, -3.0]))) == pytest.approx(np.pi)
    assert np.isnan(resultant(np.array([np.nan])).real)
