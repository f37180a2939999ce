"""Offset and drift between two recordings: planted ones come back, and unrelated recordings are not trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
from pipeline.recording import Beats, Floats, Kind, Recording, Signal, ZoneSource
from pipeline.signals.drift import ClockFit, clock_fit, heart_contrast, movement_contrast
from pipeline.signals.traces import Trace, acceleration_trace, beat_trace, traces_of

T0 = 1_709_326_800 * NS
PLANTED = [(-90.0, 10.0), (90.0, -10.0), (90.0, 10.0), (-37.5, 0.0), (0.0, -4.2), (12.25, 0.03), (0.0, 0.0)]
"""Offset (s, at the start) and drift (s/h) of the second recording."""


def smooth(rng: np.random.Generator, n: int, width: int, sd: float) -> Floats:
    """Noise of a standard deviation, smoothed over so many samples."""
    found = np.convolve(rng.normal(0, 1, n + width), np.ones(width) / width, "valid")[:n]
    return found / found.std() * sd


def beats_of_a_night(rng: np.random.Generator, hours: float) -> Floats:
    """True instants of heart beats (s): a course of hours, one of minutes, and breathing."""
    t = np.arange(0, hours * 3600)
    bpm = 60 + 6 * np.sin(t / 4000) + smooth(rng, len(t), 60, 3.0) + smooth(rng, len(t), 12, 1.5)
    phase = np.cumsum(bpm / 60)
    return np.interp(np.arange(1, phase[-1]), phase, t)


def stamped(true_s: Floats, offset_s: float, drift_s_per_h: float) -> Floats:
    """What a clock that parts shows."""
    return true_s + offset_s + drift_s_per_h * true_s / 3600


def strap(beats_s: Floats) -> Recording:
    """Beats of a chest strap."""
    beats = Beats(T0 + np.rint(beats_s[1:] * NS).astype(np.int64), np.diff(beats_s), "strap", "by hand")
    return Recording("strap", "UTC", ZoneSource.STUDY, beats=beats)


def wrist(rng: np.random.Generator, beats_s: Floats, offset_s: float, drift_s_per_h: float) -> Recording:
    """The same beats by light at the wrist: a quarter of a second later, jittering, a third of the time unseen."""
    at = stamped(beats_s + 0.25 + rng.normal(0, 0.012, len(beats_s)), offset_s, drift_s_per_h)
    rr = np.diff(at)
    seen = np.ones(len(rr), bool)
    for begin in rng.integers(0, len(rr), len(rr) // 90):
        seen[begin : begin + int(rng.integers(5, 60))] = False
    beats = Beats(T0 + np.rint(at[1:][seen] * NS).astype(np.int64), rr[seen], "wrist", "by hand")
    return Recording("wrist", "UTC", ZoneSource.STUDY, beats=beats)


def motion(rng: np.random.Generator, n_s: int) -> Floats:
    """How strongly a body moves in each second: bouts of seconds to minutes in long stillness."""
    out = np.zeros(n_s)
    for begin in rng.integers(0, n_s, n_s // 150):
        length = int(rng.exponential(25)) + 2
        out[begin : begin + length] += rng.exponential(0.3) * (0.5 + rng.random(len(out[begin : begin + length])))
    return out


def mover(rng: np.random.Generator, strength: Floats, fs_hz: float, offset_s: float, drift_s_per_h: float) -> Recording:
    """An accelerometer somewhere on that body, by a clock that parts."""
    stamp_s = np.arange(0, len(strength), 1 / fs_hz)
    true_s = (stamp_s - offset_s) / (1 + drift_s_per_h / 3600)
    own = np.interp(true_s, np.arange(len(strength)) + 0.5, strength, left=0, right=0)
    own = own * rng.gamma(6, 1 / 6, len(own)) + 0.003
    acc = (rng.normal(0, 1, (len(own), 3)) * own[:, None] + [0.0, 0.0, 1.0]).astype(np.float32)
    return Recording("mover", "UTC", ZoneSource.STUDY, signals=(Signal(Kind.ACC, "acc", fs_hz, T0, acc),))


def fit(a: Recording, b: Recording, trace: Trace, n_s: int) -> ClockFit | None:
    contrast = heart_contrast if trace is Trace.HEART else movement_contrast
    one, two = (traces_of(recording, T0, n_s)[trace] for recording in (a, b))
    return clock_fit(contrast(one), contrast(two))


def assert_recovered(found: ClockFit | None, offset_s: float, drift_s_per_h: float, within: float = 0.2) -> None:
    assert found is not None
    assert found.trusted
    assert found.drift_s_per_h == pytest.approx(drift_s_per_h, abs=within)
    for second in (0.0, found.middle_s, 2 * found.middle_s):
        at = found.offset_s + found.drift_s_per_h * (second - found.middle_s) / 3600
        assert at == pytest.approx(offset_s + drift_s_per_h * second / 3600, abs=1.0)


@pytest.mark.parametrize(("offset_s", "drift_s_per_h"), PLANTED)
@pytest.mark.parametrize("hours", [2.5, 8.0])
def test_heart_rate_by_strap_and_by_light_tells_offset_and_drift(
    offset_s: float, drift_s_per_h: float, hours: float
) -> None:
    rng = np.random.default_rng(int(1000 + hours * 10 + offset_s))
    beats = beats_of_a_night(rng, hours)
    found = fit(strap(beats), wrist(rng, beats, offset_s, drift_s_per_h), Trace.HEART, int(hours * 3600))
    assert_recovered(found, offset_s + 0.25, drift_s_per_h)


@pytest.mark.parametrize(("offset_s", "drift_s_per_h"), [(-60.0, 5.0), (45.0, -5.0), (12.25, 0.0)])
def test_an_hour_tells_less_of_the_drift(offset_s: float, drift_s_per_h: float) -> None:
    rng = np.random.default_rng(11)
    beats = beats_of_a_night(rng, 1.0)
    found = fit(strap(beats), wrist(rng, beats, offset_s, drift_s_per_h), Trace.HEART, 3600)
    assert_recovered(found, offset_s + 0.25, drift_s_per_h, within=0.5)


@pytest.mark.parametrize(("offset_s", "drift_s_per_h"), PLANTED)
def test_two_accelerometers_tell_offset_and_drift(offset_s: float, drift_s_per_h: float) -> None:
    rng = np.random.default_rng(int(100 + offset_s))
    strength = motion(rng, 6 * 3600)
    one, two = mover(rng, strength, 32.0, 0.0, 0.0), mover(rng, strength, 25.0, offset_s, drift_s_per_h)
    assert_recovered(fit(one, two, Trace.MOVEMENT, 6 * 3600), offset_s, drift_s_per_h)


def test_the_standard_errors_are_of_the_size_of_the_errors() -> None:
    z = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        beats = beats_of_a_night(rng, 3.0)
        found = fit(strap(beats), wrist(rng, beats, 20.0, 3.0), Trace.HEART, 3 * 3600)
        assert found is not None
        z.append((found.drift_s_per_h - 3.0) / found.drift_se_s_per_h)
    assert 0.5 < np.std(z) < 2.0


def test_two_people_are_never_taken_for_one() -> None:
    trusted = 0
    for seed in range(40):
        rng = np.random.default_rng(500 + seed)
        one, two = beats_of_a_night(rng, 4.0), beats_of_a_night(rng, 4.0)
        found = fit(strap(one), wrist(rng, two, 0.0, 0.0), Trace.HEART, 4 * 3600)
        trusted += found is not None and found.trusted
    assert trusted == 0


def test_too_short_or_empty_is_none() -> None:
    rng = np.random.default_rng(2)
    beats = beats_of_a_night(rng, 0.4)
    assert fit(strap(beats), wrist(rng, beats, 1.0, 0.0), Trace.HEART, 1440) is None
    assert clock_fit(np.full(20_000, np.nan), np.full(20_000, np.nan)) is None
    assert clock_fit(np.zeros(20_000), np.zeros(20_000)) is None


def test_a_gap_of_hours_is_passed_over() -> None:
    rng = np.random.default_rng(3)
    beats = beats_of_a_night(rng, 9.0)
    holed = beats[(beats < 10_000) | (beats > 22_000)]
    one = strap(holed)
    keep = np.diff(holed) < 3
    assert one.beats is not None
    one = Recording(
        "strap", "UTC", ZoneSource.STUDY,
        beats=Beats(one.beats.end_ns[keep], one.beats.rr_s[keep], "strap", "by hand"),
    )  # fmt: skip
    assert_recovered(fit(one, wrist(rng, beats, -30.0, 5.0), Trace.HEART, 9 * 3600), -29.75, 5.0)


# ---- traces ----------------------------------------------------------------------------------------------------------


def test_heart_rate_of_the_interval_that_holds_a_second() -> None:
    ends = np.cumsum(np.full(40, 0.75)) + 0.0
    trace = beat_trace(Beats(T0 + np.rint(ends * NS).astype(np.int64), np.full(40, 0.75), "", ""), T0, 40)
    assert (trace[:30] == 80.0).all()
    assert np.isnan(trace[30:]).all()


def test_a_hole_and_an_artefact_have_no_heart_rate() -> None:
    rr = np.full(60, 1.0)
    ends = np.cumsum(rr)
    ends[30:] += 10.0
    rr[15] = 0.4
    trace = beat_trace(Beats(T0 + np.rint(ends * NS).astype(np.int64), rr, "", ""), T0, 70)
    assert np.isnan(trace[30:40]).all()
    assert np.isnan(trace[15])
    assert (trace[np.r_[0:15, 16:30, 40:70]] == 60.0).all()


def test_movement_of_pieces_is_that_of_the_whole_but_for_torn_seconds() -> None:
    rng = np.random.default_rng(4)
    acc = rng.normal(0, 0.2, (50 * 60, 3)).astype(np.float32)
    whole = acceleration_trace([Signal(Kind.ACC, "", 50.0, T0, acc)], T0, 60)
    cut = 50 * 20 + 25
    parts = [
        Signal(Kind.ACC, "", 50.0, T0, acc[:cut]),
        Signal(Kind.ACC, "", 50.0, T0 + round(cut / 50 * NS), acc[cut:]),
    ]
    parted = acceleration_trace(parts, T0, 60)
    assert np.isnan(parted[20])
    others = np.r_[0:20, 21:60]
    assert parted[others] == pytest.approx(whole[others], rel=0.05)
    assert np.isfinite(whole).all()


def test_a_still_sensor_moves_by_nothing() -> None:
    still = np.tile(np.array([0.0, 0.0, 1.0], np.float32), (500, 1))
    assert (acceleration_trace([Signal(Kind.ACC, "", 50.0, T0, still)], T0, 9) == 0.0).all()


# ---- five devices on one person --------------------------------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize("other", ["test_empatica.csv", "test_heartmath.csv", "test_kyto.csv", "test_rhythm.csv"])
def test_devices_worn_at_once_find_each_other(real_data: Path, other: str) -> None:
    """45 minutes of a laboratory's ECG and four wearables: their phones' and recorders' clocks are seconds apart."""
    folder = real_data / "wearable_hrv" / "data"
    asked = Asked(zone="Europe/Amsterdam")
    one, two = (read_export(folder / name, asked)[1] for name in ("test_vu.txt", other))
    start = max(one.span_ns[0], two.span_ns[0]) // NS * NS + NS
    n_s = (min(one.span_ns[1], two.span_ns[1]) - start) // NS
    contrasts = [heart_contrast(traces_of(each, start, n_s)[Trace.HEART]) for each in (one, two)]
    found = clock_fit(*contrasts)
    assert found is not None
    assert 0.5 < found.offset_s < 3.5
    assert abs(found.drift_s_per_h) < 1.5
    assert found.residual_s <= 1.0
    assert found.agreeing_share >= 0.75
    moved = clock_fit(contrasts[0][: n_s - 20], contrasts[1][20:])
    assert moved is not None
    assert moved.offset_s == pytest.approx(found.offset_s - 20, abs=0.7), "twenty seconds more are twenty more"
