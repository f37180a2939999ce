"""How a stager is asked of a recording: on the grid, channel by channel, and what is said when it cannot be asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
from eeg_channels import LIGHTS_OUT_NS, aligned, codes, eeg_part
from numpy.typing import NDArray

from pipeline.clock import EPOCH_NS, NS, noon_ns
from pipeline.features import model_staging
from pipeline.features.eeg_channel import CleanSignal
from pipeline.features.family import RecordingView
from pipeline.features.model_staging import staged_by_model
from pipeline.recording import Hypnogram, Kind, Recording, Samples, Signal, StageSource, ZoneSource
from pipeline.signals.fir import Mask
from pipeline.signals.stagers.stager import Density, StageDensity, Stager, StagerNotInstalled, staged

FS = 100.0
OFFSET_UV = 20.0
"""Between the levels of two stages."""


def told(x_uv: Samples, fs_hz: float, valid: Mask) -> Density:
    """A stager that reads the stage from the level of the signal: 0 is W, 20 µV N1, … 80 µV REM; sure to 0.8."""
    n = int(len(x_uv) / (30 * fs_hz) + 1e-9)
    out = np.full((n, 5), 0.05, np.float32)
    for k in range(n):
        inside = slice(round(k * 30 * fs_hz), round((k + 1) * 30 * fs_hz))
        if valid[inside].mean() < 0.5:
            out[k] = np.nan
        else:
            out[k, int(np.rint(np.median(x_uv[inside][valid[inside]]) / OFFSET_UV))] = 0.8
    return out


FAKE = Stager("levels", "3", "made up", "nobody", 64.0, 300.0, lambda: None, lambda: told)


@pytest.fixture(autouse=True)
def _levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_staging, "STAGERS", (FAKE,))


def level(stage: NDArray[np.integer], fs_hz: float = FS, shift_s: float = 0.0, seed: int = 0) -> Samples:
    """Noise on the level of each grid epoch's stage; the signal begins `shift_s` behind the grid."""
    n = round((30 * len(stage) - shift_s) * fs_hz)
    epoch = np.floor((np.arange(n) / fs_hz + shift_s + 1e-9) / 30).astype(np.int64)
    noise = np.random.default_rng(seed).normal(0, 2, n)
    return np.asarray(OFFSET_UV * stage[np.minimum(epoch, len(stage) - 1)] + noise, np.float32)


def clean(x: Samples, fs_hz: float = FS, shift_s: float = 0.0) -> CleanSignal:
    return CleanSignal(Signal(Kind.EEG, "C3", fs_hz, LIGHTS_OUT_NS + round(shift_s * NS), x))


STAGE = np.tile([0, 1, 2, 3, 4, 2], 10)


@pytest.mark.parametrize("shift_s", [0.0, 7.3, 29.99, 30.0, 95.0])
@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 99.9])
def test_each_epoch_of_the_grid_gets_its_own_samples(shift_s: float, fs_hz: float) -> None:
    found = staged_by_model([clean(level(STAGE, fs_hz, shift_s), fs_hz, shift_s)], LIGHTS_OUT_NS, len(STAGE), "UTC")
    first = int(np.ceil(shift_s / 30))
    assert found.model == "levels 3"
    assert found.reason is None
    assert np.isnan(found.density[:first]).all()
    last = len(STAGE) - (fs_hz == 99.9)  # a rate that divides no epoch may leave the last one short by a sample
    np.testing.assert_array_equal(staged(found.density)[first:last], STAGE[first:last])


def test_a_signal_that_begins_before_the_grid_or_ends_behind_it_is_cut() -> None:
    found = staged_by_model([clean(level(STAGE))], LIGHTS_OUT_NS + 5 * 30 * NS, 40, "UTC")
    np.testing.assert_array_equal(staged(found.density), STAGE[5:45])


def test_channels_vote_by_their_valid_share() -> None:
    a, b = level(np.full(20, 2)), level(np.full(20, 3), seed=1)
    b[: 3000 * 10] = np.nan
    b[3000 * 12 : 3000 * 12 + 1200] = np.nan
    found = staged_by_model([clean(a), clean(b)], LIGHTS_OUT_NS, 20, "UTC").density
    np.testing.assert_allclose(found[5], [0.05, 0.05, 0.8, 0.05, 0.05], atol=1e-6)
    np.testing.assert_allclose(found[15], [0.05, 0.05, 0.425, 0.425, 0.05], atol=1e-6)
    np.testing.assert_allclose(found[12, 2:4], [(0.8 + 0.6 * 0.05) / 1.6, (0.05 + 0.6 * 0.8) / 1.6], atol=1e-3)


def test_a_channel_that_cannot_be_used_does_not_silence_the_others() -> None:
    slow = CleanSignal(Signal(Kind.EEG, "slow", 64.0, LIGHTS_OUT_NS, level(STAGE, 64.0)))
    found = staged_by_model([slow, clean(level(STAGE))], LIGHTS_OUT_NS, len(STAGE), "UTC")
    np.testing.assert_array_equal(staged(found.density), STAGE)
    alone = staged_by_model([slow], LIGHTS_OUT_NS, len(STAGE), "UTC")
    assert alone.model is None
    assert alone.reason == "levels needs more than 64 samples a second, the channel has 64"
    assert np.isnan(alone.density).all()


def test_why_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert staged_by_model([], LIGHTS_OUT_NS, 5, "UTC").reason == "no EEG was recorded"
    short = staged_by_model([clean(level(STAGE[:9]))], LIGHTS_OUT_NS, 9, "UTC")
    assert short.reason == "levels needs 5 min of EEG, the channel has 4.5"
    flat = staged_by_model([clean(np.zeros(60_000, np.float32))], LIGHTS_OUT_NS, 20, "UTC")
    assert flat.reason == "no epoch holds enough valid EEG"
    gone = replace(FAKE, name="gone", missing=lambda: "gone is not installed")
    monkeypatch.setattr(model_staging, "STAGERS", (gone,))
    assert staged_by_model([clean(level(STAGE))], LIGHTS_OUT_NS, len(STAGE), "UTC").reason == "gone is not installed"
    monkeypatch.setattr(model_staging, "STAGERS", (gone, FAKE))
    assert staged_by_model([clean(level(STAGE))], LIGHTS_OUT_NS, len(STAGE), "UTC").model == "levels 3"


def test_a_model_that_turns_out_unknown_when_it_is_loaded_costs_no_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    def load() -> StageDensity:
        raise StagerNotInstalled("a.joblib is not a model that is known")

    odd = replace(FAKE, name="odd", prepare=load)
    monkeypatch.setattr(model_staging, "STAGERS", (odd,))
    found = staged_by_model([clean(level(STAGE))], LIGHTS_OUT_NS, len(STAGE), "UTC")
    assert (found.model, found.reason) == (None, "a.joblib is not a model that is known")
    assert np.isnan(found.density).all()
    monkeypatch.setattr(model_staging, "STAGERS", (odd, FAKE))
    assert staged_by_model([clean(level(STAGE))], LIGHTS_OUT_NS, len(STAGE), "UTC").model == "levels 3"


def test_a_recording_knows_its_own_stages_before_lent_before_modelled_ones() -> None:
    signal = Signal(Kind.EEG, "C3", FS, LIGHTS_OUT_NS, level(STAGE))
    own = Hypnogram(LIGHTS_OUT_NS, 30.0, np.full(60, 1, np.int8), "x")
    lent = replace(own, stages=np.full(60, 2, np.int8))
    unscored = replace(own, stages=np.full(60, -1, np.int8))
    for has, other, expected in (
        (own, lent, np.full(60, 1)),
        (None, lent, np.full(60, 2)),
        (None, None, STAGE),
        (unscored, None, STAGE),
        (unscored, lent, np.full(60, 2)),
    ):
        view = RecordingView(Recording("x", "UTC", ZoneSource.FILE, (signal,), hypnogram=has), LIGHTS_OUT_NS, 60, other)
        np.testing.assert_array_equal(view.stage, expected)
        np.testing.assert_array_equal(view.channels[0].stage, expected)


def test_where_the_scoring_ends_the_less_trusted_goes_on_but_not_in_its_holes() -> None:
    signal = Signal(Kind.EEG, "C3", FS, LIGHTS_OUT_NS, level(STAGE))
    told = np.full(60, -1, np.int8)
    told[10:20] = told[30:40] = 1
    own = Hypnogram(LIGHTS_OUT_NS, 30.0, told, "x")
    lent = Hypnogram(LIGHTS_OUT_NS + 45 * EPOCH_NS, 30.0, np.full(10, 2, np.int8), "y")
    view = RecordingView(Recording("x", "UTC", ZoneSource.FILE, (signal,), hypnogram=own), LIGHTS_OUT_NS, 60, lent)
    expected = STAGE.astype(np.float64)
    expected[10:40], expected[20:30] = 1, np.nan
    # Between the two scorings lie less than an hour, too.
    expected[40:45], expected[45:55] = np.nan, 2
    np.testing.assert_array_equal(view.stage, expected)


def night(text: str) -> Samples:
    return level(codes(text).astype(np.int64))


def counts(frame: pl.DataFrame) -> dict[str, str]:
    """Which stages each source gave, one letter an epoch."""
    rows = frame.filter(pl.col("stage").is_not_null()).sort("start_utc")
    out: dict[str, str] = {}
    for stage, source in zip(rows["stage"].to_list(), rows["stage_source"].to_list(), strict=True):
        out[source] = out.get(source, "") + stage[-1]
    return out


def test_the_model_stages_what_nobody_else_scored() -> None:
    eeg = {"C3": night("W10 290 320 R10")}
    out = aligned(eeg_part(eeg))
    assert counts(out.epochs) == {"model": "W" * 20 + "2" * 180 + "3" * 40 + "R" * 20}
    row = out.nights.row(0, named=True)
    assert row["window_source"] == "hypnogram"
    assert row["n3_min"] == 20.0
    assert row["architecture_state"] == "partial"
    assert "the stages are a model's" in row["architecture_reason"]
    assert row["model_n3_min"] == pytest.approx(20 * 0.8 + 110 * 0.05, abs=0.01)
    scored_by_hand = aligned(eeg_part(eeg, stage=codes("W130")))
    assert counts(scored_by_hand.epochs) == {"expert": "W" * 260}
    assert "model" not in (scored_by_hand.nights["architecture_reason"][0] or "")
    # What is asked of the model stands beside the scoring all the same.
    np.testing.assert_allclose(scored_by_hand.epochs["p_n3"].to_numpy()[200:240], 0.8, atol=1e-6)


def test_what_the_model_makes_of_a_nap_stages_nothing() -> None:
    nap = aligned(eeg_part({"C3": night("W10 240 320 R10")}))  # 80 min: fewer than two hours
    assert nap.epochs["stage"].null_count() == nap.epochs.height
    assert nap.epochs["p_n3"].count() > 0
    assert nap.nights["staging_state"][0] in {"insufficient", "not measured"}


def test_the_model_fills_no_hole_of_a_scoring_and_comes_before_a_device_without_eeg() -> None:
    eeg = {"C3": night("W10 275 R85")}
    hole = aligned(eeg_part(eeg, stage=codes("W10 310 ?30 310 ?110")))
    assert counts(hole.epochs) == {
        "expert": "W" * 20 + "3" * 40,
        "model": "2" * 50 + "R" * 170,
    }
    consumer = aligned(eeg_part({"C3": night("W10 2120")}, stage=codes("S130"), source=StageSource.CONSUMER))
    assert set(counts(consumer.epochs)) == {"model"}


def test_where_the_model_is_not_asked_nothing_is_staged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_staging, "STAGERS", (replace(FAKE, missing=lambda: "not installed"),))
    out = aligned(eeg_part({"C3": night("W10 240 320 R10")}))
    assert out.epochs["stage"].null_count() == out.epochs.height
    assert out.epochs["p_n3"].null_count() == out.epochs.height
    row = out.nights.row(0, named=True)
    assert row["window_source"] == "none"
    assert row["staging_state"] == "not measured"
    assert row["slow_waves_reason"] == "no sleep window was found, or no EEG channel covers it"


def test_a_recording_of_days_is_looked_at_night_by_night(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def numbered(x_uv: Samples, fs_hz: float, valid: Mask) -> Density:
        """A stager that says of an epoch only in which of its calls it lay."""
        seen.append(round(len(x_uv) / fs_hz / 30))
        return np.full((seen[-1], 5), len(seen), np.float32)

    monkeypatch.setattr(
        model_staging, "STAGERS", (Stager("m", "1", "x", "x", 0.1, 300.0, lambda: None, lambda: numbered),)
    )
    start = noon_ns(date(2024, 3, 8), "Europe/Rome") + 10 * 3600 * NS  # 22:00
    fs_hz = 0.2
    whole, long = (
        CleanSignal(Signal(Kind.EEG, "C3", fs_hz, start, np.ones(round(hours * 3600 * fs_hz), np.float32)))
        for hours in (24, 50)
    )
    for one in (whole, long):
        vars(one)["valid"] = np.ones(len(one.signal.samples), np.bool_)
    staged_by_model([whole], start, 24 * 120, "Europe/Rome")
    assert seen == [24 * 120]
    seen.clear()
    density = staged_by_model([long], start, 50 * 120, "Europe/Rome").density
    # To noon on the 9th; to noon on the 10th; the last 12 h.
    assert seen == [14 * 120, 24 * 120, 12 * 120]
    assert [int(density[k, 0]) for k in (0, 14 * 120 - 1, 14 * 120, 38 * 120, 50 * 120 - 1)] == [1, 1, 2, 3, 3]
