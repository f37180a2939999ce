"""The posterior of the loop's six parameters for a batch of persons: Kalman likelihood, MAP, importance draws.

The likelihood is that of the bivariate state-space model of `loop_model` observed with known noise: A* = A + e,
Var(e) = 1 − rel_a, and likewise for the night. Missing observations are skipped. The recursion runs over days only;
persons × parameter points are one array axis pair, so a batch costs little more than one person.
Kalman filter and skipping of missing values: Durbin & Koopman, Time Series Analysis by State Space Methods (2012),
ch. 4 (recalled, unverified).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.scores.loop_model import LOG_QA, LOG_QB, PATH_B, PATH_C, PHI_A, PHI_B, Floats, LoopPriors

DRAWS = 300
"""Importance draws a person: interval ends of the loop gain are then reproducible to about a tenth of an SD."""
T_DEGREES = 8
"""Degrees of freedom of the proposal: tails wider than the Gaussian approximation, so that weights stay bounded."""
SEED = 20_240_901
"""The same standard draws serve every person: an estimate depends on nothing but the person's own data."""
STEP = 1e-2
"""Step of the numeric derivatives, in prior SDs: truncation 1e-4 of a third derivative, rounding below 1e-8."""
NEWTON_STEPS = 40
GRADIENT_TOLERANCE = 1e-5
"""Largest gradient, in log density per prior SD, at which the search stops."""
CURVATURE_FLOOR = 0.5
"""Smallest curvature used, per prior SD²: the prior alone has 1, so a posterior is not taken as wider than √2 prior."""
LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """Standardised series of a batch of persons on a common calendar: (days, persons), NaN where missing."""

    day: Floats
    night: Floats
    rel_a: Floats
    """Reliability of the day index, shape (persons,)."""
    rel_b: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Filtered:
    """Log likelihood and the state after the last day; every array has shape (persons, points)."""

    log_likelihood: Floats
    mean_a: Floats
    mean_b: Floats
    var_a: Floats
    cov_ab: Floats
    var_b: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """Weighted draws: `theta` (persons, draws, 6) in the order of `PARAMETERS`, `weights` summing to 1 per person."""

    theta: Floats
    weights: Floats
    mode: Floats
    """(persons, 6)."""
    ess: Floats
    """Effective sample size of the weights, 1 … draws, shape (persons,)."""
    end: Filtered
    """The filtered state of every draw."""


def filtered(observed: Observed, theta: Floats) -> Filtered:
    """Log likelihood and end state for parameter points `theta` of shape (persons, points, 6).

    The state before the first day has mean 0 and the variances rel_a and rel_b, uncorrelated: the indices are
    standardised, so their variances are known, and the start stays defined where no stationary law exists.
    """
    phi_a, phi_b, b, c = (np.ascontiguousarray(theta[..., i]) for i in (PHI_A, PHI_B, PATH_B, PATH_C))
    q_a, q_b = np.exp(theta[..., LOG_QA]), np.exp(theta[..., LOG_QB])
    phi_a2, phi_b2, b2, c2, phi_ab, c_phi_b = phi_a**2, phi_b**2, b**2, c**2, 2.0 * phi_a * b, 2.0 * c * phi_b
    rel_a, rel_b = observed.rel_a[:, None], observed.rel_b[:, None]
    m_a, m_b, p_ab = np.zeros_like(phi_a), np.zeros_like(phi_a), np.zeros_like(phi_a)
    p_aa, p_bb = rel_a + p_ab, rel_b + p_ab
    total = np.zeros_like(phi_a)
    for today, tonight in zip(observed.day, observed.night, strict=True):
        m_a = phi_a * m_a + b * m_b
        m_b = c * m_a + phi_b * m_b
        across = phi_a * p_ab + b * p_bb  # covariance of today's A with last night's B
        p_aa = phi_a2 * p_aa + phi_ab * p_ab + b2 * p_bb + q_a
        p_bb = c2 * p_aa + c_phi_b * across + phi_b2 * p_bb + q_b
        p_ab = c * p_aa + phi_b * across
        if np.isfinite(today).any():
            gained, m_a, m_b, p_aa, p_ab, p_bb = _told(today, 1.0 - rel_a, m_a, m_b, p_aa, p_ab, p_bb)
            total += gained
        if np.isfinite(tonight).any():
            gained, m_b, m_a, p_bb, p_ab, p_aa = _told(tonight, 1.0 - rel_b, m_b, m_a, p_bb, p_ab, p_aa)
            total += gained
    return Filtered(total, m_a, m_b, p_aa, p_ab, p_bb)


def _told(
    seen_value: Floats, noise: Floats, m: Floats, m_other: Floats, p: Floats, cov: Floats, p_other: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Log density of one observation of the first index, and the state after it; unchanged where it is missing."""
    seen = np.isfinite(seen_value)[:, None]
    spread = p + noise
    surprise = np.where(seen, seen_value[:, None] - m, 0.0)
    weight = seen / spread
    log_density = -0.5 * (seen * (np.log(spread) + LOG_2PI) + surprise * surprise * weight)
    gain, gain_other = p * weight, cov * weight
    return (
        log_density,
        m + gain * surprise,
        m_other + gain_other * surprise,
        p - gain * p,
        cov - gain * cov,
        p_other - gain_other * cov,
    )


def posterior(observed: Observed, priors: LoopPriors) -> Posterior:
    """Weighted posterior draws of every person.

    MAP by damped Newton in units of prior SDs; there, the inverse curvature shapes a multivariate t proposal whose
    fixed standard draws are weighted by posterior over proposal. The same input gives the same bits.
    """
    mean = priors.means(observed.rel_a, observed.rel_b)
    sds = np.array(priors.sds)

    def theta_of(u: Floats) -> Floats:
        return np.asarray(mean[:, None, :] + u * sds, dtype=np.float64)

    def log_density(u: Floats) -> Floats:
        likelihood = filtered(observed, theta_of(u)).log_likelihood
        return np.asarray(likelihood - 0.5 * (u * u).sum(axis=-1), dtype=np.float64)

    mode, curvature = _mode(log_density, len(mean))
    standard, log_proposal = _standard_draws()
    values, vectors = np.linalg.eigh(curvature)
    root = vectors / np.sqrt(np.maximum(values, CURVATURE_FLOOR))[:, None, :]
    u = mode[:, None, :] + np.einsum("nij,dj->ndi", root, standard)
    end = filtered(observed, theta_of(u))
    log_weight = end.log_likelihood - 0.5 * (u * u).sum(axis=-1) - log_proposal
    weights = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weights /= weights.sum(axis=1, keepdims=True)
    return Posterior(theta_of(u), weights, mean + mode * sds, 1.0 / (weights**2).sum(axis=1), end)


def weighted_quantiles(values: Floats, weights: Floats, levels: tuple[float, ...]) -> Floats:
    """Quantiles of weighted draws, shape (levels,); draws sit at the middle of their weight, linear between them."""
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weights[order]) - 0.5 * weights[order]
    return np.asarray(np.interp(np.array(levels), cumulative, values[order]), dtype=np.float64)


def _standard_draws() -> tuple[Floats, Floats]:
    """Antithetic t8 draws, (DRAWS, 6), and their log density up to a constant, (DRAWS,)."""
    random = np.random.default_rng(SEED)
    half = (
        random.standard_normal((DRAWS // 2, 6)) / np.sqrt(random.chisquare(T_DEGREES, DRAWS // 2) / T_DEGREES)[:, None]
    )
    draws = np.concatenate([half, -half])
    return draws, -0.5 * (T_DEGREES + 6) * np.log1p((draws * draws).sum(axis=1) / T_DEGREES)


def _stencil() -> tuple[Floats, list[tuple[int, int]]]:
    """Offsets for gradient and Hessian: the centre, ± each axis, ± each pair of axes together; and the pairs."""
    axes = np.eye(6)
    pairs = [(i, j) for i in range(6) for j in range(i)]
    both = np.array([axes[i] + axes[j] for i, j in pairs])
    return STEP * np.concatenate([np.zeros((1, 6)), axes, -axes, both, -both]), pairs


def _derivatives(values: Floats, pairs: list[tuple[int, int]]) -> tuple[Floats, Floats]:
    """Gradient (n, 6) and Hessian (n, 6, 6) from the values at the stencil, (n, 43)."""
    centre, up, down = values[:, :1], values[:, 1:7], values[:, 7:13]
    both = values[:, 13:28] + values[:, 28:43]
    gradient = (up - down) / (2.0 * STEP)
    hessian = np.empty((len(values), 6, 6))
    single = up + down - 2.0 * centre
    hessian[:, range(6), range(6)] = single / STEP**2
    for k, (i, j) in enumerate(pairs):
        mixed = (both[:, k] - 2.0 * centre[:, 0] - single[:, i] - single[:, j]) / (2.0 * STEP**2)
        hessian[:, i, j] = hessian[:, j, i] = mixed
    return gradient, hessian


def _mode(log_density: Callable[[Floats], Floats], n: int) -> tuple[Floats, Floats]:
    """The maximum of each person's log density, (n, 6), and the negative Hessian there, (n, 6, 6).

    Each round evaluates the whole stencil at the proposed points: a point that is not lower is accepted with its
    derivatives, otherwise the step is quartered. A person that has converged moves no more, so that a result does
    not depend on the rest of the batch.
    """
    offsets, pairs = _stencil()
    at, step, scale = np.zeros((n, 6)), np.zeros((n, 6)), np.ones(n)
    best, curvature = np.full(n, -np.inf), np.tile(np.eye(6), (n, 1, 1))
    moving = np.ones(n, dtype=bool)
    for _ in range(NEWTON_STEPS):
        tried = at + scale[:, None] * step
        values = log_density(tried[:, None, :] + offsets)
        gradient, hessian = _derivatives(values, pairs)
        better = moving & (values[:, 0] >= best)
        at = np.where(better[:, None], tried, at)
        best = np.where(better, values[:, 0], best)
        curvature = np.where(better[:, None, None], -hessian, curvature)
        moving &= ~(better & (np.abs(gradient).max(axis=1) < GRADIENT_TOLERANCE)) & (scale > 1e-6)
        if not moving.any():
            break
        eigen, vectors = np.linalg.eigh(-hessian)
        inverse = np.einsum("nij,nj,nkj->nik", vectors, 1.0 / np.maximum(eigen, CURVATURE_FLOOR), vectors)
        step = np.where(better[:, None], np.einsum("nij,nj->ni", inverse, gradient), step)
        scale = np.where(better, 1.0, np.where(moving, scale / 4.0, scale))
    return at, curvature
