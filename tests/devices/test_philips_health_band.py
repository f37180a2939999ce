"""Philips Health Band workbooks: stamps that end a minute, month first, off-wrist and missing minutes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.philips_health_band import HEAD
from workbook import write_xlsx

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.philips_health_band import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording

ASKED = Asked(zone="America/New_York")


def write(folder: Path, rows: list[list[str]]) -> Path:
    return write_xlsx(folder / "DataList.xlsx", [*HEAD, *rows])


def row(
    stamp: str, counts: str = "5", rate: str = "60", off: str = "0", marker: str = "0", lost: str = "0"
) -> list[str]:
    return [stamp, counts, rate, "1", off, "0", marker, lost]


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'America/New_York'):%Y-%m-%d %H:%M:%S}"


def test_a_stamp_ends_its_minute_and_is_month_first(tmp_path: Path) -> None:
    rows = [row("11-05-2022 00:00:00", "82"), row("11-05-2022 00:01:00", "144", marker="1")]
    recording = read(write(tmp_path, rows))
    counts, heart, steps = recording.signals
    assert (local(counts.start_ns), local(counts.end_ns)) == ("2022-11-04 23:59:00", "2022-11-05 00:01:00")
    assert counts.samples.tolist() == [82.0, 144.0]
    assert (heart.kind, steps.kind) == (Kind.HR, Kind.STEPS)
    assert [(m.time_ns - counts.start_ns) / NS for m in recording.markers] == [60.0]


def test_off_wrist_lost_and_absent_minutes_are_missing_in_everything(tmp_path: Path) -> None:
    rows = [row(f"11-05-2022 10:0{k}:00", off=str(int(k == 2)), lost=str(int(k == 3))) for k in range(9) if k != 5]
    for signal in read(write(tmp_path, rows)).signals:
        assert np.flatnonzero(np.isnan(signal.samples)).tolist() == [2, 3, 5]


def test_the_clock_follows_the_phone_when_clocks_are_put_back(tmp_path: Path) -> None:
    stamps = [f"11-06-2022 0{h}:{m:02d}:00" for h in (0, 1) for m in range(60)]
    stamps += [f"11-06-2022 0{h}:{m:02d}:00" for h in (1, 2) for m in range(60)]
    counts = read(write(tmp_path, [row(s, str(k)) for k, s in enumerate(stamps)])).signals[0]
    assert counts.samples.tolist() == list(range(240))
    assert local(counts.end_ns) == "2022-11-06 02:59:00"


def test_the_bands_own_sleep_and_wake_is_refused_with_the_way(tmp_path: Path) -> None:
    rows = [["timeStamp", "sleepWake", "sleepEventMarker"], ["11-05-2022 01:10:00", "0", "0"]]
    with pytest.raises(FileFault) as fault:
        read(write_xlsx(tmp_path / "Sleep_Wake.xlsx", [*HEAD[:-1], *rows]))
    assert fault.value.fault is Fault.NOTHING_USABLE
    assert "DataList" in fault.value.hint


def test_one_minute_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, [row("11-05-2022 10:00:00")]))
    assert fault.value.fault is Fault.NOTHING_USABLE


@pytest.mark.realdata
def test_the_published_workbook(real_data: Path) -> None:
    folder = real_data / "actigraphy_GGIRread" / "testfiles"
    recording = read(folder / "DataList_AH1234567890_PhilipsHealthBand.xlsx")
    counts, heart, _ = recording.signals
    # Its first five minutes have no counts; the sixth, stamped 00:03, has 82 and a heart rate of 51.
    assert np.isnan(counts.samples[:5]).all()
    assert (counts.samples[5], heart.samples[5], len(counts.samples)) == (82.0, 51.0, 491)
    assert local(counts.start_ns) == "2022-11-04 23:57:00"
    with pytest.raises(FileFault):
        read(folder / "Sleep_Wake_AH1234567890_PhilipsHealthBand.xlsx")
