"""Every format at once, three exports corrupt, one zip hostile: one run takes in what is sound and counts the rest."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import polars as pl
import pytest
from handmade import SAMPLES
from handmade.sample import Sample

pytestmark = [pytest.mark.flow, pytest.mark.xdist_group("flow")]

CORRUPT = {"edf": 0.6, "empatica_e4": None, "mne_eeg": 0.6}
"""What is broken: cut to a share, or (a session) a member that is no table."""


OF_PEOPLE = {"event_log", "questionnaire", "saliva_table", "sleep_diary"}
"""Samples in which a column names the participants, P1 among them."""


def sidecar(sample: Sample, export: Path) -> None:
    """What the study knows of a sample, as a lab would write it beside the file."""
    asked = sample.asked
    told: dict[str, object] = {
        "start": asked.start.isoformat() if asked.start else None,
        "units": dict(asked.units),
        "channels": list(asked.eeg_channels),
        "date_order": asked.date_order,
        "dialect": asked.dialect,
        "epoch_s": asked.epoch_s,
    }
    export.with_name(f"{export.name}.json").write_text(json.dumps({k: v for k, v in told.items() if v}))


def mixed_inbox(folder: Path) -> Path:
    """A study with one participant a format, three broken exports and a hostile zip."""
    study = folder / "study"
    names = sorted(SAMPLES)
    # A table that names people is one of a person's own; the others get a name each.
    named = ["P1" if name in OF_PEOPLE else f"X{number:02d}" for number, name in enumerate(names)]
    people = [*named, *(f"Y{number}" for number in range(len(CORRUPT) + 1))]
    study.mkdir()
    (study / "study.toml").write_text('[study]\nzone = "Europe/Rome"\nday_one = 2024-03-01\n')
    (study / "participants.tsv").write_text("participant_id\n" + "\n".join(dict.fromkeys(people)) + "\n")
    for name, person in zip(names, people, strict=False):
        inbox = study / "inbox" / person / name
        inbox.mkdir(parents=True)
        sidecar(SAMPLES[name], SAMPLES[name].write(inbox))
    for (name, share), person in zip(CORRUPT.items(), people[len(names) :], strict=False):
        inbox = study / "inbox" / person
        inbox.mkdir(parents=True)
        export = SAMPLES[name].write(inbox)
        if share is None:
            (export / "EDA.csv").write_bytes(b"\x00\xff" * 500)
        else:
            content = export.read_bytes()
            export.write_bytes(content[: int(share * len(content))])
    last = study / "inbox" / people[-1]
    last.mkdir()
    with zipfile.ZipFile(last / "session.zip", "w") as archive:
        archive.writestr("../../../EDA.csv", "1\n")
        archive.writestr("ACC.csv", "1\n")
    return study


def test_a_mixed_inbox_is_taken_in_in_one_run(tmp_path: Path) -> None:
    study = mixed_inbox(tmp_path)
    command = [sys.executable, "-m", "flows.cli", "ingest", str(study), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 3, done.stderr[-3000:]
    outcomes = {one["unit"]: one for one in json.loads(done.stdout)["outcomes"]}
    refused = {unit: one["detail"] for unit, one in outcomes.items() if one["status"] == "refused"}
    assert len(refused) == len(CORRUPT) + 1, refused
    assert sum("points outside itself" in text for text in refused.values()) == 1
    assert len(outcomes) == len(SAMPLES) + len(CORRUPT) + 1
    assert {one["status"] for one in outcomes.values()} == {"done", "refused"}
    reasons = sorted(json.loads(p.read_text())["fault"] for p in (study / "quarantine").rglob("*.reason.json"))
    assert reasons.count("hostile") == 1
    taken = [pl.read_parquet(p) for p in (study / ".sleeploop" / "recordings").rglob("recordings.parquet")]
    assert sorted(row["reader"][0] for row in taken) == sorted(SAMPLES)
    assert not [p for p in tmp_path.rglob("EDA.csv") if "inbox" not in p.parts and "quarantine" not in p.parts]
