"""MotionWatch .mtn: channels, the last word of the log, hidden dates, undocumented encodings, hostile XML."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from handmade.motionwatch_mtn import log

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant, read_export
from pipeline.devices.motionwatch_mtn import READER
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Recording

ASKED = Asked(zone="Europe/London")


def write(folder: Path, text: str) -> Path:
    path = folder / "watch.mtn"
    path.write_text(text, encoding="utf-8")
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


def local(ns: int) -> str:
    return f"{to_datetime(ns, 'Europe/London'):%Y-%m-%d %H:%M:%S}"


def test_counts_and_light_begin_at_the_start(tmp_path: Path) -> None:
    text = log("2018-05-23 17:30:00", ["0", "15", "22"], ["0", "182.1525", "222.5"], "5")
    counts, light = read(write(tmp_path, text)).signals
    assert (counts.kind, counts.label, counts.scale) == (Kind.COUNTS, "Triaxial-Counts", CountsScale.UNKNOWN)
    assert (counts.fs_hz, counts.samples.tolist()) == (0.2, [0.0, 15.0, 22.0])
    assert light.samples.tolist() == pytest.approx([0.0, 182.1525, 222.5])
    assert local(counts.start_ns) == "2018-05-23 17:30:00"


def test_the_last_word_of_the_log_holds(tmp_path: Path) -> None:
    one = log("2018-05-23 17:30:00", ["1", "2"], [])
    later = one.replace("=StartTime", "=Old").replace(
        "</log2>", _change("=StartTime", "2018-05-24 09:00:00") + "</log2>"
    )
    assert local(read(write(tmp_path, later)).signals[0].start_ns) == "2018-05-24 09:00:00"


def _change(name: str, value: str) -> str:
    return f"<change><property><name>{name}</name><content>{value}</content></property></change>"


def test_the_watch_runs_on_through_the_clock_change(tmp_path: Path) -> None:
    (counts,) = read(write(tmp_path, log("2018-10-27 22:00:00", ["1"] * 600, []))).signals
    assert counts.end_ns - counts.start_ns == 600 * 60 * NS
    assert local(counts.end_ns) == "2018-10-28 07:00:00"


def test_a_light_channel_of_zeros_is_no_light(tmp_path: Path) -> None:
    recording = read(write(tmp_path, log("2018-05-23 17:30:00", ["1", "2"], ["0", "0"])))
    assert recording.kinds == {Kind.COUNTS}
    assert "'light' is 0 throughout" in recording.repairs[0]


def test_a_hidden_date_takes_the_sidecars_start(tmp_path: Path) -> None:
    path = write(tmp_path, log("1918-05-23 17:30:00", ["1", "2"], []))
    with pytest.raises(FileFault) as fault:
        read(path)
    assert fault.value.fault is Fault.IMPLAUSIBLE
    told = read(path, Asked(zone="Europe/London", start=datetime(2018, 5, 24, 17, 30)))  # noqa: DTZ001
    assert local(told.signals[0].start_ns) == "2018-05-24 17:30:00"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('encoding="text"', 'encoding="base64"', Fault.UNKNOWN_CODE),
        ("<offset>0<", "<offset>12<", Fault.UNKNOWN_CODE),
        ("<epoch>60<", "<epoch>none<", Fault.CORRUPT),
        ("<epoch>60<", "<epoch>0<", Fault.CORRUPT),
        ("<units>lux<", "<units>fc<", Fault.UNKNOWN_UNIT),
        ("<name>motion<", "<name>sound<", Fault.NOTHING_USABLE),
        ("2018-05-23 17:30:00", "yesterday", Fault.CORRUPT),
        (">1,2,3,", ">a,b,c,", Fault.CORRUPT),
        ("</channel>", "</chanel>", Fault.CORRUPT),
        ("</log2></motionfile>", "", Fault.TRUNCATED),
    ],
)
def test_what_cannot_be_read_right_is_refused(tmp_path: Path, old: str, new: str, fault: Fault) -> None:
    text = log("2018-05-23 17:30:00", ["1", "2", "3"], ["4", "5", "6"])
    assert old in text
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, text.replace(old, new)))
    assert raised.value.fault is fault


def test_an_entity_is_never_expanded(tmp_path: Path) -> None:
    text = log("2018-05-23 17:30:00", ["1", "2"], []).replace("<motionfile>", "<motionfile>&bomb;")
    bomb = text.replace('UTF-8"?>', 'UTF-8"?><!DOCTYPE motionfile [<!ENTITY bomb "x">]>')
    with pytest.raises(FileFault):
        read_export(write(tmp_path, bomb), ASKED)


@pytest.mark.realdata
def test_the_published_file_holds_the_numbers_of_its_text(real_data: Path) -> None:
    path = real_data / "actigraphy_awd" / "test_sample.mtn"
    recording = read(path)
    texts = re.findall(r'<data encoding="text">([^<]*)</data>', path.read_text("utf-8-sig"))
    for signal, text in zip(recording.signals, texts, strict=True):
        wanted = np.array([float(cell) for cell in text.split(",") if cell.strip()], np.float32)
        assert np.array_equal(signal.samples, wanted)
    assert [len(s.samples) for s in recording.signals] == [5978, 5978]
    assert recording.device == "MotionWatch MW8"
