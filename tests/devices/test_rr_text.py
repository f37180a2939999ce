"""Beat intervals as text: unit, clock, marks, gaps, and what is refused."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clock import NS, to_datetime, wall_ns
from pipeline.devices.reader import Asked, glimpse
from pipeline.devices.rr_text import READER
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Recording

ROME = Asked(zone="Europe/Rome", start=datetime(2024, 1, 10, 22, 0))  # noqa: DTZ001
START_NS = wall_ns(datetime(2024, 1, 10, 21, 0))  # noqa: DTZ001  22:00 in Rome in winter


def write(folder: Path, text: str, name: str = "night.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def read(path: Path, asked: Asked = ROME) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, asked)


def beats_of(path: Path, asked: Asked = ROME) -> Beats:
    beats = read(path, asked).beats
    assert beats is not None
    return beats


def local(ns: int, zone: str = "Europe/Rome") -> str:
    return f"{to_datetime(ns, zone):%d %H:%M:%S.%f}"[:-3]


# ---- unit ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "800\n900\n1000\n",
        "0.8\n0.9\n1.0\n",
        "0,8\n0,9\n1,0\n",
        "800\r\n900\r\n1000\r\n",
        "800\r900\r1000\r",
        "\ufeff800\n900\n1000\n",
        "RR\n800\n900\n1000\n",
        "RR [ms]\n800\n900\n1000\n",
        "# Kubios HRV\n# unit: ms\n\n 800 \n 900;\n1000\n",
        "* exported by a strap\nstart: 2024-01-10T22:00:00\nzone: Europe/Rome\n800\n900\n1000\n",
        "800.0\n900.0\n1000.0\n",
    ],
)
def test_three_intervals_in_every_dress_give_the_same_beats(tmp_path: Path, text: str) -> None:
    beats = beats_of(write(tmp_path, text))
    assert beats.rr_s.tolist() == pytest.approx([0.8, 0.9, 1.0], abs=1e-12)
    assert (beats.end_ns - START_NS).tolist() == [800_000_000, 1_700_000_000, 2_700_000_000]


def test_the_evidence_for_the_unit_is_told_in_words(tmp_path: Path) -> None:
    assert beats_of(write(tmp_path, "800\n900\n1000\n")).unit_evidence == (
        "the median interval, 900, can only be milliseconds"
    )
    said = beats_of(write(tmp_path, "# unit: s\n0.8\n0.9\n1.0\n")).unit_evidence
    assert said == "the median interval, 0.9, can only be seconds, and the file says so"


@pytest.mark.parametrize("values", [[72, 75, 70], [0.1, 0.1, 0.12], [90_000, 91_000], [3.1, 3.2, 12.5], [249, 249.9]])
def test_a_median_in_neither_range_is_an_unknown_unit(tmp_path: Path, values: list[float]) -> None:
    path = write(tmp_path, "".join(f"{v}\n" for v in values))
    with pytest.raises(FileFault) as fault:
        READER.read(path, ROME)
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    assert "250 to 2500 milliseconds" in fault.value.known


def test_a_header_that_contradicts_the_median_is_an_unknown_unit(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, "# unit: s\n800\n900\n"))
    assert fault.value.fault is Fault.UNKNOWN_UNIT
    assert "the file says 's'" in fault.value.known


@given(st.lists(st.integers(400, 1800), min_size=3, max_size=60))
@settings(max_examples=30, deadline=None)
def test_whatever_is_written_in_ms_is_read_in_s_with_the_sum_as_its_length(
    tmp_path_factory: pytest.TempPathFactory, rr_ms: list[int]
) -> None:
    path = write(tmp_path_factory.mktemp("rr"), "".join(f"{v}\n" for v in rr_ms))
    beats = beats_of(path)
    assert np.rint(beats.rr_s * 1000).astype(int).tolist() == rr_ms
    assert beats.end_ns[-1] - START_NS == sum(rr_ms) * 1_000_000


# ---- clock of a plain list -------------------------------------------------------------------------------------------


def test_no_start_anywhere_is_a_fault_that_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, "800\n900\n"), Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.NO_START_TIME
    assert '"start"' in fault.value.hint


def test_the_header_start_wins_over_the_sidecar_and_may_bear_its_offset(tmp_path: Path) -> None:
    own = beats_of(write(tmp_path, "# start: 2024-01-10T23:00:00\n800\n900\n"))
    assert own.end_ns[0] - START_NS == 3600 * NS + 800_000_000
    offset = beats_of(write(tmp_path, "# start: 2024-01-10T23:00:00+02:00\n800\n900\n"))
    assert offset.end_ns[0] - START_NS == 800_000_000


def test_the_zone_of_the_header_wins(tmp_path: Path) -> None:
    recording = read(write(tmp_path, "# zone: America/New_York\n800\n900\n"))
    assert (recording.zone, recording.zone_source.value) == ("America/New_York", "file")


def test_a_gap_mark_advances_the_clock_and_is_no_beat(tmp_path: Path) -> None:
    beats = beats_of(write(tmp_path, "800\n900\n# gap: 125.3\n1000\n1000\n"))
    assert len(beats.rr_s) == 4
    assert ((beats.end_ns - START_NS) / NS).tolist() == pytest.approx([0.8, 1.7, 128.0, 129.0])


def test_gap_marks_before_and_behind_the_beats(tmp_path: Path) -> None:
    beats = beats_of(write(tmp_path, "# unit: ms\n# gap: 10\n800\n900\n# gap: 5\n# gap: 2.5\n1000\n# gap: 99\n"))
    assert ((beats.end_ns - START_NS) / NS).tolist() == pytest.approx([10.8, 11.7, 20.2])


def test_a_time_mark_sets_the_clock_across_the_spring_change(tmp_path: Path) -> None:
    head = "# device: Polar H10\n# start: 2024-03-30T20:30:00\n# unit: ms\n"
    beats = beats_of(write(tmp_path, head + "800\n900\n# time: 2024-03-31T03:12:05\n1000\n1000\n"))
    assert [local(int(t)) for t in beats.end_ns] == [
        "30 20:30:00.800",
        "30 20:30:01.700",
        "31 03:12:06.000",
        "31 03:12:07.000",
    ]
    # 20:30 to 03:12:05 on the clock is 6 h 42 min 5 s, of which the clock skipped one hour.
    assert (beats.end_ns[2] - beats.end_ns[1]) / NS == pytest.approx(5 * 3600 + 42 * 60 + 5 - 1.7 + 1.0)


def test_a_time_mark_in_the_repeated_hour_is_the_pass_that_the_beats_allow(tmp_path: Path) -> None:
    hour = "1000\n" * 3600
    text = f"# start: 2024-10-27T01:50:00\n{hour}# time: 2024-10-27T02:30:00\n1000\n"
    # One hour of beats from 01:50 (summer time) ends at 02:50 summer time; 02:30 can only be the second one.
    beats = beats_of(write(tmp_path, text))
    assert (beats.end_ns[-1] - beats.end_ns[-2]) / NS == pytest.approx(40 * 60 + 1)


def test_a_mark_slightly_too_early_is_noted_and_one_far_too_early_is_refused(tmp_path: Path) -> None:
    early = read(write(tmp_path, "1000\n1000\n1000\n# time: 2024-01-10T22:00:02\n1000\n"))
    assert early.beats is not None
    assert (np.diff(early.beats.end_ns) == NS).all()
    assert any("1.0 s before" in note for note in early.repairs)
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, "1000\n1000\n# time: 2024-01-10T21:00:00\n1000\n"))
    assert fault.value.fault is Fault.IMPLAUSIBLE


@pytest.mark.parametrize("line", ["# gap: a while", "# gap: -3", "# time: tomorrow", "# gap: inf"])
def test_an_unreadable_mark_is_a_fault(tmp_path: Path, line: str) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, f"800\n900\n{line}\n1000\n"))
    assert fault.value.fault is Fault.CORRUPT


def test_values_too_long_for_beats_are_gaps(tmp_path: Path) -> None:
    recording = read(write(tmp_path, "225.8\n0.8\n0.9\n30.5\n1.0\n"))
    assert recording.beats is not None
    assert recording.beats.rr_s.tolist() == [0.8, 0.9, 1.0]
    assert ((recording.beats.end_ns - START_NS) / NS).tolist() == pytest.approx([226.6, 227.5, 259.0])
    assert recording.repairs == ("2 intervals above 3 s (longest 225.8 s) are gaps, not beats",)


# ---- rows that are no intervals --------------------------------------------------------------------------------------


def test_a_few_bad_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = ["800"] * 97 + ["0", "-5", "x"]
    recording = read(write(tmp_path, "\n".join(rows[::-1][2:] + rows[::-1][:2]) + "\n"))
    assert recording.beats is not None
    assert len(recording.beats.rr_s) == 97
    assert recording.repairs[0].startswith("3 of 100 rows")


def test_many_bad_rows_are_a_fault(tmp_path: Path) -> None:
    path = write(tmp_path, "800\n" * 90 + "0\n" * 10)
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.CORRUPT
    assert "10 of 100 rows" in fault.value.what


def test_a_last_line_without_line_end_is_left_out(tmp_path: Path) -> None:
    recording = read(write(tmp_path, "800\n900\n81"))
    assert recording.beats is not None
    assert recording.beats.rr_s.tolist() == [0.8, 0.9]
    assert "no line end" in recording.repairs[0]


def test_a_header_without_intervals_is_nothing_usable(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, "# device: Polar H10\n# unit: ms\n"))
    assert fault.value.fault is Fault.NOTHING_USABLE


# ---- stamps of the file's own ----------------------------------------------------------------------------------------

RR_S = [0.8, 0.9, 1.0, 0.7]
ENDS_S = [0.8, 1.7, 9.0, 9.7]  # a hole of 6.3 s before the third interval


UNIX_MS = ["1704920400800", "1704920401700", "1704920409000", "1704920409700"]
CLOCKS = ["00.800", "01.700", "09.000", "09.7"]


def rows(stamps: list[str], separator: str, unit: str = "ms") -> str:
    values = [f"{v:.1f}" if unit == "s" else f"{v * 1000:.0f}" for v in RR_S]
    return "".join(f"{t}{separator}{v}\n" for t, v in zip(stamps, values, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "time;rr\n" + rows(["0.8", "1.7", "9.0", "9.7"], ";"),
        rows(["800", "1700", "9000", "9700"], ",", "s"),
        rows(["0,8", "1,7", "9,0", "9,7"], ";"),
        rows(["0.8", "1.7", "9.0", "9.7"], " ", "s"),
        rows(["0.8", "1.7", "9.0", "9.7"], "\t"),
        "rr_ms,time_s\n800,0.8\n900,1.7\n1000,9.0\n700,9.7\n",
        "Phone timestamp;RR-interval [ms]\n" + rows([f"2024-01-10T22:00:{c}" for c in CLOCKS], ";"),
        rows([f"2024-01-10 21:00:{c}Z" for c in CLOCKS], ",", "s"),
        rows([f"2024-01-10T23:00:{c}+02:00" for c in CLOCKS], ";"),
        "timestamp,rr\n" + rows(UNIX_MS, ","),
        "timestamp, rr, since_start \n\n" + rows(UNIX_MS, ",").replace("\n", ",123\n"),
    ],
)
def test_own_stamps_are_the_ends_and_holes_stay_holes(tmp_path: Path, text: str) -> None:
    beats = beats_of(write(tmp_path, text))
    assert beats.rr_s.tolist() == pytest.approx(RR_S)
    assert ((beats.end_ns - START_NS) / NS).tolist() == pytest.approx(ENDS_S, abs=1e-6)


@pytest.mark.parametrize(
    ("stamps", "clock"),
    [
        (["0.8", "1.7", "9.0", "9.7"], ClockKind.ELAPSED),
        (UNIX_MS, ClockKind.UTC),
        ([f"2024-01-10T22:00:{c}" for c in CLOCKS], ClockKind.LOCAL),
        ([f"2024-01-10T23:00:{c}+02:00" for c in CLOCKS], ClockKind.OFFSET),
    ],
)
def test_the_kind_of_clock_is_told(tmp_path: Path, stamps: list[str], clock: ClockKind) -> None:
    assert read(write(tmp_path, rows(stamps, ";"))).clock is clock
    assert read(write(tmp_path, "800\n900\n")).clock is ClockKind.ELAPSED


def test_wall_clock_stamps_cross_the_autumn_change_in_order(tmp_path: Path) -> None:
    text = "".join(
        f"2024-10-27T{clock},1000\n"
        for clock in ("02:59:57", "02:59:58", "02:59:59", "02:00:00", "02:00:01", "02:00:02")
    )
    beats = beats_of(write(tmp_path, text))
    assert (np.diff(beats.end_ns) == NS).all()


def test_stamps_that_mark_beginnings_are_moved_to_the_ends(tmp_path: Path) -> None:
    rr_ms = np.random.default_rng(0).integers(600, 1200, 50)
    begins = 1704920400000 + np.concatenate(([0], np.cumsum(rr_ms)[:-1]))
    text = "timestamp,rr\n" + "".join(f"{t},{v}\n" for t, v in zip(begins, rr_ms, strict=True))
    recording = read(write(tmp_path, text))
    assert recording.beats is not None
    assert (recording.beats.end_ns - START_NS).tolist() == (np.cumsum(rr_ms) * 1_000_000).tolist()
    assert "beginning" in recording.repairs[0]


def test_whole_second_stamps_keep_differences_clock_and_holes(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rr = rng.normal(0.9, 0.05, 2000).round(3)
    truth = np.cumsum(rr) + 7.3 * (np.arange(2000) // 30)  # a hole every 30 beats
    stamps = np.floor(truth).astype(int)
    text = "".join(f"{1704920400 + t},{v:.3f}\n" for t, v in zip(stamps, rr, strict=True))
    beats = beats_of(write(tmp_path, text))
    ends = (beats.end_ns - START_NS) / NS
    assert np.abs(ends - truth).max() < 1.0
    inside = np.arange(1, 2000) % 30 != 0
    assert np.diff(ends)[inside] == pytest.approx(rr[1:][inside], abs=1e-6)
    holes = np.diff(ends)[~inside] - rr[1:][~inside]
    assert holes.min() > 6.3
    assert holes.mean() == pytest.approx(7.3, abs=0.1)


def test_coarse_stamps_of_a_drifting_clock_are_followed(tmp_path: Path) -> None:
    rr = np.random.default_rng(2).normal(1.0, 0.03, 20_000).round(3)
    truth = np.cumsum(rr) * 1.001  # the strap loses 20 s in this night
    text = "".join(f"{1704920400 + int(t)},{v:.3f}\n" for t, v in zip(truth, rr, strict=True))
    beats = beats_of(write(tmp_path, text))
    assert np.abs((beats.end_ns - START_NS) / NS - truth).max() < 1.0
    assert np.all(np.diff(beats.end_ns) > 0)


def test_beats_that_an_optical_sensor_missed_are_holes_where_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rr = rng.normal(0.85, 0.05, 3000).round(3)
    truth = np.cumsum(rr)
    seen = rng.random(3000) > 0.08  # one beat in twelve is missed
    seen[:2] = True
    stamps = truth + rng.normal(0, 0.06, 3000).round(3)
    text = "".join(f"{1704920400 + t:.3f},{v:.3f}\n" for t, v in zip(stamps[seen], rr[seen], strict=True))
    beats = beats_of(write(tmp_path, text))
    ends = (beats.end_ns - START_NS) / NS
    assert np.abs(ends - truth[seen]).max() < 0.4
    holes = np.flatnonzero(np.diff(ends) - beats.rr_s[1:] > 0.4)
    missed = np.flatnonzero(np.diff(np.flatnonzero(seen)) > 1)
    assert len(np.setxor1d(holes, missed)) < 0.02 * len(missed)


def test_stamps_that_run_backwards_are_refused(tmp_path: Path) -> None:
    text = "80,0.8\n81,0.9\n1,0.8\n2,0.9\n3,0.8\n"
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, text))
    assert fault.value.fault is Fault.CORRUPT
    assert "row 3" in fault.value.what


# ---- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "sensor"),
    [
        ("Polar H10", BeatSensor.ECG),
        ("chest strap", BeatSensor.ECG),
        ("Polar Verity Sense", BeatSensor.PPG),
        ("Polar OH1", BeatSensor.PPG),
        ("some watch", BeatSensor.UNKNOWN),
    ],
)
def test_the_device_line_tells_the_sensor(tmp_path: Path, device: str, sensor: BeatSensor) -> None:
    recording = read(write(tmp_path, f"# device: {device}\n800\n900\n"))
    assert recording.device == device
    assert recording.beats is not None
    assert recording.beats.sensor is sensor


@pytest.mark.parametrize("said", ["Polar H10 8C4CAD2B", "Polar H10 #12345678", "Polar H10 (4711)"])
def test_the_serial_number_behind_a_model_is_left_out(tmp_path: Path, said: str) -> None:
    assert read(write(tmp_path, f"# device: {said}\n800\n900\n")).device == "Polar H10"


@pytest.mark.parametrize(
    "text",
    [
        "1539435366.0\n4.0\n0.81\n0.82\n0.81\n",  # an E4 stream
        "1539435366.000000, IBI\n166.788885,0.390643\n217.697465,0.421894\n",  # its IBI
        "1539435366.0\n1539435367.0\n",  # its tags
        "0\n0\n1\n2\n2\n3\n4\n",  # a hypnogram
        "-3.1\n2.2\n-0.7\n0.4\n1.1\n",  # a signal
        "Actiwatch 4\r\n22-Feb-2011\r\n12:00\r\n 4 \r\n04\r\nV665936\r\nF\r\n1124\r\n900\r\n",
        "timestamp,date,activity\n2003-03-18 15:00:00,2003-03-18,60\n",
        ",ibi_s,day,time\n1,0.258,1,10:10:17\n",
        "a,b,c\n1,2,3\n",
        "the quick brown fox\n",
        "0.1,0.2,0.3\n0.4,0.5,0.6\n",
    ],
)
def test_other_text_is_not_claimed(tmp_path: Path, text: str) -> None:
    assert not READER.recognise(glimpse(write(tmp_path, text)))


def test_a_day_of_beats_is_read_in_a_fifth_of_a_second(tmp_path: Path) -> None:
    rr = np.random.default_rng(3).integers(600, 1200, 100_000)
    path = write(tmp_path, "# unit: ms\n" + "".join(f"{v}\n" for v in rr))
    best = np.inf
    for _ in range(3):
        begin = time.process_time()
        assert len(beats_of(path).rr_s) == 100_000
        best = min(best, time.process_time() - begin)
    assert best < 0.2


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "rows", "gaps"),
    [
        ("chf/chf201", 112_184, 3),
        ("chf/chf202", 109_331, 35),
        ("normal/nsr001", 106_460, 4),
        ("normal/nsr002", 111_334, 6),
        ("normal/nsr003", 97_324, 77),
        ("normal/nsr004", 97_815, 2),
    ],
)
def test_day_long_lists_of_the_real_world(real_data: Path, name: str, rows: int, gaps: int) -> None:
    path = real_data / "rr_24h" / f"{name}_rr_secs.txt"
    recording = read(path)
    assert recording.beats is not None
    assert len(recording.beats.rr_s) == rows - gaps
    assert recording.beats.rr_s.max() <= 3.0
    written = np.loadtxt(path)
    assert (recording.beats.end_ns[-1] - START_NS) / NS == pytest.approx(written.sum(), abs=1e-3)


@pytest.mark.realdata
@pytest.mark.parametrize("pattern", [2, 3])
def test_the_published_test_patterns_are_read_by_their_own_stamps(real_data: Path, pattern: int) -> None:
    path = real_data / "hrv_truth" / f"HRV256_TP{pattern}.txt"
    stamps, rr = np.loadtxt(path, delimiter=",").T
    beats = beats_of(path)
    kept = len(beats.rr_s)
    assert kept >= len(rr) - 1
    assert beats.rr_s == pytest.approx(rr[:kept], abs=1e-12)
    assert (beats.end_ns - START_NS) / NS == pytest.approx(stamps[:kept], abs=1e-6)


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["empatica", "heartmath", "kyto", "rhythm"])
def test_phone_stamped_lists_of_the_real_world(real_data: Path, name: str) -> None:
    path = real_data / "wearable_hrv" / "data" / f"test_{name}.csv"
    beats = beats_of(path)
    stamps = np.loadtxt(path, delimiter=",", skiprows=1 if name == "empatica" else 2, usecols=0)[: len(beats.end_ns)]
    assert np.median(np.abs(beats.end_ns / 1e6 - stamps)) < 1100  # phone time, to one beat
    assert np.all(np.diff(beats.end_ns) >= 0)
