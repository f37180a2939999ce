"""Damaged exports of every reader: a fault in words or a checked recording, soon, and within memory.

A short version of `benchmarks/fuzz`, which runs for as many executions as one likes, guided by coverage. Readers are
called past the door that turns surprises into faults: an exception that is no fault of ours is a bug here.
"""

from __future__ import annotations

import resource
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from handmade import SAMPLES
from handmade.mutations import damage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.devices import READERS, check_recording
from pipeline.devices.reader import Reader, glimpse
from pipeline.errors import Fault, FileFault

LONGEST_S = 10
MOST_GROWTH_MB = 1024


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """End what takes longer."""

    def ring(*_: object) -> None:
        raise TimeoutError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(reader: Reader, path: Path) -> None:
    """Recognise and read everything; every fault must be in words."""
    try:
        seen = glimpse(path)
        claims = [each for each in READERS if each.recognise(seen)]
        if reader not in claims:
            return  # the door would not have asked it
        with np.errstate(over="ignore"):  # as the door does
            recording = reader.read(path, SAMPLES[reader.name].asked)
            check_recording(reader, recording, path)
            for stream in recording.streams:
                for piece in stream.pieces():
                    assert len(piece.samples)
    except FileFault as fault:
        if not fault.what or fault.fault is Fault.INTERNAL:
            raise AssertionError(f"a fault without words, or of ours: {fault!r}") from fault


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One whole export of every reader."""
    out = {}
    for name, sample in SAMPLES.items():
        folder = tmp_path_factory.mktemp(name)
        out[name] = sample.write(folder)
    return out


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(min_value=0, max_value=2**32 - 1))
def test_damage_is_met_with_a_fault_or_read(
    reader: Reader, seeds: dict[str, Path], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    whole = seeds[reader.name]
    folder = tmp_path_factory.getbasetemp() / f"fuzz-{reader.name}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path = folder / whole.name
    if whole.is_dir():
        shutil.copytree(whole, path)
    else:
        shutil.copytree(whole.parent, folder, dirs_exist_ok=True)  # with the files that lie beside it
    damage(np.random.default_rng(seed), path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with alarm(LONGEST_S):
        attempt(reader, path)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MOST_GROWTH_MB
