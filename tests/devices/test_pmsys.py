"""PMSys: answers with their scales, sessions with their length, and the answer that was none."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from handmade.pmsys import HEADER

from pipeline.clock import NS, to_datetime
from pipeline.devices import read_export
from pipeline.devices.pmsys import READER, WELLNESS
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording

ASKED = Asked(zone="Europe/Oslo")


def read(folder: Path, *lines: str, end: str = "\n") -> Recording:
    path = folder / "export.csv"
    path.write_bytes("".join(line + end for line in lines).encode())
    reader, recording = read_export(path, ASKED)
    assert reader is READER
    return recording


def test_answers_are_instants_in_utc_whatever_the_zone(tmp_path: Path) -> None:
    recording = read(tmp_path, HEADER, '2019-11-01T08:31:40.751Z,2,3,5,6.5,1,4,"[1, 2]",5', end="\r\n")
    found = {answer.item: answer.value for answer in recording.answers}
    scales = {"fatigue": 2, "mood": 3, "readiness": 5, "sleep_quality": 1, "soreness": 4, "stress": 5}
    assert found == {**scales, "sleep_duration_h": 6.5}
    assert {answer.time_ns for answer in recording.answers} == {1_572_597_100_751_000_000}
    assert recording.clock is ClockKind.OFFSET
    assert recording.repairs == ("places that were sore (soreness_area) are not read",)


def test_a_zero_is_an_answer_only_where_the_scale_has_one(tmp_path: Path) -> None:
    recording = read(tmp_path, HEADER, "2019-11-01T08:31:40.751Z,0,3,0,0,2,3,[],0")
    found = {answer.item: answer.value for answer in recording.answers}
    assert found == {"mood": 3, "readiness": 0, "sleep_duration_h": 0, "sleep_quality": 2, "soreness": 3}
    assert sum("answers of 0" in note for note in recording.repairs) == 2


def test_a_form_of_zeros_was_sent_empty(tmp_path: Path) -> None:
    rows = ["2019-11-01T08:31:40.751Z,0,0,0,0,0,0,[],0", "2019-11-02T08:31:40.751Z,1,1,0,4,1,1,[],1"]
    recording = read(tmp_path, HEADER, *rows)
    assert {answer.time_ns for answer in recording.answers} == {1_572_683_500_751_000_000}
    assert "1 forms whose every answer is 0 were sent empty: left out" in recording.repairs


def test_an_empty_cell_is_no_answer(tmp_path: Path) -> None:
    recording = read(tmp_path, HEADER, "2019-11-01T08:31:40.751Z,,3,5,,3,2,[],3")
    assert {a.item for a in recording.answers} == set(WELLNESS) - {"fatigue", "sleep_duration_h"}


def test_a_word_in_place_of_an_answer_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, HEADER, "2019-11-01T08:31:40.751Z,tired,3,5,6,3,2,[],3")
    assert (fault.value.fault, "fatigue" in fault.value.what, "tired" in str(fault.value)) == (
        Fault.CORRUPT,
        True,
        False,
    )


def test_sessions_end_at_their_stamp(tmp_path: Path) -> None:
    header = "end_date_time,activity_names,perceived_exertion,duration_min"
    recording = read(tmp_path, header, "2019-11-05T22:51:54.710Z,\"['individual', 'running']\",7,30")
    (marker,), (answer,) = recording.markers, recording.answers
    assert (marker.label, marker.duration_s) == ("training individual running", 1800.0)
    assert f"{to_datetime(marker.time_ns):%H:%M:%S}" == "22:21:54"
    assert (answer.item, answer.value) == ("perceived_exertion", 7.0)
    assert answer.time_ns == marker.time_ns + 1800 * NS


@pytest.mark.realdata
@pytest.mark.parametrize("person", ["p01", "p02", "p03", "p04", "p05"])
def test_every_answer_of_the_real_tables_is_read(real_data: Path, person: str) -> None:
    path = real_data / "pmdata" / person / "pmsys" / "wellness.csv"
    with path.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    rows = [row for row in rows if any(float(row[item]) for item in WELLNESS)]
    wanted = [(row["effective_time_frame"], item, float(row[item])) for row in rows for item in WELLNESS]
    wanted = [(stamp, item, v) for stamp, item, v in wanted if v > 0 or item in {"readiness", "sleep_duration_h"}]
    found = read_export(path, ASKED)[1].answers
    as_text = {(f"{to_datetime(a.time_ns or 0):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z", a.item, a.value) for a in found}
    assert len(found) == len(wanted)
    assert as_text == set(wanted)
