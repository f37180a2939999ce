"""UK Biobank time series: the header line, imputed epochs, cut files, the clock change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import to_datetime
from pipeline.devices import claimant
from pipeline.devices.biobank_csv import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Recording

ASKED = Asked(zone="Europe/London")
HEAD = "acceleration (mg) - 2014-12-08 10:00:00 - 2014-12-08 10:00:25 - sampleRate = 5 seconds,imputed"


def write(folder: Path, rows: list[str], head: str = HEAD) -> Path:
    path = folder / "series.csv"
    path.write_text("\r\n".join([head, *rows, ""]))
    return path


def read(path: Path) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, ASKED)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'Europe/London'):%Y-%m-%d %H:%M:%S}"


def test_what_was_imputed_was_not_measured(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["0.2,0", "12,0", "33.5,1", "40,1", "0,0", "1,0"]))
    (signal,) = recording.signals
    assert signal.samples.tolist() == pytest.approx([0.2, 12.0, np.nan, np.nan, 0.0, 1.0], nan_ok=True)
    assert (local(signal.start_ns), local(signal.end_ns)) == ("2014-12-08 10:00:00", "2014-12-08 10:00:30")
    assert (signal.label, signal.scale) == ("acceleration (mg)", CountsScale.UNKNOWN)
    assert recording.repairs == ("2 epochs were imputed, not measured: missing",)


def test_a_file_that_ends_before_its_header_says_so_tells_it(tmp_path: Path) -> None:
    recording = read(write(tmp_path, ["0.2,0", "12,0"]))
    assert recording.repairs == ("the header announces 6 epochs, the file holds 2",)


def test_the_clock_runs_on_when_clocks_are_put_forward(tmp_path: Path) -> None:
    head = HEAD.replace("2014-12-08 10:00:00", "2015-03-29 00:00:00").replace(
        "2014-12-08 10:00:25", "2015-03-29 02:59:55"
    )
    recording = read(write(tmp_path, ["1,0"] * 2160, head))
    assert local(recording.signals[0].end_ns) == "2015-03-29 04:00:00"
    assert recording.repairs == ()


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], Fault.NOTHING_USABLE),
        (["1,0"], Fault.NOTHING_USABLE),
        (["1,0", "", "3,0"], Fault.CORRUPT),
        (["x,0"] * 9, Fault.CORRUPT),
    ],
)
def test_what_is_no_recording(tmp_path: Path, rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows))
    assert raised.value.fault is fault


@pytest.mark.realdata
def test_the_published_file(real_data: Path) -> None:
    recording = read(real_data / "actigraphy_GGIR" / "testfiles" / "ukbiobank.csv")
    (signal,) = recording.signals
    assert (len(signal.samples), signal.coverage) == (502, 1.0)
    assert float(signal.samples.astype(float).sum()) == pytest.approx(851.9, abs=0.01)
    assert local(signal.start_ns) == "2014-12-08 10:00:00"
