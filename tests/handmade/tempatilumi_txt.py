"""A small export of `tempatilumi_txt`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from handmade.sample import ASKED, START, Sample
from pipeline.recording import Kind

HEAD = [
    "Jane Canary, noites",
    "",
    "N° de Série: CANARY77",
    "Aceleração: Mini-Mitter",
    "Sensibilidade do acelerômetro: 1.5 G",
    "",
    "Data; Hora; Evento; Temperatura; Luminosidade; Atividade",
]


def write_tempatilumi(folder: Path) -> Path:
    path = folder / "log.txt"
    rows = []
    for k in range(200):
        if not 30 <= k < 40:
            at = START + timedelta(minutes=k)
            rows.append(f"{at.year}/{at.month}/{at.day}; {at:%H:%M:%S}; {int(k == 5)}; 30,{k % 9}; {k % 4}0; {k * 3};")
    path.write_bytes("\r\n".join([*HEAD, *rows, ""]).encode("cp1252"))
    return path


SAMPLE = Sample(
    write_tempatilumi,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.TEMP, Kind.LIGHT}),
    asked=replace(ASKED, units={"Luminosidade": "lux"}),
    lines=True,
    kinds=frozenset({Kind.MARKERS}),
    planted=("Canary", "CANARY77"),
)
