"""An Empatica E4 session as the zip of CSV files that its site exports: UTC start in line 1, rate in line 2."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.recording import Floats
from pipeline.simulate.e4 import ACC_HZ, BVP_HZ, EDA_HZ, HR_STARTS_S, TEMP_HZ, E4Session

LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""Every entry bears the earliest time that a zip can, so that the same session gives the same bytes."""
ACC_PER_G = 64
IBI_HZ = 64
INFO = """Simulated session in the layout of an Empatica E4 export.
Line 1 of a stream is its start in seconds since 1970 UTC, line 2 its rate in Hz.
ACC.csv: x, y, z in 1/64 g. BVP.csv: arbitrary units. EDA.csv: microsiemens. TEMP.csv: degrees Celsius.
HR.csv: beats per minute over the last 10 s. IBI.csv: seconds since the start at which the interval ends, interval.
tags.csv: button presses in seconds since 1970 UTC.
"""


def write_e4_zip(path: Path, session: E4Session) -> None:
    """Writes the session; intervals marked lost are left out of IBI.csv and times there are multiples of 1/64 s."""
    start_s = session.start_ns // NS
    parts = {
        "ACC.csv": _acc(session, start_s),
        "BVP.csv": _stream(session.bvp_au, start_s, BVP_HZ, "%.2f"),
        "EDA.csv": _stream(session.eda_us, start_s, EDA_HZ, "%.6f"),
        "HR.csv": _stream(session.hr_bpm, start_s + HR_STARTS_S, 1, "%.2f"),
        "IBI.csv": _ibi(session, start_s),
        "TEMP.csv": _stream(session.temp_c, start_s, TEMP_HZ, "%.2f"),
        "info.txt": INFO,
        "tags.csv": "".join(f"{tag / NS:.2f}\r\n" for tag in session.tags_ns),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in parts.items():
            entry = zipfile.ZipInfo(name, LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, text.encode("ascii"), compresslevel=9)


def _stream(values: Floats, start_s: int, rate_hz: int, form: str) -> str:
    rows = [f"{start_s:.6f}", f"{rate_hz:.6f}", *(form % value for value in values.tolist())]
    return "\n".join(rows) + "\n"


def _acc(session: E4Session, start_s: int) -> str:
    steps = np.clip(np.rint(session.acc_g * ACC_PER_G), -128, 127).astype(int).tolist()
    heads = [", ".join([f"{value:.6f}"] * 3) for value in (start_s, ACC_HZ)]
    return "\n".join([*heads, *(f"{x},{y},{z}" for x, y, z in steps)]) + "\n"


def _ibi(session: E4Session, start_s: int) -> str:
    beat_s = np.rint(session.beats.beat_ms / 1000 * IBI_HZ) / IBI_HZ
    held = ~session.beats.lost
    ends, intervals = beat_s[1:][held].tolist(), np.diff(beat_s)[held].tolist()
    rows = (f"{end:.6f},{interval:.6f}" for end, interval in zip(ends, intervals, strict=True))
    return "\n".join([f"{start_s:.6f}, IBI", *rows]) + "\n"
