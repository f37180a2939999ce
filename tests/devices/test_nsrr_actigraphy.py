"""NSRR actigraphy: clocks without dates, absent days, off-wrist, the scorer's rests."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.nsrr_actigraphy import MESA, write_nsrr

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.nsrr_actigraphy import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, CountsScale, Kind, Recording

ASKED = Asked(zone="America/Chicago", start=datetime(2011, 3, 10, 0, 0))  # noqa: DTZ001
# As NSRR publishes MESA, with an epoch off the wrist first.
ROWS = [
    "X,1,00:00:00,1,,,,,1,EXCLUDED,5,1,1",
    "X,2,00:00:30,0,100.00,0,10.0,5.0,1,ACTIVE,5,1,1",
    "X,3,00:01:00,0,040.00,1,05.0,2.5,1,REST,5,1,1",
    "X,4,00:01:30,0,000.00,0,01.0,0.5,0,REST-S,5,1,1",
]
HCHS = "pid,sawa2,line,offwrist,activity,marker,whitelight,redlight,wake,interval,starth,day,dayofweek,validday,time"


def write(folder: Path, rows: list[str], head: str = MESA) -> Path:
    path = folder / "export.csv"
    path.write_text("\n".join([head, *rows, ""]))
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'America/Chicago'):%Y-%m-%d %H:%M:%S}"


def test_epochs_of_mesa(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ROWS))
    counts, light = recording.signals
    assert counts.samples.tolist() == pytest.approx([np.nan, 100.0, 40.0, 0.0], nan_ok=True)
    assert light.samples.tolist() == pytest.approx([np.nan, 10.0, 5.0, 1.0], nan_ok=True)
    assert (counts.scale, recording.clock) == (CountsScale.ACTIWATCH, ClockKind.ELAPSED)
    assert local(counts.start_ns) == "2011-03-10 00:00:00"
    assert [(m.time_ns - counts.start_ns) / NS for m in recording.markers] == [60.0]
    (rest,) = recording.rests
    assert rest.onset_ns is not None
    assert [(at - counts.start_ns) / NS for at in (rest.in_bed_ns, rest.onset_ns, rest.out_bed_ns)] == [
        60.0,
        90.0,
        120.0,
    ]


def test_the_columns_of_hchs_in_another_order(tmp_path: Path) -> None:
    rows = [f"9,1,{900 + k},0,{k * 10},0,3.0,1.0,1,ACTIVE,18,1,2,0,18:{k // 2:02d}:{k % 2 * 30:02d}" for k in range(6)]
    recording = read(write(tmp_path, rows, HCHS))
    assert recording.signals[0].samples.tolist() == [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]
    assert local(recording.signals[0].start_ns) == "2011-03-10 18:00:00"
    assert "gives the day" in recording.repairs[0]


def test_days_that_were_thrown_out_are_a_gap(tmp_path: Path) -> None:
    rows = [f"X,{n},{n * 30 // 3600 % 24:02d}:{n * 30 // 60 % 60:02d}:{n * 30 % 60:02d},0,5,0,1,1,1,REST,5,1,1"
            for n in (*range(100), *range(2980, 3080))]  # fmt: skip
    recording = read(write(tmp_path, rows))
    assert len(recording.signals[0].samples) == 3080
    assert np.isfinite(recording.signals[0].samples).sum() == 200
    assert [(r.out_bed_ns - r.in_bed_ns) / NS for r in recording.rests] == [3000.0, 3000.0]


def test_elapsed_time_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    rows = [f"X,{n},{n * 30 // 3600:02d}:{n * 30 // 60 % 60:02d}:{n * 30 % 60:02d},0,5,0,1,1,1,ACTIVE,5,1,1"
            for n in range(600)]  # fmt: skip
    asked = Asked(zone="America/Chicago", start=datetime(2011, 3, 13, 0, 0))  # noqa: DTZ001
    (counts, _) = read(write(tmp_path, rows), asked).signals
    assert (counts.coverage, local(counts.end_ns)) == (1.0, "2011-03-13 06:00:00")


def test_the_day_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        READER.read(write_nsrr(tmp_path), Asked(zone="America/Chicago"))
    assert fault.value.fault is Fault.NO_START_TIME


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], Fault.NOTHING_USABLE),
        (ROWS[:1], Fault.NOTHING_USABLE),
        ([row.replace("X,2", "X,7") for row in ROWS], Fault.CORRUPT),
        ([row.replace("00:01:00", "soon") for row in ROWS], Fault.CORRUPT),
        ([row.replace("X,3,", "X,,") for row in ROWS], Fault.CORRUPT),
    ],
)
def test_what_is_no_recording(tmp_path: Path, rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows))
    assert raised.value.fault is fault


def test_kinds_are_announced(tmp_path: Path) -> None:
    assert read(write(tmp_path, ROWS)).kinds == {Kind.COUNTS, Kind.LIGHT, Kind.MARKERS, Kind.DIARY}
