"""Polyman annotation lists: months in several languages, no header, onsets against clocks, the EDF+ originals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices.edf import READER as EDF
from pipeline.devices.hypnogram_polyman import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording

ROME = Asked(zone="Europe/Rome")
HEADER = "Date, Time, Recording onset, Duration, Annotation, Linked channel"


def table(folder: Path, *rows: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
    path = folder / "tag.txt"
    path.write_bytes("\n".join([*([header] if header else []), *rows, ""]).encode(encoding))
    return path


def read(path: Path) -> Recording:
    return READER.read(path, ROME)


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def test_stages_and_other_annotations(tmp_path: Path) -> None:
    rows = (
        "12-Jul-1994, 23:59:30, 600, 60, Sleep stage W, ",
        "13-Jul-1994, 00:00:30, 660, 30, Sleep stage 4, EEG Fpz-Cz",
        "13-Jul-1994, 00:00:40, 670, 2.5, Arousal, with a comma, EEG",
        "13-Jul-1994, 00:01:30, 720, 30, Movement time, ",
    )
    recording = read(table(tmp_path, *rows))
    assert stages(recording) == [0, 0, 3, -1, -2]
    assert to_datetime(recording.span_ns[0]).isoformat() == "1994-07-12T21:59:30+00:00"
    assert [(m.label, m.duration_s) for m in recording.markers] == [("Arousal, with a comma", 2.5)]
    assert recording.markers[0].time_ns - recording.span_ns[0] == 70 * NS


@pytest.mark.parametrize(
    ("month", "encoding"), [("7月", "gbk"), ("7月", "utf-8"), ("Jul", "ascii"), ("JUL", "ascii"), ("07", "ascii")]
)
def test_the_month_in_the_language_of_windows(month: str, encoding: str, tmp_path: Path) -> None:
    path = table(tmp_path, f"05-{month}-1994, 23:00:00, 0, 30, Sleep stage 2, ", encoding=encoding)
    assert READER.recognise(glimpse(path))
    assert to_datetime(read(path).span_ns[0]).isoformat() == "1994-07-05T21:00:00+00:00"


def test_the_header_may_be_missing(tmp_path: Path) -> None:
    path = table(tmp_path, "20-Sep-2025, 21:44:00, 0, 60, Sleep stage W, ", header="")
    assert READER.recognise(glimpse(path))
    assert stages(read(path)) == [0, 0]


def test_a_first_row_after_the_start_does_not_move_it(tmp_path: Path) -> None:
    recording = read(table(tmp_path, "12-Jul-1994, 23:10:00, 600, 30, Sleep stage 1, "))
    assert to_datetime(recording.span_ns[0]).isoformat() == "1994-07-12T21:10:00+00:00"


def test_clocks_that_part_from_the_onsets_are_told(tmp_path: Path) -> None:
    rows = ("27-Oct-2024, 02:30:00, 0, 30, Sleep stage 1, ", "27-Oct-2024, 02:00:30, 1830, 30, Sleep stage 2, ")
    recording = read(table(tmp_path, *rows))
    assert recording.repairs == ("times of day and onsets part by up to 3600 s: the onsets were read",)
    assert stages(recording) == [1, *([-1] * 60), 2]


def test_damage_is_a_fault(tmp_path: Path) -> None:
    for rows, fault in (((), Fault.TRUNCATED), (("rubbish",), Fault.CORRUPT)):
        with pytest.raises(FileFault) as caught:
            read(table(tmp_path, *rows))
        assert caught.value.fault is fault


@pytest.mark.realdata
def test_real_lists_say_what_their_edf_originals_say(real_data: Path) -> None:
    folder = real_data / "sleepedf_ST_hypnograms"
    compared = 0
    for path in sorted((folder / "tag").glob("*.txt")):
        listed = read(path).hypnogram
        original = EDF.read(next((folder / "Hypnogram").glob(f"{path.name[:6]}*.edf")), ROME).hypnogram
        assert listed is not None
        assert original is not None
        lead, rest = divmod(listed.start_ns - original.start_ns, 30 * NS)
        assert rest == 0, path.name
        inside = original.stages[lead : lead + len(listed.stages)]
        scored = listed.stages[: len(inside)] >= 0
        assert np.array_equal(listed.stages[: len(inside)][scored], inside[scored]), path.name
        compared += int(scored.sum())
    assert compared > 10_000
