"""Questionnaires: a row a person, a row an answer, a column a person; answers as given, by whom and when."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.clock import to_datetime
from pipeline.devices import read_export
from pipeline.devices.questionnaire import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Answer, Recording

ROME = Asked(zone="Europe/Rome")


def table(folder: Path, *rows: str) -> Path:
    path = folder / "answers.csv"
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def read(path: Path, participant: str | None = None) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, Asked(zone="Europe/Rome", participant=participant))[1]


def told(recording: Recording) -> list[tuple[str, str, float | None, str]]:
    return [(a.instrument, a.item, a.value, a.text) for a in recording.answers]


def test_a_row_a_person_holds_items_and_totals_and_nothing_else(tmp_path: Path) -> None:
    rows = ["subject,age,BMI,PSS_1,PSS_Total,psqi,STAI-S 01,ADS_L,notes", 'P1,34,22.5,3,21,"5,5",often,23,fine']
    assert told(read(table(tmp_path, *rows))) == [
        ("pss", "1", 3.0, ""),
        ("pss", "total", 21.0, ""),
        ("psqi", "total", 5.5, ""),
        ("stai", "s_01", None, "often"),
        ("ads_l", "total", 23.0, ""),
    ]


def test_a_missing_answer_is_none_and_zero_is_one(tmp_path: Path) -> None:
    assert told(read(table(tmp_path, "id,pss_1,pss_2,pss_3", "P1,0,,n/a"))) == [("pss", "1", 0.0, "")]


def test_words_that_only_begin_like_an_instrument_are_none(tmp_path: Path) -> None:
    path = table(tmp_path, "id,possible,pssible,essay,issue", "P1,1,2,3,4")
    assert not READER.recognise(glimpse(path))


def test_a_row_an_answer(tmp_path: Path) -> None:
    rows = ["id,questionnaire,item,answer", "P1,PSS,1,3", "P1,PSS,2,very often", "P1,STAI,,2"]
    assert told(read(table(tmp_path, *rows))) == [("pss", "1", 3.0, ""), ("pss", "2", None, "very often")]


@pytest.mark.parametrize(
    ("head", "row", "clock", "day"),
    [
        ("date,time,pss_1", "2024-03-31,22:00,3", "2024-03-31 20:00", date(2024, 3, 31)),
        ("timestamp,pss_1", "2024-03-30 22:00:00,3", "2024-03-30 21:00", date(2024, 3, 30)),
        ("timestamp,pss_1", "2024-03-30T22:00:00Z,3", "2024-03-30 22:00", date(2024, 3, 30)),
        ("date,pss_1", "2024-03-30,3", None, date(2024, 3, 30)),
        ("id,pss_1", "P1,3", None, None),
    ],
)
def test_when_it_was_answered(tmp_path: Path, head: str, row: str, clock: str | None, day: date | None) -> None:
    (answer,) = read(table(tmp_path, head, row)).answers
    assert answer.day == day
    assert (None if answer.time_ns is None else f"{to_datetime(answer.time_ns):%Y-%m-%d %H:%M}") == clock


def test_daily_self_reports_need_a_day_and_two_items(tmp_path: Path) -> None:
    path = table(tmp_path, "date,stress,mood,steps", "2024-03-01,3,4,9000", "2024-03-02,5,,100")
    assert read(path).answers == (
        Answer("daily", "stress", 3.0, "", None, date(2024, 3, 1)),
        Answer("daily", "stress", 5.0, "", None, date(2024, 3, 2)),
        Answer("daily", "mood", 4.0, "", None, date(2024, 3, 1)),
    )
    assert not READER.recognise(glimpse(table(tmp_path, "date,stress", "2024-03-01,3")))
    assert not READER.recognise(glimpse(table(tmp_path, "stress,mood", "3,4")))


SHEET = (
    ",Anna,,P2,",
    "Question,STAI,,STAI,",
    ",Before,After,Before,After",
    "1,3,2,1,1",
    "2,2,,4,3",
    "Total,5,,5,4",
)


def test_a_column_a_person(tmp_path: Path) -> None:
    assert told(read(table(tmp_path, *SHEET), "P2")) == [
        ("stai", "1 Before", 1.0, ""),
        ("stai", "1 After", 1.0, ""),
        ("stai", "2 Before", 4.0, ""),
        ("stai", "2 After", 3.0, ""),
        ("stai", "Total Before", 5.0, ""),
        ("stai", "Total After", 4.0, ""),
    ]


def test_a_column_beyond_the_instruments_is_not_read(tmp_path: Path) -> None:
    rows = (",P2,P2,P2", "Question,STAI", ",a,b,c", "1,3,4,5")
    assert told(read(table(tmp_path, *rows))) == [("stai", "1 a", 3.0, "")]


@pytest.mark.parametrize("rows", [SHEET, ("id,pss_1", "Anna,1", "P2,2")])
@pytest.mark.parametrize("participant", [None, "P9"])
def test_nobody_else_s_answers_are_read_or_named(
    tmp_path: Path, rows: tuple[str, ...], participant: str | None
) -> None:
    with pytest.raises(FileFault) as fault:
        read(table(tmp_path, *rows), participant)
    assert fault.value.fault is Fault.UNKNOWN_PARTICIPANT
    assert "Anna" not in str(fault.value)


def test_an_answer_given_twice_is_one_and_free_text_is_none(tmp_path: Path) -> None:
    long = "my neighbour Jane Canary keeps me awake at night"
    recording = read(table(tmp_path, "id,pss_1,psqi_other", f"P1,3,{long}", "P1,3,"))
    assert told(recording) == [("pss", "1", 3.0, "")]
    assert recording.repairs == (
        "1 answers longer than 40 letters: left out",
        "1 answers are given twice: kept once",
    )


def test_a_saliva_table_with_a_score_in_it_is_no_questionnaire(tmp_path: Path) -> None:
    path = table(tmp_path, "subject,MEQ,date,sample,cortisol (nmol/L)", "P1,56,2024-03-01,S0,5")
    assert not READER.recognise(glimpse(path))


@pytest.mark.realdata
def test_published_scores_of_a_workbook(real_data: Path) -> None:
    recording = read(real_data / "stress_predict" / "Questionnaires_scores.xlsx", "S01")
    values = {(a.instrument, a.item): a.value for a in recording.answers}
    assert len(values) == len(recording.answers) == 2 * 41 + 2 * 11
    assert (values["stai", "Total Before"], values["stai", "Total After"]) == (62.0, 56.0)
    assert sum(values["stai", f"{k} Before"] or 0.0 for k in range(1, 41)) == 62.0
    assert (values["pssq", "Total Before"], values["pssq", "Total After"]) == (10.0, 16.0)


@pytest.mark.realdata
def test_published_scores_of_a_table(real_data: Path) -> None:
    folder = real_data / "cft_mist" / "experiments" / "2022_scientific_reports" / "data" / "questionnaire"
    recording = read(folder / "questionnaire_data.csv", "Vp02")
    values = {(a.instrument, a.item): a.value for a in recording.answers}
    assert len(values) == 12
    assert (values["pss", "total"], values["mdbf", "post"], values["ads_l", "total"]) == (21.0, 48.0, 19.0)
