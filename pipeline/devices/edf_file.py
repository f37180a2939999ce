"""The header of an EDF, EDF+ or BDF file, checked against the file.

Lenient where a header can mean one thing only (each repair is told in words), strict where it can mean two. A channel
that nobody asks for may be as broken as it likes. Specifications: EDF, Kemp et al. 1992,
doi:10.1016/0013-4694(92)90009-7; EDF+, Kemp & Olivan 2003, doi:10.1016/S1388-2457(03)00123-8; BDF is EDF with 24-bit
samples (https://www.biosemi.com/faq/file_format.htm).
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import BinaryIO

from pipeline.errors import Fault, FileFault

EDF_MARK = b"0       "
BDF_MARK = b"\xffBIOSEMI"
MOST_CHANNELS = 4096
LONGEST_S = 366 * 86_400.0
"""No single recording is longer than a year; a header or a time stamp that says so is damaged."""
_PIVOT = 85
"""Two-digit years from here on are 19xx, the others 20xx (EDF+ specification, 2.1.3.2)."""
_LARGEST = 1e15
"""No physical range ends beyond this, whatever its unit (a volt is 1e9 nV)."""
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_NO_NAMES = frozenset({"male", "female", "sleep", "stage", "movement", "time", "rem", "wake"})
"""Words that are nobody's name in a header, and the words of sleep stages."""

_HEAD = {"version": 8, "patient": 80, "recording": 80, "date": 8, "time": 8, "size": 8, "reserved": 44}
_HEAD |= {"records": 8, "duration": 8, "channels": 4}
_CHANNEL = {"label": 16, "transducer": 80, "unit": 8, "low": 8, "high": 8, "digital_low": 8, "digital_high": 8}
_CHANNEL |= {"filters": 80, "samples": 8, "reserved": 32}


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel of the header; its ranges stay text until its samples are wanted."""

    label: str
    transducer: str
    unit: str
    physical: tuple[str, str]
    digital: tuple[str, str]
    per_record: int
    first_byte: int
    """Where its samples begin within a data record."""


@dataclass(frozen=True, slots=True)
class EdfFile:
    """A header that was understood; `repairs` says what it took."""

    path: Path
    sample_bytes: int
    recording: str
    date: str
    time: str
    discontinuous: bool
    header_bytes: int
    n_records: int
    record_s: float
    record_bytes: int
    channels: tuple[Channel, ...]
    annotation_channels: tuple[Channel, ...]
    repairs: tuple[str, ...]
    names: tuple[str, ...] = field(default=(), repr=False)
    """What the header calls the patient and the technician, longest first: only to be blanked out elsewhere."""
    content: bytes | None = field(default=None, repr=False)
    """The file itself where it came out of an archive; None: it lies at `path`."""


def opened(file: EdfFile) -> BinaryIO:
    """The bytes of a file, to be read and closed."""
    return file.path.open("rb") if file.content is None else io.BytesIO(file.content)


def corrupt(path: Path, what: str, known: str = "") -> FileFault:
    """The fault of a file whose header contradicts the format."""
    hint = "copy the file again, or export it again with the recorder's own software"
    return FileFault(Fault.CORRUPT, what, where=path.name, known=known, hint=hint)


def open_edf(path: Path, content: bytes | None = None) -> EdfFile:
    """The header of a file, checked against its size; no sample is read.

    `content` is the file where it is a member of an archive; `path` then only names it in words.

    Raises
    ------
    FileFault
        TRUNCATED if the file ends in its header or holds fewer whole records than the header promises; CORRUPT for
        numbers that no file can have; NOTHING_USABLE if no record was ever written.
    """
    size = path.stat().st_size if content is None else len(content)
    if size < 256:
        raise _truncated(path, f"a header takes at least 512 bytes, the file has {size}")
    with path.open("rb") if content is None else io.BytesIO(content) as stream:
        head = _cut(stream.read(256), _HEAD, 1)
        n_channels = _whole(path, "the number of signals", head["channels"][0])
        if not 0 < n_channels <= MOST_CHANNELS:
            raise corrupt(path, f"its header counts {n_channels} signals")
        if size < 256 * (n_channels + 1):
            raise _truncated(path, f"the header takes {256 * (n_channels + 1)} bytes, the file has {size}")
        columns = _cut(stream.read(256 * n_channels), _CHANNEL, n_channels)
    sample_bytes = 3 if head["version"][0].endswith("BIOSEMI") else 2
    channels = _channels(path, columns, sample_bytes)
    record_bytes = sum(c.per_record for c in channels) * sample_bytes
    record_s = _decimal(path, "the duration of a data record", head["duration"][0])
    header_bytes, repairs = 256 * (n_channels + 1), []
    if head["size"][0] != str(header_bytes):
        repairs.append(f"the header gives its own size as '{head['size'][0]}'; {header_bytes} bytes were taken")
    promised = _whole(path, "the number of data records", head["records"][0])
    n_records, notes = _records(path, promised, size - header_bytes, record_bytes)
    if not 0 <= record_s * n_records <= LONGEST_S:
        raise corrupt(path, f"its header has {n_records} data records of {record_s:g} s")
    marks = ("BDF Annotations", "EDF Annotations")
    return EdfFile(
        path,
        sample_bytes,
        head["recording"][0],
        head["date"][0],
        head["time"][0],
        head["reserved"][0][:5] in {"EDF+D", "BDF+D"},
        header_bytes,
        n_records,
        record_s,
        record_bytes,
        tuple(c for c in channels if c.label not in marks),
        tuple(c for c in channels if c.label in marks),
        (*repairs, *notes),
        _names(head["patient"][0], head["recording"][0]),
        content,
    )


def _names(patient: str, recording: str) -> tuple[str, ...]:
    """Words of three letters or more by which a header may tell who was recorded, and by whom, longest first.

    Of an EDF+ patient field (code, sex, birth date, name) the birth date is left out, of its recording field
    ('Startdate', date, code, technician, equipment) all but code and technician; of any other field nothing is.
    """
    told = re.sub(r"(?<!\S)\d{1,2}-[A-Za-z]{3}-\d{4}(?!\S)", " ", patient).split()
    told += recording.split()[2:4] if recording.casefold().startswith("startdate") else recording.split()
    parts = {part for word in told for part in (word, *re.split(r"[\W_]+", word))}
    names = {part for part in parts if sum(map(str.isalpha, part)) >= 3 or len(re.findall(r"\d", part)) >= 4}
    return tuple(sorted((n for n in names if n.casefold() not in _NO_NAMES), key=lambda n: (-len(n), n)))


def _cut(block: bytes, widths: dict[str, int], n: int) -> dict[str, list[str]]:
    """The fields of a header block, each `n` times, without the blanks and zero bytes that pad them."""
    fields, at = {}, 0
    for name, width in widths.items():
        parts = [block[at + k * width : at + (k + 1) * width] for k in range(n)]
        fields[name] = [part.decode("latin-1").strip(" \0\t\r\n") for part in parts]
        at += n * width
    return fields


def _whole(path: Path, what: str, text: str) -> int:
    if not re.fullmatch(r"[+-]?\d{1,12}(?:\.0*)?", text, re.ASCII):
        raise corrupt(path, f"{what} reads '{text}'")
    return int(float(text))


def _decimal(path: Path, what: str, text: str) -> float:
    """A number that some recorders write with a decimal comma."""
    plain = text.replace(",", ".")
    if not re.fullmatch(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?", plain, re.ASCII):
        raise corrupt(path, f"{what} reads '{text}'")
    return float(plain)


def _channels(path: Path, columns: dict[str, list[str]], sample_bytes: int) -> list[Channel]:
    channels, at = [], 0
    for k, label in enumerate(columns["label"]):
        n = _whole(path, f"the number of samples of channel '{label}'", columns["samples"][k])
        if n < 0:
            raise corrupt(path, f"channel '{label}' has {n} samples a data record")
        physical = columns["low"][k], columns["high"][k]
        digital = columns["digital_low"][k], columns["digital_high"][k]
        channels.append(Channel(label, columns["transducer"][k], columns["unit"][k], physical, digital, n, at))
        at += n * sample_bytes
    return channels


def _records(path: Path, promised: int, data_bytes: int, record_bytes: int) -> tuple[int, list[str]]:
    """How many records are read, and what is to be said about it. Nothing is lost in silence."""
    if promised < -1 or record_bytes == 0:
        raise corrupt(path, f"its header promises {promised} data records of {record_bytes} bytes")
    there, over = divmod(data_bytes, record_bytes)
    rest = f"{over} bytes of an unfinished record were left" if over else ""
    if promised > there:
        raise _truncated(path, f"the header promises {promised} data records, {there} are there")
    if promised > 0:
        extra = data_bytes - promised * record_bytes
        return promised, [f"{extra} bytes after the {promised} records of the header were left"] if extra else []
    if there == 0:
        what = "its header is followed by no data record"
        raise FileFault(Fault.NOTHING_USABLE, what, where=path.name, hint="the recording was never started")
    note = f"the header promises {promised} data records (the recorder was not stopped); {there} were read"
    return there, [note, rest] if rest else [note]


def _truncated(path: Path, known: str) -> FileFault:
    return FileFault(
        Fault.TRUNCATED,
        "the file is cut short",
        where=path.name,
        known=known,
        hint="copy it again; if the recorder itself stopped early, export it again with its own software",
    )


def start_clock(file: EdfFile) -> tuple[datetime | None, list[str]]:
    """The wall clock at which the header says that the recording began, None if it says none; and repairs.

    The four-digit year of an EDF+ 'Startdate' is taken where it agrees with the header's own date, and stands in
    for one that is no date.
    """
    day, clock, notes = _parts(file.date), _parts(file.time), []
    begun = re.search(r"startdate\s+(\d{1,2})-([a-z]{3})-(\d{4})", file.recording, re.IGNORECASE | re.ASCII)
    full = short = None
    if begun and begun[2].upper() in _MONTHS:
        full = _date(int(begun[3]), _MONTHS.index(begun[2].upper()) + 1, int(begun[1]))
    if day:
        short = _date(day[2] + (1900 if day[2] >= _PIVOT else 2000), day[1], day[0])
    agree = full and short and (full.day, full.month, full.year % 100) == (short.day, short.month, short.year % 100)
    chosen = full if agree else short or full
    if full and not agree:
        notes.append(f"the header's date is '{file.date}', its start field says {full}; {chosen} was taken")
    try:
        return (datetime.combine(chosen, time(*clock)) if chosen and clock else None), notes
    except ValueError:
        return None, notes


def _parts(text: str) -> tuple[int, int, int] | None:
    found = re.fullmatch(r"(\d{1,2})[.:/ -](\d{1,2})[.:/ -](\d{1,2})", text, re.ASCII)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def calibration(file: EdfFile, channel: Channel) -> tuple[float, float]:
    """Gain and offset from stored numbers to the header's unit; the gain is negative for an inverted range."""
    names = [f"the {what} of channel '{channel.label}'" for what in ("physical range", "digital range")]
    low, high = (_decimal(file.path, names[0], text) for text in channel.physical)
    least, most = (_whole(file.path, names[1], text) for text in channel.digital)
    if least >= most or low == high or max(abs(low), abs(high)) > _LARGEST:
        ranges = f"digital {least} to {most}, physical {low:g} to {high:g}"
        raise corrupt(file.path, f"channel '{channel.label}' has an impossible range", ranges)
    gain = (high - low) / (most - least)
    return gain, low - gain * least
