"""Hypnodyne ZMax: one EDF a channel, put together again."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import numpy as np
import pytest
from handmade.sample import T0_NS
from handmade.zmax import UNITS, edf, write_zmax

from pipeline.clock import NS
from pipeline.devices import claimant, is_bundle
from pipeline.devices.edf import READER as EDF
from pipeline.devices.reader import Asked, glimpse
from pipeline.devices.zmax import READER
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind

ROME = Asked(zone="Europe/Rome")


def zipped(folder: Path, target: Path, within: str = "") -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, within + file.name)
    return target


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as caught:
        READER.read(path, asked)
    assert caught.value.where == path.name
    return caught.value


def test_the_channels_are_those_of_the_single_files(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    recording = READER.read(path, ROME)
    by_label = {s.label: s for s in recording.signals}
    assert [(s.label, s.kind) for s in recording.signals] == [
        ("EEG R", Kind.EEG),
        ("EEG L", Kind.EEG),
        ("BODY TEMP", Kind.TEMP),
        ("OXY_IR_AC", Kind.BVP),
        ("acceleration", Kind.ACC),
    ]
    assert recording.device == "Hypnodyne ZMax"
    assert recording.clock is ClockKind.DEVICE
    assert {(s.fs_hz, s.start_ns, len(s.samples)) for s in recording.signals} == {(64.0, T0_NS, 70 * 64)}
    for label in ("EEG L", "EEG R"):
        (alone,) = EDF.read(path / f"{label}.edf", ROME).signals
        assert np.array_equal(by_label[label].samples, alone.samples, equal_nan=True)
    axes = [
        EDF.read(path / f"d{axis}.edf", dataclasses.replace(ROME, eeg_channels=(f"d{axis}",), units={f"d{axis}": "uV"}))
        for axis in "XYZ"
    ]
    expected = np.column_stack([a.signals[0].samples for a in axes])
    assert np.array_equal(by_label["acceleration"].samples, expected, equal_nan=True)


def test_samples_are_scaled_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "night"
    path.mkdir()
    for label in ("EEG L", "dX", "dY", "dZ"):
        content = bytearray(edf(label, UNITS[label], 60))
        content[768:772] = (100).to_bytes(2, "little") + (-7).to_bytes(2, "little", signed=True)
        (path / f"{label}.edf").write_bytes(content)
    eeg, acc = READER.read(path, ROME).signals
    assert eeg.samples[:2] == pytest.approx([1.0, -0.07], abs=1e-5)
    assert acc.samples[:2] == pytest.approx(np.array([[1.0] * 3, [-0.07] * 3]), abs=1e-5)


def test_a_zip_reads_as_its_folder_whatever_folder_it_holds(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    folder = READER.read(path, ROME)
    for within in ("", "2024 3 1 - 22 00 00/"):
        packed = zipped(path, tmp_path / "night.zip", within)
        assert claimant(packed) is READER
        for one, two in zip(READER.read(packed, ROME).signals, folder.signals, strict=True):
            assert (one.label, one.start_ns, one.fs_hz) == (two.label, two.start_ns, two.fs_hz)
            assert np.array_equal(one.samples, two.samples, equal_nan=True)


def test_the_folder_is_one_export_and_its_files_are_no_session_alone(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    assert is_bundle(path)
    assert not READER.recognise(glimpse(path / "EEG L.edf"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "EEG L.edf").write_bytes((path / "EEG L.edf").read_bytes())
    assert not is_bundle(tmp_path / "other")
    (path / "EEG L.edf").rename(path / "eeg l.EDF")
    assert READER.recognise(glimpse(path))
    assert {s.label for s in READER.read(path, ROME).signals} >= {"EEG L", "EEG R"}


def test_two_sessions_in_one_zip_are_refused(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        for night in ("a", "b"):
            for file in path.iterdir():
                archive.write(file, f"{night}/{file.name}")
    assert refused(tmp_path / "two.zip").fault is Fault.AMBIGUOUS_FORMAT


def test_channels_asked_for_are_read_in_that_order_and_unknown_ones_refused(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    recording = READER.read(path, dataclasses.replace(ROME, eeg_channels=("eeg l",)))
    assert [s.label for s in recording.of(Kind.EEG)] == ["EEG L"]
    fault = refused(path, dataclasses.replace(ROME, eeg_channels=("EEG X",)))
    assert fault.fault is Fault.SETTINGS
    assert "EEG R, EEG L" in fault.known


def test_files_of_different_nights_are_refused(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    content = bytearray((path / "EEG L.edf").read_bytes())
    content[88:168] = b"Startdate 02-MAR-2024 X X X".ljust(80)
    content[168:176] = b"02.03.24"
    (path / "EEG L.edf").write_bytes(content)
    fault = refused(path)
    assert fault.fault is Fault.IMPLAUSIBLE
    assert "EEG L 2024-03-02 21:00:00 UTC" in fault.known


def test_a_broken_eeg_file_costs_the_session_and_any_other_itself(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    for label in ("BODY TEMP", "dY"):
        file = path / f"{label}.edf"
        file.write_bytes(file.read_bytes()[:-100])
    recording = READER.read(path, ROME)
    assert recording.kinds == {Kind.EEG, Kind.BVP}
    assert any("BODY TEMP.edf" in r for r in recording.repairs)
    assert any("dY.edf" in r for r in recording.repairs)
    file = path / "EEG R.edf"
    file.write_bytes(file.read_bytes()[:-100])
    fault = refused(path)
    assert fault.fault is Fault.TRUNCATED
    assert fault.what.startswith("EEG R.edf: ")


def test_the_hint_of_a_missing_start_names_the_sidecar_of_the_session(tmp_path: Path) -> None:
    path = write_zmax(tmp_path)
    for label in ("EEG L", "EEG R"):
        content = bytearray((path / f"{label}.edf").read_bytes())
        content[88:184] = b"".ljust(96)
        (path / f"{label}.edf").write_bytes(content)
    fault = refused(path)
    assert fault.fault is Fault.NO_START_TIME
    assert "night.json" in fault.hint


def test_a_night_in_which_the_clocks_change_runs_on(tmp_path: Path) -> None:
    path = tmp_path / "night"
    path.mkdir()
    for label in ("EEG L", "EEG R"):
        content = bytearray(edf(label, "uV", 60))
        content[88:168], content[168:184] = b"Startdate 31-MAR-2024 X X X".ljust(80), b"31.03.2401.59.30"
        (path / f"{label}.edf").write_bytes(content)
    signal = READER.read(path, ROME).signals[0]
    assert signal.start_ns == 1_711_846_770 * NS  # 00:59:30 UTC, half a minute before the hour that is skipped
    assert signal.end_ns - signal.start_ns == 70 * NS
