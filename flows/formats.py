"""`sleeploop devices`: every export format that is read, what it gives, what its clock is, what it needs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from pipeline.devices import READERS, claimed_by
from pipeline.devices.reader import Reader
from pipeline.guard import Guard, Limits

_MODULE_OF_EXTRA = {"dreem": "h5py", "embraceplus": "fastavro", "garmin": "fitdecode", "wfdb": "wfdb"}

Format = dict[str, object]


def formats(word: str = "") -> list[Format]:
    """One entry a format, those of a family together; only those that mention `word`, where one is given."""
    entries = [_entry(reader) for reader in READERS]
    entries.sort(key=lambda entry: (str(entry["family"]), str(entry["name"])))
    wanted = word.lower()
    return [entry for entry in entries if wanted in " ".join(map(str, entry.values())).lower()]


def recognised(path: Path) -> Format:
    """The format that an export is recognised as, looked at under guard.

    Raises
    ------
    FileFault
        As `claimant` says: unknown (with the list and the nearest match), ambiguous, empty, corrupt.
    """
    with Guard(Limits()) as guard:
        name = guard.run(claimed_by, path)
    return next(_entry(reader) for reader in READERS if reader.name == name)


def _entry(reader: Reader) -> Format:
    return {
        "family": reader.family,
        "name": reader.name,
        "device": reader.device,
        "looks_like": reader.looks_like,
        "gives": sorted(kind.value for kind in reader.gives),
        "clock": reader.clock,
        "extra": reader.extra,
        "installed": reader.extra is None or find_spec(_MODULE_OF_EXTRA[reader.extra]) is not None,
    }
