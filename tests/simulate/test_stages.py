"""Hypnograms: planted minutes are met, N3 comes early, bad nights are broken up."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import EPOCH_NS, noon_ns
from pipeline.recording import Stage
from pipeline.simulate.days import simulate_days
from pipeline.simulate.person import LOOPS, LoopStrength, Person
from pipeline.simulate.stages import night_stages, timeline
from pipeline.simulate.truth import sleep_truth


def night(seed: int = 0, **changed: float) -> np.ndarray:
    wanted = {"latency_min": 12.0, "waso_min": 40.0, "n3_share": 0.2, "rem_share": 0.2} | changed
    return night_stages(960, **wanted, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(5))
def test_planted_minutes_of_an_eight_hour_night_are_met(seed: int) -> None:
    truth = sleep_truth(night(seed))
    assert truth["time_in_bed_min"] == 480
    assert truth["latency_min"] == 12
    assert truth["waso_min"] == 40
    assert truth["tst_min"] == 428
    assert truth["n3_min"] == pytest.approx(0.2 * 428, abs=3)
    assert truth["rem_min"] == pytest.approx(0.2 * 428, abs=3)


def test_n3_lies_early_and_rem_late() -> None:
    nights = np.stack([night(seed) for seed in range(30)])
    first = slice(0, 24 * 2 + 3 * 120)
    n3, rem = nights == Stage.N3, nights == Stage.REM
    assert 0.6 < n3[:, first].sum() / n3.sum() < 0.85
    assert rem[:, first].sum() / rem.sum() < 0.35


def test_all_five_stages_occur_and_no_other() -> None:
    assert set(np.unique(night()).tolist()) == {0, 1, 2, 3, 4}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(20, 1400),
    st.floats(0, 90),
    st.floats(0.5, 300),
    st.floats(0.01, 0.4),
    st.integers(0, 5),
)
def test_any_night_has_its_length_and_at_least_half_of_it_is_sleep(
    epochs: int, latency_min: float, waso_min: float, n3_share: float, seed: int
) -> None:
    stages = night_stages(
        epochs,
        latency_min=latency_min,
        waso_min=waso_min,
        n3_share=n3_share,
        rem_share=0.2,
        rng=np.random.default_rng(seed),
    )
    assert len(stages) == epochs
    assert (stages != Stage.WAKE).mean() >= 0.5
    assert stages.min() >= 0
    assert stages.max() <= 4


def test_truth_of_a_night_worked_by_hand() -> None:
    w, n2, n3, rem = Stage.WAKE, Stage.N2, Stage.N3, Stage.REM
    truth = sleep_truth(np.array([w, w, n2, n3, w, n3, rem, w], np.int8))
    assert truth == {
        "time_in_bed_min": 4.0,
        "latency_min": 1.0,
        "tst_min": 2.0,
        "waso_min": 1.0,
        "efficiency": 0.5,
        "n3_min": 1.0,
        "rem_min": 0.5,
    }


def test_truth_of_a_night_without_sleep_has_no_onset() -> None:
    truth = sleep_truth(np.zeros(10, np.int8))
    assert truth["latency_min"] is None
    assert truth["waso_min"] is None
    assert truth["tst_min"] == 0


def test_the_timeline_is_wake_out_of_bed_and_holds_every_night_where_it_was_planned() -> None:
    zone = "Europe/Rome"
    someone = Person("P01", 40, "F", LOOPS[LoopStrength.NONE])
    days = simulate_days(someone, date(2024, 3, 29), 3, zone, np.random.default_rng(1))
    start, end = noon_ns(date(2024, 3, 29), zone), noon_ns(date(2024, 4, 1), zone)
    states = timeline(days, 0.2, start, end, np.random.default_rng(2))
    assert states.end_ns == end
    assert len(states.stages) == (3 * 24 - 1) * 120  # the clocks go forward on the 31st
    assert not states.asleep[~states.in_bed].any()
    assert states.in_bed.sum() == ((days.rise_ns - days.bed_ns) // EPOCH_NS).sum()
    one = states.cut(int(days.bed_ns[1]), int(days.rise_ns[1]))
    assert one.in_bed.all()
    with pytest.raises(ValueError, match="outside its span"):
        states.cut(start - EPOCH_NS, end)
    with pytest.raises(ValueError, match="outside the timeline"):
        timeline(days, 0.2, start, start + 86_400 * 10**9, np.random.default_rng(2))
