"""The door out: whole files or none, with dictionary and provenance inside; receipts that tell why."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import polars as pl
import pytest

from pipeline.dataset import store
from pipeline.dataset.receipts import ContentHashes, read_receipt, why_run, write_receipt
from pipeline.dataset.store import Provenance, atomic, read_provenance, read_table, sha256_of, write_table
from pipeline.dataset.table import Column, Table, dictionary
from pipeline.errors import StorageFault, TableFault

TABLE = Table(
    "toys",
    "toy",
    ("name",),
    (
        Column("name", pl.String, "", "its name", nullable=False),
        Column("weight_kg", pl.Float64, "kg", "its weight", low=0.0, high=10.0),
    ),
)
PROVENANCE = Provenance("0.0", "c0de", "5e77", {"a/b.txt": "ff"})


def _frame(names: list[str], weights: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame({"name": names, "weight_kg": weights}, schema=TABLE.schema)


@pytest.mark.parametrize(
    ("frame", "says"),
    [
        (_frame(["a", "a"], [1.0, 2.0]), "more than one row for {'name': 'a'}"),
        (_frame(["a"], [-1.0]), "below 0.0, the first -1.0"),
        (_frame(["a"], [11.0]), "above 10.0, the first 11.0"),
        (_frame(["a"], [float("nan")]), "not finite; missing is null"),
        (_frame(["a"], [1.0]).drop("weight_kg"), "missing columns ['weight_kg']"),
        (_frame(["a"], [1.0]).with_columns(x=1), "undeclared ['x']"),
        (_frame(["a"], [1.0]).cast({"weight_kg": pl.Float32}), "is Float32, declared Float64"),
        (pl.DataFrame({"name": [None], "weight_kg": [1.0]}, schema=TABLE.schema), "nulls and may have none"),
    ],
)
def test_a_frame_that_breaks_its_declaration_is_refused_by_name(frame: pl.DataFrame, says: str) -> None:
    with pytest.raises(TableFault) as fault:
        TABLE.check(frame)
    assert says in str(fault.value)


def test_rows_must_name_every_column_and_no_other() -> None:
    with pytest.raises(TableFault, match="row 1"):
        TABLE.frame([{"name": "a", "weight_kg": 1.0}, {"name": "b", "wieght_kg": 1.0}])


def test_a_table_comes_back_as_it_went_with_dictionary_and_provenance(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "toys.parquet"
    write_table(path, TABLE, _frame(["a", "b"], [1.0, None]), PROVENANCE)
    assert read_table(path, TABLE).equals(_frame(["a", "b"], [1.0, None]))
    assert read_provenance(path) == {
        "table": "toys", "version": "0.0", "code": "c0de", "settings": "5e77", "inputs": {"a/b.txt": "ff"},
    }  # fmt: skip
    words = json.loads(pl.read_parquet_metadata(path)[store.DICTIONARY_KEY])
    assert words == dictionary((TABLE,)).to_dicts()
    assert [p.name for p in path.parent.iterdir()] == ["toys.parquet"]


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_table(tmp_path / name, TABLE, _frame(["a"], [1.0]), PROVENANCE)
    assert sha256_of(tmp_path / "one") == sha256_of(tmp_path / "two")


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "toys.parquet"
    write_table(path, TABLE, _frame(["a"], [1.0]), PROVENANCE)
    before = sha256_of(path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFault, match="the disk is full"):
        write_table(path, TABLE, _frame(["b"], [2.0]), PROVENANCE)
    assert sha256_of(path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["toys.parquet"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_really_full_is_told_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = os.fdopen

    def onto_full(handle: int, mode: str) -> object:
        os.close(handle)
        return real(os.open("/dev/full", os.O_WRONLY), mode)

    monkeypatch.setattr(os, "fdopen", onto_full)
    with pytest.raises(StorageFault, match="the disk is full"):
        write_table(tmp_path / "toys.parquet", TABLE, _frame(["a"], [1.0]), PROVENANCE)
    assert list(tmp_path.iterdir()) == []


def test_an_exception_inside_leaves_no_trace(tmp_path: Path) -> None:
    def half() -> None:
        with atomic(tmp_path / "x") as stream:
            stream.write(b"half")
            raise KeyError("ours")

    with pytest.raises(KeyError):
        half()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFault):
        store.write_bytes(tmp_path / "file" / "below", b"x")


def test_a_unit_is_up_to_date_only_while_key_and_outputs_stand(tmp_path: Path) -> None:
    out, receipt = tmp_path / "out", tmp_path / "receipt.json"
    key = {"content": "1", "code": "a"}
    assert why_run(receipt, tmp_path, key) == "not done yet"
    out.write_text("result")
    write_receipt(receipt, tmp_path, key, [out])
    assert why_run(receipt, tmp_path, key) is None
    assert why_run(receipt, tmp_path, key | {"code": "b"}) == "changed: code"
    assert why_run(receipt, tmp_path, key | {"export x": "9"}) == "new: export x"
    assert why_run(receipt, tmp_path, {"code": "a"}) == "gone: content"
    out.write_text("altered")
    assert why_run(receipt, tmp_path, key) == "its output out was altered"
    out.unlink()
    assert why_run(receipt, tmp_path, key) == "its output out is missing"
    receipt.write_text("{half")
    assert read_receipt(receipt) is None


def test_content_hashes_follow_content_and_forget_nothing_between_runs(tmp_path: Path) -> None:
    export, memory = tmp_path / "a.txt", tmp_path / "hashes.json"
    export.write_text("one")
    first = ContentHashes(memory)
    before = first.of(export, "a")
    assert before == sha256_of(export)
    first.save()
    # A remembered hash is used while size, time and inode stand, and not a moment longer.
    memory.write_text(memory.read_text().replace(before, "remembered"))
    assert ContentHashes(memory).of(export, "a") == "remembered"
    export.write_text("two, longer")
    assert ContentHashes(memory).of(export, "a") == sha256_of(export) != before
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "x").write_text("1")
    whole = sha256_of(folder)
    (folder / "x").rename(folder / "y")
    assert sha256_of(folder) != whole
