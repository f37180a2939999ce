"""Parmay Matrix: scale, packets and their checksums, rates beside the nominal one, gaps, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.matrix_bin import T0_S, matrix, packet

from pipeline.clock import NS
from pipeline.devices import claimant, matrix_bin, read_export
from pipeline.devices.matrix_bin import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal

ASKED = Asked(zone="Europe/Berlin")


def steps(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(-32768, 32768, (count, 3))


def write(folder: Path, content: bytes) -> Path:
    path = folder / "mtx.BIN"
    path.write_bytes(content)
    return path


def read(path: Path) -> Recording:
    assert claimant(path) is READER
    return read_export(path, ASKED)[1]


def pieces(recording: Recording) -> list[Signal]:
    (stream,) = recording.streams
    return list(stream.pieces())


def test_steps_are_g_by_the_range_on_either_side_of_zero(tmp_path: Path) -> None:
    acc = np.tile([[32767, -32768, 0], [16384, -16384, 1]], (750, 1))
    recording = read(write(tmp_path, matrix([packet(T0_S, T0_S + 60, acc)], range_g=4)))
    (piece,) = pieces(recording)
    assert piece.samples[0].tolist() == pytest.approx([4.0, -4.0, 0.0])
    assert piece.samples[1].tolist() == pytest.approx([4 * 16384 / 32767, -2.0, 4 / 32767])
    assert (piece.start_ns, piece.end_ns) == (T0_S * NS, (T0_S + 60) * NS)
    assert (recording.clock, recording.device) == (ClockKind.UTC, "Parmay Matrix")


def test_packets_that_follow_one_another_are_one_piece_at_the_rate_that_they_show(tmp_path: Path) -> None:
    """Two packets of 984 and 23 s with 12,272 samples: 12.19 Hz, told nowhere, nominally 12.5."""
    parts = [packet(T0_S, T0_S + 984, steps(12_000)), packet(T0_S + 984, T0_S + 1007, steps(272, 1))]
    recording = read(write(tmp_path, matrix(parts)))
    (piece,) = pieces(recording)
    assert piece.fs_hz == pytest.approx(12_272 / 1007)
    assert recording.streams[0].fs_hz == 12.5
    assert np.abs(piece.samples[12_000] - steps(272, 1)[0] * 8 / 32768).max() < 3e-4


@pytest.mark.parametrize(("late_s", "found"), [(0, 1), (1, 1), (2, 2), (600, 2)])
def test_a_second_between_packets_is_rounding_and_more_is_a_gap(tmp_path: Path, late_s: int, found: int) -> None:
    parts = [packet(T0_S, T0_S + 60, steps(1500)), packet(T0_S + 60 + late_s, T0_S + 120 + late_s, steps(1500))]
    recording = read(write(tmp_path, matrix(parts)))
    assert len(pieces(recording)) == found
    assert recording.streams[0].measured_s == 120 + (late_s if found == 1 else 0)


def test_body_temperature_lies_evenly_in_its_packet(tmp_path: Path) -> None:
    warm = np.array([[325, 210], [331, 215]])
    parts = [
        packet(T0_S, T0_S + 60, steps(1500), warm),
        packet(T0_S + 60, T0_S + 120, steps(1500)),
        packet(T0_S + 120, T0_S + 180, steps(1500), warm[:1]),
    ]
    (temperature,) = read(write(tmp_path, matrix(parts))).signals
    assert temperature.kind is Kind.TEMP
    assert temperature.fs_hz == pytest.approx(1 / 30)
    assert temperature.samples.tolist() == pytest.approx([32.5, 33.1, np.nan, np.nan, 32.5], nan_ok=True)


def test_gyroscope_and_heart_rate_are_stepped_over_and_told(tmp_path: Path) -> None:
    warm = np.array([[325, 210]])
    parts = [packet(T0_S + 60 * k, T0_S + 60 * k + 60, steps(1500, k), warm, gyro=1500, heart=9) for k in range(2)]
    recording = read(write(tmp_path, matrix(parts)))
    assert recording.signals[0].samples[0] == 32.5
    assert len(pieces(recording)[0].samples) == 3000
    assert recording.repairs == ("gyroscope is not read", "heart rate is not read")


@pytest.mark.parametrize("searched", [1024**2, 64])
@pytest.mark.parametrize("place", [0, 12, 20, 500])
def test_a_packet_whose_checksum_fails_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int, searched: int
) -> None:
    monkeypatch.setattr(matrix_bin, "SEARCHED", searched)
    parts = [packet(T0_S + 60 * k, T0_S + 60 * k + 60, steps(1500, k)) for k in range(3)]
    second = bytearray(parts[1])
    second[place] ^= 1
    recording = read(write(tmp_path, matrix([parts[0], bytes(second), parts[2]])))
    assert [(p.start_ns // NS - T0_S, len(p.samples)) for p in pieces(recording)] == [(0, 1500), (120, 1500)]
    assert recording.repairs == ("1 packets are cut, or their checksum fails: gaps",)


def test_bytes_that_are_lost_cost_one_packet(tmp_path: Path) -> None:
    parts = [packet(T0_S + 60 * k, T0_S + 60 * k + 60, steps(1500, k)) for k in range(3)]
    recording = read(write(tmp_path, matrix([parts[0], parts[1][:700] + parts[1][702:], parts[2]])))
    assert [p.start_ns // NS - T0_S for p in pieces(recording)] == [0, 120]


def test_a_count_beyond_all_measure_does_not_fill_memory(tmp_path: Path) -> None:
    parts = [packet(T0_S + 60 * k, T0_S + 60 * k + 60, steps(1500, k)) for k in range(2)]
    parts[0] = parts[0][:20] + b"\xff" * 16 + parts[0][36:]
    recording = read(write(tmp_path, matrix(parts)))
    assert [p.start_ns // NS - T0_S for p in pieces(recording)] == [60]


def test_a_cut_last_packet_and_a_wrong_count_are_told(tmp_path: Path) -> None:
    parts = [packet(T0_S + 60 * k, T0_S + 60 * k + 60, steps(1500, k)) for k in range(2)]
    recording = read(write(tmp_path, matrix(parts, told=5)[:-10]))
    assert recording.repairs == (
        "1 packets are cut, or their checksum fails: gaps",
        "the header announces 5 packets, 1 whole ones with acceleration are here",
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (matrix([packet(T0_S, T0_S + 60, steps(1500))])[2:], Fault.CORRUPT),
        (matrix([packet(T0_S, T0_S + 60, steps(1500))], range_g=0), Fault.CORRUPT),
        (matrix([packet(T0_S, T0_S + 60, steps(1500))])[:900], Fault.NOTHING_USABLE),
        (matrix([packet(T0_S, T0_S + 60, steps(0))]), Fault.NOTHING_USABLE),
    ],
)
def test_damaged_files_are_faults(tmp_path: Path, content: bytes, fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, content))
    assert raised.value.fault is fault


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "nominal", "samples", "seconds", "temperatures"),
    [
        ("mtx_12.5Hz_acc.BIN", 12.5, 12_272, 1007, 0),
        ("mtx_25Hz_acc_HR.BIN", 25.0, 25_119, 981, 0),
        ("mtx_100Hz_acc_HR_temp.BIN", 100.0, 40_312, 394, 7),
        ("mtx_12.5Hz_acc_gyro.BIN", 12.5, 1_460, 114, 2),
        ("mtx_corrupted.bin", 100.0, 34_168, 334, 5),
    ],
)
def test_published_files(
    real_data: Path, name: str, nominal: float, samples: int, seconds: int, temperatures: int
) -> None:
    recording = read(real_data / "actigraphy_GGIRread" / "testfiles" / name)
    found = pieces(recording)
    assert (recording.streams[0].fs_hz, recording.streams[0].measured_s) == (nominal, seconds)
    assert sum(len(p.samples) for p in found) == samples
    assert sum(int(np.isfinite(s.samples).sum()) for s in recording.signals) == temperatures
    length = np.median(np.linalg.norm(np.concatenate([p.samples for p in found]), axis=1))
    assert 0.95 < length < 1.05


@pytest.mark.realdata
def test_a_published_file_with_a_damaged_header(real_data: Path) -> None:
    with pytest.raises(FileFault) as raised:
        read(real_data / "actigraphy_GGIRread" / "testfiles" / "mtx_corrupted_full.bin")
    assert raised.value.fault is Fault.CORRUPT
