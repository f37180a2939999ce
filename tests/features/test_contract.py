"""What every family keeps, whatever it computes: declared is filled, too little is null with a reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, NS, noon_ns
from pipeline.features import DAY_FAMILIES, EPOCH_FAMILIES, FAMILIES, NIGHT_FAMILIES, PARTICIPANT_FAMILIES
from pipeline.features.day_load import baseline
from pipeline.features.epoch_level import EPOCHS
from pipeline.features.family import (
    DayView,
    EpochFamily,
    EpochGrid,
    Family,
    Filled,
    NightView,
    ParticipantView,
    RecordingView,
    SleepWindow,
    State,
    WindowSource,
)
from pipeline.recording import Kind, Recording, Signal, ZoneSource

NIGHT = date(2024, 3, 4)
START, END = noon_ns(NIGHT, "Europe/Rome"), noon_ns(date(2024, 3, 5), "Europe/Rome")
N = (END - START) // EPOCH_NS
SCALARS = [c.name for c in EPOCHS.columns if c.name not in {"participant", "start_utc"}]
UPPER = (*NIGHT_FAMILIES, *DAY_FAMILIES, *PARTICIPANT_FAMILIES)


def _fill(family: Family, grid: EpochGrid) -> Filled:  # type: ignore[type-arg]
    window = SleepWindow(START + 11 * 3600 * NS, START + 19 * 3600 * NS, WindowSource.DIARY)
    span = ParticipantView("Europe/Rome", grid, {NIGHT: window})
    if family in NIGHT_FAMILIES:
        return family.compute(NightView(NIGHT, "Europe/Rome", START, END, grid, window))
    if family in DAY_FAMILIES:
        return family.compute(DayView(NIGHT, "Europe/Rome", START, END, grid, None, window, baseline(span)))
    return family.compute(span)


def _one_epoch(family: Family) -> EpochGrid:  # type: ignore[type-arg]
    """A night in which what the family needs was measured for half a minute."""
    columns = {name: np.full(N, np.nan) for name in SCALARS}
    for name in family.needs:
        columns[name][N // 2] = 1.0
    return EpochGrid(START, int(N), columns)


@pytest.mark.parametrize("family", UPPER, ids=lambda f: f.name)
def test_half_a_minute_is_too_little_and_says_so(family: Family) -> None:  # type: ignore[type-arg]
    filled = _fill(family, _one_epoch(family))
    assert filled.values.keys() == {c.name for c in family.columns}
    assert filled.state in {State.INSUFFICIENT, State.NOT_MEASURED, State.PARTIAL}
    assert filled.reason
    assert filled.coverage is None or 0.0 <= filled.coverage <= 1.0
    for value in filled.values.values():
        assert value is None or not isinstance(value, float) or np.isfinite(value)


@pytest.mark.parametrize("family", UPPER, ids=lambda f: f.name)
def test_nothing_measured_is_null_and_not_measured(family: Family) -> None:  # type: ignore[type-arg]
    nothing = family.nothing("why")
    assert set(nothing.values.values()) == {None}
    assert nothing.values.keys() == {c.name for c in family.columns}
    assert (nothing.state, nothing.coverage, nothing.reason) == (State.NOT_MEASURED, None, "why")


@pytest.mark.parametrize("family", UPPER, ids=lambda f: f.name)
def test_needs_name_columns_of_the_grid(family: Family) -> None:  # type: ignore[type-arg]
    assert family.needs
    assert set(family.needs) <= set(SCALARS)


@pytest.mark.parametrize("family", EPOCH_FAMILIES, ids=lambda f: f.name)
def test_a_recording_of_gaps_gives_declared_columns_of_the_right_shape_without_a_number(family: EpochFamily) -> None:
    kinds = [k for k in family.needs if k not in {Kind.RR, Kind.STAGES, Kind.DIARY, Kind.MARKERS, Kind.SALIVA}]
    shape = {kind: (6000, 3) if kind is Kind.ACC else (6000,) for kind in kinds}
    signals = tuple(Signal(k, k.value, 10.0, START, np.full(shape[k], np.nan, np.float32)) for k in kinds)
    view = RecordingView(Recording("test", "Europe/Rome", ZoneSource.STUDY, signals), START, 20)
    columns = family.compute(view)
    assert columns.keys() == {c.name for c in family.columns}
    for name, values in columns.items():
        assert len(values) == 20
        known = values[np.isfinite(values)]
        # A share of valid samples may be 0: looked, and found none. Nothing else may be a number.
        assert not len(known) or (name.endswith("_valid") and not known.any()), name


def test_together_names_declared_columns_and_no_column_is_declared_twice() -> None:
    for family in EPOCH_FAMILIES:
        assert set(family.together) <= {c.name for c in family.columns}
    for families in (EPOCH_FAMILIES, NIGHT_FAMILIES, DAY_FAMILIES, PARTICIPANT_FAMILIES):
        names = [column.name for family in families for column in family.columns]
        assert len(names) == len(set(names))


def test_every_file_that_defines_a_family_is_listed(root: Path) -> None:
    files = [p for p in (root / "pipeline" / "features").glob("*.py") if "\nFAMILY" in p.read_text(encoding="utf-8")]
    assert len(files) == len(FAMILIES)
