"""What is drawn and said of an EEG night: rates of slow waves, probabilities of stages, whose waves, in which words."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from pipeline.features import SPECTRA
from pipeline.features.eeg_tables import SLOW_WAVES
from pipeline.recording import StageSource
from pipeline.report.clock_axis import ClockAxis
from pipeline.report.eeg_words import STAGED_BY, eeg_words, spectra_of_night, waves_of
from pipeline.report.hypnodensity import COLOURS, HEIGHT, ORDER, density_panel, has_density
from pipeline.report.hypnogram import night_figure, wave_rate
from pipeline.report.page import participant_page
from pipeline.report.rows import instants

Rows = dict[str, Callable[..., Any]]
Night = dict[str, Any]
START = datetime(2026, 1, 10, 22, tzinfo=UTC)


def waves(rows: Rows, at_s: list[float], **values: Any) -> pl.DataFrame:
    """Slow waves at these seconds behind 22:00 UTC."""
    own = {"participant": "p01", "recording": "bbbbbbbbbbbb", "channel": "C3", "preset": "yasa", **values}
    return SLOW_WAVES.frame([rows["full"](SLOW_WAVES, onset_utc=START + timedelta(seconds=s), **own) for s in at_s])


def rate_of(rows: Rows, swa: list[float], at_s: list[float]) -> NDArray[np.float64]:
    epochs = rows["epochs"](START, swa_uv2=swa)
    return wave_rate(instants(epochs), epochs, waves(rows, at_s))


def test_a_steady_rate_is_the_same_at_the_edges_and_beside_gaps(rows: Rows) -> None:
    swa = [1.0] * 15 + [np.nan] * 20 + [1.0] * 15
    two_each = [30.0 * k + s for k in range(50) if not np.isnan(swa[k]) for s in (3.0, 20.0)]
    rate = rate_of(rows, swa, two_each)
    known = np.isfinite(rate)
    np.testing.assert_allclose(rate[known], 4.0)
    # Of the ten epochs from five before to four after, five must hold EEG.
    np.testing.assert_array_equal(np.flatnonzero(known), [*range(16), *range(35, 50)])


def test_waves_stand_at_their_epochs(rows: Rows) -> None:
    rate = rate_of(rows, [1.0] * 30, [15 * 30.0 + 1.0] * 1 + [15 * 30.0 + 9.0])
    np.testing.assert_allclose(rate, np.where((np.arange(30) >= 11) & (np.arange(30) <= 20), 2 / 5.0, 0.0))


def test_waves_where_the_eeg_is_not_counted_raise_no_rate(rows: Rows) -> None:
    swa = [1.0, np.nan] * 15
    rate = rate_of(rows, swa, [30.0 * k + 5.0 for k in range(30)])  # one in every epoch
    np.testing.assert_allclose(rate[5:26], 2.0)


@pytest.mark.parametrize("n", [1, 3, 6, 9])
def test_a_recording_of_minutes(rows: Rows, n: int) -> None:
    rate = rate_of(rows, [1.0] * n, [30.0 * k for k in range(n)])
    assert len(rate) == n
    assert np.isfinite(rate).any() == (n >= 5)
    np.testing.assert_allclose(rate[np.isfinite(rate)], 2.0)
    nothing = rows["epochs"](START, swa_uv2=[1.0]).clear()
    assert len(wave_rate(instants(nothing), nothing, waves(rows, [1.0]))) == 0


def test_epochs_that_the_table_leaves_out_are_gaps(rows: Rows) -> None:
    epochs = rows["epochs"](START, swa_uv2=[1.0] * 40)
    kept = epochs.filter(~pl.Series(np.isin(np.arange(40), range(10, 30))))
    rate = wave_rate(instants(kept), kept, waves(rows, [30.0 * k for k in range(40)]))
    assert len(rate) == 20
    np.testing.assert_allclose(rate[np.isfinite(rate)], 2.0)
    assert np.isfinite(rate[:10]).all()


def figure(rows: Rows, epochs: pl.DataFrame, found: pl.DataFrame) -> ET.Element:
    night = rows["night"]("p01", date(2026, 1, 10))
    return ET.fromstring(night_figure(night, epochs, SPECTRA.empty(), found))  # noqa: S314  our own text


def traces(root: ET.Element) -> list[str]:
    return [str(e.get("data-trace")) for e in root.iter() if e.get("data-trace")]


def test_the_wave_panel_is_there_where_a_rate_is_known(rows: Rows) -> None:
    epochs = rows["epochs"](START, swa_uv2=[1.0] * 20, stage=["N2"] * 20)
    assert traces(figure(rows, epochs, waves(rows, [15.0]))) == ["SW", "SWA"]
    assert traces(figure(rows, epochs, SLOW_WAVES.empty())) == ["SWA"]
    short = rows["epochs"](START, swa_uv2=[1.0] * 4 + [np.nan] * 16, stage=["N2"] * 20)
    assert traces(figure(rows, short, waves(rows, [15.0]))) == ["SWA"]
    dead = rows["epochs"](START, swa_uv2=[np.nan] * 20, stage=["N2"] * 20)
    assert traces(figure(rows, dead, waves(rows, [15.0]))) == []


# ---------------------------------------------------------------- probabilities


def density(rows: Rows, *p: tuple[float, ...]) -> pl.DataFrame:
    """Epochs from 22:00 UTC with probabilities of N3, N2, N1, REM and wake."""
    table = np.array(p)
    return rows["epochs"](START, **{name: table[:, k] for k, name in enumerate(ORDER)})  # type: ignore[no-any-return]


def areas(epochs: pl.DataFrame, slots: int, top: float = 100.0) -> dict[str, ET.Element]:
    at = instants(epochs)
    axis = ClockAxis(int(at[0]), int(at[0]) + slots * 30_000_000_000, 64.0, 950.0, "Europe/Rome")
    found = [ET.fromstring(str(part)) for part in density_panel(axis, at, epochs, top)]  # noqa: S314
    return {str(e.get("data-density")): e for e in found if e.get("data-density")}


def points(path: ET.Element) -> list[list[tuple[float, float]]]:
    """The corners of each closed outline of a path."""
    pieces = str(path.get("d")).removeprefix("M").split("M")
    return [[(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", piece)] for piece in pieces if piece]


def test_probabilities_are_stacked_from_n3_up_to_wake(rows: Rows) -> None:
    found = areas(density(rows, (0.5, 0.25, 0.0, 0.0, 0.25), (0.0, 0.0, 0.1, 0.9, 0.0)), 2)
    assert list(found) == ["n3", "n2", "n1", "rem", "wake"]
    assert [found[name].get("fill") for name in found] == list(COLOURS)
    middle, ground = 64.0 + 443.0, 100.0 + HEIGHT
    (n3,) = points(found["n3"])
    assert n3[:4] == [(64.0, 100 + HEIGHT / 2), (middle, 100 + HEIGHT / 2), (middle, ground), (950.0, ground)]
    assert {y for _, y in n3[4:]} == {ground}
    (wake,) = points(found["wake"])
    assert {y for _, y in wake[:4]} == {100.0}  # together they fill the height
    assert wake[-1] == pytest.approx((64.0, 100 + HEIGHT * 0.25), abs=0.06)
    (rem,) = points(found["rem"])
    assert rem[2] == (middle, 100.0)
    assert rem[5] == pytest.approx((middle, ground - 0.1 * HEIGHT), abs=0.06)


def test_nothing_is_drawn_where_the_model_said_nothing(rows: Rows) -> None:
    sure, none = (0.0, 1.0, 0.0, 0.0, 0.0), (np.nan,) * 5
    part = (0.2, 0.2, 0.2, 0.2, np.nan)
    found = areas(density(rows, sure, none, sure, part), 6)
    for path in found.values():
        spans = [(piece[0][0], piece[1][0]) for piece in points(path)]
        width = (950.0 - 64.0) / 6
        np.testing.assert_allclose(spans, [(64.0, 64.0 + width), (64.0 + 2 * width, 64.0 + 3 * width)], atol=0.02)


def test_a_night_without_a_model_has_no_panel_of_it(rows: Rows) -> None:
    plain = rows["epochs"](START, swa_uv2=[1.0] * 4, stage=["N2"] * 4)
    assert not has_density(plain)
    assert not has_density(plain.drop("p_n3"))
    with_model = density(rows, *[(0.0, 1.0, 0.0, 0.0, 0.0)] * 4).with_columns(plain["stage"], plain["swa_uv2"])
    assert has_density(with_model)
    drawn = [e.get("data-density") for e in figure(rows, with_model, SLOW_WAVES.empty()).iter()]
    assert [name for name in drawn if name] == ["n3", "n2", "n1", "rem", "wake"]
    assert not [e for e in figure(rows, plain, SLOW_WAVES.empty()).iter() if e.get("data-density")]


# ---------------------------------------------------------------- words


def test_the_waves_drawn_are_those_the_night_stands_on(rows: Rows) -> None:
    night = rows["night"]("p01", date(2026, 1, 10), sw_channel="C3", sw_recording="bbbbbbbbbbbb")
    found = pl.concat(
        [
            waves(rows, [1.0, 2.0]),
            waves(rows, [3.0], channel="C4"),
            waves(rows, [4.0], recording="cccccccccccc"),
            waves(rows, [5.0], preset="ngo_2013"),
            waves(rows, [86_400.0]),
        ]
    )
    kept = waves_of(night, found)
    assert kept["onset_utc"].to_list() == [START + timedelta(seconds=s) for s in (1, 2)]
    assert waves_of(rows["night"]("p01", date(2026, 1, 10)), found).height == 0
    assert waves_of(night, SLOW_WAVES.empty()).height == 0


def test_words_say_the_channel_the_definition_and_the_numbers(rows: Rows) -> None:
    night = rows["night"](
        "p01", date(2026, 1, 10), sw_channel="EEG C3-M2", sw_n2_per_min=3.25, sw_n3_per_min=None,
        sw_rel_nrem_per_min=4.0, spindle_nrem_per_min=2.5, spindle_frequency_hz=13.21, slow_waves_state="ok",
        spindles_state="ok",
    )  # fmt: skip
    said = eeg_words(night)
    assert len(said) == 2
    assert said[0].startswith("Slow waves in EEG C3-M2: 3.2 a minute in N2, – in N3 (definition yasa, in µV; ")
    assert said[0].endswith("relative to this recording 4.0 a minute of N2 and N3).")
    assert said[1] == "Spindles: 2.5 a minute of N2 and N3, median 13.2 Hz."


@pytest.mark.parametrize("source", list(StageSource))
def test_a_night_says_whose_its_stages_are(rows: Rows, source: StageSource) -> None:
    (said,) = eeg_words(rows["night"]("p01", date(2026, 1, 10), stages_from=source.value))
    assert said == f"Stages by {STAGED_BY[source.value]}."
    assert len(set(STAGED_BY.values())) == len(StageSource)
    assert ("model" in said) == (source is StageSource.MODEL)


def test_of_what_is_null_only_the_reason_is_said(rows: Rows) -> None:
    night = rows["night"](
        "p01", date(2026, 1, 10), slow_waves_state="insufficient", slow_waves_reason="no N2 or N3 was scored",
        spindles_state="partial", spindles_reason="valid EEG in only 50% of N2 and N3",
    )  # fmt: skip
    assert eeg_words(night) == [
        "Slow waves: insufficient, no N2 or N3 was scored.",
        "Spindles: partial, valid EEG in only 50% of N2 and N3.",
    ]
    assert eeg_words(rows["night"]("p01", date(2026, 1, 10))) == []


def test_what_a_channel_is_called_does_not_reach_the_page_as_markup(
    rows: Rows, someone: dict[str, pl.DataFrame]
) -> None:
    label = "<script>alert(1)</script>"
    third = pl.col("n3_min").is_not_null()
    nights = someone["nights"].with_columns(
        sw_channel=pl.when(third).then(pl.lit(label)), sw_n2_per_min=pl.when(third).then(2.0),
        sw_recording=pl.when(third).then(pl.lit("b" * 12)),
    )  # fmt: skip
    page = participant_page({**someone, "nights": nights}, participant="p01", title="t", version="1")
    assert "Slow waves in &lt;script&gt;alert(1)" in page
    assert label not in page


def test_the_spectrogram_is_of_the_recording_that_the_night_stands_on() -> None:
    start = datetime(2024, 3, 12, 11, tzinfo=UTC)
    night = {"start_utc": start, "end_utc": start + timedelta(days=1), "sw_recording": "b"}
    at = [start + timedelta(hours=12, seconds=s) for s in (0, 0, 30, 30, 60)] + [start - timedelta(seconds=30)]
    spectra = pl.DataFrame({"recording": ["a", "b", "b", "a", "a", "b"], "start_utc": at})
    first = spectra_of_night(night, spectra).unique("start_utc", keep="first", maintain_order=True)
    assert first["recording"].to_list() == ["b", "b", "a"]
    unknown = spectra_of_night({**night, "sw_recording": None}, spectra)
    assert unknown["recording"].to_list() == ["a", "b", "a", "b", "a"]


def test_a_decline_that_is_not_sure_is_said_so() -> None:
    numbers = {"swa_decline_per_h": 0.37, "swa_decline_low95_per_h": -0.12, "swa_decline_high95_per_h": 0.86}
    (words,) = eeg_words({**numbers, "swa_decline_fit": "not told from none"})
    assert words.startswith("Slow-wave activity neither falls nor rises for certain: decline of its logarithm 0.37")
    (words,) = eeg_words({**numbers, "swa_decline_fit": "falls"})
    assert words.startswith("Slow-wave activity falls: decline of its logarithm 0.37 an hour (−0.12 … 0.86)")
