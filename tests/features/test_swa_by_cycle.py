"""SWA by NREM period, cumulated energy and the aperiodic exponent by stage, worked by hand."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, noon_ns
from pipeline.features.family import EpochGrid, Filled, NightView, SleepWindow, State, WindowSource
from pipeline.features.swa_by_cycle import FAMILY, cycle_means, energy_uv2_h
from pipeline.recording import Floats, Stage

W, N1, N2, N3, R = (float(s) for s in (Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM))
NIGHT = date(2024, 3, 4)
START = noon_ns(NIGHT, "UTC")


def stages(*runs: tuple[float, float]) -> Floats:
    return np.concatenate([np.full(round(minutes * 2), code) for code, minutes in runs])


# Two NREM periods: 20 min N2 + 20 min N3, REM, 30 min N2.
STAGE = stages((W, 10), (N2, 20), (N3, 20), (R, 10), (N2, 30), (R, 10), (W, 5))
SWA = np.select([STAGE == N3, STAGE == N2], [400.0, 100.0], 10.0)


def night(stage: Floats, swa: Floats, exponent: Floats | None = None) -> Filled:
    first = 1200
    columns = {}
    given = {"stage": stage, "swa_uv2": swa, "aperiodic_exponent": np.full(len(stage), 2.0)}
    if exponent is not None:
        given["aperiodic_exponent"] = exponent
    for name, values in given.items():
        columns[name] = np.full(2880, np.nan)
        columns[name][first : first + len(stage)] = values
    begin = START + first * EPOCH_NS
    window = SleepWindow(begin, begin + len(stage) * EPOCH_NS, WindowSource.HYPNOGRAM)
    return FAMILY.compute(
        NightView(NIGHT, "UTC", START, START + 2880 * EPOCH_NS, EpochGrid(START, 2880, columns), window)
    )


def test_means_of_periods() -> None:
    assert cycle_means(SWA, STAGE) == [pytest.approx(250.0), pytest.approx(100.0), None, None, None]


def test_a_period_seen_by_less_than_half_has_no_mean() -> None:
    swa = SWA.copy()
    swa[20 : 20 + 41] = np.nan  # 20.5 of the 40 min
    assert cycle_means(swa, STAGE)[:2] == [None, pytest.approx(100.0)]
    swa[20] = 100.0
    assert cycle_means(swa, STAGE)[0] is not None


def test_energy_is_power_times_time_and_lost_epochs_count_with_their_stage() -> None:
    by_hand = 400.0 * 20 / 60 + 100.0 * 50 / 60
    assert energy_uv2_h(SWA, STAGE) == pytest.approx(by_hand)
    swa = SWA.copy()
    swa[np.flatnonzero(STAGE == N3)[:19]] = np.nan
    assert energy_uv2_h(swa, STAGE) == pytest.approx(by_hand)
    swa[np.flatnonzero(STAGE == N3)[:21]] = np.nan
    assert energy_uv2_h(swa, STAGE) is None
    assert energy_uv2_h(np.full(20, 5.0), stages((W, 10))) == 0.0


def test_a_night_by_hand() -> None:
    exponent = np.select([STAGE == N3, STAGE == R], [3.0, 2.5], 1.5)
    filled = night(STAGE, SWA, exponent)
    assert filled.state is State.OK
    assert filled.coverage == 1.0
    assert filled.values["swa_cycle1_uv2"] == pytest.approx(250.0)
    assert filled.values["aperiodic_n3"] == pytest.approx(3.0)
    assert filled.values["aperiodic_rem"] == pytest.approx(2.5)
    assert filled.values["aperiodic_wake"] == pytest.approx(1.5)


def test_gain_moves_power_by_its_square_and_not_the_exponent() -> None:
    plain, loud = night(STAGE, SWA), night(STAGE, 4 * SWA)
    assert loud.values["swe_uv2_h"] == pytest.approx(4 * float(plain.values["swe_uv2_h"] or 0))
    assert loud.values["aperiodic_n2"] == plain.values["aperiodic_n2"]


def test_all_wake_no_power_and_unscored() -> None:
    awake = night(stages((W, 60)), np.full(120, 20.0))
    assert awake.values["swe_uv2_h"] == 0.0
    assert awake.values["swa_cycle1_uv2"] is None
    assert (awake.state, awake.reason) == (State.PARTIAL, "no N2 or N3 was scored")
    blind = night(STAGE, np.full(len(STAGE), np.nan), np.full(len(STAGE), np.nan))
    assert blind.state is State.INSUFFICIENT
    assert set(blind.values.values()) == {None}
    unscored = night(np.full(60, np.nan), np.full(60, 20.0))
    assert unscored.state is State.INSUFFICIENT


def test_a_night_whose_n2_and_n3_are_all_lost_is_not_said_to_be_whole() -> None:
    swa = np.where(np.isin(STAGE, (N2, N3)), np.nan, SWA)
    filled = night(STAGE, swa)
    assert filled.coverage == 0.0
    assert filled.state is State.PARTIAL
    assert filled.reason == "power is known in only 0% of N2 and N3"
