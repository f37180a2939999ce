"""One process at a time changes a study."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.errors import Fault, StorageFault, StudyFault


@contextmanager
def held_alone(folder: Path) -> Iterator[None]:
    """Hold the study in `folder` for the block; the lock ends with the process, however it ends.

    Raises
    ------
    StudyFault
        BUSY if another process holds it.
    StorageFault
        If the folder cannot be written.
    """
    path = folder / ".sleeploop" / "lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as bad:
        raise StorageFault(
            Fault.STORAGE,
            f"the study folder cannot be written: {bad.strerror or bad}",
            where=str(folder),
            hint="check the folder's owner and mode, or copy the study to where you may write",
        ) from bad
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as bad:
        os.close(handle)
        raise StudyFault(
            Fault.BUSY, "another run holds this study", where=str(folder), hint="wait until it has ended"
        ) from bad
    try:
        yield
    finally:
        os.close(handle)
