"""VU-AMS (VU-DAMS software), the list of R peaks: `dd-mm-yy/HH:MM:SS.mmm`, summed interval, interval, how it was found.

A stamp is the wall clock of the recorder at the R peak, which ends the interval. `O` marks an interval as observed; any
other letter one that was interpolated or corrected, which is left out. Line 1 names the participant and is not read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.devices.delimited import content_of, lines_of, numbers_of, table_of, text_of, whole_lines
from pipeline.devices.reader import Asked, DateOrder, Glimpse, Reader
from pipeline.devices.rr_rows import LONGEST_BEAT_S, unit_of
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, Kind, Recording

HEADER = re.compile(r"(?im)^R-peak time\tibi_cumulative\tibi\tinterpolated\b")
OBSERVED = "O"


def _recognise(seen: Glimpse) -> bool:
    """Whether a line names the columns of the list."""
    return not seen.is_folder and HEADER.search(seen.text) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """The observed intervals, each ending at its R peak."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    at = next((k for k, line in enumerate(lines) if HEADER.match(line)), None)
    if at is None or not any(lines[at + 1 :]):
        raise FileFault(Fault.NOTHING_USABLE, "the list holds no R peak", where=path.name)
    table = table_of(lines[at + 1 :], ["time", "sum", "ibi", "interpolated"], "\t", path)
    zone, source = asked.zone_for(path)
    stamps = instants(
        table["c0"].str.replace("/", " ", literal=True),
        replace(asked, date_order=DateOrder.DAY_FIRST),
        zone,
        path,
        follows_zone=False,
    )
    ibi = numbers_of(table["c2"])[0].fill_null(float("nan")).to_numpy()
    peak = stamps.good & np.isfinite(ibi)
    first = np.zeros(len(ibi), bool)
    first[:1] = True  # the first peak ends no interval and is written as 0
    observed = (table["c3"].fill_null("").str.to_uppercase() == OBSERVED).to_numpy()
    positive = peak & observed & (np.nan_to_num(ibi) > 0)
    scale, evidence = unit_of(path, ibi[positive], "")
    rr_s = np.where(positive, ibi, 0.0) * scale
    keep = positive & (rr_s <= LONGEST_BEAT_S)
    for found, words in (
        (~peak, "rows without a time or an interval are left out"),
        (peak & ~observed, "intervals that the software interpolated or corrected are left out"),
        (positive & ~keep, f"intervals above {LONGEST_BEAT_S:g} s are gaps, not beats"),
        (peak & observed & ~positive & ~first, "intervals of 0 are left out"),
    ):
        if found.any():
            notes.append(f"{np.count_nonzero(found)} {words}")
    if (np.diff(stamps.utc_ns[keep]) < 0).any():
        raise FileFault(Fault.CORRUPT, "the R peaks are not in order of time", where=path.name)
    beats = Beats(stamps.utc_ns[keep], rr_s[keep], "ibi", evidence, BeatSensor.ECG)
    return Recording("VU-AMS", zone, source, beats=beats, clock=stamps.clock, repairs=(*notes, *stamps.notes))


READER = Reader(
    name="vu_ams",
    device="VU-AMS",
    looks_like="the R-peak list of VU-DAMS: 'R-peak time', 'ibi_cumulative', 'ibi', 'interpolated', parted by tabs",
    gives=frozenset({Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="the recorder's wall clock, set once; a stamp is the R peak that ends the interval",
)
