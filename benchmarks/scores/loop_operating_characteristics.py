"""Operating characteristics of the sleep-loop score on simulated persons, printed as tables.

Run from the checkout: `python benchmarks/scores/loop_operating_characteristics.py [persons]`. Every series passes
through the adjustment the score applies (winsor, weekend, trend, 21-day high-pass) and its posterior; only reading
tables is left out. The seed is fixed: the same release prints the same figures, CPU seconds apart.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, replace

import numpy as np

from pipeline.scores.loop_adjustment import adjusted
from pipeline.scores.loop_forecast import BAD_NIGHTS, NIGHTS, WORST_FIFTH_Z, State, week_risk
from pipeline.scores.loop_model import Floats, innovation_variances, loop_priors
from pipeline.scores.loop_posterior import Observed, Posterior, posterior, weighted_quantiles

SEED = 7
PHI_A, PHI_B = 0.20, 0.05
REL_A, REL_B = 0.65, 0.70
SPIN_UP_D = 60
CALL_P = 0.90
STRENGTHS = {"realistic": 0.165, "strong": 0.38, "very strong": 0.52}
"""b = c of a loop person; g = .027, .144, .270."""


@dataclass(frozen=True)
class World:
    """How the series of a group of persons come about."""

    b: Floats
    c: Floats
    memory: float = 0.0
    """Share of a night's load that is left the next night: the load, not the night, drives the day (not the model)."""
    factor_ar: float = 0.0
    factor_sd: float = 0.0
    """A common cause of day and night, autoregressive."""
    season_sd: float = 0.0
    """Height of a half sine shared by day and night over the whole series."""


def drawn(random: np.random.Generator, world: World, days: int) -> tuple[Floats, Floats]:
    """Observed day and night series, (days, persons) each, complete."""
    n = len(world.b)
    flat = np.full(n, PHI_A), np.full(n, PHI_B)
    q_a, q_b = innovation_variances(*flat, world.b, world.c, np.full(n, REL_A), np.full(n, REL_B))
    a, z, load = np.zeros(n), np.zeros(n), np.zeros(n)
    factor = random.standard_normal(n)
    day, night = np.empty((days, n)), np.empty((days, n))
    for d in range(-SPIN_UP_D, days):
        factor = world.factor_ar * factor + np.sqrt(1.0 - world.factor_ar**2) * random.standard_normal(n)
        season = world.season_sd * np.sin(np.pi * max(d, 0) / days)
        a = PHI_A * a + world.b * load + np.sqrt(q_a) * random.standard_normal(n)
        z = PHI_B * z + world.c * a + np.sqrt(q_b) * random.standard_normal(n)
        load = world.memory * load + (1.0 - world.memory) * z
        if d >= 0:
            day[d] = a + world.factor_sd * factor + season
            night[d] = z + world.factor_sd * factor + season
    day += np.sqrt(1.0 - REL_A) * random.standard_normal((days, n))
    night += np.sqrt(1.0 - REL_B) * random.standard_normal((days, n))
    return day, night


def with_gaps(random: np.random.Generator, values: Floats, share: float) -> Floats:
    """The series with `share` of its dates missing, half of them as one block."""
    out = values.copy()
    days, n = out.shape
    block = round(days * share / 2.0)
    start = random.integers(0, days - block + 1, n)
    here = np.arange(days)[:, None]
    out[(here >= start) & (here < start + block)] = np.nan
    out[random.random((days, n)) < share / 2.0] = np.nan
    return out


def fitted(day: Floats, night: Floats) -> Posterior:
    """The posterior of every person, after the adjustment of the score."""
    days, n = day.shape
    weekend_day, weekend_night = np.arange(days) % 7 >= 5, np.isin(np.arange(days) % 7, (4, 5))
    day_z = np.stack([adjusted(day[:, i], weekend_day) for i in range(n)], axis=1)
    night_z = np.stack([adjusted(night[:, i], weekend_night) for i in range(n)], axis=1)
    priors = loop_priors()
    return posterior(Observed(day_z, night_z, np.full(n, priors.day.value), np.full(n, priors.night.value)), priors)


def simulated(random: np.random.Generator, world: World, days: int, missing: float) -> Posterior:
    day, night = drawn(random, world, days)
    return fitted(with_gaps(random, day, missing), with_gaps(random, night, missing))


def gain(found: Posterior) -> Floats:
    return np.asarray((found.weights * found.theta[..., 2] * found.theta[..., 3]).sum(axis=1))


def p_reinforcing(found: Posterior) -> Floats:
    return np.asarray((found.weights * ((found.theta[..., 2] > 0) & (found.theta[..., 3] > 0))).sum(axis=1))


def auc(positive: Floats, negative: Floats) -> float:
    """Probability that a positive ranks above a negative; ties count half."""
    above = positive[:, None] - negative[None, :]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def covers(found: Posterior, truth: Floats) -> Floats:
    """Whether the 95 % interval of g holds the truth, per person."""
    g = found.theta[..., 2] * found.theta[..., 3]
    ends = np.array([weighted_quantiles(v, w, (0.025, 0.975)) for v, w in zip(g, found.weights, strict=True)])
    return np.asarray((truth >= ends[:, 0]) & (truth <= ends[:, 1]))


def none(n: int) -> World:
    return World(np.zeros(n), np.zeros(n))


def no_loop(random: np.random.Generator, n: int) -> None:
    print("\nB2  no loop, clean\nnights  missing  mean g   share P>.9")
    for days in (28, 56, 90):
        for missing in (0.0, 0.2, 0.4):
            found = simulated(random, none(n), days, missing)
            share = (p_reinforcing(found) > CALL_P).mean()
            print(f"{days:6d}  {missing:7.0%}  {gain(found).mean():+.3f}   {share:.3f}")


def recovery(random: np.random.Generator, n: int) -> None:
    print("\nB3  half loop persons, a quarter none, a quarter half loops; 20 % missing")
    print(
        "truth        memory  nights  AUC   AUC vs none  cov95 all  cov95 loop  mean g loop (true)  P>.9 loop/none/half"
    )
    loop, half = n // 2, n // 4
    kind = np.repeat([0, 1, 2], [loop, half, n - loop - half])
    for name, strength in STRENGTHS.items():
        b = np.where((kind == 0) | ((kind == 2) & (np.arange(n) % 2 == 0)), strength, 0.0)
        c = np.where((kind == 0) | ((kind == 2) & (np.arange(n) % 2 == 1)), strength, 0.0)
        for memory, days in ((0.0, 28), (0.0, 56), (0.0, 90), (0.4, 56)):
            found = simulated(random, World(b, c, memory=memory), days, 0.2)
            p, held = p_reinforcing(found), covers(found, b * c)
            # With a memory the path of a single day is not b, so that coverage is not defined.
            cover = f"{held.mean():9.3f}  {held[kind == 0].mean():10.3f}" if memory == 0.0 else f"{'–':>9}  {'–':>10}"
            calls = "/".join(f"{(p[kind == k] > CALL_P).mean():.3f}" for k in range(3))
            print(
                f"{name:12} {memory:6.1f}  {days:6d}  {auc(p[kind == 0], p[kind != 0]):.2f}  "
                f"{auc(p[kind == 0], p[kind == 1]):11.2f}  {cover}  "
                f"{gain(found)[kind == 0].mean():+.3f} ({strength**2:.3f})      {calls}"
            )


def from_the_prior(random: np.random.Generator, n: int) -> World:
    """Persons whose paths b and c are drawn from the prior, where such persons can exist."""
    priors = loop_priors()
    b = priors.paths[2] + priors.sds[2] * random.standard_normal(4 * n)
    c = priors.paths[3] + priors.sds[3] * random.standard_normal(4 * n)
    flat = np.full(4 * n, PHI_A), np.full(4 * n, PHI_B)
    # A path that alone would give more than the reliable variance has no such stationary law.
    q_a, q_b = innovation_variances(*flat, b, c, np.full(4 * n, REL_A), np.full(4 * n, REL_B))
    exists = (q_a > 0.05) & (q_b > 0.05) & (b * c < 0.6 * (1.0 - PHI_A) * (1.0 - PHI_B))
    return World(b[exists][:n], c[exists][:n])


def averaged_coverage(random: np.random.Generator, n: int) -> None:
    print("\nB3  paths b, c drawn from the prior; 20 % missing; adjusted as in the score\nnights  cov95 g")
    for days in (28, 56, 90):
        world = from_the_prior(random, n)
        found = simulated(random, world, days, 0.2)
        print(f"{days:6d}  {covers(found, world.b * world.c).mean():.3f}")


def confounded(random: np.random.Generator, n: int) -> None:
    print(f"\nB4  no loop, 20 % missing, {3 * n} persons a cell: share called reinforcing (P>.9)")
    print("common cause            56 nights  84 nights")
    clean = none(3 * n)
    for name, world in (
        ("half-sine season 1 SD", replace(clean, season_sd=1.0)),
        ("AR(.5) factor .7 SD", replace(clean, factor_ar=0.5, factor_sd=0.7)),
        ("AR(.8) factor .7 SD", replace(clean, factor_ar=0.8, factor_sd=0.7)),
    ):
        shares = [(p_reinforcing(simulated(random, world, days, 0.2)) > CALL_P).mean() for days in (56, 84)]
        print(f"{name:22}  {shares[0]:9.3f}  {shares[1]:9.3f}")


def weeks(found: Posterior) -> tuple[Floats, Floats]:
    """R7 and its loop part of every person."""
    end, n = found.end, len(found.theta)
    risks, loop = np.empty(n), np.empty(n)
    for i in range(n):
        state = State(end.mean_a[i], end.mean_b[i], end.var_a[i], end.cov_ab[i], end.var_b[i])
        week = week_risk(found.theta[i], state, loop_priors().night.value)
        risks[i] = found.weights[i] @ week.full
        loop[i] = found.weights[i] @ (week.full - week.without_loop)
    return risks, loop


def forecast(random: np.random.Generator, n: int) -> None:
    """Bad nights of the coming week are counted against the truth's own worst fifth (variance 1 by construction)."""
    from scipy.stats import binom

    print("\nB6  bad week in the 7 nights after 56 nights, 20 % missing")
    print("truth        event rate  mean prediction  Brier model  own base rate  climatology  AUC   loop part, points")
    worlds = {name: World(np.full(n, g), np.full(n, g)) for name, g in {"none": 0.0, **STRENGTHS}.items()}
    for name, world in (worlds | {"from prior": from_the_prior(random, n)}).items():
        day, night = drawn(random, world, 56 + NIGHTS)
        past = with_gaps(random, night[:56], 0.2)
        found = fitted(with_gaps(random, day[:56], 0.2), past)
        risks, loop = weeks(found)
        event = (night[56:] > WORST_FIFTH_Z).sum(axis=0) >= BAD_NIGHTS
        # The own rate of bad nights, with one night of each kind added so that it is never 0 or 1.
        rate = ((past > WORST_FIFTH_Z).sum(axis=0) + 1.0) / (np.isfinite(past).sum(axis=0) + 2.0)
        own = binom.sf(BAD_NIGHTS - 1, NIGHTS, rate)
        brier = [float(((p - event) ** 2).mean()) for p in (risks, own, np.full(n, event.mean()))]
        print(
            f"{name:12} {event.mean():10.3f}  {risks.mean():15.3f}  {brier[0]:11.4f}  {brier[1]:13.4f}  "
            f"{brier[2]:11.4f}  {auc(risks[event], risks[~event]):.2f}  {100.0 * loop.mean():+.2f}"
        )


def runtime(random: np.random.Generator) -> None:
    day, night = drawn(random, none(100), 90)
    for _ in range(2):  # the first round loads what is imported late
        start = time.process_time()
        fitted(day, night)
        seconds = time.process_time() - start
    print(f"\nB7  100 persons × 90 nights, adjustment and posterior: {seconds:.2f} CPU s")
    start = time.process_time()
    weeks(fitted(day, night))
    print(f"B7  100 persons × 90 nights, with the forecast: {time.process_time() - start:.2f} CPU s")
    start = time.process_time()
    weeks(fitted(day[:, :1], night[:, :1]))
    print(f"B7  one person × 90 nights, with the forecast: {time.process_time() - start:.2f} CPU s")


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{n} persons a cell, seed {SEED}, priors {loop_priors().content}")
    for part in (no_loop, recovery, averaged_coverage, confounded, forecast):
        start = time.process_time()
        part(np.random.default_rng(SEED), n)
        print(f"({time.process_time() - start:.1f} CPU s)")
    runtime(np.random.default_rng(SEED))


if __name__ == "__main__":
    main()
