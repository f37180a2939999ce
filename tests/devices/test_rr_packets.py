"""Intervals logged a radio packet a row: cells of every shape, clocks of every kind, lost packets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.sample import ASKED, T0_NS

from pipeline.clock import NS
from pipeline.devices import claimant, read_export
from pipeline.devices.reader import Asked
from pipeline.devices.rr_packets import READER
from pipeline.devices.rr_text import READER as LISTS
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, ClockKind, Recording

MS = T0_NS // 1_000_000


def read(folder: Path, text: str, asked: Asked = ASKED) -> tuple[Recording, Beats]:
    path = folder / "strap.csv"
    path.write_text(text)
    reader, recording = read_export(path, asked)
    assert reader is READER
    assert recording.beats is not None
    return recording, recording.beats


def near(beats: Beats, ends_s: list[float]) -> bool:
    """Whether beats end where they should, to the lateness of a packet."""
    return bool(np.abs((beats.end_ns - T0_NS) / NS - np.array(ends_s)).max() < 1.0)


@pytest.mark.parametrize(
    "rows",
    [
        f"timestamp,hr,rr\n{MS + 1700},73,800 900\n{MS + 2700},73,1000\n{MS + 3700},73,\n",
        f'time;hr;"RR-interval [ms]"\n{MS + 1700};73;"800;900"\n{MS + 2700};73;"1000"\n',
        f'timestamp,rr_intervals\n{MS + 1700},"[800, 900]"\n{MS + 2700},"[1000]"\n{MS + 3700},"[]"\n',
        f"timestamp\thr\trr\n{MS * 10**6 + 1_700_000_000}\t73\t0.8|0.9\n{MS * 10**6 + 2_700_000_000}\t73\t1.0\n",
        f"unix_time,rr (s)\n{MS / 1000 + 1.7:.3f},0.8/0.9\n{MS / 1000 + 2.7:.3f},1.0\n",
    ],
)
def test_packets_of_every_shape_give_the_same_intervals(tmp_path: Path, rows: str) -> None:
    recording, beats = read(tmp_path, rows)
    assert beats.rr_s.tolist() == pytest.approx([0.8, 0.9, 1.0])
    assert near(beats, [0.8, 1.7, 2.7])
    assert recording.clock is ClockKind.UTC


@pytest.mark.parametrize(
    ("stamps", "clock"),
    [
        (("2024-03-01 22:00:01.700", "2024-03-01 22:00:02.700"), ClockKind.LOCAL),
        (("2024-03-01T21:00:01.700Z", "2024-03-01T21:00:02.700Z"), ClockKind.OFFSET),
    ],
)
def test_stamps_may_be_dates(tmp_path: Path, stamps: tuple[str, str], clock: ClockKind) -> None:
    recording, beats = read(tmp_path, f"Phone timestamp,rr\n{stamps[0]},800 900\n{stamps[1]},1000\n")
    assert recording.clock is clock
    assert near(beats, [0.8, 1.7, 2.7])


def test_lost_packets_are_a_hole_and_intervals_keep_their_lengths(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rr = rng.integers(700, 1000, 600)
    ends = np.cumsum(rr) / 1000
    ends[300:] += 30
    rows = ["timestamp,rr"]
    for second in range(2, int(ends[-1]) + 4, 2):
        within = (ends > second - 2) & (ends <= second)
        rows.append(f"{MS + second * 1000},{' '.join(map(str, rr[within].tolist()))}")
    _, beats = read(tmp_path, "\n".join(rows) + "\n")
    assert np.rint(beats.rr_s * 1000).astype(int).tolist() == rr.tolist()
    found = (beats.end_ns - T0_NS) / NS
    assert np.abs(found - ends).max() < 2.0
    assert np.flatnonzero(np.diff(found) - beats.rr_s[1:] > 5).tolist() == [299]


def test_stamps_that_count_from_a_start_of_their_own_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "strap.csv"
    path.write_text("time,rr\n1.7,800 900\n2.7,1000\n")
    with pytest.raises(FileFault) as fault:
        read_export(path, ASKED)
    assert fault.value.fault is Fault.NO_START_TIME


def test_lists_of_one_interval_a_row_stay_with_their_reader(tmp_path: Path) -> None:
    path = tmp_path / "strap.csv"
    path.write_text(f"timestamp,rr\n{MS + 800},800\n{MS + 1700},900\n")
    assert claimant(path) is LISTS
    one_by_one = "".join(f"{MS + 800 * k},800\n" for k in range(1, 41))
    path.write_text(f"timestamp,rr\n{one_by_one}{MS + 33_700},900 810\n")
    assert claimant(path) is READER
