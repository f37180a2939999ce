"""ISHNE Holter ECG: layout, units, leads, clock, what is missing, and who stays unnamed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.ishne_ecg import MISSING, ishne
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS, to_datetime
from pipeline.devices import ishne_ecg, read_export
from pipeline.devices.ishne_ecg import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording

COUNTING = np.arange(8, dtype=np.int16).reshape(4, 2) * 100  # lead 1: 0 200 400 600, lead 2: 100 300 500 700


def write(folder: Path, content: bytes) -> Path:
    path = folder / "day.ecg"
    path.write_bytes(content)
    return path


def read(folder: Path, content: bytes, asked: Asked = ASKED) -> Recording:
    reader, recording = read_export(write(folder, content), asked)
    assert reader is READER
    return recording


def fault_of(folder: Path, content: bytes, asked: Asked = ASKED) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read(folder, content, asked)
    return fault.value


def test_leads_are_parted_named_and_in_microvolts(tmp_path: Path) -> None:
    one, two = read(tmp_path, ishne(COUNTING)).signals
    assert (one.label, two.label) == ("V1", "V5")
    assert one.samples.tolist() == [0.0, 500.0, 1000.0, 1500.0]  # 2500 nV a step
    assert two.samples.tolist() == [250.0, 750.0, 1250.0, 1750.0]
    assert (one.fs_hz, one.start_ns) == (200.0, T0_NS)


def test_leads_of_one_name_are_numbered(tmp_path: Path) -> None:
    assert [s.label for s in read(tmp_path, ishne(COUNTING, codes=(1, 1))).signals] == ["bipolar 1", "bipolar 2"]
    assert [s.label for s in read(tmp_path, ishne(COUNTING, codes=(99, 4))).signals] == ["lead", "Z"]


def test_the_samples_begin_behind_the_free_text(tmp_path: Path) -> None:
    one, _ = read(tmp_path, ishne(COUNTING, text=b"odd length, any words")).signals
    assert one.samples.tolist() == [0.0, 500.0, 1000.0, 1500.0]


def test_the_lowest_number_is_missing_and_its_neighbour_is_not(tmp_path: Path) -> None:
    samples = COUNTING.copy()
    samples[1, 0], samples[2, 0] = MISSING, -10_000
    one, two = read(tmp_path, ishne(samples)).signals
    assert np.isnan(one.samples).tolist() == [False, True, False, False]
    assert one.samples[2] == -25_000.0
    assert np.isfinite(two.samples).all()


def test_the_recorder_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    samples = np.zeros((4 * 3600, 1), np.int16)
    content = ishne(samples, fs_hz=1, codes=(2,), start=datetime(2024, 3, 31, 1))  # noqa: DTZ001
    (signal,) = read(tmp_path, content).signals
    assert (signal.end_ns - signal.start_ns) / NS == 4 * 3600
    assert f"{to_datetime(signal.end_ns, 'Europe/Rome'):%H:%M}" == "06:00"


@pytest.mark.parametrize("start", [None, datetime(1901, 1, 1), datetime(2400, 1, 1)])  # noqa: DTZ001
def test_a_hidden_date_is_asked_for(tmp_path: Path, start: datetime | None) -> None:
    content = ishne(COUNTING, start=start)
    recording = read(tmp_path, content)
    assert recording.span_ns[0] == T0_NS
    assert "no usable date" in recording.repairs[0]
    assert fault_of(tmp_path, content, Asked(zone="Europe/Rome")).fault is Fault.NO_START_TIME


def test_a_lead_without_resolution_takes_it_from_the_sidecar(tmp_path: Path) -> None:
    content = ishne(COUNTING, resolution_nv=-9)
    fault = fault_of(tmp_path, content)
    assert (fault.fault, '"V1": "2500 nV"' in fault.hint) == (Fault.UNKNOWN_UNIT, True)
    asked = Asked(zone="Europe/Rome", units={"V1": "5 uV", "V5": "0.001mV"})
    one, two = read(tmp_path, content, asked).signals
    assert one.samples.tolist() == [0.0, 1000.0, 2000.0, 3000.0]
    assert two.samples == pytest.approx([100.0, 300.0, 500.0, 700.0])


def test_nobody_is_named(tmp_path: Path) -> None:
    recording = read(tmp_path, ishne(COUNTING, text=b"Ada Lovelace, London"))
    assert recording.device == "Holter Lifecard CF"
    assert not any(word in repr(recording) for word in ("Ada", "Lovelace", "4711", "1815", "London"))


@pytest.mark.parametrize(
    ("recorder", "device"),
    [(b"H12+", "Holter"), (b"SEER 12", "Holter SEER 12"), (b"DR181 0004711", "Holter"), (b"\xff\xfe", "Holter")],
)
def test_a_recorder_field_with_more_than_a_model_in_it_is_left_out(
    tmp_path: Path, recorder: bytes, device: str
) -> None:
    assert read(tmp_path, ishne(COUNTING, recorder=recorder)).device == device


def test_bad_leads_and_an_edited_header_are_told(tmp_path: Path) -> None:
    content = bytearray(ishne(COUNTING, quality=3))
    content[30] ^= 1  # within a name
    notes = read(tmp_path, bytes(content)).repairs
    assert "checksum" in notes[0]
    assert notes[1:] == tuple(f"lead {k}: intermittent loss of signal, says the header" for k in ("V1", "V5"))
    assert not read(tmp_path, ishne(COUNTING)).repairs


def test_a_cut_copy_is_its_beginning_and_says_so(tmp_path: Path) -> None:
    recording = read(tmp_path, ishne(COUNTING)[:-3])
    assert recording.signals[0].samples.tolist() == [0.0, 500.0, 1000.0]
    assert recording.repairs == ("4 samples a lead are announced, 3 are there: the copy was cut short",)


def test_a_system_that_counts_all_leads_together_is_understood(tmp_path: Path) -> None:
    recording = read(tmp_path, ishne(COUNTING, announced=8))
    assert len(recording.signals[0].samples) == 4
    assert not recording.repairs


@pytest.mark.parametrize("place", [156, 272, 22])
def test_a_header_that_cannot_be_is_corrupt(tmp_path: Path, place: int) -> None:
    content = bytearray(ishne(COUNTING))
    content[place : place + 2] = b"\0\0"
    assert fault_of(tmp_path, bytes(content)).fault is Fault.CORRUPT


@pytest.mark.parametrize("size", [9, 300, 522, 525])
def test_a_copy_without_a_sample_is_truncated(tmp_path: Path, size: int) -> None:
    assert fault_of(tmp_path, ishne(COUNTING)[:size]).fault is Fault.TRUNCATED


def test_a_long_file_comes_in_pieces_that_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.random.default_rng(1).integers(-400, 400, (1000, 2)).astype(np.int16)
    samples[500, 1] = MISSING
    whole = read(tmp_path, ishne(samples)).signals
    monkeypatch.setattr(ishne_ecg, "MOST_IN_MEMORY", 1999)
    monkeypatch.setattr(ishne_ecg, "PIECE", 300)
    recording = read(tmp_path, ishne(samples))
    assert not recording.signals
    for stream, signal in zip(recording.streams, whole, strict=True):
        pieces = list(stream.pieces())
        assert [len(p.samples) for p in pieces] == [300, 300, 300, 100]
        assert np.array_equal(np.concatenate([p.samples for p in pieces]), signal.samples, equal_nan=True)
        assert [(p.start_ns - T0_NS) / NS for p in pieces] == [0.0, 1.5, 3.0, 4.5]
        assert (stream.start_ns, stream.end_ns, stream.measured_s) == (signal.start_ns, signal.end_ns, 5.0)


@pytest.mark.realdata
def test_a_real_holter(real_data: Path) -> None:
    path = real_data / "flirt_sample" / "wearable-data" / "holter" / "holter.ecg"
    recording = read_export(path, ASKED)[1]
    assert (recording.device, recording.repairs) == ("Holter Lifecard CF", ())
    assert [(s.label, s.fs_hz, len(s.samples)) for s in recording.signals] == [
        ("bipolar 1", 128.0, 597_376),
        ("bipolar 2", 128.0, 597_376),
        ("bipolar 3", 128.0, 597_376),
    ]
    assert f"{to_datetime(recording.span_ns[0], 'Europe/Rome'):%Y-%m-%d %H:%M:%S}" == "2019-08-09 10:05:00"
    # The beats that the Holter system itself found stand beside it: the ECG is steep there and nowhere else as much.
    beats = [line.split() for line in path.with_suffix(".txt").read_text().splitlines()[1:] if line.endswith("N")]
    at = np.rint(np.array([float(second) for second, _ in beats[:500]]) * 128).astype(int)
    steep = np.abs(np.diff(recording.signals[0].samples))
    near = np.array([steep[i - 8 : i + 9].max() for i in at])
    assert np.median(near) > 4 * np.median(steep)
