"""OpenBCI text: counters, losses, rails, boards and the versions of the GUI."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from handmade.openbci_txt import HEADER, rows_of, write_openbci
from handmade.sample import START, T0_NS

from pipeline.clock import NS
from pipeline.devices import claimant, read_export
from pipeline.devices.openbci_txt import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording

ROME = Asked(zone="Europe/Rome")
OLD = (
    "%OpenBCI Raw EEG Data",
    "%",
    "%Sample Rate = 250.0 Hz",
    "%First Column = SampleIndex",
    "%Last Column = Timestamp",
)


def write(folder: Path, rows: list[str], header: tuple[str, ...] = HEADER) -> Path:
    path = folder / "OpenBCI-RAW.txt"
    path.write_text("\n".join([*header, *rows, ""]))
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    reader, recording = read_export(path, asked)
    assert reader is READER
    return recording


def refused(path: Path, asked: Asked = ROME) -> FileFault:
    assert claimant(path) is READER
    with pytest.raises(FileFault) as caught:
        read_export(path, asked)
    return caught.value


def old_row(k: int, stamp: str) -> str:
    return ", ".join([str(k % 256), *(f"{k % 9}.{c}0" for c in range(8)), "0.00", "0.00", "0.00", stamp])


def test_values_are_microvolts_as_they_stand_and_the_clock_is_unix_time(tmp_path: Path) -> None:
    recording = read(write_openbci(tmp_path))
    eeg, acc = recording.signals
    assert (recording.device, recording.clock) == ("OpenBCI Cyton", ClockKind.UTC)
    assert (eeg.kind, eeg.label, eeg.fs_hz, eeg.start_ns) == (Kind.EEG, "EXG Channel 0", 250.0, T0_NS)
    assert eeg.samples[:3] == pytest.approx([0.5, 1.5, 2.5])
    assert eeg.samples[10_000:10_003] == pytest.approx([0.5, 1.5, 2.5])
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == list(range(7500, 10_000))
    assert (acc.fs_hz, acc.samples.shape) == (25.0, (1500, 3))
    assert acc.samples[0] == pytest.approx([0.1, -0.2, 0.96])
    assert any("does not know its electrodes" in r for r in recording.repairs)


def test_channels_asked_for(tmp_path: Path) -> None:
    path = write_openbci(tmp_path)
    recording = read(path, dataclasses.replace(ROME, eeg_channels=("exg channel 1", "EXG Channel 0")))
    assert [s.label for s in recording.of(Kind.EEG)] == ["EXG Channel 1", "EXG Channel 0"]
    assert recording.signals[0].samples[:2] == pytest.approx([0.25, 39.25])
    assert refused(path, dataclasses.replace(ROME, eeg_channels=("Fz",))).fault is Fault.SETTINGS


def test_a_few_lost_samples_are_seen_by_the_counter(tmp_path: Path) -> None:
    taken = np.setdiff1d(np.arange(2500), [*range(40, 43), 300, *range(1000, 1200)])
    eeg = read(write(tmp_path, rows_of(taken))).signals[0]
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == [*range(40, 43), 300, *range(1000, 1200)]
    assert len(eeg.samples) == 2500


def test_stamps_in_bursts_of_a_second_move_nothing(tmp_path: Path) -> None:
    rows = []
    for k, row in enumerate(rows_of(np.arange(5000))):
        cells = row.split(", ")
        cells[7] = f"{T0_NS / 1e9 + (k // 250 + 0.996):.3f}"  # a second's samples are written at its end
        rows.append(", ".join(cells))
    del rows[1001:1004]
    eeg = read(write(tmp_path, rows)).signals[0]
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == [1001, 1002, 1003]
    assert abs(eeg.start_ns - T0_NS) <= NS / 250


def test_the_daisy_counts_by_two_at_half_the_rate(tmp_path: Path) -> None:
    header = tuple(line.replace("250 Hz", "125 Hz").replace("CytonSerial", "CytonSerialDaisy") for line in HEADER)
    taken = np.setdiff1d(np.arange(1250), [500, 501])
    recording = read(write(tmp_path, rows_of(taken, 2, 125.0), header))
    eeg, acc = recording.signals
    assert recording.device == "OpenBCI Cyton Daisy"
    assert (eeg.fs_hz, acc.fs_hz) == (125.0, 25.0)
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == [500, 501]


def test_a_ganglions_counter_is_not_used(tmp_path: Path) -> None:
    header = tuple(line.replace("250 Hz", "200 Hz").replace("CytonSerial", "GanglionNative") for line in HEADER)
    taken = np.concatenate((np.arange(2000), np.arange(3000, 5000)))
    rows = [row.replace(row.split(",")[0], f"{k // 2 % 100}.0", 1) for k, row in enumerate(rows_of(taken, 1, 200.0))]
    recording = read(write(tmp_path, rows, header))
    eeg, acc = recording.signals
    assert recording.device == "OpenBCI Ganglion"
    assert (eeg.fs_hz, acc.fs_hz) == (200.0, 10.0)
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == list(range(2000, 3000))
    assert any("counter does not count" in r for r in recording.repairs)


def test_the_rail_is_missing_and_a_large_offset_is_taken_off(tmp_path: Path) -> None:
    rows = [row.replace(f" {k % 50}.5,", f" {45_000 + k % 50}.5,", 1) for k, row in enumerate(rows_of(np.arange(1000)))]
    rows[500:510] = [row.replace(row.split(", ")[1], "187500.02", 1) for row in rows[500:510]]
    rows[600] = rows[600].replace(rows[600].split(", ")[1], "-120000.0", 1)
    recording = read(write(tmp_path, rows))
    eeg = recording.signals[0]
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == [*range(500, 510), 600]
    assert eeg.samples[:3] == pytest.approx([-24.5, -23.5, -22.5])  # the median of 0.5 … 49.5 is 25
    assert any("offset of 45025 µV" in r for r in recording.repairs)
    assert any("0.04 s at the amplifier's rail" in r for r in recording.repairs)


def test_markers_lie_at_their_sample_after_a_gap_too(tmp_path: Path) -> None:
    rows = rows_of(np.concatenate((np.arange(1000), np.arange(1100, 2000))))
    rows[1000] = rows[1000].replace(", 0.0, 2024", ", 7.0, 2024")
    (marker,) = read(write(tmp_path, rows)).markers
    assert marker.label == "marker 7"
    assert (marker.time_ns - T0_NS) / NS == pytest.approx(1100 / 250, abs=1e-6)


def test_old_files_without_names_need_a_date_and_follow_their_clock_over_midnight(tmp_path: Path) -> None:
    begin = timedelta(hours=23, minutes=59, seconds=50)
    taken = np.concatenate((np.arange(3000), np.arange(4000, 5000)))
    rows = [old_row(k, f"{START.replace(hour=0) + begin + timedelta(seconds=k / 250):%H:%M:%S.%f}"[:-3]) for k in taken]
    path = write(tmp_path, rows, OLD)
    assert refused(path).fault is Fault.NO_START_TIME
    recording = read(path, dataclasses.replace(ROME, start=START, eeg_channels=("EXG Channel 7",)))
    (eeg,) = recording.signals  # an acceleration of nothing but zeros is none
    assert recording.clock is ClockKind.ELAPSED
    assert abs(eeg.start_ns - T0_NS) < NS / 250
    assert eeg.samples[:2] == pytest.approx([0.7, 1.7])
    assert np.flatnonzero(np.isnan(eeg.samples)).tolist() == list(range(3000, 4000))


def test_old_files_with_milliseconds_of_unix_time(tmp_path: Path) -> None:
    rows = [old_row(k, f"22:00:00.000, {T0_NS // 10**6 + k * 4}") for k in range(1000)]
    recording = read(write(tmp_path, rows, OLD))
    assert (recording.clock, recording.signals[0].start_ns) == (ClockKind.UTC, T0_NS)


@pytest.mark.parametrize(
    ("header", "rows", "fault"),
    [
        (HEADER[:2] + HEADER[3:], rows_of(np.arange(10)), Fault.CORRUPT),
        (HEADER, [], Fault.NOTHING_USABLE),
        (HEADER[:4], [], Fault.NOTHING_USABLE),
        (HEADER, ["a, b, c"], Fault.NOTHING_USABLE),
        (OLD, ["1, 2, 3"], Fault.CORRUPT),
        ((HEADER[0], "%Sample Rate = 0 Hz"), rows_of(np.arange(10)), Fault.CORRUPT),
    ],
)
def test_what_cannot_be_read_is_refused_in_words(
    header: tuple[str, ...], rows: list[str], fault: Fault, tmp_path: Path
) -> None:
    assert refused(write(tmp_path, rows, header)).fault is fault
