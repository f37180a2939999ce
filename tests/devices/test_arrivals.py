"""Where samples lie whose stamps say when they arrived."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.devices.arrivals import pieces, rate_hz, resolution_s
from pipeline.recording import Floats

FS = 256.0


def bursts(true_s: Floats, packet: int = 12, delay_s: float = 0.0) -> Floats:
    """When samples taken at `true_s` arrive: in packets of consecutive ones, each with the time of its last sample."""
    number = np.floor((true_s - true_s[0]) * FS / packet + 1e-6)
    return true_s[np.searchsorted(number, number, side="right") - 1] + delay_s


def taken(seconds: float, lost: tuple[tuple[float, float], ...] = (), fs: float = FS) -> Floats:
    """When the samples were taken that were not lost, s."""
    true_s = np.arange(round(seconds * fs)) / fs
    for begin, end in lost:
        true_s = true_s[(true_s < begin) | (true_s >= end)]
    return true_s


def found(arrived_s: Floats, fs: float = FS) -> tuple[list[int], list[float], float]:
    got = pieces(arrived_s, np.arange(len(arrived_s), dtype=np.float64), fs, 0, Path("it.csv"))
    return got.first.tolist(), got.onset_s.tolist(), got.drift_s


def test_packets_alone_make_no_gap_and_the_first_sample_is_dated_back_to_its_taking() -> None:
    first, onset_s, drift_s = found(bursts(taken(120)))
    assert first == [0]
    assert onset_s == pytest.approx([0.0], abs=1e-9)
    assert drift_s == pytest.approx(0.0, abs=1e-9)


def test_a_gap_is_as_long_as_it_was_and_begins_where_it_did() -> None:
    first, onset_s, _ = found(bursts(taken(120, ((30.0, 41.5),))))
    assert first == [0, 30 * 256]
    assert onset_s == pytest.approx([0.0, 41.5], abs=0.05)


def test_a_delay_that_is_made_up_is_no_gap() -> None:
    true_s = taken(120)
    arrived_s = bursts(true_s)
    arrived_s[(true_s >= 50) & (true_s < 53)] = 53.0  # three seconds held back, then all at once
    assert found(arrived_s)[0] == [0]
    slowly = bursts(true_s)
    held = (true_s >= 50) & (true_s < 56)
    slowly[held] = np.maximum(slowly[held], 52.0 + np.floor((true_s[held] - 50) / 2) * 1.4)
    assert found(slowly)[0] == [0]


def test_many_small_losses_become_gaps_before_they_make_a_quarter_of_a_second() -> None:
    lost = tuple((t, t + 12 / FS) for t in np.arange(5.0, 600.0, 2.0))  # a packet every 2 s: 2.3 %
    true_s = taken(600, lost)
    first, onset_s, _ = found(bursts(true_s))
    ends = [*first[1:], len(true_s)]
    for begin, end, onset in zip(first, ends, onset_s, strict=True):
        wrong_s = onset + np.arange(end - begin) / FS - true_s[begin:end]
        assert np.abs(wrong_s).max() < 0.6
    assert len(first) > 20


def test_stamps_in_whole_seconds_place_samples_to_a_packet() -> None:
    true_s = taken(300, ((100.4, 130.9),)) + 0.4
    arrived_s = np.floor(bursts(true_s))
    assert resolution_s(arrived_s, 0) == 1.0
    assert resolution_s(arrived_s, 1) == 0.0
    first, onset_s, _ = found(arrived_s)
    assert len(first) == 2
    assert first[1] == pytest.approx(100.4 * FS, abs=12)
    # The first stamp reads 0; the first sample was taken at 0.4 s.
    assert onset_s == pytest.approx([0.4, 131.3], abs=0.06)


def test_a_clock_that_runs_slow_hides_no_gap_and_is_told() -> None:
    true_s = taken(3600, ((1800.0, 1802.0),)) * (1 - 1e-3)  # the device samples 0.1 % fast: 3.6 s an hour
    first, _, drift_s = found(bursts(true_s))
    assert first == [0, 1800 * 256]
    assert drift_s == pytest.approx(-1.8, abs=0.1)


def test_the_rate_is_measured_around_gaps() -> None:
    assert rate_hz(bursts(taken(600, ((100.0, 400.0),)))) == pytest.approx(256, rel=0.02)
    assert rate_hz(bursts(taken(600, fs=220.0))) == pytest.approx(220, rel=0.02)
    assert rate_hz(np.floor(taken(600))) == pytest.approx(256, rel=0.1)
    assert np.isnan(rate_hz(np.zeros(5)))


@settings(max_examples=50, deadline=None)
@given(
    gaps=st.lists(st.tuples(st.floats(20, 100), st.floats(0.6, 60)), min_size=0, max_size=4),
    jitter_s=st.floats(0, 0.05),
    seed=st.integers(0, 100),
)
def test_any_gaps_are_found_and_no_others(gaps: list[tuple[float, float]], jitter_s: float, seed: int) -> None:
    lost, at = [], 0.0
    for wait, length in gaps:
        lost.append((at + wait, at + wait + length))
        at += wait + length
    true_s = taken(at + 60, tuple(lost))
    packet = np.arange(len(true_s)) // 12
    late_s = np.random.default_rng(seed).uniform(0, jitter_s, packet[-1] + 1)[packet]
    got = pieces(bursts(true_s) + late_s, np.arange(len(true_s), dtype=np.float64), FS, 0, Path("it.csv"))
    assert len(got.first) == len(gaps) + 1
    truly = true_s[got.first]
    # The stamp zero is the first packet's arrival; a packet lasts 47 ms.
    assert np.abs(got.onset_s - got.onset_s[0] - (truly - truly[0])).max() < 0.15
