"""Polyman annotation lists (.txt): date, time, onset, duration, annotation and channel of one EDF+ annotation a row.

    Date, Time, Recording onset, Duration, Annotation, Linked channel
    12-Jul-1994, 23:00:00, 0, 1560, Sleep stage W,

The header may be missing. The month is written in the language of Windows; where that is a number with a character
behind it, as in Chinese, the number is the month. Onsets are exact and are what is read; the time of day of the first
row says when their zero was.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.clock import NS, wall_to_utc
from pipeline.devices.delimited import content_of, lines_of, text_of, whole_lines
from pipeline.devices.edf_records import Annotation
from pipeline.devices.edf_stages import hypnogram
from pipeline.devices.hypnogram_epochs import MOST_BYTES
from pipeline.devices.hypnogram_rows import readable
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Marker, Recording

MOST_APART_S = 1.0
"""Times of day are whole seconds; onsets that part from them by more were written by another clock."""
_HEADER = re.compile(r"date, *time, *recording onset, *duration, *annotation", re.IGNORECASE)
_ROW = (
    r"^(?P<day>\d{1,2})-(?P<month>\d{1,2}|[A-Za-z]{3})[^-,]*-(?P<year>\d{4}), *"
    r"(?P<time>\d{1,2}:\d{2}:\d{2}(?:\.\d+)?), *"
    r"(?P<onset>[-+]?\d+(?:\.\d*)?), *(?P<lasts>\d+(?:\.\d*)?)?, *(?P<text>.*?) *(?:, *(?P<channel>[^,]*))?$"
)


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line is the list's header, or a row of it that says a stage."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    first = text_of(seen.head).lstrip().split("\n", 1)[0].strip()
    return _HEADER.match(first) is not None or (re.match(_ROW, first) is not None and "Sleep stage" in first)


def _read(path: Path, asked: Asked) -> Recording:
    """The stages as hypnogram and every other annotation as a marker."""
    content, notes = whole_lines(content_of(path, MOST_BYTES))
    zone, source = asked.zone_for(path)
    lines = pl.Series("line", lines_of(text_of(content)), dtype=pl.String).str.strip_chars()
    rows = lines.filter((lines != "") & ~lines.str.to_lowercase().str.starts_with("date"))
    if not len(rows):
        raise FileFault(Fault.TRUNCATED, "the file ends after its header", where=path.name)
    part = rows.str.extract_groups(_ROW).struct.unnest()
    onset = part["onset"].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    has = readable(onset, path, notes)
    part, onset_s = part.filter(pl.Series(has)), onset[has]
    stamp = part.select(pl.format("{}-{}-{} {}", "year", "month", "day", "time")).to_series()
    walls = wall_clocks(stamp, asked, path)
    zero_wall = int(walls.wall_ns[0]) - round(float(onset_s[0]) * NS)
    apart_s = float(np.abs(walls.wall_ns - zero_wall - onset_s * NS)[walls.good].max()) / NS
    if apart_s > MOST_APART_S:
        notes.append(f"times of day and onsets part by up to {apart_s:.0f} s: the onsets were read")
    first_ns = int(wall_to_utc(walls.wall_ns[:1], zone)[0])
    zero_ns = first_ns - round(float(onset_s[0]) * NS)
    lasts = part["lasts"].cast(pl.Float64, strict=False).to_list()
    texts = part["text"].fill_null("").to_list()
    annotations = [Annotation(*row) for row in zip(onset_s.tolist(), lasts, texts, strict=True)]
    stages, others, more = hypnogram(annotations, zero_ns, path)
    markers = tuple(Marker(zero_ns + round(a.onset_s * NS), a.duration_s or 0.0, a.text) for a in others)
    return Recording(
        "Polyman", zone, source, hypnogram=stages, markers=markers, repairs=(*notes, *more)
    )  # the clock is the EDF recorder's


READER = Reader(
    name="hypnogram_polyman",
    device="Polyman",
    looks_like="an annotation list of Polyman: 'Date, Time, Recording onset, Duration, Annotation, Linked channel'",
    gives=frozenset({Kind.STAGES, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="hypnogram",
    clock="seconds after a start that is told from the first row's date and time (the recorder's clock)",
)
