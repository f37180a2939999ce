"""A small export of `oura`."""

from __future__ import annotations

import json
from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def period(start: str, end: str, phases: str, **more: object) -> dict[str, object]:
    """One sleep period as the API gives it."""
    whole: dict[str, object] = {
        "id": start,
        "day": "2024-03-02",
        "average_hrv": 40,
        "bedtime_start": start,
        "bedtime_end": end,
        "type": "long_sleep",
        "sleep_phase_5_min": phases,
    }
    return whole | more


def series(start: str, items: list[float | None]) -> dict[str, object]:
    """Means by 5 minutes."""
    return {"interval": 300.0, "items": items, "timestamp": start}


def write_periods(folder: Path) -> Path:
    path = folder / "oura_sleep.json"
    first, second = "2024-03-01T22:00:00.000+01:00", "2024-03-01T23:00:00.000+01:00"
    night = period(
        first, "2024-03-01T22:40:00.000+01:00", "44222113",
        movement_30_sec="1" * 40 + "23" * 20, heart_rate=series(first, [60.0] * 8), hrv=series(first, [41.0] * 8),
    )  # fmt: skip
    later = period(
        second, "2024-03-01T23:20:00.000+01:00", "2234", type="late_nap",
        movement_30_sec="1234" * 10, heart_rate=series(second, [55.0] * 4), hrv=series(second, [50.0] * 4),
    )  # fmt: skip
    path.write_text(json.dumps({"data": [night, later], "next_token": None}))
    return path


SAMPLE = Sample(
    write_periods,
    (2400.0, 3600.0),
    frozenset({Kind.STAGES, Kind.HR, Kind.RMSSD, Kind.COUNTS}),
    moves_with_zone=False,
    kinds=frozenset({Kind.DIARY}),
)
