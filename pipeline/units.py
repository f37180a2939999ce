"""Units of work in a study folder: which there are, which must run and why, and how each is done and kept.

Three kinds: an export (ingest + extract), a participant (align + score + describe), the cohort (failures, dictionary,
index page). Each leaves a receipt, written last. Nothing in `inbox/` is ever changed except that a refused export is
moved, whole, to `quarantine/` with its reason beside it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import polars as pl

from pipeline import __version__
from pipeline.code_version import code_version
from pipeline.conflicts import find_conflict
from pipeline.dataset import tables
from pipeline.dataset.csv_out import csv_bytes
from pipeline.dataset.receipts import ContentHashes, read_receipt, why_run, write_receipt
from pipeline.dataset.store import Provenance, read_table, read_tables, write_bytes, write_table
from pipeline.dataset.table import dictionary
from pipeline.errors import Fault, FileFault, StudyFault, did_you_mean
from pipeline.extract import NOTHING, Extracted
from pipeline.extracted_files import export_folder, extracted_in, held_in, write_extracted
from pipeline.features import TABLES
from pipeline.lending import lend
from pipeline.quarantine import failures, put_in_quarantine, reasons, stranger_rows
from pipeline.settings import settings_hash
from pipeline.shared_tables import unclaimed_lines, unclaimed_rows, write_strays
from pipeline.steps import COHORT_TABLES, PARTICIPANT_TABLES, assemble, describe, describe_cohort, take_in
from pipeline.study import Export, Study, asked_of, exports_of, plain_id, unlisted_folders
from pipeline.synchrony import Taken, settle

_OF_ONE_PERSON = frozenset({Fault.NO_ZONE, Fault.UNKNOWN_ZONE})
"""Faults of one participant's rows of a shared table: the others go on having theirs."""


class Status(StrEnum):
    """How a unit ended."""

    DONE = "done"
    CACHED = "cached"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ExportUnit:
    """One export, the key of its receipt, and why it must run (None: it is up to date)."""

    export: Export
    sha256: str
    key: Mapping[str, str]
    why: str | None


@dataclass(frozen=True, slots=True)
class ParticipantUnit:
    """One participant, its exports, and why it must run (None: it is up to date)."""

    participant: str
    exports: tuple[ExportUnit, ...]
    why: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a run would do, in order."""

    participants: tuple[ParticipantUnit, ...]
    strangers: tuple[str, ...]
    """Names in the inbox that belong to nobody in participants.tsv; they are left where they are."""
    cohort_why: str | None

    @property
    def exports(self) -> tuple[ExportUnit, ...]:
        """Every export of every participant."""
        return tuple(unit for person in self.participants for unit in person.exports)

    @property
    def nothing_to_do(self) -> bool:
        """Whether every unit is up to date."""
        return self.cohort_why is None and not any(p.why for p in self.participants)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one unit ended, for the run's last lines."""

    unit: str
    status: Status
    detail: str = ""


# ---------------------------------------------------------------- what is to be done


def plan(study: Study, only: tuple[str, ...] = ()) -> Plan:
    """What a run over the study (or over the participants in `only`) would do and why.

    Raises
    ------
    StudyFault
        If a name in `only` is not in participants.tsv.
    """
    wanted = tuple(plain_id(name) for name in only)
    for name in wanted:
        if name not in study.participants:
            raise StudyFault(
                Fault.UNKNOWN_PARTICIPANT,
                f"there is no participant '{name}' in participants.tsv",
                hint=did_you_mean(name, study.participants),
            )
    hashes = ContentHashes(study.work / "hashes.json")
    people = tuple(_plan_participant(study, name, hashes) for name in wanted or tuple(study.participants))
    if not wanted:
        hashes.save()
    strangers = tuple(unlisted_folders(study))
    cohort = None if any(p.why for p in people) else _why(study, _cohort_receipt(study), _cohort_key(study, strangers))
    return Plan(people, strangers, "a participant changed" if any(p.why for p in people) else cohort)


def _plan_participant(study: Study, participant: str, hashes: ContentHashes) -> ParticipantUnit:
    exports = tuple(_plan_export(study, export, hashes) for export in exports_of(study, participant))
    waiting = [unit.export.relative for unit in exports if unit.why]
    if waiting:
        return ParticipantUnit(participant, exports, f"{len(waiting)} export(s) to take in")
    key = _participant_key(study, participant, exports)
    return ParticipantUnit(participant, exports, _why(study, _participant_receipt(study, participant), key))


def _plan_export(study: Study, export: Export, hashes: ContentHashes) -> ExportUnit:
    sha256 = hashes.of(export.path, export.relative, export.companions)
    try:
        asked = _digest(asdict(asked_of(study, export)))
    except FileFault as bad:
        # The sidecar cannot be read; taking the export in will say so and quarantine it.
        asked = f"unreadable: {bad.what}"
    key = {"content": sha256, "settings": asked, "code": code_version("pipeline.extract")}
    if export.shared:  # whose rows are nobody's depends on who takes part
        key["participants"] = _digest(sorted(study.participants))
    if study.weeks is not None:
        # Stands in the receipt only: a digest of so few possible weeks would give them away in the dataset.
        key["date shift"] = _digest(study.weeks.get(export.participant))
    return ExportUnit(export, sha256, key, _why(study, _export_receipt(study, export), key))


def _why(study: Study, receipt: Path, key: Mapping[str, str]) -> str | None:
    return why_run(receipt, study.folder, key)


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _participant_key(study: Study, participant: str, exports: tuple[ExportUnit, ...]) -> dict[str, str]:
    return {
        "participants.tsv row": _digest(asdict(study.participants[participant])),
        "settings": _digest([settings_hash(study.settings.study), settings_hash(study.settings.clocks)]),
        "quarantine": _digest(reasons(study, participant)),
        "code": code_version("pipeline.steps"),
        **{f"export {unit.export.relative}": _digest(dict(unit.key)) for unit in exports},
    }


def _cohort_key(study: Study, strangers: tuple[str, ...]) -> dict[str, str]:
    receipts = {name: read_receipt(_participant_receipt(study, name)) for name in study.participants}
    return {
        "inbox folders of nobody": _digest(strangers),
        "code": code_version("pipeline.steps"),
        **{f"participant {name}": _digest(dict(r.outputs)) for name, r in receipts.items() if r is not None},
    }


def _export_receipt(study: Study, export: Export) -> Path:
    return export_folder(study, export) / "receipt.json"


def _participant_receipt(study: Study, participant: str) -> Path:
    return study.work / "participants" / f"{participant}.json"


def _cohort_receipt(study: Study) -> Path:
    return study.work / "cohort.json"


# ---------------------------------------------------------------- doing it


def do_export(study: Study, unit: ExportUnit) -> Outcome:
    """Take one export in and keep what was extracted; a refused one goes to quarantine."""
    folder = export_folder(study, unit.export)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        extracted = take_in(study, unit.export, unit.sha256)
    except FileFault as fault:
        if unit.export.shared and fault.fault in _OF_ONE_PERSON:
            return Outcome(unit.export.relative, Status.REFUSED, f"{unit.export.participant}: {fault}")
        if not (unit.export.shared and fault.fault is Fault.UNKNOWN_PARTICIPANT):
            return refuse_export(study, unit, fault)
        extracted = NOTHING
    provenance = Provenance(
        __version__, unit.key["code"], _shown(study, unit.key["settings"]), {unit.export.label: unit.sha256}
    )
    written = write_extracted(folder, extracted, provenance)
    if unit.export.shared:
        written.append(write_strays(folder, study, unit.export))
    write_receipt(_export_receipt(study, unit.export), study.folder, unit.key, written)
    return Outcome(unit.export.relative, Status.DONE, unit.why or "")


def refuse_export(study: Study, unit: ExportUnit, fault: FileFault) -> Outcome:
    """Move an export that cannot be used to quarantine, and forget what was extracted of it before."""
    shutil.rmtree(export_folder(study, unit.export), ignore_errors=True)
    if unit.export.shared and not unit.export.path.exists():
        return Outcome(unit.export.relative, Status.REFUSED, "the shared table was refused for another participant")
    if not fault.where:
        fault = FileFault(fault.fault, fault.what, where=unit.export.path.name, known=fault.known, hint=fault.hint)
    put_in_quarantine(study, unit.export, fault, unit.sha256)
    return Outcome(unit.export.relative, Status.REFUSED, str(fault))


def do_participant(study: Study, participant: str) -> Outcome:
    """Align, score and describe one participant from what was extracted of its exports.

    Exports that contradict each other are refused here, one by one, until the rest agree.
    """
    hashes = ContentHashes(study.work / "hashes.json")
    exports = tuple(_plan_export(study, export, hashes) for export in exports_of(study, participant))
    ready = [unit for unit in exports if unit.why is None]
    parts = {unit.export.label: _read_extracted(study, unit.export) for unit in ready}
    parts = {label: part for label, part in parts.items() if part.recordings.height}
    refused = []
    while parts and (conflict := find_conflict(list(parts.values()))):
        name, fault = conflict
        unit = next(unit for unit in ready if unit.export.label == name)
        put_in_quarantine(study, unit.export, fault, unit.sha256)
        shutil.rmtree(export_folder(study, unit.export), ignore_errors=True)
        ready.remove(unit)
        del parts[name]
        refused.append(str(fault))
    person = study.participants[participant]
    places = {u.export.label: Taken(u.export, u.sha256, export_folder(study, u.export)) for u in ready}
    unit_of = {unit.export.label: unit for unit in ready}

    def keep(folder: Path, extracted: Extracted) -> None:
        unit = unit_of[extracted.recordings.item(0, "export")]
        made_of = {unit.export.label: unit.sha256}
        write_extracted(
            folder, extracted, Provenance(__version__, unit.key["code"], _shown(study, unit.key["settings"]), made_of)
        )

    settled = settle(study, places, parts, keep, held_in)
    parts = lend(study, places, settled, keep, held_in)
    found = assemble(study, person, list(parts.values()), settled.clocks)
    provenance = Provenance(
        __version__,
        code_version("pipeline.steps"),
        _shown(study, settings_hash(study.settings)),
        {unit.export.label: unit.sha256 for unit in ready},
    )
    written = []
    for table in PARTICIPANT_TABLES:
        path = study.dataset / table.name / f"{participant}.parquet"
        write_table(path, table, found[table.name], provenance)
        written.append(path)
    page = study.reports / f"{participant}.html"
    write_bytes(page, describe(study, person, found, failures(study, participant)).encode())
    key = _participant_key(study, participant, tuple(ready))
    write_receipt(_participant_receipt(study, participant), study.folder, key, [*written, page])
    status = Status.REFUSED if refused else Status.DONE
    return Outcome(
        participant, status, "\n".join(refused) or f"{len(parts)} recordings, {found['nights'].height} nights"
    )


def do_cohort(study: Study, strangers: tuple[str, ...]) -> Outcome:
    """Write what spans participants: failures, the dictionary, the index page; forget who left the study."""
    gone = _forget_leavers(study)
    unclaimed = unclaimed_rows(study)
    refused = pl.concat([failures(study), stranger_rows(study, strangers), tables.FAILURES.frame(unclaimed)])
    found = {table.name: read_tables(study.dataset, table) for table in COHORT_TABLES}
    provenance = Provenance(
        __version__, code_version("pipeline.steps"), _shown(study, settings_hash(study.settings)), {}
    )
    failed = study.dataset / "failures" / "all.parquet"
    write_table(failed, tables.FAILURES, refused, provenance)
    words = study.dataset / "dictionary.csv"
    write_bytes(words, csv_bytes(dictionary(TABLES)))
    index = study.reports / "index.html"
    write_bytes(index, describe_cohort(study, {**found, "failures": refused}).encode())
    write_receipt(_cohort_receipt(study), study.folder, _cohort_key(study, strangers), [failed, words, index])
    told = unclaimed_lines(unclaimed)
    told += [f"no longer in the study, removed from the dataset: {', '.join(gone)}"] if gone else []
    return Outcome("cohort", Status.REFUSED if unclaimed else Status.DONE, "\n".join(told))


def _shown(study: Study, settings: str) -> str:
    """A digest of settings for the dataset; withheld where dates are shifted, because few dates could be tried."""
    return settings if study.weeks is None else "withheld: dates are shifted"


def extracted_recordings(study: Study, participant: str) -> list[pl.DataFrame]:
    """The catalogue row of every export of a participant that was taken in."""
    paths = [export_folder(study, e) / "recordings.parquet" for e in exports_of(study, participant)]
    return [read_table(path, tables.RECORDINGS) for path in paths if path.is_file()]


def _read_extracted(study: Study, export: Export) -> Extracted:
    return extracted_in(export_folder(study, export))


def _forget_leavers(study: Study) -> list[str]:
    """Remove the parts of people who are not in participants.tsv any more."""
    gone = set()
    for table in PARTICIPANT_TABLES:
        for part in (study.dataset / table.name).glob("*.parquet"):
            if part.stem not in study.participants:
                gone.add(part.stem)
                part.unlink()
    for name in gone:
        (study.reports / f"{name}.html").unlink(missing_ok=True)
        _participant_receipt(study, name).unlink(missing_ok=True)
        shutil.rmtree(study.work / "recordings" / name, ignore_errors=True)
    return sorted(gone)
