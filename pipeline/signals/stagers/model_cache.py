"""YASA's trained trees, read out of the installed package once and kept as plain arrays in the user's cache.

The package holds the model as a pickle, and a pickle can run what it likes: this one is never unpickled. Its digest
must be one that is known here, and of its parts only the model's text is taken, by walking over the pickle's words
without obeying them. Neither YASA nor LightGBM is imported.
"""

from __future__ import annotations

import hashlib
import os
import pickletools
import sys
import tempfile
import zipfile
import zlib
from dataclasses import fields
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from pipeline.signals.stagers.lightgbm_text import read_lightgbm
from pipeline.signals.stagers.stager import StagerNotInstalled
from pipeline.signals.stagers.trees import Forest

FILE = "clf_eeg_lgb_0.5.0.joblib"
KNOWN = {"330c1afdc86396e0b6d9f1294d4c4796beb5f7e7cd38be424c10feae98867e31": ("N1", "N2", "N3", "R", "W")}
"""SHA-256 of the files that may be read, and the order of the model's classes; this one is in YASA 0.8.1."""
INSTALL = "pip install 'sleeploop[staging]'"
_LARGEST = 1 << 26
"""The text is 7 MB; more than 64 MB would be no model that is known."""


def model_file() -> Path | None:
    """Where the installed YASA keeps its model; None if YASA is not installed or has no such model."""
    spec = find_spec("yasa")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "classifiers" / FILE
        if path.is_file():
            return path
    return None


def why_missing() -> str | None:
    """Why there is no model to load; None if there is a file to read it from."""
    return None if model_file() else f"YASA's model is not installed: {INSTALL}"


def cache_folder() -> Path | None:
    """The folder for what can be made again: XDG_CACHE_HOME if it is absolute, else the platform's own.

    None for a user without a home.
    """
    asked = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(asked):  # what is not is to be ignored, says the XDG specification  # noqa: PTH117
        return Path(asked) / "sleeploop"
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "sleeploop"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "sleeploop" / "Cache"
    return home / ".cache" / "sleeploop"


@lru_cache(maxsize=1)
def trained_trees() -> tuple[Forest, tuple[str, ...], tuple[str, ...]]:
    """The trees, the names of their 65 features, and the classes that they tell apart, each in the model's order.

    Raises
    ------
    StagerNotInstalled
        If there is no model, or not one that is known here.
    """
    source = model_file()
    if source is None:
        raise StagerNotInstalled(why_missing())
    packed = source.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest not in KNOWN:
        raise StagerNotInstalled(f"{source.name} of the installed YASA is not a model that is known: {INSTALL}")
    folder = cache_folder()
    cached = folder / f"stager-{digest[:16]}-{_converter()}.npz" if folder else None
    found = _read(cached) if cached else None
    if found is None:
        found = read_lightgbm(model_text(packed))
        if cached:
            _keep(cached, *found)
    return (*found, KNOWN[digest])


@lru_cache(maxsize=1)
def _converter() -> str:
    """Digest of the source that turns the model into arrays, so that what an older one wrote is not read."""
    here = Path(__file__).parent
    return hashlib.sha256(b"".join((here / f"{name}.py").read_bytes() for name in _CONVERTERS)).hexdigest()[:12]


_CONVERTERS = ("model_cache", "lightgbm_text", "trees")


def model_text(packed: bytes) -> str:
    """The LightGBM model inside a compressed pickle, found without unpickling it.

    Raises
    ------
    ValueError
        If there is not exactly one.
    """
    unpacker = zlib.decompressobj()
    pickled = unpacker.decompress(packed, _LARGEST)
    if unpacker.unconsumed_tail:
        raise ValueError("the packed model is larger than any that is known")
    texts = [word for _, word, _ in pickletools.genops(pickled) if isinstance(word, str) and word.startswith("tree\n")]
    if len(texts) != 1:
        raise ValueError(f"the file holds {len(texts)} models, not one")
    return texts[0]


def _read(path: Path) -> tuple[Forest, tuple[str, ...]] | None:
    """What was kept; None if it is not there or damaged (the zip's checksums tell): it is made again then."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {field.name: kept[field.name] for field in fields(Forest)}
            arrays |= {name: int(arrays[name]) for name in ("n_features", "n_classes", "depth")}
            names = tuple(str(name) for name in kept["names"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    return Forest(**arrays), names


def _keep(path: Path, forest: Forest, names: tuple[str, ...]) -> None:
    """Write to a neighbouring file, then rename. A cache that cannot be written costs 0.5 s each time, no result."""
    arrays = {field.name: getattr(forest, field.name) for field in fields(Forest)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    except OSError:
        return
    try:
        with os.fdopen(handle, "wb") as out:
            np.savez_compressed(out, names=np.array(names), **arrays)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
