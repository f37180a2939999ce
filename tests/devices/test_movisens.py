"""Movisens folders: scales, byte orders, units, markers, absent files, and an XML that is not trusted."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from handmade.movisens import XML, write_folder

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant, movisens, read_export
from pipeline.devices.movisens import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal

ASKED = Asked(zone="Europe/Rome")
T0_NS = 1_709_326_800 * NS


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    path = write_folder(folder)
    xml = XML
    for old, new in changes:
        assert old in xml
        xml = xml.replace(old, new)
    (path / "unisens.xml").write_text(xml, encoding="utf-8")
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return read_export(path, asked)[1]


def pieces(recording: Recording) -> list[Signal]:
    (stream,) = recording.streams
    return list(stream.pieces())


def test_acceleration_is_raw_times_the_step(tmp_path: Path) -> None:
    """The first sample of the format's published example: 470, 1672, 1119 steps of 1/2048 g."""
    path = write(tmp_path)
    (path / "acc.bin").write_bytes(np.array([[470, 1672, 1119], [-2048, 0, 1]], "<i2").tobytes())
    recording = read(path)
    (piece,) = pieces(recording)
    assert piece.samples.tolist() == [[0.2294921875, 0.81640625, 0.54638671875], [-1, 0, 1 / 2048]]
    assert (piece.fs_hz, piece.start_ns, piece.end_ns) == (64, T0_NS, T0_NS + NS // 32)
    assert (recording.device, recording.clock) == ("movisens Move 4", ClockKind.DEVICE)


def test_temperature_markers_and_what_is_not_read(tmp_path: Path) -> None:
    recording = read(write(tmp_path))
    (temp,) = recording.signals
    assert temp.samples[:2].tolist() == pytest.approx([30.0, 30.01])
    assert temp.end_ns - temp.start_ns == 60 * NS
    assert [(m.time_ns - T0_NS, m.label) for m in recording.markers] == [(10 * NS, "marker"), (30 * NS, "marker")]
    assert recording.repairs == ("not read: press",)


def test_a_baseline_is_taken_off_and_millivolts_become_microvolts(tmp_path: Path) -> None:
    ecg = (
        '<signalEntry contentClass="ecg" dataType="int16" id="ecg.bin" lsbValue="0.00268" baseline="2048" '
        'sampleRate="1024" unit="mV"><binFileFormat endianess="BIG"/><channel name="ecg"/></signalEntry></unisens>'
    )
    path = write(tmp_path, ("</unisens>", ecg))
    (path / "ecg.bin").write_bytes(np.array([2048, 2148, 1948], ">i2").tobytes())
    (signal,) = read(path).of(Kind.ECG)
    assert signal.samples.tolist() == pytest.approx([0, 268, -268], rel=1e-6)
    assert signal.fs_hz == 1024


def test_long_acceleration_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(movisens, "PIECE_SAMPLES", 1000)
    path = write(tmp_path)
    found = pieces(read(path))
    assert [len(p.samples) for p in found] == [1000, 1000, 1000, 840]
    assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(found))
    raw = np.fromfile(path / "acc.bin", "<i2").reshape(-1, 3)
    assert np.array_equal(np.concatenate([p.samples for p in found]), (raw / 2048).astype(np.float32))


def test_the_sensor_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    path = write(tmp_path, ("2024-03-01T22:00:00.000", "2024-03-31T01:59:30.500"))
    (piece,) = pieces(read(path))
    assert piece.end_ns - piece.start_ns == 60 * NS
    assert f"{to_datetime(piece.end_ns, 'Europe/Rome'):%H:%M:%S.%f}"[:10] == "03:00:30.5"


def test_a_start_with_an_offset_is_an_instant(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ("22:00:00.000", "22:00:00.000-05:00")))
    assert recording.streams[0].start_ns == T0_NS + 6 * 3600 * NS
    assert recording.clock is ClockKind.OFFSET


def test_a_file_that_is_shorter_than_announced_is_told(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ('duration="60"', 'duration="600"')))
    assert "the header announces 600 s, acc holds 60 s" in recording.repairs


def test_a_cut_last_sample_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path)
    (path / "acc.bin").write_bytes((path / "acc.bin").read_bytes()[:-3])
    recording = read(path)
    assert len(pieces(recording)[0].samples) == 64 * 60 - 1
    assert "the last sample of acc is cut: left out" in recording.repairs


def test_an_unknown_unit_is_named_by_the_sidecar(tmp_path: Path) -> None:
    path = write(tmp_path, ('unit="°C"', 'unit="K/100"'))
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    assert '"temp"' in fault.value.hint
    assert read(path, Asked(zone="Europe/Rome", units={"temp": "celsius"})).of(Kind.TEMP)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('id="acc.bin"', 'id="none.bin"'), Fault.TRUNCATED),
        (('id="acc.bin"', 'id="../acc.bin"'), Fault.TRUNCATED),
        (('sampleRate="64" unit="g"', 'sampleRate="0" unit="g"'), Fault.CORRUPT),
        (('sampleRate="64" unit="g"', 'unit="g"'), Fault.CORRUPT),
        (('dataType="int16" id="acc', 'dataType="int24" id="acc'), Fault.CORRUPT),
        (('adcResolution="16"', 'adcZero="2048"'), Fault.CORRUPT),
        (('<channel name="accZ"/>', ""), Fault.CORRUPT),
        (('timestampStart="2024-03-01T22:00:00.000"', ""), Fault.CORRUPT),
        (("2024-03-01T22:00:00.000", "yesterday"), Fault.CORRUPT),
        (("</unisens>", ""), Fault.TRUNCATED),
        (('<?xml version="1.0" encoding="UTF-8"?>', '<!DOCTYPE u [<!ENTITY a "b">]>'), Fault.HOSTILE),
    ],
)
def test_headers_that_cannot_be_believed(tmp_path: Path, change: tuple[str, str], fault: Fault) -> None:
    path = write(tmp_path, change)
    (tmp_path / "acc.bin").write_bytes(b"\0" * 600)
    with pytest.raises(FileFault) as raised:
        read(path)
    assert raised.value.fault is fault


def test_a_measurement_without_a_known_signal_says_what_it_holds(tmp_path: Path) -> None:
    changes = (('contentClass="acc"', 'contentClass="angularrate"'), ('contentClass="temp"', 'contentClass=""'))
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, *changes))
    assert fault.value.fault is Fault.NOTHING_USABLE
    assert "angularrate" in fault.value.known


def test_no_identity_is_in_a_recording(tmp_path: Path) -> None:
    shown = repr(read(write(tmp_path)))
    assert not any(word in shown for word in ("Mary", "123456", "M001"))
