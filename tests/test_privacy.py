"""The date shift: what it moves, what it keeps, where its key lies."""

from __future__ import annotations

import dataclasses
import hashlib
import stat
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from handmade import SAMPLES

from pipeline import units
from pipeline.clock import NS, to_datetime, to_ns, utc_to_wall
from pipeline.devices import read_export
from pipeline.errors import StudyFault
from pipeline.privacy import FEWEST_WEEKS, MOST_WEEKS, extend_key, read_key, shifted, without_dates
from pipeline.recording import (
    Answer,
    Beats,
    Hypnogram,
    Kind,
    Marker,
    Recording,
    RestInterval,
    SalivaSample,
    Signal,
    SignalStream,
    ZoneSource,
)
from pipeline.study import exports_of, open_study, start_date_shift, with_weeks

WEEKS = -5_613
MOVE = WEEKS * 7 * 86_400 * NS
T0 = to_ns(datetime(2024, 3, 30, 22, tzinfo=UTC))
"""The evening before clocks were put forward in Rome."""


def whole() -> Recording:
    """A recording with something of everything."""
    signal = Signal(Kind.HR, "HR", 1.0, T0, np.full(4 * 3600, 60, np.float32))
    piece = Signal(Kind.ACC, "acc", 50.0, T0, np.zeros((500, 3), np.float32))
    return Recording(
        "watch",
        "Europe/Rome",
        ZoneSource.STUDY,
        signals=(signal,),
        streams=(SignalStream(Kind.ACC, "acc", 50.0, T0, piece.end_ns, 10.0, lambda: iter((piece,))),),
        beats=Beats(T0 + np.arange(1, 5, dtype=np.int64) * NS, np.ones(4), "RR", "by hand"),
        hypnogram=Hypnogram(T0, 30.0, np.zeros(10, np.int8), "hand"),
        rests=(RestInterval(T0, T0 + 7 * 3600 * NS, T0 + 60 * NS, "diary"),),
        markers=(Marker(T0, 0.0, "light off 30.03.2024"),),
        saliva=(SalivaSample("S1", T0, "cortisol", 5.0, "nmol/L", "2024-03-30"),),
        answers=(Answer("PSS", "1", 2.0, "since 2024-03-01", None, date(2024, 3, 30)),),
        repairs=("the header says 2024-03-29",),
    )


def test_every_instant_moves_by_the_same_whole_weeks() -> None:
    before, after = whole(), shifted(whole(), WEEKS)
    assert after.span_ns == tuple(at + MOVE for at in before.span_ns)
    assert after.signals[0].start_ns == T0 + MOVE
    assert (after.streams[0].start_ns, after.streams[0].end_ns) == (T0 + MOVE, T0 + 10 * NS + MOVE)
    assert [piece.start_ns for piece in after.streams[0].pieces()] == [T0 + MOVE]
    assert after.beats is not None
    assert after.hypnogram is not None
    assert np.array_equal(after.beats.end_ns, T0 + np.arange(1, 5) * NS + MOVE)
    assert after.hypnogram.start_ns == T0 + MOVE
    rest = after.rests[0]
    assert (rest.in_bed_ns, rest.out_bed_ns, rest.onset_ns) == (
        T0 + MOVE, T0 + 7 * 3600 * NS + MOVE, T0 + 60 * NS + MOVE,
    )  # fmt: skip
    assert (after.markers[0].time_ns, after.saliva[0].time_ns) == (T0 + MOVE, T0 + MOVE)
    assert after.answers[0].day == date(2024, 3, 30) + timedelta(weeks=WEEKS)
    words = repr((after.markers, after.saliva, after.answers[0].text, after.repairs))
    assert "2024" not in words
    assert "(date)" in after.markers[0].label


def test_weekday_wall_clock_and_recorded_offset_stay_through_the_clock_change() -> None:
    before, after = whole(), shifted(whole(), WEEKS)
    instants = T0 + np.arange(0, 4 * 3600, 300, dtype=np.int64) * NS
    old, new = (utc_to_wall(at, zone) for at, zone in ((instants, before.zone), (instants + MOVE, after.zone)))
    assert np.array_equal(new, old + MOVE), "23:00 stays 23:00 and 03:05 stays 03:05"
    first = to_datetime(T0 + MOVE, after.zone)
    assert first.weekday() == to_datetime(T0, "Europe/Rome").weekday()
    assert first.year < 1925
    assert after.zone == "+01:00, 1916-09-03T01:00:00Z +02:00"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("at 2024-03-30 22:00", "at (date) 22:00"),
        ("30.03.2024, 3/30/24 and 30-Mar-2024", "(date), (date) and (date)"),
        ("version 5.00, 12.5 s, 1/2 of 3-4 files", "version 5.00, 12.5 s, 1/2 of 3-4 files"),
        ("begin 2024-03-30T22:15:00 of rec_2024-03-30", "begin (date)T22:15:00 of rec_(date)"),
        ("file_20240330 Mar 1 2024, Mon Apr 01 2024", "file_(date) (date), Mon (date)"),
        ("30. März 2024 und 12.03. 22:00 und 03/30", "(date) und (date) 22:00 und (date)"),
        ("at 1709330400 or 1709330400123", "at (date) or (date)"),
        (
            "Sleep stage N2, 1000 Hz, item 12, Marker 3, Decker 5 min",
            "Sleep stage N2, 1000 Hz, item 12, Marker 3, Decker 5 min",
        ),
    ],
)
def test_dates_are_taken_out_of_texts_and_numbers_are_left(text: str, plain: str) -> None:
    assert without_dates(text) == plain


def test_a_key_is_for_the_owner_alone_and_grows_without_changing(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "key.tsv"
    first = extend_key(path, ["P1", "P2"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(-MOST_WEEKS <= first[name] <= -FEWEST_WEEKS for name in ("P1", "P2"))
    later = extend_key(path, ["P1", "P2", "P3"])
    assert {name: later[name] for name in first} == first
    assert read_key(path) == later
    many = extend_key(tmp_path / "many.tsv", [f"P{k}" for k in range(200)])
    assert len(set(many.values())) > 150


def study_of(folder: Path, reader: str = "actiwatch_awd") -> Path:
    study = folder / "study"
    (study / "inbox" / "P1").mkdir(parents=True)
    (study / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (study / "participants.tsv").write_text("participant_id\nP1\n")
    SAMPLES[reader].write(study / "inbox" / "P1")
    return study


def run(folder: Path) -> None:
    study = open_study(folder)
    for unit in units.plan(study).exports:
        assert units.do_export(study, unit).status is units.Status.DONE
    units.do_participant(study, "P1")
    units.do_cohort(study, ())


def test_the_same_study_with_and_without_shift_differs_in_dates_alone(tmp_path: Path) -> None:
    folder = study_of(tmp_path)
    run(folder)
    plain = {t: pl.read_parquet(folder / f"dataset/{t}/P1.parquet") for t in ("epochs", "nights", "recordings")}
    start_date_shift(folder, "../keys/k.tsv")
    assert not (folder / "dataset").exists(), "nothing with a true date is left"
    run(folder)
    weeks = read_key(tmp_path / "keys" / "k.tsv")["P1"]
    moved = {t: pl.read_parquet(folder / f"dataset/{t}/P1.parquet") for t in plain}
    shift = pl.duration(weeks=weeks)
    expected = plain["epochs"].with_columns(pl.col("start_utc") + shift)
    assert moved["epochs"].equals(expected)
    assert moved["nights"]["night"].to_list() == [n + timedelta(weeks=weeks) for n in plain["nights"]["night"]]
    numbers = [name for name, dtype in plain["nights"].schema.items() if dtype == pl.Float64]
    assert moved["nights"].select(numbers).equals(plain["nights"].select(numbers))
    row, old = moved["recordings"].row(0, named=True), plain["recordings"].row(0, named=True)
    assert (row["utc_offset_min"], old["utc_offset_min"], row["zone"]) == (60, 60, "+01:00")
    assert row["sha256"] == old["sha256"]


def test_a_zone_that_only_sidecars_name_makes_the_same_nights_with_and_without_shift(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    inbox = folder / "inbox" / "P1"
    inbox.mkdir(parents=True)
    (folder / "study.toml").write_text("[study]\n")
    (folder / "participants.tsv").write_text("participant_id\nP1\n")
    # In New York clocks were put forward on 10 March: by the offset of the second, the first would end after noon.
    for start, hours in (("2024-03-08T08:00:00", 3.6), ("2024-03-12T22:00:00", 9.0)):
        export = inbox / f"rr_{start[8:10]}.txt"
        export.write_text(f"# start: {start}\n# unit: ms\n" + "1000\n" * int(hours * 3600))
        export.with_name(f"{export.name}.json").write_text('{"zone": "America/New_York"}')
    run(folder)
    plain = pl.read_parquet(folder / "dataset/nights/P1.parquet")
    assert plain["night"].to_list() == [date(2024, 3, 7), date(2024, 3, 12)]
    start_date_shift(folder, "../k.tsv")
    run(folder)
    weeks = read_key(tmp_path / "k.tsv")["P1"]
    moved = pl.read_parquet(folder / "dataset/nights/P1.parquet")
    assert moved["night"].to_list() == [night + timedelta(weeks=weeks) for night in plain["night"]]
    numbers = [name for name, dtype in plain.schema.items() if dtype == pl.Float64]
    assert moved.select(numbers).equals(plain.select(numbers))
    for path in (*folder.glob("dataset/**/*"), *folder.glob("reports/*")):
        assert not path.is_file() or b"New_York" not in path.read_bytes(), path


def test_turning_it_on_twice_changes_nothing(tmp_path: Path) -> None:
    folder = study_of(tmp_path)
    start_date_shift(folder, "../k.tsv")
    text, key = (folder / "study.toml").read_text(), (tmp_path / "k.tsv").read_bytes()
    start_date_shift(folder, "../k.tsv")
    assert ((folder / "study.toml").read_text(), (tmp_path / "k.tsv").read_bytes()) == (text, key)
    with pytest.raises(StudyFault, match="another key file"):
        start_date_shift(folder, "../other.tsv")


def test_of_two_processes_that_turn_it_on_at_once_one_is_refused_and_there_is_one_key(
    tmp_path: Path, root: Path
) -> None:
    folder = study_of(tmp_path)
    code = """
import sys
from pathlib import Path
import pipeline.study as study

draw = study.extend_key

def slowly(path, people):
    print("about to draw", flush=True)
    sys.stdin.readline()
    return draw(path, people)

study.extend_key = slowly
study.start_date_shift(Path(sys.argv[1]), "../first.tsv")
"""
    first = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert first.stdout is not None
    assert first.stdout.readline() == "about to draw\n"
    try:
        with pytest.raises(StudyFault, match="another run holds this study"):
            start_date_shift(folder, "../second.tsv")
    finally:
        first.communicate("go on\n", timeout=60)
    assert first.returncode == 0
    assert sorted(path.name for path in tmp_path.glob("*.tsv")) == ["first.tsv"]
    assert (folder / "study.toml").read_text().count("date_shift_key") == 1
    start_date_shift(folder, "../first.tsv")  # the lock ended with its process


def test_what_is_no_study_is_left_as_it_was(tmp_path: Path) -> None:
    with pytest.raises(StudyFault):
        start_date_shift(tmp_path, "../k.tsv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["key.tsv", "inbox/k.tsv", "../study/dataset/k.tsv"])
def test_a_key_inside_the_study_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(StudyFault, match="lies inside the study"):
        start_date_shift(study_of(tmp_path), key)


def test_a_lost_key_is_told_and_never_drawn_anew_in_silence(tmp_path: Path) -> None:
    folder = study_of(tmp_path)
    start_date_shift(folder, "../k.tsv")
    (tmp_path / "k.tsv").unlink()
    with pytest.raises(StudyFault, match="key file of the date shift is not there"):
        open_study(folder)


def test_a_new_participant_gets_weeks_of_its_own(tmp_path: Path) -> None:
    folder = study_of(tmp_path)
    start_date_shift(folder, "../k.tsv")
    (folder / "participants.tsv").write_text("participant_id\nP1\nP2\n")
    study = with_weeks(open_study(folder))
    assert study.weeks is not None
    assert set(study.weeks) == {"P1", "P2", "*"}


def test_a_format_with_offsets_keeps_what_it_knew(tmp_path: Path) -> None:
    _, recording = read_export(SAMPLES["edf"].write(tmp_path), SAMPLES["edf"].asked)
    moved = shifted(dataclasses.replace(recording, zone="Asia/Kolkata"), WEEKS)
    assert moved.zone == "+05:30"


def test_no_text_of_a_recording_keeps_a_date_whatever_its_field() -> None:
    dated = whole()
    dated = dataclasses.replace(
        dated,
        device="watch of 2024-03-01",
        signals=tuple(dataclasses.replace(s, label="HR 2024-03-30") for s in dated.signals),
        rests=tuple(dataclasses.replace(r, source="diary 30.03.2024") for r in dated.rests),
        saliva=tuple(dataclasses.replace(s, flag="assayed 20.03.2024", analyte="x 2024-03-30") for s in dated.saliva),
        answers=(Answer("form 2024-03-30", "asked 20240330", 20240302.0, "Mar 1 2024"), Answer("PSS", "1", 2.0, "")),
    )
    moved = shifted(dated, WEEKS)
    parts = (moved.device, moved.rests, moved.markers, moved.saliva, moved.answers, moved.repairs)
    words = repr((*parts, [s.label for s in moved.signals]))
    assert "2024" not in words
    assert "assayed (date)" in words
    assert [answer.value for answer in moved.answers] == [None, 2.0]


def test_names_of_exports_cannot_be_found_by_trying_dates(tmp_path: Path) -> None:
    folder = study_of(tmp_path)
    start_date_shift(folder, "../k.tsv")
    study = open_study(folder)
    assert study.weeks is not None
    (export,) = exports_of(study, "P1")
    plain = [hashlib.sha256(text.encode()).hexdigest()[:12] for text in (export.relative, f"P1/{export.path.name}")]
    assert not any(digest in export.label for digest in plain)
    assert study.weeks["*"].bit_length() > 100


def test_a_participant_without_weeks_is_planned_and_gets_them_by_a_run(tmp_path: Path) -> None:
    folder = study_of(tmp_path)
    start_date_shift(folder, "../k.tsv")
    (folder / "participants.tsv").write_text("participant_id\nP1\nP2\n")
    (folder / "inbox" / "P2").mkdir()
    SAMPLES["actiwatch_awd"].write(folder / "inbox" / "P2")
    assert len(units.plan(open_study(folder)).exports) == 2
