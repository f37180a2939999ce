"""Event logs: clocks, stamps, Unix and elapsed seconds, ends and durations, phases side by side, 12-hour."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.clock import to_datetime
from pipeline.devices import read_export
from pipeline.devices.event_log import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording

ROME = Asked(zone="Europe/Rome")
STARTED = Asked(zone="Europe/Rome", start=datetime(2024, 3, 1, 22))  # noqa: DTZ001


def log(folder: Path, *rows: str, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read_export(path, asked)
    return fault.value


def told(recording: Recording) -> list[tuple[str, float, str]]:
    return [(f"{to_datetime(m.time_ns, 'Europe/Rome'):%d %H:%M:%S}", m.duration_s, m.label) for m in recording.markers]


def test_bids_events_count_seconds_from_the_start(tmp_path: Path) -> None:
    path = log(tmp_path, "onset\tduration\ttrial_type", "1.5\t60\tstroop", "90\tn/a\trest", name="events.tsv")
    assert refused(path).fault is Fault.NO_START_TIME
    recording = read(path, STARTED)
    assert told(recording) == [("01 22:00:01", 60.0, "stroop"), ("01 22:01:30", 0.0, "rest")]
    assert recording.markers[0].time_ns % 10**9 == 500_000_000
    assert recording.clock is ClockKind.ELAPSED


@pytest.mark.parametrize(
    ("head", "row", "expected"),
    [
        ("date,time,event", "2024-03-01,22:05,exam", ("01 22:05:00", 0.0, "exam")),
        ("date,start,end,task", "2024-03-01,22:05,22:20,MIST", ("01 22:05:00", 900.0, "MIST")),
        ("date,start,end,task", "2024-03-01,23:55,00:05,MIST", ("01 23:55:00", 600.0, "MIST")),
        ("timestamp,event,duration (min)", "2024-03-01 22:05:30,dose,2", ("01 22:05:30", 120.0, "dose")),
        ("timestamp,event,duration", "2024-03-01 22:05:30,dose,00:02:00", ("01 22:05:30", 120.0, "dose")),
        ("start,end,event", "2024-03-01T22:05:00+01:00,2024-03-01T22:06:00+01:00,a", ("01 22:05:00", 60.0, "a")),
        ("time,event", "1709327100,tag", ("01 22:05:00", 0.0, "tag")),
        ("timestamp,event", "1709327100000,tag", ("01 22:05:00", 0.0, "tag")),
        ("Datum;Uhrzeit;Ereignis;Dauer_min", "1.3.2024;22.05;Klausur;90", ("01 22:05:00", 5400.0, "Klausur")),
    ],
)
def test_times_in_many_ways(tmp_path: Path, head: str, row: str, expected: tuple[str, float, str]) -> None:
    recording = read(log(tmp_path, head, row), ROME)
    assert told(recording) == [expected]
    assert recording.repairs == ()


def test_numbers_and_durations_without_a_unit_are_refused(tmp_path: Path) -> None:
    fault = refused(log(tmp_path, "time,event", "5,start"), STARTED)
    assert (fault.fault, '"time": "s"' in fault.hint) == (Fault.UNKNOWN_UNIT, True)
    minutes = Asked(zone="Europe/Rome", start=STARTED.start, units={"time": "min"})
    assert told(read(log(tmp_path, "time,event", "5,start"), minutes))[0][0] == "01 22:05:00"
    fault = refused(log(tmp_path, "date,time,event,duration", "2024-03-01,22:00,exam,90"))
    assert (fault.fault, '"duration": "min"' in fault.hint) == (Fault.UNKNOWN_UNIT, True)


def test_clocks_without_a_date_need_one_and_pass_midnight(tmp_path: Path) -> None:
    path = log(tmp_path, "time,event", "22:30,lecture", "23:50,walk", "00:10,talk", "06:00,run")
    assert refused(path).fault is Fault.NO_START_TIME
    assert [when for when, _, _ in told(read(path, STARTED))] == [
        "01 22:30:00",
        "01 23:50:00",
        "02 00:10:00",
        "02 06:00:00",
    ]


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    rows = ["2024-03-01,25:10,,a", "2024-03-01,22:00,99:00,b", "2024-03-01,22:00,21:00,c", "2024-03-01,,,d"]
    recording = read(log(tmp_path, "date,start,end,event", *rows))
    assert told(recording) == [("01 22:00:00", 0.0, "b"), ("01 22:00:00", 0.0, "c")]
    assert recording.repairs == (
        "row 2, start = '25:10': not a 24-h time (HH:MM); left out",
        "row 3, end = '99:00': not a 24-h time (HH:MM); without length",
        "row 4: it would last 23 h; its length is unknown",
    )


def test_a_number_that_is_no_second_of_a_study_is_left_out(tmp_path: Path) -> None:
    recording = read(log(tmp_path, "onset,duration,trial_type", "1,2,a", "1e15,2,b", "-1e300,2,c"), STARTED)
    assert [marker.label for marker in recording.markers] == ["a"]
    assert "more than 400 days" in recording.repairs[0]


def test_an_hour_of_the_clock_change(tmp_path: Path) -> None:
    recording = read(log(tmp_path, "start,end,event", "2024-10-27 01:30,2024-10-27 03:30,watch"))
    assert recording.markers[0].duration_s == 3 * 3600


# ---- phases beside each other ----------------------------------------------------------------------------------------

PHASES = (
    "S. ID.,Start Time,Consent,,Stroop,,Relax,,Date",
    ",,Start,End,Start,End,Start,End,",
    "S1,12:40:00,12:40:00,12:50:00,12:50:00,01:00:00,01:00:00,01:10:00,2022-02-14",
    "S2,09:40:00,09:40:00,09:50:00,09:50:00,09:59:00,,,2022-02-14",
)
NOON = {"clock": "12 h from 07:00"}


def test_a_row_a_person_with_start_and_end_of_each_phase(tmp_path: Path) -> None:
    path = log(tmp_path, *PHASES[:2], PHASES[3])
    assert told(read(path, Asked(zone="Europe/Rome", participant="S2"))) == [
        ("14 09:40:00", 600.0, "Consent"),
        ("14 09:50:00", 540.0, "Stroop"),
    ]


def test_12_hour_clocks_need_the_half_of_the_day(tmp_path: Path) -> None:
    path = log(tmp_path, *PHASES)
    fault = refused(path, Asked(zone="Europe/Rome", participant="S2"))
    assert fault.fault is Fault.NO_START_TIME
    assert fault.known == "row 3 goes from '12:50:00' to '01:00:00'"
    assert "12 h from 07:00" in fault.hint
    one, two = (read(path, Asked(zone="Europe/Rome", participant=p, units=NOON)) for p in ("S1", "S2"))
    assert [when for when, _, _ in told(one)] == ["14 12:40:00", "14 12:50:00", "14 13:00:00"]
    assert [length for _, length, _ in told(one)] == [600.0] * 3
    assert told(two)[0][0] == "14 09:40:00"


def test_am_and_pm_are_no_riddle(tmp_path: Path) -> None:
    path = log(tmp_path, "date,start,end,event", "2024-03-01,12:50 PM,1:05 PM,exam")
    assert told(read(path)) == [("01 12:50:00", 900.0, "exam")]


def test_only_the_participant_s_events_are_read(tmp_path: Path) -> None:
    path = log(tmp_path, "id,date,time,event", "Anna,2024-03-01,22:00,a", "P2,2024-03-01,22:05,b")
    assert [m.label for m in read(path, Asked(zone="Europe/Rome", participant="P2")).markers] == ["b"]
    assert "Anna" not in str(refused(path))


@pytest.mark.parametrize(
    "rows",
    [
        ("onset,duration,trial_type", "0,30,Sleep stage W"),
        ("time,event", "22:00,N2"),
        ("time,event", "22:00,Arousal"),
        ("onset,duration,description", "0,30,3"),
        ("time,event,epoch", "22:00,talk,1"),
        ("time,value", "22:00,5"),
    ],
)
def test_scorings_and_codes_are_no_event_logs(tmp_path: Path, rows: tuple[str, str]) -> None:
    assert not READER.recognise(glimpse(log(tmp_path, *rows)))


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["S01", "S02", "S04", "S05", "S07", "S08"])
def test_phases_of_a_published_stress_study_begin_where_their_wearers_tagged_them(real_data: Path, name: str) -> None:
    """The tags are UTC from another device; the log's clocks are Irish, of 12 hours, and to the minute."""
    asked = Asked(zone="Europe/Dublin", participant=name, units=NOON)
    markers = read(real_data / "stress_predict" / "Time_logs.xlsx", asked).markers
    assert len(markers) == 10
    tags = [float(line) for line in (real_data / "stress_predict" / name / f"tags_{name}.csv").read_text().split()]
    for task in ("Stroop Test", "Interview", "Hyperventilation"):
        (start,) = (m.time_ns / 1e9 for m in markers if m.label == task)
        assert min(abs(tag - start) for tag in tags) < 121, task
