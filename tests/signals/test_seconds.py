"""Signals on the lattice of whole seconds."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.recording import Kind, Signal
from pipeline.signals.seconds import on_seconds

START_NS = 1_704_060_000 * NS


def signal(samples: list[float], fs_hz: float, late_s: float = 0.0) -> Signal:
    return Signal(Kind.EDA, "eda", fs_hz, START_NS + round(late_s * NS), np.array(samples, np.float32))


def test_medians_of_each_second_by_hand() -> None:
    found = on_seconds(signal([1, 9, 2, 3, 4, 4, 8, 4], 4.0), START_NS, 3)
    assert found[:2].tolist() == [2.5, 4.0]
    assert np.isnan(found[2])


def test_missing_samples_are_left_out_and_an_empty_second_is_missing() -> None:
    nan = float("nan")
    found = on_seconds(signal([1, nan, 3, 5, nan, nan, nan, nan, 7, nan, nan, nan], 4.0), START_NS, 3)
    assert found[0] == 3.0
    assert np.isnan(found[1])
    assert found[2] == 7.0


def test_a_signal_that_began_within_a_second_keeps_its_clock() -> None:
    found = on_seconds(signal([1, 2, 3, 4], 1.0, late_s=2.4), START_NS, 6)
    assert np.isnan(found[:2]).all()
    assert found[2:].tolist() == [1, 2, 3, 4]


def test_what_lies_outside_the_lattice_is_left_out() -> None:
    assert on_seconds(signal([1, 2, 3, 4], 1.0, late_s=-2.0), START_NS, 1).tolist() == [3.0]
    assert np.isnan(on_seconds(signal([1, 2], 1.0, late_s=90.0), START_NS, 30)).all()


def test_a_value_per_minute_stands_for_its_minute_and_no_longer() -> None:
    found = on_seconds(signal([30, float("nan"), 32], 1 / 60), START_NS, 240)
    assert (found[:60] == 30).all()
    assert np.isnan(found[60:120]).all()
    assert (found[120:180] == 32).all()
    assert np.isnan(found[180:]).all()


def test_a_slow_signal_changes_in_the_second_that_it_fills_most_of() -> None:
    early, late = (on_seconds(signal([30, 31], 1 / 60, late_s=s), START_NS, 120) for s in (0.4, 0.6))
    assert (early[60], late[60]) == (31, 30)


@pytest.mark.parametrize("fs_hz", [1.0, 4.0, 32.0, 25.6])
def test_a_constant_stays_one_at_any_rate(fs_hz: float) -> None:
    found = on_seconds(signal([5.0] * round(fs_hz * 20), fs_hz), START_NS, 20)
    assert found.tolist() == [5.0] * 20


def test_an_empty_signal_gives_nothing() -> None:
    assert np.isnan(on_seconds(signal([], 4.0), START_NS, 3)).all()
    assert np.isnan(on_seconds(signal([], 0.1), START_NS, 3)).all()
