"""The sleep-loop score: the risk of a bad week of sleep, and how much of it runs through a day–night loop.

The estimate is R7, the probability in percent that at least three of the next seven nights are bad (night index above
the person's own worst fifth). It is a forecast and can be checked against what happens; loop gain, spectral radius and
the rest stand in `details`. Equations, priors and measured operating characteristics: docs/scores/sleep_loop.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import numpy as np
import polars as pl

from pipeline.scores.loop_forecast import BAD_NIGHTS, NIGHTS, State, week_risk
from pipeline.scores.loop_model import loop_priors
from pipeline.scores.loop_posterior import Observed, Posterior, posterior, weighted_quantiles
from pipeline.scores.loop_quantities import DETAILS, LEVELS, REINFORCING_P, Draws, loop_details
from pipeline.scores.loop_series import NEEDS, LoopSeries, loop_series
from pipeline.scores.score import Contribution, Estimate, Person, Score, ScoreState

NAME, VERSION, UNIT = "sleep_loop", "1", "%"

MIN_PAIRS = 14
WEAK_PAIRS = 28
USABLE_PAIRS = 56
"""Paired day–nights below which nothing is said, the prior decides, the evidence is weak: an SE of a path of
about .27, .19 and .13 (1/√n), to be held against a prior SD of .30."""
SELF_SUSTAINING_P = 0.95
MIN_ESS = 60.0
"""Effective draws below which the interval itself is noisy, and the estimate says so."""
NO_WINDOW = date.min
"""Window of a person without any day or night: no study has this date."""


def sleep_loop(_person: Person, frames: Mapping[str, pl.DataFrame]) -> Estimate:
    """R7 in percent with its interval, contributions and the loop quantities; no number below 14 paired day–nights.

    Depends on the participant's days and nights only: age and sex do not enter. The estimate is the posterior mean of
    the per-draw probability and the interval holds its quantiles: what is not known of the person. The chance of the
    coming week is in the probability itself.
    """
    series = loop_series(frames.get("days", pl.DataFrame()), frames.get("nights", pl.DataFrame()))
    if series is None:
        return _insufficient(NO_WINDOW, NO_WINDOW, ("the tables hold no day and no night",), None, ())
    if series.pairs < MIN_PAIRS:
        return _insufficient(series.first, series.last, _obstacles(series), series.pairs, series.lacks)
    found = _posterior(series)
    draws = _draws(found)
    low95, low80, high80, high95 = (100.0 * weighted_quantiles(draws.risk.full, draws.weights, LEVELS)).tolist()
    details = loop_details(series, found, draws)
    return Estimate(
        score=NAME,
        version=VERSION,
        tables=loop_priors().content,
        window_start=series.first,
        window_end=series.last,
        state=_state(series.pairs),
        reasons=_reasons(series, details),
        unit=UNIT,
        estimate=100.0 * draws.mean(draws.risk.full),
        low80=low80,
        high80=high80,
        low95=low95,
        high95=high95,
        contributions=_contributions(draws, series.pairs),
        details=details,
        missing=series.lacks,
    )


def _insufficient(
    first: date, last: date, reasons: tuple[str, ...], pairs: int | None, lacks: tuple[str, ...]
) -> Estimate:
    """No number, only what stands in its way; the count of pairs is data, not an estimate, and stays."""
    details: dict[str, float | None] = dict.fromkeys(DETAILS)
    details["pairs_n"] = None if pairs is None else float(pairs)
    return Estimate(
        score=NAME,
        version=VERSION,
        tables=loop_priors().content,
        window_start=first,
        window_end=last,
        state=ScoreState.INSUFFICIENT,
        reasons=reasons,
        unit=UNIT,
        estimate=None,
        low80=None,
        high80=None,
        low95=None,
        high95=None,
        details=details,
        missing=lacks,
    )


def _obstacles(series: LoopSeries) -> tuple[str, ...]:
    """Why there is no number, in words."""
    days, nights = int(np.isfinite(series.day).sum()), int(np.isfinite(series.night).sum())
    few = (
        f"{series.pairs} paired day–nights, {MIN_PAIRS} are needed: {MIN_PAIRS - series.pairs} more days with a "
        f"measured following night (usable now: {days} days, {nights} nights)"
    )
    if series.shared_stream is None:
        return (few,)
    shared = (
        f"day and night index come from the same sensor stream ({series.shared_stream}): what they share would look "
        "like a loop; nights measured by EEG or actigraphy are needed"
    )
    return (shared, few)


def _posterior(series: LoopSeries) -> Posterior:
    """The posterior under the assumed reliabilities (row 0), the lower (1) and the higher ones (2)."""
    day, night = loop_priors().day, loop_priors().night
    rel_a, rel_b = np.array([day.value, day.low, day.high]), np.array([night.value, night.low, night.high])
    observed = Observed(np.tile(series.day[:, None], 3), np.tile(series.night[:, None], 3), rel_a, rel_b)
    return posterior(observed, loop_priors())


def _draws(found: Posterior) -> Draws:
    """The draws under the assumed reliabilities, with their forecasts."""
    end = found.end
    state = State(end.mean_a[0], end.mean_b[0], end.var_a[0], end.cov_ab[0], end.var_b[0])
    risk = week_risk(found.theta[0], state, loop_priors().night.value)
    return Draws(found.theta[0], found.weights[0], state, risk)


def _state(pairs: int) -> ScoreState:
    if pairs >= USABLE_PAIRS:
        return ScoreState.USABLE
    return ScoreState.WEAK if pairs >= WEAK_PAIRS else ScoreState.PRIOR_DOMINATED


def _contributions(draws: Draws, pairs: int) -> tuple[Contribution, ...]:
    """Base rate, current state and loop, in percent points; they sum to the estimate."""
    full, without, base = (
        100.0 * draws.mean(values) for values in (draws.risk.full, draws.risk.without_loop, draws.risk.base)
    )
    night_z = draws.mean(draws.end.mean_b)
    return (
        Contribution("own base rate", "base rate", None, None, None, base, pairs),
        Contribution("current state", "state", None, night_z, None, without - base, pairs),
        Contribution("day–night loop", "loop", None, None, None, full - without, pairs),
    )


def _reasons(series: LoopSeries, details: Mapping[str, float | None]) -> tuple[str, ...]:
    """What limits the estimate, and what may be said of the loop."""
    pairs = series.pairs
    p_reinforcing, p_holds, ess = (details[k] or 0.0 for k in ("p_reinforcing", "p_self_sustaining", "ess"))
    words = []
    if pairs < USABLE_PAIRS:
        following = "the prior decides most of the answer" if pairs < WEAK_PAIRS else "weak evidence on the loop"
        words.append(f"{pairs} paired day–nights: {following} ({USABLE_PAIRS} are needed for usable evidence)")
    if series.followed < MIN_PAIRS:
        words.append(
            f"only {series.followed} nights are followed by a measured day: the path from night to day is the prior's"
        )
    if ess < MIN_ESS:
        words.append(f"the posterior rests on {ess:.0f} effective draws: its interval is noisy")
    if pairs >= WEAK_PAIRS and p_reinforcing > REINFORCING_P:
        words.append(
            f"consistent with a reinforcing day–night pattern (P(b > 0 and c > 0) = {p_reinforcing:.2f}); a lasting "
            "common cause such as illness, alcohol or workload looks the same"
        )
    if pairs >= USABLE_PAIRS and p_holds > SELF_SUSTAINING_P:
        words.append(f"consistent with a day–night pattern that does not decay by itself (probability {p_holds:.2f})")
    return tuple(words)


SCORE = Score(
    name=NAME,
    version=VERSION,
    title="Sleep-loop risk",
    meaning=(
        f"Probability that at least {BAD_NIGHTS} of the next {NIGHTS} nights fall into the person's own worst fifth, "
        "split into the own base rate, the current state and what passes through the day–night loop. A research "
        "forecast of nights relative to the person's own; it does not rank persons by how badly they sleep."
    ),
    unit=UNIT,
    needs={table: tuple(columns) for table, columns in NEEDS.items()},
    details=DETAILS,
    compute=sleep_loop,
)
