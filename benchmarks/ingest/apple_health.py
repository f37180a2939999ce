"""How long a million records of Apple Health take, and how much memory.

    python benchmarks/ingest/apple_health.py [--records 1000000] [--runs 7]

The export is made here: heart rates, steps of a watch and a phone, sleep, oxygen and variability with beats, in the
proportions of a watch's wearer, with the device string that makes genuine exports large. Each run is a process of its
own that calls `read_export`; printed are medians of its CPU seconds (user and system, import and exit included) and of
its peak of resident memory, beside what a process takes that only imports. A first run does not count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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


_IMPORT = "import sys\nfrom pathlib import Path\nfrom pipeline.devices import read_export\n"
_IMPORT += "from pipeline.devices.reader import Asked\n"
_READ = _IMPORT + 'read_export(Path(sys.argv[1]), Asked(zone="Europe/London"))'
_PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""
"""The peak in KiB (Linux). What the system tells a parent of its child is never less than what the parent took."""
WAYS = {"imports only": _IMPORT, "reads the export": _READ}


def cost_of(code: str, path: Path) -> tuple[float, float]:
    """CPU seconds and peak of memory in MiB of one process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-c", code + _PEAK, str(path)]
    before = os.times()
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return cpu_s, int(done.stdout) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.xml"
        write_export(path, asked.records)
        costs = {name: [cost_of(code, path) for _ in range(asked.runs + 1)][1:] for name, code in WAYS.items()}
        size = path.stat().st_size / 1e6
    print(f"{asked.records:,} records, {size:.0f} MB")
    print("| process | CPU s | peak MiB |")
    print("|---|---|---|")
    for name, some in costs.items():
        cpu_s, peak_mb = (statistics.median(part) for part in zip(*some, strict=True))
        print(f"| {name} | {cpu_s:.2f} | {peak_mb:.0f} |")


if __name__ == "__main__":
    main()
