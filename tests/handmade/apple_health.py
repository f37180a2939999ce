"""A small export of `apple_health`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

DTD = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!-- HealthKit Export Version: 14 -->
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
<!ELEMENT Record ((MetadataEntry|HeartRateVariabilityMetadataList)*)>
<!ATTLIST Record
  type          CDATA #REQUIRED
  unit          CDATA #IMPLIED
>
]>
"""
ME = '<Me HKCharacteristicTypeIdentifierDateOfBirth="1980-07-07" HKCharacteristicTypeIdentifierBiologicalSex="F"/>'
WATCH = 'sourceName="Annas Apple Watch" sourceVersion="9.1" device="&lt;&lt;HKDevice: 0x2&gt;, name:Apple Watch&gt;"'
PHONE = 'sourceName="Annas iPhone" sourceVersion="16.1"'


def stamp(second: float) -> str:
    """The wall clock in Rome so many seconds after the start, as the phone writes it."""
    return f"{START + timedelta(seconds=second):%Y-%m-%d %H:%M:%S} +0100"


def record(
    kind: str, begin: float, end: float, value: object, unit: str = "", source: str = WATCH, more: str = ""
) -> str:
    """One record; `kind` without its long prefix."""
    prefix = "HKCategoryTypeIdentifier" if kind == "SleepAnalysis" else "HKQuantityTypeIdentifier"
    of = f' unit="{unit}"' if unit else ""
    head = f'<Record type="{prefix}{kind}" {source}{of} creationDate="{stamp(end)}"'
    head += f' startDate="{stamp(begin)}" endDate="{stamp(end)}" value="{value}"'
    return f"{head}>{more}</Record>" if more else f"{head}/>"


def asleep(stage: str, begin: float, end: float, source: str = WATCH) -> str:
    """One record of sleep."""
    return record("SleepAnalysis", begin, end, f"HKCategoryValueSleepAnalysis{stage}", source=source)


def beats(*rows: tuple[int, str]) -> str:
    """The beats behind an SDNN."""
    inside = "".join(f'<InstantaneousBeatsPerMinute bpm="{bpm}" time="{at}"/>' for bpm, at in rows)
    return f"<HeartRateVariabilityMetadataList>{inside}</HeartRateVariabilityMetadataList>"


def write_xml(folder: Path, *records: str, dtd: str = DTD) -> Path:
    """An export with these records."""
    path = folder / "export.xml"
    inside = "\n ".join([f'<ExportDate value="{stamp(9e6)}"/>', ME, *records])
    path.write_text(f'{dtd}<HealthData locale="it_IT">\n {inside}\n</HealthData>\n', encoding="utf-8")
    return path


def write_sample(folder: Path) -> Path:
    rates = [record("HeartRate", 30 * k, 30 * k, 60 + k % 5, "count/min") for k in range(40) if not 20 <= k < 30]
    night = [asleep("AsleepCore", 0, 600), asleep("AsleepDeep", 900, 1200)]
    return write_xml(folder, *rates, *night, asleep("InBed", 0, 1200, PHONE))


SAMPLE = Sample(
    write_sample,
    (600.0, 900.0),
    frozenset({Kind.HR, Kind.STAGES}),
    moves_with_zone=False,
    kinds=frozenset({Kind.DIARY}),
)
