"""The participant page: what it says, what it never says, and that nothing gets in or out of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import polars as pl

from pipeline.dataset import tables as base
from pipeline.features import NIGHTS, PARTICIPANTS
from pipeline.report import participant_page

Tables = dict[str, pl.DataFrame]


def _page(found: Tables, name: str = "p01") -> str:
    return participant_page(found, participant=name, title="Shift work", version="0.1.0")


def _section(page: str, title: str) -> str:
    """The markup between a heading and the next one of its level."""
    return re.split(r"<h2>", page.split(f"<h2>{title}</h2>")[1])[0]


def test_page_is_self_contained(someone: Tables) -> None:
    page = _page(someone)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert "<script" not in page
    assert "<link" not in page
    assert "@import" not in page
    targets = re.findall(r"""(?:src|href|srcset|action|data)\s*=\s*["']?([^"'\s>]*)""", page)
    assert {t.split(",")[0] for t in targets} == {"index.html", "data:image/webp;base64"}
    assert re.findall(r"url\((?!#)", page) == []


def test_page_is_small_fast_and_the_same_twice(someone: Tables) -> None:
    started = time.perf_counter()
    page = _page(someone)
    assert time.perf_counter() - started < 1.5
    assert len(page.encode()) < 3_000_000
    assert _page(someone) == page


def test_every_figure_is_sound_and_says_what_it_shows(someone: Tables) -> None:
    figures = re.findall(r"<svg.*?</svg>", _page(someone), flags=re.DOTALL)
    assert len(figures) >= 8
    for figure in figures:
        root = ET.fromstring(figure)  # noqa: S314  our own text
        assert root.get("role") == "img"
        assert root.get("aria-label") == root.findtext("title")
        assert "NaN" not in figure
        assert "nan" not in figure


def test_no_id_stands_twice(someone: Tables) -> None:
    ids = re.findall(r'\sid="([^"]*)"', _page(someone))
    assert ids
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]*)\)", _page(someone))) <= set(ids)


def test_names_are_escaped_everywhere(someone: Tables, rows: dict[str, Callable[..., Any]]) -> None:
    bad = "<script>alert(1)</script>\"'&"
    someone["recordings"] = base.RECORDINGS.frame(
        [
            rows["recording"](
                export=bad, device=bad, channels=[bad], repairs=[bad], participant="p01", reader="x", zone_source=bad
            )
        ]
    )
    someone["failures"] = someone["failures"].with_columns(
        *(pl.lit(bad).alias(name) for name in ("export", "what", "where", "known", "hint"))
    )
    someone["scores"] = someone["scores"].with_columns(
        pl.lit([bad]).alias("reasons"), pl.lit([bad]).alias("missing"), pl.lit(bad).alias("state")
    )
    someone["nights"] = someone["nights"].with_columns(
        pl.lit(bad).alias("window_source"),
        pl.lit(bad).alias("continuity_reason"),
        pl.lit(bad).alias("continuity_state"),
    )
    page = participant_page(someone, participant=bad, title=bad, version=bad)
    assert "<script" not in page
    assert "alert(1)&lt;/script&gt;" in page
    for figure in re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL):
        ET.fromstring(figure)  # noqa: S314  our own text


def test_it_never_speaks_as_a_doctor(someone: Tables) -> None:
    page = _page(someone)
    assert "Research use only. Not a medical device. Not for diagnosis." in page
    for word in ("you have", "abnormal", "patient", "healthy"):
        assert word not in page.lower()


def test_a_score_shows_its_interval_and_state(someone: Tables) -> None:
    scores = _section(_page(someone), "Scores")
    shown = scores.split("</section>")[0]
    assert "40.0 (15.0 … 70.0) %" in shown
    assert "prior-dominated" in shown
    assert 'aria-label="estimate 40.0 %, 80 % interval 25.0 to 55.0, 95 % interval 15.0 to 70.0' in shown


def test_the_contributions_shown_sum_to_the_estimate(someone: Tables) -> None:
    shown = _section(_page(someone), "Scores").split("</section>")[0]
    parts = [float(v.replace("−", "-")) for v in re.findall(r'<td class="num">([+−]\d+\.\d+)</td>', shown)]
    assert parts == [30.25, 14.5, -4.75]
    assert sum(parts) == 40.0
    assert re.search(r'class="sum".*?<td class="num">40\.00</td>', shown)


def test_insufficient_gives_reasons_and_no_number(someone: Tables) -> None:
    shown = _section(_page(someone), "Scores").split("</section>")[1]
    assert "insufficient" in shown
    assert "no number is given" in shown
    assert "1 of the 2 domains needed have enough nights" in shown
    assert "car_auc: not measured" in shown
    assert "<svg" not in shown
    assert "None" not in shown
    head = shown.split("<details>")[0].replace("1 of the 2 domains", "")
    assert not re.search(r"\d", re.sub(r"<[^>]*>", "", head))


def test_an_estimate_of_zero_is_a_number(someone: Tables, rows: dict[str, Callable[..., Any]]) -> None:
    someone["scores"] = base.SCORES.frame([rows["score"](estimate=0.0, low95=0.0, low80=0.0, contributions=[])])
    shown = _section(_page(someone), "Scores")
    assert "0.0 (0.0 … 70.0) %" in shown
    assert "<svg" in shown


def test_what_is_missing_says_why(someone: Tables) -> None:
    page = _page(someone)
    missing = _section(page, "What is missing, and why")
    assert "autonomic night</td><td>night</td><td>not measured 15" in missing
    assert "p01/broken.edf" in missing
    assert "copy it again from the device" in missing
    assert "Nocturnal heart rate" in _section(page, "Nightly trends").split("No number in any night")[1]
    assert "2 duplicate lines dropped" in _section(page, "Recordings")


def test_reasons_are_counted(someone: Tables) -> None:
    reason = "the watch was in a drawer"
    first = pl.col("night") <= date(2026, 3, 22)
    someone["nights"] = someone["nights"].with_columns(
        pl.when(first).then(pl.lit("insufficient")).otherwise(pl.col("continuity_state")).alias("continuity_state"),
        pl.when(first).then(pl.lit(reason)).alias("continuity_reason"),
    )
    missing = _section(_page(someone), "What is missing, and why")
    assert f"{reason} (3)" in missing
    assert "insufficient 3" in missing


def test_nights_are_in_local_time_and_missing_numbers_are_dashes(someone: Tables) -> None:
    nights = _section(_page(someone), "Nights")
    table = [re.sub(r"<[^>]*>", "|", row) for row in re.findall(r"<tr>(.*?)</tr>", nights, flags=re.DOTALL)]
    sunday = next(row for row in table if "Sun 2026-03-22" in row)
    assert "23:00–07:00" in sunday
    assert "|420|" in sunday
    assert "|80|" in sunday
    without = next(row for row in table if "Tue 2026-03-24" in row)
    assert "none found" in without
    assert not re.search(r"\|[0-9.]+\|", without)
    assert "2026-03-28 (23 h)" in next(row for row in table if "Sat 2026-03-28" in row)


def test_the_header_names_the_night_in_which_the_clocks_change(someone: Tables) -> None:
    header = _page(someone).split("</header>")[0]
    assert "Europe/Rome" in header
    assert "Sat 2026-03-28 (23 h)" in header
    assert "heart not measured" in header
    assert "1 refused" in header


def test_only_the_first_eeg_nights_are_drawn_and_the_rest_named(someone: Tables) -> None:
    epochs = someone["epochs"].with_columns(pl.lit(20.0).alias("swa_uv2"))
    eeg = _section(_page({**someone, "epochs": epochs}), "Nights with EEG or stages")
    nights = 15 - 1  # the fifth night has no epochs
    assert eeg.count("<svg") == 14 == nights
    assert "further such nights" not in eeg
    longer = NIGHTS.frame(
        [
            *someone["nights"].to_dicts(),
            {**someone["nights"].to_dicts()[2], "participant": "p01", "night": date(2026, 5, 1)},
        ]
    )
    eeg = _section(_page({**someone, "epochs": epochs, "nights": longer}), "Nights with EEG or stages")
    assert eeg.count("<svg") == 14
    assert "1 further such nights" in eeg


def test_nothing_recorded_gives_a_page_that_says_so(nobody: Tables) -> None:
    page = _page(nobody, "p99")
    assert "p99" in page
    assert "nothing was recorded" in page
    assert "No EEG and no hypnogram was recorded" in page
    assert "No movement was recorded" in page
    assert "<svg" not in page
    assert "None" not in page


def test_only_a_refused_export_still_gives_its_reason(nobody: Tables, someone: Tables) -> None:
    page = _page({**nobody, "failures": someone["failures"]})
    assert "the file ends in the middle of a record" in page
    assert "nothing was recorded" in page


def test_a_person_without_age_is_not_given_one(nobody: Tables, rows: dict[str, Callable[..., Any]]) -> None:
    people = PARTICIPANTS.frame([rows["person"](recordings_n=0, nights_n=0)])
    assert "not given, not given" in _page({**nobody, "participants": people})


def test_clocks_that_were_compared_are_told(someone: Tables) -> None:
    assert "against each other" not in _page(someone)
    row = {
        "participant": "p01", "recording": "aaaaaaaaaaaa", "reference": "bbbbbbbbbbbb", "trace": "heart rate",
        "overlap_h": 8.0, "windows_n": 48, "offset_s": 31.25, "offset_se_s": 0.1, "drift_s_per_h": -4.2,
        "drift_se_s_per_h": 0.01, "residual_s": 0.2, "agreeing_share": 0.98, "confidence": 0.89, "applied": True,
        "reason": None,
    }  # fmt: skip
    section = _section(_page({**someone, "clocks": base.CLOCKS.frame([row])}), "Recordings")
    for words in ("heart rate", "31.25", "−4.200", "0.89", "<td>yes</td>"):
        assert words in section, words
    refused = {**row, "applied": False, "reason": "confidence 0.31 is below 0.50: not applied"}
    assert "confidence 0.31 is below" in _page({**someone, "clocks": base.CLOCKS.frame([refused])})
