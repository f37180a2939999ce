"""Fitbit's tables: which clock each is in, sources that count the same steps, and a Z that is none."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import to_datetime
from pipeline.devices import read_export
from pipeline.devices.fitbit_csv import READER, SCORES
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

ROME = Asked(zone="Europe/Rome")
SCORE_HEAD = "sleep_log_entry_id,timestamp,overall_score,composition_score,resting_heart_rate"


def read(folder: Path, *lines: str) -> Recording:
    path = folder / "table.csv"
    path.write_text("".join(line + "\n" for line in lines))
    reader, recording = read_export(path, ROME)
    assert reader is READER
    return recording


def clock(at_ns: int | None, zone: str = "UTC") -> str:
    assert at_ns is not None
    return f"{to_datetime(at_ns, zone):%Y-%m-%d %H:%M:%S}"


def test_variability_is_by_the_wall_clock(tmp_path: Path) -> None:
    rows = ["2024-07-01T03:00:00,30.5,0.9,1,2", "2024-07-01T03:10:00,0,0.1,1,2", "2024-07-01T03:15:00,40,0.9,1,2"]
    recording = read(tmp_path, "timestamp,rmssd,coverage,low_frequency,high_frequency", *rows)
    (signal,) = recording.signals
    assert (signal.kind, signal.fs_hz, clock(signal.start_ns)) == (Kind.RMSSD, 1 / 300, "2024-07-01 01:00:00")
    assert signal.samples.tolist() == pytest.approx([30.5, np.nan, np.nan, 40.0], nan_ok=True)
    assert recording.clock is ClockKind.LOCAL


def test_the_hour_that_autumn_repeats_is_read_twice(tmp_path: Path) -> None:
    stamps = ["02:50:00", "02:55:00", "02:00:00", "02:05:00"]
    rows = [f"2024-10-27T{stamp},{k + 1},1,1,1" for k, stamp in enumerate(stamps)]
    (signal,) = read(tmp_path, "timestamp,rmssd,coverage,low_frequency,high_frequency", *rows).signals
    assert signal.samples.tolist() == [1, 2, 3, 4]
    assert clock(signal.start_ns) == "2024-10-27 00:50:00"


def test_heart_rate_is_in_utc(tmp_path: Path) -> None:
    rows = ["2024-10-27T00:00:04Z,65.0", "2024-10-27T00:00:09Z,62.0", "2024-10-27T00:00:19Z,61.0"]
    recording = read(tmp_path, "timestamp,beats per minute", *rows)
    (heart,) = recording.signals
    assert (heart.kind, clock(heart.start_ns)) == (Kind.HR, "2024-10-27 00:00:00")
    assert heart.samples.tolist() == pytest.approx([65.0, 62.0, np.nan, 61.0], nan_ok=True)


def test_daily_values_of_rest_are_no_signal(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, "timestamp,beats per minute", *(f"2024-10-{d}T00:00:00Z,60" for d in range(10, 15)))
    assert fault.value.fault is Fault.NOTHING_USABLE


def test_steps_that_two_sources_counted_are_read_once(tmp_path: Path) -> None:
    rows = [
        "2024-10-01T06:00:00Z,20,Anna's Band",
        "2024-10-01T06:00:00Z,25,phone",
        "2024-10-01T06:02:00Z,8,Anna's Band",
    ]
    recording = read(tmp_path, "timestamp,steps,data source", *rows)
    assert recording.signals[0].samples.tolist() == pytest.approx([20.0, np.nan, 8.0], nan_ok=True)
    assert recording.repairs[0] == "2 sources wrote the same: the one with the most rows (2) is read"
    assert "Anna" not in str(recording)


def test_a_heart_rate_without_offset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, "timestamp,beats per minute", "2024-10-27T00:00:04,65.0")
    assert fault.value.fault is Fault.CORRUPT


def test_the_z_of_a_sleep_score_is_the_wall_clock(tmp_path: Path) -> None:
    recording = read(
        tmp_path, SCORE_HEAD, "24472394143,2019-07-01T00:29:30Z,76,-1,0", "2,2019-07-02T06:00:00Z,80,20,53"
    )
    assert [(a.item, a.value, a.day) for a in recording.answers] == [
        ("overall_score", 76.0, date(2019, 7, 1)),
        ("overall_score", 80.0, date(2019, 7, 2)),
        ("composition_score", 20.0, date(2019, 7, 2)),
        ("resting_heart_rate", 53.0, date(2019, 7, 2)),
    ]
    assert clock(recording.answers[0].time_ns, "Europe/Rome") == "2019-07-01 00:29:30"
    assert "24472394143" not in str(recording), "the number of a log is an identity"


@pytest.mark.realdata
@pytest.mark.parametrize("person", ["p01", "p02", "p03", "p04", "p05"])
def test_scores_lie_at_the_ends_of_the_sleep_that_they_score(real_data: Path, person: str) -> None:
    folder = real_data / "pmdata" / person / "fitbit"
    oslo = Asked(zone="Europe/Oslo")
    answers = read_export(folder / "sleep_score.csv", oslo)[1].answers
    with (folder / "sleep_score.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(answers) == sum(
        row[item] not in {"", "0"} or (row[item] == "0" and item != "resting_heart_rate")
        for row in rows
        for item in SCORES
    )
    ends = {clock(rest.out_bed_ns, "Europe/Oslo") for rest in read_export(folder / "sleep.json", oslo)[1].rests}
    scored = {clock(a.time_ns, "Europe/Oslo") for a in answers}
    # One sleep before the export's first log, and the night of the clock change, whose log ends at its own offset.
    assert len(scored - ends) <= 2
