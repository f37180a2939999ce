"""Beat intervals as phone apps log radio packets: a header, then a row a packet with its stamp and all its intervals.

A chest strap sends what it saw since the last packet: none, one or several intervals, which an app writes into one cell
(`812 820`, `"812,820"`, `[812; 820]`). The stamp is the packet's arrival: the intervals are laid on it run by run.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.delimited import cells_of, content_of, lines_of, separator_of, table_of, text_of, whole_lines
from pipeline.devices.later import pl
from pipeline.devices.reader import LAST_UNIX_S, Asked, Glimpse, Reader, whole_ns
from pipeline.devices.rr_rows import LONGEST_BEAT_S, left_out, settled, unit_of
from pipeline.devices.stamps import instants
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Int64, Kind, Recording

_TIME = re.compile(
    r"(?i)((phone|unix|epoch)?[ _]?(time|timestamp|date[ _]?time|date))([ _]*[\[(]?(ms|s|sec|ns)[\])]?)?"
)
_RR = re.compile(r"(?i)(rr|r-r|ibi|rri|pp)([ _-]?int(erval)?s?)?s?([ _]*[\[(]?(ms|s|sec)[\])]?)?")
_PACKET = re.compile(r"[\[({]?\s*(\d+(\.\d+)?([\s;|,/]+\d+(\.\d+)?)*)?\s*[\])}]?")
_SEVERAL = re.compile(r"\d[\s;|,/]+\d")
LINES_SEEN = 200
_NS_PER = ((1e11, 10**9), (1e14, 10**6), (1e17, 10**3), (np.inf, 1))
"""Below which size a unix time is in s, ms, µs or ns, and how many ns that is."""
SMALLEST_UNIX = 1e8
"""March 1973: smaller numbers count from a start of their own."""


def _recognise(seen: Glimpse) -> bool:
    """Whether a header names a time and intervals, and a cell of the latter holds several."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    lines = [line for line in lines_of(seen.text)[:-1] if line.strip()]
    return bool(lines) and _columns(_rows(lines, separator_of(lines[0]))) is not None


def _rows(lines: list[str], separator: str) -> tuple[tuple[str, ...], ...]:
    """The first lines as cells."""
    return tuple(tuple(cells_of(line, separator)) for line in lines[:LINES_SEEN])


def _columns(rows: tuple[tuple[str, ...], ...]) -> tuple[int, int] | None:
    """Where the first rows of a table hold the stamp and the packet's intervals."""
    if len(rows) < 2:
        return None
    head, body = rows[0], rows[1:]
    time = next((k for k, name in enumerate(head) if _TIME.fullmatch(name)), None)
    rr = next((k for k, name in enumerate(head) if _RR.fullmatch(name)), None)
    if time is None or rr is None or any(len(row) != len(head) for row in body):
        return None
    packets = [row[rr] for row in body]
    several = any(_SEVERAL.search(cell) for cell in packets)
    return (time, rr) if several and all(map(_PACKET.fullmatch, packets)) else None


def _read(path: Path, asked: Asked) -> Recording:
    """The intervals of all packets in their order, on the clock of the packets."""
    content, notes = whole_lines(content_of(path))
    lines = [line for line in lines_of(text_of(content)) if line.strip()]
    separator = separator_of(lines[0]) if lines else ","
    names = cells_of(lines[0], separator) if lines else []
    columns = _columns(_rows(lines, separator))
    if columns is None:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no packets of intervals", where=path.name)
    table = table_of(lines[1:], names, separator, path)
    zone, source = asked.zone_for(path)
    at, there, clock, told = _arrivals(path, table[f"c{columns[0]}"], asked, zone)
    packets = table[f"c{columns[1]}"].fill_null("").str.extract_all(r"\d+(?:\.\d+)?").filter(pl.Series(there))
    raw = packets.explode().drop_nulls().cast(pl.Float64).to_numpy()
    good = raw > 0
    scale, evidence = unit_of(path, raw[good], "")
    rr_s = raw * scale
    notes += left_out(path, good, rr_s)
    stamps = np.repeat(at[there], packets.list.len().to_numpy())
    ends, coarse = settled(path, stamps[good], rr_s[good])
    sound = rr_s[good] <= LONGEST_BEAT_S
    label = names[columns[1]].lower()
    beats = Beats(ends[sound], rr_s[good][sound], label, evidence, BeatSensor.UNKNOWN)
    return Recording("RR packets", zone, source, beats=beats, clock=clock, repairs=(*notes, *told, *coarse))


def _arrivals(
    path: Path, cells: pl.Series, asked: Asked, zone: str
) -> tuple[Int64, NDArray[np.bool_], ClockKind, tuple[str, ...]]:
    """The instant of each packet, which packets have one, and what clock it is: unix time of any size, or text."""
    number = cells.cast(pl.Float64, strict=False)
    if number.null_count() > len(cells) / 2:
        stamps = instants(cells, asked, zone, path)
        return stamps.utc_ns, stamps.good, stamps.clock, stamps.notes
    there = (number.is_finite() & (number >= SMALLEST_UNIX)).fill_null(value=False).to_numpy()
    if not there.any():
        known = f"its first is {number.drop_nulls()[0]:g}"
        hint = "export stamps as dates or unix time"
        raise FileFault(Fault.NO_START_TIME, "the stamps are no dates", where=path.name, known=known, hint=hint)
    # Whole numbers stay whole: a float does not hold unix nanoseconds.
    whole = cells.cast(pl.Int64, strict=False)
    shown = np.where(there, number.fill_null(0.0).to_numpy(), 0.0)
    size = next(per for top, per in _NS_PER if shown.max() < top)
    rounded = whole_ns(shown * (size / NS), path, LAST_UNIX_S)
    return whole.to_numpy() * size if whole.null_count() == 0 else rounded, there, ClockKind.UTC, ()


READER = Reader(
    name="rr_packets",
    device="RR packets",
    looks_like="a csv of a phone app: a row a radio packet, with its time and all its RR intervals in one cell",
    gives=frozenset({Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="the phone's clock at a packet's arrival: unix time, with an offset, or a wall clock that follows its zone",
)
