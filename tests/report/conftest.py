"""Hand-made tables: a person with nights of every kind, and nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from pipeline.clock import noon_ns, to_datetime
from pipeline.dataset import tables
from pipeline.dataset.table import Table
from pipeline.features import DAYS, EPOCHS, NIGHTS, PARTICIPANTS, SPECTRA
from pipeline.features.eeg_tables import SLOW_WAVES

ZONE = "Europe/Rome"
FRAMES: dict[str, Table] = {
    "recordings": tables.RECORDINGS,
    "clocks": tables.CLOCKS,
    "epochs": EPOCHS,
    "spectra": SPECTRA,
    "slow_waves": SLOW_WAVES,
    "events": tables.EVENTS,
    "saliva": tables.SALIVA,
    "nights": NIGHTS,
    "days": DAYS,
    "participants": PARTICIPANTS,
    "scores": tables.SCORES,
    "failures": tables.FAILURES,
}
Tables = dict[str, pl.DataFrame]


def full_row(table: Table, **values: Any) -> dict[str, Any]:
    """A row of the table with null in every column that may be null, and states of 'not measured'."""
    row: dict[str, Any] = {c.name: "not measured" if c.name.endswith("_state") else None for c in table.columns}
    assert values.keys() <= row.keys(), values.keys() - row.keys()
    return {**row, **values}


def night_row(participant: str, night: date, *, asleep: bool = True, **values: Any) -> dict[str, Any]:
    """A night of the zone with a window from 23:00 to 07:00 local, if asleep."""
    start, end = noon_ns(night, ZONE), noon_ns(night + timedelta(days=1), ZONE)
    own: dict[str, Any] = {
        "participant": participant,
        "night": night,
        "zone": ZONE,
        "start_utc": to_datetime(start),
        "end_utc": to_datetime(end),
        "hours": (end - start) / 3.6e12,
        "window_source": "none",
    }
    if asleep:
        own |= {
            "window_source": "actigraphy",
            "window_start_utc": to_datetime(start + 11 * 3_600_000_000_000),
            "window_end_utc": to_datetime(end - 5 * 3_600_000_000_000),
            "window_start_censored": False,
            "window_end_censored": False,
            "continuity_state": "ok",
            "continuity_coverage": 0.97,
        }
    return full_row(NIGHTS, **{**own, **values})


def epoch_frame(start: datetime, **columns: Any) -> pl.DataFrame:
    """Epochs from `start` on for participant p01; a NaN is null, columns not named are null."""
    n = len(next(iter(columns.values())))
    at = pl.Series("start_utc", [start + timedelta(seconds=30 * k) for k in range(n)], dtype=tables.UTC)
    given = {name: pl.Series(name, list(values), dtype=EPOCHS.schema[name]) for name, values in columns.items()}
    frame = pl.DataFrame(
        [
            pl.Series("participant", ["p01"] * n),
            at,
            *(given.get(c.name, pl.Series(c.name, [None] * n, dtype=c.dtype)) for c in EPOCHS.columns[2:]),
        ]
    )
    return EPOCHS.check(frame.with_columns(pl.col(pl.Float64).fill_nan(None)))


def score_row(**values: Any) -> dict[str, Any]:
    """A score row of p01; percent, 40 with its intervals, three parts."""
    part = {"feature": "own base rate", "domain": "base rate", "value": None, "z": None, "weight": None, "n": 20}
    own: dict[str, Any] = {
        "participant": "p01",
        "score": "sleep_loop",
        "version": "1",
        "tables": "0123456789ab",
        "window_start": date(2026, 3, 20),
        "window_end": date(2026, 4, 4),
        "state": "prior-dominated",
        "reasons": ["20 paired day–nights: the prior decides most of the answer"],
        "unit": "%",
        "estimate": 40.0,
        "low80": 25.0,
        "high80": 55.0,
        "low95": 15.0,
        "high95": 70.0,
        "contributions": [
            {**part, "contribution": 30.25},
            {**part, "feature": "current state", "contribution": 14.5},
            {**part, "feature": "day–night loop", "contribution": -4.75},
        ],
        "details": [{"name": "pairs_n", "value": 20.0}],
        "missing": ["noct_hr_bpm: not measured"],
    }
    return {**own, **values}


def recording_row(**values: Any) -> dict[str, Any]:
    """An accepted export of p01."""
    own: dict[str, Any] = {
        "participant": "p01",
        "recording": "aaaaaaaaaaaa",
        "export": "p01/watch.awd",
        "sha256": "a" * 64,
        "reader": "actiwatch_awd",
        "device": "Actiwatch",
        "kinds": ["activity"],
        "start_utc": datetime(2026, 3, 20, 12, tzinfo=UTC),
        "end_utc": datetime(2026, 4, 4, 12, tzinfo=UTC),
        "zone": ZONE,
        "zone_source": "study",
        "clock": "device clock",
        "utc_offset_min": 60,
        "channels": ["Activity (counts, 0.0166667 Hz, 99.0% measured)"],
        "beats_n": None,
        "coverage": 0.99,
        "repairs": ["2 duplicate lines dropped"],
    }
    return {**own, **values}


def person_row(**values: Any) -> dict[str, Any]:
    """The participants row of p01."""
    own: dict[str, Any] = {"participant": "p01", "zone": ZONE, "recordings_n": 1, "nights_n": 14}
    return full_row(PARTICIPANTS, **{**own, **values})


def _nobody() -> Tables:
    return {name: table.empty() for name, table in FRAMES.items()}


@pytest.fixture
def nobody() -> Tables:
    """Every table without a row."""
    return _nobody()


@pytest.fixture
def rows() -> dict[str, Callable[..., Any]]:
    """The builders of rows and frames, by name."""
    return {
        "night": night_row,
        "score": score_row,
        "recording": recording_row,
        "person": person_row,
        "epochs": epoch_frame,
        "full": full_row,
    }


@pytest.fixture
def someone() -> Tables:
    """Fifteen nights from 20 March 2026 (the clocks go forward in the ninth), the fifth missing, one with EEG."""
    days = [date(2026, 3, 20) + timedelta(days=k) for k in range(15)]
    rng = np.random.default_rng(7)
    nights = [
        night_row(
            "p01",
            day,
            asleep=k != 4,
            **(
                {}
                if k == 4
                else {"tst_min": 400.0 + 10 * k, "se_pct": 80.0 + k, "waso_min": 60.0 - k, "midpoint_h": 3.0 + 0.1 * k}
            ),
            **({"n3_min": 80.0, "rem_min": 90.0, "swa_log": 4.0} if k == 2 else {}),
        )
        for k, day in enumerate(days)
    ]
    found = _nobody()
    found["nights"] = NIGHTS.frame(nights)
    found["epochs"], found["spectra"] = _course(days, rng)
    found["participants"] = PARTICIPANTS.frame([person_row(age_y=31.0, sex="F")])
    found["recordings"] = tables.RECORDINGS.frame([recording_row()])
    found["scores"] = tables.SCORES.frame([score_row(), _hpa()])
    found["events"] = tables.EVENTS.frame(
        [
            {
                "participant": "p01",
                "recording": "aaaaaaaaaaaa",
                "kind": kind,
                "onset_utc": datetime(2026, 3, 21, 21, tzinfo=UTC),
                "duration_s": 8 * 3600.0 if kind == "rest" else 0.0,
                "label": kind,
            }
            for kind in ("rest", "marker")
        ]
    )
    found["failures"] = tables.FAILURES.frame(
        [
            {
                "participant": "p01",
                "export": "p01/broken.edf",
                "step": "ingest",
                "fault": "truncated",
                "what": "the file ends in the middle of a record",
                "where": "record 17",
                "known": "the header promises 900 records",
                "hint": "copy it again from the device",
            }
        ]
    )
    return found


def _hpa() -> dict[str, Any]:
    return score_row(
        score="hpa",
        unit="T",
        state="insufficient",
        reasons=["1 of the 2 domains needed have enough nights"],
        estimate=None,
        low80=None,
        high80=None,
        low95=None,
        high95=None,
        contributions=[],
        details=[],
        missing=["sri: not measured", "car_auc: not measured"],
    )


def _course(days: list[date], rng: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Activity by day, none by night, not worn for 4 h, nothing for a day; the third night with EEG."""
    start = noon_ns(days[0], ZONE)
    n = (noon_ns(days[-1] + timedelta(days=1), ZONE) - start) // 30_000_000_000
    hour = (12 + np.arange(n) / 120) % 24
    active = np.where((hour < 7) | (hour >= 23), rng.exponential(4, n), rng.exponential(220, n))
    wear = np.ones(n)
    wear[2880 * 6 : 2880 * 6 + 480] = 0.0
    stage: list[str | None] = [None] * n
    swa = np.full(n, np.nan)
    first = 2880 * 2 + 11 * 120
    cycle = ["W"] * 20 + (["N1"] * 10 + ["N2"] * 60 + ["N3"] * 60 + ["N2"] * 30 + ["R"] * 32) * 5
    stage[first : first + len(cycle)] = cycle
    level = {"W": 20.0, "N1": 40.0, "N2": 120.0, "N3": 500.0, "R": 30.0}
    swa[first : first + len(cycle)] = [level[s] * rng.lognormal(0, 0.3) for s in cycle]
    hz = np.arange(1, 61) * 0.5
    psd = [
        (swa[first + k] / hz**1.8 * rng.lognormal(0, 0.3, 60)).astype(np.float32).tolist() for k in range(len(cycle))
    ]
    epochs = epoch_frame(
        to_datetime(start), activity_cpm=np.where(wear == 0, np.nan, active), wear=wear, stage=stage, swa_uv2=swa
    ).with_row_index("k")
    epochs = epochs.filter(~pl.col("k").is_between(2880 * 4, 2880 * 5 - 1)).drop("k")
    spectra = SPECTRA.check(
        pl.DataFrame(
            {
                "participant": ["p01"] * len(cycle),
                "recording": ["bbbbbbbbbbbb"] * len(cycle),
                "start_utc": [to_datetime(start + (first + k) * 30_000_000_000) for k in range(len(cycle))],
                "psd_uv2_hz": psd,
            },
            schema=SPECTRA.schema,
        )
    )
    return epochs, spectra
