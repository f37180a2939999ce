"""Commands that run no flow: help, words, exit codes, speed by what they import."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from flows.cli import app

COMMANDS = sorted(command.name or command.callback.__name__ for command in app.registered_commands if command.callback)


def _run(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *words], capture_output=True, text=True, cwd=cwd, check=False
    )


@pytest.fixture
def study(tmp_path: Path, root: Path) -> Path:
    """The sample study without its largest files."""
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("study.toml", "participants.tsv"):
        shutil.copy(root / "sample_data" / name, folder)
    for person in ("P01", "P02", "P03"):
        (folder / "inbox" / person).mkdir(parents=True)
        shutil.copy(root / "sample_data" / "inbox" / person / f"{person}.AWD", folder / "inbox" / person)
    return folder


def test_the_commands_are_these() -> None:
    assert COMMANDS == ["devices", "doctor", "explain", "ingest", "init", "run", "simulate", "status"]


@pytest.mark.parametrize("command", [[], *[[name] for name in COMMANDS]])
def test_help_of_every_command(command: list[str]) -> None:
    done = _run(*command, "--help")
    assert done.returncode == 0
    assert "Usage" in done.stdout
    for parameter in typer.main.get_command(app).params:
        assert parameter.name


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "nowhere"), 2, "there is no such folder"),
        (("run", "{study}", "-p", "P04", "--dry-run"), 2, "did you mean 'P0"),
        (
            ("run", "{study}", "--set", "study.zone=Mars/Olympus", "--dry-run"),
            2,
            "there is no time zone 'Mars/Olympus'",
        ),
        (("run", "{study}", "--set", "studdy.zone=UTC", "--dry-run"), 2, "did you mean 'study'?"),
        (("explain", "rmsd_ms"), 2, "did you mean 'rmssd_ms'?"),
        (("simulate", "{study}"), 2, "exists already"),
        (("simulate", "{study}-x", "--loop", "weak"), 2, "known: none, realistic, strong"),
        (("init", "{study}"), 2, "is a study already"),
        (("init", "{study}-y", "--day-one", "yesterday"), 2, "is not a date"),
        (("init", "{study}-y", "--zone", "Europe/Roma"), 2, "did you mean 'Europe/Rome'?"),
        (("status", "nowhere"), 2, "there is no such folder"),
        (("doctor", "nowhere"), 2, "there is no such folder"),
        (("frobnicate",), 2, "No such command"),
    ],
)
def test_wrong_input_is_answered_in_words_with_exit_code_2(
    study: Path, words: tuple[str, ...], code: int, says: str
) -> None:
    done = _run(*(word.format(study=study) for word in words))
    assert done.returncode == code, done.stderr
    assert says in " ".join((done.stderr + done.stdout).split())
    assert "Traceback" not in done.stderr


def test_a_dry_run_says_what_would_run_and_changes_nothing(study: Path) -> None:
    before = sorted(study.rglob("*"))
    done = _run("run", str(study), "--dry-run", "-p", "sub-P01")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "run         export       P01/P01.AWD: not done yet",
        "run         participant  P01: 1 export(s) to take in",
        "run         cohort: a participant changed",
    ]
    assert [p for p in sorted(study.rglob("*")) if p.name not in {".sleeploop", "hashes.json"}] == before


def test_status_lists_every_participant_as_text_and_json(study: Path) -> None:
    rows = json.loads(_run("status", str(study), "--json").stdout)
    assert [row["participant"] for row in rows] == ["P01", "P02", "P03"]
    assert all(row["waiting"] == 1 and row["hpa"] is None for row in rows)
    assert "P02" in _run("status", str(study)).stdout


def test_explain_gives_unit_meaning_and_users_of_a_feature() -> None:
    entries = json.loads(_run("explain", "noct_lnrmssd", "--json").stdout)
    assert [entry["name"] for entry in entries] == ["nights.noct_lnrmssd"]
    assert "HPA-dysregulation index" in entries[0]["used by"]
    assert "rmssd" in _run("explain", "rmssd").stdout


def test_doctor_finds_what_would_go_wrong(study: Path) -> None:
    assert _run("doctor", str(study)).returncode == 0
    (study / "inbox" / "P77").mkdir()
    (study / "inbox" / "P01" / "empty.edf").write_bytes(b"")
    done = _run("doctor", str(study), "--json")
    bad = [finding["text"] for finding in json.loads(done.stdout) if finding["level"] == "BAD"]
    assert done.returncode == 2
    assert any("P77" in text for text in bad)
    assert any("the file is empty" in text for text in bad)


def test_simulate_then_status(tmp_path: Path) -> None:
    folder = tmp_path / "sim"
    done = _run("simulate", str(folder), "--participants", "1", "--nights", "2", "--missing", "0")
    assert done.returncode == 0, done.stderr
    assert (folder / "truth.json").is_file()
    assert json.loads(_run("status", str(folder), "--json").stdout)[0]["exports"] >= 3


def test_python_version_is_printed() -> None:
    assert _run("--version").stdout.startswith("sleeploop 0.")
