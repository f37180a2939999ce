"""Dreem: exports of the headband, old and new, and records of the Open Datasets."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
import pytest
from handmade.dreem_h5 import write_dreem
from handmade.sample import START, T0_NS

from pipeline.clock import NS
from pipeline.devices import claimant, read_export
from pipeline.devices.dreem_h5 import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, StageSource

ROME = Asked(zone="Europe/Rome")
TOLD = dataclasses.replace(ROME, start=START)


def open_dataset(folder: Path, unit: str = "µV", hypnogram: tuple[int, ...] = (-1, 0, 2, 4)) -> Path:
    path = folder / "95d6e40.h5"
    described = []
    with h5py.File(path, "w") as file:
        for name, value in (("eeg/C3_M2", 1.5), ("eeg/F4_M1", -2.5), ("eog/EOG1", 3.0), ("emg/ECG", 4.0)):
            file[f"signals/{name}"] = np.full(120 * 250, value, np.float64)
            domain, label = name.split("/")
            described.append({"fs": 250, "unit": unit, "path": f"signals/{name}", "name": label, "domain": domain})
        file["hypnogram"] = np.array(hypnogram, np.int32)
        file.attrs["description"] = json.dumps(described)
        file.attrs["record_id"] = "95d6e40-secret"
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    reader, recording = read_export(path, asked)
    assert reader is READER
    return recording


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    assert claimant(path) is READER
    with pytest.raises(FileFault) as caught:
        read_export(path, asked)
    return caught.value


def test_a_headbands_night_is_read_with_its_own_staging(tmp_path: Path) -> None:
    path = write_dreem(tmp_path)
    recording = read(path)
    eeg, acc = recording.signals
    assert (eeg.label, eeg.fs_hz, eeg.start_ns, recording.clock) == ("eeg1", 250.0, T0_NS, ClockKind.UTC)
    with h5py.File(path) as file:
        assert np.array_equal(eeg.samples, file["eeg1/filtered"][()], equal_nan=True)
    assert (acc.fs_hz, acc.samples.shape) == (50.0, (6000, 3))
    assert acc.samples[7] == pytest.approx([0.1, -0.2, 0.97])
    assert recording.hypnogram is not None
    assert recording.hypnogram.stages.tolist() == [0, -1, 2, 3]
    assert (recording.hypnogram.epoch_s, recording.hypnogram.start_ns) == (30.0, T0_NS)
    assert (recording.hypnogram.source, recording.device) == (StageSource.AUTOMATIC, "Dreem headband")


def test_the_older_names_of_the_groups(tmp_path: Path) -> None:
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        file.attrs["start_time"] = float(T0_NS // NS)
        for k in range(1, 5):
            file[f"channel{k}/raw"] = np.zeros(7500)
            file[f"channel{k}/visualization"] = np.full(7500, k * 10.0)
        file["reporting/dreemnogram"] = np.array([4])
    recording = read(path, dataclasses.replace(ROME, eeg_channels=("channel3", "channel1")))
    assert [(s.label, s.samples[0]) for s in recording.signals] == [("channel3", 30.0), ("channel1", 10.0)]
    assert recording.hypnogram is not None
    assert refused(path, dataclasses.replace(ROME, eeg_channels=("channel9",))).fault is Fault.SETTINGS


def test_raw_data_alone_need_a_unit(tmp_path: Path) -> None:
    path = tmp_path / "raw.h5"
    with h5py.File(path, "w") as file:
        file.attrs["start_time"] = T0_NS // NS
        file["eeg1/raw"] = np.full(250, 1e-5)
    assert refused(path).fault is Fault.UNKNOWN_UNIT
    told = read(path, dataclasses.replace(ROME, units={"eeg1": "V"}))
    assert told.signals[0].samples[0] == pytest.approx(10.0)
    assert any("as told" in r for r in told.repairs)


def test_an_open_dataset_is_read_by_its_description_from_the_start_that_is_told(tmp_path: Path) -> None:
    path = open_dataset(tmp_path)
    assert refused(path).fault is Fault.NO_START_TIME
    recording = read(path, TOLD)
    assert [(s.label, s.kind, s.samples[0]) for s in recording.signals] == [
        ("F4-M1", Kind.EEG, -2.5),
        ("ECG", Kind.ECG, 4.0),
    ]
    assert recording.hypnogram is not None
    assert recording.hypnogram.stages.tolist() == [-1, 0, 2, 4]
    assert (recording.hypnogram.source, recording.clock) == (StageSource.EXPERT, ClockKind.ELAPSED)
    assert recording.signals[0].start_ns == T0_NS
    assert "secret" not in repr(recording)
    asked = read(path, dataclasses.replace(TOLD, eeg_channels=("C3_M2", "eog1")))
    assert [(s.label, s.kind) for s in asked.signals] == [("C3-M2", Kind.EEG), ("EOG1", Kind.EOG)]


def test_units_of_an_open_dataset_are_converted_or_asked_for(tmp_path: Path) -> None:
    assert read(open_dataset(tmp_path, "mV"), TOLD).signals[0].samples[0] == pytest.approx(-2500.0)
    fault = refused(open_dataset(tmp_path, ""), TOLD)
    assert fault.fault is Fault.UNKNOWN_UNIT
    assert '{"units": {"F4-M1": "uV"}}' in fault.hint


def test_unknown_stages_are_refused(tmp_path: Path) -> None:
    fault = refused(open_dataset(tmp_path, hypnogram=(0, 5, 7)), TOLD)
    assert (fault.fault, fault.what) == (Fault.UNKNOWN_CODE, "unknown sleep stages: 5, 7")


def test_a_hypnogram_of_another_length_is_told_and_nothing_cut(tmp_path: Path) -> None:
    recording = read(open_dataset(tmp_path, hypnogram=(0, 2)), TOLD)
    assert any("signals end 60 s after the hypnogram" in r for r in recording.repairs)
    assert len(recording.signals[0].samples) == 120 * 250


def test_a_sidecars_start_does_not_move_an_instant(tmp_path: Path) -> None:
    late = dataclasses.replace(ROME, start=datetime(2024, 5, 1, 12))  # noqa: DTZ001
    assert read(write_dreem(tmp_path), late).signals[0].start_ns == T0_NS


def test_an_acceleration_that_is_not_in_g_is_left(tmp_path: Path) -> None:
    path = write_dreem(tmp_path)
    with h5py.File(path, "a") as file:
        file["accelerometer/z"][...] = 970.0
    recording = read(path)
    assert not recording.of(Kind.ACC)
    assert any("not the 1 g of gravity" in r for r in recording.repairs)


@pytest.mark.parametrize("how", ["soft", "external", "virtual"])
def test_links_out_of_the_file_are_not_followed(how: str, tmp_path: Path) -> None:
    other = write_dreem(tmp_path)
    path = tmp_path / "link.h5"
    with h5py.File(path, "w") as file:
        file.attrs["start_time"] = T0_NS // NS
        if how == "external":
            file["eeg1/filtered"] = h5py.ExternalLink(str(other), "/eeg1/filtered")
        elif how == "virtual":
            layout = h5py.VirtualLayout(shape=(30_000,), dtype="f4")
            layout[:] = h5py.VirtualSource(str(other), "eeg1/filtered", shape=(30_000,))
            file.create_virtual_dataset("eeg1/filtered", layout)
        else:
            file["eeg1/filtered"] = h5py.SoftLink("/nowhere")
    assert refused(path).fault in {Fault.HOSTILE, Fault.CORRUPT, Fault.NOTHING_USABLE}
    assert refused(path).fault is Fault.HOSTILE or how == "soft"


def test_a_data_set_that_claims_to_be_endless_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.attrs["start_time"] = T0_NS // NS
        file.create_dataset("eeg1/filtered", shape=(10**11,), dtype="f4", chunks=(10**6,), compression="gzip")
    assert path.stat().st_size < 100_000
    assert refused(path).fault is Fault.CORRUPT


def test_without_its_library_the_way_to_install_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dreem(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    fault = refused(path)
    assert fault.fault is Fault.NEEDS_EXTRA
    assert "sleeploop[dreem]" in fault.hint


def test_hdf5_of_other_makers_is_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "other.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(10)
    assert not READER.recognise(glimpse(path))


@pytest.mark.realdata
def test_a_real_hdf5_of_an_activity_index_is_not_claimed(real_data: Path) -> None:
    assert not READER.recognise(glimpse(real_data / "actigraphy_skdh/sleep/data/test_activity_index.h5"))
