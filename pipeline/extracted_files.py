"""What was extracted of one export, in the work folder: a file a table, and the true zone where dates are shifted."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import polars as pl

from pipeline.dataset.store import Provenance, read_json, read_table, write_json, write_table
from pipeline.extract import TABLES, Extracted
from pipeline.study import Export, Study

_TRUE_ZONE = "zone.json"
"""Beside the tables of an export whose dates are shifted: its zone, which they do not name."""


def export_folder(study: Study, export: Export) -> Path:
    """Where what is extracted of an export is kept."""
    name = hashlib.sha256(export.relative.encode()).hexdigest()[:12]
    return study.work / "recordings" / export.participant / name


def write_extracted(folder: Path, extracted: Extracted, provenance: Provenance) -> list[Path]:
    """The files into which everything was written."""
    written = []
    if extracted.true_zone is not None:
        write_json(folder / _TRUE_ZONE, {"zone": extracted.true_zone})
        written.append(folder / _TRUE_ZONE)
    for table in TABLES:
        frame: pl.DataFrame = getattr(extracted, table.name)
        path = folder / f"{table.name}.parquet"
        write_table(path, table, frame, provenance)
        written.append(path)
    return written


def held_in(folder: Path) -> Extracted | None:
    """What was extracted into a folder; None where that was not finished (the last table is missing)."""
    return extracted_in(folder) if (folder / f"{TABLES[-1].name}.parquet").is_file() else None


def extracted_in(folder: Path) -> Extracted:
    """What was extracted into a folder, each table checked."""
    found = Extracted(*(read_table(folder / f"{table.name}.parquet", table) for table in TABLES))
    told = read_json(folder / _TRUE_ZONE)
    return dataclasses.replace(found, true_zone=str(told["zone"])) if isinstance(told, dict) else found
