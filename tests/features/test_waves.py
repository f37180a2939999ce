"""Slow waves of a night, worked by hand: densities per minute of valid EEG, what is searched, medians, states."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from eeg_channels import Counts, channel, events, night_of, per_stage, together
from nights import FIRST, night, stages

from pipeline.features.channel_night import ChannelNight
from pipeline.features.family import Filled, NightView, State
from pipeline.features.waves import ABSOLUTE, COLUMNS, FAMILY, RELATIVE, wave_values
from pipeline.recording import Floats

TEXT = "W10 220 310 R10 210 W5"
"""30 min of N2 and 10 of N3, in two NREM periods once REM parts them."""
NONE = events([], "spindles")
SIZES: Any = {"ptp_uv": 120.0, "slope_uv_per_s": 300.0, "duration_s": 1.25}


def waves(absolute: Counts, relative: Counts = (), text: str = TEXT, **how: object) -> ChannelNight:
    both = together(events(absolute, ABSOLUTE.name, **SIZES), events(relative, RELATIVE.name, **SIZES))
    return channel(text, both, NONE, **how)  # type: ignore[arg-type]


def filled(found: ChannelNight, text: str = TEXT, **how: object) -> Filled:
    return FAMILY.compute(night_of(text, found, **how))  # type: ignore[arg-type]


def values(found: ChannelNight, text: str = TEXT) -> dict[str, object]:
    view: NightView = night_of(text, found)
    assert view.sleep_channel is not None
    assert view.sleep_stage is not None
    return dict(wave_values(view.sleep_channel, view.sleep_stage, whole=True))


def test_a_night_by_hand() -> None:
    found = filled(waves(per_stage(TEXT, w=9, n2=2, n3=6, rem=9), per_stage(TEXT, n2=1, n3=3)))
    assert found.state is State.OK
    assert found.reason is None
    assert found.coverage == 1.0
    assert found.values["sw_channel"] == "C3"
    assert found.values["sw_recording"] == "aaaaaaaaaaaa"
    assert found.values["sw_n2_per_min"] == pytest.approx(4.0)
    assert found.values["sw_n3_per_min"] == pytest.approx(12.0)
    assert found.values["sw_nrem_per_min"] == pytest.approx((60 * 2 + 20 * 6) / 40)
    assert found.values["sw_rel_n2_per_min"] == pytest.approx(2.0)
    assert found.values["sw_rel_n3_per_min"] == pytest.approx(6.0)
    assert found.values["sw_rel_nrem_per_min"] == pytest.approx(3.0)
    assert found.values["sw_ptp_uv"] == pytest.approx(120.0)
    assert found.values["sw_rel_slope_uv_per_s"] == pytest.approx(300.0)
    assert found.values["sw_duration_s"] == pytest.approx(1.25)
    assert found.values.keys() == {c.name for c in FAMILY.columns}


def test_an_epoch_without_eeg_lowers_no_density() -> None:
    n2 = np.flatnonzero(stages(TEXT) == 2)
    count, valid = per_stage(TEXT, n2=2, n3=6), np.ones(len(stages(TEXT)))
    count[n2[:10]], valid[n2[:10]] = 0, np.nan
    assert values(waves(count, valid=valid))["sw_n2_per_min"] == pytest.approx(4.0)
    # Half of an epoch that is valid holds half of the waves.
    count[n2[10:30]], valid[n2[10:30]] = 1, 0.5
    found = filled(waves(count, valid=valid))
    assert found.values["sw_n2_per_min"] == pytest.approx(4.0)
    assert found.coverage == pytest.approx((80 - 10 - 10) / 80)
    assert found.state is State.PARTIAL
    assert found.reason == "valid EEG in only 75% of N2 and N3"


def test_none_found_is_0_and_too_little_looked_at_is_null() -> None:
    found = values(waves([0] * len(stages(TEXT))))
    assert found["sw_n2_per_min"] == 0.0
    assert found["sw_n3_per_min"] == 0.0
    assert found["sw_ptp_uv"] is None
    for minutes, known in ((4.5, False), (5, True)):
        text = f"W10 220 3{minutes} R10"
        n3 = values(waves(per_stage(text, n2=1, n3=2), text=text), text)["sw_n3_per_min"]
        assert n3 == (pytest.approx(4.0) if known else None)
    n3_valid = np.where(stages(TEXT) == 3, 0.49, 1.0)  # 4.9 of ten minutes
    assert values(waves(per_stage(TEXT, n3=2), valid=n3_valid))["sw_n3_per_min"] is None


def test_relative_waves_stand_on_what_was_searched_and_those_in_uv_on_all() -> None:
    stage = stages(TEXT)
    searched = np.isin(stage, (2, 3))
    searched[np.flatnonzero(stage == 2)[:40]] = False
    count = np.where(searched, 2, 0)
    found = values(waves(per_stage(TEXT, n2=2, n3=2), count, searched=searched))
    assert found["sw_rel_n2_per_min"] == pytest.approx(4.0)
    assert found["sw_n2_per_min"] == pytest.approx(4.0)
    nowhere = values(waves(per_stage(TEXT, n2=2), (), searched=False))
    assert nowhere["sw_rel_nrem_per_min"] is None
    assert nowhere["sw_nrem_per_min"] == pytest.approx(3.0)


def test_waves_outside_the_sleep_window_are_not_counted() -> None:
    view = night(TEXT)
    early = np.concatenate((np.full(60, 5), per_stage(TEXT, n2=2, n3=6), np.full(60, 5)))
    found = channel(TEXT, events(early, ABSOLUTE.name, FIRST - 60, **SIZES), NONE)
    columns = {name: np.where(np.isnan(v), 1.0, v) for name, v in found.columns.items()}
    inside = FAMILY.compute(replace(view, channels=(replace(found, columns=columns),)))
    assert inside.values["sw_n2_per_min"] == pytest.approx(4.0)
    assert inside.values["sw_nrem_per_min"] == pytest.approx(6.0)


def test_a_median_needs_ten_waves_of_n2_and_n3() -> None:
    stage = stages(TEXT)
    count = np.where(stage == 0, 3, 0)
    count[np.flatnonzero(stage == 3)[:9]] = 1
    assert values(waves(count))["sw_ptp_uv"] is None
    count[np.flatnonzero(stage == 3)[9]] = 1
    size = np.where(np.repeat(stage, count) == 0, 1000.0, 90.0)
    sized: Floats = np.asarray(size)
    own = events(count, ABSOLUTE.name, **{**SIZES, "ptp_uv": sized})
    assert values(channel(TEXT, own, NONE))["sw_ptp_uv"] == pytest.approx(90.0)


def test_thirds_of_the_sleep_period_and_its_nrem_periods() -> None:
    text = "W30 230 R30 330 R15 215 W20"  # asleep for 120 min: thirds of 40 min
    count = np.zeros(len(stages(text)), np.int64)
    count[60:120] = 2  # N2, all within the first third
    count[180:240] = 5  # N3 from the 60th to the 90th minute: 20 min in the second third, 10 in the last
    count[270:300] = 3  # N2, in the last third
    found = values(waves(count, text=text), text)
    assert found["sw_third1_per_min"] == pytest.approx(4.0)
    assert found["sw_third2_per_min"] == pytest.approx(10.0)
    assert found["sw_third3_per_min"] == pytest.approx((20 * 5 + 30 * 3) / 25)
    assert found["sw_cycle1_per_min"] == pytest.approx(4.0)
    assert found["sw_cycle2_per_min"] == pytest.approx(10.0)
    assert found["sw_cycle3_per_min"] == pytest.approx(6.0)
    assert found["sw_cycle4_per_min"] is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("W60 15 R20", "no N2 or N3 was scored"),
        ("W120", "no N2 or N3 was scored"),
        ("W60 24.5 R20", "less than 5 min of valid EEG in N2 and N3"),
    ],
)
def test_too_little_is_null_with_a_reason(text: str, says: str) -> None:
    found = filled(waves(np.full(len(stages(text)), 3), text=text), text)
    assert found.state is State.INSUFFICIENT
    assert found.reason == says
    assert set(found.values.values()) == {None}


def test_no_window_and_no_channel_say_so() -> None:
    for view in (night_of(TEXT), replace(night_of(TEXT, waves(())), window=None)):
        found = FAMILY.compute(view)
        assert found.state is State.INSUFFICIENT
        assert found.reason == "no sleep window was found, or no EEG channel covers it"


def test_what_speaks_against_the_channel_reaches_the_reason() -> None:
    doubts = ("a high-pass near 0.5 Hz is present, which takes slow waves away", "its amplitude is low")
    found = filled(waves(per_stage(TEXT, n2=2)), doubts=doubts)
    assert found.state is State.PARTIAL
    assert found.reason == "; ".join(doubts)
    assert found.values["sw_n2_per_min"] == pytest.approx(4.0)


def test_no_wave_can_be_looked_for_at_a_rate_below_the_band() -> None:
    found = filled(waves([0] * len(stages(TEXT)), fs_hz=8.0))
    assert found.state is State.INSUFFICIENT
    assert found.reason == "slow waves are looked for at 8.75 Hz or more, the channel has 8"
    assert set(values(waves([0] * len(stages(TEXT)), fs_hz=8.0)).values()) == {None}
    assert filled(waves(per_stage(TEXT, n2=2), fs_hz=64.0)).values["sw_n2_per_min"] == pytest.approx(4.0)


def test_each_column_names_the_definition_that_it_stands_on() -> None:
    for column in COLUMNS:
        preset = RELATIVE if column.name.startswith("sw_rel_") else ABSOLUTE
        assert f"preset {preset.name}" in column.meaning


def test_a_night_that_was_cut_short_is_partial_and_has_no_thirds() -> None:
    text = "W30 230 R30 330 R15 215 W20"
    whole, cut = (filled(waves(per_stage(text, n2=2, n3=5), text=text), text, end=end) for end in (False, True))
    assert (whole.state, cut.state) == (State.OK, State.PARTIAL)
    assert cut.reason == "the recording does not show the whole night"
    thirds = {f"sw_third{k}_per_min" for k in (1, 2, 3)}
    assert {name for name in whole.values if whole.values[name] != cut.values[name]} == thirds
    assert {cut.values[name] for name in thirds} == {None}
