"""Ids, file names, links, sidecars, quarantine: nothing outside is read or written, and nothing steers a terminal."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pytest
from handmade import SAMPLES
from rich.console import Console

from flows.doctor import examine
from flows.progress import Bars, Lines
from flows.summary import plan_lines, run_lines
from pipeline import units
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.new_study import lay_out
from pipeline.quarantine import failures, reasons
from pipeline.study import exports_of, open_study, read_participants, unlisted_folders
from pipeline.units import Outcome, Status

SECRET = "# start: 2024-03-01T22:00:00\n# unit: ms\n" + "813\n" * 400


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A study of P1 with a good export, and a folder outside it."""
    folder = tmp_path / "study"
    (folder / "inbox/P1").mkdir(parents=True)
    (folder / "study.toml").write_text('[study]\nzone = "Europe/Rome"\n')
    (folder / "participants.tsv").write_text("participant_id\nP1\n")
    (folder / "inbox/P1/good.txt").write_text(SECRET.replace("813", "800"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret.txt").write_text(SECRET)
    return folder


def run(folder: Path) -> list[Outcome]:
    opened = open_study(folder)
    todo = units.plan(opened)
    done = [units.do_export(opened, unit) for unit in todo.exports if unit.why]
    return [*done, units.do_participant(opened, "P1"), units.do_cohort(opened, todo.strangers)]


def around(study: Path) -> set[Path]:
    """Everything beside the study."""
    return {path for path in study.parent.rglob("*") if not path.is_relative_to(study)}


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


# ---- ids -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../P1",
            "/etc",
            "a/b",
            "a\\b",
            "..",
            ".",
            "a\0b",
            "a b",
            "a\x1bb",
            "",
            "=P1",
            "-rf",
            "_P",
            "P" * 65,
            "P" * 5000,
        ),
        *("index", "INDEX", "con", "NUL", "com1", "Lpt9", "a.b", "P1;ls", "<b>", "P\u202e1", "e\u0301"),
    ],
)
def test_ids_that_are_no_file_names(name: str, tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text(f"participant_id\tage_y\n{name}\t30\n", newline="")
    with pytest.raises(StudyFault) as fault:
        read_participants(tmp_path / "participants.tsv")
    assert "\x1b" not in str(fault.value)


def test_ids_that_differ_in_case_only(tmp_path: Path) -> None:
    (tmp_path / "participants.tsv").write_text("participant_id\nP1\np1\n")
    with pytest.raises(StudyFault, match="twice"):
        read_participants(tmp_path / "participants.tsv")


def test_entries_of_a_source_become_ids_only_if_they_can(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    SAMPLES["rr_text"].write(source).rename(source / "a\tb.txt")
    with pytest.raises(StudyFault, match="id of a participant"):
        lay_out(tmp_path / "study", title="", zone=None, day_one=None, sources=(source,))


# ---- names of exports ------------------------------------------------------------------------------------------------

NAMES = (
    b"\x1b]0;owned\x07\x1b[2J.txt", b"line\nrun        1 exports, all well.txt", b"\xff\xfe\x80.txt", b"[/red].txt",
    "\u202etxt.exe.txt".encode(), "\x9b31m.txt".encode(), b"back\\slash.txt", b"$(touch sprung);`x`.txt", b"-rf.txt",
    b"=1+1.txt", b"x" * 200 + b".txt",
)  # fmt: skip


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_names_are_printed_and_stored_harmlessly(good: bool, study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = study / "inbox/P1"
    (inbox / "good.txt").unlink()
    for k, name in enumerate(NAMES):
        text = SECRET.replace("2024-03-01", f"2024-03-{k + 1:02d}") if good else f"no export {k}\n" * 10
        path = Path(os.fsdecode(os.fsencode(inbox) + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    before = around(study)
    opened = open_study(study)
    names = [export.relative for export in exports_of(opened, "P1")]
    assert len(set(names)) == len(NAMES)
    planned = plan_lines(opened, units.plan(opened))
    outcomes = run(study)
    assert [o.status for o in outcomes[:-2]] == [Status.DONE if good else Status.REFUSED] * len(NAMES)
    said = io.StringIO()
    reporters = Lines(Console(file=said, width=500)), Bars(Console(file=said, width=500, color_system=None))
    for reporter in reporters:
        reporter.started(len(NAMES), 1)
        for outcome in outcomes:
            reporter.finished("export", outcome)
        reporter.closed()
    lines = [*planned, *run_lines(opened, outcomes, units.plan(opened), 1.0), *(f.line for f in examine(study)), *names]
    for line in [*said.getvalue().splitlines(), *lines]:
        assert line.isprintable()
        assert not line.startswith("run        1 exports, all well")
    assert around(study) == before
    assert failures(opened).height == (0 if good else len(NAMES))
    assert {name.split("/")[0] for name in tree(study)} <= {
        *("inbox", "quarantine", "dataset", "reports", ".sleeploop", "study.toml", "participants.tsv"),
    }
    if not good:
        moved = [p for p in (study / "quarantine/P1").rglob("*.txt") if p.is_file()]
        assert len(moved) == len(NAMES)
        assert not [p for p in inbox.rglob("*") if p.is_file()]


def test_what_a_file_says_does_not_steer_a_terminal() -> None:
    label = "\x1b[2J\x07\r\x9b\u2028\u202e\x00\ud800\nforged line"
    fault = FileFault(Fault.CORRUPT, f"channel '{label}'", where=f"{label}.edf", known=label * 5000, hint=label)
    assert len(str(fault)) < 90_000
    assert str(fault).count("\n") == 2
    for line in str(fault).split("\n"):
        assert line.isprintable()
    assert not [line for line in str(fault).split("\n") if line.startswith("forged")]


# ---- links, pipes, depth ---------------------------------------------------------------------------------------------


def test_links_are_told_and_not_followed(study: Path) -> None:
    inbox, outside = study / "inbox", study.parent / "outside"
    (inbox / "P1/link.txt").symlink_to(outside / "secret.txt")
    (inbox / "P1/folder").symlink_to(outside, target_is_directory=True)
    (inbox / "P1/good.txt.json").symlink_to(outside / "side.json")
    (outside / "side.json").write_text('{"secret": 1}')
    (inbox / "sub-P1").symlink_to(outside, target_is_directory=True)
    os.mkfifo(inbox / "P1/pipe.txt")
    before = {path: path.read_bytes() for path in outside.iterdir()}
    opened = open_study(study)
    assert [export.relative for export in exports_of(opened, "P1")] == ["P1/good.txt"]
    told = unlisted_folders(opened)
    assert told == ["P1/folder", "P1/good.txt.json", "P1/link.txt", "P1/pipe.txt", "sub-P1"]
    outcomes = run(study)
    assert outcomes[0].status is Status.DONE
    assert "813" not in str(outcomes)
    assert {path: path.read_bytes() for path in outside.iterdir()} == before
    lines = [line for line in plan_lines(opened, units.plan(opened)) if line.startswith("blocked")]
    assert len(lines) == 5
    assert all("it is a link, a device, or nested too deep" in line for line in lines)


@pytest.mark.parametrize("name", ["empatica_e4", "mmash", "zmax"])
def test_a_folder_that_is_one_export_may_hold_no_link(name: str, tmp_path: Path) -> None:
    session = SAMPLES[name].write(tmp_path)
    if not session.is_dir():
        pytest.skip("its sample is a file")
    (tmp_path / "outside").write_text("1\n")
    (session / "tags.csv").unlink(missing_ok=True)
    (session / "tags.csv").symlink_to(tmp_path / "outside")
    with pytest.raises(FileFault) as fault:
        read_export(session, SAMPLES[name].asked)
    assert (fault.value.fault, fault.value.what) == (Fault.HOSTILE, "it is or holds a link, a device or a pipe")


def test_a_link_given_by_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(FileFault) as fault:
        read_export(tmp_path / "link.txt", Asked(zone="Europe/Rome"))
    assert fault.value.fault is Fault.HOSTILE


def test_folders_in_folders_end_somewhere(study: Path) -> None:
    deep = study / "inbox/P1" / "/".join("d" * 200)
    deep.mkdir(parents=True)
    (deep / "x.txt").write_text(SECRET)
    opened = open_study(study)
    assert [export.relative for export in exports_of(opened, "P1")] == ["P1/good.txt"]
    assert [name for name in unlisted_folders(opened) if name.startswith("P1/d/d")]


def test_a_source_is_copied_without_its_links(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    session = SAMPLES["empatica_e4"].write(source).rename(source / "A1")
    (tmp_path / "secret").write_text(SECRET)
    (session / "info.txt").symlink_to(tmp_path / "secret")
    (source / "A2.txt").symlink_to(tmp_path / "secret")
    (session / "ok.txt").write_text("fine")
    (session / "inside").mkdir()
    SAMPLES["rr_text"].write(session / "inside")
    shutil.copy(session / "inside/strap.txt", session / "strap.txt")
    people = lay_out(tmp_path / "study", title="", zone=None, day_one=None, sources=(source,))
    assert people == ["A1"]
    assert (tmp_path / "study/inbox/A1/A1/ACC.csv").is_file()
    assert not (tmp_path / "study/inbox/A1/A1/info.txt").exists()


# ---- headers that name other files -----------------------------------------------------------------------------------

VHDR = """Brain Vision Data Exchange Header File Version 1.0
[Common Infos]
DataFile={data}
MarkerFile={marker}
DataFormat=BINARY
DataOrientation=MULTIPLEXED
NumberOfChannels=1
SamplingInterval=10000
[Binary Infos]
BinaryFormat=INT_16
[Channel Infos]
Ch1=Fz,,0.5,µV
"""
VMRK = "Brain Vision Data Exchange Marker File, Version 1.0\n[Common Infos]\nDataFile=a.eeg\n[Marker Infos]\n"


def brainvision(folder: Path, data: str, marker: str) -> Path:
    folder.mkdir()
    path = folder / "a.vhdr"
    path.write_text(VHDR.format(data=data, marker=marker))
    for place in (folder, folder.parent):
        (place / "a.eeg").write_bytes(bytes(range(200)) * 20)
        (place / "a.vmrk").write_text(VMRK)
    return path


def test_a_brainvision_header_names_files_beside_it(tmp_path: Path) -> None:
    _, recording = read_export(brainvision(tmp_path / "P1", "a.eeg", "a.vmrk"), SAMPLES["edf"].asked)
    assert len(recording.signals[0].samples) == 2000


@pytest.mark.parametrize("place", ["../a.{}", "{}/a.{}", "..\\a.{}", "sub/../../a.{}", "link.{}"])
@pytest.mark.parametrize("which", ["data", "marker"])
def test_a_brainvision_header_reaches_no_further(place: str, which: str, tmp_path: Path) -> None:
    ending = "eeg" if which == "data" else "vmrk"
    name = place.format(ending) if place.count("{}") == 1 else place.format(tmp_path, ending)
    given = {"data": "a.eeg", "marker": "a.vmrk", which: name}
    path = brainvision(tmp_path / "P1", given["data"], given["marker"])
    (path.parent / "sub").mkdir()
    (path.parent / f"link.{ending}").symlink_to(tmp_path / f"a.{ending}")
    with pytest.raises(FileFault) as fault:
        read_export(path, SAMPLES["edf"].asked)
    assert fault.value.fault in {Fault.HOSTILE, Fault.TRUNCATED}
    assert "names" in fault.value.what


# ---- sidecars --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "side",
    [
        b"[" * 100_000,
        b'{"start": ' + b"[" * 100_000,
        b'{"zone": "../../etc/passwd"}',
        b'{"zone": "a\\u0000b"}',
        b'{"zone": "\\ud800"}',
        b'{"channels": ["\\ud800\\u001b[2J"], "x": 1}',
        b'{"epoch_s": 1e999}',
        b'{"start": "\\u001b[2J"}',
        b'{"dialect": "' + b"x" * 5000 + b'"}',
        b'{"units": {"../../x": 5}}',
        b"\xff\xfe\x00",
        b'{"' + b"x" * 2_000_000 + b'": 1}',
    ],
    ids=lambda side: side[:16].decode("latin-1"),
)
def test_a_hostile_sidecar_costs_its_export_at_most(side: bytes, study: Path) -> None:
    (study / "inbox/P1/other.txt").write_text(SECRET.replace("2024-03-01", "2024-03-05"))
    (study / "inbox/P1/good.txt.json").write_bytes(side)
    outcomes = {outcome.unit: outcome for outcome in run(study)}
    assert outcomes["P1/other.txt"].status is Status.DONE
    assert outcomes["P1/good.txt"].status in {Status.REFUSED, Status.DONE}
    assert outcomes["P1"].status is Status.DONE
    assert len(outcomes["P1/good.txt"].detail) < 90_000


# ---- quarantine ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", ['{"participant": "P1", "export": {}}', '{"participant": "P1", "export": "../../x"}', "[]"]
)
@pytest.mark.parametrize("name", ["forged.reason.json", "S1/forged.reason.json", "forged.reason"])
def test_an_export_cannot_pass_for_a_reason(name: str, content: str, study: Path) -> None:
    path = study / "inbox/P1" / name
    if "/" in name:
        path.parent.mkdir()
        for stream in ("ACC.csv", "EDA.csv", "TEMP.csv"):
            (path.parent / stream).write_text("no number\n")
    path.write_text(content)
    if name.endswith(".reason"):
        path.with_name(f"{path.name}.json").write_text(content)
    outcomes = run(study)
    assert outcomes[-1].status is Status.DONE
    unit = "P1/S1" if "/" in name else f"P1/{name}"
    assert [reason["export"] for reason in reasons(open_study(study))] == [unit]
    assert failures(open_study(study)).height == 1


def test_a_reason_that_was_altered_is_left(study: Path) -> None:
    (study / "quarantine/P1").mkdir(parents=True)
    for k, content in enumerate(({"participant": "P1"}, {"participant": "P1", "export": 5}, [1], None)):
        (study / f"quarantine/P1/{k}.reason.json").write_text(json.dumps(content))
    assert reasons(open_study(study)) == []


def test_a_labels_path_is_never_used_as_one(study: Path) -> None:
    path = SAMPLES["edf"].write(study / "inbox/P1")
    content = path.read_bytes()
    for label in (b"../../../x", b"/etc/passwd", b"..\\..\\x", b"a\nb"):
        path.write_bytes(content[:256] + label.ljust(16) + content[272:])
        before = around(study)
        (study / "inbox/P1/night.edf.json").write_text(json.dumps({"channels": [label.decode()]}))
        opened = open_study(study)
        for unit in units.plan(opened).exports:
            if unit.export.path == path:
                assert units.do_export(opened, unit).status is Status.DONE
        assert around(study) == before
