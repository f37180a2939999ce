"""Actiwatch .AWD: header, epoch codes, light, button, line ends, and a clock that ignores the clock change."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.actiwatch_awd import EPOCH_S, READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/London")
HEAD = ["someone", "01-Oct-2009", "18:30", " 4 ", "31", "V664055", "M"]


def write(folder: Path, rows: list[str], head: list[str] = HEAD, end: str = "\r\n") -> Path:
    path = folder / "watch.AWD"
    path.write_bytes("".join(line + end for line in [*head, *rows]).encode("latin-1"))
    return path


def header(**changes: str) -> list[str]:
    names = ("name", "date", "time", "code", "age", "serial", "sex")
    return [changes.get(name, line) for name, line in zip(names, HEAD, strict=True)]


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return READER.read(path, asked)


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\r\r\n"])
def test_counts_begin_at_the_header_clock(tmp_path: Path, end: str) -> None:
    recording = read(write(tmp_path, ["0", "149 ", " 12", "7"], end=end))
    (counts,) = recording.signals
    assert counts.samples.tolist() == [0.0, 149.0, 12.0, 7.0]
    assert (counts.fs_hz, counts.scale) == (1 / 60, CountsScale.ACTIWATCH)
    assert f"{to_datetime(counts.start_ns, 'Europe/London'):%Y-%m-%d %H:%M}" == "2009-10-01 18:30"
    assert recording.device == "Actiwatch V"
    assert recording.repairs == ()


def test_light_and_button(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["498 , 0,00 M", "12 , 35,50", "0 , 7.25", "3 M", "5 , 1"]))
    counts, light = recording.signals
    assert counts.samples.tolist() == [498.0, 12.0, 0.0, 3.0, 5.0]
    assert light.kind is Kind.LIGHT
    assert light.samples.tolist() == pytest.approx([0.0, 35.5, 7.25, np.nan, 1.0], nan_ok=True)
    assert [(m.time_ns - counts.start_ns) // NS for m in recording.markers] == [0, 180]


def test_the_sex_in_the_header_is_no_button(tmp_path: Path) -> None:
    assert read(write(tmp_path, ["1", "2"])).markers == ()


def test_a_light_column_of_zeros_is_no_light(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["1 , 0.00", "2 , 0.00"]))
    assert recording.of(Kind.LIGHT) == ()
    assert "light column" in recording.repairs[0]


@pytest.mark.parametrize(("code", "epoch_s"), EPOCH_S.items())
def test_epoch_codes(tmp_path: Path, code: str, epoch_s: float) -> None:
    recording = read(write(tmp_path, ["1"] * 10, header(code=f" {code.lower()} ")))
    assert recording.signals[0].fs_hz == pytest.approx(1 / epoch_s)
    assert recording.signals[0].end_ns - recording.signals[0].start_ns == 10 * epoch_s * NS


def test_an_unknown_epoch_code_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ["1"], header(code="77")))
    assert fault.value.fault is Fault.UNKNOWN_CODE
    assert "4 = 60 s" in fault.value.known


@pytest.mark.parametrize(
    ("date", "month"),
    [
        ("05-Mai-2009", 5),
        ("05-mrz-2009", 3),
        ("05-févr-2009", 2),
        ("05-juin-2009", 6),
        ("05-juil.-2009", 7),
        ("05-août-2009", 8),
        ("05-ott-2009", 10),
        ("05-Dez-2009", 12),
        ("05-gen-2009", 1),
        ("05-September-2009", 9),
        ("5-Jan-2009", 1),
    ],
)
def test_months_in_other_tongues(tmp_path: Path, date: str, month: int) -> None:
    recording = read(write(tmp_path, ["1"], header(date=date)))
    start = to_datetime(recording.signals[0].start_ns, "Europe/London")
    assert (start.year, start.month, start.day) == (2009, month, 5)


def test_an_unknown_month_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ["1"], header(date="05-Xyz-2009")))
    assert fault.value.fault is Fault.NO_START_TIME
    assert "01-Oct-2009" in fault.value.hint


def test_the_watch_counts_on_through_the_clock_change(tmp_path: Path) -> None:
    night = read(write(tmp_path, ["1"] * 600, header(date="24-Oct-2009", time="22:00")))
    assert night.signals[0].end_ns - night.signals[0].start_ns == 600 * 60 * NS
    # Ten hours after 22:00 summer time it is 07:00.
    assert f"{to_datetime(night.signals[0].end_ns, 'Europe/London'):%H:%M}" == "07:00"


def test_a_hidden_date_needs_the_sidecar(tmp_path: Path) -> None:
    path = write(tmp_path, ["1"], header(date="23-Jan-1918", time="13:58"))
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.IMPLAUSIBLE
    assert "T13:58:00" in fault.value.hint
    told = read(path, Asked(zone="Europe/London", start=datetime(2018, 1, 23, 13, 58)))  # noqa: DTZ001
    assert to_datetime(told.signals[0].start_ns).year == 2018
    assert "sidecar" in told.repairs[0]


def test_a_line_without_counts_is_a_missing_epoch_never_zero(tmp_path: Path) -> None:
    rows = ["5"] * 60
    rows[30], rows[31] = "", "?"
    recording = read(write(tmp_path, [*rows, "", ""]))
    samples = recording.signals[0].samples
    assert len(samples) == 60
    assert np.flatnonzero(np.isnan(samples)).tolist() == [30, 31]
    assert recording.repairs == ("2 lines hold no counts: missing epochs",)


def test_a_damaged_file_names_its_first_bad_line(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, ["5", "x", "x", "5"]))
    assert fault.value.fault is Fault.CORRUPT
    assert "line 9" in fault.value.known


def test_a_cut_last_line_is_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, ["5", "6"])
    path.write_bytes(path.read_bytes() + b"12")
    recording = read(path)
    assert recording.signals[0].samples.tolist() == [5.0, 6.0]
    assert "no line end" in recording.repairs[0]


@pytest.mark.parametrize("identity", ["1001", "HRV pilot 01", "RR", "", "# 3", "start: now"])
def test_no_identity_makes_it_another_format(tmp_path: Path, identity: str) -> None:
    path = write(tmp_path, [str(600 + k % 300) for k in range(900)], header(name=identity))
    assert claimant(path) is READER


@pytest.mark.parametrize(("rows", "fault"), [([], Fault.TRUNCATED), (["", ""], Fault.NOTHING_USABLE)])
def test_a_header_alone_is_a_fault(tmp_path: Path, rows: list[str], fault: Fault) -> None:
    path = write(tmp_path, rows)
    path.write_bytes(path.read_bytes().rstrip(b"\r\n") + (b"" if not rows else b"\r\n\r\n\r\n"))
    with pytest.raises(FileFault) as raised:
        read(path)
    assert raised.value.fault is fault


@pytest.mark.realdata
@pytest.mark.parametrize("folder", ["actigraphy_GGIR", "actigraphy_GGIRread"])
def test_published_files_with_a_decimal_comma(real_data: Path, folder: str) -> None:
    recording = read(real_data / folder / "testfiles" / "Actiwatch.AWD")
    (counts,) = recording.signals
    assert counts.samples[:3].tolist() == [0.0, 498.0, 394.0]
    assert f"{to_datetime(counts.start_ns, 'Europe/London'):%Y-%m-%d %H:%M}" == "2009-10-01 17:00"
    assert recording.markers[0].time_ns - counts.start_ns == 60 * NS


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "epochs", "epoch_s", "most", "presses"),
    [
        ("example_01", 18_401, 60, 2999, 22),
        ("example_02", 18_413, 60, 2538, 21),
        ("test_sample_aw4", 31_854, 60, 7496, 29),
        ("test_sample_aw7", 30_623, 15, 1735, 12),
    ],
)
def test_published_files(real_data: Path, name: str, epochs: int, epoch_s: int, most: int, presses: int) -> None:
    asked = Asked(zone="Europe/London", start=datetime(2018, 1, 23, 13, 58))  # noqa: DTZ001
    recording = read(real_data / "actigraphy_awd" / f"{name}.AWD", asked)
    (counts,) = recording.signals
    assert len(counts.samples) == epochs
    assert counts.fs_hz == pytest.approx(1 / epoch_s)
    assert (counts.coverage, counts.samples.max()) == (1.0, most)
    assert len(recording.markers) == presses
