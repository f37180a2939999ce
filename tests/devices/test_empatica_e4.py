"""Empatica E4 sessions: units, clocks of the streams, ends of intervals, and zips that must not be trusted."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.devices import archives, empatica_e4
from pipeline.devices.empatica_e4 import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import BeatSensor, Kind, Recording

ASKED = Asked(zone="America/Chicago")
T0 = 1_539_435_366

SESSION = {
    "ACC.csv": f"{T0}.00, {T0}.00, {T0}.00\n32.000000, 32.000000, 32.000000\n-3,-62,12\n64,0,-128\n32,16,8\n",
    "BVP.csv": f"{T0}.00\r\n64.000000\r\n-0.00\r\n12.5\r\n",
    "EDA.csv": f"{T0}.000000\n4.000000\n0.000000\n0.002563\n1.5\n",
    "TEMP.csv": f"{T0}.000000\n4.000000\n32.51\n32.49\n",
    "HR.csv": f"{T0 + 10}.000000\n1.000000\n84.00\n85.00\n",
    "IBI.csv": f"{T0}.000000, IBI\n2.0,0.8\n2.9,0.9\n9.0,1.0\n",
    "tags.csv": f"{T0 + 5}.30\n{T0 + 1}.25\n",
    "info.txt": "csv files\n",
}


def folder_of(path: Path, **changes: str | None) -> Path:
    path.mkdir()
    members = SESSION | {name.replace("_", "."): text for name, text in changes.items()}
    for name, text in members.items():
        if text is not None:
            (path / name).write_bytes(text.encode())
    return path


def zip_of(path: Path, members: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def read(path: Path) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, ASKED)


def test_every_stream_in_its_unit_and_from_its_own_start(tmp_path: Path) -> None:
    recording = read(folder_of(tmp_path / "s"))
    assert recording.kinds == READER.gives
    (acc,) = recording.of(Kind.ACC)
    assert acc.samples.shape == (3, 3)
    assert acc.samples[1].tolist() == [1.0, 0.0, -2.0]
    assert (acc.fs_hz, acc.start_ns) == (32.0, T0 * NS)
    (eda,) = recording.of(Kind.EDA)
    assert eda.samples.tolist() == pytest.approx([0.0, 0.002563, 1.5])
    assert recording.of(Kind.BVP)[0].samples.tolist() == [0.0, 12.5]
    assert recording.of(Kind.TEMP)[0].samples.tolist() == pytest.approx([32.51, 32.49])
    (hr,) = recording.of(Kind.HR)
    assert (hr.start_ns - T0 * NS, hr.samples.tolist()) == (10 * NS, [84.0, 85.0])
    assert recording.repairs == ()


def test_the_stamp_of_an_interval_is_its_end_and_holes_stay(tmp_path: Path) -> None:
    beats = read(folder_of(tmp_path / "s")).beats
    assert beats is not None
    assert ((beats.end_ns - T0 * NS) / NS).tolist() == pytest.approx([2.0, 2.9, 9.0])
    assert beats.rr_s.tolist() == [0.8, 0.9, 1.0]
    assert beats.sensor is BeatSensor.PPG


def test_tags_are_markers_in_order(tmp_path: Path) -> None:
    markers = read(folder_of(tmp_path / "s")).markers
    assert [(m.time_ns - T0 * NS) / NS for m in markers] == pytest.approx([1.25, 5.3])


def test_tags_of_another_time_are_left_out_and_told(tmp_path: Path) -> None:
    recording = read(folder_of(tmp_path / "s", tags_csv=f"{T0 + 1}.0\n15394353\n"))
    assert len(recording.markers) == 1
    assert "1 tags lie outside the session: left out" in recording.repairs


@pytest.mark.parametrize("prefix", ["", "S01/", "a/b/"])
def test_a_zip_is_read_as_its_folder(tmp_path: Path, prefix: str) -> None:
    path = zip_of(tmp_path / "1539435366_A01.zip", {prefix + name: text for name, text in SESSION.items()})
    zipped, plain = read(path), read(folder_of(tmp_path / "s"))
    assert zipped.markers == plain.markers
    for a, b in zip(zipped.signals, plain.signals, strict=True):
        assert (a.kind, a.start_ns, a.fs_hz) == (b.kind, b.start_ns, b.fs_hz)
        assert np.array_equal(a.samples, b.samples)


def test_a_tags_file_may_bear_the_name_of_the_person(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "S01", tags_csv=None)
    (path / "tags_S01.csv").write_text(f"{T0 + 3}\r\n")
    assert len(read(path).markers) == 1


def test_streams_that_are_absent_or_empty_are_left_out(tmp_path: Path) -> None:
    recording = read(folder_of(tmp_path / "s", ACC_csv=None, BVP_csv=None, IBI_csv="", EDA_csv=f"{T0}.0\n4.0\n"))
    assert recording.kinds == {Kind.TEMP, Kind.HR, Kind.MARKERS}
    assert set(recording.repairs) == {"EDA.csv holds no sample: left out", "IBI.csv is empty: left out"}


def test_no_sample_in_any_stream_is_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(folder_of(tmp_path / "s", **{name.replace(".", "_"): "" for name in SESSION}))
    assert fault.value.fault is Fault.NOTHING_USABLE


def test_a_row_without_number_is_a_missing_sample_never_zero(tmp_path: Path) -> None:
    rows = ["1.0"] * 300
    rows[150] = ""
    recording = read(folder_of(tmp_path / "s", EDA_csv=f"{T0}.0\n4.0\n" + "\n".join(rows) + "\n"))
    (eda,) = recording.of(Kind.EDA)
    assert len(eda.samples) == 300
    assert np.flatnonzero(np.isnan(eda.samples)).tolist() == [150]


def test_a_glitch_beyond_the_sensor_is_missing_and_many_are_kept_for_the_check(tmp_path: Path) -> None:
    rows = ["32.0"] * 300
    rows[7] = "382.21"
    recording = read(folder_of(tmp_path / "s", TEMP_csv=f"{T0}.0\n4.0\n" + "\n".join(rows) + "\n"))
    assert np.flatnonzero(np.isnan(recording.of(Kind.TEMP)[0].samples)).tolist() == [7]
    fahrenheit = read(folder_of(tmp_path / "f", TEMP_csv=f"{T0}.0\n4.0\n" + "98.6\n" * 300))
    assert fahrenheit.of(Kind.TEMP)[0].samples.max() == pytest.approx(98.6)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"EDA_csv": "hello\n4.0\n1.0\n"}, Fault.TRUNCATED),
        ({"EDA_csv": f"{T0}.0"}, Fault.TRUNCATED),
        ({"EDA_csv": f"{T0}.0\n0.0\n1.0\n"}, Fault.CORRUPT),
        ({"EDA_csv": f"{T0 + 86_400}.0\n4.0\n1.0\n"}, Fault.IMPLAUSIBLE),
        ({"EDA_csv": f"{T0}.0\n4.0\n" + "x\n" * 50}, Fault.CORRUPT),
        ({"IBI_csv": f"{T0}.0, IBI\n" + "1.0\n" * 50}, Fault.CORRUPT),
    ],
)
def test_damaged_streams_are_faults(tmp_path: Path, change: dict[str, str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(folder_of(tmp_path / "s", **change))
    assert raised.value.fault is fault


def test_a_session_names_no_zone(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        READER.read(folder_of(tmp_path / "s"), Asked())
    assert fault.value.fault is Fault.NO_ZONE


# ---- zips that must not be trusted -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../EDA.csv", "/etc/EDA.csv", "a/../../EDA.csv", "C:\\EDA.csv"])
def test_a_zip_that_points_outside_itself_is_refused(tmp_path: Path, name: str) -> None:
    members = {k: v for k, v in SESSION.items() if k != "EDA.csv"} | {name: SESSION["EDA.csv"]}
    with pytest.raises(FileFault) as fault:
        READER.read(zip_of(tmp_path / "s.zip", members), ASKED)
    assert fault.value.fault is Fault.HOSTILE
    assert "outside" in fault.value.what


def test_two_sessions_in_one_zip_are_ambiguous(tmp_path: Path) -> None:
    members = {f"{s}/{name}": text for s in ("S01", "S02") for name, text in SESSION.items()}
    with pytest.raises(FileFault) as fault:
        read(zip_of(tmp_path / "s.zip", members))
    assert fault.value.fault is Fault.AMBIGUOUS_FORMAT


def test_a_member_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1024**2)
    bomb = SESSION | {"EDA.csv": f"{T0}.0\n4.0\n" + "0.000000\n" * 400_000}
    with pytest.raises(FileFault) as fault:
        read(zip_of(tmp_path / "s.zip", bomb))
    assert fault.value.fault is Fault.TOO_LARGE
    assert fault.value.what.startswith("EDA.csv unpacks to more than")


def test_an_unworn_sensor_packs_very_well_and_is_read(tmp_path: Path) -> None:
    recording = read(zip_of(tmp_path / "s.zip", SESSION | {"EDA.csv": f"{T0}.0\n4.0\n" + "0.000000\n" * 345_600}))
    assert len(recording.of(Kind.EDA)[0].samples) == 345_600


def test_a_member_beyond_the_largest_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(empatica_e4, "MOST_BYTES", 40)
    with pytest.raises(FileFault, match="unpacks to more than"):
        read(zip_of(tmp_path / "s.zip", SESSION))
    with pytest.raises(FileFault, match="too large"):
        read(folder_of(tmp_path / "s"))


@pytest.mark.parametrize(
    "make",
    [
        lambda p: folder_of(p / "m", RR_csv="x"),
        lambda p: zip_of(p / "x.zip", {"ACC.csv": "1", "EDA.csv": "1"}),
    ],
)
def test_other_folders_are_not_claimed(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    assert not READER.recognise(glimpse(make(tmp_path)))


# ---- the real world --------------------------------------------------------------------------------------------------

REAL = [
    ("exam_stress/S1/Midterm 1", 5, 300, 2),
    ("exam_stress/S1/Midterm 2", 4, 1290, 0),
    ("exam_stress/S1/Final", 3, 2168, 0),
    ("exam_stress/S2/Midterm 1", 4, 600, 2),
    ("exam_stress/S2/Midterm 2", 4, 2108, 2),
    ("exam_stress/S2/Final", 3, 8402, 0),
    ("exam_stress/S3/Midterm 1", 4, 480, 2),
    ("exam_stress/S3/Midterm 2", 4, 510, 0),
    ("exam_stress/S3/Final", 3, 1080, 0),
    ("stress_predict/S01", 5, 1260, 10),
    ("stress_predict/S02", 5, 360, 9),
    ("stress_predict/S03", 5, 1290, 9),
    ("stress_predict/S04", 5, 1530, 9),
    ("stress_predict/S05", 5, 2378, 7),
    ("stress_predict/S06", 5, 3128, 7),
    ("stress_predict/S07", 5, 2168, 7),
    ("stress_predict/S08", 5, 2378, 7),
    ("flirt_sample/wearable-data/empatica", 5, 4999, 0),
]


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "streams", "beats", "tags"), REAL)
def test_published_sessions(real_data: Path, name: str, streams: int, beats: int, tags: int) -> None:
    recording = read(real_data / name)
    assert recording.beats is not None
    assert (len(recording.signals), len(recording.beats.rr_s), len(recording.markers)) == (streams, beats, tags)
    assert np.all(np.diff(recording.beats.end_ns) > 0)
    starts = {s.label: s.start_ns for s in recording.signals}
    assert starts["HR"] - starts["EDA"] == 10 * NS
    # The stamps are ends: most intervals that follow another begin where that one ended.
    step = np.diff(recording.beats.end_ns) / NS
    as_ends = np.count_nonzero(np.abs(step - recording.beats.rr_s[1:]) < 0.002)
    as_begins = np.count_nonzero(np.abs(step - recording.beats.rr_s[:-1]) < 0.002)
    assert as_ends > 3 * as_begins
    for signal in recording.of(Kind.ACC):
        still = np.linalg.norm(signal.samples, axis=1)
        assert np.median(still) == pytest.approx(1.0, abs=0.06)  # gravity: the unit is right
