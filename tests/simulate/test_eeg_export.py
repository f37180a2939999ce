"""A simulated night on disk: readers find the traces, the gaps and the stages; the truth stands beside them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.clock import NS, to_ns
from pipeline.devices import read_export
from pipeline.devices.reader import Asked
from pipeline.recording import Kind
from pipeline.simulate.eeg_artefacts import NO_ARTEFACTS, SPOILT, ArtefactPlan, Reason
from pipeline.simulate.eeg_events import Channel, EegPlan, SimulatedNight, simulated_night
from pipeline.simulate.eeg_export import START, eeg_export, event_truth
from pipeline.simulate.exports.edf import RANGE_UV, edf_channels_bytes

STAGES = np.repeat(np.array([0, 2, 3, 4], np.int8), 20)
CHANNELS = (Channel("EEG F3-M2"), Channel("EEG C3-M2", gain=0.9, delay_s=0.02))
STEP_UV = 2 * RANGE_UV / 65_535
START_NS = to_ns(START.replace(tzinfo=UTC))


def night(fs_hz: float = 100.0, artefacts: ArtefactPlan = NO_ARTEFACTS) -> SimulatedNight:
    return simulated_night(STAGES, fs_hz, CHANNELS, plan=EegPlan(artefacts=artefacts), seed=4)


@pytest.mark.parametrize("fs_hz", [64.0, 100.5, 256.0])
def test_a_night_without_gaps_is_read_back_whole_by_two_readers(tmp_path: Path, fs_hz: float) -> None:
    from edfio import read_edf

    made = night(fs_hz)
    path, _ = eeg_export(made, tmp_path / "n.edf")
    foreign = read_edf(path)
    assert foreign.reserved == "EDF+C"
    for c, signal in enumerate(foreign.signals):
        assert signal.label == CHANNELS[c].label
        assert signal.sampling_frequency == fs_hz
        assert signal.data == pytest.approx(made.samples_uv[c], abs=STEP_UV)
    _, read = read_export(path, Asked(zone="UTC", eeg_channels=("EEG F3-M2", "EEG C3-M2")))
    assert [signal.kind for signal in read.signals] == [Kind.EEG, Kind.EEG]
    for c, mine in enumerate(read.signals):
        assert mine.start_ns == START_NS
        assert mine.samples == pytest.approx(made.samples_uv[c], abs=STEP_UV)
    assert read.hypnogram is not None
    assert read.hypnogram.stages.tolist() == STAGES.tolist()


def test_gaps_are_left_out_of_the_file_and_read_back_as_gaps(tmp_path: Path) -> None:
    made = night(artefacts=ArtefactPlan(per_h={Reason.GAP: 6.0}))
    starts, ends = made.artefacts[0].of(Reason.GAP)
    assert len(starts) >= 2
    path, _ = eeg_export(made, tmp_path / "n.edf")
    assert path.read_bytes()[192:197] == b"EDF+D"
    assert path.stat().st_size < eeg_export(night(), tmp_path / "whole.edf")[0].stat().st_size
    _, read = read_export(path, Asked(zone="UTC", eeg_channels=("EEG F3-M2",)))
    (signal,) = read.signals
    expected = made.samples_uv[0]
    begin = round((signal.start_ns - START_NS) / NS * 100)
    seen = expected[begin : begin + len(signal.samples)]
    assert len(seen) >= len(expected) - 100 * 300
    assert np.array_equal(np.isnan(signal.samples), np.isnan(seen))
    assert np.isnan(seen).sum() > 0
    assert signal.samples == pytest.approx(seen, abs=STEP_UV, nan_ok=True)
    assert read.hypnogram is not None
    first = round((read.hypnogram.start_ns - START_NS) / NS / 30)
    found = read.hypnogram.stages
    planned = STAGES[first : first + len(found)]
    assert ((found == planned) | (found == -1)).all()
    in_gap = np.array([((starts <= 30 * k) & (ends > 30 * k)).any() for k in range(first, first + len(found))])
    assert np.array_equal(found == -1, in_gap)


def test_the_truth_as_json_is_the_truth() -> None:
    made = night(artefacts=SPOILT)
    told = json.loads(json.dumps(event_truth(made)))
    waves, spindles = told["slow_waves"], told["spindles"]
    assert waves["trough_s"] == pytest.approx(made.slow_waves.trough_s, abs=1e-4)
    assert waves["slope_uv_per_s"] == pytest.approx(made.slow_waves.slope_uv_per_s, abs=1e-4)
    assert set(waves["stage"]) == {"N2", "N3"}
    assert [w if w is not None else -1 for w in spindles["wave"]] == made.spindles.wave.tolist()
    assert [p is None for p in spindles["phase_rad"]] == [w is None for w in spindles["wave"]]
    for channel, artefacts in zip(CHANNELS, made.artefacts, strict=True):
        assert told["artefacts"][channel.label]["reason"] == [reason.value for reason in artefacts.reasons]
        assert told["artefacts"][channel.label]["end_s"] == pytest.approx(artefacts.end_s, abs=1e-4)
    assert told["stages"][::20] == ["W", "N2", "N3", "R"]
    assert told["channels"][1] == {"label": "EEG C3-M2", "gain": 0.9, "delay_s": 0.02, "noise_gain": 1.0}
    assert told["snr_db"] == pytest.approx(made.snr_db, abs=1e-4)
    silent = simulated_night(STAGES, 64.0, snr_db=float("inf"))
    assert event_truth(silent)["snr_db"] is None


def test_the_export_holds_its_own_start_and_identity(tmp_path: Path) -> None:
    from edfio import read_edf

    start = datetime(2025, 1, 2, 23, 4, 5)  # noqa: DTZ001  a wall clock
    path, truth = eeg_export(night(), tmp_path / "n.edf", start_wall=start, identity="P07")
    read = read_edf(path)
    assert (read.startdate, read.starttime) == (start.date(), start.time())
    assert read.patient.code == "P07"
    assert truth.name == "n.truth.json"
    assert json.loads(truth.read_text("utf-8"))["start"] == "2025-01-02T23:04:05"


def test_what_edf_cannot_hold_is_refused() -> None:
    samples = np.zeros((1, 3000), np.float32)
    with pytest.raises(ValueError, match=r"holds whole samples at 100\.013 Hz"):
        edf_channels_bytes(samples, ["a"], 100.013, STAGES[:1], START, "P01")
    with pytest.raises(ValueError, match="without a single data record"):
        edf_channels_bytes(samples * np.nan, ["a"], 100.0, STAGES[:1], START, "P01")


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.simulate", *words], capture_output=True, text=True, check=False
    )


def test_the_command_writes_the_same_night_for_the_same_seed(tmp_path: Path) -> None:
    options = ("--eeg", "n.edf", "--hours", "0.5", "--fs", "128", "--channels", "EEG F3-M2, EEG C3-M2", "--snr", "12")
    done = [
        command(str(tmp_path / name), *options, "--seed", seed) for name, seed in (("a", "3"), ("b", "3"), ("c", "4"))
    ]
    assert [each.returncode for each in done] == [0, 0, 0], done[0].stderr
    assert done[0].stdout.splitlines() == [str(tmp_path / "a" / "n.edf"), str(tmp_path / "a" / "n.truth.json")]
    a, b, c = ((tmp_path / name / "n.edf").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    told = json.loads((tmp_path / "a" / "n.truth.json").read_text("utf-8"))
    assert (told["snr_db"], told["fs_hz"], told["samples"]) == (12, 128, 1800 * 128)
    assert [channel["label"] for channel in told["channels"]] == ["EEG F3-M2", "EEG C3-M2"]


def test_the_command_refuses_in_words(tmp_path: Path) -> None:
    done = command(str(tmp_path), "--eeg", "n.edf", "--fs", "50", "--hours", "1")
    assert done.returncode == 2
    assert "64 to 512 Hz, not at 50" in done.stderr
    assert not list(tmp_path.iterdir())
