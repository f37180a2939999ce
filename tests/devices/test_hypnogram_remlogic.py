"""RemLogic event exports: languages, dates, midnight, clock changes, events beside stages."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.clock import to_datetime
from pipeline.devices.hypnogram_remlogic import READER
from pipeline.devices.reader import Asked, DateOrder, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Recording, Stage, StageSource

ROME = Asked(zone="Europe/Rome")
COLUMNS = "Time [hh:mm:ss]\tEvent\tDuration[s]"


def export(folder: Path, *rows: str, date: str = "21/03/2024", columns: str = COLUMNS, name: str = "someone") -> Path:
    head = f"RemLogic Event Export\nPatient:\t{name}\nPatient ID:\t4711\nRecording Date:\t{date}\n\nEvents Included:\n"
    path = folder / "night.txt"
    path.write_text(head + "SLEEP-S0\n\n" + columns + "\n" + "".join(f"{row}\n" for row in rows), encoding="latin-1")
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    return READER.read(path, asked)


def stages(recording: Recording) -> list[int]:
    assert recording.hypnogram is not None
    return recording.hypnogram.stages.tolist()


def start_of(recording: Recording) -> str:
    assert recording.hypnogram is not None
    return to_datetime(recording.hypnogram.start_ns).isoformat()


def test_stages_become_epochs_and_other_events_markers(tmp_path: Path) -> None:
    recording = read(
        export(
            tmp_path,
            "23:00:00\tSLEEP-S0\t30",
            "23:00:12\tAROUSAL\t4,5",
            "23:00:30\tSLEEP-S4\t30",
            "23:01:00\tSLEEP-REM\t30",
            "23:01:30\tSLEEP-MT\t30",
            "23:02:00\tSLEEP-UNSCORED\t30",
        )
    )
    assert stages(recording) == [Stage.WAKE, Stage.N3, Stage.REM, Stage.MOVEMENT, Stage.UNSCORED]
    assert start_of(recording) == "2024-03-21T22:00:00+00:00"
    assert [(m.label, m.duration_s, m.time_ns) for m in recording.markers] == [
        ("AROUSAL", 4.5, recording.span_ns[0] + 12_000_000_000)
    ]
    assert recording.clock is ClockKind.DEVICE
    assert recording.hypnogram is not None
    assert recording.hypnogram.source is StageSource.EXPERT


def test_a_spindle_of_the_sleep_family_is_no_stage(tmp_path: Path) -> None:
    recording = read(export(tmp_path, "23:00:00\tSLEEP-S2\t30", "23:00:10\tSLEEP-SPINDLE\t1"))
    assert stages(recording) == [2]
    assert [m.label for m in recording.markers] == ["SLEEP-SPINDLE"]


def test_midnight_is_where_the_clock_falls_back(tmp_path: Path) -> None:
    recording = read(export(tmp_path, "23:59:30\tSLEEP-S1\t30", "00:00:00\tSLEEP-S2\t30", "00:01:00\tSLEEP-S2\t30"))
    assert stages(recording) == [1, 2, -1, 2]
    assert start_of(recording) == "2024-03-21T22:59:30+00:00"


def test_stage_and_position_may_come_first(tmp_path: Path) -> None:
    columns = "Sleep Stage\tPosition\t" + COLUMNS + "\tLocation"
    rows = ("W\tUnknown Position\t22:00:00\tSLEEP-S0\t30\tROC-LOC", "S2\tLeft\t22:00:15\tMCAP-A1\t6\tEEG-F4")
    recording = read(export(tmp_path, *rows, columns=columns))
    assert stages(recording) == [0]
    assert [m.label for m in recording.markers] == ["MCAP-A1"]


@pytest.mark.parametrize(
    "columns", ["Heure [hh:mm:ss]\tEvénement\tDurée[s]", "Zeit [hh:mm:ss]\tEreignis\tDauer[s]", COLUMNS.upper()]
)
def test_columns_are_found_in_every_language(columns: str, tmp_path: Path) -> None:
    assert stages(read(export(tmp_path, "22:00:00\tSLEEP-S1\t30", columns=columns))) == [1]


def test_unicode_as_windows_writes_it(tmp_path: Path) -> None:
    path = export(tmp_path, "22:00:00\tSLEEP-S1\t30", columns="Heure [hh:mm:ss]\tÉvénement\tDurée[s]")
    path.write_bytes(path.read_text(encoding="latin-1").replace("\n", "\r\n").encode("utf-16"))
    assert READER.recognise(glimpse(path))
    recording = read(path)
    assert stages(recording) == [1]
    assert recording.repairs == ()


def test_stamps_may_carry_their_date(tmp_path: Path) -> None:
    rows = ("2024-03-21T23:59:30.000000\tSLEEP-S1\t30", "2024-03-22T00:00:00.000000\tSLEEP-S2\t30")
    recording = read(export(tmp_path, *rows, date="99/99/9999"))
    assert stages(recording) == [1, 2]
    assert start_of(recording) == "2024-03-21T22:59:30+00:00"


def test_a_date_that_reads_both_ways_is_asked_for(tmp_path: Path) -> None:
    path = export(tmp_path, "23:00:00\tSLEEP-S0\t30", date="03/04/2024")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.NO_START_TIME
    assert "date_order" in fault.value.hint
    told = read(path, Asked(zone="Europe/Rome", date_order=DateOrder.DAY_FIRST))
    assert start_of(told) == "2024-04-03T21:00:00+00:00"
    american = read(path, Asked(zone="Europe/Rome", date_order=DateOrder.MONTH_FIRST))
    assert start_of(american) == "2024-03-04T22:00:00+00:00"


def night_of_clock_change(*, follows: bool) -> list[str]:
    """Twenty minutes of epochs around 03:00 on the night when Rome falls back (27 October 2024)."""
    minutes = [(2, m) for m in range(50, 60)] + [(2 if follows else 3, m) for m in range(10)]
    return [f"0{h}:{m:02d}:{s:02d}\tSLEEP-S2\t30" for h, m in minutes for s in (0, 30)]


def test_a_recorders_clock_runs_on_through_a_clock_change(tmp_path: Path) -> None:
    recording = read(export(tmp_path, *night_of_clock_change(follows=False), date="27/10/2024"))
    assert stages(recording) == [2] * 40
    assert recording.clock is ClockKind.DEVICE
    assert start_of(recording) == "2024-10-27T00:50:00+00:00"


def test_a_computers_clock_falls_back_without_a_hole_or_an_overlap(tmp_path: Path) -> None:
    recording = read(export(tmp_path, *night_of_clock_change(follows=True), date="27/10/2024"))
    assert stages(recording) == [2] * 40
    assert recording.clock is ClockKind.LOCAL
    assert any("clock was changed" in note for note in recording.repairs)


def test_in_spring_the_clock_that_leaves_no_hole_is_taken(tmp_path: Path) -> None:
    jumped = [f"{h:02d}:{m:02d}:00\tSLEEP-S2\t60" for h, m in ((1, 58), (1, 59), (3, 0), (3, 1))]
    assert stages(read(export(tmp_path, *jumped, date="31/03/2024"))) == [2] * 8
    ran_on = [f"{h:02d}:{m:02d}:00\tSLEEP-S2\t60" for h, m in ((1, 58), (1, 59), (2, 0), (2, 1))]
    assert stages(read(export(tmp_path, *ran_on, date="31/03/2024"))) == [2] * 8


def test_unknown_stages_are_refused_and_listed(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(export(tmp_path, "23:00:00\tSLEEP-S7\t30"))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert "SLEEP-S7" in fault.value.what


def test_rows_without_a_time_are_counted_and_many_of_them_refused(tmp_path: Path) -> None:
    rows = [f"23:{k // 2:02d}:{k % 2 * 30:02d}\tSLEEP-S2\t30" for k in range(40)]
    rows[7] = "--\tSLEEP-S2\t30"
    recording = read(export(tmp_path, *rows))
    assert stages(recording) == [2] * 7 + [-1] + [2] * 32
    assert "1 rows without a readable time left out" in recording.repairs
    rows[8:12] = ["--\tSLEEP-S2\t30"] * 4
    with pytest.raises(FileFault) as fault:
        read(export(tmp_path, *rows))
    assert fault.value.fault is Fault.CORRUPT


def test_a_stage_of_negative_length_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(export(tmp_path, "23:00:00\tSLEEP-S0\t30", "23:00:30\tSLEEP-S0\t-30"))
    assert fault.value.fault is Fault.CORRUPT


def test_a_file_that_ends_in_its_header_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "cut.txt"
    path.write_text("RemLogic Event Export\nPatient:\tsomeone\n")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.TRUNCATED


def test_nobody_is_named(tmp_path: Path) -> None:
    recording = read(export(tmp_path, "23:00:00\tSLEEP-S0\t30", name="Erika Mustermann"))
    assert "Mustermann" not in repr(recording)
    assert "4711" not in repr(recording)
    with pytest.raises(FileFault) as fault:
        read(export(tmp_path, "23:00:00\tSLEEP-S9\t30", name="Erika Mustermann"))
    assert "Mustermann" not in str(fault.value)
