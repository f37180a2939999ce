"""The cohort index: everybody is in it, with interval or reason, and links that lead only to pages of the study."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl

from pipeline.dataset import tables as base
from pipeline.features import NIGHTS, PARTICIPANTS
from pipeline.report import cohort_page

Tables = dict[str, pl.DataFrame]


def _page(found: Tables) -> str:
    return cohort_page(found, title="Shift work", version="0.1.0")


def _rows(page: str, heading: str) -> list[str]:
    part = page.split(f"<h2>{heading}</h2>")[1].split("<h2>", maxsplit=1)[0]
    return re.findall(r"<tr>(.*?)</tr>", part, flags=re.DOTALL)


def test_everybody_has_a_row_and_every_row_as_many_cells_as_the_head(
    someone: Tables, rows: dict[str, Callable[..., Any]]
) -> None:
    people = [rows["person"](), rows["person"](participant="p02", nights_n=3), rows["person"](participant="p03")]
    someone["participants"] = PARTICIPANTS.frame(people)
    someone["scores"] = pl.concat([someone["scores"], base.SCORES.frame([rows["score"](participant="p02")])])
    head, *found = _rows(_page(someone), "Scores")
    assert [re.search(r'href="([^"]*)"', row)[1] for row in found] == ["p01.html", "p02.html", "p03.html"]
    cells = head.count("<th")
    assert [row.count("<td") for row in found] == [cells, cells, cells]
    assert "40.0 (15.0 … 70.0) %" in found[1].split("<td")[4]


def test_insufficient_shows_its_reason_and_no_interval(someone: Tables) -> None:
    cell = _rows(_page(someone), "Scores")[1].split("<td")[3]
    assert "insufficient" in cell
    assert "1 of the 2 domains" in cell
    assert "<svg" not in cell


def test_people_share_one_scale(someone: Tables, rows: dict[str, Callable[..., Any]]) -> None:
    someone["participants"] = PARTICIPANTS.frame([rows["person"](), rows["person"](participant="p02")])
    someone["scores"] = base.SCORES.frame(
        [rows["score"](), rows["score"](participant="p02", estimate=70.0, low80=60.0, high80=80.0, high95=90.0)]
    )
    points = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', _page(someone))]
    left, right = 6.0, 174.0  # the edges of a cell's gauge, 0 … 100 %
    assert points == [left + 0.4 * (right - left), left + 0.7 * (right - left)]


def test_the_matrix_has_a_square_per_night_and_modality(someone: Tables) -> None:
    page = _page(someone).split("What was measured in which night")[1]
    squares = re.findall(r"<rect ([^>]*)><title>([^<]*)</title>", page)
    assert len(squares) == 15 * 3
    fill = {title: re.search(r'fill="([^"]*)"', rect)[1] for rect, title in squares}
    assert fill["Fri 2026-03-20, heart: not measured"] == "none"
    assert fill["Fri 2026-03-20, sleep: ok"] != "none"
    assert fill["Tue 2026-03-24, sleep: not measured"] == "none"


def test_a_night_without_a_row_leaves_its_column_free(someone: Tables) -> None:
    someone["nights"] = someone["nights"].filter(pl.col("night") != date(2026, 3, 21))
    page = _page(someone).split("What was measured in which night")[1]
    x = {
        title[:14]: float(re.search(r' ?x="([\d.]+)"', rect)[1])
        for rect, title in re.findall(r"<rect ([^>]*)><title>([^<]*)</title>", page)
    }
    assert x["Sun 2026-03-22"] - x["Fri 2026-03-20"] == 2 * (x["Mon 2026-03-23"] - x["Sun 2026-03-22"])


def test_refused_exports_name_the_person_even_without_a_page(someone: Tables) -> None:
    someone["participants"] = PARTICIPANTS.empty()
    page = _page(someone)
    assert "p01/broken.edf" in page
    assert "<td>p01</td>" in page


def test_nothing_from_outside_and_nothing_unescaped(someone: Tables, rows: dict[str, Callable[..., Any]]) -> None:
    bad = 'a"><script>x</script>'
    someone["participants"] = PARTICIPANTS.frame([rows["person"](participant=bad)])
    someone["nights"] = NIGHTS.frame([rows["night"](bad, date(2026, 3, 20))])
    someone["scores"] = base.SCORES.frame([rows["score"](participant=bad, reasons=[bad], state=bad)])
    someone["failures"] = someone["failures"].with_columns(pl.lit(bad).alias("export"), pl.lit(bad).alias("hint"))
    page = cohort_page(someone, title=bad, version=bad)
    assert "<script" not in page
    targets = set(re.findall(r'(?:src|href)="([^"]*)"', page))
    assert all(not re.match(r"[a-z]+:|//", target) for target in targets)
    assert "../dataset/dictionary.csv" in targets


def test_nobody_yet(nobody: Tables) -> None:
    page = _page(nobody)
    assert "0 participants" in page
    assert "Nothing was refused." in page
    assert "None" not in page
