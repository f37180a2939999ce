"""Transitions, rates and bouts of nights worked by hand."""

from __future__ import annotations

import pytest
from nights import night

from pipeline.features.family import State
from pipeline.features.stage_dynamics import FAMILY
from pipeline.recording import StageSource


def values(text: str, source: StageSource = StageSource.EXPERT) -> dict[str, object]:
    return dict(FAMILY.compute(night(text, source)).values)


def test_a_night_by_hand() -> None:
    # Two hours asleep in all; wake before onset and after the final awakening plays no part.
    found = FAMILY.compute(night("W20 110 230 320 210 W6 15 225 R10 W2 210 W30"))
    assert (found.state, found.coverage, found.reason) == (State.OK, 1.0, None)
    got = found.values
    changed = {name: n for name, n in got.items() if "_to_" in name and n}
    assert changed == {
        "n1_to_n2_n": 2, "n2_to_n3_n": 1, "n3_to_n2_n": 1, "n2_to_w_n": 1,
        "w_to_n1_n": 1, "n2_to_rem_n": 1, "rem_to_w_n": 1, "w_to_n2_n": 1,
    }  # fmt: skip
    # 75 min of N2 are 150 epochs, the last of which nothing follows: 149 pairs, 3 of them a change.
    assert got["n2_stay"] == pytest.approx(146 / 149)
    assert got["n3_stay"] == pytest.approx(39 / 40)
    assert got["rem_stay"] == pytest.approx(19 / 20)
    assert got["n1_stay"] == pytest.approx(28 / 30)
    assert got["w_stay"] == pytest.approx(14 / 16)
    assert got["stage_stability"] == pytest.approx((146 / 149 + 39 / 40 + 19 / 20) / 3)
    tst_h = 120 / 60
    assert got["stage_shift_per_h"] == 9 / tst_h
    assert got["sleep_shift_per_h"] == 5 / tst_h
    assert got["fragmentation_per_h"] == 7 / tst_h
    assert got["lightening_per_h"] == 2 / tst_h
    assert got["awakening_per_h"] == 2 / tst_h
    bouts = ("bouts_n", "bout_mean_min", "bout_longest_min")
    assert [got[f"sleep_{name}"] for name in bouts] == [3, 40.0, 70.0]
    assert [got[f"n2_{name}"] for name in bouts] == [4, 18.75, 30.0]
    assert [got[f"n3_{name}"] for name in bouts] == [1, 20.0, 20.0]
    assert [got[f"rem_{name}"] for name in bouts] == [1, 10.0, 10.0]
    assert [got[f"wake_bout_{name}_min"] for name in ("mean", "median", "longest")] == [4.0, 4.0, 6.0]
    assert got["long_wake_bouts_n"] == 1


def test_counts_and_stays_give_every_probability() -> None:
    got = values("W5 110 W3 15 220 W1 210 320 R10 22 W5")
    # From N2: 20 + 10 min + 2 min = 64 epochs, the last has no successor in the period: 63 pairs.
    counts = {name: got[f"n2_to_{name}_n"] for name in ("w", "n1", "n3", "rem")}
    assert counts == {"w": 1, "n1": 0, "n3": 1, "rem": 0}
    assert got["n2_stay"] == pytest.approx(61 / 63)
    probability = 1 / 2 * (1 - float(got["n2_stay"]))  # type: ignore[arg-type]
    assert probability == pytest.approx(1 / 63)


def test_what_movement_or_unscored_time_parts_is_not_joined() -> None:
    got = values("W10 2100 M1 3100 ?1 2100 W1 M1 W1 2100 W10")
    assert (got["n2_to_n3_n"], got["n3_to_n2_n"], got["n2_to_w_n"], got["w_to_n2_n"]) == (0, 0, 1, 1)
    assert (got["n2_bouts_n"], got["n3_bouts_n"], got["sleep_bouts_n"]) == (3, 1, 4)
    assert got["wake_bout_mean_min"] == 1.0
    assert got["awakening_per_h"] == pytest.approx(1 / (400 / 60))


def test_five_minutes_of_wake_are_long() -> None:
    assert values("W10 260 W4.5 260 W10")["long_wake_bouts_n"] == 0
    assert values("W10 260 W5 260 W10")["long_wake_bouts_n"] == 1


def test_devices_tell_what_they_know() -> None:
    light = values("W10 L100 340 W6 L90 R30 W7", StageSource.CONSUMER)
    known = {name for name, value in light.items() if value is not None}
    bouts = {
        f"{name}_{what}" for name in ("sleep", "n3", "rem") for what in ("bouts_n", "bout_mean_min", "bout_longest_min")
    }
    wake = {
        "wake_bout_mean_min",
        "wake_bout_median_min",
        "wake_bout_longest_min",
        "long_wake_bouts_n",
        "awakening_per_h",
    }
    assert known == bouts | wake
    assert light["awakening_per_h"] == pytest.approx(1 / (260 / 60))
    asleep = values("W10 S100 W6 S100 W7", StageSource.CONSUMER)
    known = {name for name, value in asleep.items() if value is not None}
    assert known == wake | {name for name in bouts if name.startswith("sleep")}


def test_a_censored_night_is_partial() -> None:
    filled = FAMILY.compute(night("2200 R20", begin=True))
    assert filled.state is State.PARTIAL
    assert filled.values["n2_to_rem_n"] == 1


def test_sleep_that_lies_epoch_by_epoch_in_wake_stays_within_the_declared_ranges() -> None:
    # A night awake in which a model takes single epochs for REM: each comes with a change into and one out of it.
    got = values("W60 " + "R0.5 W1 " * 40 + "W60")
    assert got["stage_shift_per_h"] == pytest.approx(78 / (20 / 60))
    assert got["awakening_per_h"] == got["fragmentation_per_h"] == got["lightening_per_h"]
    for column in FAMILY.columns:
        value = got[column.name]
        assert not isinstance(value, float) or column.high is None or value <= column.high, column.name
