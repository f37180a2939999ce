"""JSON lists of stages: codes are never guessed, epochs and start come from outside."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from pipeline.clock import to_datetime
from pipeline.devices.hypnogram_codes import DIALECTS
from pipeline.devices.hypnogram_json import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording, Stage, StageSource

START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock


def asked(**more: object) -> Asked:
    return Asked(zone="Europe/Rome", start=START, **more)  # type: ignore[arg-type]


def listed(folder: Path, content: object) -> Path:
    path = folder / "night.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def read(path: Path, known: Asked) -> Recording:
    return READER.read(path, known)


def refused(path: Path, known: Asked) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read(path, known)
    return caught.value


def test_the_dod_dialect_brings_its_epoch(tmp_path: Path) -> None:
    recording = read(listed(tmp_path, [0, 1, 2, 3, 4, -1]), asked(dialect="dod"))
    assert recording.hypnogram is not None
    assert recording.hypnogram.stages.tolist() == [0, 1, 2, 3, 4, Stage.UNSCORED]
    assert (recording.hypnogram.epoch_s, recording.hypnogram.source) == (30.0, StageSource.EXPERT)
    assert recording.clock is ClockKind.ELAPSED
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T21:00:00+00:00"


def test_bare_numbers_without_a_dialect_are_refused_with_the_tables(tmp_path: Path) -> None:
    fault = refused(listed(tmp_path, [0, 1, 2]), asked())
    assert fault.fault is Fault.UNKNOWN_CODE
    assert all(name in fault.known for name in DIALECTS)
    assert '{"dialect": "yasa"}' in fault.hint


def test_a_misspelt_dialect_is_answered(tmp_path: Path) -> None:
    fault = refused(listed(tmp_path, [0, 1, 2]), asked(dialect="yassa"))
    assert fault.hint == "did you mean 'yasa'?"


def test_numbers_that_a_dialect_does_not_hold_are_refused(tmp_path: Path) -> None:
    fault = refused(listed(tmp_path, [0, 1, 5, 7]), asked(dialect="dod"))
    assert fault.fault is Fault.UNKNOWN_CODE
    assert fault.what == "unknown stage codes: 5, 7"


@pytest.mark.parametrize(
    ("dialect", "wake", "rem", "n1", "n3"),
    [
        ("yasa", 0, 4, 1, 3),
        ("dreams", 5, 4, 3, 1),
        ("dynamo", 5, 4, 3, 1),
        ("sleepecg", 5, 4, 3, 1),
        ("profusion", 0, 5, 1, 4),
        ("elan", 0, 5, 1, 4),
        ("deltamed", 1, 2, 3, 5),
        ("physip", 4, 3, 2, 0),
    ],
)
def test_the_same_number_is_another_stage_in_another_dialect(
    dialect: str, wake: int, rem: int, n1: int, n3: int, tmp_path: Path
) -> None:
    found = read(listed(tmp_path, [wake, rem, n1, n3]), asked(dialect=dialect, epoch_s=20)).hypnogram
    assert found is not None
    assert found.stages.tolist() == [Stage.WAKE, Stage.REM, Stage.N1, Stage.N3]
    assert found.epoch_s == 20.0


def test_words_need_no_dialect_but_an_epoch(tmp_path: Path) -> None:
    path = listed(tmp_path, ["W", "N1", None, "REM"])
    found = read(path, asked(epoch_s=30)).hypnogram
    assert found is not None
    assert found.stages.tolist() == [0, 1, -1, 4]
    assert refused(path, asked()).fault is Fault.UNKNOWN_UNIT


def test_the_start_is_asked_for(tmp_path: Path) -> None:
    fault = refused(listed(tmp_path, [0, 1, 2]), Asked(zone="Europe/Rome", dialect="dod"))
    assert fault.fault is Fault.NO_START_TIME


@pytest.mark.parametrize(
    "content", ['{"a": [1, 2]}', "[0.5, 1.2, 0.7]", "[812, 830]", '["someone", "else"]', "[[0, 1]]", "[true]"]
)
def test_other_json_is_not_claimed(content: str, tmp_path: Path) -> None:
    assert not READER.recognise(glimpse(listed(tmp_path, content)))


def test_an_impossible_epoch_is_refused(tmp_path: Path) -> None:
    assert refused(listed(tmp_path, [0, 1]), asked(dialect="dod", epoch_s=3600)).fault is Fault.IMPLAUSIBLE


@pytest.mark.realdata
def test_every_dod_scoring_is_read_as_it_stands(real_data: Path) -> None:
    paths = sorted((real_data / "dod_scorers" / "scorers").glob("*/*/*.json"))
    assert len(paths) == 400
    for path in paths[::8]:
        assert READER.recognise(glimpse(path))
        found = read(path, asked(dialect="dod")).hypnogram
        assert found is not None
        assert found.stages.tolist() == json.loads(path.read_text())
