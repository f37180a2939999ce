"""What was refused: moved out of the inbox, whole, with its reason beside it; and the failures table made from that.

An export that was put back into the inbox counts as mended until it is refused again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipeline import __version__
from pipeline.dataset import tables
from pipeline.dataset.store import read_json, write_json
from pipeline.errors import Fault, FileFault, SleeploopError, StorageFault, did_you_mean, printable
from pipeline.privacy import without_dates
from pipeline.study import Export, Study, plain_id

REASON = ".reason.json"


def put_in_quarantine(study: Study, export: Export, fault: SleeploopError, sha256: str) -> Path:
    """Move a refused export (and its sidecar) out of the inbox; returns where. Its reason is written first.

    Raises
    ------
    StorageFault
        If it cannot be moved; then it is still in the inbox, whole.
    """
    target = _no_reason(study.quarantine / Path(export.relative))
    if target.exists():
        target = target.with_name(f"{target.stem}-{sha256[:8]}{target.suffix}")
    reason = {
        "participant": export.participant,
        "export": export.relative,
        "sha256": sha256,
        "step": "ingest",
        "fault": fault.fault.value,
        "what": fault.what,
        "where": fault.where,
        "known": fault.known,
        "hint": fault.hint,
        "sleeploop": __version__,
    }
    beside = target.with_name(f"{target.name}{REASON}")
    write_json(beside, reason)
    try:
        if target.exists():
            # The same content was refused before: one copy is enough, and it is there.
            shutil.rmtree(export.path) if export.path.is_dir() else export.path.unlink()
        else:
            shutil.move(export.path, target)
        if export.sidecar is not None:
            shutil.move(export.sidecar, target.with_name(f"{target.name}.json"))
        for part in export.companions:
            shutil.move(part, _no_reason(target.with_name(printable(part.name))))
    except OSError as bad:
        raise StorageFault(
            Fault.STORAGE,
            f"the refused export could not be moved: {bad.strerror or bad}",
            where=export.relative,
            known=f"it was refused because: {fault.what}",
            hint="check the permissions of inbox/ and quarantine/",
        ) from bad
    return target


def _no_reason(target: Path) -> Path:
    """Where an export goes: it may not pass for a reason of ours, nor may its sidecar."""
    return target.with_name(f"{target.name}.refused") if target.name.endswith((".reason", REASON)) else target


def reasons(study: Study, participant: str | None = None) -> list[dict[str, str]]:
    """Every reason in quarantine, in the order of the exports' paths; not those of exports that were put back."""
    found = [read_json(path) for path in sorted(_reason_files(study.quarantine))]
    known = [reason for reason in found if _is_reason(reason) and not (study.inbox / reason["export"]).exists()]
    return [reason for reason in known if participant is None or reason["participant"] == participant]


def _reason_files(folder: Path) -> Iterator[Path]:
    """The reasons below a folder, not those within an export that was refused whole."""
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        if entry.is_symlink():
            continue
        if entry.is_dir():
            if not entry.with_name(f"{entry.name}{REASON}").exists():
                yield from _reason_files(entry)
        elif entry.name.endswith(REASON):
            yield entry


def _is_reason(content: object) -> bool:
    return (
        isinstance(content, dict)
        and {"participant", "export"} <= content.keys()
        and all(isinstance(value, str) for value in content.values())
    )


def failures(study: Study, participant: str | None = None) -> pl.DataFrame:
    """The failures table: every export in quarantine with its reason."""
    names = [column.name for column in tables.FAILURES.columns]
    found = reasons(study, participant)
    if study.weeks is not None:
        found = [_without_dates(reason) for reason in found]
    rows: list[dict[str, object]] = [{name: reason.get(name, "") for name in names} for reason in found]
    return tables.FAILURES.frame(rows)


def _without_dates(reason: dict[str, str]) -> dict[str, str]:
    """A reason as tables and pages may show it where dates are shifted: neither the file's name nor a date."""
    path = Path(reason["export"])
    label = Export(reason["participant"], path, reason["export"], None, anonymous=True).label
    masked = {
        key: str(value).replace(reason["export"], label).replace(path.name, label) for key, value in reason.items()
    }
    return {key: without_dates(value) for key, value in masked.items()} | {
        "participant": reason["participant"],
        "export": label,
    }


def stranger_rows(study: Study, strangers: tuple[str, ...]) -> pl.DataFrame:
    """The failures of everything in the inbox that belongs to nobody in participants.tsv."""
    return tables.FAILURES.frame([_stranger_row(study, name) for name in strangers])


def _stranger_row(study: Study, name: str) -> dict[str, object]:
    """The failure of something in the inbox that belongs to nobody in participants.tsv; it is left where it is."""
    fault = stranger_fault(study, name)
    return {
        "participant": plain_id(name.split("/", maxsplit=1)[0]),
        "export": name,
        "step": "ingest",
        "fault": fault.fault.value,
        "what": fault.what,
        "where": fault.where,
        "known": fault.known,
        "hint": fault.hint,
    }


def stranger_fault(study: Study, name: str) -> FileFault:
    """The words for it."""
    if "/" in name or (study.inbox / name).is_symlink():
        return FileFault(
            Fault.HOSTILE,
            "it is a link, a device, or nested too deep",
            where=f"inbox/{name}",
            known="it was left where it is; only plain files and folders are read, and no link is followed",
            hint="put the file itself into the participant's folder",
        )
    near = did_you_mean(plain_id(name), study.participants)
    return FileFault(
        Fault.UNKNOWN_PARTICIPANT,
        "it belongs to nobody in participants.tsv",
        where=f"inbox/{name}",
        known="it was left where it is; nothing of it was read",
        hint=f"add a row for it to participants.tsv, or rename the folder ({near})",
    )
