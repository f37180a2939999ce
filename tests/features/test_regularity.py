"""Regularity: SRI by hand and at its limits, spread of sleep times, social jet lag."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.clock import EPOCH_NS, NS, midnight_ns, noon_ns, wall_to_utc
from pipeline.features.family import EpochGrid, ParticipantView, SleepWindow, State, WindowSource
from pipeline.features.regularity import FAMILY, sleep_regularity
from pipeline.recording import CountsScale
from pipeline.signals.sleep_wake import sleep_wake
from pipeline.signals.wear import wear_from_counts

ROME = "Europe/Rome"
FIRST = date(2024, 5, 6)  # a Monday


def days(n: int, start_h: float = 23.0, hours: float = 8.0, shifts: tuple[float, ...] = ()) -> np.ndarray:
    """Sleep (1) and wake (0) from noon on for n × 24 h; `shifts` moves the start of each sleep in hours."""
    out = np.zeros(n * 2880)
    for day in range(n):
        late = shifts[day] if day < len(shifts) else 0.0
        begin = round((start_h - 12.0 + late) * 120) + day * 2880
        out[begin : begin + round(hours * 120)] = 1
    return out


def view(
    sleep: np.ndarray, windows: dict[date, SleepWindow] | None = None, start_ns: int | None = None
) -> ParticipantView:
    start = noon_ns(FIRST, ROME) if start_ns is None else start_ns
    return ParticipantView(ROME, EpochGrid(start, len(sleep), {"acti_sleep": sleep}), windows or {})


def nights(
    starts_h: list[float], hours: float = 8.0, first: date = FIRST, censored: bool = False
) -> dict[date, SleepWindow]:
    """Windows that begin so many hours after local midnight of the night's date."""
    out = {}
    for k, start_h in enumerate(starts_h):
        night = first + timedelta(days=k)
        low = midnight_ns(night, ROME) + round(start_h * 120) * EPOCH_NS
        out[night] = SleepWindow(low, low + round(hours * 120) * EPOCH_NS, WindowSource.DIARY, censored, False)
    return out


def test_sri_of_a_perfectly_regular_and_a_reversed_and_a_random_sleeper() -> None:
    assert sleep_regularity(days(8)) == (100.0, 1.0)
    reversed_days = np.repeat(np.arange(8) % 2, 2880).astype(float)
    assert sleep_regularity(reversed_days)[0] == pytest.approx(-100.0)
    coin = np.random.default_rng(0).integers(0, 2, 30 * 2880).astype(float)
    assert sleep_regularity(coin)[0] == pytest.approx(0.0, abs=1.5)


def test_sri_by_hand() -> None:
    # One night of eight begins and ends 1.5 h late: 3 h differ in each of the two pairs that hold it, of 7 · 24 h.
    sri, share = sleep_regularity(days(8, shifts=(0, 0, 0, 1.5)))
    assert sri == pytest.approx(100 - 200 * 6 / (7 * 24))
    assert share == 1.0


def test_sri_does_not_count_unknown_pairs() -> None:
    sleep = days(10, shifts=(0, 0, 1.0))
    hole = sleep.copy()
    hole[4 * 2880 : 4 * 2880 + 1440] = np.nan
    sri, share = sleep_regularity(hole)
    assert share == pytest.approx((9 - 1) / 9)
    assert sri == pytest.approx(100 - 200 * 4 / (8 * 24))


def test_sri_needs_five_days_of_pairs_around_the_clock() -> None:
    assert np.isnan(sleep_regularity(days(6)[:-1])[0])
    assert sleep_regularity(days(6))[0] == 100.0
    nights_only = np.where(days(20) == 1, 1.0, np.nan)
    sri, share = sleep_regularity(nights_only)
    assert np.isnan(sri)
    assert share == pytest.approx(1 / 3)
    assert all(np.isnan(value) for value in sleep_regularity(days(1)))
    assert np.isnan(sleep_regularity(np.full(2880 * 8, np.nan))[0])
    assert all(np.isnan(value) for value in sleep_regularity(np.empty(0)))


def by_clock(first: date, last: date, bed_h: float, rise_h: float) -> tuple[np.ndarray, int]:
    """Sleep of a person regular by the clock of Rome between two noons around the spring change of 2024."""
    start, end = noon_ns(first, ROME), noon_ns(last, ROME)
    times = start + np.arange((end - start) // EPOCH_NS) * EPOCH_NS
    change = midnight_ns(date(2024, 3, 31), ROME) + 2 * 3600 * NS
    wall_h = (times / 3.6e12 + np.where(times < change, 1, 2)) % 24
    return ((wall_h >= bed_h) | (wall_h < rise_h)).astype(float), start


def test_sri_across_a_clock_change_is_that_of_elapsed_time() -> None:
    # Regular by the sun (UTC): still 100. Regular by the clock: bed and rise shift by 1 h of elapsed time once, so
    # that 2 h of one pair of days differ.
    steady = days(10)
    assert sleep_regularity(steady)[0] == 100.0
    sleep, start = by_clock(date(2024, 3, 26), date(2024, 4, 4), 23.0, 7.0)
    assert len(sleep) == 9 * 2880 - 120
    pairs = len(sleep) - 2880
    filled = FAMILY.compute(view(sleep, start_ns=start))
    assert filled.values["sri"] == pytest.approx(200 * (pairs - 240) / pairs - 100)
    assert filled.values["sri_pairs_share"] == 1.0


def test_spread_and_social_jetlag_by_hand() -> None:
    # Monday to Sunday, in bed 8 h from 23:00; Friday and Saturday 2 h later.
    windows = nights([23, 23, 23, 23, 25, 25, 23])
    filled = FAMILY.compute(view(np.full(7 * 2880, np.nan), windows))
    middle = np.array([3, 3, 3, 3, 5, 5, 3.0])
    assert filled.values["midpoint_sd_h"] == pytest.approx(middle.std(ddof=1))
    assert filled.values["social_jetlag_h"] == pytest.approx(2.0)
    assert filled.values["regularity_nights_n"] == 7
    assert filled.values["onset_sd_h"] is None
    assert filled.values["sri"] is None
    assert filled.state is State.PARTIAL


def test_times_around_midnight_and_noon_do_not_spread() -> None:
    around_midnight = nights([19.75, 20.25, 20.0, 19.9, 20.1])  # middles 23:45 … 00:15
    values = FAMILY.compute(view(np.full(7 * 2880, np.nan), around_midnight)).values
    assert values["midpoint_sd_h"] == pytest.approx(np.std([-0.25, 0.25, 0, -0.1, 0.1], ddof=1))
    day_sleeper = nights([31.5, 32.5, 32.0])  # middles about noon
    values = FAMILY.compute(view(np.full(7 * 2880, np.nan), day_sleeper)).values
    assert values["midpoint_sd_h"] == pytest.approx(0.5)


def test_times_are_local_across_a_clock_change() -> None:
    windows = {}
    for night in (date(2024, 3, 28) + timedelta(days=k) for k in range(6)):
        windows[night] = SleepWindow(
            midnight_ns(night + timedelta(days=1), ROME) - 3600 * NS,
            midnight_ns(night + timedelta(days=1), ROME)
            + 7 * 3600 * NS
            + (-3600 * NS if night == date(2024, 3, 30) else 0),
            WindowSource.DIARY,
        )
    values = FAMILY.compute(view(np.full(2880 * 6, np.nan), windows, noon_ns(date(2024, 3, 28), ROME))).values
    # 23:00 to 07:00 by the clock every night; the short night's middle is 03:30 on the clock, not 03:00.
    assert values["midpoint_sd_h"] == pytest.approx(np.std([3, 3, 3.5, 3, 3, 3], ddof=1))


def test_sleep_in_the_window_gives_onset_and_mid_sleep() -> None:
    shifts = (0.0, 0.5, 1.0, 0.0, 0.5, 1.0, 0.0)
    sleep = days(8, shifts=shifts)
    windows = nights([22.0] * 7, hours=11.0)
    values = FAMILY.compute(view(sleep, windows)).values
    assert values["onset_sd_h"] == pytest.approx(np.std(shifts, ddof=1))
    assert values["midpoint_sd_h"] == pytest.approx(np.std(shifts, ddof=1))


def test_censored_nights_are_left_out() -> None:
    windows = nights([23.0] * 4) | nights([27.0] * 2, first=FIRST + timedelta(days=4), censored=True)
    values = FAMILY.compute(view(days(8), windows)).values
    assert values["regularity_nights_n"] == 4
    assert values["midpoint_sd_h"] == pytest.approx(0.0)
    assert values["social_jetlag_h"] is None


def test_two_nights_are_too_few_and_nothing_is_insufficient() -> None:
    filled = FAMILY.compute(view(days(3), nights([23.0, 23.0])))
    assert filled.state is State.INSUFFICIENT
    assert filled.reason
    assert filled.values["midpoint_sd_h"] is None
    assert filled.values["regularity_nights_n"] == 2
    empty = FAMILY.compute(ParticipantView(ROME, EpochGrid(0, 0, {}), {}))
    assert empty.state is State.INSUFFICIENT
    assert set(empty.values) == {c.name for c in FAMILY.columns}


def test_a_hypnogram_alone_serves_where_it_runs_around_the_clock() -> None:
    stage = np.where(days(8) == 1, 2.0, 0.0)
    stage[100:110] = -2
    grid = EpochGrid(noon_ns(FIRST, ROME), len(stage), {"stage": stage})
    values = FAMILY.compute(ParticipantView(ROME, grid, {})).values
    assert values["sri"] == 100.0
    assert values["sri_pairs_share"] == pytest.approx(1 - 10 / (7 * 2880))


def test_a_regular_week_is_ok() -> None:
    filled = FAMILY.compute(view(days(10), nights([23.0] * 9)))
    assert filled.state is State.OK
    assert filled.values["sri"] == 100.0
    assert filled.values["midpoint_sd_h"] == pytest.approx(0.0)
    assert filled.values["social_jetlag_h"] == pytest.approx(0.0)
    assert filled.coverage == 1.0


@pytest.mark.realdata
@pytest.mark.parametrize("scale", [CountsScale.ACTIWATCH, CountsScale.UNKNOWN])
def test_depresjon_patients_are_less_regular(real_data: Path, scale: CountsScale) -> None:
    found: dict[str, list[float]] = {"condition": [], "control": []}
    for path in sorted((real_data / "depresjon").glob("*/*.csv")):
        frame = pl.read_csv(path, try_parse_dates=True)
        utc = wall_to_utc(frame["timestamp"].dt.epoch("ns").to_numpy(), "Europe/Oslo")
        minute = (utc - utc[0]) // (60 * NS)
        counts = np.full(int(minute[-1]) + 1, np.nan)
        counts[minute] = frame["activity"].to_numpy()
        worn = wear_from_counts(np.repeat(counts, 2), scale)[::2] != 0
        sri, _ = sleep_regularity(np.repeat(sleep_wake(np.where(worn, counts, np.nan), scale), 2))
        found[path.parent.name].append(sri)
    assert np.isfinite(found["condition"] + found["control"]).all()
    # All 55 people with Cole–Kripke: depressed 42.5 (SD 11.4), controls 55.9 (14.0).
    assert 32 < np.mean(found["condition"]) < 46
    assert 43 < np.mean(found["control"]) < 60
    assert np.mean(found["control"]) - np.mean(found["condition"]) > 5
