"""Laboratory tables in a study: from one table for everybody to each participant's rows in the dataset."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from flows.summary import ingest_lines
from pipeline import units
from pipeline.dataset import tables
from pipeline.dataset.store import read_tables
from pipeline.devices.table_people import Named
from pipeline.features import SALIVA_DAYS
from pipeline.shared_tables import strays
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
    days = read_tables(study / "dataset", SALIVA_DAYS).sort("participant", "day")
    assert days.select("participant", "day", "waking", "delta_30", "first_sample_min", "below_range_n").rows() == [
        ("P1", date(2024, 3, 2), 5.5, -5.0, 0.0, 1),
        ("P1", date(2024, 3, 3), 6.0, None, 10.0, 0),
        ("P2", date(2024, 3, 2), 7.0, None, 0.0, 0),
    ]
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


STRAYS = (
    *SALIVA,
    "P1O,1,2024-03-02,09:00,09:00,S0,8",
    "anna.brambilla,1,2024-03-02,09:00,09:00,S0,9",
    "Brambi7,1,,,,S0,9",
)


def everything_in(study: Path, *folders: str) -> str:
    files = [path for folder in folders for path in (study / folder).rglob("*") if path.is_file()]
    plain = [pl.read_parquet(path).write_json() for path in files if path.suffix == ".parquet"]
    return "\n".join([*plain, *(path.read_bytes().decode("latin-1") for path in files)])


@pytest.mark.parametrize("shifted", [False, True])
def test_rows_of_nobody_are_told_by_id_if_it_is_one_and_nothing_else_is_lost(tmp_path: Path, shifted: bool) -> None:
    study = a_study(tmp_path, shifted=shifted)
    (study / "participants.tsv").write_text("participant_id\nP1\nP2\nP10\n")
    (tmp_path / "key.tsv").write_text("participant_id\tweeks\nP1\t-10\nP2\t-20\nP10\t-30\n")
    share(study, "saliva.csv", "\n".join([*STRAYS, ""]))
    outcomes = run(study)
    assert [outcome.status for outcome in outcomes] == [Status.DONE] * 6 + [Status.REFUSED]
    failures = pl.read_parquet(study / "dataset" / "failures" / "all.parquet").rows(named=True)
    assert [(row["participant"], row["fault"], row["what"]) for row in failures] == [
        (
            "shared",
            "unknown_participant",
            "it names people who are not in participants.tsv: row 6 ('p1o'); row 7, row 8",
        ),
    ]
    assert failures[0]["hint"].startswith("did you mean 'P10' by 'p1o'? write")
    for words in (outcomes[-1].detail, (study / "reports" / "index.html").read_text()):
        assert "row 7, row 8" in words
    held = read_tables(study / "dataset", tables.SALIVA).sort("participant", "value")
    assert held.select("participant", "value").rows() == [("P1", 0.5), ("P1", 5.5), ("P1", 6.0), ("P2", 7.0)]
    assert "brambilla" not in everything_in(study, "dataset", "reports", ".sleeploop").casefold()
    assert "row 6 ('p1o')" in "\n".join(ingest_lines(open_study(study), ("P1", "P2", "P10")))


def test_an_id_that_joins_the_study_is_a_stray_no_more(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    share(study, "saliva.csv", "\n".join([*SALIVA, "P4,1,2024-03-02,09:00,09:00,S0,8", ""]))
    assert run(study)[-1].status is Status.REFUSED
    (study / "participants.tsv").write_text("participant_id\nP1\nP2\nP3\nP4\n")
    assert {outcome.status for outcome in run(study)} == {Status.DONE}
    assert read_tables(study / "dataset", tables.SALIVA).filter(participant="P4")["value"].to_list() == [8.0]
    assert pl.read_parquet(study / "dataset" / "failures" / "all.parquet").height == 0


def test_a_column_of_nobody_is_told_where_a_table_has_a_column_a_person(tmp_path: Path) -> None:
    study = a_study(tmp_path)
    rows = [",P1,,Px2,Carla", "question,PSS,PSS,PSS,PSS", ",before,after,before,before", "1,2,3,4,5", "2,1,2,3,4"]
    share(study, "pss.csv", "\n".join([*rows, ""]))
    run(study)
    found = read_tables(study / "dataset", tables.ANSWERS)
    assert (found.height, set(found["participant"])) == (4, {"P1"})
    (said,) = pl.read_parquet(study / "dataset" / "failures" / "all.parquet").select("what", "hint").rows()
    assert said[0].endswith(": column 4 ('px2'); column 5")
    assert "did you mean 'P2' by 'px2'?" in said[1]


@pytest.mark.parametrize(
    ("person", "known", "near"),
    [
        ("p1o", ("P10", "P2"), "P10"),
        ("po1", ("P01", "P02"), "P01"),
        ("vp-017", ("VP017",), "VP017"),
        ("anna1", ("Anja1x", "P1"), "Anja1x"),  # the study's own ids have such words
        ("anna1", ("P1", "A1"), ""),
        ("brambilla 1", ("Brambilla1",), ""),  # two words
        ("anna", ("Anja",), ""),  # no number: it may be a name whatever the study's ids are
        ("12", ("101", "102"), "102"),
        ("99", ("101", "102"), ""),
        ("jm84", ("P84", "P85"), ""),
        ("müller1", ("M1",), ""),
    ],
)
def test_what_may_name_someone_is_not_quoted(person: str, known: tuple[str, ...], near: str) -> None:
    (found,) = strays([Named(person, "row 2")], known)
    assert (found.shown, found.near) == ((person, near) if near else ("", ""))


def test_many_rows_of_one_id_are_counted() -> None:
    (found,) = strays([Named("p1o", f"row {number}") for number in range(2, 32)], ["P10"])
    assert found.places.endswith("row 8, row 9 and 22 more")
