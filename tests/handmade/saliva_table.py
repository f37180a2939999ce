"""A small export of `saliva_table`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def write_saliva(folder: Path) -> Path:
    """An evening and the next morning of one participant, with a tube that held too little, among another's."""
    path = folder / "saliva.csv"
    rows = [
        "participant,name,date,time,wake_time,sample,cortisol (nmol/L),amylase (U/mL),checked by",
        "P1,Jane Canary,2024-03-01,22:00,,S0,1.2,80.5,Dr Canaria",
        "P1,Jane Canary,2024-03-02,07:00,07:00,S1,9.5,31,Dr Canaria",
        "P1,Jane Canary,2024-03-02,07:30,07:00,S2,,35,Dr Canaria",
        "P1,Jane Canary,2024-03-02,07:45,07:00,S3,<0.5,40,Dr Canaria",
    ]
    path.write_text("\n".join([*rows, ""]))
    return path


SAMPLE = Sample(
    write_saliva,
    (0.0, 0.0),
    frozenset(),
    kinds=frozenset({Kind.SALIVA}),
    lines=True,
    planted=("Jane", "Canaria"),
)
