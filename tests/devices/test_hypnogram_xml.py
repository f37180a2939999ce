"""NSRR and Profusion scorings: codes, events, hidden dates, hostile XML."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from handmade.hypnogram_xml import event, psg

from pipeline.clock import NS, to_datetime
from pipeline.devices.hypnogram_xml import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording, Stage, StageSource

START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
ROME = Asked(zone="Europe/Rome", start=START)
STAGES = "Stages|Stages"


def write(folder: Path, text: str) -> Path:
    path = folder / "night.xml"
    path.write_text(text)
    return path


def read(folder: Path, text: str, asked: Asked = ROME) -> Recording:
    return READER.read(write(folder, text), asked)


def refused(folder: Path, text: str, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as caught:
        read(folder, text, asked)
    return caught.value


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def profusion(codes: str, epoch: str = "<EpochLength>30</EpochLength>", events: str = "") -> str:
    listed = "".join(f"<SleepStage>{code}</SleepStage>" for code in codes)
    body = f"{epoch}<ScoredEvents>{events}</ScoredEvents><SleepStages>{listed}</SleepStages>"
    return f"<CMPStudyConfig>{body}</CMPStudyConfig>"


# ---- NSRR ------------------------------------------------------------------------------------------------------------


def test_every_nsrr_stage_by_its_number(tmp_path: Path) -> None:
    concepts = ("Wake|0", "Stage 1 sleep|1", "Stage 2 sleep|2", "Stage 3 sleep|3", "Stage 4 sleep|4", "REM sleep|5")
    concepts += ("Movement|6", "Unscored|9")
    recording = read(tmp_path, psg(*(event(STAGES, c, 30 * k, 30) for k, c in enumerate(concepts))))
    assert stages(recording) == [0, 1, 2, 3, 3, 4, Stage.MOVEMENT, Stage.UNSCORED]
    assert recording.hypnogram is not None
    assert (recording.hypnogram.epoch_s, recording.hypnogram.source) == (30.0, StageSource.EXPERT)
    assert recording.clock is ClockKind.ELAPSED
    assert recording.device == "NSRR annotations"


def test_merged_stages_are_epochs_and_holes_unscored(tmp_path: Path) -> None:
    recording = read(tmp_path, psg(event(STAGES, "Wake|0", 0, 90), event(STAGES, "REM sleep|5", 150, 30)))
    assert stages(recording) == [0, 0, 0, -1, -1, 4]


def test_a_stage_without_a_number_is_told_by_its_words(tmp_path: Path) -> None:
    recording = read(tmp_path, psg(event(STAGES, "Stage 3 sleep", 0, 30), event(STAGES, "REM sleep", 30, 30)))
    assert stages(recording) == [3, 4]


def test_other_events_are_markers_with_their_duration(tmp_path: Path) -> None:
    events = (
        event("Arousals|Arousals", "Arousal|Arousal (Standard)", 40.5, 10.25),
        event("Respiratory|Respiratory", "Obstructive apnea|Obstructive Apnea", 12, 15),
        event(STAGES, "Wake|0", 0, 60),
    )
    recording = read(tmp_path, psg(*events))
    assert [(m.label, (m.time_ns - recording.span_ns[0]) / NS, m.duration_s) for m in recording.markers] == [
        ("Obstructive apnea", 12.0, 15.0),
        ("Arousal", 40.5, 10.2),  # one decimal, as the file has it
    ]


def test_an_event_without_a_start_is_counted(tmp_path: Path) -> None:
    broken = event("Arousals|Arousals", "Arousal|Arousal", 40, 10).replace("<Start>40.0</Start>", "<Start>?</Start>")
    recording = read(tmp_path, psg(event(STAGES, "Wake|0", 0, 60), broken))
    assert recording.markers == ()
    assert recording.repairs == ("1 scored events without a start or a duration left out",)


@pytest.mark.parametrize("clock", ["00.00.00 22.00.00", "01.01.85 22.00.00", ""])
def test_a_hidden_date_is_asked_for(clock: str, tmp_path: Path) -> None:
    text = psg(event(STAGES, "Wake|0", 0, 30), clock=clock)
    assert refused(tmp_path, text, Asked(zone="Europe/Rome")).fault is Fault.NO_START_TIME
    assert to_datetime(read(tmp_path, text).span_ns[0]).isoformat() == "2024-03-01T21:00:00+00:00"


def test_a_date_that_is_there_is_read(tmp_path: Path) -> None:
    text = psg(event(STAGES, "Wake|0", 0, 30), clock="31.12.23 23.30.00")
    recording = read(tmp_path, text, Asked(zone="Europe/Rome"))
    assert to_datetime(recording.span_ns[0]).isoformat() == "2023-12-31T22:30:00+00:00"


def test_a_sidecar_that_contradicts_the_files_clock_is_told(tmp_path: Path) -> None:
    recording = read(tmp_path, psg(event(STAGES, "Wake|0", 0, 30), clock="00.00.00 20.29.59"))
    assert "at 20:29:59 by the file" in recording.repairs[0]
    assert to_datetime(recording.span_ns[0]).hour == 21


def test_an_unknown_stage_is_refused(tmp_path: Path) -> None:
    assert "codes: 7" in refused(tmp_path, psg(event(STAGES, "Stage 7 sleep|7", 0, 30))).what
    assert refused(tmp_path, psg(event(STAGES, "Dreaming", 0, 30))).fault is Fault.UNKNOWN_CODE


# ---- Profusion -------------------------------------------------------------------------------------------------------


def test_profusion_codes_are_epochs(tmp_path: Path) -> None:
    recording = read(tmp_path, profusion("01234569"))
    assert stages(recording) == [0, 1, 2, 3, 3, 4, Stage.MOVEMENT, Stage.UNSCORED]
    assert recording.device == "Profusion"


def test_profusion_events_have_a_name(tmp_path: Path) -> None:
    apnea = "<ScoredEvent><Name>SpO2 desaturation</Name><Start>35</Start><Duration>13.4</Duration></ScoredEvent>"
    recording = read(tmp_path, profusion("00", events=apnea))
    assert [(m.label, m.duration_s) for m in recording.markers] == [("SpO2 desaturation", 13.4)]
    assert recording.markers[0].time_ns - recording.span_ns[0] == 35 * NS


def test_profusion_epochs_of_twenty_seconds_and_none_told(tmp_path: Path) -> None:
    found = read(tmp_path, profusion("00", "<EpochLength>20</EpochLength>")).hypnogram
    assert found is not None
    assert found.epoch_s == 20.0
    assert refused(tmp_path, profusion("00", "")).fault is Fault.UNKNOWN_UNIT
    told = read(tmp_path, profusion("00", ""), Asked(zone="Europe/Rome", start=START, epoch_s=30)).hypnogram
    assert told is not None
    assert told.epoch_s == 30.0


def test_a_namespace_changes_nothing(tmp_path: Path) -> None:
    text = profusion("02").replace("<CMPStudyConfig>", '<CMPStudyConfig xmlns="urn:x">')
    assert stages(read(tmp_path, text)) == [0, 2]


def test_an_unknown_code_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, profusion("0x")).fault is Fault.UNKNOWN_CODE


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_an_empty_scoring_is_nothing(tmp_path: Path) -> None:
    assert refused(tmp_path, psg()).fault is Fault.NOTHING_USABLE


def test_a_cut_document_is_truncated(tmp_path: Path) -> None:
    text = psg(event(STAGES, "Wake|0", 0, 30))
    assert refused(tmp_path, text[: len(text) // 2]).fault is Fault.TRUNCATED


def test_entities_are_hostile(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + profusion("0").replace("<EpochLength>30", "<EpochLength>&a;30")
    assert refused(tmp_path, bomb).fault is Fault.HOSTILE


@pytest.mark.parametrize("encoding", ["UTW-8", "gbk", "utf-16"])
def test_an_encoding_that_cannot_be_read_is_damage(encoding: str, tmp_path: Path) -> None:
    text = psg(event(STAGES, "Wake|0", 0, 30)).replace("UTF-8", encoding)
    assert refused(tmp_path, text).fault is Fault.CORRUPT


def test_another_document_that_names_the_element_is_not_claimed(tmp_path: Path) -> None:
    assert not READER.recognise(glimpse(write(tmp_path, "<HealthData/>")))
    assert not READER.recognise(glimpse(write(tmp_path, "see <b>PSGAnnotation</b>")))
