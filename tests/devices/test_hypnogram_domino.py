"""DOMINO exports: languages, dates of Windows, midnight, events as markers."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices.hypnogram_domino import READER
from pipeline.devices.reader import Asked, DateOrder
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording, Stage

ROME = Asked(zone="Europe/Rome")


def profile(folder: Path, *rows: str, start: str = "01.03.2024 23:59:00", rate: str = "30 s") -> Path:
    head = f"Signal ID: SchlafProfil\\profil\nStart Time: {start}\nUnit: \nSignal Type: Discret\nEvents list: N3,Rem\n"
    path = folder / "Sleep profile.txt"
    path.write_text(f"{head}Rate: {rate}\n\n" + "".join(f"{row}\n" for row in rows), encoding="latin-1")
    return path


def events(folder: Path, *rows: str, start: str = "01.03.2024 20:59:00") -> Path:
    path = folder / "Flow.txt"
    head = f"Signal ID: FlowD\\flow\nStart Time: {start}\nUnit: s\nSignal Type: Impuls\n\n"
    path.write_text(head + "".join(f"{row}\n" for row in rows))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    return READER.read(path, asked)


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def test_a_profile_is_a_stage_an_epoch_through_midnight(tmp_path: Path) -> None:
    rows = ("23:59:00,000; Wake", "23:59:30,000; N1", "00:00:00,000; N3", "00:00:30,000; Rem")
    recording = read(profile(tmp_path, *rows))
    assert stages(recording) == [0, 1, 3, 4]
    assert recording.hypnogram is not None
    assert recording.hypnogram.epoch_s == 30.0
    assert to_datetime(recording.span_ns[0]).isoformat() == "2024-03-01T22:59:00+00:00"
    assert recording.device == "DOMINO"


@pytest.mark.parametrize(
    ("word", "stage"),
    [
        ("Wach", Stage.WAKE),
        ("Éveil", Stage.WAKE),
        ("A", Stage.UNSCORED),
        ("Artefakt", Stage.UNSCORED),
        ("Bewegung", Stage.MOVEMENT),
        ("Movement", Stage.MOVEMENT),
        ("N4", Stage.N3),
        ("REM", Stage.REM),
    ],
)
def test_stage_words_in_several_languages(word: str, stage: Stage, tmp_path: Path) -> None:
    assert stages(read(profile(tmp_path, f"23:59:00,000; {word}"))) == [stage]


def test_epochs_that_are_not_in_the_file_are_unscored(tmp_path: Path) -> None:
    assert stages(read(profile(tmp_path, "23:59:00,000; N2", "00:00:30,000; N2"))) == [2, -1, -1, 2]


def test_epochs_of_twenty_seconds(tmp_path: Path) -> None:
    found = read(profile(tmp_path, "23:59:00,000; N2", "23:59:20,000; N3", rate="20 s")).hypnogram
    assert found is not None
    assert (found.epoch_s, found.stages.tolist()) == (20.0, [2, 3])


@pytest.mark.parametrize(
    ("start", "utc"),
    [
        ("30.05.2024 20:59:00", "2024-05-30T18:59:00+00:00"),
        ("5/30/2024 8:59:00 PM", "2024-05-30T18:59:00+00:00"),
        ("5/6/2024 8:59:00 PM", "2024-05-06T18:59:00+00:00"),  # AM and PM: an American Windows
        ("30/05/2024 20:59:00", "2024-05-30T18:59:00+00:00"),
    ],
)
def test_the_start_is_read_in_the_language_of_windows(start: str, utc: str, tmp_path: Path) -> None:
    recording = read(profile(tmp_path, "20:59:00,000; Wake", start=start))
    assert to_datetime(recording.span_ns[0]).isoformat() == utc


def test_a_date_that_reads_both_ways_is_asked_for(tmp_path: Path) -> None:
    path = profile(tmp_path, "20:59:00,000; Wake", start="05/06/2024 20:59:00")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.NO_START_TIME
    told = read(path, Asked(zone="Europe/Rome", date_order=DateOrder.DAY_FIRST))
    assert to_datetime(told.span_ns[0]).isoformat() == "2024-06-05T18:59:00+00:00"


def test_rows_may_carry_their_date(tmp_path: Path) -> None:
    rows = ("30.05.2024 23:59:30,000; N2", "31.05.2024 00:00:00,000; N3")
    recording = read(profile(tmp_path, *rows, start="5/30/2024 11:59:30 PM"))
    assert stages(recording) == [2, 3]


def test_events_are_markers_and_one_before_noon_is_of_the_next_day(tmp_path: Path) -> None:
    recording = read(events(tmp_path, "08:41:31,500-08:41:42,750; 11;Hypopnea", "08:59:55,000-09:00:05,000; 10;Apnea"))
    assert recording.hypnogram is None
    first, second = recording.markers
    assert (first.label, first.duration_s, second.label, second.duration_s) == ("Hypopnea", 11.25, "Apnea", 10.0)
    assert to_datetime(first.time_ns).isoformat() == "2024-03-02T07:41:31.500000+00:00"


def test_an_event_through_midnight_lasts_its_seconds(tmp_path: Path) -> None:
    recording = read(events(tmp_path, "23:59:50,000-00:00:10,000; 20;Hypopnea"))
    assert recording.markers[0].duration_s == 20.0


def test_an_unknown_stage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(profile(tmp_path, "23:59:00,000; Traum"))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert "'Traum'" in fault.value.what


def test_no_rate_is_refused_and_no_start_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(profile(tmp_path, "23:59:00,000; Wake", rate=""))
    assert fault.value.fault is Fault.CORRUPT
    with pytest.raises(FileFault) as fault:
        read(profile(tmp_path, "23:59:00,000; Wake", start=""))
    assert fault.value.fault is Fault.NO_START_TIME


def test_the_zone_is_only_a_shift(tmp_path: Path) -> None:
    path = profile(tmp_path, "23:59:00,000; Wake")
    assert (read(path).span_ns[0] - read(path, Asked(zone="Asia/Tokyo")).span_ns[0]) / NS == 8 * 3600
