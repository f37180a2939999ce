"""The beat classes of Lipponen & Tarvainen, beat for beat against NeuroKit2's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from neurokit2.signal import signal_fixpeaks

from pipeline.clock import NS
from pipeline.recording import Floats, Int64
from pipeline.signals.beats import beat_masks
from pipeline.signals.lipponen_tarvainen import BLOCK_ROWS, GROUP, beat_classes
from pipeline.signals.runs import runs_of

CLASSES = ("ectopic", "missed", "extra", "longshort")


def whole(rr_s: Floats | Int64) -> Int64:
    return np.array([[0, len(rr_s)]])


def ours(rr_s: Floats, runs: Int64) -> list[list[int]]:
    classes = beat_classes(rr_s, runs)
    return [np.flatnonzero(getattr(classes, name)).tolist() for name in CLASSES]


def neurokits(ticks: Int64, fs_hz: int) -> list[list[int]]:
    """NeuroKit2's indices, of which 0 is the first peak and i the peak that ends interval i − 1."""
    peaks = np.concatenate([[0], np.cumsum(ticks)])
    found, _ = signal_fixpeaks(peaks, sampling_rate=fs_hz, iterative=False, method="Kubios")
    return [[i - 1 for i in found[name] if i > 0] for name in CLASSES]


def with_artefacts(rng: np.random.Generator, n: int, share: float) -> Floats:
    """Intervals in s with breathing, slow drift and planted early, missed, extra and displaced beats."""
    beat = np.arange(n)
    rr = 0.85 + 0.1 * np.sin(beat / 700) + 0.03 * np.sin(beat / 2.1) + rng.normal(0, 0.015, n)
    for at in np.flatnonzero(rng.random(n - 3) < share)[:-1].tolist():
        match rng.integers(5):
            case 0:  # early, then a pause
                rr[at] -= 0.3
                rr[at + 1] += 0.3
            case 1:
                rr[at] *= 2
            case 2:
                rr[at], rr[at + 1] = rr[at] * 0.45, rr[at] * 0.55
            case 3:
                rr[at : at + 2] += 0.25
            case _:
                rr[at] -= 0.06
                rr[at + 1] += 0.06
    return rr


@pytest.mark.parametrize("fs_hz", [64, 128, 1000])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.4])
def test_planted_artefacts_are_classed_as_neurokit_does(fs_hz: int, share: float) -> None:
    ticks = np.rint(with_artefacts(np.random.default_rng(fs_hz), 4000, share) * fs_hz).astype(np.int64)
    theirs = neurokits(ticks, fs_hz)
    assert all(theirs) or share == 0.4  # every class was planted and found
    assert ours(ticks / fs_hz, whole(ticks)) == theirs


def test_bursts_without_any_order_are_classed_as_neurokit_does() -> None:
    # Up to 15 large changes in a row, so that beats are judged together with the one before, and in turns.
    rng = np.random.default_rng(1)
    ticks = np.rint(rng.normal(800, 20, 6000)).astype(np.int64)
    for at in range(20, 5900, 70):
        burst = int(rng.integers(2, 16))
        ticks[at : at + burst] = rng.uniform(300, 1500, burst)
    theirs = neurokits(ticks, 1000)
    assert len(theirs[3]) > 200
    assert ours(ticks / 1000, whole(ticks)) == theirs


def test_a_threshold_of_nothing_is_treated_as_neurokit_does() -> None:
    # Most changes are exactly 0, so that both quartiles are 0: nothing can be divided by them.
    rng = np.random.default_rng(2)
    ticks = np.full(2000, 64)
    some = rng.random(2000) < 0.12
    ticks[some] += rng.integers(-30, 60, some.sum())
    theirs = neurokits(ticks, 64)
    assert theirs[3]
    assert ours(ticks / 64, whole(ticks)) == theirs
    assert ours(np.full(300, 0.8), whole(np.empty(300))) == [[], [], [], []]


@pytest.mark.parametrize("wild", [False, True])
def test_series_of_every_length_are_classed_as_neurokit_does(wild: bool) -> None:
    rng = np.random.default_rng(3)
    found = 0
    for n in [*range(1, 30), *range(40, 48), *range(86, 86 + 2 * GROUP + 8)]:
        rr = with_artefacts(rng, n, 0.1) if n > 3 else rng.normal(0.8, 0.2, n)
        ticks = np.rint(np.where(rng.random(n) < 0.15, rng.uniform(0.3, 1.5, n), rr) * 128 if wild else rr * 128)
        theirs = neurokits(ticks.astype(np.int64), 128)
        assert ours(ticks / 128, whole(ticks)) == theirs, n
        found += sum(map(len, theirs))
    assert found > 30


def test_short_series_of_few_values_are_classed_as_neurokit_does() -> None:
    # Everything is near an end, many thresholds are 0 and many values lie exactly on one.
    rng = np.random.default_rng(7)
    for _ in range(100):
        ticks = np.full(int(rng.integers(2, 26)), 8)
        some = rng.random(len(ticks)) < 0.35
        ticks[some] = rng.integers(3, 20, int(some.sum()))
        assert ours(ticks / 10, whole(ticks)) == neurokits(ticks, 10), ticks.tolist()


def test_each_run_is_a_series_of_its_own() -> None:
    rng = np.random.default_rng(4)
    lengths = [500, 1, 2, 3, 91, 30, BLOCK_ROWS * GROUP + 200, 7]
    parts = [np.rint(with_artefacts(rng, max(n, 4), 0.1)[:n] * 128) / 128 for n in lengths]
    stops = np.cumsum(lengths)
    runs = np.stack([stops - lengths, stops], axis=1)
    together = ours(np.concatenate(parts), runs)
    alone = [
        [i + start for part, start in zip(parts, runs[:, 0].tolist(), strict=True) for i in ours(part, whole(part))[k]]
        for k in range(4)
    ]
    assert together == alone
    assert together != ours(np.concatenate(parts), whole(np.concatenate(parts)))


def test_what_lies_outside_the_runs_has_no_class_and_no_say() -> None:
    rr = with_artefacts(np.random.default_rng(5), 400, 0.1)
    apart = np.concatenate([[np.nan, 9.0], rr[:200], [np.inf, np.nan, -1.0], rr[200:], [0.0]])
    runs = np.array([[2, 202], [205, 405]])
    joined = ours(rr, np.array([[0, 200], [200, 400]]))
    assert ours(apart, runs) == [[i + 2 if i < 200 else i + 5 for i in some] for some in joined]


def test_classes_do_not_depend_on_the_unit() -> None:
    rr = with_artefacts(np.random.default_rng(6), 2000, 0.05)
    assert ours(rr * 1024, whole(rr)) == ours(rr, whole(rr))


def calm(n: int = 60) -> Floats:
    """Intervals of 0.8 s that swing by 20 ms: thresholds of some 50 ms."""
    rr: Floats = 0.8 + 0.02 * np.sin(np.arange(n) * 1.7)
    return rr


def test_a_calm_series_has_no_artefact() -> None:
    assert ours(calm(), whole(calm())) == [[], [], [], []]


def test_an_early_beat_is_short_and_its_pause_ectopic() -> None:
    rr = calm()
    rr[30] -= 0.3
    rr[31] += 0.3
    assert ours(rr, whole(rr)) == [[31], [], [], [30]]


def test_an_interval_of_two_is_a_missed_beat() -> None:
    rr = calm()
    rr[30] *= 2
    assert ours(rr, whole(rr))[1] == [30]


def test_an_interval_in_two_parts_has_an_extra_beat() -> None:
    rr = calm()
    rr = np.concatenate([rr[:30], [0.4, 0.4], rr[31:]])
    assert ours(rr, whole(rr))[2] == [30]


def test_two_long_intervals_are_long_and_no_missed_beats() -> None:
    rr = calm()
    rr[30:32] += 0.25
    ectopic, missed, extra, longshort = ours(rr, whole(rr))
    assert (ectopic, missed, extra) == ([], [], [])
    assert 30 in longshort


@pytest.mark.realdata
@pytest.mark.parametrize("name", ["chf/chf202", "normal/nsr001"])
def test_a_real_day_is_classed_as_neurokit_does(real_data: Path, name: str) -> None:
    rr = np.loadtxt(real_data / "rr_24h" / f"{name}_rr_secs.txt")
    ticks = np.rint(rr[rr < 4] * 128).astype(np.int64)  # longer ones are holes; closed up, it is one series for both
    assert len(ticks) > 100_000
    theirs = neurokits(ticks, 128)
    assert sum(map(len, theirs)) > 4000
    assert ours(ticks / 128, whole(ticks)) == theirs


@pytest.mark.realdata
def test_between_the_holes_of_a_strap_beats_are_classed_as_neurokit_does(real_data: Path) -> None:
    rows = (real_data / "mmash" / "user_1" / "RR.csv").read_text().splitlines()[1:6000]
    cells = [row.split(",") for row in rows]
    assert {c[2] for c in cells} == {"1"}
    seconds = np.array([int(c[3][:2]) * 3600 + int(c[3][3:5]) * 60 + int(c[3][6:]) for c in cells])
    ticks = np.array([round(float(c[1]) * 1000) for c in cells])
    linked = beat_masks(seconds.astype(np.int64) * NS, ticks / 1000).linked
    starts = np.flatnonzero(~linked)
    runs = np.stack([starts, np.append(starts[1:], len(ticks))], axis=1)
    assert len(runs) > 60
    theirs: list[list[int]] = [[], [], [], []]
    for start, stop in runs.tolist():
        for all_of_class, found in zip(theirs, neurokits(ticks[start:stop], 1000), strict=True):
            all_of_class += [start + i for i in found]
    assert sum(map(len, theirs)) > 60
    assert ours(ticks / 1000, runs) == theirs
    assert len(runs_of(linked)) > 50
