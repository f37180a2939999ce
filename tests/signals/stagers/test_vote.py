"""The vote by hand; expected minutes by hand, on simulated scorers, and against the five scorers of 80 nights."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from pipeline.recording import Stage
from pipeline.signals.stagers.stager import STAGES, staged
from pipeline.signals.stagers.vote import DESIGN_EFFECT, expected_minutes, valid_share, vote

SURE_N2 = [0.0, 0.0, 1.0, 0.0, 0.0]
HALF_N3 = [0.1, 0.1, 0.3, 0.5, 0.0]
NOTHING = [np.nan] * 5


def density(*rows: list[float]) -> np.ndarray:
    return np.array(rows, np.float32)


def test_a_vote_worked_by_hand() -> None:
    one, two = density(SURE_N2, HALF_N3, NOTHING, NOTHING), density(HALF_N3, HALF_N3, HALF_N3, NOTHING)
    found = vote([one, two], [np.array([1.0, 1.0, 0.0, 0.0]), np.array([0.5, 1.0, 0.6, 1.0])])
    assert found[0] == pytest.approx([0.1 / 3, 0.1 / 3, (2 + 0.3) / 3, 0.5 / 3, 0.0], abs=1e-6)
    assert found[1] == pytest.approx(HALF_N3)
    assert found[2] == pytest.approx(HALF_N3)
    assert np.isnan(found[3]).all()
    assert found.dtype == np.float32


def test_channels_vote_for_probabilities_and_in_any_order() -> None:
    rng = np.random.default_rng(0)
    some = [rng.dirichlet(np.ones(5), 50).astype(np.float32) for _ in range(3)]
    weights = [rng.uniform(0.1, 1.0, 50) for _ in range(3)]
    forward, back = vote(some, weights), vote(some[::-1], weights[::-1])
    assert forward == pytest.approx(back, abs=1e-6)
    assert forward.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert vote(some[:1], weights[:1]) == pytest.approx(some[0], abs=1e-6)
    # Two channels barely for N2, one surely for N3: a majority of labels says N2, the mean N3.
    tie = [density([0, 0, 0.55, 0.45, 0]), density([0, 0, 0.55, 0.45, 0]), density([0, 0, 0.0, 1.0, 0])]
    assert staged(vote(tie, [np.ones(1)] * 3)).tolist() == [Stage.N3]


def test_channels_of_different_lengths_cannot_vote() -> None:
    for some in ([], [density(SURE_N2), density(SURE_N2, SURE_N2)]):
        with pytest.raises(ValueError, match="same epochs"):
            vote(some, [np.ones(len(each)) for each in some])


def test_a_channel_weighs_what_is_valid_of_each_epoch() -> None:
    valid = np.ones(3 * 7680 + 100, np.bool_)
    valid[7680 : 7680 + 1920] = False
    valid[2 * 7680 :] = False
    assert valid_share(valid, 256.0, 3).tolist() == [1.0, 0.75, 0.0]
    assert valid_share(np.ones(3 * 3001, np.bool_), 100.0333, 3).tolist() == [1.0, 1.0, 1.0]


def test_the_likeliest_stage_is_the_label() -> None:
    assert staged(density(HALF_N3, SURE_N2))[:2].tolist() == [Stage.N3, Stage.N2]
    assert np.isnan(staged(density(NOTHING)))[0]
    assert [staged(density(list(row)))[0] for row in np.eye(5)] == [0, 1, 2, 3, 4]


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
    assert np.mean(effects) == pytest.approx(DESIGN_EFFECT[stage], rel=0.15)
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


def misses(nights: list[np.ndarray], chance: np.ndarray, code: int) -> np.ndarray:
    """Σ (called − p) and Σ p (1 − p) of every scorer and night, shape (m, 2)."""
    p_of = [(night == code, chance[(night == code).sum(axis=0) - (night == code)]) for night in nights]
    return np.concatenate([np.stack(((y - p).sum(axis=1), (p * (1 - p)).sum(axis=1)), axis=1) for y, p in p_of])


@pytest.mark.realdata
def test_the_design_effects_are_those_of_the_five_scorers(real_data: Path) -> None:
    healthy, patients = (scored(real_data / "dod_scorers" / "scorers" / name) for name in ("dodh", "dodo"))
    assert (len(healthy), len(patients)) == (25, 55)
    for stage, effect in DESIGN_EFFECT.items():
        missed = misses(healthy + patients, chances(healthy + patients, stage), stage)
        assert (missed[:, 0] ** 2).sum() / missed[:, 1].sum() == pytest.approx(effect, abs=0.06)
        for known, fresh in ((healthy, patients), (patients, healthy)):
            chance = chances(known, stage)
            of_known, of_fresh = misses(known, chance, stage), misses(fresh, chance, stage)
            there = (of_known[:, 0] ** 2).sum() / of_known[:, 1].sum()
            held = np.abs(of_fresh[:, 0]) <= 1.96 * np.sqrt(there * of_fresh[:, 1])
            assert 0.90 <= held.mean() <= 0.995, stage
