"""Readings at irregular times on a regular grid: worked by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.devices import readings
from pipeline.devices.readings import averaged, shared_out
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind

T0 = 1_709_326_800
NAN = float("nan")


def ns(*seconds: float) -> np.ndarray:
    return np.array([round((T0 + s) * NS) for s in seconds], np.int64)


def test_a_cell_holds_the_mean_of_its_readings_and_nothing_is_held_between() -> None:
    found = averaged(Kind.HR, "heart rate", ns(7, 3, 4, 21), np.array([60.0, 50.0, 70.0, 80.0]), 5, Path("x"))
    assert found is not None
    assert (found.start_ns, found.fs_hz) == (T0 * NS, 0.2)
    assert found.samples.tolist() == pytest.approx([60.0, 60.0, NAN, NAN, 80.0], nan_ok=True)


def test_readings_that_are_missing_do_not_count() -> None:
    found = averaged(Kind.HR, "heart rate", ns(0, 1, 9), np.array([NAN, 50.0, NAN]), 5, Path("x"))
    assert found is not None
    assert found.samples.tolist() == [50.0]
    assert averaged(Kind.HR, "heart rate", ns(0), np.array([NAN]), 5, Path("x")) is None


def test_parts_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    def both() -> list[list[float]]:
        at, length, value = ns(0, 1, 2, 6, 7, 30, 31), ns(4, 7, 8, 9, 70, 45, 31), np.arange(7.0)
        rates = averaged(Kind.HR, "heart rate", at, value, 5, Path("x"))
        steps = shared_out(Kind.STEPS, "steps", at, length, value, 5, Path("x"), [])
        assert rates is not None
        assert steps is not None
        return [rates.samples.tolist(), steps.samples.tolist()]

    whole = both()
    assert whole[0] == pytest.approx([1.0, 3.5, NAN, NAN, NAN, NAN, 5.5], nan_ok=True)
    for many in (1, 2, 3):
        monkeypatch.setattr(readings, "_PART", many)
        assert all(a == pytest.approx(b, abs=0, rel=0, nan_ok=True) for a, b in zip(both(), whole, strict=True))


def test_counts_are_shared_out_by_time_and_none_is_lost() -> None:
    # 30 steps from second 50 to 110: ten seconds in the first minute, fifty in the second.
    notes: list[str] = []
    found = shared_out(Kind.STEPS, "steps", ns(50, 180), ns(110, 240), np.array([30.0, 7.0]), 60, Path("x"), notes)
    assert found is not None
    assert found.samples.tolist() == pytest.approx([5.0, 25.0, NAN, 7.0], nan_ok=True)
    assert np.nansum(found.samples) == 37.0
    assert notes == []


def test_two_counts_in_a_cell_add_up() -> None:
    found = shared_out(Kind.STEPS, "steps", ns(0, 30, 0), ns(30, 60, 60), np.array([3.0, 4.0, 0.0]), 60, Path("x"), [])
    assert found is not None
    assert found.samples.tolist() == [7.0]


def test_counts_over_no_time_or_days_are_told() -> None:
    notes: list[str] = []
    found = shared_out(Kind.STEPS, "steps", ns(0, 0, 0), ns(0, 90_000, 60), np.ones(3), 60, Path("x"), notes)
    assert found is not None
    assert found.samples.tolist() == [1.0]
    assert notes == ["2 counts (steps) over no time, or over more than a day, left out"]


def test_decades_between_readings_are_a_wrong_date() -> None:
    with pytest.raises(FileFault) as fault:
        averaged(Kind.HR, "heart rate", ns(0, 1.5e9), np.ones(2), 5, Path("x"))
    assert fault.value.fault is Fault.IMPLAUSIBLE
