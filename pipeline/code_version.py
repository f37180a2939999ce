"""Which code a result came from: a hash of the source that a step can reach, so that it follows the code by itself."""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_NUMERIC = ("numpy", "scipy", "polars", "tzdata", "mne", "python-calamine", "h5py", "fastavro", "fitdecode", "yasa")
"""What changes a result without a line of ours; those of extras count where they are installed."""


@lru_cache(maxsize=1)
def _imports() -> dict[str, frozenset[str]]:
    """Our modules and, of each, our modules that it imports anywhere in its text."""
    files = {_module(path): path for path in sorted((_ROOT / "pipeline").rglob("*.py"))}
    out: dict[str, frozenset[str]] = {}
    for name, path in files.items():
        found: set[str] = set()
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        out[name] = frozenset(f for f in found if f in files) - {name}
    return out


def _module(path: Path) -> str:
    parts = path.relative_to(_ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _reach(start: tuple[str, ...]) -> list[str]:
    table, seen, todo = _imports(), set[str](), list(start)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += table[name]
    return sorted(seen)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


@lru_cache(maxsize=32)
def code_version(*modules: str) -> str:
    """16 hex digits that change when the source reachable from `modules`, their data tables, or the numerics change.

    Reachable: our modules, followed through their imports; `.csv`, `.html` and `.css` files beside them; the
    versions of the libraries that compute, read formats and know zones.
    """
    digest = hashlib.sha256()
    folders: set[Path] = set()
    for name in _reach(modules):
        path = _ROOT.joinpath(*name.split("."))
        # A folder of data tables may bear a module's name (scores/norms beside scores/norms.py).
        path = path / "__init__.py" if (path / "__init__.py").is_file() else path.with_suffix(".py")
        digest.update(f"{name}\0".encode() + path.read_bytes())
        folders.add(path.parent)
    for folder in sorted(folders - {_ROOT / "pipeline"}):
        for data in sorted(p for p in folder.rglob("*") if p.suffix in {".csv", ".html", ".css"}):
            digest.update(data.relative_to(_ROOT).as_posix().encode() + data.read_bytes())
    digest.update(";".join(f"{name}={_version(name)}" for name in _NUMERIC).encode())
    return digest.hexdigest()[:16]
