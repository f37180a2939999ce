"""How many exports are read at once: as many as the machine's memory, or a container's, holds at their largest."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from handmade import SAMPLES
from rich.console import Console

from flows import running
from flows.running import Ways, run_study
from pipeline.guard import Limits
from pipeline.room import OWN_MB, free_memory_mb, workers_at_once


@pytest.mark.parametrize(
    ("jobs", "memory_mb", "free_mb", "at_once"),
    [
        (64, 4096, OWN_MB + 4 * 4096, 4),
        (64, 4096, OWN_MB + 4 * 4096 - 1, 3),
        (2, 4096, 64_000, 2),
        (8, 4096, 1000, 1),
        (8, 4096, 100, 1),
        (64, 4096, None, 64),
    ],
)
def test_no_more_run_at_once_than_memory_holds(jobs: int, memory_mb: int, free_mb: float | None, at_once: int) -> None:
    assert workers_at_once(jobs, memory_mb, free_mb) == at_once


def machine(root: Path, available_kb: int, **group: str) -> Path:
    (root / "proc").mkdir(parents=True)
    (root / "sys/fs/cgroup/memory").mkdir(parents=True)
    (root / "proc/meminfo").write_text(f"MemTotal: 16000000 kB\nMemAvailable: {available_kb} kB\n")
    for name, text in group.items():
        (root / "sys/fs/cgroup" / name.replace("__", "/").replace("-", ".")).write_text(text)
    return root


def test_free_memory_is_the_machines_or_what_a_container_leaves(tmp_path: Path) -> None:
    mb = 1024**2
    assert free_memory_mb(machine(tmp_path / "bare", 8 * 1024**2)) == 8192
    new = {"memory.max": f"{3000 * mb}\n", "memory.current": f"{1000 * mb}\n"}
    stat = f"anon 5\ninactive_file {400 * mb}\n"
    assert free_memory_mb(machine(tmp_path / "v2", 8 * 1024**2, **new, **{"memory.stat": stat})) == 2400
    free = {**new, "memory.max": "max\n", "memory.stat": stat}
    assert free_memory_mb(machine(tmp_path / "free", 8 * 1024**2, **free)) == 8192
    old = {
        "memory__memory.limit_in_bytes": str(2000 * mb),
        "memory__memory.usage_in_bytes": str(500 * mb),
        "memory__memory.stat": f"inactive_file 0\ntotal_inactive_file {100 * mb}\n",
    }
    assert free_memory_mb(machine(tmp_path / "v1", 8 * 1024**2, **old)) == 1600
    assert free_memory_mb(machine(tmp_path / "small", 1024**2, **old)) == 1024
    here = free_memory_mb(tmp_path / "nothing is told here")
    assert here is None or here > 100, "all that the machine has"


@pytest.mark.parametrize(
    ("free_mb", "jobs", "says"),
    [
        (
            OWN_MB + 10_000.0,
            2,
            "note: 2 at once of --jobs 64, because each may take 4096 MB (--memory) and 10512 MB are",
        ),
        (1000.0, 1, "note: 1 at once of --jobs 64"),
        (1e9, 64, ""),
        (None, 64, ""),
    ],
)
def test_a_run_takes_no_more_at_once_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: float | None, jobs: int, says: str
) -> None:
    (tmp_path / "inbox" / "P1").mkdir(parents=True)
    SAMPLES["rr_text"].write(tmp_path / "inbox" / "P1")
    (tmp_path / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (tmp_path / "participants.tsv").write_text("participant_id\nP1\n")
    seen: list[int] = []

    def flow(*words: object) -> list[object]:
        seen.extend(word.jobs for word in words if isinstance(word, Ways))
        return []

    monkeypatch.setattr(running, "_flow", flow)
    monkeypatch.setattr(running, "free_memory_mb", lambda: free_mb)
    said = Console(file=io.StringIO(), soft_wrap=True)
    run_study(tmp_path, (), (), Ways(64, Limits(), as_json=True, verbose=False), out=said, err=said)
    assert seen == [jobs]
    assert isinstance(said.file, io.StringIO)
    assert said.file.getvalue().startswith(says)
    assert bool(said.file.getvalue()) == bool(says)
