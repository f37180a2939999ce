"""Apple Health: `export.xml`, alone or in the zip that the phone shares; heart rate, variability, sleep, steps, oxygen.

Sources overlap: for each kind a watch comes before a phone and a phone before other apps, then the one with more
records; at a time that a better source covers the others are left out. Sleep: InBed is time in bed, Core is light,
Deep is N3, Asleep and AsleepUnspecified any sleep. Variability is taken from a watch only, because apps write other
measures under its name. The inline DTD of genuine exports is passed over, since several versions of iOS write a broken
one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, zone_of
from pipeline.devices.apple_records import APP, PHONE, WATCH, Records, Seconds, Timed
from pipeline.devices.archives import ZIP_MARK, open_plain, open_zip
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.readings import averaged, shared_out
from pipeline.devices.sleep_stretches import SleepLog, Stretches, hypnogram_of, one_at_a_time
from pipeline.devices.xml_text import each_start
from pipeline.errors import Fault, FileFault, StudyFault
from pipeline.recording import (
    Beats,
    BeatSensor,
    ClockKind,
    Floats,
    Hypnogram,
    Int64,
    Kind,
    Recording,
    RestInterval,
    Samples,
    Signal,
    Stage,
)

STAGES = {
    "Awake": Stage.WAKE,
    "Asleep": Stage.ASLEEP,
    "AsleepUnspecified": Stage.ASLEEP,
    "AsleepCore": Stage.LIGHT,
    "AsleepDeep": Stage.N3,
    "AsleepREM": Stage.REM,
}
IN_BED = "InBed"
LABELS = {Kind.HR: "heart rate", Kind.SDNN: "SDNN", Kind.RMSSD: "RMSSD", Kind.SPO2: "oxygen saturation"}
CELL_S = {Kind.HR: 30, Kind.SDNN: 300, Kind.RMSSD: 300, Kind.SPO2: 300, Kind.STEPS: 60}
"""A watch reads heart rate every 5 s in training and every few minutes else, the others once in minutes to hours."""
NIGHT_S = 3600
"""Sleep of one source with less than an hour between is one night, into which no other source is mixed."""
_DEVICES = {WATCH: "Apple Watch", PHONE: "iPhone", APP: "Apple Health"}
_PIECE, _DTD_WITHIN = 1 << 18, 1 << 18

_PART = 50_000
"""So many beats are worked on at a time: in float64 all of them would take more memory than all records do."""

Spans = tuple[Seconds, Seconds]


def _recognise(seen: Glimpse) -> bool:
    """Whether it is the XML, or a zip or folder with a file of that name (in any language) beside its `_cda.xml`."""
    if seen.names:
        pair = any(f"{n[:-4]}_cda.xml" in seen.names for n in seen.names if n[-4:] == ".xml")
        return pair or ("export.xml" in seen.names and not seen.is_folder)
    return not seen.is_folder and seen.head.lstrip(b"\xef\xbb\xbf").startswith(b"<?xml") and b"HealthData" in seen.head


def _read(path: Path, asked: Asked) -> Recording:
    """Everything that is known of the export's records."""
    asked.zone_for(path, None if asked.zone else "UTC")  # an unknown zone is told before a gigabyte is read
    records = Records()
    with _opened(path) as stream:
        each_start(_without_dtd(stream, path), records.take, path)
    notes = [f"{count} {what} left out" for what, count in sorted(records.left_out.items())]
    zone, source = asked.zone_for(path, _zone_named(records, notes))
    used = [records.ranks[source_of] for _, source_of in records.columns]
    signals = tuple(s for kind in CELL_S for s in _signals(path, records, kind, notes))
    hypnogram, rests = _sleep(path, records, notes)
    return Recording(
        _DEVICES[min(used, default=APP)],
        zone,
        source,
        signals,
        beats=_beats(records),
        hypnogram=hypnogram,
        rests=rests,
        clock=ClockKind.OFFSET,
        repairs=tuple(notes),
    )


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The XML as a stream, from the zip or the folder or by itself."""
    if path.is_dir():
        names = {p.name for p in path.iterdir() if p.is_file() and not p.is_symlink()}
        name = next(n for n in sorted(names) if f"{n[:-4]}_cda.xml" in names)
        with open_plain(path / name) as stream:
            yield stream
        return
    with path.open("rb") as raw:
        is_zip = raw.read(4) == ZIP_MARK
    if not is_zip:
        with open_plain(path) as stream:
            yield stream
        return
    with open_zip(path) as inside:
        bases = {name.rsplit("/", 1)[-1]: name for name in inside.names if name.count("/") <= 1}
        found = bases.get("export.xml") or next((n for b, n in bases.items() if f"{b[:-4]}_cda.xml" in bases), None)
        if found is None:
            raise FileFault(Fault.NOTHING_USABLE, "the zip holds no export.xml at its top", where=path.name)
        with inside.open(found) as stream:
            yield cast("IO[bytes]", stream)


def _without_dtd(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    """The XML in pieces, its inline DTD replaced by its line ends.

    Raises
    ------
    FileFault
        HOSTILE if the DTD defines entities; CORRUPT if it does not end.
    """
    head = b""
    while len(head) < _DTD_WITHIN and (piece := stream.read(_PIECE)):
        head += piece
    begin = head.find(b"<!DOCTYPE", 0, 4096)
    if begin >= 0 and b"[" in head[begin : begin + 200]:
        end = head.find(b"]>", begin)
        dtd = head[begin : end + 2] if end >= 0 else head[begin:]
        if b"<!ENTITY" in dtd:
            hint = "no genuine export does; it was not read"
            raise FileFault(Fault.HOSTILE, "its XML defines entities", where=path.name, hint=hint)
        if end < 0:
            what = "the XML ends within its DTD" if len(head) < _DTD_WITHIN else "the DTD does not end"
            fault = Fault.TRUNCATED if len(head) < _DTD_WITHIN else Fault.CORRUPT
            raise FileFault(fault, what, where=path.name, hint="export it again")
        head = head[:begin] + b"\n" * dtd.count(b"\n") + head[end + 2 :]
    yield head
    while piece := stream.read(_PIECE):
        yield piece


def _zone_named(records: Records, notes: list[str]) -> str | None:
    """The zone that records name, if all that name one agree; journeys are told."""
    named = []
    for name in records.zones:
        try:
            named.append(str(zone_of(name)))
        except StudyFault:  # an offset such as GMT+2, or a name that is no more
            continue
    if len(named) > 1:
        notes.append(f"records name {len(named)} zones, a journey: days and nights are by the zone of the participant")
    return named[0] if len(named) == 1 else None


def _taken(records: Records, kind: Kind) -> list[Timed]:
    """The records of a kind by source, the best first; they are taken out, which frees their memory."""
    keys = [key for key in records.columns if key[0] is kind]
    found = [(source, records.columns.pop((kind, source))) for _, source in keys]
    if kind in {Kind.SDNN, Kind.RMSSD}:
        found = [(source, columns) for source, columns in found if records.ranks[source] == WATCH]
    found.sort(key=lambda one: (records.ranks[one[0]], -len(one[1].begin), one[0]))
    return [columns.in_time() for _, columns in found]


def _ns(seconds: Seconds) -> Int64:
    return seconds.astype(np.int64) * NS


def _covered(begin: Seconds, end: Seconds, by: Spans) -> NDArray[np.bool_]:
    """Which intervals touch one of some spans, which are in order and do not overlap."""
    low, high = by
    if len(low) == 0:
        return np.zeros(len(begin), np.bool_)
    after = np.searchsorted(high, begin, side="right")  # the first span that ends after the interval's beginning
    inside = after < len(low)
    return inside & (low[np.minimum(after, len(low) - 1)] < np.maximum(end, begin + 1))


def _joined(begin: Seconds, end: Seconds, gap_s: int) -> Spans:
    """Spans that cover intervals and what lies between them if it is at most `gap_s`."""
    if len(begin) == 0:
        return begin, end
    order = np.argsort(begin, kind="stable")
    begin, reach = begin[order], np.maximum.accumulate(end[order])
    first = np.concatenate(([0], np.flatnonzero(begin[1:] > reach[:-1] + gap_s) + 1))
    return begin[first], reach[np.append(first[1:], len(begin)) - 1]


def _one_source_at_a_time(ranked: list[Timed], widened_s: int) -> tuple[Timed, int]:
    """Records of which no two of different sources share a time, the better one's kept; and how many were dropped."""
    if len(ranked) == 1:
        return ranked[0], 0
    kept: list[Timed] = []
    taken: Spans = (np.empty(0, np.uint32), np.empty(0, np.uint32))
    dropped = 0
    for begin, end, value in ranked:
        free = ~_covered(begin, end, taken)
        dropped += int(np.count_nonzero(~free))
        kept.append((begin[free], end[free], value[free]))
        new = _joined(begin[free], np.maximum(end[free], begin[free] + 1), widened_s)
        taken = _joined(np.concatenate((taken[0], new[0])), np.concatenate((taken[1], new[1])), 0)
    begin, end, value = (np.concatenate([part[k] for part in kept]) for k in range(3))
    return (begin, end, value), dropped


def _signals(path: Path, records: Records, kind: Kind, notes: list[str]) -> tuple[Signal, ...]:
    """The signal of a kind, if there are records of it."""
    ranked = _taken(records, kind)
    if not ranked:
        return ()
    cell_s = CELL_S[kind]
    if kind is not Kind.STEPS and len(ranked) > 1:  # a reading takes its whole cell, so that no cell mixes sources
        cells = [begin // cell_s * cell_s for begin, _, _ in ranked]
        ranked = [(cell, cell + cell_s, value) for cell, (_, _, value) in zip(cells, ranked, strict=True)]
    (begin, end, value), dropped = _one_source_at_a_time(ranked, 0)
    label = LABELS.get(kind, "steps")
    if dropped:
        notes.append(f"{label}: {dropped} records left out at times that a better source covers")
    if kind is Kind.STEPS:
        notes.append("steps are shared out evenly over the time of each record; time without a record is missing")
        signal = shared_out(kind, label, _ns(begin), _ns(end), value, cell_s, path, notes)
    else:
        notes.append(f"{label}: the readings of each {cell_s} s are averaged, cells without one are missing")
        value[value <= 0] = np.nan
        signal = averaged(kind, label, _ns(begin), value, cell_s, path)
    return (signal,) if signal is not None else ()


def _sleep(path: Path, records: Records, notes: list[str]) -> tuple[Hypnogram | None, tuple[RestInterval, ...]]:
    """Stages and times in bed; no night mixes sources."""
    unknown = sorted(set(records.stages) - {*STAGES, IN_BED})
    if unknown:
        known = ", ".join([*STAGES, IN_BED])
        what = f"'{unknown[0][:40]}' is no value of sleep that is known"
        raise FileFault(Fault.UNKNOWN_CODE, what, where=path.name, known=known)
    ranked = _taken(records, Kind.STAGES)
    in_bed = np.array([name == IN_BED for name in records.stages], np.bool_)
    stage = np.array([STAGES.get(name, Stage.UNSCORED) for name in records.stages], np.int8)
    if not ranked:
        return None, ()
    up = [~in_bed[value.astype(int)] for _, _, value in ranked]
    asleep = [(b[told], e[told], v[told]) for (b, e, v), told in zip(ranked, up, strict=True)]
    (begin, end, value), dropped = _one_source_at_a_time(asleep, NIGHT_S)
    if dropped:
        notes.append(f"sleep: {dropped} records left out in nights that a better source covers")
    hypnogram = hypnogram_of(Stretches(_ns(begin), _ns(end), stage[value.astype(int)]), "Apple Health", path, notes)
    logs = [
        SleepLog(b, e, is_main=True, place=0, identity=f"{b} {e}")
        for (begin, end, _), told in zip(ranked, up, strict=True)
        for b, e in zip(_ns(begin[~told]).tolist(), _ns(end[~told]).tolist(), strict=True)
    ]
    rests = [RestInterval(log.begin_ns, log.end_ns, None, "Apple Health in bed") for log in one_at_a_time(logs, notes)]
    return hypnogram, tuple(rests)


def _beats(records: Records) -> Beats | None:
    """The beats behind the SDNN of the first watch, in order of time, each once.

    A beat's rate is a whole number and is that of the interval before it. Where the beat before lies so far back as
    that number allows, the interval is the time between them, else it is what the rate says.
    """
    watches = [columns for source, columns in records.beats.items() if records.ranks[source] == WATCH]
    if not watches:
        return None
    columns = max(watches, key=lambda one: len(one.rate))
    record = np.frombuffer(columns.record, np.uint32)
    second, rate = (np.frombuffer(part, np.float32) for part in (columns.second, columns.rate))
    at_ms = np.empty(len(record), np.int64)
    for low in range(0, len(record), _PART):
        part = slice(low, low + _PART)
        begin = record[part].astype(np.float64)
        ahead = (second[part] - begin) % 900
        at_ms[part] = np.rint((begin + np.where(ahead > 870, ahead - 900, ahead)) * 1000)
    if (at_ms[1:] <= at_ms[:-1]).any():
        order = np.argsort(at_ms, kind="stable")
        order = order[np.append(True, at_ms[order[1:]] != at_ms[order[:-1]])]
        at_ms, record, rate = at_ms[order], record[order], rate[order]
    rr_s = _intervals(at_ms, record, rate)
    evidence = "whole beats per minute, and the clock of each beat to 10 ms"
    at_ms *= 1_000_000  # in place: now they are in ns
    return Beats(at_ms, rr_s, "Apple Watch", evidence, BeatSensor.PPG)


def _intervals(at_ms: Int64, record: Seconds, rate: Samples) -> Floats:
    """The interval in seconds before each beat: since the beat before if it is of that record and fits the rate."""
    rr_s = np.empty(len(at_ms))
    rr_s[:1] = 60 / rate[:1].astype(np.float64)
    for low in range(1, len(at_ms), _PART):
        part, ahead_of = slice(low, low + _PART), slice(low - 1, min(low + _PART, len(at_ms)) - 1)
        since, bpm = (at_ms[part] - at_ms[ahead_of]) / 1000, rate[part].astype(np.float64)
        least, most = 60 / (bpm + 0.5) - 0.011, 60 / (bpm - 0.5) + 0.011
        fits = (since >= least) & (since <= most) & (record[part] == record[ahead_of])
        rr_s[part] = np.where(fits, since, 60 / bpm)
    return rr_s


READER = Reader(
    name="apple_health",
    device="Apple Health",
    looks_like="Apple Health's export.xml, or the export.zip that the iPhone shares",
    gives=frozenset({*CELL_S, Kind.RR, Kind.STAGES, Kind.DIARY}),
    recognise=_recognise,
    read=_read,
    family="consumer",
    clock="wall clock of the phone that exported, with its offset; beats: a wall clock without date",
)
