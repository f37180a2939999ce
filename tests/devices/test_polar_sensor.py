"""Polar Sensor Logger: two clocks, rates as they are, contact, gaps, and a folder as one recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.polar_sensor import SENSOR_NS, phone, wave, write_folder
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant, read_export
from pipeline.devices.polar_sensor import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import BeatSensor, ClockKind, Kind, Recording

ACC = "X [mg];Y [mg];Z [mg]"


def read(folder: Path, text: str, name: str = "Polar_H10_ACC.txt", asked: Asked = ASKED) -> Recording:
    path = folder / name
    path.write_text(text)
    reader, recording = read_export(path, asked)
    assert reader is READER
    return recording


def fault_of(folder: Path, text: str, name: str = "Polar_H10_ACC.txt") -> FileFault:
    with pytest.raises(FileFault) as fault:
        read(folder, text, name)
    return fault.value


def rows(header: str, lines: list[str]) -> str:
    return "\n".join([header, *lines, ""])


# ---- waveforms -------------------------------------------------------------------------------------------------------


def test_acceleration_is_in_g_from_the_phones_clock_on(tmp_path: Path) -> None:
    recording = read(tmp_path, wave(ACC, 20, "500;-20;980", hole=(99, 99)))
    (acc,) = recording.signals
    assert (acc.kind, acc.fs_hz, len(acc.samples)) == (Kind.ACC, 50.0, 3000)
    assert acc.samples[0].tolist() == pytest.approx([0.5, -0.02, 0.98])
    assert acc.start_ns == T0_NS + NS // 2  # late by one packet: no better is known of one stream
    assert (recording.device, recording.clock) == ("Polar H10", ClockKind.LOCAL)


def test_the_rate_is_what_the_sensors_clock_shows(tmp_path: Path) -> None:
    period = 7_688_759  # 130.06 Hz
    lines = [f"{phone(k / 130)};{SENSOR_NS + k * period};{k / 130 * 1000};{k % 7}" for k in range(2000)]
    header = "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]"
    recording = read(tmp_path, rows(header, lines), "Polar_H10_123_20240301_ECG.txt")
    (ecg,) = recording.signals
    assert (ecg.kind, ecg.fs_hz) == (Kind.ECG, pytest.approx(1e9 / period, abs=1e-6))
    assert ecg.samples[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert "123" not in repr(recording)


def test_a_gap_is_where_the_sensors_clock_leaves_one_whatever_the_phone_says(tmp_path: Path) -> None:
    recording = read(tmp_path, wave(ACC, 20, "0;0;1000"))
    (acc,) = recording.signals
    assert np.flatnonzero(np.isnan(acc.samples[:, 0])).tolist() == list(range(1000, 1500))
    assert recording.repairs == ("1 gaps by the sensor's clock",)
    late = wave(ACC, 20, "0;0;1000", hole=(99, 99)).replace(phone(30.5), phone(31.9))  # one packet is late
    assert read(tmp_path, late).signals[0].coverage == 1.0


def test_a_sensor_clock_that_was_set_on_the_way_is_placed_by_the_phone(tmp_path: Path) -> None:
    before = [f"{phone(k / 50)};{SENSOR_NS + k * 20_000_000};1;2;3" for k in range(500)]
    after = [f"{phone(15 + k / 50)};{k * 20_000_000};4;5;6" for k in range(500)]
    recording = read(tmp_path, rows("Phone timestamp;sensor timestamp [ns];" + ACC, before + after))
    (acc,) = recording.signals
    assert np.flatnonzero(np.isnan(acc.samples[:, 0])).tolist() == list(range(500, 750))
    assert acc.samples[750].tolist() == pytest.approx([0.004, 0.005, 0.006])
    assert "set 1 times" in recording.repairs[0]


def test_clocks_that_contradict_all_along_are_corrupt(tmp_path: Path) -> None:
    lines = [f"{phone(10 * k)};{SENSOR_NS + k * 20_000_000};1;2;3" for k in range(100)]
    assert fault_of(tmp_path, rows("Phone timestamp;sensor timestamp [ns];" + ACC, lines)).fault is Fault.CORRUPT


def test_streams_of_one_sensor_lie_on_its_one_clock(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    (path / "Polar_Sense_ACC.txt").write_text(wave(ACC, 20, "1;2;3", late_s=1.8))
    (path / "Polar_Sense_PPG.txt").write_text(wave("channel 0;ambient", 25, "9;-1;", late_s=0.5))
    recording = read_export(path, ASKED)[1]
    starts = {signal.label: (signal.start_ns - T0_NS) / NS for signal in recording.signals}
    assert starts == {"ACC": 0.5, "PPG 0": 0.5, "HR": 0.0}
    assert any("by 1.30 s: one clock for all" in note for note in recording.repairs)


def test_every_light_channel_is_a_signal_and_the_ambient_one_is_not(tmp_path: Path) -> None:
    recording = read(tmp_path, wave("channel 0;channel 1;channel 2;ambient", 25, "9;8;7;-1;"), "Polar_Sense_PPG.txt")
    assert [(s.label, float(s.samples[0])) for s in recording.signals] == [("PPG 0", 9), ("PPG 1", 8), ("PPG 2", 7)]
    assert recording.device == "Polar Verity Sense"


# ---- heart rate and intervals ----------------------------------------------------------------------------------------


def test_heart_rate_without_contact_is_missing(tmp_path: Path) -> None:
    lines = [f"{phone(k + 0.04 * (k % 3))};{v};" for k, v in enumerate([61, 62, 0, 0, 63])] + [f"{phone(8)};64;"]
    recording = read(tmp_path, rows("Phone timestamp;HR [bpm];HRV [ms];Breathing interval [rpm];", lines), "x_HR.txt")
    (rate,) = recording.signals
    assert np.nan_to_num(rate.samples, nan=-1).tolist() == [61, 62, -1, -1, 63, -1, -1, -1, 64]
    assert (rate.fs_hz, rate.start_ns) == (1.0, T0_NS)


def test_a_date_far_off_is_implausible_not_a_month_of_blanks(tmp_path: Path) -> None:
    lines = [f"{phone(0)};61", f"{phone(86_400 * 40)};61"]
    assert fault_of(tmp_path, rows("Phone timestamp;HR [bpm]", lines), "x_HR.txt").fault is Fault.IMPLAUSIBLE


PPI = "Phone timestamp;PP-interval [ms];error estimate [ms];blocker;contact;contact;hr [bpm]"
BOX = (
    "Phone timestamp;sensor timestamp [ns];HR [bpm];PP-interval [ms];error estimate [ms];blocker;skin contact;"
    "skin contact supported"
)


def test_pulse_intervals_that_the_sensor_doubts_are_left_out(tmp_path: Path) -> None:
    pp = [1000, 1100, 1200, 1300, 1400]
    ends = np.cumsum(pp) / 1000
    flags = ["0;1;1", "1;1;1", "0;0;1", "0;1;1", "0;1;1"]  # movement, then no contact
    lines = [f"{phone(end)};{v};8;{flag};60" for end, v, flag in zip(ends, pp, flags, strict=True)]
    recording = read(tmp_path, rows(PPI, lines), "Polar_Sense_PPI.txt")
    assert recording.beats is not None
    assert recording.beats.rr_s.tolist() == [1.0, 1.3, 1.4]
    assert ((recording.beats.end_ns - T0_NS) / NS).tolist() == pytest.approx([1.0, 4.6, 6.0])
    assert recording.beats.sensor is BeatSensor.PPG
    assert "2 intervals during movement" in recording.repairs[0]
    assert recording.kinds == {Kind.RR}, "the hr column of this file is 0 throughout"


def test_columns_are_found_by_their_names_not_their_place(tmp_path: Path) -> None:
    lines = [f"{phone(k)};0;60;1000;8;0;1;1" for k in range(1, 6)]
    beats = read(tmp_path, rows(BOX, lines), "Polar_Sense_PPI.txt").beats
    assert beats is not None
    assert beats.rr_s.tolist() == [1.0] * 5


def test_stamps_that_mark_beginnings_are_moved(tmp_path: Path) -> None:
    pp = np.random.default_rng(0).integers(800, 1200, 50)
    begins = np.concatenate(([0], np.cumsum(pp)[:-1])) / 1000
    lines = [f"{phone(at)};{v};8;0;1;1;60" for at, v in zip(begins, pp, strict=True)]
    recording = read(tmp_path, rows(PPI, lines), "Polar_Sense_PPI.txt")
    assert recording.beats is not None
    assert ((recording.beats.end_ns - T0_NS) / NS).tolist() == pytest.approx((np.cumsum(pp) / 1000).tolist(), abs=2e-3)


# ---- whose it is, and damage -----------------------------------------------------------------------------------------


def test_the_phone_follows_its_zone_through_the_autumn_change(tmp_path: Path) -> None:
    clocks = [f"2024-10-27T02:59:5{k}.000" for k in range(8, 10)] + [f"2024-10-27T02:00:0{k}.000" for k in range(3)]
    recording = read(tmp_path, rows("Phone timestamp;HR [bpm]", [f"{clock};60" for clock in clocks]), "x_HR.txt")
    assert recording.signals[0].samples.tolist() == [60.0] * 5


def test_a_folder_with_anything_else_in_it_is_no_bundle(tmp_path: Path) -> None:
    path = write_folder(tmp_path)
    assert claimant(path) is READER
    (path / "Polar_Sense_ACC.txt.json").write_text("{}")
    assert READER.recognise(glimpse(path))
    for name in ("night.edf", "Polar_Sense2_ACC.txt"):  # another export; a second recording
        (path / name).write_text("Phone timestamp;sensor timestamp [ns];" + ACC + "\n")
        assert not READER.recognise(glimpse(path))
        (path / name).unlink()


def test_a_list_of_intervals_alone_stays_with_the_reader_of_lists(tmp_path: Path) -> None:
    path = tmp_path / "Polar_H10_RR.txt"
    path.write_text(rows("Phone timestamp;RR-interval [ms]", [f"{phone(k)};1000" for k in range(1, 9)]))
    assert claimant(path).name == "rr_text"


@pytest.mark.parametrize("columns", ["X [dps];Y [dps];Z [dps]", "X [G];Y [G];Z [G]"])
def test_a_stream_that_is_no_kind_says_what_is_read(tmp_path: Path, columns: str) -> None:
    fault = fault_of(tmp_path, wave(columns, 20, "1;2;3"), "Polar_Sense_GYRO.txt")
    assert (fault.fault, "_ACC" in fault.hint) == (Fault.NOTHING_USABLE, True)


def test_a_torn_last_row_is_left_out_and_many_bad_stamps_are_a_fault(tmp_path: Path) -> None:
    text = wave(ACC, 20, "1;2;3", hole=(99, 99))
    recording = read(tmp_path, text[:-3])
    assert len(recording.signals[0].samples) == 2999
    assert "no line end" in recording.repairs[0]
    assert fault_of(tmp_path, text.replace("2024-03-01T22:00:1", "?")).fault is Fault.CORRUPT


# ---- the real world --------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_a_published_folder(real_data: Path) -> None:
    path = real_data / "biobss_sample/sample_data/Polar_files/txt_files/sample_record"
    recording = read_export(path, Asked(zone="Europe/Istanbul"))[1]
    assert recording.kinds == {Kind.ACC, Kind.BVP, Kind.HR, Kind.RR, Kind.MARKERS}
    by_label = {signal.label: signal for signal in recording.signals}
    acc = np.loadtxt(path / "Polar_Sense_ACC.txt", delimiter=";", skiprows=1, usecols=(2, 3, 4))
    assert np.allclose(by_label["ACC"].samples, acc / 1000)
    ppg = np.loadtxt(path / "Polar_Sense_PPG.txt", delimiter=";", skiprows=1, usecols=2)
    assert np.array_equal(by_label["PPG 0"].samples, ppg)
    assert f"{to_datetime(recording.markers[0].time_ns, 'Europe/Istanbul'):%Y-%m-%d %H:%M:%S}" == "2022-04-25 11:40:02"
    # By the sensor's clock the first PPG sample is 0.330 s after the first of the accelerometer.
    assert (by_label["PPG 0"].start_ns - by_label["ACC"].start_ns) / NS == pytest.approx(0.329625584, abs=1e-6)
    rate = np.loadtxt(path / "Polar_Sense_HR.txt", delimiter=";", skiprows=1, usecols=1)
    assert np.isfinite(by_label["HR"].samples).sum() <= (rate > 0).sum()
