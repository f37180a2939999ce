"""Slow-wave activity of a night: planted decline, gain, gaps, hidden onset and end."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, noon_ns
from pipeline.features.family import EpochGrid, Filled, NightView, SleepWindow, State, WindowSource
from pipeline.features.slow_wave_activity import FAMILY, delta_sleep_ratio, early_share, swa_decline

ROME = "Europe/Rome"
NIGHT = date(2024, 3, 12)
NOON, NEXT = noon_ns(NIGHT, ROME), noon_ns(NIGHT + timedelta(days=1), ROME)
CODES = {"W": 0.0, "1": 1.0, "2": 2.0, "3": 3.0, "R": 4.0, "?": np.nan, "M": -2.0}
FIRST = 1320
Floats = NDArray[np.float64]

EIGHT_HOURS = "W15 15 220 340 220 R10 230 330 220 R15 240 315 220 R20 270 R25 265 R15 W5"


def stages(text: str) -> Floats:
    """`"W10 2 40"`: stage and minutes, two epochs a minute."""
    return np.concatenate([np.full(round(2 * float(part[1:])), CODES[part[0]]) for part in text.split()])


def power(stage: Floats, per_h: float, level: float = 1000.0) -> Floats:
    """SWA that falls exponentially, alike in all stages."""
    return level * np.exp(-per_h * np.arange(len(stage)) / 120)


def fill(stage: Floats, swa_uv2: Floats, *, begin: bool = False, end: bool = False) -> Filled:
    """The columns of a night whose window, from 23:00 on, holds exactly these epochs."""
    columns = {name: np.full(2880, 0.0) for name in ("stage", "swa_uv2")}
    columns["stage"][FIRST : FIRST + len(stage)] = stage
    columns["swa_uv2"][FIRST : FIRST + len(stage)] = swa_uv2
    low = NOON + FIRST * EPOCH_NS
    window = SleepWindow(low, low + len(stage) * EPOCH_NS, WindowSource.HYPNOGRAM, begin, end)
    return FAMILY.compute(NightView(NIGHT, ROME, NOON, NEXT, EpochGrid(NOON, 2880, columns), window))


def number(filled: Filled, name: str) -> float:
    value = filled.values[name]
    assert isinstance(value, float)
    return value


def nrem(stage: Floats) -> NDArray[np.bool_]:
    return np.isin(stage, (2, 3))


def test_an_exact_decline_is_found_exactly() -> None:
    stage = stages(EIGHT_HOURS)
    found = swa_decline(power(stage, 0.3), nrem(stage))
    assert found is not None
    assert found.per_h == pytest.approx(0.3, rel=1e-9)
    assert found.se_per_h < 1e-6
    assert found.blocks == 5


def test_a_planted_decline_is_recovered_within_its_error() -> None:
    stage = stages(EIGHT_HOURS)
    rng = np.random.default_rng(3)
    slopes, errors = [], []
    for _ in range(200):
        # Epoch noise that remembers its neighbours, and a level of its own for every 90 min.
        noise = np.convolve(rng.normal(0, 0.3, len(stage) + 9), np.ones(10) / np.sqrt(10), "valid")
        shift = np.repeat(rng.normal(0, 0.15, 6), 180)[: len(stage)]
        found = swa_decline(power(stage, 0.3) * np.exp(noise + shift), nrem(stage))
        assert found is not None
        slopes.append(found.per_h)
        errors.append(found.se_per_h)
    rms = np.sqrt(np.mean(np.square(errors)))
    assert abs(np.mean(slopes) - 0.3) < 3 * rms / np.sqrt(200)
    assert 0.7 < rms / np.std(slopes) < 1.4
    # Three degrees of freedom: a 2.5-SE interval of Student's t holds 91 % of them.
    assert np.mean(np.abs(np.array(slopes) - 0.3) < 2.5 * np.array(errors)) > 0.84
    assert abs(slopes[0] - 0.3) < 2.5 * errors[0]


def test_missing_epochs_and_other_stages_do_not_move_the_decline() -> None:
    stage = stages(EIGHT_HOURS)
    swa = power(stage, 0.3)
    swa[~nrem(stage)] = 1e6
    swa[np.random.default_rng(0).random(len(stage)) < 0.3] = np.nan
    found = swa_decline(swa, nrem(stage))
    assert found is not None
    assert found.per_h == pytest.approx(0.3, rel=1e-6)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2120 W200", False),  # 2 h, but a span below 3 h
        ("259 W130 259", False),  # a span of 4 h with less than 2 h of sleep
        ("270 W110 270", False),  # two blocks
        ("260 W30 260 W30 260", True),
        ("2240", True),
        ("20.5", False),
        ("W480", False),
    ],
)
def test_what_a_decline_needs(text: str, known: bool) -> None:
    stage = stages(text)
    assert (swa_decline(power(stage, 0.3), nrem(stage)) is not None) is known


def test_levels_by_hand() -> None:
    stage = stages(EIGHT_HOURS)
    swa = np.select([stage == 3, stage == 2], [800.0, 200.0], 30.0)
    filled = fill(stage, swa)
    n3, n2 = 85.0, 285.0
    level = (n3 * 800 + n2 * 200) / (n3 + n2)
    assert number(filled, "swa_nrem_uv2") == pytest.approx(level)
    assert number(filled, "swa_n3_uv2") == pytest.approx(800.0)
    assert number(filled, "swa_log") == pytest.approx(np.log(level))
    assert filled.coverage == 1.0
    # NREM periods: 5 N1 + 20 + 40 + 20 (N1 is no part of the mean), then 30 + 30 + 20.
    assert number(filled, "delta_ratio") == pytest.approx(((40 * 800 + 40 * 200) / 80) / ((30 * 800 + 50 * 200) / 80))
    # Onset at 15 min; 3 h end at 195 min, in the second REM period: 40 + 30 min of N3 and 40 + 50 min of N2.
    early = 70 * 800 + 90 * 200
    assert number(filled, "swa_first3h_share") == pytest.approx(early / (n3 * 800 + n2 * 200))


def test_twice_the_gain_is_four_times_the_level_and_nothing_else() -> None:
    stage = stages(EIGHT_HOURS)
    swa = power(stage, 0.3) * np.exp(np.random.default_rng(1).normal(0, 0.4, len(stage)))
    one, two = fill(stage, swa), fill(stage, 4 * swa)
    for name in ("swa_nrem_uv2", "swa_n3_uv2"):
        assert number(two, name) == pytest.approx(4 * number(one, name))
    assert number(two, "swa_log") == pytest.approx(number(one, "swa_log") + np.log(4))
    for name in ("swa_decline_per_h", "swa_decline_se_per_h", "swa_first3h_share", "delta_ratio"):
        assert number(two, name) == pytest.approx(number(one, name))
    assert one.state is two.state is State.OK
    assert one.values["swa_decline_ok"] is True


def test_a_decline_that_cannot_be_told_from_none_says_so() -> None:
    stage = stages(EIGHT_HOURS)
    swa = np.where(np.arange(len(stage)) // 180 % 2, 100.0, 300.0)
    filled = fill(stage, swa)
    assert filled.values["swa_decline_ok"] is False
    assert number(filled, "swa_decline_se_per_h") > abs(number(filled, "swa_decline_per_h"))
    assert filled.state is State.PARTIAL
    assert "standard error" in str(filled.reason)


def test_artefacts_do_not_shift_the_share_of_the_first_hours() -> None:
    stage = stages(EIGHT_HOURS)
    swa = np.full(len(stage), 100.0)
    onset = 30
    whole = early_share(swa, stage, onset)
    early = nrem(stage)[onset : onset + 360].sum()
    assert whole == pytest.approx(early / nrem(stage).sum())
    swa[onset + 20 : onset + 120] = np.nan
    assert early_share(swa, stage, onset) == pytest.approx(whole)
    swa[onset : onset + 250] = np.nan  # more than half of the early NREM epochs
    assert early_share(swa, stage, onset) is None


def test_share_of_the_first_hours_needs_a_night_seen() -> None:
    assert early_share(power(stages("2240"), 0.3), stages("2240"), 0) == pytest.approx(
        (1 - np.exp(-0.9)) / (1 - np.exp(-1.2))
    )
    assert early_share(power(stages("2239.5"), 0.3), stages("2239.5"), 0) is None
    for text, known in (
        ("W10 ?5 2300", True),
        ("W10 ?5.5 2300", False),
        ("2150 ?20 2300", False),
        ("2200 ?10 2200", True),
    ):
        stage = stages(text)
        onset = int(np.argmax(stage > 0))
        assert (early_share(power(stage, 0.3), stage, onset) is not None) is known
    # No NREM sleep after the third hour: looked and found none.
    stage = stages("2180 R90")
    assert early_share(power(stage, 0.3), stage, 0) == 1.0


def test_delta_ratio_needs_two_periods_seen() -> None:
    ratio = {
        "260 R10 260": np.exp(0.3 * 70 / 60),
        "2130": None,
        "260 R10 210 W50": None,
        "230 ?5.5 230 R10 260": None,
        "260 R10 220 ?5.5 220": None,
    }
    for text, expected in ratio.items():
        stage = stages(text)
        found = delta_sleep_ratio(power(stage, 0.3), stage)
        assert found == (None if expected is None else pytest.approx(expected))
    stage = stages("260 R10 260")
    swa = power(stage, 0.3)
    swa[140:201] = np.nan
    assert delta_sleep_ratio(swa, stage) is None


def test_a_hidden_onset_or_end_nulls_what_counts_from_it() -> None:
    stage = stages(EIGHT_HOURS)[30:-10]  # begins and ends in sleep
    swa = power(stage, 0.3)
    open_night = fill(stage, swa)
    assert number(open_night, "swa_first3h_share") > 0.5
    assert number(open_night, "delta_ratio") > 1
    late = fill(stage, swa, begin=True)
    assert late.values["swa_first3h_share"] is None
    assert late.values["delta_ratio"] is None
    assert number(late, "swa_decline_per_h") == pytest.approx(0.3)
    assert late.state is State.PARTIAL
    woken = fill(np.concatenate((np.zeros(2), stage)), power(np.zeros(len(stage) + 2), 0.3), begin=True)
    assert number(woken, "delta_ratio") > 1
    early = fill(stage, swa, end=True)
    assert early.values["swa_first3h_share"] is None
    assert number(early, "delta_ratio") == number(open_night, "delta_ratio")
    cut = stages("260 R10 260")
    assert fill(cut, power(cut, 0.3), end=True).values["delta_ratio"] is None
    assert fill(cut, power(cut, 0.3)).values["delta_ratio"] is not None


def test_gaps_lower_the_coverage_and_then_the_state() -> None:
    stage = stages(EIGHT_HOURS)
    swa = power(stage, 0.3)
    asleep = np.flatnonzero(nrem(stage))
    swa[asleep[::5]] = np.nan
    filled = fill(stage, swa)
    assert filled.coverage == pytest.approx(0.8)
    assert filled.state is State.PARTIAL
    assert "80%" in str(filled.reason)
    swa[asleep[59:]] = np.nan
    swa[asleep[:59]] = 100.0
    less = fill(stage, swa)  # 29.5 min
    assert less.state is State.INSUFFICIENT
    assert less.coverage == pytest.approx(59 / len(asleep))
    swa[asleep[59]] = 100.0
    assert fill(stage, swa).values["swa_nrem_uv2"] == 100.0


def test_no_window_no_sleep_no_power_one_epoch() -> None:
    night = NightView(NIGHT, ROME, NOON, NEXT, EpochGrid(NOON, 2880, {"swa_uv2": np.ones(2880)}), None)
    insufficient = [FAMILY.compute(night)]
    nights = [stages(text) for text in ("W480", "?480", "R480", "20.5", "20")]
    insufficient += [fill(stage, power(stage, 0.3)) for stage in nights]
    insufficient.append(fill(stages("2480"), np.full(960, np.nan)))
    window = SleepWindow(NOON, NEXT, WindowSource.DIARY)
    insufficient.append(FAMILY.compute(replace(night, window=window)))  # never staged
    for filled in insufficient:
        assert filled.state is State.INSUFFICIENT
        assert filled.reason
        assert set(filled.values.values()) == {None}


def test_declared_equals_filled() -> None:
    names = sorted(c.name for c in FAMILY.columns)
    stage = stages(EIGHT_HOURS)
    short = stages("240")
    for filled in (
        fill(stage, power(stage, 0.3)),
        fill(short, power(short, 0.3)),
        fill(stage, np.full(len(stage), np.nan)),
        FAMILY.nothing("x"),
    ):
        assert sorted(filled.values) == names
