"""HPA-dysregulation index: an evidence-weighted latent score of what nights and days show; never a diagnosis.

Each feature's window mean is held against the norm of its device, age and sex, oriented so that + is worse, and
weighed by a loading that says how well published evidence ties it to the axis. The posterior of the latent is closed
(`pipeline.scores.latent`); T = 50 + 10 eta. Loadings are elicited from literature and stand in a table with sources;
nothing is fitted to the data at hand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from pipeline.scores.latent import Factors, Posterior, noise_variance, posterior
from pipeline.scores.norms import Device, Loading, Reference, loadings, reference, tables_hash
from pipeline.scores.score import Contribution, Estimate, Person, Score, ScoreState
from pipeline.scores.window_mean import WindowMean, left_out, window, window_means

NAME, VERSION, UNIT = "hpa", "1", "T"
T_MEAN, T_SD = 50.0, 10.0
Z80, Z95 = 1.2815515655446004, 1.959963984540054
"""Standard normal quantiles of the 80 % and 95 % intervals."""
MIN_RELIABILITY, OK_RELIABILITY = 0.10, 0.20
"""Below the first no number is given; from the second on the state can be ok (science of the index, version 1)."""
MIN_DOMAINS, MIN_MODALITIES = 2, 2
"""Domains that must have enough nights for a number, and modalities for the state ok: a single EEG or heart stream
is never ok."""

DETAILS = {
    "reliability": "1 − posterior variance: share of the latent's population variance that the data explain, 0 … 1",
    "percentile": "of the population, from the posterior mean",
    "percentile_low95": "lower end of the 95 % interval, as a percentile",
    "percentile_high95": "upper end of the 95 % interval, as a percentile",
    "equal_weights_t": "baseline: the same features with equal weights, in T",
    "atypicality_d2": "squared Mahalanobis distance from the population mean, in any direction",
    "atypicality_p": "share of the population at least as atypical, in any direction",
    "features_n": "features used",
    "domains_n": "domains with enough nights",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One feature as it enters the score."""

    loading: Loading
    mean: WindowMean
    reference: Reference

    @property
    def z(self) -> float:
        """Normed and oriented: + is worse."""
        return self.loading.worse * (self.mean.value - self.reference.mean) / self.reference.sd

    @property
    def enough(self) -> bool:
        """Whether it stands on as many nights as its reliability asks for."""
        return self.mean.n >= self.loading.min_nights


def hpa(person: Person, tables: Mapping[str, pl.DataFrame]) -> Estimate:
    """The index of one person over the window that the tables span; without a number where too little is known."""
    used, missing = _measured(person, tables)
    if not used:
        return _estimate(tables, used, missing, None, dict.fromkeys(DETAILS), ("no feature with a norm was measured",))
    found = _posterior(person, used)
    reliability = 1.0 - float(found.variance[0])
    domains = sorted({m.loading.domain for m in used if m.enough})
    details = _details(found, used, reliability, len(domains))
    obstacles = _obstacles(used, domains, reliability)
    if obstacles:
        kept = {"reliability": reliability, "features_n": details["features_n"], "domains_n": details["domains_n"]}
        return _estimate(tables, used, missing, None, dict.fromkeys(DETAILS) | kept, obstacles)
    return _estimate(tables, used, missing, found, details, _limits(used, reliability))


def _measured(person: Person, tables: Mapping[str, pl.DataFrame]) -> tuple[list[Measured], tuple[str, ...]]:
    """The features that can be used, in the table's order, and why each other one cannot."""
    used, missing = [], []
    for loading in loadings():
        means = window_means(loading, tables) if loading.table else ()
        normed = [(mean, reference(loading.feature, mean.device, person)) for mean in means]
        best = next(((mean, ref) for mean, ref in normed if ref is not None), None)
        if best is not None and not loading.no_norm:
            used.append(Measured(loading, best[0], best[1]))
        else:
            missing.append(f"{loading.feature}: {_absence(loading, tables, means)}")
    return used, tuple(missing)


def _absence(loading: Loading, tables: Mapping[str, pl.DataFrame], means: tuple[WindowMean, ...]) -> str:
    if means and loading.no_norm:
        return f"measured, no norm ({loading.no_norm})"
    if means:
        devices = (
            ", ".join(sorted({mean.device.value for mean in means if mean.device is not Device.UNKNOWN})) or "this"
        )
        return f"measured, no norm for this device ({devices})"
    if loading.table and left_out(loading, tables):
        return "measured only where it means something else than its norm does"
    return "not measured"


def _posterior(person: Person, used: list[Measured]) -> Posterior:
    pairs = np.array([m.loading.of(person.sex) for m in used])
    names = sorted({m.loading.domain for m in used})
    factors = Factors(
        loading=pairs[:, 0],
        tau=pairs[:, 1],
        domain_share=np.array([m.loading.domain_share for m in used]),
        domain=np.array([names.index(m.loading.domain) for m in used]),
    )
    noise = noise_variance(
        np.array([float(m.mean.n) for m in used]),
        np.array([m.loading.icc_night for m in used]),
        np.array([m.reference.s_norm for m in used]),
    )
    return posterior(np.array([[m.z for m in used]]), noise[None, :], factors)


def _details(found: Posterior, used: list[Measured], reliability: float, domains: int) -> dict[str, float | None]:
    mean, sd = float(found.mean[0]), math.sqrt(float(found.variance[0]))
    distance = float(found.atypicality[0])
    return {
        "reliability": reliability,
        "percentile": 100 * _phi(mean),
        "percentile_low95": 100 * _phi(mean - Z95 * sd),
        "percentile_high95": 100 * _phi(mean + Z95 * sd),
        "equal_weights_t": T_MEAN + T_SD * math.fsum(m.z for m in used) / len(used),
        "atypicality_d2": distance,
        "atypicality_p": _chi2_tail(distance, len(used)),
        "features_n": float(len(used)),
        "domains_n": float(domains),
    }


def _obstacles(used: list[Measured], domains: list[str], reliability: float) -> tuple[str, ...]:
    """Why no number is given, in words; empty if one is."""
    words = []
    if len(domains) < MIN_DOMAINS:
        short = [f"{m.loading.feature} {m.mean.n} of {m.loading.min_nights}" for m in used if not m.enough]
        nights = f" (nights so far: {', '.join(short)})" if short else ""
        words.append(f"{len(domains)} of {MIN_DOMAINS} domains with enough nights{nights}")
    if reliability < MIN_RELIABILITY:
        words.append(f"reliability {reliability:.2f}, below {MIN_RELIABILITY:.2f}: the data hardly move the prior")
    return tuple(words)


def _limits(used: list[Measured], reliability: float) -> tuple[str, ...]:
    """What limits the number, in words."""
    words = []
    if reliability < OK_RELIABILITY:
        words.append(
            f"reliability {reliability:.2f}, below {OK_RELIABILITY:.2f}: the interval is nearly the population's"
        )
    if len(_modalities(used)) < MIN_MODALITIES:
        words.append(f"only one modality ({', '.join(_modalities(used))})")
    short = [m.loading.feature for m in used if not m.enough]
    if short:
        words.append(f"on fewer nights than their reliability asks for: {', '.join(short)}")
    unsure = [m.loading.feature for m in used if m.reference.s_norm > 0.3]
    if unsure:
        words.append(f"held against the norm of another device or population: {', '.join(unsure)}")
    return tuple(words)


def _modalities(used: list[Measured]) -> list[str]:
    return sorted({m.loading.modality for m in used if m.enough})


def _estimate(
    tables: Mapping[str, pl.DataFrame],
    used: list[Measured],
    missing: tuple[str, ...],
    found: Posterior | None,
    details: Mapping[str, float | None],
    reasons: tuple[str, ...],
) -> Estimate:
    first, last = window(tables)
    estimate = None if found is None else T_MEAN + T_SD * float(found.mean[0])
    half = None if found is None else T_SD * math.sqrt(float(found.variance[0]))
    ok = (details["reliability"] or 0.0) >= OK_RELIABILITY and len(_modalities(used)) >= MIN_MODALITIES
    numbered = ScoreState.OK if ok else ScoreState.LOW_INFORMATION

    def border(z: float) -> float | None:
        return None if estimate is None or half is None else estimate + z * half

    return Estimate(
        score=NAME,
        version=VERSION,
        tables=tables_hash(),
        window_start=first,
        window_end=last,
        state=ScoreState.INSUFFICIENT if found is None else numbered,
        reasons=reasons,
        unit=UNIT,
        estimate=estimate,
        low80=border(-Z80),
        high80=border(Z80),
        low95=border(-Z95),
        high95=border(Z95),
        contributions=() if found is None else _contributions(found, used),
        details=details,
        missing=missing,
    )


def _contributions(found: Posterior, used: list[Measured]) -> tuple[Contribution, ...]:
    """The population mean and each feature's part, in T points; they sum to the estimate."""
    parts = tuple(
        Contribution(
            m.loading.feature,
            m.loading.domain,
            m.mean.value,
            m.z,
            T_SD * float(found.weights[0, j]),
            T_SD * float(found.contributions[0, j]),
            m.mean.n,
        )
        for j, m in enumerate(used)
    )
    return (Contribution("population mean", "prior", None, None, None, T_MEAN, None), *parts)


def _phi(z: float) -> float:
    """The standard normal distribution function."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def _chi2_tail(value: float, degrees: int) -> float:
    """P(chi² > value)."""
    from scipy.special import gammaincc

    return float(gammaincc(degrees / 2, value / 2))


def _needs() -> dict[str, tuple[str, ...]]:
    out: dict[str, list[str]] = {}
    for loading in loadings():
        if loading.table:
            names = out.setdefault(loading.table, [])
            wanted = (loading.column, loading.device_column, loading.not_when[0] if loading.not_when else "")
            names += [name for name in wanted if name and name not in names]
    return {table: tuple(names) for table, names in out.items()}


SCORE = Score(
    name=NAME,
    version=VERSION,
    title="HPA-dysregulation index",
    meaning=(
        "How far sleep depth, sleep continuity, rhythm and autonomic load together are consistent with a dysregulated "
        "hypothalamic–pituitary–adrenal axis, on a scale where the population has mean 50 and SD 10 and higher is "
        "worse. A research proxy with published loadings, not a measurement of cortisol and not a diagnosis."
    ),
    unit=UNIT,
    needs=_needs(),
    details=DETAILS,
    compute=hpa,
)
