"""Which sleep window a night gets, and from what."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, NS, noon_ns
from pipeline.features.family import EpochGrid, SleepWindow, WindowSource
from pipeline.features.windows import sleep_window
from pipeline.recording import RestInterval

ROME = "Europe/Rome"
NIGHT = date(2024, 3, 12)
NOON, NEXT_NOON = noon_ns(NIGHT, ROME), noon_ns(NIGHT + timedelta(days=1), ROME)
MIN = 60 * NS


def at(minutes: float) -> int:
    """The instant so many minutes after the noon."""
    return NOON + round(minutes * MIN)


def column(*parts: tuple[float, float, float]) -> np.ndarray:
    """A night of NaN with values laid in: (from minute, to minute, value)."""
    out = np.full(2880, np.nan)
    for low, high, value in parts:
        out[round(2 * low) : round(2 * high)] = value
    return out


def window(rests: tuple[RestInterval, ...] = (), **columns: np.ndarray) -> SleepWindow | None:
    return sleep_window(NOON, NEXT_NOON, EpochGrid(NOON, 2880, columns), rests)


def diary(low: float, high: float) -> RestInterval:
    return RestInterval(at(low), at(high), None, "diary")


HYPNOGRAM = column((600, 1080, 2), (600, 620, 0), (1070, 1080, 0))


def test_hypnogram_gives_lights_out_to_lights_on() -> None:
    assert window(stage=HYPNOGRAM) == SleepWindow(at(600), at(1080), WindowSource.HYPNOGRAM)


def test_order_of_trust() -> None:
    wrist = column((0, 1440, 0), (630, 1060, 1))
    rests = (diary(590, 1090),)
    assert window(rests, stage=HYPNOGRAM, acti_sleep=wrist).source is WindowSource.HYPNOGRAM  # type: ignore[union-attr]
    assert window(rests, acti_sleep=wrist) == SleepWindow(at(590), at(1090), WindowSource.DIARY)
    assert window(acti_sleep=wrist) == SleepWindow(at(630), at(1060), WindowSource.ACTIGRAPHY)
    assert window() is None
    assert window(acti_sleep=column((0, 1440, 0))) is None


def test_day_long_hypnogram_is_cropped_to_half_an_hour() -> None:
    stage = column((0, 1440, 0), (680, 1100, 2))
    assert window(stage=stage) == SleepWindow(at(650), at(1130), WindowSource.HYPNOGRAM)
    insomnia = column((600, 1100, 0), (715, 1050, 2))  # two hours awake in bed stay
    assert window(stage=insomnia) == SleepWindow(at(600), at(1100), WindowSource.HYPNOGRAM)


def test_the_longest_stretch_with_sleep_wins_and_unscored_minutes_do_not_part_it() -> None:
    stage = column((60, 150, 0), (100, 140, 2), (600, 900, 2), (600, 610, 0), (955, 1100, 2), (1090, 1100, 0))
    assert window(stage=stage) == SleepWindow(at(600), at(1100), WindowSource.HYPNOGRAM)
    parted = column((600, 800, 2), (600, 610, 0), (860, 1100, 2), (860, 861, 0), (1090, 1100, 0))
    assert window(stage=parted) == SleepWindow(at(860), at(1100), WindowSource.HYPNOGRAM)


def test_a_wakeful_day_stretch_does_not_beat_the_night() -> None:
    stage = column((0, 500, 0), (600, 1000, 2), (600, 605, 0), (990, 1000, 0))
    assert window(stage=stage) == SleepWindow(at(600), at(1000), WindowSource.HYPNOGRAM)


def test_all_wake_hypnogram_is_a_window_only_where_nothing_else_is_known() -> None:
    stage = column((600, 1080, 0))
    assert window(stage=stage) == SleepWindow(at(600), at(1080), WindowSource.HYPNOGRAM)
    assert window((diary(590, 1085),), stage=stage).source is WindowSource.DIARY  # type: ignore[union-attr]
    assert window(stage=column((600, 650, 0))) is None


@pytest.mark.parametrize(
    ("parts", "rests", "start_censored", "end_censored"),
    [
        (((600, 1080, 2),), (), True, False),  # begins in sleep: onset not seen; 8 h that end in sleep: woken
        (((600, 800, 2), (600, 610, 0)), (), False, True),  # three hours that end in sleep: cut off
        (((600, 800, 2), (600, 610, 0)), (diary(600, 805),), False, False),  # the device says so itself
        (((600, 1080, 2),), (diary(590, 1090),), False, False),
        (((600, 800, 2),), (diary(540, 870),), True, True),  # an hour apart confirms nothing
    ],
)
def test_a_hypnogram_cut_off_in_sleep_is_censored(
    parts: tuple[tuple[float, float, float], ...],
    rests: tuple[RestInterval, ...],
    start_censored: bool,
    end_censored: bool,
) -> None:
    found = window(rests, stage=column(*parts))
    assert found is not None
    assert found.source is WindowSource.HYPNOGRAM
    assert (found.start_censored, found.end_censored) == (start_censored, end_censored)


def test_a_headband_that_fell_off_does_not_shorten_the_night() -> None:
    lost = column((600, 700, 2), (600, 610, 0))
    assert window((diary(595, 1085),), stage=lost).source is WindowSource.DIARY  # type: ignore[union-attr]
    wrist = column((0, 1440, 0), (620, 1080, 1))
    assert window(stage=lost, acti_sleep=wrist).source is WindowSource.ACTIGRAPHY  # type: ignore[union-attr]
    nap = column((120, 200, 2), (120, 125, 0), (195, 200, 0))
    assert window(stage=nap, acti_sleep=wrist).source is WindowSource.ACTIGRAPHY  # type: ignore[union-attr]


def test_split_sleep_in_two_diary_rows_is_one_window() -> None:
    # In bed 00:46–03:31 and 03:57–07:30.
    rests = (diary(957, 1170), diary(766, 931))
    assert window(rests) == SleepWindow(at(766), at(1170), WindowSource.DIARY)
    apart = (diary(600, 780), diary(900, 1140))
    assert window(apart) == SleepWindow(at(900), at(1140), WindowSource.DIARY)


def test_diary_is_snapped_outward_to_the_grid_and_kept_within_the_night() -> None:
    found = window((RestInterval(at(600) + 7 * NS, at(1000) + NS, None, "diary"),))
    assert found == SleepWindow(at(600), at(1000) + EPOCH_NS, WindowSource.DIARY)
    late = window((diary(1200, 1700),))
    assert late == SleepWindow(at(1200), NEXT_NOON, WindowSource.DIARY, False, True)
    assert window((diary(-500, -100), diary(1500, 1900))) is None


def test_a_nap_in_the_diary_is_not_the_night() -> None:
    assert window((diary(120, 200),)) is None
    wrist = column((0, 1440, 0), (630, 1060, 1))
    assert window((diary(120, 200),), acti_sleep=wrist).source is WindowSource.ACTIGRAPHY  # type: ignore[union-attr]


def test_movement_at_the_edge_of_the_recording_is_censored() -> None:
    found = window(acti_sleep=column((0, 630, 0), (630, 900, 1)))
    assert found == SleepWindow(at(630), at(900), WindowSource.ACTIGRAPHY, False, True)


def test_a_grid_that_reaches_beyond_the_night_gives_the_same_window() -> None:
    stage = np.concatenate([np.full(2880, 0.0), HYPNOGRAM, np.full(100, 0.0)])
    grid = EpochGrid(NOON - 2880 * EPOCH_NS, len(stage), {"stage": stage})
    assert sleep_window(NOON, NEXT_NOON, grid, ()) == window(stage=HYPNOGRAM)


def test_a_night_of_25_hours() -> None:
    night = date(2024, 10, 26)
    start, end = noon_ns(night, ROME), noon_ns(night + timedelta(days=1), ROME)
    assert (end - start) // EPOCH_NS == 3000
    wrist = np.zeros(3000)
    wrist[1320:2460] = 1  # 23:00 summer time to 07:30 winter time: 9.5 h
    found = sleep_window(start, end, EpochGrid(start, 3000, {"acti_sleep": wrist}), ())
    assert found is not None
    assert (found.end_ns - found.start_ns) / 3.6e12 == 9.5


EXPERT, MODEL = 0.0, 3.0
"""Ranks of trust, as a grid holds them."""


def test_an_experts_night_is_not_made_longer_by_what_a_model_says_around_it() -> None:
    # Electrodes on at 570, lights out 600, lights on 1080, electrodes off 1100; the model staged what the expert left.
    stage = np.where(np.isfinite(HYPNOGRAM), HYPNOGRAM, column((570, 1100, 0), (575, 577, 1)))
    source = np.where(np.isfinite(HYPNOGRAM), EXPERT, np.where(np.isfinite(stage), MODEL, np.nan))
    told = SleepWindow(at(600), at(1080), WindowSource.HYPNOGRAM)
    assert window(stage=stage, stage_source=source) == window(stage=HYPNOGRAM) == told
    # By one hand all of it is one night.
    assert window(stage=stage, stage_source=np.where(np.isfinite(stage), MODEL, np.nan)) == SleepWindow(
        at(570), at(1100), WindowSource.HYPNOGRAM
    )


def test_an_expert_who_stopped_early_does_not_end_the_night() -> None:
    whole = column((600, 1080, 2), (600, 620, 0), (1070, 1080, 0))
    source = column((600, 1080, MODEL), (600, 800, EXPERT))  # three of seven and a half hours asleep
    assert window(stage=whole, stage_source=source) == SleepWindow(at(600), at(1080), WindowSource.HYPNOGRAM)
