"""The contract of a feature family: what it needs, what it fills, and the views of the data it is given.

Four levels, in the order in which data walk:

* EPOCH families turn one `Recording` into columns on the 30-s grid (UTC multiples of 30 s);
* NIGHT families see one night (noon to noon) of the participant's merged epochs, with its sleep window;
* DAY families see one local calendar day, with the nights on either side;
* PARTICIPANT families see the whole span.

Inside the views missing is NaN; what leaves is a number or None. A family never fills a column it has not declared
and fills every one that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS
from pipeline.dataset.table import Column
from pipeline.features.channel_night import ChannelNight
from pipeline.features.eeg_channel import CleanSignal, EegChannel, under_own_labels
from pipeline.features.model_staging import Staged, staged_by_model
from pipeline.features.stage_grid import by_trust, stage_codes
from pipeline.recording import Floats, Hypnogram, Int64, Kind, Recording, RestInterval, StageSource
from pipeline.signals.stagers.stager import staged

Value = float | int | str | bool | None


class Level(StrEnum):
    """How much time one row of a family stands on."""

    EPOCH = "epoch"
    NIGHT = "night"
    DAY = "day"
    PARTICIPANT = "participant"


class State(StrEnum):
    """How far a family's numbers can be used; the words that tables and pages show."""

    OK = "ok"
    PARTIAL = "partial"
    """Computed, but on less data than the family's own rule asks for."""
    INSUFFICIENT = "insufficient"
    """Measured, too little to compute: values are null."""
    NOT_MEASURED = "not measured"
    """Nothing of what the family needs was recorded: values are null."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a family computed for one night, day or participant."""

    values: Mapping[str, Value]
    coverage: float | None
    """Share of the time the family stands on that was validly measured, 0 … 1; None when not measured."""
    state: State
    reason: str | None = None
    """Why the state is not OK, in a user's words."""


@dataclass(frozen=True, slots=True, eq=False)
class EpochGrid:
    """Epoch columns on the 30-s grid, gapless from `start_ns`; NaN where nothing was measured.

    `stage` holds `Stage` codes as floats, NaN where there is no hypnogram (UNSCORED is NaN too; MOVEMENT is −2).
    """

    start_ns: int
    n: int
    columns: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        """A column of shape (n,); all NaN if no recording filled it."""
        found = self.columns.get(name)
        return np.full(self.n, np.nan) if found is None else found

    def has(self, name: str) -> bool:
        """Whether at least one epoch of the column was measured."""
        return name in self.columns and bool(np.isfinite(self.columns[name]).any())

    @property
    def times_ns(self) -> Int64:
        """The start of every epoch, UTC."""
        return self.start_ns + np.arange(self.n, dtype=np.int64) * EPOCH_NS

    def cut(self, start_ns: int, end_ns: int) -> EpochGrid:
        """The epochs that begin in [start, end); a view, padded with NaN where the grid does not reach."""
        first = -(-(start_ns - self.start_ns) // EPOCH_NS)
        last = -(-(end_ns - self.start_ns) // EPOCH_NS)
        low, high = max(first, 0), max(min(last, self.n), 0)
        out: dict[str, Floats] = {}
        for name, values in self.columns.items():
            part = values[low:high] if high > low else values[:0]
            if low - first or last - high:
                part = np.concatenate(
                    [
                        np.full(min(low - first, last - first), np.nan),
                        part,
                        np.full(max(last - max(high, low), 0), np.nan),
                    ]
                )[: last - first]
            out[name] = part
        return EpochGrid(self.start_ns + first * EPOCH_NS, max(last - first, 0), out)


class WindowSource(StrEnum):
    """What a night's sleep window rests on, in the order of trust."""

    HYPNOGRAM = "hypnogram"
    DIARY = "diary"
    ACTIGRAPHY = "actigraphy"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SleepWindow:
    """The main rest of a night, in bed … out of bed; censored where an edge or a hole hides the true time."""

    start_ns: int
    end_ns: int
    source: WindowSource
    start_censored: bool = False
    end_censored: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Scoring:
    """One scorer's stages of a night, as far as that scorer went."""

    who: str
    """The recording that brought it (first 12 hex digits of the export's sha256); for a model, the EEG it looked at."""
    source: StageSource
    stage: Floats
    """`Stage` codes on the night's epochs, shape (n,); NaN where this scorer scored nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class NightView:
    """One night of one participant, noon to noon; `grid` holds exactly its epochs (2760 … 3000 of them)."""

    night: date
    zone: str
    start_ns: int
    end_ns: int
    grid: EpochGrid
    window: SleepWindow | None
    rests: tuple[RestInterval, ...] = ()
    scorings: tuple[Scoring, ...] = ()
    """Every scoring of the night on EEG, the most trusted first; the grid's `stage` is made of them."""
    channels: tuple[ChannelNight, ...] = ()
    """Every EEG channel that reaches into the night; the first is the one that the night's columns stand on."""
    doubts: tuple[str, ...] = ()
    """What the look at that channel as a whole says against its slow waves, in words."""

    @property
    def sleep_channel(self) -> ChannelNight | None:
        """The first channel inside the sleep window; None when the night has no window or no EEG."""
        if self.window is None or not self.channels:
            return None
        return self.channels[0].cut(self.window.start_ns, self.window.end_ns)

    @property
    def cut_short(self) -> tuple[str, ...]:
        """That the sleep window does not show the whole night, in words; nothing where it does."""
        cut = self.window is not None and (self.window.start_censored or self.window.end_censored)
        return ("the recording does not show the whole night",) if cut else ()

    @property
    def sleep_stage(self) -> Floats | None:
        """Stage codes inside the sleep window; None when the night has none."""
        return None if self.sleep_grid is None else self.sleep_grid["stage"]

    @property
    def sleep_grid(self) -> EpochGrid | None:
        """The epochs inside the sleep window; None when the night has none."""
        return None if self.window is None else self.grid.cut(self.window.start_ns, self.window.end_ns)

    @property
    def sleep_scorings(self) -> tuple[Scoring, ...]:
        """The scorings inside the sleep window, on the epochs of `sleep_grid`; none without a window."""
        if self.window is None:
            return ()
        grid = EpochGrid(self.start_ns, self.grid.n, {str(i): one.stage for i, one in enumerate(self.scorings)})
        inside = grid.cut(self.window.start_ns, self.window.end_ns)
        return tuple(Scoring(one.who, one.source, inside[str(i)]) for i, one in enumerate(self.scorings))


@dataclass(frozen=True, slots=True, eq=False)
class DayView:
    """One local calendar day; `before` and `after` are the sleep windows that end and begin its waking time."""

    day: date
    zone: str
    start_ns: int
    end_ns: int
    grid: EpochGrid
    before: SleepWindow | None
    after: SleepWindow | None
    baseline: Mapping[str, Floats] = field(default_factory=dict)
    """What a day is held against: sums over all of the participant's days, from `pipeline.features.baseline`."""


@dataclass(frozen=True, slots=True, eq=False)
class ParticipantView:
    """The whole span of a participant and the windows of its nights."""

    zone: str
    grid: EpochGrid
    windows: Mapping[date, SleepWindow]


@dataclass(frozen=True, eq=False)
class RecordingView:
    """One recording and the grid on which an epoch family must answer."""

    recording: Recording
    start_ns: int
    n: int
    lent: Hypnogram | None = None
    """Stages of the same sleep from another export of the participant, for a recording that brings none."""

    @cached_property
    def clean(self) -> tuple[CleanSignal, ...]:
        """Every EEG signal, in the file's order, under labels of its own."""
        return tuple(CleanSignal(one) for one in under_own_labels(self.recording.of(Kind.EEG)))

    @cached_property
    def staged(self) -> Staged:
        """What the model says of the EEG, by grid epoch, or why it says nothing."""
        return staged_by_model(self.clean, self.start_ns, self.n, self.recording.zone)

    @property
    def edges_ns(self) -> Int64:
        """The n + 1 borders of the grid epochs."""
        return self.start_ns + np.arange(self.n + 1, dtype=np.int64) * EPOCH_NS

    @cached_property
    def stage(self) -> Floats:
        """The best stages known while the recording is looked at, shape (n,): its own, else lent, else the model's.

        As on the participant's grid, a stretch that one has settled is left to it.
        """
        told = [stage_codes(one, self.edges_ns) for one in (self.recording.hypnogram, self.lent) if one is not None]
        return by_trust([*told, staged(self.staged.density)])

    @cached_property
    def channels(self) -> tuple[EegChannel, ...]:
        """Every EEG channel, in the file's order: the first is the one that night features stand on."""
        return tuple(EegChannel(clean, self.start_ns, self.n, self.stage) for clean in self.clean)


View = TypeVar("View", NightView, DayView, ParticipantView)


@dataclass(frozen=True, slots=True)
class EpochFamily:
    """Columns on the 30-s grid from one recording. `compute` returns arrays of shape (n,), NaN where unmeasured.

    An array column (a spectrum) is declared as List and returned with shape (n, k).
    """

    name: str
    needs: frozenset[Kind]
    """Any one of these kinds in the recording makes the family run."""
    columns: tuple[Column, ...]
    compute: Callable[[RecordingView], Mapping[str, NDArray[np.floating]]]
    together: tuple[str, ...] = ()
    """Columns that only make sense from one source: where two recordings measure the same epoch, one of them gives
    all of these. Every other column is taken from the first recording that measured it."""


@dataclass(frozen=True, slots=True)
class Family(Generic[View]):
    """Named numbers for one night, day or participant, with a state and the coverage they stand on."""

    name: str
    level: Level
    needs: tuple[str, ...]
    """Epoch columns it reads; if none was measured the family is NOT_MEASURED and `compute` is not called."""
    columns: tuple[Column, ...]
    compute: Callable[[View], Filled]

    def nothing(self, reason: str) -> Filled:
        """Nulls in every column: the answer when nothing that the family needs was recorded."""
        return Filled({c.name: None for c in self.columns}, None, State.NOT_MEASURED, reason)

    def too_little(self, reason: str, coverage: float | None) -> Filled:
        """Nulls in every column: measured, but not enough."""
        return Filled({c.name: None for c in self.columns}, coverage, State.INSUFFICIENT, reason)
