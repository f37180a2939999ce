"""The loop's likelihood against a brute-force density, and the posterior's operating characteristics in small."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, rankdata

from pipeline.scores.loop_model import innovation_variances, loop_priors
from pipeline.scores.loop_posterior import Observed, Posterior, filtered, posterior, weighted_quantiles

REL_A, REL_B = 0.65, 0.70


def drawn(random: np.random.Generator, theta: np.ndarray, days: int, missing: float = 0.0) -> Observed:
    """Observed series of persons with parameters `theta` (persons, 6), begun 50 days before."""
    n = len(theta)
    phi_a, phi_b, b, c = theta[:, :4].T
    sd_a, sd_b = np.exp(theta[:, 4:] / 2.0).T
    day, night = np.empty((days, n)), np.empty((days, n))
    a = z = np.zeros(n)
    for d in range(-50, days):
        a = phi_a * a + b * z + sd_a * random.standard_normal(n)
        z = phi_b * z + c * a + sd_b * random.standard_normal(n)
        if d >= 0:
            day[d], night[d] = a, z
    day += np.sqrt(1.0 - REL_A) * random.standard_normal((days, n))
    night += np.sqrt(1.0 - REL_B) * random.standard_normal((days, n))
    for values in (day, night):
        values[random.random((days, n)) < missing] = np.nan
    return Observed(day, night, np.full(n, REL_A), np.full(n, REL_B))


def parameters(n: int, phi_a: float, phi_b: float, b: float, c: float) -> np.ndarray:
    """The same paths for n persons, with innovations that give observed variance 1."""
    paths = tuple(map(np.float64, (phi_a, phi_b, b, c)))
    q_a, q_b = innovation_variances(*paths, np.float64(REL_A), np.float64(REL_B))
    return np.tile([*paths, np.log(q_a), np.log(q_b)], (n, 1))


def standardised(seen: Observed) -> Observed:
    """Each series as z, as the score hands it on."""
    day, night = (
        (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0, ddof=1) for values in (seen.day, seen.night)
    )
    return Observed(day, night, seen.rel_a, seen.rel_b)


def p_reinforcing(found: Posterior) -> np.ndarray:
    """P(b > 0 and c > 0) of every person."""
    return (found.weights * ((found.theta[..., 2] > 0) & (found.theta[..., 3] > 0))).sum(axis=1)


def mean_gain(found: Posterior) -> np.ndarray:
    """Posterior mean of g of every person."""
    return (found.weights * found.theta[..., 2] * found.theta[..., 3]).sum(axis=1)


def auc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Probability that a positive ranks above a negative."""
    ranks = rankdata(np.concatenate([positive, negative]))[: len(positive)]
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))


@pytest.mark.parametrize("gaps", ["none", "some", "a whole day", "nights only"])
def test_the_likelihood_is_the_joint_normal_density(gaps):
    random = np.random.default_rng(5)
    days = 6
    theta = np.array([0.3, 0.1, 0.5, 0.4, np.log(0.5), np.log(0.3)])
    values = random.standard_normal((days, 2))
    if gaps == "some":
        values[0, 1] = values[2, 0] = values[3, 1] = np.nan
    if gaps == "a whole day":
        values[3] = np.nan
    if gaps == "nights only":
        values[:, 0] = np.nan
    # The whole path of latent values is a linear function of the start and the innovations.
    phi_a, phi_b, b, c = theta[:4]
    count = 2 + 2 * days
    sources = np.diag(np.concatenate([[REL_A, REL_B], np.tile(np.exp(theta[4:]), days)]))
    a_row, b_row = np.eye(count)[0], np.eye(count)[1]
    rows = []
    for d in range(days):
        a_row = phi_a * a_row + b * b_row + np.eye(count)[2 + 2 * d]
        b_row = phi_b * b_row + c * a_row + np.eye(count)[3 + 2 * d]
        rows += [a_row, b_row]
    paths = np.array(rows)
    covariance = paths @ sources @ paths.T + np.diag(np.tile([1.0 - REL_A, 1.0 - REL_B], days))
    flat = values.ravel()
    seen = np.isfinite(flat)
    expected = multivariate_normal(np.zeros(seen.sum()), covariance[np.ix_(seen, seen)]).logpdf(flat[seen])
    observed = Observed(values[:, :1], values[:, 1:], np.array([REL_A]), np.array([REL_B]))
    found = filtered(observed, theta[None, None, :])
    assert found.log_likelihood[0, 0] == pytest.approx(expected, abs=1e-10)
    # The state after the last day is the conditional law of the last two latent values.
    latent = paths @ sources @ paths.T
    inverse = np.linalg.inv(covariance[np.ix_(seen, seen)])
    mean = latent[-2:, seen] @ inverse @ flat[seen]
    law = latent[-2:, -2:] - latent[-2:, seen] @ inverse @ latent[seen, -2:]
    assert (found.mean_a[0, 0], found.mean_b[0, 0]) == pytest.approx(tuple(mean), abs=1e-10)
    state = (found.var_a[0, 0], found.cov_ab[0, 0], found.var_b[0, 0])
    assert state == pytest.approx((law[0, 0], law[0, 1], law[1, 1]), abs=1e-10)


def test_without_data_the_posterior_is_the_prior():
    nothing = np.full((30, 1), np.nan)
    found = posterior(Observed(nothing, nothing, np.array([REL_A]), np.array([REL_B])), loop_priors())
    mean = loop_priors().means(np.array([REL_A]), np.array([REL_B]))[0]
    sd = np.sqrt((found.weights[0, :, None] * (found.theta[0] - mean) ** 2).sum(axis=0))
    np.testing.assert_allclose(found.mode[0], mean, atol=1e-6)
    # The draws are antithetic: the mean is exact, the SD only to about 1/√(2·300) = 4 %.
    np.testing.assert_allclose(found.weights[0] @ found.theta[0], mean, atol=1e-6)
    np.testing.assert_allclose(sd, loop_priors().sds, rtol=0.15)


def test_the_mode_is_a_maximum_of_the_posterior():
    random = np.random.default_rng(2)
    seen = standardised(drawn(random, parameters(4, 0.2, 0.05, 0.37, 0.37), 60, 0.2))
    found = posterior(seen, loop_priors())
    mean, sds = loop_priors().means(seen.rel_a, seen.rel_b), np.array(loop_priors().sds)
    around = found.mode[:, None, :] + 0.05 * sds * np.concatenate([np.zeros((1, 6)), random.standard_normal((200, 6))])
    u = (around - mean[:, None, :]) / sds
    density = filtered(seen, around).log_likelihood - 0.5 * (u * u).sum(axis=-1)
    assert (density.argmax(axis=1) == 0).all()


def test_a_person_does_not_depend_on_the_batch_and_repeats_bit_for_bit():
    seen = standardised(drawn(np.random.default_rng(3), parameters(3, 0.2, 0.05, 0.2, 0.2), 40, 0.2))
    together, again = posterior(seen, loop_priors()), posterior(seen, loop_priors())
    assert np.array_equal(together.weights, again.weights)
    assert np.array_equal(together.theta, again.theta)
    alone = posterior(Observed(seen.day[:, 1:2], seen.night[:, 1:2], seen.rel_a[:1], seen.rel_b[:1]), loop_priors())
    np.testing.assert_allclose(alone.mode[0], together.mode[1], atol=1e-9)
    np.testing.assert_allclose(alone.weights[0], together.weights[1], atol=1e-9)


def test_no_loop_is_not_called_reinforcing():
    seen = standardised(drawn(np.random.default_rng(11), parameters(60, 0.2, 0.05, 0.0, 0.0), 56, 0.2))
    found = posterior(seen, loop_priors())
    assert np.mean(p_reinforcing(found) > 0.9) <= 0.08
    assert abs(mean_gain(found).mean()) <= 0.03


def test_a_strong_loop_ranks_above_none():
    random = np.random.default_rng(12)
    strong = posterior(standardised(drawn(random, parameters(40, 0.2, 0.05, 0.38, 0.38), 56, 0.2)), loop_priors())
    none = posterior(standardised(drawn(random, parameters(40, 0.2, 0.05, 0.0, 0.0), 56, 0.2)), loop_priors())
    assert auc(p_reinforcing(strong), p_reinforcing(none)) >= 0.75
    assert mean_gain(strong).mean() > mean_gain(none).mean() + 0.02


def test_two_protective_paths_are_not_reinforcing():
    seen = standardised(drawn(np.random.default_rng(13), parameters(10, 0.2, 0.05, -0.4, -0.4), 90))
    found = posterior(seen, loop_priors())
    assert p_reinforcing(found).max() < 0.5
    assert mean_gain(found).mean() > 0.0


def test_intervals_cover_parameters_drawn_from_the_prior():
    random = np.random.default_rng(14)
    priors = loop_priors()
    mean = priors.means(np.full(1, REL_A), np.full(1, REL_B))
    theta = mean + np.array(priors.sds) * random.standard_normal((400, 6))
    radius = np.abs(np.linalg.eigvals([[[p, b], [c * p, r + c * b]] for p, r, b, c in theta[:, :4].tolist()])).max(
        axis=1
    )
    theta = theta[radius < 0.95][:120]
    found = posterior(drawn(random, theta, 42, 0.2), priors)
    for index in (2, 3):
        ends = np.array(
            [
                weighted_quantiles(t, w, (0.025, 0.975))
                for t, w in zip(found.theta[:, :, index], found.weights, strict=True)
            ]
        )
        covered = ((theta[:, index] > ends[:, 0]) & (theta[:, index] < ends[:, 1])).mean()
        # 120 persons: a standard error of .02 around .95.
        assert 0.88 <= covered < 1.0


def test_weighted_quantiles_by_hand():
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([0.25, 0.25, 0.5])
    # In order 1, 2, 3 the middles of the weights lie at .125, .5, .875.
    np.testing.assert_allclose(weighted_quantiles(values, weights, (0.125, 0.3125, 0.5, 0.99)), [1.0, 1.5, 2.0, 3.0])
