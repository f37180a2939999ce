"""Hypnogram tables: epochs, seconds, times of day, stamps, codes, several scorers; and Philips Alice."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices.hypnogram_table import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording, StageSource

START = datetime(2024, 3, 1, 21, 18)  # noqa: DTZ001  a wall clock


def asked(**more: object) -> Asked:
    return Asked(**({"zone": "Europe/Rome", "start": START} | more))  # type: ignore[arg-type]


def table(folder: Path, *rows: str) -> Path:
    path = folder / "scoring.csv"
    path.write_text("\r\n".join([*rows, ""]))
    return path


def alice(folder: Path, *rows: str) -> Path:
    return table(folder, " Epoch Number ,Start Time ,Sleep Stage ", *rows)


def read(path: Path, known: Asked | None = None) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, known or asked())


def refused(path: Path, known: Asked | None = None) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read(path, known)
    return caught.value


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


# ---- Philips Alice ---------------------------------------------------------------------------------------------------


def test_twelve_hour_clocks_through_midnight(tmp_path: Path) -> None:
    rows = ("1,11:59:00 PM,WK", "2,11:59:30 PM,N1", "3,12:00:00 AM,N3", "4,12:00:30 AM,REM")
    recording = read(alice(tmp_path, *rows))
    assert stages(recording) == [0, 1, 3, 4]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T22:59:00+00:00"


def test_an_epoch_left_out_is_unscored(tmp_path: Path) -> None:
    rows = ("1,9:18:51 PM,WK", "2,9:19:21 PM,N1", "4,9:20:21 PM,N2", "5,9:20:51 PM,?")
    recording = read(alice(tmp_path, *rows))
    assert stages(recording) == [0, 1, -1, 2, -1]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T20:18:51+00:00"


def test_a_first_epoch_before_the_sidecars_clock_is_of_the_next_day(tmp_path: Path) -> None:
    recording = read(alice(tmp_path, "1,12:18:51 AM,WK", "2,12:19:21 AM,WK"))
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T23:18:51+00:00"


def test_twenty_second_epochs(tmp_path: Path) -> None:
    found = read(alice(tmp_path, "1,21:18:00,WK", "2,21:18:20,N1", "3,21:18:40,N2")).hypnogram
    assert found is not None
    assert found.epoch_s == 20.0


def test_the_date_of_times_of_day_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(alice(tmp_path, "1,9:18:51 PM,WK"), Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.NO_START_TIME
    assert '"start"' in fault.value.hint


# ---- epochs and seconds ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [0, 1, 17])
def test_epoch_numbers_are_epochs_from_the_first_row_on(first: int, tmp_path: Path) -> None:
    rows = [f"{first + k},{stage}" for k, stage in ((0, "W"), (1, "N1"), (4, "R"))]
    recording = read(table(tmp_path, "Epoch,Stage", *rows), asked(epoch_s=30))
    assert stages(recording) == [0, 1, -1, -1, 4]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T20:18:00+00:00"
    assert recording.clock is ClockKind.ELAPSED


def test_the_epoch_of_numbers_is_asked_for(tmp_path: Path) -> None:
    fault = refused(table(tmp_path, "epoch,stage", "1,W", "2,N1"))
    assert fault.fault is Fault.UNKNOWN_UNIT
    assert '"epoch_s"' in fault.hint


def test_a_confidence_beside_a_stage_is_softwares(tmp_path: Path) -> None:
    path = table(tmp_path, "Epoch,Stage,Confidence", "0,W,0.98", "1,N1,0.51")
    found = read(path, asked(epoch_s=30)).hypnogram
    assert found is not None
    assert found.source is StageSource.AUTOMATIC


def test_digits_among_letters_are_depths(tmp_path: Path) -> None:
    path = table(tmp_path, "epoch,stage", "1,W", "2,1", "3,2", "4,4", "5,R")
    assert stages(read(path, asked(epoch_s=30))) == [0, 1, 2, 3, 4]


def test_changes_at_seconds_hold_until_the_next_and_may_precede_the_start(tmp_path: Path) -> None:
    recording = read(table(tmp_path, "Time,Stage", "-60,5", "0.01,3", "90.02,2", "120.02,4"), asked(dialect="dynamo"))
    assert stages(recording) == [0, 0, 1, 1, 1, 2, 4]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T20:17:00+00:00"


def test_epochs_at_seconds_leave_holes_unscored(tmp_path: Path) -> None:
    recording = read(table(tmp_path, "time (s),stage", "0,W", "30,W", "60,N1", "150,N1"))
    assert stages(recording) == [0, 0, 1, -1, -1, 1]


def test_a_piece_cut_from_a_night_begins_and_ends_within_an_epoch(tmp_path: Path) -> None:
    rows = ("0,4", "40.01,5", "70.01,3", "100.01,2", "1330.01,1", "1336,1")
    recording = read(table(tmp_path, "Time,Stage", *rows), asked(dialect="dynamo"))
    assert stages(recording) == [4, 0, 1, *([2] * 41)]
    assert recording.hypnogram is not None
    assert recording.hypnogram.epoch_s == 30.0
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T20:18:10.010000+00:00"
    assert any("begins 10.01 s before a whole epoch" in note for note in recording.repairs)


def test_times_in_hours_are_refused(tmp_path: Path) -> None:
    rows = [f"{k / 120:.5f},W" for k in range(6)]
    assert refused(table(tmp_path, "time,stage", *rows)).fault is Fault.UNKNOWN_UNIT


def test_a_decimal_comma(tmp_path: Path) -> None:
    assert stages(read(table(tmp_path, "time;stage", "0,0;W", "30,0;W", "60,0;R"))) == [0, 0, 4]


# ---- clocks ----------------------------------------------------------------------------------------------------------


def test_full_stamps_need_no_start(tmp_path: Path) -> None:
    rows = ("2024-03-01 23:59:30,W", "2024-03-02 00:00:00,W", "2024-03-02 00:01:00,N2")
    recording = read(table(tmp_path, "datetime,stage", *rows), asked(start=None))
    assert stages(recording) == [0, 0, -1, 2]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T22:59:30+00:00"


def test_stamps_with_an_offset_are_instants(tmp_path: Path) -> None:
    rows = ("2024-03-01T23:59:30+09:00,W", "2024-03-02T00:00:00+09:00,N2")
    recording = read(table(tmp_path, "timestamp,stage", *rows))
    assert recording.clock is ClockKind.OFFSET
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T14:59:30+00:00"


def test_stamps_through_the_repeated_hour(tmp_path: Path) -> None:
    minutes = [(2, m) for m in range(58, 60)] + [(2, m) for m in range(2)]
    rows = [f"2024-10-27 0{h}:{m:02d}:{s:02d},N2" for h, m in minutes for s in (0, 30)]
    recording = read(table(tmp_path, "datetime,stage", *rows))
    assert stages(recording) == [2] * 8
    assert recording.clock is ClockKind.LOCAL


# ---- scorers ---------------------------------------------------------------------------------------------------------


def test_of_several_scorers_the_sidecar_names_one(tmp_path: Path) -> None:
    path = table(tmp_path, "epoch,scorer_1,scorer_2", "1,W,N1", "2,W,N2")
    fault = refused(path, asked(epoch_s=30))
    assert fault.fault is Fault.SETTINGS
    assert fault.known == "scorer_1, scorer_2"
    assert stages(read(path, asked(epoch_s=30, eeg_channels=("scorer_2",)))) == [1, 2]


# ---- recognition -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rows",
    [
        ("subject,epoch,reference,device", "sbj01,1,0,0"),
        ("timestamp,activity,stage", "2024-03-01 22:00:00,3,W"),
        ("time,stage", "2024-03-01 22:00:00,light"),
        ("epoch,score", "1,W"),
        ("epoch,stage", "1,12.5"),
        ("stage,comment", "W,nothing"),
    ],
)
def test_other_tables_are_not_claimed(rows: tuple[str, ...], tmp_path: Path) -> None:
    assert not READER.recognise(glimpse(table(tmp_path, *rows)))


def test_bare_numbers_are_refused(tmp_path: Path) -> None:
    assert refused(table(tmp_path, "Time,Stage", "0,5", "30,3")).fault is Fault.UNKNOWN_CODE


def test_an_unreadable_column_is_a_fault(tmp_path: Path) -> None:
    assert refused(table(tmp_path, "epoch,stage", "a,W", "b,N1"), asked(epoch_s=30)).fault is Fault.CORRUPT
    assert refused(table(tmp_path, "epoch,stage", "1,W", "1,N1"), asked(epoch_s=30)).fault is Fault.CORRUPT


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["night_stages.csv", "segment_stages.csv"])
def test_real_changes_are_held_to_the_next_one(name: str, real_data: Path) -> None:
    path = real_data / "dynamo_eeg_segment" / name
    recording = read(path, asked(dialect="dynamo"))
    assert recording.hypnogram is not None
    found = recording.hypnogram
    with path.open() as lines:
        rows = [(float(row["Time"]), int(row["Stage"])) for row in csv.DictReader(lines)]
    at = np.array([row[0] for row in rows])
    code = {5: 0, 4: 4, 3: 1, 2: 2, 1: 3, 0: -1}
    start_ns = round(datetime.fromisoformat("2024-03-01T20:18:00+00:00").timestamp()) * NS
    middles = (found.start_ns - start_ns) / NS + (np.arange(len(found.stages)) + 0.5) * 30
    wanted = [code[rows[k][1]] for k in np.searchsorted(at, middles, side="right") - 1]
    assert found.stages.tolist() == wanted
