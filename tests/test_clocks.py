"""A strap whose clock is wrong beside a wristband whose clock a network set: compared, put right, reported."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline import units
from pipeline.clock import NS
from pipeline.clocks import Correction, compare, corrected, pairs
from pipeline.devices.reader import utc_from_wall
from pipeline.recording import Beats, Hypnogram, Kind, Marker, Recording, Signal, SignalStream, ZoneSource
from pipeline.signals.traces import Trace, beat_trace
from pipeline.study import open_study

START = datetime(2024, 3, 1, 22)  # noqa: DTZ001
T0_S = utc_from_wall(START, "Europe/Rome") // NS
HOURS = 5


def beats_s(rng: np.random.Generator) -> np.ndarray:
    t = np.arange(0, HOURS * 3600)
    noise = np.convolve(rng.normal(0, 1, len(t) + 39), np.ones(40) / 40, "valid")
    bpm = 62 + 6 * np.sin(t / 3000) + 25 * noise
    phase = np.cumsum(bpm / 60)
    return np.interp(np.arange(1, phase[-1]), phase, t)


def write_study(folder: Path, offset_s: float, drift_s_per_h: float, extra: str = "") -> Path:
    """P1 with a strap that is offset_s late at the start and drifts, and an E4 whose clock is right."""
    rng = np.random.default_rng(5)
    inbox = folder / "inbox" / "P1"
    inbox.mkdir(parents=True)
    (folder / "study.toml").write_text(f'[study]\nzone = "Europe/Rome"\n{extra}')
    (folder / "participants.tsv").write_text("participant_id\nP1\n")
    true = beats_s(rng)
    by_strap = true + offset_s + drift_s_per_h * true / 3600
    rows = [
        f"{START + timedelta(seconds=round(float(at), 3)):%Y-%m-%d %H:%M:%S.%f},{1000 * rr:.0f}"
        for at, rr in zip(by_strap[1:], np.diff(by_strap), strict=True)
    ]
    (inbox / "strap.csv").write_text("timestamp,rr_ms\n" + "\n".join(rows) + "\n")
    seen = true[1:] + 0.2 + rng.normal(0, 0.01, len(true) - 1)
    ibi = "".join(f"{at:.6f},{rr:.6f}\n" for at, rr in zip(seen, np.diff(true), strict=True) if rng.random() > 0.2)
    with zipfile.ZipFile(inbox / "e4.zip", "w") as archive:
        archive.writestr("IBI.csv", f"{T0_S}.0, IBI\n{ibi}")
        for name, fs, value in (("EDA", 4, 0.7), ("TEMP", 4, 33.1), ("BVP", 64, 1.0)):
            archive.writestr(f"{name}.csv", f"{T0_S}.0\n{fs}.0\n" + f"{value}\n" * (fs * HOURS * 3600))
    return folder


def run(folder: Path) -> dict[str, pl.DataFrame]:
    study = open_study(folder)
    for unit in units.plan(study).exports:
        outcome = units.do_export(study, unit)
        assert outcome.status is units.Status.DONE, outcome.detail
    outcome = units.do_participant(study, "P1")
    assert outcome.status is units.Status.DONE, outcome.detail
    return {t: pl.read_parquet(folder / f"dataset/{t}/P1.parquet") for t in ("clocks", "recordings", "epochs")}


@pytest.mark.parametrize(("offset_s", "drift_s_per_h"), [(47.0, -6.0), (-88.0, 9.5)])
def test_a_wrong_clock_is_put_right_and_reported(tmp_path: Path, offset_s: float, drift_s_per_h: float) -> None:
    wrong = run(write_study(tmp_path / "wrong", offset_s, drift_s_per_h))
    right = run(write_study(tmp_path / "right", 0.0, 0.0))
    row = wrong["clocks"].row(0, named=True)
    assert row["applied"]
    assert row["trace"] == "heart rate"
    assert row["drift_s_per_h"] == pytest.approx(drift_s_per_h, abs=0.2)
    assert row["offset_s"] == pytest.approx(offset_s + drift_s_per_h * HOURS / 2 - 0.2, abs=1.0)
    assert row["reference"] == wrong["recordings"].filter(pl.col("reader") == "empatica_e4")["recording"][0]
    strap = wrong["recordings"].filter(pl.col("reader") == "rr_text").row(0, named=True)
    assert any("clock corrected by" in text for text in strap["repairs"])
    both = wrong["epochs"].join(right["epochs"], on="start_utc", suffix="_right").drop_nulls(["hr_bpm", "hr_bpm_right"])
    assert both.height > HOURS * 110
    assert (both["hr_bpm"] - both["hr_bpm_right"]).abs().median() < 0.3  # type: ignore[operator]
    off = run(write_study(tmp_path / "off", offset_s, drift_s_per_h, "[clocks]\ncorrect = false\n"))
    assert not off["clocks"]["applied"][0]
    assert "switched off" in off["clocks"]["reason"][0]
    uncorrected = off["epochs"].join(right["epochs"], on="start_utc", suffix="_right")
    assert (uncorrected["hr_bpm"] - uncorrected["hr_bpm_right"]).abs().median() > 1.0  # type: ignore[operator]


def test_clocks_that_agree_are_left_alone(tmp_path: Path) -> None:
    found = run(write_study(tmp_path / "right", 0.0, 0.0))
    row = found["clocks"].row(0, named=True)
    assert not row["applied"]
    assert row["reason"].startswith("the clocks agree to 0.")
    assert row["confidence"] > 0.8


def test_a_second_run_reads_no_export_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_study(tmp_path / "s", 47.0, -6.0)
    run(folder)

    def never(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr("pipeline.synchrony.read_in", never)
    monkeypatch.setattr("pipeline.synchrony.take_in", never)
    outcome = units.do_participant(open_study(folder), "P1")
    assert outcome.status is units.Status.DONE


def test_everything_that_a_clock_stamped_moves_with_it() -> None:
    t0 = T0_S * NS
    signal = Signal(Kind.HR, "hr", 1.0, t0, np.ones(3600, np.float32))
    piece = Signal(Kind.ACC, "acc", 50.0, t0, np.ones((180_000, 3), np.float32))
    recording = Recording(
        "x", "UTC", ZoneSource.STUDY, signals=(signal,),
        streams=(SignalStream(Kind.ACC, "acc", 50.0, t0, piece.end_ns, 3600.0, lambda: iter((piece,))),),
        hypnogram=Hypnogram(t0, 30.0, np.zeros(120, np.int8), "x"),
        markers=(Marker(t0 + 3600 * NS, 0.0, "end"),),
    )  # fmt: skip
    # 20 s late at the start, 10 s more an hour later: the true hour is 3590 s long.
    moved = corrected(recording, Correction(t0, 20.0, 10.0))
    assert moved.signals[0].start_ns == t0 - 20 * NS
    assert moved.signals[0].end_ns == pytest.approx(t0 + 3570 * NS, abs=1000)
    assert moved.signals[0].fs_hz == pytest.approx(3600 / 3590)
    assert (moved.streams[0].start_ns, moved.streams[0].end_ns) == (t0 - 20 * NS, t0 + 3570 * NS)
    assert moved.streams[0].measured_s == pytest.approx(3590)
    assert next(moved.streams[0].pieces()).fs_hz == pytest.approx(50 * 3600 / 3590)
    assert moved.hypnogram is not None
    assert moved.hypnogram.end_ns == pytest.approx(t0 + 3570 * NS, abs=1000)
    assert moved.markers[0].time_ns == t0 + 3570 * NS


def row(name: str, kind: str, start_h: float, hours: float, clock: str = "device clock") -> dict[str, object]:
    start = datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=start_h)
    return {
        "recording": name, "export": name, "kinds": [kind], "clock": clock, "start_utc": start,
        "end_utc": start + timedelta(hours=hours),
    }  # fmt: skip


def test_a_short_overlap_does_not_move_a_long_recording() -> None:
    """A drift that an hour tells to 1 s/h would be off by minutes at the ends of two weeks."""
    rng = np.random.default_rng(3)
    true = beats_s(rng)
    true = true[true < 3600]
    one = beat_trace(Beats(np.rint(true[1:] * NS).astype(np.int64), np.diff(true), "", ""), 0, 3600)
    late = true + 7.0 + rng.normal(0, 0.01, len(true))
    two = beat_trace(Beats(np.rint(late[1:] * NS).astype(np.int64), np.diff(late), "", ""), 0, 3600)
    week = row("watch", "rr_s", -160.0, 14 * 24.0)
    (pair,) = pairs([row("e4", "rr_s", 0.0, 1.0, "utc"), week])
    found = compare(pair, {Trace.HEART: one}, {Trace.HEART: two})
    assert found is not None
    assert found.fit is not None
    assert found.fit.trusted
    assert not found.applied
    assert "unsure by" in found.reason
    (short,) = pairs([row("e4", "rr_s", 0.0, 1.0, "utc"), row("strap", "rr_s", 0.0, 1.0)])
    applied = compare(short, {Trace.HEART: one}, {Trace.HEART: two})
    assert applied is not None
    assert applied.applied


def test_references_are_settled_before_they_are_used() -> None:
    rows = [row("c", "rr_s", 4.0, 3.0), row("a", "rr_s", 0.0, 2.0, "utc"), row("b", "rr_s", 0.0, 6.0)]
    assert [(p.reference["recording"], p.other["recording"]) for p in pairs(rows)] == [("a", "b"), ("b", "c")]
