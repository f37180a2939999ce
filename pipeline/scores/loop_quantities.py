"""The named numbers of a sleep-loop estimate besides the risk itself, from one person's posterior draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.scores.loop_forecast import WORST_FIFTH_Z, State, WeekRisk
from pipeline.scores.loop_model import (
    PATH_B,
    PATH_C,
    PHI_A,
    PHI_B,
    Floats,
    amplification,
    half_life_d,
    spectral_radius,
    steady_gain,
)
from pipeline.scores.loop_posterior import Posterior, weighted_quantiles
from pipeline.scores.loop_series import LoopSeries

LEVELS = (0.025, 0.10, 0.90, 0.975)
"""Quantiles of the 95 % and the 80 % interval."""
REINFORCING_P = 0.90
CALL_MIN_PAIRS = 28
"""A pattern is called reinforcing above this probability, and only on this many paired day–nights."""

DETAILS: Mapping[str, str] = {
    "pairs_n": "dates on which both the day index and the index of the following night were measured",
    "followed_nights_n": "measured nights whose next day was measured too; the path b is read from these",
    "bad_nights_pct": f"share of the measured nights that were bad (adjusted index above {WORST_FIFTH_Z} SD), %",
    "base_rate_pct": "R7 without loop and without knowledge of the current state: the person's rate over many weeks, %",
    "risk_without_loop_pct": "R7 from the current state with the path from night to day set to 0, %",
    "loop_risk_pct": "R7 minus R7 with the path from night to day set to 0, percent points",
    "loop_risk_low95_pct": "lower end of its 95 % interval, percent points",
    "loop_risk_high95_pct": "upper end of its 95 % interval, percent points",
    "state_day_z": "filtered day index at the end of the window, in SDs of the observed index; + is worse",
    "state_night_z": "filtered night index at the end of the window, in SDs of the observed index; + is worse",
    **{
        f"{name}{suffix}": f"{meaning}, {end}"
        for name, meaning in (
            ("phi_a", "carry-over of the day index to the next day"),
            ("phi_b", "carry-over of the night index to the next night"),
            ("b", "path from a bad night to the next day"),
            ("c", "path from a bad day to the following night"),
            ("g", "gain of one turn of the loop, b × c"),
        )
        for suffix, end in (("", "posterior mean"), ("_low95", "2.5 % quantile"), ("_high95", "97.5 % quantile"))
    },
    **{
        f"{name}{suffix}": f"{meaning}, {end}"
        for name, meaning in (
            ("steady_gain", "loop gain for a lasting stressor, G = g / [(1 − phi_a)(1 − phi_b)]"),
            ("amplification", "factor by which the loop enlarges a lasting stressor, 1 / (1 − G); null where G ≥ 1"),
            ("spectral_radius", "factor by which a deviation is multiplied per day"),
            ("half_life_d", "days after which half of a deviation is left; null where it does not decay"),
        )
        for suffix, end in (("", "posterior median"), ("_low95", "2.5 % quantile"), ("_high95", "97.5 % quantile"))
    },
    "p_reinforcing": "posterior probability that both paths are harmful, P(b > 0 and c > 0)",
    "reinforcing_call": f"1 where p_reinforcing exceeds {REINFORCING_P}, else 0; null below {CALL_MIN_PAIRS} pairs",
    "p_self_sustaining": "posterior probability that both paths are harmful and a deviation does not decay",
    "g_low_reliability": "posterior mean of g if both indices are less reliable than assumed (.45 / .50)",
    "g_high_reliability": "posterior mean of g if both indices are more reliable than assumed (.85 / .90)",
    "p_reinforcing_low_reliability": "p_reinforcing under the lower reliabilities",
    "p_reinforcing_high_reliability": "p_reinforcing under the higher reliabilities",
    "ess": "effective number of the 300 importance draws",
}


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """One person's weighted posterior draws and their forecasts."""

    theta: Floats
    weights: Floats
    end: State
    risk: WeekRisk

    def mean(self, values: Floats) -> float:
        """Posterior mean of one number per draw."""
        """The posterior mean of a quantity with one value a draw."""
        return float(self.weights @ values)

    def path(self, index: int) -> Floats:
        """One parameter of every draw."""
        """The draws of one parameter, by its place in `PARAMETERS`."""
        return self.theta[:, index]


def loop_details(series: LoopSeries, found: Posterior, draws: Draws) -> dict[str, float | None]:
    """Every declared detail of an estimate that was made."""
    nights = series.night[np.isfinite(series.night)]
    loop = 100.0 * (draws.risk.full - draws.risk.without_loop)
    loop_low, _, _, loop_high = weighted_quantiles(loop, draws.weights, LEVELS).tolist()
    reinforcing = [_p_reinforcing(found, row) for row in range(3)]
    gains = [float(found.weights[row] @ _gain(found.theta[row])) for row in range(3)]
    phi_a, phi_b, b, c = (draws.path(i) for i in (PHI_A, PHI_B, PATH_B, PATH_C))
    holds = (b > 0.0) & (c > 0.0) & (spectral_radius(phi_a, phi_b, b, c) >= 1.0)
    details: dict[str, float | None] = {
        "pairs_n": float(series.pairs),
        "followed_nights_n": float(series.followed),
        "bad_nights_pct": 100.0 * float((nights > WORST_FIFTH_Z).mean()),
        "base_rate_pct": 100.0 * draws.mean(draws.risk.base),
        "risk_without_loop_pct": 100.0 * draws.mean(draws.risk.without_loop),
        "loop_risk_pct": draws.mean(loop),
        "loop_risk_low95_pct": loop_low,
        "loop_risk_high95_pct": loop_high,
        "state_day_z": draws.mean(draws.end.mean_a),
        "state_night_z": draws.mean(draws.end.mean_b),
        **_paths(draws),
        **_dynamics(draws),
        "p_reinforcing": reinforcing[0],
        "reinforcing_call": float(reinforcing[0] > REINFORCING_P) if series.pairs >= CALL_MIN_PAIRS else None,
        "p_self_sustaining": float(draws.weights @ holds),
        "g_low_reliability": gains[1],
        "g_high_reliability": gains[2],
        "p_reinforcing_low_reliability": reinforcing[1],
        "p_reinforcing_high_reliability": reinforcing[2],
        "ess": float(found.ess[0]),
    }
    return details


def _gain(theta: Floats) -> Floats:
    return np.asarray(theta[:, PATH_B] * theta[:, PATH_C], dtype=np.float64)


def _p_reinforcing(found: Posterior, row: int) -> float:
    """P(b > 0 and c > 0): not P(g > 0), which two protective paths would also raise."""
    theta = found.theta[row]
    return float(found.weights[row] @ ((theta[:, PATH_B] > 0.0) & (theta[:, PATH_C] > 0.0)))


def _paths(draws: Draws) -> dict[str, float | None]:
    """Means and 95 % intervals of the four paths and of the loop gain."""
    out: dict[str, float | None] = {}
    for name, index in (("phi_a", PHI_A), ("phi_b", PHI_B), ("b", PATH_B), ("c", PATH_C), ("g", None)):
        values = _gain(draws.theta) if index is None else draws.path(index)
        low, _, _, high = weighted_quantiles(values, draws.weights, LEVELS).tolist()
        out |= {name: draws.mean(values), f"{name}_low95": low, f"{name}_high95": high}
    return out


def _dynamics(draws: Draws) -> dict[str, float | None]:
    """Medians and 95 % intervals of gain, amplification, spectral radius and half-life, each by its quantiles.

    Amplification and half-life rise with G and with rho, so their quantiles are those of G and rho, transformed.
    """
    phi_a, phi_b, b, c = (draws.path(i) for i in (PHI_A, PHI_B, PATH_B, PATH_C))
    levels = (0.5, LEVELS[0], LEVELS[-1])
    gain = steady_gain(phi_a, phi_b, b, c)
    known = np.isfinite(gain)
    gains = weighted_quantiles(gain[known], draws.weights[known] / draws.weights[known].sum(), levels)
    radii = weighted_quantiles(spectral_radius(phi_a, phi_b, b, c), draws.weights, levels)
    out: dict[str, float | None] = {}
    for name, values in (
        ("steady_gain", gains),
        ("amplification", amplification(gains)),
        ("spectral_radius", radii),
        ("half_life_d", half_life_d(radii)),
    ):
        for suffix, value in zip(("", "_low95", "_high95"), values.tolist(), strict=True):
            out[name + suffix] = value if np.isfinite(value) else None
    return out
