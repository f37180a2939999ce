"""ActiGraph .gt3x: both kinds of records, the older layout, idle sleep, scale, ticks and offset, damage, streaming."""

from __future__ import annotations

import csv
import gzip
import struct
import zipfile
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from handmade.actigraph_gt3x import TICKS_AT_1970, WALL_S, info, record, still, write_gt3x, write_log, write_zip
from handmade.sample import ASKED, START, T0_NS

from pipeline.clock import NS, to_datetime
from pipeline.devices import actigraph_gt3x, gt3x_log, read_export
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal
from pipeline.simulate.exports import actigraph_gt3x as written


def read(path: Path, asked: Asked = ASKED) -> Recording:
    return read_export(path, asked)[1]


def pieces(recording: Recording) -> list[Signal]:
    (stream,) = recording.streams
    return list(stream.pieces())


def samples(recording: Recording) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces(recording)])


def spans_s(recording: Recording) -> list[tuple[float, float]]:
    return [((piece.start_ns - T0_NS) / NS, (piece.end_ns - T0_NS) / NS) for piece in pieces(recording)]


def fault_of(path: Path, asked: Asked = ASKED) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read(path, asked)
    return fault.value


# ---- samples ---------------------------------------------------------------------------------------------------------


def test_int16_samples_of_the_makers_example(tmp_path: Path) -> None:
    payload = bytes.fromhex("0000 0000 0000 3000 ccff 4201") + bytes(28 * 6)
    found = samples(read(write_log(tmp_path, record(0x1A, 0, payload))))
    assert (found[:2] * 256).tolist() == [[0, 0, 0], [48, -52, 322]]
    assert found.shape == (30, 3)


EXAMPLE = bytes.fromhex("006008ebd007009ebf007008ebf0")
"""Three samples of 12 bits, as ActiGraph's description works them out: Y, X, Z = 6, 8, -323; 7, 9, -321; 7, 8, -321."""
WORKED_OUT = [[8, 6, -323], [9, 7, -321], [8, 7, -321]]


def test_12_bit_samples_of_the_makers_example_in_a_log(tmp_path: Path) -> None:
    path = write_log(tmp_path, record(0x00, 0, EXAMPLE), Sample_Rate="3", Acceleration_Scale="341.0")
    found = samples(read(path))
    assert found * 341 == pytest.approx(np.array(WORKED_OUT), abs=1e-4)


def test_12_bit_samples_reach_from_end_to_end(tmp_path: Path) -> None:
    payload = bytes.fromhex("7ff800fff" + "0" * 19)  # Y, X, Z = 2047, -2048, -1; the last half byte is not used
    found = samples(read(write_log(tmp_path, record(0x00, 0, payload), Sample_Rate="3")))
    assert (found[0] * 256).tolist() == [-2048, 2047, -1]


def test_both_kinds_of_samples_in_one_log(tmp_path: Path) -> None:
    plain = struct.pack("<9h", *range(9))
    log = b"".join(record(0x1A, k, plain) if k in {2, 3, 5} else record(0x00, k, EXAMPLE) for k in range(7))
    found = samples(read(write_log(tmp_path, log, Sample_Rate="3"))) * 256
    assert found.reshape(7, 9)[[2, 3, 5]].tolist() == [[*range(9)]] * 3
    assert found.reshape(7, 3, 3)[[0, 1, 4, 6]].tolist() == [WORKED_OUT] * 4


def old(folder: Path, activity: bytes, lux: bytes, **changes: str | None) -> Path:
    told = {"Serial_Number": "NEO1C04110003", "Device_Type": "GT3XPlus", "Acceleration_Scale": None} | changes
    parts = {"activity.bin": activity, "lux.bin": lux, "info.txt": info(**told).encode(), "log.txt": b""}
    return write_zip(folder, parts)


def test_the_older_layout_of_the_makers_example(tmp_path: Path) -> None:
    path = old(tmp_path, EXAMPLE, bytes.fromhex("00001300ffff98084c04"), Sample_Rate="1")
    recording = read(path)
    (piece,) = pieces(recording)
    assert piece.samples * 341 == pytest.approx(np.array(WORKED_OUT), abs=1e-4)
    assert (piece.start_ns, piece.fs_hz) == (T0_NS, 1.0)
    (light,) = recording.signals
    assert light.samples.tolist() == pytest.approx([0, 0, np.nan, 2500, 1375], nan_ok=True)
    assert light.start_ns == T0_NS
    assert recording.device == "ActiGraph GT3XPlus"
    assert recording.repairs == ("info.txt names no scale: 341 units a g, as this model has",)


def test_the_older_layout_comes_in_pieces_that_touch(tmp_path: Path) -> None:
    values = np.random.default_rng(2).integers(-2048, 2048, (2 * 4000, 3)).astype(np.int16)
    activity = written.packed_rows(values.reshape(1, -1)).tobytes()
    recording = read(old(tmp_path, activity, b"", Sample_Rate="2", Acceleration_Scale="256"))
    assert np.array_equal(samples(recording) * 256, values)
    assert spans_s(recording) == [(0, 3600), (3600, 4000)]


def test_the_older_layout_of_a_sleep_watch_has_a_white_case(tmp_path: Path) -> None:
    path = old(tmp_path, EXAMPLE, struct.pack("<3H", 100, 3000, 19), Device_Type="ActiSleepPlus")
    assert read(path).signals[0].samples.tolist() == [325.0, 6000.0, 0.0]


def test_the_older_layout_needs_a_start(tmp_path: Path) -> None:
    path = old(tmp_path, EXAMPLE, b"", Start_Date="0", TimeZone=None)
    assert fault_of(path, Asked(zone="Europe/Rome")).fault is Fault.NO_START_TIME
    assert pieces(read(path, Asked(zone="Europe/Rome", start=START)))[0].start_ns == T0_NS


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rate", [30, 31, 100])
def test_what_is_written_is_read(tmp_path: Path, rate: int, packed: bool) -> None:
    values = np.random.default_rng(rate).integers(-2048, 2048, (90 * rate, 3)).astype(np.int16)
    halves = [(WALL_S, values[: 60 * rate]), (WALL_S + 100, values[60 * rate :])]
    path = tmp_path / "watch.gt3x"
    written.write_gt3x(path, halves, rate, start_s=WALL_S, end_s=WALL_S + 130, packed=packed, offset="01:00:00")
    recording = read(path)
    assert np.array_equal(samples(recording) * 256, values)
    assert spans_s(recording) == [(0, 60), (100, 130)]
    assert recording.streams[0].measured_s == 90
    assert recording.repairs == ()


# ---- gaps and damage -------------------------------------------------------------------------------------------------


def test_idle_sleep_is_a_gap_and_the_last_value_is_not_carried_on(tmp_path: Path) -> None:
    log = record(0x1A, 0, still()) + record(3, 1, b"\x08") + record(3, 60, b"\x09") + record(0x1A, 60, still())
    recording = read(write_log(tmp_path, log))
    assert spans_s(recording) == [(0, 1), (60, 61)]
    assert (recording.streams[0].measured_s, recording.streams[0].coverage) == (2.0, pytest.approx(2 / 61))
    assert recording.repairs == ()


def test_a_record_of_one_byte_marks_the_dock_and_is_no_sample(tmp_path: Path) -> None:
    log = record(0x1A, 0, still()) + record(0x1A, 1, b"\x5a") + record(0x00, 2, b"\x5a") + record(0x1A, 3, still())
    recording = read(write_log(tmp_path, log))
    assert spans_s(recording) == [(0, 1), (3, 4)]
    assert recording.repairs == ()


def test_bytes_between_records_are_passed_over(tmp_path: Path) -> None:
    log = record(0x1A, 0, still()) + bytes(7) + record(0x1A, 1, still()) + b"\x1e\x1e\x1e" + record(0x1A, 2, still())
    assert spans_s(read(write_log(tmp_path, log))) == [(0, 3)]


@pytest.mark.parametrize("place", [9, 100, 187])
def test_a_damaged_second_is_a_gap_and_is_told(tmp_path: Path, place: int) -> None:
    log = bytearray(b"".join(record(0x1A, k, still()) for k in range(5)))
    log[2 * 189 + place] ^= 4
    recording = read(write_log(tmp_path, bytes(log)))
    assert spans_s(recording) == [(0, 2), (3, 5)]
    assert recording.repairs == ("1 seconds are damaged (checksum): left out, a gap each",)


def test_a_second_cut_at_the_end_of_the_log_is_left_out(tmp_path: Path) -> None:
    log = b"".join(record(0x1A, k, still()) for k in range(5))
    for cut in (1, 50, 182):
        assert spans_s(read(write_log(tmp_path, log[:-cut]))) == [(0, 4)]


def test_a_record_that_is_no_second_is_left_out_and_told(tmp_path: Path) -> None:
    log = b"".join(record(0x1A, k, still(30 if k != 2 else 12)) for k in range(5))
    recording = read(write_log(tmp_path, log))
    assert spans_s(recording) == [(0, 2), (3, 5)]
    assert recording.repairs == ("1 records hold no whole second at 30 Hz: left out, a gap each",)


def test_a_rate_that_is_not_the_records_is_refused(tmp_path: Path) -> None:
    fault = fault_of(write_log(tmp_path, record(0x1A, 0, still()), Sample_Rate="100"))
    assert fault.fault is Fault.CORRUPT
    assert "no second at 100 Hz" in fault.known


def test_a_second_recorded_twice_is_kept_once(tmp_path: Path) -> None:
    other = struct.pack("<3h", 1, 2, 3) * 30
    log = record(0x1A, 0, still()) + record(0x1A, 1, still()) + record(0x1A, 1, other) + record(0x1A, 0, other)
    recording = read(write_log(tmp_path, log))
    assert spans_s(recording) == [(0, 2)]
    assert (samples(recording) * 256 == (10, -20, 256)).all()
    assert recording.repairs == ("2 seconds were recorded before: left out",)


def test_seconds_that_span_years_are_refused_before_anything_is_laid_out(tmp_path: Path) -> None:
    log = record(0x1A, 0, still()) + record(0x1A, 2_000_000_000, still())
    fault = fault_of(write_log(tmp_path, log, Start_Date=None, Last_Sample_Time=None))
    assert fault.fault is Fault.CORRUPT
    assert "span 23148 days" in fault.known


def test_a_record_of_another_time_is_none_of_this_recording(tmp_path: Path) -> None:
    log = record(0x1A, 0, still()) + record(0x1A, 500 * 86_400, still()) + record(0x1A, 1, still())
    for changes in ({}, {"Last_Sample_Time": None}, {"Last_Sample_Time": str(TICKS_AT_1970)}):
        assert spans_s(read(write_log(tmp_path, log, **changes))) == [(0, 2)]


def test_nothing_but_a_dock_is_nothing_usable(tmp_path: Path) -> None:
    assert fault_of(write_log(tmp_path, record(0x1A, 0, b"\x5a"))).fault is Fault.NOTHING_USABLE


def test_a_cut_zip_is_corrupt(tmp_path: Path) -> None:
    path = write_gt3x(tmp_path)
    path.write_bytes(path.read_bytes()[:-40])
    assert fault_of(path).fault is Fault.CORRUPT


# ---- light -----------------------------------------------------------------------------------------------------------


def test_light_holds_until_it_changes_but_not_through_sleep(tmp_path: Path) -> None:
    parts = [record(0x05, 1, b"\x0a\x00"), *(record(0x1A, k, still()) for k in (0, 1, 2, 3, 6, 7, 8))]
    parts[4:4] = [record(0x05, 3, b"\xff\xff")]
    parts[6:6] = [record(0x05, 7, b"\x00\x01")]
    (light,) = read(write_log(tmp_path, b"".join(parts))).signals
    nan = np.nan
    assert light.samples.tolist() == pytest.approx([nan, 10, 10, nan, nan, nan, nan, 256, 256], nan_ok=True)
    assert (light.fs_hz, light.start_ns) == (1.0, T0_NS)


def test_light_with_a_wrong_checksum_or_out_of_order(tmp_path: Path) -> None:
    wrong = record(0x05, 1, b"\x07\x00")[:-1] + b"\x00"
    lit = record(0x05, 2, b"\x14\x00") + record(0x05, 0, b"\x0a\x00")
    log = wrong + lit + b"".join(record(0x1A, k, still()) for k in range(4))
    assert read(write_log(tmp_path, log)).signals[0].samples.tolist() == [10, 10, 20, 20]


# ---- what info.txt says ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "hours"), [("01:00:00", -1), ("-04:00:00", 4), ("05:30:00", -5.5), ("00:00:00", 0), ("-03:30:00", 3.5)]
)
def test_the_offset_of_the_file_makes_the_instant(tmp_path: Path, told: str, hours: float) -> None:
    recording = read(write_log(tmp_path, record(0x1A, 0, still()), TimeZone=told))
    assert pieces(recording)[0].start_ns == (WALL_S + hours * 3600) * NS
    assert recording.clock is ClockKind.DEVICE
    assert bool(recording.repairs) is (told != "01:00:00")


def test_an_offset_that_is_not_the_zones_is_told(tmp_path: Path) -> None:
    recording = read(write_log(tmp_path, record(0x1A, 0, still()), TimeZone="-04:00:00"))
    assert recording.repairs == (
        "the watch was set at an offset of -4 h, Europe/Rome had +0100 at the start: instants follow the file",
    )
    assert recording.zone == "Europe/Rome"


@pytest.mark.parametrize("told", [None, "", "W. Europe", "99:00:00"])
def test_without_an_offset_the_zone_makes_the_instant(tmp_path: Path, told: str | None) -> None:
    path = write_log(tmp_path, record(0x1A, 0, still()), TimeZone=told)
    assert pieces(read(path))[0].start_ns == T0_NS
    tokyo = pieces(read(path, Asked(zone="Asia/Tokyo")))[0].start_ns
    assert T0_NS - tokyo == 8 * 3600 * NS


def test_the_watch_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    start = int((datetime(2024, 3, 30, 22) - datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001
    values = np.full((6 * 3600 * 2, 3), 100, np.int16)
    for offset in ("01:00:00", None):
        path = tmp_path / "watch.gt3x"
        written.write_gt3x(path, [(start, values)], 2, start_s=start, end_s=start + 6 * 3600, offset=offset)
        recording = read(path)
        assert f"{to_datetime(recording.streams[0].start_ns, 'Europe/Rome'):%H:%M}" == "22:00"
        assert f"{to_datetime(recording.streams[0].end_ns, 'Europe/Rome'):%H:%M}" == "05:00"
        assert recording.streams[0].coverage == 1.0


@pytest.mark.parametrize(
    ("changes", "units"),
    [
        ({"Acceleration_Scale": "341,0"}, 341),
        ({"Acceleration_Scale": None}, 256),
        ({"Acceleration_Scale": None, "Serial_Number": "CLE2B21130055"}, 341),
        ({"Acceleration_Scale": None, "Serial_Number": "TAS1D48140206"}, 256),
    ],
)
def test_units_a_g(tmp_path: Path, changes: dict[str, str | None], units: int) -> None:
    found = samples(read(write_log(tmp_path, record(0x1A, 0, still()), **changes)))
    assert found[0] == pytest.approx(np.array([10, -20, 256]) / units, rel=1e-6)


def test_unknown_units_are_asked_for(tmp_path: Path) -> None:
    path = write_log(tmp_path, record(0x1A, 0, still()), Acceleration_Scale=None, Serial_Number="XYZ123")
    fault = fault_of(path)
    assert fault.fault is Fault.UNKNOWN_UNIT
    assert "XYZ" not in str(fault)
    told = Asked(zone="Europe/Rome", units={"acceleration": "128 per g"})
    assert samples(read(path, told))[0, 2] == 2.0


@pytest.mark.parametrize("rate", [None, "", "0", "29.5", "1e9", "inf", "fast"])
def test_a_rate_that_cannot_be_is_corrupt(tmp_path: Path, rate: str | None) -> None:
    assert fault_of(write_log(tmp_path, record(0x1A, 0, still()), Sample_Rate=rate)).fault is Fault.CORRUPT


def test_uncalibrated_samples_are_refused(tmp_path: Path) -> None:
    parts = {"log.bin": record(0x1A, 0, still()), "info.txt": info().encode()}
    raw = write_zip(tmp_path, parts | {"calibration.json": b'\xef\xbb\xbf{"isCalibrated": false}'})
    assert fault_of(raw).fault is Fault.UNKNOWN_UNIT
    done = write_zip(tmp_path, parts | {"calibration.json": b'{"isCalibrated": true}'})
    assert len(samples(read(done))) == 30


def test_the_parts_may_lie_in_a_folder_of_the_zip(tmp_path: Path) -> None:
    parts = {"x/log.bin": record(0x1A, 0, still()), "x/info.txt": b"\xef\xbb\xbf" + info().encode()}
    assert len(samples(read(write_zip(tmp_path, parts)))) == 30


def test_no_name_birth_date_or_serial_comes_out(tmp_path: Path) -> None:
    shown = repr(read(write_gt3x(tmp_path)))
    assert not any(word in shown for word in ("Jane", "Roe", "39180594", "6240166"))


# ---- streaming -------------------------------------------------------------------------------------------------------


def long_log() -> bytes:
    rng = np.random.default_rng(5)
    rows = rng.integers(-2048, 2048, (4000, 90)).astype("<i2").view(np.uint8)
    return written.records(0x1A, WALL_S + np.arange(4000), rows)


def test_how_the_log_is_cut_into_stretches_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_log(tmp_path, long_log(), Last_Sample_Time=str(TICKS_AT_1970 + (WALL_S + 4000) * 10_000_000))
    whole = samples(read(path))
    assert len(whole) == 4000 * 30
    for size in (1000, 4096, 189 * 100):
        monkeypatch.setattr(gt3x_log, "_CHUNK_BYTES", size)
        assert np.array_equal(samples(read(path)), whole)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_log_that_is_not_kept_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: int) -> None:
    path = write_log(tmp_path, long_log(), Last_Sample_Time=str(TICKS_AT_1970 + (WALL_S + 4000) * 10_000_000))
    whole = samples(read(path))
    again = tmp_path / "again.gt3x"
    with zipfile.ZipFile(again, "w", method) as archive:
        archive.writestr("info.txt", info(Last_Sample_Time=str(TICKS_AT_1970 + (WALL_S + 4000) * 10_000_000)))
        archive.writestr("log.bin", long_log())
    monkeypatch.setattr(actigraph_gt3x, "KEPT_BYTES", 0)
    recording = read(again)
    assert [len(piece.samples) for piece in pieces(recording)] == [3600 * 30, 400 * 30]
    assert all(a.end_ns == b.start_ns for a, b in pairwise(pieces(recording)))
    assert np.array_equal(samples(recording), whole)


def test_a_file_that_shrinks_while_it_is_read_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actigraph_gt3x, "KEPT_BYTES", 0)
    path = write_log(tmp_path, b"".join(record(0x1A, k, still()) for k in range(100)))
    recording = read(path)
    write_log(tmp_path, record(0x1A, 0, still()))
    with pytest.raises(FileFault) as fault:
        pieces(recording)
    assert fault.value.fault is Fault.TRUNCATED


# ---- real files: sums of all samples in sensor units as pygt3x 0.7.1 reads them (without what it fills) -----------


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "count", "runs", "sums"),
    [
        ("actigraphy_GGIR/testfiles/actigraph_testfile.gt3x", 17_640, 24, (355_298, -215_830, 559_813)),
        ("actigraphy_pygt3x/resources/ISM_Disabled.gt3x", 9_000, 1, (113_213, 8_843, 2_395_454)),
        ("actigraphy_pygt3x/resources/ISM_Enabled.gt3x", 2_190, 3, (29_508, 10_382, 580_600)),
        ("actigraphy_pygt3x/resources/small.gt3x", 810_270, 493, (-65_636_553, 66_307_497, 52_664_150)),
        (
            "actigraphy_readgt3x/extdata/TAS1H30182785_2019-09-17.gt3x",
            33_000,
            7,
            (-4_569_251, 3_843_832, 2_758_664),
        ),
    ],
)
def test_published_files(real_data: Path, name: str, count: int, runs: int, sums: tuple[int, int, int]) -> None:
    recording = read(real_data / name)
    values = samples(recording)
    assert len(values) == count
    assert (values.astype(np.float64) * 256).sum(axis=0).tolist() == list(sums)
    found = pieces(recording)
    assert 1 + sum(b.start_ns > a.end_ns for a, b in pairwise(found)) == runs


@pytest.mark.realdata
def test_published_light(real_data: Path) -> None:
    recording = read(real_data / "actigraphy_GGIR" / "testfiles" / "actigraph_testfile.gt3x")
    (light,) = recording.of(Kind.LIGHT)
    assert light.samples[:12].tolist() == pytest.approx(
        [12, 5, 5, 6, 6, 9, 12, 12, 12, 14, np.nan, np.nan], nan_ok=True
    )


@pytest.mark.realdata
def test_seconds_that_were_recorded_are_what_actilife_exports(real_data: Path) -> None:
    folder = real_data / "actigraphy_readgt3x" / "extdata"
    with gzip.open(folder / "TAS1H30182785_2019-09-17.csv.gz", "rt") as file:
        table = np.loadtxt(file, delimiter=",", skiprows=11)
    recording = read(folder / "TAS1H30182785_2019-09-17.gt3x", Asked(zone="America/New_York"))
    assert recording.repairs == ()
    assert f"{to_datetime(recording.streams[0].start_ns, 'America/New_York'):%H:%M:%S}" == "18:40:00"
    for piece in pieces(recording):
        first = round((piece.start_ns - recording.streams[0].start_ns) / NS * 100)
        theirs = table[first : first + len(piece.samples)]
        assert np.abs(theirs - piece.samples[: len(theirs)]).max() < 0.000501


@pytest.mark.realdata
def test_the_older_layout_is_what_actilife_exports(real_data: Path) -> None:
    folder = real_data / "actigraphy_pygt3x" / "resources"
    with (folder / "neo.csv").open() as file:
        rows = list(csv.reader(file))[11:]
    values = samples(read(folder / "neo.gt3x"))
    assert np.abs(values - np.array(rows, float)).max() < 0.000501


@pytest.mark.realdata
def test_published_uncalibrated_samples_are_refused(real_data: Path) -> None:
    path = real_data / "actigraphy_pygt3x" / "resources" / "WRIST_rawLSB_032Hz_test.agdc"
    assert fault_of(path).fault is Fault.UNKNOWN_UNIT


def test_ticks_beyond_any_calendar_and_an_infinite_scale_say_nothing(tmp_path: Path) -> None:
    told = read(
        write_log(tmp_path, record(0x1A, 0, still()), Stop_Date="3155378975999999999", Acceleration_Scale="inf")
    )
    assert any("names no scale" in note for note in told.repairs)
