"""The list of readers: one is loaded when it is first asked, and a mark of its own lets one be asked first."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from handmade.actigraph_gt3x import record, still, write_log
from handmade.axivity_cwa import block, head

from pipeline.devices import READERS, claimant, listed
from pipeline.devices.listed import Listed
from pipeline.devices.reader import glimpse
from pipeline.errors import Fault, FileFault

LOADED = """
import sys
from pathlib import Path
from pipeline.devices import READERS, claimant
names = READERS.names
print(claimant(Path(sys.argv[1])).name)
print(*[name for name in names if f"pipeline.devices.{name}" in sys.modules])
"""


def first_of(path: Path) -> str | None:
    assert isinstance(READERS, Listed)
    reader = READERS.foremost(glimpse(path))
    return None if reader is None else reader.name


def zip_of(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return path


def cwa(path: Path) -> Path:
    path.write_bytes(head() + block(0, 0, bytes(480)))
    return path


def test_the_list_is_a_sequence_of_readers() -> None:
    assert len(READERS) == len(list(READERS))
    assert READERS[0] is next(iter(READERS))
    assert READERS[1:3] == (READERS[1], READERS[2])
    assert READERS[-1].name == "zmax"


@pytest.mark.parametrize("kind", ["axivity_cwa", "actigraph_gt3x"])
def test_no_other_reader_is_loaded_for_a_file_of_raw_samples(tmp_path: Path, root: Path, kind: str) -> None:
    path = cwa(tmp_path / "watch") if kind == "axivity_cwa" else write_log(tmp_path, record(0x1A, 0, still()))
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(path)], capture_output=True, text=True, cwd=root, check=True
    )
    assert done.stdout.split() == [kind, kind]


def test_marks_of_one_format_only(tmp_path: Path) -> None:
    assert first_of(cwa(tmp_path / "a")) == "axivity_cwa"
    assert first_of(write_log(tmp_path, record(0x1A, 0, still()))) == "actigraph_gt3x"
    assert first_of(zip_of(tmp_path / "b", "info.txt", "log.bin", "epoch.bin", "calibration.json")) == "actigraph_gt3x"
    assert first_of(zip_of(tmp_path / "c", "info.txt", "log.bin", "EDA.csv")) is None  # whose it is, all are asked
    assert first_of(zip_of(tmp_path / "d", "info.txt")) is None
    assert first_of(zip_of(tmp_path / "e", "EDA.csv")) is None
    (tmp_path / "f").write_text("MD, 1\n800\n")
    assert first_of(tmp_path / "f") is None


def test_whom_a_mark_names_may_decline(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"MD\xfc\x03" + bytes(3000))
    assert first_of(tmp_path / "a") == "axivity_cwa"
    with pytest.raises(FileFault) as fault:
        claimant(tmp_path / "a")
    assert fault.value.fault is Fault.UNKNOWN_FORMAT


def test_marks_name_readers_of_the_list() -> None:
    assert set(listed._HEADS.values()) <= {reader.name for reader in READERS}
    assert all(len(mark) == 4 for mark in listed._HEADS)
