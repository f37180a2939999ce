"""travel.tsv: arrivals become each traveller's zone; nights and wall clocks follow."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from pipeline import units
from pipeline.clock import to_datetime
from pipeline.errors import StudyFault
from pipeline.study import open_study
from pipeline.travel import journeys

HEAD = "participant_id\tarrival\tzone\n"
HOMES = {"P1": "Europe/Rome", "P2": None}


def table(folder: Path, rows: str) -> Path:
    path = folder / "travel.tsv"
    path.write_text(HEAD + rows)
    return path


def test_arrivals_are_wall_clocks_of_the_place_of_arrival(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "P1\t2024-03-20 09:00\tEurope/Rome\nP1\t2024-03-10 18:30\tAmerica/New_York\n"
        "sub-P2\t2024-05-01T10:00+09:00\tAsia/Tokyo\n",
    )
    found = journeys(path, HOMES, "Europe/Oslo")
    # New York was on summer time since that morning: 18:30 is 22:30 UTC.
    assert found == {
        "P1": "Europe/Rome, 2024-03-10T22:30:00Z America/New_York, 2024-03-20T08:00:00Z Europe/Rome",
        "P2": "Europe/Oslo, 2024-05-01T01:00:00Z Asia/Tokyo",
    }


def test_without_the_file_nobody_travels(tmp_path: Path) -> None:
    assert journeys(tmp_path / "travel.tsv", HOMES, None) == {}


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("P9\t2024-03-10 18:30\tAsia/Tokyo\n", "no participant 'P9'"),
        ("P1\tTuesday\tAsia/Tokyo\n", "arrival = 'Tuesday' is not a date and time"),
        ("P1\t2024-03-10 18:30\tAsia/Tokio\n", "no time zone 'Asia/Tokio'"),
        ("P1\t2024-03-10 18:30\tAsia/Tokyo\nP1\t2024-03-10 09:30Z\tAsia/Seoul\n", "arrives twice"),
        ("P2\t2024-03-10 18:30\tAsia/Tokyo\n", "nobody names"),
    ],
)
def test_a_wrong_row_is_told_with_its_place(tmp_path: Path, rows: str, says: str) -> None:
    with pytest.raises(StudyFault) as fault:
        journeys(table(tmp_path, rows), HOMES, None)
    assert says in str(fault.value)
    assert "travel.tsv" in str(fault.value)


def test_a_missing_column_is_told(tmp_path: Path) -> None:
    path = tmp_path / "travel.tsv"
    path.write_text("participant_id,arrival,zone\n")
    with pytest.raises(StudyFault, match="no column participant_id, arrival, zone"):
        journeys(path, HOMES, None)


def test_nights_of_a_traveller_follow_the_place(tmp_path: Path) -> None:
    """A phone-like table of counts over a flight to New York: its wall clock jumps back by five hours."""
    study = tmp_path / "study"
    inbox = study / "inbox" / "P1"
    inbox.mkdir(parents=True)
    (study / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (study / "participants.tsv").write_text("participant_id\nP1\n")
    (study / "travel.tsv").write_text(HEAD + "P1\t2024-05-10 12:00\tAmerica/New_York\n")
    rows = []
    for minute in range(4 * 1440):
        at = datetime(2024, 5, 8, 10, tzinfo=UTC).timestamp() + 60 * minute
        zone = "Europe/Rome" if at < datetime(2024, 5, 10, 16, tzinfo=UTC).timestamp() else "America/New_York"
        rows.append(f"{to_datetime(int(at * 10**9), zone):%Y-%m-%d %H:%M:%S},{minute % 7}")
    (inbox / "phone.csv").write_text("timestamp,activity\n" + "\n".join(rows) + "\n")
    opened = open_study(study)
    for unit in units.plan(opened).exports:
        outcome = units.do_export(opened, unit)
        assert outcome.status is units.Status.DONE, outcome.detail
    units.do_participant(opened, "P1")
    recording = pl.read_parquet(study / "dataset/recordings/P1.parquet").row(0, named=True)
    assert recording["start_utc"] == datetime(2024, 5, 8, 10, tzinfo=UTC)
    assert recording["end_utc"] == datetime(2024, 5, 12, 10, tzinfo=UTC)
    assert recording["coverage"] == 1.0, "no epoch was lost or doubled on the way"
    nights = pl.read_parquet(study / "dataset/nights/P1.parquet")
    assert nights["hours"].to_list() == [24.0, 24.0, 30.0, 24.0]
    assert nights["zone"].to_list()[1:4] == [
        "Europe/Rome",
        "Europe/Rome, 2024-05-10T16:00:00Z America/New_York",
        "America/New_York",
    ]
