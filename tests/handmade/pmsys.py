"""A small export of `pmsys`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind

HEADER = "effective_time_frame,fatigue,mood,readiness,sleep_duration_h,sleep_quality,soreness,soreness_area,stress"


def write_wellness(folder: Path) -> Path:
    path = folder / "wellness.csv"
    rows = [HEADER, "2024-03-01T21:00:00.000Z,3,4,7,8,3,2,[12921003],3"]
    rows += [f'2024-03-{day:02d}T07:15:30.500Z,3,3,7,7.5,4,2,"[1, 2]",{day % 4 + 1}' for day in range(2, 12)]
    path.write_text("\n".join([*rows, ""]))
    return path


SAMPLE = Sample(
    write_wellness, (0.0, 0.0), frozenset(), moves_with_zone=False, lines=True, kinds=frozenset({Kind.ANSWERS})
)
