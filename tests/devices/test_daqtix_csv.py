"""DaqTix csv: stamps in GMT, channels by name, light whose unit must be told, gaps, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.daqtix_csv import HEAD

from pipeline.clock import to_datetime
from pipeline.devices import claimant
from pipeline.devices.daqtix_csv import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/Zurich")
ROWS = ["2000-01-27 19:00:00,26,53", "2000-01-27 19:00:01,36,55", "2000-01-27 19:00:02,9,54"]


def write(folder: Path, rows: list[str], head: str = HEAD) -> Path:
    path = folder / "log.csv"
    path.write_text(head + "\n".join([*rows, ""]))
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


def test_stamps_are_gmt_whatever_the_zone(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ROWS))
    (counts,) = recording.signals
    assert (counts.samples.tolist(), counts.fs_hz, counts.scale) == ([26.0, 36.0, 9.0], 1.0, CountsScale.UNKNOWN)
    assert f"{to_datetime(counts.start_ns):%Y-%m-%d %H:%M:%S}" == "2000-01-27 19:00:00"
    assert recording.clock is ClockKind.UTC
    assert recording.zone == "Europe/Zurich"


def test_light_is_read_only_where_its_unit_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    assert any('"Light": "lux"' in note for note in read(path).repairs)
    told = read(path, Asked(zone="Europe/Zurich", units={"Light": "lux"}))
    assert told.of(Kind.LIGHT)[0].samples.tolist() == [53.0, 55.0, 54.0]


def test_channels_go_by_their_names_not_their_places(tmp_path: Path) -> None:
    swapped = read(write(tmp_path, ROWS, HEAD.replace("Accelleration X+Y,Light", "Light,Acceleration X")))
    assert swapped.signals[0].samples.tolist() == [53.0, 55.0, 54.0]


def test_absent_rows_are_a_gap(tmp_path: Path) -> None:
    rows = [f"2000-01-27 19:00:0{k},{k},1" for k in (0, 1, 2, 5, 6)]
    assert np.flatnonzero(np.isnan(read(write(tmp_path, rows)).signals[0].samples)).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("head", "rows", "fault"),
    [
        (HEAD, [], Fault.TRUNCATED),
        (HEAD, ROWS[:1], Fault.NOTHING_USABLE),
        (HEAD.replace("Accelleration X+Y", "Sound"), ROWS, Fault.NOTHING_USABLE),
        (HEAD, [row.replace(",26", ",x").replace(",36", ",y") for row in ROWS], Fault.CORRUPT),
    ],
)
def test_what_is_no_recording(tmp_path: Path, head: str, rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows, head))
    assert raised.value.fault is fault
