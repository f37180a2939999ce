"""GENEActiv csv of raw data, as its PC software writes it: a header of 100 lines, then one sample a row.

A row holds time, x, y, z in g, light in lux, the button and the temperature. Milliseconds stand behind a colon. The
time is the wall clock of the computer that set the device, which runs on through clock changes. Exports compressed to
epochs hold means, not samples, and are refused.

Layout: GENEActiv instruction manual v1.2, "Understanding .csv files".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.devices.archives import open_plain
from pipeline.devices.delimited import cells_of, lines_of, separator_of, text_of
from pipeline.devices.later import pl
from pipeline.devices.raw_text import (
    Block,
    Rows,
    Tally,
    acceleration,
    beside,
    blocks_of,
    rate_of,
    stamp_format,
    wall_of,
)
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.set_once import from_first_stamp, tell_other_offset
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Int64, Kind, Marker, Recording, SignalStream

HEAD_BYTES = 64 * 1024
COLUMNS = ("time", "x", "y", "z", "light", "button", "temperature")

_FIRST = re.compile(r"\W*Device Type\s*[,;\t]\s*GENEActiv", re.IGNORECASE)
_STAMP = re.compile(r"\"?\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[:.]\d{3}\"?[,;\t]")
_NUMBER = re.compile(r"[1-9]\d*(?:[.,]\d+)?")


@dataclass(frozen=True, slots=True)
class _Header:
    """What is needed of the header and the first rows; identities are not kept."""

    model: str
    zone: str
    rows: Rows
    fs_hz: float
    form: str
    first_wall_ns: Int64


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line names the device type."""
    return not seen.is_folder and _FIRST.match(text_of(seen.unpacked[:200])) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration, light and temperature as streams; presses of the button."""
    header = _header(path)
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    zero_ns = int(from_first_stamp(header.first_wall_ns, zone)[0]) - int(header.first_wall_ns[0])
    tell_other_offset(header.zone, zone, int(header.first_wall_ns[0]) + zero_ns, notes)
    has = frozenset(header.rows.columns)

    def clock(table: pl.DataFrame, _before: int) -> tuple[Int64, NDArray[np.bool_]]:
        wall_ns, good = wall_of(table["time"], header.form)
        return wall_ns + zero_ns, good

    def blocks(tally: Tally) -> Iterator[Block]:
        down = False
        for block in blocks_of(header.rows, clock, COLUMNS[1:4], tally):
            if "button" in has and len(block.good):
                button = (block.table["button"].fill_null(0.0) > 0.5).to_numpy() & block.good
                tally.presses += block.utc_ns[
                    np.flatnonzero(np.diff(button.astype(np.int8), prepend=down) == 1)
                ].tolist()
                down = bool(button[-1])
            yield block

    stream, tally = acceleration("acceleration", header.fs_hz, path, COLUMNS[1:4], 1.0, blocks)
    notes += tally.notes()
    others: tuple[SignalStream, ...] = tuple(
        beside(stream, kind, kind_name, path, kind_name, blocks)
        for kind, kind_name in ((Kind.LIGHT, "light"), (Kind.TEMP, "temperature"))
        if kind_name in has
    )
    return Recording(
        f"GENEActiv {header.model}".strip(),
        zone,
        source,
        markers=tuple(Marker(at, 0.0, "button") for at in tally.presses),
        streams=(stream, *others),
        clock=ClockKind.DEVICE,
        repairs=tuple(notes),
    )


def _header(path: Path) -> _Header:
    """The header and the layout of the rows.

    Raises
    ------
    FileFault
        TRUNCATED if the file ends before its first rows; IMPLAUSIBLE if they are epochs.
    """
    with open_plain(path) as stream:
        lines = lines_of(text_of(stream.read(HEAD_BYTES)))[:-1]
    begin = next((k for k, line in enumerate(lines) if _STAMP.match(line)), None)
    if begin is None or begin + 1 >= len(lines):
        raise FileFault(
            Fault.TRUNCATED,
            "the file ends before its first rows",
            where=path.name,
            hint="export it from the .bin again",
        )
    separator = separator_of(lines[begin])
    first = [cells_of(line, separator) for line in lines[begin:] if line.strip()]
    form = stamp_format(first[0][0], day_first=True) or ""
    wall_ns, good = wall_of(pl.Series([cells[0] for cells in first]), form)
    fs_hz = rate_of(wall_ns[good])
    if not 4 <= len(first[0]) <= len(COLUMNS) or fs_hz < 1.0:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            "its rows are not raw samples",
            where=path.name,
            known=f"{len(first[0])} columns at {fs_hz:.3g} rows a second; an export compressed to epochs looks so",
            hint="put in the .bin file, or convert it to csv without epochs",
        )
    cells = (cells_of(line, separator_of(line)) for line in lines[:begin] if line.strip())
    says = {row[0].lower(): row[1] for row in cells if len(row) > 1}
    model, rate = says.get("device model", ""), _NUMBER.match(says.get("measurement frequency", ""))
    comma = separator != "," and not any("." in cell for cell in first[0][1:])
    return _Header(
        model if re.fullmatch(r"\d{1,2}\.\d{1,2}", model) else "",
        says.get("time zone", ""),
        Rows(path, begin, separator, COLUMNS[: len(first[0])], frozenset({"time"}), decimal_comma=comma),
        float(rate[0].replace(",", ".")) if rate else fs_hz,
        form,
        wall_ns[good][:1],
    )


READER = Reader(
    name="geneactiv_csv",
    device="GENEActiv",
    looks_like="a GENEActiv csv of raw samples: 100 lines of header that begin 'Device Type,GENEActiv', then rows",
    gives=frozenset({Kind.ACC, Kind.LIGHT, Kind.TEMP, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="device clock, runs on through clock changes",
)
