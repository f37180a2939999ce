"""How much memory the reading of one export may take, asked before anything is allocated.

The guard ends a process that swells; a reader that can tell from a header how much it is going to need says so first,
in words, at once, and on systems where the guard cannot watch.
"""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.errors import Fault, FileFault

DEFAULT_MEMORY_MB = 4096
"""Enough for a night of polysomnography with every channel asked for."""
OWN_MB = 512
"""What a run itself takes besides its workers: measured, 180 MB and for the scheduler's server 260 MB."""

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


def free_memory_mb(root: Path = Path("/")) -> float | None:
    """Memory that is free for new work, in MB: the machine's, or what a container leaves of it; None if nobody says.

    Where the system does not tell what is free (no /proc), it is all that the machine has.
    """
    told = [_available_mb(root / "proc/meminfo"), _left_mb(root / "sys/fs/cgroup")]
    known = [value for value in told if value is not None]
    if known:
        return min(known)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**2
    except (ValueError, OSError):
        return None


def workers_at_once(jobs: int, memory_mb: int, free_mb: float | None) -> int:
    """How many of `jobs` workers may run at once, so that each has the room that it is allowed; at least 1."""
    if free_mb is None:
        return jobs
    return max(1, min(jobs, int((free_mb - OWN_MB) // memory_mb)))


def _available_mb(meminfo: Path) -> float | None:
    try:
        rows = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines() if ":" in line)
        return int(rows["MemAvailable"].split()[0]) / 1024
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _left_mb(group: Path) -> float | None:
    """What the limit of a container leaves (cgroup v2, else v1), file caches counted as free; None without a limit."""
    for limit, used, stat, cache in (
        ("memory.max", "memory.current", "memory.stat", "inactive_file"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat", "total_inactive_file"),
    ):
        try:
            most, now = (int((group / name).read_text(encoding="ascii")) for name in (limit, used))
            rows = dict(line.split() for line in (group / stat).read_text(encoding="ascii").splitlines())
            return max(most - now + int(rows[cache]), 0) / 1024**2
        except (OSError, ValueError, KeyError):  # not there; or the word `max`
            continue
    return None
