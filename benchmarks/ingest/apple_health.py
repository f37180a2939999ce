"""How long a million records of Apple Health take, and how much memory: `python benchmarks/ingest/apple_health.py`.

The export is made here: heart rates, steps of a watch and a phone, sleep, oxygen and variability with beats, in the
proportions of a watch's wearer, with the device string that makes genuine exports large.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

START = datetime(2021, 1, 1)  # noqa: DTZ001  a wall clock
DEVICE = "&lt;&lt;HKDevice: 0x28&gt;, name:Apple Watch, manufacturer:Apple Inc., model:Watch, hardware:Watch6,2&gt;"
WATCH = f'sourceName="Watch" sourceVersion="9.1" device="{DEVICE}"'
PHONE = 'sourceName="iPhone" sourceVersion="16.1"'
STAGES = ("Core", "Deep", "REM", "Core", "Core")


def write_export(path: Path, count: int) -> None:
    """An export of `count` records: 60 % heart rate, 30 % steps, the rest sleep, oxygen and variability."""

    def record(kind: str, second: int, length: int, value: object, unit: str, source: str, more: str = "") -> str:
        begin, end = (f"{START + timedelta(seconds=s):%Y-%m-%d %H:%M:%S} +0100" for s in (second, second + length))
        of = f' unit="{unit}"' if unit else ""
        head = f' <Record type="HK{kind}" {source}{of} creationDate="{end}" startDate="{begin}" endDate="{end}"'
        return f'{head} value="{value}"{f">{more}</Record>" if more else "/>"}\n'

    beats = "".join(f'<InstantaneousBeatsPerMinute bpm="60" time="10:00:{k:02d}.00"/>' for k in range(1, 50))
    beats = f"<HeartRateVariabilityMetadataList>{beats}</HeartRateVariabilityMetadataList>"
    with path.open("w") as out:
        out.write('<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!ELEMENT HealthData ANY>\n]>\n')
        out.write('<HealthData locale="en_GB">\n')
        for k in range(count):
            second, turn = 80 * k, k % 100
            if turn < 60:
                out.write(record("QuantityTypeIdentifierHeartRate", second, 0, 50 + k % 70, "count/min", WATCH))
            elif turn < 90:
                source = WATCH if turn < 75 else PHONE
                out.write(record("QuantityTypeIdentifierStepCount", second, 300, k % 400, "count", source))
            elif turn < 98:
                value = f"HKCategoryValueSleepAnalysisAsleep{STAGES[k % 5]}"
                out.write(record("CategoryTypeIdentifierSleepAnalysis", second, 80, value, "", WATCH))
            elif turn < 99:
                out.write(record("QuantityTypeIdentifierOxygenSaturation", second, 0, 0.96, "%", WATCH))
            else:
                kind = "QuantityTypeIdentifierHeartRateVariabilitySDNN"
                out.write(record(kind, second, 60, 45.5, "ms", WATCH, beats))
        out.write("</HealthData>\n")


def measured(path: Path) -> tuple[float, float, float]:
    """CPU seconds of reading, MB of memory before it and at its peak, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--read", str(path)], capture_output=True, text=True, check=True)
    cpu_s, before_mb, peak_mb = map(float, done.stdout.split())
    return cpu_s, before_mb, peak_mb


def peak() -> float:
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from pipeline.devices import apple_health
    from pipeline.devices.reader import Asked

    before, start = peak(), time.process_time()
    apple_health.READER.read(path, Asked(zone="Europe/London"))
    print(time.process_time() - start, before, peak())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        read(asked.read)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.xml"
        write_export(path, asked.records)
        cpu_s, before_mb, peak_mb = measured(path)
        size = path.stat().st_size / 1e6
        print(
            f"{asked.records} records, {size:.0f} MB: {cpu_s:.1f} s CPU, {before_mb:.0f} MB → {peak_mb:.0f} MB at peak"
        )


if __name__ == "__main__":
    main()
