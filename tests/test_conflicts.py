"""Exports that overlap: the same recording exported twice stays, a contradiction is refused."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline import units
from pipeline.errors import Fault
from pipeline.study import open_study

START = datetime(2024, 3, 1, 12)  # noqa: DTZ001


def rows(first: int, last: int, seed: int = 0) -> str:
    counts = np.random.default_rng(seed).integers(0, 300, 10 * 1440)
    lines = [f"{START + timedelta(minutes=k)},{counts[k]}" for k in range(first, last)]
    return "timestamp,activity\n" + "\n".join(lines) + "\n"


def outcome(folder: Path, files: dict[str, str]) -> tuple[units.Outcome, list[str]]:
    inbox = folder / "inbox" / "P1"
    inbox.mkdir(parents=True)
    (folder / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (folder / "participants.tsv").write_text("participant_id\nP1\n")
    for name, text in files.items():
        (inbox / name).write_text(text)
    study = open_study(folder)
    for unit in units.plan(study).exports:
        assert units.do_export(study, unit).status is units.Status.DONE
    found = units.do_participant(study, "P1")
    return found, [p.name for p in sorted((folder / "inbox/P1").iterdir())]


def test_two_parts_of_one_recording_that_overlap_both_stay(tmp_path: Path) -> None:
    found, left = outcome(tmp_path, {"a.csv": rows(0, 5 * 1440), "b.csv": rows(4 * 1440, 9 * 1440)})
    assert found.status is units.Status.DONE, found.detail
    assert left == ["a.csv", "b.csv"]
    epochs = pl.read_parquet(tmp_path / "dataset/epochs/P1.parquet")
    assert epochs.height == 9 * 2880
    assert epochs["activity_cpm"].null_count() == 0


def test_two_recordings_that_differ_at_one_time_are_not_both_right(tmp_path: Path) -> None:
    found, left = outcome(tmp_path, {"a.csv": rows(0, 5 * 1440), "b.csv": rows(4 * 1440, 9 * 1440, seed=1)})
    assert found.status is units.Status.REFUSED
    assert "b.csv: it overlaps P1/a.csv by 1440 min and says otherwise" in found.detail
    assert left == ["a.csv"]
    failed = list((tmp_path / "quarantine").rglob("*.reason.json"))
    assert len(failed) == 1
    assert Fault.OVERLAP.value in failed[0].read_text()


def test_the_same_content_twice_is_one_too_many(tmp_path: Path) -> None:
    found, left = outcome(tmp_path, {"a.csv": rows(0, 1440), "b.csv": rows(0, 1440)})
    assert "the same content was taken in already" in found.detail
    assert len(left) == 1


def test_a_minute_of_overlap_is_no_matter(tmp_path: Path) -> None:
    found, left = outcome(tmp_path, {"a.csv": rows(0, 1440), "b.csv": rows(1439, 2880, seed=1)})
    assert found.status is units.Status.DONE
    assert len(left) == 2


@pytest.mark.parametrize("years", [6])
def test_a_clock_years_away_from_the_others_is_refused(tmp_path: Path, years: int) -> None:
    away = rows(0, 1440).replace("2024-", f"{2024 - years}-")
    found, left = outcome(tmp_path, {"a.csv": rows(0, 1440), "b.csv": rows(1440, 2880, seed=2), "c.csv": away})
    assert found.status is units.Status.REFUSED
    assert "more than five years from" in found.detail
    assert left == ["a.csv", "b.csv"]
