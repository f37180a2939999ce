"""A small export of `geneactiv_csv`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from handmade.sample import START, Sample
from pipeline.recording import Kind

SAID = {
    0: "Device Type,GENEActiv",
    1: "Device Model,1.1",
    2: "Device Unique Serial Code,012345",
    10: "Measurement Frequency,20 Hz",
    11: "Start Time,2024-03-01 22:00:00:000",
    14: "Time Zone,GMT +01:00",
    20: "Subject Code,someone",
    21: "Date of Birth,1900-01-01",
}
HEAD = "".join(SAID.get(k, "") + "\r\n" for k in range(100))


def write_csv(folder: Path) -> Path:
    """60 s at 20 Hz without the seconds 20 … 25; the button is down for a second."""
    path = folder / "left wrist.csv"
    rows = []
    for k in [*range(400), *range(500, 1200)]:
        stamp = START + timedelta(milliseconds=50 * k)
        rows.append(
            f"{stamp:%Y-%m-%d %H:%M:%S}:{stamp.microsecond // 1000:03d},{k % 9 / 10:.4f},-0.1,0.98,{k % 50},"
            f"{int(200 <= k < 220)},{20 + k // 100 / 10:.1f}"
        )
    path.write_text(HEAD + "\r\n".join([*rows, ""]), newline="")
    return path


SAMPLE = Sample(
    write_csv,
    (20.0, 25.0),
    frozenset({Kind.ACC, Kind.LIGHT, Kind.TEMP}),
    kinds=frozenset({Kind.MARKERS}),
    lines=True,
)
