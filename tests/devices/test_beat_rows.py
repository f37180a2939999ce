"""Beat intervals as programs print them: Polar Flow, VU-AMS, ann2rr and Holter listings."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.sample import ASKED, T0_NS
from handmade.vu_ams import HEADER, row

from pipeline.clock import NS, to_datetime
from pipeline.devices import beat_list, polar_flow_rr, read_export, vu_ams
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Recording

NO_START = Asked(zone="Europe/Rome")


def read(folder: Path, text: str, asked: Asked = ASKED) -> tuple[str, Recording, Beats]:
    path = folder / "export.txt"
    path.write_bytes(text.encode("utf-8"))
    reader, recording = read_export(path, asked)
    assert recording.beats is not None
    return reader.name, recording, recording.beats


def fault_of(folder: Path, text: str, asked: Asked = ASKED) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read(folder, text, asked)
    return fault.value


def ends_s(beats: Beats) -> list[float]:
    return [round(float(s), 6) for s in (beats.end_ns - T0_NS) / NS]


# ---- Polar Flow ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "duration,offline\n800,0\n900,0\n1500,1\n2500,1\n1000,0\n",
        "\ufeffduration,offline\r\n800,false\r\n900,false\r\n1500,true\r\n2500,true\r\n1000,false\r\n",
        '"duration";"offline"\n800,0;0\n900,0;0\n1500,0;1\n2500,0;1\n1000,0;0\n',
    ],
)
def test_time_without_contact_passes_without_beats(tmp_path: Path, text: str) -> None:
    name, recording, beats = read(tmp_path, text)
    assert name == polar_flow_rr.READER.name
    assert beats.rr_s.tolist() == pytest.approx([0.8, 0.9, 1.0])
    assert ends_s(beats) == [0.8, 1.7, 6.7]
    assert recording.repairs == ("2 intervals without skin contact (4.0 s): gaps",)
    assert recording.clock is ClockKind.ELAPSED


def test_long_stretches_without_contact_do_not_decide_the_unit(tmp_path: Path) -> None:
    _, _, beats = read(tmp_path, "duration,offline\n" + "30000,1\n" * 20 + "800,0\n820,0\n")
    assert beats.rr_s.tolist() == pytest.approx([0.8, 0.82])
    assert ends_s(beats) == [600.8, 601.62]


def test_a_session_needs_its_start(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "duration,offline\n800,0\n", NO_START).fault is Fault.NO_START_TIME
    assert fault_of(tmp_path, "duration,offline\n").fault is Fault.NOTHING_USABLE


# ---- VU-AMS ----------------------------------------------------------------------------------------------------------


def test_a_peak_ends_its_interval_and_the_first_has_none(tmp_path: Path) -> None:
    rows = [row(0, 0), row(936, 936), row(1900, 964), row(2889, 989)]
    name, recording, beats = read(tmp_path, HEADER + "".join(rows))
    assert name == vu_ams.READER.name
    assert beats.rr_s.tolist() == pytest.approx([0.936, 0.964, 0.989])
    assert ends_s(beats) == [0.936, 1.9, 2.889]
    assert (recording.repairs, recording.clock, beats.sensor) == ((), ClockKind.DEVICE, BeatSensor.ECG)
    assert "P37" not in repr(recording)


def test_interpolated_intervals_and_holes_are_left_out(tmp_path: Path) -> None:
    rows = [row(0, 0), row(900, 900), row(1800, 900, "I"), row(2700, 900), row(9000, 6300), row(9900, 900)]
    _, recording, beats = read(tmp_path, HEADER + "".join(rows))
    assert ends_s(beats) == [0.9, 2.7, 9.9]
    assert recording.repairs == (
        "1 intervals that the software interpolated or corrected are left out",
        "1 intervals above 3 s are gaps, not beats",
    )


def test_dates_are_day_first_and_the_recorder_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    def at(clock: str) -> str:
        return f"31-03-24/{clock}\t0\t900\tO\t-9999\t\n"

    _, _, beats = read(tmp_path, HEADER + at("01:59:59.500") + at("02:00:00.400") + at("02:00:01.300"))
    assert (np.diff(beats.end_ns) == 900_000_000).all()
    early = HEADER + row(0, 900).replace("01-03-24", "05-04-24") + row(900, 900).replace("01-03-24", "05-04-24")
    assert f"{to_datetime(int(read(tmp_path, early)[2].end_ns[0]), 'Europe/Rome'):%d %B}" == "05 April"


def test_a_list_without_peaks_is_nothing_usable(tmp_path: Path) -> None:
    assert fault_of(tmp_path, HEADER).fault is Fault.NOTHING_USABLE


# ---- lists of labelled beats -----------------------------------------------------------------------------------------

LISTING = (
    "    0:00.000\t[0]\t0.076\tN\t    0:00.076\n"
    "    0:00.076\tN\t0.860\tN\t    0:00.936\n"
    "    0:00.936\tN\t0.900\tV\t    0:01.836\n"
    "    0:01.836\tV\t1.100\tN\t    0:02.936\n"
    " 1:27:44.696\tN\t514.464\tN\t 1:36:19.160\n"
    " 1:36:19.160\tN\t0.840\t~\t 1:36:20.000\n"
    " 1:36:20.000\tN\t0.840\tN\t 1:36:20.840\n"
)


def test_ann2rr_gives_intervals_between_two_beats(tmp_path: Path) -> None:
    name, recording, beats = read(tmp_path, LISTING)
    assert name == beat_list.READER.name
    assert beats.rr_s.tolist() == [0.86, 0.9, 1.1, 0.84]
    assert ends_s(beats) == [0.936, 1.836, 2.936, 5780.84]
    assert recording.repairs == (
        "1 intervals above 3 s are gaps, not beats",
        "2 intervals do not lie between two beats: left out",
    )


HOLTER = (
    "00004711\n4.000    X\n12.000    X\n12.883    N\n13.642    N\n14.400    S\n15.062    X\n15.810    N\n16.588    N\n"
)


def test_a_holter_listing_parts_at_marks_that_are_no_beats(tmp_path: Path) -> None:
    name, recording, beats = read(tmp_path, HOLTER)
    assert name == beat_list.READER.name
    assert beats.rr_s.tolist() == pytest.approx([0.759, 0.758, 0.778])
    assert ends_s(beats) == [13.642, 14.4, 16.588]
    assert recording.repairs == ("3 marks are no beats: no interval touches them",)
    assert "4711" not in repr(recording)


@pytest.mark.parametrize("text", [LISTING, HOLTER])
def test_the_start_is_the_headers_beside_it_else_the_sidecars(tmp_path: Path, text: str) -> None:
    assert fault_of(tmp_path, text, NO_START).fault is Fault.NO_START_TIME
    (tmp_path / "export.hea").write_text("slp 0 250 0 23:07:00 19/1/1989\n")
    _, _, beats = read(tmp_path, text, NO_START)
    assert f"{to_datetime(int(beats.end_ns[0]), 'Europe/Rome'):%Y-%m-%d %H:%M}" == "1989-01-19 23:07"


def test_a_damaged_listing_is_refused_and_a_torn_line_left_out(tmp_path: Path) -> None:
    good = "".join(f"{k}.000 N\n" for k in range(60))
    many = good + "".join(f"{k}.000 N\n" for k in range(60, 400))
    _, recording, beats = read(tmp_path, many + "garbage\n401.000 N\n")
    assert "1 lines that cannot be read are left out" in recording.repairs
    assert len(beats.rr_s) == 400
    assert fault_of(tmp_path, good + "garbage\n" * 5).fault is Fault.CORRUPT


@pytest.mark.parametrize(
    "text", ["0.5 N\n0.6 N\n", "name A\n1.0 N\n2.0 N\n3.0 N\n", "a b\nc d\ne f\n", "1.0 2.0\n2.0 3.0\n3.0 4.0\n"]
)
def test_other_lists_are_not_claimed(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.txt"
    path.write_text(text)
    assert not beat_list.READER.recognise(beat_list.Glimpse(path, False, text.encode(), frozenset()))


# ---- the real world --------------------------------------------------------------------------------------------------


@pytest.mark.realdata
def test_a_published_vu_ams_list(real_data: Path) -> None:
    path = real_data / "wearable_hrv" / "data" / "test_vu.txt"
    recording = read_export(path, Asked(zone="Europe/Amsterdam"))[1]
    assert recording.beats is not None
    ibi = np.loadtxt(path, delimiter="\t", skiprows=2, usecols=2)
    assert recording.beats.rr_s.tolist() == pytest.approx((ibi[1:] / 1000).tolist())
    span = (recording.beats.end_ns[-1] - recording.beats.end_ns[0]) / NS
    assert span == pytest.approx(ibi[2:].sum() / 1000, abs=0.002)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["slp01a", "slp03", "slp32", "slp60"])
def test_published_ann2rr_listings(real_data: Path, name: str) -> None:
    path = real_data / "slpdb_rr" / f"{name}.rr"
    recording = read_export(path, NO_START)[1]
    assert recording.beats is not None
    rows = [line.split() for line in path.read_text().splitlines()]
    wanted = [float(r[2]) for r in rows if r[1] in "NSVQ" and r[3] in "NSVQ" and float(r[2]) <= 3]
    assert recording.beats.rr_s.tolist() == pytest.approx(wanted)
    hours, minutes, seconds = ([0.0, 0.0, 0.0] + [float(v) for v in rows[-1][4].split(":")])[-3:]
    start = {
        "slp01a": datetime(1989, 1, 19, 23, 7),  # noqa: DTZ001
        "slp03": None,
        "slp32": datetime(1989, 7, 20, 1, 5, 30),  # noqa: DTZ001
        "slp60": None,
    }[name]
    if start is not None:
        wall = to_datetime(int(recording.beats.end_ns[-1]), "Europe/Rome").replace(tzinfo=None)
        assert (wall - start).total_seconds() == pytest.approx(hours * 3600 + minutes * 60 + seconds, abs=0.01)


@pytest.mark.realdata
def test_the_beats_that_a_holter_system_printed(real_data: Path) -> None:
    path = real_data / "flirt_sample" / "wearable-data" / "holter" / "holter.txt"
    recording = read_export(path, ASKED)[1]
    assert recording.beats is not None
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    at, label = [float(r[0]) for r in rows], [r[1] for r in rows]
    wanted = [b - a for a, b, p, q in zip(at, at[1:], label, label[1:], strict=False) if p in "NS" and q in "NS"]
    assert recording.beats.rr_s.tolist() == pytest.approx([v for v in wanted if v <= 3])
