"""Fitbit's JSON: clocks that differ by kind, stages with short wakes, doubled logs, sentinels, files without a name."""

from __future__ import annotations

import collections
import json
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant, read_export
from pipeline.devices.fitbit_json import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Stage, StageSource

ROME = Asked(zone="Europe/Rome")
OSLO = Asked(zone="Europe/Oslo")
W, L, D, R, S, M, U = Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM, Stage.ASLEEP, Stage.MOVEMENT, Stage.UNSCORED


def write(folder: Path, content: object, name: str = "sleep-2024-03-01.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def log(start: str, levels: list[tuple[str, str, int]], short: list[tuple[str, str, int]] = [], **more: object) -> dict:  # noqa: B006
    day = start[:10]
    data = [
        [{"dateTime": f"{day}T{at}", "level": name, "seconds": s} for at, name, s in part] for part in (levels, short)
    ]
    end = datetime.fromisoformat(start) + timedelta(seconds=sum(s for _, _, s in levels))
    whole = {
        "logId": 7,
        "dateOfSleep": day,
        "startTime": start,
        "endTime": end.isoformat(),
        "levels": {"data": data[0]},
    }
    whole["levels"]["shortData"] = data[1]
    return {**whole, "mainSleep": True, **more}


def stages(recording: Recording) -> list[Stage]:
    assert recording.hypnogram is not None
    return [Stage(s) for s in recording.hypnogram.stages]


def clock(at_ns: int, zone: str = "UTC") -> str:
    return f"{to_datetime(at_ns, zone):%Y-%m-%d %H:%M:%S}"


# ---- sleep -----------------------------------------------------------------------------------------------------------


def test_stages_with_short_wakes_on_top_and_never_n1_or_n2(tmp_path: Path) -> None:
    levels = [("23:00:30", "wake", 30), ("23:01:00", "light", 90), ("23:02:30", "deep", 60), ("23:03:30", "rem", 30)]
    levels.append(("23:04:00", "unknown", 30))
    recording = read(write(tmp_path, [log("2024-03-01T23:00:30.000", levels, [("23:01:30", "wake", 30)])]))
    assert stages(recording) == [W, L, W, L, D, D, R, U]
    assert recording.hypnogram is not None
    assert clock(recording.hypnogram.start_ns) == "2024-03-01 22:00:30"
    assert recording.hypnogram.source is StageSource.CONSUMER
    assert recording.clock is ClockKind.LOCAL


def test_classic_logs_know_asleep_restless_awake(tmp_path: Path) -> None:
    levels = [("23:00:00", "asleep", 60), ("23:01:00", "restless", 30), ("23:01:30", "awake", 30)]
    assert stages(read(write(tmp_path, [log("2024-03-01T23:00:00", levels)]))) == [S, S, M, W]


def test_a_nap_is_a_rest_of_its_own_and_time_between_is_unscored(tmp_path: Path) -> None:
    night = log("2024-03-01T23:00:00", [("23:00:00", "light", 60)])
    nap = log("2024-03-01T14:00:00", [("14:00:00", "asleep", 60)], logId=8, mainSleep=False)
    recording = read(write(tmp_path, [night, nap]))
    assert [rest.source for rest in recording.rests] == ["Fitbit nap log", "Fitbit sleep log"]
    assert collections.Counter(stages(recording)) == {S: 2, L: 2, U: 9 * 120 - 2}


def test_the_api_says_main_sleep_in_its_own_way(tmp_path: Path) -> None:
    nap = log("2024-03-01T14:00:00", [("14:00:00", "asleep", 60)], isMainSleep=False)
    del nap["mainSleep"]
    path = write(tmp_path, {"sleep": [nap], "summary": {"totalMinutesAsleep": 1}})
    assert read(path).rests[0].source == "Fitbit nap log"


def test_a_log_that_stands_there_twice_counts_once(tmp_path: Path) -> None:
    night = log("2024-03-01T23:00:00", [("23:00:00", "light", 60)])
    again = json.loads(json.dumps(night))
    again["levels"]["summary"] = {"deep": {"thirtyDayAvgMinutes": 40}}
    recording = read(write(tmp_path, [night, again]))
    assert len(recording.rests) == 1
    assert recording.repairs == ("1 sleep logs stand in the export twice: the first is kept",)


def test_a_clock_change_within_a_night_does_not_bend_it(tmp_path: Path) -> None:
    # From 01:00 on, two hours at the offset of the start: stamps run through 02:00 to 03:00, which Rome skipped.
    spring = [("01:00:00", "light", 4500), ("02:15:00", "deep", 2700)]
    recording = read(write(tmp_path, [log("2024-03-31T01:00:00", spring)]))
    found = stages(recording)
    assert (len(found), found.count(L), found.index(D)) == (240, 150, 150)
    assert clock(recording.rests[0].out_bed_ns, "Europe/Rome") == "2024-03-31 04:00:00"
    autumn = read(write(tmp_path, [log("2024-10-27T02:30:00", [("02:30:00", "light", 7200)])]))
    assert clock(autumn.rests[0].out_bed_ns, "Europe/Rome") == "2024-10-27 03:30:00"


def test_a_stage_that_is_not_known_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, [log("2024-03-01T23:00:00", [("23:00:00", "depe", 60)])]))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert fault.value.hint == "did you mean 'deep'?"


def test_a_log_without_stages_is_time_in_bed(tmp_path: Path) -> None:
    bare = log("2024-03-01T23:00:00", [])
    del bare["levels"]
    bare["endTime"] = "2024-03-02T07:00:00"
    recording = read(write(tmp_path, [bare]))
    assert recording.kinds == {Kind.DIARY}
    assert recording.rests[0].out_bed_ns - recording.rests[0].in_bed_ns == 8 * 3600 * NS


# ---- heart, steps ----------------------------------------------------------------------------------------------------


def bpm(stamp: str, rate: int, confidence: int = 2) -> dict[str, object]:
    return {"dateTime": stamp, "value": {"bpm": rate, "confidence": confidence}}


def test_heart_rates_of_a_takeout_are_in_utc_and_month_first(tmp_path: Path) -> None:
    rows = [bpm("03/04/24 21:00:10", 60), bpm("03/04/24 21:00:12", 64), bpm("03/04/24 21:00:27", 70)]
    recording = read(write(tmp_path, rows, "heart_rate-2024-03-04.json"))
    (heart,) = recording.signals
    assert (heart.kind, heart.fs_hz, clock(heart.start_ns)) == (Kind.HR, 0.2, "2024-03-04 21:00:10")
    assert heart.samples.tolist() == pytest.approx([62.0, np.nan, np.nan, 70.0], nan_ok=True)
    assert recording.clock is ClockKind.UTC


def test_a_heart_rate_without_confidence_is_missing(tmp_path: Path) -> None:
    rows = [bpm("03/04/24 21:00:00", 70, 0), bpm("03/04/24 21:00:05", 61), bpm("03/04/24 21:00:10", 0, 3)]
    recording = read(write(tmp_path, rows, "x.json"))
    assert recording.signals[0].samples.tolist() == [61.0]
    assert "confidence 0" in recording.repairs[0]


def test_batches_of_heart_rates_are_one_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.devices.fitbit_json._BATCH", 7)
    rows = [bpm(f"03/04/24 21:{k // 12:02d}:{k % 12 * 5:02d}", 50 + k) for k in range(40)]
    assert read(write(tmp_path, rows)).signals[0].samples.tolist() == [50.0 + k for k in range(40)]


def steps(*rows: tuple[str, str]) -> list[dict[str, str]]:
    return [{"dateTime": stamp, "value": value} for stamp, value in rows]


def test_steps_of_a_takeout_are_in_utc_and_absent_minutes_are_missing(tmp_path: Path) -> None:
    rows = steps(("03/04/24 21:00:00", "0"), ("03/04/24 21:01:00", "12"), ("03/04/24 21:03:00", "7"))
    (signal,) = read(write(tmp_path, rows, "steps-2024-03-04.json")).signals
    assert (signal.kind, clock(signal.start_ns)) == (Kind.STEPS, "2024-03-04 21:00:00")
    assert signal.samples.tolist() == pytest.approx([0.0, 12.0, np.nan, 7.0], nan_ok=True)


def test_values_without_a_name_are_refused_unless_the_sidecar_names_them(tmp_path: Path) -> None:
    path = write(tmp_path, steps(("03/04/24 21:00:00", "5")), "export.json")
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    assert '{"units": {"value": "steps"}}' in fault.value.hint
    assert read(path, Asked(zone="Europe/Rome", units={"value": "steps"})).signals[0].samples.tolist() == [5.0]


@pytest.mark.parametrize(
    "name", ["distance-2024-03-04.json", "lightly_active_minutes-2024-03-04.json", "calories.json"]
)
def test_other_values_are_named_and_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, steps(("03/04/24 21:00:00", "5")), name))
    assert fault.value.fault is Fault.NOTHING_USABLE


def test_steps_are_whole_numbers(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, steps(("03/04/24 21:00:00", "1.48")), "steps.json"))
    assert fault.value.fault is Fault.UNKNOWN_UNIT


def test_a_resting_heart_rate_of_zero_is_missing(tmp_path: Path) -> None:
    rows = [
        {"dateTime": "2019-11-01 00:00:00", "value": {"date": "11/01/19", "value": 53.74, "error": 6.8}},
        {"dateTime": "2019-11-02 00:00:00", "value": {"date": None, "value": 0.0, "error": 0.0}},
    ]
    recording = read(write(tmp_path, rows, "resting_heart_rate.json"))
    (answer,) = recording.answers
    assert (answer.item, answer.value, answer.day) == ("resting_heart_rate_bpm", 53.74, date(2019, 11, 1))
    assert recording.repairs == ("1 days without a resting heart rate (written as 0) left out",)


# ---- the web API -----------------------------------------------------------------------------------------------------


def test_readings_of_the_api_are_by_the_wall_clock(tmp_path: Path) -> None:
    rows = [{"time": "22:00:00", "value": 60}, {"time": "22:00:10", "value": 62}]
    answer = {
        "activities-heart": [{"dateTime": "2024-07-01", "value": {}}],
        "activities-heart-intraday": {"dataset": rows, "datasetInterval": 1, "datasetType": "second"},
    }
    recording = read(write(tmp_path, answer))
    (heart,) = recording.signals
    assert (clock(heart.start_ns), recording.clock) == ("2024-07-01 20:00:00", ClockKind.LOCAL)
    assert heart.samples.tolist() == pytest.approx([60.0, np.nan, 62.0], nan_ok=True)


def test_steps_of_the_api(tmp_path: Path) -> None:
    rows = [{"time": "22:00:00", "value": 0}, {"time": "22:01:00", "value": 9}]
    series = {"dataset": rows, "datasetInterval": 1}
    answer = {"activities-steps": [{"dateTime": "2024-07-01", "value": "9"}], "activities-steps-intraday": series}
    (signal,) = read(write(tmp_path, answer)).signals
    assert (signal.kind, signal.samples.tolist(), clock(signal.start_ns)) == (Kind.STEPS, [0, 9], "2024-07-01 20:00:00")


def test_variability_and_oxygen_of_the_api(tmp_path: Path) -> None:
    value = {"rmssd": 26.6, "coverage": 0.97, "hf": 126.5, "lf": 275.7}
    day = {"minutes": [{"minute": "2021-10-25T09:10:00.000", "value": value}], "dateTime": "2021-10-25"}
    (rmssd,) = read(write(tmp_path, {"hrv": [day]})).signals
    assert (rmssd.kind, rmssd.fs_hz, clock(rmssd.start_ns)) == (Kind.RMSSD, 1 / 300, "2021-10-25 07:10:00")
    assert rmssd.samples.tolist() == pytest.approx([26.6])
    oxygen = {"dateTime": "2021-10-04", "minutes": [{"value": 95.3, "minute": "2021-10-04T03:07:00"}]}
    (spo2,) = read(write(tmp_path, oxygen)).signals
    assert (spo2.kind, clock(spo2.start_ns)) == (Kind.SPO2, "2021-10-04 01:07:00")


# ---- damage ----------------------------------------------------------------------------------------------------------


def test_a_file_of_another_maker_is_not_claimed(tmp_path: Path) -> None:
    for content in ([{"date": "2024-03-01", "value": 3}], {"data": [{"day": "2024-03-01"}]}, [1, 2, 3]):
        assert not READER.recognise(glimpse(write(tmp_path, content)))


def test_half_a_file_is_truncated(tmp_path: Path) -> None:
    path = write(tmp_path, [bpm("03/04/24 21:00:00", 70)] * 3)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.TRUNCATED


# ---- real files ------------------------------------------------------------------------------------------------------


@pytest.mark.realdata
@pytest.mark.parametrize("person", ["p01", "p02", "p03", "p04", "p05"])
def test_minutes_of_each_stage_are_those_of_fitbits_own_summary(real_data: Path, person: str) -> None:
    path = real_data / "pmdata" / person / "fitbit" / "sleep.json"
    reader, recording = read_export(path, OSLO)
    assert reader is claimant(path) is READER
    logs = {entry["logId"]: entry for entry in json.loads(path.read_text())}.values()
    assert len(recording.rests) == len(logs)
    held = recording.hypnogram
    assert held is not None
    wrong = 0
    for rest, entry in zip(recording.rests, sorted(logs, key=lambda e: e["startTime"].replace(" ", "T")), strict=True):
        assert clock(rest.in_bed_ns, "Europe/Oslo") == entry["startTime"].replace("T", " ")[:19]
        if entry["type"] != "stages":
            continue
        epochs = held.stages[
            (rest.in_bed_ns - held.start_ns) // (30 * NS) : (rest.out_bed_ns - held.start_ns) // (30 * NS)
        ]
        summary = {
            name: entry["levels"]["summary"].get(name, {"minutes": 0})["minutes"]
            for name in ("wake", "light", "deep", "rem")
        }
        minutes = {name: (epochs == s).sum() / 2 for name, s in {"wake": W, "light": L, "deep": D, "rem": R}.items()}
        wrong += any(abs(minutes[name] - summary[name]) > 0.5 for name in summary)
        # Fitbit's sums count a wake at the very end differently, by up to three and a half minutes.
        assert all(abs(minutes[name] - summary[name]) <= 3.5 for name in summary)
    assert wrong <= 0.12 * len(logs)


@pytest.mark.realdata
def test_wakes_of_a_night_agree_with_movement_in_utc_also_when_the_clock_changes(real_data: Path) -> None:
    folder = real_data / "pmdata" / "p03" / "fitbit"
    held = read_export(folder / "sleep.json", OSLO)[1].hypnogram
    steps = read_export(folder / "steps.json", OSLO)[1].signals[0]
    assert held is not None
    moved = steps.start_ns + np.flatnonzero(np.isfinite(steps.samples)) * 60 * NS  # a minute is written if one moved
    first, last = 1585436400 * NS, 1585462800 * NS  # 2020-03-29 00:00 to 07:20 in Oslo, of which one hour is skipped
    inside = moved[(moved >= first) & (moved < last)]
    awake = [any(held.stages[(at - held.start_ns) // (30 * NS) + k] == W for k in (-2, -1, 0, 1, 2)) for at in inside]
    assert len(awake) >= 10
    assert np.mean(awake) > 0.9


@pytest.mark.realdata
def test_steps_of_a_month_are_all_there(real_data: Path) -> None:
    path = real_data / "pmdata" / "p03" / "fitbit" / "steps.json"
    rows = json.loads(path.read_text())
    (signal,) = read_export(path, OSLO)[1].signals
    assert np.isfinite(signal.samples).sum() == len(rows)
    assert np.nansum(signal.samples.astype(np.float64)) == sum(int(row["value"]) for row in rows)
