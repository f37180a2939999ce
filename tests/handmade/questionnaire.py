"""A small export of `questionnaire`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_answers(folder: Path) -> Path:
    """One participant's answers on two days, one of them not given."""
    path = folder / "answers.csv"
    rows = [
        "participant,name,date,time,PSS_1,PSS_2,STAI_total,remarks",
        "P1,Jane Canary,2024-03-01,22:00,3,2,41,call Dr Canaria",
        "P1,Jane Canary,2024-03-02,22:00,,1,38,",
    ]
    path.write_text("\n".join([*rows, ""]))
    return path


SAMPLE = Sample(
    write_answers,
    (0.0, 0.0),
    frozenset(),
    kinds=frozenset({Kind.ANSWERS}),
    lines=True,
    planted=("Jane", "Canaria"),
)
