"""Artefacts: where the truth says so the trace is spoilt in the way it says, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.recording import Stage
from pipeline.signals.artefacts import clipped_samples, flat_samples, valid_samples
from pipeline.simulate.eeg_artefacts import LASTS_S, NO_ARTEFACTS, REST_S, SPOILT, ArtefactPlan, Reason
from pipeline.simulate.eeg_events import Channel, EegPlan, SimulatedNight, simulated_night

STAGES = np.tile(np.repeat(np.array([0, 1, 2, 3, 2, 4], np.int8), 20), 16)
"""Sixteen hours."""
FS = 100.0
CHANNELS = (Channel("a"), Channel("b"))


def night(plan: ArtefactPlan, rail_uv: float = 500.0) -> SimulatedNight:
    return simulated_night(STAGES, FS, CHANNELS, plan=EegPlan(artefacts=plan, rail_uv=rail_uv), seed=2)


@pytest.fixture(scope="module")
def spoilt() -> SimulatedNight:
    return night(SPOILT)


@pytest.fixture(scope="module")
def clean() -> SimulatedNight:
    return night(NO_ARTEFACTS)


def parts(made: SimulatedNight, reason: Reason, channel: int = 0) -> list[np.ndarray]:
    bounds = zip(*made.artefacts[channel].of(reason), strict=True)
    found = [made.samples_uv[channel, int(np.ceil(a * FS)) : int(np.ceil(b * FS))] for a, b in bounds]
    assert len(found) >= 2, f"too few of {reason} to test"
    return found


def same_parts(made: SimulatedNight, other: SimulatedNight, reason: Reason) -> list[np.ndarray]:
    return parts(replace(made, samples_uv=made.samples_uv - other.samples_uv), reason)


def test_outside_the_artefacts_the_trace_is_the_clean_one_bit_for_bit(
    spoilt: SimulatedNight, clean: SimulatedNight
) -> None:
    for channel in (0, 1):
        hit = spoilt.artefacts[channel].covers(spoilt.samples_uv.shape[1], FS)
        assert 0.02 < hit.mean() < 0.5
        assert np.array_equal(spoilt.samples_uv[channel][~hit], clean.samples_uv[channel][~hit])
    assert len(clean.artefacts[0]) == 0
    assert np.abs(clean.samples_uv).max() < 500


def test_every_reason_occurs_as_often_as_planned(spoilt: SimulatedNight) -> None:
    for reason, per_h in SPOILT.per_h.items():
        hours = 16 / 3 if reason is Reason.EYES else 16.0
        found = np.mean([len(artefacts.of(reason)[0]) for artefacts in spoilt.artefacts])
        # Poisson counts of two channels, less what others leave no room for.
        assert found == pytest.approx(per_h * hours, abs=3 * np.sqrt(per_h * hours) + 0.15 * per_h * hours), reason


def test_artefacts_keep_apart_last_as_long_as_said_and_end_in_the_night(spoilt: SimulatedNight) -> None:
    for found in spoilt.artefacts:
        assert (found.start_s[1:] - found.end_s[:-1]).min() >= REST_S - 1.0  # gaps are rounded to seconds inwards
        for reason, start, end in zip(found.reasons, found.start_s, found.end_s, strict=True):
            shortest, longest = LASTS_S[reason]
            assert shortest - 2 <= end - start <= longest
        assert found.end_s.max() <= len(STAGES) * 30


def test_gaps_are_nan_in_all_channels_and_only_they(spoilt: SimulatedNight) -> None:
    starts, ends = spoilt.artefacts[0].of(Reason.GAP)
    planned = np.zeros(spoilt.samples_uv.shape[1], bool)
    for start, end in zip(starts, ends, strict=True):
        assert start == int(start)
        assert end == int(end)
        planned[int(start * FS) : int(end * FS)] = True
    assert planned.sum() > 100 * FS
    for channel in (0, 1):
        assert np.array_equal(np.isnan(spoilt.samples_uv[channel]), planned)


def test_flat_and_clipped_stretches_are_what_they_say(spoilt: SimulatedNight) -> None:
    assert all(np.ptp(part) == 0 for part in parts(spoilt, Reason.FLAT))
    for part in parts(spoilt, Reason.CLIPPED):
        assert np.abs(part).max() == 500
        # Of Gaussian samples whose tenth lies beyond two rails, four tenths lie beyond one.
        assert 0.15 < (np.abs(part) == 500).mean() < 0.6


def test_a_detector_finds_flat_clipped_and_missing_stretches(spoilt: SimulatedNight) -> None:
    trace = spoilt.samples_uv[0]
    valid = valid_samples(trace, FS)
    planned = spoilt.artefacts[0]
    for reason in (Reason.FLAT, Reason.GAP):
        for start, end in zip(*planned.of(reason), strict=True):
            assert not valid[int(np.ceil(start * FS)) : int(end * FS)].any()
    hit = planned.covers(len(trace), FS)
    assert not flat_samples(trace, FS)[~hit].any()
    assert not clipped_samples(trace, FS)[~hit].any()
    assert valid[~hit].mean() > 0.99


def test_eyes_move_in_wake_and_rem_alone(spoilt: SimulatedNight, clean: SimulatedNight) -> None:
    for at_s in spoilt.artefacts[0].of(Reason.EYES):
        assert np.isin(STAGES[(at_s // 30).astype(int)], (Stage.WAKE, Stage.REM)).all()
    moved = same_parts(spoilt, clean, Reason.EYES)
    stage = STAGES[(spoilt.artefacts[0].of(Reason.EYES)[0] // 30).astype(int)]
    blinks = [part for part, s in zip(moved, stage, strict=True) if s == Stage.WAKE]
    glances = [part for part, s in zip(moved, stage, strict=True) if s == Stage.REM]
    assert np.median([part.max() for part in blinks]) == pytest.approx(120, rel=0.2)
    assert min(part.min() for part in blinks) > -1e-3
    assert np.median([np.abs(part).max() for part in glances]) == pytest.approx(40, rel=0.3)
    assert min(part.min() for part in glances) < -20


def test_mains_are_a_sine_of_their_frequency(clean: SimulatedNight) -> None:
    made = night(ArtefactPlan(per_h={Reason.MAINS: 2.0}, mains_hz=47.0))
    for part in same_parts(made, clean, Reason.MAINS):
        power = np.abs(np.fft.rfft(part)) ** 2
        at = power.argmax()
        assert at / len(part) * FS == pytest.approx(47, abs=0.1)
        assert power[at - 2 : at + 3].sum() > 0.9 * power.sum()
        assert 18 < part.std() * np.sqrt(2) < 62


def test_a_loose_electrode_shows_no_brain(clean: SimulatedNight) -> None:
    made = night(ArtefactPlan(per_h={Reason.LOOSE: 3.0}), rail_uv=1e6)
    loose, brain = parts(made, Reason.LOOSE), parts(replace(made, samples_uv=clean.samples_uv), Reason.LOOSE)
    alike = [abs(np.corrcoef(np.diff(a), np.diff(b))[0, 1]) for a, b in zip(loose, brain, strict=True)]
    assert np.median(alike) < 0.1
    assert min(part.std() for part in loose) > 60


def test_muscle_is_fast_and_of_the_planned_size(clean: SimulatedNight) -> None:
    made = night(ArtefactPlan(per_h={Reason.MUSCLE: 6.0}, muscle_uv=40.0))
    for part in same_parts(made, clean, Reason.MUSCLE):
        power = np.abs(np.fft.rfft(part.astype(float))) ** 2
        f_hz = np.arange(len(power)) / len(part) * FS
        assert power[f_hz < 18].sum() < 0.05 * power.sum()
        # A Hann window leaves √(3/8) of the size.
        assert part.std() == pytest.approx(40 * np.sqrt(3 / 8), rel=0.35)


def test_a_pop_jumps_and_comes_back(clean: SimulatedNight) -> None:
    made = night(ArtefactPlan(per_h={Reason.POP: 4.0}), rail_uv=1e6)
    for part in same_parts(made, clean, Reason.POP):
        assert 195 < abs(part[0]) < 405
        assert abs(part[-1]) < 0.03 * abs(part[0])


def test_the_artefacts_are_the_same_at_any_rate_and_others_in_another_channel(spoilt: SimulatedNight) -> None:
    other = simulated_night(STAGES, 64.0, CHANNELS[:1], plan=EegPlan(artefacts=SPOILT), seed=2)
    assert np.array_equal(other.artefacts[0].start_s, spoilt.artefacts[0].start_s)
    assert other.artefacts[0].reasons == spoilt.artefacts[0].reasons
    assert not np.array_equal(spoilt.artefacts[0].start_s, spoilt.artefacts[1].start_s)


def test_the_rail_cuts_everything_off() -> None:
    low = night(NO_ARTEFACTS, rail_uv=60.0)
    high = night(NO_ARTEFACTS)
    assert np.array_equal(low.samples_uv, high.samples_uv.clip(-60, 60))


def test_more_than_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="leave no room"):
        night(ArtefactPlan(per_h={Reason.FLAT: 150.0}))


def test_waves_and_stages_are_untouched_by_artefacts(spoilt: SimulatedNight, clean: SimulatedNight) -> None:
    assert np.array_equal(spoilt.slow_waves.trough_s, clean.slow_waves.trough_s)
    assert spoilt.snr_db == clean.snr_db
