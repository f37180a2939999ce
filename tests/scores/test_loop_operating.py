"""The loop score on persons whose truth is known: the posterior itself, seasons, forecasts, missing nights."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from pipeline.scores.loop_adjustment import adjusted
from pipeline.scores.loop_forecast import BAD_NIGHTS, NIGHTS, WORST_FIFTH_Z, State, week_risk
from pipeline.scores.loop_model import innovation_variances, loop_priors
from pipeline.scores.loop_posterior import Observed, Posterior, filtered, posterior
from pipeline.scores.score import Person, ScoreState
from pipeline.scores.sleep_loop import SCORE

REL_A, REL_B = 0.65, 0.70
PHI_A, PHI_B = 0.2, 0.05


def drawn(random: np.random.Generator, n: int, days: int, path: float) -> tuple[np.ndarray, np.ndarray]:
    """Observed series (days, n) of persons with b = c = path and observed variance 1."""
    paths = tuple(map(np.float64, (PHI_A, PHI_B, path, path)))
    q_a, q_b = innovation_variances(*paths, np.float64(REL_A), np.float64(REL_B))
    a = z = np.zeros(n)
    day, night = np.empty((days, n)), np.empty((days, n))
    for d in range(-40, days):
        a = PHI_A * a + path * z + np.sqrt(q_a) * random.standard_normal(n)
        z = PHI_B * z + path * a + np.sqrt(q_b) * random.standard_normal(n)
        if d >= 0:
            day[d], night[d] = a, z
    day += np.sqrt(1.0 - REL_A) * random.standard_normal((days, n))
    night += np.sqrt(1.0 - REL_B) * random.standard_normal((days, n))
    return day, night


def fitted(day: np.ndarray, night: np.ndarray) -> Posterior:
    """The posterior after the adjustment of the score; no date is a weekend."""
    n = day.shape[1]
    free = np.zeros(len(day), dtype=bool)
    day_z, night_z = (np.stack([adjusted(column, free) for column in x.T], axis=1) for x in (day, night))
    return posterior(Observed(day_z, night_z, np.full(n, REL_A), np.full(n, REL_B)), loop_priors())


def p_reinforcing(found: Posterior) -> np.ndarray:
    """P(b > 0 and c > 0) of every person."""
    return (found.weights * ((found.theta[..., 2] > 0) & (found.theta[..., 3] > 0))).sum(axis=1)


def test_the_draws_agree_with_two_hundred_thousand_from_the_prior():
    random = np.random.default_rng(21)
    day, night = drawn(random, 1, 25, 0.4)
    day[random.random(day.shape) < 0.2] = np.nan
    seen = Observed(day, night, np.array([REL_A]), np.array([REL_B]))
    found = posterior(seen, loop_priors())
    mean, sds = loop_priors().means(seen.rel_a, seen.rel_b)[0], np.array(loop_priors().sds)
    theta = mean + sds * random.standard_normal((200_000, 6))
    likelihood = filtered(seen, theta[None]).log_likelihood[0]
    weights = np.exp(likelihood - likelihood.max())
    weights /= weights.sum()
    assert 1.0 / (weights**2).sum() > 2_000.0
    expected = weights @ theta
    spread = np.sqrt(weights @ (theta - expected) ** 2)
    draws, own = found.theta[0], found.weights[0]
    got = own @ draws
    # About 250 effective draws, 2 000 of the reference: a standard error of .07 SD, of which three are allowed.
    np.testing.assert_array_less(np.abs(got - expected) / spread, 0.21)
    np.testing.assert_allclose(np.sqrt(own @ (draws - got) ** 2), spread, rtol=0.2)
    gain, reference = own @ (draws[:, 2] * draws[:, 3]), weights @ (theta[:, 2] * theta[:, 3])
    assert gain == pytest.approx(reference, abs=0.02)
    harmful = weights @ ((theta[:, 2] > 0.0) & (theta[:, 3] > 0.0))
    assert p_reinforcing(found)[0] == pytest.approx(harmful, abs=0.08)


def test_a_shared_season_is_not_called_a_loop():
    random = np.random.default_rng(22)
    day, night = drawn(random, 60, 84, 0.0)
    season = 1.5 * np.sin(np.pi * np.arange(84) / 84)[:, None]
    assert np.mean(p_reinforcing(fitted(day + season, night + season)) > 0.9) <= 0.05
    # Left in the series, the same season is taken for a loop: the test would notice a missing high-pass.
    scaled = [x / x.std(axis=0, ddof=1) for x in (day + season, night + season)]
    raw = [x - x.mean(axis=0) for x in scaled]
    n = day.shape[1]
    left_in = posterior(Observed(*raw, np.full(n, REL_A), np.full(n, REL_B)), loop_priors())
    assert np.mean(p_reinforcing(left_in) > 0.9) > 0.15


def test_the_mean_forecast_is_the_rate_of_bad_weeks():
    random = np.random.default_rng(23)
    n = 150
    day, night = drawn(random, n, 40 + NIGHTS, 0.38)
    # On the known scale, so that what is tested is the forecast and not the estimate of an SD from 40 nights.
    past = Observed(day[:40], night[:40], np.full(n, REL_A), np.full(n, REL_B))
    found = posterior(past, loop_priors())
    end = found.end
    risks = np.array(
        [
            w @ week_risk(theta, State(*state), REL_B).full
            for w, theta, *state in zip(
                found.weights, found.theta, end.mean_a, end.mean_b, end.var_a, end.cov_ab, end.var_b, strict=True
            )
        ]
    )
    event = (night[40:] > WORST_FIFTH_Z).sum(axis=0) >= BAD_NIGHTS
    # A rate near .17 over 150 persons has a standard error of .03.
    assert risks.mean() == pytest.approx(event.mean(), abs=0.07)
    # Hardly better than the rate itself (Brier score), and not worse by more than chance.
    assert ((risks - event) ** 2).mean() < 1.03 * event.var()


def test_a_fifth_missing_at_random_still_gives_an_estimate_near_the_complete_one():
    random = np.random.default_rng(24)
    day, night = (x[:, 0] for x in drawn(random, 1, 100, 0.4))
    dates = [date(2024, 3, 4) + timedelta(days=i) for i in range(100)]
    days = pl.DataFrame({"day": dates, "day_stream": "heart", "additional_hr_bpm": 3.0 + 2.0 * day})
    nights = pl.DataFrame({"night": dates, "night_stream": "actigraphy", "se_pct": 86.0 - 4.0 * night})
    hidden = [pl.Series(random.random(100) < 0.2) for _ in range(2)]
    complete = SCORE.compute(Person("p01"), {"days": days, "nights": nights})
    holed = SCORE.compute(Person("p01"), {"days": days.filter(~hidden[0]), "nights": nights.filter(~hidden[1])})
    assert complete.state is holed.state is ScoreState.USABLE
    assert complete.low95 < holed.estimate < complete.high95
    for name in ("b", "c"):
        width = complete.details[f"{name}_high95"] - complete.details[f"{name}_low95"]
        holed_width = holed.details[f"{name}_high95"] - holed.details[f"{name}_low95"]
        assert width < holed_width < 2.0 * width
        assert complete.details[f"{name}_low95"] < holed.details[name] < complete.details[f"{name}_high95"]
