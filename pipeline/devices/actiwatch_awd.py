"""Actiwatch .AWD (Cambridge Neurotechnology / CamNtech, Respironics): seven header lines, then one epoch a line.

The header gives identity, start date, start time, epoch code, age, serial number and sex. A line holds the counts,
behind a comma the light in lux where the watch has a sensor, and 'M' where the button was pressed. The watch counts
on through a clock change: instants are elapsed time from the start, whatever the wall clock did.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.delimited import content_of, lines_of, text_of, whole_lines
from pipeline.devices.epoch_rows import true_start
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, nan_gaps, utc_from_wall
from pipeline.errors import Fault, FileFault
from pipeline.recording import CountsScale, Kind, Marker, Recording, Signal

HEADER_LINES = 7
EPOCH_S = {"1": 15.0, "2": 30.0, "4": 60.0, "8": 120.0, "20": 300.0, "81": 2.0, "C1": 5.0, "C2": 10.0}
"""Epoch length by code, as GGIRread's reader of counts lists them (R/readActiwatchCount.R)."""
MOST_BAD_SHARE = 0.05
"""Share of lines without counts above which a file is refused."""

_DATE = re.compile(r"\s*(\d{1,2})[-./ ]([^\W\d_]{3,12})\.?[-./ ](\d{4})\s*")
_TIME = re.compile(r"\s*(\d{1,2})[:.](\d{2})(?:[:.](\d{2}))?\s*")
_MONTHS: tuple[tuple[str, ...], ...] = (
    ("jan", "gen", "ene"),
    ("feb", "fev"),
    ("mar", "mrz", "maa"),
    ("apr", "avr", "abr"),
    ("may", "mai", "mag", "mei", "maj"),
    ("jun", "giu", "juin"),
    ("jul", "lug", "juil"),
    ("aug", "aou", "ago"),
    ("sep", "set"),
    ("oct", "okt", "ott", "out"),
    ("nov",),
    ("dec", "dez", "dic"),
)
"""Beginnings of month names in English, German, Dutch, French, Italian, Spanish, Portuguese, Danish; no accents."""


def _recognise(seen: Glimpse) -> bool:
    """Whether the second line is a date with a month's name and the third a time."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    lines = lines_of(seen.text)
    return len(lines) > 3 and bool(_DATE.fullmatch(lines[1]) and _TIME.fullmatch(lines[2]))


def _read(path: Path, asked: Asked) -> Recording:
    """Counts, light and button presses of one watch."""
    content, notes = whole_lines(content_of(path))
    lines = lines_of(text_of(content))
    if len(lines) <= HEADER_LINES:
        raise FileFault(
            Fault.TRUNCATED, "the file ends within its header", where=path.name, hint="export it from the watch again"
        )
    zone, source = asked.zone_for(path)
    start = true_start(path, utc_from_wall(_start(path, lines), zone), asked, zone, notes)
    epoch_s = _epoch_s(path, lines[3])
    rows = pl.Series("line", lines[HEADER_LINES:], dtype=pl.String).str.strip_chars()
    filled = np.flatnonzero((rows != "").to_numpy())
    if filled.size == 0:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds a header and no counts", where=path.name)
    rows = rows.head(int(filled[-1]) + 1)
    counts = rows.str.extract(r"^(\d+)\b").cast(pl.Float64)
    bad = counts.is_null().to_numpy()
    if bad.mean() > MOST_BAD_SHARE:
        first = HEADER_LINES + 1 + int(np.argmax(bad))
        known = f"{np.count_nonzero(bad)} of {len(bad)} lines hold no counts; the first is line {first}"
        raise FileFault(Fault.CORRUPT, "the file is damaged", where=path.name, known=known)
    if bad.any():
        notes.append(f"{np.count_nonzero(bad)} lines hold no counts: missing epochs")
    samples = nan_gaps(counts.fill_null(0.0).to_numpy(), bad)
    activity = Signal(Kind.COUNTS, "activity", 1.0 / epoch_s, start, samples, CountsScale.ACTIWATCH)
    signals = (activity, *_light(rows, bad, epoch_s, start, notes))
    pressed = np.flatnonzero(rows.str.contains(r"M$").to_numpy())
    markers = tuple(Marker(start + round(i * epoch_s * NS), 0.0, "button") for i in pressed.tolist())
    # Line 6 is the serial number, which identifies; its first letter is the model.
    device = f"Actiwatch {lines[5].strip()[:1].upper()}".strip()
    return Recording(device, zone, source, signals, markers=markers, repairs=tuple(notes))


def _light(rows: pl.Series, bad: NDArray[np.bool_], epoch_s: float, start: int, notes: list[str]) -> tuple[Signal, ...]:
    """The light column, if there is one and it ever saw light: watches without a sensor write zeros."""
    text = rows.str.extract(r"^\d+\s*,\s*(\d+(?:[.,]\d+)?)").str.replace(",", ".", literal=True)
    light = text.cast(pl.Float64)
    if light.null_count() == len(light):
        return ()
    if float(light.fill_null(0.0).to_numpy().max()) == 0.0:
        notes.append("the light column is 0 throughout, as watches without a light sensor write it: left out")
        return ()
    dark = light.is_null().to_numpy() | bad
    return (Signal(Kind.LIGHT, "light", 1.0 / epoch_s, start, nan_gaps(light.fill_null(0.0).to_numpy(), dark)),)


def _start(path: Path, lines: list[str]) -> datetime:
    """The wall clock of the first epoch, as the header says it."""
    day, clock = _DATE.fullmatch(lines[1]), _TIME.fullmatch(lines[2])
    if day is None or clock is None:
        raise FileFault(Fault.CORRUPT, "lines 2 and 3 are no date and time", where=path.name)
    plain = unicodedata.normalize("NFD", day[2].lower()).encode("ascii", "ignore").decode()
    month = next((n for n, names in enumerate(_MONTHS, start=1) if plain.startswith(names)), None)
    if month is None:
        raise FileFault(
            Fault.NO_START_TIME,
            f"'{day[2]}' is no month that is known",
            where=path.name,
            hint="change line 2 to the English month, such as 01-Oct-2009",
        )
    try:
        return datetime(int(day[3]), month, int(day[1]), int(clock[1]), int(clock[2]), int(clock[3] or 0))  # noqa: DTZ001
    except ValueError as bad:
        raise FileFault(Fault.CORRUPT, "lines 2 and 3 are no date and time", where=path.name) from bad


def _epoch_s(path: Path, line: str) -> float:
    """The epoch length that a code stands for."""
    code = line.strip().upper().lstrip("0")
    if code not in EPOCH_S:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"line 4 holds the epoch code '{code}', which is not known",
            where=path.name,
            known="codes: " + ", ".join(f"{c} = {s:g} s" for c, s in EPOCH_S.items()),
            hint="export the file again with another epoch length",
        )
    return EPOCH_S[code]


READER = Reader(
    name="actiwatch_awd",
    device="Actiwatch",
    looks_like="an Actiwatch .AWD file: seven header lines (name, 01-Oct-2009, 18:00, epoch code …), then counts",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
