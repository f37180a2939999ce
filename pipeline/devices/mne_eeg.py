"""BrainVision and FIF recordings of EEG, decoded by MNE-Python (Gramfort et al. 2013, doi:10.3389/fnins.2013.00267).

Read are the channels asked for; unasked, the one EEG channel that `channels.eeg_preference` ranks first. Annotations
become markers. A pause in a BrainVision recording (a dated 'New Segment' marker) and whatever MNE marks as bad or
skipped is NaN: MNE itself closes the first up and fills the second with zeros.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pipeline.clock import NS, to_ns, wall_ns, wall_to_utc
from pipeline.devices.channels import eeg_preference, kind_of, place_of, wanted_labels
from pipeline.devices.delimited import content_of
from pipeline.devices.pieces import SAME_TIME_S, on_one_grid
from pipeline.devices.reader import Asked, Glimpse, Reader, need_start, utc_from_wall
from pipeline.errors import Fault, FileFault, did_you_mean
from pipeline.recording import Floats, Int64, Kind, Marker, Recording, Signal
from pipeline.room import need_room

if TYPE_CHECKING:
    from mne.io import BaseRaw

_BRAINVISION = (b"Brain Vision Data Exchange Header", b"Brain Vision V-Amp Data Header", b"BrainVision")
_FIF = bytes.fromhex("000000640000001f00000014")
"""The first tag of a FIF file: a file id (100) that is an id structure (31) of 20 bytes."""
_KINDS = {"eeg": Kind.EEG, "eog": Kind.EOG, "emg": Kind.EMG, "ecg": Kind.ECG}
_VOLT_UV = 1e6
_TRIPLET = "BrainVision is .vhdr, .vmrk and .eeg"
MOST_HEADER = 16 * 1024**2
_NAMED = re.compile(r"^(?:DataFile|MarkerFile) *=(.*)$", re.MULTILINE | re.IGNORECASE)
_FIFF_REF_FILE_NAME = 118
_NEW_SEGMENT = re.compile(r"^Mk\d+=New Segment,[^,\n]*,(\d+),[^,\n]*,[^,\n]*(?:,(\d{20}))?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True, eq=False)
class _Clock:
    """When the pieces of a recording began: first sample of each, and its onset in s after `start_ns`."""

    start_ns: int
    first: Int64
    onset_s: Floats
    repairs: tuple[str, ...] = ()

    def time_ns(self, sample: float, fs_hz: float) -> int:
        """The instant of a sample by its position in the file."""
        piece = max(0, int(np.searchsorted(self.first, sample, side="right")) - 1)
        since_s = float(self.onset_s[piece]) + (sample - int(self.first[piece])) / fs_hz
        return self.start_ns + round(since_s * NS)


def recognise(seen: Glimpse) -> bool:
    """True for the first line of a BrainVision header (.vhdr) and for the first tag of a FIF file."""
    first_line = seen.head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0]
    brainvision = first_line.startswith(_BRAINVISION) and b"marker" not in first_line.lower()
    return not seen.is_folder and (brainvision or seen.head.startswith(_FIF))


def read(path: Path, asked: Asked) -> Recording:
    """The recording of one file (a BrainVision header with the two files that it names, or a FIF file).

    Raises
    ------
    FileFault
        CORRUPT with MNE's own words if it cannot be decoded; TRUNCATED if samples are missing; NO_START_TIME if
        neither the file nor its sidecar gives one; SETTINGS if a channel asked for is not there; NOTHING_USABLE if
        there is no EEG channel.
    """
    zone, source = asked.zone_for(path)
    with path.open("rb") as stream:
        is_fif = stream.read(len(_FIF)) == _FIF
    header = "" if is_fif else content_of(path, MOST_HEADER).decode("latin-1")
    if is_fif:
        _check_tags(path)
    else:
        _check_companions(path, header)
        _check_names(path, header)
    raw, repairs = _opened(path, is_fif=is_fif)
    fs_hz = float(raw.info["sfreq"])
    promised = re.search(r"^DataPoints=(\d+)\s*$", header, re.MULTILINE)
    if promised and int(promised[1]) > raw.n_times:
        known = f"the header promises {promised[1]} samples, {raw.n_times} are there"
        raise _fault(path, Fault.TRUNCATED, "the recording is cut short", known)
    clock = _fif_clock(raw, path, asked, zone) if is_fif else _brainvision_clock(raw, header, path, asked, zone)
    signals = []
    for place, kind in _picks(raw, path, asked, trust_types=is_fif):
        need_room(path, 24 * raw.n_times)  # twice as float64 within MNE, then as float32
        with _in_words(path):
            values = raw.get_data([place], reject_by_annotation="NaN", verbose="ERROR")[0] * _VOLT_UV
        bad = int(np.isnan(values).sum())
        if bad:
            repairs.append(f"{bad / fs_hz:g} s of '{raw.ch_names[place]}' are marked bad in the file; left empty")
        with np.errstate(over="ignore"):  # a damaged scale makes infinities, which are refused as implausible
            microvolts = values.astype(np.float32)
        placed = on_one_grid(microvolts, clock.first, clock.onset_s, fs_hz, path)
        signals.append(Signal(kind, raw.ch_names[place], fs_hz, clock.start_ns, placed))
    return Recording(
        device="FIF" if is_fif else "BrainVision",
        zone=zone,
        zone_source=source,
        signals=tuple(signals),
        markers=_markers(raw, clock, fs_hz),
        repairs=(*repairs, *clock.repairs),
    )


def _opened(path: Path, *, is_fif: bool) -> tuple[BaseRaw, list[str]]:
    """MNE's view of the file, no sample read, and what MNE warned of."""
    import mne.io

    with warnings.catch_warnings(record=True) as said, _in_words(path):
        warnings.simplefilter("always")
        if is_fif:
            raw = mne.io.read_raw_fif(path, on_split_missing="raise", verbose="ERROR")
        else:
            raw = mne.io.read_raw_brainvision(path, verbose="ERROR")
    # MNE wants FIF files to be called *_raw.fif; names decide nothing here.
    texts = [" ".join(str(w.message).split()) for w in said if "naming conventions" not in str(w.message)]
    return raw, [f"MNE: {text}" for text in dict.fromkeys(texts)]


def _check_companions(path: Path, header: str) -> None:
    """Raise unless the data and marker files that a BrainVision header names lie beside it.

    The three files hold each other's names, so that renaming them in a file manager breaks them.
    """
    for key, usual in (("DataFile", ".eeg"), ("MarkerFile", ".vmrk")):
        told = re.search(rf"^{key}=(.{{1,60}}?)\s*$", header, re.MULTILINE)
        name = told[1].replace("$b", path.stem) if told else ""
        if not name or ((path.parent / name).is_file() and not re.search(r"[/\\]", name)):
            continue
        base = re.split(r"[/\\]", name)[-1]
        if base != name and (path.parent / base).is_file():
            what, known = f"the header names its {usual} file by a path", "its folders are of another computer"
            hint = f"write {key}={base} into the header"
        elif (path.parent / f"{path.stem}{usual}").is_file():
            what = f"the header names another {usual} file, which is not there: {base}"
            known = f"beside it lies {path.stem}{usual}: the files were renamed"
            hint = (
                f"if they belong together, write {key}={path.stem}{usual} into the header, or give all their old name"
            )
        elif usual == ".vmrk" and base == name:
            continue  # nothing but the markers is missing; MNE says so
        else:
            raise _fault(path, Fault.TRUNCATED, f"a file that it names is missing: {base}", _TRIPLET)
        raise FileFault(Fault.TRUNCATED, what, where=path.name, known=known, hint=hint)


def _check_names(path: Path, header: str) -> None:
    """Raise unless the files that a BrainVision header names lie beside it: a header may not reach elsewhere."""
    for named in _NAMED.findall(header):
        beside = path.parent / named.strip().replace("$b", path.stem)
        if beside.parent != path.parent or beside.name in {"", ".."} or "\\" in named or beside.is_symlink():
            raise _elsewhere(path)


def _elsewhere(path: Path) -> FileFault:
    known = "the files of a recording lie beside its header and are no links; nothing was read"
    return _fault(path, Fault.HOSTILE, "it names a file that lies elsewhere", known)


def _check_tags(path: Path) -> None:
    """Raise unless the tags of a FIF file lead forward and end every block that they begin.

    MNE would follow a tag that leads back for ever, and takes a file that is cut between two tags for whole.
    """
    depth, at, size = 0, 0, path.stat().st_size
    with path.open("rb") as stream:
        while 0 <= at <= size - 16:
            stream.seek(at)
            tag, _, length, following = struct.unpack(">iiii", stream.read(16))
            if tag == _FIFF_REF_FILE_NAME and re.search(rb"[/\\]|^\.\.", stream.read(max(0, min(length, 4096)))):
                raise _elsewhere(path)
            depth += {104: 1, 105: -1}.get(tag, 0)  # FIFF_BLOCK_START and FIFF_BLOCK_END
            ahead = following if following > 0 else at + 16 + length
            if following >= 0 and ahead <= at:
                raise _fault(path, Fault.CORRUPT, "its tags lead in a circle", f"the tag at byte {at} leads back")
            at = ahead if following >= 0 else -1
    if depth:
        raise _fault(path, Fault.TRUNCATED, "the recording is cut short", "the file ends within a block")


@contextmanager
def _in_words(path: Path) -> Iterator[None]:
    """Turn what MNE raises on damaged or incomplete files into a FileFault that quotes it."""
    try:
        yield
    except FileNotFoundError as bad:
        missing = f"a file that it names is missing: {Path(str(bad.filename)).name}"
        raise _fault(path, Fault.TRUNCATED, missing, _TRIPLET) from bad
    except Exception as bad:  # MNE raises every kind on damaged files, bare `Exception` among them
        said = str(bad).replace(f"{path.parent}/", "")  # folders are nobody's business but the owner's
        words = f"{type(bad).__name__}: {' '.join(said.split())[:300]}"
        raise _fault(path, Fault.CORRUPT, "MNE cannot decode this recording", words) from bad


def _fault(path: Path, fault: Fault, what: str, known: str) -> FileFault:
    hint = "copy it again with all the files that belong to it, under their own names"
    return FileFault(fault, what, where=path.name, known=known, hint=hint)


def _fif_clock(raw: BaseRaw, path: Path, asked: Asked, zone: str) -> _Clock:
    """The start of a FIF file: its measurement date is UTC and `first_samp` samples before its first sample.

    An instant needs no wall clock: a sidecar's start counts only where the file has no date.
    """
    whole = np.zeros(1, np.int64), np.zeros(1)
    date = raw.info["meas_date"]
    if date is None:
        return _Clock(utc_from_wall(need_start(path, asked), zone), *whole)
    start_ns = to_ns(date.astimezone(UTC)) + round(raw.first_samp / raw.info["sfreq"] * NS)
    other = asked.start is not None and utc_from_wall(asked.start, zone) != start_ns
    note = f"the start is the file's own, {date:%Y-%m-%d %H:%M:%S} UTC; the sidecar says {asked.start}"
    return _Clock(start_ns, *whole, (note,) if other else ())


def _brainvision_clock(raw: BaseRaw, header: str, path: Path, asked: Asked, zone: str) -> _Clock:
    """The pieces of a BrainVision recording by its dated 'New Segment' markers, which are local wall clocks."""
    named = re.search(r"^MarkerFile=(.{1,60}?)\s*$", header, re.MULTILINE)
    beside = path.parent / named[1].replace("$b", path.stem) if named else path.with_suffix(".vmrk")
    marker_file = beside if beside.is_file() else path.with_suffix(".vmrk")
    text = content_of(marker_file).decode("latin-1") if marker_file.is_file() else ""
    begins = [(max(0, int(sample) - 1), _wall(stamp)) for sample, stamp in _NEW_SEGMENT.findall(text)]
    dated = [(sample, wall) for sample, wall in begins if wall is not None and sample < raw.n_times]
    fs_hz = float(raw.info["sfreq"])
    utc_ns = wall_to_utc(np.array([wall_ns(wall) for _, wall in dated], np.int64), zone)
    if not dated or asked.start is not None:
        start_ns = utc_from_wall(need_start(path, asked), zone)
    else:
        start_ns = int(utc_ns[0]) - round(dated[0][0] / fs_hz * NS)
    first, onset_s = [0], [0.0]
    for k in range(1, len(dated)):
        sample, wall = dated[k]
        step_s = (sample - first[-1]) / fs_hz
        since_s = float(utc_ns[k] - utc_ns[0]) / NS + dated[0][0] / fs_hz
        late_s = since_s - onset_s[-1] - step_s
        if late_s < -SAME_TIME_S or sample < first[-1]:
            raise _fault(path, Fault.CORRUPT, f"segments overlap: one begins at {wall}, before the last ends", "")
        if late_s > SAME_TIME_S:
            first.append(sample)
            onset_s.append(since_s)
    gaps = len(first) - 1
    notes = [f"{gaps} pause(s) between segments are left empty"] if gaps else []
    if dated and len(dated) < len(begins):
        notes.append(f"{len(begins) - len(dated)} segment(s) carry no date and were read as continuous")
    return _Clock(start_ns, np.array(first, np.int64), np.array(onset_s), tuple(notes))


def _wall(stamp: str) -> datetime | None:
    """YYYYMMDDhhmmss and six digits of microseconds; None for no date (zeros stand for none)."""
    try:
        return datetime.strptime(stamp, "%Y%m%d%H%M%S%f")  # noqa: DTZ007  a wall clock has no zone
    except ValueError:
        return None


def _picks(raw: BaseRaw, path: Path, asked: Asked, *, trust_types: bool) -> list[tuple[int, Kind]]:
    """The channels to read with their kinds. BrainVision types are MNE's guess, so that labels go before them."""
    try:
        types = raw.get_channel_types()
    except KeyError as unknown:
        raise FileFault(Fault.CORRUPT, "a channel is of no kind that FIF knows", where=path.name) from unknown
    by_label = [None if trust_types else kind_of(label) for label in raw.ch_names]
    named = [
        _KINDS.get(kind) if told is None or kind not in _KINDS else told
        for kind, told in zip(types, by_label, strict=True)
    ]
    kinds = [kind if kind in _KINDS.values() else None for kind in named]
    readable = [label for label, kind in zip(raw.ch_names, kinds, strict=True) if kind]
    bad = set(raw.info["bads"])
    eeg = [k for k, kind in enumerate(kinds) if kind is Kind.EEG and raw.ch_names[k] not in bad]
    labels = wanted_labels(asked.eeg_channels, [raw.ch_names[k] for k in eeg])
    if labels:
        picks = []
        for wanted in labels:
            place = place_of(wanted, raw.ch_names)
            kind = None if place is None else kinds[place]
            if place is None or kind is None:
                known = f"channels in volts: {', '.join(readable)}"
                what = f"there is no channel '{wanted}' that can be read"
                hint = did_you_mean(wanted, readable)
                raise FileFault(Fault.SETTINGS, what, where=path.name, known=known, hint=hint)
            picks.append((place, kind))
        return list(dict.fromkeys(picks))
    if not eeg:
        known = f"channels: {', '.join(raw.ch_names)}; marked bad: {', '.join(sorted(bad)) or 'none'}"
        raise _fault(path, Fault.NOTHING_USABLE, "there is no EEG channel", known)
    return [(min(eeg, key=lambda k: eeg_preference(raw.ch_names[k])), Kind.EEG)]


def _markers(raw: BaseRaw, clock: _Clock, fs_hz: float) -> tuple[Marker, ...]:
    """Annotations as markers, at the true time of the piece in which they lie; segment marks left out."""
    notes = raw.annotations
    # With a measurement date MNE counts onsets from that date, which is `first_samp` before the first sample.
    ahead = raw.first_samp if notes.orig_time is not None else 0
    return tuple(
        Marker(clock.time_ns(float(onset) * fs_hz - ahead, fs_hz), float(lasts), str(text))
        for onset, lasts, text in zip(notes.onset, notes.duration, notes.description, strict=True)
        if not str(text).startswith("New Segment")
    )


READER = Reader(
    name="mne_eeg",
    device="BrainVision or FIF recorder",
    looks_like="BrainVision (a .vhdr with its .vmrk and .eeg beside it) or FIF (MNE-Python): EEG recordings",
    gives=frozenset({Kind.EEG, Kind.EOG, Kind.EMG, Kind.ECG, Kind.MARKERS}),
    recognise=recognise,
    read=read,
    family="EEG",
    clock="BrainVision: the computer's wall clock, in each segment's mark; FIF: UTC",
)
