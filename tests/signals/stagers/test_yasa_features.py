"""The 21 numbers of an epoch: by hand, against slow references, and with holes in the epoch."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, signal, stats

from pipeline.signals.stagers.yasa_features import BANDS, NAMES, whole_epoch_features
from pipeline.signals.stagers.yasa_partial import _curve_lengths, partial_epoch_features, sufficiently_valid


def epochs(n: int = 40, seed: int = 0) -> np.ndarray:
    """Noise between white and brown, of 5 to 60 µV."""
    rng = np.random.default_rng(seed)
    white = rng.normal(size=(n, 3000))
    mixed = white + rng.uniform(0.0, 0.5, (n, 1)) * (white.cumsum(axis=1) - white.cumsum(axis=1).mean(axis=1)[:, None])
    return (mixed / mixed.std(axis=1, keepdims=True) * rng.uniform(5, 60, (n, 1))).astype(np.float32)


def of(values: np.ndarray, name: str) -> np.ndarray:
    column: np.ndarray = values[:, NAMES.index(name)]
    return column


def slow(x: np.ndarray) -> dict[str, float]:
    """The definitions, one after another, for one epoch."""
    x = x.astype(np.float64)
    d, dd = np.diff(x), np.diff(x, n=2)
    mobility = math.sqrt(d.var() / x.var())
    f, psd = signal.welch(x, 100, window="hamming", nperseg=500, average="median")
    power = {
        name: integrate.simpson(psd[(f >= low) & (f <= high)], dx=0.2)
        for name, (low, high) in {**BANDS, "all": (0.4, 30.0)}.items()
    }
    delta = power["sdelta"] + power["fdelta"]
    orders: dict[tuple[int, ...], int] = {}
    for k in range(len(x) - 2):
        order = tuple(np.argsort(x[k : k + 3], kind="stable"))
        orders[order] = orders.get(order, 0) + 1
    shares = np.array(list(orders.values())) / (len(x) - 2)
    lengths = []
    for lag in range(1, 11):
        curves = []
        for m in range(lag):
            steps = np.abs(np.diff(x[m::lag]))
            curves.append(steps.sum() / lag * (len(x) - 1) / (lag * len(steps)))
        lengths.append(np.mean(curves))
    changes = sum((a < 0) != (b < 0) for a, b in pairwise(d))
    n = len(x)
    return {
        "std": x.std(ddof=1),
        "iqr": stats.iqr(x),
        "skew": stats.skew(x),
        "kurt": stats.kurtosis(x),
        "nzc": sum((a < 0) != (b < 0) for a, b in pairwise(x)),
        "hmob": mobility,
        "hcomp": math.sqrt(dd.var() / d.var()) / mobility,
        **{name: power[name] / power["all"] for name in BANDS},
        "dt": delta / power["theta"],
        "ds": delta / power["sigma"],
        "db": delta / power["beta"],
        "at": power["alpha"] / power["theta"],
        "abspow": np.trapezoid(psd[(f >= 0.4) & (f <= 30.0)], dx=0.2),
        "perm": float(-(shares * np.log2(shares)).sum() / np.log2(6)),
        "higuchi": float(np.polyfit(np.log(1.0 / np.arange(1, 11)), np.log(lengths), 1)[0]),
        "petrosian": math.log10(n) / (math.log10(n) + math.log10(n / (n + 0.4 * changes))),
    }


@pytest.mark.parametrize("how", [whole_epoch_features, partial_epoch_features])
def test_each_feature_is_its_definition(how) -> None:  # type: ignore[no-untyped-def]
    some = np.concatenate((epochs(), np.round(epochs(10, seed=1)) + 0.0))  # whole µV: full of equal samples
    found = how(some)
    expected = [slow(each) for each in some]
    assert set(expected[0]) == set(NAMES)
    for name in NAMES:
        wanted = np.array([each[name] for each in expected])
        # Single precision over 3000 samples; skewness and kurtosis may be near 0.
        assert of(found, name) == pytest.approx(wanted, rel=2e-5, abs=2e-5), name


def test_a_sine_worked_by_hand() -> None:
    t = np.arange(3000) / 100.0
    x = (50.0 * np.sin(2 * np.pi * 10.0 * t + 0.1)).astype(np.float32)[None]
    found = dict(zip(NAMES, whole_epoch_features(x)[0], strict=True))
    assert found["std"] == pytest.approx(50 / math.sqrt(2), rel=1e-3)
    assert found["kurt"] == pytest.approx(-1.5, abs=1e-3)
    assert found["nzc"] == 599  # twice a cycle, 300 cycles; the first is before the epoch
    assert found["hmob"] == pytest.approx(2 * math.sin(math.pi / 10), rel=1e-3)
    assert found["hcomp"] == pytest.approx(1.0, abs=1e-3)
    assert found["alpha"] == pytest.approx(1.0, abs=2e-3)
    # All windows alike: the median is divided by a bias it does not have (1 − ln-like sum of 11 windows: 0.7365).
    bias = 1.0 + sum(1.0 / (k + 1) - 1.0 / k for k in range(2, 11, 2))
    assert found["abspow"] == pytest.approx(1250.0 / bias, rel=2e-3)


def test_a_ramp_and_a_constant() -> None:
    ramp = np.linspace(-30.0, 30.0, 3000, dtype=np.float32)[None]
    found = dict(zip(NAMES, whole_epoch_features(ramp)[0], strict=True))
    assert (found["nzc"], found["petrosian"], found["perm"]) == (1, 1.0, 0.0)
    assert found["higuchi"] == pytest.approx(1.0, abs=1e-3)
    assert found["iqr"] == pytest.approx(30.0, rel=1e-5)
    for how in (whole_epoch_features, partial_epoch_features):
        flat = dict(zip(NAMES, how(np.full((1, 3000), 7.0, np.float32))[0], strict=True))
        assert (flat["std"], flat["iqr"], flat["nzc"], flat["perm"]) == (0.0, 0.0, 0.0, 0.0)
        assert all(math.isnan(flat[name]) for name in ("skew", "kurt", "hmob", "hcomp", "higuchi"))


def test_gain_moves_what_has_a_unit_and_nothing_else() -> None:
    some = epochs(8)
    one, two = whole_epoch_features(some), whole_epoch_features(some * np.float32(4.0))
    factor = {"std": 4.0, "iqr": 4.0, "abspow": 16.0}
    for name in NAMES:
        assert of(two, name) == pytest.approx(of(one, name) * factor.get(name, 1.0), rel=1e-6, abs=1e-7), name


def test_epochs_do_not_look_at_each_other() -> None:
    some = epochs(70)
    turned = whole_epoch_features(some[::-1])[::-1]
    assert turned == pytest.approx(whole_epoch_features(some), rel=1e-6, abs=1e-7)


def test_equal_neighbours_count_as_rising() -> None:
    steps = np.repeat(np.arange(1500, dtype=np.float32), 2)[None]
    assert of(whole_epoch_features(steps), "perm") == 0.0
    assert of(partial_epoch_features(steps), "perm") == 0.0
    down = whole_epoch_features(-steps)
    assert of(down, "perm")[0] == pytest.approx(slow(-steps[0])["perm"], abs=1e-9)


def test_what_is_missing_is_not_looked_at_and_hardly_missed() -> None:
    noise = np.random.default_rng(5).normal(size=(30, 3100))
    some = signal.lfilter([1.0], [1.0, -0.9], noise, axis=1)[:, 100:].astype(np.float32)
    holed = some.copy()
    holed[:, 1200:2100] = np.nan
    holed[:, 100] = np.nan
    assert sufficiently_valid(holed).all()
    found, whole = partial_epoch_features(holed), whole_epoch_features(some)
    assert np.isfinite(found).all()
    # Not biased: over 30 epochs, what stands in two thirds of them says on average what the whole does.
    for name in ("nzc", "hmob", "perm", "higuchi", "petrosian", "beta"):
        assert of(found, name).mean() == pytest.approx(of(whole, name).mean(), rel=0.03), name
    for name in ("std", "iqr"):
        assert of(found, name).mean() == pytest.approx(of(whole, name).mean(), rel=0.1), name


def test_crossings_of_a_holed_sine_are_scaled_to_a_whole_epoch() -> None:
    x = np.sin(2 * np.pi * 10.0 * np.arange(3000) / 100.0 + 0.1).astype(np.float32)[None]
    x[:, 1000:2000] = np.nan
    found = partial_epoch_features(x)
    assert of(found, "nzc")[0] == pytest.approx(398 / 1998 * 2999)  # 199 among each 999 neighbours
    assert of(found, "alpha")[0] == pytest.approx(1.0, abs=2e-3)
    # Six windows are whole, all alike; their median is divided by the bias of six.
    assert of(found, "abspow")[0] == pytest.approx(0.5 / (1 + 1 / 3 - 1 / 2 + 1 / 5 - 1 / 4), rel=2e-3)
    whole = np.sin(2 * np.pi * np.arange(3000) / 10.0 + 0.1)
    assert of(found, "petrosian")[0] == pytest.approx(slow(whole)["petrosian"], rel=1e-4)


def test_steps_that_are_missing_do_not_shorten_a_curve() -> None:
    x = np.random.default_rng(8).normal(size=(1, 3000)).astype(np.float32)
    whole = _curve_lengths(x[0])
    x[:, np.arange(3000) % 25 < 10] = np.nan  # takes twice as many of the long steps as of the short ones
    assert _curve_lengths(x[0]) == pytest.approx(whole, rel=0.06)


def test_half_an_epoch_and_three_windows_are_the_least() -> None:
    holed = np.ones((6, 3000), np.float32)
    holed[0, :1500] = np.nan  # half is there: five windows
    holed[1, :1501] = np.nan  # less than half
    holed[2, 400::450] = np.nan  # nearly all is there, but no window is whole
    holed[3, 1001:] = np.nan  # three windows, a third of the epoch
    holed[4, np.r_[750:2999:333, 2999]] = np.nan  # windows from 0, 2.5 s only
    holed[5, np.r_[1000:2999:333, 2999]] = np.nan  # and from 5 s
    assert sufficiently_valid(holed).tolist() == [True, False, False, False, False, True]
    assert not sufficiently_valid(np.full((1, 3000), np.nan, np.float32))[0]
