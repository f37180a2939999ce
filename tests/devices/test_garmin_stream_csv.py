"""A Garmin watch's live stream: arrivals, gaps, types that are not read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.garmin_stream_csv import row
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS
from pipeline.devices import read_export
from pipeline.devices.garmin_stream_csv import READER
from pipeline.devices.reader import Asked, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Recording


def read(folder: Path, text: str) -> Recording:
    path = folder / "data.csv"
    path.write_text(text)
    reader, recording = read_export(path, ASKED)
    assert reader is READER
    return recording


def test_heart_rate_lies_in_its_second_and_empty_seconds_are_missing(tmp_path: Path) -> None:
    told = ((0.2, 60.0), (0.9, 61.0), (1.4, 0.0), (2.0, 63.0), (4.999, 64.0))
    recording = read(tmp_path, "".join(row(second, "HEART_RATE", bpm) for second, bpm in told))
    (rate,) = recording.signals
    assert np.nan_to_num(rate.samples, nan=-1).tolist() == [60, -1, 63, -1, 64]
    assert (rate.start_ns, recording.clock) == (T0_NS, ClockKind.OFFSET)


def test_intervals_that_arrive_late_or_together_keep_their_lengths_and_holes(tmp_path: Path) -> None:
    rr = np.random.default_rng(0).integers(700, 1000, 400)
    ends = np.cumsum(rr) / 1000
    ends[200:] += 20
    late = np.maximum.accumulate(np.ceil(ends * 2) / 2)  # packets every half second
    text = "".join(row(at, "HEART_RATE_VARIABILITY", v) for at, v in zip(late, rr, strict=True))
    beats = read(tmp_path, text).beats
    assert beats is not None
    assert beats.rr_s.tolist() == pytest.approx((rr / 1000).tolist())
    found = (beats.end_ns - T0_NS) / NS
    assert np.abs(found - ends).max() < 0.6
    assert np.flatnonzero(np.diff(found) - beats.rr_s[1:] > 5).tolist() == [199]


def test_totals_and_scores_are_not_read(tmp_path: Path) -> None:
    text = row(0, "STEPS", 299) + row(1, "STRESS", 7) + row(2, "CALORIES", 942)
    path = tmp_path / "data.csv"
    path.write_text(text)
    with pytest.raises(FileFault) as fault:
        read_export(path, ASKED)
    assert fault.value.fault is Fault.NOTHING_USABLE


def test_a_stamp_far_off_is_implausible(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text(row(0, "HEART_RATE", 60) + row(86_400 * 20, "HEART_RATE", 60))
    with pytest.raises(FileFault) as fault:
        read_export(path, ASKED)
    assert fault.value.fault is Fault.IMPLAUSIBLE


def test_rows_of_acceleration_are_not_claimed(tmp_path: Path) -> None:
    path = tmp_path / "acc.csv"
    path.write_text("2019-10-16T12:09:01.702+02:00;-36;620;-824\n" * 5)
    assert not READER.recognise(glimpse(path))


@pytest.mark.realdata
def test_a_published_stream(real_data: Path) -> None:
    path = real_data / "flirt_sample" / "wearable-data" / "garmin" / "data.csv"
    recording = read_export(path, Asked(zone="Europe/Zurich"))[1]
    assert recording.kinds == {Kind.HR, Kind.RR}
    assert recording.beats is not None
    rows = [line.split(";") for line in path.read_text().splitlines()]
    wanted = [float(r[2]) / 1000 for r in rows if r[1] == "HEART_RATE_VARIABILITY" and 0 < float(r[2]) <= 3000]
    assert recording.beats.rr_s.tolist() == pytest.approx(wanted)
    stamps = [np.datetime64(r[0][:23], "ms").astype(np.int64) - 7_200_000 for r in rows if r[1] == _RR]
    assert np.median(np.abs(recording.beats.end_ns[: len(wanted)] / 1e6 - np.array(stamps)[: len(wanted)])) < 1000


_RR = "HEART_RATE_VARIABILITY"
