"""Expected minutes: by hand, on simulated scorers, and against the five scorers of 80 nights."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.recording import Stage
from pipeline.signals.stagers.minutes import design_effect, expected_minutes
from pipeline.signals.stagers.stager import STAGES

SURE_N2 = [0.0, 0.0, 1.0, 0.0, 0.0]
HALF_N3 = [0.1, 0.1, 0.3, 0.5, 0.0]
NOTHING = [np.nan] * 5


def density(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_effects_are_interpolated_between_their_logarithms() -> None:
    assert design_effect(Stage.N3, 1) == design_effect(Stage.WAKE, 0) == 1.0
    assert design_effect(Stage.N3, 975) == design_effect(Stage.N3, 5000) == pytest.approx(115.7)
    ten, thirty = design_effect(Stage.N1, 10), design_effect(Stage.N1, 30)
    assert (ten, thirty) == pytest.approx((2.9, 4.9))
    assert design_effect(Stage.N1, round(math.sqrt(300))) == pytest.approx(math.sqrt(ten * thirty), rel=0.02)


def test_minutes_worked_by_hand() -> None:
    found = expected_minutes(density(*[HALF_N3] * 100, *[SURE_N2] * 900, *[NOTHING] * 40))
    assert found[Stage.N3].mean == pytest.approx(25.0)
    half = 1.959964 * 0.5 * math.sqrt(115.7 * 100 * 0.25)
    assert found[Stage.N3].low95 == 0.0  # 25 − 52.7 min are not possible
    assert found[Stage.N3].high95 == pytest.approx(25.0 + half, rel=1e-4)
    assert found[Stage.N2].mean == pytest.approx(465.0, rel=1e-6)
    assert found[Stage.N2].low95 == pytest.approx(465.0 - 1.959964 * 0.5 * math.sqrt(69.7 * 100 * 0.21), rel=1e-4)
    assert found[Stage.N2].high95 == 500.0  # no more than was staged
    assert found[Stage.REM] == found[Stage.REM].__class__(0.0, 0.0, 0.0)
    assert sum(each.mean for each in found.values()) == pytest.approx(500.0, rel=1e-6)
    assert expected_minutes(density(*[SURE_N2] * 10))[Stage.N2].high95 == 5.0
    nothing = expected_minutes(density(NOTHING, NOTHING))
    assert all(math.isnan(each.mean) and math.isnan(each.high95) for each in nothing.values())


def called(p: np.ndarray, tenacity: float, rng: np.random.Generator, scorers: int) -> np.ndarray:
    """How simulated scorers call epochs of probability p: each leans one way for a while, none all in all."""
    noise = rng.normal(size=(scorers, len(p)))
    lean = np.empty_like(noise)
    lean[:, 0] = noise[:, 0]
    for k in range(1, len(p)):
        lean[:, k] = tenacity * lean[:, k - 1] + math.sqrt(1.0 - tenacity**2) * noise[:, k]
    result: np.ndarray = norm.cdf(lean) < p
    return result


@pytest.mark.parametrize("stage", [Stage.N3, Stage.REM])
def test_intervals_hold_the_counts_of_simulated_scorers(stage: Stage) -> None:
    rng = np.random.default_rng(1)
    column = STAGES.index(stage)
    inside, independent, effects = [], [], []
    for _ in range(60):
        # Stretches of a stage, whose borders are unsure, in a night of 8 h.
        p = np.convolve(rng.random(960 // 40).repeat(40) ** 2, np.ones(21) / 21, mode="same")
        made = np.zeros((960, 5), np.float32)
        made[:, column], made[:, 2 if column != 2 else 1] = p, 1.0 - p
        # This tenacity makes the variance of counts about as many times larger as it is among human scorers.
        calls = called(p, {Stage.N3: 0.9925, Stage.REM: 0.9725}[stage], rng, 40)
        minutes = calls.sum(axis=1) / 2.0
        found = expected_minutes(made)[stage]
        spread = 0.5 * math.sqrt(float((p * (1 - p)).sum()))
        effects.append(((minutes - found.mean) ** 2).mean() / spread**2)
        inside.append((minutes >= found.low95) & (minutes <= found.high95))
        independent.append(np.abs(minutes - found.mean) <= 1.96 * spread)
    assert np.mean(effects) == pytest.approx(design_effect(stage, 960), rel=0.15)
    assert 0.93 <= np.mean(inside) <= 0.98
    assert np.mean(independent) < 0.4


def scored(folder: Path) -> list[np.ndarray]:
    """Each night as five scorers staged it, shape (5, epochs), where all of them did."""
    nights = defaultdict(list)
    for path in sorted(folder.glob("scorer_*/*.json")):
        nights[path.name].append(np.array(json.loads(path.read_text(encoding="utf-8"))))
    out = []
    for five in nights.values():
        n = min(map(len, five))
        night = np.stack([each[:n] for each in five])
        out.append(night[:, (night >= 0).all(axis=0)])
    return out


def chances(nights: list[np.ndarray], code: int) -> np.ndarray:
    """How often a scorer calls an epoch `code` when 0 … 4 of the other four do."""
    called_so, of = np.zeros(5), np.zeros(5)
    for night in nights:
        others = (night == code).sum(axis=0) - (night == code)
        called_so += [((night == code) & (others == k)).sum() for k in range(5)]
        of += [(others == k).sum() for k in range(5)]
    result: np.ndarray = called_so / of
    return result


def misses(nights: list[np.ndarray], chance: np.ndarray, code: int, epochs: int | None = None) -> np.ndarray:
    """Σ (called − p) and Σ p (1 − p) of every scorer and night, or stretch of so many epochs, shape (m, 2)."""
    out = []
    for night in nights:
        p = chance[(night == code).sum(axis=0) - (night == code)]
        n = epochs or night.shape[1]
        whole = night.shape[1] // n * n
        off, spread = ((night == code) - p)[:, :whole], (p * (1 - p))[:, :whole]
        out.append(np.stack([each.reshape(-1, n).sum(axis=1) for each in (off, spread)], axis=1))
    return np.concatenate(out)


@pytest.mark.realdata
def test_the_design_effects_are_those_of_the_five_scorers(real_data: Path) -> None:
    healthy, patients = (scored(real_data / "dod_scorers" / "scorers" / name) for name in ("dodh", "dodo"))
    assert (len(healthy), len(patients)) == (25, 55)
    both = healthy + patients
    for stage in STAGES:
        chance = chances(both, stage)
        for n in (1, 10, 60, 480):
            missed = misses(both, chance, stage, n)
            assert (missed[:, 0] ** 2).sum() / missed[:, 1].sum() == pytest.approx(design_effect(stage, n), abs=0.06)
        whole = misses(both, chance, stage)
        assert (whole[:, 0] ** 2).sum() / whole[:, 1].sum() == pytest.approx(design_effect(stage, 975), abs=0.06)
        for known, fresh in ((healthy, patients), (patients, healthy)):
            chance = chances(known, stage)
            of_known, of_fresh = misses(known, chance, stage), misses(fresh, chance, stage)
            there = (of_known[:, 0] ** 2).sum() / of_known[:, 1].sum()
            held = np.abs(of_fresh[:, 0]) <= 1.96 * np.sqrt(there * of_fresh[:, 1])
            assert 0.90 <= held.mean() <= 0.995, stage
