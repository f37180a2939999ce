"""Nights from a line of text: `"W10 2 40"` is ten minutes of wake and forty of N2, two epochs a minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, noon_ns
from pipeline.features.family import EpochGrid, NightView, Scoring, SleepWindow, WindowSource
from pipeline.features.stage_grid import SOURCE_CODE
from pipeline.recording import StageSource

ROME = "Europe/Rome"
NIGHT = date(2024, 3, 12)
NOON, NEXT = noon_ns(NIGHT, ROME), noon_ns(NIGHT + timedelta(days=1), ROME)
N = 2880
FIRST = 1320
"""The epoch at 23:00, where windows begin."""
CODES = {"W": 0.0, "1": 1.0, "2": 2.0, "3": 3.0, "R": 4.0, "L": 5.0, "S": 6.0, "?": np.nan, "M": -2.0}


def stages(text: str) -> NDArray[np.float64]:
    """Stage codes of 30-s epochs."""
    parts = [np.full(round(2 * float(part[1:])), CODES[part[0]]) for part in text.split()]
    return np.concatenate(parts) if parts else np.empty(0)


def placed(stage: NDArray[np.float64]) -> NDArray[np.float64]:
    """The stages at 23:00 of an otherwise unscored night."""
    whole = np.full(N, np.nan)
    whole[FIRST : FIRST + len(stage)] = stage
    return whole


def night(
    text: str,
    source: StageSource | None = StageSource.EXPERT,
    *,
    begin: bool = False,
    end: bool = False,
    scorings: Sequence[tuple[StageSource, str]] = (),
) -> NightView:
    """A night whose window is the hypnogram of `text`, by `source`; further scorings begin with the window, too."""
    stage = stages(text)
    columns = {"stage": placed(stage)}
    if source is not None:
        columns["stage_source"] = np.where(np.isfinite(columns["stage"]), SOURCE_CODE[source.value], np.nan)
    low = NOON + FIRST * EPOCH_NS
    window = SleepWindow(low, low + len(stage) * EPOCH_NS, WindowSource.HYPNOGRAM, begin, end)
    held = tuple(Scoring(f"{i:012x}", by, placed(stages(said))) for i, (by, said) in enumerate(scorings))
    return NightView(NIGHT, ROME, NOON, NEXT, EpochGrid(NOON, N, columns), window, scorings=held)
