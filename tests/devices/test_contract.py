"""What every reader promises, asked of each one that is listed: a new reader is tested the moment it is.

Each has a small hand-written export with a hole in it. A reader must know its own and refuse everyone else's, give the
kinds that it announces, in UTC and in plausible values, leave a hole a hole, and meet damage with a fault in words.
"""

from __future__ import annotations

import ast
import dataclasses
import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from handmade import SAMPLES
from handmade.sample import T0_NS

from pipeline.clock import NS, to_datetime, zone_of
from pipeline.devices import READERS, check_recording, claimant, read_export
from pipeline.devices.reader import Asked, Reader, glimpse
from pipeline.errors import Fault, FileFault
from pipeline.recording import Kind, Recording, Signal

each_reader = pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
with_a_zone = pytest.mark.parametrize(
    "reader", [r for r in READERS if SAMPLES[r.name].needs_zone], ids=lambda r: r.name
)
with_a_hole = pytest.mark.parametrize("reader", [r for r in READERS if SAMPLES[r.name].holed], ids=lambda r: r.name)


def sample_of(reader: Reader, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return SAMPLES[reader.name].write(folder)


def asked_of(reader: Reader) -> Asked:
    return SAMPLES[reader.name].asked


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
    assert reader.family in {"EEG", "hypnogram", "heart", "wrist", "acceleration", "actigraphy", "consumer", "lab"}
    assert reader.clock


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
    assert read_export(other, asked_of(reader))[1].kinds


@each_reader
def test_an_empty_file_is_said_to_be_empty(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / f"{reader.name}.bin"
    path.write_bytes(b"")
    with pytest.raises(FileFault) as fault:
        read_export(path, asked_of(reader))
    assert fault.value.fault is Fault.EMPTY_FILE


# ---- content ---------------------------------------------------------------------------------------------------------


@each_reader
def test_the_sample_holds_only_announced_kinds_in_utc_and_plausible_values(reader: Reader, tmp_path: Path) -> None:
    path, sample = sample_of(reader, tmp_path), SAMPLES[reader.name]
    found, recording = read_export(path, sample.asked)
    assert found is reader
    assert recording.kinds <= reader.gives
    assert recording.kinds >= sample.holed | sample.kinds
    assert recording.kinds
    assert zone_of(recording.zone)
    check_recording(reader, recording, path)
    begin, _ = recording.span_ns
    wanted = T0_NS + round(sample.begins_s * NS)
    assert begin == 0 or abs(begin - wanted) <= 1 * NS, f"begins {to_datetime(begin)}, not {to_datetime(wanted)}"
    assert begin or not recording.kinds - {Kind.SALIVA, Kind.ANSWERS}


@with_a_zone
def test_no_zone_anywhere_is_a_fault(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    with pytest.raises(FileFault) as fault:
        reader.read(path, dataclasses.replace(asked_of(reader), zone=None))
    assert fault.value.fault is Fault.NO_ZONE


@with_a_zone
def test_the_zone_moves_the_instants_of_wall_clocks_and_of_nothing_else(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    rome = reader.read(path, asked_of(reader))
    tokyo = reader.read(path, dataclasses.replace(asked_of(reader), zone="Asia/Tokyo"))
    shift_h = (rome.span_ns[0] - tokyo.span_ns[0]) / NS / 3600
    assert shift_h == pytest.approx(8.0 if SAMPLES[reader.name].moves_with_zone else 0.0)


@each_reader
def test_reading_twice_gives_the_same(reader: Reader, tmp_path: Path) -> None:
    path = sample_of(reader, tmp_path)
    one, two = (reader.read(path, asked_of(reader)) for _ in range(2))
    assert_begins(one, two)
    assert_begins(two, one)


@with_a_hole
def test_a_hole_is_missing_never_zero(reader: Reader, tmp_path: Path) -> None:
    sample = SAMPLES[reader.name]
    recording = reader.read(sample_of(reader, tmp_path), sample.asked)
    low, high = (T0_NS + round(s * NS) for s in sample.hole_s)
    for signal in recording.signals:
        if signal.kind not in sample.holed:
            continue
        starts = signal.start_ns + np.arange(len(signal.samples)) / signal.fs_hz * NS
        inside = (starts >= low - 1) & (starts < high - 1)
        assert inside.any()
        assert np.isnan(signal.samples[inside]).all()
        assert np.isfinite(signal.samples[~inside]).all()
    for stream in recording.streams:
        if stream.kind in sample.holed:
            assert_hole(list(stream.pieces()), low, high)
    if recording.hypnogram is not None and Kind.STAGES in sample.holed:
        held = recording.hypnogram
        starts = held.start_ns + np.arange(len(held.stages)) * held.epoch_s * NS
        inside = (starts >= low - 1) & (starts < high - 1)
        assert inside.any()
        assert (held.stages[inside] < 0).all(), "unscored is not wake"
        assert (held.stages[~inside] >= 0).all()
    if Kind.RR in sample.holed:
        assert recording.beats is not None
        begins = recording.beats.end_ns - np.rint(recording.beats.rr_s * NS).astype(np.int64)
        within = (recording.beats.end_ns > low + NS) & (begins < high - NS)
        assert not within.any()
        assert (np.diff(recording.beats.end_ns) / NS - recording.beats.rr_s[1:]).max() > 0.8 * (high - low) / NS


def assert_hole(pieces: list[Signal], low: int, high: int) -> None:
    """No piece reaches into the hole, pieces lie on both sides of it, and none is missing a sample."""
    assert all(p.end_ns <= low + NS // 10 or p.start_ns >= high - NS // 10 for p in pieces)
    assert any(p.end_ns <= low + NS // 10 for p in pieces)
    assert any(p.start_ns >= high - NS // 10 for p in pieces)
    assert all(np.isfinite(p.samples).all() for p in pieces)


@each_reader
def test_a_stream_keeps_its_promises(reader: Reader, tmp_path: Path) -> None:
    recording = reader.read(sample_of(reader, tmp_path), asked_of(reader))
    for stream in recording.streams:
        pieces = list(stream.pieces())
        assert {(p.kind, p.label) for p in pieces} == {(stream.kind, stream.label)}
        assert abs(pieces[0].start_ns - stream.start_ns) < NS / 10
        assert abs(pieces[-1].end_ns - stream.end_ns) < NS / 10
        gaps = [after.start_ns - before.end_ns for before, after in itertools.pairwise(pieces)]
        assert min(gaps, default=0) > -NS / 1000, "pieces overlap"
        measured = sum(len(p.samples) / p.fs_hz for p in pieces)
        assert measured == pytest.approx(stream.measured_s, rel=0.01)
        assert all(abs(p.fs_hz / stream.fs_hz - 1) < 0.2 for p in pieces)


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
    for stream in part.streams:
        same_stream = next(s for s in whole.streams if s.label == stream.label)
        assert_same_beginning(list(stream.pieces()), list(same_stream.pieces()))
    if part.hypnogram is not None:
        assert whole.hypnogram is not None
        assert np.array_equal(part.hypnogram.stages, whole.hypnogram.stages[: len(part.hypnogram.stages)])


def assert_same_beginning(part: list[Signal], whole: list[Signal]) -> None:
    """The samples of a cut stream are those with which the whole one begins."""
    one, two = (np.concatenate([p.samples for p in pieces]) for pieces in (part, whole))
    assert np.array_equal(one, two[: len(one)])
    assert part[0].start_ns == whole[0].start_ns


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
    whole = reader.read(path, asked_of(reader))
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
            found, part = read_export(target, asked_of(reader))
        except FileFault:
            assert not SAMPLES[reader.name].lines or size < file.stat().st_size - 3
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
            found, recording = read_export(path, asked_of(reader))
            for stream in recording.streams:
                list(stream.pieces())
        except FileFault as fault:
            assert fault.what  # noqa: PT017  both outcomes are right; neither may be another exception
            continue
        check_recording(found, recording, path)
