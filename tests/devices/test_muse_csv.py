"""Muse csv: Mind Monitor and muselsl in their variants."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from handmade.muse_csv import HEADER, rows_of, write_muse
from handmade.sample import START, T0_NS

from pipeline.clock import NS
from pipeline.devices import claimant, read_export
from pipeline.devices.muse_csv import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

ROME = Asked(zone="Europe/Rome")


def mind_monitor(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    path = folder / "muse.csv"
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path


def muselsl(folder: Path, begin_s: float = 1_709_326_800.0, seconds: float = 20, fs: float = 256.0) -> Path:
    rows = [
        f"{begin_s + k / fs:.6f},{k % 7},{k % 5}.5,-{k % 3},0.25,0.0,{int(k == 512)}" for k in range(int(seconds * fs))
    ]
    return mind_monitor(folder, rows, "timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0")


def read(path: Path, asked: Asked = ROME) -> Recording:
    reader, recording = read_export(path, asked)
    assert reader is READER
    return recording


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    assert claimant(path) is READER
    with pytest.raises(FileFault) as caught:
        read_export(path, asked)
    return caught.value


def test_mind_monitor_gives_the_right_forehead_in_microvolts_and_acceleration_at_its_own_rate(tmp_path: Path) -> None:
    values = np.arange(60 * 256) % 1000 / 10
    eeg, acc = read(mind_monitor(tmp_path, rows_of(60, (30.0, 40.0), values))).signals
    assert (eeg.kind, eeg.label, eeg.fs_hz, eeg.start_ns) == (Kind.EEG, "AF8", 256.0, T0_NS)
    expected = np.where((np.arange(15360) >= 7680) & (np.arange(15360) < 10240), np.nan, values + 1)
    assert eeg.samples == pytest.approx(expected, abs=1e-3, nan_ok=True)
    assert (acc.kind, acc.fs_hz, acc.samples.shape) == (Kind.ACC, 52.0, (60 * 52, 3))
    assert acc.samples[0] == pytest.approx([0.1, -0.2, 0.95])


def test_acceleration_is_taken_from_the_row_in_which_its_sample_begins(tmp_path: Path) -> None:
    rows = [row.replace(",0.95,", f",{k // 5 * 0.01:.2f},") for k, row in enumerate(rows_of(20, (99, 99))[1:])]
    acc = read(mind_monitor(tmp_path, rows)).signals[1]
    k = np.arange(20 * 52)
    assert acc.samples[:, 2] == pytest.approx(np.floor(k * 256 / 52) // 5 * 0.01, abs=1e-6)


def test_channels_asked_for_are_read_with_and_without_their_prefix(tmp_path: Path) -> None:
    path = write_muse(tmp_path)
    recording = read(path, dataclasses.replace(ROME, eeg_channels=("RAW_TP10", "af7")))
    assert [s.label for s in recording.of(Kind.EEG)] == ["TP10", "AF7"]
    fault = refused(path, dataclasses.replace(ROME, eeg_channels=("AF9",)))
    assert (fault.fault, fault.known) == (Fault.SETTINGS, "channels: TP9, AF7, AF8, TP10")


def test_semicolons_and_decimal_commas_read_the_same(tmp_path: Path) -> None:
    plain = read(write_muse(tmp_path))
    rows = [row.replace(",", ";").replace(".", ",").replace(",", ".", 1) for row in rows_of(60, (30.0, 40.0))]
    other = read(mind_monitor(tmp_path, rows, HEADER.replace(",", ";")))
    for one, two in zip(plain.signals, other.signals, strict=True):
        assert one.start_ns == two.start_ns
        assert np.array_equal(one.samples, two.samples, equal_nan=True)


def test_whole_second_stamps_still_show_the_gap(tmp_path: Path) -> None:
    rows = [row[:19] + row[23:] for row in rows_of(60, (30.0, 40.0))]
    eeg = read(mind_monitor(tmp_path, rows, HEADER)).signals[0]
    assert abs(eeg.start_ns - T0_NS) <= NS / 256 * 33
    empty = np.flatnonzero(np.isnan(eeg.samples))
    assert abs(len(empty) - 2560) <= 32
    assert abs(empty[0] - 7680) <= 32
    assert len(eeg.samples) - len(empty) == 50 * 256


@pytest.mark.parametrize("style", ["%d/%m/%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S"])
def test_a_table_that_went_through_a_spreadsheet(style: str, tmp_path: Path) -> None:
    rows = []
    for row in rows_of(30, (99, 99))[1:]:
        at = datetime.fromisoformat(row.split(",")[0]) + timedelta(days=29)
        rows.append(f"{at:{style}}" + row[23:])
    eeg = read(mind_monitor(tmp_path, rows)).signals[0]
    assert abs(eeg.start_ns - T0_NS - (29 * 86_400 * NS)) < 0.2 * NS


@pytest.mark.parametrize(
    ("begin", "utc_s"),
    [
        (datetime(2024, 3, 31, 1, 59, 40), 1_711_846_780),  # noqa: DTZ001  then 03:00
        (datetime(2024, 10, 27, 2, 59, 40), 1_729_990_780),  # noqa: DTZ001  then 02:00 again
    ],
)
def test_a_phone_that_follows_a_change_of_the_clocks_makes_no_gap(begin: datetime, utc_s: int, tmp_path: Path) -> None:
    change = timedelta(hours=1 if begin.month == 3 else -1)
    rows = []
    for row in rows_of(60, (99, 99))[1:]:
        at = datetime.fromisoformat(row[:23]) - START + begin
        at += change if at - begin >= timedelta(seconds=20) else timedelta()
        rows.append(f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}{row[23:]}")
    recording = read(mind_monitor(tmp_path, rows))
    eeg = recording.signals[0]
    assert recording.clock is ClockKind.LOCAL
    assert eeg.start_ns == utc_s * NS
    assert len(eeg.samples) == 60 * 256
    assert np.isfinite(eeg.samples).all()


def test_samples_off_the_head_are_missing_not_noise(tmp_path: Path) -> None:
    rows = rows_of(20, (99, 99))
    rows[1 + 512 : 1 + 1024] = [row.replace(",1,1.0,95.0,", ",0,4.0,95.0,") for row in rows[1 + 512 : 1 + 1024]]
    recording = read(mind_monitor(tmp_path, rows))
    assert np.flatnonzero(np.isnan(recording.signals[0].samples)).tolist() == list(range(512, 1024))
    assert np.isfinite(recording.signals[1].samples).all()
    assert any(r.startswith("2.0 s with the headband off") for r in recording.repairs)


def test_events_are_markers_but_never_name_the_headband(tmp_path: Path) -> None:
    rows = rows_of(20, (99, 99))
    for at, said in (
        (5, "/muse/elements/blink"),
        (6, "/muse/elements/jaw_clench"),
        (7, "/Marker/3"),
        (8, "note of Ann"),
    ):
        rows.append(f"2024-03-01 22:00:{at:02d}.500{',' * 15}{said}")
    recording = read(mind_monitor(tmp_path, rows))
    assert [((m.time_ns - T0_NS) / NS, m.label) for m in recording.markers] == [
        (5.5, "blink"),
        (6.5, "jaw clench"),
        (7.5, "marker 3"),
    ]
    assert "A1B2" not in repr(recording)
    assert "Ann" not in repr(recording)


def test_muselsl_is_read_by_its_unix_time(tmp_path: Path) -> None:
    recording = read(muselsl(tmp_path))
    (eeg,) = recording.signals
    assert (recording.clock, eeg.label, len(eeg.samples)) == (ClockKind.UTC, "AF8", 5120)
    assert abs(eeg.start_ns - T0_NS) <= 1000  # stamps are written in microseconds
    assert eeg.samples[:5] == pytest.approx([0, -1, -2, 0, -1])
    assert [(m.label, m.time_ns - T0_NS) for m in recording.markers] == [("marker 1", 2 * NS)]
    tokyo = read(muselsl(tmp_path), Asked(zone="Asia/Tokyo"))
    assert tokyo.signals[0].start_ns == eeg.start_ns


def test_a_computers_uptime_needs_a_start(tmp_path: Path) -> None:
    path = muselsl(tmp_path, begin_s=81_234.5)
    assert refused(path).fault is Fault.NO_START_TIME
    recording = read(path, dataclasses.replace(ROME, start=START))
    assert recording.clock is ClockKind.ELAPSED
    assert abs(recording.signals[0].start_ns - T0_NS) <= 1000


def test_the_muse_of_2014_samples_220_times_a_second(tmp_path: Path) -> None:
    assert read(muselsl(tmp_path, fs=220.0)).signals[0].fs_hz == 220.0


def test_an_interval_that_leaves_samples_out_is_refused(tmp_path: Path) -> None:
    fault = refused(mind_monitor(tmp_path, rows_of(60, (99, 99))[1::256]))
    assert fault.fault is Fault.IMPLAUSIBLE
    assert "constant interval" in fault.hint


def test_band_powers_alone_are_refused(tmp_path: Path) -> None:
    header = "TimeStamp,Delta_TP9,Delta_AF7,Delta_AF8,Delta_TP10"
    fault = refused(mind_monitor(tmp_path, ["2024-03-01 22:00:00.000,0.1,0.2,0.3,0.4"], header))
    assert fault.fault is Fault.NOTHING_USABLE
    assert "raw EEG" in fault.hint


def test_stamps_that_are_none_are_refused_or_told(tmp_path: Path) -> None:
    rows = rows_of(20, (99, 99))[1:]
    rows[100] = "?" + rows[100][23:]
    recording = read(mind_monitor(tmp_path, rows))
    assert any(r.startswith("1 rows without a readable time stamp") for r in recording.repairs)
    assert refused(mind_monitor(tmp_path, ["soon" + row[23:] for row in rows])).fault is Fault.CORRUPT
    assert refused(mind_monitor(tmp_path, [f"2024-03-01 22:00:00.000{',' * 15}"])).fault is Fault.NOTHING_USABLE
