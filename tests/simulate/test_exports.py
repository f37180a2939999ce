"""Exports: what was put in comes back through readers that are not ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import numpy as np
import pytest

from pipeline.recording import Stage
from pipeline.simulate.beats import BeatTrain
from pipeline.simulate.exports.actiwatch_awd import write_awd
from pipeline.simulate.exports.edf import write_edf
from pipeline.simulate.exports.rr_text import write_rr_text

START = datetime(2024, 3, 30, 22, 47)  # noqa: DTZ001  devices write wall clocks
STAGES = np.array([0, 1, 2, 3, 2, 4, 0], np.int8)
NAMES = ["W", "N1", "N2", "N3", "N2", "R", "W"]


@pytest.fixture
def edf(tmp_path: Path) -> tuple[Path, np.ndarray]:
    eeg = np.random.default_rng(1).normal(0, 30, len(STAGES) * 1920)
    path = tmp_path / "night.edf"
    write_edf(path, eeg, 64, STAGES, START, "P01")
    return path, eeg


def test_edf_read_by_edfio_has_signal_clock_and_stages(edf: tuple[Path, np.ndarray]) -> None:
    from edfio import read_edf

    path, eeg = edf
    read = read_edf(path)
    assert (read.startdate, read.starttime) == (date(2024, 3, 30), time(22, 47))
    signal = read.get_signal("EEG Fpz-Cz")
    assert signal.physical_dimension == "uV"
    assert signal.sampling_frequency == 64
    assert signal.data == pytest.approx(eeg, abs=1000 / 65_535)
    assert [(note.onset, note.duration, note.text) for note in read.annotations] == [
        (30.0 * k, 30.0, f"Sleep stage {name}") for k, name in enumerate(NAMES)
    ]


def test_edf_read_by_mne_is_in_volts_and_has_the_same_stages(edf: tuple[Path, np.ndarray]) -> None:
    import mne

    path, eeg = edf
    raw = mne.io.read_raw_edf(path, preload=True, verbose="error")
    assert raw.info["meas_date"] == START.replace(tzinfo=UTC)
    assert raw.get_data()[0] * 1e6 == pytest.approx(eeg, abs=1000 / 65_535)
    assert raw.annotations.description.tolist() == [f"Sleep stage {name}" for name in NAMES]


def test_edf_clips_at_the_range_of_the_amplifier(tmp_path: Path) -> None:
    from edfio import read_edf

    write_edf(tmp_path / "big.edf", np.full(1920, 900.0), 64, np.array([Stage.WAKE], np.int8), START, "P01")
    assert read_edf(tmp_path / "big.edf").signals[0].data.max() == pytest.approx(500)


def test_rr_text_worked_by_hand(tmp_path: Path) -> None:
    lost = np.array([False, False, True, True, False, True])
    beats = BeatTrain(0, np.array([0, 800, 1610, 2400, 3225, 4000, 4900]), lost, np.zeros(6, bool))
    write_rr_text(tmp_path / "rr.txt", beats, START)
    assert (tmp_path / "rr.txt").read_text(encoding="ascii").splitlines() == [
        "# device: Polar H10",
        "# start: 2024-03-30T22:47:00",
        "# unit: ms",
        "800",
        "810",
        "# gap: 1.615",
        "775",
        "# gap: 0.900",
    ]


def test_rr_text_lost_from_the_first_interval_on_begins_with_a_gap(tmp_path: Path) -> None:
    beats = BeatTrain(0, np.array([0, 800, 1600]), np.array([True, False]), np.zeros(2, bool))
    write_rr_text(tmp_path / "rr.txt", beats, START)
    assert (tmp_path / "rr.txt").read_text(encoding="ascii").splitlines()[3:] == ["# gap: 0.800", "800"]


def test_awd_is_seven_lines_of_head_then_a_value_a_line(tmp_path: Path) -> None:
    write_awd(
        tmp_path / "a.AWD",
        np.array([498, 0, 12]),
        datetime(2009, 10, 1, 9, 5),  # noqa: DTZ001
        identity="P01",
        age_y=34,
        sex="F",
        serial="V660001",
        marked_minutes=(1,),
    )
    assert (tmp_path / "a.AWD").read_bytes() == (
        b"P01\r\n01-Oct-2009\r\n09:05\r\n 4 \r\n34\r\nV660001\r\nF\r\n498\r\n0 M\r\n12\r\n"
    )
