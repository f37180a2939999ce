"""EDF, EDF+ and BDF: what is read, what is put right in words, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from datetime import time as clock_time
from pathlib import Path

import edfio
import mne
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.clock import NS, to_datetime, to_ns
from pipeline.devices.channels import eeg_preference, kind_of, place_of, unit_scale
from pipeline.devices.edf import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording, Stage

ROME = Asked(zone="Europe/Rome")
START = datetime(2024, 3, 1, 22, 30, 15)  # noqa: DTZ001
START_NS = to_ns(datetime(2024, 3, 1, 21, 30, 15, tzinfo=UTC))


# ---- writing files by hand ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ch:
    """A channel of a hand-written file; `samples` are the stored integers of all records."""

    label: str
    samples: Sequence[int]
    per_record: int
    unit: str = "uV"
    transducer: str = ""
    physical: tuple[str, str] = ("-3276.8", "3276.7")
    digital: tuple[str, str] = ("-32768", "32767")


@dataclass(frozen=True)
class File:
    """A hand-written EDF file; `tals` are the bytes of one annotation channel, one a record."""

    channels: tuple[Ch, ...]
    tals: tuple[bytes, ...] = ()
    record_s: str = "1"
    records: str | None = None
    reserved: str = ""
    date: str = "01.03.24"
    time: str = "22.30.15"
    recording: str = ""
    bdf: bool = False
    latin: str = "latin-1"

    def content(self) -> bytes:
        width = max((len(t) for t in self.tals), default=0) + 8
        size = 3 if self.bdf else 2
        width += -width % size
        n = len(self.tals) or len(self.channels[0].samples) // self.channels[0].per_record
        mark = "BDF Annotations" if self.bdf else "EDF Annotations"
        tal = Ch(mark, (), width // size, "", "", ("-1", "1"), ("-32768", "32767"))
        chans = [*self.channels, *([tal] if self.tals else [])]
        head = b"\xffBIOSEMI" if self.bdf else b"0".ljust(8)
        parts = [("X X X X", 80), (self.recording, 80), (self.date, 8), (self.time, 8)]
        parts += [(str(256 * (len(chans) + 1)), 8), (self.reserved, 44)]
        parts += [(str(n) if self.records is None else self.records, 8), (self.record_s, 8), (str(len(chans)), 4)]
        for values, wide in (
            ([c.label for c in chans], 16),
            ([c.transducer for c in chans], 80),
            ([c.unit for c in chans], 8),
            ([c.physical[0] for c in chans], 8),
            ([c.physical[1] for c in chans], 8),
            ([c.digital[0] for c in chans], 8),
            ([c.digital[1] for c in chans], 8),
            ([""] * len(chans), 80),
            ([str(c.per_record) for c in chans], 8),
            ([""] * len(chans), 32),
        ):
            parts += [(value, wide) for value in values]
        head += b"".join(text.encode(self.latin).ljust(wide)[:wide] for text, wide in parts)
        body = b""
        for k in range(n):
            for c in self.channels:
                stored = c.samples[k * c.per_record : (k + 1) * c.per_record]
                body += b"".join(int(v).to_bytes(size, "little", signed=True) for v in stored)
            body += self.tals[k].ljust(width, b"\0") if self.tals else b""
        return head + body

    def write(self, folder: Path, name: str = "night.edf") -> Path:
        path = folder / name
        path.write_bytes(self.content())
        return path


def stamp(onset: float, *notes: bytes) -> bytes:
    return f"+{onset:.10g}".encode() + b"\x14\x14\0" + b"".join(notes)


def note(onset: str, text: str, duration: str | None = None) -> bytes:
    lasts = b"" if duration is None else b"\x15" + duration.encode()
    return onset.encode() + lasts + b"\x14" + text.encode() + b"\x14\0"


def ramp(n: int, label: str = "EEG Fpz-Cz", per_record: int = 10, **more: object) -> Ch:
    return replace(Ch(label, range(1, n + 1), per_record), **more)


def read(file: File, folder: Path, asked: Asked = ROME) -> Recording:
    return READER.read(file.write(folder), asked)


def refused(file: File, folder: Path, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read(file, folder, asked)
    assert caught.value.where == "night.edf"
    return caught.value


def scored(*notes: bytes) -> File:
    """A file of annotations alone, like the hypnograms of Sleep-EDF."""
    return File((), (stamp(0, *notes),), record_s="0", reserved="EDF+C")


def stages_of(file: File, folder: Path) -> list[int]:
    found = read(file, folder).hypnogram
    assert found is not None
    return found.stages.tolist()


# ---- samples, rates, times -------------------------------------------------------------------------------------------


def test_samples_are_scaled_by_hand_worked_gain_and_begin_at_the_wall_clock_of_the_zone(tmp_path: Path) -> None:
    # Gain 6553.5 / 65535 = 0.1 µV a step, offset -3276.8 + 0.1 · 32768 = 0.
    recording = read(File((ramp(30),)), tmp_path)
    (signal,) = recording.signals
    assert signal.kind is Kind.EEG
    assert signal.samples.dtype == np.float32
    assert signal.samples == pytest.approx(np.arange(1, 31) / 10, abs=1e-4)
    assert (signal.fs_hz, signal.start_ns) == (10.0, START_NS)
    assert recording.repairs == ()


def test_channels_keep_their_own_rates_and_only_those_asked_for_are_read(tmp_path: Path) -> None:
    file = File((ramp(30), ramp(6, "ECG II", 2, unit="mV"), ramp(3, "EMG chin", 1)))
    recording = read(file, tmp_path, replace(ROME, eeg_channels=("ECG II", "EEG Fpz-Cz")))
    assert [(s.kind, s.fs_hz, len(s.samples)) for s in recording.signals] == [
        (Kind.ECG, 2.0, 6),
        (Kind.EEG, 10.0, 30),
    ]
    assert recording.signals[0].samples == pytest.approx(np.arange(1, 7) * 100.0)  # mV to µV


def test_a_star_asks_for_every_eeg_channel_the_preferred_one_first(tmp_path: Path) -> None:
    file = File((ramp(30, "EEG O1"), ramp(30, "EEG F4-M1"), ramp(30, "ECG"), ramp(30, "EEG C3")))
    found = read(file, tmp_path, replace(ROME, eeg_channels=("*",)))
    assert [s.label for s in found.signals] == ["EEG F4-M1", "EEG C3", "EEG O1"]
    found = read(file, tmp_path, replace(ROME, eeg_channels=("ECG", "EEG O1", "*")))
    assert [s.label for s in found.signals] == ["ECG", "EEG O1", "EEG F4-M1", "EEG C3"]


def test_records_of_a_length_that_is_no_whole_second_give_the_right_rate(tmp_path: Path) -> None:
    (signal,) = read(File((ramp(30),), record_s="0.5"), tmp_path).signals
    assert (signal.fs_hz, signal.end_ns - signal.start_ns) == (20.0, 1_500_000_000)


def test_bdf_samples_are_24_bit_two_s_complement(tmp_path: Path) -> None:
    values = (-8_388_608, -1, 0, 1, 8_388_607, 65_536)
    channel = Ch("Fz", values, 6, physical=("-8388608", "8388607"), digital=("-8388608", "8388607"))
    (signal,) = read(File((channel,), bdf=True), tmp_path).signals
    assert signal.samples.tolist() == list(values)


@pytest.mark.parametrize(
    ("date", "field", "expected"),
    [
        ("01.03.85", "", "1985-03-01"),
        ("01.03.84", "", "2084-03-01"),
        ("01.03.24", "Startdate 01-MAR-2024 X X X", "2024-03-01"),
        ("01.03.85", "Startdate 01-MAR-2085 X X X", "2085-03-01"),
        ("01.03.24", "Startdate X X X X", "2024-03-01"),
        ("01/03/24", "", "2024-03-01"),
        ("01.03.yy", "Startdate 01-MAR-2090 X X X", "2090-03-01"),
    ],
)
def test_the_year_follows_the_pivot_or_the_start_field(date: str, field: str, expected: str, tmp_path: Path) -> None:
    recording = read(File((ramp(10),), date=date, recording=field), tmp_path)
    assert to_datetime(recording.signals[0].start_ns, "Europe/Rome").date().isoformat() == expected


def test_a_start_field_that_contradicts_the_header_is_told(tmp_path: Path) -> None:
    recording = read(File((ramp(10),), recording="Startdate 05-MAY-2019 X X X"), tmp_path)
    assert recording.signals[0].start_ns == START_NS
    assert "2019-05-05" in recording.repairs[0]


@pytest.mark.parametrize(("date", "time"), [("01.03.24", "25.61.00"), ("31.02.24", "22.00.00"), ("", "22.00.00")])
def test_an_impossible_start_is_refused_unless_a_sidecar_gives_one(date: str, time: str, tmp_path: Path) -> None:
    file = File((ramp(10),), date=date, time=time)
    fault = refused(file, tmp_path)
    assert fault.fault is Fault.NO_START_TIME
    assert time in fault.what
    assert "night.edf.json" in fault.hint
    told = read(file, tmp_path, replace(ROME, start=START))
    assert told.signals[0].start_ns == START_NS
    assert "sidecar" in told.repairs[0]


def test_no_zone_is_refused(tmp_path: Path) -> None:
    assert refused_code(File((ramp(10),)), tmp_path, Asked()) is Fault.NO_ZONE


def refused_code(file: File, folder: Path, asked: Asked = ROME) -> Fault:
    with pytest.raises(FileFault) as caught:
        read(file, folder, asked)
    return caught.value.fault


# ---- kinds and choice of channels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("EEG Fpz-Cz", Kind.EEG),
        ("C3-A2", Kind.EEG),
        ("F4M1", Kind.EEG),
        ("F3", Kind.EEG),
        ("AF7", Kind.EEG),
        ("eeg c4-ref", Kind.EEG),
        ("EEG(sec)", Kind.EEG),
        ("EEG L", Kind.EEG),
        ("EOG horizontal", Kind.EOG),
        ("E1-M2", Kind.EOG),
        ("LOC-A2", Kind.EOG),
        ("EOG(L)", Kind.EOG),
        ("EMG submental", Kind.EMG),
        ("Chin1-Chin2", Kind.EMG),
        ("ECG", Kind.ECG),
        ("EKG1", Kind.ECG),
        ("EEG ECG1-REF", Kind.ECG),
        ("Temp rectal", Kind.TEMP),
        ("EDA", Kind.EDA),
        ("ACC X", Kind.ACC),
        ("PPG", Kind.BVP),
        ("ECG HR", None),
        ("E1", None),
        ("A1", None),
        ("Resp oro-nasal", None),
        ("SaO2", None),
        ("Event marker", None),
        ("Status", None),
        ("Temporal", None),
        ("Cz reference of nothing", None),
        ("", None),
    ],
)
def test_kinds_follow_the_label_and_doubt_is_none(label: str, kind: Kind | None) -> None:
    assert kind_of(label) is kind


def test_the_transducer_tells_where_the_label_does_not() -> None:
    assert kind_of("channel 7", "EMG electrode") is Kind.EMG
    assert kind_of("channel 7", "AgAgCl electrode") is None


@pytest.mark.parametrize(
    ("labels", "chosen"),
    [
        (("EEG Pz-Oz", "EEG Fpz-Cz", "Fz"), "EEG Fpz-Cz"),
        (("O2-M1", "C4-M1", "F4-M1", "F3-M2"), "F4-M1"),
        (("F3-M2", "C4-M1"), "F3-M2"),
        (("F4-C4", "C4-P4", "C4-A1"), "C4-A1"),
        (("O1-A2", "Fz-Cz"), "Fz-Cz"),
        (("TP9", "AF7", "AF8", "TP10"), "AF8"),
        (("EMG", "EEG", "EOG(L)"), "EEG"),
    ],
)
def test_unasked_the_first_of_the_stated_preference_is_read(
    labels: tuple[str, ...], chosen: str, tmp_path: Path
) -> None:
    recording = read(File(tuple(ramp(10, label) for label in labels)), tmp_path)
    assert [s.label for s in recording.signals] == [chosen]


def test_preference_is_the_same_for_all_spellings() -> None:
    assert eeg_preference("EEG F4-M1") == eeg_preference("f4m1") == eeg_preference("F4")


def test_channels_of_no_known_kind_are_told_not_guessed(tmp_path: Path) -> None:
    recording = read(File((ramp(10), ramp(10, "Resp oro-nasal"), ramp(10, "ECG"))), tmp_path)
    assert recording.repairs == ("channels whose kind their label does not tell were left: Resp oro-nasal",)


def test_a_channel_of_no_known_kind_that_is_asked_for_is_eeg_and_this_is_told(tmp_path: Path) -> None:
    recording = read(File((ramp(10, "A7"), ramp(10, "A8"))), tmp_path, replace(ROME, eeg_channels=("a7",)))
    assert [(s.label, s.kind) for s in recording.signals] == [("A7", Kind.EEG)]
    assert any("'A7' was read as EEG because it was asked for" in r for r in recording.repairs)
    assert any(r.endswith("left: A8") for r in recording.repairs)


def test_a_label_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    fault = refused(File((ramp(10),)), tmp_path, replace(ROME, eeg_channels=("EEG Fpz-Cx",)))
    assert fault.fault is Fault.SETTINGS
    assert fault.hint == "did you mean 'EEG Fpz-Cz'?"


def test_labels_are_found_without_case_blanks_and_eeg() -> None:
    assert place_of("fpz-cz", ("EOG", "EEG Fpz-Cz")) == 1
    assert place_of("EEG  C3-A2", ("C3-A2",)) == 0
    assert place_of("C3", ("C3-A2",)) is None


def test_of_two_channels_of_one_name_the_first_is_read_and_this_is_told(tmp_path: Path) -> None:
    file = File((ramp(10, "EEG"), replace(ramp(10, "EEG"), samples=[7] * 10)))
    recording = read(file, tmp_path, replace(ROME, eeg_channels=("EEG",)))
    assert recording.signals[0].samples[0] == pytest.approx(0.1, abs=1e-4)
    assert "several channels" in recording.repairs[0]


def test_three_axes_become_one_acceleration_in_g(tmp_path: Path) -> None:
    axes = tuple(
        replace(ramp(10, f"ACC {a}", unit="mg"), samples=[k * 1000] * 10) for k, a in enumerate("XYZ", start=1)
    )
    labels = tuple(a.label for a in axes)
    (signal,) = read(File((axes[2], axes[0], axes[1])), tmp_path, replace(ROME, eeg_channels=labels)).signals
    assert signal.samples.shape == (10, 3)
    assert signal.samples[0] == pytest.approx([0.1, 0.2, 0.3], abs=1e-6)
    assert refused_code(File(axes), tmp_path, replace(ROME, eeg_channels=labels[:2])) is Fault.SETTINGS


def test_without_eeg_and_annotations_nothing_is_usable_and_the_channels_are_named(tmp_path: Path) -> None:
    fault = refused(File((ramp(10, "Snore"), ramp(10, "SaO2"))), tmp_path)
    assert fault.fault is Fault.NOTHING_USABLE
    assert "Snore, SaO2" in fault.known


def test_beside_the_eeg_the_first_channels_of_the_body_are_read_the_shortest_first(tmp_path: Path) -> None:
    channels = (
        *(ramp(10), ramp(10, "EEG C3"), ramp(20, "ECG 1", 20), ramp(20, "ECG 2", 20), ramp(5, "GSR", 5, unit="uS")),
        *(ramp(1, "Temp hand", 1, unit="C"), ramp(10, "EOG L"), ramp(10, "EMG chin"), ramp(10, "PPG")),
        *(ramp(2, f"ACC {axis}", 2, unit="g", physical=("-4", "4")) for axis in "ZYX"),
    )
    signals = read(File(channels), tmp_path).signals
    assert [(s.kind, s.label, s.fs_hz) for s in signals] == [
        (Kind.EEG, "EEG Fpz-Cz", 10.0),
        (Kind.TEMP, "Temp hand", 1.0),
        (Kind.EDA, "GSR", 5.0),
        (Kind.ACC, "ACC X", 2.0),
        (Kind.ECG, "ECG 1", 20.0),
    ]


def test_a_long_channel_beside_the_eeg_is_left_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.devices.edf.BESIDE_SAMPLES", 20)
    recording = read(File((ramp(20), ramp(10, "GSR", 5, unit="uS"), ramp(40, "ECG", 20))), tmp_path)
    assert [s.label for s in recording.signals] == ["EEG Fpz-Cz", "GSR"]
    assert any("'ECG' is long" in r for r in recording.repairs)
    asked = read(File((ramp(20), ramp(40, "ECG", 20))), tmp_path, replace(ROME, eeg_channels=("ECG",)))
    assert [len(s.samples) for s in asked.signals] == [40]


def test_the_temperature_of_the_core_is_never_taken_for_the_skins(tmp_path: Path) -> None:
    channels = (ramp(10), ramp(1, "Temp rectal", 1, unit="C"), ramp(1, "Temp chest", 1, unit="C"))
    recording = read(File(channels), tmp_path)
    assert [s.label for s in recording.signals] == ["EEG Fpz-Cz", "Temp chest"]
    assert any("'Temp rectal'" in r for r in recording.repairs)
    (asked,) = read(File(channels), tmp_path, replace(ROME, eeg_channels=("Temp rectal",))).signals
    assert (asked.kind, asked.label) == (Kind.TEMP, "Temp rectal")


def test_a_channel_beside_the_eeg_that_cannot_be_read_costs_itself_only(tmp_path: Path) -> None:
    recording = read(
        File((ramp(10), ramp(10, "ECG", unit=""), ramp(10, "GSR", physical=("1", "1"), unit="uS"))), tmp_path
    )
    assert [s.kind for s in recording.signals] == [Kind.EEG]
    assert any("'ECG' has no unit" in r for r in recording.repairs)
    assert any("'GSR' has an impossible range" in r for r in recording.repairs)
    alone = refused(File((ramp(10, "ECG", unit=""),)), tmp_path)
    assert alone.fault is Fault.UNKNOWN_UNIT
    assert '{"units": {"ECG": "uV"}}' in alone.hint


def test_a_chest_recorder_without_eeg_gives_ecg_and_acceleration(tmp_path: Path) -> None:
    channels = (
        ramp(500, "ECG", 250),
        *(ramp(50, f"Accelerometer_{axis}", 25, unit="mg") for axis in "XYZ"),
        ramp(2, "Marker", 1, unit=""),
        ramp(10, "HRV", 5, unit="ms"),
    )
    recording = read(File(channels, (stamp(0, note("+0.5", "RR 812")), stamp(1)), reserved="EDF+C"), tmp_path)
    ecg, acc = sorted(recording.signals, key=lambda s: s.kind, reverse=True)
    assert (ecg.kind, ecg.fs_hz, len(ecg.samples)) == (Kind.ECG, 250.0, 500)
    assert (acc.kind, acc.fs_hz, acc.samples.shape) == (Kind.ACC, 25.0, (50, 3))
    assert [m.label for m in recording.markers] == ["RR 812"]
    assert any(r.endswith("left: Marker, HRV") for r in recording.repairs)


def test_a_long_recording_without_eeg_is_a_stream_with_its_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.devices.edf.BESIDE_SAMPLES", 30)
    monkeypatch.setattr("pipeline.devices.edf_signals.PIECE_SAMPLES", 20)
    channels = (ramp(60, "ECG", 10), ramp(6, "GSR", 1, unit="uS"))
    stamps = tuple(stamp(t) for t in (0, 1, 2, 7, 8, 9))
    recording = read(File(channels, stamps, reserved="EDF+D"), tmp_path)
    (stream,) = recording.streams
    assert [s.label for s in recording.signals] == ["GSR"]
    pieces = list(stream.pieces())
    assert [len(p.samples) for p in pieces] == [20, 10, 20, 10]
    assert [(p.start_ns - START_NS) / NS for p in pieces] == [0, 2, 7, 9]
    assert np.concatenate([p.samples for p in pieces]) == pytest.approx(np.arange(1, 61) / 10, abs=1e-5)
    assert (stream.measured_s, (stream.end_ns - stream.start_ns) / NS) == (6.0, 10.0)
    assert len(list(stream.pieces())) == 4


def test_a_dreem_export_is_read_by_its_frontal_derivation(tmp_path: Path) -> None:
    labels = ("EEG Fpz-O1", "EEG Fpz-O2", "EEG Fpz-F7", "EEG F8-F7", "EEG F7-01", "EEG F8-O2", "EEG Fpz-F8")
    channels = (*(ramp(250, label, 250) for label in labels), ramp(50, "Accelero Norm", 50, unit="g"))
    recording = read(File(channels), tmp_path)
    assert [(s.label, s.fs_hz) for s in recording.signals] == [("EEG Fpz-O1", 250.0)]
    assert any("left: Accelero Norm" in r for r in recording.repairs)


# ---- units -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "latin", "factor"),
    [
        ("uV", "latin-1", 1.0),
        ("µV", "latin-1", 1.0),
        ("µV", "utf-8", 1.0),
        ("μV", "utf-8", 1.0),
        ("UV", "latin-1", 1.0),
        ("microV", "latin-1", 1.0),
        ("mV", "latin-1", 1e3),
        ("V", "latin-1", 1e6),
        ("nV", "latin-1", 1e-3),
    ],
)
def test_voltage_units_of_every_spelling_become_microvolts(
    unit: str, latin: str, factor: float, tmp_path: Path
) -> None:
    (signal,) = read(File((ramp(10, unit=unit),), latin=latin), tmp_path).signals
    assert signal.samples == pytest.approx(np.arange(1, 11) / 10 * factor, rel=1e-3)


def test_temperatures_in_fahrenheit_and_kelvin_become_celsius() -> None:
    for unit, value in (("degF", 98.6), ("K", 310.15), ("DegC", 37.0), ("°C", 37.0)):
        scale = unit_scale(Kind.TEMP, unit)
        assert scale is not None
        assert scale[0] * value + scale[1] == pytest.approx(37.0)


@pytest.mark.parametrize("unit", ["", "a.u.", "digits", "DegC"])
def test_an_unknown_unit_is_refused_with_the_way_to_name_it(unit: str, tmp_path: Path) -> None:
    fault = refused(File((ramp(10, unit=unit),)), tmp_path)
    assert fault.fault is Fault.UNKNOWN_UNIT
    assert f"'{unit}'" in fault.what
    assert "EEG Fpz-Cz" in fault.what
    assert '"units": {"EEG Fpz-Cz": "uV"}' in fault.hint
    assert "[eeg.units]" in fault.hint


def test_a_unit_that_is_told_stands_in_and_is_recorded(tmp_path: Path) -> None:
    asked = replace(ROME, units={"EEG Fpz-Cz": "mV"})
    recording = read(File((ramp(10, unit=""),)), tmp_path, asked)
    assert recording.signals[0].samples[0] == pytest.approx(100.0, rel=1e-3)
    assert "read in mV as told; the header says ''" in recording.repairs[0]
    asked = replace(ROME, units={"EEG Fpz-Cz": "furlong"})
    assert refused_code(File((ramp(10),)), tmp_path, asked) is Fault.UNKNOWN_UNIT


def test_an_inverted_range_keeps_the_polarity_of_the_header(tmp_path: Path) -> None:
    recording = read(File((ramp(10, physical=("3276.7", "-3276.8")),)), tmp_path)
    assert recording.signals[0].samples == pytest.approx(-np.arange(1, 11) / 10 - 0.1, abs=1e-3)
    assert "inverted" in recording.repairs[0]


@pytest.mark.parametrize(
    "broken",
    [
        {"digital": ("2047", "-2048")},
        {"digital": ("0", "0")},
        {"physical": ("5", "5")},
        {"physical": ("1e80", "5")},
        {"physical": ("", "5")},
        {"digital": ("a", "5")},
    ],
)
def test_an_impossible_range_costs_the_file_only_if_the_channel_is_asked_for(
    broken: dict[str, tuple[str, str]], tmp_path: Path
) -> None:
    file = File((ramp(10), ramp(10, "EEG Pz-Oz", **broken)))
    assert read(file, tmp_path).signals[0].label == "EEG Fpz-Cz"
    fault = refused(file, tmp_path, replace(ROME, eeg_channels=("EEG Pz-Oz",)))
    assert fault.fault is Fault.CORRUPT
    assert "EEG Pz-Oz" in fault.what


def test_a_decimal_comma_is_a_decimal_point(tmp_path: Path) -> None:
    file = File((ramp(10, physical=("-3276,8", "3276,7")),))
    assert read(file, tmp_path).signals[0].samples[0] == pytest.approx(0.1, abs=1e-4)


# ---- headers ---------------------------------------------------------------------------------------------------------


def test_a_file_that_is_shorter_than_its_header_says_is_refused_with_the_counts(tmp_path: Path) -> None:
    path = File((ramp(480),)).write(tmp_path)
    path.write_bytes(path.read_bytes()[: 512 + 20 * 23 + 7])
    with pytest.raises(FileFault) as caught:
        READER.read(path, ROME)
    assert caught.value.fault is Fault.TRUNCATED
    assert caught.value.known == "the header promises 48 data records, 23 are there"


@pytest.mark.parametrize("size", [1, 100, 255, 256, 300, 511])
def test_a_file_that_ends_in_its_header_is_refused(size: int, tmp_path: Path) -> None:
    path = File((ramp(10),)).write(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert READER.recognise(glimpse(path)) == (size >= 8)
    with pytest.raises(FileFault) as caught:
        READER.read(path, ROME)
    assert caught.value.fault is Fault.TRUNCATED


def test_a_recorder_that_died_leaves_whole_records_and_a_note(tmp_path: Path) -> None:
    path = File((ramp(50),), records="-1").write(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    recording = READER.read(path, ROME)
    assert len(recording.signals[0].samples) == 40
    assert "4 were read" in recording.repairs[0]
    assert "17 bytes" in recording.repairs[1]


def test_bytes_beyond_the_last_record_are_told(tmp_path: Path) -> None:
    path = File((ramp(50),), records="3").write(tmp_path)
    recording = READER.read(path, ROME)
    assert len(recording.signals[0].samples) == 30
    assert "40 bytes after the 3 records" in recording.repairs[0]


def test_a_header_without_records_is_no_recording(tmp_path: Path) -> None:
    for records in ("-1", "0"):
        assert refused_code(File((ramp(0),), records=records), tmp_path) is Fault.NOTHING_USABLE


@pytest.mark.parametrize(
    ("at", "text", "named"),
    [
        (252, b"0   ", "0 signals"),
        (252, b"-3  ", "-3 signals"),
        (252, b"9999", "9999 signals"),
        (252, b"two ", "'two'"),
        (236, b"many    ", "'many'"),
        (236, b"-7      ", "-7"),
        (244, b"nan     ", "'nan'"),
        (244, b"-1      ", "-1"),
        (244, b"1e9     ", "1e+09"),
        (244, b"0       ", "no duration"),
        (256 + 216, b"-10     ", "-10"),
        (256 + 216, b"ten     ", "'ten'"),
    ],
)
def test_absurd_numbers_in_the_header_are_refused_with_the_number(
    at: int, text: bytes, named: str, tmp_path: Path
) -> None:
    content = bytearray(File((ramp(30),)).content())
    content[at : at + len(text)] = text
    path = tmp_path / "night.edf"
    path.write_bytes(content)
    with pytest.raises(FileFault) as caught:
        READER.read(path, ROME)
    assert caught.value.fault is Fault.CORRUPT
    assert named in caught.value.what


def test_a_wrong_header_size_is_put_right_and_told(tmp_path: Path) -> None:
    content = bytearray(File((ramp(30),)).content())
    content[184:192] = b"1024    "
    (tmp_path / "night.edf").write_bytes(content)
    recording = READER.read(tmp_path / "night.edf", ROME)
    assert len(recording.signals[0].samples) == 30
    assert "'1024'" in recording.repairs[0]


def test_recognition_is_by_content(tmp_path: Path) -> None:
    for bdf in (False, True):
        assert READER.recognise(glimpse(File((ramp(10),), bdf=bdf).write(tmp_path, "export.bin")))
    for text in (b"0       12\n1       13\n", b"time,activity\n0,1\n", b"1       " + b" " * 600, b"\xffBIOSEM"):
        (tmp_path / "other.edf").write_bytes(text)
        assert not READER.recognise(glimpse(tmp_path / "other.edf"))
    assert not READER.recognise(glimpse(tmp_path))


# ---- gaps ------------------------------------------------------------------------------------------------------------


def broken(*onsets: float, kind: str = "EDF+D", **more: object) -> File:
    """Records of 1 s of 10 samples at the given onsets."""
    notes = tuple(stamp(onset) for onset in onsets)
    return replace(File((ramp(10 * len(onsets)),), notes, reserved=kind), **more)


def test_a_gap_of_a_discontinuous_file_is_nan_of_its_length(tmp_path: Path) -> None:
    recording = read(broken(0, 1, 601, 602), tmp_path)
    (signal,) = recording.signals
    assert len(signal.samples) == 6030
    assert np.flatnonzero(np.isfinite(signal.samples)).tolist() == [*range(20), *range(6010, 6030)]
    assert signal.samples[[0, 19, 6010, 6029]] == pytest.approx([0.1, 2.0, 2.1, 4.0], abs=1e-4)
    assert "1 gap(s), 599 s in all" in recording.repairs[0]


def test_a_gap_of_no_whole_number_of_samples_is_put_on_the_nearest(tmp_path: Path) -> None:
    # 10 Hz: a record at 2.26 s belongs to sample 23 (2.3 s), 0.04 s off.
    (signal,) = read(broken(0, 2.26), tmp_path).signals
    assert np.flatnonzero(np.isfinite(signal.samples)).tolist() == [*range(10), *range(23, 33)]


def test_a_fraction_of_a_second_of_the_first_stamp_moves_the_start(tmp_path: Path) -> None:
    (signal,) = read(broken(0.25, 1.25, kind="EDF+C"), tmp_path).signals
    assert signal.start_ns == START_NS + NS // 4
    assert len(signal.samples) == 20


def test_stamps_rounded_by_the_recorder_are_no_gaps(tmp_path: Path) -> None:
    (signal,) = read(broken(0, 1.004, 1.999, 3.001), tmp_path).signals
    assert len(signal.samples) == 40
    assert np.isfinite(signal.samples).all()


def test_annotations_after_a_gap_keep_their_true_times(tmp_path: Path) -> None:
    file = File((ramp(20),), (stamp(0), stamp(1000, note("+1000.5", "lights on", "2.5"))), reserved="EDF+D")
    recording = read(file, tmp_path)
    (marker,) = recording.markers
    assert (marker.time_ns, marker.duration_s, marker.label) == (START_NS + 1_000_500_000_000, 2.5, "lights on")


def test_a_clock_that_jumps_for_years_is_refused_with_the_jump(tmp_path: Path) -> None:
    fault = refused(broken(0, 1, 20_000_000), tmp_path)
    assert fault.fault is Fault.CORRUPT
    assert "begins at 0 s is followed by one at 20000000 s" in fault.known


def test_a_discontinuous_file_must_say_where_each_record_lies(tmp_path: Path) -> None:
    file = broken(0, 1, 5)
    bare = replace(file, tals=(file.tals[0], b"", file.tals[2]))
    fault = refused(bare, tmp_path)
    assert (fault.fault, "data record 1 " in fault.what) == (Fault.CORRUPT, True)
    assert refused_code(broken(0, 5, 3), tmp_path) is Fault.CORRUPT


def test_a_continuous_file_without_usable_stamps_is_read_as_continuous(tmp_path: Path) -> None:
    for file in (broken(0, 5, 3, kind="EDF+C"), replace(broken(0, 1, 2, kind="EDF+C"), tals=(stamp(0), b"x", b""))):
        recording = read(file, tmp_path)
        assert len(recording.signals[0].samples) == 30
        assert any("continuous" in r for r in recording.repairs)


def test_every_rate_has_the_same_gap(tmp_path: Path) -> None:
    file = File((ramp(40), ramp(8, "ECG", 2)), tuple(stamp(t) for t in (0, 1, 11, 12)), reserved="EDF+D")
    eeg, ecg = read(file, tmp_path, replace(ROME, eeg_channels=("EEG Fpz-Cz", "ECG"))).signals
    assert np.isnan(eeg.samples).reshape(-1, 10).all(axis=1).tolist() == np.isnan(ecg.samples[::2]).tolist()
    assert eeg.end_ns == ecg.end_ns


# ---- hypnograms ------------------------------------------------------------------------------------------------------


def test_stage_annotations_become_a_hypnogram(tmp_path: Path) -> None:
    file = scored(
        note("+30", "Sleep stage W", "60"),
        note("+90", "Sleep stage 1", "30"),
        note("+120", "Sleep stage N2", "30"),
        note("+150", "Sleep stage 3", "30"),
        note("+180", "Sleep stage 4@@EEG C4-A1", "30"),
        note("+210", "Sleep stage R", "30"),
        note("+240", "Movement time", "30"),
        note("+270", "Sleep stage ?", "30"),
        note("+270", "Lights on"),
    )
    recording = read(file, tmp_path)
    assert recording.hypnogram is not None
    assert recording.hypnogram.stages.tolist() == [0, 0, 1, 2, 3, 3, 4, Stage.MOVEMENT, Stage.UNSCORED]
    assert recording.hypnogram.stages.dtype == np.int8
    assert (recording.hypnogram.epoch_s, recording.hypnogram.start_ns) == (30.0, START_NS + 30 * NS)
    assert [m.label for m in recording.markers] == ["Lights on"]
    assert recording.kinds == {Kind.STAGES, Kind.MARKERS}


def test_a_hypnogram_file_is_a_recording_whatever_channels_the_study_wants(tmp_path: Path) -> None:
    file = scored(note("+0", "Sleep stage W", "30"))
    asked = replace(ROME, eeg_channels=("EEG Fpz-Cz",))
    assert read(file, tmp_path, asked).kinds == {Kind.STAGES}


def test_signal_and_stages_of_one_file_share_its_clock(tmp_path: Path) -> None:
    tals = (stamp(0.5, note("+0.5", "Sleep stage W", "30")), stamp(30.5, note("+30.5", "Sleep stage N1", "30")))
    file = File((ramp(600, per_record=300),), tals, record_s="30", reserved="EDF+C")
    recording = read(file, tmp_path)
    assert recording.hypnogram is not None
    assert recording.hypnogram.start_ns == recording.signals[0].start_ns == START_NS + NS // 2
    assert recording.hypnogram.end_ns == recording.signals[0].end_ns


def test_time_between_stages_is_unscored(tmp_path: Path) -> None:
    file = scored(note("+0", "Sleep stage W", "30"), note("+120", "Sleep stage 2", "30"))
    assert stages_of(file, tmp_path) == [0, -1, -1, -1, 2]


@pytest.mark.parametrize(
    ("durations", "epoch_s"), [((60, 120), 30.0), ((40, 20), 20.0), ((60, 60), 30.0), ((10, 20), 10.0), ((5, 15), 5.0)]
)
def test_the_epoch_is_what_every_duration_is_a_multiple_of(
    durations: tuple[int, int], epoch_s: float, tmp_path: Path
) -> None:
    one, two = durations
    file = scored(note("+0", "Sleep stage W", str(one)), note(f"+{one}", "Sleep stage 2", str(two)))
    found = read(file, tmp_path).hypnogram
    assert found is not None
    assert found.epoch_s == epoch_s
    assert found.stages.tolist() == [0] * round(one / epoch_s) + [2] * round(two / epoch_s)


def test_the_last_stage_may_end_within_an_epoch(tmp_path: Path) -> None:
    file = scored(note("+0", "Sleep stage W", "60"), note("+60", "Sleep stage 2", "42.5"))
    recording = read(file, tmp_path)
    assert recording.hypnogram is not None
    assert recording.hypnogram.stages.tolist() == [0, 0, 2]
    assert "12.5 s into an epoch" in recording.repairs[0]


def test_stages_without_durations_are_epochs_if_one_follows_itself_and_changes_if_none_does(tmp_path: Path) -> None:
    epochs = scored(*(note(f"+{t}", f"Sleep stage {s}") for t, s in ((0, "W"), (30, "W"), (60, 1), (180, 2))))
    assert stages_of(epochs, tmp_path) == [0, 0, 1, -1, -1, -1, 2]
    changes = scored(*(note(f"+{t}", f"Sleep stage {s}") for t, s in ((0, "W"), (60, 1), (180, 2))))
    assert stages_of(changes, tmp_path) == [0, 0, 1, 1, 1, 1, 2]


def test_a_stage_written_twice_counts_once(tmp_path: Path) -> None:
    twice = note("+0", "Sleep stage W", "30")
    assert stages_of(scored(twice, twice, note("+30", "Sleep stage R", "30")), tmp_path) == [0, 4]


def test_stages_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    file = scored(note("+30", "Sleep stage R", "30"), note("+0", "Sleep stage W", "30"))
    assert stages_of(file, tmp_path) == [0, 4]


def test_two_stages_at_once_are_refused(tmp_path: Path) -> None:
    fault = refused(scored(note("+0", "Sleep stage W", "60"), note("+30", "Sleep stage 2", "30")), tmp_path)
    assert fault.fault is Fault.CORRUPT
    assert "'Sleep stage W' from 0 s" in fault.what


def test_durations_of_no_common_epoch_are_refused(tmp_path: Path) -> None:
    file = scored(note("+0", "Sleep stage W", "30.7"), note("+30.7", "Sleep stage 2", "31.4"))
    assert refused_code(file, tmp_path) is Fault.CORRUPT


def test_unknown_stages_are_refused_and_listed(tmp_path: Path) -> None:
    file = scored(*(note(f"+{30 * k}", f"Sleep stage {s}", "30") for k, s in enumerate(("W", "5", "N", "5"))))
    fault = refused(file, tmp_path)
    assert fault.fault is Fault.UNKNOWN_CODE
    assert fault.what == "unknown sleep stages: 'Sleep stage 5', 'Sleep stage N'"


def test_a_year_that_no_clock_reaches_is_refused(tmp_path: Path) -> None:
    file = File((ramp(10),), date="01.03.yy", recording="Startdate 01-MAR-9024 X X X")
    assert refused_year(file, tmp_path) is Fault.IMPLAUSIBLE


def refused_year(file: File, folder: Path) -> Fault:
    with pytest.raises(FileFault) as caught:
        read(file, folder)
    return caught.value.fault


def test_annotations_that_break_the_format_are_counted(tmp_path: Path) -> None:
    file = scored(note("+0", "Sleep stage W", "30"), b"rubbish\0", b"+99999999999\x14far away\x14\0")
    recording = read(file, tmp_path)
    assert recording.repairs == ("2 annotation(s) could not be read and were left",)


def test_annotation_texts_are_utf8_or_latin1(tmp_path: Path) -> None:
    file = scored(note("+1", "réveillé 觉醒"), b"+2\x14M\xfcdigkeit\x14\0")
    assert [m.label for m in read(file, tmp_path).markers] == ["réveillé 觉醒", "Müdigkeit"]


def test_one_time_may_carry_several_texts(tmp_path: Path) -> None:
    recording = read(scored(b"+5\x141.5\x14lights off\x14\0".replace(b"\x141.5", b"\x151.5\x14cough")), tmp_path)
    assert [(m.label, m.duration_s) for m in recording.markers] == [("cough", 1.5), ("lights off", 1.5)]


# ---- privacy ---------------------------------------------------------------------------------------------------------


def test_names_of_the_header_reach_neither_markers_nor_anything_else(tmp_path: Path) -> None:
    texts = ("Haagse snores", "HARRY turns left", "MCH-0234567 calibrated by Jop", "Harrys blanket", "may cough")
    file = scored(*(note(f"+{k}", text) for k, text in enumerate(texts)))
    patient = "MCH-0234567 F 02-MAY-1951 Haagse_Harry"
    recording_field = "Startdate 02-MAR-2024 PSG-1234/2024 BK/JOP Telemetry_1"
    content = bytearray(file.content())
    content[8:88], content[88:168] = patient.encode().ljust(80), recording_field.encode().ljust(80)
    path = tmp_path / "night.edf"
    path.write_bytes(content)
    found = READER.read(path, ROME)
    assert [m.label for m in found.markers] == [
        "[name] snores",
        "[name] turns left",
        "[name] calibrated by [name]",
        "[name] blanket",
        "may cough",
    ]
    said = repr(found).casefold()
    assert not any(word in said for word in ("haagse", "0234567", "1951", "jop", "telemetry"))


def test_stages_survive_a_patient_who_is_called_like_one(tmp_path: Path) -> None:
    content = bytearray(scored(note("+0", "Sleep stage W", "30"), note("+30", "Sleep stage R", "30")).content())
    content[8:88] = b"Sleep Stage".ljust(80)
    path = tmp_path / "night.edf"
    path.write_bytes(content)
    found = READER.read(path, ROME).hypnogram
    assert found is not None
    assert found.stages.tolist() == [0, 4]


# ---- outside references ----------------------------------------------------------------------------------------------


def written_by_edfio(path: Path, rng: np.random.Generator, seconds: int = 60) -> dict[str, NDArray[np.float64]]:
    """A file of three rates with annotations, and what went into it."""
    rates = {"EEG Fpz-Cz": 100, "ECG": 250, "Temp rectal": 1}
    data = {label: rng.normal(0, 30, fs * seconds) for label, fs in rates.items()}
    signals = [
        edfio.EdfSignal(data[label], fs, label=label, physical_dimension="degC" if fs == 1 else "uV")
        for label, fs in rates.items()
    ]
    notes = [
        edfio.EdfAnnotation(0, 30, "Sleep stage W"),
        edfio.EdfAnnotation(30, 30, "Sleep stage N1"),
        edfio.EdfAnnotation(12.345, None, "cough"),
    ]
    edfio.Edf(
        signals,
        recording=edfio.Recording(startdate=START.date()),
        starttime=clock_time(22, 30, 15, 250_000),
        annotations=notes,
    ).write(path)
    return data


def test_a_file_of_edfio_is_read_as_edfio_and_mne_read_it(tmp_path: Path) -> None:
    path = tmp_path / "night.edf"
    written = written_by_edfio(path, np.random.default_rng(0))
    recording = READER.read(path, replace(ROME, eeg_channels=tuple(written)))
    theirs = edfio.read_edf(path)
    for signal in recording.signals:
        reference = theirs.get_signal(signal.label)
        assert signal.fs_hz == reference.sampling_frequency
        # Both decode the same 16-bit numbers; float32 carries 24 bits, so 1e-5 of the range of ±150 is ample.
        assert signal.samples == pytest.approx(reference.data, abs=1e-3)
        # One step of 16 bits over the range of the data.
        assert np.abs(signal.samples - written[signal.label]).max() < np.ptp(written[signal.label]) / 60_000
        assert signal.start_ns == START_NS + NS // 4
    raw = mne.io.read_raw_edf(path, include=["EEG Fpz-Cz"], verbose="ERROR")
    assert recording.signals[0].samples == pytest.approx(raw.get_data()[0] * 1e6, abs=1e-3)
    assert recording.hypnogram is not None
    assert recording.hypnogram.stages.tolist() == [0, 1]
    # edfio counts onsets from the first sample (0.25 s after the header's second), the file from the second.
    assert recording.hypnogram.start_ns == START_NS + NS // 4
    assert recording.markers[0].time_ns == START_NS + 12_595_000_000


def epochs_of(annotations: mne.Annotations, epoch_s: float) -> list[str]:
    """The stage texts of one epoch after the other, by repeating each as often as its duration says."""
    texts = []
    for onset, lasts, text in zip(annotations.onset, annotations.duration, annotations.description, strict=True):
        place = round((onset - annotations.onset[0]) / epoch_s)
        texts += ["?"] * (place - len(texts)) + [str(text).split()[-1]] * round(lasts / epoch_s)
    return texts


CODES = {"W": 0, "1": 1, "2": 2, "3": 3, "4": 3, "R": 4, "?": -1, "time": -2}


@pytest.mark.realdata
def test_real_hypnograms_are_read_as_mne_reads_them(real_data: Path) -> None:
    paths = sorted((real_data / "sleepedf_ST_hypnograms" / "Hypnogram").glob("*.edf"))
    tests = real_data / "edfio_samples" / "tests" / "TEST_DATA"
    assert len(paths) >= 12
    for path in [*paths, tests / "SC4001EC-Hypnogram.edf", tests / "SC4001EC-Hypnogram.bdf"]:
        assert READER.recognise(glimpse(path))
        found = READER.read(path, Asked(zone="Europe/Amsterdam")).hypnogram
        # MNE takes the type from the name; the annotations of both variants of SC4001 are the same.
        reference = mne.read_annotations(path.with_suffix(".edf"))
        stages = [str(text).startswith(("Sleep stage", "Movement time")) for text in reference.description]
        scored_only = reference[np.array(stages)]
        assert found is not None
        assert found.epoch_s == 30.0
        assert found.stages.tolist() == [CODES[t] for t in epochs_of(scored_only, 30.0)], path.name


@pytest.mark.realdata
def test_real_sleep_edf_night_by_known_values(real_data: Path) -> None:
    path = real_data / "edfio_samples" / "tests" / "TEST_DATA" / "SC4001EC-Hypnogram.edf"
    recording = READER.read(path, Asked(zone="Europe/Amsterdam"))
    assert recording.hypnogram is not None
    # 1989-04-24 16:13 summer time; 30630 s of wake come first, and 24 h less a little are covered in all.
    assert to_datetime(recording.hypnogram.start_ns).isoformat() == "1989-04-24T14:13:00+00:00"
    assert (recording.hypnogram.stages[:1021] == Stage.WAKE).all()
    assert recording.hypnogram.stages[1021] == Stage.N1
    assert recording.kinds == {Kind.STAGES}


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["short_psg.edf", "short_psg.bdf"])
def test_real_signals_are_read_as_edfio_reads_them(name: str, real_data: Path) -> None:
    path = real_data / "edfio_samples" / "tests" / "TEST_DATA" / name
    theirs = edfio.read_bdf(path) if name.endswith("bdf") else edfio.read_edf(path)
    labels = ("EEG Fpz-Cz", "EOG horizontal", "EMG submental", "Temp rectal")
    recording = READER.read(path, Asked(zone="Europe/Amsterdam", eeg_channels=labels))
    assert [s.kind for s in recording.signals] == [Kind.EEG, Kind.EOG, Kind.EMG, Kind.TEMP]
    for signal in recording.signals:
        assert signal.samples == pytest.approx(theirs.get_signal(signal.label).data, rel=1e-5, abs=1e-3)
    assert any("Resp oro-nasal, Event marker" in r for r in recording.repairs)
    unasked = READER.read(path, Asked(zone="Europe/Amsterdam"))
    assert [s.label for s in unasked.signals] == ["EEG Fpz-Cz"]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["mne_test.edf", "mne_test.bdf"])
def test_a_real_file_of_unnamed_electrodes_is_read_when_one_is_asked_for(name: str, real_data: Path) -> None:
    path = real_data / "edfio_samples" / "tests" / "TEST_DATA" / name
    theirs = edfio.read_bdf(path) if name.endswith("bdf") else edfio.read_edf(path)
    recording = READER.read(path, Asked(zone="Europe/Amsterdam", eeg_channels=("A5",)))
    assert recording.signals[0].samples == pytest.approx(theirs.get_signal("A5").data, abs=1e-3)
    mine = [(m.time_ns, m.label) for m in recording.markers]
    start_ns = recording.signals[0].start_ns
    assert mine == [(start_ns + round(a.onset * NS), a.text) for a in theirs.annotations]


# ---- damage and speed ------------------------------------------------------------------------------------------------


WHOLE = File(
    (ramp(60), ramp(6, "Temp rectal", 1, unit="degC")),
    tuple(stamp(t, note(f"+{t}", "Sleep stage W", "30")) for t in (0, 30, 90, 120, 150, 180)),
    record_s="30",
    reserved="EDF+D",
    recording="Startdate 01-MAR-2024 X X X",
).content()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_a_fault_or_a_recording(data: st.DataObject, tmp_path: Path) -> None:
    content = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        new = data.draw(st.one_of(st.binary(min_size=1, max_size=8), st.from_regex(rb"\A[-+0-9.eE ]{1,8}\Z")))
        content[at : at + len(new)] = new
    path = tmp_path / "damaged.edf"
    path.write_bytes(content[: data.draw(st.one_of(st.just(len(content)), st.integers(1, len(content))))])
    try:
        READER.recognise(glimpse(path))  # damage may make it look like an archive, which cannot be opened
        recording = READER.read(path, ROME)
    except FileFault:
        return
    assert recording.kinds
    begin, end = recording.span_ns
    assert begin <= end
    for signal in recording.signals:
        assert not np.isinf(signal.samples).any()


@pytest.fixture(scope="module")
def eight_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six channels at 256 Hz in records of 1 s: 88 MB."""
    labels = ("EEG Pz-Oz", "EEG Fpz-Cz", "EOG L", "EOG R", "EMG chin", "ECG")
    n = 8 * 3600
    head = File(tuple(ramp(256, label, 256) for label in labels), records=str(n)).content()[: 256 * 7]
    path = tmp_path_factory.mktemp("night") / "eight.edf"
    block = np.arange(60 * 6 * 256, dtype="<i2").tobytes()
    with path.open("wb") as stream:
        stream.write(head)
        for _ in range(n // 60):
            stream.write(block)
    return path


def test_one_channel_of_a_night_takes_a_fraction_of_a_second(eight_hours: Path) -> None:
    took = []
    for _ in range(3):
        begun = time.process_time()
        (signal,) = READER.read(eight_hours, replace(ROME, eeg_channels=("EEG Fpz-Cz",))).signals
        took.append(time.process_time() - begun)
    assert len(signal.samples) == 8 * 3600 * 256
    assert signal.samples[:2] == pytest.approx([25.6, 25.7], abs=1e-3)
    assert min(took) < 0.3
