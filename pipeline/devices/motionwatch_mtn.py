"""MotionWatch .mtn (CamNtech MotionWare): an XML log of changes, whose last word on each thing holds.

Properties give the model and the start by the watch's clock, which runs on through clock changes; channels give the
counts ('motion') and the light as numbers with commas between, an epoch in seconds and an offset. The counts are
MotionWatch counts of one or three axes, which are no Actiwatch counts.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from pipeline.devices.delimited import content_of
from pipeline.devices.epoch_rows import column_numbers, light_or_none, true_start
from pipeline.devices.later import pl
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.regular import LONGEST_EPOCH_S
from pipeline.devices.stamps import instants
from pipeline.devices.xml_text import elements
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Kind, Recording, Signal

MOST_XML = 256 * 1024**2
"""Three months of 1-s epochs with light are 100 MB."""
_ROOT = re.compile(r"\s*(<\?xml[^>]*\?>)?\s*(<!--.{0,2000}?-->\s*)?<motionfile[\s>]", re.DOTALL)
_MODEL = re.compile(r"(MW|PRO-D|MotionWatch)[\w -]{0,12}", re.IGNORECASE)
_WANTED = {"motion": Kind.COUNTS, "light": Kind.LIGHT}


@dataclass(frozen=True, slots=True, eq=False)
class _Channel:
    """One channel of the log."""

    name: str
    units: str
    epoch_s: float
    values: Floats


def _recognise(seen: Glimpse) -> bool:
    """Whether the root of the XML is `motionfile`."""
    return not (seen.is_folder or seen.names) and _ROOT.match(seen.text) is not None


def _read(path: Path, asked: Asked) -> Recording:
    """Counts and light of one watch."""
    notes: list[str] = []
    says: dict[str, str] = {}
    channels: dict[str, _Channel] = {}
    stream = io.BytesIO(content_of(path, MOST_XML))
    for element in elements(stream, frozenset({"property", "channel"}), path):
        name = (element.findtext("name") or "").strip()
        if element.tag.endswith("property"):
            says[name] = (element.findtext("content") or "").strip()
        elif name.lower() in _WANTED:
            channels[name.lower()] = _channel(path, name.lower(), element, notes)
        else:
            notes.append(f"a channel of unit '{_unit(element)}' is not read")
    if "motion" not in channels:
        raise FileFault(Fault.NOTHING_USABLE, "the file holds no motion channel", where=path.name)
    zone, source = asked.zone_for(path)
    begin = pl.Series("start", [says.get("=StartTime", "")])
    start = int(instants(begin, asked, zone, path, follows_zone=False).utc_ns[0])
    start = true_start(path, start, asked, zone, notes)
    motion = channels["motion"]
    signals = [_signal(Kind.COUNTS, motion.units or "counts", motion, start)]
    if (light := channels.get("light")) is not None:
        if light.units.lower() != "lux":
            raise FileFault(Fault.UNKNOWN_UNIT, f"light in '{light.units}'", where=path.name, known="read in lux")
        signals += [
            _signal(kept.kind, kept.label, light, start) for kept in light_or_none("light", light.values, notes)
        ]
    model = says.get("=Device", "")
    device = f"MotionWatch {model}" if _MODEL.fullmatch(model) else "MotionWatch"
    return Recording(device, zone, source, tuple(signals), repairs=tuple(notes))


def _signal(kind: Kind, label: str, channel: _Channel, start: int) -> Signal:
    return Signal(kind, label, 1.0 / channel.epoch_s, start, channel.values.astype("float32"))


def _unit(element: Element) -> str:
    """The unit of a channel, if it looks like one."""
    text = (element.findtext("units") or "").strip()
    return text if re.fullmatch(r"[A-Za-z°%/µ-]{1,24}", text) else "?"


def _channel(path: Path, name: str, element: Element, notes: list[str]) -> _Channel:
    """One channel with its numbers.

    Raises
    ------
    FileFault
        UNKNOWN_CODE for an encoding other than text, or an offset, of which no file is known; CORRUPT for an epoch
        or numbers that are none.
    """
    data = element.find("data")
    encoding = "" if data is None else data.get("encoding", "text")
    offset = (element.findtext("offset") or "0").strip()
    if data is None or encoding != "text" or offset not in {"0", "0.0"}:
        raise FileFault(
            Fault.UNKNOWN_CODE,
            f"the {name} channel is stored in a way that is not documented",
            where=path.name,
            known=f"encoding '{encoding[:20]}', offset {offset[:20]}; known: encoding 'text' without an offset",
            hint="export it from MotionWare as csv",
        )
    epoch = (element.findtext("epoch") or "").strip()
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", epoch) or not 0 < float(epoch) <= LONGEST_EPOCH_S:
        known = f"epochs are up to {LONGEST_EPOCH_S:g} s"
        raise FileFault(Fault.CORRUPT, f"the {name} channel has no epoch length", where=path.name, known=known)
    cells = pl.Series(name, (data.text or "").strip().rstrip(",").split(","), dtype=pl.String)
    values = column_numbers(path, cells, name, notes)
    return _Channel(name, _unit(element), float(epoch), values)


READER = Reader(
    name="motionwatch_mtn",
    device="MotionWatch",
    looks_like="a MotionWatch .mtn file: XML with the root <motionfile>, its channels 'motion' and 'Light' as text",
    gives=frozenset({Kind.COUNTS, Kind.LIGHT}),
    recognise=_recognise,
    read=_read,
    family="actigraphy",
    clock="device clock, runs on through clock changes",
)
