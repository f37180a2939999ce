"""The tables of stage words and codes, held to the manuals and to what their programs say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.devices.hypnogram_codes import DIALECTS, is_number, stage_of, stages_of, told_stages
from pipeline.errors import Fault, FileFault
from pipeline.recording import Stage

HERE = Path("night.txt")


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        ("W", Stage.WAKE),
        ("wake", Stage.WAKE),
        ("WK", Stage.WAKE),
        ("Wach", Stage.WAKE),
        ("Éveil", Stage.WAKE),
        ("sleep_wake", Stage.WAKE),
        ("SLEEP-S0", Stage.WAKE),
        ("Sleep stage W", Stage.WAKE),
        ("N1", Stage.N1),
        ("Stage 1 sleep", Stage.N1),
        ("Stadium 2", Stage.N2),
        ("NREM 2", Stage.N2),
        ("S3", Stage.N3),
        ("S4", Stage.N3),
        ("Sleep stage 4", Stage.N3),
        ("REM sleep", Stage.REM),
        ("R", Stage.REM),
        ("Movement time", Stage.MOVEMENT),
        ("Sleep stage ?", Stage.UNSCORED),
        ("Artefakt", Stage.UNSCORED),
    ],
)
def test_words_of_stages(text: str, stage: Stage) -> None:
    assert stage_of(text) is stage


@pytest.mark.parametrize(
    "text", ["", "1", "4", "0", "arousal", "Stage", "Sleep stage", "Stage 5", "N5", "spindle", "lights"]
)
def test_words_that_are_no_stage(text: str) -> None:
    assert stage_of(text) is None


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_tells_waking_rem_and_depth_apart_and_where_it_is_from(name: str) -> None:
    dialect = DIALECTS[name]
    assert {Stage.WAKE, Stage.N1, Stage.N2, Stage.N3, Stage.REM} <= set(dialect.codes.values())
    assert len([code for code, stage in dialect.codes.items() if stage is Stage.WAKE]) == 1
    assert len(dialect.source) > 10


def test_codes_keep_their_order_and_unknown_ones_are_listed() -> None:
    codes = DIALECTS["dreams"].codes
    assert stages_of(np.array([5, 0, 4, -1, 5], np.int64), codes, HERE).tolist() == [0, 3, 4, -2, 0]
    with pytest.raises(FileFault) as fault:
        stages_of(np.array([5, 9, 7], np.int64), codes, HERE)
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert fault.value.what == "unknown stage codes: 7, 9"


def test_digits_among_letters_are_depths_but_zero_is_not() -> None:
    assert told_stages(["W", "1", "4", "R"], HERE, None)[0].tolist() == [0, 1, 3, 4]
    for cells in (["W", "0", "1"], ["N1", "1"], ["?", "1"]):
        with pytest.raises(FileFault) as fault:
            told_stages(cells, HERE, None)
        assert fault.value.fault is Fault.UNKNOWN_CODE


@pytest.mark.parametrize(
    ("cell", "is_one"),
    [("2", True), ("-1", True), ("2.0", True), ("2.0e+00", True), ("2.5", False), ("12", False), ("2e1", False)],
)
def test_what_is_a_code(cell: str, is_one: bool) -> None:
    assert is_number(cell) is is_one
