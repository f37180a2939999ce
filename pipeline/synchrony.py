"""Settle the clocks of one participant: compare overlapping recordings, extract again those whose clock is put right.

What it takes is kept beside each extracted export (traces by the second, and the corrected extract), so that a
participant who gets one new export is not read anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.clock import NS, to_ns
from pipeline.clocks import Comparison, Correction, Pair, compare, corrected, pairs
from pipeline.dataset import tables
from pipeline.dataset.store import read_cache, write_cache
from pipeline.extract import Extracted, read_in, take_in
from pipeline.recording import Floats
from pipeline.signals.traces import Trace, traces_of
from pipeline.study import Export, Study

Keep = Callable[[Path, Extracted], None]
Held = Callable[[Path], Extracted | None]


@dataclass(frozen=True, slots=True)
class Taken:
    """An export that was taken in, and the folder in which what was extracted of it lies."""

    export: Export
    sha256: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Settled:
    """The parts of a participant with their clocks put right, how, and the rows of the clocks table; by label."""

    parts: dict[str, Extracted]
    corrections: dict[str, Correction]
    clocks: pl.DataFrame


def settle(
    study: Study, exports: Mapping[str, Taken], parts: Mapping[str, Extracted], keep: Keep, held: Held
) -> Settled:
    """The parts with clocks put right where that is sure, and the clocks table of the participant.

    Parameters
    ----------
    exports
        By label.
    parts
        By label: what was extracted.
    keep, held
        How an extract is stored in a folder, and read back (None: it is not there).
    """
    rows = [part.recordings.row(0, named=True) for part in parts.values()]
    out = dict(parts)
    found: list[dict[str, object]] = []
    settled: dict[str, Correction] = {}
    for pair in pairs(rows):
        labels = str(pair.reference["export"]), str(pair.other["export"])
        # A reference that was itself put right is compared by its right clock.
        traces = [_traces(study, exports[label], parts[label], settled.get(label)) for label in labels]
        comparison = compare(pair, *(_cut(each, start, pair) for each, start in traces))
        if comparison is None:
            continue
        applied = comparison.applied and study.settings.clocks.correct
        if applied and comparison.correction is not None:
            settled[labels[1]] = comparison.correction
            out[labels[1]] = _again(study, exports[labels[1]], comparison.correction, keep, held)
        found.append(_row(pair, comparison, applied=applied))
    return Settled(out, settled, tables.CLOCKS.frame(found))


def _traces(
    study: Study, taken: Taken, part: Extracted, correction: Correction | None
) -> tuple[dict[Trace, Floats], int]:
    """Every trace of an export and the second at which they begin; computed once and kept."""
    row = part.recordings.row(0, named=True)
    start_ns = to_ns(row["start_utc"]) // NS * NS
    path = taken.folder / f"traces{'' if correction is None else '-' + _name_of(correction)}.parquet"
    frame = read_cache(path)
    if frame is None:
        n_s = -(-(to_ns(row["end_utc"]) - start_ns) // NS)
        recording = read_in(study, taken.export)[1]
        if correction is not None:
            recording = corrected(recording, correction)
        found = traces_of(recording, start_ns, int(n_s))
        frame = pl.DataFrame({trace.name: values.astype(np.float32) for trace, values in found.items()})
        write_cache(path, frame)
    return {Trace[name]: frame[name].to_numpy().astype(np.float64) for name in frame.columns}, start_ns


def _cut(traces: Mapping[Trace, Floats], start_ns: int, pair: Pair) -> dict[Trace, Floats]:
    first = (pair.start_ns - start_ns) // NS
    out = {}
    for trace, values in traces.items():
        held = np.full(pair.n_s, np.nan)
        part = values[max(first, 0) : max(first + pair.n_s, 0)]
        begin = max(-first, 0)
        held[begin : begin + len(part)] = part[: pair.n_s - begin]
        out[trace] = held
    return out


def _again(study: Study, taken: Taken, correction: Correction, keep: Keep, held: Held) -> Extracted:
    """The export extracted with its clock put right."""
    folder = taken.folder / f"corrected-{_name_of(correction)}"
    found = held(folder)
    if found is None:
        found = take_in(study, taken.export, taken.sha256, correction)
        keep(folder, found)
    return found


def _name_of(correction: Correction) -> str:
    return hashlib.sha256(json.dumps(asdict(correction), sort_keys=True).encode()).hexdigest()[:12]


def _row(pair: Pair, comparison: Comparison, *, applied: bool) -> dict[str, object]:
    fit = comparison.fit
    switched_off = "" if applied or not comparison.applied else "switched off in study.toml ([clocks] correct)"
    return {
        "participant": pair.other["participant"],
        "recording": pair.other["recording"],
        "reference": pair.reference["recording"],
        "trace": comparison.trace.value,
        "overlap_h": (pair.end - pair.start).total_seconds() / 3600,
        "windows_n": 0 if fit is None else fit.windows_n,
        "offset_s": None if fit is None else fit.offset_s,
        "offset_se_s": None if fit is None else fit.offset_se_s,
        "drift_s_per_h": None if fit is None else fit.drift_s_per_h,
        "drift_se_s_per_h": None if fit is None else fit.drift_se_s_per_h,
        "residual_s": None if fit is None else fit.residual_s,
        "agreeing_share": None if fit is None else fit.agreeing_share,
        "confidence": None if fit is None else fit.confidence,
        "applied": applied,
        "reason": comparison.reason or switched_off or None,
    }
