"""Numbers that a file says of itself, and formats that could execute: EDF, JSON, workbooks, HDF5, pickles."""

from __future__ import annotations

import ast
import io
import json
import os
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from handmade import SAMPLES

from pipeline import room
from pipeline.devices import check_recording, claimant, json_text, read_export, sheets
from pipeline.devices.json_text import items_of, json_of
from pipeline.devices.reader import Asked
from pipeline.devices.sheets import spreadsheet
from pipeline.errors import Fault, FileFault

ASKED = SAMPLES["edf"].asked

# ---- EDF: fields of the handmade file (two signals), by their first byte and width -----------------------------------

DATE, RECORDS, LASTS, SIGNALS = (168, 8), (236, 8), (244, 8), (252, 4)
LOW, HIGH, DIGITAL_LOW, DIGITAL_HIGH, SAMPLES_A = (464, 8), (480, 8), (496, 8), (512, 8), (688, 8)


def edf(folder: Path, *changes: tuple[tuple[int, int], str]) -> Path:
    path = SAMPLES["edf"].write(folder)
    content = bytearray(path.read_bytes())
    for (at, width), text in changes:
        assert len(text) <= width
        content[at : at + width] = text.encode().ljust(width)
    path.write_bytes(content)
    return path


def refusal(path: Path, asked: Asked = ASKED) -> FileFault:
    with pytest.raises(FileFault) as fault:
        read_export(path, asked)
    assert fault.value.what
    assert "read to its end" not in fault.value.what, "met by chance, not by a check"
    return fault.value


def test_the_fields_are_where_they_are_taken_to_be(tmp_path: Path) -> None:
    same = [(RECORDS, "60"), (LASTS, "1"), (SIGNALS, "2"), (LOW, "-3276.8"), (HIGH, "3276.7"), (SAMPLES_A, "64")]
    same += [(DIGITAL_LOW, "-32768"), (DIGITAL_HIGH, "32767"), (DATE, "01.03.24")]
    assert edf(tmp_path, *same).read_bytes() == SAMPLES["edf"].write(tmp_path).read_bytes()


@pytest.mark.parametrize(
    ("field", "text", "fault"),
    [
        (SIGNALS, "0", Fault.CORRUPT),
        (SIGNALS, "-1", Fault.CORRUPT),
        (SIGNALS, "9999", Fault.CORRUPT),
        (SIGNALS, "4000", Fault.TRUNCATED),
        (SIGNALS, "1e3", Fault.CORRUPT),
        (RECORDS, "-2", Fault.CORRUPT),
        (RECORDS, "61", Fault.TRUNCATED),
        (RECORDS, "99999999", Fault.TRUNCATED),
        (RECORDS, "nan", Fault.CORRUPT),
        (LASTS, "0", Fault.CORRUPT),
        (LASTS, "-1", Fault.CORRUPT),
        (LASTS, "nan", Fault.CORRUPT),
        (LASTS, "inf", Fault.CORRUPT),
        (LASTS, "1e99", Fault.CORRUPT),
        (LASTS, "1e-7", Fault.CORRUPT),
        (SAMPLES_A, "-64", Fault.CORRUPT),
        (SAMPLES_A, "99999999", Fault.TRUNCATED),
        (DIGITAL_HIGH, "-32768", Fault.CORRUPT),
        (DIGITAL_HIGH, "-32769", Fault.CORRUPT),
        (HIGH, "-3276.8", Fault.CORRUPT),
        (HIGH, "nan", Fault.CORRUPT),
        (HIGH, "inf", Fault.CORRUPT),
        (HIGH, "1e99", Fault.CORRUPT),
        (DATE, "31.02.24", Fault.NO_START_TIME),
        (DATE, "xx.xx.xx", Fault.NO_START_TIME),
    ],
)
def test_impossible_edf_headers(field: tuple[int, int], text: str, fault: Fault, tmp_path: Path) -> None:
    path = edf(tmp_path, (field, text), ((192, 44), "EDF+C"), ((88, 80), ""))
    assert refusal(path, Asked(zone="Europe/Rome")).fault is fault


@pytest.mark.parametrize("fs_hz", [1e6, float("inf"), float("nan"), 0.0, -1.0])
def test_absurd_rates_are_refused(fs_hz: float, tmp_path: Path) -> None:
    reader, good = read_export(edf(tmp_path), ASKED)
    bad = replace(good, signals=tuple(replace(signal, fs_hz=fs_hz) for signal in good.signals))
    with pytest.raises(FileFault, match="has a rate of"):
        check_recording(reader, bad, tmp_path)


def test_no_number_of_records_means_those_that_are_there(tmp_path: Path) -> None:
    _, recording = read_export(edf(tmp_path, (RECORDS, "-1")), ASKED)
    assert any("60 were read" in text for text in recording.repairs)


@pytest.mark.parametrize("channel", [SAMPLES_A, (696, 8)], ids=["samples", "annotations"])
def test_what_edf_would_take_is_refused_before_it_is_allocated(
    channel: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edf(tmp_path, (RECORDS, "-1"), (channel, "2000000"), ((192, 44), "EDF+C"))
    os.truncate(path, 768 + 8 * 4_000_200)  # a hole: no disk is used
    monkeypatch.setattr(room, "_allowed_mb", 10)
    fault = refusal(path)
    assert (fault.fault, "10 MB that are allowed" in fault.what) == (Fault.TOO_LARGE, True)


def test_gaps_that_would_swell_are_refused_before_they_are_laid_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = edf(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"+69\x14\x14", b"+6900\x14\x14"))
    monkeypatch.setattr(room, "_allowed_mb", 1)
    assert refusal(path).fault is Fault.TOO_LARGE


# ---- JSON ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", ["", "[" + "0," * 100_000], ids=["at once", "after 200 kB"])
def test_depth_of_json_is_bounded(before: str, tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        json_of(tmp_path / "x.json", (before + "[" * 100_000).encode())
    assert fault.value.fault is Fault.HOSTILE


def test_depth_of_one_element_of_a_json_array_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(FileFault):
        list(items_of(io.BytesIO(b'[{"a":' + b"[" * 200_000), tmp_path / "x.json"))


def test_size_of_json_is_bounded_on_disk_and_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(b"[" + b"[]," * 1000 + b"[]]")
    with monkeypatch.context() as patch:
        patch.setattr(json_text, "MOST_JSON", 1000)
        with pytest.raises(FileFault, match="larger than"):
            json_of(path)
    monkeypatch.setattr(room, "_allowed_mb", 0.01)
    with pytest.raises(FileFault, match="of memory"):
        json_of(path)


@pytest.mark.parametrize("text", ['["\\ud800"]', '{"\\uDFFF": [1]}', "[NaN, -Infinity]", "[" + "9" * 5000 + "]"])
def test_what_json_says_can_be_stored(text: str, tmp_path: Path) -> None:
    try:
        for value in (
            json_of(tmp_path / "x.json", text.encode()),
            *items_of(io.BytesIO(f"[{text}]".encode()), tmp_path),
        ):
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except FileFault as fault:
        assert fault.fault is Fault.CORRUPT  # noqa: PT017


# ---- workbooks -------------------------------------------------------------------------------------------------------

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def xlsx(folder: Path, rows: str, texts: str = "", more: dict[str, bytes] | None = None) -> Path:
    path = folder / "diary.xlsx"
    links = "".join(
        f'<Relationship Id="r{k}" Type="{_REL}/{kind}" Target="{target}"/>'
        for k, (kind, target) in enumerate(
            [("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")]
        )
    )
    parts = {
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r" Type="{_REL}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_REL}"><sheets><sheet name="S" sheetId="1" r:id="r0"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{links}</Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{_MAIN}">{texts}</sst>',
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
        for name, content in (more or {}).items():
            archive.writestr(name, content)
    return path


def ods(folder: Path, rows: str) -> Path:
    path = folder / "diary.ods"
    names = "office", "table", "text"
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in names)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{manifest}"/>')
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="S">{rows}</table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    return path


def cells(path: Path) -> list[tuple[str, ...]]:
    (rows,) = [[tuple(map(str, row)) for row in rows] for rows in spreadsheet(path).values()]
    return rows


def repeated(what: str, times: int) -> str:
    return f'table:number-{what}-repeated="{times}"'


def cell(name: str, value: object = 1, kind: str = "n") -> str:
    return f'<row r="{name.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}"><c r="{name}" t="{kind}"><v>{value}</v></c></row>'


def test_a_plain_workbook_is_read(tmp_path: Path) -> None:
    assert cells(xlsx(tmp_path, cell("A1", 0, "s") + cell("A2", 7), "<si><t>night</t></si>")) == [("night",), ("7",)]
    held = '<table:table-cell office:value-type="float" office:value="7"/>'
    empty = '<table:table-row table:number-rows-repeated="1048574">'
    empty += '<table:table-cell table:number-columns-repeated="16384"/>'
    assert cells(ods(tmp_path, f"<table:table-row>{held * 2}</table:table-row>{empty}</table:table-row>")) == [
        ("7", "7")
    ]


@pytest.mark.parametrize(
    ("rows", "texts"),
    [
        (cell("A1") + cell("CV99999"), ""),
        (cell("XFD1") + cell("A9999"), ""),
        ("<row>" + '<c t="s"><v>0</v></c>' * 3000 + "</row>", f"<si><t>{'x' * 100_000}</t></si>"),
        ("<row>" + '<c t="s"><v>1</v></c>' * 3000 + "</row>", f"<si/><si><r><t>{'x' * 100_000}</t></r></si>"),
    ],
    ids=["rectangle", "rectangle of two corners", "shared text", "shared text in runs"],
)
def test_a_small_workbook_that_describes_a_large_one(rows: str, texts: str, tmp_path: Path) -> None:
    with pytest.raises(FileFault) as fault:
        spreadsheet(xlsx(tmp_path, rows, texts))
    assert (fault.value.fault, "save the sheet as csv" in fault.value.hint) == (Fault.TOO_LARGE, True)


@pytest.mark.parametrize(
    ("row", "before", "cell"),
    [
        ("", "", repeated("columns", 2_000_001)),
        (repeated("rows", 2_000_001), "", ""),
        ("", repeated("columns", 2_000_000), ""),
    ],
    ids=["columns", "rows", "behind empty cells"],
)
def test_cells_that_are_repeated(row: str, before: str, cell: str, tmp_path: Path) -> None:
    empty = f"<table:table-cell {before}/>" if before else ""
    held = f'<table:table-cell {cell} office:value-type="float" office:value="1"/>'
    rows = f"<table:table-row {row}>{empty}{held}</table:table-row>"
    with pytest.raises(FileFault) as fault:
        spreadsheet(ods(tmp_path, rows))
    assert (fault.value.fault, fault.value.what.startswith("the workbook is small")) == (Fault.TOO_LARGE, True)


def test_a_sheet_that_unpacks_to_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_SHEET_BYTES", 1024**2)
    with pytest.raises(FileFault, match="unpacks to more"):
        spreadsheet(xlsx(tmp_path, cell("A1"), more={"xl/media/image.png": bytes(5 * 1024**2)}))


def test_formulas_links_and_macros_are_not_followed(tmp_path: Path) -> None:
    formulas = '<c r="A1"><f>1+1</f><v>2</v></c><c r="B1" t="str"><f>cmd|\'/C calc\'!A0</f><v>kept</v></c>'
    outside = '<c r="C1"><f>WEBSERVICE("http://127.0.0.1:9")</f></c><c r="D1"><f>[1]S!A1</f><v>5</v></c>'
    link = (
        f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r" Type="{_REL}/externalLinkPath" TargetMode="External" '
    )
    link += 'Target="file:///etc/passwd"/></Relationships>'
    more = {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0", "xl/externalLinks/_rels/externalLink1.xml.rels": link.encode()}
    assert cells(xlsx(tmp_path, f'<row r="1">{formulas}{outside}</row>', more=more)) == [("2", "kept", "", "5")]


def test_entities_of_a_workbook_are_not_expanded(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(xlsx(tmp_path, cell("A1"))) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            dtd = '<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            bad = dtd + text.replace("<v>1</v>", "<v>&x;</v>") if name.endswith("sheet1.xml") else text
            new.writestr(name, bad)
    try:
        assert "root" not in str(spreadsheet(path))
    except FileFault as fault:
        assert "root" not in str(fault)  # noqa: PT017


# ---- HDF5 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["link", "storage", "virtual"])
def test_hdf5_does_not_reach_into_other_files(way: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = SAMPLES["dreem_h5"].write(tmp_path)
    (tmp_path / "secret").write_bytes(bytes(8000))
    with h5py.File(path, "r+") as file:
        if way == "link":
            file["outside"] = h5py.ExternalLink("secret.h5", "/")
        elif way == "storage":
            file.create_dataset("outside", (1000,), "f8", external=[(tmp_path / "secret", 0, 8000)])
        else:
            layout = h5py.VirtualLayout((10,), "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "secret.h5"), "x", (10,))
            file.create_virtual_dataset("outside", layout)
    assert refusal(path, SAMPLES["dreem_h5"].asked).fault is Fault.HOSTILE


# ---- what could execute ----------------------------------------------------------------------------------------------

FORBIDDEN_MODULES = {
    "pickle",
    "marshal",
    "shelve",
    "dill",
    "joblib",
    "yaml",
    "subprocess",
    "pty",
    "ctypes",
    "code",
    "runpy",
}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__"}
FORBIDDEN_METHODS = {"load", "system", "popen", "load_module", "read_pickle", "extractall"}
HARMLESS_OWNERS = {"json", "tomllib"}
HARMLESS = "json.load(x); re.compile(x); pl.read_csv(x); np.load(x, allow_pickle=False)"


def can_execute(node: ast.AST) -> bool:
    """Whether a statement imports, or a call is, something that executes what it reads."""
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in FORBIDDEN_MODULES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return str(node.module).split(".")[0] in FORBIDDEN_MODULES
    if not isinstance(node, ast.Call):
        return False
    if any(word.arg in {"allow_pickle", "shell"} and ast.unparse(word.value) != "False" for word in node.keywords):
        return True
    if isinstance(node.func, ast.Name):
        return node.func.id in FORBIDDEN_CALLS
    told = any(word.arg == "allow_pickle" for word in node.keywords)  # it is False, and said so
    is_method = isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_METHODS
    return is_method and not told and ast.unparse(node.func.value) not in HARMLESS_OWNERS


def test_no_module_reads_anything_that_can_execute(nodes: dict[str, tuple[ast.AST, ...]]) -> None:
    assert len(nodes) > 100
    assert [path for path, found in nodes.items() if any(map(can_execute, found))] == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from yaml import load",
        "np.load(p)",
        "np.load(p, allow_pickle=True)",
        "torch.load(p)",
        "eval(x)",
        "os.system(x)",
        "run(x, shell=True)",
    ],
)
def test_what_can_execute_is_told_from_what_cannot(code: str) -> None:
    assert any(map(can_execute, ast.walk(ast.parse(code))))
    assert not any(
        map(
            can_execute,
            ast.walk(ast.parse(HARMLESS)),
        )
    )


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("kind", ["pkl", "npy", "npz", "parquet", "arrow", "mat"])
def test_containers_of_objects_are_refused(kind: str, tmp_path: Path) -> None:
    path, sprung = tmp_path / f"x.{kind}", tmp_path / "sprung"
    objects = np.array([Trap(sprung)], dtype=object)
    if kind == "pkl":
        path.write_bytes(pickle.dumps(Trap(sprung)))
    elif kind == "npy":
        np.save(path, objects, allow_pickle=True)
    elif kind == "npz":
        np.savez(path, objects)
    elif kind == "parquet":
        pl.DataFrame({"timestamp": ["2024-03-01 22:00:00"], "activity": [1]}).write_parquet(path)
    elif kind == "arrow":
        pl.DataFrame({"x": [1]}).write_ipc(path)
    else:
        path.write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + bytes(100))
    with pytest.raises(FileFault) as fault:
        claimant(path)
    assert fault.value.fault is Fault.UNKNOWN_FORMAT
    assert not sprung.exists()
