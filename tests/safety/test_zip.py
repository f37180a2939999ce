"""Zip and gzip of strangers: refused by name before anything is read, counted while it is, never on the disk."""

from __future__ import annotations

import gzip
import io
import shutil
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from handmade import SAMPLES

from pipeline.devices import archives, claimant
from pipeline.devices.archives import CountedStream, open_plain, open_zip
from pipeline.devices.delimited import content_of
from pipeline.errors import Fault, FileFault

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def zip_of(folder: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "session.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def patched(path: Path, mark: bytes, at: int, value: bytes) -> Path:
    """Overwrite a field of every header that begins with `mark`."""
    content = bytearray(path.read_bytes())
    place = content.find(mark)
    while place >= 0:
        content[place + at : place + at + len(value)] = value
        place = content.find(mark, place + 4)
    path.write_bytes(content)
    return path


def read_all(path: Path) -> None:
    with open_zip(path) as inside:
        for name in inside.names:
            inside.read(name)


def refusal(path: Path) -> FileFault:
    """What opening it and reading all of it ends with."""
    with pytest.raises(FileFault) as fault:
        read_all(path)
    assert fault.value.where == path.name
    return fault.value


@pytest.mark.parametrize(
    "name",
    ["../ACC.csv", "a/../../ACC.csv", "/etc/ACC.csv", "..\\ACC.csv", "\\\\host\\ACC.csv", "C:\\ACC.csv", "c:ACC.csv"],
)
def test_names_that_lead_outside(name: str, tmp_path: Path) -> None:
    fault = refusal(zip_of(tmp_path, ("EDA.csv", b"1"), (name, b"1")))
    assert fault.fault is Fault.HOSTILE
    assert "absolute or a parent path" in fault.known


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK])
def test_links_and_devices(kind: int, tmp_path: Path) -> None:
    info = zipfile.ZipInfo("ACC.csv")
    info.external_attr = (kind | 0o777) << 16
    assert refusal(zip_of(tmp_path, (info, b"/etc/passwd"))).fault is Fault.HOSTILE


def test_names_that_differ_in_case_only(tmp_path: Path) -> None:
    fault = refusal(zip_of(tmp_path, ("ACC.csv", b"1"), ("acc.CSV", b"2")))
    assert (fault.fault, fault.what) == (Fault.HOSTILE, "two members of the zip have one name")


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zip_of(tmp_path, *[(f"{k}.csv", b"") for k in range(11)])
    monkeypatch.setattr(archives, "MOST_MEMBERS", 10)
    assert "11 members" in refusal(path).what


def test_encrypted(tmp_path: Path) -> None:
    path = zip_of(tmp_path, ("ACC.csv", b"1"))
    patched(patched(path, CENTRAL, 8, b"\x01\x00"), LOCAL, 6, b"\x01\x00")
    assert "encrypted" in refusal(path).what


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_cannot_be_unpacked_in_pieces(method: int, tmp_path: Path) -> None:
    # A megabyte of bzip2 may unpack to 20 GB in a single step, before anything could be counted.
    assert "method" in refusal(zip_of(tmp_path, ("ACC.csv", b"1" * 1000), method=method)).what


@pytest.mark.parametrize("declared", [0, 10, 2**32 - 2])
def test_a_declared_size_is_not_believed(declared: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1024**2)
    path = zip_of(tmp_path, ("ACC.csv", bytes(8 * 1024**2)))
    fault = refusal(patched(path, CENTRAL, 24, struct.pack("<I", declared)))
    assert fault.fault is (Fault.TOO_LARGE if declared > 10 else Fault.CORRUPT)


def test_a_declared_packed_size_does_not_widen_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1024**2)
    path = zip_of(tmp_path, ("ACC.csv", bytes(16 * 1024**2)))
    assert path.stat().st_size * archives.MOST_RATIO < 16 * 1024**2
    patched(path, CENTRAL, 20, struct.pack("<I", 2**31))
    with open_zip(path) as inside, inside.open("ACC.csv") as stream, pytest.raises(FileFault) as fault:
        list(iter(lambda: stream.read(4096), b""))  # small pieces never meet the end of the file
    assert fault.value.fault is Fault.TOO_LARGE


def test_a_bomb_by_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1024**2)
    fault = refusal(zip_of(tmp_path, ("ACC.csv", bytes(16 * 1024**2))))
    assert fault.fault is Fault.TOO_LARGE
    assert "500 times" in fault.known


def test_bombs_by_size_of_one_and_of_all_members(tmp_path: Path) -> None:
    noise = bytes(range(256)) * 10
    path = zip_of(tmp_path, ("ACC.csv", noise), ("BVP.csv", noise))
    with open_zip(path) as inside, pytest.raises(FileFault, match="unpacks to more"):
        inside.read("ACC.csv", most=len(noise) - 1)
    with open_zip(path) as inside:
        inside.left = 2 * len(noise) - 1
        assert inside.read("ACC.csv") == noise
        with pytest.raises(FileFault, match="unpacks to more"):
            inside.read("BVP.csv")


def test_no_more_than_the_bound_and_one_byte_is_ever_unpacked() -> None:
    asked: list[int] = []

    class Source(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(-1 if size is None else size)
            return super().read(size)

    stream = CountedStream(Source(bytes(10_000)), Path("x.zip"), "ACC.csv", 1000, 10**9)
    with pytest.raises(FileFault):
        stream.read(10**9)
    assert asked == [1001]


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    session = SAMPLES["empatica_e4"].write(tmp_path)
    packed = shutil.make_archive(str(tmp_path / "inner"), "zip", session)
    assert claimant(Path(packed)).name == "empatica_e4"
    with pytest.raises(FileFault) as fault:
        claimant(zip_of(tmp_path, ("inner.zip", Path(packed).read_bytes())))
    assert fault.value.fault is Fault.UNKNOWN_FORMAT


def test_gzip_bombs_of_one_and_of_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "FREE_BYTES", 1024**2)
    path = tmp_path / "table.csv.gz"
    for bomb in (gzip.compress(bytes(16 * 1024**2)), gzip.compress(bytes(600 * 1024)) * 16):
        path.write_bytes(bomb)
        with pytest.raises(FileFault) as fault:
            content_of(path)
        assert fault.value.fault is Fault.TOO_LARGE


def test_a_damaged_gzip_is_told(tmp_path: Path) -> None:
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"1,2\n" * 5000)[:-20])
    with open_plain(path) as stream, pytest.raises(FileFault) as fault:
        stream.read()
    assert fault.value.fault is Fault.CORRUPT


def test_nothing_is_written_to_the_disk(tmp_path: Path, root: Path) -> None:
    session = SAMPLES["empatica_e4"].write(tmp_path)
    path = Path(shutil.make_archive(str(tmp_path / "inner"), "zip", session))
    code = f"""
import os, sys
from pathlib import Path
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
read = lambda: read_export(Path({str(path)!r}), Asked(zone="Europe/Rome"))
read()  # whatever is imported or cached is by now
said = []
def hook(event, arguments):
    if event == "open" and (set(str(arguments[1])) & set("wax+") or int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)):
        said.append(arguments)
    elif event in ("os.mkdir", "os.symlink", "os.link", "os.rename", "os.truncate", "subprocess.Popen"):
        said.append((event, arguments))
sys.addaudithook(hook)
assert len(read()[1].signals) == 5
print(said)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
