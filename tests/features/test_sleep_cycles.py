"""Cycles of nights worked by hand."""

from __future__ import annotations

import pytest
from nights import night

from pipeline.features.family import State
from pipeline.features.sleep_cycles import FAMILY
from pipeline.recording import StageSource


def values(text: str, *, begin: bool = False) -> dict[str, object]:
    return dict(FAMILY.compute(night(text, begin=begin)).values)


def test_a_night_by_hand() -> None:
    filled = FAMILY.compute(night("W10 15 225 340 R10 220 330 R20 12 260 R30 W10 230 W8"))
    assert (filled.state, filled.coverage, filled.reason) == (State.OK, 1.0, None)
    assert filled.values == {
        "cycles_n": 3,
        "nrem_periods_n": 4,
        "cycle_mean_min": pytest.approx((80 + 70 + 92) / 3),
        "rem_period_mean_min": 20.0,
        "cycle1_min": 80.0,
        "cycle1_nrem_min": 70.0,
        "cycle1_rem_min": 10.0,
        "n3_cycle1_min": 40.0,
        "n3_cycle1_pct": pytest.approx(100 * 40 / 70),
        # 282 min of sleep period, thirds of 94: N3 from 30 to 70 and from 100 on; REM from 212 to 242 in the last.
        "n3_third1_pct": pytest.approx(100 * 40 / 70),
        "rem_third3_pct": pytest.approx(100 * 30 / 60),
    }


def test_without_rem_there_is_no_cycle_and_without_n3_no_share_of_it() -> None:
    got = values("W10 2100 360 2100 W5")
    assert (got["cycles_n"], got["nrem_periods_n"], got["cycle_mean_min"], got["cycle1_min"]) == (0, 1, None, None)
    assert (got["rem_period_mean_min"], got["rem_third3_pct"]) == (None, None)
    got = values("W10 2100 R20 2100 R30 W5")
    assert (got["cycles_n"], got["n3_cycle1_min"], got["n3_cycle1_pct"], got["n3_third1_pct"]) == (2, 0.0, None, None)


def test_the_first_cycle_is_known_only_if_its_whole_was_seen() -> None:
    text = "{} 260 330 R10 260 R20 W10"
    assert values(text.format("W10"))["cycle1_min"] == 100.0
    assert values(text.format("W10"), begin=True)["cycle1_min"] == 100.0, "wake before it was seen"
    assert values(text.format(""), begin=True)["cycle1_min"] is None, "it may have begun before"
    assert values(text.format(""))["cycle1_min"] == 100.0
    assert values(text.format("W10 ?5"))["cycle1_min"] == 100.0
    assert values(text.format("W10 ?5.5"))["cycle1_min"] is None
    # Unscored time inside: the count stays, the length of that cycle is not told.
    got = values("W10 230 ?5.5 230 R10 260 R20 W10")
    assert (got["cycles_n"], got["cycle1_min"], got["cycle_mean_min"]) == (2, None, 80.0)
    got = values("W10 230 ?5 230 R10 260 R20 W10")
    assert (got["cycle1_min"], got["cycle_mean_min"]) == (75.0, pytest.approx((75 + 80) / 2))


def test_thirds_need_three_hours_and_nearly_all_of_each_scored() -> None:
    assert values("W10 390 R89.5 W5")["n3_third1_pct"] is None
    assert values("W10 390 R90 W5")["n3_third1_pct"] == pytest.approx(100 * 60 / 90)
    assert values("W10 330 ?6 354 R90 W5")["n3_third1_pct"] == pytest.approx(100 * 54 / 84)
    assert values("W10 330 ?6.5 353.5 R90 W5")["n3_third1_pct"] is None


def test_a_device_without_stages_has_no_cycles() -> None:
    filled = FAMILY.compute(night("W10 S400 W10", StageSource.CONSUMER))
    assert filled.state is State.PARTIAL
    assert set(filled.values.values()) == {None}
    light = FAMILY.compute(night("W10 L100 R20 L100 R30 W10", StageSource.CONSUMER)).values
    assert (light["cycles_n"], light["cycle_mean_min"]) == (2, 125.0)
