"""Stages in one export, EEG in another: the EEG is looked at with them, once, on the right clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from edfio import Edf, EdfSignal
from eeg_channels import LIGHTS_OUT_NS, codes, eeg_part
from nights import ROME
from numpy.typing import NDArray

from pipeline import lending, units
from pipeline.clock import EPOCH_NS, NS, to_ns
from pipeline.clocks import Correction
from pipeline.dataset import tables
from pipeline.extract import Extracted, extract, take_in
from pipeline.features import model_staging
from pipeline.lending import LEAST_EPOCHS, lend
from pipeline.recording import Hypnogram, Recording, Stage, StageSource, ZoneSource
from pipeline.simulate.eeg_artefacts import NO_ARTEFACTS
from pipeline.simulate.eeg_events import EegPlan, simulated_night
from pipeline.study import Export, Study, exports_of, open_study
from pipeline.synchrony import Settled, Taken

FS = 100.0
START = datetime(2024, 3, 12, 23)  # noqa: DTZ001  the wall clock in Rome, where a grid epoch begins
STAGE = codes("W5 225 315 R5 25")
WORDS = {0: "W", 2: "N2", 3: "N3", 4: "REM"}


@pytest.fixture(scope="module", autouse=True)
def _no_model() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_staging, "STAGERS", ())
        yield


def write_study(folder: Path) -> Path:
    """P1 with an EEG as EDF, without annotations, and its scoring as lines of text with a sidecar."""
    inbox = folder / "inbox" / "P1"
    inbox.mkdir(parents=True)
    (folder / "study.toml").write_text(f'[study]\nzone = "{ROME}"\n')
    (folder / "participants.tsv").write_text("participant_id\nP1\n")
    night = simulated_night(STAGE, FS, plan=EegPlan(artefacts=NO_ARTEFACTS), snr_db=16.0, seed=5)
    x = night.samples_uv[0].astype(np.float64).clip(-500, 500)
    signal = EdfSignal(x, FS, label="EEG C3-M2", physical_dimension="uV", physical_range=(-500, 500))
    edf = Edf([signal], starttime=START.time(), data_record_duration=30)
    edf.startdate = START.date()
    edf.write(inbox / "night.edf")
    lines = ["# 1 value per 30 seconds of data", *(WORDS[code] for code in STAGE.tolist())]
    (inbox / "scored.txt").write_text("\n".join(lines) + "\n")
    (inbox / "scored.txt.json").write_text(json.dumps({"start": START.isoformat()}))
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_study(tmp_path_factory.mktemp("lending"))


@pytest.fixture(scope="module")
def ran(written: Path) -> dict[str, pl.DataFrame]:
    """The tables after a first run."""
    study = open_study(written)
    for unit in units.plan(study).exports:
        outcome = units.do_export(study, unit)
        assert outcome.status is units.Status.DONE, outcome.detail
    outcome = units.do_participant(study, "P1")
    assert outcome.status is units.Status.DONE, outcome.detail
    names = ("recordings", "epochs", "eeg_epochs", "eeg_channels", "slow_waves", "spindles", "nights", "eeg_coupling")
    return {name: pl.read_parquet(written / f"dataset/{name}/P1.parquet") for name in names}


def expected(frame: pl.DataFrame, stage: NDArray[np.int8] = STAGE, begin_ns: int = LIGHTS_OUT_NS) -> list[str]:
    at = (frame["onset_utc"].dt.epoch("us").to_numpy() * 1000 - begin_ns) // EPOCH_NS
    return [str(Stage(stage[k]).symbol) for k in at.tolist()]


def test_events_stand_on_the_lent_stages(ran: dict[str, pl.DataFrame]) -> None:
    eeg = ran["recordings"].filter(pl.col("export") == "P1/night.edf").row(0, named=True)
    assert "stages" not in eeg["kinds"]
    spindles = ran["spindles"]
    assert spindles.height > 60
    assert spindles["stage"].to_list() == expected(spindles)
    assert set(spindles["stage"]) == {"N2", "N3"}
    searched = ran["eeg_epochs"].sort("start_utc")["searched"].to_numpy()
    np.testing.assert_array_equal(searched, np.isin(STAGE, (2, 3)))
    assert ran["eeg_channels"]["gain_staged"].all()
    assert set(ran["eeg_coupling"]["stage"]) == {"N2", "N3", "N2+N3"}
    row = ran["nights"].row(0, named=True)
    assert row["spindle_n2_per_min"] == pytest.approx(
        spindles.filter((pl.col("preset") == "yasa") & (pl.col("stage") == "N2")).height / 30.0
    )
    assert set(ran["epochs"]["stage_source"]) == {"expert"}


def test_no_epoch_of_the_eeg_is_said_to_be_scored_by_it(ran: dict[str, pl.DataFrame], written: Path) -> None:
    """Lent stages steer detectors; they do not become a second scoring."""
    del ran
    (kept,) = (written / ".sleeploop").rglob("staged-*")
    epochs = pl.read_parquet(kept / "epochs.parquet")
    assert epochs["stage"].null_count() == epochs.height > 0


def test_a_second_run_looks_at_nothing_again(
    ran: dict[str, pl.DataFrame], written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("looked at again")

    for where in ("pipeline.lending.take_in", "pipeline.synchrony.take_in", "pipeline.synchrony.read_in"):
        monkeypatch.setattr(where, never)
    outcome = units.do_participant(open_study(written), "P1")
    assert outcome.status is units.Status.DONE, outcome.detail
    again = pl.read_parquet(written / "dataset/spindles/P1.parquet")
    assert again.equals(ran["spindles"])


def test_with_a_clock_put_right_the_stages_are_lent_on_the_right_clock(
    ran: dict[str, pl.DataFrame], written: Path, tmp_path: Path
) -> None:
    """The EEG's clock is 10 min fast: put right, its epochs lie 10 min earlier, and so do the lent stages' epochs."""
    study, correction = open_study(written), Correction(LIGHTS_OUT_NS, 600.0, 0.0)
    given = {e.label: Taken(e, "ab"[k] * 64, tmp_path / f"{k}") for k, e in enumerate(exports_of(study, "P1"))}
    eeg, scoring = given["P1/night.edf"], given["P1/scored.txt"]
    parts = {
        "P1/night.edf": take_in(study, eeg.export, eeg.sha256, correction),
        "P1/scored.txt": take_in(study, scoring.export, scoring.sha256),
    }
    kept: dict[Path, Extracted] = {}
    settled = Settled(parts, {"P1/night.edf": correction}, tables.CLOCKS.empty())
    found = lend(study, given, settled, kept.__setitem__, kept.get)
    assert found["P1/scored.txt"] is parts["P1/scored.txt"]
    again = found["P1/night.edf"]
    assert to_ns(again.recordings.item(0, "start_utc")) == LIGHTS_OUT_NS - 600 * NS
    # What was scored is N2 or N3 from the fifth minute by the right clock: the EEG's fifteenth.
    searched = again.eeg_epochs.sort("start_utc")["searched"].to_numpy()
    late = np.zeros(len(STAGE), bool)
    late[20:] = np.isin(STAGE, (2, 3))[:-20]
    np.testing.assert_array_equal(searched, late)
    assert again.spindles["stage"].to_list() == expected(again.spindles)
    # The same look is found again, and one by another clock is another.
    assert lend(study, given, settled, kept.__setitem__, kept.get)["P1/night.edf"] is again
    assert len(kept) == 1
    lend(study, given, Settled(parts, {}, settled.clocks), kept.__setitem__, kept.get)
    assert len(kept) == 2
    assert ran["spindles"].height > 0


# ---------------------------------------------------------------- whose stages are lent


@dataclass
class Looks:
    """What was asked of `take_in`, and what was kept."""

    lent: list[Hypnogram | None] = field(default_factory=list)
    corrections: list[Correction | None] = field(default_factory=list)
    kept: dict[Path, Extracted] = field(default_factory=dict)


def hypnogram(text: str, source: StageSource, name: str, at_epoch: int = 0) -> Extracted:
    start = LIGHTS_OUT_NS + at_epoch * EPOCH_NS
    recording = Recording("x", ROME, ZoneSource.STUDY, hypnogram=Hypnogram(start, 30.0, codes(text), "x", source))
    export = Export("P1", Path(f"{name}.txt"), f"P1/{name}.txt", None)
    return extract(recording, export, "hand", name.ljust(64, "0"))


NOISE = np.random.default_rng(0).normal(0, 20, 80 * 3000).astype(np.float32)
EEG = "P1/eeg00.edf"


@pytest.fixture(scope="module")
def eeg() -> Extracted:
    """40 min of EEG from 23:00 on, without stages."""
    return eeg_part({"C3": NOISE}, name="eeg00")


def lent(
    monkeypatch: pytest.MonkeyPatch, written: Path, parts: list[Extracted], correction: Correction | None = None
) -> Looks:
    """What the EEG is looked at with, given all these parts."""
    study, looks = open_study(written), Looks()

    def look(
        _study: Study, _export: Export, _sha256: str, by: Correction | None = None, stages: Hypnogram | None = None
    ) -> Extracted:
        looks.lent.append(stages)
        looks.corrections.append(by)
        return parts[0]

    monkeypatch.setattr(lending, "take_in", look)
    by_label = {part.recordings.item(0, "export"): part for part in parts}
    given = {
        label: Taken(Export("P1", Path(label), label, None), part.recordings.item(0, "sha256"), Path(label))
        for label, part in by_label.items()
    }
    settled = Settled(by_label, {} if correction is None else {EEG: correction}, tables.CLOCKS.empty())
    found = lend(study, given, settled, looks.kept.__setitem__, looks.kept.get)
    assert found.keys() == by_label.keys()
    return looks


E, U, A, C, M = (
    StageSource.EXPERT, StageSource.UNKNOWN, StageSource.AUTOMATIC, StageSource.CONSUMER, StageSource.MODEL,
)  # fmt: skip


def test_the_most_trusted_are_lent_and_of_equals_the_fullest(
    monkeypatch: pytest.MonkeyPatch, written: Path, eeg: Extracted
) -> None:
    short, full = hypnogram("235", E, "short"), hypnogram("340", E, "full")
    unknown, software = hypnogram("R40", U, "unknown"), hypnogram("W40", A, "software")
    for parts, scorer, said in (
        ([unknown, short, software, full], "full", [3] * 80),
        # Behind the expert's last epoch the next trusted goes on, as on the participant's grid.
        ([unknown, short, software], "short", [2] * 70 + [4] * 10),
        ([software, unknown], "unknown", [4] * 80),
        ([software], "software", [0] * 80),
    ):
        (stages,) = lent(monkeypatch, written, [eeg, *parts]).lent
        assert stages is not None
        assert stages.scorer.startswith(scorer)
        assert stages.stages.tolist() == said
        assert stages.start_ns == LIGHTS_OUT_NS


def test_a_device_without_eeg_lends_nothing(monkeypatch: pytest.MonkeyPatch, written: Path, eeg: Extracted) -> None:
    for text in ("L20 310 R10", "220 310 R10"):  # whatever it calls its stages
        assert lent(monkeypatch, written, [eeg, hypnogram(text, C, "watch")]).lent == []
    assert lent(monkeypatch, written, [eeg]).lent == []


@pytest.mark.parametrize("text", ["L20 310 R10", "S30 W10"])
def test_a_scoring_that_knows_no_n2_lends_nothing_whoever_made_it(
    monkeypatch: pytest.MonkeyPatch, written: Path, eeg: Extracted, text: str
) -> None:
    assert lent(monkeypatch, written, [eeg, hypnogram(text, U, "text")]).lent == []
    (stages,) = lent(monkeypatch, written, [eeg, hypnogram(text, U, "text"), hypnogram("240", A, "soft")]).lent
    assert stages is not None
    assert set(stages.stages.tolist()) == {2}


def test_too_little_of_the_eeg_scored_is_not_lent(
    monkeypatch: pytest.MonkeyPatch, written: Path, eeg: Extracted
) -> None:
    for n, looks in ((LEAST_EPOCHS - 1, 0), (LEAST_EPOCHS, 1)):
        text = f"2{n / 2:g}"
        assert len(lent(monkeypatch, written, [eeg, hypnogram(text, E, "x")]).lent) == looks
    # What was scored before and behind the EEG does not count, however much.
    assert lent(monkeypatch, written, [eeg, hypnogram("2200", E, "before", -400)]).lent == []
    assert lent(monkeypatch, written, [eeg, hypnogram("2200", E, "late", 80 - LEAST_EPOCHS + 2)]).lent == []


def test_what_was_not_scored_is_lent_as_not_scored(
    monkeypatch: pytest.MonkeyPatch, written: Path, eeg: Extracted
) -> None:
    (stages,) = lent(monkeypatch, written, [eeg, hypnogram("220 ?5 310", E, "x", 4)]).lent
    assert stages is not None
    assert stages.start_ns == LIGHTS_OUT_NS + 4 * EPOCH_NS
    assert stages.stages.tolist() == [2] * 40 + [-1] * 10 + [3] * 20


def test_an_eeg_with_stages_of_its_own_borrows_none_and_one_without_any_scored_epoch_does(
    monkeypatch: pytest.MonkeyPatch, written: Path
) -> None:
    expert = hypnogram("340", E, "x")
    own = eeg_part({"C3": NOISE}, stage=codes("220 ?20"), source=A, name="eeg00")
    assert lent(monkeypatch, written, [own, expert]).lent == []
    unscored = eeg_part({"C3": NOISE}, stage=codes("?40"), name="eeg00")
    (stages,) = lent(monkeypatch, written, [unscored, expert]).lent
    assert stages is not None


def test_each_clock_and_each_scoring_is_kept_under_its_own_name(
    monkeypatch: pytest.MonkeyPatch, written: Path, eeg: Extracted
) -> None:
    clocks = (None, Correction(LIGHTS_OUT_NS, 5.0, 0.0), Correction(LIGHTS_OUT_NS, 6.0, 0.0))
    texts = ("340", "239.5 30.5", "339.5")
    names = set()
    for text in texts:
        for correction in clocks:
            looks = lent(monkeypatch, written, [eeg, hypnogram(text, E, "x")], correction)
            assert looks.corrections == [correction]
            (name,) = looks.kept
            names.add(name)
    assert len(names) == 9


def test_an_eeg_of_several_nights_borrows_the_scoring_of_each(monkeypatch: pytest.MonkeyPatch, written: Path) -> None:
    long = eeg_part({"C3": np.tile(NOISE, 6)}, name="eeg00")  # four hours
    first, last = hypnogram("2100", E, "first"), hypnogram("3100", E, "last", 280)
    software = hypnogram("W240", A, "software")
    (stages,) = lent(monkeypatch, written, [long, last, software, first]).lent
    assert stages is not None
    # 40 min open between the two nights are a hole within a scoring, which software does not fill.
    assert stages.stages.tolist() == [2] * 200 + [-1] * 80 + [3] * 200
    assert stages.scorer == f"{'first'.ljust(12, '0')}+{'last'.ljust(12, '0')}"
    (stages,) = lent(monkeypatch, written, [long, software, first]).lent
    assert stages is not None
    assert stages.stages.tolist() == [2] * 200 + [0] * 280
