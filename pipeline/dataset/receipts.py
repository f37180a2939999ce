"""What was done, from what, and whether it still stands: one small JSON file a unit of work.

A unit is up to date when every part of its key is what it was and every output still has the content that was
written. Otherwise the difference is the reason, in words, why it runs. "The file exists" is never a reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.dataset.store import read_json, sha256_of, write_json


@dataclass(frozen=True, slots=True)
class Receipt:
    """The key a unit was run with and the content hashes of what it wrote (paths relative to the study folder)."""

    key: Mapping[str, str]
    outputs: Mapping[str, str]


def read_receipt(path: Path) -> Receipt | None:
    """The receipt in `path`; None if there is none that can be read."""
    raw = read_json(path)
    try:
        return Receipt(dict(raw["key"]), dict(raw["outputs"]))
    except (TypeError, KeyError, ValueError):
        return None


def write_receipt(path: Path, study: Path, key: Mapping[str, str], outputs: list[Path]) -> None:
    """Record that the unit with `key` wrote `outputs`; written last, so that an interrupted unit has no receipt."""
    hashes = {out.relative_to(study).as_posix(): sha256_of(out) for out in outputs}
    write_json(path, {"key": dict(sorted(key.items())), "outputs": hashes})


def why_run(path: Path, study: Path, key: Mapping[str, str]) -> str | None:
    """Why a unit must run, in words; None if it is up to date."""
    receipt = read_receipt(path)
    if receipt is None:
        return "not done yet"
    if receipt.key != dict(key):
        return _difference(receipt.key, key)
    for name, content in receipt.outputs.items():
        out = study / name
        if not out.is_file():
            return f"its output {name} is missing"
        if sha256_of(out) != content:
            return f"its output {name} was altered"
    return None


def _difference(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    added = sorted(new.keys() - old.keys())
    gone = sorted(old.keys() - new.keys())
    changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    parts = [f"new: {', '.join(added)}"] if added else []
    parts += [f"gone: {', '.join(gone)}"] if gone else []
    parts += [f"changed: {', '.join(changed)}"] if changed else []
    return "; ".join(parts)


class ContentHashes:
    """sha256 of inbox files, remembered by size, inode and modification time: an unchanged gigabyte is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        raw = read_json(path)
        self._known: dict[str, list[object]] = raw if isinstance(raw, dict) else {}
        self._fresh: dict[str, list[object]] = {}

    def of(self, export: Path, name: str, companions: tuple[Path, ...] = ()) -> str:
        """The content hash of a file (with its companions) or of a folder's files, remembered under `name`."""
        stamp = ";".join(_stamp(part) for part in (export, *companions))
        seen = self._known.get(name)
        if isinstance(seen, list) and len(seen) == 2 and seen[0] == stamp:
            self._fresh[name] = seen
            return str(seen[1])
        content = sha256_of(export)
        if companions:
            parts = "".join(f"{part.name}\0{sha256_of(part)}\n" for part in companions)
            content = hashlib.sha256(f"{content}\n{parts}".encode(errors="surrogateescape")).hexdigest()
        self._fresh[name] = [stamp, content]
        return content

    def save(self) -> None:
        """Keep what was looked at since the start, and forget the rest."""
        if self._fresh != self._known:
            write_json(self._path, self._fresh)


def _stamp(export: Path) -> str:
    files = sorted(p for p in export.rglob("*") if p.is_file() and not p.is_symlink()) if export.is_dir() else [export]
    looks = [(p.stat(), p) for p in files]
    return ";".join(f"{p.name!a}:{s.st_size}:{s.st_mtime_ns}:{s.st_ino}" for s, p in looks)
