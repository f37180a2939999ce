"""Muse headbands as csv: Mind Monitor's recordings (phone app) and those of muselsl and its kin (computer).

Mind Monitor writes 'TimeStamp', band powers, RAW_TP9 …, acceleration and more into each row, repeating what did not
change; muselsl writes 'timestamps' (unix time) and TP9 …. Stamps say when a packet arrived, so that gaps are found as
`arrivals` says; the rate is the device's own 256 Hz (220 Hz for the Muse of 2014), as its maker wants it read
(https://mind-monitor.com/FAQ.php). Band powers are computed by the app and are not read. The acceleration is updated
52 times a second and is given so. Read is the EEG channel asked for; unasked, the one that
`channels.eeg_preference` ranks first. Samples taken while the band was off the head are missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from pipeline.clock import NS, wall_to_utc
from pipeline.devices.arrivals import Pieces, pieces, rate_hz, start_ns
from pipeline.devices.channels import eeg_preference, place_of, wanted_labels
from pipeline.devices.delimited import cells_of, separator_of
from pipeline.devices.later import pl
from pipeline.devices.pieces import on_one_grid
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.devices.sample_rows import blocks, first_lines, numbers, writes_decimal_comma
from pipeline.devices.stamps import wall_clocks
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import ClockKind, Floats, Int64, Kind, Marker, Recording, Samples, Signal

_SITES = frozenset({"TP9", "AF7", "AF8", "TP10", "FP1", "FP2"})
_STAMP = frozenset({"timestamp", "timestamps"})
_AXES = tuple(f"accelerometer_{axis}" for axis in "xyz")
RATES_HZ = (256.0, 220.0)
ACC_HZ = 52.0
MOST_OFF_RATE = 0.1
"""Share by which the rate of arrival may miss every known rate: stamps in whole seconds measure 10 s to a tenth."""
_UNIX_S, _UNIX_MS = (1e9, 4e9), (1e12, 4e12)
MOST_BAD_SHARE = 0.05
"""Share of rows with samples but without a stamp above which a file is refused."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column is what."""

    names: list[str]
    separator: str
    decimal_comma: bool
    stamp: int
    eeg: dict[str, int]
    axes: tuple[int, ...]
    worn: int | None
    events: int | None


@dataclass(slots=True)
class _Rows:
    """What the rows hold, block after block; `when` is float64 unix or elapsed s, or int64 wall clock in ns."""

    when: list[Floats | Int64] = field(default_factory=list)
    eeg: list[Samples] = field(default_factory=list)
    acc: list[Samples] = field(default_factory=list)
    events: list[tuple[float | int, str]] = field(default_factory=list)
    off_head: int = 0
    unstamped: int = 0


def recognise(seen: Glimpse) -> bool:
    """True for a first line that begins with a stamp and names at least three of a Muse's sites."""
    if seen.is_folder or seen.names or b"\0" in seen.head:
        return False
    line = seen.text.split("\n", 1)[0]
    names = cells_of(line, separator_of(line))
    sites = {re.sub(r"^(RAW|EEG|Delta)_", "", name) for name in names}
    return bool(names) and names[0].casefold() in _STAMP and len(sites & _SITES) >= 3


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one file.

    Raises
    ------
    FileFault
        NOTHING_USABLE if only band powers were recorded; IMPLAUSIBLE if rows come at no rate of a Muse; NO_START_TIME
        for stamps of a computer's uptime without a sidecar; SETTINGS if a channel asked for is not there; CORRUPT for
        stamps that cannot be read.
    """
    zone, source = asked.zone_for(path)
    layout = _layout(path)
    labels = _labels(path, layout, asked)
    notes: list[str] = []
    rows = _rows(path, layout, labels, asked, notes)
    if not rows.when:
        raise FileFault(Fault.NOTHING_USABLE, "no row holds an EEG sample", where=path.name, hint="was the band worn?")
    when, clock, begin_ns = _instants(path, rows.when, asked, zone)
    eeg, acc = np.concatenate(rows.eeg), np.concatenate(rows.acc)
    fs_hz = _nominal(path, when)
    found = pieces(when, np.arange(len(when), dtype=np.float64), fs_hz, begin_ns, path)
    begins_ns = start_ns(found, begin_ns)
    columns = len(labels) + len(layout.axes)
    signals = [
        Signal(Kind.EEG, label, fs_hz, begins_ns, _placed(eeg[:, k], found, fs_hz, path, columns))
        for k, label in enumerate(labels)
    ]
    if layout.axes and np.isfinite(acc).any():
        grid = np.column_stack([_placed(acc[:, k], found, fs_hz, path, columns) for k in range(3)])
        taken = np.floor(np.arange(int(len(grid) * ACC_HZ / fs_hz)) * fs_hz / ACC_HZ).astype(np.int64)
        signals.append(Signal(Kind.ACC, "Accelerometer", ACC_HZ, begins_ns, grid[taken]))
    notes += _told(rows, found, len(signals[0].samples) - len(eeg), fs_hz)
    return Recording(
        device="Muse",
        zone=zone,
        zone_source=source,
        signals=tuple(signals),
        markers=_markers(rows, begin_ns, clock, zone),
        clock=clock,
        repairs=tuple(notes),
    )


def _layout(path: Path) -> _Layout:
    lines = first_lines(path, 40)
    header = lines[0].decode("utf-8", errors="replace")
    separator = separator_of(header)
    names = cells_of(header, separator)
    place = {name.casefold(): k for k, name in reversed(list(enumerate(names)))}
    raw = {name: k for k, name in enumerate(names) if re.fullmatch(r"(RAW|EEG)_(?!AUX)\w+", name)}
    eeg = raw or {name: k for k, name in enumerate(names) if name in _SITES}
    if not eeg:
        hint = "switch on the recording of raw EEG at a constant interval in the app's settings"
        known = "band powers are computed by the app; sleep is read from the raw EEG"
        raise FileFault(Fault.NOTHING_USABLE, "only band powers were recorded", where=path.name, known=known, hint=hint)
    axes = tuple(place[axis] for axis in _AXES) if all(axis in place for axis in _AXES) else ()
    events = next((place[name] for name in ("elements", "marker0", "marker") if name in place), None)
    return _Layout(
        names,
        separator,
        writes_decimal_comma(lines[1:], separator),
        place[names[0].casefold()],
        {re.sub(r"^(RAW|EEG)_", "", name): k for name, k in eeg.items()},
        axes,
        place.get("headbandon"),
        events,
    )


def _labels(path: Path, layout: _Layout, asked: Asked) -> list[str]:
    """The channels to read."""
    there = list(layout.eeg)
    if not asked.eeg_channels:
        return [min(there, key=eeg_preference)]
    chosen: dict[str, None] = {}
    for label in wanted_labels(asked.eeg_channels, there):
        place = place_of(label.removeprefix("RAW_"), there)
        if place is None:
            known, hint = f"channels: {', '.join(there)}", did_you_mean(label, there)
            raise FileFault(Fault.SETTINGS, f"there is no channel '{label}'", where=path.name, known=known, hint=hint)
        chosen[there[place]] = None
    return list(chosen)


def _rows(path: Path, layout: _Layout, labels: list[str], asked: Asked, notes: list[str]) -> _Rows:
    """Stamps, samples and events of all rows; rows without a sample of the chosen channels are events only."""
    out = _Rows()
    wanted = [layout.stamp, *(layout.eeg[label] for label in labels), *layout.axes]
    wanted += [k for k in (layout.worn, layout.events) if k is not None]
    for table in _tables(path, layout, wanted, notes):

        def column(k: int, table: pl.DataFrame = table) -> Floats:
            return numbers(table[f"c{k}"], decimal_comma=layout.decimal_comma)

        eeg = np.column_stack([column(layout.eeg[label]) for label in labels])
        sampled = np.isfinite(eeg).any(axis=1)
        when = _stamps(table[f"c{layout.stamp}"], layout, asked, path)
        good = np.isfinite(when) if when.dtype == np.float64 else when != _NO_WALL
        out.unstamped += int(np.count_nonzero(sampled & ~good))
        if layout.worn is not None:
            off = sampled & (column(layout.worn) == 0)
            out.off_head += int(np.count_nonzero(off))
            eeg[off] = np.nan
        if layout.events is not None:
            said = table[f"c{layout.events}"].fill_null("")
            places = np.flatnonzero((said.is_in(["", "0", "0.0"]).not_()).to_numpy() & good)
            out.events += [(when[k].item(), said[k]) for k in places.tolist()]
        kept = sampled & good
        if kept.any():
            axes = [column(k) for k in layout.axes]
            acc = np.column_stack(axes) if axes else np.empty((len(eeg), 0))
            out.when.append(when[kept])
            out.eeg.append(eeg[kept].astype(np.float32))
            out.acc.append(acc[kept].astype(np.float32))
    total = sum(map(len, out.when)) + out.unstamped
    if out.unstamped > MOST_BAD_SHARE * total:
        known = f"{out.unstamped} of {total} rows with samples carry no time stamp"
        raise FileFault(Fault.CORRUPT, "time stamps cannot be read", where=path.name, known=known)
    return out


def _tables(path: Path, layout: _Layout, wanted: list[int], notes: list[str]) -> Iterator[pl.DataFrame]:
    return blocks(path, skip=1, width=len(layout.names), separator=layout.separator, wanted=wanted, notes=notes)


_NO_WALL = np.iinfo(np.int64).min


def _stamps(cells: pl.Series, layout: _Layout, asked: Asked, path: Path) -> Floats | Int64:
    """Stamps as unix or elapsed seconds (float64), or as wall clocks in ns (int64); NaN or `_NO_WALL` for none."""
    seconds = numbers(cells, decimal_comma=layout.decimal_comma)
    if np.isfinite(seconds).mean() > 0.5:
        return seconds / 1000 if np.nanmedian(seconds) > _UNIX_MS[0] else seconds
    wall = cells.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="ns", strict=False)
    if wall.null_count() <= MOST_BAD_SHARE * len(wall):
        return wall.cast(pl.Int64).fill_null(_NO_WALL).to_numpy()
    found = wall_clocks(cells, asked, path)  # a table that went through a spreadsheet
    return np.where(found.good, found.wall_ns, _NO_WALL)


def _instants(path: Path, stamps: list[Floats | Int64], asked: Asked, zone: str) -> tuple[Floats, ClockKind, int]:
    """Seconds since the first stamp, what clock they are of, and the instant of the first."""
    when = np.concatenate(stamps)
    if when.dtype == np.int64:
        utc = wall_to_utc(when.astype(np.int64), zone)
        return (utc - utc[0]) / NS, ClockKind.LOCAL, int(utc[0])
    since = (when - when[0]).astype(np.float64)
    if _UNIX_S[0] <= float(when[0]) <= _UNIX_S[1]:
        return since, ClockKind.UTC, round(float(when[0]) * 1e6) * 1000
    return since, ClockKind.ELAPSED, utc_from_wall(need_start(path, asked), zone)


def _nominal(path: Path, since_s: Floats) -> float:
    """The device's own rate, by the rate at which samples arrived."""
    if len(since_s) < 2:
        return RATES_HZ[0]
    seen = rate_hz(since_s)
    near = min(RATES_HZ, key=lambda rate: abs(seen / rate - 1))
    if not abs(seen / near - 1) <= MOST_OFF_RATE:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"its rows come {seen:.3g} times a second",
            where=path.name,
            known="a Muse samples 256 times a second (220 times in the model of 2014)",
            hint="record at a constant interval: the app's other intervals leave most samples out",
        )
    return near


def _placed(values: Samples, found: Pieces, fs_hz: float, path: Path, columns: int) -> Samples:
    return on_one_grid(values, found.first, found.onset_s, fs_hz, path, columns)


def _told(rows: _Rows, found: Pieces, empty: int, fs_hz: float) -> list[str]:
    notes = []
    if len(found.first) > 1:
        notes.append(f"{len(found.first) - 1} gap(s) by the time stamps, {empty / fs_hz:.1f} s in all, are left empty")
    if abs(found.drift_s) > 1:
        notes.append(f"time stamps and sampling rate part by {found.drift_s:.1f} s")
    if rows.off_head:
        notes.append(f"{rows.off_head / fs_hz:.1f} s with the headband off the head are missing samples")
    if rows.unstamped:
        notes.append(f"{rows.unstamped} rows without a readable time stamp left out")
    return notes


def _markers(rows: _Rows, begin_ns: int, clock: ClockKind, zone: str) -> tuple[Marker, ...]:
    """Markers, blinks and jaw clenches. Other events name the headband's serial number and are dropped."""
    first = rows.when[0][0]
    out = []
    for when, said in rows.events:
        found = re.fullmatch(r"(?i)(?:/muse/elements/)?(blink|jaw_clench)|(?:/?marker/)?(\d{1,4})(?:\.0)?", said)
        if found is None:
            continue
        if clock is ClockKind.LOCAL:
            at = int(wall_to_utc(np.array([when], np.int64), zone)[0])
        else:
            at = begin_ns + round((float(when) - float(first)) * NS)
        out.append(Marker(at, 0.0, found[1].lower().replace("_", " ") if found[1] else f"marker {found[2]}"))
    return tuple(out)


READER = Reader(
    name="muse_csv",
    device="Muse headband (Mind Monitor, muselsl)",
    looks_like="a Muse csv: TimeStamp, RAW_TP9, RAW_AF7, … (Mind Monitor), or timestamps,TP9,AF7,AF8,TP10 (muselsl)",
    gives=frozenset({Kind.EEG, Kind.ACC, Kind.MARKERS}),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="the phone's local time (Mind Monitor) or unix time (muselsl), when samples arrived",
)
