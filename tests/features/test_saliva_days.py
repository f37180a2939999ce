"""Saliva days: times, flags, the awakening response and the decline, by hand and against published exports."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from pipeline.clock import to_ns
from pipeline.dataset.tables import SALIVA
from pipeline.features.saliva import final_awakenings, saliva_days
from pipeline.features.saliva_curve import MEASURES
from pipeline.features.saliva_summary import COLUMNS, saliva_summary

ZONE = "Europe/Berlin"
WOKE = datetime(2024, 5, 6, 5, 0, tzinfo=UTC)  # 07:00 local
DAY = ((0, 8.0), (15, 10.0), (30, 14.0), (45, 12.0), (300, 6.0), (600, 4.0), (900, 1.0))
Given = dict[str, Any]


def sample(minute: float, value: float, woke: datetime | None = WOKE, **other: Any) -> Given:
    told = other.pop("told", True)
    return {
        "participant": "p1",
        "recording": "r1",
        "series": "",
        "occasion": f"{minute:+g}",
        "time_utc": None if woke is None else woke + timedelta(minutes=minute),
        "after_waking_min": float(minute) if told else None,
        "analyte": "cortisol",
        "value": value,
        "unit": "nmol/L",
        "flag": "",
    } | other


def samples(pairs: tuple[tuple[float, float], ...] = DAY, **other: Any) -> list[Given]:
    return [sample(minute, value, **other) for minute, value in pairs]


def found(rows: list[Given], awakenings: dict[date, int] | None = None, zone: str = ZONE) -> pl.DataFrame:
    days = saliva_days(SALIVA.frame(rows), zone, awakenings or {})
    for row in days.to_dicts():
        told = {part.split(": ")[0] for part in row["reasons"].split("; ") if part}
        assert told == {name for name in MEASURES if row[name] is None}, row["reasons"]
    return days


def one(rows: list[Given], awakenings: dict[date, int] | None = None) -> Given:
    days = found(rows, awakenings)
    assert days.height == 1
    return days.row(0, named=True)


def test_a_whole_day_by_hand() -> None:
    row = one(samples())
    expected = {
        "awakening_source": "told", "samples_n": 7, "timed_n": 7,
        "waking": 8, "plus_30": 14, "peak": 14, "peak_min": 30, "delta_30": 6, "rise": 6, "mean_increase": 4,
        "auc_g": 9 * 15 + 12 * 15 + 13 * 15, "auc_i": 510 - 8 * 45, "car_span_min": 45, "evening": 1,
        "responder_1p5": True, "responder_2p5": True, "responder_15p5_percent": True, "evening_min": 900,
        "slope_waking_evening": -7 / 15, "slope_peak_evening": -13 / 14.5, "reasons": "", "delayed_5": False,
        "ln_slope_waking_evening": -math.log(8) / 15, "ln_slope_peak_evening": -math.log(14) / 14.5,
        "auc_day": 510 / 60 + 9 * 4.25 + 5 * 5 + 2.5 * 5, "off_protocol_n": 0, "clock_doubtful": False,
    }  # fmt: skip
    assert (row["day"], row["awakening_utc"]) == (date(2024, 5, 6), WOKE)
    assert {name: row[name] for name in expected} == pytest.approx(expected)
    # Hours 0, 5, 10, 15 with 8, 6, 4, 1: Σ(x − 7.5)(y − ȳ) = −57.5 over 125.
    assert row["slope_regression"] == pytest.approx(-57.5 / 125)
    logs = [math.log(v) for v in (8, 6, 4, 1)]
    slope = (-7.5 * logs[0] - 2.5 * logs[1] + 2.5 * logs[2] + 7.5 * logs[3]) / 125
    assert row["ln_slope_regression"] == pytest.approx(slope)


def test_without_minutes_the_measured_awakening_counts_and_without_either_nothing() -> None:
    bare = samples(told=False)
    measured = one(bare, {date(2024, 5, 6): to_ns(WOKE - timedelta(minutes=4))})
    assert (measured["awakening_source"], measured["first_sample_min"], measured["auc_g"]) == ("measured", 4, 510)
    assert measured["told_less_measured_min"] is None
    nothing = one(bare)
    assert (nothing["awakening_source"], nothing["timed_n"], nothing["auc_g"]) == ("none", 0, None)
    assert "auc_g: no minutes since waking are known" in nothing["reasons"]
    both = one(samples(), {date(2024, 5, 6): to_ns(WOKE - timedelta(minutes=9))})
    assert (both["awakening_source"], both["told_less_measured_min"], both["first_sample_min"]) == ("told", 9, 0)


def test_without_a_clock_minutes_since_waking_do() -> None:
    row = one(samples(woke=None))
    assert (row["day"], row["awakening_utc"], row["auc_g"]) == (None, None, 510)


@pytest.mark.parametrize(
    ("late", "five", "fifteen", "kept"),
    [
        (0, False, False, True),
        (5, False, False, True),
        (5.5, True, False, True),
        (15, True, False, True),
        (15.5, True, True, False),
    ],
)
def test_a_late_first_sample_is_flagged_and_a_very_late_one_is_none(
    late: float, five: bool, fifteen: bool, kept: bool
) -> None:
    row = one(samples(tuple((minute + late, value) for minute, value in DAY)))
    assert (row["delayed_5"], row["delayed_15"], row["first_sample_min"]) == (five, fifteen, late)
    assert row["auc_g"] == (510 if kept else None)
    assert (row["slope_waking_evening"] is not None) == kept
    assert row["evening"] == 1
    if not kept:
        assert "waking: no sample within 15 min of waking (the first is 15.5 min after it)" in row["reasons"]


def test_a_sample_that_most_days_have_is_missed() -> None:
    rows = []
    for day in range(3):
        pairs = tuple(pair for pair in DAY if not (day == 1 and pair[0] == 15))
        rows += samples(pairs, woke=WOKE + timedelta(days=day), series=f"day {day}")
    first, second, third = found(rows).to_dicts()
    assert (first["auc_g"], third["auc_g"], first["missing"]) == (510, 510, "")
    assert (second["missing"], second["delta_30"], second["slope_waking_evening"]) == ("+15", 6, -7 / 15)
    for name in ("auc_g", "auc_i", "mean_increase", "peak", "rise", "responder_1p5", "slope_peak_evening", "auc_day"):
        assert second[name] is None
        assert f"{name}: sample +15 is missing" in second["reasons"]


def test_without_the_waking_sample_the_next_does_not_stand_in() -> None:
    early = tuple((minute - 3 if minute == 15 else minute, value) for minute, value in DAY)
    rows = samples(early, series="a") + samples(early, woke=WOKE + timedelta(days=1), series="b")
    rows += samples(early[1:], woke=WOKE + timedelta(days=2), series="c")
    row = found(rows).row(2, named=True)
    assert (row["waking"], row["auc_g"], row["slope_waking_evening"], row["evening"]) == (None, None, None, 1)
    assert "waking: sample +0 is missing" in row["reasons"]


def test_below_the_named_minima_there_is_a_reason() -> None:
    short = one(samples(((0, 8.0), (30, 9.0))))
    assert short["delta_30"] == 1
    assert "auc_g: 2 samples from waking to 70 min, 3 needed" in short["reasons"]
    assert "evening: no sample 10 h after waking or later" in short["reasons"]
    early = one(samples(((0, 8.0), (15, 9.0), (30, 9.0))))
    assert "auc_i: the last sample is 30 min after waking, 40 needed" in early["reasons"]
    gap = one(samples(((0, 8.0), (5, 9.0), (50, 9.0))))
    assert "auc_i: 45 min between two samples, at most 40 allowed" in gap["reasons"]
    evening = one(samples(((0, 8.0), (30, 9.0), (45, 9.0), (600, 2.0))))
    assert "slope_regression: 2 samples without those of the awakening response, 3 needed" in evening["reasons"]
    assert "auc_day: 9.2 h between two samples, at most 7 allowed" in evening["reasons"]
    assert evening["slope_waking_evening"] == pytest.approx(-0.6)


@pytest.mark.parametrize(("unit", "said"), [("U/mL", "U/mL"), ("ng/mL", "ng/mL"), ("arbitrary units", "arbitrary")])
def test_another_unit_than_nmol_gives_nothing(unit: str, said: str) -> None:
    row = one(samples(unit=unit))
    assert all(row[name] is None for name in MEASURES)
    assert f"auc_g: the unit is {said}" in row["reasons"]


def test_two_analytes_are_apart_and_only_cortisol_responds() -> None:
    doubled = tuple((minute, 2 * value) for minute, value in DAY)
    cortisol, cortisone = found(samples() + samples(doubled, analyte="cortisone")).to_dicts()
    assert (cortisol["auc_g"], cortisone["auc_g"]) == (510, 1020)
    assert (cortisol["auc_i"], cortisone["auc_i"]) == (150, 300)
    assert cortisone["ln_slope_waking_evening"] == pytest.approx(cortisol["ln_slope_waking_evening"])
    assert (cortisol["responder_1p5"], cortisone["responder_1p5"]) == (True, None)


def test_a_repeated_sample_counts_once_and_two_values_at_once_refuse() -> None:
    again = one([*samples(), sample(30, 14.0, recording="r2")])
    assert (again["samples_n"], again["auc_g"], again["mean_increase"]) == (8, 510, 4)
    torn = one([*samples(), sample(30, 15.0, recording="r2")])
    assert torn["auc_g"] is None
    assert "auc_g: two values 30 min after waking" in torn["reasons"]


def test_flags_are_kept_and_a_value_above_the_range_refuses() -> None:
    flags = ["below the range: < 0.1", "CV 18 %", "blood?", "", "", "", "below LOQ"]
    row = one([given | {"flag": flag} for given, flag in zip(samples(), flags, strict=True)])
    assert [row[n] for n in ("below_range_n", "above_range_n", "cv_flag_n", "lab_flag_n")] == [2, 0, 1, 4]
    assert row["flags"].startswith("+0: below the range: < 0.1; +15: CV 18 %; +30: blood?")
    assert row["auc_g"] == 510
    high = one([*samples(DAY[:-1]), sample(900, 90.0, flag="above the range: > 90")])
    assert (high["above_range_n"], high["implausible_n"], high["auc_g"]) == (1, 1, None)
    assert "auc_g: a value lies above the range of the assay" in high["reasons"]


def test_the_sample_nearest_to_30_minutes_and_one_just_before_waking() -> None:
    row = one(samples(((-4, 8.0), (26, 11.0), (31, 12.0), (34, 13.0), (45, 9.0))))
    assert (row["waking"], row["plus_30"], row["delta_30"], row["car_span_min"]) == (8, 12, 4, 49)
    assert one(samples(((-6, 8.0), (30, 12.0), (45, 9.0))))["waking"] is None


def test_a_sample_that_half_the_days_have_is_extra() -> None:
    rows = samples(series="a") + samples((DAY[0], *DAY[2:]), woke=WOKE + timedelta(days=1), series="b")
    assert found(rows)["missing"].to_list() == ["", ""]
    rows += samples(series="c", woke=WOKE + timedelta(days=2))
    rows += samples((DAY[0], *DAY[2:]), woke=WOKE + timedelta(days=3), series="d")
    assert found(rows)["missing"].to_list() == [""] * 4
    alone = samples(DAY, series="a") + samples(DAY[4:], woke=WOKE + timedelta(days=1), series="b")
    assert found(alone)["missing"].to_list() == ["", ""]


def test_samples_without_a_clock_join_the_one_day_of_their_series() -> None:
    torn = [given | ({"time_utc": None} if place == 1 else {}) for place, given in enumerate(samples())]
    assert one(torn)["auc_g"] == 510
    two = [*torn, *samples(woke=WOKE + timedelta(days=1), occasion="x")[:1]]
    assert found(two)["day"].to_list() == [None, date(2024, 5, 6), date(2024, 5, 7)]


def test_zero_has_no_logarithm() -> None:
    row = one(samples((*DAY[:-1], (900, 0.0))))
    assert row["slope_waking_evening"] == pytest.approx(-8 / 15)
    assert "ln_slope_regression: a value is 0" in row["reasons"]


def test_responder_rules_at_their_limits() -> None:
    def rules(waking: float, top: float) -> tuple[object, ...]:
        row = one(samples(((0, waking), (30, top), (45, waking))))
        return row["responder_1p5"], row["responder_2p5"], row["responder_15p5_percent"]

    assert rules(8, 9.5) == (True, False, True)
    assert rules(8, 9.25) == (False, False, True)
    assert rules(20, 22.5) == (True, True, False)
    assert rules(20, 18) == (False, False, False)
    assert one(samples(((0, 8.0), (30, 7.0), (45, 5.0))))["rise"] == -1


def test_minutes_are_elapsed_ones_in_the_night_the_clocks_change() -> None:
    woke = datetime(2024, 3, 31, 0, 45, tzinfo=UTC)  # 01:45 in Berlin; the clock goes from 02:00 to 03:00
    row = one(samples(told=False, woke=woke), {date(2024, 3, 31): to_ns(woke)})
    assert (row["day"], row["auc_g"], row["evening_min"]) == (date(2024, 3, 31), 510, 900)


def test_a_sample_past_midnight_belongs_to_the_day_before() -> None:
    late = (*DAY[:-1], (1050, 1.0))  # 00:30 local
    assert one(samples(late))["evening_min"] == 1050
    assert one(samples(late, told=False))["day"] == date(2024, 5, 6)
    following = {date(2024, 5, d): to_ns(WOKE + timedelta(days=d - 6)) for d in (6, 7)}
    assert one(samples(late, told=False), following)["evening_min"] == 1050


def test_samples_off_the_protocol_and_clocks_that_disagree_are_told() -> None:
    moved = [sample(15, 10.0, occasion="+15"), sample(44, 14.0, occasion="+30"), sample(52, 12.0, occasion="S4")]
    row = one([sample(0, 8.0), *moved])
    assert row["off_protocol_n"] == 2
    torn = [
        given | {"time_utc": WOKE + timedelta(minutes=1.2 * m)} for given, (m, _) in zip(samples(), DAY, strict=True)
    ]
    doubtful = one(torn)
    assert (doubtful["clock_doubtful"], doubtful["awakening_utc"]) == (True, WOKE + timedelta(minutes=9))


def test_a_move_in_time_changes_no_measure() -> None:
    row, moved = one(samples()), one(samples(woke=WOKE + timedelta(days=40, hours=1)))
    assert [row[n] for n in MEASURES] == pytest.approx([moved[n] for n in MEASURES])


def test_a_participants_days_together() -> None:
    rows = samples() + samples(tuple((m, 2 * v) for m, v in DAY), woke=WOKE + timedelta(days=1), series="b")
    rows += samples(DAY[:2], woke=WOKE + timedelta(days=2), series="c") + samples(analyte="cortisone")
    summary = saliva_summary(found(rows))
    assert list(summary) == [column.name for column in COLUMNS]
    assert (summary["cortisol_days_n"], summary["cortisol_waking_n"], summary["cortisol_auc_g_n"]) == (3, 3, 2)
    assert (summary["cortisol_auc_g_mean"], summary["cortisol_waking_mean"]) == (765, pytest.approx(32 / 3))
    assert summary["cortisol_auc_g_sd"] == pytest.approx(510 / 2**0.5)
    lone = saliva_summary(found(samples(DAY[:4])))
    assert (lone["cortisol_auc_g_sd"], lone["cortisol_evening_mean"]) == (None, None)
    assert "auc_g_sd: 1 day, 2 needed" in str(lone["cortisol_reasons"])
    assert "evening: no day has it" in str(lone["cortisol_reasons"])
    two = pl.concat([found(rows), found([given | {"participant": "p2"} for given in rows])])
    with pytest.raises(ValueError, match="one participant"):
        saliva_summary(two)
    nothing = saliva_summary(found(samples(analyte="cortisone")))
    assert set(nothing.values()) == {None}


def test_the_final_awakening_is_the_end_of_sleep_not_of_the_window() -> None:
    end = datetime(2024, 5, 6, 5, 30, tzinfo=UTC)
    nights = pl.DataFrame(
        {
            "night": [date(2024, 5, 5), date(2024, 5, 6), date(2024, 5, 7), date(2024, 5, 8)],
            "zone": [ZONE] * 4,
            "window_end_utc": [end, end + timedelta(days=1), end + timedelta(days=2), None],
            "window_end_censored": [False, True, False, None],
            "terminal_wake_min": [12.5, 3.0, None, None],
        }
    )
    assert final_awakenings(nights) == {date(2024, 5, 6): to_ns(end - timedelta(minutes=12.5))}


def test_no_samples_give_no_days() -> None:
    assert saliva_days(SALIVA.empty(), ZONE, {}).height == 0


@pytest.mark.realdata
def test_published_responses_come_out_again(real_data: Path) -> None:
    """CARWatch's cleaned mornings: areas as exported to 1e-9; highest later sample less the first, likewise."""
    folder = real_data / "carwatch_car_hist" / "exports"
    with (folder / "cortisol_samples_cleaned.csv").open() as told:
        rows = [
            sample(float(r["time"]), float(r["cortisol"]), None, participant=r["subject"], series=r["night"],
                   occasion=r["sample"])
            for r in csv.DictReader(told)
        ]  # fmt: skip
    wanted: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    with (folder / "cortisol_features_cleaned.csv").open() as told:
        for r in csv.DictReader(told):
            wanted[r["subject"], r["night"]][r["saliva_feature"]] = float(r["cortisol"])
    days = found(rows)
    assert days.height == len(wanted) == 142
    names = {"auc_g": "auc_g", "auc_i": "auc_i", "rise": "max_inc", "waking": "cini", "peak": "cmax"}
    for row in days.to_dicts():
        theirs = wanted[row["participant"], row["series"]]
        ours = {name: row[name] for name in names}
        assert ours == pytest.approx({name: theirs[other] for name, other in names.items()}, abs=1e-9, rel=0)
