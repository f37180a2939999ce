"""The 7-night forecast: the probability that at least three of the next seven nights are bad, per posterior draw.

The latent night indices of the coming week are jointly Gaussian given the parameters and the state today. Their law is
written down exactly and integrated over fixed quasi-random paths; given a path, the observed nights are independent,
so the count of bad ones follows by recursion and no noise is simulated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.scores.loop_model import (
    LOG_QA,
    LOG_QB,
    PATH_B,
    PATH_C,
    PHI_A,
    PHI_B,
    Floats,
    stationary_covariance,
)

WORST_FIFTH_Z = 0.8416
"""A night is bad when its observed index exceeds this: the normal quantile of .80, the person's own worst fifth."""
NIGHTS = 7
BAD_NIGHTS = 3
"""Bad nights that make a bad week: three independent nights of a fifth each would make 14.8 % of weeks bad."""
PATHS = 64
KOROBOV = 53
"""Generator of the rank-1 lattice of PATHS points: of all odd ones the nearest to 200 000 random paths on 90 posterior
draws (RMS error of a probability .003, largest .011; the mean over the draws of a person errs less)."""
CARRY_OVER_LIMIT = 0.98
"""Carry-overs are cut to ± this for the stationary law, which does not exist at 1 (the prior leaves .1 % beyond)."""


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """Mean and covariance of (A, B) at the end of the data, one entry per draw."""

    mean_a: Floats
    mean_b: Floats
    var_a: Floats
    cov_ab: Floats
    var_b: Floats


@dataclass(frozen=True, slots=True, eq=False)
class WeekRisk:
    """Probabilities of a bad week (0 … 1), one per posterior draw."""

    full: Floats
    """From the state today, with the fitted loop."""
    without_loop: Floats
    """From the same state with the path from night to day (b) set to 0 for the coming week."""
    base: Floats
    """With b = 0 and the state unknown: the person's own rate over many weeks."""


def week_risk(theta: Floats, state: State, rel_b: float) -> WeekRisk:
    """The three forecasts for parameter draws of shape (draws, 6)."""
    opened = theta.copy()
    opened[:, PATH_B] = 0.0
    everywhere = np.concatenate([theta, opened, opened])
    today = _stacked(state, state, _resting(opened))
    full, without, base = np.split(_bad_week(everywhere, today, np.sqrt(1.0 - rel_b)), 3)
    return WeekRisk(full, without, base)


def _resting(theta: Floats) -> State:
    """The stationary law of draws that have b = 0."""
    phi_a, phi_b = (np.clip(theta[:, i], -CARRY_OVER_LIMIT, CARRY_OVER_LIMIT) for i in (PHI_A, PHI_B))
    b, c, q_a, q_b = theta[:, PATH_B], theta[:, PATH_C], np.exp(theta[:, LOG_QA]), np.exp(theta[:, LOG_QB])
    var_a, cov_ab, var_b = stationary_covariance(phi_a, phi_b, b, c, q_a, q_b)
    nothing = np.zeros(len(theta))
    return State(nothing, nothing, var_a, cov_ab, var_b)


def _stacked(*states: State) -> State:
    """Several states one after the other."""
    return State(*(np.concatenate([getattr(s, name) for s in states]) for name in State.__slots__))


def _bad_week(theta: Floats, state: State, noise_sd: float) -> Floats:
    """P(at least BAD_NIGHTS of NIGHTS observed indices above WORST_FIFTH_Z), shape (draws,)."""
    from scipy.special import ndtr

    mean, covariance = _coming_nights(theta, state)
    factor = np.linalg.cholesky(covariance + 1e-9 * np.eye(NIGHTS))
    normal = _paths()
    fewer = np.zeros((BAD_NIGHTS, len(theta), PATHS))  # probability of 0, 1, 2 … bad nights so far
    fewer[0] = 1.0
    for night in range(NIGHTS):
        latent = mean[:, night, None] + factor[:, night, : night + 1] @ normal[: night + 1]
        bad = ndtr((latent - WORST_FIFTH_Z) / noise_sd)
        for count in range(BAD_NIGHTS - 1, 0, -1):
            fewer[count] += bad * (fewer[count - 1] - fewer[count])
        fewer[0] *= 1.0 - bad
    return np.asarray(1.0 - fewer.sum(axis=0).mean(axis=1), dtype=np.float64)


def _coming_nights(theta: Floats, state: State) -> tuple[Floats, Floats]:
    """Mean (draws, 7) and covariance (draws, 7, 7) of the latent night indices to come."""
    phi_a, phi_b, b, c = (theta[:, i] for i in (PHI_A, PHI_B, PATH_B, PATH_C))
    q_a, q_b = np.exp(theta[:, LOG_QA]), np.exp(theta[:, LOG_QB])
    m_a, m_b, p_aa, p_ab, p_bb = state.mean_a, state.mean_b, state.var_a, state.cov_ab, state.var_b
    mean = np.empty((len(theta), NIGHTS))
    covariance = np.empty((len(theta), NIGHTS, NIGHTS))
    for night in range(NIGHTS):
        m_a = phi_a * m_a + b * m_b
        m_b = c * m_a + phi_b * m_b
        across = phi_a * p_ab + b * p_bb
        p_aa = phi_a**2 * p_aa + 2.0 * phi_a * b * p_ab + b**2 * p_bb + q_a
        p_bb = c**2 * p_aa + 2.0 * c * phi_b * across + phi_b**2 * p_bb + q_b
        p_ab = c * p_aa + phi_b * across
        mean[:, night] = m_b
        with_a, with_b = p_ab, p_bb  # covariance of that night's B with the A and B of the nights after it
        for later in range(night, NIGHTS):
            covariance[:, night, later] = covariance[:, later, night] = with_b
            with_a = phi_a * with_a + b * with_b
            with_b = c * with_a + phi_b * with_b
    return mean, covariance


def _paths() -> Floats:
    """Quasi-random standard normals, shape (7, PATHS): a centred Korobov lattice through the normal quantile."""
    from scipy.special import ndtri

    powers = np.array([pow(KOROBOV, k, PATHS) for k in range(NIGHTS)])
    lattice = (np.outer(powers, np.arange(PATHS)) / PATHS + 0.5 / PATHS) % 1.0
    return np.asarray(ndtri(lattice), dtype=np.float64)
