"""Garmin: summaries sent again, steps split by activity, codes for missing, and Connect's ways to write a time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from handmade.garmin_json import T0, span, summary
from handmade.sample import T0_NS

from pipeline.clock import NS
from pipeline.devices import read_export
from pipeline.devices.garmin_json import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal, Stage, StageSource

W, L, D, R, U = Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM, Stage.UNSCORED


def read(folder: Path, content: object, zone: str = "Europe/Rome") -> Recording:
    path = folder / "export.json"
    path.write_text(json.dumps(content))
    reader, recording = read_export(path, Asked(zone=zone))
    assert reader is READER
    return recording


def only(recording: Recording, kind: Kind) -> Signal:
    (signal,) = recording.of(kind)
    return signal


def stages(recording: Recording) -> list[Stage]:
    assert recording.hypnogram is not None
    assert recording.hypnogram.source is StageSource.CONSUMER
    return [Stage(s) for s in recording.hypnogram.stages]


# ---- the Health API --------------------------------------------------------------------------------------------------


def test_stages_of_a_night_in_utc(tmp_path: Path) -> None:
    levels = {"deep": [span(0, 60)], "light": [span(60, 90), span(150, 180)], "rem": [span(90, 120)]}
    night = summary(0, 180, sleepLevelsMap=levels | {"awake": [span(120, 150)]}, validation="DEVICE")
    recording = read(tmp_path, {"sleeps": [night]}, "Asia/Tokyo")
    assert stages(recording) == [D, D, L, R, W, L]
    (rest,) = recording.rests
    assert (rest.in_bed_ns, rest.out_bed_ns) == (T0_NS, T0_NS + 180 * NS)
    assert recording.clock is ClockKind.UTC


def test_of_a_summary_that_is_sent_again_the_last_counts(tmp_path: Path) -> None:
    early = summary(0, 60, sleepLevelsMap={"light": [span(0, 60)]})
    late = summary(0, 120, sleepLevelsMap={"light": [span(0, 60)], "deep": [span(60, 120)]})
    recording = read(tmp_path, [early, late])
    assert stages(recording) == [L, L, D, D]
    assert len(recording.rests) == 1
    assert recording.rests[0].out_bed_ns == T0_NS + 120 * NS


def epoch(begin: int, steps: int, activity: str = "WALKING") -> dict[str, object]:
    return summary(begin, 900, activityType=activity, activeTimeInSeconds=300, steps=steps)


def test_steps_of_several_activities_in_one_epoch_add_up_and_doubled_ones_do_not(tmp_path: Path) -> None:
    rows = [epoch(0, 100), epoch(0, 40, "RUNNING"), epoch(0, 100), epoch(900, 0, "SEDENTARY"), epoch(2700, 7)]
    steps = only(read(tmp_path, {"epochs": rows}), Kind.STEPS)
    assert (steps.start_ns, steps.fs_hz) == (T0_NS, 1 / 900)
    assert steps.samples.tolist() == pytest.approx([140.0, 0.0, np.nan, 7.0], nan_ok=True)


def test_a_day_total_is_no_epoch(tmp_path: Path) -> None:
    daily = summary(
        0, 86_400, activityType="GENERIC", steps=6981, timeOffsetHeartRateSamples={"0": 60, "30": 0, "45": 66}
    )
    recording = read(tmp_path, {"dailies": [daily]})
    assert recording.kinds == {Kind.HR}
    assert only(recording, Kind.HR).samples.tolist() == pytest.approx([60, np.nan, np.nan, 66], nan_ok=True)


def test_stress_below_zero_is_missing_and_body_battery_is_not_read(tmp_path: Path) -> None:
    values = {"0": -1, "180": -2, "360": 24, "540": 0, "720": -5}
    recording = read(
        tmp_path, [summary(0, 900, timeOffsetStressLevelValues=values, timeOffsetBodyBatteryValues={"0": 70})]
    )
    assert recording.kinds == {Kind.ANSWERS}
    found = [(a.instrument, a.item, a.value, (a.time_ns or 0) - T0_NS) for a in recording.answers]
    assert found == [("Garmin", "stress_level", 24.0, 360 * NS), ("Garmin", "stress_level", 0.0, 540 * NS)]


def test_variability_and_oxygen(tmp_path: Path) -> None:
    recording = read(
        tmp_path, [summary(0, 900, hrvValues={"300": 32, "600": 24}, timeOffsetSleepSpo2={"0": 95, "60": 0})]
    )
    rmssd = only(recording, Kind.RMSSD)
    assert (rmssd.start_ns, rmssd.samples.tolist()) == (T0_NS + 300 * NS, [32.0, 24.0])
    assert only(recording, Kind.SPO2).samples.tolist() == [95.0]


# ---- Connect ---------------------------------------------------------------------------------------------------------


def connect_night() -> dict[str, object]:
    gmt = [f"2024-03-01T21:{m:02d}:00.0" for m in range(6)]
    levels = [
        {"startGMT": gmt[k], "endGMT": gmt[k + 1], "activityLevel": code}
        for k, code in enumerate((1.0, 0.0, 2.0, 3.0, -1.0))
    ]
    return {
        "dailySleepDTO": {
            "userProfilePK": 123456,
            "calendarDate": "2024-03-01",
            "sleepStartTimestampGMT": T0 * 1000,
            "sleepEndTimestampGMT": (T0 + 300) * 1000,
            "sleepStartTimestampLocal": (T0 + 3600) * 1000,
        },
        "sleepLevels": levels,
        "sleepHeartRate": [{"value": 51, "startGMT": T0 * 1000}, {"value": None, "startGMT": (T0 + 120) * 1000}],
        "hrvData": [{"value": 45.0, "startGMT": (T0 + 300) * 1000}],
    }


def test_a_night_of_connect(tmp_path: Path) -> None:
    recording = read(tmp_path, connect_night())
    assert stages(recording) == [L, L, D, D, R, R, W, W, U, U]
    assert recording.rests[0].in_bed_ns == T0_NS
    assert only(recording, Kind.HR).samples.tolist() == [51.0]
    assert only(recording, Kind.RMSSD).start_ns == T0_NS + 300 * NS
    assert "123456" not in str(recording)


def test_nights_of_an_accounts_export_are_times_in_bed(tmp_path: Path) -> None:
    nights = [
        {
            "sleepStartTimestampGMT": "2024-03-01T21:00:00.0",
            "sleepEndTimestampGMT": "2024-03-02T05:00:00.0",
            "deepSleepSeconds": 1,
        },
        {"sleepStartTimestampGMT": None, "sleepEndTimestampGMT": None},
    ]
    recording = read(tmp_path, nights)
    assert recording.kinds == {Kind.DIARY}
    assert recording.rests[0].out_bed_ns - T0_NS == 8 * 3600 * NS


def test_days_of_connect(tmp_path: Path) -> None:
    day = {"startTimestampGMT": "2024-03-01T21:00:00.0", "userProfilePK": 1}
    heart = read(tmp_path, day | {"heartRateValues": [[T0 * 1000, 60], [(T0 + 120) * 1000, None]]})
    assert only(heart, Kind.HR).samples.tolist() == [60.0]
    stress = read(tmp_path, day | {"stressValuesArray": [[T0 * 1000, -2], [(T0 + 180) * 1000, 33]]})
    assert [a.value for a in stress.answers] == [33.0]


def test_steps_of_connect(tmp_path: Path) -> None:
    gmt = [f"2024-03-01T21:{15 * k:02d}:00.0" for k in range(4)]
    rows = [
        {"startGMT": gmt[k], "endGMT": gmt[k + 1], "steps": 5 * k, "primaryActivityLevel": "sedentary"}
        for k in range(3)
    ]
    assert only(read(tmp_path, rows), Kind.STEPS).samples.tolist() == [0.0, 5.0, 10.0]


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_a_stage_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, {"sleeps": [summary(0, 60, sleepLevelsMap={"dozing": [span(0, 60)]})]})
    assert fault.value.fault is Fault.UNKNOWN_CODE


def test_a_time_that_cannot_be_read_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, {"sleeps": [summary(0, 60, sleepLevelsMap={"deep": [{"startTimeInSeconds": "soon"}]})]})
    assert fault.value.fault is Fault.CORRUPT


@pytest.mark.parametrize("second", [-1, 1e18, True])
def test_a_time_beyond_the_calendar_is_corrupt(tmp_path: Path, second: float) -> None:
    night = summary(0, 60, sleepLevelsMap={"deep": [span(0, 60)]}) | {"startTimeInSeconds": second}
    with pytest.raises(FileFault) as fault:
        read(tmp_path, [night])
    assert fault.value.fault in {Fault.CORRUPT, Fault.IMPLAUSIBLE}
