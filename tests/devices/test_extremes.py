"""One number or word of a whole export replaced by one that nothing can be: each was found by fuzzing.

Readers are called past the door that turns surprises into faults.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade import SAMPLES

from pipeline.devices import READERS
from pipeline.devices.delimited import cells_of
from pipeline.devices.json_text import number_of
from pipeline.devices.reader import whole_ns
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording


def replaced(folder: Path, name: str, old: bytes, new: bytes, member: str = "") -> Recording:
    """The recording of the handmade export of a reader with one thing changed, read past the door."""
    path = SAMPLES[name].write(folder)
    file = path / member if member else path
    content = file.read_bytes()
    assert old in content
    file.write_bytes(content.replace(old, new, 1))
    with np.errstate(over="ignore"):  # as the door does
        return next(reader for reader in READERS if reader.name == name).read(path, SAMPLES[name].asked)


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        # Times of which int64 nanoseconds can hold none.
        ("polar_flow_rr", b"800,0\n", b"1e300,0\n", Fault.IMPLAUSIBLE),
        ("rr_packets", b"1709326801600", b"1e300", Fault.IMPLAUSIBLE),
        ("rr_packets", b",800 800", b",800 1" + b"0" * 300, Fault.IMPLAUSIBLE),
        ("kubios_report", b"2.400,0.8", b"1e300,0.8", Fault.IMPLAUSIBLE),
        ("openbci_txt", b" 1709326800.004000", b" 1e308", Fault.IMPLAUSIBLE),
        ("hypnogram_polyman", b", 8100, 900,", b", 8100, 1" + b"0" * 400 + b",", Fault.IMPLAUSIBLE),
        ("fitbit_json", b'"seconds": 300', b'"seconds": 1e300', Fault.IMPLAUSIBLE),
        ("nsrr_actigraphy", b"CANARY77,3,", b"CANARY77,1e300,", Fault.IMPLAUSIBLE),
        ("actical_csv", b",1,12000,", b",1,1e300,", Fault.IMPLAUSIBLE),
        ("garmin_json", b'"durationInSeconds": ', b'"durationInSeconds": 1' + b"0" * 20, Fault.CORRUPT),
        ("oura", b'"bedtime_end": "2024', b'"bedtime_end": "9999', Fault.IMPLAUSIBLE),
        ("biobank_csv", b"sampleRate = 5 ", b"sampleRate = 0 ", Fault.CORRUPT),
        ("openbci_txt", b"\n1.0, 1.5,", b"\n1e300, 1.5,", Fault.IMPLAUSIBLE),
        # What stands where something simple is meant.
        ("oura", b'"interval": 300.0', b'"interval": [300.0]', Fault.UNKNOWN_UNIT),
        ("apple_health", b"UTF-8", b"UPF-8", Fault.CORRUPT),
    ],
)
def test_what_cannot_be_is_told_in_words(tmp_path: Path, name: str, old: bytes, new: bytes, fault: Fault) -> None:
    with pytest.raises(FileFault) as told:
        replaced(tmp_path, name, old, new)
    assert told.value.fault is fault


def test_a_day_beyond_any_calendar_is_a_row_without_a_clock(tmp_path: Path) -> None:
    for day in (b"9" * 12, b"9" * 5000, b"--1"):
        (folder := tmp_path / str(len(day))).mkdir()
        recording = replaced(folder, "mmash", b",1\n", b"," + day + b"\n", "Activity.csv")
        assert any("no readable clock" in note for note in recording.repairs)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1e300, -1e10])
def test_seconds_that_no_recording_holds(wrong: float) -> None:
    assert whole_ns(np.array([0.0, 1.5]), Path("a.csv")).tolist() == [0, 1_500_000_000]
    with pytest.raises(FileFault) as told:
        whole_ns(np.array([0.0, wrong]), Path("a.csv"))
    assert told.value.fault is Fault.IMPLAUSIBLE


def test_an_empty_line_has_one_empty_cell() -> None:
    assert cells_of("", ",") == [""]
    assert cells_of("\r", ",") == [""]


def test_a_schema_that_is_none_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as told:
        replaced(tmp_path, "embraceplus_avro", b'{"name"', b'{"neme"', "1-1-Ada_1709326800.avro")
    assert told.value.fault is Fault.CORRUPT


def test_a_whole_number_of_400_digits_in_json_is_missing(tmp_path: Path) -> None:
    rate = replaced(tmp_path, "oura", b'"items": [60.0', b'"items": [' + b"1" * 400).of(Kind.HR)[0]
    assert np.isnan(rate.samples).any()
    assert np.isnan([number_of(value) for value in (True, None, "1", 10**400)]).all()


def test_a_number_of_400_digits_is_no_interval(tmp_path: Path) -> None:
    recording = replaced(tmp_path, "rr_text", b"800\n800\n800\n", b"800\n800\n" + b"1" * 400 + b"\n")
    assert any("no positive interval" in note for note in recording.repairs)


def test_a_ring_without_stages_and_a_board_with_one_row(tmp_path: Path) -> None:
    ring = SAMPLES["oura"].write(tmp_path)
    ring.write_bytes(ring.read_bytes().replace(b'"bedtime_end": "2024', b'"bedtime_end": "2023'))
    reader = next(reader for reader in READERS if reader.name == "oura")
    assert reader.read(ring, SAMPLES["oura"].asked).hypnogram is None
    path = SAMPLES["openbci_txt"].write(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]))
    (signal,) = next(r for r in READERS if r.name == "openbci_txt").read(path, SAMPLES["openbci_txt"].asked).signals
    assert len(signal.samples) == 1


def test_a_diary_whose_stamps_carry_an_offset_here_and_none_there(tmp_path: Path) -> None:
    path = tmp_path / "diary.csv"
    rows = ["night_of,bed_time,out_of_bed", "2024-03-01,10:00,07:00"]
    rows.append("2024-03-02,2024-03-02 22:00:00+01:00,2024-03-03 07:00:00")
    path.write_text("\n".join([*rows, ""]))
    reader = next(reader for reader in READERS if reader.name == "sleep_diary")
    assert reader.read(path, SAMPLES["sleep_diary"].asked).rests
