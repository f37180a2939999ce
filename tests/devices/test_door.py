"""The door of the devices: who claims an export, what is answered when nobody does, and what is checked."""

from __future__ import annotations

import dataclasses
import struct
import subprocess
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline import devices
from pipeline.clock import NS, to_ns
from pipeline.devices import READERS, check_recording, claimant, is_bundle, read_export
from pipeline.devices.reader import Asked, Reader
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, Kind, Marker, Recording, RestInterval, Signal, ZoneSource

T0 = to_ns(datetime(2024, 3, 1, 22, tzinfo=UTC))
ASKED = Asked(zone="Europe/Rome", start=datetime(2024, 3, 1, 22))  # noqa: DTZ001


def write(folder: Path, content: bytes | str, name: str = "export.bin") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def recording_of(*signals: Signal, beats: Beats | None = None) -> Recording:
    return Recording("fake", "Europe/Rome", ZoneSource.STUDY, signals=signals, beats=beats)


def signal_of(kind: Kind, *values: float, fs_hz: float = 1.0, start: int = T0) -> Signal:
    return Signal(kind, "one", fs_hz, start, np.array(values, np.float32))


def beats_of(ends_s: list[float], rr_s: list[float]) -> Beats:
    return Beats(T0 + np.rint(np.array(ends_s) * NS).astype(np.int64), np.array(rr_s), "RR", "by hand")


def fake(recording: Recording | BaseException, gives: frozenset[Kind] = frozenset(Kind), name: str = "fake") -> Reader:
    def read(path: Path, asked: Asked) -> Recording:
        if isinstance(recording, BaseException):
            raise recording
        return recording

    return Reader(name, "fake", "a fake export", gives, lambda seen: seen.text.startswith("FAKE"), read)


# ---- who claims it ---------------------------------------------------------------------------------------------------


def test_an_unknown_export_is_answered_with_the_list_of_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        claimant(write(tmp_path, b"\x00\x01\x02 nothing known"))
    assert fault.value.fault is Fault.UNKNOWN_FORMAT
    assert fault.value.where == "export.bin"
    for reader in READERS:
        assert reader.looks_like in fault.value.known


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        ("-3.1\n2.2\n-0.7\n0.4\n", "rr_text"),
        ("timestamp,steps\n2024-01-01 10:00:00,5\n", "epoch_csv"),
        ("1539435366.0\n4.0\n0.81\n0.82\n", "empatica_e4"),
        ("1539435366.000000, IBI\n166.788885,0.390643\n", "empatica_e4"),
        ("1539435366.0, 1539435366.0, 1539435366.0\n32.0, 32.0, 32.0\n1,2,3\n", "empatica_e4"),
        (",ibi_s,day,time\n1,0.258,1,10:10:17\n", "mmash"),
        ("written by a GENEActiv of some other firmware\n1\n2\n", "nearest: geneactiv_"),
        ("once upon a time\n", "export it in one of these formats"),
    ],
)
def test_an_unknown_export_is_told_what_it_reminds_of(tmp_path: Path, content: str, hint: str) -> None:
    with pytest.raises(FileFault) as fault:
        claimant(write(tmp_path, content))
    assert hint in fault.value.hint


@pytest.mark.parametrize(("member", "hint"), [("[Content_Types].xml", "csv"), ("RR.csv", "unpack")])
def test_an_unknown_zip_is_told_what_to_do(tmp_path: Path, member: str, hint: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(member, "1")
    with pytest.raises(FileFault) as fault:
        claimant(tmp_path / "x.zip")
    assert fault.value.fault is Fault.UNKNOWN_FORMAT
    assert hint in fault.value.hint


def test_a_zip_cut_short_is_corrupt(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("EDA.csv", "1\n" * 1000)
    cut = write(tmp_path, (tmp_path / "x.zip").read_bytes()[:900], "cut.zip")
    with pytest.raises(FileFault) as fault:
        claimant(cut)
    assert fault.value.fault is Fault.CORRUPT


def test_a_file_that_is_not_there_is_a_fault_with_its_cause(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read_export(tmp_path / "gone.edf", ASKED)
    assert isinstance(fault.value.__cause__, FileNotFoundError)


def test_two_claims_are_ambiguous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = recording_of(signal_of(Kind.EDA, 1.0))
    monkeypatch.setattr(devices, "READERS", (fake(some, name="first"), fake(some, name="second")))
    with pytest.raises(FileFault) as fault:
        claimant(write(tmp_path, "FAKE"))
    assert fault.value.fault is Fault.AMBIGUOUS_FORMAT
    assert "first, second" in fault.value.known


def test_a_bundle_is_a_folder_that_is_one_export(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    session = inbox / "S01"
    session.mkdir(parents=True)
    assert not is_bundle(session)
    for name in ("ACC.csv", "EDA.csv", "TEMP.csv"):
        write(session, "1", name)
    assert is_bundle(session)
    assert not is_bundle(inbox)
    assert not is_bundle(session / "ACC.csv")


def test_a_folder_that_is_no_export_is_told_what_folders_are(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        claimant(tmp_path)
    assert "MMASH" in fault.value.hint


# ---- what a reader may raise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("bad literal"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        struct.error("unpack requires 4 bytes"),
        zipfile.BadZipFile("bad magic"),
        OverflowError("too large"),
        MemoryError(),
        KeyError("EDA"),
        IndexError("list index"),
        pl.exceptions.ComputeError("could not parse"),
        RuntimeError("from a library"),
        OSError("read failed"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_whatever_a_reader_raises_becomes_a_fault_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: Exception
) -> None:
    monkeypatch.setattr(devices, "READERS", (fake(raised),))
    with pytest.raises(FileFault) as fault:
        read_export(write(tmp_path, "FAKE"), ASKED)
    assert fault.value.fault is Fault.CORRUPT
    assert fault.value.__cause__ is raised
    assert f"reader fake: {type(raised).__name__}" in fault.value.known


def test_a_fault_passes_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = FileFault(Fault.UNKNOWN_UNIT, "in furlongs", where="export.bin")
    monkeypatch.setattr(devices, "READERS", (fake(own),))
    with pytest.raises(FileFault) as fault:
        read_export(write(tmp_path, "FAKE"), ASKED)
    assert fault.value is own


def test_an_interrupt_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "READERS", (fake(KeyboardInterrupt()),))
    with pytest.raises(KeyboardInterrupt):
        read_export(write(tmp_path, "FAKE"), ASKED)


# ---- what is checked -------------------------------------------------------------------------------------------------


def test_a_good_recording_passes_with_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = recording_of(signal_of(Kind.EDA, 1.0, np.nan, 2.0), beats=beats_of([1.0, 2.0, 2.0], [0.8, 1.0, 0.5]))
    reader = fake(good)
    monkeypatch.setattr(devices, "READERS", (reader,))
    found, recording = read_export(write(tmp_path, "FAKE"), ASKED)
    assert found is reader
    assert (recording.signals, recording.beats, recording.repairs) == (good.signals, good.beats, ())


@pytest.mark.parametrize(
    ("recording", "fault", "words"),
    [
        (recording_of(), Fault.NOTHING_USABLE, "no measured value"),
        (recording_of(signal_of(Kind.EDA)), Fault.NOTHING_USABLE, "no measured value"),
        (recording_of(signal_of(Kind.EDA, np.nan, np.nan)), Fault.NOTHING_USABLE, "no measured value"),
        (recording_of(beats=beats_of([], [])), Fault.NOTHING_USABLE, "no measured value"),
        (recording_of(signal_of(Kind.TEMP, 33.0, 98.6)), Fault.IMPLAUSIBLE, "'one' reaches 98.6 (temp_c)"),
        (recording_of(signal_of(Kind.EDA, -7.0, 1.0)), Fault.IMPLAUSIBLE, "'one' reaches -7 (eda_us)"),
        (recording_of(signal_of(Kind.EEG, 1e6)), Fault.IMPLAUSIBLE, "'one' reaches 1e+06 (eeg_uv)"),
        (recording_of(signal_of(Kind.BVP, 1.0, np.inf)), Fault.IMPLAUSIBLE, "'one' reaches inf (bvp_au)"),
        (recording_of(signal_of(Kind.HR, 60.0, fs_hz=0.0)), Fault.IMPLAUSIBLE, "rate of 0 Hz"),
        (recording_of(signal_of(Kind.HR, 60.0, fs_hz=np.nan)), Fault.IMPLAUSIBLE, "rate of nan Hz"),
        (recording_of(signal_of(Kind.HR, 60.0, start=0)), Fault.IMPLAUSIBLE, "would be of 1970"),
        (recording_of(signal_of(Kind.HR, 60.0, start=4_200_000_000 * NS)), Fault.IMPLAUSIBLE, "would be of 2103"),
        (recording_of(beats=beats_of([1.0, 2.0], [0.8, 0.0])), Fault.IMPLAUSIBLE, "not above 0 s"),
        (recording_of(beats=beats_of([1.0, 2.0], [0.8, np.nan])), Fault.IMPLAUSIBLE, "not above 0 s"),
        (recording_of(beats=beats_of([2.0, 1.0], [0.8, 0.8])), Fault.INTERNAL, "order of time"),
        (recording_of(beats=beats_of([1.0, 2.0], [0.8])), Fault.INTERNAL, "order of time"),
    ],
)
def test_a_recording_that_breaks_the_contract_is_refused(
    tmp_path: Path, recording: Recording, fault: Fault, words: str
) -> None:
    with pytest.raises(FileFault) as raised:
        check_recording(fake(recording), recording, tmp_path / "x.csv")
    assert raised.value.fault is fault
    assert words in raised.value.what
    assert raised.value.where == "x.csv"


def test_kinds_that_were_not_announced_are_our_fault(tmp_path: Path) -> None:
    recording = recording_of(signal_of(Kind.EDA, 1.0))
    with pytest.raises(FileFault) as fault:
        check_recording(fake(recording, frozenset({Kind.TEMP})), recording, tmp_path)
    assert fault.value.fault is Fault.INTERNAL


@pytest.mark.parametrize(("year", "second"), [(1984, 470_000_000), (2100, 4_102_444_800), (5138, 100_000_000_000)])
def test_a_time_outside_the_years_of_such_devices_is_told_even_beyond_int64(year: int, second: int) -> None:
    marked = Recording("fake", "Europe/Rome", ZoneSource.STUDY, markers=(Marker(second * NS, 0.0, "button"),))
    reader = dataclasses.replace(READERS[0], gives=frozenset({Kind.MARKERS}))
    with pytest.raises(FileFault) as fault:
        check_recording(reader, marked, Path("x"))
    told = f"the recording would be of {year}" + (", which is still to come" if year > 2000 else "")
    assert (fault.value.fault, fault.value.what) == (Fault.IMPLAUSIBLE, told)


def test_wrong_years_of_markers_and_rests_are_found(tmp_path: Path) -> None:
    good = recording_of(signal_of(Kind.EDA, 1.0))
    marker = dataclasses.replace(good, markers=(Marker(15 * NS, 0.0, "button"),))
    rest = dataclasses.replace(good, rests=(RestInterval(T0, 9_000_000_000 * NS, None, "diary"),))
    for recording in (marker, rest):
        with pytest.raises(FileFault) as fault:
            check_recording(fake(recording), recording, tmp_path)
        assert fault.value.fault is Fault.IMPLAUSIBLE


@pytest.mark.parametrize("kind", [Kind.MARKERS, Kind.DIARY])
def test_markers_or_rests_alone_are_usable(tmp_path: Path, kind: Kind) -> None:
    recording = dataclasses.replace(
        recording_of(),
        markers=(Marker(T0, 0.0, "button"),) if kind is Kind.MARKERS else (),
        rests=(RestInterval(T0, T0 + 8 * 3600 * NS, None, "diary"),) if kind is Kind.DIARY else (),
    )
    check_recording(fake(recording), recording, tmp_path)


# ---- cost ------------------------------------------------------------------------------------------------------------


def test_importing_the_door_loads_no_heavy_library(root: Path) -> None:
    code = "import sys, pipeline.devices; print(sorted({'mne', 'scipy', 'pandas', 'edfio'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# ---- clocks that were never set --------------------------------------------------------------------------------------


def test_a_recording_of_the_future_is_refused(tmp_path: Path) -> None:
    ahead = time.time_ns() + 3 * 86_400 * NS
    late = recording_of(signal_of(Kind.HR, 60.0, start=ahead))
    with pytest.raises(FileFault, match="still to come") as fault:
        check_recording(fake(late), late, tmp_path / "x.csv")
    assert "true_start" in fault.value.hint
    soon = recording_of(signal_of(Kind.HR, 60.0, start=time.time_ns() + 86_400 * NS))
    check_recording(fake(soon), soon, tmp_path / "x.csv")


@pytest.mark.parametrize("year", [1918, 1970])
def test_a_clock_of_no_possible_year_is_refused_and_mended_by_its_true_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int
) -> None:
    begin = to_ns(datetime(year, 1, 1, 3, tzinfo=UTC))
    lost = dataclasses.replace(
        recording_of(signal_of(Kind.HR, *[60.0] * 60, start=begin), beats=None),
        markers=(Marker(begin + 30 * NS, 0.0, "button"),),
    )
    monkeypatch.setattr(devices, "READERS", (fake(lost),))
    path = write(tmp_path, "FAKE")
    with pytest.raises(FileFault, match=f"would be of {year}"):
        read_export(path, ASKED)
    asked = dataclasses.replace(ASKED, true_start=datetime(2024, 3, 1, 23))  # noqa: DTZ001
    _, found = read_export(path, asked)
    assert found.signals[0].start_ns == T0
    assert found.markers[0].time_ns == T0 + 30 * NS
    assert "true_start" in found.repairs[-1]


def test_a_clock_where_unset_clocks_begin_is_flagged_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, flagged in ((datetime(2000, 1, 1, 5, tzinfo=UTC), True), (datetime(2000, 1, 9, tzinfo=UTC), False)):
        monkeypatch.setattr(devices, "READERS", (fake(recording_of(signal_of(Kind.HR, 60.0, start=to_ns(day)))),))
        _, found = read_export(write(tmp_path, "FAKE"), ASKED)
        assert any("never set" in text for text in found.repairs) is flagged
