"""Stages in BIDS events tables: merged epochs, other events, columns that scorers use."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices.bids_hypnogram import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording, Stage

START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
ROME = Asked(zone="Europe/Rome", start=START)


def table(folder: Path, *rows: str) -> Path:
    path = folder / "sub-01_task-sleep_events.tsv"
    path.write_text("".join(row.replace(" ", "\t").replace("_", " ") + "\n" for row in rows))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, asked)


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def test_runs_of_epochs_and_single_ones(tmp_path: Path) -> None:
    recording = read(table(tmp_path, "onset duration stage", "30 90 W", "120 30 N2", "180 60 REM"))
    assert stages(recording) == [0, 0, 0, 2, -1, 4, 4]
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T21:00:30+00:00"


def test_events_between_stages_are_markers(tmp_path: Path) -> None:
    rows: tuple[str, ...] = (
        "0 60 n/a sleep-wake",
        "12.5 3 n/a arousal",
        "20 5 n/a artifact",
        "60 30 n/a Sleep_stage_3",
    )
    rows += ("70 n/a n/a press",)
    recording = read(table(tmp_path, "onset duration sample description", *rows))
    assert stages(recording) == [0, 0, 3]
    assert [(m.label, m.duration_s) for m in recording.markers] == [("arousal", 3.0), ("artifact", 5.0), ("press", 0.0)]
    assert recording.markers[0].time_ns - recording.span_ns[0] == round(12.5 * NS)


def test_in_a_column_for_stages_movement_is_one_and_an_unknown_word_a_fault(tmp_path: Path) -> None:
    recording = read(table(tmp_path, "onset duration stage", "0 30 W", "30 30 MT", "60 30 n/a"))
    assert stages(recording) == [0, Stage.MOVEMENT, Stage.UNSCORED]
    with pytest.raises(FileFault) as fault:
        read(table(tmp_path, "onset duration stage", "0 30 W", "30 30 Dream"))
    assert fault.value.fault is Fault.UNKNOWN_CODE


def test_numbers_in_a_column_for_stages_need_a_dialect(tmp_path: Path) -> None:
    path = table(tmp_path, "onset duration stage", "0 30 0", "30 30 4")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert stages(read(path, Asked(zone="Europe/Rome", start=START, dialect="yasa"))) == [0, 4]


def test_triggers_are_no_stages(tmp_path: Path) -> None:
    assert not READER.recognise(glimpse(table(tmp_path, "onset duration value", "0 0 1", "30 0 2")))
    assert not READER.recognise(glimpse(table(tmp_path, "onset duration description", "0 0 go", "30 0 stop")))


def test_two_scorers_in_one_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(table(tmp_path, "onset duration stage", "0 30 W", "0 30 N1", "30 30 W"))
    assert fault.value.fault is Fault.CORRUPT
    assert "two sleep stages at once" in fault.value.what


def test_the_start_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(table(tmp_path, "onset duration stage", "0 30 W"), Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.NO_START_TIME
