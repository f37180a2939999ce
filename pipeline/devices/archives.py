"""Zip and gzip of strangers: members are read in pieces, counted as they come out, and never written to disk.

What a zip says of itself is not believed: sizes are counted, not read from the directory; names are data, not paths.
Checked before anything is read (ASVS 5.2): absolute and parent paths, drives, links and devices, names that differ only
in case, encrypted members, too many members.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from pipeline.errors import Fault, FileFault

ZIP_MARK = b"PK\x03\x04"
GZIP_MARK = b"\x1f\x8b"
MOST_MEMBERS = 20_000
"""A year of a wristband in 15-minute files is 35,000, but each day is an export of its own."""
MOST_BYTES = 2 * 1024**3
"""No member that is read whole is longer; longer ones are streamed by readers that need no more memory for that."""
MOST_STREAMED = 64 * 1024**3
METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
"""What zips of device exports use. Others (bzip2, LZMA) cannot be unpacked in pieces of a bounded size."""
FREE_BYTES = 64 * 1024**2
MOST_RATIO = 500
"""A member that unpacks beyond 500 times its size is a trap, once it is larger than any stream whose rows are all
alike (an unworn sensor writes the same number all day, which packs 1000 times)."""
_PIECE = 1 << 16
"""Bytes that come out at once: longer ones get memory of their own from the system each time, which costs more."""


@dataclass(slots=True)
class Zip:
    """An open zip whose names were checked. `names` are full member paths with forward slashes, folders left out."""

    path: Path
    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]
    left: int = MOST_BYTES
    """How many bytes may still be read whole, all members together."""

    @property
    def names(self) -> tuple[str, ...]:
        """Member paths, sorted."""
        return tuple(sorted(self.members))

    def find(self, base: str) -> str | None:
        """The path of the one member with this base name; None if there is none.

        Raises
        ------
        FileFault
            AMBIGUOUS_FORMAT if several folders of the zip hold it.
        """
        found = [name for name in self.names if name.rsplit("/", 1)[-1] == base]
        if len(found) > 1:
            hint = "make one zip or folder for each session"
            raise FileFault(Fault.AMBIGUOUS_FORMAT, f"the zip holds {base} twice", where=self.path.name, hint=hint)
        return found[0] if found else None

    def read(self, name: str, most: int = MOST_BYTES) -> bytes:
        """The whole content of a member, of at most `most` bytes, and of what is left for all members together."""
        out = io.BytesIO()
        with self.open(name, min(most, self.left)) as stream:
            while piece := stream.read(_PIECE):
                out.write(piece)
        self.left -= out.tell()
        return out.getvalue()

    def open(self, name: str, most: int = MOST_STREAMED) -> CountedStream:
        """A member as a stream that raises TOO_LARGE beyond `most` bytes or `MOST_RATIO` times its packed size."""
        info = self.members[name]
        try:
            member = self.archive.open(info)
        except _DAMAGE as bad:
            raise _damaged(self.path, name, bad) from bad
        # The directory may claim any packed size; what is not in the file was not packed.
        packed = min(info.compress_size, self.path.stat().st_size)
        return CountedStream(member, self.path, name, most, MOST_RATIO * max(packed, 1))


_DAMAGE = (zlib.error, zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError, RuntimeError)


class CountedStream(io.RawIOBase):
    """A binary stream that counts what comes out and stops a bomb."""

    def __init__(self, source: IO[bytes], path: Path, name: str, most: int, most_for_its_size: int) -> None:
        self._source, self._path, self._name = source, path, name
        self._most = min(most, max(most_for_its_size, FREE_BYTES))
        self._count = 0

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: object) -> int:
        """Fill a buffer, or a piece of it: what is read on the way is a copy; the bytes that came."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        piece = self.read(min(len(view), _PIECE))
        view[: len(piece)] = piece
        return len(piece)

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes (all that are left if negative, up to the bound).

        Raises
        ------
        FileFault
            TOO_LARGE beyond the bound; CORRUPT if the packed data are damaged.
        """
        left = self._most - self._count + 1  # one more than allowed is enough to know
        try:
            piece = self._source.read(left if size < 0 else min(size, left))
        except _DAMAGE as bad:
            raise _damaged(self._path, self._name, bad) from bad
        self._count += len(piece)
        if self._count > self._most:
            raise FileFault(
                Fault.TOO_LARGE,
                f"{self._name or 'it'} unpacks to more than {self._most // 1024**2} MB",
                where=self._path.name,
                known=f"no such export does; the bound is {MOST_RATIO} times the packed size",
                hint="if it is genuine, unpack it yourself and put in the file",
            )
        return piece

    def close(self) -> None:
        """Close the source too."""
        if not self.closed:
            self._source.close()
        super().close()


def _damaged(path: Path, name: str, bad: Exception) -> FileFault:
    what = f"{name} is damaged inside the archive" if name else "the packed data are damaged"
    hint = "copy it again; it was probably cut short"
    return FileFault(Fault.CORRUPT, what, where=path.name, known=type(bad).__name__, hint=hint)


@contextmanager
def open_zip(path: Path) -> Iterator[Zip]:
    """An archive whose directory was checked; closed at the end.

    Raises
    ------
    FileFault
        CORRUPT if it cannot be opened; HOSTILE for names that point outside, links, encryption, or too many members.
    """
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as bad:
        raise FileFault(
            Fault.CORRUPT,
            "the zip archive cannot be opened",
            where=path.name,
            known=str(bad),
            hint="it was probably cut short while copying: copy it again",
        ) from bad
    with archive:
        yield Zip(path, archive, _checked(path, archive))


def names_in_zip(path: Path) -> frozenset[str]:
    """Base names of the members of a zip, folders left out."""
    with open_zip(path) as inside:
        return frozenset(name.rsplit("/", 1)[-1] for name in inside.members)


def _checked(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    infos = archive.infolist()
    if len(infos) > MOST_MEMBERS:
        raise _hostile(path, f"the zip has {len(infos)} members", f"at most {MOST_MEMBERS} are read")
    found: dict[str, zipfile.ZipInfo] = {}
    folded: set[str] = set()
    for info in infos:
        name = info.filename.replace("\\", "/")
        if name.startswith("/") or ".." in name.split("/") or re.match(r"[A-Za-z]:", name) or "\0" in name:
            raise _hostile(path, "the zip points outside itself", "a member has an absolute or a parent path")
        mode = info.external_attr >> 16
        if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise _hostile(path, "the zip holds a link or a device", "only plain files are read")
        if name.endswith("/"):
            continue
        if info.flag_bits & 1:
            what, hint = "the zip is encrypted", "unpack it, and put in what is inside"
            raise FileFault(Fault.CORRUPT, what, where=path.name, hint=hint)
        if info.compress_type not in METHODS:
            what, hint = "the zip is packed by a method that is not read", "unpack it, and put in what is inside"
            known = f"method {info.compress_type}; stored and deflated members are read"
            raise FileFault(Fault.CORRUPT, what, where=path.name, known=known, hint=hint)
        if name.casefold() in folded:
            raise _hostile(path, "two members of the zip have one name", "names may not differ in case only")
        folded.add(name.casefold())
        if not name.startswith("__MACOSX/"):
            found[name] = info
    return found


def _hostile(path: Path, what: str, known: str) -> FileFault:
    return FileFault(
        Fault.HOSTILE, what, where=path.name, known=known, hint="pack the export again; nothing of it was unpacked"
    )


@contextmanager
def open_plain(path: Path, most: int = MOST_STREAMED) -> Iterator[IO[bytes]]:
    """A file as a binary stream; one that is gzipped is unpacked on the way, counted like a member of a zip."""
    with path.open("rb") as raw:
        mark = raw.read(2)
        raw.seek(0)
        if mark != GZIP_MARK:
            yield raw
            return
        with gzip.GzipFile(fileobj=raw) as packed:
            size = path.stat().st_size
            counted = CountedStream(cast("IO[bytes]", packed), path, "", most, MOST_RATIO * max(size, 1))
            yield io.BufferedReader(counted)
