"""Off the wrist from counts and from raw acceleration."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.signals.activity import acc_windows
from pipeline.signals.wear import wear_from_acc, wear_from_counts

START = 1_700_000_010 * NS


def days_of_counts(days: int, seed: int = 0) -> np.ndarray:
    """Counts per minute in 30-s epochs: 16 h of activity and 8 h of sleep with a twitch every 20 min."""
    rng = np.random.default_rng(seed)
    minute = np.arange(days * 1440)
    asleep = minute % 1440 < 480
    counts = np.where(asleep, np.where(minute % 20 == 0, 15, 0), np.rint(rng.gamma(0.9, 350, len(minute))) + 1)
    return np.repeat(counts.astype(float), 2)


def test_sleep_is_worn_and_a_long_zero_run_is_not() -> None:
    cpm = days_of_counts(3)
    assert (wear_from_counts(cpm) == 1).all()
    cpm[2000:2400] = 0.0  # 200 min by day
    wear = wear_from_counts(cpm)
    assert (wear[2000:2400] == 0).all()
    assert (wear[:2000] == 1).all()
    assert (wear[2400:] == 1).all()


@pytest.mark.parametrize(("minutes", "worn"), [(179, 1.0), (180, 0.0)])
def test_the_limit_is_180_minutes(minutes: int, worn: float) -> None:
    cpm = days_of_counts(2)
    cpm[1500 : 1500 + 2 * minutes] = 0.0
    assert (wear_from_counts(cpm)[1500 : 1500 + 2 * minutes] == worn).all()


def test_missing_inside_an_idle_run_neither_ends_nor_lengthens_it() -> None:
    cpm = days_of_counts(2)
    cpm[1500:1900] = 0.0
    cpm[1700:1720] = np.nan  # 190 min of zeros are left
    wear = wear_from_counts(cpm)
    assert np.isnan(wear[1700:1720]).all()
    assert (wear[1500:1700] == 0).all()
    assert (wear[1720:1900] == 0).all()
    cpm[1700:1760] = np.nan  # 170 min are left
    assert (wear_from_counts(cpm)[1500:1700] == 1).all()


def test_two_short_idle_runs_on_both_sides_of_days_of_missing_are_not_one() -> None:
    cpm = days_of_counts(4)
    cpm[1300:9000] = np.nan
    cpm[1100:1300] = 0.0
    cpm[9000:9200] = 0.0
    wear = wear_from_counts(cpm)
    assert (wear[1100:1300] == 1).all()
    assert (wear[9000:9200] == 1).all()


def test_a_watch_that_idles_above_zero_is_seen() -> None:
    # Actiwatch 4 recordings of weeks at 3 … 7 counts a minute on a table.
    cpm = days_of_counts(4)
    cpm[4000:5500] = 3.0
    cpm[4500:4510] = 5.0
    wear = wear_from_counts(cpm)
    assert (wear[4000:5500] == 0).all()
    assert (wear[:4000] == 1).all()
    assert (wear[5500:] == 1).all()


def test_a_stuck_count_is_not_worn_and_an_even_hour_of_rest_is() -> None:
    cpm = days_of_counts(3)
    cpm[2000 : 2000 + 120] = 237.0
    wear = wear_from_counts(cpm)
    assert (wear[2000:2120] == 0).all()
    cpm = days_of_counts(3)
    cpm[2000 : 2000 + 118] = 237.0
    assert (wear_from_counts(cpm) == 1).all()


def test_gain_does_not_matter() -> None:
    cpm = days_of_counts(3)
    cpm[2000:2600] = 0.0
    np.testing.assert_array_equal(wear_from_counts(cpm), wear_from_counts(cpm * 7.3))


def test_all_missing_all_zero_and_none() -> None:
    assert np.isnan(wear_from_counts(np.full(100, np.nan))).all()
    assert (wear_from_counts(np.zeros(2880)) == 0).all()
    assert (wear_from_counts(np.zeros(100)) == 1).all()
    assert wear_from_counts(np.empty(0)).shape == (0,)
    assert wear_from_counts(np.array([5.0])) == [1.0]


def worn_acc(hours: float, fs_hz: float = 10.0, sd_g: float = 0.1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    acc = rng.normal(0, sd_g, (round(hours * 3600 * fs_hz), 3)) + np.array([0, 0, 1])
    return acc.astype(np.float32)


def test_a_still_accelerometer_is_off_and_a_moving_one_is_on() -> None:
    acc = worn_acc(6)
    acc[20 * 3600 : 40 * 3600] = worn_acc(2, sd_g=0.002)  # hours 2 … 4 lie on a table
    wear = wear_from_acc(acc_windows(acc, 10.0, START, START, 720))
    np.testing.assert_array_equal(wear, np.repeat([1.0, 0.0, 1.0], 240))


def test_less_than_an_hour_of_stillness_is_worn() -> None:
    acc = worn_acc(4)
    acc[36_000 : 36_000 + 59 * 600] = worn_acc(1, sd_g=0.002)[: 59 * 600]
    assert (wear_from_acc(acc_windows(acc, 10.0, START, START, 480)) == 1).all()


def test_a_hand_at_rest_that_turns_once_is_worn() -> None:
    acc = worn_acc(1.5, sd_g=0.002)
    still = wear_from_acc(acc_windows(acc, 10.0, START, START, 180))
    assert (still == 0).all()
    acc[27_000:] = acc[27_000:][:, [2, 1, 0]]
    turned = wear_from_acc(acc_windows(acc, 10.0, START, START, 180))
    assert (turned == 1).all()


def test_slow_sway_within_the_range_is_worn_by_its_spread() -> None:
    # ± 20 mg by turns of 10 min: nothing within 5 s, a range of 40 mg, a spread of 20 mg over the hour.
    acc = worn_acc(2, sd_g=0.0001)
    sway = np.where(np.arange(len(acc)) // 6000 % 2 == 0, 0.02, -0.02).astype(np.float32)
    acc[:, :2] += sway[:, None]
    assert (wear_from_acc(acc_windows(acc, 10.0, START, START, 240)) == 1).all()
    acc[:, :2] -= np.float32(0.5) * sway[:, None]
    assert (wear_from_acc(acc_windows(acc, 10.0, START, START, 240)) == 0).all()


def test_one_moving_axis_does_not_make_it_worn_and_two_do() -> None:
    acc = worn_acc(2, sd_g=0.002)
    swing = (0.05 * np.sin(np.arange(len(acc)) / 5)).astype(np.float32)
    acc[:, 0] += swing
    assert (wear_from_acc(acc_windows(acc, 10.0, START, START, 240)) == 0).all()
    acc[:, 1] += swing
    assert (wear_from_acc(acc_windows(acc, 10.0, START, START, 240)) == 1).all()


def test_short_or_missing_acceleration_cannot_be_judged() -> None:
    short = wear_from_acc(acc_windows(worn_acc(0.4), 10.0, START, START, 48))
    assert np.isnan(short).all()
    enough = wear_from_acc(acc_windows(worn_acc(0.6), 10.0, START, START, 72))
    assert (enough == 1).all()
    gone = np.full((36_000, 3), np.nan, np.float32)
    assert np.isnan(wear_from_acc(acc_windows(gone, 10.0, START, START, 120))).all()
    acc = worn_acc(4)
    acc[36_000:45_000] = np.nan
    wear = wear_from_acc(acc_windows(acc, 10.0, START, START, 480))
    assert np.isnan(wear[120:150]).all()
    assert (wear[:120] == 1).all()
    assert (wear[150:] == 1).all()
