"""A small export of `kubios_report`; `HEAD` is that of two samples side by side."""

from __future__ import annotations

from pathlib import Path

from handmade.sample import Sample
from pipeline.recording import Kind

HEAD = """Kubios HRV Premium (ver. 3.5.0) - University of Eastern Finland

File name:,  ada_lovelace_night.edf
Measurement date:,  2024-03-01 22:00:00

RR Interval Samples Selected for Analysis
                ,SAMPLE 1,SAMPLE 2
Beat correction:,Automatic

RESULTS FOR SINGLE SAMPLES
Mean RR (ms):,800.0,,900.0

RR INTERVAL DATA and SPECTRUM ESTIMATES
SAMPLE 1,,,,SAMPLE 2,,,
RR data,,FFT spectrum,,RR data,,FFT spectrum,
Time,RR interval,Frequency,PSD,Time,RR interval,Frequency,PSD
(s),(s),(Hz),(s^2/Hz),(s),(s),(Hz),(s^2/Hz)
"""


def write_report(folder: Path) -> Path:
    """One sample: of two side by side, a copy cut at a line end would lack the end of both."""
    path = folder / "night_hrv.csv"
    one = HEAD.replace(",SAMPLE 2", "").replace(",SAMPLE 2,,,", "").replace(",Time,RR interval,Frequency,PSD\n", "\n")
    ends = [0.8 * k for k in range(1, 101)] + [100 + 0.9 * k for k in range(1, 101)]
    rows = [f"{end:.3f},{0.8 if end < 90 else 0.9},{k / 100},{1e-4}\n" for k, end in enumerate(ends)]
    path.write_text(one + "".join(rows))
    return path


SAMPLE = Sample(write_report, (80.0, 100.0), frozenset({Kind.RR}), lines=True)
