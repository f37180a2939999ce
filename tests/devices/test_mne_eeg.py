"""BrainVision and FIF through MNE: values, times, pauses, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import mne
import numpy as np
import pytest

from pipeline.clock import NS, to_ns
from pipeline.devices.mne_eeg import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Marker, Recording

ROME = Asked(zone="Europe/Rome")
START_NS = to_ns(datetime(2024, 3, 1, 21, 30, 15, 250_000, tzinfo=UTC))
FS_HZ = 100


@dataclass(frozen=True)
class Triplet:
    """A hand-written BrainVision recording at 100 Hz; stored numbers are 0, 1, 2 … in every channel."""

    channels: tuple[tuple[str, str, str], ...] = (("O1", "0.5", "µV"), ("Fz", "0.5", "µV"), ("EKG", "0.001", "mV"))
    markers: tuple[str, ...] = ("New Segment,,1,1,0,20240301223015250000", "Stimulus,S  1,51,1,0")
    n: int = 300
    extra: str = ""
    encoding: str = "utf-8"

    def write(self, folder: Path, name: str = "night") -> Path:
        infos = "\n".join(f"Ch{k}={c},,{r},{u}" for k, (c, r, u) in enumerate(self.channels, start=1))
        header = (
            "Brain Vision Data Exchange Header File Version 1.0\n[Common Infos]\n"
            f"{'Codepage=UTF-8' if self.encoding == 'utf-8' else ''}\n"
            f"DataFile={name}.eeg\nMarkerFile={name}.vmrk\nDataFormat=BINARY\nDataOrientation=MULTIPLEXED\n"
            f"NumberOfChannels={len(self.channels)}\nSamplingInterval={1e6 / FS_HZ}\n{self.extra}\n"
            f"[Binary Infos]\nBinaryFormat=INT_16\n[Channel Infos]\n{infos}\n"
        )
        marks = "\n".join(f"Mk{k}={m}" for k, m in enumerate(self.markers, start=1))
        marker = (
            "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\n"
            f"DataFile={name}.eeg\n[Marker Infos]\n{marks}\n"
        )
        path = folder / f"{name}.vhdr"
        path.write_bytes(header.encode(self.encoding))
        (folder / f"{name}.vmrk").write_bytes(marker.encode(self.encoding))
        stored = np.repeat(np.arange(self.n, dtype="<i2")[:, None], len(self.channels), axis=1)
        (folder / f"{name}.eeg").write_bytes(stored.tobytes())
        return path


def read(triplet: Triplet, folder: Path, asked: Asked = ROME) -> Recording:
    return READER.read(triplet.write(folder), asked)


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as caught:
        READER.read(path, asked)
    assert caught.value.where == path.name
    return caught.value


def raw_array(
    labels: tuple[str, ...] = ("O1", "Fz", "EOG L"), types: tuple[str, ...] = ("eeg", "eeg", "eog")
) -> mne.io.BaseRaw:
    """Three seconds in which channel k is the constant k + 1 µV."""
    info = mne.create_info(list(labels), FS_HZ, list(types))
    data = np.repeat(np.arange(1.0, len(labels) + 1)[:, None], 300, axis=1) * 1e-6
    raw = mne.io.RawArray(data, info, first_samp=50, verbose="ERROR")
    raw.set_meas_date(datetime(2024, 3, 1, 21, 30, 15, tzinfo=UTC))
    return raw


def fif(raw: mne.io.BaseRaw, folder: Path) -> Path:
    path = folder / "night_raw.fif"
    raw.save(path, verbose="ERROR")
    return path


# ---- recognition -----------------------------------------------------------------------------------------------------


def test_recognition_is_by_content(tmp_path: Path) -> None:
    path = Triplet().write(tmp_path)
    assert READER.recognise(glimpse(path.rename(tmp_path / "header.txt")))
    assert READER.recognise(glimpse(fif(raw_array(), tmp_path).rename(tmp_path / "export.bin")))
    for companion in (".vmrk", ".eeg"):
        assert not READER.recognise(glimpse(tmp_path / f"night{companion}"))
    assert not READER.recognise(glimpse(tmp_path))


# ---- BrainVision -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_brainvision_gives_the_preferred_channel_in_microvolts_from_its_local_start(
    encoding: str, tmp_path: Path
) -> None:
    recording = read(Triplet(encoding=encoding), tmp_path)
    (signal,) = recording.signals
    assert (signal.kind, signal.label, signal.fs_hz, signal.start_ns) == (Kind.EEG, "Fz", 100.0, START_NS)
    assert signal.samples.dtype == np.float32
    assert signal.samples == pytest.approx(np.arange(300) * 0.5)
    # Positions are 1-based: sample 51 is half a second in.
    assert recording.markers == (Marker(START_NS + NS // 2, 0.01, "Stimulus/S  1"),)
    assert recording.repairs == ()


def test_brainvision_channels_asked_for_keep_their_kind_and_unit(tmp_path: Path) -> None:
    recording = read(Triplet(), tmp_path, replace(ROME, eeg_channels=("ekg", "O1")))
    assert [(s.label, s.kind) for s in recording.signals] == [("EKG", Kind.ECG), ("O1", Kind.EEG)]
    assert recording.signals[0].samples[10] == pytest.approx(10.0)  # 10 steps of 0.001 mV


def test_a_pause_of_a_brainvision_recording_is_nan_and_later_markers_keep_their_time(tmp_path: Path) -> None:
    marks = (
        "New Segment,,1,1,0,20240301223015250000",
        "New Segment,,101,1,0,20240301223026250000",
        "Stimulus,S  1,101,1,0",
    )
    recording = read(Triplet(markers=marks), tmp_path)
    (signal,) = recording.signals
    # 100 samples, then 10 s of pause, then 200 samples.
    assert np.flatnonzero(np.isfinite(signal.samples)).tolist() == [*range(100), *range(1100, 1300)]
    assert signal.samples[1100] == pytest.approx(50.0)
    assert [m.time_ns for m in recording.markers] == [START_NS + 11 * NS]
    assert "1 pause(s)" in recording.repairs[0]


def test_segments_without_a_pause_are_one_stretch(tmp_path: Path) -> None:
    marks = ("New Segment,,1,1,0,20240301223015250000", "New Segment,,101,1,0,20240301223016250000")
    recording = read(Triplet(markers=marks), tmp_path)
    assert len(recording.signals[0].samples) == 300
    assert recording.repairs == ()


def test_a_pause_over_the_change_of_clocks_is_as_long_as_it_was(tmp_path: Path) -> None:
    # In Rome 02:00 became 03:00: from 01:59:59 to 03:00:10 is 11 s.
    marks = ("New Segment,,1,1,0,20240331015959000000", "New Segment,,101,1,0,20240331030010000000")
    (signal,) = read(Triplet(markers=marks), tmp_path).signals
    assert np.flatnonzero(np.isfinite(signal.samples))[100] == 1100


def test_segments_that_overlap_are_refused(tmp_path: Path) -> None:
    marks = ("New Segment,,1,1,0,20240301223015000000", "New Segment,,101,1,0,20240301223015500000")
    assert refused(Triplet(markers=marks).write(tmp_path)).fault is Fault.CORRUPT


@pytest.mark.parametrize("mark", ["New Segment,,1,1,0", "New Segment,,1,1,0,00000000000000000000", "Comment,x,1,1,0"])
def test_without_a_date_the_start_must_be_told(mark: str, tmp_path: Path) -> None:
    path = Triplet(markers=(mark,)).write(tmp_path)
    assert refused(path).fault is Fault.NO_START_TIME
    told = READER.read(path, replace(ROME, start=datetime(2024, 3, 1, 22, 30, 15)))  # noqa: DTZ001
    assert told.signals[0].start_ns == START_NS - NS // 4


def test_a_missing_companion_is_named(tmp_path: Path) -> None:
    path = Triplet().write(tmp_path)
    (tmp_path / "night.eeg").unlink()
    fault = refused(path)
    assert fault.fault is Fault.TRUNCATED
    assert "night.eeg" in fault.what


def test_renamed_files_are_told_with_the_way_to_mend_them(tmp_path: Path) -> None:
    path = Triplet().write(tmp_path)
    for suffix in (".vhdr", ".eeg", ".vmrk"):
        (tmp_path / f"night{suffix}").rename(tmp_path / f"visit1{suffix}")
    path = tmp_path / "visit1.vhdr"
    fault = refused(path)
    assert fault.fault is Fault.TRUNCATED
    assert "night.eeg" in fault.what
    assert "visit1.eeg" in fault.known
    assert "DataFile=visit1.eeg" in fault.hint
    header = path.read_text(encoding="utf-8").replace("DataFile=night.eeg", "DataFile=visit1.eeg")
    path.write_text(header, encoding="utf-8")
    assert "MarkerFile=visit1.vmrk" in refused(path).hint
    path.write_text(header.replace("MarkerFile=night", "MarkerFile=visit1"), encoding="utf-8")
    assert len(READER.read(path, ROME).signals) == 1


@pytest.mark.parametrize("folder", ["C:\\Vision\\Raw Files\\", "../", "/etc/"])
def test_a_header_that_names_its_data_by_a_path_reads_nothing_there(folder: str, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    path = Triplet().write(tmp_path / "inbox")
    header = path.read_text(encoding="utf-8").replace("DataFile=", f"DataFile={folder}")
    path.write_text(header, encoding="utf-8")
    (tmp_path / "night.eeg").write_bytes(b"\0" * 600)
    fault = refused(path)
    assert fault.fault is Fault.TRUNCATED
    assert "DataFile=night.eeg" in fault.hint
    assert "Vision" not in str(fault)
    (tmp_path / "inbox" / "night.eeg").unlink()
    assert refused(path).fault is Fault.TRUNCATED


def test_fewer_samples_than_the_header_promises_are_refused(tmp_path: Path) -> None:
    fault = refused(Triplet(extra="DataPoints=400").write(tmp_path))
    assert fault.fault is Fault.TRUNCATED
    assert fault.known == "the header promises 400 samples, 300 are there"


def test_a_channel_of_another_unit_is_not_read_as_eeg(tmp_path: Path) -> None:
    channels = (("Fz", "1", "C"), ("Cz", "1", "µV"))
    path = Triplet(channels=channels).write(tmp_path)
    assert [s.label for s in READER.read(path, ROME).signals] == ["Cz"]
    fault = refused(path, replace(ROME, eeg_channels=("Fz",)))
    assert (fault.fault, fault.known) == (Fault.SETTINGS, "channels in volts: Cz")


@pytest.mark.parametrize("size", [60, 200, 300, 400, 480])
def test_a_header_that_is_cut_is_a_fault_or_a_recording(size: int, tmp_path: Path) -> None:
    path = Triplet().write(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    try:
        assert READER.read(path, ROME).kinds
    except FileFault as fault:
        assert fault.fault in {Fault.CORRUPT, Fault.NOTHING_USABLE, Fault.TRUNCATED}  # noqa: PT017  either is right


def test_no_zone_is_refused(tmp_path: Path) -> None:
    assert refused(Triplet().write(tmp_path), Asked()).fault is Fault.NO_ZONE


# ---- FIF -------------------------------------------------------------------------------------------------------------


def test_fif_gives_the_preferred_channel_in_microvolts_from_its_date_in_utc(tmp_path: Path) -> None:
    recording = READER.read(fif(raw_array(), tmp_path), ROME)
    (signal,) = recording.signals
    assert (signal.kind, signal.label, signal.fs_hz) == (Kind.EEG, "Fz", 100.0)
    assert signal.samples == pytest.approx(np.full(300, 2.0))
    # The first sample is number 50: half a second after the measurement date, in any zone.
    assert signal.start_ns == to_ns(datetime(2024, 3, 1, 21, 30, 15, 500_000, tzinfo=UTC))
    assert recording.repairs == ()


def test_fif_channels_have_the_kinds_that_the_file_gives(tmp_path: Path) -> None:
    recording = READER.read(fif(raw_array(), tmp_path), replace(ROME, eeg_channels=("EOG L",)))
    assert [(s.kind, float(s.samples[0])) for s in recording.signals] == [(Kind.EOG, pytest.approx(3.0))]


def test_fif_annotations_are_markers_at_their_true_time_and_bad_stretches_nan(tmp_path: Path) -> None:
    raw = raw_array()
    begun = raw.info["meas_date"]
    raw.set_annotations(mne.Annotations([1.5, 2.5], [0.0, 0.5], ["lights off", "BAD_ACQ_SKIP"], orig_time=begun))
    recording = READER.read(fif(raw, tmp_path), ROME)
    assert [(m.label, m.time_ns - to_ns(begun)) for m in recording.markers] == [
        ("lights off", 1_500_000_000),
        ("BAD_ACQ_SKIP", 2_500_000_000),
    ]
    # The first sample lies at 0.5 s, so that 2.5 to 3 s are samples 200 to 249.
    assert np.flatnonzero(np.isnan(recording.signals[0].samples)).tolist() == list(range(200, 250))
    assert "0.5 s of 'Fz' are marked bad" in recording.repairs[0]


def test_a_channel_marked_bad_is_not_chosen_unasked(tmp_path: Path) -> None:
    raw = raw_array()
    raw.info["bads"] = ["Fz"]
    path = fif(raw, tmp_path)
    assert [s.label for s in READER.read(path, ROME).signals] == ["O1"]


def test_fif_without_a_date_needs_a_start(tmp_path: Path) -> None:
    raw = raw_array()
    raw.set_meas_date(None)
    path = fif(raw, tmp_path)
    assert refused(path).fault is Fault.NO_START_TIME
    told = READER.read(path, replace(ROME, start=datetime(2024, 3, 1, 22, 30, 15)))  # noqa: DTZ001
    assert told.signals[0].start_ns == to_ns(datetime(2024, 3, 1, 21, 30, 15, tzinfo=UTC))


def test_the_date_of_a_fif_file_outranks_a_sidecar_and_a_contradiction_is_told(tmp_path: Path) -> None:
    path = fif(raw_array(), tmp_path)
    told = READER.read(path, replace(ROME, start=datetime(2020, 1, 1, 12)))  # noqa: DTZ001
    assert told.signals[0].start_ns == READER.read(path, ROME).signals[0].start_ns
    assert told.repairs == (
        "the start is the file's own, 2024-03-01 21:30:15 UTC; the sidecar says 2020-01-01 12:00:00",
    )


def test_a_file_without_eeg_is_not_usable(tmp_path: Path) -> None:
    path = fif(raw_array(("EOG L",), ("eog",)), tmp_path)
    assert refused(path).fault is Fault.NOTHING_USABLE


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99])
def test_a_fif_file_that_is_cut_is_a_fault(share: float, tmp_path: Path) -> None:
    path = fif(raw_array(), tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert refused(path).fault in {Fault.CORRUPT, Fault.NOTHING_USABLE, Fault.TRUNCATED}


def test_a_fif_file_that_is_cut_between_two_buffers_is_truncated(tmp_path: Path) -> None:
    path = tmp_path / "night_raw.fif"
    raw_array().save(path, buffer_size_sec=1, verbose="ERROR")
    content = path.read_bytes()
    # A buffer is a tag of kind 300 and type float (4) with 100 samples of 3 channels.
    last = content.rindex(bytes.fromhex("0000012c00000004000004b0"))
    path.write_bytes(content[:last])
    assert refused(path).fault is Fault.TRUNCATED


def test_a_fif_file_whose_tags_lead_in_a_circle_is_corrupt(tmp_path: Path) -> None:
    path = fif(raw_array(), tmp_path)
    content = bytearray(path.read_bytes())
    buffer = content.rindex(bytes.fromhex("0000012c00000004"))
    content[buffer + 12 : buffer + 16] = (36).to_bytes(4, "big")
    path.write_bytes(content)
    assert refused(path).what == "its tags lead in a circle"


@pytest.mark.realdata
def test_a_real_fif_recording_is_read_as_mne_reads_it(real_data: Path) -> None:
    path = real_data / "yasa_notebook_data" / "data_resting_EO_200Hz_raw.fif"
    recording = READER.read(path, ROME)
    (signal,) = recording.signals
    raw = mne.io.read_raw_fif(path, verbose="ERROR")
    assert (signal.label, signal.fs_hz, len(signal.samples)) == ("F4-A1", 200.0, 72_000)
    assert signal.samples == pytest.approx(raw.get_data(["F4-A1"])[0] * 1e6, rel=1e-6, abs=1e-5)
    # Measured on 2019-02-27 at 08:18:02 UTC, cut 2000 samples (10 s) later.
    assert signal.start_ns == to_ns(datetime(2019, 2, 27, 8, 18, 12, tzinfo=UTC))
