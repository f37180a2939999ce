"""Tempatilumi text: Portuguese columns in any encoding, light whose unit must be told, gaps, damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from handmade.tempatilumi_txt import HEAD

from pipeline.clock import NS, to_datetime
from pipeline.devices import claimant
from pipeline.devices.reader import Asked
from pipeline.devices.tempatilumi_txt import READER
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording

ASKED = Asked(zone="America/Sao_Paulo")
COLUMNS = "Data; Hora; Evento; Luminosidade; Atividade"
ROWS = ["2000/1/1; 00:00:00; 1; 0; 0;", "2000/1/1; 00:01:00; 0; 5000; 723;", "2000/1/1; 00:02:00; 0; 10; 5;"]


def write(folder: Path, rows: list[str], columns: str = COLUMNS, encoding: str = "utf-8") -> Path:
    path = folder / "log.txt"
    path.write_bytes("\n".join([*HEAD[:-1], columns, *rows, ""]).encode(encoding))
    return path


def read(path: Path, asked: Asked = ASKED) -> Recording:
    assert claimant(path) is READER
    return READER.read(path, asked)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_counts_and_events_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    recording = read(write(tmp_path, ROWS, encoding=encoding))
    (counts,) = recording.signals
    assert counts.samples.tolist() == [0.0, 723.0, 5.0]
    assert f"{to_datetime(counts.start_ns, 'America/Sao_Paulo'):%Y-%m-%d %H:%M}" == "2000-01-01 00:00"
    assert [(m.time_ns - counts.start_ns) / NS for m in recording.markers] == [0.0]


def test_light_is_read_only_where_its_unit_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    assert any('"Luminosidade": "lux"' in note for note in read(path).repairs)
    told = read(path, Asked(zone="America/Sao_Paulo", units={"Luminosidade": "lux"}))
    assert told.of(Kind.LIGHT)[0].samples.tolist() == [0.0, 5000.0, 10.0]


def test_temperature_with_a_decimal_comma_and_a_missing_row(tmp_path: Path) -> None:
    rows = [f"2000/1/1; 00:0{k}:00; 0; 25,{k}; 0; {k};" for k in (0, 1, 2, 4, 5)]
    counts, temperature = read(
        write(tmp_path, rows, "Data; Hora; Evento; Temperatura; Luminosidade; Atividade")
    ).signals
    assert temperature.samples.tolist() == pytest.approx([25.0, 25.1, 25.2, np.nan, 25.4, 25.5], nan_ok=True)
    assert np.flatnonzero(np.isnan(counts.samples)).tolist() == [3]


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([], Fault.NOTHING_USABLE),
        (ROWS[:1], Fault.NOTHING_USABLE),
        (["2000/1/1; never; 0; 0; 1;"] * 9, Fault.CORRUPT),
        ([row.replace("; 0;", "; x;").replace(" 5;", " y;").replace("723", "z") for row in ROWS], Fault.CORRUPT),
    ],
)
def test_what_is_no_recording(tmp_path: Path, rows: list[str], fault: Fault) -> None:
    with pytest.raises(FileFault) as raised:
        read(write(tmp_path, rows))
    assert raised.value.fault is fault
