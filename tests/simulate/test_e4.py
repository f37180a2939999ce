"""The wristband session: the task shows where the tag says, streams have their rates, the zip its layout."""

from __future__ import annotations

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS
from pipeline.simulate.e4 import TASK_HR_BPM, TASK_MIN, TASK_START_MIN, E4Session, e4_session
from pipeline.simulate.exports.e4_zip import write_e4_zip
from pipeline.simulate.person import LOOPS, LoopStrength, Person

START_NS = 1_710_336_600 * NS
MINUTES = 60


@pytest.fixture(scope="module")
def session() -> E4Session:
    return e4_session(Person("P01", 34, "F", LOOPS[LoopStrength.NONE]), START_NS, MINUTES, np.random.default_rng(1))


@pytest.fixture(scope="module")
def written(session: E4Session, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("e4") / "session.zip"
    write_e4_zip(path, session)
    return path


def rows(path: Path, name: str) -> list[list[str]]:
    with zipfile.ZipFile(path) as archive:
        return list(csv.reader(io.StringIO(archive.read(name).decode("ascii"))))


def test_the_task_raises_heart_rate_by_the_planted_amount(session: E4Session) -> None:
    second = np.arange(len(session.hr_bpm)) + 10
    low, high = TASK_START_MIN * 60 + 60, (TASK_START_MIN + TASK_MIN) * 60 - 60
    task = session.hr_bpm[(second > low) & (second < high)].mean()
    rest = session.hr_bpm[second < TASK_START_MIN * 60].mean()
    assert task - rest == pytest.approx(TASK_HR_BPM, abs=1.0)


def test_skin_conductance_rises_in_the_task_and_stays_plausible(session: E4Session) -> None:
    at = np.arange(len(session.eda_us)) / 4 / 60
    task = (at > TASK_START_MIN + 3) & (at < TASK_START_MIN + TASK_MIN)
    assert session.eda_us[task].mean() > session.eda_us[at < TASK_START_MIN - 5].mean() + 0.8
    assert session.eda_us.min() > 0.5
    assert session.eda_us.max() < 20
    onset_min = session.scr_onsets_s / 60
    in_task = ((onset_min >= TASK_START_MIN) & (onset_min < TASK_START_MIN + TASK_MIN)).sum() / TASK_MIN
    assert in_task > 2 * (onset_min < TASK_START_MIN).sum() / TASK_START_MIN


def test_gravity_is_one_g(session: E4Session) -> None:
    assert np.median(np.linalg.norm(session.acc_g, axis=1)) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("name", "rate_hz", "late_s", "minutes"),
    [("ACC.csv", 32, 0, MINUTES), ("BVP.csv", 64, 0, 10), ("EDA.csv", 4, 0, MINUTES), ("TEMP.csv", 4, 0, MINUTES)],
)
def test_streams_begin_with_start_and_rate(written: Path, name: str, rate_hz: int, late_s: int, minutes: int) -> None:
    table = rows(written, name)
    assert float(table[0][0]) == START_NS / NS + late_s
    assert float(table[1][0]) == rate_hz
    assert len(table) - 2 == minutes * 60 * rate_hz


def test_heart_rate_begins_ten_seconds_late(written: Path) -> None:
    table = rows(written, "HR.csv")
    assert float(table[0][0]) == START_NS / NS + 10
    assert len(table) - 2 == MINUTES * 60 - 10


def test_acceleration_is_written_in_sixty_fourths_of_g(written: Path, session: E4Session) -> None:
    steps = np.array(rows(written, "ACC.csv")[2:], int)
    inside = np.abs(session.acc_g).max(axis=1) < 1.9
    assert steps[inside] / 64 == pytest.approx(session.acc_g[inside], abs=1 / 128 + 1e-9)


def test_ibi_rows_bear_the_end_of_the_interval_and_leave_out_lost_ones(written: Path, session: E4Session) -> None:
    table = rows(written, "IBI.csv")
    assert table[0][1].strip() == "IBI"
    ends, intervals = np.array(table[1:], float).T
    held = ~session.beats.lost
    assert len(ends) == held.sum() < len(held)
    assert ends == pytest.approx(session.beats.beat_ms[1:][held] / 1000, abs=1 / 128 + 1e-9)
    assert intervals == pytest.approx(session.beats.rr_ms[held] / 1000, abs=1 / 64 + 1e-9)
    assert (np.round(ends * 64) == ends * 64).all()


def test_the_tag_is_the_beginning_of_the_task(written: Path) -> None:
    (tag,) = rows(written, "tags.csv")
    assert float(tag[0]) == START_NS / NS + TASK_START_MIN * 60


def test_the_same_session_gives_the_same_bytes(session: E4Session, written: Path, tmp_path: Path) -> None:
    write_e4_zip(tmp_path / "again.zip", session)
    assert (tmp_path / "again.zip").read_bytes() == written.read_bytes()
