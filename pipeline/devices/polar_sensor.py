"""Polar Sensor Logger (phone app) for H9, H10, OH1 and Verity Sense: one text file a stream, or a folder of them.

Each row bears the phone's wall clock, without a zone, and, for waveforms, the sensor's own clock in ns. The sensor's
clock says how samples follow one another and where some are missing; the phone's says when. The sensor's rate is what
its clock shows (an H10 gives 130.06 Hz, not 130). Nominal 1-Hz heart rate lies on a 1-s grid by the phone's clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.clock import NS, wall_to_utc
from pipeline.devices.delimited import content_of, text_of, whole_lines
from pipeline.devices.later import pl
from pipeline.devices.pieces import on_one_grid
from pipeline.devices.reader import Asked, Glimpse, Reader
from pipeline.devices.rr_rows import LONGEST_BEAT_S, settled
from pipeline.errors import Fault, FileFault
from pipeline.recording import Beats, BeatSensor, ClockKind, Floats, Int64, Kind, Marker, Recording, Samples, Signal

CLOCKS_PART_S = 2.0
"""Where the sensor's and the phone's clock step apart by more, the sensor's was set anew."""
LATEST_PACKET_S = 5.0
"""Leads that differ by more are of two sensors, or of a clock that was set between two streams."""
MISSED = 1.5
"""A step of more than so many periods is a gap."""
MOST_BAD_SHARE = 0.01
MOST_BLANK_S = 7 * 86_400
"""A recording by phone over a longer span has a wrong date in it."""

_PHONE = ("phone timestamp", "phone data rx timestamp")
_SENSOR = "sensor timestamp [ns]"
_ACC = ("x [mg]", "y [mg]", "z [mg]")
_NAME = re.compile(r"(?i).*_(acc|gyro|mag|magn|ppg|ppi|hr|rr|ecg)(_\d+)?\.(txt|csv)|.*marker.*\.(txt|csv)")
_MODEL = re.compile(r"(?i)polar[_ ]?(h7|h9|h10|oh1|(?:verity[_ ]?)?sense)")


@dataclass(frozen=True, slots=True, eq=False)
class _Stream:
    """One file: its columns by their names in lower case, and the phone's clock as instants."""

    name: str
    columns: tuple[str, ...]
    table: pl.DataFrame
    phone_ns: Int64

    def numbers(self, column: str) -> Floats:
        """A column as numbers, NaN where a cell holds none."""
        cells = self.table[f"c{self.columns.index(column)}"]
        return cells.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _recognise(seen: Glimpse) -> bool:
    """Whether a file begins with the app's columns, or all of a folder's files bear its names, one of a stream."""
    if seen.is_folder:
        names = [name for name in seen.names if not name.endswith(".json")]
        kinds = [found[1].lower() for name in names if (found := _NAME.fullmatch(name)) and found[1]]
        if len(kinds) < 2 or len(set(kinds)) < len(kinds) or not all(map(_NAME.fullmatch, names)):
            return False
        return all(_columns(_first_line(seen.path / name)) for name in names)
    return bool(_columns(seen.text.splitlines()[0] if seen.text else ""))


def _first_line(path: Path) -> str:
    with path.open("rb") as stream:
        return text_of(stream.read(512)).split("\n")[0]


def _columns(line: str) -> tuple[str, ...]:
    """The column names of a header line in lower case; none if it is not the app's, or of intervals alone."""
    names = [name.strip().lower() for name in line.strip().strip(";\ufeff").split(";")]
    known = names[0] in _PHONE and len(names) > 1 and names[1:] != ["rr-interval [ms]"]
    return tuple(names) if known else ()


def _read(path: Path, asked: Asked) -> Recording:
    """Every stream of a file or a folder."""
    files = sorted(p for p in path.iterdir() if _NAME.fullmatch(p.name)) if path.is_dir() else [path]
    zone, source = asked.zone_for(path)
    notes: list[str] = []
    waves: list[tuple[Signal, int]] = []
    signals: list[Signal] = []
    markers: list[Marker] = []
    beats: Beats | None = None
    for file in files:
        stream = _stream(file, zone, notes)
        if stream is None:
            continue
        waves += _waves(stream, file, notes)
        if "hr [bpm]" in stream.columns and "pp-interval [ms]" not in stream.columns:
            signals += _heart_rate(stream, file)
        if any("marker" in column for column in stream.columns):
            markers += _markers(stream)
        beats = _beats(stream, file, notes) or beats
        if any(column.endswith(("[dps]", "[g]")) for column in stream.columns):
            notes.append("the stream of a gyroscope or magnetometer is left out")
    signals = _on_one_clock(waves, notes) + signals
    if not signals and beats is None and not markers:
        raise FileFault(
            Fault.NOTHING_USABLE,
            "no stream of acceleration, pulse wave, ECG, heart rate or intervals",
            where=path.name,
            hint="gyroscope and magnetometer are not read; put in the files ending in _ACC, _PPG, _ECG, _HR, _PPI, _RR",
        )
    model = _MODEL.search(path.name) or next((m for f in files if (m := _MODEL.search(f.name))), None)
    named = model[1].upper() if model else ""
    device = "Polar Verity Sense" if "SENSE" in named else f"Polar {named}".strip()
    return Recording(
        device, zone, source, tuple(signals), beats, markers=tuple(markers), clock=ClockKind.LOCAL, repairs=tuple(notes)
    )


def _stream(path: Path, zone: str, notes: list[str]) -> _Stream | None:
    """The rows of one file; None if it holds none."""
    content, told = whole_lines(content_of(path))
    head, _, body = content.partition(b"\n")
    columns = _columns(text_of(head))
    if not columns:
        raise FileFault(Fault.TRUNCATED, "a file of the app has no header", where=path.name)
    names = [f"c{k}" for k in range(len(columns))]
    notes += told
    if not body.strip():
        return None
    table = pl.read_csv(
        ";".join(names).encode() + b"\n" + body,  # a header of ours, because rows may end in one more ';' than theirs
        separator=";",
        schema=dict.fromkeys(names, pl.String),
        quote_char=None,
        truncate_ragged_lines=True,
        encoding="utf8-lossy",
    )
    wall = table["c0"].str.strip_chars(" \r").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ns", strict=False)
    good = wall.is_not_null()
    if (bad := int((~good).sum())) > MOST_BAD_SHARE * len(wall):
        known = f"{bad} of {len(wall)} rows"
        raise FileFault(Fault.CORRUPT, "time stamps cannot be read", where=path.name, known=known)
    if bad:
        notes.append(f"{bad} rows without a readable time stamp left out")
    phone = wall_to_utc(wall.filter(good).cast(pl.Int64).to_numpy(), zone)
    table = table.filter(good).with_columns(pl.all().str.strip_chars(" \r"))
    return _Stream(path.name, columns, table, phone) if len(phone) else None


def _on_one_clock(waves: list[tuple[Signal, int]], notes: list[str]) -> list[Signal]:
    """Signals of one sensor with one lead of the phone's clock over the sensor's.

    The app stamps each stream by its own first packet, late by up to seconds; the sensor stamps all with one clock.
    The smallest lead is that of the packet that was least late.
    """
    leads = [lead for _, lead in waves]
    if not leads or not 0 < max(leads) - min(leads) <= LATEST_PACKET_S * NS:
        return [signal for signal, _ in waves]
    notes.append(f"the app's stamps part the streams by {(max(leads) - min(leads)) / NS:.2f} s: one clock for all")
    return [replace(signal, start_ns=signal.start_ns - (lead - min(leads))) for signal, lead in waves]


def _waves(stream: _Stream, path: Path, notes: list[str]) -> list[tuple[Signal, int]]:
    """Acceleration, pulse waves or ECG on the sensor's clock, set by the phone's; each with the phone's lead in ns."""
    if _SENSOR not in stream.columns:
        return []
    wanted: list[tuple[Kind, str, tuple[str, ...], float]] = []
    if set(_ACC) <= set(stream.columns):
        wanted.append((Kind.ACC, "ACC", _ACC, 1e-3))
    wanted += [(Kind.ECG, "ECG", (name,), 1.0) for name in stream.columns if name in {"ecg [uv]", "ecg [µv]"}]
    wanted += [(Kind.BVP, f"PPG {name[-1]}", (name,), 1.0) for name in stream.columns if name.startswith("channel ")]
    if not wanted:
        return []
    sensor = stream.table[f"c{stream.columns.index(_SENSOR)}"].cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    if len(sensor) < 2 or not (np.diff(sensor) > 0).any():
        notes.append("a stream without the sensor's clock, or of one sample, is left out")
        return []
    onset_ns, first, fs_hz = _runs(sensor, stream.phone_ns, path, notes)
    out = []
    lead = int(onset_ns[0] - sensor[0])
    for kind, label, names, scale in wanted:
        onset_s = (onset_ns - onset_ns[0]) / NS
        raw = [(stream.numbers(name) * scale).astype(np.float32) for name in names]
        columns = [on_one_grid(values, first, onset_s, fs_hz, path, len(raw)) for values in raw]
        samples: Samples = np.column_stack(columns) if kind is Kind.ACC else columns[0]
        out.append((Signal(kind, label, fs_hz, int(onset_ns[0]), samples), lead))
    return out


def _runs(sensor: Int64, phone: Int64, path: Path, notes: list[str]) -> tuple[Int64, Int64, float]:
    """Instants at which unbroken runs begin, their first rows, and the rate that the sensor's clock shows in them."""
    step = np.diff(sensor)
    set_anew = (step <= 0) | (np.abs(step - np.diff(phone)) > CLOCKS_PART_S * NS)
    if set_anew.mean() > MOST_BAD_SHARE:
        known = f"{np.count_nonzero(set_anew)} of {len(step)} steps"
        raise FileFault(Fault.CORRUPT, "the sensor's and the phone's clock contradict", where=path.name, known=known)
    period = float(np.median(step[~set_anew]))
    broken = set_anew | (step > MISSED * period)
    within = step[~broken]
    fs_hz = round(NS / float(within.mean()), 6) if len(within) else NS / period
    first = np.concatenate(([0], np.flatnonzero(broken) + 1))
    # Between two settings the clocks differ by one lead; the median, because packets arrive late now and then.
    settings = pl.DataFrame({"era": np.concatenate(([0], np.cumsum(set_anew))), "lead": phone - sensor})
    lead = settings.select(pl.col("lead").median().over("era").cast(pl.Int64))["lead"].to_numpy()
    onset = sensor[first] + lead[first]
    if (gaps := len(first) - 1 - int(set_anew.sum())) > 0:
        notes.append(f"{gaps} gaps by the sensor's clock")
    if set_anew.any():
        notes.append(f"the sensor's clock was set {np.count_nonzero(set_anew)} times on the way: placed by the phone's")
    return onset, first.astype(np.int64), fs_hz


def _heart_rate(stream: _Stream, path: Path) -> list[Signal]:
    """Beats/min on a 1-s grid by the phone's clock; 0 means no contact and is missing."""
    values = stream.numbers("hr [bpm]")
    order = np.argsort(stream.phone_ns, kind="stable")
    start = int(stream.phone_ns[order[0]])
    place = (stream.phone_ns[order] - start + NS // 2) // NS
    if place[-1] > MOST_BLANK_S:
        known = f"{len(values)} rows span {place[-1] / 86_400:.0f} days"
        raise FileFault(Fault.IMPLAUSIBLE, "a time stamp is far from the others", where=path.name, known=known)
    samples = np.full(int(place[-1]) + 1, np.nan, np.float32)
    samples[place[::-1]] = np.where(values > 0, values, np.nan)[order][::-1]  # of two in one second the first
    return [Signal(Kind.HR, "HR", 1.0, start, samples)]


def _beats(stream: _Stream, path: Path, notes: list[str]) -> Beats | None:
    """Pulse or RR intervals; those that the sensor doubts (movement, no skin contact) are left out."""
    optical = "pp-interval [ms]" in stream.columns
    if not optical and "rr-interval [ms]" not in stream.columns:
        return None
    rr_s = stream.numbers("pp-interval [ms]" if optical else "rr-interval [ms]") / 1000
    keep: NDArray[np.bool_] = np.nan_to_num(rr_s) > 0
    if optical:
        contact = [name for name in stream.columns if name in {"contact", "skin contact"}]
        doubted = stream.numbers("blocker") == 1 if "blocker" in stream.columns else ~keep
        if contact:
            doubted |= stream.numbers(contact[0]) == 0
        if (keep & doubted).any():
            told = np.count_nonzero(keep & doubted)
            notes.append(f"{told} intervals during movement or without skin contact (blocker, contact) are left out")
    if not keep.any():
        return None
    ends, told_clock = settled(path, stream.phone_ns[keep], rr_s[keep])
    notes += told_clock
    sound = rr_s[keep] <= LONGEST_BEAT_S
    if optical:
        sound &= ~doubted[keep]
    if not sound.any():
        return None
    sensor = BeatSensor.PPG if optical else BeatSensor.ECG
    return Beats(ends[sound], rr_s[keep][sound], "PPI" if optical else "RR", "the header says ms", sensor)


def _markers(stream: _Stream) -> list[Marker]:
    """The app's start and stop marks; a note typed in beside them is not carried on."""
    said = stream.table["c1"].fill_null("").str.to_uppercase()
    labels = ["start" if "START" in word else "stop" if "STOP" in word else "marker" for word in said.to_list()]
    return [Marker(int(at), 0.0, label) for at, label in zip(stream.phone_ns.tolist(), labels, strict=True)]


READER = Reader(
    name="polar_sensor",
    device="Polar H10, OH1, Verity Sense (Sensor Logger)",
    looks_like="Polar Sensor Logger text: 'Phone timestamp;sensor timestamp [ns];X [mg];…', a file or a folder of them",
    gives=frozenset({Kind.ACC, Kind.BVP, Kind.ECG, Kind.HR, Kind.RR, Kind.MARKERS}),
    recognise=_recognise,
    read=_read,
    family="heart",
    clock="the phone's wall clock, which follows its zone; between samples the sensor's own",
)
