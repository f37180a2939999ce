"""Ingest and extract: one export becomes a catalogue row, columns on the 30-s grid, spectra, events and samples."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, grid_floor, to_datetime
from pipeline.clocks import Correction, corrected
from pipeline.dataset.table import Column, Table
from pipeline.dataset.tables import ANSWERS, EVENTS, RECORDINGS, SALIVA, UTC
from pipeline.devices import read_export
from pipeline.errors import Fault, FileFault
from pipeline.features.eeg_tables import EEG_TABLES, eeg_frames
from pipeline.features.epoch_level import ENUM_CODES, EPOCH_FAMILIES, EPOCHS, SPECTRA
from pipeline.features.family import EpochFamily, RecordingView
from pipeline.privacy import shifted
from pipeline.recording import Hypnogram, Recording, Signal, SignalStream
from pipeline.study import Export, Study, asked_of

MAX_DAYS = 5 * 366
"""A phone's export of years is the longest there is; one that says more has a broken clock, or is to be cut."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """Everything that is kept of one export; each frame has passed its table's check."""

    recordings: pl.DataFrame
    epochs: pl.DataFrame
    spectra: pl.DataFrame
    eeg_channels: pl.DataFrame
    eeg_epochs: pl.DataFrame
    slow_waves: pl.DataFrame
    spindles: pl.DataFrame
    eeg_coupling: pl.DataFrame
    events: pl.DataFrame
    saliva: pl.DataFrame
    answers: pl.DataFrame
    true_zone: str | None = field(default=None, kw_only=True)
    """Where its wall clocks stood, if dates are shifted, so that no table says it; it stays in the work folder."""


TABLES: tuple[Table, ...] = (RECORDINGS, EPOCHS, SPECTRA, *EEG_TABLES, EVENTS, SALIVA, ANSWERS)
"""The tables of `Extracted`, in the order of its fields."""
NOTHING = Extracted(*(table.empty() for table in TABLES))
"""What is kept of a shared table that holds no row of a participant."""


def take_in(
    study: Study,
    export: Export,
    sha256: str,
    correction: Correction | None = None,
    lent: Hypnogram | None = None,
) -> Extracted:
    """Read an export and extract what is kept of it, its clock put right if a correction is given.

    `lent` are stages of the same sleep from another export, for an EEG that brings none.

    Raises
    ------
    FileFault
        If it cannot be recognised, read or trusted; the text says what, where, what is known and what to try.
    """
    reader, recording, true_zone = read_in(study, export)
    if correction is not None:
        recording = corrected(recording, correction)
    extracted = extract(recording, export, reader, sha256, lent)
    return extracted if study.weeks is None else dataclasses.replace(extracted, true_zone=true_zone)


def read_in(study: Study, export: Export) -> tuple[str, Recording, str]:
    """The name of the reader that claims an export, its recording, and the zone of it as it was read.

    Dates are shifted where the study shifts them.
    """
    reader, recording = read_export(export.path, asked_of(study, export))
    if export.shared and reader.family != "lab":
        raise FileFault(
            Fault.STUDY,
            "only tables that say whose each row is can be shared",
            where=export.label,
            known=f"it was recognised as {reader.name}, the recording of one person",
            hint="put it into that participant's folder",
        )
    zone = recording.zone
    if study.weeks is not None:
        recording = shifted(recording, study.weeks[export.participant])
    return reader.name, recording, zone


def extract(recording: Recording, export: Export, reader: str, sha256: str, lent: Hypnogram | None = None) -> Extracted:
    """The tables of one recording; `lent` as for `take_in`."""
    start_ns, end_ns = recording.span_ns if _is_continuous(recording) else (0, 0)
    if end_ns - start_ns > MAX_DAYS * 86_400 * 1_000_000_000:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"it would last {(end_ns - start_ns) / 8.64e13:.0f} days",
            where=export.label,
            known="one of its time stamps is probably wrong",
            hint="look at its first and last time stamp; an export of more than five years is to be cut",
        )
    name = sha256[:12]
    grid_start = grid_floor(start_ns)
    view = RecordingView(recording, grid_start, -(-(end_ns - grid_start) // EPOCH_NS), lent)
    columns, spectra = _epoch_columns(view)
    eeg = eeg_frames(view.channels, export.participant, name)
    epochs = _frame(columns, grid_start, view.n).with_columns(participant=pl.lit(export.participant))
    return Extracted(
        recordings=RECORDINGS.frame(
            [_catalogue_row(recording, export, reader, sha256, epochs.height / max(view.n, 1))]
        ),
        epochs=EPOCHS.check(epochs),
        spectra=SPECTRA.check(
            _frame(spectra, grid_start, view.n).with_columns(
                participant=pl.lit(export.participant), recording=pl.lit(name)
            )
        ),
        eeg_channels=eeg["eeg_channels"],
        eeg_epochs=eeg["eeg_epochs"],
        slow_waves=eeg["slow_waves"],
        spindles=eeg["spindles"],
        eeg_coupling=eeg["eeg_coupling"],
        events=EVENTS.frame(_event_rows(recording, export.participant, name)),
        saliva=SALIVA.frame(_saliva_rows(recording, export.participant, name)),
        answers=ANSWERS.frame(_answer_rows(recording, export.participant, name)),
    )


def _is_continuous(recording: Recording) -> bool:
    """Whether anything fills epochs: of a diary or of answers only, years apart, no epoch is made."""
    series = recording.signals or recording.streams
    return bool(series) or recording.beats is not None or recording.hypnogram is not None


def _epoch_columns(view: RecordingView) -> tuple[list[pl.Series], list[pl.Series]]:
    """The scalar and the list columns of every epoch family, in declared order; null where nothing was measured."""
    scalar: list[pl.Series] = []
    lists: list[pl.Series] = []
    for family in EPOCH_FAMILIES:
        arrays = family.compute(view) if family.needs & view.recording.kinds else {}
        _same_names(family, arrays.keys())
        for column in family.columns:
            target = lists if isinstance(column.dtype, pl.List) else scalar
            target.append(_series(column, arrays.get(column.name), view.n))
    return scalar, lists


def _same_names(family: EpochFamily, found: object) -> None:
    declared = {column.name for column in family.columns}
    if found and set(found) != declared:  # type: ignore[call-overload]
        raise AssertionError(f"family {family.name} declares {sorted(declared)} and fills {found}")


def _series(column: Column, values: NDArray[np.floating] | None, n: int) -> pl.Series:
    if values is None:
        return pl.Series(column.name, [None] * n, dtype=column.dtype)
    if isinstance(column.dtype, pl.List):
        known = pl.Series(np.isfinite(values).all(axis=1))
        return pl.Series(column.name, values).cast(column.dtype).set(~known, None)
    if isinstance(column.dtype, pl.Enum):
        return pl.Series(column.name, _words(column.name, values), dtype=column.dtype)
    return pl.Series(column.name, values).fill_nan(None).cast(column.dtype)


def _words(column: str, codes: NDArray[np.floating]) -> list[str | None]:
    """What an Enum column says for the codes that a family computed; None for NaN."""
    word_of = {code: word for word, code in ENUM_CODES[column].items()}
    return [word_of.get(code) for code in codes.tolist()]


def _frame(columns: Sequence[pl.Series], start_ns: int, n: int) -> pl.DataFrame:
    """The columns with their epochs' starts; only epochs in which something was measured."""
    times = pl.Series("start_utc", (start_ns + np.arange(n, dtype=np.int64) * EPOCH_NS) // 1000, dtype=pl.Int64)
    frame = pl.DataFrame([times.cast(UTC), *columns])
    return frame.filter(pl.any_horizontal(pl.exclude("start_utc").is_not_null()))


def _catalogue_row(
    recording: Recording, export: Export, reader: str, sha256: str, coverage: float
) -> dict[str, object]:
    start_ns, end_ns = recording.span_ns
    clocked = (start_ns, end_ns) != (0, 0)
    beats = recording.beats
    return {
        "participant": export.participant,
        "recording": sha256[:12],
        "export": export.label,
        "sha256": sha256,
        "reader": reader,
        "device": recording.device,
        "kinds": sorted(recording.kinds),
        "start_utc": to_datetime(start_ns) if clocked else None,
        "end_utc": to_datetime(end_ns) if clocked else None,
        "zone": recording.zone,
        "zone_source": recording.zone_source.value,
        "clock": recording.clock.value,
        "utc_offset_min": _offset_min(start_ns, recording.zone) if clocked else None,
        "channels": [*map(_channel, recording.signals), *map(_channel, recording.streams)],
        "beats_n": None if beats is None else len(beats.end_ns),
        "coverage": min(coverage, 1.0) if _is_continuous(recording) else None,
        "repairs": list(recording.repairs),
    }


def _offset_min(utc_ns: int, zone: str) -> int:
    offset = to_datetime(utc_ns, zone).utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / 60)


def _channel(signal: Signal | SignalStream) -> str:
    return f"{signal.label} ({signal.kind.value}, {signal.fs_hz:g} Hz, {signal.coverage:.1%} measured)"


def _event_rows(recording: Recording, participant: str, name: str) -> list[dict[str, object]]:
    stems: list[tuple[str, int, float, str]] = [("marker", m.time_ns, m.duration_s, m.label) for m in recording.markers]
    stems += [("rest", r.in_bed_ns, (r.out_bed_ns - r.in_bed_ns) / 1e9, r.source) for r in recording.rests]
    # The same thing noted twice at one time is one event.
    once = {(kind, to_datetime(onset_ns), label): float(lasts_s) for kind, onset_ns, lasts_s, label in reversed(stems)}
    return [
        {
            "participant": participant,
            "recording": name,
            "kind": kind,
            "onset_utc": onset,
            "duration_s": lasts_s,
            "label": label,
        }
        for (kind, onset, label), lasts_s in reversed(once.items())
    ]


def _saliva_rows(recording: Recording, participant: str, name: str) -> list[dict[str, object]]:
    return [
        {
            "participant": participant,
            "recording": name,
            "series": sample.series,
            "occasion": sample.occasion,
            "time_utc": None if sample.time_ns is None else to_datetime(sample.time_ns),
            "after_waking_min": sample.after_waking_min,
            "analyte": sample.analyte,
            "value": float(sample.value),
            "unit": sample.unit,
            "flag": sample.flag,
        }
        for sample in recording.saliva
    ]


def _answer_rows(recording: Recording, participant: str, name: str) -> list[dict[str, object]]:
    numbers: Counter[tuple[str, str]] = Counter()
    rows: list[dict[str, object]] = []
    for answer in recording.answers:
        numbers[answer.instrument, answer.item] += 1
        rows.append(
            {
                "participant": participant,
                "recording": name,
                "instrument": answer.instrument,
                "item": answer.item,
                "number": numbers[answer.instrument, answer.item],
                "value": answer.value,
                "text": answer.text,
                "time_utc": None if answer.time_ns is None else to_datetime(answer.time_ns),
                "day": answer.day,
            }
        )
    return rows
