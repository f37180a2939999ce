"""The cohort index: everybody's scores, what was measured in which night, and what was refused."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from pipeline.report.gauge import limits, small_gauge
from pipeline.report.page import SCORE_TITLES
from pipeline.report.rows import Row, shown, weekday
from pipeline.report.svg import Markup, figure, tag
from pipeline.report.templates import render

QC_FAMILIES = (("architecture", "EEG"), ("autonomic_night", "heart"), ("continuity", "sleep"))
CELL = 9.0
_FILL = {"ok": "#1B1F5E", "partial": "#56B4E9", "insufficient": "#dddddd"}
"""Darker is more; a family that was not measured leaves its square empty."""


def cohort_page(tables: Mapping[str, pl.DataFrame], *, title: str, version: str) -> str:
    """The index page over all participants as a self-contained HTML document."""
    nights, scores = tables["nights"].sort("participant", "night"), tables["scores"]
    ends = {name: limits(part.to_dicts()) for (name,), part in scores.group_by("score") if part["estimate"].count()}
    people = []
    for row in tables["participants"].sort("participant").to_dicts():
        name = row["participant"]
        own = pl.col("participant") == name
        people.append(
            {
                **row,
                "own": [
                    _score_cell(next(iter(scores.filter(own & (pl.col("score") == score)).to_dicts()), None), ends)
                    for score in SCORE_TITLES
                ],
                "refused": tables["failures"].filter(own).height,
                "qc": _qc(name, nights.filter(own).to_dicts()),
            }
        )
    return render(
        "cohort.html",
        title=title,
        version=version,
        people=people,
        score_titles=list(SCORE_TITLES.values()),
        nights_n=nights.height,
        recordings_n=tables["recordings"].height,
        failures=tables["failures"].to_dicts(),
        qc_rows=[label for _, label in QC_FAMILIES],
    )


def _score_cell(row: Row | None, ends: Mapping[str, tuple[float, float]]) -> Row:
    if row is None:
        return {"state": "not scored", "reason": "no night", "number": None, "unit": "", "gauge": None}
    number = (
        None
        if row["estimate"] is None
        else f"{shown(row['estimate'])} ({shown(row['low95'])} … {shown(row['high95'])})"
    )
    return {
        "state": row["state"],
        "reason": "; ".join(row["reasons"][:1]),
        "number": number,
        "unit": row["unit"] if row["unit"] == "%" else "",
        "gauge": small_gauge(row, ends[row["score"]]) if number else None,
    }


def _qc(name: str, nights: list[Row]) -> Markup | None:
    """One small square a night and modality; a night without a row leaves its place free."""
    if not nights:
        return None
    squares, first = [], nights[0]["night"]
    for night in nights:
        x = (night["night"] - first).days
        for y, (family, label) in enumerate(QC_FAMILIES):
            state = night[f"{family}_state"]
            squares.append(
                tag(
                    "rect", tag("title", f"{weekday(night['night'])}, {label}: {state}"),
                    x=x * CELL + 1, y=y * CELL + 1, width=CELL - 2, height=CELL - 2,
                    fill=_FILL.get(state, "none"), stroke="#888", stroke_width=0.5,
                )
            )  # fmt: skip
    words = f"{name}: what was measured in each of {len(nights)} nights"
    return figure((x + 1) * CELL + 1, len(QC_FAMILIES) * CELL + 1, words, *squares, class_="qc")
