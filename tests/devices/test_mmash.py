"""MMASH folders: clock and holes of the beats, grid of the counts, nights around midnight, diary and saliva."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices.mmash import READER, mmash_participant
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import BeatSensor, CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/Rome", day_one=date(2018, 1, 1))
MIDNIGHT_S = int(to_datetime(0).timestamp()) + 1_514_761_200  # 2018-01-01 00:00 in Rome

SLEEP_HEAD = (
    ",In Bed Date,In Bed Time,Out Bed Date,Out Bed Time,Onset Date,Onset Time,Latency,Efficiency,Total Minutes in Bed\n"
)


def clock(second: int) -> str:
    return f"{second // 3600 % 24:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def write_rr(folder: Path, ends_s: list[float], rr_s: list[float], second_day: int = 2) -> None:
    lines = [",ibi_s,day,time"]
    for number, (end, rr) in enumerate(zip(ends_s, rr_s, strict=True), start=1):
        day = 1 if end < 86_400 else second_day
        lines.append(f"{number},{rr},{day},{clock(int(end))}")
    (folder / "RR.csv").write_text("\n".join(lines) + "\n")


def write_counts(folder: Path, rows: list[tuple[int, int, float]], second_day: int = 2) -> None:
    head = ",Axis1,Axis2,Axis3,Steps,HR,Inclinometer Off,Inclinometer Standing,Inclinometer Sitting,Inclinometer Lying"
    lines = [f"{head},Vector Magnitude,day,time"]
    for number, (second, count, hr) in enumerate(rows, start=1):
        day = 1 if second < 86_400 else second_day
        lines.append(f"{number},{count},0,0,1,{hr},0,1,0,0,0.0,{day},{clock(second)}")
    (folder / "Actigraph.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten hours from 22:00: beats with a hole of 7.3 s every 30 beats, counts with a hole of 7 s every 33 s."""
    made = tmp_path / "someone"
    made.mkdir()
    rr = np.random.default_rng(0).normal(0.9, 0.05, 30_000).round(3)
    ends = 22 * 3600 + np.cumsum(rr) + 7.3 * (np.arange(30_000) // 30)
    write_rr(made, ends.tolist(), rr.tolist())
    write_counts(made, [(22 * 3600 + s, s % 50, 60.0 if s else 0.0) for s in range(34_000) if s % 33 < 26])
    return made


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, asked)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'Europe/Rome'):%d %H:%M}"


def test_beats_lie_on_the_clock_and_follow_each_other_by_their_intervals(folder: Path) -> None:
    beats = read(folder).beats
    assert beats is not None
    assert beats.sensor is BeatSensor.ECG
    truth = 22 * 3600 + np.cumsum(beats.rr_s) + 7.3 * (np.arange(30_000) // 30)
    ends = beats.end_ns / NS - MIDNIGHT_S
    assert np.abs(ends - truth).max() < 1.0
    inside = np.arange(1, 30_000) % 30 != 0
    assert np.diff(ends)[inside] == pytest.approx(beats.rr_s[1:][inside], abs=1e-6)
    holes = np.diff(ends)[~inside] - beats.rr_s[1:][~inside]
    assert len(holes) == 999
    assert holes.min() > 6.3
    assert holes.mean() == pytest.approx(7.3, abs=0.05)


def test_the_running_sum_of_intervals_is_not_the_clock(folder: Path) -> None:
    beats = read(folder).beats
    assert beats is not None
    lost_s = (beats.end_ns[-1] - beats.end_ns[0]) / NS - beats.rr_s[1:].sum()
    assert lost_s == pytest.approx(999 * 7.3, abs=1.0)


def test_day_minus_29_is_the_second_day(folder: Path) -> None:
    straight = read(folder)
    rr = np.loadtxt(folder / "RR.csv", delimiter=",", skiprows=1, usecols=1)
    ends = 22 * 3600 + np.cumsum(rr) + 7.3 * (np.arange(len(rr)) // 30)
    write_rr(folder, ends.tolist(), rr.tolist(), second_day=-29)
    wrapped = read(folder)
    assert straight.beats is not None
    assert wrapped.beats is not None
    assert (wrapped.beats.end_ns == straight.beats.end_ns).all()
    assert "RR.csv: day -29 is day 2" in wrapped.repairs


def test_intervals_of_zero_or_too_long_are_no_beats(folder: Path) -> None:
    write_rr(folder, [79_200.0, 79_201.0, 79_202.0, 79_240.0], [0.9, 0.0, 1.0, 38.0])
    recording = read(folder)
    assert recording.beats is not None
    assert recording.beats.rr_s.tolist() == [0.9, 1.0]
    assert any("2 rows hold no interval" in note for note in recording.repairs)


def test_counts_are_a_one_second_grid_with_nan_in_the_holes(folder: Path) -> None:
    recording = read(folder)
    (counts,) = recording.of(Kind.COUNTS)
    assert (counts.label, counts.fs_hz, counts.scale) == ("Axis1", 1.0, CountsScale.ACTIGRAPH)
    assert counts.start_ns / NS - MIDNIGHT_S == 22 * 3600
    second = np.arange(len(counts.samples))
    assert (np.isfinite(counts.samples) == (second % 33 < 26)).all()
    assert counts.samples[51] == 51 % 50
    assert counts.coverage == pytest.approx(26 / 33, abs=0.001)


def test_a_heart_rate_of_zero_is_missing_and_told(folder: Path) -> None:
    recording = read(folder)
    (hr,) = recording.of(Kind.HR)
    assert np.isnan(hr.samples[0])
    assert hr.samples[1] == 60
    assert any("heart rate 0 for 1 s" in note for note in recording.repairs)
    (steps,) = recording.of(Kind.STEPS)
    assert steps.samples[0] == 1


def test_a_repeated_second_keeps_its_first_row(folder: Path) -> None:
    write_counts(folder, [(79_200, 5, 60.0), (79_200, 9, 60.0), (79_201, 7, 60.0)])
    recording = read(folder)
    assert recording.of(Kind.COUNTS)[0].samples.tolist() == [5.0, 7.0]
    assert any("repeat a second" in note for note in recording.repairs)


def test_a_night_of_the_clock_change_has_its_true_length(folder: Path) -> None:
    write_rr(folder, [79_200.0, 79_201.0], [0.9, 1.0])
    write_counts(folder, [(s, 1, 60.0) for s in range(79_200, 79_200 + 6 * 3600) if not 93_600 <= s < 97_200])
    spring = read(folder, Asked(zone="Europe/Rome", day_one=date(2018, 3, 24)))
    (counts,) = spring.of(Kind.COUNTS)
    assert len(counts.samples) == 5 * 3600
    assert counts.coverage == 1.0


def test_a_made_up_date_on_a_clock_change_is_told(folder: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(folder, Asked(zone="Europe/Rome", day_one=date(2018, 3, 24)))
    assert "choose another" in fault.value.hint


@pytest.mark.parametrize(
    ("row", "night", "repaired"),
    [
        ("0,2,00:46,2,03:31,2,00:50", ("02 00:46", "02 03:31", "02 00:50"), False),
        ("0,1,22:29,1,05:52,1,22:32", ("01 22:29", "02 05:52", "01 22:32"), True),
        ("0,1,23:56,1,06:42,1,23:56", ("01 23:56", "02 06:42", "01 23:56"), True),
        ("0,1,23:50,2,06:42,1,00:10", ("01 23:50", "02 06:42", "02 00:10"), False),
        ("0,1,00:30,1,06:42,1,00:35", ("02 00:30", "02 06:42", "02 00:35"), True),
        ("0,2,23:30,2,06:42,2,23:35", ("01 23:30", "02 06:42", "01 23:35"), True),
    ],
)
def test_the_dates_of_a_night_are_put_right_around_midnight(
    folder: Path, row: str, night: tuple[str, str, str], repaired: bool
) -> None:
    (folder / "sleep.csv").write_text(SLEEP_HEAD + row + ",3,80,400\n")
    recording = read(folder)
    (rest,) = recording.rests
    assert rest.onset_ns is not None
    assert (local(rest.in_bed_ns), local(rest.out_bed_ns), local(rest.onset_ns)) == night
    assert any("its dates were wrong" in note for note in recording.repairs) is repaired


def test_a_night_in_two_rows_is_two_rests_and_a_cut_row_none(folder: Path) -> None:
    rows = "0,2,00:46,2,03:31,2,00:46,0,87,165\n1,2,03:57,2,07:30,2,03:57,0,92,213\n2,2,08:00,2,09:0"
    (folder / "sleep.csv").write_text(SLEEP_HEAD + rows)
    assert [(local(r.in_bed_ns), local(r.out_bed_ns)) for r in read(folder).rests] == [
        ("02 00:46", "02 03:31"),
        ("02 03:57", "02 07:30"),
    ]


def test_activities_become_markers_with_names_and_lengths(folder: Path) -> None:
    rows = ["0,9,22:37,22:40,1", "1,4,23:50,00:10,1", "2,0,00:30,,2", "3,12,23:56,24:00,1", "4,2,12:10,10:35,1"]
    (folder / "Activity.csv").write_text(",Activity,Start,End,Day\n" + "\n".join(rows) + "\n")
    recording = read(folder)
    assert [(m.label, m.duration_s, local(m.time_ns)) for m in recording.markers] == [
        ("large screen", 180.0, "01 22:37"),
        ("light movement", 1200.0, "01 23:50"),
        ("unknown", 0.0, "02 00:30"),
        ("alcohol", 240.0, "01 23:56"),
        ("laying down", 0.0, "01 12:10"),
    ]
    assert any("row 5 ends before it begins" in note for note in recording.repairs)


def test_saliva_has_an_occasion_and_no_clock(folder: Path) -> None:
    text = ",SAMPLES,Cortisol NORM,Melatonin NORM\n1,before sleep,0.0341,1.7e-08\n2,wake up,0.0779,\n"
    (folder / "saliva.csv").write_text(text)
    samples = read(folder).saliva
    assert [(s.occasion, s.analyte, s.value, s.time_ns) for s in samples] == [
        ("before sleep", "cortisol", 0.0341, None),
        ("before sleep", "melatonin", 1.7e-08, None),
        ("wake up", "cortisol", 0.0779, None),
    ]
    assert {s.unit for s in samples} == {"normalised (ug per 100 ug protein)"}


def test_without_the_date_of_day_one_the_fault_says_where_to_write_it(folder: Path) -> None:
    with pytest.raises(FileFault) as fault:
        READER.read(folder, Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.NO_START_TIME
    assert "day_one = 2018-01-01" in fault.value.hint


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda f: (f / "RR.csv").write_text("a,b\n1,2\n"), Fault.CORRUPT),
        (lambda f: (f / "RR.csv").write_text(",ibi_s,day,time\n1,0.9,1,noon\n"), Fault.CORRUPT),
        (lambda f: write_rr(f, [79_200.0], [0.0]), Fault.NOTHING_USABLE),
        (lambda f: write_rr(f, [90_000.0, 79_200.0], [0.9, 0.9]), Fault.CORRUPT),
        (lambda f: (f / "Actigraph.csv").write_text(""), Fault.CORRUPT),
        (lambda f: (f / "Activity.csv").write_text("Start,End\n10:00,11:00\n"), Fault.CORRUPT),
        (lambda f: (f / "sleep.csv").write_text("a,b\n1,2\n"), Fault.CORRUPT),
        (
            lambda f: (f / "saliva.csv").write_text(",SAMPLES,Cortisol NORM,Melatonin NORM\n1,wake up,low,\n"),
            Fault.CORRUPT,
        ),
        (lambda f: write_counts(f, [(79_200, 1, 60.0), (90_000, 1, 60.0)], second_day=400), Fault.IMPLAUSIBLE),
    ],
)
def test_spoilt_tables_are_faults(folder: Path, spoil: Callable[[Path], None], fault: Fault) -> None:
    spoil(folder)
    with pytest.raises(FileFault) as raised:
        read(folder)
    assert raised.value.fault is fault


def test_who_took_part(tmp_path: Path) -> None:
    (tmp_path / "user_info.csv").write_text(",Gender,Weight,Height,Age\n0,M,65,169,29\n")
    assert mmash_participant(tmp_path) == {"sex": "M", "age_y": "29", "height_cm": "169", "weight_kg": "65"}
    (tmp_path / "user_info.csv").write_text(",Gender,Weight,Height,Age\n0,M,65,169,0\n")
    assert "age_y" not in mmash_participant(tmp_path)
    assert mmash_participant(tmp_path / "nobody") == {}


def test_half_a_folder_is_not_claimed(folder: Path) -> None:
    (folder / "RR.csv").unlink()
    assert not READER.recognise(glimpse(folder))


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("user", "beats", "holes", "coverage", "nights"),
    [
        (1, 91_852, 2526, 0.800, ["02 00:46-02 03:31", "02 03:57-02 07:30"]),
        (2, 71_426, 2408, 0.713, ["02 00:50-02 06:22"]),
        (3, 83_938, 2536, 0.761, ["01 22:29-02 05:52"]),
        (4, 62_657, 2424, 0.735, ["02 00:57-02 07:10"]),
        (5, 77_754, 2431, 0.736, ["01 23:56-02 06:42"]),
        (6, 92_324, 2544, 0.786, ["02 02:27-02 09:02"]),
        (7, 83_505, 2548, 0.792, ["02 00:28-02 08:02"]),
        (8, 71_444, 2364, 0.737, ["02 00:17-02 07:13"]),
        (9, 75_242, 2401, 0.765, ["02 00:30-02 11:00"]),
        (10, 68_034, 2231, 0.671, ["02 02:40-02 08:09"]),
    ],
)
def test_the_ten_published_people(
    real_data: Path, user: int, beats: int, holes: int, coverage: float, nights: list[str]
) -> None:
    folder = real_data / "mmash" / f"user_{user}"
    recording = read(folder)
    assert recording.kinds == READER.gives
    found = recording.beats
    assert found is not None
    missing_s = np.diff(found.end_ns) / NS - found.rr_s[1:]
    assert len(found.rr_s) == beats
    assert np.count_nonzero(missing_s > 2.0) == holes
    assert np.median(missing_s[missing_s > 2.0]) == pytest.approx(7.05, abs=0.1)
    # Between holes the clock and the intervals agree; a few runs touch within the rounding of the clock.
    assert np.count_nonzero((np.abs(missing_s) > 0.05) & (missing_s < 2.0)) <= 3
    assert (found.end_ns[-1] - found.end_ns[0]) / NS > 23 * 3600
    assert recording.of(Kind.COUNTS)[0].coverage == pytest.approx(coverage, abs=0.001)
    assert [f"{local(r.in_bed_ns)}-{local(r.out_bed_ns)}" for r in recording.rests] == nights
    assert len(recording.saliva) == 4
    assert set(mmash_participant(folder)) >= {"sex", "height_cm", "weight_kg"}
