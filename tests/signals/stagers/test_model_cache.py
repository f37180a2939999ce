"""The trained trees: read without unpickling, only if known, kept whole or not at all, and never needed."""

from __future__ import annotations

import hashlib
import pickle
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from boosted_trees import TEXT, packed

from pipeline.signals.stagers import STAGERS, model_cache
from pipeline.signals.stagers.model_cache import INSTALL, cache_folder, model_text, trained_trees
from pipeline.signals.stagers.stager import StagerNotInstalled

ROWS = np.array([[1.0, -0.5], [1.5, 2.5]])


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A known model, and a cache of its own."""
    path = tmp_path / "model.joblib"
    path.write_bytes(packed())
    monkeypatch.setattr(model_cache, "model_file", lambda: path)
    monkeypatch.setattr(model_cache, "KNOWN", {hashlib.sha256(packed()).hexdigest(): ("A", "B")})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    trained_trees.cache_clear()
    yield path
    trained_trees.cache_clear()


def kept() -> list[Path]:
    folder = cache_folder()
    assert folder is not None
    return sorted(folder.iterdir())


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('the pickle was obeyed')",)


def test_the_text_is_found_without_obeying_the_pickle() -> None:
    with pytest.raises(SystemExit):
        pickle.loads(zlib.decompress(packed(_Evil())))  # noqa: S301  it is ours
    assert model_text(packed(_Evil())) == TEXT


def test_no_model_two_models_and_a_bomb_are_refused() -> None:
    with pytest.raises(ValueError, match="holds 0 models"):
        model_text(zlib.compress(pickle.dumps("nothing")))
    with pytest.raises(ValueError, match="holds 2 models"):
        model_text(packed(TEXT + " "))
    with pytest.raises(ValueError, match="larger"):
        model_text(zlib.compress(bytes(1 << 27)))


def test_the_second_time_the_trees_come_from_the_cache(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forest, names, classes = trained_trees()
    assert (names, classes) == (("slow", "fast"), ("A", "B"))
    assert len(kept()) == 1
    trained_trees.cache_clear()
    monkeypatch.setattr(model_cache, "read_lightgbm", None)
    again, names_again, _ = trained_trees()
    assert names_again == names
    assert np.array_equal(again.scores(ROWS), forest.scores(ROWS))
    assert again.scores(ROWS).tolist() == [[10.25, 16.0], [29.75, 16.0]]


@pytest.mark.parametrize("damage", [slice(300), slice(0), slice(None, None, 2)])
def test_a_damaged_cache_is_made_again(model: Path, damage: slice) -> None:
    trained_trees()
    whole = kept()[0].read_bytes()
    kept()[0].write_bytes(whole[damage])
    trained_trees.cache_clear()
    assert trained_trees()[0].scores(ROWS).tolist() == [[10.25, 16.0], [29.75, 16.0]]
    trained_trees.cache_clear()
    assert model_cache._read(kept()[0]) is not None
    assert len(kept()) == 1


def test_a_flipped_byte_of_the_cache_does_not_go_unseen(model: Path) -> None:
    trained_trees()
    whole = bytearray(kept()[0].read_bytes())
    at = whole.index(b"value.npy") + 60
    whole[at] ^= 0xFF
    kept()[0].write_bytes(whole)
    trained_trees.cache_clear()
    assert trained_trees()[0].scores(ROWS).tolist() == [[10.25, 16.0], [29.75, 16.0]]


def test_another_converter_does_not_read_what_this_one_kept(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_trees()
    trained_trees.cache_clear()
    monkeypatch.setattr(model_cache, "_converter", lambda: "0" * 12)
    trained_trees()
    assert len(kept()) == 2


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = model.parent / "a_file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    assert trained_trees()[0].scores(ROWS)[0, 0] == 10.25


def test_a_write_that_fails_leaves_nothing_behind(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    assert trained_trees()[0].scores(ROWS)[0, 0] == 10.25
    assert kept() == []


def test_a_model_that_is_not_known_is_not_read(model: Path) -> None:
    model.write_bytes(packed(1))
    with pytest.raises(StagerNotInstalled, match="not a model that is known"):
        trained_trees()


def test_without_the_extra_the_answer_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cache, "find_spec", lambda _: None)
    trained_trees.cache_clear()
    (stager,) = STAGERS
    said = stager.missing()
    assert said is not None
    assert INSTALL in said
    with pytest.raises(StagerNotInstalled, match="sleeploop\\[staging\\]"):
        trained_trees()


def test_the_cache_is_where_the_platform_wants_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "c"))
    assert cache_folder() == tmp_path / "c" / "sleeploop"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder() == tmp_path / ".cache" / "sleeploop"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "sleeploop"


def test_loading_imports_neither_yasa_nor_what_it_needs(root: Path) -> None:
    code = (
        "import sys\nfrom pipeline.signals.stagers import STAGERS\n"
        "from pipeline.signals.stagers.stager import StagerNotInstalled\n"
        "try:\n    STAGERS[0].prepare()\nexcept StagerNotInstalled:\n    pass\n"
        "print([m for m in ('yasa', 'lightgbm', 'sklearn', 'joblib', 'scipy', 'pandas', 'mne') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
