"""The door in: every export format that is known, and the one way to read an export.

A reader recognises its exports by their content. Exactly one must claim an export; what it returns is checked before
anyone else sees it, and whatever goes wrong on the way is a `FileFault` in words.
"""

from __future__ import annotations

import dataclasses
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.clock import NS, to_datetime, to_ns
from pipeline.devices.listed import Listed
from pipeline.devices.reader import Asked, Glimpse, Reader, glimpse, utc_from_wall
from pipeline.errors import Fault, FileFault, is_panic, place_of
from pipeline.recording import PLAUSIBLE, Beats, Kind, Recording, Signal, SignalStream
from pipeline.retime import retimed

READERS: Sequence[Reader] = Listed(
    "actical_csv",
    "actigraph_agd",
    "actigraph_csv",
    "actigraph_gt3x",
    "actiware_csv",
    "actiwatch_awd",
    "acttrust_txt",
    "apple_health",
    "axivity_csv",
    "axivity_cwa",
    "beat_list",
    "bids_hypnogram",
    "biobank_csv",
    "daqtix_csv",
    "dreem_h5",
    "edf",
    "embraceplus_avro",
    "empatica_e4",
    "epoch_csv",
    "event_log",
    "fitabase_csv",
    "fitbit_csv",
    "fitbit_json",
    "garmin_fit",
    "garmin_json",
    "garmin_stream_csv",
    "geneactiv_bin",
    "geneactiv_csv",
    "hypnogram_domino",
    "hypnogram_json",
    "hypnogram_polyman",
    "hypnogram_remlogic",
    "hypnogram_table",
    "hypnogram_text",
    "hypnogram_xml",
    "ishne_ecg",
    "kubios_report",
    "matrix_bin",
    "mmash",
    "mne_eeg",
    "motionwatch_mtn",
    "movisens",
    "muse_csv",
    "nsrr_actigraphy",
    "openbci_txt",
    "oura",
    "philips_health_band",
    "pmsys",
    "polar_flow_rr",
    "polar_sensor",
    "questionnaire",
    "rdann_stages",
    "rr_packets",
    "rr_text",
    "saliva_table",
    "sensewear_xls",
    "sleep_diary",
    "tempatilumi_txt",
    "vu_ams",
    "wfdb_record",
    "zmax",
)
"""By the file that each is; one is loaded when it is first asked."""

EARLIEST_YEAR = 1985
"""Before it the clock is wrong: EDF, the oldest of these formats, counts its two-digit years from 1985."""
FASTEST_HZ = 100_000.0
"""Amplifiers for EEG go to 16 kHz, those for single cells to 32 kHz."""
FUTURE_DAYS = 2
"""How far a clock may be ahead of ours: zones and a careless hand, no more."""
UNSET_CLOCKS = (date(1989, 12, 31), date(2000, 1, 1), date(2001, 1, 1), date(2009, 1, 1), date(2010, 1, 1))
"""Days from which clocks run that nobody set: those of Garmin and of many boards and loggers (recalled, unverified)."""
UNSET_DAYS = 3

_HINTS: tuple[tuple[str, str], ...] = (
    (r"(?s)PK\x03\x04.*\[Content_Types\]\.xml", "this is an office document: save its sheet as csv"),
    (r"PK\x03\x04", "this is a zip: unpack it, and put in the file or folder that the device wrote"),
    (
        r"\d{10}(\.\d+)?(, *\d{10}(\.\d+)?){0,2}\r?\n *\d|\d{10}(\.\d+)?, *IBI",
        "nearest: empatica_e4; put in the whole session",
    ),
    (r"[^\n]*(ibi_s|Axis1)\b[^\n]*\bday,time", "nearest: mmash; put in the participant's whole folder"),
    (r"(?s)RIFF.{4}WAVE", "this is a wave file: put in the .cwa that OMGUI made it of"),
    (r"GENEA/", "this is of a GENEA, the forerunner of the GENEActiv, whose files are not read: convert it to csv"),
    (r"(?i)(?=[^\n]*[;,\t])[^\n]*\b(time|date)", "nearest: epoch_csv, but its first line names no column of counts"),
    (r"\s*[-+]?\d+([.,]\d*)?\s*\n", "nearest: rr_text, but its numbers are no intervals of 0.25 to 2.5 s"),
)
"""What the beginning of an unknown file reminds of (the first that fits), in words for its owner."""

LEAST_LIKENESS = 0.45
"""A word of the file that the descriptions of one or two formats bear is likeness enough; one of many is not."""

_T = TypeVar("_T")


def claimant(path: Path) -> Reader:
    """The one reader that recognises an export.

    Raises
    ------
    FileFault
        EMPTY_FILE, CORRUPT as `glimpse` says; UNKNOWN_FORMAT with the list of known formats if no reader claims it;
        AMBIGUOUS_FORMAT if more than one does.
    """
    _check_plain(path)
    seen = _guarded("recognition", path, partial(glimpse, path))
    first = READERS.foremost(seen) if isinstance(READERS, Listed) else None
    if first is not None and _guarded(f"reader {first.name}", path, partial(first.recognise, seen)):
        return first
    found = [r for r in READERS if _guarded(f"reader {r.name}", path, partial(r.recognise, seen))]
    if len(found) == 1:
        return found[0]
    if found:
        raise FileFault(
            Fault.AMBIGUOUS_FORMAT,
            "more than one format fits this export",
            where=path.name,
            known="claimed by " + ", ".join(reader.name for reader in found),
            hint="put in one export a folder, and a table with a header that names its columns",
        )
    raise FileFault(
        Fault.UNKNOWN_FORMAT,
        "no reader recognises this export",
        where=path.name,
        known="\n    ".join(["these are read:", *(f"{r.name}: {r.looks_like}" for r in READERS)]),
        hint=_nearest(seen),
    )


def claimed_by(path: Path) -> str:
    """The name of the one reader that recognises an export: `claimant` for another process."""
    return claimant(path).name


def is_bundle(path: Path) -> bool:
    """Whether a folder as a whole is one export (a session of several files), not a place where exports lie."""
    if not path.is_dir():
        return False
    seen = glimpse(path)
    return any(reader.recognise(seen) for reader in READERS)


def read_export(path: Path, asked: Asked) -> tuple[Reader, Recording]:
    """The reader that claims an export and the checked recording that it holds.

    Raises
    ------
    FileFault
        Whatever is wrong with the export; nothing else, save what no file can cause (`KeyboardInterrupt`).
    """
    reader = claimant(path)
    recording = _guarded(f"reader {reader.name}", path, partial(reader.read, path, asked))
    if asked.device is not None:
        recording = dataclasses.replace(recording, device=asked.device)
    if asked.true_start is not None:
        recording = _begun_at(recording, asked.true_start)
    check_recording(reader, recording, path)
    streams = tuple(_guarded_stream(f"reader {reader.name}", stream, path) for stream in recording.streams)
    return reader, dataclasses.replace(recording, streams=streams, repairs=recording.repairs + _unset_clock(recording))


def _check_plain(path: Path) -> None:
    """Raise if an export, or anything in a folder that is one, is a link, a device or a pipe: none is followed."""
    parts = [path, *path.rglob("*")] if path.is_dir() else [path]
    if any(part.is_symlink() or (part.exists() and not part.is_file() and not part.is_dir()) for part in parts):
        raise FileFault(
            Fault.HOSTILE,
            "it is or holds a link, a device or a pipe",
            where=path.name,
            known="links are not followed, and nothing but plain files is opened",
            hint="put the files themselves in",
        )


def check_recording(reader: Reader, recording: Recording, path: Path) -> None:
    """Raise a FileFault unless a recording keeps the contract: kinds as announced, plausible values, ordered clocks.

    Raises
    ------
    FileFault
        NOTHING_USABLE if no kind was read, or no sample of any; IMPLAUSIBLE with channel, value and likely cause;
        INTERNAL if the reader gives what it does not announce, or beats out of order.
    """
    unannounced = recording.kinds - reader.gives
    if unannounced:
        raise FileFault(
            Fault.INTERNAL, f"reader {reader.name} does not announce {sorted(unannounced)}", where=path.name
        )
    others = recording.kinds - {s.kind for s in recording.signals} - {s.kind for s in recording.streams} - {Kind.RR}
    measured = any(np.isfinite(signal.samples).any() for signal in recording.signals)
    measured |= any(stream.measured_s > 0 for stream in recording.streams)
    if not (others or measured or (recording.beats is not None and len(recording.beats.rr_s))):
        raise FileFault(
            Fault.NOTHING_USABLE, "the export holds no measured value", where=path.name, hint="was the sensor worn?"
        )
    for signal in recording.signals:
        _check_signal(signal, path)
    if recording.beats is not None:
        _check_beats(recording.beats, path)
    _check_years(recording, path)


def _guarded(who: str, path: Path, step: Callable[[], _T]) -> _T:
    """What a step of a reader returns; whatever else it raises becomes the cause of a fault that names it.

    A number too large for float32 becomes infinite without a warning: `_check_signal` refuses it in words.
    """
    try:
        with np.errstate(over="ignore"):
            return step()
    except FileFault as fault:
        if fault.where:
            raise
        raise FileFault(fault.fault, fault.what, where=path.name, known=fault.known, hint=fault.hint) from fault
    except BaseException as bad:
        if not isinstance(bad, Exception) and not is_panic(bad):
            raise
        raise FileFault(
            Fault.CORRUPT,
            "the export could not be read to its end",
            where=path.name,
            known=f"{who}: {place_of(bad)}",
            hint="copy or export it again; if it opens elsewhere, report this text",
        ) from bad


def _guarded_stream(who: str, stream: SignalStream, path: Path) -> SignalStream:
    """The stream with each of its pieces checked like a signal, and its faults in words."""

    def pieces() -> Iterator[Signal]:
        left = stream.pieces()
        while (piece := _guarded(who, path, partial(next, left, None))) is not None:
            _check_signal(piece, path)
            yield piece

    return dataclasses.replace(stream, pieces=pieces)


def _nearest(seen: Glimpse) -> str:
    """What an unrecognised export reminds of."""
    if seen.is_folder:
        return "a folder is one export only for sessions of several files (Empatica E4, MMASH): look what is missing"
    head = seen.text if not seen.names else seen.head.decode("latin-1")
    told = next((words for pattern, words in _HINTS if re.match(pattern, head)), None)
    return told or _by_words(f"{head} {' '.join(seen.names)}") or "export it in one of these formats"


def _by_words(text: str) -> str | None:
    """The format whose description shares the most telling words with a file; None where none shares any."""
    found = set(re.findall(r"[a-z][a-z0-9_]{3,}", text.lower()))
    told = {
        reader: set(re.findall(r"[a-z][a-z0-9_]{3,}", f"{reader.device} {reader.looks_like}".lower()))
        for reader in READERS
    }
    share = Counter(word for words in told.values() for word in words)
    # A word counts by how few formats it tells apart from the others.
    scores = {reader.name: sum(1 / share[word] for word in words & found) for reader, words in told.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] < LEAST_LIKENESS:
        return None
    looks = next(reader.looks_like for reader in READERS if reader.name == best)
    return f"nearest: {best} ({looks}); look what differs"


def _check_signal(signal: Signal, path: Path) -> None:
    """Raise unless the rate is positive and every sample is what such a sensor can put out."""
    if not 0 < signal.fs_hz <= FASTEST_HZ:
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"channel '{signal.label}' has a rate of {signal.fs_hz:g} Hz",
            where=path.name,
            known=f"recorders take at most {FASTEST_HZ:g} samples a second",
        )
    low, high = PLAUSIBLE.get(signal.kind, (-np.inf, np.inf))
    # fmin and fmax pass NaN over, and do not pass infinities over.
    least, most = (float(f.reduce(signal.samples, axis=None, initial=np.nan)) for f in (np.fmin, np.fmax))
    if least < low or most > high or np.isinf(least) or np.isinf(most):
        worst = most if most > high or np.isinf(most) else least
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"channel '{signal.label}' reaches {worst:g} ({signal.kind})",
            where=path.name,
            known=f"such a sensor puts out {low:g} to {high:g}",
            hint="the unit is probably not what the file says or leaves out: name it in the sidecar, or export again",
        )


def _check_beats(beats: Beats, path: Path) -> None:
    """Raise unless intervals are positive, one to each instant, and instants do not decrease."""
    sound = len(beats.end_ns) == len(beats.rr_s) and bool(np.all(np.diff(beats.end_ns) >= 0))
    if not sound:
        raise FileFault(Fault.INTERNAL, "beats are not in order of time", where=path.name)
    if not np.all(np.isfinite(beats.rr_s) & (beats.rr_s > 0)):
        raise FileFault(Fault.IMPLAUSIBLE, "an inter-beat interval is not above 0 s", where=path.name)


def _check_years(recording: Recording, path: Path) -> None:
    """Raise if anything lies in a year in which no such device recorded."""
    times = list(recording.span_ns) if recording.span_ns != (0, 0) else []
    times += [at for rest in recording.rests for at in (rest.in_bed_ns, rest.out_bed_ns)]
    times += [marker.time_ns for marker in recording.markers]
    times += [sample.time_ns for sample in recording.saliva if sample.time_ns is not None]
    times += [answer.time_ns for answer in recording.answers if answer.time_ns is not None]
    earliest, latest = to_ns(datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC)), time.time_ns() + FUTURE_DAYS * 86_400 * NS
    wrong = [at for at in times if not earliest <= at <= latest]
    if wrong:
        year = np.datetime64(wrong[0] // NS, "s").astype("datetime64[Y]")  # a date of `datetime` ends with 9999
        raise FileFault(
            Fault.IMPLAUSIBLE,
            f"the recording would be of {year}" + (", which is still to come" if wrong[0] > latest else ""),
            where=path.name,
            known="the device's clock was not set, or the date was changed to hide it",
            hint=f'put {{"true_start": "2024-03-30T22:15:00"}}, when it really began, into {path.name}.json beside it',
        )


def _begun_at(recording: Recording, true_start: datetime) -> Recording:
    """The recording moved as a whole so that it begins at a wall clock of its zone, as a sidecar asks."""
    if recording.span_ns == (0, 0):
        return recording
    move = utc_from_wall(true_start, recording.zone) - recording.span_ns[0]
    said = "moved to its true_start, as the sidecar asks"  # not by how much: it would give a shifted date away
    return dataclasses.replace(retimed(recording, lambda ns: ns + move), repairs=(*recording.repairs, said))


def _unset_clock(recording: Recording) -> tuple[str, ...]:
    """A note where a recording begins on a day on which clocks begin that nobody set."""
    begin = recording.span_ns[0]
    day = to_datetime(begin).date()
    if begin == 0 or not any(timedelta(0) <= day - first <= timedelta(days=UNSET_DAYS) for first in UNSET_CLOCKS):
        return ()
    return (f"its clock begins on {day}, where clocks begin that were never set: give its true_start if so",)
