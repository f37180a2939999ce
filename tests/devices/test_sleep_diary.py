"""Sleep diaries: roll-over, 24:10, 12-hour clocks, whose date a date is, intervals, numbered nights."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from pipeline.clock import to_datetime
from pipeline.devices import read_export
from pipeline.devices.reader import Asked, DateOrder, glimpse
from pipeline.devices.sleep_diary import READER
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording

ROME = Asked(zone="Europe/Rome")
CONSENSUS = (
    "Today's date,1. What time did you get into bed?,2. What time did you try to go to sleep?,"
    "6. What time was your final awakening?,7. What time did you get out of bed for the day?"
)
"""Titles of the consensus sleep diary (Carney et al. 2012, doi:10.5665/sleep.1642)."""


def diary(folder: Path, *rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "diary.csv"
    path.write_bytes("".join(f"{row}\n" for row in rows).encode(encoding))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read_export(path, asked)
    return fault.value


def shown(ns: int | None) -> str:
    return "" if ns is None else f"{to_datetime(ns, 'Europe/Rome'):%d %H:%M}"


def nights(recording: Recording) -> list[tuple[str, str, str]]:
    return [(shown(r.in_bed_ns), shown(r.onset_ns), shown(r.out_bed_ns)) for r in recording.rests]


# ---- clocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bed", "out", "into", "up"),
    [
        ("22:30", "07:00", "01 22:30", "02 07:00"),
        ("00:30", "07:00", "02 00:30", "02 07:00"),
        ("24:10", "07:00", "02 00:10", "02 07:00"),
        ("24:00", "7.05", "02 00:00", "02 07:05"),
        ("2230", "0705", "01 22:30", "02 07:05"),
        ("22h30", "7h05", "01 22:30", "02 07:05"),
        ("10:30 PM", "7:05 a.m.", "01 22:30", "02 07:05"),
        ("12:15 AM", "7 am", "02 00:15", "02 07:00"),
        ("23:00:30", "07:00", "01 23:00", "02 07:00"),
        ("08:00", "15:30", "02 08:00", "02 15:30"),
        ("19:00", "13:00", "01 19:00", "02 13:00"),
    ],
)
def test_clocks_roll_over_midnight(tmp_path: Path, bed: str, out: str, into: str, up: str) -> None:
    recording = read(diary(tmp_path, "night_of,bed_time,out_of_bed", f"2024-03-01,{bed},{out}"))
    assert nights(recording) == [(into, "", up)]
    assert recording.repairs == ()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("2024-03-02,25:10,07:00", "row 3, lights_off = '25:10': not a 24-h time (HH:MM); night left out"),
        ("2024-03-02,22:75,07:00", "row 3, lights_off = '22:75': not a 24-h time (HH:MM); night left out"),
        ("2024-03-02,13:00 PM,07:00", "row 3, lights_off = '13:00 PM': not a 24-h time (HH:MM); night left out"),
        ("2024-03-02,with Jane,07:00", "row 3, lights_off = text: not a 24-h time (HH:MM); night left out"),
        ("2024-03-02,22:00,,", "row 3: no date, or no time of bed or waking; night left out"),
        ("2024-02-30,22:00,07:00", "row 3: no date, or no time of bed or waking; night left out"),
        ("2024-03-02,20:00,19:00", "row 3: 20:00 to 19:00 would be 23 h in bed; night left out"),
        ("2024-03-01,23:30,06:00", "a night begins before the one before it ends: left out"),
    ],
)
def test_a_night_that_cannot_be_is_left_out_and_told(tmp_path: Path, rows: str, says: str) -> None:
    recording = read(diary(tmp_path, "night_of,lights_off,wake_time", "2024-03-01,23:00,07:00", rows))
    assert nights(recording) == [("01 23:00", "", "02 07:00")]
    assert says in recording.repairs


def test_a_blank_row_of_the_file_does_not_shift_the_numbers(tmp_path: Path) -> None:
    rows = ["night_of,bed_time,wake_time", "", "2024-03-01,23:00,07:00", "", "2024-03-02,99,07:00"]
    assert read(diary(tmp_path, *rows)).repairs[0].startswith("row 5, bed_time = '99'")


def test_nobody_sleeps_at_noon_every_day_in_a_table_without_afternoon(tmp_path: Path) -> None:
    rows = ["2024-03-01,11:15,7:00", "2024-03-02,12:20,7:30", "2024-03-03,1:10,8:00"]
    recording = read(diary(tmp_path, "night_of,bed_time,wake_time", *rows))
    assert nights(recording) == [
        ("01 23:15", "", "02 07:00"),
        ("03 00:20", "", "03 07:30"),
        ("04 01:10", "", "04 08:00"),
    ]
    assert "12-hour clocks" in recording.repairs[0]


def test_a_day_sleeper_is_no_12_hour_clock(tmp_path: Path) -> None:
    recording = read(diary(tmp_path, "night_of,bed_time,wake_time", "2024-03-01,7:15,12:40"))
    assert nights(recording) == [("02 07:15", "", "02 12:40")]


def test_the_nights_of_the_clock_changes_are_an_hour_shorter_and_longer(tmp_path: Path) -> None:
    rows = ["2024-03-30,23:00,07:00", "2024-10-26,23:00,07:00"]
    spans = [
        (r.out_bed_ns - r.in_bed_ns) / 3.6e12 for r in read(diary(tmp_path, "night_of,bed_time,wake_time", *rows)).rests
    ]
    assert spans == [7.0, 9.0]


# ---- onset, naps, answers --------------------------------------------------------------------------------------------


def test_sleep_begins_at_its_clock_or_after_the_latency_from_lights_off(tmp_path: Path) -> None:
    head = "night_of,bed_time,lights_off,sleep_onset,sol,wake_time,out_of_bed"
    rows = [
        "2024-03-01,22:30,23:00,23:20,99,06:50,07:00",
        "2024-03-02,22:30,23:50,,25,06:50,07:00",
        "2024-03-03,22:30,,,0:10,06:50,07:00",
        "2024-03-04,22:30,23:00,08:00,,06:50,07:00",
    ]
    recording = read(diary(tmp_path, head, *rows))
    assert [onset for _, onset, _ in nights(recording)] == ["01 23:20", "03 00:15", "03 22:40", ""]
    assert recording.repairs == ("row 5: sleep would begin outside the night; without onset",)
    latencies = [a.value for a in recording.answers if a.item == "sleep_latency_min"]
    assert latencies == [99.0, 25.0, 10.0]


def test_a_latency_of_more_than_a_day_is_none(tmp_path: Path) -> None:
    recording = read(diary(tmp_path, "night_of,bed_time,wake_time,sol", "2024-03-01,23:00,07:00,1e12"))
    assert (nights(recording), recording.answers) == ([("01 23:00", "", "02 07:00")], ())


def test_counts_and_ratings_are_answers_of_their_night(tmp_path: Path) -> None:
    head = "night_of,bed_time,wake_time,awakenings,WASO (min),quality"
    (one, two, three) = read(diary(tmp_path, head, "2024-03-01,23:00,07:00,2,15 min,4")).answers
    assert [(a.item, a.value, a.day) for a in (one, two, three)] == [
        ("awakenings_n", 2.0, date(2024, 3, 1)),
        ("waso_min", 15.0, date(2024, 3, 1)),
        ("sleep_quality", 4.0, date(2024, 3, 1)),
    ]


def test_a_nap_is_a_marker_and_no_night(tmp_path: Path) -> None:
    head = "night_of,bed_time,wake_time,nap_start,nap_end"
    recording = read(diary(tmp_path, head, "2024-03-01,23:00,07:00,14:00,14:40", "2024-03-02,23:00,07:00,9:00,23:00"))
    (nap,) = recording.markers
    assert (shown(nap.time_ns), nap.duration_s, nap.label) == ("01 14:00", 2400.0, "nap")
    assert recording.repairs == ("row 3: a nap of 14 h; left out",)


# ---- dates -----------------------------------------------------------------------------------------------------------


def test_a_bare_date_is_asked_for(tmp_path: Path) -> None:
    path = diary(tmp_path, "date,bed_time,wake_time", "2024-03-02,23:00,07:00")
    fault = refused(path)
    assert (fault.fault, '{"units": {"date": "evening"}}' in fault.hint) == (Fault.NO_START_TIME, True)
    assert nights(read(path, Asked(zone="Europe/Rome", units={"date": "evening"})))[0][0] == "02 23:00"
    assert nights(read(path, Asked(zone="Europe/Rome", units={"date": "morning"})))[0][0] == "01 23:00"


@pytest.mark.parametrize(
    ("head", "row", "into"),
    [
        ("today's date,bed_time,wake_time", "2024-03-02,23:00,07:00", "01 23:00"),
        ("Nacht vom;Zu Bett (Uhrzeit);Licht aus;Aufgewacht;Aufgestanden", "1.3.2024;22:50;23.10;6.40;7.00", "01 22:50"),
        ("nuit du;heure du coucher;heure du réveil;lever", "01/03/2024;22h50;6h40;7h", "01 22:50"),
        (
            CONSENSUS,
            "3/2/2024,10:50 PM,11:30 PM,6:35 AM,7:20 AM",
            "01 22:50",
        ),
        ("bed_time,wake_time", "2024-03-01 22:50,2024-03-02 07:00", "01 22:50"),
        ("sleep_onset,wake_onset", "2024-03-01 22:50:10.5+01:00,2024-03-02 07:00:00+01:00", "01 22:50"),
    ],
)
def test_titles_that_say_which_date_it_is(tmp_path: Path, head: str, row: str, into: str) -> None:
    path = diary(tmp_path, head, row, encoding="cp1252")
    order = DateOrder.MONTH_FIRST if "PM" in row else DateOrder.DAY_FIRST
    asked = Asked(zone="Europe/Rome", date_order=order)
    assert nights(read(path, asked))[0][0] == into


def test_numbered_nights_begin_on_the_date_that_the_study_names(tmp_path: Path) -> None:
    path = diary(tmp_path, "night,bed_time,wake_time", "1,23:00,07:00", "3,23:00,07:00")
    assert refused(path).fault is Fault.NO_START_TIME
    asked = Asked(zone="Europe/Rome", day_one=date(2024, 3, 1))
    assert [into for into, _, _ in nights(read(path, asked))] == ["01 23:00", "03 23:00"]
    zero = diary(tmp_path, "night,bed_time,wake_time", "0,23:00,07:00", "1,23:00,07:00")
    assert [into for into, _, _ in nights(read(zero, asked))] == ["01 23:00", "02 23:00"]


def test_a_row_a_person_with_onset1_wakeup1(tmp_path: Path) -> None:
    head = "ID,onset1,wakeup1,onset2,wakeup2,onset3,wakeup3"
    path = diary(tmp_path, head, "A,23:10,06:50,NA,,00:20,07:00", "B,1,1,1,1,1,1")
    recording = read(path, Asked(zone="Europe/Rome", participant="A", start=datetime(2024, 3, 1, 20)))  # noqa: DTZ001
    assert nights(recording) == [("01 23:10", "01 23:10", "02 06:50"), ("04 00:20", "04 00:20", "04 07:00")]


def test_intervals_with_a_type(tmp_path: Path) -> None:
    rows = [
        "SUBJECT ID,SOMEONE,,",
        "TYPE,START,END,DURATION (min)",
        "NAP,1918-01-24 13:00:00,1918-01-24 13:45:00,",
        "NIGHT,1918-01-24 23:00:00,1918-01-25 07:00:00,",
        "NOWEAR,1918-01-25 12:00,1918-01-25 12:30,",
        "NIGHT,1918-01-25 23:00:00,1918-01-25 22:00:00,",
    ]
    path = diary(tmp_path, *rows)
    assert refused(path).fault is Fault.IMPLAUSIBLE
    recording = read(path, Asked(zone="Europe/Rome", start=datetime(2018, 1, 24, 13)))  # noqa: DTZ001
    assert nights(recording) == [("24 23:00", "", "25 07:00")]
    assert [(m.label, m.duration_s) for m in recording.markers] == [("nap", 2700.0), ("not worn", 1800.0)]
    assert to_datetime(recording.rests[0].in_bed_ns).year == 2018
    assert any(note.startswith("row 6") for note in recording.repairs)


# ---- what is no diary ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    ["date,bedtime,wake_time,rem,deep,hrv", "night_of,bed_time,sol", "time,activity", "type,start,end"],
)
def test_other_tables_are_none(tmp_path: Path, head: str) -> None:
    path = diary(tmp_path, head, ",".join("1" for _ in head.split(",")))
    assert not READER.recognise(glimpse(path))


def test_a_diary_without_any_night_is_refused_with_the_reason(tmp_path: Path) -> None:
    fault = refused(diary(tmp_path, "night_of,bed_time,wake_time", "2024-03-01,99:99,07:00"))
    assert fault.fault is Fault.NOTHING_USABLE
    assert "99:99" in fault.known


# ---- published diaries -----------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_a_published_spreadsheet(real_data: Path) -> None:
    path = real_data / "actigraphy_awd" / "example_01_sleepdiary.ods"
    recording = read(path, Asked(zone="Europe/London", start=datetime(2018, 1, 24, 13)))  # noqa: DTZ001
    assert len(recording.rests) == 10
    assert [m.label for m in recording.markers].count("nap") == 10
    assert [m.label for m in recording.markers].count("not worn") == 2


@pytest.mark.realdata
def test_published_reports_of_sleep_by_movement(real_data: Path) -> None:
    path = real_data / "carwatch_car_hist" / "exports" / "sleep_endpoints" / "sleep_endpoints_WM13K.csv"
    recording = read(path, Asked(zone="Europe/Berlin"))
    first = recording.rests[0]
    assert recording.clock is ClockKind.OFFSET
    assert recording.answers[0].day == date(2019, 12, 2)
    assert shown(first.in_bed_ns) == "02 22:01"
    assert shown(first.onset_ns) == "02 22:11"
    assert shown(first.out_bed_ns) == "03 06:41"
