"""study.toml and --set: TOML and nothing else; no value is looked up, expanded or executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import StudyFault
from pipeline.settings import load_settings
from pipeline.zones import zone_of

EXECUTABLE = (
    "__import__('os').system('touch sprung')",
    "$(touch sprung)",
    "`touch sprung`",
    "!!python/object:os.system",
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CANARY", "Europe/Oslo")


@pytest.mark.parametrize("text", ["$CANARY", "${CANARY}", "%(CANARY)s", "{CANARY}", "{{ CANARY }}", *EXECUTABLE])
def test_no_text_is_interpolated_or_executed(text: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(f'[study]\ntitle = "{text}"\n')
    assert load_settings(tmp_path / "study.toml").study.title == text
    assert load_settings(tmp_path / "study.toml", (f"study.title={text}",)).study.title == text
    with pytest.raises(StudyFault):
        load_settings(tmp_path / "study.toml", (f'study.zone="{text}"',))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "content", ["study: {title: x}", '{"study": {}}', "import os", "[study]\ninclude = 'x.toml'", "\0"]
)
def test_no_other_language_is_read(content: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(content)
    with pytest.raises(StudyFault):
        load_settings(tmp_path / "study.toml")


@pytest.mark.parametrize(
    "override", ["study.title.x=1", "__class__.x=1", "study.__class__=1", "study.title=[1]", "study=1"]
)
def test_overrides_reach_settings_and_nothing_else(override: str, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(StudyFault):
        load_settings(tmp_path / "study.toml", (override,))


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "Europe/../../x", "a\0b", "x" * 5000, "Europe", "."]
)
def test_a_zone_is_no_path(name: str) -> None:
    with pytest.raises(StudyFault):
        zone_of(name)
