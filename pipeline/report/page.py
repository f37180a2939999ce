"""The participant page: scores with their interval and parts, nights, actogram, trends, and what is missing and why."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from pipeline.report.actogram import MAX_DAYS, actogram, course
from pipeline.report.eeg_words import eeg_words, spectra_of_night, waves_of
from pipeline.report.gauge import bar, gauge, limits
from pipeline.report.hypnogram import night_figure, nights_with_eeg
from pipeline.report.rows import Row, border_ns, clock, percent, shown, spaced, stamp, state_counts, weekday
from pipeline.report.templates import render
from pipeline.report.trends import trends

Frames = Mapping[str, pl.DataFrame]

MOST_EEG_NIGHTS = 14
"""EEG nights drawn; further ones are in the dataset."""
SCORE_TITLES = {"hpa": "HPA-dysregulation index", "sleep_loop": "Sleep-loop risk"}
NIGHT_COLUMNS = (
    ("tst_min", "asleep, min", 0), ("se_pct", "efficiency, %", 0), ("waso_min", "WASO, min", 0),
    ("n3_min", "N3, min", 0), ("noct_hr_bpm", "HR, bpm", 1), ("noct_rmssd_ms", "RMSSD, ms", 0),
    ("hr_dip_pct", "HR dip, %", 0),
)  # fmt: skip
_MODALITIES = (
    ("EEG or stages", ("stage", "swa_uv2")),
    ("heart", ("hr_bpm", "device_hr_bpm")),
    ("movement", ("activity_cpm", "mad_mg")),
    ("skin", ("eda_tonic_us", "temp_c")),
)


def participant_page(tables: Frames, *, participant: str, title: str, version: str) -> str:
    """The page of one participant as a self-contained HTML document; also for one of whom nothing was recorded."""
    nights = tables["nights"].sort("night").to_dicts()
    person = next(iter(tables["participants"].to_dicts()), {})
    zone = str(person.get("zone") or "UTC")
    drawn, empty = trends(nights, tables["nights"].columns)
    return render(
        "page.html",
        title=title,
        participant=participant,
        version=version,
        person=person,
        zone=zone,
        period=_period(nights),
        dst=[f"{weekday(n['night'])} ({n['hours']:g} h)" for n in nights if n["hours"] != 24.0],
        quality=_quality(tables["epochs"], nights),
        scores=[score_view(row) for row in tables["scores"].to_dicts()],
        figures=_eeg_figures(tables, nights),
        eeg_nights=len(nights_with_eeg(nights, tables["epochs"])) if nights else 0,
        most_eeg=MOST_EEG_NIGHTS,
        actogram_days=MAX_DAYS,
        nights_span=(nights[-1]["night"] - nights[0]["night"]).days + 1 if nights else 0,
        actogram=_actogram(tables, nights, zone),
        trends=drawn,
        no_trends=empty,
        night_columns=[label for _, label, _ in NIGHT_COLUMNS],
        nights=[_night_view(n) for n in nights],
        states=[
            {**s, "level": level}
            for level in ("nights", "days", "participants")
            for s in state_counts(tables[level])
            if s["states"]
        ],
        failures=tables["failures"].to_dicts(),
        clocks=_clock_views(tables),
        recordings=[_recording_view(r) for r in tables["recordings"].sort("start_utc").to_dicts()],
    )


def score_view(row: Mapping[str, Any]) -> Row:
    """One score as the page shows it."""
    details = {d["name"]: d["value"] for d in row["details"]}
    parts = [c for c in row["contributions"] if c["domain"] != "prior"]
    largest = max((abs(c["contribution"]) for c in parts), default=0.0)
    return {
        **row,
        "title": SCORE_TITLES.get(row["score"], spaced(row["score"])),
        "shown_unit": row["unit"] if row["unit"] == "%" else "",
        "gauge": gauge(row, limits([row])),
        "words": None
        if row["estimate"] is None
        else f"{shown(row['estimate'])} ({shown(row['low95'])} … {shown(row['high95'])})",
        "reliability": None if details.get("reliability") is None else percent(details["reliability"]),
        "parts": [
            {
                **c,
                "name": spaced(c["feature"]),
                "shown_value": shown(c["value"], 2),
                "shown_z": shown(c["z"], 2),
                "shown_part": f"{c['contribution']:+.2f}".replace("-", "−"),
                "bar": bar(c["contribution"], largest),
            }
            for c in row["contributions"]
        ],
        "total": shown(math.fsum(c["contribution"] for c in row["contributions"]), 2),
        "details": [{"name": spaced(name), "value": shown(value, 3)} for name, value in details.items()],
    }


def _period(nights: list[Row]) -> str:
    return f"{weekday(nights[0]['night'])} … {weekday(nights[-1]['night'])}" if nights else "nothing was recorded"


def _quality(epochs: pl.DataFrame, nights: list[Row]) -> list[tuple[str, str]]:
    """Share of the nights' time in which each modality was measured."""
    total = sum(n["hours"] for n in nights) * 120
    out = []
    for name, columns in _MODALITIES:
        held = [c for c in columns if c in epochs.columns]
        measured = epochs.filter(pl.any_horizontal(pl.col(held).is_not_null())).height if held else 0
        out.append((name, percent(min(measured / total, 1.0)) if measured and total else "not measured"))
    return out


def _eeg_figures(tables: Frames, nights: list[Row]) -> list[Row]:
    out = []
    for night in nights_with_eeg(nights, tables["epochs"])[:MOST_EEG_NIGHTS] if nights else []:
        inside = pl.col("start_utc").is_between(night["start_utc"], night["end_utc"], closed="left")
        epochs = tables["epochs"].filter(inside).sort("start_utc")
        svg = night_figure(
            night,
            epochs,
            spectra_of_night(night, tables["spectra"]),
            waves_of(night, tables["slow_waves"]),
        )
        out.append({"night": weekday(night["night"]), "svg": svg, "words": eeg_words(night)})
    return out


def _actogram(tables: Frames, nights: list[Row], zone: str) -> str | None:
    days: list[date] = [n["night"] for n in nights]
    found = course(tables["epochs"].sort("start_utc"), days, zone) if days else None
    return None if found is None else actogram(found, nights, tables["events"], zone)


def _night_view(night: Row) -> Row:
    start, end = night["window_start_utc"], night["window_end_utc"]
    censored = [side for side in ("start", "end") if night[f"window_{side}_censored"]]
    return {
        "night": weekday(night["night"]),
        "hours": night["hours"],
        "window": f"{clock(start, night['zone'])}–{clock(end, night['zone'])}"
        if border_ns(night, "window_start_utc")
        else "none found",
        "source": night["window_source"],
        "censored": f"true {' and '.join(censored)} not seen" if censored else "",
        "cells": [shown(night.get(column), digits) for column, _, digits in NIGHT_COLUMNS],
        "state": "; ".join(
            f"{spaced(name)}: {night[f'{name}_state']}"
            for name in ("continuity", "autonomic_night")
            if night.get(f"{name}_state") not in {"ok", None}
        ),
    }


def _clock_views(tables: Frames) -> list[Row]:
    """The comparisons of clocks, each recording by its export's name."""
    names = dict(tables["recordings"].select("recording", "export").iter_rows())
    return [
        {
            **row,
            "name": names.get(row["recording"], row["recording"]),
            "against": names.get(row["reference"], row["reference"]),
            "hours": shown(row["overlap_h"]),
            "offset": shown(row["offset_s"], 2),
            "drift": shown(row["drift_s_per_h"], 3),
            "scatter": shown(row["residual_s"], 2),
            "sure": shown(row["confidence"], 2),
        }
        for row in tables["clocks"].to_dicts()
    ]


def _recording_view(row: Row) -> Row:
    return {
        **row,
        "from": stamp(row["start_utc"], row["zone"]) if row["start_utc"] else "no clock",
        "to": stamp(row["end_utc"], row["zone"]) if row["end_utc"] else "",
        "measured": percent(row["coverage"]),
    }
