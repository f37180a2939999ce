"""ActiLife csv: columns by name and by mode, dates of any order, decimal comma, idle sleep, raw data as a stream."""

from __future__ import annotations

import gzip
import itertools
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices import raw_text, read_export
from pipeline.devices.actigraph_csv import READER
from pipeline.devices.reader import Asked, DateOrder, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, CountsScale, Kind, Recording, Signal

ASKED = Asked(zone="Europe/Rome")
T0_NS = 1_709_326_800 * NS  # 2024-03-01 22:00 in Rome
FIRST = "------------ Data File Created By ActiGraph wGT3XBT ActiLife v6.13.3 Firmware v1.8.0"
START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock


def write(
    folder: Path,
    rows: list[str],
    *,
    names: str = "",
    declared: str = "M/d/yyyy",
    rate: str = "",
    date: str = "3/1/2024",
    time: str = "22:00:00",
    download: str = "3/13/2024",
    epoch: str = "00:01:00",
    mode: int = 13,
    tail: str = "",
    end: str = "\r\n",
) -> Path:
    lines = [
        f"{FIRST} date format {declared}{rate} Filter Normal -----------",
        "Serial Number: MOS2D16160581",
        f"Start Time {time}",
        f"Start Date {date}",
        f"Epoch Period (hh:mm:ss) {epoch}",
        "Download Time 18:59:15",
        f"Download Date {download}",
        "Current Memory Address: 0",
        f"Current Battery Voltage: 4.03     Mode = {mode}",
        "--------------------------------------------------",
    ]
    path = folder / "export.csv"
    body = [*(line + tail for line in lines), *([names] if names else []), *rows]
    path.write_bytes("".join(line + end for line in body).encode())
    return path


def write_raw(folder: Path, rows: list[str], **changes: str) -> Path:
    return write(folder, rows, **{"epoch": "00:00:00", "rate": " at 100 Hz ", **changes})


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def pieces(recording: Recording) -> list[Signal]:
    (stream,) = recording.streams
    return list(stream.pieces())


def signal(recording: Recording, label: str) -> Signal:
    return next(s for s in recording.signals if s.label == label)


# ---- epochs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tail", ["", ",,,", ";;;"])
def test_without_names_mode_13_is_three_axes_and_steps(tmp_path: Path, tail: str) -> None:
    recording = read(write(tmp_path, ["0,1,2,3", "40,50,60,7"], tail=tail))
    assert [s.label for s in recording.signals] == ["axis1", "axis2", "axis3", "steps"]
    assert [s.samples.tolist() for s in recording.signals] == [[0, 40], [1, 50], [2, 60], [3, 7]]
    assert signal(recording, "axis1").scale is CountsScale.ACTIGRAPH
    assert signal(recording, "steps").scale is CountsScale.UNKNOWN
    assert (signal(recording, "axis1").start_ns, signal(recording, "axis1").fs_hz) == (T0_NS, 1 / 60)
    assert (recording.device, recording.clock) == ("ActiGraph wGT3XBT", ClockKind.DEVICE)


@pytest.mark.parametrize(
    ("mode", "row", "labels"),
    [
        (0, "5", ["axis1"]),
        (1, "5,6", ["axis1", "steps"]),
        (12, "5,6,7", ["axis1", "axis2", "axis3"]),
        (29, "5,6,7,8,9", ["axis1", "axis2", "axis3", "steps", "lux"]),
        (61, "5,6,7,8,9,0,60,0,0", ["axis1", "axis2", "axis3", "steps", "lux"]),
    ],
)
def test_the_mode_tells_the_columns(tmp_path: Path, mode: int, row: str, labels: list[str]) -> None:
    recording = read(write(tmp_path, [row, row], mode=mode))
    assert [s.label for s in recording.signals] == labels
    assert [s.samples[0] for s in recording.signals] == [5, 6, 7, 8, 9][: len(labels)]


@pytest.mark.parametrize(("mode", "row"), [(13, "1,2,3"), (13, "1,2,3,4,5"), (15, "1,2,3,4,5"), (61, "1,2,3,4")])
def test_columns_that_the_mode_does_not_explain_are_refused(tmp_path: Path, mode: int, row: str) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, [row, row], mode=mode))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert f"mode {mode}" in fault.value.known


def test_names_win_over_the_mode_and_derived_columns_are_left_out(tmp_path: Path) -> None:
    names = "Date,Time,Axis1,Axis2,Axis3,Steps,Lux,Vector Magnitude"
    rows = ["3/1/2024,22:00:00,4,3,0,1,12,5.00", "3/1/2024,22:01:00,8,6,0,0,0,10.00"]
    recording = read(write(tmp_path, rows, names=names, mode=61))
    assert {s.label: s.samples.tolist() for s in recording.signals} == {
        "axis1": [4, 8],
        "axis2": [3, 6],
        "axis3": [0, 0],
        "steps": [1, 0],
        "lux": [12, 0],
    }


def test_names_of_older_software(tmp_path: Path) -> None:
    names = "Activity,Activity (Horizontal),3rd Axis,Steps,Light"
    recording = read(write(tmp_path, ["1,2,3,4,5"], names=names, mode=29))
    assert [(s.label, s.samples[0]) for s in recording.signals] == [
        ("axis1", 1),
        ("axis2", 2),
        ("axis3", 3),
        ("steps", 4),
        ("lux", 5),
    ]


def test_light_that_is_never_light_is_no_light(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["5,6,7,8,0,0,60,0,0"] * 3, mode=61))
    assert recording.of(Kind.LIGHT) == ()
    assert "light column" in recording.repairs[0]


def test_absent_rows_are_missing_epochs(tmp_path: Path) -> None:
    rows = [f"3/1/2024,{START + timedelta(minutes=k):%H:%M:%S},{k}" for k in (0, 1, 2, 5, 6)]
    recording = read(write(tmp_path, rows, names="Date,Time,Axis1", mode=0))
    assert signal(recording, "axis1").samples.tolist() == pytest.approx([0, 1, 2, np.nan, np.nan, 5, 6], nan_ok=True)


def test_a_cell_without_a_number_is_missing_never_zero(tmp_path: Path) -> None:
    recording = read(write(tmp_path, [f"{k}" for k in range(40)] + ["?", ""] + ["7"], mode=0))
    counts = signal(recording, "axis1").samples
    assert len(counts) == 42  # a blank line is no epoch
    assert np.flatnonzero(np.isnan(counts)).tolist() == [40]
    assert "1 cells of column axis1" in recording.repairs[0]


def test_stamps_with_a_z_are_the_wall_clock(tmp_path: Path) -> None:
    rows = ["2024-03-01T22:00:00Z,1", "2024-03-01T22:01:00Z,2"]
    recording = read(write(tmp_path, rows, names="TimeStamp,axis1", mode=0))
    assert signal(recording, "axis1").start_ns == T0_NS
    assert "not UTC" in recording.repairs[0]


def test_the_device_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    start = datetime(2024, 3, 30, 22)  # noqa: DTZ001
    rows = [f"{(t := start + timedelta(minutes=k)).day}.03.2024;{t:%H:%M:%S};{k}" for k in range(600)]
    path = write(
        tmp_path, rows, names="Date;Time;Axis1", declared="dd.MM.yyyy", date="30.03.2024", download="31.03.2024"
    )
    (counts,) = read(path).signals
    assert len(counts.samples) == 600
    assert np.isfinite(counts.samples).all()
    # Ten hours after 22:00 winter time it is 09:00.
    assert f"{to_datetime(counts.end_ns, 'Europe/Rome'):%H:%M}" == "09:00"


def test_semicolons_and_a_decimal_comma(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["1,5;2;0", "2,25;2;0"], names="Axis1;Axis2;Axis3", mode=12))
    assert signal(recording, "axis1").samples.tolist() == [1.5, 2.25]


# ---- dates -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "date", "download", "day", "month"),
    [
        ("M/d/yyyy", "3/4/2024", "3/5/2024", 4, 3),
        ("dd/MM/yyyy", "03/04/2024", "05/04/2024", 3, 4),
        ("d.M.yyyy", "3.4.2024", "4.4.2024", 3, 4),
        ("yyyy-MM-dd", "2024-03-04", "2024-03-05", 4, 3),
        ("dd/MM/yyyy", "03-04-2024", "03-19-2024", 4, 3),  # the declaration is wrong: there is no month 19
        ("M/d/yyyy", "3/4/2024", "19/4/2024", 3, 4),
    ],
)
def test_dates(tmp_path: Path, declared: str, date: str, download: str, day: int, month: int) -> None:
    recording = read(write(tmp_path, ["1,2,3,4"], declared=declared, date=date, download=download))
    start = to_datetime(recording.signals[0].start_ns, "Europe/Rome")
    assert (start.year, start.month, start.day, start.hour) == (2024, month, day, 22)
    assert any("as it declares" in note for note in recording.repairs) == ("19" in download)


def test_a_date_of_which_nothing_tells_the_order_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, ["1,2,3,4"], declared="?", date="3/4/2024", download="5/6/2024")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.NO_START_TIME
    told = read(path, Asked(zone="Europe/Rome", date_order=DateOrder.DAY_FIRST))
    assert to_datetime(told.signals[0].start_ns).month == 4


def test_a_time_with_am_and_pm(tmp_path: Path) -> None:
    assert read(write(tmp_path, ["1,2,3,4"], time="10:00:00 PM")).signals[0].start_ns == T0_NS


# ---- raw data --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", ["", "Accelerometer X,Accelerometer Y,Accelerometer Z"])
def test_raw_rows_are_g_at_the_rate_of_the_header(tmp_path: Path, names: str) -> None:
    recording = read(write_raw(tmp_path, ["0.016,-0.5,1.008"] * 150 + ["-1,2,3"] * 50, names=names))
    (piece,) = pieces(recording)
    assert piece.samples.shape == (200, 3)
    assert piece.samples[0].tolist() == pytest.approx([0.016, -0.5, 1.008])
    assert piece.samples[-1].tolist() == [-1, 2, 3]
    assert (piece.fs_hz, piece.start_ns, piece.end_ns) == (100.0, T0_NS, T0_NS + 2 * NS)
    assert recording.kinds == {Kind.ACC}


def test_raw_semicolons_decimal_commas_and_stamps_day_first(tmp_path: Path) -> None:
    stamps = [f"{START + timedelta(milliseconds=10 * k):%d/%m/%Y %H:%M:%S.%f}"[:-3] for k in range(300)]
    rows = [f"{stamp};0,016;-0,5;{k / 100:.2f}".replace(".", ",") for k, stamp in enumerate(stamps)]
    path = write_raw(
        tmp_path, rows, names="Timestamp;Accelerometer X;Accelerometer Y;Accelerometer Z", declared="dd/MM/yyyy",
        date="01/03/2024", download="02/03/2024",
    )  # fmt: skip
    (piece,) = pieces(read(path))
    assert piece.samples[:, 2].tolist() == pytest.approx([k / 100 for k in range(300)])
    assert (piece.start_ns, piece.fs_hz) == (T0_NS, pytest.approx(100.0))


def test_stamped_raw_rows_have_gaps_where_time_is_missing(tmp_path: Path) -> None:
    kept = [k for k in range(3000) if not 1000 <= k < 2000]
    rows = [f"{START + timedelta(milliseconds=10 * k):%m/%d/%Y %H:%M:%S.%f}"[:-3] + f",0,1,{k / 1000}" for k in kept]
    found = pieces(read(write_raw(tmp_path, rows, names="Timestamp,X,Y,Z")))
    assert [(p.start_ns - T0_NS, p.end_ns - T0_NS) for p in found] == [(0, 10 * NS), (20 * NS, 30 * NS)]
    assert found[1].samples[0].tolist() == [0, 1, 2.0]


def test_idle_sleep_written_as_zeros_is_a_gap(tmp_path: Path) -> None:
    rows = ["0,0,1"] * 100 + ["0,0,0"] * 500 + ["0,0.5,0"] * 100 + ["0,0,0"] * 100
    recording = read(write_raw(tmp_path, rows))
    found = pieces(recording)
    assert [(p.start_ns - T0_NS, len(p.samples)) for p in found] == [(0, 100), (6 * NS, 100)]
    assert recording.streams[0].coverage == pytest.approx(2 / 7)
    assert recording.repairs == ("600 rows of 0, 0, 0 (idle sleep mode: gravity never is 0) are gaps",)


def test_a_value_that_is_only_repeated_is_kept_and_said(tmp_path: Path) -> None:
    moving = [f"0,{k % 7 / 10},1" for k in range(1000)]
    recording = read(write_raw(tmp_path, [*moving, *["0.5,0.5,0.5"] * 2001, *moving, *["1,0,0"] * 900, *moving]))
    assert len(pieces(recording)) == 1
    (note,) = recording.repairs
    assert note.startswith("20 s repeat one value for 10 s or longer")


def test_blocks_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"0,1,{k / 10000}" for k in range(1, 20_001)]
    rows[10_000] = "0,x,1"
    path = write_raw(tmp_path, rows)
    whole = pieces(read(path))
    assert [len(p.samples) for p in whole] == [10_000, 9_999]
    monkeypatch.setattr(raw_text, "BLOCK_BYTES", 10_007)
    small = pieces(read(path))
    assert len(small) > 20
    assert np.array_equal(np.concatenate([p.samples for p in small]), np.concatenate([p.samples for p in whole]))
    steps = [b.start_ns - a.end_ns for a, b in itertools.pairwise(small)]
    assert max(steps) == pytest.approx(0.01 * NS, abs=2)
    assert max(map(abs, sorted(steps)[:-1])) <= 2


def test_a_gzipped_file_is_read_too(tmp_path: Path) -> None:
    plain = write_raw(tmp_path, ["0,0,1"] * 500)
    path = tmp_path / "export.csv.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(pieces(read(path))[0].samples) == 500
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.CORRUPT


def test_steps_of_the_sensor_are_no_g_until_the_sidecar_says_so(tmp_path: Path) -> None:
    path = write_raw(tmp_path, ["0.0,341.0,0.0"] * 50)
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    assert "are 341 long" in fault.value.known
    told = read(path, Asked(zone="Europe/Rome", units={"acceleration": "1/341 g"}))
    assert pieces(told)[0].samples[0].tolist() == pytest.approx([0, 1, 0])


def test_a_recording_that_begins_asleep_has_a_unit(tmp_path: Path) -> None:
    recording = read(write_raw(tmp_path, ["0,0,0"] * 9000 + ["0,0,1"] * 100))
    assert [(p.start_ns - T0_NS) / NS for p in pieces(recording)] == [90.0]


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_commas_as_separator_and_decimal_mark_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write_raw(tmp_path, ["0,016,0,5,1,008"] * 9, names="Accelerometer X,Accelerometer Y,Accelerometer Z"))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert "3 names, 6 cells" in fault.value.known


def test_raw_data_without_a_rate_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="no sampling rate"):
        read(write_raw(tmp_path, ["0,0,1"] * 9, rate=""))


def test_rows_that_mostly_hold_nothing_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write_raw(tmp_path, ["0,0,1", "a,b,c"] * 50))
    assert fault.value.fault is Fault.CORRUPT


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    path = write_raw(tmp_path, ["0,0,1.25"] * 10)
    path.write_bytes(path.read_bytes()[:-3])
    recording = read(path)
    assert len(pieces(recording)[0].samples) == 9
    assert recording.repairs == ("the last line has no line end and may be cut: left out",)


@pytest.mark.parametrize(("rows", "fault"), [([], Fault.TRUNCATED), (["", ""], Fault.NOTHING_USABLE)])
def test_a_header_alone_is_a_fault(tmp_path: Path, rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows))
    assert raised.value.fault is fault


def test_no_serial_number_is_in_a_recording_or_a_fault(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["1,2,3,4"]))
    assert "MOS2D" not in repr(recording)
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ["1,2"]))
    assert "MOS2D" not in str(fault.value)


# ---- published files -------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_published_epochs(real_data: Path) -> None:
    folder = real_data / "actigraphy_GGIR" / "testfiles"
    recording = read(folder / "ActiGraph61.csv")
    rows = np.loadtxt(folder / "ActiGraph61.csv", delimiter=",", skiprows=10)
    assert len(rows) == 990
    for column, label in enumerate(("axis1", "axis2", "axis3", "steps")):
        assert np.array_equal(signal(recording, label).samples, rows[:, column])
    start = to_datetime(recording.signals[0].start_ns, "Europe/Rome")
    assert f"{start:%Y-%m-%d %H:%M:%S}" == "2016-08-15 21:35:00"


@pytest.mark.realdata
def test_a_published_header_that_declares_the_wrong_order(real_data: Path) -> None:
    recording = read(real_data / "actigraphy_GGIR" / "testfiles" / "ActiGraph13_timestamps_headers.csv")
    start = to_datetime(recording.signals[0].start_ns, "Europe/Rome")
    assert f"{start:%Y-%m-%d %H:%M:%S}" == "2017-09-12 15:00:00"
    assert signal(recording, "axis1").samples[:3].tolist() == [0, 44, 113]
    assert "cannot be day first" in recording.repairs[0]


@pytest.mark.realdata
def test_published_raw_data_in_g_and_in_steps(real_data: Path) -> None:
    folder = real_data / "actigraphy_pygt3x" / "resources"
    told = Asked(zone="America/Chicago", units={"acceleration": "1/256 g"})
    for name, asked, factor in (("rawCalibrated", ASKED, 1.0), ("rawLSB", told, 256.0)):
        path = folder / f"WRIST_{name}_032Hz.csv"
        rows = np.loadtxt(path, delimiter=",", skiprows=11)
        (piece,) = pieces(read(path, asked))
        assert np.abs(piece.samples * factor - rows[:-1]).max() < 1e-4  # the last line has no end
        assert (piece.fs_hz, len(rows)) == (32.0, 1920)
    neo = read(folder / "neo.csv", Asked(zone="America/Chicago"))
    assert f"{to_datetime(neo.streams[0].start_ns, 'America/Chicago'):%Y-%m-%d %H:%M:%S}" == "2021-12-20 11:55:00"
    assert len(pieces(neo)[0].samples) == 18_004


@pytest.mark.realdata
def test_published_raw_data_with_idle_sleep(real_data: Path) -> None:
    path = real_data / "actigraphy_readgt3x" / "extdata" / "TAS1H30182785_2019-09-17.csv.gz"
    recording = read(path, Asked(zone="America/New_York"))
    with gzip.open(path, "rt") as stream:
        rows = np.loadtxt(stream, delimiter=",", skiprows=11)
    asleep = (rows == 0).all(axis=1)
    assert (len(rows), asleep.sum()) == (240_500, 25_200)
    found = pieces(recording)
    assert np.abs(np.concatenate([p.samples for p in found]) - rows[~asleep]).max() < 1e-6
    assert [round((p.start_ns - found[0].start_ns) / NS * 100) for p in found] == [0, 214_700]
    assert f"{to_datetime(found[0].start_ns, 'America/New_York'):%H:%M:%S}" == "18:40:00"
