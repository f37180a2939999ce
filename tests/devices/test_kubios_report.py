"""Kubios reports: samples side by side, units, dates, and who stays unnamed."""

from __future__ import annotations

from pathlib import Path

import pytest
from handmade.kubios_report import HEAD, write_report
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS
from pipeline.devices import read_export
from pipeline.devices.kubios_report import READER
from pipeline.devices.reader import Asked, DateOrder
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, ClockKind, Recording

ROWS = [(0.8, 0.8, 10.9, 0.9), (1.6, 0.8, 11.8, 0.9), (2.4, 0.8, None, None)]


def report(rows: list[tuple[float | None, ...]] = ROWS, head: str = HEAD) -> str:
    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.3f}"

    return head + "".join(f"{cell(a)},{cell(b)},0.01,0.002,{cell(c)},{cell(d)},0.01,0.002\n" for a, b, c, d in rows)


def read(folder: Path, text: str, asked: Asked = ASKED) -> tuple[Recording, Beats]:
    path = folder / "report.txt"
    path.write_text(text)
    reader, recording = read_export(path, asked)
    assert reader is READER
    assert recording.beats is not None
    return recording, recording.beats


def fault_of(folder: Path, text: str, asked: Asked = ASKED) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read(folder, text, asked)
    return fault.value


def test_samples_side_by_side_follow_one_another_in_time(tmp_path: Path) -> None:
    recording, beats = read(tmp_path, report())
    assert beats.rr_s.tolist() == [0.8, 0.8, 0.8, 0.9, 0.9]
    assert ((beats.end_ns - T0_NS) / NS).tolist() == pytest.approx([0.8, 1.6, 2.4, 10.9, 11.8])
    assert recording.clock is ClockKind.DEVICE
    assert recording.repairs == ("intervals as Kubios analysed them, after its beat correction",)


def test_overlapping_samples_give_each_beat_once(tmp_path: Path) -> None:
    _, beats = read(tmp_path, report([(0.8, 0.8, 1.6, 0.8), (1.6, 0.8, 2.4, 0.8)]))
    assert ((beats.end_ns - T0_NS) / NS).tolist() == pytest.approx([0.8, 1.6, 2.4])


def test_the_local_dress_of_a_report_is_read_alike(tmp_path: Path) -> None:
    _, here = read(tmp_path, report())
    dressed = report().replace(".", "§").replace(",", ";").replace("§", ",")
    _, there = read(tmp_path, dressed)
    assert there.rr_s.tolist() == here.rr_s.tolist()
    assert there.end_ns.tolist() == here.end_ns.tolist()
    clocked = report().replace("\n0.800,", "\n00:00:00.8,").replace("\n1.600,", "\n00:00:01.6,")
    _, by_clock = read(tmp_path, clocked.replace("\n2.400,", "\n00:00:02.4,"))
    assert by_clock.end_ns.tolist() == here.end_ns.tolist()


def test_a_cut_report_of_one_sample_is_its_beginning_and_of_two_is_refused(tmp_path: Path) -> None:
    assert fault_of(tmp_path, report()[:-4]).fault is Fault.TRUNCATED
    one = "Kubios HRV\nMeasurement date: 2024-03-01 22:00:00\nRR INTERVAL DATA\nTime,RR interval\n(s),(s)\n"
    recording, beats = read(tmp_path, one + "0.8,0.8\n1.6,0.8\n2.5,0.")
    assert beats.rr_s.tolist() == [0.8, 0.8]
    assert "no line end" in recording.repairs[0]


def test_milliseconds_are_told_by_their_size(tmp_path: Path) -> None:
    _, beats = read(tmp_path, report([(0.8, 800.0, 10.9, 900.0), (1.6, 800.0, 11.8, 900.0)]))
    assert beats.rr_s.tolist() == [0.8, 0.8, 0.9, 0.9]


def test_a_date_that_can_be_read_two_ways_is_asked_for(tmp_path: Path) -> None:
    text = report().replace("2024-03-01 22:00:00", "01/03/2024 22:00:00")
    assert fault_of(tmp_path, text, Asked(zone="Europe/Rome")).fault is Fault.NO_START_TIME
    _, beats = read(tmp_path, text, Asked(zone="Europe/Rome", date_order=DateOrder.DAY_FIRST))
    assert int(beats.end_ns[0]) == T0_NS + 800_000_000


def test_a_report_without_a_date_takes_the_sidecars(tmp_path: Path) -> None:
    text = report().replace("2024-03-01 22:00:00", "")
    assert fault_of(tmp_path, text, Asked(zone="Europe/Rome")).fault is Fault.NO_START_TIME
    recording, beats = read(tmp_path, text)
    assert (int(beats.end_ns[0]), recording.clock) == (T0_NS + 800_000_000, ClockKind.ELAPSED)


def test_nobody_is_named(tmp_path: Path) -> None:
    recording = read_export(write_report(tmp_path), ASKED)[1]
    assert "ada" not in repr(recording).lower()


def test_a_report_of_results_alone_says_what_is_missing(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, HEAD.split("RR INTERVAL DATA")[0])
    assert (fault.fault, "RR INTERVAL DATA" in fault.known) == (Fault.NOTHING_USABLE, True)


def test_heart_rates_in_place_of_intervals_are_refused(tmp_path: Path) -> None:
    assert fault_of(tmp_path, report([(1.0, 72.0, 2.0, 74.0)])).fault is Fault.UNKNOWN_UNIT
