"""A small export of `embraceplus_avro`: three files of a folder, with one missing between the second and third."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from handmade.sample import T0_NS, Sample
from pipeline.clock import NS
from pipeline.recording import Kind

T0_US = T0_NS // 1000
LONG_S = 60


def _record(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "record", "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


def _array(kind: str) -> dict[str, Any]:
    return {"type": "array", "items": kind}


def _values(name: str, kind: str = "float") -> dict[str, Any]:
    return _record(name, timestampStart="long", samplingFrequency="float", values=_array(kind))


_IMU = _record("ImuParams", physicalMin="int", physicalMax="int", digitalMin="int", digitalMax="int")
_ACC = _record(
    "Accelerometer", timestampStart="long", samplingFrequency="float", imuParams=_IMU,
    x=_array("int"), y=_array("int"), z=_array("int"),
)  # fmt: skip
SCHEMA = _record(
    "EmbracePlus",
    schemaVersion=_record("Version", major="int", minor="int", patch="int"),
    timezone="int",
    enrollment=_record("Enrollment", participantID="string", siteID="string"),
    deviceSn="string",
    rawData=_record(
        "RawData",
        accelerometer=_ACC,
        eda=_values("Eda"),
        temperature=_values("Temperature"),
        bvp=_values("Bvp"),
        systolicPeaks=_record("Peaks", peaksTimeNanos=_array("long")),
        steps=_values("Steps", "int"),
        tags=_record("Tags", tagsTimeMicros=_array("long")),
    ),
)


def content(second: float, length_s: int = LONG_S, **changed: Any) -> dict[str, Any]:
    """The record of one file that begins so many seconds after the start."""
    at = T0_US + round(second * 1e6)
    peaks = [T0_NS + round((second + 0.5 + k) * NS) for k in range(length_s)]

    def values(rate: float, value: float) -> dict[str, Any]:
        return {"timestampStart": at, "samplingFrequency": rate, "values": [value] * round(length_s * rate)}

    raw = {
        "accelerometer": {
            "timestampStart": at,
            "samplingFrequency": 64.0,
            "imuParams": {"physicalMin": -16, "physicalMax": 16, "digitalMin": -32768, "digitalMax": 32768},
            **{axis: [step] * (64 * length_s) for axis, step in (("x", 0), ("y", -1024), ("z", 2048))},
        },
        "eda": values(4.0, 0.7),
        "temperature": values(1.0, 33.5),
        "bvp": values(64.0, -2.5),
        "systolicPeaks": {"peaksTimeNanos": peaks},
        "steps": values(0.2, 3),
        "tags": {"tagsTimeMicros": []},
    }
    return {
        "schemaVersion": {"major": 6, "minor": 5, "patch": 0},
        "timezone": 3600,
        "enrollment": {"participantID": "Ada", "siteID": "London"},
        "deviceSn": "3YK4711",
        "rawData": raw | changed,
    }


def write_file(folder: Path, second: float, record: dict[str, Any] | None = None, codec: str = "null") -> Path:
    import fastavro

    path = folder / f"1-1-Ada_{T0_NS // NS + int(second)}.avro"
    with path.open("wb") as stream:
        fastavro.writer(stream, SCHEMA, [record or content(second)], codec=codec)
    return path


def write_folder(folder: Path) -> Path:
    path = folder / "v6"
    path.mkdir()
    for second in (0, 60, 180):
        write_file(path, second)
    return path


SAMPLE = Sample(
    write_folder,
    (120.0, 180.0),
    frozenset({Kind.ACC, Kind.BVP, Kind.EDA, Kind.TEMP, Kind.STEPS, Kind.RR}),
    moves_with_zone=False,
)
