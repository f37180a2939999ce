"""Spindles: built by hand, simulated truth, and what must not change the answer."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.recording import Floats, Samples
from pipeline.signals.spindles import FAST, PRESETS, SLOW, YASA, YASA_RELATIVE, Preset, Spindles, spindles

FS = 128.0
MINUTES = 8


@cache
def background(fs_hz: float, seconds: float, seed: int, sd_uv: float = 10.0) -> Floats:
    """Noise with a 1/f amplitude up to 29.5 Hz: a sum of sines that has the same values at every rate."""
    rng = np.random.default_rng(seed)
    hz = np.arange(0.5, 29.5, 0.1) + rng.uniform(0.0, 0.1, 290)
    t = np.arange(int(seconds * fs_hz)) / fs_hz
    out = np.zeros(len(t))
    for one, phase in zip(hz, rng.uniform(0.0, 2.0 * np.pi, len(hz)), strict=True):
        out += np.cos(2.0 * np.pi * one * t + phase) / one
    return np.asarray(out * (sd_uv / np.sqrt(np.sum(0.5 / hz**2))), np.float64)


def burst(t: Floats, middle_s: float, length_s: float, hz: float, amplitude_uv: float, rise: float = 0.5) -> Floats:
    """A spindle with a peak of its carrier where the envelope is highest, `rise` of the way through."""
    u = (t - middle_s) / length_s + 0.5
    ramp = np.where(u < rise, u / rise, (1.0 - u) / (1.0 - rise))
    envelope = np.where((u > 0.0) & (u < 1.0), np.sin(np.pi / 2.0 * np.clip(ramp, 0.0, 1.0)) ** 2, 0.0)
    highest_s = middle_s + (rise - 0.5) * length_s
    return np.asarray(amplitude_uv * envelope * np.cos(2.0 * np.pi * hz * (t - highest_s)), np.float64)


def night(
    fs_hz: float = FS, amplitude_uv: float = 30.0, seed: int = 0, hz: float = 13.4, every_s: float = 10.0
) -> tuple[Samples, Floats]:
    """Eight minutes with a spindle of 1.4 s about every ten seconds, and the middles of the spindles."""
    rng = np.random.default_rng(seed)
    middles = np.arange(6.0, MINUTES * 60 - 6.0, every_s) + rng.uniform(-2.0, 2.0, len(np.arange(6.0, 474.0, every_s)))
    x = background(fs_hz, MINUTES * 60, seed).copy()
    t = np.arange(len(x)) / fs_hz
    for middle in middles:
        near = np.abs(t - middle) < 2.0
        x[near] += burst(t[near], middle, 1.4, hz, amplitude_uv)
    return x.astype(np.float32), middles


def all_of(x: Samples, fs_hz: float = FS, preset: Preset = YASA) -> Spindles:
    yes = np.ones(len(x), np.bool_)
    return spindles(x, fs_hz, yes, yes, preset)


def f1(found: Spindles, middles: Floats) -> float:
    """Agreement of detections with the truth: a middle within an event, one to one."""
    inside = (found.start_s[:, None] <= middles) & (found.end_s[:, None] >= middles)
    return float(2 * inside.any(axis=0).sum() / (len(found) + len(middles)))


def same(one: Spindles, other: Spindles, within_s: float = 0.011, shift_s: float = 0.0, share: float = 0.01) -> None:
    """The same events, up to the grid and what one sample does to a measure."""
    assert len(one) == len(other) > 0
    assert np.abs(one.start_s + shift_s - other.start_s).max() <= within_s
    assert np.abs(one.end_s + shift_s - other.end_s).max() <= within_s
    assert np.abs(one.frequency_hz - other.frequency_hz).max() < 0.05
    for name in ("amplitude_uv", "sigma_ptp_uv", "rms_uv", "relative_power"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=share), name


@pytest.mark.parametrize("hz", [12.3, 13.4, 14.6])
@pytest.mark.parametrize("length_s", [1.2, 1.8])
def test_a_spindle_built_by_hand(hz: float, length_s: float) -> None:
    t = np.arange(int(120 * FS)) / FS
    x = background(FS, 120, 1, sd_uv=3.0).copy()
    for middle in (20.0, 50.0, 80.0):
        x += burst(t, middle, length_s, hz, 25.0)
    found = all_of(x.astype(np.float32))
    assert len(found) == 3
    assert (found.start_s + found.end_s) / 2.0 == pytest.approx([20.0, 50.0, 80.0], abs=0.1)
    assert found.frequency_hz == pytest.approx(np.full(3, hz), abs=0.15)
    # The threshold is a sine of 1.1 µV, above which 25 sin²(…) lies for 0.87 of its length; the moving RMS widens that
    # by up to its 0.3 s.
    assert ((0.82 * length_s < found.duration_s) & (found.duration_s < 0.87 * length_s + 0.3)).all()
    assert found.amplitude_uv == pytest.approx(np.full(3, 50.0), abs=9.0)  # 3 sd of noise on either side
    assert found.sigma_ptp_uv == pytest.approx(np.full(3, 50.0), rel=0.08)
    assert found.peak_s == pytest.approx([20.0, 50.0, 80.0], abs=1.2 / hz)
    assert found.symmetry == pytest.approx(np.full(3, 0.5), abs=0.15)
    assert found.oscillations_n == pytest.approx(found.duration_s * hz, abs=2.0)  # a cycle of noise at either end
    # The envelope's median lies a quarter of the event off its middle: 25 cos²(π/4 · 0.87 … 1.06) is 15 … 11 µV.
    assert ((found.sigma_power_log10_uv2 > 2 * np.log10(11.0)) & (found.sigma_power_log10_uv2 < 2 * np.log10(16))).all()
    # A sine of amplitude A under the envelope's square, between half of it and all.
    assert ((found.rms_uv > 0.4 * 25 / np.sqrt(2)) & (found.rms_uv < 0.95 * 25 / np.sqrt(2))).all()


def test_an_early_and_a_late_peak() -> None:
    t = np.arange(int(120 * FS)) / FS
    x = (
        background(FS, 120, 1, sd_uv=3.0)
        + burst(t, 30, 1.8, 13.0, 25, rise=0.2)
        + burst(t, 70, 1.8, 13.0, 25, rise=0.8)
    )
    early, late = all_of(x.astype(np.float32)).symmetry
    assert early < 0.4
    assert late > 0.6


def test_events_too_short_or_too_long_do_not_count_and_pieces_are_joined() -> None:
    t = np.arange(int(240 * FS)) / FS
    x = background(FS, 240, 2, sd_uv=8.0).copy()
    x += burst(t, 30.0, 0.35, 13.5, 25.0)  # too short
    x += burst(t, 60.0, 4.0, 13.5, 25.0)  # too long
    x += burst(t, 90.0, 1.0, 13.5, 25.0) + burst(t, 90.95, 1.0, 13.5, 25.0)  # two pieces, joined
    x += burst(t, 120.0, 1.0, 13.5, 25.0) + burst(t, 122.0, 1.0, 13.5, 25.0)  # two spindles
    found = all_of(x.astype(np.float32))
    assert (found.start_s + found.end_s) / 2.0 == pytest.approx([90.5, 120.0, 122.0], abs=0.15)
    assert found.duration_s[0] > 1.3
    assert found.duration_s.min() > 0.5
    assert found.duration_s.max() < 2.0


@pytest.mark.parametrize(("amplitude_uv", "least", "most"), [(3.0, 0.0, 0.3), (12.0, 0.75, 1.0), (30.0, 0.97, 1.0)])
def test_simulated_truth_is_found_as_the_noise_allows(amplitude_uv: float, least: float, most: float) -> None:
    """The noise has 0.9 µV in 12–15 Hz and 10 µV in all: 3 µV are under the relative power's threshold."""
    scores = [f1(all_of(x), middles) for x, middles in (night(amplitude_uv=amplitude_uv, seed=s) for s in range(3))]
    assert least <= np.mean(scores) <= most


def test_noise_alone_holds_hardly_a_spindle() -> None:
    found = [all_of(background(FS, 480, seed).astype(np.float32)) for seed in range(3)]
    assert sum(map(len, found)) <= 24  # one a minute
    assert all(one.looked_s > 470 for one in found)


@pytest.mark.parametrize("fs_hz", [100.0, 200.3, 256.0, 500.0])
def test_the_sampling_rate_does_not_matter(fs_hz: float) -> None:
    same(all_of(night()[0]), all_of(night(fs_hz)[0], fs_hz), within_s=0.021, share=0.03)


def test_a_shift_in_time_shifts_the_events() -> None:
    x = night()[0]
    whole, later = all_of(x), all_of(x[int(10 * FS) :])  # a multiple of the grid's 0.2 s
    kept = whole.start_s > 13.0
    after = later.start_s > 3.0
    assert kept.sum() == after.sum() > 40
    # The threshold is set on 10 s less, so edges may move by a few grid points.
    assert np.abs(whole.start_s[kept] - 10.0 - later.start_s[after]).max() <= 0.03


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_flat_line_before_and_after_changes_nothing(preset: Preset) -> None:
    x, _ = night(hz=11.0 if preset is SLOW else 13.4)
    pad = np.full(int(60 * FS), 7.0, np.float32)
    longer = np.concatenate((pad, x, pad))
    valid = np.zeros(len(longer), np.bool_)
    valid[len(pad) : -len(pad)] = True
    plain, padded = all_of(x, preset=preset), spindles(longer, FS, valid, np.ones_like(valid), preset)
    same(plain, padded, within_s=1e-6, shift_s=60.0, share=1e-4)
    assert padded.looked_s == pytest.approx(plain.looked_s, abs=0.3)
    assert padded.rms_threshold_uv == pytest.approx(plain.rms_threshold_uv, rel=1e-3)
    assert padded.preset == preset.name


def test_gain_matters_only_where_a_rule_is_in_microvolt() -> None:
    x = night(amplitude_uv=60.0, every_s=3.0)[0]
    relative = all_of(x, preset=YASA_RELATIVE)
    for gain in (0.25, 8.0):
        scaled = all_of(np.float32(gain) * x, preset=YASA_RELATIVE)
        assert np.array_equal(scaled.start_s, relative.start_s)
        assert np.array_equal(scaled.end_s, relative.end_s)
        assert scaled.amplitude_uv == pytest.approx(gain * relative.amplitude_uv, rel=1e-4)
        assert scaled.sigma_power_log10_uv2 == pytest.approx(relative.sigma_power_log10_uv2 + 2 * np.log10(gain))
        assert scaled.frequency_hz == pytest.approx(relative.frequency_hz, abs=1e-3)
    assert relative.rms_threshold_uv > 10.0
    capped = all_of(x)
    assert capped.rms_threshold_uv == 10.0
    assert capped.duration_s.mean() > relative.duration_s.mean()


def test_polarity_matters_only_to_the_positive_peak() -> None:
    x = night()[0]
    same(all_of(x), all_of(-x), within_s=0.0, share=1e-5)


def test_a_gap_parts_and_nothing_reaches_across_it() -> None:
    t = np.arange(int(120 * FS)) / FS
    x = background(FS, 120, 3, sd_uv=3.0).copy()
    for middle in (30.0, 60.0, 90.0):
        x += burst(t, middle, 1.6, 13.5, 25.0)
    valid = np.ones(len(t), np.bool_)
    valid[np.abs(t - 60.0) < 0.06] = False
    x[~valid] = np.nan
    found = spindles(x.astype(np.float32), FS, valid, np.ones_like(valid))
    across = (found.start_s < 60.0) & (found.end_s > 60.0)
    assert not across.any()
    assert found.start_s[np.abs(found.start_s - 30.0) < 1.0].size == 1
    assert found.start_s[np.abs(found.start_s - 90.0) < 1.0].size == 1
    assert np.isfinite(found.amplitude_uv).all()
    # What stands on one side leaves no trace on the other: its second half is that of a recording of its own.
    begin = int(np.flatnonzero(~valid)[-1]) + 1
    y = x.copy()
    y[:begin] *= 3.0
    other = spindles(y.astype(np.float32), FS, valid, np.asarray(t > 61.0))
    alone = spindles(x.astype(np.float32), FS, valid, np.asarray(t > 61.0))
    same(other, alone, within_s=0.0, share=1e-6)


def test_pieces_on_both_sides_of_a_gap_are_not_joined() -> None:
    t = np.arange(int(60 * FS)) / FS
    x = background(FS, 60, 3, sd_uv=3.0) + burst(t, 29.2, 1.4, 13.5, 25.0) + burst(t, 30.8, 1.4, 13.5, 25.0)
    valid = np.ones(len(t), np.bool_)
    valid[int(30.0 * FS)] = False
    found = spindles(x.astype(np.float32), FS, valid, np.ones_like(valid))
    assert len(found) == 2
    assert found.end_s[0] < 30.0 < found.start_s[1]


def test_only_included_samples_set_the_threshold_and_hold_events() -> None:
    x, middles = night()
    t = np.arange(len(x)) / FS
    included = np.asarray((t >= 60.0) & (t < 300.0))
    loud = np.where(included, x, np.float32(5.0) * x)
    found = spindles(loud, FS, np.ones_like(included), included)
    within = (middles > 61.0) & (middles < 299.0)
    assert f1(found, middles[within]) > 0.95
    assert found.looked_s == pytest.approx(240.0, abs=0.1)
    alone = spindles(x, FS, np.ones_like(included), included)
    assert found.rms_threshold_uv == pytest.approx(alone.rms_threshold_uv, rel=0.02)


def test_an_event_ends_where_the_included_stage_does() -> None:
    t = np.arange(int(120 * FS)) / FS
    x = (background(FS, 120, 1, sd_uv=3.0) + burst(t, 60.0, 1.8, 13.0, 25.0)).astype(np.float32)
    found = spindles(x, FS, np.ones(len(t), np.bool_), np.asarray(t < 60.0))
    assert len(found) == 1
    assert found.end_s[0] == pytest.approx(60.0, abs=0.05)  # half of the mean that softens the decision


def test_slow_and_fast_bands_find_their_own() -> None:
    slow, middles = night(hz=10.4)
    fast, _ = night(hz=14.4)
    assert f1(all_of(slow, preset=SLOW), middles) > 0.95
    assert f1(all_of(fast, preset=FAST), middles) > 0.95
    assert f1(all_of(slow, preset=FAST), middles) < 0.2
    assert f1(all_of(fast, preset=SLOW), middles) < 0.2
    assert all_of(slow, preset=SLOW).frequency_hz.mean() == pytest.approx(10.4, abs=0.1)
    assert len({preset.name for preset in PRESETS}) == len(PRESETS)
    assert all("doi:" in preset.source for preset in PRESETS)


YASA_EVENTS = """
105.19-106.36 108.96-109.92 113.81-114.39 132.75-133.30 136.49-137.30 193.17-194.05 295.02-295.78 301.33-302.16
304.22-305.11 357.15-357.73 417.69-418.42 425.93-426.60 431.08-431.71 463.75-464.32 465.98-466.73 468.62-469.47
473.25-473.98 556.65-557.76 560.53-561.33 572.58-573.16 599.44-600.16 623.41-624.07 627.14-627.85 637.08-637.69
659.18-659.87 791.97-792.89 852.36-853.08 861.23-861.79 865.08-866.09 903.24-904.05 991.75-992.81 996.28-997.12
1002.84-1003.46 1031.24-1031.77 1036.62-1037.61 1082.90-1083.49 1107.66-1108.35 1111.27-1112.05 1124.42-1125.25
1182.94-1183.51 1238.09-1238.65 1285.79-1286.89 1290.11-1291.15 1350.17-1350.75 1391.50-1392.15 1400.57-1401.10
1544.35-1544.99 1579.46-1580.11 1636.71-1637.31 1678.03-1678.55 1743.17-1743.76 1753.51-1754.03 2785.24-2785.98
2908.73-2909.32 2956.57-2957.53 2973.30-2973.83 2989.38-2990.32 2994.92-2995.82 2998.24-2999.17 3000.04-3000.57
3038.21-3038.76 3042.86-3043.73 3057.34-3057.87 3069.34-3070.04 3155.51-3156.13 3159.01-3159.62 3294.71-3295.32
3398.67-3399.20 3415.17-3416.03 3426.51-3427.31 3569.15-3569.78 3580.92-3581.86 3610.45-3611.03 3628.32-3628.85
3630.07-3630.76 3666.93-3668.35 3727.13-3727.88 3736.32-3736.97 3821.51-3822.12 3839.82-3840.35 3892.39-3893.08
3897.73-3898.26 3901.75-3902.36 3907.36-3908.18 3912.89-3914.44 3984.66-3985.50 3990.20-3990.72 4091.64-4092.15
4167.88-4168.84 4173.78-4174.60 4175.46-4176.33 4182.78-4184.32 4187.38-4188.20 4193.18-4194.68 4198.38-4198.92
4216.72-4217.75 4220.01-4220.77 4231.55-4232.39
"""
"""Start and end, in seconds, of what YASA 0.8.1 (`spindles_detect`, its defaults, N1 to N3) finds in the segment."""
YASA_THRESHOLD_UV = 4.166


@pytest.mark.realdata
def test_yasa_finds_the_same_in_a_real_recording(real_data: Path) -> None:
    folder = real_data / "dynamo_eeg_segment"
    x = np.loadtxt(folder / "segment_data.csv", np.float32)
    change_s, code = np.loadtxt(folder / "segment_stages.csv", delimiter=",", skiprows=1).T
    at = np.searchsorted(change_s, np.arange(len(x)) / 100.0 + 1e-9, side="right") - 1
    found = spindles(x, 100.0, np.isfinite(x), np.isin(code[np.maximum(at, 0)], (1, 2, 3)))
    start_s, end_s = np.array([row.split("-") for row in YASA_EVENTS.split()], np.float64).T
    both = np.minimum(found.end_s[:, None], end_s) - np.maximum(found.start_s[:, None], start_s)
    either = np.maximum(found.end_s[:, None], end_s) - np.minimum(found.start_s[:, None], start_s)
    one, other = np.nonzero(both / either >= 0.5)
    assert 2 * len(one) / (len(found) + len(start_s)) > 0.97
    # Windows of exactly 0.3 s around their middle instead of whole samples: edges move by a grid point or two.
    assert np.median(np.abs(found.start_s[one] - start_s[other])) <= 0.011
    assert np.mean(found.duration_s[one] - (end_s - start_s)[other]) == pytest.approx(0.0, abs=0.01)
    assert found.rms_threshold_uv == pytest.approx(YASA_THRESHOLD_UV, rel=1e-3)


NONE = np.zeros(0, np.float32)
MINUTE = int(60 * FS)


@pytest.mark.parametrize(
    ("x", "valid", "included", "looked_s"),
    [
        (NONE, NONE.astype(bool), NONE.astype(bool), 0.0),
        (np.zeros(1, np.float32), np.ones(1, bool), np.ones(1, bool), 0.0),
        (np.zeros(100, np.float32), np.ones(100, bool), np.ones(100, bool), 0.0),
        (np.full(MINUTE, np.nan, np.float32), np.zeros(MINUTE, bool), np.ones(MINUTE, bool), 0.0),
        (np.ones(MINUTE, np.float32), np.ones(MINUTE, bool), np.zeros(MINUTE, bool), 0.0),
        (np.ones(MINUTE, np.float32), np.ones(MINUTE, bool), np.ones(MINUTE, bool), 59.5),
        (np.ones(MINUTE, np.float32), np.arange(MINUTE) % 200 > 0, np.ones(MINUTE, bool), 0.0),
    ],
    ids=["empty", "one sample", "short", "all missing", "none included", "constant", "only short stretches"],
)
def test_where_there_is_nothing(
    x: Samples, valid: NDArray[np.bool_], included: NDArray[np.bool_], looked_s: float
) -> None:
    found = spindles(x, FS, valid, included)
    assert len(found) == 0
    assert found.looked_s == pytest.approx(looked_s, abs=0.25)
    assert found.oscillations_n.dtype == np.int64
    if looked_s == 0.0:
        assert np.isnan(found.rms_threshold_uv)


def test_what_cannot_be_answered_is_refused() -> None:
    yes = np.ones(1_000, np.bool_)
    for fs_hz in (50.0, 0.0, float("nan")):
        with pytest.raises(ValueError, match="at least 75 samples"):
            spindles(np.zeros(1_000, np.float32), fs_hz, yes, yes)
    with pytest.raises(ValueError, match="999 of `valid`"):
        spindles(np.zeros(1_000, np.float32), FS, yes[1:], yes)
