"""EmbracePlus Avro: units of each field, true rates, files that follow on, miss, repeat or are torn."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handmade.embraceplus_avro import T0_US, content, write_file
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS
from pipeline.devices import claimant, embraceplus_avro, read_export
from pipeline.devices.embraceplus_avro import READER
from pipeline.devices.reader import glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import BeatSensor, ClockKind, Kind, Recording, Signal


def read(path: Path) -> Recording:
    reader, recording = read_export(path, ASKED)
    assert reader is READER
    return recording


def fault_of(path: Path) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read(path)
    return fault.value


def by_kind(recording: Recording) -> dict[Kind, Signal]:
    return {signal.kind: signal for signal in recording.signals}


def folder_of(tmp_path: Path, *seconds: float, **changed: Any) -> Path:
    path = tmp_path / "day"
    path.mkdir()
    for second in seconds:
        write_file(path, second, content(second, **changed))
    return path


def pieces_of(recording: Recording, kind: Kind) -> list[Signal]:
    (stream,) = (s for s in recording.streams if s.kind is kind)
    return list(stream.pieces())


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_one_file_in_canonical_units(tmp_path: Path, codec: str) -> None:
    tags = {"tagsTimeMicros": [T0_US + 5_000_000]}
    recording = read(write_file(tmp_path, 0, content(0, tags=tags), codec))
    found = by_kind(recording)
    assert found[Kind.ACC].samples[0].tolist() == [0.0, -0.5, 1.0]  # 32 g over 65536 steps
    assert {kind: (s.fs_hz, len(s.samples), s.start_ns) for kind, s in found.items()} == {
        Kind.ACC: (64.0, 3840, T0_NS),
        Kind.BVP: (64.0, 3840, T0_NS),
        Kind.EDA: (4.0, 240, T0_NS),
        Kind.TEMP: (1.0, 60, T0_NS),
        Kind.STEPS: (pytest.approx(0.2), 12, T0_NS),
    }
    values = [float(found[kind].samples[0]) for kind in (Kind.BVP, Kind.EDA, Kind.TEMP, Kind.STEPS)]
    assert values == pytest.approx([-2.5, 0.7, 33.5, 3.0])
    assert [(m.time_ns - T0_NS) / NS for m in recording.markers] == [5.0]
    assert (recording.clock, recording.repairs) == (ClockKind.UTC, ())


def test_peaks_are_nanoseconds_and_an_interval_ends_at_its_later_peak(tmp_path: Path) -> None:
    peaks = [T0_NS + round(s * NS) for s in (1.0, 1.8, 2.7, 9.0, 9.9)]
    beats = read(write_file(tmp_path, 0, content(0, systolicPeaks={"peaksTimeNanos": peaks}))).beats
    assert beats is not None
    assert beats.rr_s.tolist() == pytest.approx([0.8, 0.9, 0.9])
    assert ((beats.end_ns - T0_NS) / NS).tolist() == pytest.approx([1.8, 2.7, 9.9])
    assert beats.sensor is BeatSensor.PPG


def test_intervals_run_on_across_a_seam_and_not_across_a_missing_file(tmp_path: Path) -> None:
    beats = read(folder_of(tmp_path, 0, 60, 180)).beats
    assert beats is not None
    assert len(beats.rr_s) == 119 + 59
    assert (beats.rr_s == 1.0).all()


def test_a_sensor_that_recorded_nothing_is_left_out(tmp_path: Path) -> None:
    off = {"timestampStart": 0, "samplingFrequency": 0.0, "values": []}
    recording = read(write_file(tmp_path, 0, content(0, eda=off, bvp=off, systolicPeaks={"peaksTimeNanos": []})))
    assert recording.kinds == {Kind.ACC, Kind.TEMP, Kind.STEPS}


def test_nobody_is_named(tmp_path: Path) -> None:
    words = repr(read(write_file(tmp_path, 0)))
    assert not any(word in words for word in ("Ada", "London", "3YK4711"))


# ---- a folder --------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_a_gap_in_signals_and_between_pieces(tmp_path: Path) -> None:
    recording = read(folder_of(tmp_path, 0, 60, 180))
    eda = by_kind(recording)[Kind.EDA]
    assert (eda.fs_hz, len(eda.samples)) == (4.0, 960)
    assert np.flatnonzero(np.isnan(eda.samples)).tolist() == list(range(480, 720))
    pieces = pieces_of(recording, Kind.ACC)
    assert [(p.start_ns - T0_NS) / NS for p in pieces] == [0.0, 60.0, 180.0]
    assert [p.samples.shape for p in pieces] == [(3840, 3)] * 3
    (stream,) = (s for s in recording.streams if s.kind is Kind.ACC)
    assert (stream.measured_s, stream.end_ns) == (180.0, T0_NS + 240 * NS)


def test_the_true_rate_is_what_the_next_file_shows(tmp_path: Path) -> None:
    # A clock 0.5 % slow: 3840 samples take 60.3 s. Over four files nominal times would be a second off.
    seconds = [60.3 * k for k in range(5)]
    path = tmp_path / "day"
    path.mkdir()
    for second in seconds:
        ramp = {"timestampStart": T0_US + round(second * 1e6), "samplingFrequency": 4.0, "values": [second / 10] * 240}
        write_file(path, second, content(second, eda=ramp))
    recording = read(path)
    assert [p.fs_hz for p in pieces_of(recording, Kind.BVP)][:4] == pytest.approx([3840 / 60.3] * 4)
    eda = by_kind(recording)[Kind.EDA]
    first_of_last = int(np.flatnonzero(eda.samples == np.float32(seconds[-1] / 10))[0])
    assert first_of_last / eda.fs_hz == pytest.approx(seconds[-1], abs=0.3)
    assert np.isfinite(eda.samples).all()
    pieces = pieces_of(recording, Kind.ACC)
    assert all(b.start_ns - a.end_ns in range(-1000, 1000) for a, b in pairwise(pieces))


def test_a_repeated_file_is_left_out_and_told(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 0, 60)
    (path / "1-1-Ada_1709326999.avro").write_bytes((path / "1-1-Ada_1709326800.avro").read_bytes())
    recording = read(path)
    assert len(by_kind(recording)[Kind.EDA].samples) == 480
    assert recording.beats is not None
    assert len(recording.beats.rr_s) == 119
    assert "repeats" in recording.repairs[0]


def test_files_of_two_people_or_beside_others_are_no_bundle(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 0, 60)
    assert claimant(path) is READER
    for name in ("1-1-Bob_1709326920.avro", "diary.csv"):
        (path / name).write_bytes(b"x")
        assert not READER.recognise(glimpse(path))
        (path / name).unlink()


def test_a_torn_last_file_is_left_out_and_any_other_is_a_fault_that_names_it(tmp_path: Path) -> None:
    path = folder_of(tmp_path, 0, 60)
    first, last = sorted(path.iterdir())
    whole = last.read_bytes()
    last.write_bytes(whole[: len(whole) // 2])
    recording = read(path)
    assert len(by_kind(recording)[Kind.EDA].samples) == 240
    assert recording.repairs == ("the last file was cut short: left out",)
    last.write_bytes(whole)
    first.write_bytes(whole[: len(whole) // 2])
    assert (fault_of(path).fault, fault_of(path).where) == (Fault.TRUNCATED, first.name)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_an_accelerometer_without_a_range_is_refused(tmp_path: Path) -> None:
    record = content(0)
    record["rawData"]["accelerometer"]["imuParams"] = dict.fromkeys(
        ("physicalMin", "physicalMax", "digitalMin", "digitalMax"), 0
    )
    assert fault_of(write_file(tmp_path, 0, record)).fault is Fault.UNKNOWN_UNIT


def test_axes_of_different_length_are_corrupt(tmp_path: Path) -> None:
    record = content(0)
    record["rawData"]["accelerometer"]["x"].pop()
    assert fault_of(write_file(tmp_path, 0, record)).fault is Fault.CORRUPT


def test_without_the_library_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path, 0)

    def absent(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr(embraceplus_avro.importlib, "import_module", absent)
    fault = fault_of(path)
    assert (fault.fault, "sleeploop[embraceplus]" in fault.hint) == (Fault.NEEDS_EXTRA, True)


def test_another_avro_file_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "x.avro"
    path.write_bytes(b'Obj\x01\x04\x14avro.codec\x08null\x16avro.schema{"type":"record","name":"Tweet"}')
    assert not READER.recognise(glimpse(path))


@pytest.mark.parametrize(("rate", "start"), [(1e-9, T0_US), (-4.0, T0_US), (4.0, 2**62), (4.0, -1), (float("nan"), 1)])
def test_a_rate_or_time_that_cannot_be_is_corrupt(tmp_path: Path, rate: float, start: int) -> None:
    eda = {"timestampStart": start, "samplingFrequency": rate, "values": [0.5] * 8}
    assert fault_of(write_file(tmp_path, 0, content(0, eda=eda))).fault is Fault.CORRUPT
