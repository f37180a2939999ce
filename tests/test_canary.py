"""Names, birth dates, serial numbers and places planted in exports: they come out nowhere.

Every format that has a place for them plants some (`Sample.planted`); they are looked for in what a reader returns, in
every table, in the page, and in the words of every fault that damaged copies cause.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from handmade import SAMPLES
from handmade.sample import Sample

from pipeline import units
from pipeline.devices import read_export
from pipeline.errors import FileFault
from pipeline.recording import Recording
from pipeline.study import open_study

planting = pytest.mark.parametrize("name", sorted(name for name, sample in SAMPLES.items() if sample.planted))


def study_with(folder: Path, name: str, *, shifted: bool = False) -> Path:
    """A study with the planted export as the one of P1."""
    study = folder / "study"
    inbox = study / "inbox" / "P1"
    inbox.mkdir(parents=True)
    key = '[privacy]\ndate_shift_key = "../key.tsv"\n' if shifted else ""
    (study / "study.toml").write_text(f'[study]\nzone = "Europe/Rome"\nday_one = 2024-03-01\n{key}')
    (study / "participants.tsv").write_text("participant_id\tage_y\tsex\nP1\t30\tF\n")
    if shifted:
        (folder / "key.tsv").write_text("participant_id\tweeks\nP1\t-5613\n")
    export = SAMPLES[name].write(inbox)
    (inbox / f"{export.name}.json").write_text('{"start": "2024-03-01T22:00:00"}')
    return study


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything written, tables as text."""
    import polars as pl

    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield path.name, path.read_bytes()
        if path.suffix == ".parquet":
            yield path.name, pl.read_parquet(path).write_json().encode()
            yield path.name, str(pl.read_parquet_metadata(path)).encode()


def run(folder: Path) -> list[str]:
    """Take everything in and assemble it, as a run does; what it says."""
    study = open_study(folder)
    said = [units.do_export(study, unit).detail for unit in units.plan(study).exports]
    said += [units.do_participant(study, "P1").detail, units.do_cohort(study, ()).detail]
    return said


def everything(recording: Recording) -> str:
    """All words of a recording."""
    parts = (recording.device, recording.zone, recording.markers, recording.repairs, recording.rests)
    labels = [s.label for s in (*recording.signals, *recording.streams)]
    beats = "" if recording.beats is None else (recording.beats.label, recording.beats.unit_evidence)
    scorer = "" if recording.hypnogram is None else recording.hypnogram.scorer
    return repr((*parts, labels, beats, scorer, recording.saliva, recording.answers))


@planting
def test_what_is_planted_is_in_the_export(name: str, tmp_path: Path) -> None:
    path = SAMPLES[name].write(tmp_path)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    sought = b"".join(file.read_bytes() for file in files)
    if not SAMPLES[name].packed:
        for word in SAMPLES[name].planted:
            assert word.encode() in sought or word.encode("utf-16-le") in sought, word


@planting
def test_no_reader_lets_it_through(name: str, tmp_path: Path) -> None:
    sample = SAMPLES[name]
    _, recording = read_export(sample.write(tmp_path), sample.asked)
    found = everything(recording)
    assert not [word for word in sample.planted if word in found], found


@planting
def test_no_table_page_or_report_shows_it(name: str, tmp_path: Path) -> None:
    study = study_with(tmp_path, name)
    said = run(study)
    outputs = (
        list(contents(study / "dataset")) + list(contents(study / "reports")) + list(contents(study / ".sleeploop"))
    )
    assert len(outputs) > 10
    for word in SAMPLES[name].planted:
        assert not [line for line in said if word in line]
        # Within a digest any four digits may stand.
        alone = re.compile(rb"(?<![0-9a-f])" + re.escape(word.encode()) + rb"(?![0-9a-f])")
        assert not [file for file, content in outputs if alone.search(content)], word


@planting
def test_no_fault_of_a_damaged_copy_quotes_it(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    sample = SAMPLES[name]
    said = []
    for number in range(60):
        path = sample.write(_fresh(tmp_path / str(number)))
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        for file in files:
            file.write_bytes(_damaged(file.read_bytes(), number, rng))
        said.append(_words_of(path, sample))
    assert any(said), "no damage caused a fault: this test shows nothing"
    for word in sample.planted:
        assert not [text for text in said if word in text], word


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _damaged(content: bytes, number: int, rng: np.random.Generator) -> bytes:
    """Cut, or with bytes changed after the words that are planted (mostly in the head)."""
    if number % 3 == 0:
        return content[: int(rng.integers(1, len(content)))]
    changed = bytearray(content)
    share = 20 if number % 3 == 1 else 1000
    for place in rng.integers(0, len(changed), max(1, len(changed) // share)):
        changed[place] = int(rng.integers(0, 256))
    return bytes(changed)


def _words_of(path: Path, sample: Sample) -> str:
    try:
        _, recording = read_export(path, sample.asked)
        for stream in recording.streams:
            list(stream.pieces())
    except FileFault as fault:
        return str(fault)
    return ""


@pytest.mark.parametrize("name", ["actiwatch_awd", "edf", "epoch_csv"])
def test_no_output_shows_a_true_date_where_dates_are_shifted(name: str, tmp_path: Path) -> None:
    study = study_with(tmp_path, name, shifted=True)
    export = next(p for p in (study / "inbox/P1").iterdir() if p.suffix != ".json")
    dated = export.rename(export.with_name(f"P1_2024-03-01_{export.name}"))
    (study / f"inbox/P1/{export.name}.json").rename(study / f"inbox/P1/{dated.name}.json")
    (study / "inbox/P1/broken_2024-03-05.edf").write_bytes(b"0       " + b"x" * 300)
    run(study)
    outputs = list(contents(study / "dataset")) + list(contents(study / "reports"))
    for word in (b"2024", b"03-01", b"-5613", b"5613", b"Europe/Rome", dated.name.encode(), b"broken_2024"):
        assert not [file for file, content in outputs if word in content], word
