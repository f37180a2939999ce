"""EDF, EDF+ and BDF: polysomnography, EEG, Holter ECG and hypnograms of sleep laboratories and headbands.

Named channels are read as named, each at its own rate. Unasked are read the one EEG channel that
`channels.eeg_preference` ranks first, because a night of every channel is many times the memory of the one that
features use, and beside it the first ECG, skin conductance and temperature and one acceleration, the shortest first,
as long as they take `BESIDE_SAMPLES` together. A file without EEG gives the first channel of every kind, as a stream
where it is longer than that. Annotations are always read: stages become the hypnogram, the rest markers. A file of
annotations alone (a Sleep-EDF hypnogram) is a whole recording. Of the header's patient and technician nothing is
kept, and where an annotation repeats their names it is blanked out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.clock import NS
from pipeline.devices.channels import eeg_preference, kind_of, place_of, wanted_labels
from pipeline.devices.edf_file import BDF_MARK, EDF_MARK, Channel, EdfFile, open_edf
from pipeline.devices.edf_records import Scale, TimeStamps, read_once, unbroken, without_names
from pipeline.devices.edf_signals import axes_of, scale_of, signal_of, start_of, stream_of
from pipeline.devices.edf_stages import hypnogram
from pipeline.devices.reader import Asked, Glimpse, Reader, utc_from_wall
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import Kind, Marker, Recording, Samples, Signal, SignalStream

BESIDE_SAMPLES = 24_000_000
"""96 MB: a day of ECG at 250 Hz, or a night at 500 Hz with acceleration."""
_BESIDE_EEG = (Kind.ECG, Kind.EDA, Kind.TEMP, Kind.ACC)
_WITHOUT_EEG = (*_BESIDE_EEG, Kind.BVP, Kind.HR, Kind.EOG, Kind.EMG)
_CORE = re.compile(r"rectal|core|o?esophag|tympan|ingest", re.IGNORECASE)
"""Temperatures of the body's core, which no feature may take for the skin's: read when asked for by label."""


@dataclass(frozen=True, slots=True)
class _Pick:
    """A channel to be read, or the three axes of an acceleration; `spare` if the rest does not depend on it."""

    channels: tuple[Channel, ...]
    kind: Kind
    spare: bool = False
    long: bool = False
    """Too long for memory: given as a stream."""


_Scaled = tuple[_Pick, list[tuple[Channel, Scale]]]
"""A pick, and the scale of each of its channels."""


def recognise(seen: Glimpse) -> bool:
    """True for a version field of EDF or BDF before a header that looks like one (numbers where they belong)."""
    head = seen.head[:256]
    if seen.is_folder or not head.startswith((EDF_MARK, BDF_MARK)):
        return False
    fields = head[184:192], head[236:244], head[244:252], head[252:256]
    numbers = sum(re.fullmatch(rb" *-?[0-9]+[0-9.]* *", field) is not None for field in fields)
    # A table of text may begin with a lone zero too, but has a line end within its first 256 bytes.
    return numbers >= 2 or (b"\n" not in head and (len(head) < 256 or numbers == 1 or head[193:196] == b"DF+"))


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one file.

    Raises
    ------
    FileFault
        TRUNCATED, CORRUPT, NO_START_TIME, UNKNOWN_UNIT, UNKNOWN_CODE, NOTHING_USABLE as the parts say; SETTINGS if a
        channel asked for is not there.
    """
    zone, source = asked.zone_for(path)
    file = open_edf(path)
    wall, clock_notes = start_of(file, asked)
    zero_ns = utc_from_wall(wall, zone)
    picks, pick_notes = _picks(file, asked)
    scaled, scale_notes = _scaled(file, picks, asked)
    stamps, values = read_once(file, [pair for pick, pairs in scaled if not pick.long for pair in pairs])
    signals, streams, gap_notes = _signals(file, scaled, values, stamps, zero_ns)
    stages, others, stage_notes = hypnogram(without_names(stamps.annotations, file.names), zero_ns, path)
    markers = tuple(Marker(zero_ns + round(a.onset_s * NS), a.duration_s or 0.0, a.text) for a in others)
    if not signals and not streams and stages is None and not markers:
        raise FileFault(
            Fault.NOTHING_USABLE,
            "no channel is of a known kind, and there are no annotations",
            where=path.name,
            known=f"channels: {', '.join(c.label for c in file.channels) or 'none'}",
            hint=f'name the channels to read: {{"channels": ["<label>"]}} in {path.name}.json beside it',
        )
    unread = [f"{stamps.unread} annotation(s) could not be read and were left"] if stamps.unread else []
    return Recording(
        device="EDF",
        zone=zone,
        zone_source=source,
        signals=signals,
        streams=streams,
        hypnogram=stages,
        markers=markers,
        repairs=(*file.repairs, *clock_notes, *unread, *pick_notes, *gap_notes, *scale_notes, *stage_notes),
    )


def _picks(file: EdfFile, asked: Asked) -> tuple[list[_Pick], list[str]]:
    """What to read, in the order asked for, and what is to be said about the choice."""
    known = [(c, kind_of(c.label, c.transducer)) for c in file.channels]
    notes: list[str] = []
    wanted = wanted_labels(asked.eeg_channels, [c.label for c, kind in known if kind is Kind.EEG])
    picks = _asked_for(file, known, wanted, notes) if wanted and known else _unasked(file, known, notes)
    read_now = {channel for pick in picks for channel in pick.channels}
    untold = [c.label for c, kind in known if kind is None and c not in read_now]
    if untold:
        notes.append(f"channels whose kind their label does not tell were left: {', '.join(untold)}")
    return picks, notes


def _asked_for(
    file: EdfFile, known: Sequence[tuple[Channel, Kind | None]], wanted: Sequence[str], notes: list[str]
) -> list[_Pick]:
    """The channels that were named; three axes of acceleration among them are one signal, after the others."""
    picks: list[_Pick] = []
    axes: list[Channel] = []
    for label in wanted:
        channel, kind = known[_place(file, label)]
        if sum(channel.label == c.label for c in file.channels) > 1:
            notes.append(f"several channels are called '{channel.label}'; the first was read")
        if kind is None:
            notes.append(f"channel '{channel.label}' was read as EEG because it was asked for")
        if kind is Kind.ACC:
            axes.append(channel)
        else:
            picks.append(_Pick((channel,), kind or Kind.EEG))
    if axes and not axes_of(axes):
        raise FileFault(
            Fault.SETTINGS,
            "acceleration needs its three axes, x, y and z, at one rate",
            where=file.path.name,
            known=f"asked for: {', '.join(c.label for c in axes)}",
            hint="ask for all three channels, or for none",
        )
    return list(dict.fromkeys([*picks, *([_Pick(axes_of(axes), Kind.ACC)] if axes else [])]))


def _unasked(file: EdfFile, known: Sequence[tuple[Channel, Kind | None]], notes: list[str]) -> list[_Pick]:
    """The preferred EEG channel and what is short beside it; without EEG, the first channel of every kind."""
    eeg = sorted((c for c, kind in known if kind is Kind.EEG), key=lambda c: eeg_preference(c.label))[:1]
    beside: list[_Pick] = []
    for wanted in _BESIDE_EEG if eeg else _WITHOUT_EEG:
        of_kind = [c for c, kind in known if kind is wanted]
        core = [c for c in of_kind if wanted is Kind.TEMP and _CORE.search(f"{c.label} {c.transducer}")]
        if core:
            notes.append(f"'{core[0].label}' is no skin temperature: left; it is read when asked for by its label")
        rest = [c for c in of_kind if c not in core]
        found = axes_of(rest) if wanted is Kind.ACC else tuple(rest[:1])
        if found:
            beside.append(_Pick(found, wanted, spare=True))
    left = BESIDE_SAMPLES
    picks = [_Pick((channel,), Kind.EEG) for channel in eeg]
    for pick in sorted(beside, key=lambda p: sum(c.per_record for c in p.channels)):
        left -= sum(c.per_record for c in pick.channels) * file.n_records
        if left >= 0:
            picks.append(pick)
        elif eeg:
            label = pick.channels[0].label
            notes.append(f"channel '{label}' is long: left; it is read when asked for by its label")
        else:
            picks.append(_Pick(pick.channels, pick.kind, spare=True, long=True))
    return picks


def _place(file: EdfFile, wanted: str) -> int:
    labels = [c.label for c in file.channels]
    place = place_of(wanted, labels)
    if place is None:
        raise FileFault(
            Fault.SETTINGS,
            f"there is no channel '{wanted}'",
            where=file.path.name,
            known=f"channels: {', '.join(labels)}",
            hint=did_you_mean(wanted, labels),
        )
    return place


def _scaled(file: EdfFile, picks: Sequence[_Pick], asked: Asked) -> tuple[list[_Scaled], list[str]]:
    """The picks with the scale of each channel, and repairs.

    A spare channel that cannot be read costs itself only, unless it was the last hope.
    """
    scaled: list[_Scaled] = []
    failed: list[FileFault] = []
    notes: list[str] = []
    for pick in picks:
        try:
            scaled.append((pick, [(c, scale_of(file, c, pick.kind, asked, notes)) for c in pick.channels]))
        except FileFault as fault:
            if not pick.spare:
                raise
            failed.append(fault)
            notes.append(f"left: {fault.what}")
    if failed and not scaled:
        raise failed[0]
    return scaled, notes


def _signals(
    file: EdfFile, scaled: Sequence[_Scaled], values: list[Samples], stamps: TimeStamps, zero_ns: int
) -> tuple[tuple[Signal, ...], tuple[SignalStream, ...], list[str]]:
    """The picks as signals, of the values that were read, and as streams, in canonical units; and repairs."""
    if not scaled:
        return (), (), []
    stretches, notes = unbroken(file, stamps)
    signals: list[Signal] = []
    streams: list[SignalStream] = []
    for pick, pairs in scaled:
        if pick.long:
            scales = [scale for _, scale in pairs]
            streams.append(stream_of(file, pick.channels, pick.kind, scales, stretches, zero_ns))
        else:
            axes = [values.pop(0) for _ in pairs]
            signals.append(signal_of(file, pick.channels[0], pick.kind, axes, stretches, zero_ns))
    return tuple(signals), tuple(streams), notes


READER = Reader(
    name="edf",
    device="EDF, EDF+ or BDF recorder",
    looks_like="EDF, EDF+ or BDF: a file that begins with '0' and seven blanks, or with the byte 255 and 'BIOSEMI'",
    gives=frozenset(
        {
            *(Kind.EEG, Kind.EOG, Kind.EMG, Kind.ECG, Kind.EDA, Kind.TEMP, Kind.ACC, Kind.BVP, Kind.HR),
            *(Kind.STAGES, Kind.MARKERS),
        }
    ),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="the recorder's wall clock at the start; runs on through a change of the clocks",
)
