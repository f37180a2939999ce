"""SenseWear workbooks: the offset in the header, steps, skin temperature and conductance, gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.sensewear_xls import HEAD
from workbook import write_xlsx

from pipeline.clock import to_datetime
from pipeline.devices import claimant
from pipeline.devices.reader import Asked
from pipeline.devices.sensewear_xls import READER
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

ASKED = Asked(zone="America/Port_of_Spain")


def write(folder: Path, stamps: list[str], offset: str = "-04:00") -> Path:
    rows = [[stamp, "258", f"3{k}.5", str(k), "1", f"0.0{k}"] for k, stamp in enumerate(stamps)]
    return write_xlsx(folder / "armband.xlsx", [[HEAD[0].format(offset=offset), *HEAD[1:]], *rows])


def read(path: Path) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, ASKED)


@pytest.mark.parametrize(("offset", "utc"), [("-04:00", "13:06"), ("+05:30", "03:36"), ("+00:00", "09:06")])
def test_stamps_are_instants_by_the_offset_of_the_header(tmp_path: Path, offset: str, utc: str) -> None:
    recording = read(write(tmp_path, ["2023-01-21 09:06:00", "2023-01-21 09:07:00"], offset))
    steps, temperature, conductance = recording.signals
    assert f"{to_datetime(steps.start_ns):%H:%M}" == utc
    assert (steps.kind, temperature.kind, conductance.kind) == (Kind.STEPS, Kind.TEMP, Kind.EDA)
    assert temperature.samples.tolist() == pytest.approx([30.5, 31.5])
    assert conductance.samples.tolist() == pytest.approx([0.0, 0.01])
    assert recording.clock is ClockKind.OFFSET
    assert recording.hypnogram is None  # the armband's own sleep is not one


def test_no_clock_change_lies_between_stamps_with_one_offset(tmp_path: Path) -> None:
    stamps = [f"2023-03-26 0{h}:{m:02d}:00" for h in range(4) for m in range(60)]
    path = write(tmp_path, stamps, "+01:00")
    signal = READER.read(path, Asked(zone="Europe/Rome")).signals[0]
    assert (len(signal.samples), signal.coverage) == (240, 1.0)


def test_absent_minutes_are_a_gap(tmp_path: Path) -> None:
    stamps = [f"2023-01-21 09:0{k}:00" for k in (0, 1, 2, 5, 6)]
    assert np.flatnonzero(np.isnan(read(write(tmp_path, stamps)).signals[0].samples)).tolist() == [3, 4]


def test_one_minute_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ["2023-01-21 09:06:00"]))
    assert fault.value.fault is Fault.NOTHING_USABLE


@pytest.mark.realdata
def test_the_published_workbook(real_data: Path) -> None:
    recording = read(real_data / "actigraphy_GGIR" / "testfiles" / "sensewear.xls")
    steps, temperature, conductance = recording.signals
    assert steps.samples[:4].tolist() == [14.0, 38.0, 3.0, 0.0]
    assert temperature.samples[0] == pytest.approx(28.7842273712158)
    assert conductance.samples[0] == pytest.approx(0.0681411549448967)
    assert f"{to_datetime(steps.start_ns):%Y-%m-%d %H:%M}" == "2023-01-21 13:06"
    assert len(steps.samples) == 60
