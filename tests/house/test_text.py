"""What may not stand in any tracked file, and what must."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOSTS = re.compile(
    "|".join(["py" + r"pi\.(org|io)", "files" + r"\.pythonhosted", "registry" + r"\.npmjs", "index" + "-url"])
)


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: there is no list of tracked files")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def test_no_tracked_text_names_a_package_index_or_a_path_of_a_machine() -> None:
    for path in _tracked():
        if path.suffix in {".edf", ".zip", ".AWD", ".awd", ".txt", ".png"}:
            continue
        text = path.read_text(encoding="utf-8")
        assert not HOSTS.search(text), path
        assert "/work" + "/main" not in text, path


def test_tracked_files_are_small_and_sample_data_stays_under_20_mb() -> None:
    sizes = {path: path.stat().st_size for path in _tracked()}
    assert max(sizes.values()) < 5_000_000
    assert sum(size for path, size in sizes.items() if "sample_data" in path.parts) <= 20_000_000


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_lock_files_pin_every_package_with_hashes(name: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text())
    assert len(entries) > 100
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==", entry), entry[:60]
        assert "--hash=sha256:" in entry, entry[:60]


def test_the_lock_satisfies_the_cap_without_which_prefect_does_not_import() -> None:
    pins = dict(re.findall(r"^([a-z0-9-]+)==([0-9.]+)", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE))
    assert tuple(int(part) for part in pins["fastapi"].split(".")[:2]) < (0, 154)
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    for requirement in wanted:
        assert re.match(r"[a-z0-9-]+", requirement)[0] in pins, requirement
