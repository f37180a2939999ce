"""How much memory the reading of one export may take, asked before anything is allocated.

The guard ends a process that swells; a reader that can tell from a header how much it is going to need says so first,
in words, at once, and on systems where the guard cannot watch.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import Fault, FileFault

DEFAULT_MEMORY_MB = 4096
"""Enough for a night of polysomnography with every channel asked for."""

_allowed_mb = DEFAULT_MEMORY_MB


def allow(memory_mb: int) -> None:
    """Set what this process may take (`--memory`)."""
    global _allowed_mb  # noqa: PLW0603  a property of the process, like its resource limits
    _allowed_mb = memory_mb


def need_room(path: Path, n_bytes: float) -> None:
    """Go on if an export can be read within what is allowed.

    Raises
    ------
    FileFault
        TOO_LARGE with the estimate otherwise.
    """
    need_mb = n_bytes / 1024**2
    if not need_mb <= _allowed_mb:
        raise FileFault(
            Fault.TOO_LARGE,
            f"reading it would take {need_mb:.0f} MB of memory, more than the {_allowed_mb} MB that are allowed",
            where=path.name,
            known="nothing of it was read; the estimate follows from what the file says of its own size",
            hint="allow more with --memory, ask for fewer channels, or export it in parts",
        )
