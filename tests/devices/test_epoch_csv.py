"""Tables of epochs: dialects, dates, clock changes, holes, duplicates, order, and whose counts they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices.epoch_csv import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/Oslo")


def write(folder: Path, text: str) -> Path:
    path = folder / "counts.csv"
    path.write_bytes(text.encode())
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, asked)


def table(stamps: list[str], counts: list[int] | None = None, head: str = "timestamp,activity") -> str:
    values = counts if counts is not None else list(range(1, len(stamps) + 1))
    return head + "\n" + "".join(f"{t},{v}\n" for t, v in zip(stamps, values, strict=True))


def minutes(start: str, n: int, form: str = "%Y-%m-%d %H:%M:%S") -> list[str]:
    first = datetime.fromisoformat(start)
    return [f"{first + timedelta(minutes=k):{form}}" for k in range(n)]


def local(ns: int, zone: str = "Europe/Oslo") -> str:
    return f"{to_datetime(ns, zone):%Y-%m-%d %H:%M:%S}"


# ---- dialects --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,x,activity\n2003-03-18 15:00:00,1,60\n2003-03-18 15:01:00,1,0\n2003-03-18 15:02:00,1,264\n",
        "\ufeffTimestamp;Counts\r\n18/03/2003 15:00;60\r\n18/03/2003 15:01;0\r\n18/03/2003 15:02;264\r\n",
        "datetime\tactivity\n18.03.2003 15:00:00\t60,0\n18.03.2003 15:01:00\t0,0\n18.03.2003 15:02:00\t264,0\n",
        '"time","axis1"\n"03/18/2003 3:00:00 PM","60"\n"03/18/2003 3:01:00 PM","0"\n"03/18/2003 3:02:00 PM","264"\n',
        "date,time,counts\n2003-03-18,15:00,60\n2003-03-18,15:01,0\n2003-03-18,15:02,264\n",
        "# zone: Europe/Oslo\n\ndate_time,pim\n2003-03-18T15:00:00.0,60\n2003-03-18T15:01,0\n2003-03-18T15:02:00,264\n",
        "timestamp,activity\n2003-03-18T14:00:00Z,60\n2003-03-18T14:01:00Z,0\n2003-03-18T14:02:00Z,264\n",
        "timestamp,activity\n2003-03-18T19:30:00+05:30,60\n2003-03-18T19:31:00+05:30,0\n2003-03-18T19:32:00+05:30,264\n",
        "timestamp,activity\n2003-03-18T10:00:00-0400,60\n2003-03-18T10:01:00-0400,0\n2003-03-18T10:02:00-0400,264\n",
        "timestamp,activity\n18-03-03 15:00,60\n18-03-03 15:01,0\n18-03-03 15:02,264\n",
    ],
)
def test_three_minutes_in_every_dialect(tmp_path: Path, text: str) -> None:
    (counts,) = read(write(tmp_path, text)).signals
    assert counts.samples.tolist() == [60.0, 0.0, 264.0]
    assert local(counts.start_ns) == "2003-03-18 15:00:00"
    assert counts.fs_hz == pytest.approx(1 / 60)


def test_light_is_read_beside_counts_and_other_columns_are_not(tmp_path: Path) -> None:
    text = "timestamp;activity;light;temperature\n2003-03-18 15:00;1;12,5;30\n2003-03-18 15:01;2;;30\n"
    counts, light = read(write(tmp_path, text)).signals
    assert (counts.kind, light.kind) == (Kind.COUNTS, Kind.LIGHT)
    assert light.samples.tolist() == pytest.approx([12.5, np.nan], nan_ok=True)


def test_steps_are_read_and_epochs_off_the_wrist_are_missing_in_everything(tmp_path: Path) -> None:
    text = "timestamp,axis1,steps,off-wrist\n" + "".join(
        f"2024-01-01 10:0{k}:00,{k * 10},{k},{int(k in (2, 3))}\n" for k in range(6)
    )
    recording = read(write(tmp_path, text))
    counts, steps = recording.signals
    assert (counts.kind, steps.kind) == (Kind.COUNTS, Kind.STEPS)
    for signal, scale in ((counts, 10), (steps, 1)):
        wanted = [0, scale, np.nan, np.nan, 4 * scale, 5 * scale]
        assert signal.samples.tolist() == pytest.approx(wanted, nan_ok=True)
    assert any("2 epochs" in note for note in recording.repairs)


@pytest.mark.parametrize(
    ("head", "asked", "scale"),
    [
        ("timestamp,activity", ASKED, CountsScale.UNKNOWN),
        ("timestamp,axis1", ASKED, CountsScale.ACTIGRAPH),
        ("timestamp,vm", ASKED, CountsScale.UNKNOWN),
        ("# device: Actiwatch AW4\ntimestamp,activity", ASKED, CountsScale.ACTIWATCH),
        (
            "timestamp,activity",
            Asked(zone="Europe/Oslo", units={"activity": "Actiwatch counts"}),
            CountsScale.ACTIWATCH,
        ),
    ],
)
def test_whose_counts_they_are(tmp_path: Path, head: str, asked: Asked, scale: CountsScale) -> None:
    text = table(minutes("2003-03-18 15:00:00", 3), head=head)
    assert read(write(tmp_path, text), asked).signals[0].scale is scale


# ---- day and month ---------------------------------------------------------------------------------------------------


def test_a_day_above_12_anywhere_decides_the_order(tmp_path: Path) -> None:
    stamps = ["12/04/2024 23:58", "12/04/2024 23:59", "13/04/2024 00:00", "13/04/2024 00:01"]
    assert local(read(write(tmp_path, table(stamps))).signals[0].start_ns) == "2024-04-12 23:58:00"
    stamps = ["04/12/2024 23:58", "04/12/2024 23:59", "04/13/2024 00:00", "04/13/2024 00:01"]
    assert local(read(write(tmp_path, table(stamps))).signals[0].start_ns) == "2024-04-12 23:58:00"


def test_dates_that_follow_each_other_decide_the_order(tmp_path: Path) -> None:
    stamps = ["03/04/2024 23:58", "03/04/2024 23:59", "04/04/2024 00:00", "04/04/2024 00:01"]
    recording = read(write(tmp_path, table(stamps)))
    assert local(recording.signals[0].start_ns) == "2024-04-03 23:58:00"
    assert any("day first" in note for note in recording.repairs)


def test_one_ambiguous_date_is_a_fault_that_the_sidecar_settles(tmp_path: Path) -> None:
    path = write(tmp_path, table(["03/04/2024 10:00", "03/04/2024 10:01"]))
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.NO_START_TIME
    assert '"start"' in fault.value.hint
    told = Asked(zone="Europe/Oslo", start=datetime(2024, 4, 3, 10, 0))  # noqa: DTZ001
    assert local(read(path, told).signals[0].start_ns) == "2024-04-03 10:00:00"
    told = Asked(zone="Europe/Oslo", start=datetime(2024, 3, 4, 10, 0))  # noqa: DTZ001
    assert local(read(path, told).signals[0].start_ns) == "2024-03-04 10:00:00"


# ---- clocks ----------------------------------------------------------------------------------------------------------


def test_a_clock_that_is_put_forward_leaves_no_hole(tmp_path: Path) -> None:
    stamps = minutes("2003-03-30 01:00:00", 60) + minutes("2003-03-30 03:00:00", 60)
    (counts,) = read(write(tmp_path, table(stamps))).signals
    assert len(counts.samples) == 120
    assert counts.coverage == 1.0
    assert local(counts.end_ns) == "2003-03-30 04:00:00"


def test_a_clock_that_is_put_back_shows_an_hour_twice(tmp_path: Path) -> None:
    stamps = minutes("2003-10-26 01:30:00", 90) + minutes("2003-10-26 02:00:00", 120)
    recording = read(write(tmp_path, table(stamps)))
    (counts,) = recording.signals
    assert counts.samples.tolist() == list(range(1, 211))
    assert recording.repairs == ()


def test_a_clock_that_shows_the_skipped_hour_was_not_put_forward(tmp_path: Path) -> None:
    recording = read(write(tmp_path, table(minutes("2003-03-30 01:00:00", 240))))
    (counts,) = recording.signals
    assert counts.samples.tolist() == list(range(1, 241))
    assert local(counts.start_ns) == "2003-03-30 01:00:00"
    assert any("skipped" in note for note in recording.repairs)


def test_stamps_with_and_without_offset_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, table(["2024-01-01T10:00:00Z", "2024-01-01T10:01:00"])))
    assert fault.value.fault is Fault.CORRUPT


@pytest.mark.parametrize("epoch_s", [1, 15, 30, 300])
def test_the_epoch_length_is_the_step_of_the_stamps(tmp_path: Path, epoch_s: int) -> None:
    first = datetime(2024, 1, 1)  # noqa: DTZ001
    stamps = [f"{first + timedelta(seconds=epoch_s * k):%Y-%m-%d %H:%M:%S}" for k in range(20)]
    assert read(write(tmp_path, table(stamps))).signals[0].fs_hz == pytest.approx(1 / epoch_s)


# ---- holes, duplicates, order ----------------------------------------------------------------------------------------


def test_missing_rows_and_missing_values_are_nan_never_zero(tmp_path: Path) -> None:
    stamps = minutes("2024-01-01 10:00:00", 10)
    text = table(stamps[:3] + stamps[6:], [1, 2, 3, 7, 8, 9, 10]).replace(",8\n", ",NaN\n").replace(",9\n", ",-1\n")
    recording = read(write(tmp_path, text))
    samples = recording.signals[0].samples
    assert len(samples) == 10
    assert np.flatnonzero(np.isnan(samples)).tolist() == [3, 4, 5, 7, 8]
    assert not (samples == 0).any()
    assert recording.repairs == ("1 negative values of 'activity' are missing epochs",)


def test_a_repeated_stamp_keeps_its_first_row(tmp_path: Path) -> None:
    stamps = minutes("2024-01-01 10:00:00", 3)
    recording = read(write(tmp_path, table([stamps[0], stamps[1], stamps[1], stamps[2]], [1, 2, 99, 3])))
    assert recording.signals[0].samples.tolist() == [1.0, 2.0, 3.0]
    assert recording.repairs == ("1 rows repeat an epoch: the first is kept",)


def test_one_row_out_of_order_is_sorted_and_many_are_refused(tmp_path: Path) -> None:
    stamps = minutes("2024-01-01 10:00:00", 300)
    counts = list(range(1, 301))
    stamps[100], stamps[101], counts[100], counts[101] = stamps[101], stamps[100], counts[101], counts[100]
    recording = read(write(tmp_path, table(stamps, counts)))
    assert recording.signals[0].samples.tolist() == list(range(1, 301))
    assert recording.repairs == ("1 rows stepped back in time: sorted",)
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, table(stamps[::-1])))
    assert fault.value.fault is Fault.CORRUPT


def test_long_runs_of_zeros_are_left_alone(tmp_path: Path) -> None:
    recording = read(write(tmp_path, table(minutes("2024-01-01 10:00:00", 600), [0] * 600)))
    assert recording.signals[0].samples.tolist() == [0.0] * 600
    assert recording.repairs == ()


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("timestamp,activity\n", Fault.NOTHING_USABLE),
        (table(["2024-01-01 10:00:00"]), Fault.NOTHING_USABLE),
        (table(["noon", "one", "two"]), Fault.CORRUPT),
        (table(["2024-02-30 10:00:00", "2024-02-30 10:01:00"]), Fault.CORRUPT),
        (table(["2024-01-01 10:00:00", "2024-01-01 10:00:00"]), Fault.IMPLAUSIBLE),
        (table(["2024-01-01 00:00:00", "2024-01-02 00:00:00", "2024-01-03 00:00:00"]), Fault.IMPLAUSIBLE),
        (table([*minutes("2024-01-01 10:00:00", 30), "2103-01-01 10:00:00"]), Fault.IMPLAUSIBLE),
        ("timestamp,activity\n" + "2024-01-01 10:00:00,many\n2024-01-01 10:01:00,few\n", Fault.CORRUPT),
    ],
)
def test_tables_that_are_no_recording(tmp_path: Path, text: str, fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, text))
    assert raised.value.fault is fault


def test_stamps_off_any_grid_are_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first = datetime(2024, 1, 1)  # noqa: DTZ001
    seconds = np.cumsum(rng.uniform(20, 100, 200)).round(1)
    stamps = [f"{first + timedelta(seconds=s):%Y-%m-%d %H:%M:%S.%f}" for s in seconds.tolist()]
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, table(stamps)))
    assert fault.value.fault is Fault.IMPLAUSIBLE


@pytest.mark.parametrize(
    "text",
    [
        "timestamp,rr\n1,2\n",
        "a,b\n1,2\n",
        "number,days,gender\ncondition_1,11,2\n",
        "800\n900\n",
        "timestamp,mood\n",
        "Axis1,day,time\n1,1,10:00\n",
        "DATE/TIME;MS;EVENT;PIM;PIMn;STATE\n01/02/2020 09:00:00;0;0;1;1;0\n",
    ],
)
def test_other_tables_are_not_claimed(tmp_path: Path, text: str) -> None:
    assert not READER.recognise(glimpse(write(tmp_path, text)))


# ---- the real world --------------------------------------------------------------------------------------------------

REAL = {
    "condition_1": (23_244, 3526),
    "condition_2": (38_926, 4228),
    "condition_3": (21_648, 3847),
    "condition_4": (21_556, 6776),
    "condition_5": (21_493, 4609),
    "condition_6": (21_433, 4129),
    "condition_7": (22_175, 4778),
    "condition_8": (19_299, 5437),
    "control_1": (51_611, 6117),
    "control_2": (31_473, 4927),
    "control_3": (65_407, 3974),
    "control_4": (31_455, 4354),
    "control_5": (47_133, 3314),
    "control_6": (51_589, 7431),
    "control_7": (51_490, 8000),
    "control_8": (28_918, 6321),
    "control_9": (29_038, 2674),
    "control_10": (21_655, 4245),
    "control_11": (24_772, 6752),
    "control_12": (34_637, 2682),
}


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "expected"), REAL.items())
def test_depresjon(real_data: Path, name: str, expected: tuple[int, int]) -> None:
    path = real_data / "depresjon" / name.partition("_")[0] / f"{name}.csv"
    recording = read(path)
    (counts,) = recording.signals
    assert (len(counts.samples), counts.samples.max()) == expected
    assert counts.coverage == 1.0  # also through 2003-03-30 01:59 to 03:00 in controls 1, 6 and 7
    assert recording.repairs == ()
    lines = path.read_text().splitlines()
    assert local(counts.start_ns) == lines[1].split(",")[0]
    assert local(counts.end_ns - 60 * NS) == lines[-1].split(",")[0]
