"""Channels of an EDF file as signals in canonical units: whole, or as a stream where they are long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np

from pipeline.clock import NS
from pipeline.devices.channels import known_units, place_of, unit_scale
from pipeline.devices.edf_file import Channel, EdfFile, calibration, corrupt, start_clock
from pipeline.devices.edf_records import Scale, samples
from pipeline.devices.pieces import on_one_grid
from pipeline.devices.reader import Asked
from pipeline.errors import Fault, FileFault
from pipeline.recording import Floats, Int64, Kind, Samples, Signal, SignalStream

PIECE_SAMPLES = 2_000_000
"""Of a stream, so much is in memory at a time."""

Stretches = tuple[Int64, Floats]
"""First record of each unbroken stretch, and its onset in seconds after the header's start."""


def start_of(file: EdfFile, asked: Asked) -> tuple[datetime, list[str]]:
    """The wall clock of the header's zero: a sidecar's start if there is one, else the header's own; and repairs.

    Raises
    ------
    FileFault
        NO_START_TIME if neither is a date and time.
    """
    wall, notes = start_clock(file)
    header = f"'{file.date} {file.time}'"
    if asked.start is not None:
        told = [f"the start was taken from the sidecar; the header says {header}"]
        return asked.start, told if asked.start != wall else []
    if wall is None:
        raise FileFault(
            Fault.NO_START_TIME,
            f"the header's start {header} is no date and time",
            where=file.path.name,
            known="EDF writes dd.mm.yy and hh.mm.ss",
            hint=f'put {{"start": "2024-03-30T22:15:00"}} into {file.path.name}.json beside it',
        )
    return wall, notes


def scale_of(file: EdfFile, channel: Channel, kind: Kind, asked: Asked, notes: list[str]) -> Scale:
    """Gain and offset from stored numbers to the canonical unit: by the unit that was told, else the header's.

    Raises
    ------
    FileFault
        UNKNOWN_UNIT with the way to name it; CORRUPT for a channel without samples or with an impossible range.
    """
    if channel.per_record == 0 or file.record_s == 0:
        raise corrupt(file.path, f"channel '{channel.label}' has no samples or its data records no duration")
    place = place_of(channel.label, tuple(asked.units))
    told = None if place is None else tuple(asked.units.values())[place]
    scale = unit_scale(kind, channel.unit if told is None else told)
    if scale is None:
        raise _unknown_unit(file.path, channel, kind, told)
    if told is not None and told != channel.unit:
        notes.append(f"channel '{channel.label}' was read in {told} as told; the header says '{channel.unit}'")
    gain, base = calibration(file, channel)
    if gain < 0:
        notes.append(f"channel '{channel.label}' has an inverted range; its polarity is as the header says")
    factor, offset = scale
    return gain * factor, base * factor + offset


def _unknown_unit(path: Path, channel: Channel, kind: Kind, told: str | None) -> FileFault:
    whose, unit = ("header", channel.unit) if told is None else ("study", told)
    usual = "uV" if kind.value.endswith("_uv") else known_units(kind).split(", ")[0]
    return FileFault(
        Fault.UNKNOWN_UNIT,
        f"channel '{channel.label}' has no unit that is known: the {whose} says '{unit}'",
        where=path.name,
        known=f"units of {kind.name}: {known_units(kind)}",
        hint=f'put {{"units": {{"{channel.label}": "{usual}"}}}} into {path.name}.json beside it, '
        f'or "{channel.label}" = "{usual}" under [eeg.units] in study.toml',
    )


def axes_of(channels: Sequence[Channel]) -> tuple[Channel, ...]:
    """The x, y and z among acceleration channels, the first of each, if all three are there at one rate; else none."""
    first = {c.label.strip().casefold()[-1:]: c for c in reversed(channels)}
    found = tuple(first[axis] for axis in "xyz" if axis in first)
    return found if len(found) == 3 and len({c.per_record for c in found}) == 1 else ()


def signal_of(
    file: EdfFile, channel: Channel, kind: Kind, axes: Sequence[Samples], at: Stretches, zero_ns: int
) -> Signal:
    """The samples of one channel, or of the three axes of an acceleration, as one signal with NaN in its gaps.

    `channel` is the one, or the first, and `axes` are its samples in all records.
    """
    begins, onset_s = at
    fs_hz = channel.per_record / file.record_s
    axes = [on_one_grid(axis, begins * channel.per_record, onset_s, fs_hz, file.path) for axis in axes]
    start_ns = zero_ns + round(float(onset_s[0]) * NS)
    return Signal(kind, channel.label, fs_hz, start_ns, _stacked(axes))


def stream_of(
    file: EdfFile, channels: Sequence[Channel], kind: Kind, scales: Sequence[Scale], at: Stretches, zero_ns: int
) -> SignalStream:
    """The same as pieces of at most `PIECE_SAMPLES` numbers, or one record where that is longer."""
    begins, onset_s = at
    fs_hz = channels[0].per_record / file.record_s
    ends = np.append(begins[1:], file.n_records)
    many = max(1, PIECE_SAMPLES // (channels[0].per_record * len(channels)))

    def pieces() -> Iterator[Signal]:
        free_ns = -(2**63)  # stamps are rounded: a piece never begins before the one ahead of it ends
        for begin, end, onset in zip(begins.tolist(), ends.tolist(), onset_s.tolist(), strict=True):
            for first in range(begin, end, many):
                span = (first, min(first + many, end))
                axes = [samples(file, c, scale, span) for c, scale in zip(channels, scales, strict=True)]
                start_ns = zero_ns + round((onset + (first - begin) * file.record_s) * NS)
                piece = Signal(kind, channels[0].label, fs_hz, max(start_ns, free_ns), _stacked(axes))
                free_ns = piece.end_ns
                yield piece

    end_s = float(onset_s[-1]) + (file.n_records - int(begins[-1])) * file.record_s
    start_ns, end_ns = (zero_ns + round(at_s * NS) for at_s in (float(onset_s[0]), end_s))
    measured_s = file.n_records * file.record_s
    return SignalStream(kind, channels[0].label, fs_hz, start_ns, end_ns, measured_s, pieces)


def _stacked(axes: Sequence[Samples]) -> Samples:
    return axes[0] if len(axes) == 1 else np.column_stack(axes)
