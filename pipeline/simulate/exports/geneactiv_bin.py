"""Raw acceleration as a GENEActiv .bin file: a header in words, then pages of 300 samples in hexadecimal."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.recording import Floats

PAGE_SAMPLES = 300
GAIN = np.array([25875.0, 25734.0, 25538.0])
OFFSET = np.array([439.0, -662.0, -3056.0])
LUX, VOLTS = 800, 300

HEAD = """Device Identity
Device Unique Serial Code:012345
Device Type:GENEActiv
Device Model:1.1
Device Firmware Version:Ver4.08a date14Jul14
Calibration Date:2019-02-04 13:49:24:000

Configuration Info
Measurement Frequency:{fs_hz:g} Hz
Start Time:{start:%Y-%m-%d %H:%M:%S}:000
Time Zone:GMT {offset}

Trial Info
Extract Notes:(device clock drift {drift_s:.3f}s)

Subject Info
Subject Code:simulated

Calibration Data
{calibration}
Volts:{volts}
Lux:{lux}

Memory Status
Number of Pages:{pages}

"""
PAGE = """Recorded Data
Device Unique Serial Code:012345
Sequence Number:{number}
Page Time:{time:%Y-%m-%d %H:%M:%S}:{ms:03d}
Unassigned:
Temperature:{temperature:.1f}
Battery voltage:4.1493
Device Status:Recording
Measurement Frequency:{fs_hz:.1f}
{samples}
"""


def write_geneactiv_bin(
    path: Path,
    acc_g: Floats,
    start_wall: datetime,
    *,
    fs_hz: float,
    page_s: float | None = None,
    light_lux: Floats | None = None,
    pressed: NDArray[np.bool_] | None = None,
    temperature_c: Floats | None = None,
    lost_pages: tuple[int, ...] = (),
    offset: str = "+01:00",
    drift_s: float = 0.0,
) -> None:
    """Writes samples, shape (n, 3), as whole pages from the local wall clock `start_wall` on.

    `page_s` is how long the device truly takes for a page, by which pages are stamped (to half a second, as devices
    do); `fs_hz` is what the header says. Samples behind the last whole page are not written. Lines end in CRLF.
    """
    count = len(acc_g) // PAGE_SAMPLES
    n = count * PAGE_SAMPLES
    light = np.zeros(n) if light_lux is None else light_lux[:n]
    button = np.zeros(n, np.bool_) if pressed is None else pressed[:n]
    temperature = np.full(count, 25.0) if temperature_c is None else temperature_c
    pages = _packed(acc_g[:n], light, button).reshape(count, -1)
    calibration = [
        f"{axis} gain:{gain:.0f}\n{axis} offset:{offset:.0f}"
        for axis, gain, offset in zip("xyz", GAIN, OFFSET, strict=True)
    ]
    head = HEAD.format(
        fs_hz=fs_hz, start=start_wall, offset=offset, drift_s=drift_s, calibration="\n".join(calibration),
        volts=VOLTS, lux=LUX, pages=count,
    )  # fmt: skip
    with path.open("w", encoding="ascii", newline="\r\n") as stream:
        stream.write(head)
        for k in range(count):
            if k in lost_pages:
                continue
            half_seconds = round(k * (page_s or PAGE_SAMPLES / fs_hz) * 2)
            time = start_wall + timedelta(seconds=half_seconds / 2)
            stream.write(
                PAGE.format(
                    number=k,
                    time=time,
                    ms=time.microsecond // 1000,
                    temperature=temperature[k],
                    fs_hz=fs_hz,
                    samples=pages[k].tobytes().hex().upper(),
                )
            )


def _packed(acc_g: Floats, light_lux: Floats, pressed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Six bytes a sample, shape (n, 6): 12 bits for each axis, 10 of light, the button, one that is 0."""
    raw = np.clip(np.rint((acc_g * GAIN + OFFSET) / 100), -2048, 2047).astype(np.int64) & 0xFFF
    light = np.clip(np.rint(light_lux * VOLTS / LUX), 0, 1023).astype(np.int64)
    word = raw[:, 0] << 36 | raw[:, 1] << 24 | raw[:, 2] << 12 | light << 2 | pressed.astype(np.int64) << 1
    return np.ascontiguousarray(word.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:])
