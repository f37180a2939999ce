"""Coupling of a night, worked by hand: mean phase and length by stage, how many waves carry a spindle, states."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_channels import channel, events, night_of, per_stage
from nights import stages

from pipeline.features.channel_night import ChannelNight
from pipeline.features.coupling import FAMILY
from pipeline.features.eeg_channel import WAVE_PRESETS
from pipeline.features.family import Filled, State
from pipeline.recording import Floats
from pipeline.signals.coupling_chance import LEAST_EVENTS

TEXT = "W10 220 310 R10 W5"
NONE = events([], "spindles")
NAN = float("nan")


def coupled(
    text: str, phase_of: dict[float, Floats | float], delay_s: Floats | float = NAN, **how: object
) -> ChannelNight:
    """Two slow waves in every epoch, whose phase hangs on the stage."""
    stage = np.repeat(stages(text), 2)
    phase = np.full(len(stage), NAN)
    for code, value in phase_of.items():
        phase[stage == code] = value
    waves = events([2] * len(stages(text)), WAVE_PRESETS[0].name, phase_rad=phase, spindle_delay_s=delay_s)
    return channel(text, waves, NONE, **how)  # type: ignore[arg-type]


def filled(found: ChannelNight, text: str = TEXT) -> Filled:
    return FAMILY.compute(night_of(text, found))


def test_a_night_by_hand() -> None:
    # N2 around 0.3, N3 alternating between 0 and π/2, wake and REM elsewhere: they have no say.
    turns = np.tile([0.0, np.pi / 2], 20)
    found = filled(coupled(TEXT, {0.0: 3.0, 4.0: -2.0, 2.0: 0.3, 3.0: turns}))
    assert found.state is State.OK
    assert found.values["coupling_n2_phase_rad"] == pytest.approx(0.3)
    assert found.values["coupling_n2_length"] == pytest.approx(1.0)
    assert found.values["coupling_n3_phase_rad"] == pytest.approx(np.pi / 4)
    assert found.values["coupling_n3_length"] == pytest.approx(np.sqrt(0.5))
    mean = (80 * np.exp(0.3j) + 20 + 20j) / 120
    assert found.values["coupling_nrem_phase_rad"] == pytest.approx(np.angle(mean))
    assert found.values["coupling_nrem_length"] == pytest.approx(abs(mean))
    assert found.values["coupling_spindle_pct"] == 0.0
    assert found.values.keys() == {c.name for c in FAMILY.columns}


def test_phases_around_the_trough_do_not_average_to_the_peak() -> None:
    found = filled(coupled(TEXT, {2.0: np.tile([3.0, -3.0], 40), 3.0: np.pi}))
    assert abs(float(str(found.values["coupling_n2_phase_rad"]))) == pytest.approx(np.pi)


def test_the_share_with_a_spindle_is_of_waves_that_were_looked_at() -> None:
    stage = np.repeat(stages(TEXT), 2)
    phase_n2 = np.where(np.arange(80) < 20, NAN, 0.3)  # a quarter of the waves of N2 lies near a gap
    delay = np.where(np.arange(len(stage)) % 4 == 0, 0.4, NAN)
    delay[np.flatnonzero(stage == 2)[:20]] = NAN
    found = filled(coupled(TEXT, {2.0: phase_n2, 3.0: 0.1}, delay))
    assert found.values["coupling_spindle_pct"] == pytest.approx(100 * 25 / 100)


def test_a_phase_needs_so_many_waves() -> None:
    for n, known in ((LEAST_EVENTS - 1, False), (LEAST_EVENTS, True)):
        phase = np.where(np.arange(40) < n, 0.2, NAN)
        found = filled(coupled(TEXT, {2.0: 0.3, 3.0: phase}))
        assert (found.values["coupling_n3_phase_rad"] is not None) is known
        assert (found.values["coupling_n3_length"] is not None) is known
        assert found.values["coupling_n2_phase_rad"] == pytest.approx(0.3)


@pytest.mark.parametrize("text", ["W60 15 R20", "W60 24 R20"])
def test_too_few_waves_are_null_with_a_reason(text: str) -> None:
    found = filled(coupled(text, {0.0: 0.1, 1.0: 0.1, 2.0: 0.1, 4.0: 0.1}), text)
    assert found.state is State.INSUFFICIENT
    n = f"fewer than {LEAST_EVENTS} slow waves with a phase in N2 and N3"
    assert found.reason == (n if "24" in text else "no N2 or N3 was scored")
    assert set(found.values.values()) == {None}


def test_at_a_low_rate_no_share_is_0() -> None:
    found = filled(coupled(TEXT, {}, fs_hz=64.0))
    assert found.state is State.INSUFFICIENT
    assert found.values["coupling_spindle_pct"] is None
    assert found.reason == "sigma is looked for at 75 Hz or more, the channel has 64"


def test_where_no_spindle_was_looked_for_no_share_is_0() -> None:
    n = len(stages(TEXT))
    delay = np.where(np.arange(2 * n) % 2, 0.4, NAN)  # every other wave
    found = filled(coupled(TEXT, {2.0: 0.3, 3.0: 0.3}, delay, searched=False))
    assert found.values["coupling_spindle_pct"] is None
    assert found.values["coupling_nrem_phase_rad"] == pytest.approx(0.3)
    # Looked for in N3 alone, and found there beside every wave.
    n3 = stages(TEXT) == 3
    delay = np.where(np.repeat(n3, 2), 0.4, NAN)
    found = filled(coupled(TEXT, {2.0: 0.3, 3.0: 0.3}, delay, searched=n3))
    assert found.values["coupling_spindle_pct"] == 100.0


def test_a_night_that_was_cut_short_is_partial() -> None:
    view = night_of(TEXT, coupled(TEXT, {2.0: 0.3, 3.0: 0.3}), end=True)
    found = FAMILY.compute(view)
    assert (found.state, found.reason) == (State.PARTIAL, "the recording does not show the whole night")


def test_missing_eeg_makes_it_partial() -> None:
    valid = np.where(np.arange(len(stages(TEXT))) < 40, np.nan, 1.0)
    found = filled(coupled(TEXT, {2.0: 0.3, 3.0: 0.3}, valid=valid))
    assert found.state is State.PARTIAL
    assert found.coverage == pytest.approx(40 / 60)
    assert found.reason == "valid EEG in only 67% of N2 and N3"


def test_only_the_definition_that_is_looked_at_counts() -> None:
    other = events(per_stage(TEXT, n2=2, n3=2), WAVE_PRESETS[1].name, phase_rad=0.3, spindle_delay_s=0.1)
    assert filled(channel(TEXT, other, NONE)).values["coupling_nrem_phase_rad"] is None
