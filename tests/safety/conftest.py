"""What several of these tests look at."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def nodes(root: Path) -> dict[str, tuple[ast.AST, ...]]:
    """Every node of every module of ours that can hold a call or an import, by the module's path."""
    found = sorted(path for folder in ("pipeline", "flows") for path in (root / folder).rglob("*.py"))
    kept = (ast.Attribute, ast.Call, ast.Import, ast.ImportFrom)
    return {
        path.relative_to(root).as_posix(): tuple(
            node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, kept)
        )
        for path in found
    }
