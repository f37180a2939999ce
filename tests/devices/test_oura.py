"""Oura: stages by five minutes, series with nulls at their own stamps, periods taken back, JSON in csv cells."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from handmade.oura import period, series

from pipeline.clock import NS, to_datetime
from pipeline.devices import read_export
from pipeline.devices.oura import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Stage, StageSource

ROME = Asked(zone="Europe/Rome")
W, L, D, R, U = Stage.WAKE, Stage.LIGHT, Stage.N3, Stage.REM, Stage.UNSCORED
NIGHT = ("2022-07-12T01:05:14-07:00", "2022-07-12T01:23:14-07:00")


def read(folder: Path, content: object) -> Recording:
    path = folder / "export.json"
    path.write_text(json.dumps(content))
    reader, recording = read_export(path, ROME)
    assert reader is READER
    return recording


def clock(at_ns: int) -> str:
    return f"{to_datetime(at_ns):%Y-%m-%d %H:%M:%S}"


def test_stages_by_five_minutes_end_with_the_period(tmp_path: Path) -> None:
    recording = read(tmp_path, {"data": [period(*NIGHT, "4213")]})
    held = recording.hypnogram
    assert held is not None
    # 01:05:14 lies 14 s into an epoch and holds its middle: the first epoch is 01:05:00.
    assert (clock(held.start_ns), held.source) == ("2022-07-12 08:05:00", StageSource.CONSUMER)
    # 18 minutes: three whole stages of ten epochs, and three minutes of the fourth.
    assert [Stage(s) for s in held.stages] == [W] * 10 + [L] * 10 + [D] * 10 + [R] * 6
    assert recording.clock is ClockKind.OFFSET
    assert clock(recording.rests[0].in_bed_ns) == "2022-07-12 08:05:14"


def test_the_offset_of_the_stamp_counts_not_the_zone(tmp_path: Path) -> None:
    found = [
        read(tmp_path, {"data": [period(f"2022-07-12T{h}:00:00{o}", "2022-07-12T12:00:00+02:00", "4")]})
        for h, o in (("02", "+02:00"), ("09", "+09:00"))
    ]
    assert found[0].rests[0].in_bed_ns == found[1].rests[0].in_bed_ns


def test_series_keep_their_nulls_and_sentinels_are_missing(tmp_path: Path) -> None:
    start = "2022-07-12T01:05:14-07:00"
    heart, hrv = series(start, [None, 50.0, 46.0, 0]), series(start, [None, -102, 41.5, 40])
    recording = read(tmp_path, {"data": [period(*NIGHT, "4213", heart_rate=heart, hrv=hrv)]})
    (rate,), (rmssd,) = recording.of(Kind.HR), recording.of(Kind.RMSSD)
    assert (rate.fs_hz, clock(rate.start_ns), rate.samples.tolist()) == (1 / 300, "2022-07-12 08:10:00", [50.0, 46.0])
    assert (clock(rmssd.start_ns), rmssd.samples.tolist()) == ("2022-07-12 08:15:00", [41.5, 40.0])
    assert recording.repairs[0] == "heart rate: values lie in the nearest cell of 300 s, at most 150 s from their time"


def test_movement_begins_at_none(tmp_path: Path) -> None:
    (moved,) = read(tmp_path, {"data": [period(*NIGHT, "4213", movement_30_sec="12304")]}).of(Kind.COUNTS)
    assert moved.samples.tolist() == pytest.approx([0, 1, 2, np.nan, 3], nan_ok=True)
    assert moved.fs_hz == 1 / 30


def test_a_second_night_lies_on_the_same_grid_with_nothing_between(tmp_path: Path) -> None:
    nights = [
        period(
            f"2022-07-{d}T23:00:00+02:00",
            f"2022-07-{d}T23:10:00+02:00",
            "22",
            heart_rate=series(f"2022-07-{d}T23:00:00+02:00", [50, 51]),
        )
        for d in (12, 13)
    ]
    recording = read(tmp_path, nights)
    assert recording.hypnogram is not None
    assert (len(recording.hypnogram.stages), (recording.hypnogram.stages == L).sum()) == (2880 + 20, 40)
    (rate,) = recording.of(Kind.HR)
    assert (len(rate.samples), np.isfinite(rate.samples).sum()) == (288 + 2, 4)


@pytest.mark.parametrize("kind", ["deleted", "rest"])
def test_a_period_that_was_taken_back_is_no_sleep(tmp_path: Path, kind: str) -> None:
    other = period("2022-07-12T14:00:00-07:00", "2022-07-12T15:00:00-07:00", "444", type=kind)
    recording = read(tmp_path, {"data": [period(*NIGHT, "4213"), other]})
    assert len(recording.rests) == 1
    assert "1 periods" in recording.repairs[0]
    with pytest.raises(FileFault) as fault:
        read(tmp_path, {"data": [other]})
    assert fault.value.fault is Fault.NOTHING_USABLE


def test_a_period_that_comes_again_counts_once_and_a_nap_is_one(tmp_path: Path) -> None:
    nap = period("2022-07-12T14:00:00-07:00", "2022-07-12T14:05:00-07:00", "2", type="late_nap")
    recording = read(tmp_path, {"data": [period(*NIGHT, "4213"), nap, nap]})
    assert [rest.source for rest in recording.rests] == ["Oura sleep log", "Oura nap log"]


def test_stages_that_are_not_known_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, {"data": [period(*NIGHT, "4253")]})
    assert fault.value.fault is Fault.UNKNOWN_CODE


def test_a_stamp_without_offset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(tmp_path, {"data": [period("2022-07-12T01:05:14", "2022-07-12T01:23:14", "42")]})
    assert fault.value.fault is Fault.CORRUPT


def test_heart_rates_of_the_day(tmp_path: Path) -> None:
    rows = [{"bpm": b, "source": "awake", "timestamp": f"2022-07-12T10:0{m}:12+00:00"} for b, m in ((70, 0), (72, 3))]
    (rate,) = read(tmp_path, {"data": rows, "next_token": None}).signals
    assert rate.samples.tolist() == pytest.approx([70, np.nan, np.nan, 72], nan_ok=True)


@pytest.mark.parametrize("separator", [",", ";"])
def test_the_csv_of_the_export_holds_json_in_its_cells(tmp_path: Path, separator: str) -> None:
    start = "2022-07-12T01:05:00-07:00"
    whole = period(
        start, "2022-07-12T01:25:00-07:00", "4213", heart_rate=series(start, [None, 50.0]), movement_30_sec="11"
    )
    path = tmp_path / "sleep.csv"
    with path.open("w", newline="") as out:
        table = csv.DictWriter(out, list(whole), delimiter=separator)
        table.writeheader()
        table.writerow({key: json.dumps(value) if isinstance(value, dict) else value for key, value in whole.items()})
    reader, from_csv = read_export(path, ROME)
    assert reader is READER
    from_json = read(tmp_path, {"data": [whole]})
    assert from_csv.rests == from_json.rests
    for one, two in zip(from_csv.signals, from_json.signals, strict=True):
        assert (one.kind, one.start_ns, one.samples.tolist()) == (two.kind, two.start_ns, two.samples.tolist())
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FileFault) as fault:
        read_export(path, ROME)
    assert fault.value.fault is Fault.TRUNCATED


def test_series_by_another_step_are_refused(tmp_path: Path) -> None:
    odd = series(NIGHT[0], [50.0]) | {"interval": 60}
    with pytest.raises(FileFault) as fault:
        read(tmp_path, {"data": [period(*NIGHT, "4213", heart_rate=odd)]})
    assert fault.value.fault is Fault.UNKNOWN_UNIT


def test_the_night_of_a_clock_change_is_elapsed(tmp_path: Path) -> None:
    night = period("2024-03-31T01:30:00+01:00", "2024-03-31T03:30:00+02:00", "2" * 12)
    (rest,) = read(tmp_path, {"data": [night]}).rests
    assert rest.out_bed_ns - rest.in_bed_ns == 3600 * NS
    assert U not in {Stage(s) for s in read(tmp_path, {"data": [night]}).hypnogram.stages}  # type: ignore[union-attr]
