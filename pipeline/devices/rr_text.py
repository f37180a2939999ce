"""Beat intervals as text: one interval a line, or a time stamp and an interval a line (Polar, EliteHRV, HRV Logger …).

The unit is told from the median interval; the clock is the file's own stamps, else the running sum of the intervals
from a known start. Comment lines carry that sum across a dropout: `# gap: 125.3` (seconds without beats) and
`# time: 2024-03-31T03:12:05` (the wall clock at which the next interval begins).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, to_ns, wall_to_utc, zone_of
from pipeline.devices.later import pl
from pipeline.devices.reader import (
    HEAD_BYTES,
    LAST_UNIX_S,
    Asked,
    Glimpse,
    Reader,
    checked_year,
    need_start,
    utc_from_wall,
    whole_ns,
)
from pipeline.devices.rr_rows import LONGEST_BEAT_S, MOST_BACK_S, left_out, settled, unit_of
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Floats, Int64, Kind, Recording

# Intervals and gaps of more than a year are no recording.
LONGEST_S = 366 * 86_400.0

_RR = r"(rr|r-r|ibi|nni?|rri|pp)([ _-]?int(erval)?s?)?([ _]*[\[(]?(ms|s|sec)[\])]?)?"
_TIME = r"((phone|sensor)[ _])?(time|timestamp|date[ _]?time|elapsed)([ _]*[\[(]?(ms|s|sec)[\])]?)?|t|date"
_RR_NAME, _TIME_NAME = re.compile(_RR), re.compile(_TIME)
_KNOWN_NAME = re.compile(rf"{_RR}|{_TIME}|since[ _]start|hr([ _]*[\[(]?bpm[\])]?)?")
_HEAD_LINE = re.compile(r"[#*%].*|[a-z][\w /()-]*[:=].*|(kubios|elite ?hrv|polar|hrv|rr|ibi)\b.*", re.IGNORECASE)
_KEY = re.compile(r"[#*%\s]*([A-Za-z][\w ]*?)\s*[:=]\s*(.+?)\s*")
_SERIAL = re.compile(r"\s*\(?#?\b(?=\w*\d)(?:[0-9A-Fa-f]{6,}|\d{4,})\b\)?")
"""A serial or radio id behind a model's name identifies its owner."""
_OPTICAL, _ELECTRICAL = re.compile(r"(?i)verity|oh1|ppg|optical"), re.compile(r"(?i)\bh\d|strap|ecg")


@dataclass(frozen=True, slots=True)
class _Page:
    """A file's lines: those above the first row, what they say, the rows, and the marks between (row, key, value)."""

    head: tuple[str, ...]
    says: dict[str, str]
    names: tuple[str, ...]
    rows: pl.Series
    marks: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a row holds what. `separator` is '' for one column and ' ' for any white space before the last field."""

    separator: str
    rr_column: int
    time_column: int | None
    decimal_comma: bool

    def cells(self, rows: pl.Series, column: int) -> pl.Series:
        """One column as text; null where a row is too short."""
        if self.separator == "":
            return rows
        if self.separator == " ":
            return rows.str.extract(r"^(.*\S)\s+(\S+)$", column + 1)
        return rows.str.split(self.separator).list.get(column, null_on_oob=True).str.strip_chars()

    def numbers(self, rows: pl.Series, column: int) -> Floats:
        """One column as numbers; NaN where it holds none."""
        cells = self.cells(rows, column)
        if self.decimal_comma:
            cells = cells.str.replace(",", ".", literal=True)
        return cells.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _recognise(seen: Glimpse) -> bool:
    """Whether this is text whose rows are intervals, alone or behind a stamp, under no header but a known one."""
    whole = len(seen.head) < HEAD_BYTES
    if seen.is_folder or seen.names or b"\x00" in seen.head or not _may_begin(seen.text, whole=whole):
        return False
    page = _page(seen.text, whole=whole)
    if not all(_HEAD_LINE.fullmatch(line) or _names_in(line) for line in page.head):
        return False
    layout = _layout(page)
    if layout is None:
        return page.rows.is_empty() and "unit" in page.says
    rr = layout.numbers(page.rows, layout.rr_column)
    # Several intervals in one cell are radio packets, and another reader's.
    if layout.cells(page.rows, layout.rr_column).str.contains(r"\d[ |/;]+\d").any():
        return False
    # Below a header that looks like a number there would be words; the samples of a signal change sign.
    if not np.isfinite(rr[:8]).all() or np.count_nonzero(rr > 0) < 0.8 * len(page.rows):
        return False
    # Stages and codes are small whole numbers; the first row of an E4 stream is a unix time.
    known = rr[np.isfinite(rr)]
    return bool(np.any((known % 1 > 0) | (known > 10))) and float(rr[0]) < 1e9


def _may_begin(text: str, *, whole: bool) -> bool:
    """Whether the first line can be one of intervals, or one above them: most other texts are told by it alone."""
    lines = (line.strip(" \t\"'").rstrip(";,") for line in text.splitlines()[: None if whole else -1])
    first = next(filter(None, lines), "")
    return bool(re.match(r"[+-]?[0-9]", first) or _HEAD_LINE.fullmatch(first) or _names_in(first))


def _page(text: str, *, whole: bool = True) -> _Page:
    """The lines of a text, blank ones left out; of a beginning of a file (`whole` false) the cut last line too."""
    lines = pl.Series("line", text.splitlines()[: None if whole else -1], dtype=pl.String)
    lines = lines.str.strip_chars(" \t\"'").str.strip_chars_end(";,")
    lines = lines.filter(lines != "")
    comment = lines.str.contains(r"^[#*%]").to_numpy()
    begins = lines.str.contains(r"^[+-]?[0-9]").to_numpy()
    first = int(np.argmax(begins)) if begins.any() else len(lines)
    is_row = ~comment & (np.arange(len(lines)) >= first)
    rows_above = np.cumsum(is_row)
    head = tuple(lines.head(first).to_list())
    keyed = [(int(rows_above[i]), _KEY.fullmatch(lines[int(i)])) for i in np.flatnonzero(comment)]
    marks = tuple((row, m[1].lower(), m[2]) for row, m in keyed if m and m[1].lower() in {"gap", "time"})
    says = {m[1].lower(): m[2] for m in map(_KEY.fullmatch, head) if m}
    names = next((found for found in map(_names_in, head) if found), ())
    return _Page(head, says, names, lines.filter(pl.Series(is_row)), marks)


def _names_in(line: str) -> tuple[str, ...]:
    """The column names in a line, if each is known and one of them names the interval; else none."""
    for separator in (";", "\t", ","):
        names = tuple(name.strip(" \"'#").lower() for name in line.split(separator))
        if all(map(_KNOWN_NAME.fullmatch, names)) and any(map(_RR_NAME.fullmatch, names)):
            return names
    return ()


def _layout(page: _Page) -> _Layout | None:
    """How rows are divided, told from the first few hundred; None if they are no intervals with or without a stamp."""
    sample: list[str] = page.rows.head(300).to_list()
    if not sample:
        return None
    separator = next((s for s in (";", "\t", ",") if sum(s in row for row in sample) > len(sample) / 2), "")
    # '0,812' is one number: a stamp before that comma would soon pass 2 s.
    comma = separator == "," and (len(page.names) == 1 or all(re.fullmatch(r"[0-2],\d+", row) for row in sample))
    if comma or not separator:
        separator = " " if sum(len(row.split()) > 1 for row in sample) > len(sample) / 2 else ""
    if separator != ",":
        comma = sum(re.search(r"\d,\d", row) is not None for row in sample) > len(sample) / 2
    width = 2 if separator == " " else round(np.median([row.count(separator or ";") for row in sample])) + 1
    names = page.names if len(page.names) == width else ("time", "rr")[-width:]
    if len(names) < width or 1 < len(page.names) != width:
        return None
    rr = next(i for i, name in enumerate(names) if _RR_NAME.fullmatch(name))
    return _Layout(separator, rr, next((i for i, name in enumerate(names) if _TIME_NAME.fullmatch(name)), None), comma)


def _read(path: Path, asked: Asked) -> Recording:
    """The beats of one file; sensor and device as the header names them."""
    content = path.read_bytes()
    end = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1  # what follows the last line end may be half a number
    page = _page(content[:end].decode("utf-8-sig", errors="replace"))
    layout = _layout(page)
    if layout is None:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no rows of intervals", where=path.name)
    raw = layout.numbers(page.rows, layout.rr_column)
    good = np.isfinite(raw) & (np.nan_to_num(raw) > 0)
    scale, evidence = unit_of(path, raw[good], page.says.get("unit", "").lower())
    rr_s = np.where(good, raw, 0.0) * scale
    zone, source = asked.zone_for(path, page.says.get("zone"))
    clock = ClockKind.ELAPSED
    if layout.time_column is None:
        end_ns, notes = _summed(path, rr_s, page, asked, zone)
    else:
        end_ns, stamped, clock = _stamps(path, layout, page.rows, rr_s, asked, zone)
        good &= stamped
        end_ns[good], notes = settled(path, end_ns[good], rr_s[good])
    cut = () if end == len(content) else ("the last line has no line end and may be cut: left out",)
    keep = good & (rr_s <= LONGEST_BEAT_S)
    device = _SERIAL.sub("", page.says.get("device", "")).strip() or "RR intervals"
    electrical = BeatSensor.ECG if _ELECTRICAL.search(device) else BeatSensor.UNKNOWN
    sensor = BeatSensor.PPG if _OPTICAL.search(device) else electrical
    beats = Beats(end_ns[keep], rr_s[keep], device, evidence, sensor)
    return Recording(device, zone, source, beats=beats, clock=clock, repairs=cut + left_out(path, good, rr_s) + notes)


def _summed(path: Path, rr_s: Floats, page: _Page, asked: Asked, zone: str) -> tuple[Int64, tuple[str, ...]]:
    """The ends of intervals that follow one another from the start, from each `# gap:` and from each `# time:` on."""
    gap_s, notes = np.zeros(len(rr_s) + 1), []
    anchors = [(row, value) for row, key, value in page.marks if key == "time" and row < len(rr_s)]
    for row, value in [(row, value) for row, key, value in page.marks if key == "gap"]:
        if not value.replace(".", "", 1).isdecimal():
            raise FileFault(Fault.CORRUPT, f"'gap: {value}' is no length in seconds", where=path.name)
        gap_s[row] += float(value)
    if not gap_s.sum() + rr_s.sum() <= LONGEST_S:
        raise FileFault(Fault.CORRUPT, "its intervals and gaps last more than a year in all", where=path.name)
    told = page.says.get("start") or next((value for row, value in anchors if row == 0), None)
    base = _instant(path, told, zone) if told else utc_from_wall(need_start(path, asked), zone)
    end_ns = base + np.rint((np.cumsum(rr_s) + np.cumsum(gap_s)[:-1]) * NS).astype(np.int64)
    for row, value in anchors:
        before = int(end_ns[row - 1]) if row else base
        mark = _instant(path, value, zone, before)
        if mark < before:
            notes.append(f"'time: {value}' lies {(before - mark) / NS:.1f} s before the end of the beats above it")
        end_ns[row:] += max(mark, before) + round(rr_s[row] * NS) - end_ns[row]
    return end_ns, tuple(notes)


def _instant(path: Path, value: str, zone: str, before: int | None = None) -> int:
    """The instant of a written wall clock; of two passes of a repeated hour the one that does not precede `before`."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as bad:
        hint = "write dates as 2024-03-30T22:15:00"
        raise FileFault(Fault.CORRUPT, f"'{value}' is no date and time", where=path.name, hint=hint) from bad
    checked_year(moment.year)
    passes = [to_ns(moment if moment.tzinfo else moment.replace(tzinfo=zone_of(zone), fold=fold)) for fold in (0, 1)]
    late = [at for at in passes if before is None or at >= before - MOST_BACK_S * NS]
    if not late:
        what = f"'time: {value}' lies more than {MOST_BACK_S:.0f} s before the end of the beats above it"
        hint = "the start or the mark is wrong, or intervals were written twice"
        raise FileFault(Fault.IMPLAUSIBLE, what, where=path.name, hint=hint)
    return late[0]


def _stamps(
    path: Path, layout: _Layout, rows: pl.Series, rr_s: Floats, asked: Asked, zone: str
) -> tuple[Int64, NDArray[np.bool_], ClockKind]:
    """The instants that the rows carry, which rows carry one, and what clock they show."""
    column = layout.time_column or 0
    number = layout.numbers(rows, column)
    has = np.isfinite(number)
    if has.mean() <= 0.5:
        text = layout.cells(rows, column).str.replace(" ", "T", literal=True).str.replace(r"Z$", "+00:00")
        own_zone = text.str.contains(r"[+-]\d\d:?\d\d$").fill_null(value=True).all()
        form = "%Y-%m-%dT%H:%M:%S%.f" + ("%#z" if own_zone else "")
        wall = text.str.to_datetime(form, time_unit="ns", strict=False)
        has, stamp = wall.is_not_null().to_numpy(), wall.cast(pl.Int64).fill_null(0).to_numpy().copy()
        if not own_zone:
            stamp[has] = wall_to_utc(stamp[has], zone)
        return stamp, has, ClockKind.OFFSET if own_zone else ClockKind.LOCAL
    value = np.where(has, number, 0.0)
    if (largest := float(value.max())) >= 1e9:  # unix time: s, ms, µs or ns by its size
        per_s = next(per for per, top in ((1.0, 1e11), (1e3, 1e14), (1e6, 1e17), (1e9, np.inf)) if largest < top)
        whole_ns(value / per_s, path, LAST_UNIX_S)
        return np.rint(value * (1e6 / per_s)).astype(np.int64) * 1000, has, ClockKind.UTC
    start = utc_from_wall(need_start(path, asked), zone)
    # Seconds would leave 99 % of the time without a beat: then they are milliseconds.
    unit = 1.0 if np.ptp(number[has]) < 100 * rr_s.sum() else 1e-3
    return start + whole_ns(value * unit, path), has, ClockKind.ELAPSED


READER = Reader(
    name="rr_text",
    device="RR intervals",
    looks_like="RR intervals as text: one interval a line in s or ms, or a time stamp and an interval a line",
    gives=frozenset({Kind.RR}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="its stamps (with an offset, in unix time or as a phone's wall clock), else time since a start",
)
