"""A small export of `motionwatch_mtn`."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind


def log(start: str, motion: list[str], light: list[str], epoch: str = "60", data: str = 'encoding="text"') -> str:
    """The XML of a watch."""

    def channel(name: str, units: str, values: list[str]) -> str:
        lines = ",\n".join(",".join(values[k : k + 10]) for k in range(0, len(values), 10))
        head = f"<name>{name}</name><units>{units}</units><epoch>{epoch}</epoch><offset>0</offset>"
        return f"<change><channel>{head}<data {data}>{lines},</data></channel></change>\n"

    says = {"+UserID": "Jane Canary", "+DOB": "1980-11-17", "=Device": "MW8", "=SerialNo": "CANARY77"}
    says["=StartTime"] = start
    changes = "".join(
        f'<change user="Canary"><property><name>{name}</name><content>{value}</content></property></change>\n'
        for name, value in says.items()
    )
    channels = channel("motion", "Triaxial-Counts", motion) + (channel("Light", "lux", light) if light else "")
    head = '\ufeff<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<motionfile><log2 major="2">\n{changes}{channels}</log2></motionfile>'


def write_mtn(folder: Path) -> Path:
    path = folder / "watch.mtn"
    counts = ["" if 30 <= k < 40 else str(k % 7 * 50) for k in range(200)]
    light = ["" if 30 <= k < 40 else f"{k}.25" for k in range(200)]
    path.write_text(log("2024-03-01 22:00:00", counts, light), encoding="utf-8")
    return path


SAMPLE = Sample(
    write_mtn,
    (1800.0, 2400.0),
    frozenset({Kind.COUNTS, Kind.LIGHT}),
    planted=("Canary", "CANARY77", "1980"),
)
