"""Documents that cannot lie: the dictionary is current, the README's blocks run, every command is described."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _block(language: str, after: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README[README.index(after) :], flags=re.DOTALL)
    assert found, f"no {language} block after '{after}'"
    return found.group(1)


@pytest.mark.parametrize("page", ["dictionary", "formats"])
def test_a_generated_page_is_what_the_code_declares(page: str) -> None:
    spec = importlib.util.spec_from_file_location(page, ROOT / "tests" / "house" / f"{page}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PATH.read_text(encoding="utf-8") == module.text(), f"run: make {page}"


def test_every_command_stands_in_the_readme_and_no_other() -> None:
    told = set(re.findall(r"^\| `sleeploop ([a-z]+)", README, flags=re.MULTILINE))
    assert told == {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}


def test_every_column_explains_itself() -> None:
    from pipeline.features import TABLES

    for table in TABLES:
        for column in table.columns:
            assert len(column.meaning) >= 5, f"{table.name}.{column.name}"
            assert column.source, f"{table.name}.{column.name}"


@pytest.mark.flow
@pytest.mark.xdist_group("demo")
def test_the_readme_blocks_do_what_they_say(tmp_path: Path) -> None:
    """The demo block: its shell lines come from the Makefile, its output is compared, the Python block is run."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^demo:.*?\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
    assert recipe
    assert "sleeploop run $(DEMO)" in recipe.group(1)
    assert _block("console", "## Two commands").strip() == "$ make demo"
    demo = tmp_path / "demo"
    demo.mkdir()
    for name in ("study.toml", "participants.tsv"):
        shutil.copy(ROOT / "sample_data" / name, demo)
    shutil.copytree(ROOT / "sample_data" / "inbox", demo / "inbox")
    command = [sys.executable, "-m", "flows.cli", "run", "demo"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 3, done.stderr
    told = [_steady(line) for line in _block("text", "<!-- demo output -->").splitlines()]
    assert told
    assert [_steady(line) for line in done.stdout.splitlines()][-len(told) :] == told
    code = _block("python", "The dataset is Parquet")
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert shown.returncode == 0, shown.stderr
    assert "P01" in shown.stdout


def _steady(line: str) -> str:
    """A line without what differs between machines: seconds, and last digits of numbers."""
    line = re.sub(r"in \d+ s$", "in … s", line)
    return re.sub(r"(\d+)\.\d\b", r"\1", line)
