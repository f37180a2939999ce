"""Actical list exports: elapsed seconds end an epoch, dates with a month's name, steps, presses, gaps, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.actical_csv import HEAD

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.actical_csv import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="America/Toronto")


def write(folder: Path, rows: list[str], date: str = "5-Jun-21", time: str = "00:00") -> Path:
    path = folder / "export.csv"
    path.write_text("\n".join([*(line.format(date=date, time=time) for line in HEAD), *rows, ""]))
    return path


def rows_of(counts: list[object], epoch_s: int = 60) -> list[str]:
    return [f"{k},1,{epoch_s * (k + 1)},5-Jun-21,00:00,{c},{k},0,1,{int(k == 2)}" for k, c in enumerate(counts)]


def read(path: Path) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, ASKED)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'America/Toronto'):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize("epoch_s", [15, 60])
def test_the_first_epoch_begins_at_the_start_not_at_its_elapsed_seconds(tmp_path: Path, epoch_s: int) -> None:
    recording = read(write(tmp_path, rows_of([250, 361, 567], epoch_s)))
    counts, steps = recording.signals
    assert local(counts.start_ns) == "2021-06-05 00:00:00"  # a month in letters is never taken for a day
    assert counts.fs_hz == pytest.approx(1 / epoch_s)
    assert counts.samples.tolist() == [250.0, 361.0, 567.0]
    assert (counts.scale, steps.kind, steps.samples.tolist()) == (CountsScale.UNKNOWN, Kind.STEPS, [0.0, 1.0, 2.0])
    assert [(m.time_ns - counts.start_ns) / NS for m in recording.markers] == [2 * epoch_s]


def test_missing_rows_and_values_are_gaps(tmp_path: Path) -> None:
    rows = rows_of(["1", "NaN", "3", "4", "-1", "6"])
    recording = read(write(tmp_path, [*rows[:3], *rows[4:]]))
    assert np.flatnonzero(np.isnan(recording.signals[0].samples)).tolist() == [1, 3, 4]
    assert "negative" in recording.repairs[0]


def test_the_clock_change_leaves_no_gap(tmp_path: Path) -> None:
    (counts, _) = read(write(tmp_path, rows_of([1] * 360), date="7-Nov-21", time="00:00")).signals
    assert counts.coverage == 1.0
    assert local(counts.end_ns) == "2021-11-07 05:00:00"  # six hours, one of them twice


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], Fault.NOTHING_USABLE),
        (rows_of([1]), Fault.NOTHING_USABLE),
        (rows_of([1, 2, 3, 4])[2:], Fault.CORRUPT),
        ([row.replace(",60,", ",?,") for row in rows_of([1] * 40)], Fault.CORRUPT),
        (rows_of(["many"] * 10), Fault.CORRUPT),
    ],
)
def test_what_is_no_recording(tmp_path: Path, rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows))
    assert raised.value.fault is fault


def test_a_start_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows_of([1, 2, 3]), date="soon"))
    assert raised.value.fault is Fault.CORRUPT


@pytest.mark.realdata
def test_the_published_file(real_data: Path) -> None:
    recording = read(real_data / "actigraphy_GGIRread" / "testfiles" / "Actical.csv")
    counts, steps = recording.signals
    assert counts.samples[:5].tolist() == [250.0, 361.0, 567.0, 151.0, 0.0]
    assert steps.samples[:4].tolist() == [12.0, 50.0, 15.0, 0.0]
    assert len(counts.samples) == 501
    assert f"{to_datetime(counts.end_ns, 'America/Toronto'):%Y-%m-%d %H:%M}" == "2021-05-13 08:21"
