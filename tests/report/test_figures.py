"""Where things stand in the figures, by hand."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import polars as pl
import pytest
from PIL import Image

from pipeline.clock import noon_ns, to_datetime, to_ns
from pipeline.dataset import tables
from pipeline.features import SPECTRA
from pipeline.features.eeg_tables import SLOW_WAVES
from pipeline.report.actogram import DAY_BINS, MAX_DAYS, actogram, course
from pipeline.report.clock_axis import ClockAxis
from pipeline.report.gauge import bar, gauge, limits, small_gauge
from pipeline.report.hypnogram import COLOURS, LABELS, night_figure, nights_with_eeg
from pipeline.report.rows import families, shown, state_counts
from pipeline.report.spectrogram import ANCHORS, MISSING_GREY, coloured, decibel_limits, image_uri
from pipeline.report.svg import broken_path, figure, number, runs, tag, text
from pipeline.report.trends import trend, trends

ROME = "Europe/Rome"
Rows = dict[str, Callable[..., Any]]
NO_EVENTS = tables.EVENTS.empty()


def _tree(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  our own text


def _of(root: ET.Element, key: str, value: str | None = None) -> list[ET.Element]:
    return [e for e in root.iter() if e.get(key) is not None and (value is None or e.get(key) == value)]


# ---------------------------------------------------------------- elements


def test_text_and_attributes_are_escaped_once() -> None:
    inner = text(1, 2, '<b> & "c"')
    assert "&lt;b&gt; &amp; &quot;c&quot;" in inner
    assert tag("g", inner, data_name='"><script>') == f'<g data-name="&quot;&gt;&lt;script&gt;">{inner}</g>'


def test_numbers_are_short_and_never_minus_zero() -> None:
    assert [number(v) for v in (0.0, -0.001, 1.5, 2.0, 10.0, 1.239)] == ["0", "0", "1.5", "2", "10", "1.24"]


def test_a_path_breaks_at_a_gap_and_keeps_a_lone_point() -> None:
    y = np.array([1.0, 2.0, np.nan, 4.0, np.nan])
    assert broken_path(np.arange(5.0), y) == "M0,1L1,2M3,4h0"
    assert broken_path(np.arange(2.0), np.full(2, np.nan)) == ""


def test_runs_of_true() -> None:
    assert runs(np.array([True, False, True, True])).tolist() == [[0, 1], [2, 4]]
    assert runs(np.zeros(3, bool)).tolist() == []


# ---------------------------------------------------------------- axis


def test_ticks_are_local_hours_and_a_repeated_hour_stands_twice() -> None:
    start = to_ns(datetime(2026, 10, 24, 23, tzinfo=UTC))  # 01:00 in Rome, the clocks go back at 03:00
    axis = ClockAxis(start, start + 4 * 3_600_000_000_000, 0.0, 400.0, ROME)
    assert axis.ticks() == [(0.0, "01:00"), (100.0, "02:00"), (200.0, "02:00"), (300.0, "03:00"), (400.0, "04:00")]


def test_ticks_of_a_zone_with_a_half_hour() -> None:
    start = to_ns(datetime(2026, 1, 1, 0, tzinfo=UTC))  # 05:30 in Kolkata
    axis = ClockAxis(start, start + 2 * 3_600_000_000_000, 0.0, 200.0, "Asia/Kolkata")
    assert axis.ticks() == [(50.0, "06:00"), (150.0, "07:00")]


# ---------------------------------------------------------------- hypnogram


def _short_night(rows: Rows) -> tuple[dict[str, Any], pl.DataFrame]:
    """Ten epochs from 23:00 local: W W N2 N2 – N3 N3 R M N1."""
    night = rows["night"]("p01", date(2026, 1, 10))
    stages = ["W", "W", "N2", "N2", None, "N3", "N3", "R", "M", "N1"]
    return night, rows["epochs"](datetime(2026, 1, 10, 22, tzinfo=UTC), stage=stages)


def test_one_rectangle_per_run_at_its_time_and_row(rows: Rows) -> None:
    night, epochs = _short_night(rows)
    found = _of(_tree(night_figure(night, epochs, SPECTRA.empty(), SLOW_WAVES.empty())), "data-stage")
    assert [e.get("data-stage") for e in found] == ["Wake", "N2", "unscored", "N3", "REM", "movement", "N1"]
    width = (950.0 - 64.0) / 10
    assert [float(e.get("x", "")) for e in found] == pytest.approx(
        [64 + width * k for k in (0, 2, 4, 5, 7, 8, 9)], abs=0.01
    )
    assert [float(e.get("width", "")) for e in found] == pytest.approx(
        [width * k for k in (2, 2, 1, 2, 1, 1, 1)], abs=0.01
    )
    y = {e.get("data-stage"): float(e.get("y", "")) for e in found}
    assert [y[name] for name in LABELS] == sorted(y[name] for name in LABELS)
    fill = {e.get("data-stage"): e.get("fill") for e in found}
    assert [fill[name] for name in LABELS] == list(COLOURS)
    assert str(fill["unscored"]).startswith("url(#unscored")


def test_a_night_without_stages_or_eeg_says_so(rows: Rows) -> None:
    night, epochs = _short_night(rows)
    assert "no spectrogram: the recording holds no EEG" in night_figure(
        night, epochs, SPECTRA.empty(), SLOW_WAVES.empty()
    )
    power = rows["epochs"](datetime(2026, 1, 10, 22, tzinfo=UTC), swa_uv2=[1.0, 2.0, np.nan, 3.0])
    drawn = night_figure(night, power, SPECTRA.empty(), SLOW_WAVES.empty())
    assert "not scored: the recording holds no hypnogram" in drawn
    trace = _of(_tree(drawn), "data-trace", "SWA")[0]
    assert str(trace.get("d")).count("M") == 2


def test_nights_with_eeg_are_those_with_a_stage_or_power(rows: Rows) -> None:
    night, epochs = _short_night(rows)
    other = rows["night"]("p01", date(2026, 1, 11))
    assert nights_with_eeg([night, other], epochs) == [night]
    assert nights_with_eeg([night], epochs.with_columns(pl.lit(None).cast(epochs.schema["stage"]).alias("stage"))) == []


# ---------------------------------------------------------------- spectrogram


def test_limits_are_percentiles_in_decibel() -> None:
    power = 10.0 ** (np.arange(101.0).reshape(-1, 1) / 10)
    assert decibel_limits(power) == pytest.approx((5.0, 95.0))
    assert decibel_limits(np.full((2, 3), np.nan)) is None
    assert decibel_limits(np.zeros((2, 3))) is None


def test_colours_at_the_ends_between_and_missing() -> None:
    rgb = coloured(np.array([-1.0, 0.0, 0.5 / 15, 1.0, 2.0, np.nan]))
    assert rgb[0].tolist() == rgb[1].tolist() == list(ANCHORS[0])
    assert rgb[2].tolist() == [70, 14, 96]  # half-way from (68, 1, 84) to (72, 26, 108), 13.5 to the even 14
    assert rgb[3].tolist() == rgb[4].tolist() == list(ANCHORS[-1])
    assert rgb[5].tolist() == [MISSING_GREY] * 3


def test_the_image_has_low_frequencies_below() -> None:
    power = np.ones((80, 60))
    power[:, :30] = 1000.0
    uri = image_uri(power, (0.0, 30.0))
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))).convert("RGB"), np.int64)
    assert image.shape == (60, 80, 3)
    assert np.abs(image[50, 40] - np.array(ANCHORS[-1])).max() < 25  # bright below; the coding loses a little
    assert np.abs(image[10, 40] - np.array(ANCHORS[0])).max() < 25


# ---------------------------------------------------------------- actogram


def _nights(rows: Rows, first: date, n: int) -> list[dict[str, Any]]:
    return [rows["night"]("p01", first + timedelta(days=k)) for k in range(n)]


def _steady(rows: Rows, first: date, days: int, **columns: Any) -> pl.DataFrame:
    start = noon_ns(first, ROME)
    n = (noon_ns(first + timedelta(days=days), ROME) - start) // 30_000_000_000
    own = {"activity_cpm": np.full(n, 100.0), "wear": np.ones(n)}
    return rows["epochs"](to_datetime(start), **{**own, **columns})


@pytest.mark.parametrize(("first", "label"), [(date(2026, 3, 27), "23 h"), (date(2026, 10, 23), "25 h")])
def test_rows_in_which_the_clocks_change_are_labelled(rows: Rows, first: date, label: str) -> None:
    nights = _nights(rows, first, 3)
    days = [night["night"] for night in nights]
    found = course(_steady(rows, first, 3), days, ROME)
    assert found is not None
    groups = _of(_tree(actogram(found, nights, NO_EVENTS, ROME)), "data-day")
    words = {g.get("data-day"): "".join(g.itertext()) for g in groups}
    assert [label in words[day.isoformat()] for day in days] == [False, True, False]
    assert "Sat" in words[days[1].isoformat()]


def test_the_skipped_hour_is_not_missing_and_all_else_is_measured(rows: Rows) -> None:
    first = date(2026, 3, 28)
    found = course(_steady(rows, first, 1), [first], ROME)
    assert found is not None
    hour = DAY_BINS // 24
    assert runs(found.skipped).tolist() == [[14 * hour, 15 * hour]]  # 02:00 to 03:00, 14 h after noon
    assert not found.missing[:DAY_BINS].any()
    assert found.missing[DAY_BINS:].all()


def test_non_wear_is_hatched_in_both_halves_and_missing_is_marked_otherwise(rows: Rows) -> None:
    first = date(2026, 1, 10)
    wear = np.ones(3 * 2880)
    wear[2880 : 2880 + 480] = 0.0  # four hours from noon of the second day
    epochs = _steady(rows, first, 3, wear=wear)
    gap = noon_ns(first + timedelta(days=2), ROME)
    epochs = epochs.filter(pl.col("start_utc") < to_datetime(gap))
    nights = _nights(rows, first, 3)
    found = course(epochs, [n["night"] for n in nights], ROME)
    assert found is not None
    root = _tree(actogram(found, nights, NO_EVENTS, ROME))
    hatched = _of(root, "class", "nonwear")
    half = (940.0 - 122.0) / 2
    assert [float(e.get("x", "")) for e in hatched] == pytest.approx([122.0 + half, 122.0], abs=0.02)
    assert [float(e.get("width", "")) for e in hatched] == pytest.approx([half / 6] * 2, abs=0.02)
    assert {e.get("fill") for e in hatched} == {"url(#unworn)"}
    third = _of(root, "data-day", "2026-01-12")[0]
    assert _of(third, "class", "missing")
    assert not _of(third, "class", "activity")
    assert not _of(_of(root, "data-day", "2026-01-10")[0], "class", "missing")


def test_a_repeated_hour_holds_the_mean_of_both_passes(rows: Rows) -> None:
    first = date(2026, 10, 24)
    activity = np.full(25 * 120, 100.0)
    activity[15 * 120 : 16 * 120] = 50.0  # the second 02:00 to 03:00
    found = course(_steady(rows, first, 1, activity_cpm=activity, wear=np.ones(3000)), [first], ROME)
    assert found is not None
    hour = DAY_BINS // 24
    assert found.height[14 * hour : 15 * hour] == pytest.approx(0.75)
    assert found.height[15 * hour] == found.height[13 * hour] == 1.0


def test_windows_rests_and_markers_stand_at_their_local_time(rows: Rows) -> None:
    first = date(2026, 1, 10)
    nights = _nights(rows, first, 1)
    onset = datetime(2026, 1, 10, 17, tzinfo=UTC)  # 18:00 in Rome
    event = {"participant": "p01", "recording": "a", "onset_utc": onset, "label": "x"}
    events = tables.EVENTS.frame(
        [{**event, "kind": "rest", "duration_s": 3 * 3600.0}, {**event, "kind": "marker", "duration_s": 0.0}]
    )
    found = course(_steady(rows, first, 1), [first], ROME)
    assert found is not None
    root = _tree(actogram(found, nights, events, ROME))
    hour = (940.0 - 122.0) / 48
    window, rest, marker = (_of(root, "class", kind)[0] for kind in ("sleepwindow", "rest", "marker"))
    assert float(window.get("x", "")) == pytest.approx(122 + 11 * hour, abs=0.01)
    assert float(window.get("width", "")) == pytest.approx(8 * hour, abs=0.01)
    assert float(rest.get("x", "")) == pytest.approx(122 + 6 * hour, abs=0.01)
    assert float(rest.get("width", "")) == pytest.approx(3 * hour, abs=0.01)
    assert float(marker.get("x1", "")) == pytest.approx(122 + 6 * hour, abs=0.01)


def test_no_movement_gives_no_actogram_and_a_long_study_its_last_days(rows: Rows) -> None:
    start = datetime(2026, 1, 10, 12, tzinfo=UTC)
    assert course(rows["epochs"](start, hr_bpm=[60.0, 61.0]), [date(2026, 1, 10)], ROME) is None
    days = [date(2026, 1, 10) - timedelta(days=k) for k in range(200, -1, -1)]
    found = course(_steady(rows, date(2026, 1, 10), 1), days, ROME)
    assert found is not None
    assert (found.days, found.first) == (MAX_DAYS, days[-MAX_DAYS])


# ---------------------------------------------------------------- trends


def test_a_missing_night_breaks_the_line_and_is_marked() -> None:
    days = [date(2026, 1, d) for d in (1, 2, 4, 5, 6)]  # the third has no row, the fifth no number
    values = np.array([400.0, 410.0, 420.0, np.nan, 430.0])
    root = _tree(trend(days, values, [False, True, False, False, False], ("Total sleep time", "min", 0)))
    path = str(_of(root, "class", "course")[0].get("d"))
    assert path.count("M") == 3
    assert len(_of(root, "class", "nonumber")) == 2
    assert [e.get("class") for e in root.iter() if e.tag == "circle"] == ["point", "partial", "point", "point"]
    assert "4 of 6 nights" in str(root.get("aria-label"))


def test_a_single_night_and_an_equal_course_can_be_drawn() -> None:
    for days, values in (([date(2026, 1, 1)], [5.0]), ([date(2026, 1, 1), date(2026, 1, 2)], [0.0, 0.0])):
        root = _tree(trend(days, np.array(values), [False] * len(days), ("x", "min", 0)))
        assert all(np.isfinite(float(e.get("cy", ""))) for e in root.iter() if e.tag == "circle")


def test_trends_without_a_number_are_named(rows: Rows) -> None:
    night = rows["night"]("p01", date(2026, 1, 1), tst_min=0.0)
    drawn, empty = trends([night], list(night))
    assert len(drawn) == 1
    assert "Total sleep time" in drawn[0]
    assert "Total sleep time" not in empty
    assert "Nocturnal heart rate" in empty


# ---------------------------------------------------------------- scores


def test_bars_and_point_stand_at_their_values(rows: Rows) -> None:
    row = rows["score"]()
    root = _tree(str(gauge(row, limits([row]))))
    percent = (540.0 - 20.0) / 100
    wide, narrow, point = (_of(root, "class", name)[0] for name in ("i95", "i80", "estimate"))
    assert float(wide.get("x", "")) == pytest.approx(20 + 15 * percent)
    assert float(wide.get("width", "")) == pytest.approx(55 * percent)
    assert float(narrow.get("width", "")) == pytest.approx(30 * percent)
    assert float(point.get("cx", "")) == pytest.approx(20 + 40 * percent)


def test_no_estimate_no_gauge(rows: Rows) -> None:
    row = rows["score"](estimate=None, low80=None, high80=None, low95=None, high95=None)
    assert gauge(row, (0.0, 100.0)) is None
    assert small_gauge(row, (0.0, 100.0)) is None


def test_scales_hold_every_interval_and_zero(rows: Rows) -> None:
    assert limits([rows["score"]()]) == (0.0, 100.0)
    assert limits([rows["score"](unit="T", estimate=55.0, low95=41.0, high95=69.0)]) == (20.0, 80.0)
    low, high = limits([rows["score"](unit="SD", estimate=1.2, low95=-0.7, high95=3.1)])
    assert low <= -0.7
    assert high >= 3.1


def test_bars_go_left_for_minus_and_right_for_plus() -> None:
    minus, plus, zero = (_tree(bar(value, 10.0)).find("rect") for value in (-5.0, 10.0, 0.0))
    assert minus is not None
    assert plus is not None
    assert zero is not None
    assert (minus.get("class"), minus.get("x"), minus.get("width")) == ("minus", "57", "53")
    assert (plus.get("class"), plus.get("x"), plus.get("width")) == ("plus", "110", "106")
    assert zero.get("width") == "0"


# ---------------------------------------------------------------- words


def test_missing_is_a_dash_and_zero_a_number() -> None:
    assert [shown(v) for v in (None, float("nan"), 0.0, -0.04, -1.26)] == ["–", "–", "0.0", "0.0", "−1.3"]


def test_columns_belong_to_the_state_that_follows_them() -> None:
    columns = ("a", "b", "one_state", "one_reason", "one_coverage", "c", "two_state", "two_reason", "two_coverage")
    assert families(columns) == {"a": "one", "b": "one", "c": "two"}


def test_states_and_reasons_are_counted() -> None:
    frame = pl.DataFrame(
        {"one_state": ["ok", "partial", "ok"], "one_reason": [None, "cut", None], "one_coverage": [1.0, 0.5, None]}
    )
    assert state_counts(frame) == [{"family": "one", "states": [("ok", 2), ("partial", 1)], "reasons": [("cut", 1)]}]


def test_a_figure_carries_its_title_as_text() -> None:
    root = _tree(figure(10, 20, "a < b"))
    assert (root.get("role"), root.get("aria-label"), root.findtext("title")) == ("img", "a < b", "a < b")
