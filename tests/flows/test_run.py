"""The main job through the scheduler: refusals, resuming, nothing done twice. Each start of it takes seconds."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("flow")]


def _run(study: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "flows.cli", "run", str(study), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def _study(folder: Path, root: Path, exports: tuple[str, ...]) -> Path:
    folder.mkdir()
    for name in ("study.toml", "participants.tsv"):
        shutil.copy(root / "sample_data" / name, folder)
    for export in exports:
        target = folder / "inbox" / export
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / "sample_data" / "inbox" / export, target)
    return folder


def _is_gone(group: int) -> bool:
    """Whether no process of a group is left; the scheduler's server is told to end, and ends soon after."""
    for _ in range(600):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def _stamps(study: Path) -> dict[str, int]:
    return {p.relative_to(study).as_posix(): p.stat().st_mtime_ns for p in (study / "dataset").rglob("*.parquet")}


def test_a_run_refuses_what_is_broken_finishes_the_rest_and_does_nothing_twice(tmp_path: Path, root: Path) -> None:
    study = _study(
        tmp_path / "study", root,
        ("P01/P01.AWD", "P01/rr_2024-03-04.txt", "P02/P02.AWD", "P02/eeg_2024-03-20.edf"),
    )  # fmt: skip
    shutil.copy(study / "inbox/P01/rr_2024-03-04.txt", study / "inbox/P01/wrong_extension.edf")  # a duplicate, too
    (study / "inbox/P02/empty.csv").write_bytes(b"")
    (study / "inbox/P03").mkdir()
    (study / "inbox/P99").mkdir()
    (study / "inbox/P99/a.txt").write_text("900\n" * 100)

    first = _run(study)
    assert first.returncode == 3, first.stderr
    assert "inbox/P99: it belongs to nobody in participants.tsv" in first.stderr
    assert (study / "inbox/P99/a.txt").is_file()
    reasons = {p.name: json.loads(p.read_text())["fault"] for p in (study / "quarantine").rglob("*.reason.json")}
    assert reasons == {
        "eeg_2024-03-20.edf.reason.json": "truncated",
        "empty.csv.reason.json": "empty_file",
        "wrong_extension.edf.reason.json": "duplicate",
    }
    assert (study / "quarantine/P02/eeg_2024-03-20.edf").is_file()
    assert not (study / "inbox/P02/eeg_2024-03-20.edf").exists()
    failed = pl.read_parquet(study / "dataset/failures/all.parquet")
    assert set(failed["fault"]) == {"truncated", "empty_file", "duplicate", "unknown_participant"}
    for name in ("index", "P01", "P02", "P03"):
        assert (study / f"reports/{name}.html").stat().st_size > 1000
    nights = pl.read_parquet(study / "dataset/nights/*.parquet")
    assert nights.filter(pl.col("tst_min").is_not_null()).height >= 30
    assert not list(study.rglob("*.part"))

    shutil.rmtree(study / "inbox/P99")
    before = _stamps(study)
    done = _run(study)  # the cohort's list of strangers changed; no participant did
    assert done.returncode == 0, done.stderr
    assert {k for k, v in _stamps(study).items() if before.get(k) != v} == {"dataset/failures/all.parquet"}

    again = _run(study)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert "3 refused earlier" in again.stdout

    before = _stamps(study)
    shutil.copy(root / "sample_data/inbox/P01/rr_2024-03-05.txt", study / "inbox/P01")
    plan = _run(study, "--dry-run").stdout
    assert [line.split(": ")[0].split() for line in plan.splitlines() if line.startswith("run")] == [
        ["run", "export", "P01/rr_2024-03-05.txt"], ["run", "participant", "P01"], ["run", "cohort"],
    ]  # fmt: skip
    one = _run(study, "--json", "--jobs", "1")
    assert [o["unit"] for o in json.loads(one.stdout)["outcomes"]] == ["P01/rr_2024-03-05.txt", "P01", "cohort"]
    touched = {k for k, v in _stamps(study).items() if before.get(k) != v}
    assert all("P01" in name or "failures" in name for name in touched)
    assert "dataset/nights/P01.parquet" in touched


def test_overlapping_exports_of_one_device_cost_one_of_them(tmp_path: Path, root: Path) -> None:
    study = _study(tmp_path / "study", root, ("P01/P01.AWD", "P01/rr_2024-03-04.txt"))
    text = (study / "inbox/P01/rr_2024-03-04.txt").read_text()
    head, *rows = text.splitlines()
    other = [head] + [row if row.startswith("#") or not row.isdigit() else str(int(row) + 60) for row in rows]
    (study / "inbox/P01/rr_b.txt").write_text("\n".join(other) + "\n")  # one strap cannot have seen both
    done = _run(study, "-p", "P01")
    assert done.returncode == 3
    assert "it overlaps P01/rr_" in done.stdout
    assert len(list((study / "quarantine/P01").glob("rr_*.txt"))) == 1
    assert pl.read_parquet(study / "dataset/recordings/P01.parquet").height == 2
    assert not (study / "dataset/nights/P02.parquet").exists()


def test_a_killed_run_is_taken_up_where_it_stopped(tmp_path: Path, root: Path) -> None:
    names = tuple(f"P01/{p.name}" for p in sorted((root / "sample_data/inbox/P01").glob("rr_*.txt")))
    study = _study(tmp_path / "study", root, ("P01/P01.AWD", *names, "P02/P02.AWD"))
    command = [sys.executable, "-m", "flows.cli", "run", str(study), "--jobs", "1"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "export " in line and "done" in line:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    kept = list((study / ".sleeploop/recordings").rglob("receipt.json"))
    assert 1 <= len(kept) < len(names) + 2
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    done = _run(study)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == stamps, "what was finished is not done again"
    assert pl.read_parquet(study / "dataset/recordings/*.parquet").height == len(names) + 2
    assert not list((study / "dataset").rglob("*.part"))


def test_ctrl_c_of_a_terminal_ends_a_run_at_once_and_it_is_taken_up_again(tmp_path: Path, root: Path) -> None:
    names = tuple(f"P01/{p.name}" for p in sorted((root / "sample_data/inbox/P01").glob("rr_*.txt")))
    study = _study(tmp_path / "study", root, ("P01/P01.AWD", *names, "P02/P02.AWD"))
    command = [sys.executable, "-m", "flows.cli", "ingest", str(study), "--jobs", "2", "--memory", "1024"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "export " in line and "done" in line:
            break
    # A terminal tells everybody in its foreground: the run, the scheduler's server and the workers.
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert said == "interrupted: what was finished is kept; run again to go on\n"
    assert _is_gone(process.pid)
    kept = {p: p.stat().st_mtime_ns for p in (study / ".sleeploop/recordings").rglob("receipt.json")}
    assert 1 <= len(kept) < len(names) + 2
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, check=False, timeout=300)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept, "what was finished is not done again"
    assert len(json.loads(again.stdout)["outcomes"]) == len(names) + 2 - len(kept)


def test_a_folder_that_cannot_be_written_is_told_with_exit_code_1(tmp_path: Path, root: Path) -> None:
    study = _study(tmp_path / "study", root, ("P01/P01.AWD",))
    (study / ".sleeploop").write_text("a file stands where the work folder should be")
    done = _run(study)
    assert done.returncode == 1
    assert "the study folder cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_runs_at_once_do_not_share_a_study(tmp_path: Path, root: Path) -> None:
    study = _study(tmp_path / "study", root, ("P01/P01.AWD",))
    (study / ".sleeploop").mkdir()
    with (study / ".sleeploop/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = _run(study)
    assert done.returncode == 2
    assert "another run holds this study" in done.stderr
