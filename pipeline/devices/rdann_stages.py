"""Stages of the MIT-BIH Polysomnographic Database as text: what `rdann` prints of its `.st` annotations.

    Elapsed time  Sample #  Type  Sub Chan  Num   Aux
        0:30.000     7500     "    0    0    0    4 LA

Each row is an epoch of 30 s; the aux text is its stage (W, 1 to 4, R, MT) and what happened in it, of which the file
gives no finer time (H hypopnoea, X apnoea, L leg movement, A arousal, …: https://physionet.org/content/slpdb/1.0.0/).
The start is in the record's header, a file of its own: the sidecar repeats it.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.delimited import content_of, lines_of, text_of, whole_lines
from pipeline.devices.hypnogram_codes import stage_of
from pipeline.devices.hypnogram_epochs import MOST_BYTES, Scored, hypnogram_of
from pipeline.devices.hypnogram_rows import readable
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Kind, Marker, Recording, Stage

EPOCH_S = 30.0
_HEADER = "Elapsed time"
_ROW = (
    r"^\s*(?:(?P<hour>\d{1,3}):)?(?P<minute>\d{1,2}):(?P<second>\d{2}\.\d+)"
    r'\s+\d+\s+"\s+\d+\s+\d+\s+\d+\s+(?P<aux>\S.*?)\s*$'
)


def _recognise(seen: Glimpse) -> bool:
    """Whether note annotations (") follow the header that rdann prints, and the first says a stage."""
    lines = seen.text.splitlines()
    if seen.is_folder or len(lines) < 2 or not lines[0].startswith(_HEADER):
        return False
    first = re.match(_ROW, lines[1])
    return first is not None and _stage(first["aux"]) is not None


def _stage(aux: str) -> Stage | None:
    """The stage that an aux text begins with."""
    return stage_of(f"stage {aux.partition(' ')[0]}")


def _read(path: Path, asked: Asked) -> Recording:
    """The stages, and what happened in an epoch as a marker over it."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    rows = pl.Series("line", lines_of(text_of(content))[1:], dtype=pl.String)
    part = rows.filter(rows.str.strip_chars() != "").str.extract_groups(_ROW).struct.unnest()
    if not part.height:
        raise FileFault(Fault.TRUNCATED, "the file ends after its header", where=path.name)
    clock = part.select(pl.col("hour").fill_null("0"), "minute", "second").cast(pl.Float64).to_numpy()
    onset_s = clock @ np.array([3600.0, 60.0, 1.0])
    has = readable(onset_s, path, notes)
    zone, source = asked.zone_for(path)
    zero_ns = utc_from_wall(need_start(path, asked), zone)
    scored: list[Scored] = []
    markers: list[Marker] = []
    for onset, aux in zip(onset_s[has].tolist(), part["aux"].filter(pl.Series(has)).to_list(), strict=True):
        if (stage := _stage(aux)) is None:
            what = f"the epoch at {onset:g} s names no known stage"
            raise FileFault(Fault.UNKNOWN_CODE, what, where=path.name, known="W, 1, 2, 3, 4, R, M, MT")
        scored.append(Scored(onset, EPOCH_S, aux, stage))
        markers += [Marker(zero_ns + round(onset * NS), EPOCH_S, word) for word in aux.split()[1:]]
    hypnogram, more = hypnogram_of(scored, zero_ns, "rdann", path)
    return Recording(
        "WFDB annotations (rdann)",
        zone,
        source,
        hypnogram=hypnogram,
        markers=tuple(markers),
        clock=ClockKind.ELAPSED,
        repairs=(*notes, *more),
    )


READER = Reader(
    name="rdann_stages",
    device="WFDB annotations (rdann)",
    looks_like="sleep stages printed by rdann: 'Elapsed time  Sample #  Type  Sub Chan  Num  Aux', then '4 LA' a row",
    gives=frozenset({Kind.STAGES, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="seconds after the start of the record, which the sidecar gives",
)
