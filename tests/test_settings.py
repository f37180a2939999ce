"""study.toml and --set: what is taken, and the words when it is not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.errors import StudyFault
from pipeline.settings import Settings, load_settings, settings_hash


def _toml(folder: Path, text: str) -> Path:
    path = folder / "study.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_not_written_has_its_default(tmp_path: Path) -> None:
    assert load_settings(_toml(tmp_path, "")) == Settings()


def test_values_are_typed_and_overrides_lie_on_top(tmp_path: Path) -> None:
    path = _toml(tmp_path, '[study]\nzone = "Europe/Rome"\nday_one = 2018-01-09\n[eeg]\nchannels = ["Fz"]\n')
    found = load_settings(path, ("study.zone=Europe/Oslo", "eeg.units={'Fz' = 'uV'}"))
    assert (found.study.zone, found.study.day_one) == ("Europe/Oslo", date(2018, 1, 9))
    assert (found.eeg.channels, found.eeg.units) == (("Fz",), {"Fz": "uV"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[studdy]\n", "did you mean 'study'?"),
        ("[study]\nzome = 'UTC'\n", "unknown key 'study.zome'"),
        ("[study]\nzome = 'UTC'\n", "did you mean 'zone'?"),
        ("[study]\nzone = 'Europe/Roma'\n", "there is no time zone 'Europe/Roma'"),
        ("[study]\ntitle = 3\n", "study.title = 3"),
        ("[study\n", "not valid TOML"),
        ("study = 3\n", "study = 3"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(StudyFault) as fault:
        load_settings(_toml(tmp_path, text))
    assert says in str(fault.value)
    assert "study.toml" in str(fault.value)


@pytest.mark.parametrize("override", ["zone=UTC", "study.zone", "study.zne=UTC"])
def test_a_wrong_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(StudyFault):
        load_settings(_toml(tmp_path, ""), (override,))


def test_a_folder_without_study_toml_is_told_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(StudyFault, match=r"no study\.toml") as fault:
        load_settings(tmp_path / "study.toml")
    assert "sleeploop init" in fault.value.hint


def test_the_hash_follows_values_and_nothing_else(tmp_path: Path) -> None:
    one = load_settings(_toml(tmp_path, "[eeg]\nunits = {a = 'uV', b = 'mV'}\n"))
    two = load_settings(_toml(tmp_path, "# a comment\n[eeg]\nunits = {b = 'mV', a = 'uV'}\n"))
    three = load_settings(_toml(tmp_path, "[eeg]\nunits = {b = 'V', a = 'uV'}\n"))
    assert settings_hash(one) == settings_hash(two) != settings_hash(three)
