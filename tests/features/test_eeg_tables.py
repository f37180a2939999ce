"""The tables of single EEG channels: events at their times and in their stages, epochs, qualities, odd channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import pytest
from eeg_channels import LIGHTS_OUT_NS, codes, eeg_part

from pipeline.clock import EPOCH_NS, NS
from pipeline.extract import Extracted
from pipeline.features import model_staging
from pipeline.features.eeg_channel import SPINDLE_PRESETS, WAVE_PRESETS
from pipeline.features.eeg_quality import slow_wave_doubts
from pipeline.features.eeg_tables import EEG_TABLES
from pipeline.recording import Floats, Samples, Stage
from pipeline.simulate.eeg_artefacts import NO_ARTEFACTS
from pipeline.simulate.eeg_events import Channel, EegPlan, SimulatedNight, simulated_night

FS = 100.0
STAGE = codes("W5 225 315 R5 210")
SHIFT_S = 7.3
ABSOLUTE, RELATIVE = (preset.name for preset in WAVE_PRESETS)
SPINDLE = SPINDLE_PRESETS[0].name


@pytest.fixture(scope="module", autouse=True)
def _no_model() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_staging, "STAGERS", ())
        yield


@pytest.fixture(scope="module")
def planted() -> SimulatedNight:
    plan = EegPlan(artefacts=NO_ARTEFACTS)
    return simulated_night(STAGE, FS, (Channel("C3"), Channel("C4", 0.8)), plan=plan, snr_db=16.0, seed=5)


@pytest.fixture(scope="module")
def part(planted: SimulatedNight) -> Extracted:
    """Both channels, begun 7.3 s behind a border of the grid, with their hypnogram from there on."""
    traces = dict(zip(("C3", "C4"), planted.samples_uv, strict=True))
    return eeg_part(traces, FS, stage=STAGE, start_ns=LIGHTS_OUT_NS + round(SHIFT_S * NS))


def onset_s(frame: pl.DataFrame) -> Floats:
    """Seconds from the first sample."""
    ns = frame["onset_utc"].dt.epoch("us").to_numpy() * 1000 - LIGHTS_OUT_NS - round(SHIFT_S * NS)
    return np.asarray(ns / NS, np.float64)


def of(frame: pl.DataFrame, channel: str, preset: str) -> pl.DataFrame:
    return frame.filter((pl.col("channel") == channel) & (pl.col("preset") == preset)).sort("onset_utc")


def test_slow_waves_stand_at_their_utc_time(part: Extracted, planted: SimulatedNight) -> None:
    found = onset_s(of(part.slow_waves, "C3", ABSOLUTE))
    true = planted.slow_waves.start_s
    apart = np.abs(found[:, None] - true).min(axis=1)
    assert len(found) > 200
    assert np.median(apart) < 0.1
    assert (apart < 0.5).mean() > 0.8


def test_spindles_stand_at_their_utc_time(part: Extracted, planted: SimulatedNight) -> None:
    found = onset_s(of(part.spindles, "C3", SPINDLE))
    apart = np.abs(found[:, None] - planted.spindles.start_s).min(axis=1)
    assert len(found) > 60
    assert np.median(apart) < 0.25


def test_the_stage_of_an_event_is_that_of_its_grid_epoch(part: Extracted) -> None:
    """Of a spindle where it begins; of a slow wave where its trough lies, in most the same epoch."""
    stage_of = part.epochs.select("start_utc", in_epoch=pl.col("stage"))
    for frame, least in ((part.spindles, 1.0), (part.slow_waves, 0.97)):
        at = pl.col("onset_utc").dt.truncate("30s")
        joined = frame.with_columns(start_utc=at).join(stage_of, on="start_utc", how="left")
        assert joined.height == frame.height
        assert joined["in_epoch"].null_count() == 0
        assert (joined["stage"] == joined["in_epoch"]).mean() >= least  # type: ignore[operator]


def test_relative_detectors_stay_where_was_searched_and_those_in_uv_do_not(planted: SimulatedNight) -> None:
    """N2 that a scorer called REM: relative waves and spindles are not looked for there, waves in µV are."""
    scored = np.where(np.arange(len(STAGE)) < 60, np.where(STAGE == 2, 4, STAGE), STAGE).astype(np.int8)
    found = eeg_part({"C3": planted.samples_uv[0]}, FS, stage=scored)
    searched = found.eeg_epochs.sort("start_utc")["searched"].to_numpy()
    np.testing.assert_array_equal(searched, np.isin(scored, (2, 3)))
    early = pl.col("stage") == "R"
    assert of(found.slow_waves, "C3", ABSOLUTE).filter(early).height > 20
    assert of(found.slow_waves, "C3", RELATIVE).filter(early).height == 0
    assert found.spindles.filter(early).height == 0
    assert set(of(found.slow_waves, "C3", RELATIVE)["stage"]) == {"N2", "N3"}


@pytest.mark.parametrize(("nrem", "everywhere"), [(19, True), (20, False)])
def test_too_little_n2_and_n3_sets_no_threshold(planted: SimulatedNight, nrem: int, everywhere: bool) -> None:
    scored = np.full(60, Stage.WAKE, np.int8)
    scored[20 : 20 + nrem] = Stage.N2
    searched = eeg_part({"C3": planted.samples_uv[0, : 60 * 3000]}, FS, stage=scored).eeg_epochs["searched"]
    assert searched.all() is everywhere
    assert searched.sum() == (60 if everywhere else nrem)


def test_epochs_lie_on_the_grid_with_their_valid_share(planted: SimulatedNight) -> None:
    x = planted.samples_uv[0, : 20 * 3000].copy()
    x[4 * 3000 : 5 * 3000] = np.nan
    x[10 * 3000 : 10 * 3000 + 1500] = np.nan
    found = eeg_part({"C3": x}, FS, start_ns=LIGHTS_OUT_NS + round(SHIFT_S * NS)).eeg_epochs.sort("start_utc")
    at = found["start_utc"].dt.epoch("us").to_numpy() * 1000
    np.testing.assert_array_equal(at, LIGHTS_OUT_NS + np.arange(21) * EPOCH_NS)
    share = found["eeg_valid"].to_numpy()
    np.testing.assert_allclose(share[0], (30 - SHIFT_S) / 30, atol=1e-9)
    np.testing.assert_allclose(share[20], SHIFT_S / 30, atol=1e-9)
    np.testing.assert_allclose(share[[4, 5]], [SHIFT_S / 30, (30 - SHIFT_S) / 30], atol=1e-9)
    np.testing.assert_allclose(share[[10, 11]], [SHIFT_S / 30 + 7.7 / 30, 1.0], atol=1e-9)
    assert found["swa_uv2"][4] is None


def test_channels_keep_their_order_rate_and_own_events(part: Extracted) -> None:
    rows = part.eeg_channels.sort("place")
    assert rows["channel"].to_list() == ["C3", "C4"]
    assert rows["place"].to_list() == [1, 2]
    assert rows["fs_hz"].to_list() == [FS, FS]
    assert rows["gain_staged"].all()
    # The second sees every event 0.8 times as large.
    assert of(part.slow_waves, "C4", ABSOLUTE).height < of(part.slow_waves, "C3", ABSOLUTE).height
    assert (part.recordings.item(0, "recording") == part.spindles["recording"]).all()


def test_coupling_counts_the_waves_of_each_stage(part: Extracted) -> None:
    waves = of(part.slow_waves, "C3", ABSOLUTE)
    rows = part.eeg_coupling.filter(pl.col("channel") == "C3")
    assert rows.height == 6
    for at, column in (("sigma peak", "phase_rad"), ("spindle", "spindle_phase_rad")):
        for stage, held in (("N2", ["N2"]), ("N3", ["N3"]), ("N2+N3", ["N2", "N3"])):
            inside = waves.filter(pl.col("stage").cast(pl.String).is_in(held) & pl.col(column).is_not_null())
            row = rows.row(by_predicate=(pl.col("stage") == stage) & (pl.col("at") == at), named=True)
            assert row["n"] == inside.height
            if row["n"] >= 20:
                mean = np.exp(1j * inside[column].to_numpy()).mean()
                assert row["vector_length"] == pytest.approx(abs(mean), abs=1e-6)
                assert row["mean_phase_rad"] == pytest.approx(np.angle(mean), abs=1e-6)
    assert of(part.slow_waves, "C3", RELATIVE)["phase_rad"].null_count() == of(part.slow_waves, "C3", RELATIVE).height


def test_at_64_hz_there_are_slow_waves_and_neither_spindles_nor_coupling() -> None:
    night = simulated_night(STAGE[:90], 64.0, plan=EegPlan(artefacts=NO_ARTEFACTS), snr_db=16.0, seed=5)
    found = eeg_part({"C3": night.samples_uv[0]}, 64.0, stage=STAGE[:90])
    waves = of(found.slow_waves, "C3", ABSOLUTE)
    assert waves.height > 100
    assert found.spindles.height == 0
    assert found.eeg_coupling.height == 0
    assert waves["phase_rad"].null_count() == waves.height


def matched(one: Floats, other: Floats) -> float:
    """Share of the events of both that the other has within 10 ms."""
    near = (np.abs(one[:, None] - other) < 0.01).any(axis=1).sum() + (np.abs(other[:, None] - one) < 0.01).any(
        axis=1
    ).sum()
    return float(near / (len(one) + len(other)))


def test_a_gain_moves_counts_in_uv_and_not_relative_ones(planted: SimulatedNight) -> None:
    x = planted.samples_uv[0]
    plain, quiet = (eeg_part({"C3": x * np.float32(gain)}, FS, stage=STAGE).slow_waves for gain in (1.0, 0.5))
    relative = [of(frame, "C3", RELATIVE) for frame in (plain, quiet)]
    assert matched(*(onset_s(frame) for frame in relative)) == 1.0
    np.testing.assert_allclose(relative[1]["ptp_uv"].median(), relative[0]["ptp_uv"].median() * 0.5, rtol=1e-4)  # type: ignore[operator, arg-type]
    assert of(quiet, "C3", ABSOLUTE).height < 0.5 * of(plain, "C3", ABSOLUTE).height


def test_an_upside_down_channel_is_told(planted: SimulatedNight) -> None:
    rows = eeg_part({"C3": -planted.samples_uv[0], "C4": planted.samples_uv[1]}, FS, stage=STAGE).eeg_channels
    assert rows.sort("place")["polarity"].to_list() == ["inverted", "usual"]


def odd(*channels: tuple[str, Samples]) -> Extracted:
    return eeg_part(channels, FS)


def test_no_two_channels_share_a_label() -> None:
    x = np.random.default_rng(0).normal(0, 20, 6000).astype(np.float32)
    rows = odd(("C3", x), ("C3", x), ("C4", x), ("C3", x)).eeg_channels.sort("place")
    assert rows["channel"].to_list() == ["C3", "C3 (2)", "C4", "C3 (3)"]
    rows = odd(("C3", x), ("C3", x), ("C3 (2)", x), ("C3", x)).eeg_channels.sort("place")
    assert rows["channel"].to_list() == ["C3", "C3 (3)", "C3 (2)", "C3 (4)"]


@pytest.mark.parametrize(
    "dead", [np.zeros(6000), np.full(6000, 3.5), np.full(6000, np.nan), np.zeros(0), np.zeros(1)],
    ids=["zeros", "one value", "missing", "empty", "one sample"],
)  # fmt: skip
def test_a_dead_channel_costs_nothing_but_itself(dead: Floats) -> None:
    x = np.random.default_rng(0).normal(0, 20, 6000).astype(np.float32)
    found = odd(("dead", dead.astype(np.float32)), ("C3", x))
    rows = found.eeg_channels.sort("place")
    assert rows["channel"].to_list() == ["dead", "C3"]
    assert (rows["valid_share"][0] or 0.0) == 0.0
    assert rows["valid_share"][1] > 0.9
    assert rows["clipped_share"][0] in {0.0, 1.0, None}
    assert (found.eeg_epochs.filter(pl.col("channel") == "dead")["eeg_valid"] == 0.0).all()


@pytest.mark.parametrize("fs_hz", [1.0, 4.0, 8.0, 10.0, 32.0])
def test_rates_at_which_little_can_be_looked_for(fs_hz: float) -> None:
    x = np.random.default_rng(0).normal(0, 20, round(600 * fs_hz)).cumsum().astype(np.float32) % 80
    found = eeg_part({"C3": x}, fs_hz)
    assert found.eeg_channels.height == 1
    assert found.spindles.height == 0
    assert found.slow_waves.height == 0 or fs_hz > 8.75


def test_a_recording_without_eeg_has_no_rows() -> None:
    found = eeg_part({})
    for table in EEG_TABLES:
        assert getattr(found, table.name).height == 0


SOUND: Mapping[str, object] = {
    "high_pass": "none seen", "high_pass_hz": 0.02, "polarity": "usual", "gain": "plausible", "gain_staged": True,
    "sd_uv": 20.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({}, ()),
        ({"high_pass": "cannot tell", "high_pass_hz": None, "gain": "cannot tell", "sd_uv": None}, ()),
        ({"high_pass": "present", "high_pass_hz": 0.53}, ("a high-pass near 0.53 Hz is present",)),
        ({"high_pass": "suspected", "high_pass_hz": 0.4}, ("a high-pass near 0.4 Hz is suspected",)),
        ({"polarity": "inverted"}, ("the channel seems to stand upside down",)),
        ({"gain": "low", "sd_uv": 4.2}, ("its amplitude is low for scalp EEG (4 µV)",)),
        ({"gain": "high", "sd_uv": 120.0}, ("its amplitude is high for scalp EEG (120 µV)",)),
        ({"gain": "low", "sd_uv": 4.2, "gain_staged": False}, ()),
    ],
)
def test_doubts_in_words(row: Mapping[str, object], says: tuple[str, ...]) -> None:
    doubts = slow_wave_doubts({**SOUND, **row})
    assert len(doubts) == len(says)
    assert all(doubt.startswith(words) for doubt, words in zip(doubts, says, strict=True))
