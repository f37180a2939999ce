"""The import rules of the house, read from the code; and that everything imports, cheaply where it must."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("pipeline", "flows")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "__main__.py"
)
STDLIB = set(sys.stdlib_module_names)

# Room → rooms of ours it may import. A room's own lower files are allowed; siblings that are listed things are not.
OURS: dict[str, set[str]] = {
    "errors": set(),
    "room": {"errors"},
    "zones": {"errors"},
    "clock": {"zones"},
    "recording": {"clock"},
    "settings": {"errors", "clock"},
    "code_version": set(),
    "dataset": {"errors"},
    "signals": {"recording", "clock", "errors"},
    "devices": {"recording", "clock", "errors", "retime", "room"},
    "simulate": {"recording", "clock", "errors"},
    "features": {"recording", "clock", "signals", "dataset", "errors"},
    "scores": {"dataset", "errors"},
    "report": {"dataset", "errors", "clock"},
    "travel": {"clock", "errors"},
    "participants": {"clock", "errors"},
    "retime": {"recording"},
    "clocks": {"clock", "recording", "retime", "signals"},
    "synchrony": {"clock", "clocks", "dataset", "extract", "recording", "signals", "study"},
    "privacy": {"clock", "dataset", "errors", "recording", "retime"},
    "guard": {"errors", "room"},
    "conflicts": {"errors", "extract", "features", "recording", "signals"},
    "study_lock": {"errors"},
    "study": {
        "clock",
        "dataset",
        "devices",
        "errors",
        "participants",
        "privacy",
        "recording",
        "settings",
        "study_lock",
        "travel",
    },
    "new_study": {"clock", "dataset", "devices", "errors", "guard", "participants", "study"},
    "extract": {"clocks", "clock", "dataset", "devices", "errors", "features", "privacy", "recording", "study"},
    "extracted_files": {"dataset", "extract", "study"},
    "shared_tables": {"dataset", "devices", "errors", "extracted_files", "privacy", "study"},
    "eeg_align": {"clock", "extract", "features", "recording"},
    "scorings": {"clock", "extract", "features", "recording", "signals"},
    "lending": {"clock", "clocks", "extract", "features", "recording", "scorings", "study", "synchrony"},
    "align": {
        "zones",
        "clock",
        "dataset",
        "eeg_align",
        "errors",
        "extract",
        "features",
        "recording",
        "scorings",
        "study",
    },
    "steps": {"align", "clock", "dataset", "extract", "features", "privacy", "report", "scores", "study"},
    "quarantine": {"dataset", "errors", "privacy", "study"},
    "units": {
        "align",
        "code_version",
        "conflicts",
        "dataset",
        "errors",
        "extract",
        "extracted_files",
        "features",
        "lending",
        "privacy",
        "quarantine",
        "shared_tables",
        "settings",
        "steps",
        "study",
        "synchrony",
    },
}
OTHERS: dict[str, set[str]] = {
    "settings": {"pydantic"},
    "dataset": {"polars"},
    "signals": {"numpy", "scipy", "mne"},
    "devices": {"numpy", "polars", "mne", "defusedxml", "python_calamine", "h5py", "fastavro", "fitdecode"},
    "simulate": {"numpy", "scipy", "polars", "edfio"},
    "features": {"numpy", "scipy", "polars"},
    "scores": {"numpy", "polars", "scipy"},
    "report": {"numpy", "polars", "jinja2", "PIL"},
    "clock": {"numpy"},
    "recording": {"numpy"},
    "extract": {"numpy", "polars"},
    "scorings": {"numpy", "polars"},
    "align": {"numpy", "polars"},
    "eeg_align": {"numpy", "polars"},
    "lending": {"numpy", "polars"},
    "steps": {"polars"},
    "conflicts": {"numpy", "polars"},
    "retime": {"numpy"},
    "synchrony": {"numpy", "polars"},
    "extracted_files": {"polars"},
    "shared_tables": {"polars"},
    "quarantine": {"polars"},
    "units": {"polars"},
}
FLOWS_OTHERS = {"prefect", "rich", "typer", "polars"}
LISTED = {"devices": "READER", "features": "FAMILY", "scores": "SCORE"}


def _path(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    inside = path / "__init__.py"
    return inside if inside.is_file() else path.with_suffix(".py")


def _imports(module: str) -> set[str]:
    out: set[str] = set()
    for node in ast.walk(ast.parse(_path(module).read_bytes())):
        if isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            assert node.module is not None
            out |= {
                f"{node.module}.{a.name}" if f"{node.module}.{a.name}" in MODULES else node.module for a in node.names
            }
    return out


def _room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "pipeline" and len(parts) > 1 else parts[0]


def test_every_module_imports() -> None:
    code = "import importlib, warnings\nwarnings.simplefilter('error', SyntaxWarning)\n" + "\n".join(
        f"importlib.import_module({name!r})" for name in MODULES
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("pipeline.")])
def test_pipeline_modules_import_only_what_their_room_may(module: str) -> None:
    room = _room(module)
    assert room in OURS, f"{room} is a new room: give it a line in the import rules"
    for name in _imports(module):
        top = name.split(".")[0]
        if top == "pipeline":
            target = _room(name)
            assert target == room or target in OURS[room] or name == "pipeline", f"{module} imports {name}"
        elif top not in STDLIB:
            assert top in OTHERS.get(room, set()), f"{module} imports {top}"


@pytest.mark.parametrize("module", [m for m in MODULES if m.startswith("flows")])
def test_prefect_is_imported_only_in_flows_and_nothing_else_that_is_heavy(module: str) -> None:
    others = {name.split(".")[0] for name in _imports(module)} - STDLIB - {"pipeline", "flows"}
    assert others <= FLOWS_OTHERS


@pytest.mark.parametrize("room", sorted(LISTED))
def test_listed_siblings_do_not_import_each_other(room: str) -> None:
    listed = {
        m
        for m in MODULES
        if m.startswith(f"pipeline.{room}.")
        and any(
            isinstance(node, ast.Assign | ast.AnnAssign)
            and any(isinstance(t, ast.Name) and t.id == LISTED[room] for t in _targets(node))
            for node in ast.parse(_path(m).read_bytes()).body
        )
    }
    assert len(listed) >= 2
    for module in listed:
        assert not (_imports(module) & listed), f"{module} imports a sibling"


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def test_modules_within_a_room_do_not_import_in_circles() -> None:
    graph = {module: {name for name in _imports(module) if name in MODULES} for module in MODULES}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"circle: {' → '.join((*trail, module))}"
        if module not in done:
            for name in graph[module] - {module}:
                walk(name, (*trail, module))
            done.add(module)

    for module in MODULES:
        walk(module, ())


@pytest.mark.parametrize(
    "module", ["flows.cli", "flows.explanation", "flows.doctor", "flows.summary", "flows.simulation"]
)
def test_commands_that_run_no_flow_import_nothing_heavy(module: str) -> None:
    code = (
        f"import sys, {module}; print([m for m in ('prefect', 'mne', 'neurokit2', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


def test_families_readers_and_scores_that_exist_are_listed() -> None:
    features = importlib.import_module("pipeline.features")
    names = {family.name for family in features.FAMILIES}
    for module in MODULES:
        if module.startswith("pipeline.features."):
            family = getattr(importlib.import_module(module), "FAMILY", None)
            assert family is None or family.name in names, f"{module} is not listed"
