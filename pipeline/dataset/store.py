"""The only writer: Parquet with its dictionary and provenance, and small JSON files; whole or not at all.

Every file is written beside its place, flushed to the disk and renamed over it. If anything fails on the way the
temporary file is removed and the old file stands as it was.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from pipeline.dataset.table import Table, dictionary
from pipeline.errors import Fault, StorageFault

DICTIONARY_KEY = "sleeploop.dictionary"
PROVENANCE_KEY = "sleeploop.provenance"


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file was made from; stands in the metadata of every Parquet file."""

    version: str
    """Version of sleeploop."""
    code: str
    """Hash of the source of every step that led here."""
    settings: str
    """Hash of the settings that can change the result."""
    inputs: Mapping[str, str]
    """sha256 of each export, by its path below inbox/."""


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose content replaces `path` when the block ends, and leaves no trace when it fails.

    Raises
    ------
    StorageFault
        When the disk is full, read-only or not permitted; names the file and what to try.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644 & ~_umask())
        temporary.replace(path)
    except OSError as bad:
        raise _storage_fault(path, bad) from bad
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _umask() -> int:
    # Reading the mask means setting it; done once, at import, before any thread exists.
    return _UMASK


_UMASK = os.umask(0o022)
os.umask(_UMASK)


def _storage_fault(path: Path, bad: OSError) -> StorageFault:
    hints = {
        errno.ENOSPC: ("the disk is full", "free some space and run again: finished parts are kept"),
        errno.EDQUOT: ("the disk quota is used up", "free some space and run again: finished parts are kept"),
        errno.EACCES: (
            "no permission to write here",
            "check the folder's owner and mode, or choose another folder",
        ),
        errno.EPERM: (
            "no permission to write here",
            "check the folder's owner and mode, or choose another folder",
        ),
        errno.EROFS: ("the file system is read-only", "choose a folder that can be written"),
    }
    what, hint = hints.get(bad.errno or 0, (f"could not write: {bad.strerror or bad}", "run again when it is mended"))
    return StorageFault(Fault.STORAGE, what, where=str(path), known="nothing half-written is left", hint=hint)


def write_table(path: Path, table: Table, frame: pl.DataFrame, provenance: Provenance) -> None:
    """Write a checked table as Parquet, with its dictionary and provenance in the file's metadata."""
    checked = table.check(frame)
    metadata = {
        DICTIONARY_KEY: json.dumps(dictionary((table,)).to_dicts(), ensure_ascii=False),
        PROVENANCE_KEY: json.dumps({"table": table.name, **asdict(provenance)}, ensure_ascii=False, sort_keys=True),
    }
    with _as_storage_fault(path), atomic(path) as stream:
        checked.write_parquet(stream, compression="zstd", compression_level=3, metadata=metadata)


@contextlib.contextmanager
def _as_storage_fault(path: Path) -> Iterator[None]:
    """Polars tells a full disk as an error of its own, with the system's words inside; say it in ours."""
    try:
        yield
    except pl.exceptions.ComputeError as bad:
        number = errno.ENOSPC if os.strerror(errno.ENOSPC) in str(bad) else 0
        raise _storage_fault(path, OSError(number, str(bad))) from bad


def read_table(path: Path, table: Table) -> pl.DataFrame:
    """A stored table, checked again: a file written by another version may hold other columns."""
    return table.check(pl.read_parquet(path))


def read_tables(folder: Path, table: Table) -> pl.DataFrame:
    """All parts of a table (`folder/<table>/*.parquet`), in the order of their names; empty if there are none."""
    parts = sorted((folder / table.name).glob("*.parquet"))
    return pl.concat([read_table(part, table) for part in parts]) if parts else table.empty()


def write_cache(path: Path, frame: pl.DataFrame) -> None:
    """Keep a frame of our own making, whole or not at all; it is no table of the dataset."""
    with _as_storage_fault(path), atomic(path) as stream:
        frame.write_parquet(stream, compression="zstd", compression_level=1)


def read_cache(path: Path) -> pl.DataFrame | None:
    """The frame that was kept; None if it was not."""
    return pl.read_parquet(path) if path.is_file() else None


def read_provenance(path: Path) -> dict[str, Any]:
    """What a Parquet file of ours was made from."""
    found: dict[str, Any] = json.loads(pl.read_parquet_metadata(path)[PROVENANCE_KEY])
    return found


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with atomic(path) as stream:
        stream.write(content)


def write_json(path: Path, content: object) -> None:
    """Write JSON (UTF-8, keys in the given order, a newline at the end) whole or not at all."""
    write_bytes(path, (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """The content of a JSON file; None if it does not exist or is not JSON (then it counts as absent)."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return None


def sha256_of(path: Path) -> str:
    """The sha256 of a file, or of a folder's files (names and contents, in name order)."""
    if path.is_dir():
        whole = hashlib.sha256()
        for part in sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink()):
            whole.update(f"{part.relative_to(path).as_posix()}\0{sha256_of(part)}\n".encode(errors="surrogateescape"))
        return whole.hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
