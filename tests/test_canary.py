"""Names, birth dates, serial numbers and places planted in exports: they come out nowhere.

Every format that has a place for them plants some (`Sample.planted`); they are looked for in what a reader returns, in
every table, in the page, and in the words of every fault that damaged copies cause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from handmade import SAMPLES
from handmade.sample import Sample

from pipeline import units
from pipeline.devices import read_export
from pipeline.errors import FileFault
from pipeline.recording import Recording
from pipeline.study import open_study

planting = pytest.mark.parametrize("name", sorted(name for name, sample in SAMPLES.items() if sample.planted))


def study_with(folder: Path, name: str) -> Path:
    """A study with the planted export as the one of P1."""
    study = empty_study(folder, shifted=False)
    inbox = study / "inbox" / "P1"
    export = SAMPLES[name].write(inbox)
    (inbox / f"{export.name}.json").write_text('{"start": "2024-03-01T22:00:00"}')
    return study


def empty_study(folder: Path, *, shifted: bool) -> Path:
    """A study of P1 without an export."""
    study = folder / "study"
    (study / "inbox" / "P1").mkdir(parents=True)
    key = '[privacy]\ndate_shift_key = "../key.tsv"\n' if shifted else ""
    (study / "study.toml").write_text(f'[study]\nzone = "Europe/Rome"\nday_one = 2024-03-01\n{key}')
    (study / "participants.tsv").write_text("participant_id\tage_y\tsex\nP1\t30\tF\n")
    if shifted:
        (folder / "key.tsv").write_text("participant_id\tweeks\nP1\t-5613\n*\t1234567\n")
    return study


def contents(folder: Path, names: str = "*") -> Iterator[tuple[str, bytes]]:
    """Everything written, tables as text."""
    for path in sorted(p for p in folder.rglob(names) if p.is_file()):
        yield path.name, path.read_bytes()
        if path.suffix == ".parquet":
            yield path.name, pl.read_parquet(path).write_json().encode()
            yield path.name, str(pl.read_parquet_metadata(path)).encode()


def run(folder: Path) -> list[str]:
    """Take everything in and assemble it, as a run does; what it says."""
    study = open_study(folder)
    said = [units.do_export(study, unit).detail for unit in units.plan(study).exports if unit.why]
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


_D, _M = "(?:2[89]|0?[1-5])", "0?[23]"
_MONTH = "(?:Feb(?:ruary|ruar|braio)?|F[ée]v(?:rier)?|Mar(?:ch|s|zo)?|M(?:ä|ae)rz)"
SPELLINGS = (
    rf"2024[-/._ ]?{_M}[-/._ ]?{_D}(?!\d)",  # 2024-03-01, 20240301
    rf"(?<![\d.])(?:{_D}[-/._]{_M}|{_M}[-/._]{_D})[-/._](?:20)?24(?![\d.])",  # 1.3.2024, 01/03/24, 3/1/24
    r"(?<![0-9a-f.])(?:2[89]02|0[1-5]03)(?:20)?24(?![0-9a-f])",
    rf"(?<!\d){_D}(?:st|nd|rd|th|\.)?[- /]{{0,2}}{_MONTH}\b",  # 1. März, 01-Mar-2024
    rf"\b{_MONTH}[- ./]{{1,2}}{_D}(?!\d|:)",  # March 1
    r"(?<![\d.])1709[0-5]\d{5}(?:\d{3}|\d{6}|\d{9})?(?!\d)",  # seconds, ms, µs or ns since 1970
)
"""How the days about `START`, in which every handmade export lies (28 February to 5 March 2024), are written."""
TRUE_DATES = re.compile("|".join(SPELLINGS).encode(), re.IGNORECASE)
OTHER_TRACES = re.compile(rb"(?<![0-9a-f.])2024(?![0-9a-f])|(?<![0-9a-f.])5613(?![0-9a-f])|Europe/Rome")
"""The year alone, the weeks of the shift, the place."""
DIGEST = re.compile(rb"(?<![0-9a-f])(?=[0-9]*[a-f])(?:[0-9a-f]{64}|[0-9a-f]{16}|[0-9a-f]{12})(?![0-9a-f])")
"""What receipts and tables hold of contents, settings and code: by chance one ends in '2feb'. One of digits alone may
be a time and is looked at all the same."""
DATED = ("visit_2024-03-01", "copy 1.3.2024")
"""Folders of exports: names bear dates, too."""


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01", "2024/3/1", "20240301T220000", "2024_03_01", "1.3.2024", "01.03.24", "3/1/24", "03/02/2024",
        "01-MAR-24", "01-Mar-2024", "1 March 2024", "March 1, 2024", "Fri Mar  1 22:00:00", "1. März 2024", "2 mars",
        "010324", "1709326800", "1709326800000", "1709326800000000000", "29.02.24",
    ],
)  # fmt: skip
def test_a_true_date_would_be_found_however_it_is_written(text: str) -> None:
    assert TRUE_DATES.search(f"at {text} it began".encode())


def test_a_digest_is_told_from_a_time() -> None:
    assert not DIGEST.sub(b"", b"2836875f4c18ed20944ef035c0496fd6b16d39bb2feb" + b"0" * 20)
    for kept in (b"1709326800000000000", b"170932680000", b"visit_20240301feb", b"20240301-2200", b"2feb"):
        assert DIGEST.sub(b"", kept) == kept


def put(sample: Sample, folder: Path) -> list[Path]:
    """The files of a sample in a folder of the inbox, with what the study must say of it beside them."""
    folder.mkdir(parents=True)
    asked, before = sample.asked, frozenset(folder.iterdir())
    export = sample.write(folder)
    files = [path for path in folder.rglob("*") if path.is_file() and path not in before]
    told = {
        "start": "2024-03-01T22:00:00", "channels": list(asked.eeg_channels), "units": dict(asked.units),
        "date_order": asked.date_order, "dialect": asked.dialect, "epoch_s": asked.epoch_s,
    }  # fmt: skip
    side = {key: value for key, value in told.items() if value}
    export.with_name(f"{export.name}.json").write_text(json.dumps(side))
    return files


def traces(study: Path, sample: Sample, said: list[str]) -> list[tuple[str, str]]:
    """Where a true date stands in the dataset, a page or a receipt, or a planted word in these, in quarantine or said.

    Exports are named, as they are, in the work folder, in quarantine and in what is said: the documents have it so.
    """
    entries = (path for folder in ("inbox", "quarantine") for path in (study / folder).rglob("*"))
    longest_first = sorted({path.name for path in entries}, key=len, reverse=True)
    names = re.compile("|".join(map(re.escape, longest_first)).encode())
    kept = [(file, names.sub(b"", content)) for file, content in contents(study / ".sleeploop")]
    clean = [*contents(study / "dataset"), *contents(study / "reports")]
    found = []
    for file, held in [*clean, *kept]:
        content = DIGEST.sub(b"", held)
        hits = [*TRUE_DATES.finditer(content)]
        hits += [] if file == "zone.json" else OTHER_TRACES.finditer(content)
        found += [(file, repr(content[max(hit.start() - 40, 0) : hit.end() + 20])) for hit in hits]
    told = [("said", line.encode()) for line in said] + list(contents(study / "quarantine", "*.reason.json"))
    for word in sample.planted:
        # Within a digest any four digits may stand.
        alone = re.compile(rb"(?<![0-9a-f])" + re.escape(word.encode()) + rb"(?![0-9a-f])")
        found += [(file, word) for file, content in [*clean, *kept, *told] if alone.search(content)]
    return found


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_no_output_shows_a_true_date_where_dates_are_shifted(name: str, tmp_path: Path) -> None:
    sample, rng = SAMPLES[name], np.random.default_rng(11)
    study = empty_study(tmp_path, shifted=True)
    put(sample, study / "inbox" / "P1" / DATED[0])
    said = run(study)
    assert pl.read_parquet(study / "dataset/recordings/P1.parquet").height == 1, said
    assert not traces(study, sample, said)
    for number in range(2):
        for file in put(sample, study / "inbox" / "P1" / f"{DATED[1]} {number}"):
            file.write_bytes(_damaged(file.read_bytes(), number, rng))
    said = run(study)
    assert pl.read_parquet(study / "dataset/failures/all.parquet").height, "nothing was refused: this shows less"
    assert not traces(study, sample, said)
