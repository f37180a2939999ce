"""One run with an export that swells: it is ended in words, all else is done; and what listens meanwhile."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from handmade import SAMPLES


def listening(group: int) -> set[str]:
    """Addresses on which the processes of a group listen (Linux)."""
    inodes = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) != group:
                continue
            inodes |= {str(fd.readlink()) for fd in (process / "fd").iterdir()}
        except OSError:
            continue
    out = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            cells = line.split()
            if cells[3] == "0A" and f"socket:[{cells[9]}]" in inodes:
                out.add(cells[1].split(":")[0])
    return out


@pytest.mark.flow
@pytest.mark.xdist_group("flow")
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="sockets are looked at in /proc")
def test_a_run_survives_an_export_that_swells_and_listens_on_loopback_alone(tmp_path: Path) -> None:
    study = tmp_path / "study"
    for name in ("P1", "P2"):
        (study / "inbox" / name).mkdir(parents=True)
        SAMPLES["rr_text"].write(study / "inbox" / name)
    (study / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (study / "participants.tsv").write_text("participant_id\nP1\nP2\n")
    large = "# start: 2024-03-05T22:00:00\n# unit: ms\n" + "800\n" * 10_000_000
    (study / "inbox/P1/large \x1b[2J.txt").write_text(large)
    command = [sys.executable, "-m", "flows.cli", "run", str(study), "--memory", "600", "--jobs", "2"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    seen: set[str] = set()
    while process.poll() is None:
        seen |= listening(process.pid)
        time.sleep(0.2)
    said = process.communicate()[0]
    assert process.returncode == 3, said
    assert seen == {"0100007F"}, "Prefect's embedded API, on 127.0.0.1"
    assert "\x1b" not in said
    assert "more than 600 MB of memory and was ended" in said
    assert (study / "quarantine/P1/large \\x1b[2J.txt").is_file()
    (reason,) = [json.loads(p.read_text()) for p in study.glob("quarantine/P1/*.reason.json")]
    assert reason["fault"] == "too_large"
    assert sorted(pl.read_parquet(study / "dataset/recordings/*.parquet")["participant"]) == ["P1", "P2"]
    for page in ("index", "P1", "P2"):
        assert (study / f"reports/{page}.html").is_file()


def test_no_module_of_ours_opens_a_socket(nodes: dict[str, tuple[ast.AST, ...]]) -> None:
    network = {
        "socket",
        "socketserver",
        "http",
        "urllib",
        "ssl",
        "ftplib",
        "smtplib",
        "asyncio",
        "requests",
        "httpx",
        "flask",
    }
    network |= {"uvicorn", "fastapi", "starlette", "aiohttp", "webbrowser", "xmlrpc", "telnetlib"}
    for path, found in nodes.items():
        for node in found:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & network, path
