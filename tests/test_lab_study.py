"""Laboratory tables in a study: from one table for everybody to each participant's rows in the dataset."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from pipeline import units
from pipeline.dataset import tables
from pipeline.dataset.store import read_tables
from pipeline.study import exports_of, open_study, unlisted_folders
from pipeline.units import Outcome, Status

SALIVA = (
    "subject,night,date,time,wake_time,sample,cortisol (nmol/L)",
    "P1,1,2024-03-02,07:00,07:00,S0,5.5",
    "P1,1,2024-03-02,07:30,07:00,S1,<0.5",
    "P1,2,2024-03-03,07:10,07:00,S0,6",
    "P2,1,2024-03-02,08:00,08:00,S0,7",
)
ANSWERS = "subject\tPSS_total\tstai_1\nP1\t21\toften\nP3\t9\t\n"


def a_study(folder: Path, *, shifted: bool = False) -> Path:
    study = folder / "study"
    (study / "inbox" / "shared").mkdir(parents=True)
    key = '[privacy]\ndate_shift_key = "../key.tsv"\n' if shifted else ""
    (study / "study.toml").write_text(f'[study]\nzone = "Europe/Rome"\n{key}')
    (study / "participants.tsv").write_text("participant_id\nP1\nP2\nP3\n")
    (folder / "key.tsv").write_text("participant_id\tweeks\nP1\t-10\nP2\t-20\nP3\t-30\n")
    return study


def share(study: Path, name: str, text: str) -> None:
    (study / "inbox" / "shared" / name).write_text(text)


def run(folder: Path) -> list[Outcome]:
    study = open_study(folder)
    said = [units.do_export(study, unit) for unit in units.plan(study).exports if unit.why]
    said += [units.do_participant(study, name) for name in study.participants]
    return [*said, units.do_cohort(study, units.plan(study).strangers)]


def test_a_shared_table_gives_everyone_their_own_rows_and_nobody_else_any(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    share(study, "saliva.csv", "\n".join([*SALIVA, ""]))
    share(study, "answers.tsv", ANSWERS)
    outcomes = run(study)
    assert {outcome.status for outcome in outcomes} == {Status.DONE}
    saliva = read_tables(study / "dataset", tables.SALIVA).sort("participant", "series", "occasion")
    assert saliva.select("participant", "series", "occasion", "value", "after_waking_min", "flag").rows() == [
        ("P1", "night 1", "S0", 5.5, 0.0, ""),
        ("P1", "night 1", "S1", 0.5, 30.0, "below the range: < 0.5"),
        ("P1", "night 2", "S0", 6.0, 10.0, ""),
        ("P2", "", "S0", 7.0, 0.0, ""),
    ]
    answers = read_tables(study / "dataset", tables.ANSWERS).sort("participant", "instrument")
    assert answers.select("participant", "instrument", "item", "number", "value", "text").rows() == [
        ("P1", "pss", "total", 1, 21.0, ""),
        ("P1", "stai", "1", 1, None, "often"),
        ("P3", "pss", "total", 1, 9.0, ""),
    ]
    held = read_tables(study / "dataset", tables.RECORDINGS).sort("participant", "reader")
    assert held.select("participant", "reader").rows() == [
        ("P1", "questionnaire"),
        ("P1", "saliva_table"),
        ("P2", "saliva_table"),
        ("P3", "questionnaire"),
    ]
    assert held.filter(reader="questionnaire").select("start_utc", "end_utc", "utc_offset_min").null_count().row(0) == (
        2, 2, 2,
    )  # fmt: skip
    assert "no clock" in (study / "reports" / "P1.html").read_text()
    assert all(unit.why is None for unit in units.plan(open_study(study)).exports), "everything is kept"


def test_the_shared_folder_is_nobody_s_and_every_participant_s(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    share(study, "saliva.csv", "\n".join([*SALIVA, ""]))
    opened = open_study(study)
    assert unlisted_folders(opened) == []
    assert [[e.relative for e in exports_of(opened, name)] for name in opened.participants] == [
        ["shared/saliva.csv"]
    ] * 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("subject,sample,cortisol\nP1,S0,5\nP2,S0,6\n", "column 'cortisol' has no unit"),
        ("sample,cortisol (nmol/L)\nS0,5\nS1,6\n", "does not say whose its rows are"),
        ("900\n" * 300, "only tables that say whose each row is"),
    ],
)
def test_a_shared_file_that_cannot_be_given_out_is_refused_once(tmp_path: Path, text: str, says: str) -> None:
    study = a_study(tmp_path)
    share(study, "x.csv", text)
    share(study, "x.csv.json", '{"start": "2024-03-01T22:00:00"}')
    outcomes = run(study)
    refused = [outcome.detail for outcome in outcomes if outcome.status is Status.REFUSED]
    assert says in refused[0]
    assert (study / "quarantine" / "shared" / "x.csv").is_file()
    assert not (study / "inbox" / "shared" / "x.csv").exists()
    failures = pl.read_parquet(study / "dataset" / "failures" / "all.parquet")
    assert failures.select("participant", "export").rows() == [("shared", "shared/x.csv")]


def test_dates_of_samples_and_answers_are_shifted(tmp_path: Path) -> None:
    study = a_study(tmp_path, shifted=True)
    share(study, "saliva.csv", "\n".join([*SALIVA, ""]))
    share(study, "answers.csv", "subject,date,pss_total\nP1,2024-03-02,21\n")
    run(study)
    found = read_tables(study / "dataset", tables.SALIVA).filter(participant="P1")
    assert f"{found['time_utc'].min():%Y-%m-%d %H:%M}" == "2023-12-23 06:00"
    answers = read_tables(study / "dataset", tables.ANSWERS)
    assert answers["day"].to_list() == [date(2023, 12, 23)]


def test_assessments_years_apart_are_one_export(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    (study / "inbox" / "P1").mkdir()
    (study / "inbox" / "P1" / "pss.csv").write_text("date,time,pss_total\n2022-03-01,10:00,20\n2024-03-01,10:00,15\n")
    assert {outcome.status for outcome in run(study)} == {Status.DONE}
    assert read_tables(study / "dataset", tables.ANSWERS)["number"].to_list() == [1, 2]
