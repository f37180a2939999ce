"""GENEActiv csv: colons before milliseconds, separators, button, gaps; epochs are refused."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from handmade.geneactiv_csv import HEAD

from pipeline.clock import NS, to_datetime
from pipeline.devices import raw_text, read_export
from pipeline.devices.geneactiv_csv import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording, Signal

ASKED = Asked(zone="Europe/Rome")
START = datetime(2024, 3, 1, 22)  # noqa: DTZ001  a wall clock
T0_NS = 1_709_326_800 * NS


def stamp(second: float, start: datetime = START) -> str:
    at = start + timedelta(seconds=second)
    return f"{at:%Y-%m-%d %H:%M:%S}:{at.microsecond // 1000:03d}"


def write(folder: Path, rows: Sequence[str], head: str = HEAD) -> Path:
    path = folder / "export.csv"
    path.write_text(head + "\n".join([*rows, ""]))
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert READER.recognise(glimpse(path))
    return read_export(path, asked)[1]


def pieces(recording: Recording, kind: Kind = Kind.ACC) -> list[Signal]:
    return next(list(stream.pieces()) for stream in recording.streams if stream.kind is kind)


def test_a_row_is_a_sample_of_everything(tmp_path: Path) -> None:
    rows = [f"{stamp(k / 20)},0.5,-0.25,{k / 1000},{k},0,{20 + k / 10:.1f}" for k in range(200)]
    recording = read(write(tmp_path, rows))
    (acc,), (light,), (temp,) = (pieces(recording, kind) for kind in (Kind.ACC, Kind.LIGHT, Kind.TEMP))
    assert acc.samples[7].tolist() == pytest.approx([0.5, -0.25, 0.007])
    assert (light.samples[7], temp.samples[7]) == (7, pytest.approx(20.7))
    assert (acc.start_ns, acc.end_ns, acc.fs_hz) == (T0_NS, T0_NS + 10 * NS, pytest.approx(20.0))
    assert (recording.device, recording.clock, recording.repairs) == ("GENEActiv 1.1", ClockKind.DEVICE, ())


def test_the_rate_is_that_of_the_stamps(tmp_path: Path) -> None:
    """300 samples in 3.5 s, told to be 20 Hz."""
    rows = [f"{stamp(k * 3.5 / 300)},0,0,1,0,0,20" for k in range(3001)]
    stream = read(write(tmp_path, rows)).streams[0]
    (piece,) = stream.pieces()
    assert piece.fs_hz == pytest.approx(300 / 3.5, rel=1e-4)
    assert stream.fs_hz == 20.0


def test_the_button_is_marked_where_it_goes_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{stamp(k / 20)},0,0,1,0,{int(30 <= k < 90 or k == 150)},20" for k in range(200)]
    path = write(tmp_path, rows)
    for block in (raw_text.BLOCK_BYTES, 500):
        monkeypatch.setattr(raw_text, "BLOCK_BYTES", block)
        assert [(marker.time_ns - T0_NS) / NS for marker in read(path).markers] == [1.5, 7.5]


def test_rows_that_are_absent_are_a_gap(tmp_path: Path) -> None:
    rows = [f"{stamp(k / 20)},0,0,{k},0,0,20" for k in range(30) if not 10 <= k < 15]
    found = pieces(read(write(tmp_path, rows)))
    assert [(len(p.samples), (p.start_ns - T0_NS) / NS) for p in found] == [(10, 0), (15, 0.75)]


def test_one_wrong_stamp_costs_one_row(tmp_path: Path) -> None:
    rows = [f"{stamp(k / 20)},0,0,{k / 1000},0,0,20" for k in range(100)]
    rows[50] = rows[50].replace("2024", "2034")
    found = pieces(read(write(tmp_path, rows)))
    assert [len(p.samples) for p in found] == [50, 49]
    assert found[1].samples[0, 2] == pytest.approx(0.051)


def test_rows_that_step_back_are_refused(tmp_path: Path) -> None:
    rows = [f"{stamp(k / 20)},0,0,1,0,0,20" for k in (*range(100), *range(50, 100))]
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, rows))
    assert fault.value.fault is Fault.CORRUPT
    assert "2.450 s before" in fault.value.known


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_other_separators(tmp_path: Path, separator: str) -> None:
    rows = [f"{stamp(k / 20)},0,0.5,1,0,0,20.5".replace(",", separator) for k in range(40)]
    if separator == ";":
        rows = [row.replace(".", ",") for row in rows]
    recording = read(write(tmp_path, rows, HEAD.replace(",", separator)))
    assert pieces(recording)[0].samples[0].tolist() == [0, 0.5, 1]
    assert pieces(recording, Kind.TEMP)[0].samples[0] == 20.5
    assert pieces(recording)[0].start_ns == T0_NS


def test_the_device_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    before = datetime(2024, 10, 27, 2, 59, 50)  # noqa: DTZ001  the clock goes back ten seconds later
    (piece,) = pieces(read(write(tmp_path, [f"{stamp(k / 20, before)},0,0,1,0,0,20" for k in range(400)])))
    assert piece.end_ns - piece.start_ns == 20 * NS
    assert f"{to_datetime(piece.end_ns, 'Europe/Rome'):%H:%M:%S}" == "02:00:10"


def test_another_offset_than_the_zone_s_is_told(tmp_path: Path) -> None:
    rows = [f"{stamp(k / 20)},0,0,1,0,0,20" for k in range(40)]
    (note,) = read(write(tmp_path, rows, HEAD.replace("GMT +01:00", "GMT -05:00"))).repairs
    assert "UTC-05:00" in note


@pytest.mark.parametrize(
    "rows",
    [
        [f"{stamp(60 * k)},0,0,1,0,0,20,3.2,0.1,0.1,0.1,9" for k in range(40)],
        [f"{stamp(60 * k)},0,0,1,0,0,20" for k in range(40)],
        [f"{stamp(k / 20)},0,0" for k in range(40)],
    ],
)
def test_epochs_are_no_samples(tmp_path: Path, rows: list[str]) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, rows))
    assert fault.value.fault is Fault.IMPLAUSIBLE
    assert ".bin" in fault.value.hint


def test_a_missing_light_is_no_missing_sample(tmp_path: Path) -> None:
    rows = [f"{stamp(k / 20)},0,0,1,{'' if k == 5 else k},0,20" for k in range(40)]
    recording = read(write(tmp_path, rows))
    assert len(pieces(recording)[0].samples) == 40
    assert np.flatnonzero(np.isnan(pieces(recording, Kind.LIGHT)[0].samples)).tolist() == [5]


def test_a_header_alone_is_a_fault_without_an_identity(tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        read(write(tmp_path, []))
    assert fault.value.fault is Fault.TRUNCATED
    assert "someone" not in str(fault.value)
