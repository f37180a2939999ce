"""Kubios HRV, the report as text or csv: the RR intervals at its end, of as many samples as were analysed.

Below `RR INTERVAL DATA` stand a column `Time` and a column `RR interval` for each sample, side by side, then spectra.
The intervals are those that Kubios analysed, after its beat correction: that is told. `Measurement date` is the wall
clock of the recording's start. The results are another program's, and the file and person named above are no business
here: neither is read.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from pipeline.devices.delimited import cells_of, content_of, lines_of, numbers_of, separator_of, table_of, text_of
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall, whole_ns
from pipeline.devices.rr_rows import LONGEST_BEAT_S, settled, unit_of
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Floats, Kind, Recording

MARK = re.compile(r"(?i)\bkubios\b")
SECTION = re.compile(r"(?i)^\W*RR INTERVAL DATA")
_DATE = re.compile(r"(?im)^\W*measurement date[^:,;\r\n]*[:,;]\s*[,;]?\s*(\d[\d./-]+\s+\d[\d:.]+)")
_TIME, _RR = re.compile(r"(?i)time\b.*"), re.compile(r"(?i)(rr|nn)[ -]?interval.*|rr\b.*")


def _recognise(seen: Glimpse) -> bool:
    """Whether it names Kubios and, beside it, what its reports name."""
    if seen.is_folder or seen.names or b"\x00" in seen.head:
        return False
    return MARK.search(seen.text) is not None and "measurement date" in seen.text.lower()


def _read(path: Path, asked: Asked) -> Recording:
    """The intervals of every sample, in order of time."""
    content = content_of(path)
    lines = lines_of(text_of(content))
    ended = content.endswith((b"\n", b"\r"))
    at = next((k for k, line in enumerate(lines) if SECTION.match(line)), None)
    head = next((k for k in range(at or 0, len(lines)) if _columns(lines[k])), None) if at is not None else None
    if head is None:
        raise FileFault(
            Fault.NOTHING_USABLE,
            "the report holds no RR intervals",
            where=path.name,
            known="they stand below 'RR INTERVAL DATA', with columns 'Time' and 'RR interval'",
            hint="save the report with its RR data, or export the RR intervals as text",
        )
    if not ended and len(_columns(lines[head])) > 1:
        known = "its last line has no end, and its samples stand side by side: each lacks its own end"
        raise FileFault(Fault.TRUNCATED, "the report was cut short", where=path.name, known=known)
    separator = separator_of(lines[head])
    names = cells_of(lines[head], separator)
    rows = lines[head + 1 :] if ended else lines[head + 1 : -1]
    table = table_of(rows, names, separator, path)
    end_s, rr = _samples(table, _columns(lines[head]), comma=separator != ",")
    scale, evidence = unit_of(path, rr, "")
    rr_s = rr * scale
    keep = rr_s <= LONGEST_BEAT_S
    notes = [] if ended else ["the last line has no line end and may be cut: left out"]
    notes.append("intervals as Kubios analysed them, after its beat correction")
    if not keep.all():
        notes.append(f"{np.count_nonzero(~keep)} intervals above {LONGEST_BEAT_S:g} s are gaps, not beats")
    zone, source = asked.zone_for(path)
    start, clock = _start(path, "\n".join(lines[:at]), asked, zone)
    end_ns, told = settled(path, start + whole_ns(end_s, path), rr_s)
    notes += told
    beats = Beats(end_ns[keep], rr_s[keep], "Kubios", evidence, BeatSensor.UNKNOWN)
    return Recording("Kubios HRV", zone, source, beats=beats, clock=clock, repairs=tuple(notes))


def _columns(line: str) -> list[tuple[int, int]]:
    """Where a header line has a time and directly beside it an interval."""
    cells = cells_of(line, separator_of(line))
    return [
        (k, k + 1) for k in range(len(cells) - 1) if _TIME.fullmatch(cells[k]) and _RR.fullmatch(cells[k + 1])
    ]  # fmt: skip


def _samples(table: pl.DataFrame, columns: list[tuple[int, int]], *, comma: bool) -> tuple[Floats, Floats]:
    """Times (s) and intervals of all samples, in order of time; where two samples overlap, once."""
    times, intervals = [], []
    for time, interval in columns:
        pair = pl.DataFrame(
            {
                "time": _seconds(table[f"c{time}"], comma=comma),
                "rr": numbers_of(table[f"c{interval}"], decimal_comma=comma)[0],
            }
        ).drop_nulls()
        times.append(pair["time"].to_numpy())
        intervals.append(pair["rr"].to_numpy())
    at, rr = np.concatenate(times), np.concatenate(intervals)
    positive = rr > 0
    at, first = np.unique(at[positive], return_index=True)
    return at, rr[positive][first]


def _seconds(cells: pl.Series, *, comma: bool) -> pl.Series:
    """Seconds of a column of numbers or of hh:mm:ss; null for units and blanks."""
    text = cells.fill_null("").str.replace(",", ".", literal=True) if comma else cells.fill_null("")
    part = text.str.extract_groups(r"^(\d+):(\d\d):(\d\d(?:\.\d+)?)$").struct.unnest().cast(pl.Float64)
    clock = part["1"] * 3600 + part["2"] * 60 + part["3"]
    return clock.fill_null(numbers_of(text)[0])


def _start(path: Path, head: str, asked: Asked, zone: str) -> tuple[int, ClockKind]:
    """The instant of the start: the report's date, else the sidecar's."""
    told = _DATE.search(head)
    if told is None:
        return utc_from_wall(need_start(path, asked), zone), ClockKind.ELAPSED
    walls = wall_clocks(pl.Series([told[1]]), asked, path)
    wall = np.datetime64(int(walls.wall_ns[0]), "ns").astype("datetime64[us]").item()
    return utc_from_wall(wall, zone), ClockKind.DEVICE


READER = Reader(
    name="kubios_report",
    device="Kubios HRV",
    looks_like="a report of Kubios HRV saved as text or csv, with the RR intervals at its end (RR INTERVAL DATA)",
    gives=frozenset({Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="the wall clock of the measurement's start, then elapsed time",
)
