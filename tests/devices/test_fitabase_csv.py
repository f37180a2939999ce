"""Fitabase's tables: American stamps, sleep whose minutes begin at :30, steps narrow and wide, one person a file."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from handmade.fitabase_csv import american
from handmade.sample import T0_NS

from pipeline.clock import NS, to_datetime
from pipeline.devices import read_export
from pipeline.devices.fitabase_csv import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Stage, StageSource

ROME = Asked(zone="Europe/Rome")
W, L, D, R, S, M, U = Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM, Stage.ASLEEP, Stage.MOVEMENT, Stage.UNSCORED


def read(folder: Path, *lines: str, zone: str = "Europe/Rome") -> Recording:
    path = folder / "table.csv"
    path.write_text("".join(line + "\r\n" for line in lines))
    reader, recording = read_export(path, Asked(zone=zone))
    assert reader is READER
    return recording


def stages(recording: Recording) -> list[Stage]:
    assert recording.hypnogram is not None
    assert recording.hypnogram.source is StageSource.CONSUMER
    return [Stage(s) for s in recording.hypnogram.stages]


def test_sleep_by_minute_begins_at_half_minutes(tmp_path: Path) -> None:
    rows = [f"1503960366,{american(60 * k + 30)},{v},11380564589" for k, v in enumerate("1123")]
    recording = read(tmp_path, "Id,date,value,logId", *rows)
    assert stages(recording) == [S, S, S, S, M, M, W, W]
    (rest,) = recording.rests
    assert (rest.in_bed_ns - T0_NS, rest.out_bed_ns - rest.in_bed_ns) == (30 * NS, 240 * NS)
    assert recording.clock is ClockKind.LOCAL
    assert "1503960366" not in str(recording)


def test_sleep_by_30_seconds_has_stages_with_short_wakes_merged(tmp_path: Path) -> None:
    rows = [("light", "", "light"), ("light", "wake", "wake"), ("deep", "", "deep"), ("rem", "", "rem")]
    lines = [f"7,{american(30 * k)},{','.join(row)}" for k, row in enumerate(rows)]
    assert stages(read(tmp_path, "LogId,Time,Level,ShortWakes,SleepStage", *lines)) == [L, W, D, R]


def test_two_sleeps_are_two_rests_with_time_between(tmp_path: Path) -> None:
    rows = [f"{american(0)},1,1", f"{american(60)},1,1", f"{american(300)},3,2"]
    recording = read(tmp_path, "date,value,logId", *rows)
    assert stages(recording) == [S] * 4 + [U] * 6 + [W] * 2
    assert len(recording.rests) == 2


def test_a_log_goes_through_a_clock_change_as_elapsed_time(tmp_path: Path) -> None:
    start = datetime(2024, 3, 31, 1, 30)  # noqa: DTZ001
    rows = [f"{start + timedelta(minutes=k):%m/%d/%Y %I:%M:%S %p},1,5" for k in range(120)]
    recording = read(tmp_path, "date,value,logId", *rows)
    assert stages(recording) == [S] * 240
    assert f"{to_datetime(recording.rests[0].out_bed_ns, 'Europe/Rome'):%H:%M}" == "04:30"


def test_a_sleep_value_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, "date,value,logId", f"{american(0)},4,1")
    assert fault.value.fault is Fault.UNKNOWN_CODE


def test_months_come_first_also_where_the_column_cannot_tell(tmp_path: Path) -> None:
    rows = ["5/4/2016 12:00:00 AM,3", "5/4/2016 12:01:00 AM,0"]
    (steps,) = read(tmp_path, "ActivityMinute,Steps", *rows, zone="America/New_York").signals
    assert f"{to_datetime(steps.start_ns):%Y-%m-%d %H:%M}" == "2016-05-04 04:00"
    assert steps.samples.tolist() == [3.0, 0.0]


def test_steps_wide_are_the_narrow_ones(tmp_path: Path) -> None:
    counts = np.arange(120) % 7
    narrow = [f"1,{american(60 * k)},{counts[k]}" for k in range(120)]
    wide = [f"1,{american(3600 * h)}," + ",".join(map(str, counts[60 * h : 60 * h + 60])) for h in range(2)]
    names = ",".join(f"Steps{k:02d}" for k in range(60))
    (one,) = read(tmp_path, "Id,ActivityMinute,Steps", *narrow).signals
    (two,) = read(tmp_path, f"Id,ActivityHour,{names}", *wide).signals
    assert (one.kind, one.start_ns, one.fs_hz) == (two.kind, two.start_ns, two.fs_hz) == (Kind.STEPS, T0_NS, 1 / 60)
    assert one.samples.tolist() == two.samples.tolist() == counts.tolist()


def test_a_repeated_hour_is_read_once_each_way(tmp_path: Path) -> None:
    # In order of time the clock steps back; sorted by stamp, nobody can tell the two passes apart.
    hour = [f"10/27/2024 2:{k:02d}:00 AM,{v}" for v in (1, 2) for k in range(60)]
    (steps,) = read(tmp_path, "ActivityMinute,Steps", *hour).signals
    assert steps.samples.tolist() == [1.0] * 60 + [2.0] * 60
    recording = read(tmp_path, "ActivityMinute,Steps", *sorted(hour))
    assert recording.signals[0].samples.tolist() == [1.0] * 60
    assert "60 rows repeat a time: the first is kept" in recording.repairs


def test_heart_rate_by_seconds_and_by_minute(tmp_path: Path) -> None:
    fast = [f"{american(s)},{v}" for s, v in ((0, 60), (5, 62), (20, 70), (25, 0))]
    (heart,) = read(tmp_path, "Time,Value", *fast).signals
    assert heart.samples.tolist() == pytest.approx([60, 62, np.nan, np.nan, 70, np.nan][:5], nan_ok=True)
    (slow,) = read(tmp_path, "Time,Value", *(f"{american(60 * k)},{60 + k}" for k in (0, 1, 3))).signals
    assert slow.fs_hz == 1 / 60
    assert slow.samples.tolist() == pytest.approx([60, 61, np.nan, 63], nan_ok=True)


def test_several_people_in_one_table_are_refused_without_their_numbers(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, "Id,ActivityMinute,Steps", f"1503960366,{american(0)},3", f"1624580081,{american(0)},4")
    assert fault.value.fault is Fault.AMBIGUOUS_FORMAT
    assert "2 participants" in fault.value.what
    assert "1503960366" not in str(fault.value)


def test_a_table_of_time_and_value_with_other_stamps_is_nobodys(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, "Time,Value", "2024-03-01 22:00:00,60")
    assert fault.value.fault is Fault.UNKNOWN_FORMAT
