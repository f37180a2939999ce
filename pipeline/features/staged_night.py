"""What every family that counts stages asks of a night first: was enough scored, by whom, and what is hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.clock import EPOCH_S
from pipeline.features.family import Family, Filled, NightView, SleepWindow, State, Value
from pipeline.features.stage_grid import SOURCE_CODE, main_source
from pipeline.recording import Floats, Stage, StageSource
from pipeline.signals.cycles import asleep

MIN_SCORED = 0.5
"""Scored share of the window below which nothing is given; our choice."""
FULL_SCORED = 0.9
"""Scored share of the window below which the state is partial; our choice."""
MAX_UNSEEN_MIN = 5.0
"""Unscored time that may lie before an event that is said to be the first: the shortest REM period that counts (5 min)
could hide in more."""
EPOCH_MIN = EPOCH_S / 60.0
UNKNOWN = "less than half of the sleep window was scored, or the device does not tell these stages apart"
"""When the columns of these families are null, in words for their declarations."""


@dataclass(frozen=True, slots=True, eq=False)
class StagedNight:
    """The stages of a sleep window of which at least half was scored."""

    stage: Floats
    """`Stage` codes, shape (n,), NaN where nothing was scored."""
    scored: float
    """Scored share of the window, 0.5 … 1."""
    source: StageSource | None
    """Who scored most of it; None if that is not told."""
    start_hidden: bool
    """Whether the true start of the night was not seen."""
    limits: str | None
    """What keeps the numbers from standing for the whole night, in words; None if nothing does."""

    @property
    def told_apart(self) -> bool:
        """Whether the stages of sleep are told apart at all: false where a device says 'asleep' and no more."""
        return not np.any(self.stage == Stage.ASLEEP)

    @property
    def fine(self) -> bool:
        """Whether N1 and N2 are told apart: false where a device says 'light'."""
        return self.told_apart and not np.any(self.stage == Stage.LIGHT)

    @property
    def period(self) -> Floats:
        """The stages from sleep onset to final awakening, shape (m,); empty without sleep."""
        sleep = np.flatnonzero(asleep(self.stage))
        return self.stage[sleep[0] : sleep[-1] + 1] if len(sleep) else self.stage[:0]

    @property
    def tst_h(self) -> float:
        """Hours scored as any sleep."""
        return float(asleep(self.stage).sum()) * EPOCH_MIN / 60.0

    def filled(self, values: Mapping[str, Value]) -> Filled:
        """The values with the state, coverage and reason that this night gives them."""
        return Filled(values, self.scored, State.PARTIAL if self.limits else State.OK, self.limits)


def staged_night(family: Family[NightView], view: NightView) -> StagedNight | Filled:
    """The night's stages, or the family's nulls with the reason: no sleep window, or less than half of it scored."""
    window, grid = view.window, view.sleep_grid
    if window is None or grid is None or grid.n == 0:
        return family.too_little("no sleep window was found for this night", None)
    stage = grid["stage"]
    scored = float(np.isfinite(stage).mean())
    if scored < MIN_SCORED:
        return family.too_little(f"only {scored:.0%} of the sleep window was scored", scored)
    of = grid["stage_source"]
    return StagedNight(stage, scored, main_source(of), window.start_censored, _limits(scored, window, of))


def _limits(scored: float, window: SleepWindow, of: Floats) -> str | None:
    found = [f"only {scored:.0%} of the sleep window was scored"] if scored < FULL_SCORED else []
    if window.start_censored:
        found.append("the recording does not show when the night began")
    if window.end_censored:
        found.append("the recording does not show when the night ended")
    if main_source(of) is StageSource.CONSUMER:
        found.append("the stages are a consumer device's, not scored on EEG")
    elif np.any(of == SOURCE_CODE[StageSource.CONSUMER.value]):
        found.append("some of the stages are a consumer device's, not scored on EEG")
    if main_source(of) is StageSource.MODEL:
        found.append("the stages are a model's: where there is hardly any sleep it may see some")
    return "; ".join(found) or None
