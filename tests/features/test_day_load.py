"""Heart rate by day beyond movement."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from pipeline.clock import EPOCH_NS, NS, midnight_ns, utc_to_wall
from pipeline.features.day_load import FAMILY, baseline
from pipeline.features.family import DayView, EpochGrid, Filled, ParticipantView, SleepWindow, State, WindowSource
from pipeline.recording import Floats

ZONE = "Europe/Rome"
FIRST = date(2024, 1, 10)
DAY = 2880
HOUR = 120
UP, BED = 7 * HOUR, 23 * HOUR
"""Epochs of the day at 07:00 and 23:00."""
Columns = dict[str, Floats]


def planted(days: int, extra_bpm: dict[int, float] | None = None, seed: int = 0) -> Columns:
    """Heart rate made of movement, its last five minutes, the clock, noise, and something extra on some days."""
    rng = np.random.default_rng(seed)
    minutes = days * DAY // 2
    counts = np.where(rng.random(minutes) < 0.4, 0.0, rng.gamma(0.8, 300.0, minutes))
    asleep = (np.arange(minutes) % 1440 < 7 * 60) | (np.arange(minutes) % 1440 >= 23 * 60)
    counts[asleep] = 0.0
    level = np.log1p(counts)
    before = np.concatenate([np.zeros(5), level])
    lagged = np.mean([before[k : k + minutes] for k in range(5)], axis=0)
    clock = np.arange(minutes) % 1440 / 1440 * 2 * np.pi
    hr = 62 + 2.0 * level + 1.5 * lagged - 3.0 * np.cos(clock) + rng.normal(0, 3, minutes)
    hr[asleep] = 55.0
    for day, bpm in (extra_bpm or {}).items():
        waking = ~asleep & (np.arange(minutes) // 1440 == day)
        hr[waking] += bpm
    return {"hr_bpm": np.repeat(hr, 2), "activity_cpm": np.repeat(counts, 2)}


def window_after(day: int) -> SleepWindow:
    start = midnight_ns(FIRST + timedelta(days=day), ZONE) + BED * EPOCH_NS
    return SleepWindow(start, start + 8 * 3600 * NS, WindowSource.DIARY)


def whole(columns: Columns, days: int, nights: range | None = None) -> ParticipantView:
    """The participant, with a sleep window for every night on either side of its days unless told otherwise."""
    windows = {FIRST + timedelta(days=k): window_after(k) for k in (range(-1, days) if nights is None else nights)}
    return ParticipantView(ZONE, EpochGrid(midnight_ns(FIRST, ZONE), days * DAY, columns), windows)


def day_of(view: ParticipantView, index: int, *, alone: bool = False) -> DayView:
    day = FIRST + timedelta(days=index)
    start, end = midnight_ns(day, ZONE), midnight_ns(day + timedelta(days=1), ZONE)
    before, after = view.windows.get(day - timedelta(days=1)), view.windows.get(day)
    sums = {} if alone else baseline(view)
    return DayView(day, ZONE, start, end, view.grid.cut(start, end), before, after, sums)


def filled(view: DayView) -> Filled:
    out = FAMILY.compute(view)
    assert set(out.values) == {c.name for c in FAMILY.columns}
    assert (out.state is State.OK) == (out.reason is None)
    return out


def test_a_day_of_extra_heart_rate_is_found_and_the_others_are_not() -> None:
    view = whole(planted(8, {3: 9.0}), 8)
    found = [filled(day_of(view, k)).values["additional_hr_bpm"] for k in range(8)]
    # The planted day lifts the prediction of the seven others by 9/7.
    assert found[3] == pytest.approx(9.0, abs=0.5)
    assert [found[k] for k in range(8) if k != 3] == pytest.approx([-9.0 / 7] * 7, abs=0.5)


def test_leaving_a_day_out_equals_a_regression_on_the_other_days() -> None:
    columns = planted(5, {1: 4.0})
    days = 5
    hr, counts = columns["hr_bpm"][::2].reshape(days, 1440), columns["activity_cpm"][::2].reshape(days, 1440)
    rows = np.arange(7 * 60, 23 * 60)
    level = np.log1p(counts)
    clock = 2 * np.pi * rows / 1440
    blocks = [
        np.column_stack(
            [
                np.ones(len(rows)),
                level[d, rows],
                level[d, rows - 1],
                np.mean([level[d, rows - lag] for lag in range(1, 6)], axis=0),
                np.cos(clock),
                np.sin(clock),
            ]
        )
        for d in range(days)
    ]
    others = [d for d in range(days) if d != 1]
    slopes, *_ = np.linalg.lstsq(
        np.concatenate([blocks[d] for d in others]), np.concatenate([hr[d, rows] for d in others]), rcond=None
    )
    out = filled(day_of(whole(columns, days), 1))
    assert out.values["additional_hr_bpm"] == pytest.approx(np.mean(hr[1, rows] - blocks[1] @ slopes), abs=1e-9)
    assert out.values["additional_hr_minutes_n"] == 16 * 60
    assert out.values["additional_hr_days_n"] == 4


def test_an_active_day_is_no_stressful_day() -> None:
    # Twice the movement on one day: its heart rate is higher, its additional heart rate is not.
    calm = planted(6)
    busy = planted(6, seed=5)
    minutes = np.arange(6 * DAY) // DAY == 2
    counts = np.where(minutes, busy["activity_cpm"] * 3, calm["activity_cpm"])[::2]
    level = np.log1p(counts)
    before = np.concatenate([np.zeros(5), level])
    lagged = np.mean([before[k : k + len(level)] for k in range(5)], axis=0)
    noise = np.random.default_rng(9).normal(0, 3, len(level))
    hr = 62 + 2.0 * level + 1.5 * lagged + noise
    view = whole({"hr_bpm": np.repeat(hr, 2), "activity_cpm": np.repeat(counts, 2)}, 6)
    loads = [filled(day_of(view, k)).values for k in range(6)]
    raw = [float(v["waking_hr_bpm"] or 0) for v in loads]
    assert raw[2] > max(raw[k] for k in range(6) if k != 2) + 1.0
    assert loads[2]["additional_hr_bpm"] == pytest.approx(0.0, abs=0.5)


def test_wearing_it_only_in_the_evening_makes_no_load() -> None:
    columns = planted(6)
    columns["hr_bpm"][2 * DAY : 2 * DAY + 18 * HOUR] = np.nan
    out = filled(day_of(whole(columns, 6), 2))
    assert out.values["additional_hr_bpm"] == pytest.approx(0.0, abs=0.7)
    assert out.coverage == pytest.approx(5 / 16)


def test_a_constant_added_to_heart_rate_changes_no_days_load() -> None:
    columns = planted(5, {2: 5.0})
    here = filled(day_of(whole(columns, 5), 2)).values["additional_hr_bpm"]
    there = filled(day_of(whole(columns | {"hr_bpm": columns["hr_bpm"] + 20}, 5), 2)).values["additional_hr_bpm"]
    assert here == pytest.approx(there, abs=1e-8)


def test_a_day_by_hand() -> None:
    view = whole(planted(4), 4)
    out = filled(day_of(view, 1))
    grid = day_of(view, 1).grid
    assert out.state is State.OK
    assert out.coverage == 1.0
    assert (out.values["waking_h"], out.values["waking_hr_h"]) == (16.0, 16.0)
    assert out.values["waking_hr_bpm"] == pytest.approx(grid["hr_bpm"][UP:BED].mean())
    assert out.values["activity_mean_cpm"] == pytest.approx(grid["activity_cpm"][UP:BED].mean())
    assert out.values["activity_waking_share"] == 1.0
    # 40 % of the waking minutes are at 0 counts, so that the lowest quarter are all of these.
    still = grid["activity_cpm"][UP:BED] == 0
    assert out.values["quiet_hr_rise_bpm"] == pytest.approx(grid["hr_bpm"][UP:BED][still].mean() - 55.0)
    assert (out.values["movement_measure"], out.values["day_stream"]) == ("activity_cpm", "heart")
    assert out.values["waking_lnrmssd"] is None


def test_waking_rmssd_is_that_of_waking_windows() -> None:
    columns = planted(4)
    asleep = np.tile((np.arange(DAY) < UP) | (np.arange(DAY) >= BED), 4)
    rmssd = np.where(asleep, 80.0, 25.0)
    columns |= {"rr_n": np.full(4 * DAY, 35.0), "rr_s": np.full(4 * DAY, 29.0), "rr_pairs_n": np.full(4 * DAY, 34.0)}
    columns["rr_ssd_ms2"] = 34 * rmssd**2
    assert filled(day_of(whole(columns, 4), 1)).values["waking_lnrmssd"] == pytest.approx(np.log(25.0))


def test_without_movement_there_is_no_additional_heart_rate() -> None:
    columns = {"hr_bpm": planted(5)["hr_bpm"]}
    assert baseline(whole(columns, 5)) == {}
    out = filled(day_of(whole(columns, 5), 2))
    assert out.state is State.PARTIAL
    assert "movement" in str(out.reason)
    assert out.values["additional_hr_bpm"] is None
    assert out.values["quiet_hr_rise_bpm"] is None
    assert out.values["movement_measure"] is None
    assert out.values["waking_hr_bpm"] is not None


def test_three_other_days_are_needed() -> None:
    assert filled(day_of(whole(planted(4), 4), 0)).values["additional_hr_bpm"] is not None
    out = filled(day_of(whole(planted(3), 3), 0))
    assert out.state is State.PARTIAL
    assert (out.values["additional_hr_bpm"], out.values["additional_hr_days_n"]) == (None, 2)
    assert filled(day_of(whole(planted(4), 4), 0, alone=True)).values["additional_hr_bpm"] is None


def test_days_of_less_than_two_hours_do_not_enter_the_regression() -> None:
    columns = planted(5)
    columns["activity_cpm"][DAY + UP + 238 : 2 * DAY] = np.nan  # 119 minutes of the second day
    assert baseline(whole(columns, 5))["load_days"].tolist() == [FIRST.toordinal() + k for k in (0, 2, 3, 4)]


def test_movement_that_never_varies_predicts_nothing() -> None:
    columns = planted(5)
    columns["activity_cpm"][:] = 0.0
    out = filled(day_of(whole(columns, 5), 2))
    assert out.values["additional_hr_bpm"] is None
    assert "hardly varied" in str(out.reason)


def test_no_lag_reaches_across_minutes_without_movement() -> None:
    columns = planted(4)
    hole = DAY + UP + 4 * HOUR
    columns["activity_cpm"][hole : hole + 20] = np.nan  # 10 minutes
    out = filled(day_of(whole(columns, 4), 1))
    assert out.values["additional_hr_minutes_n"] == 16 * 60 - 10 - 5


def test_a_side_without_a_sleep_window_needs_actigraphy_to_be_waking() -> None:
    columns = planted(5)
    morning = filled(day_of(whole(columns, 5, range(2, 5)), 2))  # the night before day 2 is unknown
    assert morning.values["waking_h"] == pytest.approx(11.0)  # noon to 23:00
    neither = filled(day_of(whole(columns, 5, range(0)), 2))
    assert neither.state is State.INSUFFICIENT
    assert neither.coverage is None
    columns["acti_sleep"] = np.tile(np.where(np.arange(DAY) < UP, 1.0, 0.0), 5)
    scored = filled(day_of(whole(columns, 5, range(2, 5)), 2))
    assert scored.values["waking_h"] == pytest.approx(16.0)


def test_naps_and_an_unworn_device_are_not_waking() -> None:
    columns = planted(5)
    columns["stage"] = np.full(5 * DAY, np.nan)
    columns["stage"][2 * DAY + 14 * HOUR : 2 * DAY + 15 * HOUR] = 2.0
    columns["wear"] = np.ones(5 * DAY)
    columns["wear"][2 * DAY + 16 * HOUR : 2 * DAY + 18 * HOUR] = 0.0
    assert filled(day_of(whole(columns, 5), 2)).values["waking_h"] == pytest.approx(13.0)


def test_the_devices_heart_rate_stands_in_for_lost_beats() -> None:
    columns = planted(5)
    hr = columns["hr_bpm"]
    lost = np.where(np.arange(5 * DAY) % 40 < 20, np.nan, hr)
    out = filled(day_of(whole(columns | {"hr_bpm": lost, "device_hr_bpm": hr}, 5), 2))
    assert out.coverage == 1.0
    assert out.values["waking_hr_bpm"] == pytest.approx(hr[2 * DAY + UP : 2 * DAY + BED].mean())


def test_the_better_measured_movement_is_used_for_every_day() -> None:
    columns = planted(5)
    columns["mad_mg"] = columns["activity_cpm"] / 10
    columns["activity_cpm"] = columns["activity_cpm"].copy()
    columns["activity_cpm"][: 4 * DAY] = np.nan
    view = whole(columns, 5)
    assert baseline(view)["load_measure"].tolist() == [1.0]
    assert filled(day_of(view, 4)).values["movement_measure"] == "mad_mg"


def test_all_missing_one_epoch_and_a_day_asleep() -> None:
    empty = whole({}, 2)
    assert baseline(empty) == {}
    out = filled(day_of(empty, 0))
    assert out.state is State.INSUFFICIENT
    assert out.coverage == 0.0
    one = planted(2)
    one["hr_bpm"][np.arange(2 * DAY) != UP] = np.nan
    assert filled(day_of(whole(one, 2), 0)).state is State.INSUFFICIENT
    view = whole(planted(1), 1)
    start = midnight_ns(FIRST, ZONE)
    night = SleepWindow(start, start + DAY * EPOCH_NS, WindowSource.DIARY)
    asleep = DayView(FIRST, ZONE, start, start + DAY * EPOCH_NS, view.grid, night, night)
    assert filled(asleep).state is State.INSUFFICIENT


def test_the_time_of_day_is_that_of_the_wall_clock() -> None:
    # Heart rate follows the local clock; half of the days lie before the change to summer time, half after.
    first, last = date(2024, 3, 28), date(2024, 4, 4)
    start, end = midnight_ns(first, ZONE), midnight_ns(last, ZONE)
    grid = EpochGrid(start, (end - start) // EPOCH_NS, {})
    clock = utc_to_wall(grid.times_ns, ZONE) % (24 * 3600 * NS) / (24 * 3600 * NS)
    counts = np.random.default_rng(0).gamma(0.8, 300.0, grid.n)
    columns = {"hr_bpm": 80 + 20 * np.sin(2 * np.pi * clock), "activity_cpm": counts}
    windows = {}
    for k in range(-1, 7):
        bed, up = (midnight_ns(first + timedelta(days=k + j), ZONE) for j in (1, 2))
        windows[first + timedelta(days=k)] = SleepWindow(bed, bed + (up - bed) // 2, WindowSource.DIARY)
    view = ParticipantView(ZONE, EpochGrid(start, grid.n, columns), windows)
    sums = baseline(view)
    for k in range(7):
        day = first + timedelta(days=k)
        low, high = midnight_ns(day, ZONE), midnight_ns(day + timedelta(days=1), ZONE)
        before, after = windows[day - timedelta(days=1)], windows[day]
        out = filled(DayView(day, ZONE, low, high, view.grid.cut(low, high), before, after, sums))
        assert out.values["additional_hr_bpm"] == pytest.approx(0.0, abs=1e-6)


def test_half_a_waking_minute_is_not_a_waking_minute() -> None:
    columns = planted(5)
    columns["stage"] = np.full(5 * DAY, np.nan)
    columns["stage"][2 * DAY + 12 * HOUR] = 2.0
    assert filled(day_of(whole(columns, 5), 2)).values["waking_h"] == pytest.approx(16.0 - 1 / 60)


def test_the_day_on_which_the_clocks_change_has_23_hours() -> None:
    day = date(2024, 3, 31)
    start, end = midnight_ns(day, ZONE), midnight_ns(day + timedelta(days=1), ZONE)
    n = (end - start) // EPOCH_NS
    assert n == 23 * HOUR
    columns = {"hr_bpm": np.full(n, 70.0), "activity_cpm": np.full(n, 10.0)}
    before = SleepWindow(start - 3600 * NS, start + 6 * 3600 * NS, WindowSource.DIARY)
    after = SleepWindow(end - 3600 * NS, end + 6 * 3600 * NS, WindowSource.DIARY)
    out = filled(DayView(day, ZONE, start, end, EpochGrid(start, n, columns), before, after))
    assert out.values["waking_h"] == pytest.approx(16.0)
