"""OpenBCI Cyton, Daisy and Ganglion: the text that the OpenBCI GUI records (OpenBCI-RAW-….txt).

A header of '%' lines (channels, rate, board), in versions from 2020 on a line of column names, then a row a sample: a
counter, EXG channels in µV (scale and gain applied, but neither filtered nor freed of the electrodes' offset), the
acceleration in g, stamps. The Cyton's counter runs from 0 to 255 and shows losses of the radio exactly; longer ones
and those of a Ganglion are found from the stamps (`arrivals`). The board does not know where its electrodes are: the
channels asked for are read as EEG; unasked, the first. What stands at the amplifier's rail is missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.arrivals import pieces, start_ns
from pipeline.devices.channels import place_of, wanted_labels
from pipeline.devices.delimited import cells_of, separator_of
from pipeline.devices.later import pl
from pipeline.devices.pieces import on_one_grid
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.devices.sample_rows import blocks, first_lines, numbers
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import PLAUSIBLE, ClockKind, Floats, Int64, Kind, Marker, Recording, Samples, Signal

_MARK = b"%OpenBCI"
_BOARDS = (("daisy", "OpenBCI Cyton Daisy"), ("ganglion", "OpenBCI Ganglion"), ("cyton", "OpenBCI Cyton"))
RAIL_UV = 187_000.0
"""The ADS1299 reaches ±4.5 V / 24 = ±187,500 µV at its usual gain; nothing is measured there."""
OFFSET_UV = 10_000.0
"""An electrode's half-cell potential beyond this is taken off: it is no EEG, and leaves float32 few bits for it."""
MOST_G = 32.0
_COUNTER = 256
_UNIX_S, _UNIX_MS = (1e9, 4e9), (1e12, 4e12)
_OLD_WIDTHS = {1 + n + 3 + stamps: n for n in (4, 8, 16) for stamps in (1, 2)}
"""Columns of a row without names: counter, channels, acceleration, and one stamp or two."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """What the header says, and which column is what."""

    device: str
    fs_hz: float
    skip: int
    separator: str
    width: int
    exg: dict[str, int]
    axes: tuple[int, ...]
    stamp: int | None
    marker: int | None


def recognise(seen: Glimpse) -> bool:
    """True for the first line of the GUI's header."""
    return not seen.is_folder and seen.head.removeprefix(b"\xef\xbb\xbf").startswith(_MARK)


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one file.

    Raises
    ------
    FileFault
        CORRUPT for a header without a rate or rows that do not fit it; NO_START_TIME if its stamps carry no date and
        no sidecar does; SETTINGS if a channel asked for is not there; NOTHING_USABLE without a row.
    """
    zone, source = asked.zone_for(path)
    layout = _layout(path)
    notes: list[str] = []
    labels = _labels(path, layout, asked, notes)
    rows = _rows(path, layout, labels, notes)
    number, begins = _counted(rows[:, 0], layout, notes)
    arrived_s, clock, begin_ns = _arrivals(path, layout, rows[:, 1], number, asked, zone)
    found = pieces(arrived_s, number, layout.fs_hz, begin_ns, path)
    first = np.union1d(found.first, begins)
    piece = np.searchsorted(found.first, first, side="right") - 1
    onset_s = found.onset_s[piece] + (number[first] - number[found.first[piece]]) / layout.fs_hz
    begins_ns = start_ns(found, begin_ns)

    columns = len(labels) + len(layout.axes)

    def placed(values: Floats) -> Samples:
        return on_one_grid(values.astype(np.float32), first, onset_s, layout.fs_hz, path, columns)

    signals = [
        Signal(Kind.EEG, label, layout.fs_hz, begins_ns, placed(_cleaned(rows[:, 2 + k], label, layout.fs_hz, notes)))
        for k, label in enumerate(labels)
    ]
    empty_s = (len(signals[0].samples) - len(rows)) / layout.fs_hz
    if empty_s > 0:
        notes.append(f"{len(first) - 1} gap(s) by counter and stamps, {empty_s:.3g} s in all, are left empty")
    if abs(found.drift_s) > 1:
        notes.append(f"time stamps and sampling rate part by {found.drift_s:.1f} s")
    at = 2 + len(labels)
    acc = _acceleration(layout, [placed(rows[:, at + k]) for k in range(len(layout.axes))], begins_ns, notes)
    return Recording(
        device=layout.device,
        zone=zone,
        zone_source=source,
        signals=(*signals, *([acc] if acc else [])),
        markers=_markers(rows, layout, first, onset_s, begin_ns),
        clock=clock,
        repairs=tuple(notes),
    )


def _layout(path: Path) -> _Layout:
    lines = [line.decode("utf-8", errors="replace") for line in first_lines(path, 40)]
    said = [line.lstrip("%").strip() for line in lines if line.startswith("%")]
    below = lines[len(said) :]
    head = dict(part.split("=", 1) for part in said if "=" in part)
    told = {key.strip().casefold(): value.strip() for key, value in head.items()}
    rate = re.match(r"(\d{1,5}(?:[.,]\d+)?)", told.get("sample rate", ""))
    if rate is None or not (fs_hz := float(rate[1].replace(",", "."))) > 0:
        hint = "record it with the OpenBCI GUI, whose header says '%Sample Rate = 250 Hz'"
        raise FileFault(Fault.CORRUPT, "its header names no sampling rate", where=path.name, hint=hint)
    if not below:
        raise FileFault(Fault.NOTHING_USABLE, "its header is followed by no row", where=path.name)
    board = told.get("board", "").casefold()
    device = next((name for word, name in _BOARDS if word in board), "OpenBCI")
    separator = separator_of(below[0])
    names = cells_of(below[0], separator)
    if names[0].casefold().startswith("sample index"):
        width, skip = len(names), len(said) + 1
        exg = {name: k for k, name in enumerate(names) if re.fullmatch(r"(EXG|EEG) Channel \d+", name)}
        axes = tuple(k for k, name in enumerate(names) if name.startswith("Accel Channel"))
        stamp = names.index("Timestamp") if "Timestamp" in names else None
        marker = names.index("Marker Channel") if "Marker Channel" in names else None
    else:
        width, skip, marker = len(names), len(said), None
        n = _OLD_WIDTHS.get(width, 0)
        exg = {f"EXG Channel {k}": 1 + k for k in range(n)}
        axes = tuple(range(1 + n, 4 + n)) if n else ()
        stamp = width - 1
    if not exg:
        raise FileFault(
            Fault.CORRUPT,
            f"its rows have {width} columns that no board writes",
            where=path.name,
            known=f"board: {device}",
        )
    return _Layout(device, fs_hz, skip, separator, width, exg, axes if len(axes) == 3 else (), stamp, marker)


def _labels(path: Path, layout: _Layout, asked: Asked, notes: list[str]) -> list[str]:
    """The channels to read."""
    there = list(layout.exg)
    places = [(label, place_of(label, there)) for label in wanted_labels(asked.eeg_channels, there)]
    absent = next((label for label, place in places if place is None), None)
    if absent is not None:
        what, known = f"there is no channel '{absent}'", f"channels: {', '.join(there)}"
        raise FileFault(Fault.SETTINGS, what, where=path.name, known=known, hint=did_you_mean(absent, there))
    if not places:
        notes.append(f"'{there[0]}' was read as EEG: the board does not know its electrodes; name others to read them")
        return there[:1]
    return list(dict.fromkeys(there[place] for _, place in places if place is not None))


def _rows(path: Path, layout: _Layout, labels: Sequence[str], notes: list[str]) -> Floats:
    """Counter, stamp (unix s, seconds of the day, or NaN), EEG, acceleration and marker of each row, in columns."""
    wanted = [0, *(layout.exg[label] for label in labels), *layout.axes]
    wanted += [layout.marker] if layout.marker is not None else []
    stamps = [] if layout.stamp is None else [layout.stamp]
    parts: list[Floats] = []
    for table in blocks(
        path, skip=layout.skip, width=layout.width, separator=layout.separator, wanted=[*wanted, *stamps], notes=notes
    ):
        values = [numbers(table[f"c{k}"]) for k in wanted]
        stamp = np.full(len(table), np.nan) if layout.stamp is None else _stamps(table[f"c{layout.stamp}"])
        parts.append(np.column_stack([values[0], stamp, *values[1:]]))
    rows = np.concatenate(parts) if parts else np.empty((0, 2 + len(labels)))
    whole = np.isfinite(rows[:, 0]) & np.isfinite(rows[:, 2 : 2 + len(labels)]).any(axis=1)
    if not whole.any():
        raise FileFault(Fault.NOTHING_USABLE, "no row holds a sample", where=path.name)
    if not whole.all():
        notes.append(f"{np.count_nonzero(~whole)} rows without numbers left out")
    return rows[whole]


def _stamps(cells: pl.Series) -> Floats:
    """Unix times in s, else seconds of the day."""
    values = numbers(cells)
    if np.isfinite(values).any():
        return values / 1000 if np.nanmedian(values) > _UNIX_MS[0] else values
    part = cells.str.extract_groups(r"(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,6})?)$").struct.unnest()
    hour, minute, second = (numbers(part[name]) for name in part.columns)
    return hour * 3600 + minute * 60 + second


def _counted(counter: Floats, layout: _Layout, notes: list[str]) -> tuple[Floats, Int64]:
    """The number of each sample among those that were taken, and the rows before which the counter shows a loss.

    The Daisy counts by two. A counter that does neither (Ganglion, whose packets hold two samples) is not used.
    """
    rows = np.arange(len(counter), dtype=np.float64)
    none = np.empty(0, np.int64)
    step = np.diff(counter)
    wraps = bool(counter.max() < _COUNTER)
    step = step % _COUNTER if wraps else step
    if not len(step):
        return rows, none
    usual = float(np.median(step))
    if "Ganglion" in layout.device or usual not in {1.0, 2.0} or np.mean(step == usual) < 0.5:
        notes.append("its counter does not count samples: gaps are found from the time stamps alone")
        return rows, none
    # A repeated count may be a loss of exactly one round, which the stamps tell.
    lost = np.where((step > usual) & (step % usual == 0), step / usual - 1, 0.0)
    return rows + np.concatenate(([0.0], np.cumsum(lost))), np.flatnonzero(lost) + 1


def _arrivals(
    path: Path, layout: _Layout, stamps: Floats, number: Floats, asked: Asked, zone: str
) -> tuple[Floats, ClockKind, int]:
    """Seconds from the first stamp to each, what clock they are of, and the instant of the first."""
    good = np.isfinite(stamps)
    if not good.any():
        return number / layout.fs_hz, ClockKind.ELAPSED, utc_from_wall(need_start(path, asked), zone)
    rows = np.arange(len(stamps))
    filled = np.interp(rows, rows[good], stamps[good])
    if _UNIX_S[0] <= filled[0] <= _UNIX_S[1]:
        return filled - filled[0], ClockKind.UTC, round(float(filled[0]) * 1e6) * 1000
    day = np.concatenate(([0], np.cumsum(np.diff(filled) < -43_200.0))) * 86_400.0  # a clock without a date
    return filled + day - filled[0], ClockKind.ELAPSED, utc_from_wall(need_start(path, asked), zone)


def _cleaned(values: Floats, label: str, fs_hz: float, notes: list[str]) -> Floats:
    """A channel without what stands at the rail, and without a large offset."""
    out = np.where(np.abs(values) >= RAIL_UV, np.nan, values)
    lost = int(np.count_nonzero(np.isnan(out)))
    if lost:
        notes.append(f"'{label}': {lost / fs_hz:.3g} s at the amplifier's rail or unreadable are missing samples")
    begin = out[np.isfinite(out)][: round(fs_hz)]
    offset = float(np.median(begin)) if len(begin) else 0.0
    if abs(offset) > OFFSET_UV:
        out -= offset
        notes.append(f"'{label}': the electrode's offset of {offset:.0f} µV was taken off")
    wild: NDArray[np.bool_] = np.abs(out) > PLAUSIBLE[Kind.EEG][1]
    if wild.any():
        out[wild] = np.nan
        notes.append(f"'{label}': {np.count_nonzero(wild) / fs_hz:.3g} s beyond 20,000 µV are missing samples")
    return out


def _acceleration(layout: _Layout, axes: list[Samples], begins_ns: int, notes: list[str]) -> Signal | None:
    """The acceleration at the rate at which the board takes it; between its samples rows hold zeros or repeats."""
    if not axes:
        return None
    grid = np.column_stack(axes)
    measured = np.isfinite(grid).all(axis=1) & (grid != 0).any(axis=1)
    if not measured.any():
        return None
    if np.abs(grid[measured]).max() > MOST_G:
        notes.append("its auxiliary columns hold no acceleration in g: left")
        return None
    stride = max(1, round(layout.fs_hz / (10.0 if "Ganglion" in layout.device else 25.0)))
    latest = np.maximum.reduceat(np.where(measured, np.arange(len(grid)), -1), np.arange(0, len(grid), stride))
    samples = np.where((latest >= 0)[:, None], grid[latest], np.float32(np.nan)).astype(np.float32)
    whole = len(grid) // stride  # a last stretch that is cut is none
    return Signal(Kind.ACC, "Accel Channels", layout.fs_hz / stride, begins_ns, samples[:whole]) if whole else None


def _markers(rows: Floats, layout: _Layout, first: Int64, onset_s: Floats, begin_ns: int) -> tuple[Marker, ...]:
    """Numbers that were written beside a sample."""
    if layout.marker is None:
        return ()
    said = rows[:, -1]
    places = np.flatnonzero(np.isfinite(said) & (said != 0))
    piece = np.searchsorted(first, places, side="right") - 1
    at_s = onset_s[piece] + (places - first[piece]) / layout.fs_hz
    return tuple(
        Marker(begin_ns + round(when * NS), 0.0, f"marker {value:g}")
        for when, value in zip(at_s.tolist(), said[places].tolist(), strict=True)
    )


READER = Reader(
    name="openbci_txt",
    device="OpenBCI Cyton, Daisy or Ganglion",
    looks_like="an OpenBCI GUI recording: text that begins with '%OpenBCI Raw EXG Data' and '%Sample Rate = 250 Hz'",
    gives=frozenset({Kind.EEG, Kind.ACC, Kind.MARKERS}),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="unix time of the computer when samples arrived; old versions a time of day, whose date the sidecar tells",
)
