"""What every reader promises, asked of each one that is listed: a new reader is tested the moment it is.

Each has a small hand-written export with a hole in it. A reader must know its own and refuse everyone else's, give the
kinds that it announces, in UTC and in plausible values, leave a hole a hole, and meet damage with a fault in words.
"""

from __future__ import annotations

import ast
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import mne
import numpy as np
import pytest

from pipeline.clock import NS, to_datetime, zone_of
from pipeline.devices import READERS, check_recording, claimant, read_export
from pipeline.devices.reader import Asked, Reader, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording

ASKED = Asked(zone="Europe/Rome", start=datetime(2024, 3, 1, 22, 0), day_one=date(2024, 3, 1))  # noqa: DTZ001
T0_NS = 1_709_326_800 * NS
"""2024-03-01 22:00 in Rome: every sample below begins here."""


@dataclass(frozen=True)
class Sample:
    """How to write an export of a reader, and the stretch (s after its start) in which some kinds saw nothing."""

    write: Callable[[Path], Path]
    hole_s: tuple[float, float]
    holed: frozenset[Kind]


def clock(second: float) -> str:
    return f"{datetime(2024, 3, 1, 22) + timedelta(seconds=second):%H:%M:%S}"  # noqa: DTZ001


def write_rr(folder: Path) -> Path:
    path = folder / "strap.txt"
    rows = ["800"] * 200 + ["# gap: 60"] + ["900"] * 200
    path.write_text("# device: Polar H10\n# start: 2024-03-01T22:00:00\n# unit: ms\n" + "\n".join(rows) + "\n")
    return path


def write_awd(folder: Path) -> Path:
    path = folder / "watch.AWD"
    rows = [f"{k % 7 * 50} , {k % 3}.50" + (" M" if k == 5 else "") for k in range(120)]
    rows[30:40] = ["?"] * 5 + [""] * 5
    rows += [f"{k} , 1.00" for k in range(200)]
    path.write_text("\r\n".join(["someone", "01-Mar-2024", "22:00", " 4 ", "30", "V123", "F", *rows, ""]))
    return path


def write_epochs(folder: Path) -> Path:
    path = folder / "counts.csv"
    first = datetime(2024, 3, 1, 22)  # noqa: DTZ001
    rows = [f"{first + timedelta(minutes=k)},{k % 9},{k % 5}" for k in range(200) if not 30 <= k < 40]
    path.write_text("timestamp,activity,light\n" + "\n".join(rows) + "\n")
    return path


def write_e4(folder: Path) -> Path:
    path = folder / "1709326800_A01"
    path.mkdir()
    start = T0_NS // NS
    rng = np.random.default_rng(0)
    acc = "".join(f"{a},{b},{c}\n" for a, b, c in rng.integers(-64, 64, (3200, 3)).tolist())
    (path / "ACC.csv").write_text(f"{start}.0, {start}.0, {start}.0\n32.0, 32.0, 32.0\n{acc}")
    for name, fs, value, late in (("BVP", 64, 3.5, 0), ("EDA", 4, 0.7, 0), ("TEMP", 4, 33.1, 0), ("HR", 1, 66.0, 10)):
        rows = f"{value}\n" * (100 * fs)
        (path / f"{name}.csv").write_text(f"{start + late}.0\n{fs}.0\n{rows}")
    ends = [float(k) for k in range(1, 100) if not 30 < k < 40]
    (path / "IBI.csv").write_text(f"{start}.0, IBI\n" + "".join(f"{t},1.0\n" for t in ends))
    (path / "tags.csv").write_text(f"{start + 50}.00\n")
    return path


def write_mmash(folder: Path) -> Path:
    path = folder / "user_1"
    path.mkdir()
    seen = [k for k in range(1, 200) if not 30 < k < 40]
    beats = "".join(f"{k},1.0,1,{clock(k)}\n" for k in seen)
    (path / "RR.csv").write_text(",ibi_s,day,time\n" + beats)
    counts = "".join(f"{k},{k % 9},1,{60 + k % 3},1,{clock(k)}\n" for k in [0, *seen])
    (path / "Actigraph.csv").write_text(",Axis1,Steps,HR,day,time\n" + counts)
    head = ",In Bed Date,In Bed Time,Out Bed Date,Out Bed Time,Onset Date,Onset Time,Latency\n"
    (path / "sleep.csv").write_text(head + "0,1,23:50,1,06:42,1,23:56,0\n")
    (path / "saliva.csv").write_text(",SAMPLES,Cortisol NORM,Melatonin NORM\n1,before sleep,0.03,1e-08\n")
    (path / "Activity.csv").write_text(",Activity,Start,End,Day\n0,9,22:37,22:40,1\n")
    return path


def write_edf(folder: Path) -> Path:
    """EDF+D: 60 records of 1 s of one EEG at 64 Hz, the last 30 of them 10 s late."""
    path = folder / "night.edf"
    fields = [
        (b"0", 8),
        (b"X X X X", 80),
        (b"Startdate 01-MAR-2024 X X X", 80),
        (b"01.03.24", 8),
        (b"22.00.00", 8),
        (b"768", 8),
        (b"EDF+D", 44),
        (b"60", 8),
        (b"1", 8),
        (b"2", 4),
        (b"EEG Fpz-Cz", 16),
        (b"EDF Annotations", 16),
        (b"", 80),
        (b"", 80),
        (b"uV", 8),
        (b"", 8),
        (b"-3276.8", 8),
        (b"-1", 8),
        (b"3276.7", 8),
        (b"1", 8),
        (b"-32768", 8),
        (b"-32768", 8),
        (b"32767", 8),
        (b"32767", 8),
        (b"", 80),
        (b"", 80),
        (b"64", 8),
        (b"16", 8),
        (b"", 32),
        (b"", 32),
    ]
    wave = np.random.default_rng(0).normal(0, 300, (60, 64)).astype("<i2")
    content = b"".join(text.ljust(width) for text, width in fields)
    for k in range(60):
        stamp = f"+{k if k < 30 else k + 10}\x14\x14\x00".encode()
        content += wave[k].tobytes() + stamp.ljust(32, b"\x00")
    path.write_bytes(content)
    return path


def write_fif(folder: Path) -> Path:
    """A minute of one EEG at 64 Hz, 10 s of it marked bad."""
    raw = mne.io.RawArray(np.full((1, 64 * 60), 2e-5), mne.create_info(["Fz"], 64, "eeg"), verbose="ERROR")
    raw.set_meas_date(datetime(2024, 3, 1, 21, tzinfo=UTC))
    raw.set_annotations(mne.Annotations([30.0], [10.0], ["BAD_off"], orig_time=raw.info["meas_date"]))
    path = folder / "night_raw.fif"
    raw.save(path, verbose="ERROR", overwrite=True)
    return path


SAMPLES: dict[str, Sample] = {
    "mne_eeg": Sample(write_fif, (30.0, 40.0), frozenset({Kind.EEG})),
    "rr_text": Sample(write_rr, (160.0, 220.0), frozenset({Kind.RR})),
    "actiwatch_awd": Sample(write_awd, (1800.0, 2400.0), frozenset({Kind.COUNTS, Kind.LIGHT})),
    "epoch_csv": Sample(write_epochs, (1800.0, 2400.0), frozenset({Kind.COUNTS, Kind.LIGHT})),
    "empatica_e4": Sample(write_e4, (30.0, 39.0), frozenset({Kind.RR})),
    "mmash": Sample(write_mmash, (31.0, 40.0), frozenset({Kind.RR, Kind.COUNTS, Kind.HR, Kind.STEPS})),
    "edf": Sample(write_edf, (30.0, 40.0), frozenset({Kind.EEG})),
}
LINES = {"rr_text", "actiwatch_awd", "epoch_csv"}
"""Formats of lines: a copy cut in its last line loses that line and nothing else."""
each_reader = pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)


def sample_of(reader: Reader, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return SAMPLES[reader.name].write(folder)


# ---- the list --------------------------------------------------------------------------------------------------------


def test_every_reader_has_a_sample_and_a_name_of_its_own() -> None:
    assert {reader.name for reader in READERS} == set(SAMPLES)
    assert len({reader.name for reader in READERS}) == len(READERS)


def test_every_file_that_defines_a_reader_is_listed(root: Path) -> None:
    def defines_reader(path: Path) -> bool:
        targets = [t for node in ast.parse(path.read_text()).body if isinstance(node, ast.Assign) for t in node.targets]
        return any(isinstance(t, ast.Name) and t.id == "READER" for t in targets)

    found = {p.stem for p in (root / "pipeline" / "devices").glob("*.py") if defines_reader(p)}
    assert found == {reader.name for reader in READERS}


@each_reader
def test_what_a_reader_says_of_itself_is_usable(reader: Reader) -> None:
    assert reader.gives
    assert reader.device
    assert 20 < len(reader.looks_like) < 200


# ---- recognition -----------------------------------------------------------------------------------------------------


@each_reader
def test_a_reader_recognises_its_own_and_no_other_does(reader: Reader, tmp_path: Path) -> None:
    seen = glimpse(sample_of(reader, tmp_path))
    assert [other.name for other in READERS if other.recognise(seen)] == [reader.name]


@each_reader
def test_the_content_decides_not_the_name(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    other = path.rename(tmp_path / "export.dat")
    assert claimant(other) is reader
    assert read_export(other, ASKED)[1].kinds


@each_reader
def test_an_empty_file_is_said_to_be_empty(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / f"{reader.name}.bin"
    path.write_bytes(b"")
    with pytest.raises(FileFault) as fault:
        read_export(path, ASKED)
    assert fault.value.fault is Fault.EMPTY_FILE


# ---- content ---------------------------------------------------------------------------------------------------------


@each_reader
def test_the_sample_holds_only_announced_kinds_in_utc_and_plausible_values(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    found, recording = read_export(path, ASKED)
    assert found is reader
    assert recording.kinds <= reader.gives
    assert recording.kinds >= SAMPLES[reader.name].holed
    assert zone_of(recording.zone)
    check_recording(reader, recording, path)
    begin, _ = recording.span_ns
    assert abs(begin - T0_NS) <= 1 * NS, f"begins {to_datetime(begin)}, not {to_datetime(T0_NS)}"


@each_reader
def test_no_zone_anywhere_is_a_fault(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    with pytest.raises(FileFault) as fault:
        reader.read(path, Asked(start=ASKED.start, day_one=ASKED.day_one))
    assert fault.value.fault is Fault.NO_ZONE


@each_reader
def test_the_zone_moves_the_instants_of_wall_clocks_and_of_nothing_else(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    rome = reader.read(path, ASKED)
    tokyo = reader.read(path, Asked(zone="Asia/Tokyo", start=ASKED.start, day_one=ASKED.day_one))
    shift_h = (rome.span_ns[0] - tokyo.span_ns[0]) / NS / 3600
    assert shift_h == pytest.approx(0.0 if reader.name in {"empatica_e4", "mne_eeg"} else 8.0)


@each_reader
def test_reading_twice_gives_the_same(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    assert_begins(reader.read(path, ASKED), reader.read(path, ASKED))


@each_reader
def test_a_hole_is_missing_never_zero(reader: Reader, tmp_path: Path) -> None:
    sample = SAMPLES[reader.name]
    recording = reader.read(sample_of(reader, tmp_path), ASKED)
    low, high = (T0_NS + round(s * NS) for s in sample.hole_s)
    for signal in recording.signals:
        if signal.kind not in sample.holed:
            continue
        starts = signal.start_ns + np.arange(len(signal.samples)) / signal.fs_hz * NS
        inside = (starts >= low - 1) & (starts < high - 1)
        assert inside.any()
        assert np.isnan(signal.samples[inside]).all()
        assert np.isfinite(signal.samples[~inside]).all()
    if Kind.RR in sample.holed:
        assert recording.beats is not None
        begins = recording.beats.end_ns - np.rint(recording.beats.rr_s * NS).astype(np.int64)
        within = (recording.beats.end_ns > low + NS) & (begins < high - NS)
        assert not within.any()
        assert (np.diff(recording.beats.end_ns) / NS - recording.beats.rr_s[1:]).max() > 0.8 * (high - low) / NS


# ---- damage ----------------------------------------------------------------------------------------------------------


def assert_begins(part: Recording, whole: Recording) -> None:
    """Whatever `part` holds, `whole` holds at the same place."""
    for signal in part.signals:
        same = next(s for s in whole.signals if s.label == signal.label)
        n = min(len(signal.samples), len(same.samples))
        assert (signal.kind, signal.fs_hz, signal.start_ns) == (same.kind, same.fs_hz, same.start_ns)
        assert np.array_equal(signal.samples[:n], same.samples[:n], equal_nan=True)
        assert not np.isfinite(signal.samples[n:]).any()
    if part.beats is not None:
        assert whole.beats is not None
        n = len(part.beats.rr_s)
        assert np.array_equal(part.beats.rr_s, whole.beats.rr_s[:n])
        assert np.abs(part.beats.end_ns - whole.beats.end_ns[:n]).max(initial=0) < NS
    if part.hypnogram is not None:
        assert whole.hypnogram is not None
        assert np.array_equal(part.hypnogram.stages, whole.hypnogram.stages[: len(part.hypnogram.stages)])


def cuts(path: Path) -> Iterator[tuple[Path, int]]:
    """Each file of an export with lengths to cut it to."""
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        size = file.stat().st_size
        for share in (0.02, 0.2, 0.37, 0.5, 0.73, 0.9):
            yield file, max(1, int(size * share))
        yield from ((file, size - k) for k in (1, 2, 3) if size > k)


@each_reader
def test_a_truncated_copy_is_a_fault_or_reads_as_the_beginning(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path / "whole")
    whole = reader.read(path, ASKED)
    for number, (file, size) in enumerate(cuts(path)):
        target = tmp_path / f"cut{number}" / path.name
        if path.is_dir():
            shutil.copytree(path, target)
            cut_file = target / file.name
        else:
            target.parent.mkdir()
            shutil.copy(path, target)
            cut_file = target
        cut_file.write_bytes(file.read_bytes()[:size])
        try:
            found, part = read_export(target, ASKED)
        except FileFault:
            assert reader.name not in LINES or size < file.stat().st_size - 3
            continue
        assert found is reader, f"{file.name} cut to {size} bytes is claimed by {found.name}"
        assert_begins(part, whole)


@each_reader
def test_noise_in_the_place_of_content_is_a_fault_or_a_checked_recording(reader: Reader, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for number in range(10):
        path = sample_of(reader, tmp_path / str(number))
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            content = bytearray(file.read_bytes())
            for place in rng.integers(0, len(content), max(1, len(content) // 200)):
                content[place] = int(rng.integers(0, 256))
            file.write_bytes(bytes(content))
        try:
            found, recording = read_export(path, ASKED)
        except FileFault as fault:
            assert fault.what  # noqa: PT017  both outcomes are right; neither may be another exception
            continue
        check_recording(found, recording, path)
