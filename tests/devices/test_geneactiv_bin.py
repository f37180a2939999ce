"""GENEActiv .bin: calibration, bits, page times, lost and damaged pages, and a clock that ignores the clock change."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices import geneactiv_pages, read_export, stretches
from pipeline.devices.geneactiv_bin import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal
from pipeline.simulate.exports.geneactiv_bin import GAIN, OFFSET, write_geneactiv_bin

ASKED = Asked(zone="Europe/Rome")
START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
T0_NS = 1_709_326_800 * NS
STEP_G = 100 / GAIN.min()


def noise(pages: int) -> np.ndarray:
    return np.array([0.1, -0.2, 0.97]) + np.random.default_rng(pages).normal(0, 0.3, (pages * 300, 3))


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def pieces(recording: Recording, kind: Kind = Kind.ACC) -> list[Signal]:
    return next(list(stream.pieces()) for stream in recording.streams if stream.kind is kind)


def joined(recording: Recording, kind: Kind = Kind.ACC) -> np.ndarray:
    return np.concatenate([piece.samples for piece in pieces(recording, kind)])


def edit(path: Path, old: bytes, new: bytes, count: int = 1) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, count))


# ---- samples ---------------------------------------------------------------------------------------------------------


def test_six_bytes_by_hand(tmp_path: Path) -> None:
    """7FF 800 0FF 00A: x = 2047, y = -2048, z = 255, light 10 bits = 2 and the button (bit 1) down."""
    path = tmp_path / "a.bin"
    write_geneactiv_bin(path, np.zeros((300, 3)), START, fs_hz=100)
    content = path.read_bytes()
    first = content.index(b"100.0\r\n") + 7
    path.write_bytes(content[:first] + b"7FF8000ff00A" + content[first + 12 :])
    recording = read(path)
    raw = np.array([2047, -2048, 255])
    assert joined(recording)[0] == pytest.approx((raw * 100 - OFFSET) / GAIN, abs=1e-6)
    assert joined(recording, Kind.LIGHT)[:2].tolist() == pytest.approx([2 * 800 / 300, 0.0])
    assert [marker.time_ns for marker in recording.markers] == [T0_NS]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    acc = noise(40)
    light = np.random.default_rng(0).uniform(0, 2700, len(acc))
    warm = 20 + np.arange(40) * 0.5
    write_geneactiv_bin(tmp_path / "a.bin", acc, START, fs_hz=50, light_lux=light, temperature_c=warm)
    recording = read(tmp_path / "a.bin")
    assert np.abs(joined(recording) - acc).max() < STEP_G / 2 + 1e-6
    assert np.abs(joined(recording, Kind.LIGHT) - light).max() < 800 / 300 / 2 + 1e-3
    (temperature,) = recording.signals
    assert temperature.samples.tolist() == pytest.approx(warm.tolist())
    assert temperature.fs_hz == pytest.approx(1 / 6)
    assert (recording.device, recording.clock, recording.markers) == ("GENEActiv 1.1", ClockKind.DEVICE, ())


def test_a_press_that_spans_two_pages_is_one(tmp_path: Path) -> None:
    pressed = np.zeros(900, np.bool_)
    pressed[290:310] = pressed[899] = True
    write_geneactiv_bin(tmp_path / "a.bin", np.zeros((900, 3)), START, fs_hz=50, pressed=pressed)
    times = [(marker.time_ns - T0_NS) / NS for marker in read(tmp_path / "a.bin").markers]
    assert times == pytest.approx([5.8, 17.98])


@pytest.mark.parametrize("block", [300, 4001, 60_000])
def test_pages_that_straddle_blocks_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(geneactiv_pages, "BLOCK_BYTES", block)
    acc = noise(30)
    write_geneactiv_bin(tmp_path / "a.bin", acc, START, fs_hz=50)
    recording = read(tmp_path / "a.bin")
    assert np.abs(joined(recording) - acc).max() < STEP_G
    assert recording.repairs == ()


# ---- time ------------------------------------------------------------------------------------------------------------


def test_the_rate_is_that_of_the_pages_and_no_rounding_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """400 pages that take 3.53 s each, stamped to half a second and told to be 85.7 Hz (3.5006 s a page)."""
    monkeypatch.setattr(stretches, "MOST_SAMPLES", 30_000)
    write_geneactiv_bin(tmp_path / "a.bin", noise(400), START, fs_hz=85.7, page_s=3.53)
    recording = read(tmp_path / "a.bin")
    found = pieces(recording)
    assert len(found) == 5
    assert sum(len(piece.samples) for piece in found) == 400 * 300
    assert max(len(piece.samples) for piece in found) <= 30_300
    assert all(a.end_ns == pytest.approx(b.start_ns, abs=1) for a, b in itertools.pairwise(found))
    assert all(abs(len(p.samples) / p.fs_hz - len(p.samples) / 300 * 3.53) <= 0.5 for p in found)
    stream = recording.streams[0]
    assert (stream.fs_hz, stream.start_ns) == (85.7, T0_NS)
    assert (stream.end_ns - T0_NS) / NS == pytest.approx(400 * 3.53, abs=0.6)
    assert stream.coverage == pytest.approx(1.0)


def test_a_page_time_is_that_of_its_first_sample(tmp_path: Path) -> None:
    write_geneactiv_bin(tmp_path / "a.bin", noise(3), START + timedelta(seconds=0.5), fs_hz=50)
    recording = read(tmp_path / "a.bin")
    assert recording.streams[0].start_ns == T0_NS + NS // 2
    assert recording.streams[0].end_ns == T0_NS + 18 * NS + NS // 2


def test_lost_pages_are_a_gap(tmp_path: Path) -> None:
    acc = noise(20)
    write_geneactiv_bin(tmp_path / "a.bin", acc, START, fs_hz=50, lost_pages=(5, 6, 12))
    recording = read(tmp_path / "a.bin")
    found = pieces(recording)
    assert [len(piece.samples) // 300 for piece in found] == [5, 5, 7]
    assert [(piece.start_ns - T0_NS) / NS for piece in found] == [0, 42, 78]
    assert np.abs(found[1].samples - acc[7 * 300 : 12 * 300]).max() < STEP_G
    assert np.flatnonzero(np.isnan(recording.signals[0].samples)).tolist() == [5, 6, 12]
    assert recording.streams[0].measured_s == pytest.approx(17 * 6)
    assert "2 gaps between pages" in recording.repairs


def test_the_device_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    before = datetime(2024, 3, 31, 1, 59)  # noqa: DTZ001  summer time begins a minute later
    write_geneactiv_bin(tmp_path / "a.bin", noise(40), before, fs_hz=50)
    recording = read(tmp_path / "a.bin")
    (piece,) = pieces(recording)
    assert piece.end_ns - piece.start_ns == 240 * NS
    assert f"{to_datetime(piece.end_ns, 'Europe/Rome'):%H:%M}" == "03:03"


def test_another_offset_than_the_zone_s_is_told(tmp_path: Path) -> None:
    write_geneactiv_bin(tmp_path / "a.bin", noise(3), START, fs_hz=50, offset="-04:00")
    recording = read(tmp_path / "a.bin")
    assert recording.streams[0].start_ns == T0_NS
    assert "UTC-04:00" in recording.repairs[0]
    assert "Europe/Rome was at UTC+01:00" in recording.repairs[0]


def test_the_drift_at_read_out_is_told_and_nothing_else_of_the_notes(tmp_path: Path) -> None:
    write_geneactiv_bin(tmp_path / "a.bin", noise(3), START, fs_hz=50, drift_s=-1.459)
    edit(tmp_path / "a.bin", b"Extract Notes:", b"Extract Notes:Mary Smith ")
    (note,) = read(tmp_path / "a.bin").repairs
    assert "-1.459 s" in note
    assert "Mary" not in note


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_a_damaged_page_costs_that_page(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    acc = noise(6)
    write_geneactiv_bin(path, acc, START, fs_hz=50)
    content = path.read_bytes()
    third = content.index(b"Sequence Number:2")
    path.write_bytes(content[: third + 1000] + b"??" + content[third + 1002 :])
    recording = read(path)
    assert [len(piece.samples) // 300 for piece in pieces(recording)] == [2, 3]
    assert recording.repairs[0] == "1 of 6 pages are cut or damaged: left out"
    assert np.abs(pieces(recording)[1].samples - acc[900:]).max() < STEP_G


@pytest.mark.parametrize("number", [0, 2, 5])
def test_a_page_with_a_wrong_year_is_left_out(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.bin"
    pressed = np.zeros(1800, np.bool_)
    pressed[3 * 300] = True
    write_geneactiv_bin(path, noise(6), START, fs_hz=50, pressed=pressed)
    stamp = f"Sequence Number:{number}\r\nPage Time:2024".encode()
    edit(path, stamp, stamp.replace(b"2024", b"2034"))
    recording = read(path)
    assert sum(len(piece.samples) for piece in pieces(recording)) == 1500
    assert "1 pages bear a time" in recording.repairs[0]
    assert abs(recording.streams[0].start_ns - T0_NS) <= 6 * NS
    assert [(marker.time_ns - T0_NS) / NS for marker in recording.markers] == [18.0]


def test_pages_of_another_decade_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_geneactiv_bin(path, noise(6), START, fs_hz=50)
    for number in (3, 4, 5):
        stamp = f"Sequence Number:{number}\r\nPage Time:2024".encode()
        edit(path, stamp, stamp.replace(b"2024", b"2034"))
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.CORRUPT
    assert "block 4 is stamped 3652 days late" in fault.value.known


def test_two_recordings_in_one_file_are_refused(tmp_path: Path) -> None:
    for name, start in (("a", START), ("b", START - timedelta(hours=1))):
        write_geneactiv_bin(tmp_path / name, noise(4), start, fs_hz=50)
    second = (tmp_path / "b").read_bytes()
    path = tmp_path / "both.bin"
    path.write_bytes((tmp_path / "a").read_bytes() + second[second.index(b"Recorded") :])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.CORRUPT
    assert "block 5" in fault.value.known


def test_a_cut_last_page_is_left_out_and_the_count_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_geneactiv_bin(path, noise(6), START, fs_hz=50)
    path.write_bytes(path.read_bytes()[:-500])
    recording = read(path)
    assert sum(len(piece.samples) for piece in pieces(recording)) == 1500
    assert recording.repairs == (
        "1 of 6 pages are cut or damaged: left out",
        "the header announces 6 pages, 5 whole ones are here",
    )


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (b"y gain:25734", b"y gain:", Fault.CORRUPT),
        (b"y gain:25734", b"y gain:0", Fault.CORRUPT),
        (b"Volts:300", b"Volts:0", Fault.CORRUPT),
        (b"Page Time:2024-03-01 22:00:12", b"Page Time:2024-13-01 22:00:12", Fault.CORRUPT),
        (b"Recorded Data", b"Recorded Date", Fault.TRUNCATED),
    ],
)
def test_damaged_headers_are_faults(tmp_path: Path, old: bytes, new: bytes, fault: Fault) -> None:
    path = tmp_path / "a.bin"
    write_geneactiv_bin(path, noise(6), START, fs_hz=50)
    edit(path, old, new, count=-1)
    with pytest.raises(FileFault) as raised:
        read(path)
    assert raised.value.fault is fault


def test_no_whole_page_is_nothing_usable(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_geneactiv_bin(path, noise(1), START, fs_hz=50)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(FileFault) as raised:
        read(path)
    assert raised.value.fault is Fault.NOTHING_USABLE


def test_a_decimal_comma_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_geneactiv_bin(path, noise(4), START, fs_hz=85.7)
    edit(path, b"85.7 Hz", b"85,7 Hz")
    edit(path, b"Temperature:25.0", b"Temperature:25,5")
    recording = read(path)
    assert recording.streams[0].fs_hz == 85.7
    assert recording.signals[0].samples[:2].tolist() == [25.5, 25.0]


# ---- published files -------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_a_published_file_equals_what_another_reader_made_of_it(real_data: Path) -> None:
    folder = real_data / "actigraphy_skdh" / "io" / "data"
    recording = read(folder / "gnactv_sample.bin", Asked(zone="America/New_York"))
    with np.load(folder / "gnactv_data.npz") as other:
        assert np.abs(joined(recording) - other["accel"]).max() < 6e-5  # it rounds to four decimals
        assert np.abs(np.floor(joined(recording, Kind.LIGHT)) - other["light"]).max() == 0
        assert recording.signals[0].samples == pytest.approx(other["temperature"][::300])
        # The other reader takes the wall clock for UTC; New York was four hours behind.
        assert recording.streams[0].start_ns / NS == other["time"][0] + 4 * 3600
    assert "-1.459 s" in recording.repairs[0]


@pytest.mark.realdata
def test_a_published_file_that_is_cut(real_data: Path) -> None:
    path = real_data / "actigraphy_GGIRread" / "testfiles" / "GENEActiv_testfile.bin"
    recording = read(path, Asked(zone="Europe/London"))
    assert len(joined(recording)) == 16 * 300
    # 0C4 FFD F3D 004: x = 196, y = -3, z = -195, light = 1
    assert joined(recording)[0] == pytest.approx([19161 / 25875, 362 / 25734, -16444 / 25538], abs=1e-6)
    assert joined(recording, Kind.LIGHT)[0] == pytest.approx(800 / 300)
    assert "announces 222048 pages, 16 whole ones" in recording.repairs[1]
    assert not any("UTC" in note for note in recording.repairs)  # GMT +01:00 is British summer time
