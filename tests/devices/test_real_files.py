"""Every real file, and what must become of it: read right, or refused with the true reason.

The tables in `real_files/` hold a row a file (or a glob of files that share an outcome). Whatever lies in the folder of
real recordings and stands in no table fails: nothing is overlooked.
"""

from __future__ import annotations

import csv
import fnmatch
import json
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

import pytest

from pipeline.devices import READERS, read_export
from pipeline.devices.reader import Asked, DateOrder
from pipeline.errors import Fault, FileFault
from pipeline.recording import Recording

TABLES = Path(__file__).parent / "real_files"
COLUMNS = ["path", "asked", "outcome", "reader", "kinds", "start_utc", "end_utc", "amount", "note"]
EXACT = ("reader", "kinds", "amount")
UNTESTED = {"part of a bundle", "not an export"}


@lru_cache(maxsize=1)
def rows() -> list[dict[str, str]]:
    out: list[dict[str, str]] = []
    for table in sorted(TABLES.glob("*.csv")):
        with table.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            assert reader.fieldnames == COLUMNS, table.name
            out += list(reader)
    return out


def asked_of(text: str) -> Asked:
    known = json.loads(text or "{}")
    start, day_one = known.get("start"), known.get("day_one")
    return Asked(
        zone=known.get("zone"),
        start=datetime.fromisoformat(start) if start else None,
        day_one=date.fromisoformat(day_one) if day_one else None,
        eeg_channels=tuple(known.get("channels", ())),
        units=known.get("units", {}),
        date_order=DateOrder(known["date_order"]) if "date_order" in known else None,
        dialect=known.get("dialect"),
        epoch_s=known.get("epoch_s"),
        participant=known.get("participant"),
    )


def amount_of(recording: Recording) -> int:
    """Samples over signals and pieces, beats, epochs scored, markers, saliva, answers and rests."""
    out = sum(len(signal.samples) for signal in recording.signals)
    out += sum(len(piece.samples) for stream in recording.streams for piece in stream.pieces())
    out += len(recording.beats.rr_s) if recording.beats is not None else 0
    out += len(recording.hypnogram.stages) if recording.hypnogram is not None else 0
    return out + sum(len(part) for part in (recording.markers, recording.saliva, recording.answers, recording.rests))


def drain(path: Path, asked: Asked) -> None:
    """Read everything, the pieces of streams too."""
    for stream in read_export(path, asked)[1].streams:
        list(stream.pieces())


def shown(ns: int) -> str:
    return f"{datetime.fromtimestamp(round(ns / 1e9), tz=UTC):%Y-%m-%dT%H:%M:%SZ}" if ns else ""


@pytest.mark.realdata
@pytest.mark.parametrize("row", [r for r in rows() if r["outcome"] not in UNTESTED], ids=lambda r: r["path"])
def test_a_real_file_has_the_outcome_that_its_row_states(real_data: Path, row: dict[str, str]) -> None:
    paths = sorted(real_data.glob(row["path"])) if _is_glob(row["path"]) else [real_data / row["path"]]
    assert paths, "the row names no file"
    for path in paths:
        if row["outcome"] != "read":
            with pytest.raises(FileFault) as fault:
                drain(path, asked_of(row["asked"]))
            assert fault.value.fault is Fault(row["outcome"]), f"{path.name}: {fault.value}"
            continue
        reader, recording = read_export(path, asked_of(row["asked"]))
        found = {
            "reader": reader.name,
            "kinds": " ".join(sorted(kind.name for kind in recording.kinds)),
            "start_utc": shown(recording.span_ns[0]),
            "end_utc": shown(recording.span_ns[1]),
            "amount": str(amount_of(recording)),
        }
        assert {k: found[k] for k in EXACT if row[k]} == {k: row[k] for k in EXACT if row[k]}, path.name
        for name in ("start_utc", "end_utc"):
            if row[name]:
                apart = datetime.fromisoformat(found[name]) - datetime.fromisoformat(row[name])
                assert abs(apart.total_seconds()) <= 1, f"{path.name}: {name} is {found[name]}, not {row[name]}"


def _is_glob(path: str) -> bool:
    return any(mark in path for mark in "*?")


@pytest.mark.realdata
def test_no_real_file_is_overlooked(real_data: Path) -> None:
    patterns = [row["path"] for row in rows()]
    plain = {p for p in patterns if not _is_glob(p)}
    globs = [p for p in patterns if _is_glob(p)]
    left = []
    for path in sorted(p for p in real_data.rglob("*") if p.is_file() and p.name != "README.md"):
        name = path.relative_to(real_data).as_posix()
        parents = {parent.as_posix() for parent in path.relative_to(real_data).parents}
        if name in plain or parents & plain:
            continue
        if not any(fnmatch.fnmatchcase(name, g) or any(fnmatch.fnmatchcase(p, g) for p in parents) for g in globs):
            left.append(name)
    assert not left, f"{len(left)} files stand in no table: {left[:40]}"


def test_the_tables_are_well_formed() -> None:
    faults = {fault.value for fault in Fault}
    names = {reader.name for reader in READERS}
    for row in rows():
        assert row["outcome"] in {"read"} | UNTESTED | faults, row
        assert (row["outcome"] == "read") == bool(row["reader"]), row
        assert row["reader"] in names | {""}, row
        asked_of(row["asked"])
    paths = [row["path"] for row in rows()]
    assert len(paths) == len(set(paths)), sorted({p for p in paths if paths.count(p) > 1})
