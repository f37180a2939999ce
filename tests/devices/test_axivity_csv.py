"""Axivity csv: both kinds of stamps are the device's wall clock; units, gyroscope columns, gaps, damage."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant, read_export
from pipeline.devices.axivity_csv import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal

ASKED = Asked(zone="Europe/Rome")
START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
T0_NS = 1_709_326_800 * NS
SECONDS = 1_709_330_400
"""22:00 of that wall clock, counted as if it were UTC."""


def text(second: float, start: datetime = START) -> str:
    at = start + timedelta(seconds=second)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


def write(folder: Path, rows: list[str]) -> Path:
    path = folder / "export.csv"
    path.write_text("\r\n".join([*rows, ""]), newline="")
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def pieces(recording: Recording) -> list[Signal]:
    (stream,) = recording.streams
    return list(stream.pieces())


def test_text_stamps_are_the_wall_clock_of_the_zone(tmp_path: Path) -> None:
    recording = read(write(tmp_path, [f"{text(k / 100)},{k / 1000},0.25,-0.984375" for k in range(500)]))
    (piece,) = pieces(recording)
    assert piece.samples[3].tolist() == pytest.approx([0.003, 0.25, -0.984375])
    assert (piece.start_ns, piece.end_ns) == (T0_NS, T0_NS + 5 * NS)
    assert (recording.streams[0].fs_hz, recording.clock, recording.repairs) == (100.0, ClockKind.DEVICE, ())


def test_seconds_since_1970_are_the_same_wall_clock(tmp_path: Path) -> None:
    recording = read(write(tmp_path, [f"{SECONDS + k / 100:.4f},0,0,1" for k in range(500)]))
    (piece,) = pieces(recording)
    assert (piece.start_ns, piece.end_ns) == (T0_NS, T0_NS + 5 * NS)
    assert recording.repairs == ("its seconds since 1970 are the device's wall clock, not UTC",)


def test_a_title_and_a_gyroscope(tmp_path: Path) -> None:
    title = "Time,Accel-X (g), Accel-Y (g), Accel-Z (g), Gyro-X (d/s), Gyro-Y (d/s), Gyro-Z (d/s)"
    recording = read(write(tmp_path, [title, *(f"{text(k / 50)},0,0.5,1,30,40,50" for k in range(100))]))
    assert pieces(recording)[0].samples[0].tolist() == [0, 0.5, 1]
    assert "3 columns behind" in recording.repairs[0]


def test_the_device_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    before = datetime(2024, 3, 31, 1, 59, 50)  # noqa: DTZ001  summer time begins ten seconds later
    (piece,) = pieces(read(write(tmp_path, [f"{text(k / 25, before)},0,0,1" for k in range(500)])))
    assert piece.end_ns - piece.start_ns == 20 * NS
    assert f"{to_datetime(piece.end_ns, 'Europe/Rome'):%H:%M:%S}" == "03:00:10"


def test_the_rate_is_that_of_the_stamps_and_jitter_is_no_gap(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    at = np.arange(4000) / 98.7 + rng.uniform(-0.004, 0.004, 4000)
    (piece,) = pieces(read(write(tmp_path, [f"{SECONDS + 1 + second:.4f},0,0,1" for second in at])))
    assert piece.fs_hz == pytest.approx(98.7, rel=1e-3)


def test_a_gap_of_half_a_second_is_a_gap(tmp_path: Path) -> None:
    rows = [f"{text(k / 50)},0,0,{1 + k / 1000}" for k in range(200) if not 100 <= k < 125]
    found = pieces(read(write(tmp_path, rows)))
    assert [(p.start_ns - T0_NS, p.end_ns - T0_NS) for p in found] == [(0, 2 * NS), (NS * 5 // 2, 4 * NS)]
    assert found[1].samples[0, 2] == pytest.approx(1.125)


@pytest.mark.parametrize(("unit", "one_g"), [("mg", 1000.0), ("m/s2", 9.80665)])
def test_another_unit_is_named_by_the_sidecar(tmp_path: Path, unit: str, one_g: float) -> None:
    path = write(tmp_path, [f"{text(k / 50)},0,{one_g},0" for k in range(100)])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    assert f"are {one_g:.3g} long" in fault.value.known
    told = read(path, Asked(zone="Europe/Rome", units={"acceleration": unit}))
    assert pieces(told)[0].samples[0].tolist() == pytest.approx([0, 1, 0])


def test_a_unit_that_is_none_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{text(k / 50)},0,1,0" for k in range(100)])
    with pytest.raises(FileFault) as fault:
        read(path, Asked(zone="Europe/Rome", units={"acceleration": "furlong"}))
    assert fault.value.fault is Fault.UNKNOWN_UNIT


def test_rows_without_a_sample_are_gaps_and_are_told(tmp_path: Path) -> None:
    rows = [f"{text(k / 50)},0,0,1" for k in range(200)]
    rows[100] = text(2) + ",0,?,1"
    recording = read(write(tmp_path, rows))
    assert [len(p.samples) for p in pieces(recording)] == [100, 99]
    assert recording.repairs == ("1 rows hold no sample: gaps",)


@pytest.mark.parametrize(
    "row",
    [
        "{s},0,1",  # two axes
        "{s},0,1,0,5",  # four
        "{t},3,4,5",  # no fraction of a second: rows of epochs
        "{m},0,0,1",  # one row a minute
        "{s};0;0;1",
    ],
)
def test_tables_of_other_makers_are_not_claimed(tmp_path: Path, row: str) -> None:
    rows = [
        row.format(s=text(k / 50), t=f"{START + timedelta(seconds=k):%Y-%m-%d %H:%M:%S}", m=text(60.0 * k))
        for k in range(100)
    ]
    assert not READER.recognise(glimpse(write(tmp_path, rows)))


@pytest.mark.realdata
def test_a_published_file_with_seconds(real_data: Path) -> None:
    """The .cwa of the same recording is stamped 10:55:06 by the device's wall clock."""
    path = real_data / "actigraphy_GGIR" / "testfiles" / "ax3_testfile_unix_timestamps.csv"
    assert claimant(path) is READER
    recording = read(path, Asked(zone="Europe/London"))
    rows = np.loadtxt(path, delimiter=",")
    (piece,) = pieces(recording)
    assert np.abs(piece.samples - rows[:-1, 1:]).max() < 1e-6  # the last line has no end
    start = to_datetime(piece.start_ns, "Europe/London")
    assert f"{start:%Y-%m-%d %H:%M:%S}" == "2019-02-26 10:55:06"
    assert recording.streams[0].fs_hz == 100.0


@pytest.mark.realdata
def test_a_published_file_whose_acceleration_is_none(real_data: Path) -> None:
    """Gravity stands in what should be its gyroscope: 15.8 °/s · 32768 / 250 = 2067 steps = 1.01 g of 2048."""
    path = real_data / "actigraphy_GGIR" / "testfiles" / "ax6_testfile_formatted_timestamps.csv"
    with pytest.raises(FileFault) as fault:
        read(path, Asked(zone="Europe/London"))
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    told = read(path, Asked(zone="Europe/London", units={"acceleration": "g"}))
    assert len(pieces(told)[0].samples) == 209
    assert told.kinds == {Kind.ACC}


def test_a_stamp_beyond_any_calendar_is_a_row_without_a_sample(tmp_path: Path) -> None:
    rows = [f"{SECONDS + k / 100:.4f},0,0,1" for k in range(8000)]
    rows[7000:7003] = ["-1e308,0,0,1", "inf,0,0,1", "nan,0,0,1"]
    recording = read(write(tmp_path, rows))
    assert "3 rows hold no sample: gaps" in recording.repairs
    assert len(pieces(recording)) == 2
