"""The day–night loop as a linear system: its parameters, its priors, and what follows from them in closed form.

With A the day index and B the badness of the following night, both + = worse,

    A_d = phi_a A_{d-1} + b B_{d-1} + w_d,    w ~ N(0, q_a)
    B_d = phi_b B_{d-1} + c A_d     + v_d,    v ~ N(0, q_b)

so one day maps (A, B) by M = [[phi_a, b], [c phi_a, phi_b + c b]], whose determinant is phi_a phi_b and whose
trace is phi_a + phi_b + g: the loop gain g = b c enters only through the trace. All functions take and return
arrays of any one broadcast shape.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PARAMETERS = ("phi_a", "phi_b", "b", "c", "log_qa", "log_qb")
"""The order of the last axis of every parameter array."""
PHI_A, PHI_B, PATH_B, PATH_C, LOG_QA, LOG_QB = range(6)

PRIOR_TABLE = Path(__file__).parent / "priors" / "loop_priors.csv"


@dataclass(frozen=True, slots=True)
class Reliability:
    """The assumed reliable share of an index's within-person variance, and the range over which to try it."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class LoopPriors:
    """Independent Gaussian priors of the four paths and of both log innovation variances; fixed reliabilities."""

    paths: tuple[float, float, float, float]
    """Prior means of phi_a, phi_b, b, c."""
    sds: tuple[float, float, float, float, float, float]
    """Prior SDs in the order of `PARAMETERS`."""
    day: Reliability
    night: Reliability
    content: str
    """First 12 hex digits of the SHA-256 of the table's bytes."""

    def means(self, rel_a: Floats, rel_b: Floats) -> Floats:
        """Prior means of all six parameters, shape (n, 6), for reliabilities of shape (n,).

        The innovations are centred where the latent indices have variances rel_a and rel_b (observed variance 1).
        """
        phi_a, phi_b, b, c = (np.full(np.shape(rel_a), mean) for mean in self.paths)
        q_a, q_b = innovation_variances(phi_a, phi_b, b, c, rel_a, rel_b)
        return np.stack([phi_a, phi_b, b, c, np.log(q_a), np.log(q_b)], axis=-1)


@cache
def loop_priors() -> LoopPriors:
    """The published priors of this release, from `priors/loop_priors.csv` (read once)."""
    raw = PRIOR_TABLE.read_bytes()
    rows = {row["parameter"]: row for row in csv.DictReader(raw.decode("utf-8").splitlines())}

    def number(parameter: str, column: str) -> float:
        return float(rows[parameter][column])

    def reliability(parameter: str) -> Reliability:
        return Reliability(number(parameter, "mean"), number(parameter, "low"), number(parameter, "high"))

    q_sd = number("log_q", "sd")
    return LoopPriors(
        paths=(number("phi_a", "mean"), number("phi_b", "mean"), number("b", "mean"), number("c", "mean")),
        sds=(number("phi_a", "sd"), number("phi_b", "sd"), number("b", "sd"), number("c", "sd"), q_sd, q_sd),
        day=reliability("rel_a"),
        night=reliability("rel_b"),
        content=hashlib.sha256(raw).hexdigest()[:12],
    )


def spectral_radius(phi_a: Floats, phi_b: Floats, b: Floats, c: Floats) -> Floats:
    """Largest modulus of the eigenvalues of M: the factor by which a deviation is multiplied per day, ≥ 0.

    The eigenvalues solve l² − (phi_a + phi_b + b c) l + phi_a phi_b = 0; a complex pair has modulus √(phi_a phi_b).
    """
    trace = phi_a + phi_b + b * c
    determinant = phi_a * phi_b
    spread = trace * trace - 4.0 * determinant
    real = 0.5 * (np.abs(trace) + np.sqrt(np.maximum(spread, 0.0)))
    return np.where(spread >= 0.0, real, np.sqrt(np.maximum(determinant, 0.0)))


def steady_gain(phi_a: Floats, phi_b: Floats, b: Floats, c: Floats) -> Floats:
    """Loop gain for a lasting stressor, G = b c / [(1 − phi_a)(1 − phi_b)]; NaN where either carry-over is ≥ 1.

    For 0 ≤ phi < 1 and b c ≥ 0, G ≥ 1 exactly where the spectral radius is ≥ 1.
    """
    stable = (phi_a < 1.0) & (phi_b < 1.0)
    room = np.where(stable, (1.0 - phi_a) * (1.0 - phi_b), np.nan)
    return b * c / room


def amplification(gain: Floats) -> Floats:
    """Factor by which a loop of steady gain G enlarges a lasting stressor, 1 / (1 − G); NaN where G ≥ 1."""
    return 1.0 / np.where(gain < 1.0, 1.0 - gain, np.nan)


def half_life_d(radius: Floats) -> Floats:
    """Days after which half of a deviation is left, ln .5 / ln rho; 0 where rho is 0, infinite where rho ≥ 1."""
    inside = np.clip(radius, np.finfo(float).tiny, 1.0 - 1e-12)
    return np.where(radius >= 1.0, np.inf, np.where(radius <= 0.0, 0.0, np.log(0.5) / np.log(inside)))


def stationary_covariance(
    phi_a: Floats, phi_b: Floats, b: Floats, c: Floats, q_a: Floats, q_b: Floats
) -> tuple[Floats, Floats, Floats]:
    """Var(A), Cov(A, B), Var(B) of the stationary law; meaningful only where the spectral radius is below 1.

    Solves S = M S M' + Q with Q = [[q_a, c q_a], [c q_a, c² q_a + q_b]] as three linear equations.
    """
    phi_a, phi_b, b, c, q_a, q_b = np.broadcast_arrays(phi_a, phi_b, b, c, q_a, q_b)
    back = c * phi_a
    stay = phi_b + c * b
    zero = np.zeros_like(back)
    carried = np.stack(
        [
            np.stack([phi_a**2, 2.0 * phi_a * b, b**2], axis=-1),
            np.stack([phi_a * back, phi_a * stay + b * back, b * stay], axis=-1),
            np.stack([back**2, 2.0 * back * stay, stay**2], axis=-1),
        ],
        axis=-2,
    )
    noise = np.stack([q_a + zero, c * q_a, c**2 * q_a + q_b], axis=-1)
    found = np.linalg.solve(np.eye(3) - carried, noise[..., None])[..., 0]
    return found[..., 0], found[..., 1], found[..., 2]


def innovation_variances(
    phi_a: Floats, phi_b: Floats, b: Floats, c: Floats, var_a: Floats, var_b: Floats
) -> tuple[Floats, Floats]:
    """The innovation variances (q_a, q_b) under which the stationary variances are var_a and var_b.

    The stationary variances are linear in (q_a, q_b): two equations. Negative where no such system exists.
    """
    one, zero = np.ones_like(phi_a), np.zeros_like(phi_a)
    a_from_a, _, b_from_a = stationary_covariance(phi_a, phi_b, b, c, one, zero)
    a_from_b, _, b_from_b = stationary_covariance(phi_a, phi_b, b, c, zero, one)
    determinant = a_from_a * b_from_b - a_from_b * b_from_a
    q_a = (var_a * b_from_b - var_b * a_from_b) / determinant
    q_b = (var_b * a_from_a - var_a * b_from_a) / determinant
    return q_a, q_b
