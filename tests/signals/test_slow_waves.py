"""Slow waves: trains whose every measure follows from their equation, gaps, and nothing to find."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from slow_wave_trains import FS, RATES, SKEWED, Array, found, train

from pipeline.signals.slow_wave_presets import AASM, ANY, MASSIMINI_2004, PRESETS, YASA, SlowWavePreset
from pipeline.signals.slow_waves import SlowWaves, slow_waves

SINE = ((60.0, 0.8, 0.3),)


def truth(period_s: float, *parts: tuple[float, float, float]) -> dict[str, float]:
    """One wave of a train, measured on a grid of 0.1 ms by its definition: first downward crossing to the next."""
    t = np.arange(0.0, 3 * period_s, 1e-4)
    y = np.sum([a * np.sin(2 * np.pi * f * t + p) for a, f, p in parts], axis=0)
    down = np.flatnonzero((y[:-1] >= 0) & (y[1:] < 0)) + 1
    wave = slice(down[0], down[1] + 1)
    low, high = int(np.argmin(y[wave])), int(np.argmax(y[wave]))
    up = int(np.flatnonzero(y[wave][:-1] < 0)[-1]) + 1
    ends = down[1] - down[0]
    return {
        "start": t[down[0]] % period_s,
        "negative_s": up * 1e-4,
        "positive_s": (ends - up) * 1e-4,
        "neg_uv": y[wave][low],
        "pos_uv": y[wave][high],
        "ptp_uv": y[wave][high] - y[wave][low],
        "slope_uv_per_s": -y[wave][low] / ((up - low) * 1e-4),
        "down_slope_uv_per_s": y[wave][low] / (low * 1e-4),
        "transition_uv_per_s": (y[wave][high] - y[wave][low]) / ((high - low) * 1e-4),
        "transition_hz": 0.5 / ((high - low) * 1e-4),
        "fall_slope_uv_per_s": -y[wave][high] / ((ends - high) * 1e-4),
        "duration_s": ends * 1e-4,
        "frequency_hz": 1.0 / (ends * 1e-4),
    }


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("parts", [SINE, SKEWED])
def test_a_train_is_measured_as_its_equation_says(fs: float, parts: tuple[tuple[float, float, float], ...]) -> None:
    period = 1.0 / parts[0][1]
    waves = found(train(fs, 300.0, *parts), fs)
    inner = (waves.start_s > 20) & (waves.end_s < 280)
    assert abs(inner.sum() - 260 / period) <= 1
    assert len(waves) >= 300 / period - 3
    expected = truth(period, *parts)
    start = expected.pop("start")
    late = (waves.start_s[inner] - start + period / 2) % period - period / 2
    assert np.abs(late).max() < 2e-3
    for name, value in expected.items():
        np.testing.assert_allclose(getattr(waves, name)[inner], value, rtol=0.02, err_msg=name)
    assert np.median(waves.neg_uv[inner]) == pytest.approx(expected["neg_uv"], rel=0.004)  # no droop is left


def test_a_sine_worked_by_hand() -> None:
    """60 µV at 0.8 Hz: half waves of 0.625 s, its trough 0.3125 s after it crosses zero, 192 µV/s either way."""
    waves = found(train(FS, 300.0, (60.0, 0.8, 0.0)))
    k = len(waves) // 2
    assert waves.preset == "yasa"
    assert waves.start_s[k] % 1.25 == pytest.approx(0.625, abs=1e-3)
    assert waves.trough_s[k] - waves.start_s[k] == pytest.approx(0.3125, abs=1e-3)
    assert waves.zero_s[k] - waves.trough_s[k] == pytest.approx(0.3125, abs=1e-3)
    assert waves.peak_s[k] - waves.zero_s[k] == pytest.approx(0.3125, abs=1e-3)
    assert waves.end_s[k] - waves.peak_s[k] == pytest.approx(0.3125, abs=1e-3)
    assert (waves.neg_uv[k], waves.pos_uv[k]) == pytest.approx((-60.0, 60.0), rel=2e-3)
    assert waves.slope_uv_per_s[k] == pytest.approx(192.0, rel=5e-3)  # not 384: the trough alone is above the line
    assert waves.down_slope_uv_per_s[k] == pytest.approx(-192.0, rel=5e-3)
    assert waves.transition_uv_per_s[k] == pytest.approx(192.0, rel=5e-3)
    assert waves.frequency_hz[k] == pytest.approx(0.8, rel=1e-3)


@pytest.mark.parametrize(
    ("preset", "uv", "hz", "seen"),
    [
        (YASA, 41.0, 0.8, True),
        (YASA, 39.0, 0.8, False),  # trough
        (YASA, 149.0, 0.8, True),
        (YASA, 151.0, 0.8, False),  # peak
        (YASA, 60.0, 0.51, True),
        (YASA, 60.0, 0.49, False),  # positive half wave of 1.02 s
        (YASA, 60.0, 1.5, True),
        (replace(YASA, negative_s=(0.35, 1.5)), 60.0, 1.5, False),
        (replace(YASA, ptp_uv=(121.0, 350.0)), 60.0, 0.8, False),
        (replace(YASA, ptp_uv=(75.0, 119.0)), 60.0, 0.8, False),
        (MASSIMINI_2004, 82.0, 0.8, True),
        (MASSIMINI_2004, 78.0, 0.8, False),
        (MASSIMINI_2004, 100.0, 0.52, True),
        (MASSIMINI_2004, 100.0, 0.48, False),  # 1.04 s between crossings
        (MASSIMINI_2004, 100.0, 1.60, True),
        (MASSIMINI_2004, 100.0, 1.75, False),  # 0.29 s
        (AASM, 38.0, 1.0, True),
        (AASM, 37.0, 1.0, False),
        (AASM, 60.0, 1.95, True),
        (AASM, 60.0, 2.05, False),
        (AASM, 60.0, 0.52, True),
        (AASM, 60.0, 0.48, False),
    ],
)
def test_every_limit_parts_what_it_should(preset: SlowWavePreset, uv: float, hz: float, seen: bool) -> None:
    t = np.arange(30_000) / FS
    waves = found(uv * np.sin(2 * np.pi * hz * t), preset=preset)
    inner = (waves.start_s > 30) & (waves.end_s < 270)
    assert inner.sum() == pytest.approx(240 * hz if seen else 0, abs=2)


def test_each_half_wave_has_its_own_duration() -> None:
    expected = truth(1 / 0.6, *SKEWED)
    short, long = sorted((expected["negative_s"], expected["positive_s"]))
    between, x = (short + long) / 2, train(FS, 300.0, *SKEWED)
    assert long - short > 0.1
    negative_is_long = expected["negative_s"] == long
    for name, is_long in (("negative_s", negative_is_long), ("positive_s", not negative_is_long)):
        for limits, kept in (((between, 2.0), is_long), ((0.0, between), not is_long)):
            waves = found(x, preset=replace(YASA, **{"negative_s": ANY, "positive_s": ANY, name: limits}))
            assert (len(waves) > 150) == kept
            assert len(waves) > 150 or len(waves) < 4  # but for the ends


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_two_tops_are_one_wave_and_the_larger_counts(sign: float) -> None:
    """A third harmonic gives each half wave two tops, a fourth at its side makes them unequal."""
    parts = ((90.0, 0.45, 0.0), (45.0, 1.35, 0.0), (12.0, 0.9, 1.2))
    x = sign * train(FS, 400.0, *parts)
    loose = replace(YASA, positive_s=(0.1, 1.4), band=replace(YASA.band, low_hz=0.3))
    waves = found(x, preset=loose)
    inner = (waves.start_s > 20) & (waves.end_s < 380)
    assert inner.sum() == pytest.approx(360 * 0.45, abs=1)
    dense = sign * train(10_000.0, 5.0, *parts)
    assert sum((dense[1:-1] < dense[:-2]) & (dense[1:-1] < dense[2:]) & (dense[1:-1] < -40)) >= 4  # 2 in each of 2
    np.testing.assert_allclose(waves.neg_uv[inner], dense.min(), rtol=0.01)
    np.testing.assert_allclose(waves.pos_uv[inner], dense.max(), rtol=0.01)


def test_turned_round_troughs_become_peaks() -> None:
    x = train(FS, 300.0, *SKEWED)
    up, down = found(x), found(-x)
    peaks = up.peak_s[5:-5]
    apart = np.abs(down.trough_s[:, None] - peaks).min(axis=0)
    assert apart.max() < 1e-6
    at = np.abs(down.trough_s[:, None] - peaks).argmin(axis=0)
    np.testing.assert_allclose(down.neg_uv[at], -up.pos_uv[5:-5], rtol=1e-4)


def test_nothing_touches_a_gap_and_nothing_beyond_it_changes() -> None:
    x = train(FS, 300.0, *SKEWED)
    valid = np.ones(len(x), np.bool_)
    valid[15_000:16_000] = False
    hidden = x.copy()
    hidden[15_000:16_000] = 1e6
    for trace in (hidden, np.where(valid, x, np.nan), np.where(valid, x, np.inf)):
        waves = found(trace, valid=valid)
        whole = found(x)
        assert not ((waves.end_s > 150.0) & (waves.start_s < 160.0)).any()
        assert waves.judged_s.tolist() == [[0.0, 150.0], [160.0, 300.0]]
        far = (whole.end_s < 130.0) | (whole.start_s > 180.0)
        near = (waves.end_s < 130.0) | (waves.start_s > 180.0)
        np.testing.assert_allclose(waves.trough_s[near], whole.trough_s[far], atol=2e-3)
        np.testing.assert_allclose(waves.neg_uv[near], whole.neg_uv[far], rtol=0.01)
        # The waves just beside the gap are still there.
        assert ((waves.end_s > 145.0) & (waves.end_s < 150.0)).any()
        assert ((waves.start_s > 160.0) & (waves.start_s < 165.0)).any()


@pytest.mark.parametrize("phase", np.linspace(0, 1.9, 8))
def test_one_missing_sample_takes_the_wave_it_lies_in(phase: float) -> None:
    x = train(FS, 200.0, (60.0, 0.8, np.pi * phase))
    valid = np.ones(len(x), np.bool_)
    valid[10_000] = False
    waves, whole = found(np.where(valid, x, np.nan), valid=valid), found(x)
    loose = replace(YASA, positive_s=ANY, positive_uv=ANY, ptp_uv=ANY)
    for some in (waves, found(np.where(valid, x, np.nan), valid=valid, preset=loose)):
        # Nor does one end where the gap begins, as if it crossed zero there.
        assert not ((some.start_s <= 100.1) & (some.end_s >= 99.9)).any()

    def away(some: SlowWaves) -> Array:
        near = (some.end_s > 97.0) & (some.start_s < 103.0)
        return some.trough_s[~near & (some.start_s > 3.0) & (some.end_s < 197.0)]

    assert len(away(waves)) == len(away(whole)) > 145
    np.testing.assert_allclose(away(waves), away(whole), atol=0.02)


def test_no_wave_spans_a_gap_whatever_the_rules() -> None:
    loose = replace(YASA, negative_s=ANY, positive_s=ANY, negative_uv=ANY, positive_uv=ANY, ptp_uv=ANY)
    for phase in np.linspace(0, 1.9, 12):
        x = train(FS, 120.0, (60.0, 0.8, np.pi * phase), (25.0, 0.51, 0.4))
        for length in (1, 9, 33, 60, 97, 160):
            valid = np.ones(len(x), np.bool_)
            valid[6_000 : 6_000 + length] = False
            waves = found(np.where(valid, x, 1e5), valid=valid, preset=loose)
            assert len(waves) > 80
            assert not ((waves.start_s <= 60.1 + length / FS) & (waves.end_s >= 59.9)).any()
            assert (
                np.diff([getattr(waves, m) for m in ("start_s", "trough_s", "zero_s", "peak_s", "end_s")], axis=0) > 0
            ).all()


def test_short_stretches_are_not_judged() -> None:
    x = train(FS, 300.0, (60.0, 0.8, 0.0))
    valid = np.zeros(len(x), np.bool_)
    valid[1_000:1_800] = True  # 8 s: shorter than half the filter of 16.5 s
    valid[5_000:6_000] = True
    waves = found(x, valid=valid)
    assert waves.judged_s.tolist() == [[50.0, 60.0]]
    assert len(waves) > 4
    assert waves.start_s.min() >= 50.0
    assert waves.end_s.max() <= 60.0


def test_flat_lead_in_and_lead_out_hold_no_wave() -> None:
    x = np.concatenate((np.zeros(6_000), train(FS, 120.0, (60.0, 0.8, 0.0)), np.zeros(6_000)))
    valid = x != 0.0
    valid[6_000:18_000] = True
    waves = found(x, valid=valid)
    assert waves.start_s.min() > 60.0
    assert waves.end_s.max() < 180.0
    assert len(waves) >= 120 * 0.8 - 3
    assert waves.judged_s.tolist() == [[60.0, 180.0]]


def test_trough_and_peak_must_both_be_included() -> None:
    x = train(FS, 200.0, (60.0, 0.8, 0.0))
    whole = found(x)
    k = len(whole) // 2
    for split_s, kept in ((whole.trough_s[k] - 0.02, False), ((whole.trough_s[k] + whole.peak_s[k]) / 2, False)):
        included = np.arange(len(x)) / FS < split_s
        assert (len(found(x, included=included)) > k) is kept
    late = np.arange(len(x)) / FS > whole.trough_s[k] + 0.02
    assert found(x, included=late).trough_s[0] == whole.trough_s[k + 1]
    early = np.arange(len(x)) / FS > whole.trough_s[k] - 0.02
    assert found(x, included=early).trough_s[0] == whole.trough_s[k]
    included = np.arange(len(x)) / FS < whole.peak_s[k] + 0.02
    assert len(found(x, included=included)) == k + 1
    assert found(x, included=included).judged_s.tolist() == [[0.0, 200.0]]


# --- degenerate ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "x",
    [
        np.empty(0),
        np.zeros(1),
        np.ones(3),
        np.ones(100),
        train(FS, 1.0, (60.0, 0.8, 0.0)),
        np.full(60_000, 7.0),
        np.zeros(60_000),
        np.full(60_000, np.nan),
    ],
    ids=["none", "one", "three", "1 s", "1 s of wave", "constant", "zero", "missing"],
)
def test_nothing_to_find_is_nothing_and_no_fault(preset: SlowWavePreset, x: Array) -> None:
    waves = found(x, preset=preset, valid=np.isfinite(x))
    assert len(waves) == 0
    for field in fields(waves):
        value = getattr(waves, field.name)
        if isinstance(value, np.ndarray):
            assert value.dtype == np.float64
            assert value.shape == ((0,) if field.name != "judged_s" else (len(value), 2))
    assert waves.slope_uv_per_s.shape == waves.transition_hz.shape == (0,)


def test_all_invalid_is_not_judged_and_a_constant_is() -> None:
    x = np.full(60_000, 7.0)
    assert found(x, valid=np.zeros(len(x), np.bool_)).judged_s.shape == (0, 2)
    assert found(x).judged_s.tolist() == [[0.0, 600.0]]


def test_masks_of_another_length_and_rates_too_low_are_refused() -> None:
    x = np.zeros(1000, np.float32)
    with pytest.raises(ValueError, match="1000 samples have 999"):
        slow_waves(x, FS, np.ones(999, np.bool_), np.ones(1000, np.bool_), YASA)
    with pytest.raises(ValueError, match="1000 samples"):
        slow_waves(x, FS, np.ones(1000, np.bool_), np.ones(10, np.bool_), YASA)
    with pytest.raises(ValueError, match="does not fit a rate"):
        found(x, 3.0)


def test_presets_have_names_and_sources_of_their_own() -> None:
    assert len({preset.name for preset in PRESETS}) == len(PRESETS) == 5
    assert all("doi:10." in preset.source for preset in PRESETS)
    assert [preset.name for preset in PRESETS if preset.relative] == ["staresina_2015", "ngo_2013"]


def test_no_scipy_is_imported() -> None:
    code = "import sys, pipeline.signals.slow_waves; print('scipy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
