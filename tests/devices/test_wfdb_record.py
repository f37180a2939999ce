"""WFDB records: headers, packings, annotations, segments, starts, and what lies beside what."""

from __future__ import annotations

import struct
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.sample import ASKED, T0_NS
from handmade.wfdb_record import NOISE, NORMAL, VENTRICULAR, annotations, word
from numpy.typing import NDArray

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant, read_export, wfdb_samples
from pipeline.devices.reader import Asked
from pipeline.devices.wfdb_annotations import annotations_of, look_like_beats
from pipeline.devices.wfdb_header import companions, is_header, read_header
from pipeline.devices.wfdb_record import READER
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

BEATS = [(0, NORMAL), (200, NORMAL), (380, NORMAL), (580, VENTRICULAR), (780, NORMAL)]
MORE = [(t, NORMAL) for t in range(980, 4000, 200)]


def record(folder: Path, header: str, **files: bytes) -> Path:
    for end, content in files.items():
        (folder / f"r.{end}").write_bytes(content)
    path = folder / "r.hea"
    path.write_text(header)
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    reader, recording = read_export(path, asked)
    assert reader is READER
    return recording


def fault_of(path: Path, asked: Asked = ASKED) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read_export(path, asked)
    return fault.value


def int16(values: NDArray[np.int64] | list[int]) -> bytes:
    return np.asarray(values, "<i2").tobytes()


# ---- annotations -----------------------------------------------------------------------------------------------------


def test_intervals_lie_between_beats_and_end_at_the_second(tmp_path: Path) -> None:
    recording = read(record(tmp_path, "r 0 200 0\n", atr=annotations(BEATS + MORE)))
    beats = recording.beats
    assert beats is not None
    assert beats.rr_s[:4].tolist() == [1.0, 0.9, 1.0, 1.0]
    assert ((beats.end_ns[:4] - T0_NS) / NS).tolist() == [1.0, 1.9, 2.9, 3.9]
    assert recording.repairs == ("1 of 21 beats are no sinus beats (V 1): intervals kept",)
    assert recording.clock is ClockKind.ELAPSED


def test_no_interval_reaches_across_noise_or_a_long_hole(tmp_path: Path) -> None:
    marks = [*BEATS, (800, NOISE), (980, NORMAL), (1180, NORMAL), (1180 + 601, NORMAL), (1981, NORMAL)]
    recording = read(record(tmp_path, "r 0 200 0\n", atr=annotations(marks)))
    assert recording.beats is not None
    assert recording.beats.rr_s.tolist() == [1.0, 0.9, 1.0, 1.0, 1.0, 1.0]
    assert "1 intervals hold noise" in recording.repairs[0]
    assert "1 intervals above 3 s" in recording.repairs[1]


def test_skips_texts_and_modifiers_are_no_annotations() -> None:
    text = word(28, 0) + word(63, 3) + b"(N\0" + b"\0"  # a rhythm and its label, of odd length
    content = text + word(NORMAL, 100) + word(61, 5) + word(59, 0) + struct.pack("<2H", 1, 2) + word(NORMAL, 7)
    back = word(59, 0) + struct.pack("<2H", 0xFFFF, 0xFFFF)  # a skip of −1
    found = annotations_of(content + back + word(NORMAL, 0) + word(0, 0) + word(NORMAL, 9))
    assert found.codes.tolist() == [28, NORMAL, NORMAL, NORMAL]
    assert found.ticks.tolist() == [0, 100, 100 + 65536 + 2 + 7, 100 + 65536 + 2 + 7 - 1]
    assert found.complete


def test_zeros_within_a_text_do_not_end_the_annotations() -> None:
    found = annotations_of(word(22, 0) + word(63, 4) + b"\0\0\0\0" + word(NORMAL, 5) + word(0, 0))
    assert found.ticks.tolist() == [0, 5]


@pytest.mark.parametrize("size", range(1, 40))
def test_a_cut_anywhere_leaves_a_beginning(size: int) -> None:
    whole = annotations([*BEATS, (70_000, NORMAL), (70_200, NORMAL)], rate=200)
    part = annotations_of(whole[:size])
    full = annotations_of(whole)
    n = len(part.codes)
    assert np.array_equal(part.ticks, full.ticks[:n])
    assert np.array_equal(part.codes, full.codes[:n])


def test_annotations_alone_take_their_rate_from_the_header_beside_the_note_or_the_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "r.atr"
    path.write_bytes(annotations(BEATS + MORE))
    fault = fault_of(path)
    assert (fault.fault, '"annotations"' in fault.hint) == (Fault.UNKNOWN_UNIT, True)
    told = read(path, Asked(zone="Europe/Rome", start=ASKED.start, units={"annotations": "100 Hz"}))
    assert told.beats is not None
    assert told.beats.rr_s[0] == 2.0
    record(tmp_path, "r 0 200 0 22:00:00 1/3/2024\n")
    beside = read(path, Asked(zone="Europe/Rome"))
    assert beside.beats is not None
    assert (beside.beats.rr_s[0], int(beside.beats.end_ns[0])) == (1.0, T0_NS + NS)
    path.write_bytes(annotations(BEATS + MORE, rate=400))
    noted = read(path).beats
    assert noted is not None
    assert noted.rr_s[0] == 0.5


def test_the_annotator_that_is_trusted_most_is_read(tmp_path: Path) -> None:
    by_machine = annotations([(t + 3, NORMAL) for t, _ in BEATS + MORE])
    path = record(tmp_path, "r 0 200 0\n", qrs=by_machine, atr=annotations(BEATS + MORE))
    beats = read(path).beats
    assert beats is not None
    assert (beats.label, int(beats.end_ns[0])) == ("atr", T0_NS + NS)


@pytest.mark.parametrize(
    "content",
    [
        b"0.812\n0.823\n0.811\n" * 100,
        b"timestamp,activity\n2024-03-01 22:00:00,12\n" * 40,
        np.random.default_rng(0).integers(0, 256, 4096).astype(np.uint8).tobytes(),
        int16((1500 + 400 * np.sin(np.arange(2000) / 9)).astype(int)),
        int16(np.zeros(2000, int)),
        np.linspace(0, 1, 1000, dtype="<f4").tobytes(),
    ],
)
def test_other_content_is_not_taken_for_beats(content: bytes) -> None:
    assert not look_like_beats(content)


# ---- headers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("r 0 128 0\n# Age: 64 Sex: F\n", True),
        ("# first\n\nr 2 360 650000\nr.dat 212 200 11 1024 995 -22131 0 MLII\n", True),
        ("r 1\nr.dat 16\n", True),
        ("r/2 1 125 100\na 50\n~ 50\n", True),
        ("r 0 128 0\n812\n", False),
        ("a 1 2\n3 4 5\n", False),
        ("800\n900\n", False),
        ("r 1 250 10\n../../etc/passwd 16 200 ECG\n", False),
        ("Brain Vision Data Exchange Header File Version 1.0\n", False),
    ],
)
def test_a_header_is_known_by_its_lines(text: str, known: bool) -> None:
    assert is_header(text) is known


def test_defaults_of_the_manual_fill_what_a_header_leaves_out(tmp_path: Path) -> None:
    header = read_header(record(tmp_path, "r 2\nr.dat 212x2:3+512 12.84(-16)/uV 12 7 0 0 0 ABP left\nr.dat 212\n"))
    one, two = header.channels
    assert (header.fs_hz, header.frames, header.wall) == (250.0, 0, None)
    assert (one.times, one.skew, one.offset, one.gain, one.baseline, one.units) == (2, 3, 512, 12.84, -16, "uV")
    assert (one.label, two.label, two.gain, two.units, two.baseline) == ("ABP left", "", 0.0, "mV", 0)


@pytest.mark.parametrize(
    ("said", "wall"),
    [
        ("23:07:00 19/1/1989", datetime(1989, 1, 19, 23, 7)),  # noqa: DTZ001
        ("1:05:30 20/7/89", datetime(1989, 7, 20, 1, 5, 30)),  # noqa: DTZ001
        ("12:00:00.25 1/2/2003", datetime(2003, 2, 1, 12, 0, 0, 250_000)),  # noqa: DTZ001
        ("12:30 1/2/2003", datetime(2003, 2, 1, 0, 12, 30)),  # noqa: DTZ001  minutes and seconds, says the manual
        ("12:00:00", None),
        ("12:00:00 1/2/2150", None),
        ("25:00:00 1/2/2003", None),
    ],
)
def test_a_start_is_day_first_and_hidden_years_are_none(tmp_path: Path, said: str, wall: datetime | None) -> None:
    assert read_header(record(tmp_path, f"r 0 128 10 {said}\n")).wall == wall


def test_a_record_of_no_date_asks_for_its_start(tmp_path: Path) -> None:
    path = record(tmp_path, "r 0 200 0\n", atr=annotations(BEATS + MORE))
    assert fault_of(path, Asked(zone="Europe/Rome")).fault is Fault.NO_START_TIME


@pytest.mark.parametrize("text", ["r 2 250 10\nr.dat 16 200 16 0 0 0 0 ECG\n", "r/3 1 250 10\na 5\n"])
def test_a_header_that_ends_early_is_truncated(tmp_path: Path, text: str) -> None:
    assert fault_of(record(tmp_path, text)).fault is Fault.TRUNCATED


# ---- signals ---------------------------------------------------------------------------------------------------------


def test_ecg_is_in_microvolts_and_others_are_left_out(tmp_path: Path) -> None:
    header = "r 3 250 4 22:00:00 1/3/2024\n"
    header += "r.dat 16 200(10)/mV 16 0 0 0 0 MLII\nr.dat 16 1/mmHg 16 0 0 0 0 ABP\nr.dat 16 100/NU 16 0 0 0 0 PLETH\n"
    rows = [[10, 1, 100], [210, 2, -100], [-32768, 3, 0], [-190, 4, 50]]
    recording = read(record(tmp_path, header, dat=int16(np.array(rows).ravel())), Asked(zone="Europe/Rome"))
    ecg, pleth = recording.signals
    assert (ecg.kind, ecg.label, ecg.start_ns, ecg.fs_hz) == (Kind.ECG, "MLII", T0_NS, 250.0)
    assert ecg.samples[[0, 1, 3]].tolist() == [0.0, 1000.0, -1000.0]
    assert np.isnan(ecg.samples).tolist() == [False, False, True, False]
    assert (pleth.kind, pleth.samples.tolist()) == (Kind.BVP, [1.0, -1.0, 0.0, 0.5])
    assert recording.repairs == ("1 of 3 signals are no ECG or pulse wave: left out",)
    assert recording.clock is ClockKind.DEVICE


PACKED = {
    16: int16([5, -6, 7, -8, 9, 10]),
    61: np.array([5, -6, 7, -8, 9, 10], ">i2").tobytes(),
    160: (np.array([5, -6, 7, -8, 9, 10]) + 32768).astype("<u2").tobytes(),
    80: (np.array([5, -6, 7, -8, 9, 10]) + 128).astype(np.uint8).tobytes(),
    24: b"".join(int(v).to_bytes(3, "little", signed=True) for v in [5, -6, 7, -8, 9, 10]),
    32: np.array([5, -6, 7, -8, 9, 10], "<i4").tobytes(),
    # 12 bits: 005 and FFA (−6) are 05 F0 FA; 007 and FF8 are 07 F0 F8; 009 and 00A are 09 00 0A.
    212: bytes.fromhex("05f0fa 07f0f8 09000a"),
    # Words of 11 + 5 bits: 5·2 and the low 5 bits of 7 above them; −6·2 in 11 bits and its high 5 bits; and so on.
    310: struct.pack("<4H", 5 << 1 | 7 << 11, (-6 & 0x3FF) << 1, (-8 & 0x3FF) << 1 | 10 << 11, 9 << 1),
    # 32 bits of 10 + 10 + 10.
    311: struct.pack("<2I", 5 | (-6 & 0x3FF) << 10 | 7 << 20, (-8 & 0x3FF) | 9 << 10 | 10 << 20),
}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("ahead", [0, 12])
def test_every_packing_gives_the_same_numbers(tmp_path: Path, packing: int, ahead: int) -> None:
    offset = f"+{ahead}" if ahead else ""
    header = f"r 2 250 3\nr.dat {packing}{offset} 1000/mV 12 0 0 0 0 I\nr.dat {packing}{offset} 1000/mV 12 0 0 0 0 II\n"
    one, two = read(record(tmp_path, header, dat=b"\xaa" * ahead + PACKED[packing])).signals
    assert (one.samples.tolist(), two.samples.tolist()) == ([5.0, 7.0, 9.0], [-6.0, -8.0, 10.0])


def test_several_samples_a_frame_are_a_higher_rate(tmp_path: Path) -> None:
    header = "r 2 100 2\nr.dat 16x2 1/mV 16 0 0 0 0 ECG\nr.dat 16 1/l 16 0 0 0 0 Resp\n"
    (ecg,) = read(record(tmp_path, header, dat=int16([1, 2, 90, 3, 4, 91]))).signals
    assert (ecg.fs_hz, ecg.samples.tolist()) == (200.0, [1000.0, 2000.0, 3000.0, 4000.0])


def test_a_skewed_channel_is_moved_to_its_time(tmp_path: Path) -> None:
    header = "r 2 100 3\nr.dat 16 1/mV 16 0 0 0 0 I\nr.dat 16:1 1/mV 16 0 0 0 0 II\n"
    _, late = read(record(tmp_path, header, dat=int16([1, 0, 2, 10, 3, 20]))).signals
    assert late.samples[:2].tolist() == [10_000.0, 20_000.0]
    assert np.isnan(late.samples[2])


def test_stretches_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(-500, 500, 100)
    path = record(tmp_path, "r 1 100 100\nr.dat 16 1000/mV 16 0 0 0 0 I\n", dat=int16(values))
    monkeypatch.setattr(wfdb_samples, "FRAMES", 12)
    assert read(path).signals[0].samples.tolist() == values.tolist()


def test_a_short_signal_file_is_its_beginning_and_told(tmp_path: Path) -> None:
    path = record(tmp_path, "r 1 100 5\nr.dat 16 1000/mV 16 0 0 0 0 I\n", dat=int16([1, 2, 3]) + b"\1")
    recording = read(path)
    assert recording.signals[0].samples.tolist() == [1.0, 2.0, 3.0]
    assert recording.repairs == ("2 frames of the announced ones are not there: a signal file was cut short",)


def test_segments_lie_where_they_belong_with_a_gap_between(tmp_path: Path) -> None:
    (tmp_path / "r_layout.hea").write_text("r_layout 2 100 0\n~ 0 1/mV 16 0 0 0 0 II\n~ 0 1/mV 16 0 0 0 0 V\n")
    (tmp_path / "a.hea").write_text("a 1 100 2\na.dat 16 1/mV 16 0 0 0 0 II\n")
    (tmp_path / "b.hea").write_text("b 2 100 3\nb.dat 16 2/mV 16 0 0 0 0 V\nb.dat 16 4/mV 16 0 0 0 0 II\n")
    (tmp_path / "a.dat").write_bytes(int16([1, 2]))
    (tmp_path / "b.dat").write_bytes(int16([2, 4, 4, 8, 6, 12]))
    lead, other = read(record(tmp_path, "r/4 2 100 7\nr_layout 0\na 2\n~ 2\nb 3\n")).signals
    assert (lead.label, other.label) == ("II", "V")
    assert np.nan_to_num(lead.samples, nan=-1).tolist() == [1e3, 2e3, -1, -1, 1e3, 2e3, 3e3]
    assert np.nan_to_num(other.samples, nan=-1).tolist() == [-1, -1, -1, -1, 1e3, 2e3, 3e3]


def test_an_uncalibrated_lead_takes_its_gain_from_the_sidecar(tmp_path: Path) -> None:
    header, dat = "r 1 100 2\nr.dat 16 0 16 0 0 0 0 ECG1\n", int16([100, 200])
    path = record(tmp_path, header, dat=dat)
    fault = fault_of(path)
    assert (fault.fault, '"ECG1": "200/mV"' in fault.hint) == (Fault.UNKNOWN_UNIT, True)
    asked = Asked(zone="Europe/Rome", start=ASKED.start, units={"ECG1": "100/mV"})
    assert read(path, asked).signals[0].samples.tolist() == [1000.0, 2000.0]
    beside_beats = read(record(tmp_path, header, dat=dat, atr=annotations(BEATS + MORE)))
    assert (beside_beats.kinds, "not calibrated" in beside_beats.repairs[0]) == ({Kind.RR}, True)


def test_beats_are_read_where_the_signals_are_not_there(tmp_path: Path) -> None:
    header = "r 1 200 9000\nr.dat 16 200 16 0 0 0 0 I\n"
    assert fault_of(record(tmp_path, header)).fault is Fault.TRUNCATED
    recording = read(record(tmp_path, header, atr=annotations(BEATS + MORE)))
    assert recording.kinds == {Kind.RR}
    assert "not beside the header" in recording.repairs[0]


def test_a_packing_that_is_not_read_says_what_converts_it(tmp_path: Path) -> None:
    fault = fault_of(record(tmp_path, "r 1 100 2\nr.dat 516 200 16 0 0 0 0 I\n", dat=b"fLaC"))
    assert (fault.fault, "xform" in fault.hint) == (Fault.UNKNOWN_CODE, True)


def test_nothing_outside_the_folder_is_opened(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.dat").write_bytes(int16([1, 2]))
    (tmp_path / "in" / "r.dat").symlink_to(tmp_path / "secret.dat")
    path = record(tmp_path / "in", "r 1 100 2\nr.dat 16 1/mV 16 0 0 0 0 I\n")
    assert fault_of(path).fault is Fault.TRUNCATED
    path.write_text("r 1 100 2\n../secret.dat 16 1/mV 16 0 0 0 0 I\n")
    assert fault_of(path).fault is Fault.UNKNOWN_FORMAT


@pytest.mark.parametrize("letter", ["1", "ô"])
def test_names_longer_than_a_file_system_holds_are_met_in_words(tmp_path: Path, letter: str) -> None:
    path = record(tmp_path, f"{'nsr' + letter * 300} 1 128 10\n{'x' * 300}.dat 16 200 16 0 0 0 0 ECG\n")
    with pytest.raises(FileFault):
        READER.read(path, ASKED)


def test_comments_are_never_read(tmp_path: Path) -> None:
    header = "r 0 200 0\n# 44 M Ada Lovelace\n"
    assert "Ada" not in repr(read(record(tmp_path, header, atr=annotations(BEATS + MORE))))


# ---- what belongs together -------------------------------------------------------------------------------------------


def test_companions_are_what_headers_name_and_annotations_of_their_name(tmp_path: Path) -> None:
    record(tmp_path, "r/2 1 100 7\na 3\n~ 4\n")
    (tmp_path / "a.hea").write_text("a 1 100 2\nother.bin 16 1/mV 16 0 0 0 0 II\n")
    (tmp_path / "plain.hea").write_text("some words\n")
    names = ["r.hea", "r.atr", "r.csv", "a.hea", "a.qrs", "other.bin", "x.atr", "plain.hea", "plain.dat", "b.hea"]
    found = {name: companions(tmp_path / name, names) for name in names}
    assert frozenset().union(*found.values()) == {"r.atr", "a.hea", "a.qrs", "other.bin"}
    assert all(not parts for name, parts in found.items() if not name.endswith(".hea"))


# ---- the library that everyone has, as a second opinion --------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["wfdb_sample/100", "wfdb_sample/03700181"])
def test_signals_equal_those_of_the_wfdb_library(real_data: Path, name: str) -> None:
    wfdb = pytest.importorskip("wfdb")
    recording = read(real_data / f"{name}.hea")
    theirs = wfdb.rdrecord(str(real_data / name), smooth_frames=False)
    for signal in recording.signals:
        place = [label.strip() for label in theirs.sig_name].index(signal.label)
        wanted = theirs.e_p_signal[place] * 1000
        assert np.allclose(signal.samples, wanted, rtol=1e-6, atol=1e-3, equal_nan=True)
        assert signal.fs_hz == theirs.fs * theirs.samps_per_frame[place]


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["hrv_truth/nsr004.ecg", "wfdb_sample/100.atr"])
def test_annotations_equal_those_of_the_wfdb_library(real_data: Path, name: str) -> None:
    wfdb = pytest.importorskip("wfdb")
    path = real_data / name
    theirs = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:], return_label_elements=["label_store"])
    ours = annotations_of(path.read_bytes())
    assert np.array_equal(ours.ticks, theirs.sample)
    assert np.array_equal(ours.codes, theirs.label_store)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["nsr001", "nsr004"])
def test_intervals_equal_the_published_list_save_across_noise(real_data: Path, name: str) -> None:
    recording = read(real_data / "hrv_truth" / f"{name}.hea")
    assert recording.beats is not None
    listed = np.loadtxt(real_data / "rr_24h" / "normal" / f"{name}_rr_secs.txt")
    ends = np.rint((recording.beats.end_ns - T0_NS) / NS * 128).astype(int)
    published = dict(zip(np.rint(np.cumsum(listed) * 128).astype(int).tolist(), listed.tolist(), strict=True))
    assert [published[end] for end in ends.tolist()] == pytest.approx(recording.beats.rr_s.tolist())
    assert 0 < len(listed) - len(ends) < 0.005 * len(listed)


@pytest.mark.realdata
def test_a_real_record_begins_when_its_header_says(real_data: Path) -> None:
    path = real_data / "wfdb_sample" / "03700181.hea"
    assert claimant(path) is READER
    begin, end = read(path, Asked(zone="America/New_York")).span_ns
    assert f"{to_datetime(begin, 'America/New_York'):%Y-%m-%d %H:%M:%S}" == "1994-08-15 17:27:45"
    assert (end - begin) / NS == 75_000 / 125
