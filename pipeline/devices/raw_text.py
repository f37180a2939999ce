"""Samples written as text, a row each, streamed: blocks of lines in, pieces of a signal out, memory bounded.

A week at 100 Hz is 60 million rows: no more than one block of them is held. Where rows step in time by more than a
few samples, or a row holds no sample, a piece ends and the next begins. Rates are those that the stamps show.
"""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS
from pipeline.devices.archives import open_plain
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Int64, Kind, Samples, Signal, SignalStream

BLOCK_BYTES = 8 * 1024**2
MOST_LINE = 64 * 1024
MOST_BAD_SHARE = 0.05
"""Share of rows that hold no sample above which a file is refused."""
GAP_SAMPLES, GAP_S = 4, 0.1
"""A step longer than both is a gap: rows that a device wrote in blocks are stamped unevenly by some samples."""
STILL_S = 10.0
"""Rows that repeat for so long were not all measured, or the sensor lay still to the last bit."""

_DATE = re.compile(r"(\d{1,4})([-/.])(\d{1,2})[-/.](\d{1,4})([ T]+)\d{1,2}:\d{2}:\d{2}([:.,]\d+)?\s*([AaPp][Mm])?Z?")


@dataclass(frozen=True, slots=True)
class Rows:
    """Where the rows of a file begin and what stands in their columns."""

    path: Path
    header_lines: int
    separator: str
    columns: tuple[str, ...]
    """A name for every column; one that is in `texts` is read as text, any other as numbers."""
    texts: frozenset[str] = frozenset()
    decimal_comma: bool = False

    def blocks(self) -> Iterator[tuple[pl.DataFrame, bool]]:
        """The rows in blocks, and whether a last line without an end was left out behind them.

        Raises
        ------
        FileFault
            CORRUPT for a line longer than 64 KB.
        """
        held = b""
        with open_plain(self.path) as stream:
            for _ in range(self.header_lines):
                stream.readline(MOST_LINE)
            while piece := stream.read(BLOCK_BYTES):
                block = held + piece
                cut = block.rfind(b"\n") + 1
                if len(block) - cut > MOST_LINE:
                    raise FileFault(Fault.CORRUPT, "a line is longer than 64 KB", where=self.path.name)
                held = block[cut:]
                if cut:
                    yield self._table(block[:cut]), False
        yield self._table(b""), bool(held.strip())

    def _table(self, block: bytes) -> pl.DataFrame:
        # A header of our own makes every block as wide, whatever its first row holds.
        head = self.separator.join(self.columns).encode() + b"\n"
        return pl.read_csv(
            io.BytesIO(head + block),
            separator=self.separator,
            schema={name: pl.String if name in self.texts else pl.Float64 for name in self.columns},
            ignore_errors=True,
            truncate_ragged_lines=True,
            encoding="utf8-lossy",
            quote_char=None,
            decimal_comma=self.decimal_comma,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Rows of a file with the instant of each, shape (n,); what they hold is only meant where `good`."""

    table: pl.DataFrame
    utc_ns: Int64
    good: NDArray[np.bool_]


@dataclass(slots=True)
class Tally:
    """What was met on the way through a file."""

    rows: int = 0
    bad: int = 0
    zero: int = 0
    """Rows of nothing but zeros, where a format knows them to mean that nothing was measured."""
    still: int = 0
    """Rows that only repeat the one before, in runs longer than `STILL_S`."""
    cut: bool = False
    presses: list[int] = dataclasses.field(default_factory=list)
    """Instants at which a button column rose."""

    def notes(self) -> Iterator[str]:
        """In words, for a recording's repairs."""
        if self.cut:
            yield "the last line has no line end and may be cut: left out"
        if self.bad:
            yield f"{self.bad} rows hold no sample: gaps"


G_OF = {"g": 1.0, "mg": 0.001, "m/s2": 1 / 9.80665, "m/s^2": 1 / 9.80665}
"""Factors to g by the units that a sidecar may name; 1/256 g, the step of a sensor, may be named too."""
NEAR_G = (0.5, 2.0)
"""The median length of acceleration lies between these, however its wearer moves."""
_STEP = re.compile(r"1/(\d{1,5}(?:\.\d+)?) ?g")

Clock = Callable[["pl.DataFrame", int], tuple[Int64, NDArray[np.bool_]]]
"""From rows and the number of rows before them: the instant of each, and whether it has one."""


def blocks_of(rows: Rows, clock: Clock, axes: tuple[str, ...], tally: Tally) -> Iterator[Block]:
    """The blocks of a file; rows are good that bear an instant and a finite number on every axis."""
    for table, cut in rows.blocks():
        tally.cut |= cut
        utc_ns, good = clock(table, tally.rows)
        good &= table.select(pl.all_horizontal(pl.col(axes).is_finite().fill_null(value=False))).to_series().to_numpy()
        tally.rows += table.height
        tally.bad += int(np.count_nonzero(~good))
        yield Block(table, utc_ns, good)


def acceleration(
    label: str,
    fs_hz: float,
    path: Path,
    axes: tuple[str, ...],
    scale: float,
    blocks: Callable[[Tally], Iterator[Block]],
) -> tuple[SignalStream, Tally]:
    """Acceleration as a stream, and what was met on one way through the file, which is made here.

    Raises
    ------
    FileFault
        CORRUPT for rows that step back in time or mostly hold no sample; NOTHING_USABLE if none does.
    """

    def pieces(tally: Tally) -> Iterator[Signal]:
        for utc_ns, end_ns, table in _runs(path, fs_hz, blocks(tally)):
            samples = table.select(axes).to_numpy().astype(np.float32) * np.float32(scale)
            tally.still += _still(samples, fs_hz)
            yield _piece(Kind.ACC, label, fs_hz, utc_ns, end_ns, samples)

    tally, first, last, measured_s = Tally(), None, None, 0.0
    for piece in pieces(tally):
        first, last = first or piece, piece
        measured_s += len(piece.samples) / piece.fs_hz
    if tally.rows and tally.bad > MOST_BAD_SHARE * tally.rows:
        known = f"{tally.bad} of {tally.rows} rows"
        raise FileFault(Fault.CORRUPT, "rows hold no sample", where=path.name, known=known)
    if first is None or last is None:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds a header and no sample", where=path.name)
    stream = SignalStream(Kind.ACC, label, fs_hz, first.start_ns, last.end_ns, measured_s, lambda: pieces(Tally()))
    return stream, tally


def beside(
    stream: SignalStream, kind: Kind, label: str, path: Path, column: str, blocks: Callable[[Tally], Iterator[Block]]
) -> SignalStream:
    """Another column of the rows of `stream`, at the same times."""

    def pieces() -> Iterator[Signal]:
        for utc_ns, end_ns, table in _runs(path, stream.fs_hz, blocks(Tally())):
            samples = table[column].cast(pl.Float32).fill_null(float("nan")).to_numpy()
            yield _piece(kind, label, stream.fs_hz, utc_ns, end_ns, samples)

    return dataclasses.replace(stream, kind=kind, label=label, pieces=pieces)


def _runs(path: Path, fs_hz: float, blocks: Iterator[Block]) -> Iterator[tuple[Int64, int | None, pl.DataFrame]]:
    """Rows that follow one another: their instants, the instant at which the next run goes on if it does, the rows."""
    gap_ns = round(max(GAP_SAMPLES / fs_hz, GAP_S) * NS)
    held: tuple[Int64, pl.DataFrame] | None = None
    open_end = False
    for block in blocks:
        if len(block.good) == 0:
            continue
        keep = np.flatnonzero(_without_lone(block, gap_ns))
        utc_ns = block.utc_ns[keep]
        if held is not None:
            goes_on = open_end and keep.size > 0 and keep[0] == 0
            step = int(utc_ns[0] - held[0][-1]) if keep.size else 0
            _forward(path, np.array([step]), gap_ns)
            goes_on &= step <= gap_ns
            yield held[0], int(utc_ns[0]) if goes_on else None, held[1]
            held = None
        if keep.size == 0:
            open_end = False
            continue
        steps = np.diff(utc_ns)
        _forward(path, steps, gap_ns)
        edges = [0, *(np.flatnonzero((steps > gap_ns) | (np.diff(keep) > 1)) + 1).tolist(), len(keep)]
        table = block.table[keep] if len(keep) < block.table.height else block.table
        for begin, end in pairwise(edges[:-1]):
            yield utc_ns[begin:end], None, table[begin:end]
        held = utc_ns[edges[-2] :], table[edges[-2] :]
        open_end = bool(keep[-1] == len(block.good) - 1)
    if held is not None:
        yield held[0], None, held[1]


def _without_lone(block: Block, gap_ns: int) -> NDArray[np.bool_]:
    """Good rows, without those whose stamp both neighbours contradict while they agree with each other."""
    good = block.good.copy()
    place = np.flatnonzero(good)
    utc_ns = block.utc_ns[place]
    far = np.abs(np.diff(utc_ns)) > gap_ns
    lone = far[:-1] & far[1:] & (np.abs(utc_ns[2:] - utc_ns[:-2]) <= gap_ns)
    good[place[1:-1][lone]] = False
    return good


def _forward(path: Path, steps: Int64, gap_ns: int) -> None:
    if steps.min(initial=0) < -gap_ns:
        known = f"a row is stamped {-steps.min() / NS:.3f} s before the one ahead of it"
        hint = "the device's clock was set on the way, or two recordings were put into one file: export them apart"
        raise FileFault(Fault.CORRUPT, "its time stamps step back", where=path.name, known=known, hint=hint)


def _piece(kind: Kind, label: str, fs_hz: float, utc_ns: Int64, end_ns: int | None, samples: Samples) -> Signal:
    """A piece at the rate that its stamps show; at the nominal one where they are too few to show any."""
    n, start = len(samples), int(utc_ns[0])
    span_s = ((end_ns or int(utc_ns[-1])) - start) / NS
    shown = (n if end_ns else n - 1) / span_s if span_s > 0 else 0.0
    return Signal(kind, label, shown if abs(shown / fs_hz - 1) < 0.1 or n >= fs_hz * STILL_S else fs_hz, start, samples)


def _still(samples: Samples, fs_hz: float) -> int:
    """How many rows only repeat the one before, in runs of at least `STILL_S`."""
    changes = np.flatnonzero((samples[1:] != samples[:-1]).any(axis=1))
    runs = np.diff(np.concatenate(([-1], changes, [len(samples) - 1])))
    return int((runs[runs >= STILL_S * fs_hz] - 1).sum())


def factor_to_g(path: Path, first: Floats, asked: Asked) -> float:
    """The factor of acceleration to g: by the sidecar, else 1 where the first rows, shape (n, 3), are near 1 g long.

    Raises
    ------
    FileFault
        UNKNOWN_UNIT if neither tells it.
    """
    told = asked.units.get("acceleration")
    if told in G_OF:
        return G_OF[told]
    if told is not None and (step := _STEP.fullmatch(told)):
        return 1.0 / float(step[1])
    lengths = np.linalg.norm(first, axis=1)
    measured = lengths[lengths > 0]
    length = float(np.median(measured)) if measured.size else 1.0
    if told is None and NEAR_G[0] <= length <= NEAR_G[1]:
        return 1.0
    raise FileFault(
        Fault.UNKNOWN_UNIT,
        "acceleration is not in g, or the columns are not acceleration" if told is None else "the unit is not known",
        where=path.name,
        known=f"the first {len(first)} rows are {length:.3g} long; acceleration in g is about 1",
        hint=f'put {{"units": {{"acceleration": "1/256 g"}}}} (or g, mg, m/s2) into {path.name}.json, or export in g',
    )


def rate_of(stamps_ns: Int64) -> float:
    """The rate that the first stamps of a file show, by their median step; 0 where they show none.

    The mean over those steps that are like the median takes out what the rounding of stamps does to it.
    """
    steps = np.diff(stamps_ns)
    middle = float(np.median(steps)) if len(steps) else 0.0
    if middle <= 0:
        return 0.0
    near = steps[np.abs(steps - middle) < middle / 2]
    return NS / (float(near.mean()) if near.size else middle)


def stamp_format(text: str, *, day_first: bool) -> str | None:
    """The format of a stamp such as 2019-12-23 21:04:06.690 or 9/17/2019 6:40:00.010 PM; None if it is none."""
    found = _DATE.fullmatch(text.strip())
    if found is None:
        return None
    first, mark, _, last, gap, fraction, half = found.groups()
    date = ("Y", "m", "d") if len(first) == 4 else (("d", "m", "Y") if day_first else ("m", "d", "Y"))
    if len(first) < 4 and len(last) < 4:
        date = (date[0], date[1], "y")
    form = mark.join(f"%{part}" for part in date) + gap + ("%I" if half else "%H") + ":%M:%S"
    form += ":%3f" if (fraction or "").startswith(":") else "%.f"
    return form + (" %p" if half else "")


def wall_of(cells: pl.Series, form: str) -> tuple[Int64, NDArray[np.bool_]]:
    """Wall clocks of stamps in one format, shape (n,), and which could be read."""
    text = cells.str.strip_chars(" \t\"'\rZ").str.replace(",", ".", literal=True)
    wall = text.str.to_datetime(form, strict=False, time_unit="ns").cast(pl.Int64)
    return wall.fill_null(0).to_numpy(), wall.is_not_null().to_numpy()


def regular(start_ns: int, fs_hz: float) -> Clock:
    """Instants of rows that bear none: one every 1 / fs from the start on."""

    def clock(table: pl.DataFrame, before: int) -> tuple[Int64, NDArray[np.bool_]]:
        place = np.arange(before, before + table.height)
        return start_ns + np.rint(place * (NS / fs_hz)).astype(np.int64), np.ones(table.height, np.bool_)

    return clock
