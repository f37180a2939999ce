"""The Gaussian latent-factor posterior in closed form, for any number of persons with any pattern of missing features.

The model, for normed features oriented so that + is worse (all quantities on the scale of the between-person SD):

    x_j   = L_j eta + d_j u_k(j) + e_j + m_j
    eta   ~ N(0, 1)          the latent that the score estimates
    u_k   ~ N(0, 1)          what the features of domain k share besides eta
    L_j   ~ N(mean_j, tau_j²)
    Var(e_j) = 1 − L_j² − d_j²,   Var(m_j) = measurement noise (`noise_variance`)

The noise covariance of x given eta is block-diagonal with blocks diag(a) + d d', so its inverse is known exactly
(Sherman & Morrison 1950, doi:10.1214/aoms/1177729893): no matrix is ever solved, and persons with different features
missing are one array operation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NIGHT_AUTOCORRELATION = 0.15
"""Lag-one correlation of a feature's night-to-night deviations; elicited, as the loadings are."""
FIXED_POINT_ITERATIONS = 2
"""Updates of E[eta²] in the moment-matched loading uncertainty; a third moves none of 10 000
simulated estimates by more than 0.02 T."""

LEAST_SPECIFIC = 0.02
"""Share of a feature's variance that neither eta nor its domain explains, at least, after loadings are updated."""


@dataclass(frozen=True, slots=True, eq=False)
class Factors:
    """The prior of p features: shape (p,) each.

    `loading` and `tau` may also be (n, p) where they differ between persons. `domain_share` is d², the share of a
    feature's variance that it has in common with its domain; `domain` holds the domain's number.
    """

    loading: Floats
    tau: Floats
    domain_share: Floats
    domain: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """What is known of eta after x: `mean`, `variance` (n,), `weights`, `contributions` (n, p) and the atypicality.

    Contributions are weights × x, 0 where x is missing; they sum to the mean. `atypicality` is the squared
    Mahalanobis distance of the observed features from the population mean, direction-free, chi² with
    `observed_n` degrees of freedom for persons of the population.
    """

    mean: Floats
    variance: Floats
    weights: Floats
    contributions: Floats
    atypicality: Floats
    observed_n: NDArray[np.int64]


def effective_nights(nights: Floats) -> Floats:
    """The number of independent nights worth `nights` consecutive ones, n / (1 + 2r/(1−r) (1 − 1/n)); 1 for one."""
    r = NIGHT_AUTOCORRELATION
    return nights / (1 + 2 * r / (1 - r) * (1 - 1 / nights))


def noise_variance(nights: Floats, icc: Floats, s_norm: Floats) -> Floats:
    """The variance that measurement adds to a normed window mean: nights that scatter, and a norm that may be off.

    Parameters
    ----------
    nights
        Valid nights (or days) of the window mean, at least 1.
    icc
        Intraclass correlation of one night, 0 < icc ≤ 1.
    s_norm
        Standard deviation of the norm's own error, in between-person SD.
    """
    return np.asarray((1 - icc) / icc / effective_nights(nights) + s_norm**2)


def posterior(x: Floats, noise: Floats, factors: Factors) -> Posterior:
    """The posterior of eta for n persons.

    Parameters
    ----------
    x
        Normed features, + is worse, shape (n, p); NaN where not observed. A row of NaN gives the prior (0, 1).
    noise
        Var(m_j), shape (n, p); read only where x is observed.
    factors
        The prior of the p features.

    Notes
    -----
    Loading uncertainty adds tau_j² E[eta²] to the noise of feature j. E[eta²] begins at its prior value 1 and is
    then set to mean² + variance, `FIXED_POINT_ITERATIONS` times.
    """
    seen = np.isfinite(x)
    values = np.where(seen, x, 0.0)
    loading, tau = np.broadcast_to(factors.loading, x.shape), np.broadcast_to(factors.tau, x.shape)
    specific = 1 - loading**2 - factors.domain_share + np.where(seen, noise, 0.0)
    blocks = _Blocks(np.sqrt(factors.domain_share), factors.domain)
    second_moment = np.ones(len(x))
    for _ in range(FIXED_POINT_ITERATIONS + 1):
        precision = np.where(seen, 1 / (specific + tau**2 * second_moment[:, None]), 0.0)
        solved = blocks.solve(precision, loading)
        variance = 1 / (1 + (loading * solved).sum(axis=1))
        weights = variance[:, None] * solved
        contributions = weights * values
        mean = contributions.sum(axis=1)
        second_moment = mean**2 + variance
    return Posterior(
        mean=mean,
        variance=variance,
        weights=weights,
        contributions=contributions,
        atypicality=_atypicality(values, seen, specific + tau**2, loading, blocks),
        observed_n=seen.sum(axis=1),
    )


def _atypicality(values: Floats, seen: NDArray[np.bool_], specific: Floats, loading: Floats, blocks: _Blocks) -> Floats:
    """The squared distance x' (S + L L')⁻¹ x at the population's own E[eta²] = 1."""
    precision = np.where(seen, 1 / specific, 0.0)
    solved_x, solved_l = blocks.solve(precision, values), blocks.solve(precision, loading)
    across = (values * solved_l).sum(axis=1)
    return np.asarray((values * solved_x).sum(axis=1) - across**2 / (1 + (loading * solved_l).sum(axis=1)))


@dataclass(frozen=True, slots=True, eq=False)
class _Blocks:
    """The noise covariance diag(1/precision) + d d' within each domain."""

    d: Floats
    domain: NDArray[np.int64]

    def solve(self, precision: Floats, b: Floats) -> Floats:
        """S⁻¹ b for each person, 0 where precision is 0 (the feature is missing); shape (n, p)."""
        member = np.eye(int(self.domain.max()) + 1)[self.domain]
        shared = (precision * self.d * b) @ member / (1 + (precision * self.d**2) @ member)
        return np.asarray(precision * (b - self.d * shared[:, self.domain]))


def updated_loadings(factors: Factors, x: Floats, criterion: Floats, criterion_loading: float) -> Factors:
    """The factors after a cohort in which a criterion of eta (a cortisol slope, say) was measured as well.

    Each loading is the precision-weighted mean of its prior and of cov(x_j, y) / lambda_y, whose squared standard
    error is Var(x_j) Var(y) / (n lambda_y²): partial pooling, feature by feature. No loading grows beyond what the
    domain's share of the variance leaves.

    Parameters
    ----------
    factors
        The prior, one row for all persons.
    x
        Normed features of the cohort, (n, p), NaN where missing. Features with fewer than 3 pairs keep their prior.
    criterion
        The criterion, standardised, + is worse, (n,); NaN where missing.
    criterion_loading
        Its own loading on eta, lambda_y.
    """
    loading, tau = factors.loading.copy(), factors.tau.copy()
    largest = np.sqrt(1 - LEAST_SPECIFIC - factors.domain_share)
    for j in range(len(loading)):
        pair = np.isfinite(x[:, j]) & np.isfinite(criterion)
        n = int(pair.sum())
        if n < 3 or tau[j] == 0:
            continue
        (var_x, cov), (_, var_y) = np.cov(x[pair, j], criterion[pair])
        estimate, se2 = cov / criterion_loading, var_x * var_y / (n * criterion_loading**2)
        tau2 = 1 / (1 / tau[j] ** 2 + 1 / se2)
        loading[j] = tau2 * (loading[j] / tau[j] ** 2 + estimate / se2)
        tau[j] = np.sqrt(tau2)
    return Factors(np.clip(loading, -largest, largest), tau, factors.domain_share, factors.domain)
