"""A small export of `movisens`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from handmade.sample import Sample
from pipeline.recording import Kind

XML = """<?xml version="1.0" encoding="UTF-8"?>
<unisens xmlns="http://www.unisens.org/unisens2.0" comment="" duration="60" measurementId="M001"
 timestampStart="2024-03-01T22:00:00.000" version="2.0">
<customAttributes>
 <customAttribute key="personId" value="Mary Smith"/>
 <customAttribute key="sensorSerialNumber" value="123456"/>
 <customAttribute key="sensorType" value="Move 4"/>
</customAttributes>
<signalEntry adcResolution="16" contentClass="acc" dataType="int16" id="acc.bin" lsbValue="0.00048828125"
 sampleRate="64" unit="g"><binFileFormat endianess="LITTLE"/>
 <channel name="accX"/><channel name="accY"/><channel name="accZ"/></signalEntry>
<signalEntry contentClass="temp" dataType="int16" id="temp.bin" lsbValue="0.01" sampleRate="1" unit="°C">
 <binFileFormat endianess="LITTLE"/><channel name="temp"/></signalEntry>
<signalEntry contentClass="press" dataType="int32" id="press.bin" lsbValue="0.01" sampleRate="8" unit="Pa">
 <binFileFormat endianess="LITTLE"/><channel name="press"/></signalEntry>
<eventEntry contentClass="marker" id="marker.csv" sampleRate="64">
 <csvFileFormat decimalSeparator="." separator=";"/></eventEntry>
</unisens>
"""


def write_folder(folder: Path) -> Path:
    path = folder / "2024-03-01 22.00.00"
    path.mkdir()
    (path / "unisens.xml").write_text(XML, encoding="utf-8")
    rng = np.random.default_rng(4)
    (path / "acc.bin").write_bytes(rng.normal([0, 0, 2048], 200, (64 * 60, 3)).astype("<i2").tobytes())
    (path / "temp.bin").write_bytes((3000 + np.arange(60)).astype("<i2").tobytes())
    (path / "press.bin").write_bytes(np.full(480, 10_132_500, "<i4").tobytes())
    (path / "marker.csv").write_text("640;tap\n1920;tap\n")
    return path


SAMPLE = Sample(write_folder, (0.0, 0.0), frozenset(), kinds=frozenset({Kind.ACC, Kind.TEMP, Kind.MARKERS}))
