"""Spindles of a night, worked by hand: densities of searched and valid EEG, rates too low, medians, states."""

from __future__ import annotations

import numpy as np
import pytest
from eeg_channels import Counts, channel, events, night_of, per_stage, together
from nights import stages

from pipeline.features.channel_night import ChannelNight
from pipeline.features.eeg_channel import LEAST_SPINDLE_FS_HZ, SPINDLE_PRESETS
from pipeline.features.family import Filled, State
from pipeline.features.spindles import FAMILY

TEXT = "W10 220 310 R10 210 W5"
NONE = events([], "waves")
USUAL, SLOW, FAST = (preset.name for preset in SPINDLE_PRESETS)


def spindles(usual: Counts, slow: Counts = (), fast: Counts = (), text: str = TEXT, **how: object) -> ChannelNight:
    found = [
        events(count, name, frequency_hz=hz, amplitude_uv=uv, duration_s=s)
        for count, name, hz, uv, s in ((usual, USUAL, 13.0, 60.0, 0.8), (slow, SLOW, 11.5, 50.0, 0.9),
                                       (fast, FAST, 13.8, 40.0, 0.7))
    ]  # fmt: skip
    return channel(text, NONE, together(*found), **how)  # type: ignore[arg-type]


def filled(found: ChannelNight, text: str = TEXT, **how: object) -> Filled:
    return FAMILY.compute(night_of(text, found, **how))  # type: ignore[arg-type]


def test_a_night_by_hand() -> None:
    every = per_stage(TEXT, w=4, n1=4, n2=2, n3=1, rem=4)
    found = filled(spindles(every, per_stage(TEXT, n2=1), per_stage(TEXT, n3=3)))
    assert found.state is State.OK
    assert found.coverage == 1.0
    assert found.values["spindle_n2_per_min"] == pytest.approx(4.0)
    assert found.values["spindle_n3_per_min"] == pytest.approx(2.0)
    assert found.values["spindle_nrem_per_min"] == pytest.approx((60 * 2 + 20) / 40)
    assert found.values["slow_spindle_n2_per_min"] == pytest.approx(2.0)
    assert found.values["slow_spindle_n3_per_min"] == 0.0
    assert found.values["fast_spindle_n3_per_min"] == pytest.approx(6.0)
    assert found.values["fast_spindle_n2_per_min"] == 0.0
    assert found.values["spindle_frequency_hz"] == pytest.approx(13.0)
    assert found.values["slow_spindle_amplitude_uv"] == pytest.approx(50.0)
    assert found.values["fast_spindle_duration_s"] == pytest.approx(0.7)
    assert found.values.keys() == {c.name for c in FAMILY.columns}


def test_neither_gaps_nor_epochs_that_were_not_searched_lower_a_density() -> None:
    stage = stages(TEXT)
    n2 = np.flatnonzero(stage == 2)
    count, valid, searched = per_stage(TEXT, n2=2, n3=1), np.ones(len(stage)), np.isin(stage, (2, 3))
    count[n2[:20]], valid[n2[:10]], searched[n2[10:20]] = 0, np.nan, False
    found = filled(spindles(count, valid=valid, searched=searched))
    assert found.values["spindle_n2_per_min"] == pytest.approx(4.0)
    assert found.values["spindle_n3_per_min"] == pytest.approx(2.0)
    assert found.coverage == pytest.approx(70 / 80)
    assert found.state is State.PARTIAL
    assert found.reason == (
        "valid EEG in only 88% of N2 and N3; "
        "spindles were looked for in only 86% of N2 and N3, whose stages were told otherwise then"
    )


@pytest.mark.parametrize("fs_hz", [64.0, 74.9])
def test_at_a_low_rate_spindles_are_null_and_the_reason_is_the_rate(fs_hz: float) -> None:
    found = filled(spindles([0] * len(stages(TEXT)), fs_hz=fs_hz))
    assert found.state is State.INSUFFICIENT
    assert set(found.values.values()) == {None}
    assert found.reason == f"spindles are looked for at 75 Hz or more, the channel has {fs_hz:g}"
    assert found.coverage == 1.0


def test_at_the_lowest_rate_none_found_is_0() -> None:
    found = filled(spindles([0] * len(stages(TEXT)), fs_hz=LEAST_SPINDLE_FS_HZ))
    assert found.state is State.OK
    assert found.values["spindle_nrem_per_min"] == 0.0
    assert found.values["spindle_frequency_hz"] is None


def test_a_stage_of_less_than_five_minutes_has_no_density_and_a_median_needs_ten() -> None:
    text = "W10 220 34.5 R10"
    found = filled(spindles(per_stage(text, n3=1), text=text), text)
    assert found.values["spindle_n3_per_min"] is None
    assert found.values["spindle_n2_per_min"] == 0.0
    assert found.values["spindle_nrem_per_min"] == pytest.approx(9 / 24.5)
    assert found.values["spindle_frequency_hz"] is None  # nine spindles
    text = "W10 220 35 R10"
    found = filled(spindles(per_stage(text, n3=1), text=text), text)
    assert found.values["spindle_n3_per_min"] == pytest.approx(2.0)
    assert found.values["spindle_frequency_hz"] == pytest.approx(13.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [("W60 15 R20", "no N2 or N3 was scored"), ("W60 24.5 R20", "less than 5 min of valid EEG in N2 and N3")],
)
def test_too_little_is_null_with_a_reason(text: str, says: str) -> None:
    found = filled(spindles(np.full(len(stages(text)), 3), text=text), text)
    assert found.state is State.INSUFFICIENT
    assert found.reason == says
    assert set(found.values.values()) == {None}


def test_doubts_about_slow_waves_are_none_about_spindles() -> None:
    found = filled(spindles(per_stage(TEXT, n2=2)), doubts=("a high-pass near 0.5 Hz is present",))
    assert found.state is State.OK
    assert found.reason is None


def test_what_was_never_searched_is_not_said_to_be_too_short() -> None:
    found = filled(spindles(per_stage(TEXT), searched=False))
    assert found.state is State.INSUFFICIENT
    assert found.reason == ("spindles were looked for in only 0% of N2 and N3, whose stages were told otherwise then")
    half = np.arange(len(stages(TEXT))) < 50  # 30 of the 80 epochs of N2 and N3
    found = filled(spindles(per_stage(TEXT, n2=2, n3=2), searched=half))
    assert found.state is State.PARTIAL
    assert found.reason == ("spindles were looked for in only 38% of N2 and N3, whose stages were told otherwise then")
    assert found.values["spindle_n2_per_min"] == pytest.approx(4.0)


def test_a_night_that_was_cut_short_is_partial() -> None:
    found = filled(spindles(per_stage(TEXT, n2=2, n3=2)), begin=True)
    assert (found.state, found.reason) == (State.PARTIAL, "the recording does not show the whole night")
