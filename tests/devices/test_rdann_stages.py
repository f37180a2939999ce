"""Stages as rdann prints them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from handmade.rdann_stages import row

from pipeline.clock import NS
from pipeline.devices.rdann_stages import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording

ROME = Asked(zone="Europe/Rome", start=datetime(1989, 1, 19, 23, 7))  # noqa: DTZ001  a wall clock
HEADER = "Elapsed time  Sample #  Type  Sub Chan  Num\tAux\n"


def listing(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "slp01a.an"
    path.write_text(header + "".join(rows))
    return path


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def test_the_first_sample_is_the_start_and_hours_are_written_when_there_are_any(tmp_path: Path) -> None:
    rows = [row(0.004, "4 LA LA"), *(row(30.0 * k, "2") for k in range(1, 120)), row(3600, "MT X"), row(3660, "R")]
    recording = READER.read(listing(tmp_path, *rows), ROME)
    assert stages(recording) == [3, *([2] * 119), -2, -1, 4]
    assert [m.label for m in recording.markers] == ["LA", "LA", "X"]
    assert {m.duration_s for m in recording.markers} == {30.0}
    assert recording.markers[2].time_ns - recording.markers[0].time_ns == round(3599.996 * NS)


def test_a_number_is_a_stage_of_the_manual_here(tmp_path: Path) -> None:
    rows = [row(30.0 * k, word) for k, word in enumerate(("W", "1", "2", "3", "4", "R", "M"))]
    assert stages(READER.read(listing(tmp_path, *rows), ROME)) == [0, 1, 2, 3, 3, 4, -2]


def test_beats_of_the_same_program_are_not_claimed(tmp_path: Path) -> None:
    beat = row(0.5, "").replace('"', "N")
    assert not READER.recognise(glimpse(listing(tmp_path, beat)))
    rhythm = row(0.5, "(AFIB").replace('"', "+")
    assert not READER.recognise(glimpse(listing(tmp_path, rhythm)))


def test_an_unknown_stage_and_no_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        READER.read(listing(tmp_path, row(0, "W"), row(30, "7")), ROME)
    assert fault.value.fault is Fault.UNKNOWN_CODE
    with pytest.raises(FileFault) as fault:
        READER.read(listing(tmp_path, row(0, "W")), Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.NO_START_TIME


@pytest.mark.realdata
def test_real_records_have_an_epoch_for_each_half_minute(real_data: Path) -> None:
    lengths = {"slp01a": 240, "slp01b": 360, "slp02a": 360, "slp03": 720, "slp32": 640, "slp45": 760, "slp60": 710}
    for name, n in lengths.items():
        path = real_data / "slpdb_rr" / f"{name}.an"
        found = stages(READER.read(path, ROME))
        lines = path.read_text().splitlines()[1:]
        assert len(found) == n
        assert found.count(0) == sum(line.split("\t")[1].split()[0] == "W" for line in lines)
        assert found.count(3) == sum(line.split("\t")[1].split()[0] in {"3", "4"} for line in lines)
