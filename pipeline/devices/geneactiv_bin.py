"""GENEActiv .bin (Activinsights): a header in words, then pages of 300 samples in hexadecimal.

A page gives the time of its first sample, its temperature and 300 times six bytes: three axes of 12 bits, 10 bits of
light, the button. Acceleration is (raw · 100 − offset) / gain, light is raw · lux / volts, by the calibration in the
header. Pages are stamped to half a second in the wall clock of the computer that set the device, which then runs on
through clock changes; the rate of a piece is the one that its pages show, not the nominal one (a page at 85.7 Hz takes
3.5 s). Pages that are damaged or absent are gaps. The header's count of pages is told where it is wrong, not believed.

Layout: GENEActiv instruction manual v1.2, "Understanding .bin files".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.geneactiv_pages import MARK, PAGE_SAMPLES, Pages, axes, in_order, index, light_steps, six_bytes
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.set_once import from_first_stamp, tell_other_offset
from pipeline.devices.stretches import Stretch, one_a_block, stream_of, stretches
from pipeline.errors import Fault, FileFault
from pipeline.recording import ClockKind, Floats, Kind, Marker, Recording, Samples

MOST_HEADER = 64 * 1024
ROUNDING_NS = NS // 2
"""Pages are stamped to half a second."""
AXES = ("x", "y", "z")

_DRIFT = re.compile(r"device clock drift\s*(-?\d+(?:[.,]\d+)?)\s*s", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Header:
    """What is needed of the header; identities are not kept."""

    fs_hz: float
    gain: Floats
    offset: Floats
    lux_per_step: float
    model: str
    zone: str
    pages: int | None
    drift_s: str | None


def _recognise(seen: Glimpse) -> bool:
    """Whether the first line is the header's first and its device is a GENEActiv."""
    return seen.head.lstrip(b"\xef\xbb\xbf").startswith(b"Device Identity") and b"GENEActiv" in seen.head


def _read(path: Path, asked: Asked) -> Recording:
    """Acceleration, light, temperature and button presses of one device."""
    notes: list[str] = []
    header = _header(path)
    pages = in_order(index(path, notes), header.fs_hz, ROUNDING_NS, notes)
    zone, source = asked.zone_for(path)
    start_ns = from_first_stamp(pages.wall_ns, zone)
    tell_other_offset(header.zone, zone, int(start_ns[0]), notes)
    counts = np.full(len(start_ns), PAGE_SAMPLES, np.int64)
    end_ns = start_ns + round(PAGE_SAMPLES / header.fs_hz * NS)
    parts = stretches(path, start_ns, end_ns, counts, header.fs_hz, ROUNDING_NS)
    _tell(header, pages, parts, notes)

    def acceleration(part: Stretch) -> Samples:
        return ((axes(six_bytes(path, pages, part)) * 100.0 - header.offset) / header.gain).astype(np.float32)

    def light(part: Stretch) -> Samples:
        return light_steps(six_bytes(path, pages, part)) * np.float32(header.lux_per_step)

    streams = (
        stream_of(Kind.ACC, "acceleration", header.fs_hz, parts, acceleration),
        stream_of(Kind.LIGHT, "light", header.fs_hz, parts, light),
    )
    temperature = one_a_block(Kind.TEMP, "temperature", start_ns, pages.temperature_c, parts)
    markers = tuple(
        Marker(int(start_ns[page]) + round(sample / header.fs_hz * NS), 0.0, "button") for page, sample in pages.presses
    )
    return Recording(
        f"GENEActiv {header.model}".strip(),
        zone,
        source,
        (temperature,),
        markers=markers,
        streams=streams,
        clock=ClockKind.DEVICE,
        repairs=tuple(notes),
    )


# ---- the header ------------------------------------------------------------------------------------------------------


def _header(path: Path) -> _Header:
    """The calibration and settings of a device.

    Raises
    ------
    FileFault
        TRUNCATED if the file ends within its header; CORRUPT if a value that is needed is absent or no number.
    """
    with path.open("rb") as stream:
        head = stream.read(MOST_HEADER)
    end = head.find(MARK)
    if end < 0:
        raise FileFault(
            Fault.TRUNCATED, "the file ends within its header", where=path.name, hint="extract it from the device again"
        )
    lines = (line.partition(":") for line in head[:end].decode("latin-1").splitlines())
    says = {key.strip().lower(): value.strip() for key, _, value in lines}

    def number(key: str) -> float:
        found = re.match(r"-?\d+(?:[.,]\d+)?", says.get(key, ""))
        if found is None:
            known = f"'{key}' is absent or holds no number"
            hint = "extract it from the device again"
            raise FileFault(Fault.CORRUPT, "its header is damaged", where=path.name, known=known, hint=hint)
        return float(found[0].replace(",", "."))

    fs_hz, volts = number("measurement frequency"), number("volts")
    gain = np.array([number(f"{axis} gain") for axis in AXES])
    if not (1.0 <= fs_hz <= 1000.0 and volts > 0 and (gain > 0).all()):
        known = f"rate {fs_hz:g} Hz, volts {volts:g}, gains {gain.tolist()}"
        raise FileFault(Fault.CORRUPT, "its header is damaged", where=path.name, known=known)
    model, pages = says.get("device model", ""), says.get("number of pages", "")
    drift = _DRIFT.search(says.get("extract notes", ""))
    return _Header(
        fs_hz,
        gain,
        np.array([number(f"{axis} offset") for axis in AXES]),
        number("lux") / volts,
        model if re.fullmatch(r"\d{1,2}\.\d{1,2}", model) else "",
        says.get("time zone", ""),
        int(pages) if re.fullmatch(r"\d{1,9}", pages) else None,
        drift[1] if drift and float(drift[1].replace(",", ".")) else None,
    )


def _tell(header: _Header, pages: Pages, parts: tuple[Stretch, ...], notes: list[str]) -> None:
    """What a user should know of the recording as a whole."""
    found = len(pages.number)
    if header.pages is not None and header.pages != found:
        notes.append(f"the header announces {header.pages} pages, {found} whole ones are here")
    if gaps := sum(after.start_ns > before.end_ns for before, after in pairwise(parts)):
        notes.append(f"{gaps} gaps between pages")
    if header.drift_s:
        notes.append(
            f"at read-out the device's clock differed by {header.drift_s} s from the computer's: instants are as the "
            "device stamped them"
        )


READER = Reader(
    name="geneactiv_bin",
    device="GENEActiv",
    looks_like="a GENEActiv .bin: a text header that begins 'Device Identity', then pages of hexadecimal samples",
    gives=frozenset({Kind.ACC, Kind.LIGHT, Kind.TEMP, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="acceleration",
    clock="device clock, runs on through clock changes",
)
