"""The study folder: participants, exports, sidecars; and the words when something is wrong."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from pipeline import units
from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.new_study import lay_out
from pipeline.recording import ZoneSource
from pipeline.study import asked_of, exports_of, open_study, read_participants, unlisted_folders

RR = "# device: Polar H10\n# start: 2024-03-01T22:00:00\n# unit: ms\n" + "900\n" * 50


def _study(folder: Path, tsv: str = "participant_id\tage_y\tsex\tzone\nP1\t34\tF\tn/a\nP2\t\t\tEurope/Oslo\n") -> Path:
    (folder / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (folder / "participants.tsv").write_text(tsv)
    for name in ("P1", "P2"):
        (folder / "inbox" / name).mkdir(parents=True, exist_ok=True)
    return folder


def test_participants_keep_unknown_as_unknown(tmp_path: Path) -> None:
    people = read_participants(_study(tmp_path) / "participants.tsv")
    assert (people["P1"].age_y, people["P1"].sex, people["P1"].zone) == (34.0, "F", None)
    assert (people["P2"].age_y, people["P2"].sex, people["P2"].zone) == (None, None, "Europe/Oslo")


@pytest.mark.parametrize(
    ("tsv", "says"),
    [
        ("name\nP1\n", "no column participant_id"),
        ("participant_id\nP1\nsub-P1\n", "stands twice"),
        ("participant_id\n../x\n", "is not usable"),
        ("participant_id\tage_y\nP1\told\n", "age_y = 'old' is not a number"),
        ("participant_id\tsex\nP1\tx\n", "is not known"),
        ("participant_id\tzone\nP1\tEurope/Roma\n", "did you mean 'Europe/Rome'?"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path: Path, tsv: str, says: str) -> None:
    with pytest.raises(StudyFault) as fault:
        read_participants(_study(tmp_path, tsv) / "participants.tsv")
    assert says in str(fault.value)
    assert "participants.tsv" in str(fault.value)


def test_exports_are_files_and_bundles_without_sidecars_and_hidden_files(tmp_path: Path) -> None:
    study = open_study(_study(tmp_path))
    inbox = tmp_path / "inbox" / "P1"
    (inbox / "deep").mkdir()
    for name in ("a.txt", "a.txt.json", ".hidden", "deep/b.txt"):
        (inbox / name).write_text("{}" if name.endswith("json") else RR)
    for name in ("r.vhdr", "r.vmrk", "r.eeg"):
        (inbox / name).write_text("x")
    bundle = inbox / "session"
    bundle.mkdir()
    for name in ("ACC.csv", "EDA.csv", "TEMP.csv"):
        (bundle / name).write_text("1700000000\n4\n1\n")
    found = exports_of(study, "P1")
    assert [export.relative for export in found] == ["P1/a.txt", "P1/deep/b.txt", "P1/r.vhdr", "P1/session"]
    assert found[0].sidecar == inbox / "a.txt.json"


def test_what_a_wfdb_header_names_is_part_of_it_and_what_stands_alone_is_not(tmp_path: Path) -> None:
    study = open_study(_study(tmp_path))
    inbox = tmp_path / "inbox" / "P1"
    (inbox / "r.hea").write_text("r 1 100 2\nsignals.bin 16 1/mV 16 0 0 0 0 II\n")
    for name in ("r.atr", "r.qrs", "signals.bin", "alone.atr", "alone.ecg", "holter.hea", "holter.dat"):
        (inbox / name).write_bytes(b"not a header")
    relative = [export.path.name for export in exports_of(study, "P1")]
    assert relative == ["alone.atr", "alone.ecg", "holter.dat", "holter.hea", "r.hea"]


def test_the_zone_comes_from_sidecar_then_participant_then_study(tmp_path: Path) -> None:
    study = open_study(_study(tmp_path))
    for person in ("P1", "P2"):
        (tmp_path / "inbox" / person / "a.txt").write_text(RR)
    one, two = exports_of(study, "P1")[0], exports_of(study, "P2")[0]
    assert (asked_of(study, one).zone, asked_of(study, one).zone_source) == ("Europe/Rome", ZoneSource.STUDY)
    assert (asked_of(study, two).zone, asked_of(study, two).zone_source) == ("Europe/Oslo", ZoneSource.PARTICIPANT)
    two.path.with_name("a.txt.json").write_text(json.dumps({"zone": "Asia/Tokyo", "start": "2024-03-01T22:00"}))
    asked = asked_of(study, exports_of(study, "P2")[0])
    assert (asked.zone, asked.zone_source, asked.start is not None) == ("Asia/Tokyo", ZoneSource.SIDECAR, True)


@pytest.mark.parametrize(
    ("side", "says"),
    [
        ("{", "not JSON"),
        ('{"zome": "UTC"}', "did you mean 'zone'?"),
        ('{"start": "soon"}', "not a date and time"),
        ("[]", "object"),
    ],
)
def test_a_wrong_sidecar_costs_its_export_and_says_why(tmp_path: Path, side: str, says: str) -> None:
    study = open_study(_study(tmp_path))
    (tmp_path / "inbox" / "P1" / "a.txt").write_text(RR)
    (tmp_path / "inbox" / "P1" / "a.txt.json").write_text(side)
    with pytest.raises(FileFault) as fault:
        asked_of(study, exports_of(study, "P1")[0])
    assert fault.value.fault is Fault.SETTINGS
    assert says in str(fault.value)


def test_folders_of_nobody_are_listed(tmp_path: Path) -> None:
    study = open_study(_study(tmp_path))
    (tmp_path / "inbox" / "P9").mkdir()
    (tmp_path / "inbox" / "loose.txt").write_text(RR)
    assert unlisted_folders(study) == ["P9", "loose.txt"]


def test_a_new_study_takes_each_entry_as_one_participant_and_overwrites_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "sub-A").mkdir(parents=True)
    (source / "sub-A" / "night.txt").write_text(RR)
    (source / "B.txt").write_text(RR)
    (source / "readme.md").write_text("not an export")
    people = lay_out(tmp_path / "new", title='a "b"', zone="Europe/Rome", day_one=date(2018, 1, 9), sources=(source,))
    assert people == ["B", "A"]
    study = open_study(tmp_path / "new")
    assert study.settings.study.title == 'a "b"'
    assert study.settings.study.day_one == date(2018, 1, 9)
    assert [e.relative for name in study.participants for e in exports_of(study, name)] == [
        "B/B.txt",
        "A/sub-A/night.txt",
    ]
    with pytest.raises(StudyFault, match="is a study already"):
        lay_out(tmp_path / "new", title="", zone=None, day_one=None, sources=())


@pytest.mark.realdata
def test_mmash_folder_becomes_a_study_with_ages_and_sexes(real_data: Path, tmp_path: Path) -> None:
    lay_out(tmp_path / "m", title="", zone="Europe/Rome", day_one=date(2018, 1, 9), sources=(real_data / "mmash",))
    people = open_study(tmp_path / "m").participants
    assert len(people) == 10
    assert (people["user_1"].age_y, people["user_1"].sex) == (29.0, "M")


def test_what_belongs_to_a_header_counts_in_its_content_and_goes_where_it_goes(tmp_path: Path) -> None:
    folder = _study(tmp_path)
    inbox = folder / "inbox" / "P1"
    for name in ("night.vhdr", "night.vmrk", "night.eeg"):
        (inbox / name).write_text("Brain Vision Data Exchange Header File Version 1.0\nbroken")
    study = open_study(folder)
    (export,) = exports_of(study, "P1")
    assert [part.name for part in export.companions] == ["night.eeg", "night.vmrk"]
    before = units.plan(study).exports[0].sha256
    (inbox / "night.eeg").write_text("other samples")
    unit = units.plan(study).exports[0]
    assert unit.sha256 != before, "a changed data file is a changed export"
    assert units.do_export(study, unit).status is units.Status.REFUSED
    assert not list(inbox.iterdir())
    assert {p.name for p in (folder / "quarantine" / "P1").iterdir()} >= {"night.vhdr", "night.vmrk", "night.eeg"}


def test_links_in_the_inbox_are_not_followed(tmp_path: Path) -> None:
    folder = _study(tmp_path)
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(RR)
    (folder / "inbox" / "P1" / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "inbox" / "P1" / "folder").symlink_to(outside)
    (folder / "inbox" / "P2").rmdir()
    (folder / "inbox" / "P2").symlink_to(outside)
    study = open_study(folder)
    assert exports_of(study, "P1") == exports_of(study, "P2") == []
