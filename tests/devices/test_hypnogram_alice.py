"""Alice hypnogram tables: twelve-hour clocks, no date, missing epochs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.clock import to_datetime
from pipeline.devices.hypnogram_alice import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording

START = datetime(2024, 3, 1, 21, 18)  # noqa: DTZ001  a wall clock
ROME = Asked(zone="Europe/Rome", start=START)


def table(folder: Path, *rows: str, header: str = " Epoch Number ,Start Time ,Sleep Stage ") -> Path:
    path = folder / "csv_hypnogram.csv"
    path.write_text("\r\n".join([header, *rows, ""]))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    return READER.read(path, asked)


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def test_twelve_hour_clocks_through_midnight(tmp_path: Path) -> None:
    rows = ("1,11:59:00 PM,WK", "2,11:59:30 PM,N1", "3,12:00:00 AM,N3", "4,12:00:30 AM,REM")
    recording = read(table(tmp_path, *rows))
    assert stages(recording) == [0, 1, 3, 4]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T22:59:00+00:00"


def test_an_epoch_left_out_is_unscored(tmp_path: Path) -> None:
    rows = ("1,9:18:51 PM,WK", "2,9:19:21 PM,N1", "4,9:20:21 PM,N2", "5,9:20:51 PM,?")
    recording = read(table(tmp_path, *rows))
    assert stages(recording) == [0, 1, -1, 2, -1]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T20:18:51+00:00"


def test_a_first_epoch_before_the_sidecars_clock_is_of_the_next_day(tmp_path: Path) -> None:
    recording = read(table(tmp_path, "1,12:18:51 AM,WK", "2,12:19:21 AM,WK"))
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T23:18:51+00:00"


def test_twenty_second_epochs(tmp_path: Path) -> None:
    found = read(table(tmp_path, "1,21:18:00,WK", "2,21:18:20,N1", "3,21:18:40,N2")).hypnogram
    assert found is not None
    assert found.epoch_s == 20.0


def test_the_date_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(table(tmp_path, "1,9:18:51 PM,WK"), Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.NO_START_TIME
    assert '"start"' in fault.value.hint


def test_unknown_stages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(table(tmp_path, "1,9:18:51 PM,WK", "2,9:19:21 PM,X7"))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert "'X7'" in fault.value.what
